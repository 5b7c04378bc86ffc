/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policy decisions. The first entry of a list that matches decides (common/acl.h; long lists are compiled, ruleset.h).
 * Sender and receiver look a packet's own header up in the same, direct orientation; only fail-close and local lists are
 * mirrored for clear packets from the outside (decision 1).
 */
#include "dataplane/classify.h"

#include <rte_malloc.h>
#include <rte_random.h>

static struct classify_result drop(enum verdict v)
{
    return classify_result(CLASSIFY_DROP, v, 0);
}

static struct classify_result clear(enum classify_way way)
{
    return classify_result(CLASSIFY_CLEAR, way == CLASSIFY_OUT ? VERDICT_SENT_CLEAR : VERDICT_RECEIVED_CLEAR, 0);
}

static struct flow mirrored(const struct flow *f)
{
    struct flow m = *f;

    m.src = f->dst;
    m.dst = f->src;
    m.sport = f->dport;
    m.dport = f->sport;
    return m;
}

/* First match in one of the lists that are mirrored inbound. */
static const struct acl_entry *find_own_list(const struct ruleset *list, enum classify_way way, const struct flow *f)
{
    struct flow m = mirrored(f);

    return ruleset_find(list, way == CLASSIFY_OUT ? f : &m);
}

static struct classify_result no_policy(const struct snap_group *g, enum classify_way way, const struct flow *f,
                                        struct classify_why *why)
{
    const struct acl_entry *e;

    switch (g->state) {
    case IPC_GROUP_FAIL_OPEN:
    case IPC_GROUP_UNPROTECTED_CLEAR:
        return way == CLASSIFY_INNER ? drop(VERDICT_DROP_INNER_POLICY) : clear(way);
    case IPC_GROUP_UNPROTECTED_DROP:
        return drop(VERDICT_DROP_UNPROTECTED);
    default:
        break;
    }
    if (way == CLASSIFY_INNER)
        return drop(VERDICT_DROP_FAIL_CLOSE);
    e = find_own_list(&g->sets[IPC_LIST_FAIL_CLOSE], way, f);
    why->source = IPC_SOURCE_FAIL_CLOSE;
    why->rule = e;
    return e != NULL && !e->permit ? clear(way) : drop(VERDICT_DROP_FAIL_CLOSE);
}

/*
 * ESP with an SPI that nobody knows (decision 9): an earlier deny for esp or ip passes it, any permit whose addresses
 * match means that it should have been ours.
 */
static struct classify_result unknown_spi(const struct snap_group *g, const struct flow *f, struct classify_why *why)
{
    const struct acl_entry *e = ruleset_find_addresses(&g->sets[IPC_LIST_DOWNLOADED], f);

    if (e == NULL)
        return clear(CLASSIFY_IN);
    why->rule = e;
    why->source = IPC_SOURCE_DOWNLOADED;
    return e->permit ? drop(VERDICT_DROP_UNKNOWN_SPI) : clear(CLASSIFY_IN);
}

/* RFC 1122 3.2.1.3, RFC 4291: addresses that only a host itself may use, and groups as senders. 0.0.0.0 and :: may ask for one. */
static bool is_bogus(const struct flow *f)
{
    static const uint8_t zeroes[16], loopback[16] = {[15] = 1};
    const uint8_t *s = f->src.b, *d = f->dst.b;

    if (f->src.family == 6)
        return s[0] == 0xff || memcmp(s, loopback, 16) == 0 || memcmp(d, loopback, 16) == 0 || memcmp(d, zeroes, 16) == 0;
    return s[0] == 127 || (s[0] & 0xf0) == 224 || (s[0] & s[1] & s[2] & s[3]) == 255 || d[0] == 127 || memcmp(d, zeroes, 4) == 0;
}

static struct classify_result downloaded(const struct snap_group *g, enum classify_way way, const struct flow *f,
                                         struct classify_why *why)
{
    const struct acl_entry *e = ruleset_find(&g->sets[IPC_LIST_DOWNLOADED], f);
    uint16_t number;

    why->rule = e;
    why->source = e == NULL ? IPC_SOURCE_NONE : IPC_SOURCE_DOWNLOADED;
    if (e == NULL || !e->permit)
        return way == CLASSIFY_INNER ? drop(VERDICT_DROP_INNER_POLICY) : clear(way);
    if (way != CLASSIFY_IN && is_bogus(f))
        return drop(VERDICT_DROP_BOGUS_ADDRESS);
    number = g->numbers[e - g->lists[IPC_LIST_DOWNLOADED].entries];
    why->number = number;
    switch (way) {
    case CLASSIFY_OUT:
        if (g->receive_only)
            return clear(way);
        return classify_result(CLASSIFY_PROTECT, VERDICT_SENT_ENCRYPTED, number);
    case CLASSIFY_INNER:
        return classify_result(CLASSIFY_PROTECT, VERDICT_RECEIVED_DECRYPTED, e->sa);
    default:
        return g->passive || g->receive_only ? clear(way) : drop(VERDICT_DROP_POLICY_CLEAR_IN);
    }
}

