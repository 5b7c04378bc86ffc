/* SPDX-License-Identifier: BSD-3-Clause */
/* Sender ids count up from 0; SPIs are random and remembered. See ids.h for why neither ever repeats within an epoch. */
#include "ctrl/ks/ids.h"

#define SPI_RESERVED 255u /* RFC 4303 2.1: 0 is local, 1 to 255 are reserved */

static bool is_recent(const struct ks_spis *s, uint32_t spi)
{
    for (size_t i = 0; i < KS_RECENT_SPIS; i++) {
        if (s->recent[i] == spi)
            return true;
    }
    return false;
}

bool ks_spi_take(struct ks_spis *s, const struct env *env, uint32_t *spi)
{
    uint32_t candidate;

    do {
        if (!env->random(env->ctx, &candidate, sizeof(candidate)))
            return false;
        candidate &= UINT32_MAX >> KS_SERVER_BITS;
    } while (candidate <= SPI_RESERVED || is_recent(s, candidate));

    s->recent[s->next] = candidate;
    s->next = (s->next + 1) % KS_RECENT_SPIS;
    *spi = candidate;
    return true;
}

void ks_ids_init(struct ks_ids *ids, uint8_t bits)
{
    *ids = (struct ks_ids){.bits = bits, .next = 0, .end = 1ull << (bits - KS_SERVER_BITS)};
}

bool ks_ids_take(struct ks_ids *ids, size_t n, uint64_t *out)
{
    if (n > ids->end - ids->next)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = ids->next + i;
    ids->next += n;
    return true;
}

unsigned ks_ids_used_percent(const struct ks_ids *ids)
{
    return (unsigned)(ids->next * 100 / ids->end);
}
