/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions and the life of SAs: what a commit changes and what an error doesn't, that no (key, IV) pair comes twice
 * (invariant 2), that limits hold to the tick (invariant 5), and which SA sends when (decision 17).
 */
#include "tests/stage/rig.h"

#include "dataplane/core/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static uint8_t f[2048];

static size_t permitted(void)
{
    return rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100);
}

static enum verdict send_one(struct rig *r)
{
    return rig_one(r, false, f, permitted()).verdict;
}

/* Sends one packet on a worker and gives its SPI and IV. */
static bool send_on(struct rig *r, unsigned worker, uint32_t *spi, uint64_t *iv)
{
    const uint8_t *frames[1] = {f};
    struct rig_result result;
    size_t len = permitted();

    rig_run(r, worker, false, false, 1, frames, &len, &result);
    if (result.verdict != VERDICT_SENT_ENCRYPTED)
        return false;
    *spi = __builtin_bswap32(load32(result.bytes + 34));
    *iv = __builtin_bswap64(load64(result.bytes + 42));
    return true;
}

static void policy_with(struct rig *r, const struct ipc_sa *sas, unsigned n)
{
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    for (unsigned i = 0; i < n; i++)
        rig_sa(r, &sas[i]);
}

static void limits_hold_to_the_tick(void **state)
{
    struct rig a, b;
    struct ipc_event event;
    struct rig_result esp;
    uint64_t end;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    esp = rig_one(&a, false, f, permitted());
    end = a.now_tsc + 3600000 * RIG_MS;
    a.now_tsc = b.now_tsc = end - 1;
    assert_int_equal(send_one(&a), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, MONO_ZERO, &event, 1), 0);
    for (unsigned past = 0; past <= 1; past++) {
        a.now_tsc = b.now_tsc = end + past;
        assert_int_equal(send_one(&a), VERDICT_DROP_NO_SA);
        assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_DROP_SA_EXPIRED);
    }
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, MONO_ZERO, &event, 1), 1);
    assert_int_equal(event.kind, IPC_EVENT_SA_EXPIRED);
    assert_int_equal(event.value, 0x1000);
    assert_int_equal(snap_store_tick(a.store, a.now_tsc, MONO_ZERO, &event, 1), 0); /* told once */
    rig_close(&a);
    rig_close(&b);
}

/* A TSC that stood still (a suspended machine) extends nothing: the clock that counted on has the last word. */
static void the_clock_ends_an_sa_too(void **state)
{
    struct ipc_event event;
    struct rig r;
    mono_t end;

    (void)state;
    rig_open(&r, 1);
    rig_simple_policy(&r, 1);
    end = mono_add(mono_ns((int64_t)r.now_tsc), mono_s(3600));
    assert_int_equal(snap_store_tick(r.store, r.now_tsc, mono_sub(end, mono_ns(1)), &event, 1), 0);
    assert_int_equal(send_one(&r), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(snap_store_tick(r.store, r.now_tsc, end, &event, 1), 1);
    assert_int_equal(send_one(&r), VERDICT_DROP_NO_SA);
    rig_close(&r);
}

/* Decision 16: re-delivering what is installed changes neither key nor counters, and its end only ever moves earlier. */
static void installed_is_installed(void **state)
{
    struct rig r;
    struct ipc_sa m;
    uint64_t iv, last, start;
    uint32_t spi;

    (void)state;
    rig_open(&r, 1);
    start = r.now_tsc;
    m = rig_sa_message(&r, 0x1000, 10, 1);
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_true(send_on(&r, 0, &spi, &last));
    for (unsigned i = 0; i < 50; i++) { /* with fresh sender ids and first IVs, as after a new registration */
        r.now_tsc += 10 * RIG_MS;
        m.senders[0].id = 99 + i;
        m.senders[0].iv_first = 0;
        policy_with(&r, &m, 1);
        assert_int_equal(rig_commit(&r), IPC_OK);
        assert_true(send_on(&r, 0, &spi, &iv));
        assert_int_equal(iv, last + 1);
        last = iv;
    }
    r.now_tsc = start + 3600000 * RIG_MS; /* the first end, not the last */
    assert_int_equal(send_one(&r), VERDICT_DROP_NO_SA);
    m.end_in_ms = 3600000;
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK); /* expired stays expired */
    assert_int_equal(send_one(&r), VERDICT_DROP_NO_SA);
    rig_close(&r);
    rig_open(&r, 1);
    m = rig_sa_message(&r, 0x1000, 10, 1);
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    m.end_in_ms = 1000; /* earlier is obeyed */
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    r.now_tsc += 1000 * RIG_MS;
    assert_int_equal(send_one(&r), VERDICT_DROP_NO_SA);
    rig_close(&r);
}

