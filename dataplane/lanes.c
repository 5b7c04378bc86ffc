/* SPDX-License-Identifier: BSD-3-Clause */
/* See lanes.h. */
#include "dataplane/lanes.h"

#include <rte_malloc.h>

struct lanes *lanes_new(const struct crypto_backend *crypto, int socket)
{
    struct lanes *q = rte_zmalloc_socket("lanes", sizeof *q, 64, socket);

    if (q == NULL)
        return NULL;
    q->crypto = crypto;
    q->library = crypto->lanes_new();
    if (q->library == NULL) {
        rte_free(q);
        return NULL;
    }
    return q;
}

void lanes_free(struct lanes *q)
{
    if (q == NULL)
        return;
    assert(lanes_count(q) == 0);
    q->crypto->lanes_free(q->library);
    rte_free(q);
}

void lanes_put(struct lanes *q, uint64_t mark)
{
    struct lanes_slot *s = lanes_next(q);

    if (lanes_count(q) == 0)
        q->senders = 0;
    q->senders |= mark;
    s->since = q->calls;
    q->end++;
    q->crypto->submit(q->library, &s->job);
}

void lanes_flush(struct lanes *q)
{
    q->crypto->flush(q->library);
}

struct lanes_slot *lanes_take(struct lanes *q)
{
    struct lanes_slot *s = lanes_at(q, q->first);

    if (lanes_count(q) == 0 || !s->job.done)
        return NULL;
    q->first++;
    return s;
}
