/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every suite, in both modes and both families, on real mbufs: each length comes back as it went in, sealed by
 * ipsec-mb and opened by OpenSSL and the other way round; every wrong bit is refused; and what was verified but is no
 * packet is dropped by name (DP2, RFC 4303).
 */
#include "tests/stage/rig.h"

#include "dataplane/core/esp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPI 0x2000

static uint8_t frames[VEC_MAX][2048];
static const uint8_t *pointers[VEC_MAX];
static size_t lens[VEC_MAX];
static struct rig_result sent[VEC_MAX], received[VEC_MAX];

struct case_ {
    enum suite_id suite;
    bool transport, six;
};

static void policy(struct rig *r, struct case_ c, uint64_t first_sender)
{
    struct ipc_sa sa = rig_suite_message(r, c.suite, c.transport, SPI, 10, first_sender);

    rig_begin(r);
    rig_group(r, 0, "g", "wan", IPC_GROUP_POLICY);
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.1.0.0/16 10.2.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 10.2.0.0/16 10.1.0.0/16");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:1::/48 2001:db8:2::/48");
    rig_rule(r, 0, IPC_LIST_DOWNLOADED, 10, "permit ip 2001:db8:2::/48 2001:db8:1::/48");
    rig_sa(r, &sa);
    if (rig_commit(r) != IPC_OK)
        fail_msg("%s", r->reason);
}

/* Frame i with an IP packet of ip_len octets; without ports when it is too short for them. */
static void fill(unsigned i, bool six, size_t ip_len)
{
    uint16_t sport = (uint16_t)(1000 + i);

    lens[i] = six ? rig_ipv6(frames[i], "2001:db8:1::1", "2001:db8:2::1", ip_len >= 44 ? 17 : 58, sport, 53, ip_len)
                  : rig_ipv4(frames[i], "10.1.0.1", "10.2.0.1", ip_len >= 24 ? 17 : 1, sport, 53, ip_len);
    pointers[i] = frames[i];
}

/* What it must look like outside, without a look at the cipher. */
static void outer_is_right(struct case_ c, const uint8_t *in, const uint8_t *out, size_t ip_len, size_t outer_len)
{
    const struct suite *s = suite_by_id(c.suite);
    size_t header = c.six ? 40 : 20, payload = c.transport ? ip_len - header : ip_len;
    size_t text = (payload + 2 + s->align - 1) / s->align * s->align;
    const uint8_t *esp = out + header;
    static const uint8_t spi[4] = {0, 0, SPI >> 8, SPI & 0xff};

    assert_int_equal(outer_len, header + 8 + s->iv_len + text + s->icv_len);
    assert_memory_equal(esp, spi, 4);
    assert_int_equal(c.six ? out[6] : out[9], 50);
    assert_int_equal(c.six ? out[4] << 8 | out[5] : out[2] << 8 | out[3], c.six ? outer_len - 40 : outer_len);
    if (c.six)
        assert_memory_equal(out + 7, in + 7, 33);
    else
        assert_memory_equal(out + 12, in + 12, 8);
    if (!c.six && c.transport)
        assert_memory_equal(out + 4, in + 4, 5); /* identification, fragment bits, TTL */
    if (suite_is_gmac(s) || s->key_len == 0) /* authenticated in clear */
        assert_memory_equal(esp + 8 + s->iv_len, in + (c.transport ? header : 0), payload);
    else if (payload >= 16)
        assert_memory_not_equal(esp + 8 + s->iv_len, in + (c.transport ? header : 0), payload);
}

