/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables for people, never wider than TABLE_LINE_MAX columns and never cut: columns as wide as their widest cell, text to the
 * left, numbers to the right. A last column of text is broken between words. Columns that don't fit beside the others go to
 * further lines of their row, and so do their heads.
 */
#ifndef GVPN_TOOLS_CTL_TABLE_H
#define GVPN_TOOLS_CTL_TABLE_H

#include <stdio.h>

#define TABLE_MAX_COLUMNS 12
#define TABLE_LINE_MAX    100
#define TABLE_LAST_MIN    20 /* a last column of text that has less room begins a line of its own */
#define TABLE_FOLD        4  /* further lines of a row stand so much to the right */

struct table {
    size_t indent;
    size_t n_columns;
    const char *heads[TABLE_MAX_COLUMNS]; /* a head that begins with '>' is a number: right-aligned */
    char **cells;                         /* rows one after another */
    size_t n_cells, cap;
};

/* heads ends with NULL; indent is in columns. */
void table_init(struct table *t, size_t indent, const char *const *heads);
/* The next cell, row by row. Exits when memory is short. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints (heads only when there is a row) and frees. */
void table_print(struct table *t, FILE *to);

/* One paragraph outside a table: indented, broken between words, further lines by TABLE_FOLD more. Ends with a newline. */
void table_text(FILE *to, size_t indent, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
