/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rekeys between a whole key server and a whole member, but for sockets and data plane: they reach the membership and their
 * acknowledgement the group, copies are dropped unopened, strangers' are counted, nothing else is taken from a multicast group.
 */
#include "ctrl/run/rekeys.h"
#include "tests/unit/ctrl/run/roles_fixture.h"

#include "ctrl/gm/gm_impl.h"
#include "tests/lib/signing_keys.h"

#define SERVER_FILE                                                                                                    \
    IKE("10.0.0.1", "10.0.0.2")                                                                                        \
    SETS "groups:\n"                                                                                                   \
         "  - {name: ONE, identity: 484, key-server: {address: 10.0.0.1, authorize: {addresses: [\"permit any\"]},"        \
         " sa: [{number: 10, profile: p, acl: a, replay: none}], rekey: {signing-key: %s, %s}}}\n"

static char key_file[64];

/* What the member hears of multicast. */
static struct {
    unsigned calls;
    bool fails;
    struct endpoint group;
    struct addr local, source;
    const void *owner;
} heard;

static const char *on_hear(void *ctx, const void *owner, const struct addr *local, const struct endpoint *group,
                           const struct addr *source)
{
    (void)ctx;
    heard.calls++;
    heard.owner = owner;
    heard.local = *local;
    heard.group = group ? *group : (struct endpoint){.port = 0};
    heard.source = *source;
    return heard.fails ? "no interface has the member's address" : NULL;
}

static int begin_with(void **state, const char *transport)
{
    struct net *net = test_calloc(1, sizeof(*net));
    char text[2048];

    memset(&heard, 0, sizeof(heard));
    roles_dp_attached = false;
    roles_dp_hello = NULL;
    snprintf(text, sizeof(text), SERVER_FILE, key_file, transport);
    start(net, &net->ks, text);
    start_hearing(net, &net->gm, member_file, on_hear);
    attach(net, 0);
    while (deliver(net))
        ;
    assert_non_null(policy_at(net, 0));
    assert_true(gm_kek(roles_member(net->gm.roles, 0))->has);
    *state = net;
    return 0;
}

static int unicast(void **state)
{
    return begin_with(state, "transport: unicast");
}

static int multicast(void **state)
{
    return begin_with(state, "transport: multicast, multicast: {destination: 239.1.2.3}");
}

static const struct gm_rekey_stats *stats(struct net *net)
{
    return &gm_stats(roles_member(net->gm.roles, 0))->rekey;
}

/* The next rekey of the key server, as its datagram in the queue. */
static struct datagram *next_rekey(struct net *net)
{
    struct ks_group *g = group(net, "ONE");
    size_t before = net->n;
    mono_t now = loop_now(net->ks.loop).scaled;

    ks_group_start_rekey(g, KS_REKEY_OPERATOR, now);
    for (unsigned i = 0; i < 20 && net->n == before; i++) {
        now = mono_add(now, mono_ms(100));
        timers_fire(loop_timers(net->ks.loop), now);
    }
    assert_int_equal(net->n, before + 1);
    return &net->queue[before];
}

/* The data goes with its delivery: keeps a copy of what will be delivered. */
static struct bytes {
    uint8_t b[4096];
    size_t len;
} copy_of(const struct datagram *d)
{
    struct bytes b = {.len = d->len};

    assert_true(d->len <= sizeof(b.b));
    memcpy(b.b, d->bytes, d->len);
    return b;
}

static void it_is_received_and_acknowledged(void **state)
{
    struct net *net = *state;
    struct ks_group *g = group(net, "ONE");

    (void)next_rekey(net);
    assert_true(deliver(net));
    assert_int_equal(stats(net)->received, 1);
    assert_false(deliver(net)); /* not at once */
    timers_fire(loop_timers(net->gm.loop), mono_add(loop_now(net->gm.loop).scaled, mono_s(1)));
    assert_true(deliver(net));
    assert_int_equal(stats(net)->acknowledged, 1);
    assert_int_equal(g->members.entries[0].rekeys_sent, 1);
    assert_int_equal(g->members.entries[0].rekeys_acked, 1);
    assert_int_equal(ks_rekey_pending(&g->rekey), 0);
}

static void copies_are_dropped_unopened(void **state)
{
    struct net *net = *state;
    struct path path = {.local = {.addr = {.family = 4, .b = {10, 0, 0, 2}}, .port = 848},
                        .remote = {.addr = {.family = 4, .b = {10, 0, 0, 1}}, .port = 848}};
    struct bytes b = copy_of(next_rekey(net));

    assert_true(deliver(net));
    for (unsigned i = 1; i <= 3; i++) {
        roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
        assert_int_equal(stats(net)->dropped[GM_DROP_COPY], i);
    }
    b.b[b.len - 1] ^= 1; /* no copy any more, but nothing that could be opened */
    roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
    assert_int_equal(stats(net)->dropped[GM_DROP_COPY], 3);
    assert_int_equal(stats(net)->dropped[GM_DROP_MALFORMED], 1);
    for (unsigned i = 0; i < ROLES_MAX_SEEN; i++) { /* what is remembered is bounded: then the number tells */
        b.b[40] = (uint8_t)i;
        b.b[41] = (uint8_t)(i >> 8);
        roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
    }
    assert_int_equal(stats(net)->dropped[GM_DROP_COPY], 3);
    assert_int_equal(stats(net)->received, 1);
}

