/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets with IPv4 options and IPv6 extension headers (DP8): protected whole behind a plain outer header, judged by their
 * real protocol and ports, and no way around the policy (07 2.4). And what isn't IP: passes as it is (decision 2).
 */
#include "dataplane/core/bytes.h"
#include "tests/stage/rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig a, b;
static uint8_t f[2048];

static void policy(struct rig *r, uint64_t sender)
{
    struct ipc_sa sa = rig_sa_message(r, 0x1000, 10, sender);

    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny tcp any any eq 22");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "deny igmp any any");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 224.0.0.0/4");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
    rig_sa(r, &sa);
    assert_int_equal(rig_commit(r), IPC_OK);
}

static int open_both(void **state)
{
    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    policy(&a, 1);
    policy(&b, 2);
    return 0;
}

static int close_both(void **state)
{
    (void)state;
    rig_close(&a);
    rig_close(&b);
    return 0;
}

/* A packet with these options, a multiple of 4. */
static size_t with_options(const char *dst, uint8_t proto, uint16_t dport, const char *options, size_t len)
{
    size_t frame_len = rig_ipv4(f, "10.1.0.1", dst, proto, 0, 0, 100);

    memcpy(f + 34, options, len);
    f[34 + len] = 0x30, f[35 + len] = 0x39;
    f[36 + len] = (uint8_t)(dport >> 8), f[37 + len] = (uint8_t)dport;
    f[14] = (uint8_t)(0x45 + len / 4);
    rig_fix_checksum(f);
    return frame_len;
}

/* The same for IPv6: headers are a chain whose last one says what follows. */
static size_t with_headers(uint8_t first, const char *headers, size_t len, uint16_t dport)
{
    size_t frame_len = rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", first, 0, 0, 160);

    memcpy(f + 54, headers, len);
    f[54 + len] = 0x30, f[55 + len] = 0x39;
    f[56 + len] = (uint8_t)(dport >> 8), f[57 + len] = (uint8_t)dport;
    return frame_len;
}

/* There and back: a plain header outside, everything as it was inside. */
static void crosses(size_t len)
{
    struct rig_result out = rig_one(&a, false, f, len), in;
    bool six = f[12] == 0x86;

    assert_string_equal(verdict_name(out.verdict), "sent_encrypted");
    if (six) {
        assert_int_equal(out.bytes[20], 50);
        assert_memory_equal(out.bytes + 22, f + 22, 32);
        assert_memory_equal(out.bytes + 14, f + 14, 4);
    } else {
        uint32_t sum = 0;

        assert_int_equal(out.bytes[14], 0x45);
        assert_int_equal(out.bytes[23], 50);
        assert_memory_equal(out.bytes + 26, f + 26, 8);
        for (unsigned i = 14; i < 34; i += 2)
            sum += (uint32_t)out.bytes[i] << 8 | out.bytes[i + 1];
        assert_int_equal((sum & 0xffff) + (sum >> 16), 0xffff);
        assert_int_equal(out.bytes[16] << 8 | out.bytes[17], out.len - 14);
    }
    assert_memory_equal(out.bytes + (six ? 54 : 34), "\0\0\x10\0", 4); /* the SPI, right behind */
    in = rig_one(&b, true, out.bytes, out.len);
    assert_string_equal(verdict_name(in.verdict), "received_decrypted");
    assert_int_equal(in.len, len);
    assert_memory_equal(in.bytes, f, len);
    assert_string_equal(verdict_name(rig_one(&b, true, f, len).verdict), "drop_policy_clear_in");
}

static void clear(size_t len, const char *verdict)
{
    struct rig_result out = rig_one(&a, false, f, len);

    assert_string_equal(verdict_name(out.verdict), verdict);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.bytes, f, len);
}

static void refused(size_t len, const char *verdict)
{
    assert_string_equal(verdict_name(rig_one(&a, false, f, len).verdict), verdict);
    assert_string_equal(verdict_name(rig_one(&b, true, f, len).verdict), verdict);
}

