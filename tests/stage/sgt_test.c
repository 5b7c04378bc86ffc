/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Security group tags (DP10): from the Ethernet header on one inside port through ESP to that on the other; every other frame of
 * type 0x8909 is judged so that no IP gets around the policy.
 */
#include "dataplane/core/bytes.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig a, b;
static uint8_t f[2048], bare[2048];

/* Both ends with this suite, with the tag in the metadata or without. */
static void open_with(enum suite_id suite, unsigned metadata, bool inline_tags)
{
    for (unsigned i = 0; i < 2; i++) {
        struct rig *r = i == 0 ? &a : &b;
        struct ipc_sa sa;

        rig_open(r, 1);
        r->config.pairs[0].sgt_inline = inline_tags;
        sa = rig_sa_message(r, 0x1000, 10, 10 * i + 1);
        sa.metadata = (uint8_t)metadata;
        if (suite != SUITE_AES_GCM_128) {
            uint8_t key[64] = {1, 2, 3};

            sa.suite = suite;
            assert_true(secret_set(&sa.key, key, suite_by_id(suite)->key_len));
            assert_true(secret_set(&sa.integrity, key, suite_by_id(suite)->integrity_len));
        }
        rig_begin(r);
        rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny udp any any eq 5000");
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
        rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
        rig_sa(r, &sa);
        if (rig_commit(r) != IPC_OK)
            fail_msg("%s", r->reason);
    }
}

static void close_both(void)
{
    rig_close(&a);
    rig_close(&b);
}

/* Puts the header behind addresses and tags. */
static size_t with_tag(size_t len, unsigned vlans, uint16_t tag)
{
    uint8_t *at = f + 12 + 4 * vlans;
    const uint8_t header[8] = {0x89, 9, 1, 1, 0, 1, (uint8_t)(tag >> 8), (uint8_t)tag};

    memmove(at + 8, at, len - (size_t)(at - f));
    memcpy(at, header, 8);
    return len + 8;
}

/* A UDP packet in f and, without the tag's header, in bare. */
static size_t packet(bool six, unsigned vlans, uint16_t dport, uint16_t tag)
{
    size_t len = six ? rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1000, dport, 200)
                     : rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, dport, 200);

    for (unsigned t = 0; t < vlans; t++)
        len = rig_tag(f, len, 0x8100, 7);
    memcpy(bare, f, len);
    return with_tag(len, vlans, tag);
}

static void tags_cross(void **state)
{
    static const enum suite_id suites[] = {SUITE_AES_GCM_128, SUITE_AES_CBC_128_SHA256};

    (void)state;
    for (unsigned s = 0; s < 2; s++) {
        open_with(suites[s], IPC_META_TAG, true);
        for (unsigned six = 0; six <= 1; six++)
            for (unsigned vlans = 0; vlans <= 2; vlans++)
                for (unsigned tag = 1; tag < 0xffff; tag = tag * 3 + 1) {
                    size_t len = packet(six, vlans, 53, (uint16_t)tag), l2 = 14 + 4 * vlans;
                    struct rig_result out = rig_one(&a, false, f, len), in;

                    assert_string_equal(verdict_name(out.verdict), "sent_encrypted");
                    assert_memory_equal(out.bytes, bare, l2); /* nothing of it outside */
                    in = rig_one(&b, true, out.bytes, out.len);
                    assert_string_equal(verdict_name(in.verdict), "received_decrypted");
                    assert_int_equal(in.len, len);
                    assert_memory_equal(in.bytes, f, len);
                }
        close_both();
    }
}

/* Without `sgt: inline` at the receiver, or without tags in the SA, the packet comes out without. */
static void tags_end_where_nobody_wants_them(void **state)
{
    (void)state;
    for (unsigned with = 0; with <= 1; with++) {
        struct rig_result out, in;
        size_t len;

        open_with(SUITE_AES_GCM_128, with ? IPC_META_TAG : 0, true);
        b.config.pairs[0].sgt_inline = !with;
        len = packet(false, 1, 53, 77);
        out = rig_one(&a, false, f, len);
        assert_string_equal(verdict_name(out.verdict), "sent_encrypted");
        in = rig_one(&b, true, out.bytes, out.len);
        assert_string_equal(verdict_name(in.verdict), "received_decrypted");
        assert_int_equal(in.len, len - 8);
        assert_memory_equal(in.bytes, bare, len - 8);
        len = packet(false, 1, 5000, 77); /* what leaves in clear leaves without a tag */
        out = rig_one(&a, false, f, len);
        assert_string_equal(verdict_name(out.verdict), "sent_clear");
        assert_int_equal(out.len, len - 8);
        assert_memory_equal(out.bytes, bare, len - 8);
        close_both();
    }
}

/* Packets that bring no tag get the pair's. */
static void a_default_tag(void **state)
{
    struct rig_result out, in;
    size_t len;

    (void)state;
    open_with(SUITE_AES_GCM_128, IPC_META_TAG, true);
    a.config.pairs[0].tag = 500;
    len = packet(false, 0, 53, 500);
    out = rig_one(&a, false, bare, len - 8);
    in = rig_one(&b, true, out.bytes, out.len);
    assert_int_equal(in.len, len);
    assert_memory_equal(in.bytes, f, len);
    close_both();
}

