/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything a key server gives out once and never again: sender ids and SPIs (RFC 6407 3.5, RFC 6054; KS19, DP3). Held in
 * memory: a restarted key server makes new TEKs, so ids may start over with them. The module is the one place that
 * a journal will sit behind.
 *
 * No sender id is given twice while a key lives that it was given with. The space is used in two halves, an epoch each: when the
 * present half is half used, and every key that the other half's ids were given with has ended, the other begins anew. So
 * the space doesn't run out over the years as long as half of it is enough for two lives of a key. Ids of a group with rekeys stay
 * in use, so there the second half is the last, and a new key epoch begins before it ends (ctrl/ks/epoch.h).
 */
#ifndef GVPN_CTRL_KS_IDS_H
#define GVPN_CTRL_KS_IDS_H

#include "common/buf.h"
#include "ctrl/run/env.h"

#define KS_SPIS        4096 /* how many are remembered: POLICY_MAX_SAS of each of CONFIG_MAX_GROUPS, and more */
#define KS_SERVER_BITS 3    /* top bits of sender ids and SPIs that name the key server; 0 when it is alone */

/* SPIs of all groups of this key server, and when their keys end. */
struct ks_spis {
    struct ks_spi {
        uint32_t spi; /* 0: empty */
        mono_t end;
    } given[KS_SPIS]; /* a ring, in which keys that live are passed over */
    size_t next;
};

/* Sender ids of one group. */
struct ks_ids {
    uint8_t bits;         /* width of a sender id: 8 to 32 */
    bool upper;           /* which half is in use */
    uint32_t epoch;       /* +1 with each change of half */
    uint64_t next, end;   /* next id to give, first one beyond the half */
    mono_t used_until[2]; /* end of the last key that ids of the lower, upper half were given with */
};

/*
 * An SPI for a key that lives until `end`: random, above 255, neither that of a key that lives, in whatever group, cleared or
 * not, nor a recent one. (Should clearing make more than KS_SPIS of them, the key that ends first is forgotten.) False only
 * when the system has no random octets.
 */
MUST_CHECK bool ks_spi_take(struct ks_spis *s, const struct env *env, mono_t end, mono_t now, uint32_t *spi);

/* A space from which nothing was given. bits 8 to 32. */
void ks_ids_init(struct ks_ids *ids, uint8_t bits);
/*
 * Gives n ids, in order, for use with keys that all end until keys_end; none of them was given before with a key that still
 * lives. A member that gets rekeys uses its ids with every later key as well: MONO_NEVER. False, giving none, when fewer are
 * left.
 */
MUST_CHECK bool ks_ids_take(struct ks_ids *ids, size_t n, mono_t keys_end, mono_t now, uint64_t *out);
/* No key later than `until` will be used with any id that was given so far: the group has no rekeys any more. */
void ks_ids_end(struct ks_ids *ids, mono_t until);
/* How many one member may take in one epoch: nobody can use up the others' share. */
uint64_t ks_ids_quota(const struct ks_ids *ids);
/* Share of the present half that is given, in percent, rounded down. */
unsigned ks_ids_used_percent(const struct ks_ids *ids);

#endif
