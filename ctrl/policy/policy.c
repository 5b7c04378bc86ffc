/* SPDX-License-Identifier: BSD-3-Clause */
/* The policy value: its life, and the identity of a group as text. The way to payloads is in the other files here. */
#include "ctrl/policy/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool group_id_equal(const struct group_id *a, const struct group_id *b)
{
    return a->is_address == b->is_address && a->value == b->value;
}

const char *group_id_text(const struct group_id *id, char out[ADDR_TEXT_MAX])
{
    struct addr a = addr_v4(id->value);
    if (id->is_address)
        return addr_text(&a, out);
    snprintf(out, ADDR_TEXT_MAX, "%" PRIu32, id->value);
    return out;
}

void policy_init(struct policy *p)
{
    memset(p, 0, sizeof(*p));
}

void policy_wipe(struct policy *p)
{
    acl_free(&p->acl);
    wipe(p, sizeof(*p));
}

bool policy_copy(struct policy *dst, const struct policy *src)
{
    struct acl acl;
    if (!acl_copy(&acl, &src->acl))
        return false;
    *dst = *src;
    dst->acl = acl;
    return true;
}