/* Before an IV is used the end of its block stands in the page, and a restart goes on from there. */
static void leases_are_published_before_use(void **state)
{
    struct rig r;
    struct ipc_sa m;
    uint64_t iv, published;
    uint32_t spi;

    (void)state;
    rig_open(&r, 1);
    m = rig_sa_message(&r, 0x1000, 10, 5);
    m.senders[0].iv_first = 1000;
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_int_equal(atomic_load(&r.page->sas[0].spi), 0x1000);
    assert_int_equal(atomic_load(&r.page->sas[0].sender_id[0]), 5);
    assert_int_equal(atomic_load(&r.page->sas[0].lease_end[0]), 1000); /* nothing used yet */
    assert_true(send_on(&r, 0, &spi, &iv));
    assert_int_equal(iv, 5ULL << 40 | 1000);
    for (unsigned i = 0; i < 5000; i++) {
        assert_true(send_on(&r, 0, &spi, &iv));
        published = atomic_load(&r.page->sas[0].lease_end[0]);
        assert_true((iv & ((1ULL << 40) - 1)) < published);
        assert_int_equal(published, 1000 + IPC_IV_LEASE);
    }
    rig_close(&r); /* killed: only the page is left */
    rig_open(&r, 1);
    m.senders[0].iv_first = published;
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_true(send_on(&r, 0, &spi, &iv));
    assert_int_equal(iv, 5ULL << 40 | published);
    rig_close(&r);
}

/* A lease that ends in mid-traffic is followed by the next one; the last IV of a sender id is used, the one behind isn't. */
static void leases_and_the_last_iv(void **state)
{
    struct ipc_event events[4];
    struct rig r;
    struct ipc_sa m;
    uint64_t iv, limit = 1ULL << 32;
    uint32_t spi;

    (void)state;
    rig_open(&r, 1);
    m = rig_sa_message(&r, 0x1000, 10, 1);
    m.sid_bits = 32;
    m.senders[0].iv_first = limit - IPC_IV_LEASE - 3;
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    for (uint64_t expected = limit - IPC_IV_LEASE - 3; expected < limit; expected++) {
        assert_true(send_on(&r, 0, &spi, &iv));
        if (iv != (1ULL << 32 | expected))
            fail();
    }
    assert_int_equal(atomic_load(&r.page->sas[0].lease_end[0]), limit);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send_one(&r), VERDICT_DROP_IV_EXHAUSTED);
    assert_int_equal(snap_store_tick(r.store, r.now_tsc, MONO_ZERO, events, 4), 2);
    assert_int_equal(events[0].kind, IPC_EVENT_IV_LOW);
    assert_int_equal(events[1].kind, IPC_EVENT_IV_EXHAUSTED);
    assert_int_equal(snap_store_tick(r.store, r.now_tsc, MONO_ZERO, events, 4), 0);
    rig_close(&r);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Invariant 2 over workers, snapshots, SAs and restarts in random order. */
static void no_iv_comes_twice(void **state)
{
    enum { ROUNDS = 20000 };
    static uint64_t used[ROUNDS];
    unsigned seed = (unsigned)time(NULL), n = 0, workers = 4;
    uint64_t sender = 1, published[4] = {0};
    struct ipc_sa m;
    struct rig r;

    (void)state;
    print_message("seed %u\n", seed);
    srand(seed);
    rig_open(&r, workers);
    m = rig_sa_message(&r, 0x1000, 10, sender);
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    while (n < ROUNDS) {
        unsigned what = (unsigned)rand() % 1000;
        uint32_t spi;

        if (what == 0) { /* killed and restarted: goes on behind the published leases */
            for (unsigned w = 0; w < workers; w++)
                published[w] = atomic_load(&r.page->sas[0].lease_end[w]);
            rig_close(&r);
            rig_open(&r, workers);
            for (unsigned w = 0; w < workers; w++)
                m.senders[w].iv_first = published[w];
        }
        if (what < 20) { /* a resync; fresh sender ids don't reach what is installed */
            policy_with(&r, &m, 1);
            assert_int_equal(rig_commit(&r), IPC_OK);
        }
        assert_true(send_on(&r, (unsigned)rand() % workers, &spi, &used[n]));
        n++;
    }
    qsort(used, n, sizeof used[0], compare_u64);
    for (unsigned i = 1; i < n; i++)
        if (used[i] == used[i - 1])
            fail_msg("IV %016lx twice", used[i]);
    rig_close(&r);
}

