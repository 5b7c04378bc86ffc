/* SPDX-License-Identifier: BSD-3-Clause */
/* Encoded rules: what is taken is written the same, octet by octet. */
#include "ctrl/policy/payloads.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[POLICY_MAX_RULES_LEN];
    struct acl acl;
    struct policy_fault why;
    if (policy_rules_get(span_of(data, size), &acl, &why)) {
        struct buf_writer w = buf_writer_of(out, sizeof(out));
        policy_rules_put(&w, &acl);
        MUST(!w.overflow && span_equal(buf_written(&w), span_of(data, size)));
    } else {
        MUST(acl.entries == NULL && why.notify != 0);
    }
    acl_free(&acl);
    return 0;
}
