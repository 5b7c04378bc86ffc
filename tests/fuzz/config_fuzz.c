/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any text as gvpnd's file: no crash, no leak, and either a configuration or one line that says where and what. Text that
 * names files finds none of them beside it. Seeds: configs/.
 */
#include "ctrl/config/config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_error e;
    struct config *c = config_parse("/nonexistent/f", (const char *)data, size, &e);

    if ((c != NULL) != (e.text[0] == 0))
        abort();
    if (!c && (strncmp(e.text, "/nonexistent/f:", 15) != 0 || strchr(e.text, '\n')))
        abort();
    config_free(c);
    return 0;
}
