/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floods (IK7; page "security", rows on half-open exhaustion, amplification and Diffie-Hellman cost): spoofed
 * message 1, forged message 3, real message 3 from one loud source. Memory and work stay bounded and the
 * genuine member gets in.
 */
#include "tests/sim/peers.h"

#include "ctrl/run/session_impl.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

static struct peers p;
static struct config_psk psks[2];

static struct config_proposal many[CONFIG_MAX_PROPOSALS];
static bool long_offer; /* the member offers as much as it can; the server takes the last of it */

/* The server also has a key for everybody in 10.0.0.0/8: strangers get past the first door. */
static void begin(uint64_t seed)
{
    peers_init(&p, seed);
    psks[0] = p.ks.c.psk;
    psks[1] = p.ks.c.psk;
    assert_true(prefix_parse("10.0.0.0/8", &psks[1].peer));
    psks[1].id[0] = '\0';
    p.ks.c.config.psks = psks;
    p.ks.c.config.n_psks = 2;
    if (!long_offer)
        return;
    for (size_t i = 0; i < CONFIG_MAX_PROPOSALS; i++) {
        many[i] = p.gm.c.proposal;
        many[i].hash = i + 1 < CONFIG_MAX_PROPOSALS ? 6 : 4;
    }
    p.gm.c.config.proposals = many;
    p.gm.c.config.n_proposals = CONFIG_MAX_PROPOSALS;
}

/* What the member said as datagram `number` of an undisturbed run. */
struct capture {
    uint64_t number;
    uint8_t bytes[2048];
    size_t len;
};
static struct capture captured;

static void capture(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *q)
{
    (void)ctx;
    (void)w;
    if (number == captured.number) {
        assert_true(q->len <= sizeof(captured.bytes));
        memcpy(captured.bytes, q->bytes, q->len);
        captured.len = q->len;
    }
}

static void capture_one(uint64_t number)
{
    begin(900);
    captured.number = number;
    p.wire.tap = capture;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1));
    peers_assert_registered_once(&p);
    assert_true(captured.len > 28);
    peers_free(&p);
}

static uint64_t n_answers, worst_answer;

static struct wire_fate only_between_peers(void *ctx, struct wire *w, uint64_t number,
                                           const struct wire_packet *q)
{
    const struct peers *peers = ctx;
    (void)w;
    (void)number;
    bool genuine =
        addr_equal(&q->to.addr, &peers->gm.host.at.addr) || addr_equal(&q->to.addr, &peers->ks.host.at.addr);
    if (!genuine || q->to.port != 848) {
        n_answers++;
        if (q->len > worst_answer)
            worst_answer = q->len;
        return wire_lose();
    }
    return wire_deliver();
}

/* Spoofed message 1: each with its own cookie and address, or all from the genuine member's address. */
static void spoof_message_1(unsigned n, unsigned first, bool same_address)
{
    struct path path = {.local = p.ks.host.at, .remote = p.gm.host.at};
    for (unsigned i = first; i < first + n; i++) {
        memcpy(captured.bytes, &i, sizeof(i));
        captured.bytes[7] = 0x77;
        path.remote.port = same_address ? (uint16_t)(1024 + i % 60000) : 848;
        if (!same_address)
            path.remote.addr = addr_v4(0x0a010000u + i);
        sessions_datagram(p.ks.ss, &path, span_of(captured.bytes, captured.len), wire_now(&p.ks.host));
    }
}

static bool flood_same_address;

/* 5000 after every event of the genuine exchange. */
static void flood_between(void *ctx, struct wire *w)
{
    static unsigned next;
    (void)ctx;
    (void)w;
    spoof_message_1(5000, next, flood_same_address);
    next += 5000;
}

static void fifty_thousand_message_1_leave_no_state(void **state)
{
    (void)state;
    capture_one(0);
    for (int same = 0; same < 2; same++) {
        n_answers = worst_answer = 0;
        begin(1);
        p.wire.fate = only_between_peers;
        peers_start(&p);
        size_t before = mallinfo2().uordblks;
        spoof_message_1(50000, 0, same);
        /* all memory for it was there from the start (0 under a sanitizer, which has its own heap) */
        assert_true(mallinfo2().uordblks <= before + 65536);
        assert_int_equal(sessions_count(p.ks.ss), 0);
        assert_true(n_answers <= 50000);
        assert_true(worst_answer <= captured.len); /* nothing is amplified */
        flood_same_address = same;
        p.wire.between = flood_between;
        wire_run_for(&p.wire, mono_ms(400));
        peers_assert_registered_once(&p);
        assert_int_equal(p.gm.host.sent, 6); /* without a single retransmission */
        peers_free(&p);
    }
}

