/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The self test of lanes: 1 to 33 packets of one suite at once, of lengths that differ so that lanes end apart
 * (ipsec-mb 2.0 to 2.0.2 computed a wrong 3DES only then), sealed here and opened by the reference and the other way
 * round; then packets with one wrong bit among right ones.
 */
#include "dataplane/crypto/selftest.h"

#include <stdio.h>
#include <string.h>

#define SLOT (CRYPTO_AAD_LEN + 16 + SELFTEST_TEXT_MAX + CRYPTO_ICV_MAX)

struct bench {
    const struct crypto_backend *b, *reference;
    const struct suite *suite;
    struct crypto_key mine, theirs;
    void *lanes, *no_lanes;
    struct crypto_job jobs[SELFTEST_BURST_MAX];
    uint8_t slots[SELFTEST_BURST_MAX][SLOT];
};

static uint8_t octet_of(unsigned start, size_t at)
{
    return (uint8_t)(start + at * 7 + (at >> 8) * 31);
}

/* n packets. Mostly short ones: long ones take time and show nothing more. */
static void fill(struct bench *t, unsigned n, unsigned len_max)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned blocks = (i % 8 == n % 8 ? len_max : 256) / t->suite->align;
        struct crypto_job *job = &t->jobs[i];

        memset(job, 0, sizeof *job);
        for (size_t at = 0; at < SLOT; at++)
            t->slots[i][at] = octet_of(n + i, at);
        for (unsigned at = 0; at < 12; at++)
            job->nonce[at] = octet_of(3 * n + i, at);
        job->esp = t->slots[i];
        job->len = t->suite->align * (1 + (i * 37 + n * 11) % blocks);
    }
}

/* Through the lanes of one of both. Returns false when a job isn't done at the end. */
static bool run(struct bench *t, bool reference, bool open, unsigned n)
{
    const struct crypto_backend *b = reference ? t->reference : t->b;
    void *lanes = reference ? t->no_lanes : t->lanes;
    bool done = true;

    for (unsigned i = 0; i < n; i++) {
        t->jobs[i].key = reference ? &t->theirs : &t->mine;
        t->jobs[i].open = open;
        t->jobs[i].done = t->jobs[i].ok = false;
        b->submit(lanes, &t->jobs[i]);
    }
    b->flush(lanes);
    for (unsigned i = 0; i < n; i++)
        done = done && t->jobs[i].done;
    return done;
}

/* Are they as fill() made them? */
static bool all_plain(const struct bench *t, unsigned n)
{
    uint32_t front = CRYPTO_AAD_LEN + t->suite->iv_len;

    for (unsigned i = 0; i < n; i++) {
        if (!t->jobs[i].ok)
            return false;
        for (size_t at = 0; at < front + t->jobs[i].len; at++)
            if (t->slots[i][at] != octet_of(n + i, at))
                return false;
    }
    return true;
}

static bool agree(struct bench *t, bool reference_seals, unsigned n)
{
    fill(t, n, SELFTEST_TEXT_MAX);
    if (!run(t, reference_seals, false, n))
        return false;
    return run(t, !reference_seals, true, n) && all_plain(t, n);
}

/* Which octet a number means: of the ICV, the ESP header, the IV or nonce, or the text's first and last. */
static uint8_t *victim(struct bench *t, struct crypto_job *job, unsigned at)
{
    unsigned icv_len = t->suite->icv_len, iv_len = t->suite->iv_len;

    job->key = &t->mine;
    if (at < icv_len)
        return crypto_icv(job) + at;
    at -= icv_len;
    if (at < CRYPTO_AAD_LEN)
        return job->esp + at;
    at -= CRYPTO_AAD_LEN;
    if (t->suite->salt_len != 0 && at < 12)
        return job->nonce + at;
    if (t->suite->salt_len == 0 && at < iv_len)
        return job->esp + CRYPTO_AAD_LEN + at;
    return at % 2 == 0 ? crypto_text(job) : crypto_icv(job) - 1;
}

/* Every such bit matters; each packet with a wrong one stands among others, and one in the burst is right. */
static bool refuses(struct bench *t)
{
    unsigned n = SELFTEST_BURST_MAX, right = n / 2;
    unsigned bits = 8 * (t->suite->icv_len + CRYPTO_AAD_LEN + (t->suite->salt_len != 0 ? 12 : t->suite->iv_len) + 2u);

    for (unsigned bit = 0; bit < bits; bit += n - 1) {
        fill(t, n, 64);
        if (!run(t, false, false, n))
            return false;
        for (unsigned i = 0; i < n; i++) {
            unsigned k = (bit + i) % bits;

            if (i != right)
                *victim(t, &t->jobs[i], k / 8) ^= (uint8_t)(1u << k % 8);
        }
        if (!run(t, false, true, n))
            return false;
        for (unsigned i = 0; i < n; i++)
            if (t->jobs[i].ok != (i == right))
                return false;
    }
    return true;
}

static bool open_bench(struct bench *t)
{
    uint8_t key[64], integrity[64];

    for (unsigned i = 0; i < 64; i++) {
        key[i] = octet_of(17, i);
        integrity[i] = octet_of(99, i);
    }
    t->lanes = t->b->lanes_new();
    t->no_lanes = t->reference->lanes_new();
    return t->lanes != NULL && t->no_lanes != NULL && t->b->key_set(&t->mine, t->suite, key, integrity) &&
           t->reference->key_set(&t->theirs, t->suite, key, integrity);
}

bool selftest_jobs(const struct crypto_backend *b, const struct suite *suite, char *why, size_t cap)
{
    static _Thread_local struct bench t;
    bool right = false;

    memset(&t, 0, sizeof t);
    t.b = b;
    t.reference = crypto_libcrypto();
    t.suite = suite;
    if (!open_bench(&t)) {
        snprintf(why, cap, "%s: %s takes no key", suite->name, b->name);
        goto out;
    }
    for (unsigned n = 1; n <= SELFTEST_BURST_MAX; n++)
        if (!agree(&t, false, n) || !agree(&t, true, n)) {
            snprintf(why, cap, "%s: %s and the reference disagree on %u packets in lanes", suite->name, b->name, n);
            goto out;
        }
    if (!refuses(&t)) {
        snprintf(why, cap, "%s: %s accepts a wrong ICV in lanes, or refuses a right one", suite->name, b->name);
        goto out;
    }
    right = true;
out:
    if (t.lanes != NULL)
        b->lanes_free(t.lanes);
    if (t.no_lanes != NULL)
        t.reference->lanes_free(t.no_lanes);
    crypto_key_wipe(&t.mine);
    crypto_key_wipe(&t.theirs);
    return right;
}
