/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What phase 1 offers, chooses and accepts (RFC 2409 section 5, appendix A). The responder's own order
 * decides; it answers with exactly one of the offered transforms, attributes unmodified.
 */
#ifndef GVPN_CTRL_PHASE1_PROPOSAL_H
#define GVPN_CTRL_PHASE1_PROPOSAL_H

#include "ctrl/config/config.h"
#include "ctrl/isakmp/sa.h"

#define PHASE1_DEFAULT_LIFETIME_S 28800 /* RFC 2407 4.5.4: what an offer without lifetime means */

/* A cipher, hash and group that ctrl/crypto has, and a pre-shared key. */
bool phase1_proposal_is_supported(const struct config_proposal *p);
/* Our offer: all supported ones in order, transforms numbered from 1. Returns how many. */
size_t phase1_proposal_offer(uint32_t doi, const struct config_proposal *own, size_t n,
                             struct isakmp_sa *offer);
/*
 * Responder: the first of our proposals that the offer has too. *answer: DOI, situation and proposal number
 * of the offer with that transform alone. chosen->lifetime_s is the shorter of both. False: none fits.
 */
MUST_CHECK bool phase1_proposal_choose(const struct isakmp_sa *offer, const struct config_proposal *own,
                                       size_t n, struct isakmp_sa *answer, struct config_proposal *chosen);
/* Initiator: is this one of the transforms that we offered, unmodified? Fills *chosen. */
MUST_CHECK bool phase1_proposal_accept(const struct isakmp_sa *offer, const struct isakmp_sa *answer,
                                       struct config_proposal *chosen);

/* The transforms of an offer as text, for logs: "aes-256/sha256/14/psk, ..."; at most cap - 1 octets. */
void phase1_proposal_list(const struct isakmp_sa *offer, char *out, size_t cap);
/* Why phase1_proposal_choose() found none: what was offered and what is accepted, as text. */
void phase1_proposal_refusal(const struct isakmp_sa *offer, const struct config_proposal *own, size_t n, char *out,
                             size_t cap);

#endif
