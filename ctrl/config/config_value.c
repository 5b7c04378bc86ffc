/* SPDX-License-Identifier: BSD-3-Clause */
/* Values that several sections use: addresses, identities of groups, references by name. */
#include "ctrl/config/loader.h"

#include <stdio.h>
#include <string.h>

bool config_value_addr(struct schema *s, const struct yaml_node *n, void *at)
{
    const char *text = schema_text(s, n, ADDR_TEXT_MAX);
    struct addr a;

    if (!text)
        return false;
    if (!addr_parse(text, &a))
        return schema_fail(s, n, "'%s' is no address, expected an IPv4 address", text);
    if (a.family == 6)
        return schema_fail(s, n, "'%s' is IPv6 and IKE runs over IPv4, expected an IPv4 address", text);
    if (addr_is_multicast(&a) || a.b[0] == 0 || a.b[0] >= 240)
        return schema_fail(s, n, "'%s' can't be one machine's address, expected a unicast IPv4 address",
                           text);
    *(struct addr *)at = a;
    return true;
}

bool config_value_group_id(struct schema *s, const struct yaml_node *n, void *at)
{
    const char *text = schema_text(s, n, ADDR_TEXT_MAX);
    struct group_id id = {.is_address = false};
    struct addr a;
    uint64_t value = 0;
    size_t len;

    if (!text)
        return false;
    if (addr_parse(text, &a) && a.family == 4) {
        id.is_address = true;
        value = (uint32_t)a.b[0] << 24 | (uint32_t)a.b[1] << 16 | (uint32_t)a.b[2] << 8 | a.b[3];
    } else {
        len = strspn(text, "0123456789");
        for (size_t i = 0; i < len && value <= UINT32_MAX; i++)
            value = value * 10 + (uint64_t)(text[i] - '0');
        if (len == 0 || text[len] || (text[0] == '0' && len > 1) || value > UINT32_MAX)
            return schema_fail(s, n, "'%s', expected a number from 0 to 4294967295 or an IPv4 address", text);
    }
    id.value = (uint32_t)value;
    *(struct group_id *)at = id;
    return true;
}

bool config_value_any(struct schema *s, const struct yaml_node *n, void *at)
{
    (void)at;
    return schema_text(s, n, CONFIG_MAX_TEXT - 1) != NULL;
}

const void *config_value_find(struct schema *s, const struct yaml_node *n, const char *kind,
                              const void *array, size_t count, size_t size)
{
    const char *text = schema_name(s, n, CONFIG_NAME_MAX - 1);
    char known[200] = "";
    size_t used = 0;

    if (!text)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = (const char *)array + i * size;

        if (strcmp(name, text) == 0)
            return name;
        if (used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", name);
    }
    if (count == 0)
        schema_fail(s, n, "no %s is named '%s', expected the section %ss to define it", kind, text, kind);
    else
        schema_fail(s, n, "no %s is named '%s', expected one of: %s", kind, text, known);
    return NULL;
}
