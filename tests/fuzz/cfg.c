/* SPDX-License-Identifier: BSD-3-Clause */
/* Any text as gvpn-dp's file: no crash, no leak, and either a configuration or one line that says where and what. */
#include "dataplane/cfg.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_error e;
    struct cfg *c = cfg_parse("f", (const char *)data, size, &e);

    MUST((c != NULL) == (e.text[0] == 0));
    MUST(c || (strncmp(e.text, "f:", 2) == 0 && !strchr(e.text, '\n')));
    cfg_free(c);
    return 0;
}
