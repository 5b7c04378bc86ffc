/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What gvpnd remembers of SPIs for the processes of one data-plane socket (GM2, KS12): which SAs a process has deleted, as
 * it never takes them again, and what processes that died did with the sequence numbers of SAs with counter replay, so
 * that the next one neither sends nor accepts a number twice (docs/ipc.md). Values only; plane.c is its one user.
 */
#ifndef GVPN_CTRL_RUN_SPIS_H
#define GVPN_CTRL_RUN_SPIS_H

#include "common/ipc/page.h"

#define SPIS_MAX_LOST  1024
#define SPIS_MAX_MARKS 1024 /* four times what a data plane holds at once; then the oldest are forgotten */

struct spis_known {
    uint32_t spi;
    bool counted; /* with counter replay */
};

/* Numbers up to `used` may have been sent, up to `top` accepted. */
struct spis_mark {
    uint32_t spi, used, top;
};

/* A line about packets of this SA was logged, the next one may come at `next`. */
struct spis_told {
    uint32_t spi;
    mono_t next;
};

/* All zero: nothing is known. */
struct spis {
    struct spis_known put[IPC_MAX_SAS], held[IPC_MAX_SAS]; /* of the transaction under way, and of the last in effect */
    size_t n_put, n_held;
    struct spis_known lost[SPIS_MAX_LOST]; /* ring */
    size_t n_lost;
    uint64_t instance; /* data-plane process that lost them */
    struct spis_mark marks[SPIS_MAX_MARKS]; /* ring */
    size_t n_marks;
    struct spis_told told[IPC_MAX_SAS];
};

/*
 * A process attached. page: its counter page, which shows what an earlier gvpnd installed; last: the page of the attach
 * before, which may be of a process that is dead by now. Either may be NULL, and what they say is clamped. A new process
 * takes SAs that the one before deleted, but those with counter replay: nobody knows their numbers any more.
 */
void spis_attached(struct spis *s, uint64_t instance, const struct ipc_page *page, const struct ipc_page *last);
/* A transaction begins. */
void spis_begin(struct spis *s);
/* An SA of it: with counter replay its sequence_used and sequence_top are raised to what dead processes did. */
void spis_put(struct spis *s, struct ipc_sa *sa);
/* The transaction is in effect: what the one before had and it hasn't is deleted for good. */
void spis_in_effect(struct spis *s);
/*
 * May the log have a line about packets of this SA now (real time)? Once a second for each, so that a noisy one hides no
 * other; true is an answer that counts.
 */
MUST_CHECK bool spis_may_tell(struct spis *s, uint32_t spi, mono_t now);
/* Is it known what dead processes did with the numbers of this SA? */
bool spis_has_mark(const struct spis *s, uint32_t spi);
/* Was it deleted for good? */
bool spis_lost(const struct spis *s, uint32_t spi);

#endif
