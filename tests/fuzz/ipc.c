/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IPC messages: refused and wiped, or one value with exactly this encoding. The seeds are the messages of
 * tests/unit/common/ipc/samples.c.
 */
#include "common/ipc/ipc.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ipc_msg empty;
    struct ipc_msg m;
    uint8_t again[IPC_MESSAGE_MAX];
    if (!ipc_decode(span_of(data, size), &m)) {
        MUST(memcmp(&m, &empty, sizeof(m)) == 0);
        return 0;
    }
    struct buf_writer w = buf_writer_of(again, sizeof(again));
    ipc_encode(&w, &m);
    MUST(span_equal(buf_written(&w), span_of(data, size)));
    return 0;
}
