/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything a key server gives out once and never again: sender ids and SPIs (RFC 6407 3.5, RFC 6054; KS19, DP3). Held in
 * memory: a restarted key server makes new TEKs, so ids may start over with them. The module is the one place that
 * a journal will sit behind.
 */
#ifndef GVPN_CTRL_KS_IDS_H
#define GVPN_CTRL_KS_IDS_H

#include "common/buf.h"
#include "ctrl/run/env.h"

#define KS_RECENT_SPIS 4096 /* an SPI isn't drawn again while it is among the last so many */
#define KS_SERVER_BITS 3    /* top bits of sender ids and SPIs that name the key server; 0 when it is alone */

/* SPIs of all groups of this key server. */
struct ks_spis {
    uint32_t recent[KS_RECENT_SPIS]; /* ring; 0 = empty */
    size_t next;
};

/* Sender ids of one group in one key epoch. */
struct ks_ids {
    uint8_t bits;  /* width of a sender id: 8 to 32 */
    uint64_t next; /* ids below it are given */
    uint64_t end;  /* first id that isn't ours */
};

/* A new SPI: random, above 255, not among the recent ones. False only when the system has no random octets. */
MUST_CHECK bool ks_spi_take(struct ks_spis *s, const struct env *env, uint32_t *spi);

/* Starts a key epoch. bits 8 to 32. */
void ks_ids_init(struct ks_ids *ids, uint8_t bits);
/* Gives n ids, in order, never given before in this epoch. False, giving none, when fewer are left. */
MUST_CHECK bool ks_ids_take(struct ks_ids *ids, size_t n, uint64_t *out);
/* Share of the space that is given, in percent, rounded down. */
unsigned ks_ids_used_percent(const struct ks_ids *ids);

#endif
