/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The start-up self test of a crypto backend. AES-GCM's one-shot calls here: test cases 1 to 4, 7 to 10 and 13 to 16
 * of the GCM specification submitted to NIST (SP 800-38D), whose tables the CAVP files repeat; then bursts of 1 to 33
 * packets of many lengths, sealed here and opened by the reference and the other way round, and wrong ICVs, each of
 * which must be refused (CVE-2015-4550: an engine that never looked at it). Then every suite through lanes:
 * selftest_known.c and selftest_jobs.c. A broken library or CPU must never carry a packet.
 */
#include "dataplane/crypto/selftest.h"

#include <stdio.h>
#include <string.h>

#define BURST_MAX SELFTEST_BURST_MAX
#define TEXT_MAX  SELFTEST_TEXT_MAX
#define SLOT      (CRYPTO_AAD_LEN + CRYPTO_IV_LEN + TEXT_MAX + CRYPTO_ICV_LEN)

struct known_answer {
    enum suite_id suite;
    bool zero;       /* key, nonce and text are zero octets */
    uint8_t len;     /* of the text */
    uint8_t aad_len; /* 0 or 20 */
    uint8_t cipher_start[16];
    uint8_t tag[CRYPTO_ICV_LEN];
};

static const uint8_t kat_key[32] = {0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65, 0x73, 0x1c, 0x6d, 0x6a, 0x8f,
                                    0x94, 0x67, 0x30, 0x83, 0x08, 0xfe, 0xff, 0xe9, 0x92, 0x86, 0x65,
                                    0x73, 0x1c, 0x6d, 0x6a, 0x8f, 0x94, 0x67, 0x30, 0x83, 0x08};
static const uint8_t kat_nonce[12] = {0xca, 0xfe, 0xba, 0xbe, 0xfa, 0xce, 0xdb, 0xad, 0xde, 0xca, 0xf8, 0x88};
static const uint8_t kat_aad[20] = {0xfe, 0xed, 0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xfe, 0xed,
                                    0xfa, 0xce, 0xde, 0xad, 0xbe, 0xef, 0xab, 0xad, 0xda, 0xd2};
static const uint8_t kat_text[64] = {
    0xd9, 0x31, 0x32, 0x25, 0xf8, 0x84, 0x06, 0xe5, 0xa5, 0x59, 0x09, 0xc5, 0xaf, 0xf5, 0x26, 0x9a,
    0x86, 0xa7, 0xa9, 0x53, 0x15, 0x34, 0xf7, 0xda, 0x2e, 0x4c, 0x30, 0x3d, 0x8a, 0x31, 0x8a, 0x72,
    0x1c, 0x3c, 0x0c, 0x95, 0x95, 0x68, 0x09, 0x53, 0x2f, 0xcf, 0x0e, 0x24, 0x49, 0xa6, 0xb5, 0x25,
    0xb1, 0x6a, 0xed, 0xf5, 0xaa, 0x0d, 0xe6, 0x57, 0xba, 0x63, 0x7b, 0x39, 0x1a, 0xaf, 0xd2, 0x55};

