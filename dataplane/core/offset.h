/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far the pseudotimes of a sender's packets lie from one's own, and what that means to an operator (DP4): one's own
 * clock, that sender's, a slow path, or a time of another epoch. Counts age: they halve about once a minute, so that the
 * picture is of the last minutes. Numbers only.
 */
#ifndef GVPN_DATAPLANE_CORE_OFFSET_H
#define GVPN_DATAPLANE_CORE_OFFSET_H

#include "common/ipc/page.h"

/*
 * The bin of an offset (sender's time minus one's own): 0 and 11 more than ten windows before and after, 1 and 10 outside
 * of the window, 2 to 9 an eighth of what is accepted each. window_ms is not 0.
 */
unsigned offset_bin(int64_t offset_ms, uint64_t window_ms);

/* The difference of two pseudotimes, held within +- INT64_MAX. */
int64_t offset_of(uint64_t sender_ms, uint64_t own_ms);

/* What one sender's counts say, seen alone: never IPC_OFFSET_OWN_CLOCK. */
enum ipc_offset offset_judge(const uint64_t bins[IPC_OFFSET_BINS]);

/*
 * Judges the n senders of one group into `say`. When there are two or more and most of them are outside of the window on the
 * same side, it isn't them: those are told to be OWN_CLOCK.
 */
void offset_judge_all(uint64_t (*bins)[IPC_OFFSET_BINS], unsigned n, enum ipc_offset *say);

#endif
