/* SPDX-License-Identifier: BSD-3-Clause */
/* The KEK of a membership: see kek.h. */
#include "ctrl/gm/kek.h"

#include <string.h>

mono_t gm_up_to(const struct env *env, mono_t d)
{
    uint16_t r = 0;

    if (!env->random(env->ctx, &r, sizeof(r)))
        r = UINT16_MAX / 2;
    return mono_ns(d.ns / UINT16_MAX * r);
}

bool gm_kek_group(const struct policy_kek *k, struct endpoint *group)
{
    *group = k->destination;
    if (group->port == 0)
        group->port = GM_KEK_PORT;
    return addr_is_multicast(&k->destination.addr);
}

void gm_kek_wipe(struct gm_kek *k)
{
    wipe(k, sizeof(*k));
    k->end = k->register_at = k->earlier_until = MONO_NEVER;
}

static bool is(const struct policy_kek *k, const uint8_t spi[POLICY_KEK_SPI_LEN])
{
    return memcmp(k->spi, spi, POLICY_KEK_SPI_LEN) == 0;
}

bool gm_kek_knows(const struct gm_kek *k, const uint8_t spi[POLICY_KEK_SPI_LEN])
{
    return (k->has && is(&k->kek, spi)) || (k->has_earlier && is(&k->earlier, spi));
}

/* No new KEK by then: register. In its last seconds it is too late for that: what comes next comes after its end. */
static mono_t when_to_register(const struct gm_kek *k, const struct env *env, mono_t now)
{
    mono_t first = mono_max(now, mono_sub(k->end, mono_s(GM_KEK_REGISTER_FIRST_S)));
    mono_t last = mono_sub(k->end, mono_s(GM_KEK_REGISTER_LAST_S));

    if (mono_reached(last, now))
        return mono_add(k->end, gm_up_to(env, mono_s(GM_KEK_OLD_SERVER_S)));
    return mono_add(first, gm_up_to(env, mono_sub(last, first)));
}

/* The present one becomes the one before. */
static void retire(struct gm_kek *k, mono_t now)
{
    if (!k->has)
        return;
    k->earlier = k->kek;
    k->earlier_last = k->last;
    k->earlier_until = mono_min(k->end, mono_add(now, mono_s(GM_KEK_EARLIER_S)));
    k->has_earlier = true;
    wipe(&k->kek, sizeof(k->kek));
    k->has = false;
    k->end = MONO_NEVER;
}

static void take(struct gm_kek *k, const struct policy_kek *kek, uint32_t last, const struct env *env, mono_t now)
{
    retire(k, now);
    k->kek = *kek;
    k->has = true;
    k->last = last;
    k->end = mono_add(now, mono_s(kek->lifetime_s));
    k->register_at = when_to_register(k, env, now);
}

bool gm_kek_overtook(const struct gm_kek *k, const struct policy *p)
{
    if (!k->has || !p->has_kek)
        return false;
    return is(&k->kek, p->kek.spi) ? p->rekey_number < k->last : k->has_earlier && is(&k->earlier, p->kek.spi);
}

enum gm_kek_news gm_kek_registered(struct gm_kek *k, const struct policy *p, const struct env *env, mono_t now)
{
    bool had = k->has;

    if (!p->has_kek) {
        gm_kek_wipe(k);
        return had ? GM_KEK_GONE : GM_KEK_NONE;
    }
    if (k->has_earlier && is(&k->earlier, p->kek.spi)) {
        k->earlier_last = p->rekey_number > k->earlier_last ? p->rekey_number : k->earlier_last;
        if (k->has)
            return GM_KEK_SAME;
        take(k, &p->kek, k->earlier_last, env, now);
        return GM_KEK_NEW;
    }
    if (!k->has || !is(&k->kek, p->kek.spi)) {
        take(k, &p->kek, p->rekey_number, env, now);
        return GM_KEK_NEW;
    }
    if (p->rekey_number > k->last)
        k->last = p->rekey_number;
    k->end = mono_min(k->end, mono_add(now, mono_s(p->kek.lifetime_s)));
    if (mono_before(mono_sub(k->end, now), mono_s(GM_KEK_REGISTER_FIRST_S)))
        k->register_at = mono_add(k->end, gm_up_to(env, mono_s(GM_KEK_OLD_SERVER_S)));
    return GM_KEK_SAME;
}

enum gm_kek_news gm_kek_rekeyed(struct gm_kek *k, const struct policy_kek *kek, const struct env *env, mono_t now)
{
    struct policy_kek next = *kek;

    if (gm_kek_knows(k, kek->spi))
        return GM_KEK_SAME;
    if (next.public_key_len == 0) { /* nothing said of the signing key: it stays */
        memcpy(next.public_key, k->kek.public_key, sizeof(next.public_key));
        next.public_key_len = k->kek.public_key_len;
    }
    take(k, &next, 0, env, now);
    wipe(&next, sizeof(next));
    return GM_KEK_NEW;
}

void gm_kek_delete(struct gm_kek *k, mono_t now)
{
    retire(k, now);
    k->register_at = MONO_NEVER;
}

bool gm_kek_expire(struct gm_kek *k, mono_t now)
{
    if (k->has_earlier && mono_reached(k->earlier_until, now)) {
        wipe(&k->earlier, sizeof(k->earlier));
        k->has_earlier = false;
        k->earlier_until = MONO_NEVER;
    }
    if (!k->has || !mono_reached(k->end, now))
        return false;
    wipe(&k->kek, sizeof(k->kek));
    k->has = false;
    k->end = MONO_NEVER;
    return true;
}

mono_t gm_kek_next(const struct gm_kek *k)
{
    return mono_min(k->has ? k->end : MONO_NEVER, k->has_earlier ? k->earlier_until : MONO_NEVER);
}