static const struct known_answer known_answers[] = {
    {SUITE_AES_GCM_128, true, 0, 0,
     {0},
     {0x58, 0xe2, 0xfc, 0xce, 0xfa, 0x7e, 0x30, 0x61, 0x36, 0x7f, 0x1d, 0x57, 0xa4, 0xe7, 0x45, 0x5a}},
    {SUITE_AES_GCM_128, true, 16, 0,
     {0x03, 0x88, 0xda, 0xce, 0x60, 0xb6, 0xa3, 0x92, 0xf3, 0x28, 0xc2, 0xb9, 0x71, 0xb2, 0xfe, 0x78},
     {0xab, 0x6e, 0x47, 0xd4, 0x2c, 0xec, 0x13, 0xbd, 0xf5, 0x3a, 0x67, 0xb2, 0x12, 0x57, 0xbd, 0xdf}},
    {SUITE_AES_GCM_128, false, 64, 0,
     {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c},
     {0x4d, 0x5c, 0x2a, 0xf3, 0x27, 0xcd, 0x64, 0xa6, 0x2c, 0xf3, 0x5a, 0xbd, 0x2b, 0xa6, 0xfa, 0xb4}},
    {SUITE_AES_GCM_128, false, 60, 20,
     {0x42, 0x83, 0x1e, 0xc2, 0x21, 0x77, 0x74, 0x24, 0x4b, 0x72, 0x21, 0xb7, 0x84, 0xd0, 0xd4, 0x9c},
     {0x5b, 0xc9, 0x4f, 0xbc, 0x32, 0x21, 0xa5, 0xdb, 0x94, 0xfa, 0xe9, 0x5a, 0xe7, 0x12, 0x1a, 0x47}},
    {SUITE_AES_GCM_192, true, 0, 0,
     {0},
     {0xcd, 0x33, 0xb2, 0x8a, 0xc7, 0x73, 0xf7, 0x4b, 0xa0, 0x0e, 0xd1, 0xf3, 0x12, 0x57, 0x24, 0x35}},
    {SUITE_AES_GCM_192, true, 16, 0,
     {0x98, 0xe7, 0x24, 0x7c, 0x07, 0xf0, 0xfe, 0x41, 0x1c, 0x26, 0x7e, 0x43, 0x84, 0xb0, 0xf6, 0x00},
     {0x2f, 0xf5, 0x8d, 0x80, 0x03, 0x39, 0x27, 0xab, 0x8e, 0xf4, 0xd4, 0x58, 0x75, 0x14, 0xf0, 0xfb}},
    {SUITE_AES_GCM_192, false, 64, 0,
     {0x39, 0x80, 0xca, 0x0b, 0x3c, 0x00, 0xe8, 0x41, 0xeb, 0x06, 0xfa, 0xc4, 0x87, 0x2a, 0x27, 0x57},
     {0x99, 0x24, 0xa7, 0xc8, 0x58, 0x73, 0x36, 0xbf, 0xb1, 0x18, 0x02, 0x4d, 0xb8, 0x67, 0x4a, 0x14}},
    {SUITE_AES_GCM_192, false, 60, 20,
     {0x39, 0x80, 0xca, 0x0b, 0x3c, 0x00, 0xe8, 0x41, 0xeb, 0x06, 0xfa, 0xc4, 0x87, 0x2a, 0x27, 0x57},
     {0x25, 0x19, 0x49, 0x8e, 0x80, 0xf1, 0x47, 0x8f, 0x37, 0xba, 0x55, 0xbd, 0x6d, 0x27, 0x61, 0x8c}},
    {SUITE_AES_GCM_256, true, 0, 0,
     {0},
     {0x53, 0x0f, 0x8a, 0xfb, 0xc7, 0x45, 0x36, 0xb9, 0xa9, 0x63, 0xb4, 0xf1, 0xc4, 0xcb, 0x73, 0x8b}},
    {SUITE_AES_GCM_256, true, 16, 0,
     {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e, 0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18},
     {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0, 0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19}},
    {SUITE_AES_GCM_256, false, 64, 0,
     {0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d},
     {0xb0, 0x94, 0xda, 0xc5, 0xd9, 0x34, 0x71, 0xbd, 0xec, 0x1a, 0x50, 0x22, 0x70, 0xe3, 0xcc, 0x6c}},
    {SUITE_AES_GCM_256, false, 60, 20,
     {0x52, 0x2d, 0xc1, 0xf0, 0x99, 0x56, 0x7d, 0x07, 0xf4, 0x7f, 0x37, 0xa3, 0x2a, 0x84, 0x42, 0x7d},
     {0x76, 0xfc, 0x6e, 0xce, 0x0f, 0x4e, 0x17, 0x68, 0xcd, 0xdf, 0x88, 0x53, 0xbb, 0x2d, 0x55, 0x1b}},
};

static void counting(uint8_t *p, size_t len, unsigned start)
{
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)(start + i * 7);
}

static bool known_answer_right(const struct crypto_backend *b, const struct known_answer *a)
{
    uint8_t text[sizeof kat_text] = {0}, nonce[12] = {0}, key[32] = {0}, tag[CRYPTO_ICV_LEN];
    struct crypto_key k;
    bool right;

    if (!a->zero) {
        memcpy(text, kat_text, sizeof text);
        memcpy(nonce, kat_nonce, sizeof nonce);
        memcpy(key, kat_key, sizeof key);
    }
    if (!b->key_set(&k, suite_by_id(a->suite), key, NULL))
        return false;
    b->seal_one(&k, nonce, span_of(kat_aad, a->aad_len), text, a->len, tag);
    right = memcmp(tag, a->tag, sizeof tag) == 0;
    if (a->len >= sizeof a->cipher_start)
        right = right && memcmp(text, a->cipher_start, sizeof a->cipher_start) == 0;
    crypto_key_wipe(&k);
    return right;
}

/* n packets whose lengths walk over the block edges; packet i of burst n has its own nonce and octets. */
static void fill(uint8_t (*slots)[SLOT], struct crypto_op *ops, unsigned n, const struct crypto_key *k)
{
    for (unsigned i = 0; i < n; i++) {
        counting(slots[i], SLOT, n + i);
        memset(&ops[i], 0, sizeof ops[i]);
        ops[i].key = k;
        ops[i].esp = slots[i];
        ops[i].len = 4 * (1 + (i * 37 + n * 11) % (TEXT_MAX / 4));
        counting(ops[i].nonce, 12, 3 * n + i);
    }
}

