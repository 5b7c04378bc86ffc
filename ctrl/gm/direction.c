/* SPDX-License-Identifier: BSD-3-Clause */
/* Directions of a member's SAs: see direction.h. */
#include "ctrl/gm/direction.h"

const struct name gm_direction_names[] = {{GM_DIRECTION_BOTH, "both"},
                                          {GM_DIRECTION_INBOUND_ONLY, "inbound-only"},
                                          {GM_DIRECTION_INBOUND_OPTIONAL, "inbound-optional"},
                                          {0, NULL}};

void gm_directions_init(struct gm_directions *d)
{
    *d = (struct gm_directions){.passive_until = MONO_NEVER};
}

enum gm_direction gm_direction_of(const struct gm_directions *d, bool configured_passive, mono_t now)
{
    if (d->has_override)
        return d->override;
    if (configured_passive)
        return GM_DIRECTION_INBOUND_OPTIONAL;
    if (d->receive_only)
        return GM_DIRECTION_INBOUND_ONLY;
    if (!mono_is_never(d->passive_until) && !mono_reached(d->passive_until, now))
        return GM_DIRECTION_INBOUND_OPTIONAL;
    return GM_DIRECTION_BOTH;
}

enum gm_direction_news gm_direction_told(struct gm_directions *d, bool receive_only, bool news, mono_t now)
{
    bool was = d->receive_only;

    d->receive_only = receive_only;
    if (news || receive_only != was) {
        d->has_override = false;
        d->passive_until = MONO_NEVER;
    }
    if (receive_only == was)
        return GM_DIRECTION_SAME;
    if (receive_only)
        return GM_DIRECTION_TO_RECEIVE_ONLY;
    d->passive_until = mono_add(now, mono_s(GM_CONVERT_S));
    return GM_DIRECTION_CONVERTING;
}

bool gm_direction_expire(struct gm_directions *d, mono_t now)
{
    if (mono_is_never(d->passive_until) || !mono_reached(d->passive_until, now))
        return false;
    d->passive_until = MONO_NEVER;
    return true;
}
