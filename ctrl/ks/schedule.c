/* SPDX-License-Identifier: BSD-3-Clause */
/* When a key server renews what: see schedule.h. */
#include "ctrl/ks/schedule.h"

#define SHORT_LIFETIME_S 900 /* KS5: below it the offset is fixed */
#define LONG_OFFSET_DIV  10
#define MERGE_DIV        8 /* decision 20 */

static size_t waves(const struct config_rekey *r, size_t members)
{
    return r->unicast ? (members + r->wave_members - 1) / r->wave_members : 0;
}

mono_t ks_schedule_waves(const struct config_rekey *r, size_t members)
{
    return mono_s((int64_t)waves(r, members) * r->wave_interval_s);
}

mono_t ks_schedule_rounds(const struct config_rekey *r, size_t members)
{
    return mono_s((int64_t)waves(r, members) * r->wave_interval_s * (r->count + 1) + (int64_t)r->interval_s * r->count);
}

mono_t ks_schedule_tek_offset(uint32_t lifetime_s)
{
    return mono_s(lifetime_s < SHORT_LIFETIME_S ? KS_TEK_END_S : lifetime_s / LONG_OFFSET_DIV);
}

static mono_t round_time(const struct config_rekey *r, size_t members)
{
    return mono_add(mono_s((int64_t)r->interval_s * r->count), ks_schedule_waves(r, members));
}

mono_t ks_schedule_tek(uint32_t lifetime_s, const struct config_rekey *r, size_t members)
{
    mono_t offset = ks_schedule_tek_offset(lifetime_s);

    if (!r)
        return offset;
    return mono_min(mono_add(offset, round_time(r, members)), mono_ms((int64_t)lifetime_s * 500));
}

mono_t ks_schedule_kek(uint32_t lifetime_s, const struct config_rekey *r, size_t members)
{
    return mono_min(mono_add(mono_s(KS_KEK_END_S), round_time(r, members)), mono_ms((int64_t)lifetime_s * 750));
}

mono_t ks_schedule_pause(const struct config_rekey *r, size_t members, mono_t now, mono_t until)
{
    size_t n = waves(r, members);
    mono_t pause = mono_s(r->wave_interval_s);

    if (n > 0 && !mono_is_never(until))
        pause = mono_min(pause, mono_ns(mono_sub(until, now).ns / (int64_t)n));
    return mono_max(pause, mono_ms(1));
}

bool ks_schedule_is_merged(mono_t at, mono_t due, uint32_t lifetime_s)
{
    mono_t within = mono_min(mono_s(KS_MERGE_S), mono_ms((int64_t)lifetime_s * 1000 / MERGE_DIV));

    return mono_before(due, mono_add(at, within));
}
