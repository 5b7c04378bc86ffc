/* SPDX-License-Identifier: BSD-3-Clause */
/* Prints the table for the document on stdin, as gvpnctl would for the command in the arguments. For views_test.py. */
#include "tools/ctl/views.h"

int main(int argc, char **argv)
{
    json_error_t error;
    json_t *document = json_loadf(stdin, 0, &error);

    if (!document) {
        (void)fprintf(stderr, "not JSON: %s\n", error.text);
        return 1;
    }
    views_print(stdout, argv + 1, argc - 1, document);
    json_decref(document);
    return 0;
}
