/* SPDX-License-Identifier: BSD-3-Clause */
/* Rekeys as datagrams, with real keys and signatures, on their way to the member of rekey_fixture.h. */
#ifndef GVPN_TESTS_UNIT_CTRL_GM_PUSH_FIXTURE_H
#define GVPN_TESTS_UNIT_CTRL_GM_PUSH_FIXTURE_H

#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include "ctrl/gdoi/gdoi.h"
#include "ctrl/push/ack.h"
#include "tests/lib/signing_keys.h"

static struct sig_key *key, *other_key;
static const struct peer_features ours = {.ours = true, .features = UINT64_MAX};
static const struct addr own = {.family = 4, .b = {10, 0, 0, 2}};

static struct sig_key *load(const char *pem)
{
    char error[160] = "";
    struct sig_key *k = sig_key_load(span_of(pem, strlen(pem)), error, sizeof(error));

    assert_string_equal(error, "");
    assert_non_null(k);
    return k;
}

static int load_keys(void **state)
{
    (void)state;
    key = load(signing_key_p256);
    other_key = load(signing_key_p256_other);
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    sig_key_free(key);
    sig_key_free(other_key);
    return 0;
}

static struct policy_kek real_kek(uint8_t spi, const struct sig_key *signer)
{
    struct policy_kek k = kek_of(spi, KEK_LIFE);
    struct span public = sig_key_public(signer);

    k.signature = GDOI_SIG_ECDSA_256;
    k.signature_bits = 256;
    k.hash = 0;
    k.ack = GDOI_ACK_KEK_SHA256;
    memset(k.iv, 0x55, sizeof(k.iv));
    memcpy(k.public_key, public.p, public.len);
    k.public_key_len = public.len;
    return k;
}

/* As join() of rekey_fixture.h, with a KEK that works and the number of the last rekey. */
static void join_real(struct fixture *f, uint32_t number)
{
    struct policy p = policy_of(1, (uint32_t[]){1000}, (uint32_t[]){3600}, 0, 4 * WORKERS);

    p.has_kek = true;
    p.kek = real_kek(1, key);
    p.rekey_number = number;
    p.digest[0] = 1;
    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    gm_server_announced(f->gm, &ours);
    gm_policy(f->gm, &p, at(f, 0));
    policy_wipe(&p);
}

struct datagram {
    uint8_t b[8192];
    size_t len;
};

static struct datagram sealed(const struct policy_kek *kek, const struct sig_key *signer, const struct push *p)
{
    static struct datagram d;
    struct buf_writer w = buf_writer_of(d.b, sizeof(d.b));
    struct policy_fault why = {.text = ""};

    if (!push_seal(kek, signer, p, &ours, &w, &why))
        fail_msg("%s", why.text);
    d.len = w.len;
    return d;
}

/* A rekey with this number that brings one SA of number 10. */
static inline struct datagram good(uint32_t number, uint32_t spi)
{
    struct policy_kek k = real_kek(1, key);
    struct push p = rekey_of(1, &spi, (uint32_t[]){3600});
    struct datagram d;

    p.number = number;
    d = sealed(&k, key, &p);
    push_wipe(&p);
    return d;
}

/* It comes from there to there. */
static void arrives_by(struct fixture *f, int64_t s, const struct datagram *d, struct path path)
{
    uint8_t *exact = test_malloc(d->len); /* so that a sanitizer sees every step beyond */

    memcpy(exact, d->b, d->len);
    if (gm_push_is_for(f->gm, span_of(exact, d->len)))
        (void)gm_push(f->gm, &path, &own, span_of(exact, d->len), at(f, s));
    test_free(exact);
    wish(f);
}

static inline void arrives(struct fixture *f, int64_t s, const struct datagram *d)
{
    arrives_by(f, s, d, (struct path){.local = {.addr = own, .port = 848}, .remote = {.addr = addr_v4(0x0a000001), .port = 848}});
}

static const struct gm_rekey_stats *stats(const struct fixture *f)
{
    return &gm_stats(f->gm)->rekey;
}

static inline uint64_t all_drops(const struct fixture *f)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < GM_DROP_COUNT; i++)
        n += stats(f)->dropped[i];
    return n;
}

#endif
