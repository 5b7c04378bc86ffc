/* SPDX-License-Identifier: BSD-3-Clause */
/* IPC messages: round trips, truncation at every octet, every value of every octet, values out of range. */
#include "tests/unit/common/ipc/samples.h"
#include "common/suite.h"
#include "common/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cmocka.h>

/* The encoded message on a heap block of exactly its length. */
static struct span encode(const struct ipc_msg *m)
{
    uint8_t bytes[IPC_MESSAGE_MAX];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));
    ipc_encode(&w, m);
    struct span s = buf_written(&w);
    if (s.len == 0)
        return (struct span){NULL, 0};
    uint8_t *p = malloc(s.len);
    assert_non_null(p);
    memcpy(p, s.p, s.len);
    return span_of(p, s.len);
}

static void release(struct span s)
{
    union {
        const uint8_t *in;
        void *out;
    } p = {s.p};
    free(p.out);
}

static bool all_zero(const void *p, size_t len)
{
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++)
        if (b[i])
            return false;
    return true;
}

static void every_message_survives_the_round_trip(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX], out;
    size_t n = samples(in);
    bool seen[IPC_CLEAR_REPLAY + 1] = {false};
    for (size_t i = 0; i < n; i++) {
        struct span s = encode(&in[i]);
        assert_true(s.len > 0);
        memset(&out, 0xa5, sizeof(out));
        assert_true(ipc_decode(s, &out));
        assert_memory_equal(&in[i], &out, sizeof(out));
        seen[out.type] = true;
        release(s);
    }
    for (int t = IPC_HELLO; t <= IPC_CLEAR_REPLAY; t++)
        assert_true(seen[t]);
}

static void every_truncation_and_an_extra_octet_are_refused(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX], out;
    size_t n = samples(in);
    for (size_t i = 0; i < n; i++) {
        struct span s = encode(&in[i]);
        for (size_t len = 0; len < s.len; len++) {
            uint8_t *cut = malloc(len > 0 ? len : 1);
            assert_non_null(cut);
            memcpy(cut, s.p, len);
            memset(&out, 0xa5, sizeof(out));
            assert_false(ipc_decode(span_of(cut, len), &out));
            assert_true(all_zero(&out, sizeof(out)));
            free(cut);
        }
        uint8_t *longer = malloc(s.len + 1);
        assert_non_null(longer);
        memcpy(longer, s.p, s.len);
        longer[s.len] = 0;
        assert_false(ipc_decode(span_of(longer, s.len + 1), &out));
        free(longer);
        release(s);
    }
}

/* What is accepted is exactly what would be sent: one form per value, all ranges judged on both sides. */
static void check_canonical(struct span s)
{
    struct ipc_msg m;
    if (!ipc_decode(s, &m)) {
        assert_true(all_zero(&m, sizeof(m)));
        return;
    }
    struct span again = encode(&m);
    assert_int_equal(again.len, s.len);
    assert_memory_equal(again.p, s.p, s.len);
    release(again);
}

static void every_value_of_every_octet_is_refused_or_means_one_thing(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX];
    size_t n = samples(in);
    for (size_t i = 0; i < n; i++) {
        struct span s = encode(&in[i]);
        uint8_t *copy = malloc(s.len);
        assert_non_null(copy);
        memcpy(copy, s.p, s.len);
        for (size_t at = 0; at < s.len; at++) {
            for (unsigned v = 0; v < 256; v++) {
                copy[at] = (uint8_t)v;
                check_canonical(span_of(copy, s.len));
            }
            copy[at] = s.p[at];
        }
        free(copy);
        release(s);
    }
}