static void there(struct rig *a, struct rig *b, struct case_ c, unsigned n)
{
    const uint8_t *esp[VEC_MAX];
    size_t esp_lens[VEC_MAX];

    rig_run(a, 0, false, false, n, pointers, lens, sent);
    for (unsigned i = 0; i < n; i++) {
        if (sent[i].verdict != VERDICT_SENT_ENCRYPTED)
            fail_msg("%s, length %zu: %s", suite_by_id(c.suite)->name, lens[i], verdict_name(sent[i].verdict));
        assert_memory_equal(sent[i].bytes, frames[i], 14);
        outer_is_right(c, frames[i] + 14, sent[i].bytes + 14, lens[i] - 14, sent[i].len - 14);
        esp[i] = sent[i].bytes;
        esp_lens[i] = sent[i].len;
    }
    rig_run(b, 0, true, false, n, esp, esp_lens, received);
    for (unsigned i = 0; i < n; i++) {
        if (received[i].verdict != VERDICT_RECEIVED_DECRYPTED)
            fail_msg("%s, length %zu: %s", suite_by_id(c.suite)->name, lens[i], verdict_name(received[i].verdict));
        assert_int_equal(received[i].len, lens[i]);
        assert_memory_equal(received[i].bytes, frames[i], lens[i]);
    }
}

/* Every length up to two of the largest blocks and hash blocks, then around the MTU, and some between. */
static void lengths(struct rig *a, struct rig *b, struct case_ c)
{
    struct esp_geometry g = esp_geometry_of(suite_by_id(c.suite), c.transport, 0);
    size_t min = c.six ? 44 : 24, max = esp_effective_mtu(c.six ? L3_IPV6 : L3_IPV4, 1500, &g);
    unsigned n = 0, round = 0;

    for (size_t len = min; len <= max; len += len < 340 || len > max - 40 ? 1 : 29) {
        fill(n++, c.six, len);
        if (n == VEC_BURST || len == max || (len > 340 && len + 29 > max)) {
            if (round++ % 2 == 0)
                there(a, b, c, n);
            else
                there(b, a, c, n);
            n = 0;
        }
    }
}

static void every_suite_mode_family_and_length(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 4; k++)
        for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
            struct case_ c = {(enum suite_id)id, k & 1, k & 2};
            struct rig a, b;

            rig_open_with(&a, 1, crypto_ipsec_mb());
            rig_open_with(&b, 1, crypto_libcrypto());
            policy(&a, c, 1);
            policy(&b, c, 2);
            lengths(&a, &b, c);
            rig_close(&a);
            rig_close(&b);
        }
}

/* Short packets, tags, packets for our own address: the rest of what the fast way does, too. */
static void odd_ones(void **state)
{
    struct case_ c = {SUITE_AES_CBC_128_SHA256, false, false};
    struct rig a, b;

    (void)state;
    rig_open(&a, 1);
    rig_open(&b, 1);
    policy(&a, c, 1);
    policy(&b, c, 2);
    for (unsigned i = 0; i < VEC_BURST; i++)
        fill(i, i & 1, (i & 1 ? 41 : 20) + i / 8);
    rig_run(&a, 0, false, false, VEC_BURST, pointers, lens, sent);
    for (unsigned i = 0; i < VEC_BURST; i++) {
        struct rig_result back = rig_one(&b, true, sent[i].bytes, sent[i].len);

        assert_int_equal(back.verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(back.len, lens[i]);
        assert_memory_equal(back.bytes, frames[i], lens[i]);
    }
    for (unsigned tags = 1; tags <= 2; tags++) {
        fill(0, tags == 1, 100);
        for (unsigned t = 0; t < tags; t++)
            lens[0] = rig_tag(frames[0], lens[0], 0x8100, (uint16_t)(0x6000 + t));
        rig_run(&a, 0, false, false, 1, pointers, lens, sent);
        assert_int_equal(sent[0].verdict, VERDICT_SENT_ENCRYPTED);
        assert_memory_equal(sent[0].bytes, frames[0], 14 + 4 * tags);
        received[0] = rig_one(&b, true, sent[0].bytes, sent[0].len);
        assert_int_equal(received[0].len, lens[0]);
        assert_memory_equal(received[0].bytes, frames[0], lens[0]);
    }
    assert_int_equal(rig_count(&a, VERDICT_SENT_ENCRYPTED), VEC_BURST + 2);
    assert_int_equal(rig_count(&b, VERDICT_RECEIVED_DECRYPTED), VEC_BURST + 2);
    rig_close(&a);
    rig_close(&b);
}

/*
 * Each bit of SPI and sequence number, IV, text ends and ICV. An SPI that nobody has passes as what the policy says
 * of ESP.
 */
static void every_wrong_bit_is_refused(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++)
        for (unsigned transport = 0; transport < 2; transport++) {
            struct case_ c = {(enum suite_id)id, transport, false};
            const struct suite *s = suite_by_id(id);
            size_t from = 14 + 20 + 4, text = 14 + 20 + 8 + s->iv_len, icv, refused = 0;
            struct rig a, b;

            rig_open(&a, 1);
            rig_open(&b, 1);
            policy(&a, c, 1);
            policy(&b, c, 2);
            fill(0, false, 77);
            rig_run(&a, 0, false, false, 1, pointers, lens, sent);
            icv = sent[0].len - s->icv_len;
            for (size_t at = from; at < sent[0].len; at++)
                for (unsigned bit = 0; bit < 8; bit++) {
                    enum verdict v;

                    if (at >= text + 16 && at < icv - 16)
                        continue;
                    sent[0].bytes[at] ^= (uint8_t)(1u << bit);
                    v = rig_one(&b, true, sent[0].bytes, sent[0].len).verdict;
                    sent[0].bytes[at] ^= (uint8_t)(1u << bit);
                    if (v != VERDICT_DROP_AUTH)
                        fail_msg("%s, octet %zu, bit %u: %s", s->name, at, bit, verdict_name(v));
                    refused++;
                }
            assert_int_equal(rig_count(&b, VERDICT_DROP_AUTH), refused);
            assert_int_equal(rig_one(&b, true, sent[0].bytes, sent[0].len).verdict, VERDICT_RECEIVED_DECRYPTED);
            rig_close(&a);
            rig_close(&b);
        }
}

