/* SPDX-License-Identifier: BSD-3-Clause */
/* Which daemon a file is for is said by its first key: `gvpn:` or `gvpn-dp:`. */
#include "tools/ctl/check.h"

#include "ctrl/config/config.h"
#include "dataplane/cfg.h"
#include "tools/ctl/request.h"

#include <stdio.h>

static void print_json(const char *file, const char *error, char *const *lints, size_t n)
{
    json_t *warnings = json_array();

    for (size_t i = 0; i < n; i++)
        (void)json_array_append_new(warnings, json_string(lints[i]));
    json_t *document = json_pack("{s:s, s:b, s:s?, s:o}", "file", file, "valid", error == NULL, "error", error,
                                 "warnings", warnings);

    (void)json_dumpf(document, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)fputc('\n', stdout);
    json_decref(document);
}

static int report(const char *file, const char *error, char *const *lints, size_t n, int as_json)
{
    if (error)
        (void)fprintf(stderr, "%s\n", error);
    if (as_json) {
        print_json(file, error, lints, n);
    } else if (!error) {
        for (size_t i = 0; i < n; i++)
            (void)fprintf(stderr, "%s\n", lints[i]);
        (void)printf("%s: valid, %zu warning%s\n", file, n, n == 1 ? "" : "s");
    }
    return error ? CTL_FAILURE : CTL_OK;
}

static int is_data_plane_file(const char *file)
{
    struct yaml_error ignored = {.text = ""};
    struct yaml_node *root = yaml_load(file, &ignored);
    int is = root && yaml_find(root, "gvpn-dp") != NULL;

    yaml_free_tree(root);
    return is;
}

int check_file(const char *file, int as_json)
{
    struct yaml_error e = {.text = ""};
    int code;

    if (is_data_plane_file(file)) {
        struct cfg *cfg = cfg_load(file, &e);

        code = report(file, cfg ? NULL : e.text, cfg ? cfg->lints : NULL, cfg ? cfg->n_lints : 0, as_json);
        cfg_free(cfg);
    } else {
        struct config *config = config_load(file, &e);

        code = report(file, config ? NULL : e.text, config ? config->lints : NULL, config ? config->n_lints : 0,
                      as_json);
        config_free(config);
    }
    return code;
}
