/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of entries: their storage, and the linear search that defines what they mean. The text form is in acl_text.c. */
#include "common/acl.h"

#include <stdlib.h>
#include <string.h>

bool acl_append(struct acl *a, const struct acl_entry *e)
{
    struct acl_entry copy = *e; /* e may be one of a's own entries */
    if (a->n >= ACL_MAX_ENTRIES)
        return false;
    struct acl_entry *entries = reallocarray(a->entries, a->n + 1, sizeof(*entries));
    if (entries == NULL)
        return false;
    entries[a->n] = copy;
    a->entries = entries;
    a->n++;
    return true;
}

bool acl_copy(struct acl *dst, const struct acl *src)
{
    *dst = (struct acl){0};
    if (src->n == 0)
        return true;
    dst->entries = calloc(src->n, sizeof(*dst->entries));
    if (dst->entries == NULL)
        return false;
    memcpy(dst->entries, src->entries, src->n * sizeof(*dst->entries));
    dst->n = src->n;
    return true;
}

void acl_free(struct acl *a)
{
    free(a->entries);
    *a = (struct acl){0};
}

static bool entry_equal(const struct acl_entry *a, const struct acl_entry *b)
{
    return a->permit == b->permit && a->sa == b->sa && a->number == b->number && selector_equal(&a->sel, &b->sel);
}

bool acl_equal(const struct acl *a, const struct acl *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!entry_equal(&a->entries[i], &b->entries[i]))
            return false;
    return true;
}

const struct acl_entry *acl_find(const struct acl *a, const struct flow *f)
{
    for (size_t i = 0; i < a->n; i++)
        if (selector_match(&a->entries[i].sel, a->entries[i].permit, f))
            return &a->entries[i];
    return NULL;
}

bool acl_has_mirror(const struct acl *a, const struct acl_entry *e)
{
    struct selector mirror = selector_mirror(&e->sel);
    for (size_t i = 0; i < a->n; i++)
        if (a->entries[i].permit == e->permit && selector_equal(&a->entries[i].sel, &mirror))
            return true;
    return false;
}