/* Shorter, or not a whole number of blocks: not worth a decryption. */
static void impossible_lengths(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        struct case_ c = {(enum suite_id)id, false, false};
        const struct suite *s = suite_by_id(id);
        struct rig b;

        rig_open(&b, 1);
        policy(&b, c, 2);
        for (size_t len = 4; len < 150; len++) {
            size_t around = 8u + s->iv_len + s->icv_len;
            bool possible = len >= around + s->align && (len - around) % s->align == 0;
            struct rig_result r;

            lens[0] = rig_ipv4(frames[0], "10.1.0.1", "10.2.0.1", 50, 0, SPI, 20 + len);
            r = rig_one(&b, true, frames[0], lens[0]);
            assert_int_equal(r.verdict, possible ? VERDICT_DROP_AUTH : VERDICT_DROP_MALFORMED);
        }
        rig_close(&b);
    }
}

/* Seals a text of whole blocks as nobody should, with OpenSSL, and hands it in. */
static enum verdict crafted(struct rig *b, struct case_ c, const uint8_t *text, uint32_t text_len)
{
    static struct crypto_key key;
    struct ipc_sa m = rig_suite_message(b, c.suite, c.transport, SPI, 10, 7);
    const struct suite *s = suite_by_id(c.suite);
    size_t len = rig_ipv4(frames[0], "10.1.0.1", "10.2.0.1", 50, 0, SPI, 20 + 8 + s->iv_len + text_len + s->icv_len);
    struct crypto_job job = {.key = &key, .esp = frames[0] + 34, .len = text_len};

    assert_true(crypto_libcrypto()->key_set(&key, s, m.key.b, m.integrity.b));
    if (s->salt_len != 0) {
        memcpy(job.nonce, m.key.b + s->key_len, 4);
        memcpy(job.nonce + 4, job.esp + 8, 8);
    }
    memcpy(crypto_text(&job), text, text_len);
    crypto_libcrypto()->submit(NULL, &job);
    assert_true(job.ok);
    return rig_one(b, true, frames[0], len).verdict;
}

