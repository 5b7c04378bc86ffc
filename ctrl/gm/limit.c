/* SPDX-License-Identifier: BSD-3-Clause */
/* Shares of signature checks, counted in time: each forged rekey uses up its part of a second. See limit.h. */
#include "ctrl/gm/limit.h"

bool gm_limit_allows(const struct gm_limit *l, bool from_server, mono_t now)
{
    mono_t until = from_server ? l->server : l->others;

    return mono_before(mono_sub(until, now), mono_s(1));
}

void gm_limit_forged(struct gm_limit *l, bool from_server, mono_t now)
{
    mono_t *until = from_server ? &l->server : &l->others;
    int rate = from_server ? GM_FORGED_PER_SECOND_SERVER : GM_FORGED_PER_SECOND_OTHERS;

    *until = mono_add(mono_max(*until, now), mono_ns(mono_s(1).ns / rate));
}
