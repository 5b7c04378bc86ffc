/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pseudotime clock of a group on its key server (KS11): milliseconds since the first registration. It isn't the time of
 * day and follows no other clock; it only goes forward, through reloads too. Held in memory: a restarted key server makes
 * new TEKs, so that its new clock is never compared with stamps of the old one (decision 18).
 */
#ifndef GVPN_CTRL_KS_PSEUDOTIME_H
#define GVPN_CTRL_KS_PSEUDOTIME_H

#include "ctrl/policy/policy.h"

struct ks_pseudotime {
    bool runs;
    mono_t zero; /* scaled instant of its beginning */
};

/* Its value at an instant; 0 while it doesn't run. */
uint64_t ks_pseudotime_ms(const struct ks_pseudotime *t, mono_t at);
/*
 * A member has accepted this policy: the first one starts the clock, so that the value that it was given (0 at
 * policy->made_at) is right. False, changing nothing, when the value that it was given is wrong: another member was first
 * meanwhile, or the group was cleared. Some error is as good as none: an eighth of the window, a second at most; 10 s
 * when no SA looks at it and it only tells the age of rekeys; any without those.
 */
MUST_CHECK bool ks_pseudotime_accept(struct ks_pseudotime *t, const struct policy *policy);

#endif