/* What comes out of the cipher is judged like anything from the wire. */
static void verified_but_wrong(void **state)
{
    static const enum suite_id ids[] = {SUITE_AES_CBC_128_SHA1, SUITE_3DES_SHA1, SUITE_NULL_SHA512, SUITE_AES_GMAC_192,
                                        SUITE_CHACHA20_POLY1305};

    (void)state;
    for (unsigned k = 0; k < sizeof ids / sizeof ids[0]; k++) {
        struct case_ c = {ids[k], false, false};
        uint8_t text[96], frame[2048];
        struct rig b;

        rig_open(&b, 1);
        policy(&b, c, 2);
        /* 80 octets of packet, 14 of padding, two more: whole blocks for every cipher. */
        (void)rig_ipv4(frame, "10.1.0.1", "10.2.0.1", 17, 5, 5, 80);
        memcpy(text, frame + 14, 80);
        esp_put_padding(text + 80, 14, 4);
        assert_int_equal(crafted(&b, c, text, 96), VERDICT_RECEIVED_DECRYPTED);
        for (unsigned pad = 0; pad < 14; pad++) {
            text[80 + pad] ^= 0x40;
            assert_int_equal(crafted(&b, c, text, 96), VERDICT_DROP_INNER_MALFORMED);
            text[80 + pad] ^= 0x40;
        }
        text[94] = 95; /* more padding than text */
        assert_int_equal(crafted(&b, c, text, 96), VERDICT_DROP_INNER_MALFORMED);
        text[94] = 14;
        for (unsigned next = 0; next < 256; next++) {
            text[95] = (uint8_t)next;
            assert_int_equal(crafted(&b, c, text, 96), next == 4    ? VERDICT_RECEIVED_DECRYPTED
                                                       : next == 59 ? VERDICT_DROP_DUMMY
                                                       : next == NEXT_META ? VERDICT_DROP_METADATA
                                                                    : VERDICT_DROP_INNER_MALFORMED);
        }
        text[95] = 4;
        (void)rig_ipv4(frame, "10.1.0.1", "10.2.0.2", 17, 5, 5, 80);
        memcpy(text, frame + 14, 80);
        assert_int_equal(crafted(&b, c, text, 96), VERDICT_DROP_ADDRESS_MISMATCH);
        rig_close(&b);
    }
}

/* Transport mode: the next header is any protocol, and what the policy doesn't permit doesn't come in. */
static void transport_is_judged_with_its_header(void **state)
{
    struct case_ c = {SUITE_AES_GCM_128, true, false};
    struct rig b;
    uint8_t text[32] = {0x03, 0xe8, 0, 53};

    (void)state;
    rig_open(&b, 1);
    policy(&b, c, 2);
    esp_put_padding(text + 16, 14, 17);
    assert_int_equal(crafted(&b, c, text, 32), VERDICT_RECEIVED_DECRYPTED);
    text[31] = 59;
    assert_int_equal(crafted(&b, c, text, 32), VERDICT_DROP_DUMMY);
    text[31] = 17;
    text[20] ^= 1;
    assert_int_equal(crafted(&b, c, text, 32), VERDICT_DROP_INNER_MALFORMED);
    rig_close(&b);
    rig_open(&b, 1); /* the same from somewhere else: only udp to port 53 is permitted */
    {
        struct ipc_sa sa = rig_suite_message(&b, c.suite, true, SPI, 10, 2);

        rig_begin(&b);
        rig_group(&b, 0, "g", "wan", IPC_GROUP_POLICY);
        rig_rule(&b, 0, IPC_LIST_DOWNLOADED, 10, "permit udp host 10.1.0.1 host 10.2.0.1 eq 53");
        rig_sa(&b, &sa);
        assert_int_equal(rig_commit(&b), IPC_OK);
    }
    text[20] ^= 1;
    assert_int_equal(crafted(&b, c, text, 32), VERDICT_RECEIVED_DECRYPTED);
    text[3] = 54;
    assert_int_equal(crafted(&b, c, text, 32), VERDICT_DROP_INNER_POLICY);
    rig_close(&b);
}

