/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registrations that must not succeed: both sides know why, nobody becomes a member, and the number of
 * datagrams is bounded (KS2, KS14, GM1; issue "refusal with the reason in both logs").
 */
#include "tests/sim/peers.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

static struct peers p;
static char lines[200][256];
static size_t n_lines;

static void keep_line(void *ctx, enum log_id id, const char *line)
{
    (void)ctx;
    (void)id;
    if (n_lines < 200)
        snprintf(lines[n_lines++], sizeof(lines[0]), "%s", line);
}

static bool logged(const char *text)
{
    for (size_t i = 0; i < n_lines; i++) {
        if (strstr(lines[i], text))
            return true;
    }
    return false;
}

static void begin(uint64_t seed)
{
    peers_init(&p, seed);
    n_lines = 0;
    log_set_sink(keep_line, NULL);
}

/* Runs to the end and checks that nothing came of it. */
static void run_to_failure(uint64_t max_datagrams)
{
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(300));
    assert_int_equal(p.gm.failures, 1);
    assert_int_equal(p.gm.policies, 0);
    assert_int_equal(p.ks.n_accepts, 0);
    assert_true(p.wire.n_sent <= max_datagrams);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    assert_int_equal(sessions_count(p.gm.ss), 0);
}

static void wrong_psk(void **state)
{
    (void)state;
    begin(1);
    assert_true(secret_set(&p.gm.c.psk.secret, "another pre-shared key !!!!!!!!!", 32));
    run_to_failure(4 + 12 + 1); /* message 5 twelve times at most, one notify that nobody has to believe */
    assert_non_null(strstr(p.gm.reason, "no answer for 60 s ("));
    assert_non_null(strstr(p.gm.reason, "AUTHENTICATION-FAILED"));
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_auth, 1); /* message 5 ... */
    assert_true(sessions_stats(p.ks.ss)->dropped_duplicate >=
                10); /* ... and its copies, not decrypted again */
    assert_int_equal(sessions_stats(p.ks.ss)->phase1_failed, 1);
    assert_int_equal(sessions_stats(p.gm.ss)->phase1_failed, 1);
    assert_true(logged("pre-shared key"));
    assert_int_equal(p.ks.requests, 0);
    peers_free(&p);
}

static void unknown_group(void **state)
{
    (void)state;
    begin(2);
    p.gm.group = PEERS_GROUP + 1;
    run_to_failure(9);
    assert_non_null(strstr(p.gm.reason, "the key server refuses: "));
    assert_non_null(strstr(p.gm.reason, "no such group"));
    assert_int_equal(sessions_stats(p.ks.ss)->pulls_refused, 1);
    peers_free(&p);
}

static void unauthorised(void **state)
{
    (void)state;
    begin(3);
    p.ks.refuse_request = "address 10.0.0.2 is not authorised";
    run_to_failure(9);
    assert_non_null(strstr(p.gm.reason, "address 10.0.0.2 is not authorised"));
    peers_free(&p);
}

static void refused_at_message_3(void **state)
{
    (void)state;
    begin(4);
    p.ks.refuse_accept = "no sender ids are left";
    run_to_failure(11);
    assert_non_null(strstr(p.gm.reason, "no sender ids are left"));
    peers_free(&p);
}

/* The refusal is lost: the member's retransmission fetches it again. */
static struct wire_fate lose_first_refusal(void *ctx, struct wire *w, uint64_t number,
                                           const struct wire_packet *packet)
{
    (void)ctx;
    (void)w;
    (void)packet;
    return number == 7 || number == 9 ? wire_lose() : wire_deliver();
}

static void lost_refusal_is_repeated(void **state)
{
    (void)state;
    begin(5);
    p.wire.fate = lose_first_refusal;
    p.ks.refuse_request = "address 10.0.0.2 is not authorised";
    run_to_failure(9 + 4);
    assert_non_null(strstr(p.gm.reason, "address 10.0.0.2 is not authorised"));
    assert_int_equal(p.ks.refused, 1);
    peers_free(&p);
}

static void no_common_proposal(void **state)
{
    (void)state;
    begin(6);
    p.gm.c.proposal.group = 14;
    run_to_failure(24);
    assert_int_equal(sessions_stats(p.ks.ss)->phase1_established, 0);
    assert_non_null(strstr(p.gm.reason, "no answer for 60 s ("));
    assert_non_null(
        strstr(p.gm.reason, "NO-PROPOSAL-CHOSEN")); /* heard, not believed: it waited to the end */
    assert_true(p.ks.host.sent_bytes <= p.ks.host.received_bytes);
    peers_free(&p);
}

/* A peer without a key gets no answer at all. */
static void no_key_for_the_peer(void **state)
{
    (void)state;
    begin(7);
    assert_true(prefix_parse("10.0.0.77", &p.ks.c.psk.peer));
    run_to_failure(12);
    assert_int_equal(p.ks.host.sent, 0);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_unknown, p.gm.host.sent);
    assert_true(logged("no pre-shared key for this peer"));
    peers_free(&p);
}

static void member_without_a_key_does_not_begin(void **state)
{
    (void)state;
    begin(8);
    assert_true(prefix_parse("10.0.0.77", &p.gm.c.psk.peer));
    peers_start(&p);
    assert_null(p.gm.session);
    assert_int_equal(p.wire.n_sent, 0);
    assert_int_equal(sessions_count(p.gm.ss), 0);
    peers_free(&p);
}

