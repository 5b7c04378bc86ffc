/* SPDX-License-Identifier: BSD-3-Clause */
/* Groups: status and show group for both roles, then what a member has. */
#include "tools/ctl/views_impl.h"

#include <stdlib.h>
#include <string.h>

static void print_sas(FILE *to, size_t indent, const json_t *group)
{
    static const char *const heads[] = {"SPI", ">SA", "SUITE", "DIRECTION", "SENDS", ">ENDS IN", ">IN", ">OUT", "SENDER IDS",
                                        NULL};
    const json_t *sa;
    struct table t;
    size_t i;

    table_init(&t, indent, heads);
    json_array_foreach (json_object_get(group, "sas"), i, sa) {
        char *ids = view_list(sa, "sender_ids");

        table_cell(&t, "%s", view_text(sa, "spi"));
        table_cell(&t, "%s", view_text(sa, "sa"));
        table_cell(&t, "%s", view_text(sa, "suite"));
        table_cell(&t, "%s", view_text(sa, "direction"));
        table_cell(&t, "%s", view_text(sa, "sending"));
        table_cell(&t, "%s", view_duration(sa, "expires_in_s"));
        table_cell(&t, "%s", view_text(sa, "packets_in"));
        table_cell(&t, "%s", view_text(sa, "packets_out"));
        table_cell(&t, "%s", ids ? ids : "?");
        free(ids);
    }
    table_print(&t, to);
}

static void print_rules(FILE *to, const char *title, const json_t *rules)
{
    if (json_array_size(rules) == 0)
        return;
    table_text(to, 2, "%s", title);
    view_rules(to, 4, rules);
}

static void print_group(FILE *to, const json_t *group)
{
    table_text(to, 0, "group %s (identity %s): %s, %s", view_text(group, "name"), view_text(group, "identity"),
               view_text(group, "role"), view_text(group, "state"));
    if (strcmp(view_text(group, "role"), "member") == 0) {
        table_text(to, 2, "key server %s, %s registrations, %s failed, next in %s, data plane %s", view_text(group, "key_server"),
                   view_text(group, "registrations"), view_text(group, "failed_registrations"),
                   view_duration(group, "registers_in_s"),
                   json_is_true(json_object_get(group, "attached")) ? "attached" : "not attached");
        if (json_is_string(json_object_get(group, "last_error")))
            table_text(to, 2, "last failure: %s", view_text(group, "last_error"));
    } else {
        table_text(to, 2, "serves at %s: %s members, %s registrations, %s refused, sender ids %s%% used",
                   view_text(group, "key_server"), view_text(group, "members"), view_text(group, "registrations"),
                   view_text(group, "refused_registrations"), view_text(group, "sender_ids_used_percent"));
    }
    if (json_is_object(json_object_get(group, "kek")))
        table_text(to, 2, "KEK %s, ends in %s, last rekey number %s", view_text(json_object_get(group, "kek"), "spi"),
                   view_duration(json_object_get(group, "kek"), "expires_in_s"), view_text(group, "last_rekey_seq"));
    print_sas(to, 4, group);
    print_rules(to, "before registration and without policy only these pass", json_object_get(group, "fail_close_allow"));
    print_rules(to, "local list, asked before the policy: deny is clear, permit is dropped",
                json_object_get(group, "local_acl"));
    print_rules(to, "policy", json_object_get(group, "rules"));
}

void view_groups(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    if (json_object_get(document, "version"))
        table_text(to, 0, "gvpnd %s", view_text(document, "version"));
    view_no_group(to, document, "is configured");
    json_array_foreach (json_object_get(document, "groups"), i, group)
        print_group(to, group);
}

/* How each SA protects; "-" for a window that its method doesn't have. */
static void print_protection(FILE *to, const json_t *protection)
{
    static const char *const heads[] = {"SPI", "MODE", "REPLAY", ">WINDOW", ">PACKETS", "STRICT", "TAG", ">KEY OCTETS",
                                        ">INTEGRITY", NULL};
    static const char *const keys[] = {"spi", "mode", "replay", "window_s", "window_packets", "strict_sender", "tag", "key_octets",
                                       "integrity_key_octets", NULL};

    if (json_array_size(protection) > 0)
        view_array(to, 2, protection, heads, keys);
}

void view_ipsec_sas(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    view_no_group(to, document, "of this daemon is a member's");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        table_text(to, 0, "group %s%s", view_text(group, "name"),
                   json_array_size(json_object_get(group, "sas")) ? "" : ": no SAs");
        print_sas(to, 2, group);
        print_protection(to, json_object_get(group, "protection"));
    }
}

