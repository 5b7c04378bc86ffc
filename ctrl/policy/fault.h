/* SPDX-License-Identifier: BSD-3-Clause */
/* For the files of this folder only: how a fault is filled. */
#ifndef GVPN_CTRL_POLICY_FAULT_H
#define GVPN_CTRL_POLICY_FAULT_H

#include "ctrl/policy/payloads.h"

/* Fills *why; always false, so that it can be returned. No argument may point into a message. */
bool policy_fault(struct policy_fault *why, uint16_t notify, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What kind it is, behind one that was filled: policy_fault(...) || policy_fault_is(...). Always false. */
bool policy_fault_is(struct policy_fault *why, enum policy_fault_kind kind);
/* Filled from a decoder's error. */
bool policy_fault_decode(struct policy_fault *why, enum isakmp_error e);

#endif
