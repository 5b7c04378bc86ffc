/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that holds the right key and misbehaves after that: exchanges that don't exist, PULLs without end or
 * woven into each other, copies, broken deletes (pages "security" 2.1 and 2.2: CVE-2005-1058, CVE-2019-10155,
 * CVE-2023-38712). It is driven by hand, datagram by datagram, with the real machines of a member; the server
 * is the real one.
 */
#include "tests/sim/peers.h"

#include "common/log.h"
#include "ctrl/isakmp/isakmp.h"
#include "ctrl/phase1/phase1.h"
#include "ctrl/pull/inform.h"
#include "ctrl/pull/pull.h"
#include "ctrl/run/session_impl.h"

#include <stdio.h>
#include <string.h>

static struct peers p;
static struct phase1 *phase1;
static struct rng rng;
static uint8_t heard[65536], said[65536]; /* the server's latest datagram, ours */
static size_t heard_len;
static unsigned n_heard;

static void hear(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *q)
{
    (void)ctx;
    (void)w;
    (void)number;
    memcpy(heard, q->bytes, q->len);
    heard_len = q->len;
    n_heard++;
}

/* Says it to the server and returns how many datagrams came back (the latest is in `heard`). */
static unsigned say(struct span datagram)
{
    struct path path = {.local = p.ks.host.at, .remote = p.gm.host.at};
    n_heard = 0;
    sessions_datagram(p.ks.ss, &path, datagram, wire_now(&p.ks.host));
    return n_heard;
}

static struct buf_writer writer(void)
{
    return buf_writer_of(said, sizeof(said));
}

static struct ike_sa *sa(void)
{
    return phase1_sa(phase1);
}

/* Phase 1 up to and including message 2 * rounds. */
static void connect_to(int rounds)
{
    struct phase1_settings s = {.local = p.gm.host.at, .remote = p.ks.host.at, .doi = 2, .rng = rng};
    struct phase1_report report;
    const char *why = "";
    struct buf_writer out = writer();
    s.proposals = &p.gm.c.proposal;
    s.n_proposals = 1;
    s.psks[0] = &p.gm.c.psk;
    s.n_psks = 1;
    phase1 = phase1_new_initiator(&s, MONO_ZERO, &out, &why);
    assert_non_null(phase1);
    for (int i = 0; i < rounds; i++) {
        assert_int_equal(say(buf_written(&out)), 1);
        out = writer();
        if (i + 1 < rounds || rounds == 3)
            assert_true(phase1_step(phase1, span_of(heard, heard_len), MONO_ZERO, &out, &report) <=
                        PHASE1_ESTABLISHED);
    }
}

static void begin(int rounds)
{
    peers_init(&p, 42);
    peers_start(&p);
    session_abort(p.gm.session); /* its own member stays out of this */
    p.gm.host.receive = NULL;
    wire_run_for(&p.wire, mono_s(1));
    p.wire.tap = hear;
    rng = (struct rng){.get = p.gm.host.env.random, .ctx = &p.gm.host};
    connect_to(rounds);
}

static void end(void)
{
    phase1_free(phase1);
    wire_run_for(&p.wire, mono_s(200));
    assert_int_equal(sessions_count(p.ks.ss), 0);
    peers_free(&p);
}

static const struct group_id GROUP = {.value = PEERS_GROUP};

/* Message 1 of a PULL, into `said`. */
static struct pull *begin_pull(struct span *first)
{
    struct buf_writer out = writer();
    struct pull *pull = pull_new_member(sa(), &GROUP, PEERS_IDS, &rng, MONO_ZERO, &out);
    assert_non_null(pull);
    *first = buf_written(&out);
    return pull;
}

/* Feeds the machine what was heard; its answer is in `said`. */
static enum pull_result step(struct pull *pull, struct span *next)
{
    struct pull_report report;
    struct buf_writer out = writer();
    enum pull_result r = pull_step(pull, span_of(heard, heard_len), MONO_ZERO, &out, &report);
    *next = buf_written(&out);
    return r;
}

static void register_once(void)
{
    struct span datagram;
    struct pull *pull = begin_pull(&datagram);
    assert_int_equal(say(datagram), 1);
    assert_int_equal(step(pull, &datagram), PULL_GOES_ON);
    assert_int_equal(say(datagram), 1);
    assert_int_equal(step(pull, &datagram), PULL_POLICY);
    pull_free(pull);
}