/* Another identity than the one that belongs to the key (decision 23). */
static void wrong_identity(void **state)
{
    (void)state;
    begin(9);
    snprintf(p.ks.c.psk.id, sizeof(p.ks.c.psk.id), "10.0.0.99");
    run_to_failure(4 + 12 + 1);
    assert_int_equal(p.ks.requests, 0);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_auth, 1);
    peers_free(&p);
}

/* A member answers nobody: it isn't a key server (decision 26). */
static void member_never_responds(void **state)
{
    (void)state;
    begin(10);
    p.ks.c.group.is_member = true;
    run_to_failure(12);
    assert_int_equal(p.ks.host.sent, 0);
    peers_free(&p);
}

/* A datagram to an address that is ours but no key server's. */
static void only_the_server_address_responds(void **state)
{
    (void)state;
    begin(11);
    assert_true(addr_parse("10.0.0.5", &p.ks.c.group.ks.address));
    run_to_failure(12);
    assert_int_equal(p.ks.host.sent, 0);
    assert_true(logged("no key server at the address"));
    peers_free(&p);
}

/* A reload: what is new holds for the next exchange; a server that had no group begins to answer. */
static void reload_takes_effect_with_the_next_exchange(void **state)
{
    (void)state;
    struct config none;
    begin(12);
    none = p.ks.c.config;
    none.n_groups = 0;
    p.gm.retry = true;
    peers_start(&p);
    sessions_set_config(p.ks.ss, &none);
    wire_run_for(&p.wire, mono_s(30));
    assert_int_equal(p.ks.host.sent, 0);
    assert_true(secret_set(&p.ks.c.psk.secret, "another pre-shared key !!!!!!!!!", 32));
    sessions_set_config(p.ks.ss, &p.ks.c.config);
    wire_run_for(&p.wire, mono_s(60));
    assert_int_equal(p.gm.policies, 0);
    assert_int_equal(sessions_stats(p.ks.ss)->dropped_auth, 1);
    assert_true(secret_set(&p.gm.c.psk.secret, "another pre-shared key !!!!!!!!!", 32));
    sessions_set_config(p.gm.ss, &p.gm.c.config);
    wire_run_for(&p.wire, mono_s(120));
    peers_assert_registered(&p);
    assert_int_equal(p.gm.policies, 1);
    p.ks.c.proposal.group = 14; /* and what was accepted is accepted no longer */
    sessions_set_config(p.ks.ss, &p.ks.c.config);
    peers_register(&p);
    wire_run_for(&p.wire, mono_s(10));
    assert_int_equal(p.gm.policies, 1);
    assert_int_equal(sessions_count(p.ks.ss), 0);
    peers_free(&p);
}

/* Aborted in any state: nothing more is said or reported, nothing is left. */
static void abort_is_silent(void **state)
{
    (void)state;
    for (uint64_t after = 1; after <= 9; after++) {
        begin(13);
        peers_start(&p);
        while (p.wire.n_sent < after)
            wire_run_for(&p.wire, mono_ms(1));
        uint64_t sent = p.gm.host.sent;
        session_abort(p.gm.session);
        assert_int_equal(sessions_count(p.gm.ss), 0);
        wire_run_for(&p.wire, mono_s(200));
        assert_int_equal(p.gm.host.sent, sent);
        assert_int_equal(p.gm.failures + p.gm.policies, 0);
        assert_int_equal(sessions_count(p.ks.ss), 0);
        peers_free(&p);
    }
}

/* Bad datagrams at any rate: the log gets a few lines in a second, and never a byte of theirs unescaped. */
static void bad_datagrams_do_not_flood_the_log(void **state)
{
    (void)state;
    uint8_t noise[64];
    begin(14);
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1));
    n_lines = 0;
    for (int i = 0; i < 10000; i++) {
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (uint8_t)wire_random(&p.wire);
        wire_inject(&p.wire, &p.gm.host.at, &p.ks.host.at, span_of(noise, wire_random(&p.wire) % 65),
                    mono_ms(1));
        if (i % 1000 == 999)
            wire_run_for(&p.wire, mono_ms(100));
    }
    assert_int_equal(peers_dropped(p.ks.ss), 10000);
    assert_true(n_lines >= 5 && n_lines <= 12); /* 5 in a second */
    for (size_t i = 0; i < n_lines; i++) {
        for (const char *c = lines[i]; *c; c++)
            assert_in_range(*c, 0x20, 0x7e);
    }
    peers_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_psk),
        cmocka_unit_test(unknown_group),
        cmocka_unit_test(unauthorised),
        cmocka_unit_test(refused_at_message_3),
        cmocka_unit_test(lost_refusal_is_repeated),
        cmocka_unit_test(no_common_proposal),
        cmocka_unit_test(no_key_for_the_peer),
        cmocka_unit_test(member_without_a_key_does_not_begin),
        cmocka_unit_test(wrong_identity),
        cmocka_unit_test(member_never_responds),
        cmocka_unit_test(only_the_server_address_responds),
        cmocka_unit_test(reload_takes_effect_with_the_next_exchange),
        cmocka_unit_test(abort_is_silent),
        cmocka_unit_test(bad_datagrams_do_not_flood_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
