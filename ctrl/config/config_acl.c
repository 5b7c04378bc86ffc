/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lists of permit/deny entries: the section `acls` (KS15), a member's fail-close list (GM7) and a key
 * server's list of addresses (KS14), which is the same language with one address instead of a packet.
 */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where in the node's text a column of an entry made from it is; what was only appended counts as the last
 * word. */
static size_t place(const struct yaml_node *n, size_t column, size_t shift)
{
    size_t at = column > shift ? column - 1 - shift : 0;

    if (at < strlen(n->text))
        return at;
    for (at = strlen(n->text) - 1; at > 0 && n->text[at - 1] != ' ';)
        at--;
    return at;
}

/*
 * One entry of text (which may give two, one per family) behind the others. `shift`: columns by which the
 * words at fault stand further right than in the node.
 */
static bool put_entry(struct schema *s, const struct yaml_node *n, const char *text, size_t shift,
                      uint16_t number, struct acl *acl)
{
    struct acl_entry entries[2];
    const char *error = NULL;
    size_t column = 1, count = acl_parse_entry(text, entries, &error, &column);

    if (count == 0)
        return schema_fail_in(s, n, shift ? place(n, column, shift) : column - 1, "%s", error);
    for (size_t i = 0; i < count; i++) {
        entries[i].number = number;
        if (!acl_append(acl, &entries[i]))
            return schema_fail(s, n, "too many entries, expected at most %d", ACL_MAX_ENTRIES) ||
                   loader_is(s, CONFIG_MISTAKE_RULES);
    }
    return true;
}

static bool put_packet_entry(struct schema *s, const struct yaml_node *n, struct acl *acl, size_t i)
{
    const char *text = schema_text(s, n, ACL_TEXT_MAX - 1);

    return text && put_entry(s, n, text, 0, (uint16_t)(i + 1), acl);
}

/* `permit|deny ADDRESS` becomes `permit|deny ip ADDRESS any`. */
static bool put_address_entry(struct schema *s, const struct yaml_node *n, struct acl *acl, size_t i)
{
    const char *text = schema_text(s, n, ACL_TEXT_MAX - 20), *rest;
    char entry[ACL_TEXT_MAX];
    struct addr a;
    size_t action;

    if (!text)
        return false;
    action = strcspn(text, " ");
    rest = text + action + strspn(text + action, " ");
    if ((strncmp(text, "permit", action) != 0 && strncmp(text, "deny", action) != 0) || action < 4)
        return schema_fail(s, n, "'%s', expected `permit ADDRESS` or `deny ADDRESS`", text);
    if (!rest[0])
        return schema_fail_in(s, n, strlen(text), "expected an address: any, host A, A or A/LENGTH");
    snprintf(entry, sizeof(entry), "%.*s ip %s%s any", (int)action, text, addr_parse(rest, &a) ? "host " : "",
             rest);
    return put_entry(s, n, entry, strlen(entry) - strlen(text) - 4, (uint16_t)(i + 1), acl);
}

typedef bool put_fn(struct schema *s, const struct yaml_node *n, struct acl *acl, size_t i);

static bool put_list(struct schema *s, const struct yaml_node *n, put_fn *put, struct acl *acl)
{
    if (!schema_kind(s, n, YAML_LIST))
        return false;
    if (n->n == 0)
        return schema_fail(s, n, "an empty list, expected at least one entry");
    for (size_t i = 0; i < n->n; i++)
        if (!put(s, &n->children[i], acl, i))
            return false;
    return true;
}

/*
 * Both directions of a flow should be treated alike: sender and receiver look up the packet as it is. A
 * multicast address is never a source, so nothing comes back from there.
 */
static bool lint_mirrors(struct schema *s, const struct yaml_node *n, const struct acl *acl)
{
    bool permits = false;
    uint16_t said = 0; /* the other family of an `any any` entry isn't said again */

    for (size_t i = 0; i < acl->n; i++) {
        const struct acl_entry *e = &acl->entries[i];

        permits = permits || e->permit;
        if (acl_has_mirror(acl, e) || addr_is_multicast(&e->sel.dst.addr) || e->number == said)
            continue;
        said = e->number;
        if (!loader_lint(s, &n->children[e->number - 1],
                         "%s: no entry treats the way back alike (source and destination exchanged)", n->key))
            return false;
    }
    return permits || loader_lint(s, n, "%s: permits nothing, so it protects nothing", n->key);
}

static bool parse_named(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = at;
    struct named_acl *a = &l->acls[l->n_acls++]; /* counted at once, so that it is freed whatever happens */

    snprintf(a->name, sizeof(a->name), "%s", n->key);
    a->node = n;
    return put_list(s, n, put_packet_entry, &a->acl);
}

bool config_acl_named(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = loader_of(s);

    (void)at;
    l->acls = loader_alloc(s, n, n->n, sizeof(*l->acls));
    return l->acls && schema_named(s, n, YAML_MAX_KEYS, CONFIG_NAME_MAX - 1, parse_named, l);
}

static struct named_acl *find(struct schema *s, const struct yaml_node *n)
{
    struct loader *l = loader_of(s);
    const struct named_acl *a = config_value_find(s, n, "acl", l->acls, l->n_acls, sizeof(*l->acls));

    return a ? &l->acls[a - l->acls] : NULL;
}

bool config_acl_protecting(struct schema *s, const struct yaml_node *n, void *at)
{
    struct named_acl *a = find(s, n);

    if (a)
        a->is_protecting = true;
    *(const struct named_acl **)at = a;
    return a != NULL;
}

/* A permit can't mean "encrypt" there: no SA belongs to it. It drops, and that may not be what was meant. */
static bool lint_local_permits(struct schema *s, const struct named_acl *a, unsigned line)
{
    uint16_t said = 0; /* the other family of an `any any` entry isn't said again */

    for (size_t i = 0; i < a->acl.n; i++) {
        const struct acl_entry *e = &a->acl.entries[i];

        if (!e->permit || e->number == said)
            continue;
        said = e->number;
        if (!loader_lint(s, &a->node->children[e->number - 1],
                         "%s: a permit entry of a local-acl (line %u) drops what matches, better only deny entries",
                         a->name, line))
            return false;
    }
    return true;
}

bool config_acl_local(struct schema *s, const struct yaml_node *n, void *at)
{
    struct named_acl *a = schema_name(s, n, CONFIG_NAME_MAX - 1) ? find(s, n) : NULL;
    struct acl *out = at;

    if (!a)
        return false;
    if (!acl_copy(out, &a->acl))
        return schema_fail(s, n, "out of memory");
    if (!a->is_local && !lint_local_permits(s, a, n->line))
        return false;
    a->is_local = true;
    return true;
}

bool config_acl_lint(struct schema *s)
{
    const struct loader *l = loader_of(s);

    for (size_t i = 0; i < l->n_acls; i++) {
        const struct named_acl *a = &l->acls[i];

        if ((a->is_protecting || !a->is_local) && !lint_mirrors(s, a->node, &a->acl))
            return false;
    }
    return true;
}

bool config_acl_fail_close(struct schema *s, const struct yaml_node *n, void *at)
{
    struct acl *acl = at;

    if (!put_list(s, n, put_packet_entry, acl))
        return false;
    for (size_t i = 0; i < acl->n; i++)
        if (acl->entries[i].permit)
            return schema_fail(s, &n->children[acl->entries[i].number - 1],
                               "a permit entry, expected `deny ...` for what may pass in clear");
    return true;
}

bool config_acl_authorize(struct schema *s, const struct yaml_node *n, void *at)
{
    return put_list(s, n, put_address_entry, at);
}
