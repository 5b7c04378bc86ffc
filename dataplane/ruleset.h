/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A long list of rules, compiled for fast search (KS15): what acl_find() says, in a time that hardly grows with the list.
 * For each of the five things that an entry looks at (addresses, protocol, ports) the space of values is cut where any
 * entry begins or ends; to every piece belongs a row of bits, one per entry that accepts it. A flow's answer is the lowest bit
 * that all five rows have in common. Lists that are short are searched linearly: that is faster.
 *
 * Belongs to the control thread until it is in a snapshot; read by all then. It has no opinion on what an entry means.
 */
#ifndef GVPN_DATAPLANE_RULESET_H
#define GVPN_DATAPLANE_RULESET_H

#include "common/acl.h"

#define RULESET_LINEAR 16 /* lists of at most so many entries aren't compiled */

struct ruleset_tables;

struct ruleset {
    struct acl list;               /* borrowed entries */
    struct ruleset_tables *tables; /* owned; NULL: short enough for linear search */
};

/* Compiles a list, whose entries must outlive r. Returns false, r harmless, when memory is short. */
MUST_CHECK bool ruleset_compile(struct ruleset *r, const struct acl *list);
void ruleset_free(struct ruleset *r);
/* The first entry that matches, or NULL: always acl_find(list, f). */
const struct acl_entry *ruleset_find(const struct ruleset *r, const struct flow *f);
/*
 * The first entry that matches, where permits are asked for their addresses only: what would have been protected, were it not
 * protected already (ESP with an unknown SPI, decision 9).
 */
const struct acl_entry *ruleset_find_addresses(const struct ruleset *r, const struct flow *f);
/* Octets that the compiled form takes. */
size_t ruleset_size(const struct ruleset *r);

#endif
