/* SPDX-License-Identifier: BSD-3-Clause */
/* Who the peer must be, and who we are: ID payloads of phase 1 against configuration (RFC 2407 4.6.2; IK1).
 */
#ifndef GVPN_CTRL_PHASE1_IDENTITY_H
#define GVPN_CTRL_PHASE1_IDENTITY_H

#include "common/addr.h"
#include "ctrl/isakmp/id.h"

/* Our own: the address that we talk from, protocol and port 0. The data points into *a. */
struct isakmp_id phase1_identity_of_address(const struct addr *a);
/*
 * Is it the configured identity? `expected`: an address, a name (ID_FQDN or ID_KEY_ID), a name with @
 * (ID_USER_FQDN); empty means the peer's address. The time taken doesn't depend on where the octets differ.
 */
bool phase1_identity_matches(const struct isakmp_id *id, const char *expected, const struct addr *peer);

#endif
