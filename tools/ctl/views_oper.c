/* SPDX-License-Identifier: BSD-3-Clause */
/* Views of the daemons themselves rather than of their groups, and what actions answer. */
#include "tools/ctl/views_impl.h"

#include <stdint.h>
#include <string.h>

/* An array alone. No rows are said: silence looks like a failure. */
static void print_array(FILE *to, const json_t *array, const char *const *heads, const char *const *keys)
{
    if (json_array_size(array) == 0)
        (void)fprintf(to, "none\n");
    view_array(to, 0, array, heads, keys);
}

void view_ports(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"PORT",      "LINK",        ">RX PACKETS", ">RX BYTES", ">TX PACKETS",
                                        ">TX BYTES", ">RX MISSED", ">TX ERRORS",  NULL};
    static const char *const keys[] = {"name",     "link",      "rx_packets", "rx_bytes", "tx_packets",
                                       "tx_bytes", "rx_missed", "tx_errors",  NULL};

    print_array(to, json_object_get(document, "ports"), heads, keys);
}

void view_ports_whole(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"PORT", "DRIVER", ">MBIT/S", ">QUEUES", ">MTU", "RSS", ">NO BUFFER", ">RX ERRORS", NULL};
    static const char *const keys[] = {"name", "driver", "speed_mbps", "queues", "mtu", "rss", "rx_nombuf", "rx_errors", NULL};

    view_ports(to, document);
    if (json_array_size(json_object_get(document, "ports")) > 0) {
        (void)fputc('\n', to);
        print_array(to, json_object_get(document, "ports"), heads, keys);
    }
}

void view_workers(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">WORKER", ">LCORE", ">PACKETS", ">DROPPED", ">POLLS", ">EMPTY POLLS", "DATA PLANE",
                                        NULL};
    static const char *const keys[] = {"worker", "lcore",       "packets",    "packets_dropped",
                                       "polls",  "empty_polls", "data_plane", NULL};

    print_array(to, json_object_get(document, "workers"), heads, keys);
}

/* What gvpnd did with datagrams of IKE; a key server has nothing but these. False: there were none. */
static int print_ike(FILE *to, const json_t *ike)
{
    static const char *const heads[] = {">COUNT", "IKE", NULL};
    const char *name;
    const json_t *n;
    struct table t;
    int any;

    table_init(&t, 0, heads);
    json_object_foreach ((json_t *)(uintptr_t)ike, name, n) {
        if (json_integer_value(n) == 0)
            continue;
        table_cell(&t, "%s", view_text(ike, name));
        table_cell(&t, "%s", name);
    }
    any = t.n_cells > 0;
    table_print(&t, to);
    return any;
}

void view_counters(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">PACKETS", "VERDICT", "MEANING", NULL};
    const json_t *verdict;
    const char *name;
    struct table t;

    if (json_array_size(json_object_get(document, "ports")) > 0) {
        view_ports(to, document);
        (void)fputc('\n', to);
    }
    table_init(&t, 0, heads);
    json_object_foreach ((json_t *)(uintptr_t)json_object_get(document, "verdicts"), name, verdict) {
        if (json_integer_value(json_object_get(verdict, "packets")) == 0)
            continue;
        table_cell(&t, "%s", view_text(verdict, "packets"));
        table_cell(&t, "%s", name);
        table_cell(&t, "%s", view_text(verdict, "meaning"));
    }
    if (t.n_cells > 0) {
        table_print(&t, to);
        (void)fputc('\n', to);
    }
    if (!print_ike(to, json_object_get(document, "ike")) && json_array_size(json_object_get(document, "ports")) == 0)
        (void)fputs("nothing was counted yet\n", to);
}

void view_version(FILE *to, const json_t *document)
{
    const json_t *plane;
    size_t i;

    table_text(to, 0, "gvpnd %s", view_text(document, "version"));
    json_array_foreach (json_object_get(document, "data_planes"), i, plane)
        table_text(to, 0, "gvpn-dp %s at %s", json_is_string(json_object_get(plane, "version")) ? view_text(plane, "version")
                                                                                              : "not attached",
                   view_text(plane, "socket"));
}

void view_isakmp_sas(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"PEER",  "ROLE",   "ENCRYPTION", "HASH",  ">GROUP",
                                        "AUTH", ">LEFT", ">AGE",        "STATE", NULL};
    static const char *const keys[] = {"peer", "role",            "encryption", "hash",  "group",
                                       "auth", "lifetime_left_s", "age_s",      "state", NULL};

    print_array(to, json_object_get(document, "sas"), heads, keys);
    (void)fprintf(to, "%s sessions\n", view_text(document, "count"));
}

/* As they stand in the log, so that what is found here can be searched for there. */
void view_events(FILE *to, const json_t *document)
{
    const json_t *events = json_object_get(document, "events"), *e;
    size_t i;

    if (json_array_size(events) == 0)
        (void)fputs("none\n", to);
    json_array_foreach (events, i, e)
        table_text(to, 0, "%s %%%s: %s", view_text(e, "time"), view_text(e, "mnemonic"), view_text(e, "text"));
    if (json_integer_value(json_object_get(document, "suppressed")) > 0)
        table_text(to, 0, "%s lines were held back by rate limits", view_text(document, "suppressed"));
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

    table_text(to, 0, "%s is in effect: %s groups", view_text(document, "file"), view_text(document, "groups"));
    json_array_foreach (json_object_get(document, "warnings"), i, warning)
        table_text(to, 0, "%s", json_string_value(warning));
}

void view_cleared_counters(FILE *to, const json_t *document)
{
    table_text(to, 0, "cleared: IKE, %s data planes", view_text(document, "data_planes"));
    table_text(to, 0, "%s", view_text(document, "note"));
}

void view_cleared_replay(FILE *to, const json_t *document)
{
    table_text(to, 0, "cleared: counts of replays in %s data planes", view_text(document, "data_planes"));
    table_text(to, 0, "%s", view_text(document, "note"));
}

void view_cleared(FILE *to, const json_t *document)
{
    int members = json_object_get(document, "members_forgotten") != NULL;

    table_text(to, 0, "group %s (%s) cleared%s%s%s", view_text(document, "group"), view_text(document, "role"),
               members ? ", " : "", members ? view_text(document, "members_forgotten") : "",
               members ? " members forgotten" : "");
    if (json_is_integer(json_object_get(document, "members_told")))
        table_text(to, 0, "%s members are told to register again", view_text(document, "members_told"));
    table_text(to, 0, "%s", view_text(document, "note"));
}