static void random_octets_are_refused_or_mean_one_thing(void **state)
{
    (void)state;
    const char *given = getenv("GVPN_SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : 0;
    if (!given && getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
        fail();
    print_message("GVPN_SEED=%u\n", seed);
    srandom(seed);
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[128];
        size_t len = (size_t)random() % sizeof(bytes);
        for (size_t j = 0; j < len; j++)
            bytes[j] = (uint8_t)random();
        if (len > 0)
            bytes[0] = (uint8_t)(random() % (IPC_CLEAR_REPLAY + 2));
        check_canonical(span_of(bytes, len));
    }
}

static void counter(struct ipc_msg *m, uint32_t window)
{
    m->u.sa.replay = IPC_REPLAY_COUNTER;
    m->u.sa.window = window;
}

static void by_time(struct ipc_msg *m, uint32_t window)
{
    m->u.sa.replay = IPC_REPLAY_TIME;
    m->u.sa.metadata = IPC_META_TIME;
    m->u.sa.window = window;
}

static void cbc(struct ipc_msg *m)
{
    m->u.sa.suite = SUITE_AES_CBC_128_SHA1;
    m->u.sa.key.len = 16;
    m->u.sa.integrity.len = 20;
}

/* Each breaks one value of the first sample of its type (the last one of GROUP, the one with the most senders for SA). */
#define BAD(name, member)                                                                                              \
    static void name(struct ipc_msg *m)                                                                                \
    {                                                                                                                  \
        member;                                                                                                        \
    }
BAD(no_type, m->type = 0)
BAD(unknown_type, m->type = IPC_CLEAR_REPLAY + 1)
BAD(hello_pairs, m->u.hello.n_pairs = IPC_MAX_PAIRS + 1)
BAD(hello_no_worker, m->u.hello.n_workers = 0)
BAD(hello_workers, m->u.hello.n_workers = IPC_MAX_WORKERS + 1)
BAD(hello_name, memset(m->u.hello.pairs[0], 'x', IPC_NAME_MAX))
BAD(refuse_text, memset(m->u.refuse.reason, 'x', IPC_TEXT_MAX))
BAD(begin_epoch, m->u.begin.epoch = 0)
BAD(group_index, m->u.group.group = IPC_MAX_GROUPS)
BAD(group_name, m->u.group.name[0] = 0)
BAD(group_state, m->u.group.state = IPC_GROUP_UNPROTECTED_CLEAR + 1)
BAD(group_rekeys, m->u.group.n_rekeys = IPC_MAX_REKEYS + 1)
BAD(group_rekey_6, m->u.group.rekeys[0].addr.family = 6)
BAD(group_rekey_none, m->u.group.rekeys[1].addr.family = 0)
BAD(group_rekey_unicast, m->u.group.rekeys[1].addr = addr_v4(0x0a000001))
BAD(group_rekey_port, m->u.group.rekeys[1].port = 0)
BAD(bind_group, m->u.bind.group = IPC_MAX_GROUPS)
BAD(bind_pair, m->u.bind.pair[0] = 0)
BAD(bind_long, memset(m->u.bind.pair, 'x', IPC_NAME_MAX))
BAD(bind_vlan, m->u.bind.vlan = IPC_MAX_VLAN + 1)
BAD(rule_group, m->u.rule.group = IPC_MAX_GROUPS)
BAD(rule_list, m->u.rule.list = IPC_LIST_COUNT)
BAD(rule_family, m->u.rule.entry.sel.src.addr.family = 5)
BAD(rule_no_family, m->u.rule.entry.sel.src.addr.family = m->u.rule.entry.sel.dst.addr.family = 0)
BAD(rule_mixed, m->u.rule.entry.sel.src.addr.family = 6)
BAD(rule_prefix, m->u.rule.entry.sel.dst.len = 33)
BAD(rule_host_bits, m->u.rule.entry.sel.src.len = 8)
BAD(rule_host_octet, m->u.rule.entry.sel.src.addr.b[3] = 1)
BAD(rule_ports, m->u.rule.entry.sel.dport.low = 444)
BAD(sa_group, m->u.sa.group = IPC_MAX_GROUPS)
BAD(sa_spi, m->u.sa.spi = 255)
BAD(sa_no_suite, m->u.sa.suite = SUITE_NONE)
BAD(sa_suite, m->u.sa.suite = SUITE_COUNT)
BAD(sa_end, m->u.sa.end_in_ms = 0)
BAD(sa_short_key, m->u.sa.key.len--)
BAD(sa_long_key, m->u.sa.key.len++)
BAD(sa_integrity, m->u.sa.integrity.len = 1)
BAD(sa_few_sid_bits, m->u.sa.sid_bits = 7)
BAD(sa_many_sid_bits, m->u.sa.sid_bits = 33)
BAD(sa_no_sid_bits, m->u.sa.sid_bits = 0)
BAD(sa_senders, m->u.sa.n_senders = IPC_MAX_WORKERS + 1)
BAD(sa_sender_id, m->u.sa.senders[3].id = 1ULL << 24)
BAD(sa_iv_first, m->u.sa.senders[3].iv_first = (1ULL << 40) + 1)
BAD(sa_same_sender, m->u.sa.senders[15].id = m->u.sa.senders[0].id)
BAD(sa_method, m->u.sa.replay = IPC_REPLAY_TIME + 1)
BAD(sa_window_of_none, m->u.sa.window = 1)
BAD(sa_metadata, m->u.sa.metadata = 4)
BAD(sa_time_without_method, m->u.sa.metadata = IPC_META_TIME)
BAD(sa_strict_without_time, m->u.sa.strict_sender = true)
BAD(sa_tagged_transport, m->u.sa.transport = true; m->u.sa.metadata = IPC_META_TAG)
BAD(sa_counter_small, counter(m, IPC_COUNTER_WINDOW_MIN - 1))
BAD(sa_counter_large, counter(m, IPC_COUNTER_WINDOW_MAX + 1))
BAD(sa_counter_strict, counter(m, 64); m->u.sa.strict_sender = true)
BAD(sa_used_without_counter, m->u.sa.sequence_used = 1)
BAD(sa_top_by_time, by_time(m, 5000); m->u.sa.sequence_top = 1)
BAD(sa_time_short, by_time(m, IPC_TIME_WINDOW_MIN_MS - 1))
BAD(sa_time_long, by_time(m, IPC_TIME_WINDOW_MAX_MS + 1))
BAD(sa_time_without_header, by_time(m, 5000); m->u.sa.metadata = 0)
BAD(sa_time_in_transport, by_time(m, 5000); m->u.sa.transport = true)
BAD(sa_strict_cbc, by_time(m, 5000); cbc(m); m->u.sa.strict_sender = true)
BAD(time_spi, m->u.time.spi = 255)
BAD(time_group, m->u.time.group = IPC_MAX_GROUPS)
BAD(commit_epoch, m->u.commit.epoch = 0)
BAD(ack_epoch, m->u.ack.epoch = 0)
BAD(ack_result, m->u.ack.result = IPC_NO_MEMORY + 1)
BAD(event_kind, m->u.event.kind = IPC_EVENT_REPLAY_TIME + 1)
BAD(explain_vlan, m->u.explain.vlan = 4095)
BAD(explain_ports, m->u.explain.flow.ports = FLOW_LATER_FRAGMENT + 1)
BAD(explain_mixed, m->u.explain.flow.src.family = 6)
BAD(explain_family, m->u.explain.flow.src.family = m->u.explain.flow.dst.family = 0)
BAD(explained_decision, m->u.explained.decision = IPC_DECISION_LOCAL + 1)
BAD(explained_verdict, m->u.explained.verdict = VERDICT_COUNT)
BAD(explained_source, m->u.explained.source = IPC_SOURCE_FAIL_CLOSE + 1)
BAD(explained_group, memset(m->u.explained.group, 'x', IPC_NAME_MAX))
BAD(explained_rule, m->u.explained.has_rule = true)
BAD(explained_left, m->u.explained.path_mtu_left_s = 1)

static const struct {
    const char *name;
    enum ipc_type type;
    void (*spoil)(struct ipc_msg *m);
} bad[] = {
#define B(type, name) {#name, type, name}
    B(IPC_HELLO, no_type), B(IPC_HELLO, unknown_type), B(IPC_HELLO, hello_pairs), B(IPC_HELLO, hello_no_worker),
    B(IPC_HELLO, hello_workers), B(IPC_HELLO, hello_name), B(IPC_REFUSE, refuse_text), B(IPC_BEGIN, begin_epoch),
    B(IPC_GROUP, group_index), B(IPC_GROUP, group_name), B(IPC_GROUP, group_state), B(IPC_GROUP, group_rekeys),
    B(IPC_GROUP, group_rekey_6), B(IPC_GROUP, group_rekey_none), B(IPC_GROUP, group_rekey_unicast),
    B(IPC_GROUP, group_rekey_port), B(IPC_BIND, bind_group),
    B(IPC_BIND, bind_pair), B(IPC_BIND, bind_long), B(IPC_BIND, bind_vlan), B(IPC_RULE, rule_group),
    B(IPC_RULE, rule_list), B(IPC_RULE, rule_family),
    B(IPC_RULE, rule_no_family), B(IPC_RULE, rule_mixed), B(IPC_RULE, rule_prefix), B(IPC_RULE, rule_host_bits),
    B(IPC_RULE, rule_host_octet), B(IPC_RULE, rule_ports), B(IPC_SA, sa_group), B(IPC_SA, sa_spi),
    B(IPC_SA, sa_no_suite), B(IPC_SA, sa_suite), B(IPC_SA, sa_end), B(IPC_SA, sa_short_key), B(IPC_SA, sa_long_key),
    B(IPC_SA, sa_integrity), B(IPC_SA, sa_few_sid_bits), B(IPC_SA, sa_many_sid_bits), B(IPC_SA, sa_no_sid_bits),
    B(IPC_SA, sa_senders), B(IPC_SA, sa_sender_id), B(IPC_SA, sa_iv_first), B(IPC_SA, sa_same_sender),
    B(IPC_SA, sa_method), B(IPC_SA, sa_window_of_none), B(IPC_SA, sa_metadata), B(IPC_SA, sa_time_without_method),
    B(IPC_SA, sa_strict_without_time), B(IPC_SA, sa_tagged_transport), B(IPC_SA, sa_counter_small),
    B(IPC_SA, sa_counter_large), B(IPC_SA, sa_counter_strict), B(IPC_SA, sa_used_without_counter), B(IPC_SA, sa_top_by_time), B(IPC_SA, sa_time_short), B(IPC_SA, sa_time_long),
    B(IPC_SA, sa_time_without_header), B(IPC_SA, sa_time_in_transport), B(IPC_SA, sa_strict_cbc), B(IPC_TIME, time_spi),
    B(IPC_TIME, time_group), B(IPC_COMMIT, commit_epoch), B(IPC_ACK, ack_epoch), B(IPC_ACK, ack_result),
    B(IPC_EVENT, event_kind), B(IPC_EXPLAIN, explain_vlan), B(IPC_EXPLAIN, explain_ports),
    B(IPC_EXPLAIN, explain_mixed), B(IPC_EXPLAIN, explain_family), B(IPC_EXPLAINED, explained_decision),
    B(IPC_EXPLAINED, explained_verdict), B(IPC_EXPLAINED, explained_source), B(IPC_EXPLAINED, explained_group),
    B(IPC_EXPLAINED, explained_rule), B(IPC_EXPLAINED, explained_left),
#undef B
};

static void values_out_of_range_are_not_sent(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX];
    size_t n = samples(in);
    for (size_t b = 0; b < sizeof(bad) / sizeof(bad[0]); b++) {
        const struct ipc_msg *sample = NULL;
        for (size_t i = 0; i < n; i++)
            if (in[i].type == bad[b].type && (!sample || in[i].type == IPC_GROUP || (in[i].type == IPC_SA && in[i].u.sa.n_senders > 0)))
                sample = &in[i];
        assert_non_null(sample);
        struct ipc_msg m = *sample;
        bad[b].spoil(&m);
        struct span s = encode(&m);
        if (s.len != 0)
            fail_msg("%s was encoded", bad[b].name);
    }
}

