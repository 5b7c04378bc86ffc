/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Diffie-Hellman over OpenSSL's named groups. The library's encoded form of an EC point has the octet 0x04 in
 * front of x | y, IKE's hasn't (RFC 5903 section 7): `prefix` is that octet. Range checks are made here for
 * MODP, by the library for points.
 */
#include "ctrl/crypto/dh.h"

#include "common/secret.h"

#include <openssl/core_names.h>
#include <openssl/dh.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

struct group {
    uint16_t number;
    const char *type, *name;
    uint16_t public_len, shared_len;
    uint8_t prefix; /* octets that only the library's form has */
    uint8_t cost;
};

/* The library's encoding of P-521 fits, too: 1 + 132 octets. */
static const struct group groups[] = {
    {2, "DH", NULL, 128, 128, 0, 1}, /* the library has no name for it */
    {5, "DH", "modp_1536", 192, 192, 0, 1},
    {14, "DH", "modp_2048", 256, 256, 0, 1},
    {15, "DH", "modp_3072", 384, 384, 0, 3},
    {16, "DH", "modp_4096", 512, 512, 0, 5},
    {19, "EC", "P-256", 64, 32, 1, 1},
    {20, "EC", "P-384", 96, 48, 1, 3},
    {21, "EC", "P-521", 132, 66, 1, 1},
};

struct dh {
    const struct group *group;
    EVP_PKEY *key;
    uint8_t public[DH_MAX];
};

static const struct group *find_group(uint16_t number)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (groups[i].number == number)
            return &groups[i];
    return NULL;
}

size_t dh_public_len(uint16_t group)
{
    const struct group *g = find_group(group);
    return g ? g->public_len : 0;
}

unsigned dh_cost(uint16_t group)
{
    const struct group *g = find_group(group);
    return g ? g->cost : 0;
}

static EVP_PKEY *from_name(const struct group *g)
{
    char name[16];
    strncpy(name, g->name, sizeof name - 1);
    name[sizeof name - 1] = 0;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, g->type, NULL);
    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_CTX_set_params(ctx, params) != 1 ||
        EVP_PKEY_generate(ctx, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Group 2 as numbers: p and g = 2. */
static EVP_PKEY *group_2(void)
{
    BIGNUM *p = BN_get_rfc2409_prime_1024(NULL), *g = BN_new();
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
    if (p && g && build && BN_set_word(g, 2) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_P, p) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_FFC_G, g) == 1)
        params = OSSL_PARAM_BLD_to_param(build);
    if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEY_PARAMETERS, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(p);
    BN_free(g);
    return key;
}

static EVP_PKEY *from_numbers(void)
{
    EVP_PKEY *key = NULL, *numbers = group_2();
    EVP_PKEY_CTX *ctx = numbers ? EVP_PKEY_CTX_new_from_pkey(NULL, numbers, NULL) : NULL;
    if (!ctx || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &key) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(numbers);
    return key;
}

struct dh *dh_new(uint16_t group)
{
    const struct group *g = find_group(group);
    struct dh *d = g ? calloc(1, sizeof *d) : NULL;
    if (!d)
        return NULL;
    d->group = g;
    d->key = g->name ? from_name(g) : from_numbers();
    unsigned char *encoded = NULL;
    size_t len = d->key ? EVP_PKEY_get1_encoded_public_key(d->key, &encoded) : 0;
    bool ok = len == (size_t)g->public_len + g->prefix;
    if (ok)
        memcpy(d->public, encoded + g->prefix, g->public_len);
    OPENSSL_free(encoded);
    if (!ok) {
        dh_free(d);
        d = NULL;
    }
    return d;
}

void dh_free(struct dh *d)
{
    if (!d)
        return;
    EVP_PKEY_free(d->key); /* clears the private number */
    free(d);
}

struct span dh_public(const struct dh *d)
{
    return span_of(d->public, d->group->public_len);
}

/* The peer's value as a key of our group, checked by the library; NULL when it must not be used. */
static EVP_PKEY *peer_key(const struct dh *d, struct span peer)
{
    uint8_t encoded[DH_MAX + 1] = {0x04};
    memcpy(encoded + d->group->prefix, peer.p, peer.len);
    EVP_PKEY *key = EVP_PKEY_new();
    if (key && (EVP_PKEY_copy_parameters(key, d->key) != 1 ||
                EVP_PKEY_set1_encoded_public_key(key, encoded, d->group->prefix + peer.len) != 1)) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/*
 * MODP: is it 2 to p-2 and in the subgroup of prime order? The primes are safe ones and 2 generates the squares, so the
 * subgroup is the squares: the Jacobi symbol tells, in a tenth of the time of the exponentiation by q that the library
 * would do.
 */
static bool is_sound_modp(const struct dh *d, struct span peer)
{
    BN_CTX *ctx = BN_CTX_new();
    BIGNUM *p = NULL, *y = BN_bin2bn(peer.p, (int)peer.len, NULL), *top = NULL;
    bool ok = ctx && y && EVP_PKEY_get_bn_param(d->key, OSSL_PKEY_PARAM_FFC_P, &p) == 1 && (top = BN_dup(p)) &&
              BN_sub_word(top, 1) == 1;
    ok = ok && !BN_is_zero(y) && !BN_is_one(y) && BN_cmp(y, top) < 0 && BN_kronecker(y, p, ctx) == 1;
    BN_free(top);
    BN_free(y);
    BN_free(p);
    BN_CTX_free(ctx);
    return ok;
}

bool dh_shared(const struct dh *d, struct span peer, struct dh_shared *out)
{
    *out = (struct dh_shared){0};
    bool modp = d->group->prefix == 0;
    if (peer.len != d->group->public_len || (modp && !is_sound_modp(d, peer)))
        return false;
    EVP_PKEY *other = peer_key(d, peer);
    EVP_PKEY_CTX *ctx = other ? EVP_PKEY_CTX_new_from_pkey(NULL, d->key, NULL) : NULL;
    size_t len = sizeof out->b;
    bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1;
    if (ok && modp)
        ok = EVP_PKEY_CTX_set_dh_pad(ctx, 1) == 1;
    ok = ok && EVP_PKEY_derive_set_peer_ex(ctx, other, !modp) == 1 && EVP_PKEY_derive(ctx, out->b, &len) == 1 &&
         len == d->group->shared_len;
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(other);
    if (ok)
        out->len = (uint16_t)len;
    else
        wipe(out, sizeof *out);
    return ok;
}
