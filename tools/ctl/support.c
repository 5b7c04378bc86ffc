/* SPDX-License-Identifier: BSD-3-Clause */
/* All views one after another: see support.h. */
#include "tools/ctl/support.h"

#include "tools/ctl/request.h"
#include "tools/ctl/views.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIME_MAX     32
#define NAME_MAX_LEN 64 /* of a view, NUL included */

static void utc_text(char out[TIME_MAX])
{
    time_t now = time(NULL);
    struct tm tm;

    if (!gmtime_r(&now, &tm) || strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        strcpy(out, "unknown");
}

/* "show gm replay": the i-th view's words. False: there are no more. */
static bool name_of(size_t i, char name[NAME_MAX_LEN])
{
    const char *const *words = views_command(i);

    name[0] = '\0';
    for (int n = 0; words && n < VIEWS_WORDS && words[n]; n++)
        (void)snprintf(name + strlen(name), NAME_MAX_LEN - strlen(name), "%s%s", n ? " " : "", words[n]);
    return words != NULL;
}

/* Cuts a view's name into words in place. */
static int cut(char *line, char *words[VIEWS_WORDS])
{
    char *save = NULL;
    int n = 0;

    for (char *w = strtok_r(line, " ", &save); w && n < VIEWS_WORDS; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    return n;
}

/* The first one has the time in front. */
static void print_view(const char *taken_at, const char *name, char *const *words, int n_words, const json_t *document)
{
    const char *error = json_string_value(json_object_get(document, "error"));

    if (taken_at)
        (void)printf("gvpnctl %s, %s\n", GVPN_VERSION, taken_at);
    (void)printf("\n== %s\n", name);
    if (error)
        (void)printf("error: %s\n", error);
    else
        views_print(stdout, words, n_words, document);
}

static void dump(const json_t *document)
{
    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)fputc('\n', stdout);
}

/* gvpnd doesn't answer (any more). */
static int fail(const json_t *document, int code, int as_json)
{
    (void)fprintf(stderr, "gvpnctl: %s\n", json_string_value(json_object_get(document, "error")));
    if (as_json)
        dump(document);
    return code;
}

int support_print(const char *socket_path, int as_json)
{
    json_t *all = json_object();
    char taken_at[TIME_MAX];
    int code = CTL_OK;

    utc_text(taken_at);
    for (size_t i = 0; code == CTL_OK; i++) {
        char name[NAME_MAX_LEN], line[NAME_MAX_LEN], *words[VIEWS_WORDS];
        json_t *document;
        int n, ignored; /* an error is in the document */

        if (!name_of(i, name))
            break;
        (void)snprintf(line, sizeof(line), "%s", name);
        n = cut(line, words);
        if (!request_send(socket_path, words, n, &ignored, &document))
            code = fail(document, i == 0 ? CTL_UNREACHABLE : CTL_FAILURE, as_json);
        else if (as_json)
            (void)json_object_set(all, name, document);
        else
            print_view(i == 0 ? taken_at : NULL, name, words, n, document);
        json_decref(document);
    }
    if (as_json && code == CTL_OK) {
        json_t *out = json_pack("{s:s, s:s, s:O}", "gvpnctl_version", GVPN_VERSION, "taken_at", taken_at, "views", all);

        dump(out);
        json_decref(out);
    }
    json_decref(all);
    return code;
}
