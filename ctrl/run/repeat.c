/* SPDX-License-Identifier: BSD-3-Clause */
/* Duplicates, stored answers and retransmission of one exchange, see repeat.h. */
#include "ctrl/run/repeat.h"

#include "common/secret.h"

#include <stdlib.h>
#include <string.h>

void repeat_init(struct repeat *r, bool initiator, uint8_t jitter)
{
    memset(r, 0, sizeof(*r));
    r->initiator = initiator;
    r->jitter = jitter;
    r->next = MONO_NEVER;
}

void repeat_wipe(struct repeat *r)
{
    free(r->stored);
    wipe(r, sizeof(*r));
    r->next = MONO_NEVER;
}

struct span repeat_stored(const struct repeat *r)
{
    return span_of(r->stored, r->stored_len);
}

static bool may_answer_again(const struct repeat *r, mono_t now)
{
    return !r->initiator && r->stored && r->copies < REPEAT_MAX_ANSWERS &&
           mono_reached(mono_add(r->last, mono_ms(REPEAT_ANSWER_GAP_MS)), now);
}

enum repeat_verdict repeat_judge(struct repeat *r, struct span datagram, mono_t now)
{
    if (r->stored && span_equal(repeat_stored(r), datagram))
        return REPEAT_OWN;

    uint8_t hash[HASH_LEN];
    if (!hash_compute(&datagram, 1, hash))
        return REPEAT_DUPLICATE; /* the library fails: the machine couldn't handle it either */
    if (r->has_refused && memcmp(hash, r->refused, HASH_LEN) == 0)
        return REPEAT_DUPLICATE;
    for (size_t i = 0; i < r->n_seen; i++) {
        if (memcmp(hash, r->seen[i], HASH_LEN) != 0)
            continue;
        if (i + 1 != r->n_seen || !may_answer_again(r, now))
            return REPEAT_DUPLICATE;
        r->copies++;
        r->last = now;
        return REPEAT_ANSWER;
    }
    return REPEAT_NEW;
}

void repeat_accepted(struct repeat *r, struct span datagram)
{
    if (r->n_seen == REPEAT_SEEN) {
        memmove(r->seen[0], r->seen[1], sizeof(r->seen) - HASH_LEN);
        r->n_seen--;
    }
    /* Without a hash a copy would go to the machine, which drops it by state. */
    if (hash_compute(&datagram, 1, r->seen[r->n_seen]))
        r->n_seen++;
    r->has_refused = false;
    r->next = MONO_NEVER;
    free(r->stored);
    r->stored = NULL;
    r->stored_len = 0;
}

void repeat_refused(struct repeat *r, struct span datagram)
{
    r->has_refused = hash_compute(&datagram, 1, r->refused);
}

/* Wait after `copies` repetitions: 500 ms doubled each time up to 8 s, less up to an eighth. */
static mono_t wait_after(const struct repeat *r)
{
    int64_t ms = REPEAT_FIRST_MS;
    for (unsigned i = 0; i < r->copies && ms < REPEAT_LONGEST_MS; i++)
        ms *= 2;
    if (ms > REPEAT_LONGEST_MS)
        ms = REPEAT_LONGEST_MS;
    return mono_us(ms * 1000 - ms * 1000 * r->jitter / (8 * 256));
}

bool repeat_sent(struct repeat *r, struct span datagram, mono_t now)
{
    uint8_t *copy = malloc(datagram.len ? datagram.len : 1);
    if (!copy)
        return false;
    if (datagram.len)
        memcpy(copy, datagram.p, datagram.len);
    free(r->stored);
    r->stored = copy;
    r->stored_len = datagram.len;
    r->copies = 0;
    r->first = r->last = now;
    r->next = r->initiator ? mono_add(now, wait_after(r)) : MONO_NEVER;
    return true;
}

mono_t repeat_next(const struct repeat *r)
{
    return r->next;
}

enum repeat_due repeat_due(struct repeat *r, mono_t now)
{
    if (!mono_reached(r->next, now))
        return REPEAT_WAIT;
    mono_t end = mono_add(r->first, mono_ms(REPEAT_GIVE_UP_MS));
    if (mono_reached(end, now)) {
        r->next = MONO_NEVER;
        return REPEAT_GIVE_UP;
    }
    r->copies++;
    r->last = now;
    r->next = mono_min(mono_add(now, wait_after(r)), end);
    return REPEAT_AGAIN;
}