/* The same flood with bodies that all differ: nothing can be stored once for all. */
static void message_1_with_different_bodies(void **state)
{
    (void)state;
    capture_one(0);
    n_answers = worst_answer = 0;
    begin(2);
    p.wire.fate = only_between_peers;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1)); /* the member has been here: its SA body is known */
    peers_assert_registered_once(&p);
    struct path path = {.local = p.ks.host.at, .remote = p.gm.host.at};
    size_t before = mallinfo2().uordblks;
    for (unsigned i = 0; i < 50000; i++) {
        memcpy(captured.bytes, &i, sizeof(i));
        for (size_t k = 40; k + 4 < captured.len;
             k++) /* somewhere in the SA: most copies aren't even valid */
            captured.bytes[k] =
                (uint8_t)(wire_random(&p.wire) % 3 ? captured.bytes[k] : wire_random(&p.wire));
        path.remote.addr = addr_v4(0x0a010000u + i);
        sessions_datagram(p.ks.ss, &path, span_of(captured.bytes, captured.len), wire_now(&p.ks.host));
    }
    assert_true(mallinfo2().uordblks <= before + 65536);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_true(worst_answer <= captured.len);
    peers_register(&p);
    wire_run_for(&p.wire, mono_ms(400));
    assert_int_equal(p.gm.policies, 2);
    peers_free(&p);
}

static unsigned different;

/* 500 long offers, no two alike, after every event of the genuine exchange. */
static void flood_of_long_offers(void *ctx, struct wire *w)
{
    (void)ctx;
    (void)w;
    for (unsigned i = 0; i < 500; i++, different++) {
        captured.bytes[captured.len - 32 - 1] = (uint8_t)different; /* the last lifetime, before our vendor id */
        captured.bytes[captured.len - 32 - 2] = (uint8_t)(different >> 8);
        spoof_message_1(1, different, false);
    }
}

/*
 * A new member with an offer of more than 256 octets gets in while long offers rain, as long as not more of them come than
 * the server keeps until the member is back; one that was here before gets in whatever comes.
 */
static void long_offers_among_long_offers(void **state)
{
    (void)state;
    long_offer = true;
    capture_one(0);
    assert_true(captured.len > 256 + 100);
    n_answers = worst_answer = 0;
    begin(7);
    p.wire.fate = only_between_peers;
    peers_start(&p);
    p.wire.between = flood_of_long_offers;
    wire_run_for(&p.wire, mono_ms(400));
    peers_assert_registered_once(&p);
    assert_int_equal(p.gm.host.sent, 6);
    assert_true(n_answers >= 500 && worst_answer <= captured.len);
    p.wire.between = NULL;
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < 100; i++) /* 50000 */
        flood_of_long_offers(NULL, &p.wire);
    assert_int_equal(halfopen_count(p.ks.ss->halfopen), HALFOPEN_LONG + 1); /* full, and the known one */
    assert_true(mallinfo2().uordblks <= before + 65536);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    peers_register(&p);
    p.wire.between = flood_of_long_offers;
    wire_run_for(&p.wire, mono_ms(400));
    assert_int_equal(p.gm.policies, 2);
    assert_int_equal(p.gm.host.sent, 12);
    peers_free(&p);
    long_offer = false;
}

static void forged_message_3_costs_no_diffie_hellman(void **state)
{
    (void)state;
    capture_one(2);
    begin(3);
    p.wire.fate = only_between_peers;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1));
    peers_assert_registered_once(&p);
    struct path path = {.local = p.ks.host.at, .remote = p.gm.host.at};
    uint64_t sent = p.ks.host.sent, unknown = sessions_stats(p.ks.ss)->dropped_unknown;
    for (unsigned i = 0; i < 10000; i++) {
        for (int k = 0; k < 16; k++)
            captured.bytes[k] = (uint8_t)(wire_random(&p.wire) | 1);
        sessions_datagram(p.ks.ss, &path, span_of(captured.bytes, captured.len), wire_now(&p.ks.host));
        assert_int_equal(sessions_count(p.ks.ss), 0);
    }
    assert_int_equal(p.ks.host.sent, sent);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_unknown, unknown + 10000);
    peers_free(&p);
}

/* ---- a stranger with a real address and real cookies ---- */

