/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Compiling: per axis a list of edges, "from this value on entry i accepts" and "from here on no longer", is sorted and swept
 * once; each row is its predecessor with the bits of one edge changed. So the cost is bounded whatever the ranges look
 * like: n entries give at most 2n + 1 rows of n bits on each axis. Families have tables of their own.
 */
#include "dataplane/ruleset.h"

#include <stdlib.h>
#include <string.h>

enum axis_name { SRC, DST, PROTO, SPORT, DPORT, AXES };

/* A value on an axis, comparable: an address in host order, or one number in `low`. */
struct value {
    uint64_t high, low;
};

struct axis {
    size_t n;            /* rows */
    uint32_t *narrow;    /* owned: the first value of each row, ascending from 0 ... */
    struct value *wide;  /* ... for IPv6 addresses in here instead */
    uint64_t *rows;      /* owned: n rows of `words` */
};

struct family {
    struct axis axes[AXES]; /* no rows at all where the list has no entry of the family */
};

struct ruleset_tables {
    size_t words;             /* of a row */
    struct family v4, v6;
    uint64_t *without_ports;  /* owned row: entries without ports ... */
    uint64_t *later_fragment; /* owned row: ... and with them, permits: what later fragments match */
    uint64_t *permits;        /* owned row */
};

struct edge {
    struct value at;
    uint32_t entry;
};

static bool less(const struct value *a, const struct value *b)
{
    return a->high < b->high || (a->high == b->high && a->low < b->low);
}

static int compare_edges(const void *a, const void *b)
{
    const struct edge *x = a, *y = b;

    return less(&y->at, &x->at) - less(&x->at, &y->at);
}

static struct value value_of(const struct addr *a)
{
    struct value v = {0, 0};

    if (a->family == 4)
        return (struct value){0, (uint64_t)a->b[0] << 24 | (uint64_t)a->b[1] << 16 | (uint64_t)a->b[2] << 8 | a->b[3]};
    for (unsigned i = 0; i < 8; i++) {
        v.high = v.high << 8 | a->b[i];
        v.low = v.low << 8 | a->b[i + 8];
    }
    return v;
}

/* The values from first to last. */
static void span_of_prefix(const struct prefix *p, struct value *first, struct value *last)
{
    unsigned free_bits = 8 * (unsigned)addr_len(p->addr.family) - p->len;
    uint64_t low_bits = free_bits >= 64 ? UINT64_MAX : (1ull << free_bits) - 1;
    uint64_t high_bits = free_bits <= 64 ? 0 : free_bits == 128 ? UINT64_MAX : (1ull << (free_bits - 64)) - 1;

    *first = value_of(&p->addr);
    *last = (struct value){first->high | high_bits, first->low | low_bits};
}

/* What an entry accepts on an axis. */
static void span_of_entry(const struct selector *s, enum axis_name axis, struct value *first, struct value *last)
{
    const struct port_range *r = axis == SPORT ? &s->sport : &s->dport;

    switch (axis) {
    case SRC:
    case DST:
        span_of_prefix(axis == SRC ? &s->src : &s->dst, first, last);
        break;
    case PROTO:
        *first = (struct value){0, s->proto};
        *last = (struct value){0, s->proto == 0 ? UINT8_MAX : s->proto};
        break;
    default:
        *first = (struct value){0, r->low};
        *last = (struct value){0, r->high};
        break;
    }
}

/* The edges of all entries of a family, sorted. Where an entry's span ends with the axis, its end has no edge. */
static size_t find_edges(const struct acl *list, uint8_t family, enum axis_name axis, struct edge *edges)
{
    bool is_wide = family == 6 && (axis == SRC || axis == DST);
    size_t n = 0;

    for (size_t i = 0; i < list->n; i++) {
        const struct selector *s = &list->entries[i].sel;
        struct value first, last;

        if (s->src.addr.family != family)
            continue;
        span_of_entry(s, axis, &first, &last);
        edges[n++] = (struct edge){first, (uint32_t)i};
        if (last.low == UINT64_MAX && last.high == UINT64_MAX)
            continue;
        last.low++;
        last.high += last.low == 0;
        if (is_wide || last.low <= UINT32_MAX)
            edges[n++] = (struct edge){last, (uint32_t)i};
    }
    qsort(edges, n, sizeof *edges, compare_edges);
    return n;
}

