/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables for people: see table.h. */
#include "tools/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2 /* between columns */

/* Where the columns stand. */
struct layout {
    size_t width[TABLE_MAX_COLUMNS];
    size_t column[TABLE_MAX_COLUMNS]; /* where it begins */
    int begins_line[TABLE_MAX_COLUMNS];
};

void table_init(struct table *t, size_t indent, const char *const *heads)
{
    *t = (struct table){.indent = indent};
    while (t->n_columns < TABLE_MAX_COLUMNS && heads[t->n_columns]) {
        t->heads[t->n_columns] = heads[t->n_columns];
        t->n_columns++;
    }
}

static void give_up(void)
{
    perror("gvpnctl");
    exit(EXIT_FAILURE);
}

void table_cell(struct table *t, const char *fmt, ...)
{
    va_list args;

    if (t->n_cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **grown = realloc(t->cells, cap * sizeof(*grown));

        if (!grown)
            give_up();
        t->cells = grown;
        t->cap = cap;
    }
    va_start(args, fmt);
    if (vasprintf(&t->cells[t->n_cells], fmt, args) < 0)
        give_up();
    va_end(args);
    t->n_cells++;
}

static int is_number(const struct table *t, size_t c)
{
    return t->heads[c][0] == '>';
}

/* Text from `column` on, broken between words where it would go beyond the line; a word that is too long is broken, too. */
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

/* How much room a column must find in a line. A last column of text may be broken. */
static size_t least_room(const struct table *t, const struct layout *l, size_t c)
{
    int may_break = c + 1 == t->n_columns && !is_number(t, c);

    return may_break && l->width[c] > TABLE_LAST_MIN ? TABLE_LAST_MIN : l->width[c];
}

static void arrange(const struct table *t, struct layout *l, size_t rows)
{
    size_t at = t->indent;

    *l = (struct layout){{0}, {0}, {0}};
    for (size_t c = 0; c < t->n_columns; c++)
        l->width[c] = strlen(t->heads[c]) - (size_t)is_number(t, c);
    for (size_t i = 0; i < rows * t->n_columns; i++) {
        size_t len = strlen(t->cells[i]);

        if (len > l->width[i % t->n_columns])
            l->width[i % t->n_columns] = len;
    }
    for (size_t c = 0; c < t->n_columns; c++) {
        if (c > 0 && at + least_room(t, l, c) > TABLE_LINE_MAX) {
            l->begins_line[c] = 1;
            at = t->indent + TABLE_FOLD;
        }
        l->column[c] = at;
        at += l->width[c] + GAP;
    }
}

static void print_row(const struct table *t, FILE *to, const struct layout *l, char *const *cells)
{
    (void)fprintf(to, "%*s", (int)t->indent, "");
    for (size_t c = 0; c < t->n_columns; c++) {
        const char *text = cells ? cells[c] : t->heads[c] + is_number(t, c);
        int ends_line = c + 1 == t->n_columns || l->begins_line[c + 1];

        if (l->begins_line[c])
            (void)fprintf(to, "\n%*s", (int)l->column[c], "");
        if (is_number(t, c) && l->column[c] + l->width[c] <= TABLE_LINE_MAX)
            (void)fprintf(to, "%*s", (int)l->width[c], text);
        else if (ends_line)
            print_wrapped(to, text, l->column[c]);
        else
            (void)fprintf(to, "%-*s", (int)l->width[c], text);
        if (!ends_line)
            (void)fprintf(to, "%*s", GAP, "");
    }
    (void)fputc('\n', to);
}

void table_print(struct table *t, FILE *to)
{
    size_t rows = t->n_columns ? t->n_cells / t->n_columns : 0;
    struct layout l;

    arrange(t, &l, rows);
    if (rows > 0)
        print_row(t, to, &l, NULL);
    for (size_t r = 0; r < rows; r++)
        print_row(t, to, &l, t->cells + r * t->n_columns);
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct table){0};
}

void table_text(FILE *to, size_t indent, const char *fmt, ...)
{
    char *text;
    va_list args;

    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        give_up();
    va_end(args);
    (void)fprintf(to, "%*s", (int)indent, "");
    if (indent + strlen(text) <= TABLE_LINE_MAX)
        (void)fputs(text, to);
    else
        print_wrapped(to, text, indent + TABLE_FOLD);
    (void)fputc('\n', to);
    free(text);
}
