/* SPDX-License-Identifier: BSD-3-Clause */
/* The policy value: its life, and the identity of a group as text. The way to payloads is in the other files here. */
#include "ctrl/policy/policy.h"

#include "ctrl/gdoi/gdoi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool group_id_equal(const struct group_id *a, const struct group_id *b)
{
    return a->is_address == b->is_address && a->value == b->value;
}

const char *group_id_text(const struct group_id *id, char out[ADDR_TEXT_MAX])
{
    struct addr a = addr_v4(id->value);
    if (id->is_address)
        return addr_text(&a, out);
    snprintf(out, ADDR_TEXT_MAX, "%" PRIu32, id->value);
    return out;
}

const struct name replay_names[] = {
    {REPLAY_NONE, "none"}, {REPLAY_COUNTER, "counter"}, {REPLAY_TIME, "time"}, {0, NULL}};

uint16_t policy_time_window(const struct policy *p)
{
    uint16_t window = 0;

    for (size_t i = 0; i < p->n_sas; i++) {
        if (p->sas[i].replay == REPLAY_TIME && (window == 0 || p->sas[i].window < window))
            window = p->sas[i].window;
    }
    return window;
}

static bool window_fits(const struct policy_sa *sa)
{
    switch (sa->replay) {
    case REPLAY_NONE:
        return sa->window == 0;
    case REPLAY_COUNTER:
        return sa->window >= REPLAY_COUNTER_MIN && sa->window <= REPLAY_COUNTER_MAX;
    case REPLAY_TIME:
        return sa->window >= REPLAY_TIME_MIN_S && sa->window <= REPLAY_TIME_MAX_S;
    }
    return false;
}

const char *policy_sa_conflict(const struct policy_sa *sa)
{
    if (!window_fits(sa))
        return "a replay window out of range";
    if (sa->transport && sa->replay == REPLAY_TIME)
        return "time replay doesn't go with transport mode";
    if (sa->transport && sa->tag)
        return "a tag doesn't go with transport mode";
    if (sa->strict_sender && sa->replay != REPLAY_TIME)
        return "strict-sender needs time replay";
    if (sa->strict_sender && !sa->suite->counter_mode)
        return "strict-sender needs a suite whose IVs are counters";
    return NULL;
}

const char *policy_kek_legacy(const struct policy_kek *kek)
{
    if (kek->cipher == GDOI_KEK_3DES)
        return "3des";
    return kek->hash == GDOI_SIG_SHA1 ? "sha1" : NULL;
}

void policy_init(struct policy *p)
{
    memset(p, 0, sizeof(*p));
}

void policy_wipe(struct policy *p)
{
    acl_free(&p->acl);
    wipe(p, sizeof(*p));
}

bool policy_copy(struct policy *dst, const struct policy *src)
{
    struct acl acl;
    if (!acl_copy(&acl, &src->acl))
        return false;
    *dst = *src;
    dst->acl = acl;
    return true;
}
