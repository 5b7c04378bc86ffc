/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Forged, mutated, reflected and replayed datagrams between the genuine ones: the registration ends as if
 * they hadn't been there, every one of them is counted once, and the server never sends more than was asked
 * of it (issue "Bad input"; page "security", reflection row).
 *
 * Messages 1 to 4 of main mode carry no authentication: whoever can put a changed copy in *before* the
 * genuine one can break the attempt (RFC 2409 has no remedy; the member tries again). So mutated copies of
 * those come after, of all others before and after.
 */
#include "tests/sim/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct peers p;

enum kind {
    RANDOM_BYTES,
    MUTATED_AFTER,
    MUTATED_BEFORE,
    FROM_ELSEWHERE,
    FROM_OTHER_PORT,
    REFLECTED,
    CUT_SHORT,
    KINDS
};

struct attack {
    enum kind kind;
    unsigned injected;
};

static void inject(struct attack *a, struct wire *w, const struct endpoint *from, const struct endpoint *to,
                   const void *bytes, size_t len, mono_t delay)
{
    a->injected++;
    wire_inject(w, from, to, span_of(bytes, len), delay);
}

static void mutated(struct attack *a, struct wire *w, const struct wire_packet *q, mono_t delay)
{
    uint8_t copy[4096];
    assert_true(q->len < sizeof(copy) - 16);
    memcpy(copy, q->bytes, q->len);
    size_t len = q->len;
    copy[wire_random(w) % len] ^= (uint8_t)(1 + wire_random(w) % 255);
    if (wire_chance(w, 20))
        copy[wire_random(w) % len] ^= (uint8_t)(1 + wire_random(w) % 255);
    if (wire_chance(w, 10))
        len -= 1 + wire_random(w) % (len - 1);
    if (wire_chance(w, 10)) {
        for (int i = 0; i < 16; i++)
            copy[len + (size_t)i] = (uint8_t)wire_random(w);
        len += 1 + wire_random(w) % 16;
    }
    inject(a, w, &q->from, &q->to, copy, len, delay);
}

static void attack_each(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *q)
{
    struct attack *a = ((struct peers *)ctx)->ctx;
    struct endpoint elsewhere = q->from;
    uint8_t noise[300];
    const mono_t before = mono_ms(WIRE_DELAY_MS - 1), after = mono_ms(WIRE_DELAY_MS + 1);

    switch (a->kind) {
    case RANDOM_BYTES:
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)wire_random(w);
        for (int i = 0; i < 4; i++)
            inject(a, w, &q->from, &q->to, noise, wire_random(w) % sizeof(noise), i % 2 ? before : after);
        memcpy(noise, q->bytes, 28); /* a genuine header before noise */
        noise[24] = noise[25] = 0;
        noise[26] = (uint8_t)(sizeof(noise) >> 8);
        noise[27] = (uint8_t)sizeof(noise);
        inject(a, w, &q->from, &q->to, noise, sizeof(noise), after);
        if (number >= 4)
            inject(a, w, &q->from, &q->to, noise, sizeof(noise), before);
        break;
    case MUTATED_AFTER:
        for (int i = 0; i < 4; i++)
            mutated(a, w, q, after);
        break;
    case MUTATED_BEFORE:
        if (number >= 4) {
            for (int i = 0; i < 4; i++)
                mutated(a, w, q, before);
        }
        break;
    case FROM_ELSEWHERE:
        elsewhere.addr.b[3] = 99;
        inject(a, w, &elsewhere, &q->to, q->bytes, q->len, before);
        break;
    case FROM_OTHER_PORT:
        elsewhere.port = 4848;
        inject(a, w, &elsewhere, &q->to, q->bytes, q->len, before);
        break;
    case REFLECTED: /* back to its sender, as if from its receiver and as if from elsewhere */
        elsewhere.addr.b[3] = 99;
        inject(a, w, &q->to, &q->from, q->bytes, q->len, mono_ns(1));
        inject(a, w, &elsewhere, &q->from, q->bytes, q->len, before);
        inject(a, w, &q->to, &q->from, q->bytes, q->len, after);
        break;
    case CUT_SHORT:
        for (size_t len = 0; len < q->len; len++)
            inject(a, w, &q->from, &q->to, q->bytes, len, number % 2 ? before : after);
        break;
    case KINDS:
        break;
    }
}

