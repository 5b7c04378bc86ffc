/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any text as gvpnd's file: no crash, no leak, and either a configuration or one line that says where and what. Text that
 * names files finds none of them beside it. Seeds: configs/.
 */
#include "ctrl/config/config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_error e;
    struct config *c = config_parse("/nonexistent/f", (const char *)data, size, &e);

    MUST((c != NULL) == (e.text[0] == 0));
    MUST(c || (strncmp(e.text, "/nonexistent/f:", 15) == 0 && !strchr(e.text, '\n')));
    config_free(c);
    return 0;
}