static void limits_themselves_are_sent(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX];
    size_t n = samples(in);
    for (size_t i = 0; i < n; i++) {
        if (in[i].type != IPC_SA || in[i].u.sa.n_senders == 0)
            continue;
        in[i].u.sa.senders[0].iv_first = 1ULL << 40; /* none left */
        in[i].u.sa.senders[1].id = (1ULL << 24) - 1;
        in[i].u.sa.senders[15].id = 0;
        struct span s = encode(&in[i]);
        assert_true(s.len > 0);
        release(s);
    }
}

/* Who has no sender id (RFC 6407 3.5) may receive without knowing how wide ids are, and may not send. */
static void an_sa_without_sender_ids_can_only_receive(void **state)
{
    (void)state;
    struct ipc_msg in[SAMPLES_MAX];
    size_t n = samples(in);
    for (size_t i = 0; i < n; i++) {
        if (in[i].type != IPC_SA || in[i].u.sa.n_senders == 0 || in[i].u.sa.sid_bits == 0)
            continue;
        struct ipc_sa *sa = &in[i].u.sa;
        sa->n_senders = 0;
        sa->sid_bits = 0;
        assert_int_equal(encode(&in[i]).len, 0);
        sa->send = false;
        struct span s = encode(&in[i]);
        assert_true(s.len > 0);
        release(s);
    }
}

