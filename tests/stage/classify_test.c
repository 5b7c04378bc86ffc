/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet path's decisions against the linear oracle: random lists, random flows, every way and state, asked twice (the
 * flow cache must not change an answer), with a new policy in between (its old answers must not survive it). The oracle
 * is written from decisions 1, 3, 9 and 10 with acl_find() and shares nothing else with the product.
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define RULES_MAX 60
#define SA_NUMBERS 3

struct policy {
    enum ipc_group_state state;
    bool passive, receive_only;
    struct acl lists[IPC_LIST_COUNT];
};

static unsigned pick(unsigned n)
{
    return (unsigned)rand() % n;
}

/* Few addresses, prefixes and ports, so that rules and flows meet often. */
static void random_address(char *out, size_t cap)
{
    switch (pick(4)) {
    case 0: snprintf(out, cap, "any"); break;
    case 1: snprintf(out, cap, "10.%u.0.0/16", pick(4)); break;
    case 2: snprintf(out, cap, "host 10.%u.0.%u", pick(4), pick(4)); break;
    default: snprintf(out, cap, "10.%u.0.0/%u", pick(4) & ~1u, 14 + pick(2)); break;
    }
}

static void random_ports(char *out, size_t cap, bool allowed)
{
    out[0] = 0;
    if (allowed && pick(3) == 0)
        snprintf(out, cap, " eq %u", 1 + pick(4));
    else if (allowed && pick(3) == 0)
        snprintf(out, cap, " range %u %u", 1 + pick(2), 2 + pick(3));
}

static void random_entry(struct acl_entry *e)
{
    static const char *const protos[] = {"ip", "tcp", "udp", "icmp", "esp"};
    char src[32], dst[32], sport[32], dport[32], text[ACL_TEXT_MAX];
    struct acl_entry entries[2];
    const char *error;
    size_t column, n;

    do {
        unsigned proto = pick(5);
        bool ports = proto == 1 || proto == 2;

        random_address(src, sizeof src);
        random_address(dst, sizeof dst);
        random_ports(sport, sizeof sport, ports);
        random_ports(dport, sizeof dport, ports);
        snprintf(text, sizeof text, "%s %s %s%s %s%s", pick(3) ? "permit" : "deny", protos[proto], src, sport, dst,
                 dport);
        n = acl_parse_entry(text, entries, &error, &column);
    } while (n == 0);
    *e = entries[0];
}

static void random_list(struct acl *list, unsigned max)
{
    unsigned n = pick(max + 1);

    acl_free(list);
    for (unsigned i = 0; i < n; i++) {
        struct acl_entry e;

        random_entry(&e);
        e.sa = (uint16_t)(10 + pick(SA_NUMBERS));
        e.number = (uint16_t)(i + 1);
        assert_true(acl_append(list, &e));
    }
}

static void random_policy(struct policy *p)
{
    p->state = pick(8) ? IPC_GROUP_POLICY : (enum ipc_group_state)pick(5);
    p->passive = pick(10) == 0;
    p->receive_only = pick(10) == 0;
    random_list(&p->lists[IPC_LIST_FAIL_CLOSE], 4);
    random_list(&p->lists[IPC_LIST_LOCAL], pick(2) ? 0 : pick(4) ? 6 : RULES_MAX);
    random_list(&p->lists[IPC_LIST_DOWNLOADED], pick(10) ? RULES_MAX : ACL_MAX_ENTRIES); /* linear or compiled */
}

static void install(struct rig *r, const struct policy *p)
{
    struct ipc_group g = {.state = p->state, .passive = p->passive, .receive_only = p->receive_only, .name = "g"};

    rig_begin(r);
    r->n_messages++;
    snap_group(r->store, &g);
    rig_bind(r, 0, "wan", 0);
    for (unsigned l = 0; l < IPC_LIST_COUNT; l++)
        for (size_t i = 0; i < p->lists[l].n; i++) {
            struct ipc_rule m = {.list = (enum ipc_list)l, .entry = p->lists[l].entries[i]};

            r->n_messages++;
            snap_rule(r->store, &m);
        }
    assert_int_equal(rig_commit(r), IPC_OK);
}

