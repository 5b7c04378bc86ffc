/* SPDX-License-Identifier: BSD-3-Clause */
/* Faults and features of a policy: sentences for both logs (KS16). */
#include "ctrl/policy/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LONG_LIFETIME_S 86400 /* KS16: what lives longer is for members that said they can */

bool policy_fault(struct policy_fault *why, uint16_t notify, const char *format, ...)
{
    va_list args;
    why->kind = POLICY_FAULT_OTHER;
    why->notify = notify;
    why->missing = 0;
    va_start(args, format);
    vsnprintf(why->text, sizeof(why->text), format, args);
    va_end(args);
    return false;
}

bool policy_fault_is(struct policy_fault *why, enum policy_fault_kind kind)
{
    why->kind = kind;
    return false;
}

enum policy_fault_kind policy_fault_kind_of(enum isakmp_error e)
{
    return e == ISAKMP_E_SAT_PROTOCOL ? POLICY_FAULT_TEK_PROTOCOL : POLICY_FAULT_OTHER;
}

bool policy_fault_decode(struct policy_fault *why, enum isakmp_error e)
{
    return policy_fault(why, isakmp_error_notify(e), "%s", isakmp_error_text(e)) ||
           policy_fault_is(why, policy_fault_kind_of(e));
}

/* RFC 6407 has no deny, no port ranges. */
static bool needs_order(const struct acl *acl)
{
    for (size_t i = 0; i < acl->n; i++)
        if (!acl->entries[i].permit || !gdoi_sat_can_say(&acl->entries[i].sel))
            return true;
    return false;
}

uint64_t policy_sa_features(const struct policy_sa *sa)
{
    uint64_t need = sa->replay == REPLAY_TIME ? FEATURE_TIME_REPLAY : 0;
    need |= sa->replay == REPLAY_COUNTER ? FEATURE_COUNTER_REPLAY : 0;
    need |= sa->tag ? FEATURE_TAG : 0;
    need |= sa->strict_sender ? FEATURE_STRICT_SENDER : 0;
    need |= sa->lifetime_s > LONG_LIFETIME_S ? FEATURE_LONG_LIFETIME : 0;
    return need | (sa->suite->id == SUITE_CHACHA20_POLY1305 ? FEATURE_CHACHA20 : 0);
}

uint64_t policy_features(const struct policy *p, bool ours)
{
    uint64_t need = ours || needs_order(&p->acl) ? FEATURE_ORDERED_POLICY : 0;
    need |= ours && p->replace ? FEATURE_REPLACE : 0;
    for (size_t i = 0; i < p->n_sas; i++)
        need |= policy_sa_features(&p->sas[i]);
    return need;
}

uint64_t policy_missing(const struct policy *p, const struct peer_features *peer)
{
    return policy_features(p, peer->ours) & ~(peer->ours ? peer->features : 0);
}

const char *policy_features_text(uint64_t bits, char out[POLICY_FAULT_TEXT_MAX])
{
    size_t n = 0;
    out[0] = '\0';
    const struct feature *f;
    for (size_t i = 0; (f = feature_at(i)) != NULL; i++) {
        if ((bits & f->bit) == 0)
            continue;
        int k = snprintf(out + n, POLICY_FAULT_TEXT_MAX - n, "%s%s", n > 0 ? ", " : "", f->text);
        if (k < 0 || (size_t)k >= POLICY_FAULT_TEXT_MAX - n)
            break;
        n += (size_t)k;
    }
    return out;
}
