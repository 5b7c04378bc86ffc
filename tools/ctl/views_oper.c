/* SPDX-License-Identifier: BSD-3-Clause */
/* Views of the daemon itself rather than of its groups, what actions answer, and how values read. */
#include "tools/ctl/views_impl.h"

#include <string.h>

const char *view_text(const json_t *object, const char *key)
{
    static char numbers[8][24];
    static unsigned next;
    const json_t *v = json_object_get(object, key);
    char *out = numbers[next++ % 8];

    if (json_is_string(v))
        return json_string_value(v);
    if (json_is_boolean(v))
        return json_is_true(v) ? "yes" : "no";
    if (!json_is_integer(v))
        return "-";
    (void)snprintf(out, sizeof(numbers[0]), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    return out;
}

const char *view_duration(const json_t *object, const char *key)
{
    static char texts[4][24];
    static unsigned next;
    const json_t *v = json_object_get(object, key);
    char *out = texts[next++ % 4];
    json_int_t s = json_integer_value(v);

    if (!json_is_integer(v))
        return "-";
    if (s < 60)
        (void)snprintf(out, sizeof(texts[0]), "%ds", (int)s);
    else if (s < 3600)
        (void)snprintf(out, sizeof(texts[0]), "%dm%02ds", (int)(s / 60), (int)(s % 60));
    else if (s < 86400)
        (void)snprintf(out, sizeof(texts[0]), "%dh%02dm", (int)(s / 3600), (int)(s / 60 % 60));
    else
        (void)snprintf(out, sizeof(texts[0]), "%dd%02dh", (int)(s / 86400), (int)(s / 3600 % 24));
    return out;
}

/* One table: a row per element of the array, a column per key. No rows are said: silence looks like a failure. */
static void print_array(FILE *to, const json_t *array, const char *const *heads, const char *const *keys)
{
    const json_t *row;
    struct table t;
    size_t i;

    if (json_array_size(array) == 0)
        (void)fprintf(to, "none\n");
    table_init(&t, "", heads);
    json_array_foreach (array, i, row) {
        for (size_t k = 0; keys[k]; k++) {
            size_t len = strlen(keys[k]);
            int seconds = len > 2 && strcmp(keys[k] + len - 2, "_s") == 0;

            table_cell(&t, "%s", seconds ? view_duration(row, keys[k]) : view_text(row, keys[k]));
        }
    }
    table_print(&t, to);
}

void view_ports(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"PORT",      "LINK",        ">RX PACKETS", ">RX BYTES", ">TX PACKETS",
                                        ">TX BYTES", ">RX MISSED", ">TX ERRORS",  NULL};
    static const char *const keys[] = {"name",     "link",      "rx_packets", "rx_bytes", "tx_packets",
                                       "tx_bytes", "rx_missed", "tx_errors",  NULL};

    print_array(to, json_object_get(document, "ports"), heads, keys);
}

void view_workers(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">WORKER", ">LCORE", ">PACKETS", ">DROPPED", ">POLLS", ">EMPTY POLLS", "DATA PLANE",
                                        NULL};
    static const char *const keys[] = {"worker", "lcore",       "packets",    "packets_dropped",
                                       "polls",  "empty_polls", "data_plane", NULL};

    print_array(to, json_object_get(document, "workers"), heads, keys);
}

void view_isakmp_sas(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"PEER", "ROLE", "ENCRYPTION", "HASH", ">GROUP", ">LEFT", ">AGE", "STATE", NULL};
    static const char *const keys[] = {"peer",  "role",            "encryption", "hash",
                                       "group", "lifetime_left_s", "age_s",      "state", NULL};

    print_array(to, json_object_get(document, "sas"), heads, keys);
    (void)fprintf(to, "%s sessions\n", view_text(document, "count"));
}

void view_events(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"TIME", "MESSAGE", "TEXT", NULL};
    static const char *const keys[] = {"time", "mnemonic", "text", NULL};

    print_array(to, json_object_get(document, "events"), heads, keys);
}

void view_log_messages(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"MESSAGE", "TEXT", NULL};
    static const char *const keys[] = {"mnemonic", "text", NULL};

    print_array(to, json_object_get(document, "messages"), heads, keys);
}

void view_reload(FILE *to, const json_t *document)
{
    const json_t *warning;
    size_t i;

    (void)fprintf(to, "%s is in effect: %s groups\n", view_text(document, "file"), view_text(document, "groups"));
    json_array_foreach (json_object_get(document, "warnings"), i, warning)
        (void)fprintf(to, "%s\n", json_string_value(warning));
}

void view_cleared_counters(FILE *to, const json_t *document)
{
    (void)fprintf(to, "cleared: IKE, %s data planes\n%s\n", view_text(document, "data_planes"),
                  view_text(document, "note"));
}

void view_cleared(FILE *to, const json_t *document)
{
    (void)fprintf(to, "group %s (%s) cleared", view_text(document, "group"), view_text(document, "role"));
    if (json_object_get(document, "members_forgotten"))
        (void)fprintf(to, ", %s members forgotten", view_text(document, "members_forgotten"));
    (void)fprintf(to, "\n%s\n", view_text(document, "note"));
}
