/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints the tables for the documents on stdin, one after another, as gvpnctl would for the command in the arguments; a form feed
 * ends each. With --list: the views that tech-support has, one in a line. For views_test.py.
 */
#include "tools/ctl/views.h"

#include <string.h>

static int list(void)
{
    const char *const *words;

    for (size_t i = 0; (words = views_command(i)) != NULL; i++) {
        for (int n = 0; n < VIEWS_WORDS && words[n]; n++)
            (void)printf("%s%s", n ? " " : "", words[n]);
        (void)putchar('\n');
    }
    return 0;
}

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *document;
    int n = 0;

    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();
    for (; (document = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, &error)) != NULL; n++) {
        views_print(stdout, argv + 1, argc - 1, document);
        (void)fputc('\f', stdout);
        json_decref(document);
    }
    if (n == 0 || json_error_code(&error) != json_error_premature_end_of_input) {
        (void)fprintf(stderr, "not JSON after %d documents: %s\n", n, error.text);
        return 1;
    }
    return 0;
}