static void ipv4_options(void **state)
{
    (void)state;
    crosses(with_options("10.2.0.1", 17, 53, "\x94\4\0\0", 4));                          /* router alert */
    crosses(with_options("10.2.0.1", 6, 80, "\7\x0b\4\0\0\0\0\0\0\0\0\0", 12));          /* record route */
    crosses(with_options("10.2.0.1", 1, 0, "\x44\x0c\5\0\0\0\0\0\0\0\0\0\0\0\0\0", 16)); /* time stamps */
    crosses(with_options("10.2.0.1", 99, 0, "\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\0", 40));
    refused(with_options("10.2.0.1", 17, 53, "\x83\7\4\12\3\0\1\0", 8), "drop_source_route");
    refused(with_options("10.2.0.1", 17, 53, "\x89\7\4\12\3\0\1\0", 8), "drop_source_route");
    refused(with_options("10.2.0.1", 17, 53, "\x94\1\0\0", 4), "drop_ip_options");
}

/* The policy sees the ports behind the options, and nothing else for ports. */
static void ports_behind_options(void **state)
{
    (void)state;
    clear(with_options("10.2.0.1", 6, 22, "\x94\4\0\0", 4), "sent_clear");
    assert_string_equal(verdict_name(rig_one(&b, true, f, 114).verdict), "received_clear");
    crosses(with_options("10.2.0.1", 6, 23, "\x94\4\0\x16\0\x16\0\x16", 8));
    clear(with_headers(0, "\6\0\5\2\0\0\1\0", 8, 22), "sent_clear");
    crosses(with_headers(0, "\6\0\5\2\0\0\1\0", 8, 23));
    crosses(with_headers(60, "\6\0\1\4\0\x16\0\x16", 8, 23));
}

/* Hosts' reports go by the policy like everything else: here in clear, so that the WAN's routers can read them. */
static void reports_by_policy(void **state)
{
    (void)state;
    clear(with_options("224.0.0.22", 2, 0, "\x94\4\0\0", 4), "sent_clear");
    crosses(with_options("224.0.0.22", 17, 5353, "\x94\4\0\0", 4));
}

static void ipv6_extension_headers(void **state)
{
    (void)state;
    crosses(with_headers(0, "\x11\0\5\2\0\0\1\0", 8, 53));
    crosses(with_headers(60, "\x3a\0\1\4\0\0\0\0", 8, 53));
    crosses(with_headers(43, "\x11\0\4\0\0\0\0\0", 8, 53));
    crosses(with_headers(0, "\x3c\0\5\2\0\0\1\0\x2b\0\1\4\0\0\0\0\x3c\0\2\0\0\0\0\0\x11\0\1\4\0\0\0\0", 32, 53));
    crosses(with_headers(0, "\x2c\0\5\2\0\0\1\0\x11\0\0\1\0\0\0\7", 16, 53)); /* a first fragment */
    refused(with_headers(43, "\x11\0\0\0\0\0\0\0", 8, 53), "drop_source_route");
    refused(with_headers(43, "\x11\0\4\1\0\0\0\0", 8, 53), "drop_source_route");
    refused(with_headers(0, "\x11\0\xc2\4\0\1\0\0", 8, 53), "drop_ext_header");
    refused(with_headers(60, "\0\0\1\4\0\0\0\0\x11\0\1\4\0\0\0\0", 16, 53), "drop_ext_header");
    refused(with_headers(140, "\6\0\0\0\0\0\0\0", 8, 53), "drop_ext_header");
    refused(with_headers(60, "\x11\x20\0\0\0\0\0\0", 8, 53), "drop_malformed");
}

