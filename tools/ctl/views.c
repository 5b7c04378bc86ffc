/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of gvpnd as tables for people; a document without a table of its own is printed as it is. */
#include "tools/ctl/views.h"

#include "tools/ctl/table.h"

#include <inttypes.h>
#include <string.h>

/* The text of a value: strings as they are, numbers in decimal, null as "-". Two calls may stand in one argument list. */
static const char *text(const json_t *object, const char *key)
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

/* Seconds as people read them: 45s, 12m30s, 3h05m, 2d04h. */
static const char *duration(const json_t *object, const char *key)
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

static void put_ids(struct table *t, const json_t *sa)
{
    const json_t *ids = json_object_get(sa, "sender_ids"), *id;
    char line[TABLE_CELL_MAX] = "";
    size_t i;

    json_array_foreach (ids, i, id)
        (void)snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%" JSON_INTEGER_FORMAT, i ? "," : "",
                       json_integer_value(id));
    table_cell(t, "%s", line[0] ? line : "-");
}

static void print_sas(FILE *to, const json_t *group)
{
    static const char *const heads[] = {"SPI",  "SA",        "SUITE",  "DIRECTION", "SENDING",
                                        ">ENDS IN", ">PACKETS IN", ">PACKETS OUT", "SENDER IDS", NULL};
    const json_t *sa;
    struct table t;
    size_t i;

    table_init(&t, "    ", heads);
    json_array_foreach (json_object_get(group, "sas"), i, sa) {
        table_cell(&t, "%s", text(sa, "spi"));
        table_cell(&t, "%s", text(sa, "sa"));
        table_cell(&t, "%s", text(sa, "suite"));
        table_cell(&t, "%s", text(sa, "direction"));
        table_cell(&t, "%s", text(sa, "sending"));
        table_cell(&t, "%s", duration(sa, "expires_in_s"));
        table_cell(&t, "%s", text(sa, "packets_in"));
        table_cell(&t, "%s", text(sa, "packets_out"));
        put_ids(&t, sa);
    }
    table_print(&t, to);
}

static void print_rules(FILE *to, const char *title, const json_t *rules)
{
    static const char *const heads[] = {">#", ">SA", "RULE", NULL};
    const json_t *rule;
    struct table t;
    size_t i;

    if (json_array_size(rules) == 0)
        return;
    (void)fprintf(to, "  %s\n", title);
    table_init(&t, "    ", heads);
    json_array_foreach (rules, i, rule) {
        table_cell(&t, "%s", text(rule, "number"));
        table_cell(&t, "%s", text(rule, "sa"));
        table_cell(&t, "%s", text(rule, "text"));
    }
    table_print(&t, to);
}

static void print_group(FILE *to, const json_t *group)
{
    (void)fprintf(to, "group %s (identity %s): %s, %s\n", text(group, "name"), text(group, "identity"),
                  text(group, "role"), text(group, "state"));
    if (strcmp(text(group, "role"), "member") == 0) {
        (void)fprintf(to, "  key server %s, %s registrations, %s failed, next in %s, data plane %s\n",
                      text(group, "key_server"), text(group, "registrations"), text(group, "failed_registrations"),
                      duration(group, "registers_in_s"),
                      json_is_true(json_object_get(group, "attached")) ? "attached" : "not attached");
        if (json_is_string(json_object_get(group, "last_error")))
            (void)fprintf(to, "  last failure: %s\n", text(group, "last_error"));
    } else {
        (void)fprintf(to, "  serves at %s: %s members, %s registrations, %s refused, sender ids %s%% used\n",
                      text(group, "key_server"), text(group, "members"), text(group, "registrations"),
                      text(group, "refused_registrations"), text(group, "sender_ids_used_percent"));
    }
    print_sas(to, group);
    print_rules(to, "before registration and without policy only these pass", json_object_get(group, "fail_close_allow"));
    print_rules(to, "policy", json_object_get(group, "rules"));
}

static void print_groups(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    if (json_object_get(document, "version"))
        (void)fprintf(to, "gvpnd %s\n", text(document, "version"));
    json_array_foreach (json_object_get(document, "groups"), i, group)
        print_group(to, group);
}

/* Says it when there is no group to show: an empty answer looks like a failure. */
static void print_none(FILE *to, const json_t *document, const char *what)
{
    if (json_array_size(json_object_get(document, "groups")) == 0)
        (void)fprintf(to, "no group %s\n", what);
}

static void print_ipsec_sas(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    print_none(to, document, "of this daemon is a member's");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        (void)fprintf(to, "group %s\n", text(group, "name"));
        print_sas(to, group);
    }
}

