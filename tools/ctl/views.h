/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of gvpnd as tables for people. The JSON is the contract; this is only its face. */
#ifndef GVPN_TOOLS_CTL_VIEWS_H
#define GVPN_TOOLS_CTL_VIEWS_H

#include <jansson.h>
#include <stdio.h>

/* Prints the document that answers the command `words`. */
void views_print(FILE *to, char *const *words, int n_words, const json_t *document);

#define VIEWS_WORDS 3
/* The words of the i-th command that only shows something, at most VIEWS_WORDS, NULL behind fewer; NULL: there are no more. */
const char *const *views_command(size_t i);

#endif