static size_t count_rows(const struct edge *edges, size_t n)
{
    const struct value zero = {0, 0};
    size_t rows = 1;

    for (size_t i = 0; i < n; i++)
        rows += less(i == 0 ? &zero : &edges[i - 1].at, &edges[i].at);
    return rows;
}

/* Rows from sorted edges: entries are all off before the first edge, and every edge turns its entry over. */
static bool sweep(struct axis *a, const struct edge *edges, size_t n, bool is_wide, size_t words)
{
    const struct value zero = {0, 0};
    const struct value *before = &zero;
    size_t row = 0;

    a->n = count_rows(edges, n);
    a->rows = calloc(a->n * words, sizeof *a->rows);
    if (is_wide)
        a->wide = calloc(a->n, sizeof *a->wide);
    else
        a->narrow = calloc(a->n, sizeof *a->narrow);
    if (a->rows == NULL || (a->wide == NULL && a->narrow == NULL))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (less(before, &edges[i].at)) {
            memcpy(&a->rows[(row + 1) * words], &a->rows[row * words], words * sizeof *a->rows);
            row++;
            before = &edges[i].at;
            if (is_wide)
                a->wide[row] = *before;
            else
                a->narrow[row] = (uint32_t)before->low;
        }
        a->rows[row * words + edges[i].entry / 64] ^= 1ull << edges[i].entry % 64;
    }
    return true;
}

static bool compile_family(struct family *f, const struct acl *list, uint8_t family, size_t words, struct edge *edges)
{
    for (enum axis_name axis = SRC; axis < AXES; axis++) {
        size_t n = find_edges(list, family, axis, edges);

        if (n > 0 && !sweep(&f->axes[axis], edges, n, family == 6 && (axis == SRC || axis == DST), words))
            return false;
    }
    return true;
}

/* The rows that belong to no axis. */
static bool compile_kinds(struct ruleset_tables *t, const struct acl *list)
{
    t->without_ports = calloc(t->words, sizeof(uint64_t));
    t->later_fragment = calloc(t->words, sizeof(uint64_t));
    t->permits = calloc(t->words, sizeof(uint64_t));
    if (t->without_ports == NULL || t->later_fragment == NULL || t->permits == NULL)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        uint64_t bit = 1ull << i % 64;

        if (!selector_has_ports(&list->entries[i].sel))
            t->without_ports[i / 64] |= bit;
        if (list->entries[i].permit)
            t->permits[i / 64] |= bit;
    }
    for (size_t i = 0; i < t->words; i++)
        t->later_fragment[i] = t->without_ports[i] | t->permits[i];
    return true;
}

bool ruleset_compile(struct ruleset *r, const struct acl *list)
{
    struct edge *edges;
    bool ok;

    *r = (struct ruleset){.list = *list};
    if (list->n <= RULESET_LINEAR)
        return true;
    edges = calloc(2 * list->n, sizeof *edges);
    r->tables = calloc(1, sizeof *r->tables);
    ok = edges != NULL && r->tables != NULL;
    if (ok) {
        size_t words = r->tables->words = (list->n + 63) / 64;

        ok = compile_family(&r->tables->v4, list, 4, words, edges) &&
             compile_family(&r->tables->v6, list, 6, words, edges) && compile_kinds(r->tables, list);
    }
    free(edges);
    if (!ok)
        ruleset_free(r);
    return ok;
}

static void free_family(struct family *f)
{
    for (enum axis_name axis = SRC; axis < AXES; axis++) {
        free(f->axes[axis].narrow);
        free(f->axes[axis].wide);
        free(f->axes[axis].rows);
    }
}

void ruleset_free(struct ruleset *r)
{
    if (r->tables != NULL) {
        free_family(&r->tables->v4);
        free_family(&r->tables->v6);
        free(r->tables->without_ports);
        free(r->tables->later_fragment);
        free(r->tables->permits);
    }
    free(r->tables);
    *r = (struct ruleset){.list = r->list};
}

/* The row that a value belongs to: the last one that doesn't begin behind it. Halving without a branch to guess. */
static const uint64_t *narrow_row(const struct axis *a, uint32_t v, size_t words)
{
    size_t at = 0;

    for (size_t n = a->n; n > 1; n -= n / 2)
        at += a->narrow[at + n / 2] <= v ? n / 2 : 0;
    return &a->rows[at * words];
}

