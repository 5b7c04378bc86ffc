/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Ethernet header that carries a security group tag (DP10), type 0x8909. It stands behind the VLAN tags, in front of
 * the type of what is inside. As public decoders show it; only this form is understood, which has one option, the tag.
 *
 *     | destination 6 | source 6 | VLAN tags | 89 09 | version 1 | length 1 | option 2: 00 01 | tag 2 | type 2 | ...
 *
 * length counts 8 octets, from the version to the type inside; the option's upper bits say its length (0: 4 octets), the
 * lower 13 its type (1: the tag). Tag 0xffff is no tag. Bytes only; who may use a tag is its caller's business.
 */
#ifndef GVPN_DATAPLANE_CORE_CMD_H
#define GVPN_DATAPLANE_CORE_CMD_H

#include "common/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMD_TYPE   0x8909
#define CMD_LEN    8 /* what the header adds to a frame */
#define CMD_NO_TAG 0xffff

enum cmd_result {
    CMD_NONE,   /* the frame has no such header */
    CMD_TAGGED, /* it has one */
    CMD_BROKEN, /* it has one that is cut off or isn't of this form */
};

struct cmd {
    uint16_t tag;
    uint8_t at;       /* where its type stands in the frame: behind addresses and VLAN tags */
    uint16_t type_be; /* of what is inside, as in memory */
};

/* Looks for the header in a frame of len octets, behind up to two VLAN tags. */
MUST_CHECK enum cmd_result cmd_read(const uint8_t *frame, size_t len, struct cmd *c);

/* Takes the header out by moving what stands in front of it. Returns where the frame, CMD_LEN octets shorter, begins now. */
uint8_t *cmd_strip(uint8_t *frame, const struct cmd *c);

/*
 * Puts one in: needs CMD_LEN octets of room in front of the frame, whose first l2_len octets (14 to 22) are its Ethernet
 * header. Returns where it begins now.
 */
uint8_t *cmd_put(uint8_t *frame, uint32_t l2_len, uint16_t tag);

#endif