static void pulls_under_one_phase_1_are_bounded(void **state)
{
    (void)state;
    struct span datagram;
    begin(3);
    for (int i = 0; i < SESSION_MAX_PULLS; i++)
        register_once();
    assert_int_equal(p.ks.n_accepts, SESSION_MAX_PULLS);
    struct pull *pull = begin_pull(&datagram);
    assert_int_equal(say(datagram), 0);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_limit, 1);
    pull_free(pull);
    for (size_t i = 1; i < p.ks.n_accepts; i++)
        assert_int_equal(p.ks.accepts[i].ids[0],
                         p.ks.accepts[i - 1].ids[0] + PEERS_IDS); /* new ids each time */
    end();
}

static void interleaved_pulls_do_not_mix(void **state)
{
    (void)state;
    struct span datagram;
    uint8_t answers[2][4096];
    size_t len[2];
    struct pull *pull[2];
    begin(3);
    for (int i = 0; i < 2; i++) {
        pull[i] = begin_pull(&datagram);
        assert_int_equal(say(datagram), 1);
        assert_true(heard_len <= sizeof(answers[i]));
        memcpy(answers[i], heard, heard_len);
        len[i] = heard_len;
    }
    for (int i = 0; i < 2; i++) {
        memcpy(heard, answers[i], len[i]);
        heard_len = len[i];
        assert_int_equal(step(pull[i], &datagram), PULL_GOES_ON);
        assert_int_equal(say(datagram), 1);
        assert_int_equal(step(pull[i], &datagram), PULL_POLICY);
        pull_free(pull[i]);
    }
    assert_int_equal(p.ks.n_accepts, 2);
    end();
}

/* RFC 6407 3.2: a copy of message 3 is not a second registration. */
static void replayed_message_3_registers_nobody(void **state)
{
    (void)state;
    uint8_t third[4096], fourth[4096], first[4096];
    struct span datagram;
    begin(3);
    struct pull *pull = begin_pull(&datagram);
    size_t first_len = datagram.len;
    memcpy(first, datagram.p, first_len);
    assert_int_equal(say(datagram), 1);
    assert_int_equal(step(pull, &datagram), PULL_GOES_ON);
    size_t third_len = datagram.len;
    memcpy(third, datagram.p, third_len);
    assert_int_equal(say(datagram), 1);
    size_t fourth_len = heard_len;
    memcpy(fourth, heard, fourth_len);
    for (int i = 0; i < 100; i++) {
        wire_run_for(&p.wire, mono_ms(400));
        unsigned n = say(span_of(third, third_len));
        assert_int_equal(n, i < REPEAT_MAX_ANSWERS);
        if (n)
            assert_true(heard_len == fourth_len && memcmp(heard, fourth, fourth_len) == 0);
        assert_int_equal(say(span_of(first, first_len)), 0);
    }
    assert_int_equal(p.ks.n_accepts, 1);
    assert_int_equal(p.ks.requests, 1);
    pull_free(pull);
    end();
}

/* Everything that isn't a PULL or an informational: mode config (6), PUSH (33), aggressive (4), ... */
static void exchanges_that_are_not_ours_are_dropped(void **state)
{
    (void)state;
    struct span datagram;
    begin(3);
    struct pull *pull = begin_pull(&datagram);
    uint64_t dropped = peers_dropped(p.ks.ss);
    for (unsigned exchange = 0; exchange < 256; exchange++) {
        if (exchange == ISAKMP_EXCHANGE_GROUPKEY_PULL)
            continue;
        said[18] = (uint8_t)exchange;
        assert_int_equal(say(datagram), 0);
        assert_int_equal(peers_dropped(p.ks.ss), ++dropped);
    }
    said[18] = ISAKMP_EXCHANGE_GROUPKEY_PULL;
    assert_int_equal(say(datagram), 1);
    pull_free(pull);
    register_once();
    end();
}

