/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tables of suites and features with all of them supported, for tests of what handles them: linked into a test, they
 * stand in for those of the library, so that the control plane is tried with suites that the data plane can't run yet.
 */
#define SUITE_TEST_ALL
#define FEATURE_TEST_ALL
#include "common/suite.c"
#undef DONE
#include "common/feature.c"