/* RFC 6407 7.3.5: a copy is dropped because the original was judged. One that drowned in a flood of forged ones wasn't. */
static void what_was_not_looked_at_has_no_copies(void **state)
{
    struct net *net = *state;
    struct path path = {.local = {.addr = {.family = 4, .b = {10, 0, 0, 2}}, .port = 848},
                        .remote = {.addr = {.family = 4, .b = {10, 6, 6, 6}}, .port = 848}};
    struct bytes b = copy_of(next_rekey(net));

    roles_member(net->gm.roles, 0)->limit.others = mono_add(loop_now(net->gm.loop).real, mono_s(3600)); /* after a flood */
    roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
    assert_int_equal(stats(net)->dropped[GM_DROP_LIMIT], 1);
    assert_true(deliver(net)); /* the same octets from the key server */
    assert_int_equal(stats(net)->received, 1);
    assert_int_equal(stats(net)->dropped[GM_DROP_COPY], 0);
}

static void a_strangers_is_counted_as_unknown(void **state)
{
    struct net *net = *state;
    struct path path = {.local = {.addr = {.family = 4, .b = {10, 0, 0, 2}}, .port = 848},
                        .remote = {.addr = {.family = 4, .b = {10, 0, 0, 1}}, .port = 848}};
    struct bytes b = copy_of(next_rekey(net));
    uint64_t before = sessions_stats(roles_sessions(net->gm.roles))->dropped_unknown;

    b.b[3] ^= 1; /* a cookie */
    roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
    assert_int_equal(sessions_stats(roles_sessions(net->gm.roles))->dropped_unknown, before + 1);
    assert_int_equal(stats(net)->received, 0);
    assert_true(deliver(net));
    assert_int_equal(stats(net)->received, 1);
}

static void multicast_is_heard_for_as_long_as_the_kek_says(void **state)
{
    struct net *net = *state;
    char text[ADDR_TEXT_MAX];

    assert_string_equal(endpoint_text(&heard.group, text), "239.1.2.3:848");
    assert_string_equal(addr_text(&heard.local, text), "10.0.0.2");
    assert_string_equal(addr_text(&heard.source, text), "10.0.0.1");
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0));
    assert_int_equal(heard.group.port, 0); /* no more */
    while (deliver(net))
        ;
    assert_int_equal(heard.group.port, 848); /* with the KEK of the new registration again */
    reload(&net->gm, IKE("10.0.0.2", "10.0.0.1") "groups:\n" MEMBER("TWO", "485", "10.0.0.1", "wan"));
    assert_int_equal(heard.group.port, 0);
}

static void what_came_by_multicast_is_applied_and_nothing_else_answered(void **state)
{
    struct net *net = *state;
    struct path path = {.local = {.addr = {.family = 4, .b = {239, 1, 2, 3}}, .port = 848},
                        .remote = {.addr = {.family = 4, .b = {10, 0, 0, 1}}, .port = 848}};
    static const uint8_t main_mode[28] = {1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0x10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 28};
    struct datagram *d = next_rekey(net);
    struct bytes b = copy_of(d);
    uint64_t in = sessions_stats(roles_sessions(net->gm.roles))->datagrams_in;
    char text[ADDR_TEXT_MAX];

    assert_string_equal(endpoint_text(&d->path.local, text), "239.1.2.3:848");
    roles_datagram(net->gm.roles, &path, span_of(b.b, b.len));
    assert_int_equal(stats(net)->received, 1);
    roles_datagram(net->gm.roles, &path, span_of(main_mode, sizeof(main_mode)));
    assert_int_equal(sessions_stats(roles_sessions(net->gm.roles))->datagrams_in, in);
    assert_true(deliver(net)); /* the key server's datagram itself: a copy now */
    assert_int_equal(stats(net)->dropped[GM_DROP_COPY], 1);
}

static void a_group_that_cannot_be_heard_is_no_reason_to_stop(void **state)
{
    struct net *net = *state;

    heard.fails = true;
    roles_clear_member(net->gm.roles, roles_member(net->gm.roles, 0));
    while (deliver(net))
        ;
    assert_non_null(policy_at(net, 0)); /* it registers in time, without rekeys */
}

static int key(void **state)
{
    (void)state;
    return signing_key_file(signing_key_p256, key_file) ? 0 : -1;
}

static int no_key(void **state)
{
    (void)state;
    return unlink(key_file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_received_and_acknowledged, unicast, tear_down),
        cmocka_unit_test_setup_teardown(copies_are_dropped_unopened, unicast, tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_looked_at_has_no_copies, unicast, tear_down),
        cmocka_unit_test_setup_teardown(a_strangers_is_counted_as_unknown, unicast, tear_down),
        cmocka_unit_test_setup_teardown(multicast_is_heard_for_as_long_as_the_kek_says, multicast, tear_down),
        cmocka_unit_test_setup_teardown(what_came_by_multicast_is_applied_and_nothing_else_answered, multicast, tear_down),
        cmocka_unit_test_setup_teardown(a_group_that_cannot_be_heard_is_no_reason_to_stop, multicast, tear_down),
    };

    return cmocka_run_group_tests(tests, key, no_key);
}
