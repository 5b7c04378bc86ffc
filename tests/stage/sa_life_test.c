/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What happens to an SA between its birth and its end, seen from outside: who may send with it, and that what is gone
 * stays gone without harm to others (GM2, DP3; RFC 6407 3.5). On real mbufs, with the real snapshot store.
 */
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static uint8_t frame[2048];

/* Begins a transaction with group 0 "g" on pair wan, whose rules name the SAs of number 10. */
static void begin(struct rig *r)
{
    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
}

/* A packet that the policy protects; the ESP packet is left in *out. */
static enum verdict send_one(struct rig *r, struct rig_result *out)
{
    size_t len = rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 100);

    *out = rig_one(r, false, frame, len);
    return out->verdict;
}

static uint32_t spi_of(const struct rig_result *esp)
{
    const uint8_t *p = esp->bytes + 14 + 20;

    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 6407 3.5: it receives, and what should leave protected leaves not at all; ids of any width may come later. */
static void without_sender_ids_it_receives_and_nothing_leaves(void **state)
{
    struct rig a, b;
    struct rig_result esp, back;
    struct ipc_sa m;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&b, 7);
    begin(&a);
    m = rig_sa_message(&a, 0x1000, 10, 0);
    m.send = false;
    m.n_senders = 0;
    m.sid_bits = 0;
    rig_sa(&a, &m);
    assert_int_equal(rig_commit(&a), IPC_OK);

    assert_int_equal(send_one(&a, &esp), VERDICT_DROP_NO_SA);
    assert_int_equal(esp.len, 0);
    assert_int_equal(send_one(&b, &esp), VERDICT_SENT_ENCRYPTED);
    back = rig_one(&a, true, esp.bytes, esp.len);
    assert_int_equal(back.verdict, VERDICT_RECEIVED_DECRYPTED);

    begin(&a);
    m = rig_sa_message(&a, 0x1000, 10, 3);
    m.sid_bits = 16;
    rig_sa(&a, &m);
    assert_int_equal(rig_commit(&a), IPC_OK);
    assert_int_equal(send_one(&a, &esp), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(esp.bytes[14 + 28], 0); /* the IV: 16 bits of sender id, then the counter from 0 */
    assert_int_equal(esp.bytes[14 + 29], 3);
    assert_memory_equal(esp.bytes + 14 + 30, "\0\0\0\0\0\0", 6);
    rig_close(&a);
    rig_close(&b);
}

/*
 * An SPI that was deleted is never installed again, and everything else of that transaction is applied: a key server that
 * still gives it must not keep the next key, or another group, from being installed.
 */
static void a_deleted_spi_stays_away_and_holds_up_nothing(void **state)
{
    struct rig a, b;
    struct rig_result esp, back;
    struct ipc_sa old, next;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    rig_simple_policy(&b, 7);
    rig_simple_policy(&a, 1);
    begin(&a); /* 0x1000 is gone */
    assert_int_equal(rig_commit(&a), IPC_OK);

    begin(&a);
    old = rig_sa_message(&a, 0x1000, 10, 1);
    next = rig_sa_message(&a, 0x2000, 10, 1);
    rig_sa(&a, &old);
    rig_sa(&a, &next);
    assert_int_equal(rig_commit(&a), IPC_OK);
    assert_int_equal(send_one(&a, &esp), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(spi_of(&esp), 0x2000);
    assert_int_equal(send_one(&b, &esp), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(spi_of(&esp), 0x1000);
    back = rig_one(&a, true, esp.bytes, esp.len);
    assert_int_equal(back.verdict, VERDICT_DROP_UNKNOWN_SPI);
    rig_close(&a);
    rig_close(&b);
}

/* gvpnd died in mid-transaction: nothing of it is kept (the sanitizer counts), and nothing can be added to it. */
static void a_forgotten_transaction_leaves_nothing(void **state)
{
    struct rig a;
    struct rig_result esp;
    struct ipc_sa m;

    (void)state;
    rig_open(&a, 1);
    rig_simple_policy(&a, 1);
    begin(&a);
    m = rig_sa_message(&a, 0x2000, 10, 9);
    rig_sa(&a, &m);
    snap_forget(a.store);
    snap_forget(a.store);
    assert_int_equal(rig_commit(&a), IPC_BAD_ORDER);
    assert_int_equal(send_one(&a, &esp), VERDICT_SENT_ENCRYPTED);
    assert_int_equal(spi_of(&esp), 0x1000);
    rig_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_sender_ids_it_receives_and_nothing_leaves),
        cmocka_unit_test(a_deleted_spi_stays_away_and_holds_up_nothing),
        cmocka_unit_test(a_forgotten_transaction_leaves_nothing),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