/* Decision 17: the oldest usable sends until its stop, then the next; before activation a new one only receives. */
static void which_sa_sends(void **state)
{
    struct rig r;
    struct ipc_sa m[2];
    uint64_t start, iv;
    uint32_t spi;

    (void)state;
    rig_open(&r, 1);
    start = r.now_tsc;
    m[0] = rig_sa_message(&r, 0x1000, 10, 1);
    m[1] = rig_sa_message(&r, 0x2000, 10, 2);
    m[0].end_in_ms = 60000;
    m[0].send_end_in_ms = 30000;
    m[1].send_in_ms = 30000;
    policy_with(&r, m, 2);
    assert_int_equal(rig_commit(&r), IPC_OK);
    r.now_tsc = start + 30000 * RIG_MS - 1;
    assert_true(send_on(&r, 0, &spi, &iv));
    assert_int_equal(spi, 0x1000);
    r.now_tsc++;
    assert_true(send_on(&r, 0, &spi, &iv));
    assert_int_equal(spi, 0x2000);
    r.now_tsc = start + 60000 * RIG_MS;
    assert_true(send_on(&r, 0, &spi, &iv));
    assert_int_equal(spi, 0x2000);
    rig_close(&r);
}

/* What may not be: each refused with a reason, and the policy in effect stays as it was. */
static void a_refused_transaction_changes_nothing(void **state)
{
    struct rig r;

    (void)state;
    rig_open(&r, 2);
    rig_simple_policy(&r, 1);
    for (unsigned i = 0; i < 18; i++) {
        struct ipc_sa m = rig_sa_message(&r, 0x3000, 10, 50), again = rig_sa_message(&r, 0x1000, 10, 1);
        const struct snap *before = snap_store_current(r.store);
        enum ipc_result expected = IPC_SA_REFUSED;

        rig_begin(&r);
        rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
        switch (i) {
        case 0: m.suite = SUITE_AES_GMAC_192; break;
        case 1: m.suite = SUITE_AES_CBC_128_SHA1; break;
        case 2: m.suite = SUITE_COUNT; break;
        case 3: m.spi = 255; break;
        case 4: m.end_in_ms = 0; break;
        case 5: m.key.len = 16; break;
        case 6: m.n_senders = 1; break;
        case 7: m.n_senders = 0; break;
        case 8: m.senders[1].id = m.senders[0].id; break;
        case 9: m.senders[0].id = 1u << 24; break;
        case 10: m.senders[0].iv_first = (1ULL << 40) + 1; break;
        case 11: m.spi = 0x1000; break; /* known, with another key */
        case 12: rig_sa(&r, &m); break; /* twice */
        case 13: again.number = 11, m = again; break;
        case 14: rig_group(&r, 1, "x", "lan", IPC_GROUP_POLICY), expected = IPC_UNKNOWN_PAIR; break;
        case 15: rig_group(&r, 1, "x", "wan", IPC_GROUP_POLICY), expected = IPC_LIMIT; break;
        case 16: m.group = 9, expected = IPC_BAD_ORDER; break;
        default: r.n_messages++, expected = IPC_BAD_ORDER; break; /* COMMIT counts one more */
        }
        rig_sa(&r, &m);
        if (rig_commit(&r) != expected)
            fail_msg("case %u wasn't refused as it should be: %s", i, r.reason);
        assert_true(r.reason[0] != 0);
        assert_ptr_equal(snap_store_current(r.store), before);
        assert_int_equal(send_one(&r), VERDICT_SENT_ENCRYPTED);
    }
    rig_close(&r);
}

