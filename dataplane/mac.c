/* SPDX-License-Identifier: BSD-3-Clause */
/* A direct-mapped table: one place per hash, no chains, nothing to expire. */
#include "dataplane/mac.h"

#include <string.h>

static unsigned slot_of(const uint8_t mac[6])
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (unsigned i = 0; i < 6; i++) {
        h = (h ^ mac[i]) * 16777619u;
    }
    return (h ^ h >> 16) & (MAC_SLOTS - 1);
}

static bool is_group(const uint8_t mac[6])
{
    return (mac[0] & 1) != 0;
}

void mac_learn(struct mac_table *t, const uint8_t mac[6], uint16_t port, mono_t now)
{
    struct mac_slot *s = &t->slots[slot_of(mac)];

    if (!is_group(mac)) {
        memcpy(s->mac, mac, sizeof(s->mac));
        s->port = port;
        s->seen = now;
    }
}

uint16_t mac_find(const struct mac_table *t, const uint8_t mac[6], uint16_t otherwise, mono_t now)
{
    const struct mac_slot *s = &t->slots[slot_of(mac)];
    bool known = !is_group(mac) && s->seen.ns != 0 && memcmp(s->mac, mac, sizeof(s->mac)) == 0;

    return known && mono_before(now, mono_add(s->seen, mono_s(MAC_AGE_S))) ? s->port : otherwise;
}