static struct wire_host loud;
static struct sessions *loud_sessions;
static struct peers_config loud_config;

static void loud_receive(void *ctx, const struct path *path, struct span datagram, struct now now)
{
    (void)ctx;
    sessions_datagram(loud_sessions, path, datagram, now);
}

static void loud_source_is_held_to_its_share(void **state)
{
    (void)state;
    begin(4);
    wire_join(&p.wire, &loud, "10.0.0.66", 1);
    loud_config = p.gm.c;
    loud_config.config.psks = &loud_config.psk;
    loud_config.config.proposals = &loud_config.proposal;
    loud_config.config.groups = &loud_config.group;
    assert_true(secret_set(&loud_config.psk.secret, "not the key that the server has", 31));
    struct session_events none = {0};
    loud_sessions = sessions_new(&loud.env, &loud_config.config, &none);
    assert_non_null(loud_sessions);
    loud.receive = loud_receive;

    peers_start(&p);
    struct path path = {.local = loud.at, .remote = p.ks.host.at};
    struct group_id group = {.value = PEERS_GROUP};
    const struct session_stats *ks = sessions_stats(p.ks.ss);
    wire_run_for(&p.wire, mono_s(1));
    peers_assert_registered_once(&p);
    for (int i = 0; i < 1000; i++)
        assert_non_null(sessions_register(loud_sessions, &path, &group, 1, NULL, wire_now(&loud)));
    wire_run_for(&p.wire, mono_ms(100));
    assert_true(sessions_count(p.ks.ss) <= 10); /* ADMIT_SOURCE_BURST */
    assert_true(ks->dropped_limit >= 990);
    peers_register(&p); /* in the middle of it, the member */
    wire_run_for(&p.wire, mono_ms(200));
    assert_int_equal(p.gm.policies, 2);
    assert_int_equal(p.gm.host.sent, 12);
    wire_run_for(&p.wire, mono_s(40));
    assert_true(sessions_count(p.ks.ss) <= 10 + 2 * 41); /* burst and rate */
    wire_run_for(&p.wire, mono_s(300));
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(p.ks.requests, 2);
    sessions_free(loud_sessions);
    peers_free(&p);
}

/* A storm of one datagram: the server answers at its pace, so the storm ends in it. */
static void copies_without_end_get_few_answers(void **state)
{
    (void)state;
    for (uint64_t number = 2; number <= 8; number += 2) {
        begin(900);
        captured.number = number;
        p.wire.tap = capture;
        peers_start(&p);
        while (p.wire.n_sent <= number + 1)
            wire_run_for(&p.wire, mono_ms(1));
        struct path path = {.local = p.ks.host.at, .remote = p.gm.host.at};
        uint64_t sent = p.ks.host.sent;
        for (int i = 0; i < 10000; i++)
            sessions_datagram(p.ks.ss, &path, span_of(captured.bytes, captured.len), wire_now(&p.ks.host));
        assert_true(p.ks.host.sent <= sent + 1);
        assert_true(sessions_stats(p.ks.ss)->dropped_duplicate >= 9999);
        wire_run_for(&p.wire, mono_s(1));
        peers_assert_registered_once(&p);
        peers_free(&p);
    }
}

/* At the limits of the tables a stranger is turned away before the member is. */
static void full_tables_refuse(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        begin(6);
        if (i == 2) { /* now the member is a stranger */
            p.ks.c.config.psks = &psks[1];
            p.ks.c.config.n_psks = 1;
        }
        peers_start(&p);
        if (i == 0)
            p.ks.ss->n = SESSIONS_MAX;
        else
            p.ks.ss->n_half = SESSIONS_MAX_HALF / 2 + (i == 1 ? SESSIONS_MAX_HALF / 2 - 1 : 0);
        wire_run_for(&p.wire, mono_ms(400));
        assert_int_equal(p.gm.policies, i == 1); /* the last place but one is for it */
        assert_int_equal(sessions_stats(p.ks.ss)->dropped_limit, i != 1);
        p.ks.ss->n = p.ks.ss->n_half = 0;
        peers_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fifty_thousand_message_1_leave_no_state),
        cmocka_unit_test(message_1_with_different_bodies),
        cmocka_unit_test(long_offers_among_long_offers),
        cmocka_unit_test(forged_message_3_costs_no_diffie_hellman),
        cmocka_unit_test(loud_source_is_held_to_its_share),
        cmocka_unit_test(copies_without_end_get_few_answers),
        cmocka_unit_test(full_tables_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
