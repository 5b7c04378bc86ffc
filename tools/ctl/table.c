/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables for people: see table.h. */
#include "tools/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const char *indent, const char *const *heads)
{
    *t = (struct table){.indent = indent};
    while (t->n_columns < TABLE_MAX_COLUMNS && heads[t->n_columns]) {
        t->heads[t->n_columns] = heads[t->n_columns];
        t->n_columns++;
    }
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list args;

    if (t->n_cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char *grown = realloc(t->cells, cap * TABLE_CELL_MAX);

        if (!grown) {
            perror("gvpnctl");
            exit(EXIT_FAILURE);
        }
        t->cells = grown;
        t->cap = cap;
    }
    va_start(args, fmt);
    (void)vsnprintf(t->cells + t->n_cells * TABLE_CELL_MAX, TABLE_CELL_MAX, fmt, args);
    va_end(args);
    t->n_cells++;
}

static const char *cell(const struct table *t, size_t i)
{
    return t->cells + i * TABLE_CELL_MAX;
}

/* The rest of a row, broken between words where the line would be longer than TABLE_LINE_MAX. */
static void print_wrapped(FILE *to, const char *text, size_t column)
{
    size_t room = column + TABLE_LAST_MIN < TABLE_LINE_MAX ? TABLE_LINE_MAX - column : TABLE_LAST_MIN;

    while (strlen(text) > room) {
        size_t n = room;

        while (n > 0 && text[n] != ' ')
            n--;
        if (n == 0)
            n = room;
        (void)fprintf(to, "%.*s\n%*s", (int)n, text, (int)column, "");
        text += n + (text[n] == ' ');
    }
    (void)fputs(text, to);
}

static void print_row(const struct table *t, FILE *to, const size_t *width, size_t row, int is_head)
{
    size_t column = strlen(t->indent);

    (void)fprintf(to, "%s", t->indent);
    for (size_t c = 0; c < t->n_columns; c++) {
        int number = t->heads[c][0] == '>';
        const char *text = is_head ? t->heads[c] + number : cell(t, row * t->n_columns + c);
        int last = c + 1 == t->n_columns;

        if (number)
            (void)fprintf(to, "%*s%s", (int)width[c], text, last ? "" : "  ");
        else if (last)
            print_wrapped(to, text, column);
        else
            (void)fprintf(to, "%-*s  ", (int)width[c], text);
        column += width[c] + 2;
    }
    (void)fputc('\n', to);
}

void table_print(struct table *t, FILE *to)
{
    size_t width[TABLE_MAX_COLUMNS] = {0};
    size_t rows = t->n_columns ? t->n_cells / t->n_columns : 0;

    for (size_t c = 0; c < t->n_columns; c++)
        width[c] = strlen(t->heads[c]) - (t->heads[c][0] == '>');
    for (size_t i = 0; i < rows * t->n_columns; i++) {
        size_t len = strlen(cell(t, i));

        if (len > width[i % t->n_columns])
            width[i % t->n_columns] = len;
    }
    if (rows > 0)
        print_row(t, to, width, 0, 1);
    for (size_t r = 0; r < rows; r++)
        print_row(t, to, width, r, 0);
    free(t->cells);
    *t = (struct table){0};
}