static void print_kek(FILE *to, const json_t *kek)
{
    if (!json_is_object(kek)) {
        table_text(to, 2, "rekeys             none: it renews by registering");
        return;
    }
    table_text(to, 2, "KEK                %s, ends in %s", view_text(kek, "spi"), view_duration(kek, "expires_in_s"));
    table_text(to, 2, "rekeys             %s%s%s, %s, signed with %s/%s of %s bits, %s", view_text(kek, "transport"),
               json_is_string(json_object_get(kek, "destination")) ? " " : "",
               json_is_string(json_object_get(kek, "destination")) ? view_text(kek, "destination") : "",
               view_text(kek, "encryption"), view_text(kek, "signature"), view_text(kek, "hash"),
               view_text(kek, "signing_key_bits"), json_is_true(json_object_get(kek, "acknowledged")) ? "acknowledged" : "not acknowledged");
}

static void print_rekeys(FILE *to, const json_t *rekeys)
{
    const json_t *last = json_object_get(rekeys, "last"), *n;
    const char *reason;

    if (json_integer_value(json_object_get(rekeys, "received")) > 0) {
        table_text(to, 2, "  received         %s, %s of them repeated, %s acknowledgements", view_text(rekeys, "received"),
                   view_text(rekeys, "repeated"), view_text(rekeys, "acknowledgements_sent"));
        table_text(to, 2, "                   %s by unicast, %s by multicast, %s since the last registration",
                   view_text(rekeys, "received_unicast"), view_text(rekeys, "received_multicast"),
                   view_text(rekeys, "received_since_registration"));
    }
    if (json_is_object(last))
        table_text(to, 2, "  last             number %s from %s to %s, %s ago", view_text(last, "seq"), view_text(last, "from"),
                   view_text(last, "to"), view_duration(last, "s_ago"));
    json_object_foreach (json_object_get(rekeys, "dropped"), reason, n) {
        if (json_integer_value(n) > 0)
            table_text(to, 2, "  dropped          %s: %s", reason, view_text(json_object_get(rekeys, "dropped"), reason));
    }
}

/* Empty lists say that nothing is ruled out. To be freed. */
static char *list_or_any(const json_t *object, const char *key)
{
    return json_array_size(json_object_get(object, key)) == 0 ? strdup("any") : view_list(object, key);
}

static void print_accept(FILE *to, const json_t *accept)
{
    char *suites = list_or_any(accept, "suites"), *encryption = list_or_any(accept, "rekey_encryption");
    char *hash = list_or_any(accept, "rekey_hash");

    table_text(to, 2, "accepted suites    %s", suites ? suites : "?");
    table_text(to, 2, "  of rekeys        encryption %s, hash %s", encryption ? encryption : "?", hash ? hash : "?");
    free(suites);
    free(encryption);
    free(hash);
}

static void print_gm(FILE *to, const json_t *g)
{
    char *servers = view_list(g, "key_servers"), *bindings = view_bindings(g);

    table_text(to, 0, "group %s (identity %s): %s", view_text(g, "name"), view_text(g, "identity"), view_text(g, "state"));
    table_text(to, 2, "member             %s, version %s; the key server's version %s", view_text(g, "address"),
               view_text(g, "version"), view_text(g, "server_version"));
    table_text(to, 2, "key servers        %s", servers ? servers : "?");
    table_text(to, 2, "registered with    %s, asks %s next, in %s", view_text(g, "registered_with"), view_text(g, "key_server"),
               view_duration(g, "registers_in_s"));
    table_text(to, 2, "registrations      %s, failed %s, attempted %s", view_text(g, "registrations"),
               view_text(g, "failed_registrations"), view_text(g, "attempted_registrations"));
    if (json_is_string(json_object_get(g, "last_error")))
        table_text(to, 2, "last failure       %s", view_text(g, "last_error"));
    table_text(to, 2, "data plane         %s, %s", view_text(g, "data_plane"),
               json_is_true(json_object_get(g, "attached")) ? "attached" : "not attached");
    table_text(to, 2, "bound to           %s", bindings ? bindings : "?");
    table_text(to, 2, "direction          %s%s", view_text(g, "direction"),
               json_is_true(json_object_get(g, "receive_only")) ? ", receive-only: sends in clear" : "");
    if (json_is_string(json_object_get(g, "direction_by")) && strcmp(view_text(g, "direction_by"), "default") != 0)
        table_text(to, 2, "  because of       %s%s%s", view_text(g, "direction_by"),
                   json_is_integer(json_object_get(g, "converts_in_s")) ? ", both in " : "",
                   json_is_integer(json_object_get(g, "converts_in_s")) ? view_duration(g, "converts_in_s") : "");
    table_text(to, 2, "policy             %s rules", view_text(g, "rules"));
    table_text(to, 2, "digest of it       %s", view_text(g, "policy_digest"));
    table_text(to, 2, "SAs                %s, %s receive, %s send", view_text(g, "sas"), view_text(g, "sas_receiving"),
               view_text(g, "sas_sending"));
    table_text(to, 2, "fail-close         %s", view_text(g, "fail_close"));
    table_text(to, 2, "leaves on stop     %s", view_text(g, "leave_on_stop"));
    print_accept(to, json_object_get(g, "accept"));
    print_kek(to, json_object_get(g, "kek"));
    print_rekeys(to, json_object_get(g, "rekeys"));
    if (json_integer_value(json_object_get(g, "recoveries")) > 0)
        table_text(to, 2, "recoveries         %s registrations because of what came in", view_text(g, "recoveries"));
    free(servers);
    free(bindings);
}

