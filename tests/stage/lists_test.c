/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an SA may carry: its own number's entries, its own pair's traffic, and for a while what the previous list let in
 * (decision 1).
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t f[2048];

static size_t permitted(void)
{
    return rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100);
}

/* A permit leads to the SA of its own number, and a decrypted packet must have come with that one. */
static void numbers_keep_apart(void **state)
{
    struct rig a, b;
    struct ipc_sa m[2];
    struct rig_result esp;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;

        m[0] = rig_sa_message(r, 0x1000, 10, 1 + i);
        m[1] = rig_sa_message(r, 0x2000, 20, 1 + i);
        rig_begin(r);
        rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, i == 0 ? 10 : 20, "permit udp 10.1.0.0/16 10.2.0.0/16");
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 20, "permit ip 10.1.0.0/16 10.2.0.0/16");
        rig_sa(r, &m[0]);
        rig_sa(r, &m[1]);
        assert_int_equal(rig_commit(r), IPC_OK);
    }
    esp = rig_one(&a, false, f, permitted()); /* as number 10, which b's policy doesn't let carry it */
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_DROP_INNER_POLICY);
    esp = rig_one(&a, false, f, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 6, 1000, 53, 100));
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
    rig_close(&a);
    rig_close(&b);
}

/* Decision 1: packets on their way under the old list are still let in for 60 s, and not a tick longer. */
static void the_previous_list_counts_for_a_minute(void **state)
{
    struct rig a, b;
    struct ipc_sa m;
    struct rig_result esp;
    uint64_t change;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    rig_simple_policy(&b, 2);
    esp = rig_one(&a, false, f, permitted());
    m = rig_sa_message(&b, 0x1000, 10, 2);
    change = b.now_tsc;
    for (unsigned i = 0; i < 3; i++) { /* a commit that repeats the list doesn't start the minute anew */
        b.now_tsc = change + i * 10000 * RIG_MS;
        rig_begin(&b);
        rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "deny ip any any");
        rig_sa(&b, &m);
        assert_int_equal(rig_commit(&b), IPC_OK);
        assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
    }
    b.now_tsc = change + 60000 * RIG_MS - 1;
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_RECEIVED_DECRYPTED);
    b.now_tsc++;
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_DROP_INNER_POLICY);
    rig_close(&a);
    rig_close(&b);
}

/* The previous list is judged as it was: its denies and its numbers count too. */
static void the_previous_list_is_read_in_full(void **state)
{
    static const struct {
        const char *first;
        unsigned number;
        enum verdict verdict;
    } lists[] = {
        {"permit udp 10.1.0.0/16 10.2.0.0/16", 10, VERDICT_RECEIVED_DECRYPTED},
        {"deny udp 10.1.0.0/16 10.2.0.0/16", 10, VERDICT_DROP_INNER_POLICY},
        {"permit udp 10.1.0.0/16 10.2.0.0/16", 20, VERDICT_DROP_INNER_POLICY},
    };
    struct rig a, b;
    struct rig_result esp;

    (void)state;
    rig_open(&a, 1);
    rig_simple_policy(&a, 1);
    esp = rig_one(&a, false, f, permitted());
    for (unsigned i = 0; i < 3; i++) {
        struct ipc_sa m;

        rig_open(&b, 1);
        m = rig_sa_message(&b, 0x1000, 10, 2);
        for (unsigned change = 0; change <= 1; change++) {
            rig_begin(&b);
            rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
            if (change == 0)
                rig_rule(&b, 0, IPC_LIST_DOWNLOADED, lists[i].number, lists[i].first);
            rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 30, "permit ip any any");
            rig_sa(&b, &m);
            assert_int_equal(rig_commit(&b), IPC_OK);
        }
        assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, lists[i].verdict);
        rig_close(&b);
    }
    rig_close(&a);
}

/* Two pairs: an SPI of the one is nothing on the other. */
static void pairs_keep_apart(void **state)
{
    struct rig a, b;
    struct ipc_sa m;
    struct rig_result esp;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&a, 1);
    esp = rig_one(&a, false, f, permitted());
    m = rig_sa_message(&b, 0x1000, 10, 2);
    rig_begin(&b);
    rig_group(&b, 3, "g", "dmz", IPC_GROUP_POLICY);
    rig_group(&b, 5, "h", "wan", IPC_GROUP_POLICY);
    rig_rule(&b, 3, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    rig_rule(&b, 5, IPC_LIST_DOWNLOADED, 10, "permit ip any any");
    m.group = 3;
    rig_sa(&b, &m);
    assert_int_equal(rig_commit(&b), IPC_OK);
    assert_int_equal(atomic_load(&b.page->sas[0].group), 3);
    assert_int_equal(rig_one(&b, true, esp.bytes, esp.len).verdict, VERDICT_DROP_UNKNOWN_SPI);
    rig_close(&a);
    rig_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_keep_apart),
        cmocka_unit_test(the_previous_list_counts_for_a_minute),
        cmocka_unit_test(the_previous_list_is_read_in_full),
        cmocka_unit_test(pairs_keep_apart),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
