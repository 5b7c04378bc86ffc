/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as gvpn-dp's file: no crash, no leak, and either a configuration or one line that says where and what. */
#include "dataplane/cfg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_error e;
    struct cfg *c = cfg_parse("f", (const char *)data, size, &e);

    if ((c != NULL) != (e.text[0] == 0))
        abort();
    if (!c && (strncmp(e.text, "f:", 2) != 0 || strchr(e.text, '\n')))
        abort();
    cfg_free(c);
    return 0;
}