/* CVE-2005-1058 class: phase 2 is nothing before phase 1 is up. */
static void pull_before_phase_1_is_up(void **state)
{
    (void)state;
    begin(2); /* message 4 was sent; the server waits for 5 */
    uint8_t d[92] = {0};
    memcpy(d, phase1_cookie_i(phase1), 8);
    memcpy(d + 8, heard + 8, 8);
    d[16] = ISAKMP_PAYLOAD_HASH;
    d[17] = ISAKMP_VERSION;
    d[18] = ISAKMP_EXCHANGE_GROUPKEY_PULL;
    d[19] = ISAKMP_FLAG_ENCRYPTED;
    d[23] = 9;
    d[27] = sizeof(d);
    assert_int_equal(say(span_of(d, sizeof(d))), 0);
    d[19] = 0;
    assert_int_equal(say(span_of(d, sizeof(d))), 0);
    assert_int_equal(p.ks.requests, 0);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_state, 2);
    assert_int_equal(sessions_count(p.ks.ss), 1); /* and it goes on waiting */
    end();
}

/* CVE-2019-10155: a delete whose HASH is wrong, at any place, in any bit, deletes nothing; so does one in
 * clear. */
static void broken_delete_deletes_nothing(void **state)
{
    (void)state;
    uint8_t d[512];
    begin(3);
    struct buf_writer out = writer();
    assert_true(inform_put_delete(sa(), &rng, &out));
    size_t len = buf_written(&out).len;
    assert_true(len <= sizeof(d));
    for (size_t i = 20; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(d, said, len);
            d[i] ^= (uint8_t)(1 << bit);
            assert_int_equal(say(span_of(d, len)), 0);
            assert_int_equal(sessions_count(p.ks.ss), 1);
        }
    }
    memcpy(d, said, len);
    d[19] = 0; /* in clear */
    assert_int_equal(say(span_of(d, len)), 0);
    assert_int_equal(sessions_count(p.ks.ss), 1);
    assert_int_equal(say(buf_written(&out)), 0); /* the genuine one, never answered, ends it */
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(say(buf_written(&out)), 0);
    end();
}

/* A notify from a member is no reason for the server to do anything; a delete in mid-PULL ends all of it at
 * once. */
static void member_speaks_out_of_turn(void **state)
{
    (void)state;
    struct span datagram;
    begin(3);
    struct pull *pull = begin_pull(&datagram);
    assert_int_equal(say(datagram), 1);
    for (unsigned type = 1; type < 40; type++) {
        struct buf_writer out = writer();
        if (!inform_put_notify(sa(), &rng, (uint16_t)type, span_of("?", 1), &out))
            break; /* this phase 1 has seen as many message ids as it may */
        assert_int_equal(say(buf_written(&out)), 0);
        assert_int_equal(sessions_count(p.ks.ss), 1);
    }
    struct buf_writer out = writer();
    assert_true(inform_put_delete(sa(), &rng, &out));
    assert_int_equal(say(buf_written(&out)), 0);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(p.ks.n_accepts, 0);
    pull_free(pull);
    end();
}

/* After success and after refusal a session lingers, then it is gone, without a word. */
static void lingering_ends(void **state)
{
    (void)state;
    begin(3);
    register_once();
    uint64_t sent = p.ks.host.sent;
    wire_run_for(&p.wire, mono_ms(SESSION_LINGER_MS - 1000));
    assert_int_equal(sessions_count(p.ks.ss), 1);
    wire_run_for(&p.wire, mono_s(2));
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(p.ks.host.sent, sent);
    assert_int_equal(sessions_stats(p.ks.ss)->phase1_failed, 0);
    end();
}

/* A forged message 3 is decrypted once, however often it comes, and the genuine one is still good. */
static void forged_message_3_is_read_once(void **state)
{
    (void)state;
    uint8_t forged[2048];
    struct span datagram;
    begin(3);
    struct pull *pull = begin_pull(&datagram);
    assert_int_equal(say(datagram), 1);
    assert_int_equal(step(pull, &datagram), PULL_GOES_ON);
    assert_true(datagram.len <= sizeof(forged));
    const struct session_stats *st = sessions_stats(p.ks.ss);
    for (size_t at = ISAKMP_HEADER_LEN; at < datagram.len; at++) {
        memcpy(forged, datagram.p, datagram.len);
        forged[at] ^= 1;
        uint64_t copies = st->dropped_duplicate, read = st->dropped_auth + st->dropped_malformed;
        for (int i = 0; i < 10; i++)
            assert_int_equal(say(span_of(forged, datagram.len)), 0);
        assert_int_equal(st->dropped_auth + st->dropped_malformed, read + 1);
        assert_int_equal(st->dropped_duplicate, copies + 9);
    }
    assert_true(st->dropped_auth > 4 && st->dropped_malformed > 4);
    assert_int_equal(p.ks.n_accepts, 0);
    assert_int_equal(say(datagram), 1);
    assert_int_equal(p.ks.n_accepts, 1);
    pull_free(pull);
    end();
}

