/* SPDX-License-Identifier: BSD-3-Clause */
/* The pseudotime clock of a group: see pseudotime.h. */
#include "ctrl/ks/pseudotime.h"

#define TOLERANCE_DIV    8
#define TOLERANCE_MAX_MS 1000
#define TOLERANCE_REKEYS_MS 10000 /* where only the age of rekeys is told by it (30 s) */

uint64_t ks_pseudotime_ms(const struct ks_pseudotime *t, mono_t at)
{
    int64_t ms = t->runs ? mono_to_ms(mono_sub(at, t->zero)) : 0;

    return ms > 0 ? (uint64_t)ms : 0;
}

bool ks_pseudotime_accept(struct ks_pseudotime *t, const struct policy *policy)
{
    int64_t tolerance = (int64_t)policy_time_window(policy) * 1000 / TOLERANCE_DIV, wrong;
    mono_t zero = mono_sub(policy->made_at, mono_ms((int64_t)policy->pseudotime_ms)); /* as the member reckons */

    if (!t->runs)
        *t = (struct ks_pseudotime){.runs = true, .zero = zero};
    if (tolerance == 0 && !policy->has_kek) /* nobody looks at it */
        return true;
    if (tolerance == 0)
        tolerance = TOLERANCE_REKEYS_MS;
    else if (tolerance > TOLERANCE_MAX_MS)
        tolerance = TOLERANCE_MAX_MS;
    wrong = mono_to_ms(mono_sub(zero, t->zero));
    return wrong >= -tolerance && wrong <= tolerance;
}
