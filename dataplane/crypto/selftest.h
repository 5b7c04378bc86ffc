/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the self test that go through lanes; crypto_selftest() calls them. */
#ifndef GVPN_DATAPLANE_CRYPTO_SELFTEST_H
#define GVPN_DATAPLANE_CRYPTO_SELFTEST_H

#include "dataplane/crypto/crypto.h"

#define SELFTEST_BURST_MAX 33
#define SELFTEST_TEXT_MAX  1504

/* Published known answers of every suite but GCM, sealed and opened. False, and the suite and what failed in why. */
MUST_CHECK bool selftest_known_answers(const struct crypto_backend *b, char *why, size_t cap);
/* One suite against the reference with 1 to 33 jobs in the lanes, and spoilt packets among right ones. */
MUST_CHECK bool selftest_jobs(const struct crypto_backend *b, const struct suite *suite, char *why, size_t cap);

#endif