static const uint64_t *wide_row(const struct axis *a, struct value v, size_t words)
{
    size_t at = 0;

    for (size_t n = a->n; n > 1; n -= n / 2) {
        const struct value *w = &a->wide[at + n / 2];

        at += (w->high < v.high) | ((w->high == v.high) & (w->low <= v.low)) ? n / 2 : 0;
    }
    return &a->rows[at * words];
}

/* The rows of a flow; false where the list has nothing to say about its family. */
struct rows {
    const uint64_t *src, *dst, *proto, *sport, *dport;
};

static bool find_rows(const struct ruleset_tables *t, const struct flow *f, struct rows *rows)
{
    const struct axis *axes = f->src.family == 4 ? t->v4.axes : t->v6.axes;

    if (axes[SRC].n == 0 || f->src.family != f->dst.family || addr_len(f->src.family) == 0)
        return false;
    if (f->src.family == 4) {
        rows->src = narrow_row(&axes[SRC], (uint32_t)value_of(&f->src).low, t->words);
        rows->dst = narrow_row(&axes[DST], (uint32_t)value_of(&f->dst).low, t->words);
    } else {
        rows->src = wide_row(&axes[SRC], value_of(&f->src), t->words);
        rows->dst = wide_row(&axes[DST], value_of(&f->dst), t->words);
    }
    rows->proto = narrow_row(&axes[PROTO], f->proto, t->words);
    if (f->ports == FLOW_PORTS) {
        rows->sport = narrow_row(&axes[SPORT], f->sport, t->words);
        rows->dport = narrow_row(&axes[DPORT], f->dport, t->words);
    } else {
        rows->sport = rows->dport = f->ports == FLOW_LATER_FRAGMENT ? t->later_fragment : t->without_ports;
    }
    return true;
}

static const struct acl_entry *lowest(const struct ruleset *r, size_t word, uint64_t bits)
{
    return &r->list.entries[word * 64 + (size_t)__builtin_ctzll(bits)];
}

const struct acl_entry *ruleset_find(const struct ruleset *r, const struct flow *f)
{
    const struct ruleset_tables *t = r->tables;
    struct rows w;

    if (t == NULL)
        return acl_find(&r->list, f);
    if (!find_rows(t, f, &w))
        return NULL;
    for (size_t i = 0; i < t->words; i++) {
        uint64_t common = w.src[i] & w.dst[i] & w.proto[i] & w.sport[i] & w.dport[i];

        if (common != 0)
            return lowest(r, i, common);
    }
    return NULL;
}

static const struct acl_entry *search_addresses(const struct acl *list, const struct flow *f)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct acl_entry *e = &list->entries[i];

        if (e->permit ? prefix_contains(&e->sel.src, &f->src) && prefix_contains(&e->sel.dst, &f->dst)
                      : selector_match(&e->sel, false, f))
            return e;
    }
    return NULL;
}

const struct acl_entry *ruleset_find_addresses(const struct ruleset *r, const struct flow *f)
{
    const struct ruleset_tables *t = r->tables;
    struct rows w;

    if (t == NULL)
        return search_addresses(&r->list, f);
    if (!find_rows(t, f, &w))
        return NULL;
    for (size_t i = 0; i < t->words; i++) {
        uint64_t whole = w.proto[i] & w.sport[i] & w.dport[i];
        uint64_t common = w.src[i] & w.dst[i] & (whole | t->permits[i]);

        if (common != 0)
            return lowest(r, i, common);
    }
    return NULL;
}

static size_t size_of_family(const struct family *f, size_t words)
{
    size_t size = 0;

    for (enum axis_name axis = SRC; axis < AXES; axis++) {
        const struct axis *a = &f->axes[axis];

        size += a->n * (words * sizeof *a->rows + (a->wide != NULL ? sizeof *a->wide : sizeof *a->narrow));
    }
    return size;
}

size_t ruleset_size(const struct ruleset *r)
{
    const struct ruleset_tables *t = r->tables;

    if (t == NULL)
        return 0;
    return sizeof *t + size_of_family(&t->v4, t->words) + size_of_family(&t->v6, t->words) +
           3 * t->words * sizeof(uint64_t);
}
