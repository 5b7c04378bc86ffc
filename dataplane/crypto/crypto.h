/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the packet path asks of a crypto library: keys prepared once, and then ESP packets sealed and opened in place,
 * in two ways. AES-GCM in bursts of one-shot calls, the fast way (RFC 4106). Every suite as single jobs through lanes
 * (RFC 4106, 4543, 7634, 3602, 2451, 2410, 2404, 4868), where the library works on several packets side by side. Two
 * backends: ipsec-mb, which the product runs, and libcrypto, which judges it in the self test and in tests. Knows
 * nothing of packets, SAs and DPDK.
 */
#ifndef GVPN_DATAPLANE_CRYPTO_CRYPTO_H
#define GVPN_DATAPLANE_CRYPTO_CRYPTO_H

#include "common/suite.h"

#include <assert.h>
#include <immintrin.h>

#define CRYPTO_KEY_STATE 1024 /* octets a backend may keep per key */
#define CRYPTO_ICV_LEN   16   /* of GCM, as the other two */
#define CRYPTO_AAD_LEN   8    /* SPI | sequence number */
#define CRYPTO_IV_LEN    8
#define CRYPTO_ICV_MAX   32
#define CRYPTO_JOBS_MAX  128 /* in one set of lanes at once */

/* A prepared key. Belongs to the caller, who wipes it with crypto_key_wipe(). */
struct crypto_key {
    void (*run)(void); /* the backend's functions for this suite; only the backend calls them */
    void (*run_open)(void);
    const struct suite *suite;
    uint64_t reserved[5];
    uint8_t state[CRYPTO_KEY_STATE] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

/*
 * One packet of AES-GCM: [SPI 4 | sequence 4 | IV 8 | len octets of text | ICV 16] starting at esp. Sealing encrypts
 * the text in place and writes the ICV behind it; opening decrypts in place and sets ok to whether the ICV was right
 * (compared in constant time). After a failed open the text is garbage and must not be used. Write all nonces of a
 * burst before running it: a nonce stored just before its call stalls the load inside.
 */
struct crypto_op {
    uint8_t nonce[16]; /* salt 4 | IV 8 | unused 4 */
    uint8_t tag[16];   /* opening: what the ICV should have been */
    const struct crypto_key *key;
    uint8_t *esp;
    uint32_t len;
    uint32_t ok;
    uint16_t mark[2]; /* the caller's; nobody else looks at them */
} __attribute__((aligned(64)));
static_assert(sizeof(struct crypto_op) == 64, "a crypto operation fills one cache line");

/*
 * One packet of any suite: [SPI 4 | sequence 4 | IV | len octets of text | ICV] starting at esp, IV and ICV as long as
 * the suite says. A CBC sender has written the IV. Otherwise as struct crypto_op. Packet, key and job stay where they
 * are and belong to the lanes until done is set. len is a multiple of the cipher's block.
 */
struct crypto_job {
    uint8_t nonce[16]; /* combined modes: salt 4 | IV 8 | unused 4 */
    uint8_t tag[CRYPTO_ICV_MAX]; /* opening: what the ICV should have been */
    const struct crypto_key *key;
    uint8_t *esp;
    uint32_t len;
    bool open; /* else seal */
    bool done;
    bool ok; /* sealed, or opened with the right ICV */
} __attribute__((aligned(64)));

struct crypto_backend {
    const char *name;
    /*
     * Prepares a key of suite->key_len octets and an integrity key of suite->integrity_len (NULL when that is 0).
     * Returns false for a suite that the backend can't run.
     */
    bool (*key_set)(struct crypto_key *k, const struct suite *suite, const uint8_t *key, const uint8_t *integrity);
    /* Bursts of AES-GCM. */
    void (*seal)(struct crypto_op *ops, unsigned n);
    void (*open)(struct crypto_op *ops, unsigned n);
    /* One message of AES-GCM with any additional data, sealed in place: for published vectors, not for packets. */
    void (*seal_one)(const struct crypto_key *k, const uint8_t nonce[12], struct span aad, uint8_t *text, size_t len,
                     uint8_t tag[CRYPTO_ICV_LEN]);

    /* Lanes of one thread and one direction. NULL when memory is short. Freeing wipes; jobs must be done. */
    void *(*lanes_new)(void);
    void (*lanes_free)(void *lanes);
    /*
     * Hands a job over; this one and older ones may be done afterwards, in any order. At most CRYPTO_JOBS_MAX may be
     * in the lanes.
     */
    void (*submit)(void *lanes, struct crypto_job *job);
    /* Makes all jobs done. */
    void (*flush)(void *lanes);
};

/* The product's backend; NULL when this CPU or library can't run it. One per process, never freed. */
const struct crypto_backend *crypto_ipsec_mb(void);
/* The reference: slow, independent of ipsec-mb. */
const struct crypto_backend *crypto_libcrypto(void);

/* Wipes a key, schedule included. */
void crypto_key_wipe(struct crypto_key *k);

/* Is the ICV behind a job's text the one in its tag? Constant time. For backends. */
bool crypto_icv_right(const struct crypto_job *job);

/*
 * Start-up self test of a backend: published known answers of every suite, every length around the block edges, 1 to
 * 33 packets at once against the reference in both directions, and wrong ICVs, which must be refused. Returns true, or
 * false with the suite and what failed in `why` (cap octets). The data plane doesn't start without it.
 */
MUST_CHECK bool crypto_selftest(const struct crypto_backend *b, char *why, size_t cap);

/*
 * salt | IV, both as in memory, in one store: a nonce written in pieces just before its call would stall the load inside.
 */
static inline void crypto_put_nonce(uint8_t nonce[16], uint32_t salt, uint64_t iv_be)
{
    __m128i iv = _mm_slli_si128(_mm_cvtsi64_si128((int64_t)iv_be), 4);

    _mm_store_si128((__m128i *)(void *)nonce, _mm_or_si128(iv, _mm_cvtsi32_si128((int)salt)));
}

/* Where the ICV of a packet stands, and where its text begins. */
static inline uint8_t *crypto_text(const struct crypto_job *job)
{
    return job->esp + CRYPTO_AAD_LEN + job->key->suite->iv_len;
}

static inline uint8_t *crypto_icv(const struct crypto_job *job)
{
    return crypto_text(job) + job->len;
}

#endif