/* Ours has neither, so nobody has to decrypt it; the addresses of a permit keep it out. */
static void esp_with_options(void **state)
{
    struct rig_result out;

    (void)state;
    out = rig_one(&a, false, f, rig_ipv4(f, "10.1.0.1", "10.2.0.1", 17, 1, 2, 100));
    memmove(out.bytes + 38, out.bytes + 34, out.len - 34);
    memcpy(out.bytes + 34, "\0\0\x10\0", 4); /* an end of options that looks like the SPI */
    out.bytes[14] = 0x46;
    out.bytes[17] = (uint8_t)(out.bytes[17] + 4);
    rig_fix_checksum(out.bytes);
    assert_string_equal(verdict_name(rig_one(&b, true, out.bytes, out.len + 4).verdict), "drop_unknown_spi");
    out = rig_one(&a, false, f, rig_ipv6(f, "2001:db8:1::1", "2001:db8:2::1", 17, 1, 2, 100));
    memmove(out.bytes + 62, out.bytes + 54, out.len - 54);
    memcpy(out.bytes + 54, "\x32\0\1\4\0\0\0\0", 8);
    out.bytes[20] = 60;
    out.bytes[19] = (uint8_t)(out.bytes[19] + 8);
    assert_string_equal(verdict_name(rig_one(&b, true, out.bytes, out.len + 8).verdict), "drop_unknown_spi");
}

/* Frames that aren't IP, as they are on the wire. */
static void what_is_not_ip(void **state)
{
    static const struct {
        const char *name;
        uint8_t dst[6];
        uint16_t type; /* or length */
        uint8_t first[8];
    } frames[] = {
        {"LLDP", {1, 0x80, 0xc2, 0, 0, 0x0e}, 0x88cc, {2, 7, 4}},
        {"spanning tree", {1, 0x80, 0xc2, 0, 0, 0}, 38, {0x42, 0x42, 3, 0, 0, 2}},
        {"per-VLAN spanning tree", {1, 0, 0x0c, 0xcc, 0xcc, 0xcd}, 50, {0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b}},
        {"CDP", {1, 0, 0x0c, 0xcc, 0xcc, 0xcc}, 300, {0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0}},
        {"IS-IS", {1, 0x80, 0xc2, 0, 0, 0x14}, 1497, {0xfe, 0xfe, 3, 0x83, 27}},
        {"LACP", {1, 0x80, 0xc2, 0, 0, 2}, 0x8809, {1, 1}},
        {"802.1X", {1, 0x80, 0xc2, 0, 0, 3}, 0x888e, {3, 1}},
        {"MACsec", {2, 0, 0, 0, 0, 2}, 0x88e5, {0x2c, 0}},
        {"PTP", {1, 0x1b, 0x19, 0, 0, 0}, 0x88f7, {0, 2}},
        {"CFM", {1, 0x80, 0xc2, 0, 0, 0x30}, 0x8902, {0x20, 1}},
        {"ARP", {255, 255, 255, 255, 255, 255}, 0x0806, {0, 1, 8, 0, 6, 4, 0, 1}},
        {"PPPoE", {2, 0, 0, 0, 0, 2}, 0x8864, {0x11, 0, 0, 1, 0, 60, 0, 0x21}},
        {"MPLS", {2, 0, 0, 0, 0, 2}, 0x8847, {0, 1, 1, 64, 0x45}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++)
        for (unsigned tags = 0; tags <= 2; tags++)
            for (unsigned inbound = 0; inbound <= 1; inbound++) {
                size_t len = frames[i].type > 60 && frames[i].type < 1500 ? frames[i].type + 14u : 60;
                struct rig_result r;

                memset(f, 0x5a, len);
                memcpy(f, frames[i].dst, 6);
                store16_be(f + 12, frames[i].type);
                memcpy(f + 14, frames[i].first, 8);
                for (unsigned t = 0; t < tags; t++)
                    len = rig_tag(f, len, 0x8100, 9);
                r = rig_one(&b, inbound, f, len);
                if (r.verdict != VERDICT_PASSED_L2 || r.to != PKT_TO_TX || r.len != len || memcmp(r.bytes, f, len) != 0)
                    fail_msg("%s with %u tags: %s", frames[i].name, tags, verdict_name(r.verdict));
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ipv4_options, open_both, close_both),
        cmocka_unit_test_setup_teardown(ports_behind_options, open_both, close_both),
        cmocka_unit_test_setup_teardown(reports_by_policy, open_both, close_both),
        cmocka_unit_test_setup_teardown(ipv6_extension_headers, open_both, close_both),
        cmocka_unit_test_setup_teardown(esp_with_options, open_both, close_both),
        cmocka_unit_test_setup_teardown(what_is_not_ip, open_both, close_both),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
