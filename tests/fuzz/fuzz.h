/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzz target is one function that takes any octets. With -Dfuzz=true (clang) libFuzzer calls it; otherwise replay.c
 * runs it over the committed inputs in corpus/<target>/, as an ordinary test.
 */
#ifndef GVPN_TESTS_FUZZ_FUZZ_H
#define GVPN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that must hold whatever the input is. */
#define MUST(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
