/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * At least one valid message of every type, with the largest and smallest variants, for codec tests and the fuzzer's
 * corpus.
 */
#ifndef GVPN_TESTS_UNIT_COMMON_IPC_SAMPLES_H
#define GVPN_TESTS_UNIT_COMMON_IPC_SAMPLES_H

#include "common/ipc/ipc.h"

#define SAMPLES_MAX 40

/* Fills out (padding zeroed) and returns how many there are. */
size_t samples(struct ipc_msg out[SAMPLES_MAX]);

#endif
