/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers and their names, one table per enum, so that logs, tools and documents agree. */
#ifndef GVPN_COMMON_NAMES_H
#define GVPN_COMMON_NAMES_H

#include "common/buf.h"

struct name {
    unsigned value;
    const char *text;
};

/* Tables end with {0, NULL}. */
/* The name of a value, or "unknown" (never NULL; with the number, use name_text()). */
const char *name_of(const struct name *table, unsigned value);
/* "AES-CBC" or "unknown(99)"; out needs 32 octets; returns out or the table's own text. */
const char *name_text(const struct name *table, unsigned value, char out[32]);
/* Finds by text; returns false when the table doesn't have it. */
MUST_CHECK bool name_find(const struct name *table, const char *text, unsigned *value);

extern const struct name names_ip_proto[]; /* tcp, udp, icmp, icmpv6, esp, ospf, eigrp, pim, igmp, gre, vrrp, sctp, dccp, udplite, ip = 0 */
extern const struct name names_log_level[];  /* enum log_level: error, warn, info, debug */
extern const struct name names_log_target[]; /* enum log_target: stderr, syslog, journal */

#endif
