/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over tags. Trusts no length. */
#include "dataplane/core/l2.h"

#include <stdbool.h>

#define TYPE_IPV4  0x0800
#define TYPE_IPV6  0x86dd
#define TYPE_FIRST 0x0600 /* smaller ones are lengths (IEEE 802.3) */
#define WALK_MAX   8      /* tags: nobody sends as many */

static bool is_tag(uint16_t type)
{
    return l2_is_tpid(__builtin_bswap16(type));
}

static bool is_ip(uint16_t type)
{
    return type == TYPE_IPV4 || type == TYPE_IPV6;
}

/* What stands in an 802.3 frame with a length instead of a type: IP behind a SNAP header (RFC 1042)? */
static bool is_snap_ip(const uint8_t *p, size_t left)
{
    static const uint8_t snap[6] = {0xaa, 0xaa, 3, 0, 0, 0};

    return left >= 8 && memcmp(p, snap, sizeof snap) == 0 && is_ip(load16_be(p + 6));
}

void l2_parse(const uint8_t *frame, size_t len, struct l2 *l2)
{
    size_t at = 12; /* of the type or the next TPID */
    unsigned tags = 0;
    uint16_t type;

    *l2 = (struct l2){.flaw = L2_CUT};
    if (len < L2_LEN)
        return;
    type = load16_be(frame + at);
    if (is_tag(type) && len >= at + L2_TAG_LEN)
        l2->vlan = load16_be(frame + at + 2) & 0x0fff;
    while (is_tag(type)) {
        at += L2_TAG_LEN;
        if (len < at + 2)
            return;
        if (++tags > WALK_MAX) {
            l2->flaw = L2_DEEP;
            return;
        }
        type = load16_be(frame + at);
    }
    at += 2;
    l2->len = (uint8_t)at;
    l2->type_be = __builtin_bswap16(type);
    if ((is_ip(type) && tags > L2_MAX_TAGS) || (type < TYPE_FIRST && is_snap_ip(frame + at, len - at)))
        l2->flaw = L2_DEEP;
    else
        l2->flaw = L2_OK;
}