struct classify_result classify_flow(const struct snap *s, bool unregistered_clear, int group,
                                     enum classify_way way, const struct flow *f, struct classify_why *why)
{
    struct classify_why ignored;
    const struct snap_group *g;
    const struct acl_entry *e;

    if (why == NULL)
        why = &ignored;
    *why = (struct classify_why){.number = -1};
    if (s == NULL)
        return unregistered_clear ? clear(way) : drop(VERDICT_DROP_UNREGISTERED);
    if (group < 0)
        return drop(VERDICT_DROP_UNPROTECTED);
    g = &s->groups[group];
    why->group = g->name;
    if (g->state != IPC_GROUP_POLICY)
        return no_policy(g, way, f, why);
    if (way != CLASSIFY_INNER) {
        e = find_own_list(&g->sets[IPC_LIST_LOCAL], way, f);
        if (e != NULL) {
            why->rule = e;
            why->source = IPC_SOURCE_LOCAL;
            return e->permit ? drop(VERDICT_DROP_LOCAL_ACL) : clear(way);
        }
    }
    return way == CLASSIFY_UNKNOWN ? unknown_spi(g, f, why) : downloaded(g, way, f, why);
}

struct classify_cache *classify_cache_new(unsigned entries, int socket)
{
    size_t size4 = sizeof(struct classify_cache) + entries * sizeof(struct classify_entry);
    struct classify_cache *c;

    /* Generation 0 is no snapshot's: zeroes are empty places. */
    c = rte_zmalloc_socket("flows", size4 + entries * sizeof(struct classify_entry6), 64, socket);
    if (c == NULL)
        return NULL;
    c->seed = (uint32_t)rte_rand();
    c->mask = entries / 2 - 1;
    c->entries6 = (struct classify_entry6 *)(void *)((uint8_t *)c + size4);
    return c;
}

void classify_cache_free(struct classify_cache *c)
{
    rte_free(c);
}

static struct classify_result ask(const struct snap *s, bool unregistered_clear, int group, enum classify_way way,
                                  const struct l3 *h, const uint8_t *ip)
{
    struct flow flow;

    l3_flow(h, ip, &flow);
    return classify_flow(s, unregistered_clear, group, way, &flow, NULL);
}

static struct classify_result miss4(struct classify_cache *c, const struct snap *s, int group, enum classify_way way,
                                    const struct l3 *h, const uint8_t *ip)
{
    uint64_t tuple = classify_key(h->tuple, group, way);
    struct classify_entry *bucket = classify_bucket(c, h->addrs, tuple);
    struct classify_result result;

    if (bucket[1].addrs == h->addrs && bucket[1].tuple == tuple && bucket[1].generation == s->generation)
        return bucket[1].result;
    result = ask(s, false, group, way, h, ip);
    bucket[1] = bucket[0];
    bucket[0] = (struct classify_entry){h->addrs, tuple, s->generation, result, 0};
    return result;
}

static struct classify_result miss6(struct classify_cache *c, const struct snap *s, int group, enum classify_way way,
                                    const struct l3 *h, const uint8_t *ip)
{
    uint64_t tuple = classify_key(h->tuple, group, way);
    struct classify_entry6 *bucket = classify_bucket6(c, ip, tuple);
    struct classify_result result;

    if (classify_is6(&bucket[1], ip, tuple, s->generation))
        return bucket[1].result;
    result = ask(s, false, group, way, h, ip);
    bucket[1] = bucket[0];
    bucket[0] = (struct classify_entry6){.tuple = tuple, .generation = s->generation, .result = result};
    memcpy(bucket[0].addrs, ip + 8, sizeof bucket[0].addrs);
    return result;
}

struct classify_result classify_miss(struct classify_cache *c, const struct snap *s, bool unregistered_clear,
                                     int group, enum classify_way way, const struct l3 *h, const uint8_t *ip)
{
    if (s == NULL)
        return ask(s, unregistered_clear, group, way, h, ip);
    return h->kind == L3_IPV4 ? miss4(c, s, group, way, h, ip) : miss6(c, s, group, way, h, ip);
}
