/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables for people: columns as wide as their widest cell, text to the left, numbers to the right. A last column of text is
 * broken between words, so that lines fit TABLE_LINE_MAX columns.
 */
#ifndef GVPN_TOOLS_CTL_TABLE_H
#define GVPN_TOOLS_CTL_TABLE_H

#include <stdio.h>

#define TABLE_MAX_COLUMNS 12
#define TABLE_CELL_MAX    256
#define TABLE_LINE_MAX    100
#define TABLE_LAST_MIN    20 /* the last column has at least so much, whatever stands before it */

struct table {
    const char *indent;
    size_t n_columns;
    const char *heads[TABLE_MAX_COLUMNS]; /* a head that begins with '>' is a number: right-aligned */
    char *cells;                          /* rows one after another, TABLE_CELL_MAX octets a cell */
    size_t n_cells, cap;
};

/* heads ends with NULL. */
void table_init(struct table *t, const char *indent, const char *const *heads);
/* The next cell, row by row. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Prints (heads only when there is a row) and frees. */
void table_print(struct table *t, FILE *to);

#endif
