/* SPDX-License-Identifier: BSD-3-Clause */
/* Which table is for which command; explain's own. A document without a table of its own is printed as it is. */
#include "tools/ctl/views.h"

#include "tools/ctl/views_impl.h"

#include <stdbool.h>
#include <string.h>

static void print_explain(FILE *to, const json_t *document)
{
    const json_t *rule = json_object_get(document, "rule"), *path = json_object_get(document, "path_mtu");

    table_text(to, 0, "%s because %s: %s", view_text(document, "decision"), view_text(document, "because"),
               view_text(document, "meaning"));
    if (json_is_string(json_object_get(rule, "text"))) {
        bool of_sa = json_integer_value(json_object_get(rule, "sa")) != 0; /* entries of own lists are of none */

        table_text(to, 2, "rule    %s %s (%s list of group %s%s%s)", view_text(rule, "number"), view_text(rule, "text"),
                   view_text(rule, "source"), view_text(rule, "group"), of_sa ? ", sa " : "",
                   of_sa ? view_text(rule, "sa") : "");
    } else {
        (void)fprintf(to, "  rule    none (%s)\n", view_text(rule, "source"));
    }
    (void)fprintf(to, "  SPI     %s\n  MTU     %s", view_text(document, "spi"), view_text(document, "effective_mtu"));
    if (json_is_object(path))
        (void)fprintf(to, " (the WAN said that it takes %s to this destination; for %s s more)", view_text(path, "mtu"),
                      view_text(path, "expires_in_s"));
    (void)fputc('\n', to);
}

static const struct {
    const char *words[VIEWS_WORDS];
    void (*print)(FILE *to, const json_t *document);
} views[] = {
    {{"show", "version"}, view_version}, /* this one and its order: tech-support */
    {{"status"}, view_groups},
    {{"show", "group"}, view_groups},
    {{"show", "gm", "replay"}, view_gm_replay},
    {{"show", "gm"}, view_gm},
    {{"show", "isakmp", "sa"}, view_isakmp_sas},
    {{"show", "ipsec", "sa"}, view_ipsec_sas},
    {{"show", "acl"}, view_acl},
    {{"show", "ruleset"}, view_ruleset},
    {{"show", "ks", "members"}, view_ks_members},
    {{"show", "ks", "policy"}, view_ks_policy},
    {{"show", "ks", "rekey"}, view_ks_rekey},
    {{"show", "ks", "replay"}, view_ks_replay},
    {{"show", "feature"}, view_feature},
    {{"show", "counters"}, view_counters},
    {{"show", "ports"}, view_ports_whole},
    {{"show", "workers"}, view_workers},
    {{"show", "fail-close"}, view_fail_close},
    {{"show", "events"}, view_events},
    {{"show", "log-messages"}, view_log_messages},
    {{"explain"}, print_explain},
    {{"rekey"}, view_rekey},
    {{"reload"}, view_reload},
    {{"clear", "counters"}, view_cleared_counters},
    {{"clear", "gm", "replay"}, view_cleared_replay},
    {{"clear"}, view_cleared},
    {{"gm", "direction"}, view_direction},
};

const char *const *views_command(size_t i)
{
    for (size_t k = 0; k < sizeof(views) / sizeof(views[0]); k++) {
        bool shows = strcmp(views[k].words[0], "show") == 0 || strcmp(views[k].words[0], "status") == 0;

        if (shows && i-- == 0)
            return views[k].words;
    }
    return NULL;
}

static int begins_with(char *const *words, int n_words, const char *const *view)
{
    for (int i = 0; i < VIEWS_WORDS && view[i]; i++) {
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
