/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The parts of the language that this version only checks. Their tables store nothing; the field that points
 * here is flagged SCHEMA_LATER, so that a mistake is told as exactly as elsewhere, and a right text as not
 * supported.
 */
#include "ctrl/config/loader.h"

#include <string.h>

#define DAYS_30 2592000u

bool config_later_duration(struct schema *s, const struct yaml_node *n, void *at)
{
    uint64_t seconds;

    (void)at;
    return schema_duration(s, n, 1000000, 1, DAYS_30, &seconds);
}

static bool parse_addr(struct schema *s, const struct yaml_node *n, void *at)
{
    struct addr a;

    (void)at;
    return config_value_addr(s, n, &a);
}

/* Certificates (IK5). */

static const struct name revocations[] = {{0, "none"}, {1, "crl"}, {0, NULL}};

const struct schema_field config_later_certificates[] = {
    {.key = "ca", .type = SCHEMA_LIST, .flags = SCHEMA_REQUIRED, .min = 1, .max = 64, .fn = config_value_any},
    {.key = "certificate", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .max = CONFIG_MAX_TEXT - 1},
    {.key = "private-key", .type = SCHEMA_TEXT, .flags = SCHEMA_REQUIRED, .max = CONFIG_MAX_TEXT - 1},
    {.key = "crl", .type = SCHEMA_LIST, .min = 1, .max = 64, .fn = config_value_any},
    {.key = "revocation", .type = SCHEMA_ENUM, .names = revocations},
    {0},
};

/* Dead peer detection between key servers (IK6). */

const struct schema_field config_later_dpd[] = {
    {.key = "interval", .type = SCHEMA_SECONDS, .min = 1, .max = 3600},
    {.key = "retries", .type = SCHEMA_UINT, .min = 1, .max = 20},
    {0},
};

/* Cooperative key servers (CO1 on). */

const struct schema_field config_later_cooperative[] = {
    {.key = "priority", .type = SCHEMA_UINT, .flags = SCHEMA_REQUIRED, .min = 1, .max = UINT16_MAX},
    {.key = "peers",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_REQUIRED,
     .min = 1,
     .max = CONFIG_MAX_SERVERS - 1,
     .fn = parse_addr},
    {.key = "number", .type = SCHEMA_UINT, .min = 0, .max = 7},
    {0},
};

/* Signatures as others make them. */

static const struct name signatures[] = {{0, "bare-hash"}, {1, "padded-length"}, {0, NULL}};

const struct schema_field config_later_interop[] = {
    {.key = "push-signature", .type = SCHEMA_ENUM, .names = signatures},
    {0},
};
