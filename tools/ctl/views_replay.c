/* SPDX-License-Identifier: BSD-3-Clause */
/* How replayed packets are told, on members and key servers. */
#include "tools/ctl/views_impl.h"

/* Seconds or packets: the method says which of the two is there. */
static void put_window(struct table *t, const json_t *sa)
{
    if (json_is_integer(json_object_get(sa, "window_s")))
        table_cell(t, "%s s", view_text(sa, "window_s"));
    else if (json_is_integer(json_object_get(sa, "window_packets")))
        table_cell(t, "%s packets", view_text(sa, "window_packets"));
    else
        table_cell(t, "-");
}

void view_gm_replay(FILE *to, const json_t *document)
{
    static const char *const heads[] = {"SPI", ">SA", "METHOD", ">WINDOW", "STRICT", "TAG", ">PSEUDOTIME MS", ">RECEIVED", NULL};
    const json_t *g, *sa;
    struct table t;
    size_t i, k;

    view_no_group(to, document, "is a member's here");
    json_array_foreach (json_object_get(document, "groups"), i, g) {
        if (json_is_integer(json_object_get(g, "pseudotime_ms")))
            table_text(to, 0, "group %s: %s, pseudotime %s ms, set %s ago by a round trip of %s ms", view_text(g, "name"),
                       view_text(g, "state"), view_text(g, "pseudotime_ms"), view_duration(g, "synchronised_s_ago"),
                       view_text(g, "round_trip_ms"));
        else
            table_text(to, 0, "group %s: %s, no pseudotime", view_text(g, "name"), view_text(g, "state"));
        table_init(&t, 2, heads);
        json_array_foreach (json_object_get(g, "sas"), k, sa) {
            table_cell(&t, "%s", view_text(sa, "spi"));
            table_cell(&t, "%s", view_text(sa, "sa"));
            table_cell(&t, "%s", view_text(sa, "method"));
            put_window(&t, sa);
            table_cell(&t, "%s", view_text(sa, "strict_sender"));
            table_cell(&t, "%s", view_text(sa, "tag"));
            table_cell(&t, "%s", view_text(sa, "pseudotime_ms"));
            table_cell(&t, "%s", view_text(sa, "packets_in"));
        }
        table_print(&t, to);
    }
}

void view_ks_replay(FILE *to, const json_t *document)
{
    static const char *const heads[] = {">SA", "METHOD", ">WINDOW", "STRICT", "TAG", NULL};
    const json_t *g, *sa;
    struct table t;
    size_t i, k;

    view_no_group(to, document, "is served here");
    json_array_foreach (json_object_get(document, "groups"), i, g) {
        if (json_is_integer(json_object_get(g, "pseudotime_ms")))
            table_text(to, 0, "group %s: pseudotime %s ms, running for %s, %s members%s%s", view_text(g, "name"),
                       view_text(g, "pseudotime_ms"), view_duration(g, "started_s_ago"), view_text(g, "members"),
                       json_is_integer(json_object_get(g, "members_most")) ? " of at most " : "",
                       json_is_integer(json_object_get(g, "members_most")) ? view_text(g, "members_most") : "");
        else
            table_text(to, 0, "group %s: the pseudotime begins with the first registration", view_text(g, "name"));
        table_init(&t, 2, heads);
        json_array_foreach (json_object_get(g, "sas"), k, sa) {
            table_cell(&t, "%s", view_text(sa, "number"));
            table_cell(&t, "%s", view_text(sa, "method"));
            put_window(&t, sa);
            table_cell(&t, "%s", view_text(sa, "strict_sender"));
            table_cell(&t, "%s", view_text(sa, "tag"));
        }
        table_print(&t, to);
    }
}
