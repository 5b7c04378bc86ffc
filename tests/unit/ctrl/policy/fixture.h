/* SPDX-License-Identifier: BSD-3-Clause */
/* A small policy, its payloads written by hand, and how tests carry it from one side to the other. */
#ifndef GVPN_TESTS_UNIT_CTRL_POLICY_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_POLICY_FIXTURE_H

#include "ctrl/policy/payloads.h"
#include "tests/lib/bytes.h"

#include <openssl/sha.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct peer_features ours = {.ours = true, .version = 0x100, .features = FEATURES_KNOWN}, plain;

static inline bool sha256(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    return SHA256(bytes.p, bytes.len, out) != NULL;
}

static inline void add_rule(struct policy *p, const char *text, uint16_t sa)
{
    struct acl_entry e[2];
    const char *error;
    size_t column, n = acl_parse_entry(text, e, &error, &column);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        e[i].sa = sa;
        e[i].number = (uint16_t)(p->acl.n + 1);
        assert_true(acl_append(&p->acl, &e[i]));
    }
}

static inline void add_sa(struct policy *p, uint16_t number, uint32_t spi, enum suite_id suite, uint32_t lifetime_s)
{
    struct policy_sa *sa = &p->sas[p->n_sas++];
    uint8_t bytes[SECRET_MAX];
    *sa = (struct policy_sa){.number = number, .spi = spi, .suite = suite_by_id(suite), .lifetime_s = lifetime_s};
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(spi + i);
    assert_true(secret_set(&sa->key, bytes, (size_t)sa->suite->key_len + sa->suite->salt_len));
    assert_true(secret_set(&sa->integrity, bytes + 64, sa->suite->integrity_len));
}

/* One SA (AES-GCM-128, SPI 0x100, 3600 s), one rule, two sender ids: what the octets below say. */
static inline void small_policy(struct policy *p)
{
    policy_init(p);
    add_rule(p, "permit tcp 10.0.0.0/8 10.1.0.0/16 eq 443", 10);
    add_sa(p, 10, 0x100, SUITE_AES_GCM_128, 3600);
    p->sid_bits = 24;
    p->n_sender_ids = 2;
    p->sender_ids[0] = 1;
    p->sender_ids[1] = 2;
    assert_true(policy_set_digest(p, sha256));
}

#define SA_HEAD   "00000002 00000000"
#define RULE      "01 04 06 08 10 00 000a 0000 ffff 01bb 01bb 0a000000 0a010000"
#define ANY_ANY   "00 04 0000 08 0000000000000000 04 0000 08 0000000000000000"
#define SELECTOR  "06 04 0000 08 0a000000ff000000 04 01bb 08 0a010000ffff0000"
#define LIFE      "8001 0001 0002 0004 00000e10 8004 0001"
#define GCM_128   "8006 0080"
#define PRIVATE   "fd01 000a fd02 0000 fd03 0000"
#define SAT_OURS  "00 0043 01" ANY_ANY "14 00000100" LIFE GCM_128 PRIVATE
#define SAT_PLAIN "00 0037 01" SELECTOR "14 00000100" LIFE GCM_128
#define SA_PLAIN  SA_HEAD "0010 0000 00" SAT_PLAIN
#define KEY_128   "000102030405060708090a0b0c0d0e0f10111213"
#define TEK       "01 00 0021 04 00000100 0001 0014" KEY_128
#define SIDS      "04 00 0017 00 8001 0018 0002 0003 000001 0002 0003 000002"
#define KD        "0002 0000" TEK SIDS

/* SA body of the small policy for our member; the digest is computed here, not by the code under test. */
static inline const char *sa_ours(const char *rules, const char *sats, char out[8192])
{
    struct bytes b = bytes_hex(rules);
    uint8_t d[GDOI_DIGEST_LEN];
    char hex[2 * sizeof(d) + 1];
    SHA256(b.p, b.len, d);
    for (size_t i = 0; i < sizeof(d); i++)
        snprintf(hex + 2 * i, 3, "%02x", d[i]);
    snprintf(out, 8192, SA_HEAD "0016 0000 10 00 %04zx 0081 0020 %s 0082 %04zx %s %s", 4 + 36 + 4 + b.len, hex, b.len,
             rules, sats);
    bytes_free(&b);
    return out;
}

/* From hex; returns the fault's text, or "" when the policy was taken. */
static inline const char *take(const char *sa_hex, const char *kd_hex, const struct peer_features *peer,
                               struct policy *out, struct policy_fault *why)
{
    struct bytes sa = bytes_hex(sa_hex), kd = bytes_hex(kd_hex);
    bool ok = policy_from_payloads(bytes_span(&sa), bytes_span(&kd), peer, sha256, out, why);
    bytes_free(&sa);
    bytes_free(&kd);
    if (ok)
        return "";
    assert_int_equal(out->n_sas, 0);
    assert_int_equal(out->n_sender_ids, 0);
    assert_null(out->acl.entries);
    assert_true(why->notify != 0 && why->text[0] != '\0');
    return why->text;
}

/* Writes p for a peer and reads it back. */
static inline const char *carry(const struct policy *p, const struct peer_features *peer, struct policy *out,
                                struct policy_fault *why)
{
    static uint8_t a[65536], b[65536];
    struct buf_writer wa = buf_writer_of(a, sizeof(a)), wb = buf_writer_of(b, sizeof(b));
    buf_put_u8(&wa, 0);
    buf_put_u8(&wb, 0);
    struct isakmp_chain ca = isakmp_chain_at(&wa, 0), cb = isakmp_chain_at(&wb, 0);
    if (!policy_put_sa(&ca, p, peer, why) || !policy_put_kd(&cb, p, why))
        return why->text;
    assert_int_equal(a[0], ISAKMP_PAYLOAD_SA);
    assert_int_equal(b[0], ISAKMP_PAYLOAD_KD);
    struct bytes sa = bytes_copy(span_of(a + 5, wa.len - 5)), kd = bytes_copy(span_of(b + 5, wb.len - 5));
    bool ok = policy_from_payloads(bytes_span(&sa), bytes_span(&kd), peer, sha256, out, why);
    bytes_free(&sa);
    bytes_free(&kd);
    return ok ? "" : why->text;
}

/* What a key server has, what a member made of it, and why it was refused. */
static struct policy p, q;
static struct policy_fault why;

static int set_up(void **state)
{
    (void)state;
    small_policy(&p);
    policy_init(&q);
    memset(&why, 0, sizeof(why));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    policy_wipe(&p);
    policy_wipe(&q);
    return 0;
}

#endif
