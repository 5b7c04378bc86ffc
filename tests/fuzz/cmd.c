/* SPDX-License-Identifier: BSD-3-Clause */
/* Any frame: a group tag's header that is found lies within it, and comes back as it was after it was taken out. */
#include "dataplane/core/cmd.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy, *begins;
    struct cmd c;

    if (cmd_read(data, size, &c) != CMD_TAGGED)
        return 0;
    MUST(c.at + 2u + CMD_LEN <= size && c.at >= 12 && c.at <= 20 && c.tag != CMD_NO_TAG);
    copy = malloc(size);
    MUST(copy != NULL);
    memcpy(copy, data, size);
    begins = cmd_strip(copy, &c);
    MUST(begins == copy + CMD_LEN && memcmp(begins, data, c.at) == 0);
    begins = cmd_put(begins, c.at + 2u, c.tag);
    MUST(begins == copy && memcmp(copy, data, size) == 0);
    free(copy);
    return 0;
}
