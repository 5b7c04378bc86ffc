/* SPDX-License-Identifier: BSD-3-Clause */
/* The sections `transform-sets` (which suite) and `profiles` (a set and a lifetime, KS3). */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <string.h>

#define LIFETIME_MIN   120u
#define LIFETIME_LONG  86400u   /* above: AES only, and members must have announced that they can (KS16, KS17) */
#define LIFETIME_MAX   2592000u /* 30 days */
#define LIFETIME_SHORT 900u     /* below: `check` warns */

static const struct name modes[] = {{false, "tunnel"}, {true, "transport"}, {0, NULL}};

/* Names of the suites that this version runs, or of all. */
static void list_suites(bool all, char *out, size_t cap)
{
    size_t used = 0;

    out[0] = 0;
    for (unsigned id = SUITE_NONE + 1; id < SUITE_COUNT && used < cap; id++) {
        const struct suite *suite = suite_by_id(id);

        if (all || suite->supported)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ", " : "", suite->name);
    }
}

static bool parse_suite(struct schema *s, const struct yaml_node *n, void *at)
{
    const char *text = schema_text(s, n, 63);
    const struct suite *suite = text ? suite_by_name(text) : NULL;
    char known[640]; /* fits all names */

    if (!text)
        return false;
    list_suites(!suite, known, sizeof(known));
    if (!suite)
        return schema_fail(s, n, "'%s', expected one of: %s", text, known);
    if (suite->legacy && !loader_of(s)->c->legacy)
        return schema_fail(s, n, "%s is legacy, expected `legacy: true` at the top of the file for it", text);
    if (!suite->supported)
        return schema_value_not_supported(s, n, text, known);
    *(const struct suite **)at = suite;
    return true;
}

static const struct schema_field set_fields[] = {
    {.key = "suite",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct named_set, suite),
     .fn = parse_suite},
    {.key = "mode", .type = SCHEMA_ENUM, SCHEMA_AT(struct named_set, transport), .names = modes},
    {0},
};

static bool parse_set(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = at;
    struct named_set *set = &l->sets[l->n_sets];

    snprintf(set->name, sizeof(set->name), "%s", n->key);
    if (!schema_map(s, n, set_fields, set))
        return false;
    if (set->transport && !feature_supported(FEATURE_TRANSPORT))
        return schema_value_not_supported(s, yaml_find(n, "mode"), "transport", "tunnel");
    l->n_sets++;
    return true;
}

bool config_sets_parse(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = loader_of(s);

    (void)at;
    l->sets = loader_alloc(s, n, n->n, sizeof(*l->sets));
    return l->sets && schema_named(s, n, YAML_MAX_KEYS, CONFIG_NAME_MAX - 1, parse_set, l);
}

static bool parse_set_reference(struct schema *s, const struct yaml_node *n, void *at)
{
    const struct loader *l = loader_of(s);
    const struct named_set *set =
        config_value_find(s, n, "transform-set", l->sets, l->n_sets, sizeof(*l->sets));

    *(const struct named_set **)at = set;
    return set != NULL;
}

static bool parse_lifetime(struct schema *s, const struct yaml_node *n, void *at)
{
    uint64_t seconds;

    if (!schema_duration(s, n, 1000000, LIFETIME_MIN, LIFETIME_MAX, &seconds))
        return false;
    *(uint32_t *)at = (uint32_t)seconds;
    return seconds >= LIFETIME_SHORT ||
           loader_lint(s, n, "lifetime: %us keeps members busy with renewing, better at least 15m",
                       (unsigned)seconds);
}

static const struct schema_field profile_fields[] = {
    {.key = "transform-set",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct named_profile, set),
     .fn = parse_set_reference},
    {.key = "lifetime",
     .type = SCHEMA_CUSTOM,
     SCHEMA_AT(struct named_profile, lifetime_s),
     .fn = parse_lifetime},
    {0},
};

static bool parse_profile(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = at;
    struct named_profile *p = &l->profiles[l->n_profiles];

    snprintf(p->name, sizeof(p->name), "%s", n->key);
    p->lifetime_s = 3600;
    if (!schema_map(s, n, profile_fields, p))
        return false;
    if (p->lifetime_s > LIFETIME_LONG && p->set->suite->legacy)
        return schema_fail(s, yaml_find(n, "lifetime"), "more than 1d is for AES, expected 2m to 1d beside %s",
                           p->set->suite->name);
    l->n_profiles++;
    return true;
}

bool config_sets_parse_profiles(struct schema *s, const struct yaml_node *n, void *at)
{
    struct loader *l = loader_of(s);

    (void)at;
    l->profiles = loader_alloc(s, n, n->n, sizeof(*l->profiles));
    return l->profiles && schema_named(s, n, YAML_MAX_KEYS, CONFIG_NAME_MAX - 1, parse_profile, l);
}