/* ---- the other way round: what a server may say to a member ---- */

/* Runs until `sent` datagrams have left, then lets the server say something under its own side of phase 1. */
static void server_says(uint64_t sent, bool delete, uint16_t notify)
{
    struct rng ks_rng;
    struct buf_writer out = writer();
    peers_init(&p, 43);
    ks_rng.get = p.ks.host.env.random;
    ks_rng.ctx = &p.ks.host;
    peers_start(&p);
    while (p.wire.n_sent < sent)
        wire_run_for(&p.wire, mono_ms(1));
    assert_non_null(p.ks.ss->list);
    struct ike_sa *server_sa = phase1_sa(p.ks.ss->list->phase1);
    assert_non_null(server_sa);
    assert_true(delete ? inform_put_delete(server_sa, &ks_rng, &out)
                       : inform_put_notify(server_sa, &ks_rng, notify, span_of(NULL, 0), &out));
    wire_inject(&p.wire, &p.ks.host.at, &p.gm.host.at, buf_written(&out), MONO_ZERO);
    wire_run_for(&p.wire, mono_s(200));
    assert_int_equal(sessions_count(p.gm.ss), 0);
    assert_int_equal(sessions_count(p.ks.ss), 0);
}

static void server_ends_phase_1(void **state)
{
    (void)state;
    server_says(7, true, 0);
    assert_int_equal(p.gm.failures, 1);
    assert_int_equal(p.gm.policies, 0);
    assert_string_equal(p.gm.reason, "the key server ended phase 1");
    peers_free(&p);
}

/* Errors end it (RFC 2408 3.14.1: below 16384), status notifies don't. */
static void server_notifies(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        bool ends;
    } cases[] = {{1, true},      {24, true},     {8191, true},  {16383, true},
                 {16384, false}, {24578, false}, {36136, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        server_says(7, false, cases[i].type);
        assert_int_equal(p.gm.failures, cases[i].ends);
        assert_int_equal(p.gm.policies, !cases[i].ends);
        peers_free(&p);
    }
}

/* CVE-2023-30570: message 3 once more, after its session has ended, in the same cookie epoch. */
static void spent_cookie_is_dead(void **state)
{
    (void)state;
    uint8_t third[2048];
    begin(1);
    struct phase1_report report;
    struct buf_writer out = writer();
    assert_int_equal(phase1_step(phase1, span_of(heard, heard_len), MONO_ZERO, &out, &report),
                     PHASE1_GOES_ON);
    size_t len = buf_written(&out).len;
    memcpy(third, said, len);
    assert_int_equal(say(span_of(third, len)), 1);
    out = writer();
    assert_int_equal(phase1_step(phase1, span_of(heard, heard_len), MONO_ZERO, &out, &report),
                     PHASE1_GOES_ON);
    assert_int_equal(say(buf_written(&out)), 1);
    out = writer();
    assert_int_equal(phase1_step(phase1, span_of(heard, heard_len), MONO_ZERO, &out, &report),
                     PHASE1_ESTABLISHED);
    out = writer();
    assert_true(inform_put_delete(sa(), &rng, &out));
    (void)say(buf_written(&out));
    assert_int_equal(sessions_count(p.ks.ss), 0);
    for (int s = 0; s < 150; s++) {
        assert_int_equal(say(span_of(third, len)), 0);
        assert_int_equal(sessions_count(p.ks.ss), 0);
        wire_run_for(&p.wire, mono_s(1));
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pulls_under_one_phase_1_are_bounded),
        cmocka_unit_test(interleaved_pulls_do_not_mix),
        cmocka_unit_test(replayed_message_3_registers_nobody),
        cmocka_unit_test(exchanges_that_are_not_ours_are_dropped),
        cmocka_unit_test(pull_before_phase_1_is_up),
        cmocka_unit_test(broken_delete_deletes_nothing),
        cmocka_unit_test(member_speaks_out_of_turn),
        cmocka_unit_test(lingering_ends),
        cmocka_unit_test(forged_message_3_is_read_once),
        cmocka_unit_test(server_ends_phase_1),
        cmocka_unit_test(server_notifies),
        cmocka_unit_test(spent_cookie_is_dead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
