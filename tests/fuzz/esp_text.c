/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any decrypted text: never read beyond its end, a packet that is let in lies within it, and the short way for usual
 * packets lets in nothing that the thorough one refuses. First octet of the input: the outer type of service.
 */
#include "dataplane/core/esp.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct l3 inner, usual;
    enum verdict verdict;
    uint8_t *text;
    uint32_t len, payload;

    if (size < 1 || size > 9000)
        return 0;
    len = (uint32_t)size - 1;
    text = malloc(len ? len : 1);
    MUST(text != NULL);
    memcpy(text, data + 1, len);
    verdict = esp_check_text(text, len, &inner);
    payload = esp_usual_payload(text, len);
    MUST(payload < len || payload == 0);
    if (payload != 0 && l3_try_ipv4(text, payload, &usual))
        MUST(verdict == VERDICT_RECEIVED_DECRYPTED && usual.addrs == inner.addrs && usual.tuple == inner.tuple &&
             usual.what == inner.what);
    if (verdict == VERDICT_RECEIVED_DECRYPTED) {
        MUST(inner.flaw == L3_OK && inner.kind == L3_IPV4 && inner.len + 2u <= len);
        if (esp_merge_ecn(text, data[0]))
            MUST(sum_right(sum_ipv4(text)) || (text[0] & 15) != 5);
    }
    free(text);
    return 0;
}