void view_gm(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    view_no_group(to, document, "of this daemon is a member's");
    json_array_foreach (json_object_get(document, "groups"), i, group)
        print_gm(to, group);
}

void view_direction(FILE *to, const json_t *document)
{
    table_text(to, 0, "group %s is %s: %s", view_text(document, "group"), view_text(document, "direction"),
               view_text(document, "note"));
}

void view_acl(FILE *to, const json_t *document)
{
    const json_t *group, *list;
    size_t i, k;

    view_no_group(to, document, "is configured");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        table_text(to, 0, "group %s (%s)", view_text(group, "name"), view_text(group, "role"));
        json_array_foreach (json_object_get(group, "lists"), k, list) {
            size_t n = json_array_size(json_object_get(list, "rules"));

            table_text(to, 2, "%s list: %zu rules%s", view_text(list, "list"), n,
                       json_is_true(json_object_get(list, "in_use")) ? "" : ", not in use now");
            view_rules(to, 4, json_object_get(list, "rules"));
        }
    }
}

void view_ruleset(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">ORDER", "LIST", ">RULES", "PERMIT", "DENY", "NO MATCH", NULL};
    static const char *const keys[] = {"order", "list", "rules", "permit", "deny", "no_match", NULL};
    const json_t *plane, *group;
    size_t i, k;

    if (json_array_size(json_object_get(document, "data_planes")) == 0)
        (void)fputs("no data plane belongs to this daemon\n", to);
    json_array_foreach (json_object_get(document, "data_planes"), i, plane) {
        table_text(to, 0, "data plane %s: epoch %s in effect%s", view_text(plane, "data_plane"), view_text(plane, "epoch"),
                   json_is_true(json_object_get(plane, "change_under_way")) ? ", a change is on its way" : "");
        json_array_foreach (json_object_get(plane, "groups"), k, group) {
            char *bindings = view_bindings(group);

            table_text(to, 2, "group %s on %s: %s, %s, %s SAs, %s receive, %s send", view_text(group, "name"),
                       bindings ? bindings : "?", view_text(group, "state"), view_text(group, "direction"), view_text(group, "sas"),
                       view_text(group, "sas_receiving"), view_text(group, "sas_sending"));
            view_array(to, 4, json_object_get(group, "lists"), heads, keys);
            free(bindings);
        }
    }
}

void view_fail_close(FILE *to, const json_t *document)
{
    const json_t *group;
    size_t i;

    view_no_group(to, document, "of this daemon is a member's");
    json_array_foreach (json_object_get(document, "groups"), i, group) {
        const json_t *active = json_object_get(group, "active");

        table_text(to, 0, "group %s (%s): fail-close %s, %s%s", view_text(group, "name"), view_text(group, "state"),
                   json_is_true(json_object_get(group, "enabled")) ? "enabled" : "not enabled",
                   json_is_true(active)    ? "in effect"
                   : json_is_false(active) ? "not in effect"
                                           : "unknown whether in effect: the data plane is not attached",
                   json_is_true(json_object_get(group, "revert")) ? ", reverts when all keys have ended" : "");
        if (json_is_integer(json_object_get(group, "policy_removed_in_s")))
            table_text(to, 2, "the policy is removed in %s, unless keys come", view_duration(group, "policy_removed_in_s"));
        print_rules(to, "passes in clear while it is in effect", json_object_get(group, "allow"));
    }
}
