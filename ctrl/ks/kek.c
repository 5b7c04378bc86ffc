/* SPDX-License-Identifier: BSD-3-Clause */
/* The KEKs of a group: see kek.h. */
#include "ctrl/ks/kek.h"

#include "ctrl/gdoi/gdoi.h"

#include <string.h>

#define REKEY_PORT 848

static uint16_t key_octets(const struct policy_kek *k)
{
    return k->cipher == GDOI_KEK_3DES ? 24 : k->key_bits / 8;
}

/* Everything that the configuration says; what is random is left out. */
static void fill(const struct config_group *config, struct policy_kek *out)
{
    const struct config_rekey *r = &config->ks.rekey;
    struct span public_key = sig_key_public(r->key->key);

    memset(out, 0, sizeof(*out));
    out->cipher = r->cipher;
    out->key_bits = r->key_bits;
    out->signature = (uint16_t)sig_key_kind(r->key->key);
    out->signature_bits = (uint16_t)sig_key_bits(r->key->key);
    out->hash = r->hash;
    out->ack = r->ack;
    out->lifetime_s = r->lifetime_s;
    out->source = (struct endpoint){.addr = config->ks.address, .port = REKEY_PORT};
    out->destination = r->destination;
    out->public_key_len = public_key.len < sizeof(out->public_key) ? public_key.len : sizeof(out->public_key);
    memcpy(out->public_key, public_key.p, out->public_key_len);
}

/* Key, IV and SPI. Its halves are the cookies of rekeys, and a cookie of zeros means "not yet known" (RFC 2408 3.1). */
static bool draw(struct policy_kek *k, const struct env *env)
{
    static const uint8_t zeros[POLICY_KEK_SPI_LEN / 2];

    k->key.len = key_octets(k);
    do {
        if (!env->random(env->ctx, k->spi, sizeof(k->spi)))
            return false;
    } while (memcmp(k->spi, zeros, sizeof(zeros)) == 0 || memcmp(k->spi + sizeof(zeros), zeros, sizeof(zeros)) == 0);
    return env->random(env->ctx, k->iv, sizeof(k->iv)) && env->random(env->ctx, k->key.b, k->key.len);
}

bool ks_kek_add(struct ks_keks *ks, const struct config_group *config, const struct env *env, mono_t now)
{
    struct ks_kek k = {.made_at = now, .end = mono_add(now, mono_s(config->ks.rekey.lifetime_s)), .first = 1};
    bool ok;

    fill(config, &k.kek);
    ok = draw(&k.kek, env);
    if (ok) {
        k.serial = k.all.kek = ++ks->last_serial;
        k.key = config_signing_key_hold(config->ks.rekey.key);
        if (ks->n == KS_KEKS)
            ks_kek_wipe(&ks->all[--ks->n]);
        memmove(&ks->all[1], &ks->all[0], ks->n * sizeof(ks->all[0]));
        ks->all[0] = k;
        ks->n++;
    }
    wipe(&k, sizeof(k));
    return ok;
}

void ks_kek_wipe(struct ks_kek *k)
{
    config_signing_key_release(k->key);
    wipe(k, sizeof(*k));
}

void ks_kek_expire(struct ks_keks *ks, mono_t now)
{
    while (ks->n > 1 && mono_reached(ks->all[ks->n - 1].end, now))
        ks_kek_wipe(&ks->all[--ks->n]);
}

void ks_kek_move(struct ks_keks *to, struct ks_keks *from)
{
    *to = *from;
    wipe(from, sizeof(*from));
}

void ks_kek_copy(struct ks_keks *to, const struct ks_keks *from)
{
    *to = *from;
    for (size_t i = 0; i < to->n; i++)
        config_signing_key_hold(to->all[i].key);
}

void ks_kek_free(struct ks_keks *ks)
{
    for (size_t i = 0; i < ks->n; i++)
        ks_kek_wipe(&ks->all[i]);
    wipe(ks, sizeof(*ks));
}

struct ks_kek *ks_kek_newest(struct ks_keks *ks)
{
    return ks->n > 0 ? &ks->all[0] : NULL;
}

struct ks_kek *ks_kek_find(struct ks_keks *ks, uint32_t serial)
{
    struct ks_kek *found = NULL;

    for (size_t i = 0; serial > 0 && i < ks->n && ks->all[i].serial >= serial; i++)
        found = &ks->all[i];
    return found;
}

bool ks_kek_fits(const struct ks_kek *k, const struct config_group *config)
{
    struct policy_kek want;

    fill(config, &want);
    return k->kek.cipher == want.cipher && k->kek.key_bits == want.key_bits && k->kek.signature == want.signature &&
           k->kek.hash == want.hash && k->kek.ack == want.ack && endpoint_equal(&k->kek.source, &want.source) &&
           endpoint_equal(&k->kek.destination, &want.destination) && k->kek.public_key_len == want.public_key_len &&
           memcmp(k->kek.public_key, want.public_key, want.public_key_len) == 0;
}

void ks_kek_value(const struct ks_kek *k, mono_t now, struct policy_kek *out)
{
    int64_t left = mono_to_s(mono_sub(k->end, now));

    *out = k->kek;
    out->lifetime_s = left < 1 ? 1 : (uint32_t)left;
}
