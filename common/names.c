/* SPDX-License-Identifier: BSD-3-Clause */
/* Look-up in name tables, and the table of IP protocols that ACL entries may name (protocol numbers: RFC 5237). */
#include "common/names.h"

#include <stdio.h>
#include <string.h>

const struct name names_ip_proto[] = {
    {0, "ip"},     {1, "icmp"},   {2, "igmp"},  {6, "tcp"},  {17, "udp"},   {47, "gre"}, {50, "esp"},
    {58, "icmpv6"}, {88, "eigrp"}, {89, "ospf"}, {103, "pim"}, {112, "vrrp"}, {0, NULL},
};

static const char *find(const struct name *table, unsigned value)
{
    for (const struct name *n = table; n->text != NULL; n++)
        if (n->value == value)
            return n->text;
    return NULL;
}

const char *name_of(const struct name *table, unsigned value)
{
    const char *text = find(table, value);
    return text != NULL ? text : "unknown";
}

const char *name_text(const struct name *table, unsigned value, char out[32])
{
    const char *text = find(table, value);
    if (text != NULL)
        return text;
    snprintf(out, 32, "unknown(%u)", value);
    return out;
}

bool name_find(const struct name *table, const char *text, unsigned *value)
{
    for (const struct name *n = table; n->text != NULL; n++) {
        if (strcmp(n->text, text) == 0) {
            *value = n->value;
            return true;
        }
    }
    return false;
}
