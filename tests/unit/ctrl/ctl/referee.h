/* SPDX-License-Identifier: BSD-3-Clause */
/* What libjansson reads in an answer of gvpnd. In a file of its own, because both libraries have functions of the same names. */
#ifndef GVPN_TESTS_CTL_REFEREE_H
#define GVPN_TESTS_CTL_REFEREE_H

#include <stdbool.h>
#include <stddef.h>

bool referee_is_object(const char *text);
/* Has the object this key? */
bool referee_has(const char *text, const char *key);
/* A string's value, valid until the next call; "" when it is none. */
const char *referee_text(const char *text, const char *key);
/* A whole number, or 0 and 1 for a boolean; -1 when it is neither. */
long long referee_number(const char *text, const char *key);
/* Items of an array; 0 when it is none. */
size_t referee_size(const char *text, const char *key);

#endif
