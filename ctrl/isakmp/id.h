/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The identification payload (RFC 2407 4.6.2; RFC 6407 5.1 for the group of a PULL). Who may be what is not decided here.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !  Next Payload !   RESERVED    !        Payload Length         !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     !   ID Type     !  Protocol ID  !             Port              !
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *     ~                     Identification Data                       ~
 *     +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 */
#ifndef GVPN_CTRL_ISAKMP_ID_H
#define GVPN_CTRL_ISAKMP_ID_H

#include "common/addr.h"
#include "ctrl/isakmp/isakmp.h"

enum isakmp_id_type {
    ISAKMP_ID_IPV4_ADDR = 1,
    ISAKMP_ID_FQDN = 2,
    ISAKMP_ID_USER_FQDN = 3,
    ISAKMP_ID_IPV4_ADDR_SUBNET = 4,
    ISAKMP_ID_IPV6_ADDR = 5,
    ISAKMP_ID_IPV6_ADDR_SUBNET = 6,
    ISAKMP_ID_IPV4_ADDR_RANGE = 7,
    ISAKMP_ID_IPV6_ADDR_RANGE = 8,
    ISAKMP_ID_DER_ASN1_DN = 9,
    ISAKMP_ID_DER_ASN1_GN = 10,
    ISAKMP_ID_KEY_ID = 11,
};

#define ISAKMP_ID_TEXT_MAX 128 /* any identity as text, NUL included; longer ones end with "..." */

struct isakmp_id {
    uint8_t type;
    uint8_t protocol; /* 0 or 17 */
    uint16_t port;    /* host order */
    struct span data; /* borrowed from the message */
};

/*
 * Reads an ID payload's body: known type, data of a length that the type can have (names 1 to 255 octets, DER up to 4096),
 * a mask that is contiguous and a range whose ends are in order. Protocol and port are not judged.
 */
MUST_CHECK enum isakmp_error isakmp_id_get(struct span body, struct isakmp_id *id);
/* The same rules for type and data alone, as SAT payloads have them. */
MUST_CHECK enum isakmp_error isakmp_id_check(uint8_t type, struct span data);
/*
 * The prefix that an address, subnet or range type means; set host bits of a subnet are dropped. False for other types and
 * for ranges that aren't exactly one prefix.
 */
MUST_CHECK bool isakmp_id_prefix(uint8_t type, struct span data, struct prefix *prefix);
/* Phase 1 accepts 0/0, 17/500, 17/848, 17/4500 (RFC 2407 4.6.2; wider than it, as GDOI's port is 848). */
MUST_CHECK enum isakmp_error isakmp_id_check_phase1_port(const struct isakmp_id *id);
/* The group of a PULL: ID_KEY_ID of 4 octets or ID_IPV4_ADDR, the three octets before it zero (RFC 6407 5.1). */
MUST_CHECK enum isakmp_error isakmp_id_get_group(struct span body, bool *is_address, uint32_t *value);
/* Appends an ID payload. */
void isakmp_id_put(struct isakmp_chain *c, const struct isakmp_id *id);
void isakmp_id_put_group(struct isakmp_chain *c, bool is_address, uint32_t value);
/* Octets of the body that isakmp_id_put() writes (IDii_b), to out; for hashing. Returns what was written, or empty. */
struct span isakmp_id_body(const struct isakmp_id *id, uint8_t *out, size_t cap);
/*
 * "10.0.0.2", "fqdn:ks1.example.net", "key-id:0x000001e4", "10.0.0.0/8". In a name, whatever
 * isn't a letter, digit, space or one of .-_@:/=, comes out as \xNN; the text is safe for any log. Returns out.
 */
const char *isakmp_id_text(const struct isakmp_id *id, char out[ISAKMP_ID_TEXT_MAX]);

#endif
