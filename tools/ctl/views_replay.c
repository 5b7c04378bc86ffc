/* SPDX-License-Identifier: BSD-3-Clause */
/* How replayed packets are told, on members and key servers. */
#include "tools/ctl/views_impl.h"

#include <stdlib.h>
#include <string.h>

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

/* What the data plane counts for each SA; nothing when it counts nothing. */
static void put_counts(FILE *to, const json_t *sas)
{
    static const char *const heads[] = {
        "SPI", ">DATA PLANE MS", ">SENT SEQUENCE", ">DROPPED BY TIME", ">BY COUNTER", ">BY SENDER", NULL};
    const json_t *sa;
    struct table t;
    size_t i;

    table_init(&t, 2, heads);
    json_array_foreach (sas, i, sa) {
        if (!json_is_integer(json_object_get(sa, "dropped_time")) &&
            !json_is_integer(json_object_get(sa, "dropped_counter")))
            continue;
        table_cell(&t, "%s", view_text(sa, "spi"));
        table_cell(&t, "%s", view_text(sa, "data_plane_pseudotime_ms"));
        table_cell(&t, "%s", view_text(sa, "sequence"));
        table_cell(&t, "%s", view_text(sa, "dropped_time"));
        table_cell(&t, "%s", view_text(sa, "dropped_counter"));
        table_cell(&t, "%s", view_text(sa, "dropped_sender"));
    }
    table_print(&t, to);
}

/* "0 0 | 0 1 7 9 0 0 0 0 | 0 0": what is accepted stands between the bars. */
static char *histogram_text(const json_t *sa, const json_t *sender)
{
    const json_t *bins = json_object_get(sa, "offset_bins"), *counts = json_object_get(sender, "histogram"), *bin;
    char *text = NULL;
    size_t i, len = 0;
    FILE *to = open_memstream(&text, &len);

    if (!to)
        return NULL;
    json_array_foreach (bins, i, bin) {
        const char *before = i == 0 ? "" : i == 2 || i == 10 ? " | " : " ";

        (void)fprintf(to, "%s%s", before, view_text(counts, view_text(bin, "name")));
    }
    (void)fclose(to);
    return text;
}

static const char *verdict_text(const json_t *sender)
{
    const char *verdict = view_text(sender, "verdict");

    return strcmp(verdict, "sender-clock-jumped") == 0 ? "sender clock jumped"
           : strcmp(verdict, "slow-path") == 0         ? "slow path"
           : strcmp(verdict, "stale-epoch") == 0       ? "stale epoch"
           : strcmp(verdict, "own-clock") == 0         ? "own clock"
                                                       : verdict;
}

/* How far the clocks of an SA's senders are off. */
static void put_senders(FILE *to, const json_t *sa)
{
    static const char *const heads[] = {
        ">SENDER", "SOURCE", "VERDICT", ">OFFSET MS", "BEHIND | WITHIN | AHEAD", NULL};
    const json_t *senders = json_object_get(sa, "senders"), *sender;
    struct table t;
    size_t i;

    if (json_array_size(senders) == 0)
        return;
    table_text(to, 2, "senders of %s", view_text(sa, "spi"));
    table_init(&t, 4, heads);
    json_array_foreach (senders, i, sender) {
        char *text = histogram_text(sa, sender);

        table_cell(&t, "%s", view_text(sender, "sender_id"));
        table_cell(&t, "%s", view_text(sender, "source"));
        table_cell(&t, "%s", verdict_text(sender));
        table_cell(&t, "%s", view_text(sender, "last_offset_ms"));
        table_cell(&t, "%s", text ? text : "-");
        free(text);
    }
    table_print(&t, to);
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
        put_counts(to, json_object_get(g, "sas"));
        json_array_foreach (json_object_get(g, "sas"), k, sa)
            put_senders(to, sa);
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
