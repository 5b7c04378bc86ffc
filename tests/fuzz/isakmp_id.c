/* SPDX-License-Identifier: BSD-3-Clause */
/* Identities: as a payload, as a group, as a prefix, and as text that is safe for a log. */
#include "ctrl/isakmp/id.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span body = span_of(data, size);
    struct isakmp_id id;
    struct prefix p;
    char text[ISAKMP_ID_TEXT_MAX];
    bool is_address;
    uint32_t value;
    uint8_t again[8192];
    if (isakmp_id_get(body, &id) != ISAKMP_OK) {
        MUST(isakmp_id_get_group(body, &is_address, &value) != ISAKMP_OK);
        return 0;
    }
    MUST(span_equal(isakmp_id_body(&id, again, sizeof(again)), body));
    isakmp_id_text(&id, text);
    MUST(strnlen(text, sizeof(text)) < sizeof(text));
    for (const char *c = text; *c != '\0'; c++)
        MUST(*c >= ' ' && *c <= '~');
    if (isakmp_id_get_group(body, &is_address, &value) == ISAKMP_OK)
        MUST(size == 8);
    if (isakmp_id_prefix(id.type, id.data, &p))
        MUST(p.len <= 8 * addr_len(p.addr.family) && prefix_contains(&p, &p.addr));
    (void)(isakmp_id_check_phase1_port(&id) == ISAKMP_OK);
    return 0;
}
