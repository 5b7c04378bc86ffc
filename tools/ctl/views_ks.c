/* SPDX-License-Identifier: BSD-3-Clause */
/* What a key server has: its members, what it gives to them, and what they can. */
#include "tools/ctl/views_impl.h"

#include <stdlib.h>

void view_ks_members(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"ADDRESS", "IDENTITY", "VERSION", "STATE", ">AGO", ">TIMES",
                                        ">REKEYS", ">ACKED", ">MISSED", NULL};
    const json_t *group, *m;
    struct table t;
    size_t i, k;

    view_no_group(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        table_text(to, 0, "group %s: %zu members", view_text(group, "name"), json_array_size(json_object_get(group, "members")));
        table_init(&t, 2, heads);
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

/* ", 100 s", ", 64 packets", or nothing. */
static void window_text(const json_t *sa, char *out, size_t size)
{
    const json_t *s = json_object_get(sa, "window_s"), *packets = json_object_get(sa, "window_packets");

    out[0] = '\0';
    if (json_is_integer(s))
        (void)snprintf(out, size, ", %lld s", (long long)json_integer_value(s));
    else if (json_is_integer(packets))
        (void)snprintf(out, size, ", %lld packets", (long long)json_integer_value(packets));
}

static void print_policy_sa(FILE *to, const json_t *sa)
{
    static const char *const heads[] = {"SPI", "SUITE", ">LIFETIME", ">MADE AGO", ">ENDS IN", NULL};
    static const char *const keys[] = {"spi", "suite", "lifetime_s", "made_s_ago", "expires_in_s", NULL};
    char window[40];

    window_text(sa, window, sizeof(window));
    table_text(to, 2, "sa %s: %s, %s, replay check %s%s%s%s, lifetime %s, %s rules, next key in %s", view_text(sa, "number"),
               view_text(sa, "suite"), view_text(sa, "mode"), view_text(sa, "replay"), window,
               json_is_true(json_object_get(sa, "strict_sender")) ? ", strict sender" : "",
               json_is_true(json_object_get(sa, "tag")) ? ", tag" : "",
               view_duration(sa, "lifetime_s"), view_text(sa, "rules"), view_duration(sa, "next_key_in_s"));
    view_array(to, 4, json_object_get(sa, "teks"), heads, keys);
}

void view_ks_policy(FILE *to, const json_t *document)
{
    const json_t *g, *sa;
    size_t i, k;

    view_no_group(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, g) {
        table_text(to, 0, "group %s (identity %s) served at %s%s", view_text(g, "name"), view_text(g, "identity"),
                   view_text(g, "server"), json_is_true(json_object_get(g, "receive_only")) ? ", receive-only" : "");
        table_text(to, 2, "policy digest %s", view_text(g, "policy_digest"));
        table_text(to, 2, "sender ids of %s bits, %s%% of this half used, key epoch %s", view_text(g, "sender_id_bits"),
                   view_text(g, "sender_ids_used_percent"), view_text(g, "key_epoch"));
        if (json_is_object(json_object_get(g, "kek")))
            table_text(to, 2, "KEK %s, ends in %s", view_text(json_object_get(g, "kek"), "spi"),
                       view_duration(json_object_get(g, "kek"), "expires_in_s"));
        json_array_foreach (json_object_get(g, "sas"), k, sa)
            print_policy_sa(to, sa);
        table_text(to, 2, "rules");
        view_rules(to, 4, json_object_get(g, "rules"));
        table_text(to, 2, "who may register%s",
                   json_is_array(json_object_get(g, "authorize")) ? "" : ": everybody whose key fits");
        view_rules(to, 4, json_object_get(g, "authorize"));
    }
}

void view_feature(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"FEATURE", "THIS VERSION", ">MEMBERS WITH", ">LACKING", "MEANING", NULL};
    static const char *const keys[] = {"name", "this_version", "members_with", "members_lacking", "meaning", NULL};
    static const char *const member_heads[] = {"ADDRESS", "IDENTITY", "VERSION", "HAS", "LACKS", NULL};
    const json_t *group, *m;
    struct table t;
    size_t i, k;

    view_array(to, 0, json_object_get(document, "features"), heads, keys);
    view_no_group(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        char *needed = view_list(group, "needed");

        table_text(to, 0, "group %s: served at %s by version %s, %zu members, its policy needs %s", view_text(group, "name"),
                   view_text(group, "server"), view_text(group, "server_version"),
                   json_array_size(json_object_get(group, "members")), needed ? needed : "?");
        free(needed);
        table_init(&t, 2, member_heads);
        json_array_foreach (json_object_get(group, "members"), k, m) {
            char *has = view_list(m, "has"), *lacks = view_list(m, "lacks");

            table_cell(&t, "%s", view_text(m, "address"));
            table_cell(&t, "%s", view_text(m, "identity"));
            table_cell(&t, "%s", view_text(m, "version"));
            table_cell(&t, "%s", has ? has : "?");
            table_cell(&t, "%s", lacks ? lacks : "?");
            free(has);
            free(lacks);
        }
        table_print(&t, to);
    }
}