static void forged_datagrams_change_nothing(void **state)
{
    (void)state;
    const char *given = getenv("SIM_SEED");
    uint64_t base = given ? strtoull(given, NULL, 0) : 7000;
    print_message("SIM_SEED=%llu\n", (unsigned long long)base);
    for (int kind = 0; kind < KINDS; kind++) {
        for (uint64_t i = 0; i < (kind == CUT_SHORT || kind >= FROM_ELSEWHERE ? 2 : 60); i++) {
            struct attack a = {.kind = (enum kind)kind};
            peers_init(&p, base + i);
            p.ctx = &a;
            p.wire.tap = attack_each;
            peers_start(&p);
            wire_run_for(&p.wire, mono_s(200));
            if (p.gm.policies != 1 || p.gm.failures || p.ks.n_accepts != 1)
                print_message("kind %d seed %llu: %s\n", kind, (unsigned long long)(base + i), p.gm.reason);
            peers_assert_registered_once(&p);
            assert_true(a.injected >= 10);
            /* the member's own part is as always; the server answers each message 1 that looks like one,
             * nothing else */
            assert_int_equal(p.gm.host.sent, 6);
            assert_true(p.ks.host.sent <= 5 + 5);
            const struct session_stats *ks = sessions_stats(p.ks.ss), *gm = sessions_stats(p.gm.ss);
            assert_int_equal(ks->phase1_failed + gm->phase1_failed, 0);
            /* every datagram was either one of the exchange, or an answered message 1, or dropped and counted
             * once */
            assert_int_equal(gm->datagrams_in, 5 + peers_dropped(p.gm.ss));
            assert_true(ks->datagrams_in >= 6 + peers_dropped(p.ks.ss));
            assert_true(ks->datagrams_in - 6 - peers_dropped(p.ks.ss) <= ks->datagrams_out - 5);
            assert_int_equal(sessions_count(p.ks.ss), 0);
            assert_int_equal(sessions_count(p.gm.ss), 0);
            peers_free(&p);
        }
    }
}

/* A changed copy of messages 1 to 4 that wins the race costs this attempt, never more: the next one succeeds.
 */
static void attack_first_attempt(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *q)
{
    struct attack *a = ((struct peers *)ctx)->ctx;
    if (number == a->injected && number < 4)
        mutated(a, w, q, mono_ms(WIRE_DELAY_MS - 1));
}

static void lost_races_cost_one_attempt(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct attack a = {.injected = (unsigned)(seed % 4)};
        peers_init(&p, seed);
        p.ctx = &a;
        p.gm.retry = true;
        p.wire.tap = attack_first_attempt;
        peers_start(&p);
        wire_run_for(&p.wire, mono_s(300));
        peers_assert_registered(&p);
        assert_int_equal(p.gm.policies, 1);
        assert_int_equal(p.ks.n_accepts, 1);
        assert_true(p.gm.failures <= 2);
        assert_int_equal(sessions_count(p.ks.ss), 0);
        peers_free(&p);
    }
}

/* Everything that was ever sent, once more, to everybody, while a second registration runs and after it. */
struct record {
    struct wire_packet q[64];
    uint8_t bytes[64][2048];
    size_t n;
    bool replaying;
};
static struct record record;

static void record_all(void *ctx, struct wire *w, uint64_t number, const struct wire_packet *q)
{
    const struct peers *peers = ctx;
    (void)number;
    if (record.replaying) {
        if (!addr_equal(&q->from.addr, &peers->gm.host.at.addr))
            return; /* the server answers each copy of message 1: replaying on its words would never end */
        for (size_t i = 0; i < record.n; i++)
            wire_inject(w, &record.q[i].from, &record.q[i].to, span_of(record.bytes[i], record.q[i].len),
                        mono_ms(1));
    } else if (record.n < 64) {
        assert_true(q->len <= sizeof(record.bytes[0]));
        record.q[record.n] = *q;
        memcpy(record.bytes[record.n++], q->bytes, q->len);
    }
}

static void replay_of_an_old_registration_changes_nothing(void **state)
{
    (void)state;
    memset(&record, 0, sizeof(record));
    peers_init(&p, 5);
    p.wire.tap = record_all;
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1));
    peers_assert_registered_once(&p);
    assert_int_equal(record.n, PEERS_CLEAN);
    record.replaying = true;
    peers_register(&p);
    wire_run_for(&p.wire, mono_s(100));
    peers_assert_registered(&p);
    assert_int_equal(p.gm.policies, 2);
    assert_int_equal(p.gm.failures, 0);
    assert_int_equal(p.ks.n_accepts, 2);
    assert_int_equal(p.gm.host.sent, 12);
    peers_free(&p);
}

/* Exchange types that we don't have get nothing: aggressive mode (page "security"), Quick Mode without phase
 * 1, PUSH. */
static void other_exchanges_are_silence(void **state)
{
    (void)state;
    peers_init(&p, 6);
    peers_start(&p);
    wire_run_for(&p.wire, mono_s(1));
    uint64_t sent = p.ks.host.sent;
    uint8_t d[64] = {1, 2, 3, 4, 5, 6, 7, 8};
    d[16] = 1;
    d[17] = 0x10;
    d[27] = sizeof(d);
    for (unsigned exchange = 0; exchange < 256; exchange++) {
        for (int flags = 0; flags < 256; flags += 51) {
            d[18] = (uint8_t)exchange;
            d[19] = (uint8_t)flags;
            wire_inject(&p.wire, &p.gm.host.at, &p.ks.host.at, span_of(d, sizeof(d)), mono_ms(1));
        }
    }
    uint64_t dropped = peers_dropped(p.ks.ss);
    wire_run_for(&p.wire, mono_s(1));
    assert_int_equal(p.ks.host.sent, sent);
    assert_int_equal(peers_dropped(p.ks.ss), dropped + 256 * 6);
    peers_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forged_datagrams_change_nothing),
        cmocka_unit_test(lost_races_cost_one_attempt),
        cmocka_unit_test(replay_of_an_old_registration_changes_nothing),
        cmocka_unit_test(other_exchanges_are_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
