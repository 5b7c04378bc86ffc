/* SPDX-License-Identifier: BSD-3-Clause */
/* Rekeys and their acknowledgements, told by the exchange number alone; who they are for is judged by ks and gm. */
#include "ctrl/run/rekeys.h"

#include "common/log.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/isakmp/isakmp.h"

#include <string.h>

/* An exact copy of one that was looked at lately? */
static bool was_seen(const struct seen *seen, const uint8_t hash[HASH_LEN])
{
    for (size_t i = 0; i < seen->n && i < ROLES_MAX_SEEN; i++) {
        if (memcmp(seen->hashes[i], hash, sizeof(seen->hashes[i])) == 0)
            return true;
    }
    return false;
}

static void remember(struct seen *seen, const uint8_t hash[HASH_LEN])
{
    memcpy(seen->hashes[seen->n++ % ROLES_MAX_SEEN], hash, sizeof(seen->hashes[0]));
}

/* To the memberships that hold its KEK; several may, on several data planes. False: nobody does. */
static bool push(struct roles *r, const struct path *path, struct span bytes, struct now now)
{
    bool is_ours = false, is_hashed = false, is_copy = false, is_looked_at = false;
    uint8_t hash[HASH_LEN];

    for (size_t i = 0; i < r->n_members; i++) {
        struct member *m = r->members[i];

        if (!gm_push_is_for(m->gm, bytes))
            continue;
        if (!is_ours) {
            is_hashed = hash_span(bytes, hash);
            is_copy = is_hashed && was_seen(&r->seen, hash);
        }
        is_ours = true;
        if (is_copy)
            gm_push_copied(m->gm);
        else
            is_looked_at |= gm_push(m->gm, path, &m->home_local, bytes, now);
    }
    if (is_hashed && is_looked_at)
        remember(&r->seen, hash);
    return is_ours;
}

void rekeys_hear(struct roles *r, struct member *m, const struct endpoint *group, const struct addr *source)
{
    static const struct addr anywhere;
    const struct addr *local = m->home_local.family ? &m->home_local : &r->s.config->listen[0];
    const char *why;
    char text[ADDR_TEXT_MAX];

    if (!r->s.hear)
        return;
    why = r->s.hear(r->s.env.ctx, m, local, group, source ? source : &anywhere);
    if (why && group)
        log_msg(GM_REKEY_NOT_HEARD, gm_config(m->gm)->name, endpoint_text(group, text), why);
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
        return ks_acknowledged(&r->ks, path, bytes, now);
    default:
        return false;
    }
}