/* A member on one side suffices, in transport mode, too (docs/packet.md, "TCP MSS"). */
static void the_receiver_clamps_in_transport_mode(void **state)
{
    static const enum suite_id suites[] = {SUITE_AES_GCM_128, SUITE_AES_CBC_128_SHA256, SUITE_NULL_SHA1};

    (void)state;
    for (unsigned k = 0; k < 6; k++) {
        struct case_ c = {suites[k / 2], true, k & 1};
        unsigned header = c.six ? 40 : 20;
        uint8_t *tcp = frames[0] + 14 + header, *came = received[0].bytes + 14 + header;
        struct esp_geometry g = esp_geometry_of(suite_by_id(c.suite), true, 0);
        const uint8_t *esp = sent[0].bytes;
        struct rig a, b;

        rig_open(&a, 1);
        rig_open(&b, 1);
        policy(&a, c, 1);
        policy(&b, c, 2);
        a.config.mss_clamp = false;
        lens[0] = c.six ? rig_ipv6(frames[0], "2001:db8:1::1", "2001:db8:2::1", 6, 1000, 80, 64)
                        : rig_ipv4(frames[0], "10.1.0.1", "10.2.0.1", 6, 1000, 80, 44);
        pointers[0] = frames[0];
        tcp[12] = 0x60, tcp[13] = 2; /* SYN */
        memcpy(tcp + 20, "\2\4\x05\xb4", 4); /* 1460 */
        rig_run(&a, 0, false, false, 1, pointers, lens, sent);
        assert_int_equal(sent[0].verdict, VERDICT_SENT_ENCRYPTED);
        rig_run(&b, 0, true, false, 1, &esp, &sent[0].len, received);
        assert_int_equal(received[0].verdict, VERDICT_RECEIVED_DECRYPTED);
        assert_int_equal(came[22] << 8 | came[23], esp_effective_mtu(c.six ? L3_IPV6 : L3_IPV4, 1500, &g) - header - 20);
        rig_close(&a);
        rig_close(&b);
    }
}

/* Decision of transport mode: one plain header, else dropped by name. */
static void transport_refuses_what_it_cannot_move(void **state)
{
    struct case_ c = {SUITE_AES_GCM_256, true, false};
    struct rig a;

    (void)state;
    rig_open(&a, 1);
    policy(&a, c, 1);
    fill(0, false, 100);
    frames[0][14 + 6] = 0x20; /* more fragments */
    rig_fix_checksum(frames[0]);
    assert_int_equal(rig_one(&a, false, frames[0], lens[0]).verdict, VERDICT_DROP_FRAGMENT);
    fill(0, false, 100);
    frames[0][14 + 7] = 10; /* a later one */
    rig_fix_checksum(frames[0]);
    assert_int_equal(rig_one(&a, false, frames[0], lens[0]).verdict, VERDICT_DROP_FRAGMENT);
    fill(0, false, 100);
    frames[0][14] = 0x46;
    memset(frames[0] + 34, 1, 4); /* no-operation options */
    rig_fix_checksum(frames[0]);
    assert_int_equal(rig_one(&a, false, frames[0], lens[0]).verdict, VERDICT_DROP_IP_OPTIONS);
    fill(0, true, 100);
    frames[0][14 + 6] = 60; /* destination options: 8 octets of padding, then UDP */
    memcpy(frames[0] + 54, "\x11\0\1\4\0\0\0\0", 8);
    assert_int_equal(rig_one(&a, false, frames[0], lens[0]).verdict, VERDICT_DROP_EXT_HEADER);
    rig_close(&a);
}

/* ESP with a sender id of ours comes back: counter modes see it, the others can't. */
static void own_packets(void **state)
{
    (void)state;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++) {
        struct case_ c = {(enum suite_id)id, id % 2, false};
        struct rig a;

        rig_open(&a, 1);
        policy(&a, c, 1);
        fill(0, false, 100);
        rig_run(&a, 0, false, false, 1, pointers, lens, sent);
        assert_int_equal(rig_one(&a, true, sent[0].bytes, sent[0].len).verdict,
                         suite_by_id(id)->counter_mode ? VERDICT_DROP_OWN_SENDER : VERDICT_RECEIVED_DECRYPTED);
        rig_close(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_mode_family_and_length),
        cmocka_unit_test(odd_ones),
        cmocka_unit_test(every_wrong_bit_is_refused),
        cmocka_unit_test(impossible_lengths),
        cmocka_unit_test(verified_but_wrong),
        cmocka_unit_test(transport_is_judged_with_its_header),
        cmocka_unit_test(the_receiver_clamps_in_transport_mode),
        cmocka_unit_test(transport_refuses_what_it_cannot_move),
        cmocka_unit_test(own_packets),
    };

    rig_start_eal();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
