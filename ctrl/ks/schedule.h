/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a key server renews what: arithmetic, nothing else (KS4, KS5, KS10, KS11, KS17). Times are seconds of the group's clock.
 * The worked examples of the original guide are its tests.
 */
#ifndef GVPN_CTRL_KS_SCHEDULE_H
#define GVPN_CTRL_KS_SCHEDULE_H

#include "ctrl/config/config.h"

#define KS_TEK_END_S     90   /* the first round of a rekey is over so long before the end of a TEK (KS5) */
#define KS_KEK_END_S     200  /* a KEK is renewed so long before its end, retransmissions and waves apart (KS4) */
#define KS_SEND_OLD_S    30   /* members send with the old TEK until so long before its end (GM2) */
#define KS_MERGE_S       120  /* no retransmission when a rekey is due within it, or within an eighth of a life (KS10) */
#define KS_MERGE_SYNC_S  60   /* a pseudotime synchronisation waits for a rekey that is due within it (KS10) */
#define KS_REMIND_S      7200 /* members that didn't acknowledge a rekey with a long lifetime are reminded so often (KS17) */
#define KS_LONG_S        86400 /* a longer lifetime is a long one (KS16, KS17) */

/* How long the waves of a round take for so many members: 0 for multicast. */
mono_t ks_schedule_waves(const struct config_rekey *r, size_t members);
/* How long all rounds of a rekey take when nobody acknowledges. */
mono_t ks_schedule_rounds(const struct config_rekey *r, size_t members);
/* How long before its end a TEK's successor is made without rekey (r NULL): 90 s below 900 s of lifetime, else a tenth. */
mono_t ks_schedule_tek_offset(uint32_t lifetime_s);
/*
 * How long before its end a TEK is renewed: the offset, the retransmissions and the waves; never more than half of the
 * lifetime. r NULL: the group has no rekeys.
 */
mono_t ks_schedule_tek(uint32_t lifetime_s, const struct config_rekey *r, size_t members);
/* The same for a KEK; never more than three quarters of its lifetime, which the configuration warned of. */
mono_t ks_schedule_kek(uint32_t lifetime_s, const struct config_rekey *r, size_t members);
/*
 * Pause between two waves of a round that begins now and should be over at `until`: as configured, or as much shorter as it
 * takes; 1 ms at least.
 */
mono_t ks_schedule_pause(const struct config_rekey *r, size_t members, mono_t now, mono_t until);
/* Is a retransmission at `at` no use, as a rekey is due at `due` for keys that live lifetime_s? */
bool ks_schedule_is_merged(mono_t at, mono_t due, uint32_t lifetime_s);

#endif
