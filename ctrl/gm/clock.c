/* SPDX-License-Identifier: BSD-3-Clause */
/* Pseudotime on a member: what the key server's time means for SAs that are installed (KS11, DP4). */
#include "ctrl/gm/gm_impl.h"

#include "common/log.h"

const struct gm_clock *gm_clock(const struct gm *gm)
{
    return &gm->clock;
}

uint64_t gm_pseudotime_ms(mono_t zero, mono_t now)
{
    int64_t ms = mono_to_ms(mono_sub(now, zero));

    return ms > 0 ? (uint64_t)ms : 0;
}

void gm_clock_correct(const struct gm *gm, struct gm_sa *s, mono_t now, bool *told)
{
    unsigned skew_s = s->sa.window < GM_SKEW_MAX_S ? s->sa.window : GM_SKEW_MAX_S;
    mono_t ahead = mono_sub(s->time_zero, gm->clock.zero); /* of the server's clock */
    unsigned long long server_s = gm_pseudotime_ms(gm->clock.zero, now) / 1000;
    unsigned long long own_s = gm_pseudotime_ms(s->time_zero, now) / 1000;

    if (s->sa.replay != REPLAY_TIME)
        return;
    if (mono_before(ahead, mono_s(-(int64_t)skew_s))) {
        if (!*told)
            log_msg(PSEUDO_TIME_TOO_OLD, "Registration", gm->config->name, own_s, server_s, skew_s,
                    "; installed SAs keep their time");
        *told = true;
        return;
    }
    if (mono_before(mono_s(skew_s), ahead)) {
        if (!*told)
            log_msg(PSEUDO_TIME_LARGE, server_s, own_s, gm->config->name);
        *told = true;
    }
    s->time_zero = gm->clock.zero;
}
