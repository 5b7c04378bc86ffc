/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any decrypted text: never read beyond its end, a packet that is let in lies within it, and the short way for usual
 * packets lets in nothing that the thorough one refuses. First octet of the input: the outer family (0x80: IPv6) and ECN.
 */
#include "dataplane/core/esp.h"
#include "dataplane/core/frag.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct l3 inner, usual;
    enum l3_kind kind;
    bool plain;
    enum verdict verdict;
    uint8_t *text;
    uint32_t len;

    if (size < 1 || size > 9000)
        return 0;
    len = (uint32_t)size - 1;
    text = malloc(len ? len : 1);
    MUST(text != NULL);
    memcpy(text, data + 1, len);
    kind = data[0] & 0x80 ? L3_IPV6 : L3_IPV4;
    verdict = esp_check_text(text, len, kind, &inner);
    plain = kind == L3_IPV6 ? l3_try_ipv6(text, len, &usual) : l3_try_ipv4(text, len, &usual);
    if (plain && esp_usual_trailer(text, len, usual.len, esp_next(kind)))
        MUST(verdict == VERDICT_RECEIVED_DECRYPTED && usual.addrs == inner.addrs && usual.tuple == inner.tuple &&
             usual.what == inner.what);
    if (verdict == VERDICT_RECEIVED_DECRYPTED) {
        MUST(inner.kind == kind && inner.len + 2u <= len);
        MUST(inner.flaw == L3_OK || (inner.flaw == L3_FRAGMENT && frag_can_be_judged(text, &inner)));
        if (esp_merge_ecn(text, kind, data[0]) && kind == L3_IPV4)
            MUST(sum_right(sum_ipv4(text)) || (text[0] & 15) != 5);
    }
    free(text);
    return 0;
}