static void random_flow(struct flow *f)
{
    static const uint8_t protos[] = {6, 17, 1, 50, 47};
    char text[32];

    memset(f, 0, sizeof *f);
    snprintf(text, sizeof text, "10.%u.0.%u", pick(4), pick(4));
    assert_true(addr_parse(text, &f->src));
    snprintf(text, sizeof text, "10.%u.0.%u", pick(4), pick(4));
    assert_true(addr_parse(text, &f->dst));
    f->proto = protos[pick(5)];
    f->ports = f->proto == 6 || f->proto == 17 ? FLOW_PORTS : FLOW_NO_PORTS;
    if (f->ports == FLOW_PORTS) {
        f->sport = (uint16_t)(1 + pick(5));
        f->dport = (uint16_t)(1 + pick(5));
    }
}

struct answer {
    enum classify_action action;
    enum verdict verdict;
    unsigned sa; /* of a permit */
};

static struct answer say(enum classify_action action, enum verdict verdict)
{
    return (struct answer){action, verdict, 0};
}

static struct answer oracle_unknown(const struct policy *p, const struct flow *f)
{
    const struct acl *list = &p->lists[IPC_LIST_DOWNLOADED];

    for (size_t i = 0; i < list->n; i++) {
        struct acl one = {&list->entries[i], 1};
        struct acl_entry any_proto = list->entries[i];

        if (!any_proto.permit && acl_find(&one, f))
            return say(CLASSIFY_CLEAR, VERDICT_RECEIVED_CLEAR);
        any_proto.sel.proto = 0; /* by address alone */
        any_proto.sel.sport = any_proto.sel.dport = (struct port_range){0, 65535};
        one.entries = &any_proto;
        if (any_proto.permit && acl_find(&one, f))
            return say(CLASSIFY_DROP, VERDICT_DROP_UNKNOWN_SPI);
    }
    return say(CLASSIFY_CLEAR, VERDICT_RECEIVED_CLEAR);
}

static struct answer oracle(const struct policy *p, enum classify_way way, const struct flow *f)
{
    bool out = way == CLASSIFY_OUT, inner = way == CLASSIFY_INNER;
    struct answer clear = say(CLASSIFY_CLEAR, out ? VERDICT_SENT_CLEAR : VERDICT_RECEIVED_CLEAR);
    struct flow own = *f;
    const struct acl_entry *e;

    if (!out) {
        own.src = f->dst, own.dst = f->src;
        own.sport = f->dport, own.dport = f->sport;
    }
    if (p->state == IPC_GROUP_UNPROTECTED_DROP)
        return say(CLASSIFY_DROP, VERDICT_DROP_UNPROTECTED);
    if (p->state == IPC_GROUP_FAIL_OPEN || p->state == IPC_GROUP_UNPROTECTED_CLEAR)
        return inner ? say(CLASSIFY_DROP, VERDICT_DROP_INNER_POLICY) : clear;
    if (p->state == IPC_GROUP_FAIL_CLOSE) {
        e = acl_find(&p->lists[IPC_LIST_FAIL_CLOSE], &own);
        return !inner && e && !e->permit ? clear : say(CLASSIFY_DROP, VERDICT_DROP_FAIL_CLOSE);
    }
    e = inner ? NULL : acl_find(&p->lists[IPC_LIST_LOCAL], &own);
    if (e)
        return e->permit ? say(CLASSIFY_DROP, VERDICT_DROP_LOCAL_ACL) : clear;
    if (way == CLASSIFY_UNKNOWN)
        return oracle_unknown(p, f);
    e = acl_find(&p->lists[IPC_LIST_DOWNLOADED], f);
    if (!e || !e->permit)
        return inner ? say(CLASSIFY_DROP, VERDICT_DROP_INNER_POLICY) : clear;
    if (out)
        return p->receive_only ? clear : (struct answer){CLASSIFY_PROTECT, VERDICT_SENT_ENCRYPTED, e->sa};
    if (inner)
        return (struct answer){CLASSIFY_PROTECT, VERDICT_RECEIVED_DECRYPTED, e->sa};
    return p->passive || p->receive_only ? clear : say(CLASSIFY_DROP, VERDICT_DROP_POLICY_CLEAR_IN);
}

