/* SPDX-License-Identifier: BSD-3-Clause */
/* When traffic says that keys or clock are wrong: see recover.h. */
#include "ctrl/gm/recover.h"

static bool went_back(const struct gm_traffic *a, const struct gm_traffic *b)
{
    return b->decrypted < a->decrypted || b->unknown_spi < a->unknown_spi || b->time_failed < a->time_failed;
}

static enum gm_recover_reason judge(const struct gm_traffic *from, const struct gm_traffic *to)
{
    uint64_t accepted = to->decrypted - from->decrypted;
    uint64_t unknown = to->unknown_spi - from->unknown_spi;
    uint64_t late = to->time_failed - from->time_failed;

    if (unknown >= GM_RECOVER_UNKNOWN_MIN && unknown > accepted + late)
        return GM_RECOVER_UNKNOWN_SPI;
    return late > accepted ? GM_RECOVER_TIME : GM_RECOVER_NONE;
}

/* Not so soon again? A quiet hour makes it as patient as at first. */
static bool must_wait(struct gm_recover *r, mono_t now)
{
    mono_t since = mono_sub(now, r->tripped_at);

    if (!r->tripped_once)
        return false;
    if (!mono_before(since, mono_s(r->pause_s + GM_RECOVER_PAUSE_MAX_S))) {
        r->tripped_once = false;
        return false;
    }
    return mono_before(since, mono_s(r->pause_s));
}

enum gm_recover_reason gm_recover_look(struct gm_recover *r, const struct gm_traffic *now_counts, mono_t now)
{
    struct gm_traffic from = r->last;
    enum gm_recover_reason why;

    if (r->has_last && mono_before(mono_sub(now, r->last_at), mono_s(GM_RECOVER_EVERY_S)) &&
        !went_back(&r->last, now_counts))
        return GM_RECOVER_NONE;
    why = r->has_last && !went_back(&from, now_counts) ? judge(&from, now_counts) : GM_RECOVER_NONE;
    r->last = *now_counts;
    r->last_at = now;
    r->has_last = true;
    if (why == GM_RECOVER_NONE || must_wait(r, now))
        return GM_RECOVER_NONE;
    r->pause_s = !r->tripped_once ? GM_RECOVER_PAUSE_S : r->pause_s * 2;
    if (r->pause_s > GM_RECOVER_PAUSE_MAX_S)
        r->pause_s = GM_RECOVER_PAUSE_MAX_S;
    r->tripped_once = true;
    r->tripped_at = now;
    r->is_alone = why == GM_RECOVER_UNKNOWN_SPI && now_counts->decrypted == from.decrypted;
    return why;
}

void gm_recover_forget(struct gm_recover *r)
{
    r->has_last = false;
}
