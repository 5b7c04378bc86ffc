/* SPDX-License-Identifier: BSD-3-Clause */
/* Sender ids count up within a half; SPIs are random and remembered. See ids.h for why neither ever repeats. */
#include "ctrl/ks/ids.h"

#define REUSE_MARGIN  mono_s(60) /* members count a key's life by their own clocks */
#define QUOTA_SHARE   4          /* a member gets at most this part of a half */
#define SPI_RESERVED  255u /* RFC 4303 2.1: 0 is local, 1 to 255 are reserved */

static bool is_known(const struct ks_spis *s, uint32_t spi)
{
    for (size_t i = 0; i < KS_SPIS; i++) {
        if (s->given[i].spi == spi)
            return true;
    }
    return false;
}

/* The place of the next SPI: the longest unused one whose key has ended, or of all that live the one that ends first. */
static size_t place_for_spi(const struct ks_spis *s, mono_t now)
{
    size_t first = s->next;

    for (size_t n = 0; n < KS_SPIS; n++) {
        size_t i = (s->next + n) % KS_SPIS;

        if (s->given[i].spi == 0 || mono_reached(s->given[i].end, now))
            return i;
        if (mono_before(s->given[i].end, s->given[first].end))
            first = i;
    }
    return first;
}

bool ks_spi_take(struct ks_spis *s, const struct env *env, mono_t end, mono_t now, uint32_t *spi)
{
    uint32_t candidate;
    size_t place;

    do {
        if (!env->random(env->ctx, &candidate, sizeof(candidate)))
            return false;
        candidate &= UINT32_MAX >> KS_SERVER_BITS;
    } while (candidate <= SPI_RESERVED || is_known(s, candidate));

    place = place_for_spi(s, now);
    s->given[place] = (struct ks_spi){candidate, end};
    s->next = (place + 1) % KS_SPIS;
    *spi = candidate;
    return true;
}

static uint64_t half_size(const struct ks_ids *ids)
{
    return 1ull << (ids->bits - KS_SERVER_BITS - 1);
}

static void begin_half(struct ks_ids *ids, bool upper)
{
    ids->upper = upper;
    ids->next = upper ? half_size(ids) : 0;
    ids->end = ids->next + half_size(ids);
}

void ks_ids_init(struct ks_ids *ids, uint8_t bits)
{
    mono_t never_used = mono_ns(INT64_MIN);

    *ids = (struct ks_ids){.bits = bits, .used_until = {never_used, never_used}};
    begin_half(ids, false);
}

static uint64_t given(const struct ks_ids *ids)
{
    return half_size(ids) - (ids->end - ids->next);
}

bool ks_ids_take(struct ks_ids *ids, size_t n, mono_t keys_end, mono_t now, uint64_t *out)
{
    bool other_free = mono_before(mono_add(ids->used_until[!ids->upper], REUSE_MARGIN), now);

    if (other_free && (2 * given(ids) >= half_size(ids) || n > ids->end - ids->next)) {
        begin_half(ids, !ids->upper);
        ids->epoch++;
    }
    if (n > ids->end - ids->next)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = ids->next + i;
    ids->next += n;
    ids->used_until[ids->upper] = mono_max(ids->used_until[ids->upper], keys_end);
    return true;
}

void ks_ids_end(struct ks_ids *ids, mono_t until)
{
    for (size_t half = 0; half < 2; half++)
        ids->used_until[half] = mono_min(ids->used_until[half], until);
}

uint64_t ks_ids_quota(const struct ks_ids *ids)
{
    return half_size(ids) / QUOTA_SHARE;
}

unsigned ks_ids_used_percent(const struct ks_ids *ids)
{
    return (unsigned)(given(ids) * 100 / half_size(ids));
}
