/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What somebody who gets rekeys is known to hold, and how it stands with the present rekey: a member, or with multicast all
 * who hold a KEK as one. Known means: it registered with it, or acknowledged a rekey that brought it.
 */
#ifndef GVPN_CTRL_KS_TARGET_H
#define GVPN_CTRL_KS_TARGET_H

#include <stdbool.h>
#include <stdint.h>

struct ks_target {
    uint32_t kek;     /* serial of the newest KEK that it is known to hold; 0 = none, so no rekey can reach it */
    uint32_t offered; /* serial of a newer one that it was sent since; 0 = none */
    uint32_t rules;   /* serial of the list that it is known to have */
    uint32_t rekey;   /* the last rekey that it was part of; 0 = none */
    unsigned round;   /* the last round of that in which it was sent; 0 = in none yet */
    bool pending;     /* it hasn't acknowledged that */
    unsigned useless; /* acknowledgements since that nothing had asked for, or forged ones */
};

#endif
