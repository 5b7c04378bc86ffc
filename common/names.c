/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Look-up in name tables, the table of IP protocols that ACL entries may name (protocol numbers: RFC 5237), and the words
 * of the log's settings.
 */
#include "common/names.h"

#include "common/log.h"

#include <stdio.h>
#include <string.h>

const struct name names_ip_proto[] = {
    {0, "ip"},    {1, "icmp"},  {2, "igmp"},    {6, "tcp"},    {17, "udp"},  {33, "dccp"},  {47, "gre"},
    {50, "esp"},  {58, "icmpv6"}, {88, "eigrp"}, {89, "ospf"}, {103, "pim"}, {112, "vrrp"}, {132, "sctp"},
    {136, "udplite"}, {0, NULL},
};

const struct name names_log_level[] = {
    {LOG_LEVEL_ERROR, "error"}, {LOG_LEVEL_WARN, "warn"}, {LOG_LEVEL_INFO, "info"}, {LOG_LEVEL_DEBUG, "debug"}, {0, NULL}};

const struct name names_log_target[] = {
    {LOG_TO_STDERR, "stderr"}, {LOG_TO_SYSLOG, "syslog"}, {LOG_TO_JOURNAL, "journal"}, {0, NULL}};

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
