/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the appliance's neighbours are: by which port a frame from the TAP leaves. Learned from the frames that were
 * punted to the TAP, aged like a bridge's table. Fixed size, one thread; a colliding address takes the place of the
 * older, so that nobody can fill it.
 */
#ifndef GVPN_DATAPLANE_MAC_H
#define GVPN_DATAPLANE_MAC_H

#include "common/mono.h"

#define MAC_SLOTS 1024 /* a power of two */
#define MAC_AGE_S 300

struct mac_table {
    struct mac_slot {
        uint8_t mac[6];
        uint16_t port;
        mono_t seen; /* real time; 0 = never */
    } slots[MAC_SLOTS];
};

/* A frame with this source address came in by `port`. Group addresses are not learned. */
void mac_learn(struct mac_table *t, const uint8_t mac[6], uint16_t port, mono_t now);
/* The port where this address was seen in the last MAC_AGE_S seconds, else `otherwise` (also for group addresses). */
uint16_t mac_find(const struct mac_table *t, const uint8_t mac[6], uint16_t otherwise, mono_t now);

#endif
