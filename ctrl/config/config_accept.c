/* SPDX-License-Identifier: BSD-3-Clause */
/* `member.accept`: which suites and algorithms of rekeys a member takes from a key server (GM9). */
#include "ctrl/config/loader.h"
#include "ctrl/policy/kek.h"

static bool parse_encryption(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_accept *a = &((struct config_group *)at)->gm.accept;
    unsigned value;

    if (!schema_enum(s, n, policy_kek_encryption_names, NULL, &value))
        return false;
    a->rekey_encryption |= 1u << value;
    return true;
}

static bool parse_hash(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_accept *a = &((struct config_group *)at)->gm.accept;
    unsigned value;

    if (!schema_enum(s, n, policy_kek_hash_names, NULL, &value))
        return false;
    a->rekey_hash |= 1u << value;
    return true;
}

static bool parse_suite(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_accept *a = &((struct config_group *)at)->gm.accept;
    const char *text = schema_text(s, n, 63);
    const struct suite *suite = text ? suite_by_name(text) : NULL;

    if (!text)
        return false;
    if (!suite)
        return schema_fail(s, n, "'%s', expected a suite such as aes-gcm-256", text);
    a->suites[a->n_suites++] = suite;
    return true;
}

const struct schema_field config_accept_fields[] = {
    {.key = "rekey-encryption", .type = SCHEMA_LIST, .min = 1, .max = 4, .fn = parse_encryption},
    {.key = "rekey-hash", .type = SCHEMA_LIST, .min = 1, .max = 4, .fn = parse_hash},
    {.key = "suites", .type = SCHEMA_LIST, .min = 1, .max = CONFIG_MAX_ACCEPT, .fn = parse_suite},
    {0},
};
