/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any sequence of fragments: what comes out whole is made of nothing but what came in since its time began, and what is held and
 * lost adds up. Input: steps of 5 octets: key 3 bits, more 1 bit, ticks 4 bits | offset 2 | length 2.
 */
#include "dataplane/core/reasm.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define STEP    5
#define TIMEOUT 40
#define MAX     2048

static uint8_t octet(unsigned id, uint32_t at)
{
    return (uint8_t)(id + at * 5 + (at >> 8));
}

/* A fragment on the heap, of exactly its size. */
static enum reasm_result add(struct reasm *r, const uint8_t step[STEP], uint64_t now, struct reasm_lost *lost)
{
    struct reasm_key key = {.id = step[0] & 7, .family = 4};
    struct reasm_fragment f = {.header_len = 20, .more = step[0] & 8};
    struct reasm_whole whole;
    enum reasm_result result;
    uint8_t *payload, *header = calloc(1, 20);

    f.offset = (uint32_t)(step[1] << 8 | step[2]);
    f.len = (uint32_t)(step[3] << 8 | step[4]) % 4096;
    f.ecn = step[3] >> 6;
    payload = malloc(f.len ? f.len : 1);
    MUST(payload != NULL && header != NULL);
    for (uint32_t i = 0; i < f.len; i++)
        payload[i] = octet(key.id, f.offset + i);
    f.payload = payload;
    f.header = header;
    result = reasm_add(r, &key, &f, now, &whole, lost);
    free(payload);
    free(header);
    if (result == REASM_WHOLE) {
        MUST(whole.payload_len >= REASM_FIRST_MIN && whole.payload_len <= MAX && whole.header_len == 20);
        for (uint32_t i = 0; i < whole.payload_len; i++)
            MUST(whole.payload[i] == octet(key.id, i));
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t secret[2] = {1, 2};
    struct reasm_lost lost = {0};
    unsigned held = 0, left;
    uint64_t now = 1;
    struct reasm *r = reasm_new(MAX, TIMEOUT, secret);

    MUST(r != NULL);
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        now += data[at] >> 4;
        held += add(r, data + at, now, &lost) == REASM_HELD;
    }
    left = reasm_sweep(r, now, &lost);
    MUST(left <= 8);
    MUST(reasm_sweep(r, now + TIMEOUT, &lost) == 0);
    MUST(lost.timeout + lost.limit + lost.overlap + lost.ecn <= held);
    reasm_free(r);
    return 0;
}