/* The same flow as the parser would hand it over. */
static struct l3 header_of(const struct flow *f)
{
    struct l3 h = {.kind = L3_IPV4};

    memcpy(&h.addrs, f->src.b, 4);
    memcpy((uint8_t *)&h.addrs + 4, f->dst.b, 4);
    h.tuple = l3_make_tuple(f->proto, f->ports, (uint32_t)__builtin_bswap16(f->sport) |
                                                    (uint32_t)__builtin_bswap16(f->dport) << 16);
    return h;
}

static void check(const struct rig *r, struct classify_cache *cache, const struct policy *p, enum classify_way way,
                  const struct flow *f)
{
    const struct snap *s = snap_store_current(r->store);
    struct answer want = oracle(p, way, f);
    struct l3 h = header_of(f);

    for (unsigned again = 0; again < 2; again++) { /* a miss, then a hit */
        struct classify_result got = classify_packet(cache, s, false, 0, way, &h, NULL);

        assert_int_equal(got.action, want.action);
        assert_string_equal(verdict_name(got.verdict), verdict_name(want.verdict));
        if (want.action != CLASSIFY_PROTECT)
            continue;
        assert_int_equal(way == CLASSIFY_OUT ? s->numbers[got.number].number : got.number, want.sa);
    }
}

static void the_path_agrees_with_the_oracle(void **state)
{
    unsigned seed = (unsigned)time(NULL), n = 0;
    static struct policy p;
    struct classify_cache *cache;
    struct rig r;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&r, 1);
    cache = classify_cache_new(64, SOCKET_ID_ANY); /* small: entries push each other out */
    assert_non_null(cache);
    for (unsigned round = 0; round < 400; round++) {
        random_policy(&p);
        install(&r, &p);
        for (unsigned i = 0; i < 500; i++) {
            struct flow f;

            random_flow(&f);
            check(&r, cache, &p, (enum classify_way)pick(4), &f);
            n++;
        }
    }
    print_message("%u decisions\n", n);
    for (unsigned l = 0; l < IPC_LIST_COUNT; l++)
        acl_free(&p.lists[l]);
    classify_cache_free(cache);
    rig_close(&r);
}

/* Way and pair are part of the question: the same header may be asked about in all of them. */
static void the_cache_knows_way_and_pair(void **state)
{
    struct classify_cache *cache;
    struct flow f = {.proto = 6, .ports = FLOW_PORTS, .sport = 1, .dport = 2};
    struct l3 h;
    struct rig r;

    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    cache = classify_cache_new(16384, SOCKET_ID_ANY);
    assert_true(addr_parse("10.1.0.1", &f.src) && addr_parse("10.2.0.1", &f.dst));
    h = header_of(&f);
    for (unsigned again = 0; again < 2; again++) {
        const struct snap *s = snap_store_current(r.store);

        assert_int_equal(classify_packet(cache, s, false, 0, CLASSIFY_OUT, &h, NULL).verdict, VERDICT_SENT_ENCRYPTED);
        assert_int_equal(classify_packet(cache, s, false, 0, CLASSIFY_IN, &h, NULL).verdict,
                         VERDICT_DROP_POLICY_CLEAR_IN);
        assert_int_equal(classify_packet(cache, s, false, 0, CLASSIFY_INNER, &h, NULL).verdict,
                         VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(classify_packet(cache, s, false, -1, CLASSIFY_OUT, &h, NULL).verdict,
                         VERDICT_DROP_UNPROTECTED);
        assert_int_equal(classify_packet(cache, NULL, true, 0, CLASSIFY_OUT, &h, NULL).verdict, VERDICT_SENT_CLEAR);
        assert_int_equal(classify_packet(cache, NULL, false, 0, CLASSIFY_OUT, &h, NULL).verdict,
                         VERDICT_DROP_UNREGISTERED);
    }
    classify_cache_free(cache);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_agrees_with_the_oracle),
        cmocka_unit_test(the_cache_knows_way_and_pair),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
