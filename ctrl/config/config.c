/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads gvpnd's file: the table of top-level keys, and the life of a struct config. The sections are in files
 * of their own; nothing outside this folder sees a half-read configuration.
 */
#include "ctrl/config/config.h"

#include "common/log.h"
#include "ctrl/config/loader.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct schema_field log_fields[] = {
    {.key = "level", .type = SCHEMA_ENUM, SCHEMA_AT(struct config, log_level), .names = names_log_level},
    {.key = "to", .type = SCHEMA_ENUM, SCHEMA_AT(struct config, log_to), .names = names_log_target},
    {0},
};

/* In the order of work: what is referred to comes before what refers to it. */
static const struct schema_field top_fields[] = {
    {.key = "gvpn", .type = SCHEMA_UINT, .flags = SCHEMA_REQUIRED, .min = 1, .max = 1},
    {.key = "lab", .type = SCHEMA_BOOL, SCHEMA_AT(struct config, lab)},
    {.key = "legacy", .type = SCHEMA_BOOL, SCHEMA_AT(struct config, legacy)},
    {.key = "log", .type = SCHEMA_MAP, .fields = log_fields},
    {.key = "ike", .type = SCHEMA_MAP, .flags = SCHEMA_REQUIRED, .fields = config_ike_fields},
    {.key = "acls", .type = SCHEMA_CUSTOM, .fn = config_acl_named},
    {.key = "transform-sets", .type = SCHEMA_CUSTOM, .fn = config_sets_parse},
    {.key = "profiles", .type = SCHEMA_CUSTOM, .fn = config_sets_parse_profiles},
    {.key = "groups", .type = SCHEMA_CUSTOM, .flags = SCHEMA_REQUIRED, .fn = config_groups_parse},
    {0},
};

void config_log_mistake(const struct yaml_error *e)
{
    switch ((enum config_mistake)e->kind) {
    case CONFIG_MISTAKE_OTHER:
        break;
    case CONFIG_MISTAKE_INCOMPLETE:
        log_msg(GM_INCOMPLETE_CFG, e->about, e->text);
        break;
    case CONFIG_MISTAKE_SIGNING_KEY:
        log_msg(KS_NO_RSA_KEYS, e->about, e->text);
        break;
    case CONFIG_MISTAKE_RULES:
        log_msg(GDOI_ACL_NUM, ACL_MAX_ENTRIES, e->text);
        break;
    }
}

bool loader_is(struct schema *s, enum config_mistake kind)
{
    s->e->kind = (int)kind;
    return false;
}

bool loader_lint(struct schema *s, const struct yaml_node *n, const char *fmt, ...)
{
    struct config *c = loader_of(s)->c;
    char **grown = reallocarray(c->lints, c->n_lints + 1, sizeof(*grown));
    struct yaml_error text = {.text = ""};
    bool at_key = n->key && n->kind != YAML_SCALAR; /* of a whole map or list, the key is the place */
    char what[400];
    va_list ap;

    if (grown) {
        c->lints = grown;
        va_start(ap, fmt);
        vsnprintf(what, sizeof(what), fmt, ap);
        va_end(ap);
        yaml_fail(&text, s->file, at_key ? n->key_line : n->line, at_key ? n->key_column : n->column, "%s",
                  what);
        c->lints[c->n_lints] = strdup(text.text);
    }
    if (!grown || !c->lints[c->n_lints])
        return schema_fail(s, n, "out of memory");
    c->n_lints++;
    return true;
}

void *loader_alloc(struct schema *s, const struct yaml_node *n, size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size);

    if (!p)
        schema_fail(s, n, "out of memory");
    return p;
}

static struct config *load_tree(const char *file, const struct yaml_node *root, struct yaml_error *e,
                                bool *inline_secret)
{
    struct loader l = {.s = {.file = file, .e = e, .user = &l}};

    l.c = calloc(1, sizeof(*l.c));
    if (!l.c || !config_ike_set_defaults(l.c)) {
        yaml_fail(e, file, 1, 1, "out of memory");
        free(l.c);
        return NULL;
    }
    l.c->log_level = LOG_LEVEL_INFO;
    l.c->log_to = LOG_TO_STDERR;
    if (strlen(file) >= sizeof(l.c->file))
        yaml_fail(e, file, 1, 1, "the file's name is too long, expected at most %zu octets",
                  sizeof(l.c->file) - 1);
    else
        snprintf(l.c->file, sizeof(l.c->file), "%s", file);
    if (e->text[0] || !schema_map(&l.s, root, top_fields, l.c)) {
        config_free(l.c);
        l.c = NULL;
    }
    for (size_t i = 0; i < l.n_acls; i++)
        acl_free(&l.acls[i].acl);
    free(l.acls);
    free(l.sets);
    free(l.profiles);
    *inline_secret = l.inline_secret;
    return l.c;
}

struct config *config_parse(const char *file, const char *text, size_t len, struct yaml_error *e)
{
    struct yaml_node *root = yaml_parse(file, text, len, e);
    struct config *c = NULL;
    bool inline_secret;

    if (root)
        c = load_tree(file, root, e, &inline_secret);
    yaml_free_tree(root);
    return c;
}

/* A file that everybody can read should not hold a secret itself. */
static bool lint_readable(struct config *c, const char *file, struct yaml_error *e)
{
    struct loader l = {.s = {.file = file, .e = e, .user = &l}, .c = c};
    struct yaml_node first = {.line = 1, .column = 1};
    struct stat st;

    if (stat(file, &st) != 0 || (st.st_mode & S_IROTH) == 0)
        return true;
    return loader_lint(
        &l.s, &first, "everybody can read this file and a secret stands in it; use secret-file or chmod o-r");
}

struct config *config_load(const char *file, struct yaml_error *e)
{
    struct yaml_node *root = yaml_load(file, e);
    struct config *c = NULL;
    bool inline_secret;

    if (root)
        c = load_tree(file, root, e, &inline_secret);
    yaml_free_tree(root);
    if (c && inline_secret && !lint_readable(c, file, e)) {
        config_free(c);
        c = NULL;
    }
    return c;
}

static void free_group(struct config_group *g)
{
    for (size_t i = 0; i < g->ks.n_sas; i++)
        acl_free(&g->ks.sas[i].acl);
    free(g->ks.sas);
    config_signing_key_release(g->ks.rekey.key);
    acl_free(&g->ks.authorize);
    acl_free(&g->gm.fail_close_allow);
    acl_free(&g->gm.local_acl);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_groups; i++)
        free_group(&c->groups[i]);
    free(c->groups);
    for (size_t i = 0; i < c->n_psks; i++)
        secret_wipe(&c->psks[i].secret);
    free(c->psks);
    free(c->proposals);
    for (size_t i = 0; i < c->n_lints; i++)
        free(c->lints[i]);
    free(c->lints);
    free(c);
}

const struct config_group *config_find_group(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->n_groups; i++)
        if (strcmp(c->groups[i].name, name) == 0)
            return &c->groups[i];
    return NULL;
}

size_t config_find_psks(const struct config *c, const struct addr *peer,
                        const struct config_psk *out[CONFIG_MAX_SHARED])
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_psks; i++) {
        const struct config_psk *p = &c->psks[i];

        if (!prefix_contains(&p->peer, peer) || (n > 0 && p->peer.len < out[0]->peer.len))
            continue;
        if (n > 0 && p->peer.len > out[0]->peer.len)
            n = 0;
        if (n < CONFIG_MAX_SHARED)
            out[n++] = p;
    }
    return n;
}