static void print_ks_members(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"ADDRESS", "IDENTITY", "VERSION", ">REGISTERED AGO", ">REGISTRATIONS",
                                        ">REKEYS SENT", ">ACKED", ">MISSED", NULL};
    const json_t *group, *m;
    struct table t;
    size_t i, k;

    print_none(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        (void)fprintf(to, "group %s: %zu members\n", text(group, "name"),
                      json_array_size(json_object_get(group, "members")));
        table_init(&t, "  ", heads);
        json_array_foreach (json_object_get(group, "members"), k, m) {
            table_cell(&t, "%s", text(m, "address"));
            table_cell(&t, "%s", text(m, "identity"));
            table_cell(&t, "%s", text(m, "version"));
            table_cell(&t, "%s", duration(m, "registered_s_ago"));
            table_cell(&t, "%s", text(m, "registrations"));
            table_cell(&t, "%s", text(m, "rekeys_sent"));
            table_cell(&t, "%s", text(m, "rekeys_acked"));
            table_cell(&t, "%s", text(m, "missed"));
        }
        table_print(&t, to);
    }
}

/* What gvpnd did with datagrams of IKE; a key server has nothing but these. */
static void print_ike(FILE *to, const json_t *ike)
{
    static const char *const heads[] = {">COUNT", "IKE", NULL};
    const char *name;
    const json_t *n;
    struct table t;

    table_init(&t, "", heads);
    json_object_foreach ((json_t *)(uintptr_t)ike, name, n) {
        if (json_integer_value(n) == 0)
            continue;
        table_cell(&t, "%s", text(ike, name));
        table_cell(&t, "%s", name);
    }
    table_print(&t, to);
}

static void print_counters(FILE *to, const json_t *document)
{
    static const char *const port_heads[] = {"PORT",        "LINK",        ">RX PACKETS", ">RX BYTES",
                                             ">TX PACKETS", ">TX BYTES",   ">MISSED",     NULL};
    static const char *const verdict_heads[] = {">PACKETS", "VERDICT", "MEANING", NULL};
    const json_t *port, *verdict;
    const char *name;
    struct table t;
    size_t i;

    table_init(&t, "", port_heads);
    json_array_foreach (json_object_get(document, "ports"), i, port) {
        table_cell(&t, "%s", text(port, "name"));
        table_cell(&t, "%s", text(port, "link"));
        table_cell(&t, "%s", text(port, "rx_packets"));
        table_cell(&t, "%s", text(port, "rx_bytes"));
        table_cell(&t, "%s", text(port, "tx_packets"));
        table_cell(&t, "%s", text(port, "tx_bytes"));
        table_cell(&t, "%s", text(port, "rx_missed"));
    }
    if (t.n_cells > 0) {
        table_print(&t, to);
        (void)fputc('\n', to);
    }
    table_init(&t, "", verdict_heads);
    json_object_foreach ((json_t *)(uintptr_t)json_object_get(document, "verdicts"), name, verdict) {
        if (json_integer_value(json_object_get(verdict, "packets")) == 0)
            continue;
        table_cell(&t, "%s", text(verdict, "packets"));
        table_cell(&t, "%s", name);
        table_cell(&t, "%s", text(verdict, "meaning"));
    }
    if (t.n_cells > 0) {
        table_print(&t, to);
        (void)fputc('\n', to);
    }
    print_ike(to, json_object_get(document, "ike"));
}

static void print_version(FILE *to, const json_t *document)
{
    const json_t *plane;
    size_t i;

    (void)fprintf(to, "gvpnd %s\n", text(document, "version"));
    json_array_foreach (json_object_get(document, "data_planes"), i, plane)
        (void)fprintf(to, "gvpn-dp %s at %s\n", text(plane, "version"), text(plane, "socket"));
}

static void print_explain(FILE *to, const json_t *document)
{
    const json_t *rule = json_object_get(document, "rule");

    (void)fprintf(to, "%s because %s: %s\n", text(document, "decision"), text(document, "because"),
                  text(document, "meaning"));
    if (json_is_string(json_object_get(rule, "text")))
        (void)fprintf(to, "  rule    %s %s (%s list of group %s, sa %s)\n", text(rule, "number"), text(rule, "text"),
                      text(rule, "source"), text(rule, "group"), text(rule, "sa"));
    else
        (void)fprintf(to, "  rule    none (%s)\n", text(rule, "source"));
    (void)fprintf(to, "  SPI     %s\n  MTU     %s\n", text(document, "spi"), text(document, "effective_mtu"));
}

static const struct {
    const char *words[3];
    void (*print)(FILE *to, const json_t *document);
} views[] = {
    {{"status"}, print_groups},
    {{"show", "group"}, print_groups},
    {{"show", "ks", "members"}, print_ks_members},
    {{"show", "ipsec", "sa"}, print_ipsec_sas},
    {{"show", "counters"}, print_counters},
    {{"show", "version"}, print_version},
    {{"explain"}, print_explain},
};

static int begins_with(char *const *words, int n_words, const char *const *view)
{
    for (int i = 0; i < 3 && view[i]; i++) {
        if (i >= n_words || strcmp(words[i], view[i]) != 0)
            return 0;
    }
    return 1;
}

void views_print(FILE *to, char *const *words, int n_words, const json_t *document)
{
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        if (begins_with(words, n_words, views[i].words)) {
            views[i].print(to, document);
            return;
        }
    }
    (void)json_dumpf(document, to, JSON_INDENT(2));
    (void)fputc('\n', to);
}
