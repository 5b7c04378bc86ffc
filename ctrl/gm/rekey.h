/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a genuine rekey changes on a member (GM2, GM4; RFC 6407 4.4, 5.9). All of it is judged before any of it is done, so a
 * rekey that can't be used leaves the membership as it was. Opening and verifying the datagram is gm/receive.c.
 *
 * Installed is installed (decision 16): an SPI that is or was held keeps key, IVs and replay state, its end never moves later,
 * and one that is over never comes back. Lifetimes and delays count from the moment when the message came.
 */
#ifndef GVPN_CTRL_GM_REKEY_H
#define GVPN_CTRL_GM_REKEY_H

#include "ctrl/gm/gm.h"
#include "ctrl/push/push.h"

enum gm_rekey_result {
    GM_REKEY_APPLIED,
    GM_REKEY_REPEATED,    /* everything in it is installed already: to be acknowledged again */
    GM_REKEY_REFUSED,     /* GM_DROP_CONTENT */
    GM_REKEY_TOO_OLD,     /* GM_DROP_PSEUDOTIME */
    GM_REKEY_EARLIER_KEK, /* GM_DROP_EARLIER_KEK */
};

/*
 * p: its signature and number were right. The caller wipes it; its list may be taken over. under_earlier: it came under the
 * KEK before the present one. why[160] says what is wrong with one that isn't taken.
 */
enum gm_rekey_result gm_rekey(struct gm *gm, struct push *p, bool under_earlier, struct now now, char why[160]);

#endif
