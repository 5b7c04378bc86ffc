/* SPDX-License-Identifier: BSD-3-Clause */
/* Documents of gvpnd as tables for people; a document without a table of its own is printed as it is. */
#include "tools/ctl/views.h"

#include "tools/ctl/views_impl.h"

#include <inttypes.h>
#include <string.h>

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
    static const char *const heads[] = {"SPI", ">SA", "SUITE", "DIRECTION", "SENDS", ">ENDS IN", ">IN", ">OUT", "SENDER IDS",
                                        NULL};
    const json_t *sa;
    struct table t;
    size_t i;

    table_init(&t, "    ", heads);
    json_array_foreach (json_object_get(group, "sas"), i, sa) {
        table_cell(&t, "%s", view_text(sa, "spi"));
        table_cell(&t, "%s", view_text(sa, "sa"));
        table_cell(&t, "%s", view_text(sa, "suite"));
        table_cell(&t, "%s", view_text(sa, "direction"));
        table_cell(&t, "%s", view_text(sa, "sending"));
        table_cell(&t, "%s", view_duration(sa, "expires_in_s"));
        table_cell(&t, "%s", view_text(sa, "packets_in"));
        table_cell(&t, "%s", view_text(sa, "packets_out"));
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
        table_cell(&t, "%s", view_text(rule, "number"));
        table_cell(&t, "%s", view_text(rule, "sa"));
        table_cell(&t, "%s", view_text(rule, "text"));
    }
    table_print(&t, to);
}

static void print_group(FILE *to, const json_t *group)
{
    (void)fprintf(to, "group %s (identity %s): %s, %s\n", view_text(group, "name"), view_text(group, "identity"),
                  view_text(group, "role"), view_text(group, "state"));
    if (strcmp(view_text(group, "role"), "member") == 0) {
        (void)fprintf(to, "  key server %s, %s registrations, %s failed, next in %s, data plane %s\n",
                      view_text(group, "key_server"), view_text(group, "registrations"), view_text(group, "failed_registrations"),
                      view_duration(group, "registers_in_s"),
                      json_is_true(json_object_get(group, "attached")) ? "attached" : "not attached");
        if (json_is_string(json_object_get(group, "last_error")))
            (void)fprintf(to, "  last failure: %s\n", view_text(group, "last_error"));
    } else {
        (void)fprintf(to, "  serves at %s: %s members, %s registrations, %s refused, sender ids %s%% used\n",
                      view_text(group, "key_server"), view_text(group, "members"), view_text(group, "registrations"),
                      view_text(group, "refused_registrations"), view_text(group, "sender_ids_used_percent"));
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
        (void)fprintf(to, "gvpnd %s\n", view_text(document, "version"));
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
        (void)fprintf(to, "group %s\n", view_text(group, "name"));
        print_sas(to, group);
    }
}

static void print_ks_members(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"ADDRESS", "IDENTITY", "VERSION", "STATE", ">AGO", ">TIMES",
                                        ">REKEYS", ">ACKED", ">MISSED", NULL};
    const json_t *group, *m;
    struct table t;
    size_t i, k;

    print_none(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        (void)fprintf(to, "group %s: %zu members\n", view_text(group, "name"),
                      json_array_size(json_object_get(group, "members")));
        table_init(&t, "  ", heads);
        json_array_foreach (json_object_get(group, "members"), k, m) {
            table_cell(&t, "%s", view_text(m, "address"));
            table_cell(&t, "%s", view_text(m, "identity"));
            table_cell(&t, "%s", view_text(m, "version"));
            table_cell(&t, "%s", view_text(m, "state"));
            table_cell(&t, "%s", view_duration(m, json_is_integer(json_object_get(m, "left_s_ago")) ? "left_s_ago"
                                                                                                  : "registered_s_ago"));
            table_cell(&t, "%s", view_text(m, "registrations"));
            table_cell(&t, "%s", view_text(m, "rekeys_sent"));
            table_cell(&t, "%s", view_text(m, "rekeys_acked"));
            table_cell(&t, "%s", view_text(m, "missed"));
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
        table_cell(&t, "%s", view_text(ike, name));
        table_cell(&t, "%s", name);
    }
    table_print(&t, to);
}

static void print_counters(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">PACKETS", "VERDICT", "MEANING", NULL};
    const json_t *verdict;
    const char *name;
    struct table t;

    if (json_array_size(json_object_get(document, "ports")) > 0) {
        view_ports(to, document);
        (void)fputc('\n', to);
    }
    table_init(&t, "", heads);
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
    print_ike(to, json_object_get(document, "ike"));
}

static void print_version(FILE *to, const json_t *document)
{
    const json_t *plane;
    size_t i;

    (void)fprintf(to, "gvpnd %s\n", view_text(document, "version"));
    json_array_foreach (json_object_get(document, "data_planes"), i, plane)
        (void)fprintf(to, "gvpn-dp %s at %s\n", view_text(plane, "version"), view_text(plane, "socket"));
}

static void print_explain(FILE *to, const json_t *document)
{
    const json_t *rule = json_object_get(document, "rule");

    (void)fprintf(to, "%s because %s: %s\n", view_text(document, "decision"), view_text(document, "because"),
                  view_text(document, "meaning"));
    if (json_is_string(json_object_get(rule, "text")))
        (void)fprintf(to, "  rule    %s %s (%s list of group %s, sa %s)\n", view_text(rule, "number"), view_text(rule, "text"),
                      view_text(rule, "source"), view_text(rule, "group"), view_text(rule, "sa"));
    else
        (void)fprintf(to, "  rule    none (%s)\n", view_text(rule, "source"));
    (void)fprintf(to, "  SPI     %s\n  MTU     %s\n", view_text(document, "spi"), view_text(document, "effective_mtu"));
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
    {{"show", "ports"}, view_ports},
    {{"show", "workers"}, view_workers},
    {{"show", "isakmp", "sa"}, view_isakmp_sas},
    {{"show", "events"}, view_events},
    {{"show", "log-messages"}, view_log_messages},
    {{"reload"}, view_reload},
    {{"clear", "counters"}, view_cleared_counters},
    {{"clear"}, view_cleared},
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