static void a_name_with_a_nul_inside_is_refused(void **state)
{
    (void)state;
    static const uint8_t refuse[] = {IPC_REFUSE, 3, 'a', 0, 'b'};
    struct ipc_msg m;
    assert_false(ipc_decode(span_of(refuse, sizeof(refuse)), &m));
}

/* ATTACH and REFUSE keep their layout in all versions, so that a mismatch can always be said. */
static void attach_and_refuse_have_their_pinned_layout(void **state)
{
    (void)state;
    static const uint8_t attach[] = {2, 0, 0, 0, 7, 0, 0, 3, 0xe8};
    static const uint8_t refuse[] = {3, 2, 'n', 'o'};
    struct ipc_msg m;
    assert_true(ipc_decode(span_of(attach, sizeof(attach)), &m));
    assert_int_equal(m.type, IPC_ATTACH);
    assert_int_equal(m.u.attach.version, 7);
    assert_int_equal(m.u.attach.clock_rate, 1000);
    assert_true(ipc_decode(span_of(refuse, sizeof(refuse)), &m));
    assert_int_equal(m.type, IPC_REFUSE);
    assert_string_equal(m.u.refuse.reason, "no");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_survives_the_round_trip),
        cmocka_unit_test(every_truncation_and_an_extra_octet_are_refused),
        cmocka_unit_test(every_value_of_every_octet_is_refused_or_means_one_thing),
        cmocka_unit_test(random_octets_are_refused_or_mean_one_thing),
        cmocka_unit_test(values_out_of_range_are_not_sent),
        cmocka_unit_test(limits_themselves_are_sent),
        cmocka_unit_test(an_sa_without_sender_ids_can_only_receive),
        cmocka_unit_test(a_name_with_a_nul_inside_is_refused),
        cmocka_unit_test(attach_and_refuse_have_their_pinned_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
