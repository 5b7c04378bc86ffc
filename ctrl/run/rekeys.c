/* SPDX-License-Identifier: BSD-3-Clause */
/* Rekeys and their acknowledgements, told by the exchange number alone; who they are for is judged by ks and gm. */
#include "ctrl/run/rekeys.h"

#include "ctrl/isakmp/isakmp.h"

/* To the membership that holds its KEK, if any. */
static bool push(struct roles *r, const struct path *path, struct span bytes, struct now now)
{
    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];

        if (!gm_push_is_for(m->gm, bytes))
            continue;
        gm_push(m->gm, path, &m->home_local, bytes, now);
        return true;
    }
    return false;
}

bool rekeys_datagram(struct roles *r, const struct path *path, struct span bytes, struct now now)
{
    struct isakmp_header h;
    struct span body;

    if (isakmp_header_get(bytes, &h, &body) != ISAKMP_OK)
        return false; /* counted as malformed where every other datagram is */
    switch (h.exchange) {
    case ISAKMP_EXCHANGE_GROUPKEY_PUSH:
        return push(r, path, bytes, now); /* else it is counted as one that nobody knows */
    case ISAKMP_EXCHANGE_GROUPKEY_PUSH_ACK:
        ks_acknowledged(&r->ks, path, bytes, now);
        return true;
    default:
        return false;
    }
}
