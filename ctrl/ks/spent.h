/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counter replay on the key server (KS12): a key that a member had before is of no use to it when it lost what its data plane knew
 * of the numbers, or when they run out. Who registers is told which keys it may have had, and can ask for others; these take
 * over at once, as with `rekey --replace`, so that nobody who goes on loses anything. Decides nothing for other keys.
 *
 * No loops: nobody needs another key because of a new one. A member asks when both of its daemons died, or after 9/10 of 2^32
 * packets; however often it does, keys are made every KS_SPENT_EVERY_S at most, and only in place of one that it had.
 */
#ifndef GVPN_CTRL_KS_SPENT_H
#define GVPN_CTRL_KS_SPENT_H

#include "ctrl/ks/members.h"

#define KS_SPENT_EVERY_S 10 /* scaled: a group makes keys for this at most so often */
#define KS_SPENT_OLD_S   40 /* without rekeys the old keys end after so long: the other member notices in 10 to 20 s (GM13) */

struct ks_group;

/* Marks the keys of a policy that this member may have had; m: NULL = it isn't in the table. */
void ks_spent_mark(const struct ks_group *g, const struct ks_member *m, struct policy *p);
/* Up to which instant's keys it may have had; earlier than any when none. */
mono_t ks_spent_given(const struct ks_group *g, const struct ks_member *m);
/* It registered and gets this policy; before: ks_spent_given() until then. */
void ks_spent_gave(const struct ks_group *g, struct ks_member *m, mono_t before, const struct policy *p);
/* It is sent a rekey, which says all keys. */
void ks_spent_sent(const struct ks_group *g, struct ks_member *m);
/* Members are forgotten: who comes now may have had every key. */
void ks_spent_forgot(struct ks_group *g);
/*
 * A member asks for other keys. Makes one for each `sa` with counter replay whose newest key it may have had before it
 * registered, and tells the members. False: there was nothing to make, or it was too soon, or there are too many keys.
 */
bool ks_spent_replace(struct ks_group *g, const struct ks_member *m, mono_t given, mono_t now);

#endif
