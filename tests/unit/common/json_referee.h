/* SPDX-License-Identifier: BSD-3-Clause */
/* What libjansson reads in our JSON. In a file of its own, because both libraries have functions of the same names. */
#ifndef GVPN_TESTS_JSON_REFEREE_H
#define GVPN_TESTS_JSON_REFEREE_H

#include <stdbool.h>
#include <stddef.h>

/* Is text an object of one member whose key and value are the same string? */
bool json_referee_agrees(const char *text);
/* Items of the array; 0 when text is none. Items must be their own index. */
size_t json_referee_array_size(const char *text);

#endif