/* A burst of which more has to be cut than there are places for: what waits for its turn keeps its tag. */
static void tags_of_packets_that_wait(void **state)
{
    static uint8_t packets[VEC_BURST][2048];
    static struct rig_out out, back;
    const uint8_t *frames[VEC_BURST], *esp[RIG_OUT_MAX];
    size_t lens[VEC_BURST], esp_lens[RIG_OUT_MAX];

    (void)state;
    for (unsigned vlans = 0; vlans <= 1; vlans++) {
        unsigned n = 0;

        open_with(SUITE_AES_GCM_128, IPC_META_TAG, true);
        a.config.pairs[0].tag = 9;
        a.config.pairs[0].mtu = 400;
        for (unsigned i = 0; i < VEC_BURST; i++) {
            size_t len = rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1000, 53, 1400);

            f[20] = 0; /* no DF */
            f[19] = (uint8_t)i;
            rig_fix_checksum(f);
            len = with_tag(vlans ? rig_tag(f, len, 0x8100, 7) : len, vlans, (uint16_t)(0x100 + i));
            memcpy(packets[i], f, len);
            frames[i] = packets[i];
            lens[i] = len;
        }
        rig_all(&a, 0, false, false, VEC_BURST, frames, lens, &out);
        assert_true(out.rounds > 1 && out.n_tx > VEC_MAX);
        for (unsigned i = 0; i < out.n_tx; i++, n++) {
            esp[n] = out.tx[i].bytes;
            esp_lens[n] = out.tx[i].len;
        }
        for (unsigned i = 0; i < n; i++) {
            rig_all(&b, 0, true, false, 1, &esp[i], &esp_lens[i], &back);
            assert_int_equal(back.n_tx, 1);
            /* version, length, option, then the tag; the low octet of the identification tells the packet. */
            assert_int_equal(load16_be(back.tx[0].bytes + 12 + 4 * vlans + 6), 0x100 + back.tx[0].bytes[22 + 4 * vlans + 5]);
        }
        close_both();
    }
}

static const char *verdict_of(struct rig *r, bool inbound, size_t len)
{
    return verdict_name(rig_one(r, inbound, f, len).verdict);
}

/* From outside never, and from inside not unless asked for: IP in such a frame, however deep, is dropped. */
static void no_way_around_the_policy(void **state)
{
    (void)state;
    open_with(SUITE_AES_GCM_128, IPC_META_TAG, false);
    b.config.pairs[0].sgt_inline = true;
    for (unsigned vlans = 0; vlans <= 3; vlans++)
        for (unsigned six = 0; six <= 1; six++) {
            size_t len = packet(six, vlans, 53, 77);

            assert_string_equal(verdict_of(&a, false, len), "drop_group_tag");
            assert_string_equal(verdict_of(&a, true, len), "drop_group_tag");
            assert_string_equal(verdict_of(&b, true, len), "drop_group_tag");
            f[12 + 4 * vlans + 2] = 2; /* version 2 */
            assert_string_equal(verdict_of(&b, false, len), "drop_group_tag");
            len = packet(six, vlans, 53, 0xffff);
            assert_string_equal(verdict_of(&b, false, len), "drop_group_tag");
            len = with_tag(packet(six, vlans, 53, 77), vlans, 78); /* twice */
            assert_string_equal(verdict_of(&b, false, len), "drop_group_tag");
            assert_string_equal(verdict_of(&a, false, len), "drop_group_tag");
        }
    for (size_t len = 14; len < 24; len++) { /* cut off */
        (void)packet(false, 0, 53, 77);
        assert_string_equal(verdict_of(&a, false, len), "drop_group_tag");
    }
    (void)packet(false, 0, 53, 77);
    memcpy(f + 20, "\x81\0\0\7\x08\0", 6); /* a VLAN tag behind it */
    assert_string_equal(verdict_of(&a, false, 100), "drop_group_tag");
    assert_string_equal(verdict_of(&b, false, 100), "drop_group_tag");
    memcpy(f + 20, "\0\x30\xaa\xaa\3\0\0\0\x08\0", 10); /* SNAP behind it */
    assert_string_equal(verdict_of(&a, false, 100), "drop_group_tag");
    assert_string_equal(verdict_of(&b, false, 100), "drop_vlan");
    memcpy(f + 20, "\x08\x06", 2); /* ARP: as it is where the pair says nothing, else without the header */
    assert_string_equal(verdict_of(&a, false, 60), "passed_l2");
    assert_string_equal(verdict_of(&b, false, 60), "passed_l2");
    assert_int_equal(rig_one(&a, false, f, 60).len, 60);
    assert_int_equal(rig_one(&b, false, f, 60).len, 52);
    close_both();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_cross),
        cmocka_unit_test(tags_end_where_nobody_wants_them),
        cmocka_unit_test(a_default_tag),
        cmocka_unit_test(tags_of_packets_that_wait),
        cmocka_unit_test(no_way_around_the_policy),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