static bool all_plain(uint8_t (*slots)[SLOT], const struct crypto_op *ops, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *text = slots[i] + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;

        for (uint32_t at = 0; at < ops[i].len; at++)
            if (text[at] != (uint8_t)(n + i + (at + CRYPTO_AAD_LEN + CRYPTO_IV_LEN) * 7))
                return false;
    }
    return true;
}

static bool all_ok(const struct crypto_op *ops, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!ops[i].ok)
            return false;
    return true;
}

/* One seals, the other opens: every packet must come back. */
static bool agree(const struct crypto_backend *sealer, const struct crypto_key *sk, const struct crypto_backend *opener,
                  const struct crypto_key *ok, unsigned n)
{
    static _Thread_local uint8_t slots[BURST_MAX][SLOT];
    struct crypto_op ops[BURST_MAX];

    fill(slots, ops, n, sk);
    sealer->seal(ops, n);
    for (unsigned i = 0; i < n; i++) {
        ops[i].key = ok;
        ops[i].ok = 0;
    }
    opener->open(ops, n);
    return all_ok(ops, n) && all_plain(slots, ops, n);
}

/* Every bit of the ICV matters, and so does every bit of the additional data, the nonce and the text's ends. */
static bool refuses(const struct crypto_backend *b, const struct crypto_key *k)
{
    static _Thread_local uint8_t slots[1][SLOT];
    struct crypto_op op;

    for (unsigned bit = 0; bit < 8 * (CRYPTO_ICV_LEN + CRYPTO_AAD_LEN + 12 + 2); bit++) {
        unsigned at = bit / 8;
        uint8_t *victim;

        fill(slots, &op, 1, k);
        b->seal(&op, 1);
        victim = op.esp + CRYPTO_AAD_LEN + CRYPTO_IV_LEN;
        if (at < CRYPTO_ICV_LEN)
            victim += op.len + at;
        else if (at < CRYPTO_ICV_LEN + CRYPTO_AAD_LEN)
            victim = op.esp + (at - CRYPTO_ICV_LEN);
        else if (at < CRYPTO_ICV_LEN + CRYPTO_AAD_LEN + 12)
            victim = op.nonce + (at - CRYPTO_ICV_LEN - CRYPTO_AAD_LEN);
        else if (at == CRYPTO_ICV_LEN + CRYPTO_AAD_LEN + 13)
            victim += op.len - 1;
        *victim ^= (uint8_t)(1u << (bit & 7));
        b->open(&op, 1);
        if (op.ok)
            return false;
    }
    return true;
}

static bool suite_right(const struct crypto_backend *b, enum suite_id id, char *why, size_t cap)
{
    const struct crypto_backend *reference = crypto_libcrypto();
    const struct suite *suite = suite_by_id(id);
    struct crypto_key mine, theirs;
    bool right = false;

    memset(&mine, 0, sizeof mine);
    memset(&theirs, 0, sizeof theirs);
    if (!b->key_set(&mine, suite, kat_key, NULL) || !reference->key_set(&theirs, suite, kat_key, NULL)) {
        snprintf(why, cap, "%s: %s takes no key", suite->name, b->name);
        goto out;
    }
    for (unsigned n = 1; n <= BURST_MAX; n++)
        if (!agree(b, &mine, reference, &theirs, n) || !agree(reference, &theirs, b, &mine, n)) {
            snprintf(why, cap, "%s: %s and the reference disagree on a burst of %u", suite->name, b->name, n);
            goto out;
        }
    if (!refuses(b, &mine)) {
        snprintf(why, cap, "%s: %s accepts a wrong ICV", suite->name, b->name);
        goto out;
    }
    right = true;
out:
    crypto_key_wipe(&mine);
    crypto_key_wipe(&theirs);
    return right;
}

bool crypto_selftest(const struct crypto_backend *b, char *why, size_t cap)
{
    for (size_t i = 0; i < sizeof known_answers / sizeof known_answers[0]; i++)
        if (!known_answer_right(b, &known_answers[i])) {
            snprintf(why, cap, "%s: %s gives a wrong answer to known test %zu",
                     suite_by_id(known_answers[i].suite)->name, b->name, i + 1);
            return false;
        }
    if (!suite_right(b, SUITE_AES_GCM_128, why, cap) || !suite_right(b, SUITE_AES_GCM_192, why, cap) ||
        !suite_right(b, SUITE_AES_GCM_256, why, cap) || !selftest_known_answers(b, why, cap))
        return false;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT; id++)
        if (!selftest_jobs(b, suite_by_id(id), why, cap))
            return false;
    return true;
}