static void too_much_is_refused(void **state)
{
    struct ipc_time time = {.group = 0, .spi = 0x1000, .pseudotime_ms = 1000};
    struct rig r;

    (void)state;
    rig_open(&r, 1);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    for (unsigned i = 0; i <= ACL_MAX_ENTRIES; i++)
        rig_rule(&r, 0, IPC_LIST_DOWNLOADED, 10, "permit tcp any any");
    assert_int_equal(rig_commit(&r), IPC_LIMIT);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    for (unsigned i = 0; i <= IPC_MAX_SAS; i++) {
        struct ipc_sa m = rig_sa_message(&r, 0x1000 + i, i, 1);

        rig_sa(&r, &m);
    }
    assert_int_equal(rig_commit(&r), IPC_LIMIT);
    rig_begin(&r);
    rig_group_on(&r, 0, "v", "wan", 4095, IPC_GROUP_POLICY);
    assert_int_equal(rig_commit(&r), IPC_BAD_MESSAGE);
    rig_begin(&r);
    rig_group_on(&r, 0, "v", "wan", 0, IPC_GROUP_POLICY);
    for (unsigned i = 1; i <= IPC_MAX_BINDINGS; i++)
        rig_bind(&r, 0, "wan", i);
    assert_int_equal(rig_commit(&r), IPC_LIMIT);
    rig_begin(&r);
    rig_group_on(&r, 0, "v", "wan", 0, IPC_GROUP_POLICY);
    rig_bind(&r, 1, "wan", 10);
    assert_int_equal(rig_commit(&r), IPC_BAD_ORDER);
    rig_begin(&r);
    rig_group_on(&r, 0, "v", "wan", 10, IPC_GROUP_POLICY);
    rig_group_on(&r, 1, "w", "wan", 10, IPC_GROUP_POLICY);
    assert_int_equal(rig_commit(&r), IPC_LIMIT);
    rig_begin(&r);
    rig_group(&r, 0, "g", "wan", IPC_GROUP_POLICY);
    r.n_messages++;
    snap_time(r.store, &time); /* no such SA */
    assert_int_equal(rig_commit(&r), IPC_BAD_ORDER);
    assert_null(snap_store_current(r.store));
    rig_close(&r);
}

/* A group that was renamed, by a reload or between two gvpnds, has its keys: SPI and key say whose they are, not a name. */
static void a_renamed_group_keeps_its_keys(void **state)
{
    struct ipc_sa m;
    struct rig r;
    uint64_t before, after;
    uint32_t spi;

    (void)state;
    rig_open(&r, 1);
    m = rig_sa_message(&r, 0x1000, 10, 1);
    policy_with(&r, &m, 1);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_true(send_on(&r, 0, &spi, &before));
    rig_begin(&r);
    rig_group(&r, 3, "renamed", "wan", IPC_GROUP_POLICY);
    rig_rule(&r, 3, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    m.group = 3;
    rig_sa(&r, &m);
    assert_int_equal(rig_commit(&r), IPC_OK);
    assert_true(send_on(&r, 0, &spi, &after));
    assert_int_equal(spi, 0x1000);
    assert_int_equal(after, before + 1);
    rig_close(&r);
}

/* Memory and keys go when the last worker has let go, not before. */
static void nothing_goes_while_a_worker_looks(void **state)
{
    struct rig r;
    struct ipc_sa m;
    struct ipc_commit commit;

    (void)state;
    rig_open(&r, 2);
    rig_simple_policy(&r, 1);
    m = rig_sa_message(&r, 0x2000, 10, 9);
    policy_with(&r, &m, 1);
    commit = (struct ipc_commit){r.epoch, r.n_messages};
    assert_int_equal(snap_commit(r.store, &commit, r.now_tsc, MONO_ZERO, r.reason), IPC_OK);
    assert_false(snap_store_settled(r.store));
    snap_store_quiescent(r.store, 0);
    assert_false(snap_store_settled(r.store));
    assert_int_equal(atomic_load(&r.page->sas[0].spi), 0x1000);
    assert_int_equal(atomic_load(&r.page->sas[1].spi), 0x2000);
    snap_store_offline(r.store, 1); /* asleep is as good as done */
    assert_true(snap_store_settled(r.store));
    assert_int_equal(atomic_load(&r.page->sas[0].spi), 0);
    snap_store_online(r.store, 1);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_hold_to_the_tick),
        cmocka_unit_test(the_clock_ends_an_sa_too),
        cmocka_unit_test(installed_is_installed),
        cmocka_unit_test(a_renamed_group_keeps_its_keys),
        cmocka_unit_test(leases_are_published_before_use),
        cmocka_unit_test(leases_and_the_last_iv),
        cmocka_unit_test(no_iv_comes_twice),
        cmocka_unit_test(which_sa_sends),
        cmocka_unit_test(a_refused_transaction_changes_nothing),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(nothing_goes_while_a_worker_looks),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
