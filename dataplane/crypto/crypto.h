/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the packet path asks of a crypto library: keys prepared once, then bursts of one-shot ESP operations in place
 * (RFC 4106). Two backends: ipsec-mb, which the product runs, and libcrypto, which judges it in the self test and in
 * tests. Knows nothing of packets, SAs and DPDK.
 */
#ifndef GVPN_DATAPLANE_CRYPTO_CRYPTO_H
#define GVPN_DATAPLANE_CRYPTO_CRYPTO_H

#include "common/suite.h"

#include <assert.h>

#define CRYPTO_KEY_STATE 1024 /* octets a backend may keep per key */
#define CRYPTO_ICV_LEN   16
#define CRYPTO_AAD_LEN   8 /* SPI | sequence number */
#define CRYPTO_IV_LEN    8

/* A prepared key. Belongs to the caller, who wipes it with crypto_key_wipe(). */
struct crypto_key {
    void (*run)(void); /* the backend's functions for this suite; only the backend calls them */
    void (*run_open)(void);
    uint64_t reserved[6];
    uint8_t state[CRYPTO_KEY_STATE] __attribute__((aligned(64)));
} __attribute__((aligned(64)));

/*
 * One packet: [SPI 4 | sequence 4 | IV 8 | len octets of text | ICV 16] starting at esp. Sealing encrypts the text in
 * place and writes the ICV behind it; opening decrypts in place and sets ok to whether the ICV was right (compared in
 * constant time). After a failed open the text is garbage and must not be used.
 * Write all nonces of a burst before running it: a nonce stored just before its call stalls the load inside.
 */
struct crypto_op {
    uint8_t nonce[16]; /* salt 4 | IV 8 | unused 4 */
    uint8_t tag[16];   /* opening: what the ICV should have been */
    const struct crypto_key *key;
    uint8_t *esp;
    uint32_t len;
    uint32_t ok;
} __attribute__((aligned(64)));
static_assert(sizeof(struct crypto_op) == 64, "a crypto operation fills one cache line");

struct crypto_backend {
    const char *name;
    /* Prepares a key of suite->key_len octets. Returns false for a suite that the backend can't run. */
    bool (*key_set)(struct crypto_key *k, const struct suite *suite, const uint8_t *key);
    void (*seal)(struct crypto_op *ops, unsigned n);
    void (*open)(struct crypto_op *ops, unsigned n);
    /* One message with any additional data, sealed in place: for published vectors, not for packets. */
    void (*seal_one)(const struct crypto_key *k, const uint8_t nonce[12], struct span aad, uint8_t *text, size_t len,
                     uint8_t tag[CRYPTO_ICV_LEN]);
};

/* The product's backend; NULL when this CPU or library can't run it. One per process, never freed. */
const struct crypto_backend *crypto_ipsec_mb(void);
/* The reference: slow, independent of ipsec-mb. */
const struct crypto_backend *crypto_libcrypto(void);

/* Wipes a key, schedule included. */
void crypto_key_wipe(struct crypto_key *k);

/*
 * Start-up self test of a backend: published known answers (NIST GCM), every length around the block edges and bursts of 1
 * to 33 packets against the reference, and wrong ICVs, which must be refused. Returns true, or false with what failed in
 * `why` (cap octets). The data plane doesn't start without it.
 */
MUST_CHECK bool crypto_selftest(const struct crypto_backend *b, char *why, size_t cap);

#endif
