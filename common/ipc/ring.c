/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ring itself. Everything that decides where to read or write is private: the count is compiled in and each side
 * keeps its own position. Of the other side's index only the distance is used, after it was found possible. What the
 * other side does to index or elements while we work can change the message, never the memory we touch.
 */
#include "common/ipc/ring.h"

#include <string.h>

#define MASK (IPC_RING_COUNT - 1)
_Static_assert((IPC_RING_COUNT & MASK) == 0, "positions wrap at 2^64: the count must divide it");

void ipc_ring_init(struct ipc_ring *r, struct ipc_ring_index *index, struct ipc_ring_element *elements)
{
    *r = (struct ipc_ring){.index = index, .elements = elements};
}

static enum ipc_ring_result broken(struct ipc_ring *r)
{
    r->broken = true;
    return IPC_RING_BROKEN;
}

enum ipc_ring_result ipc_ring_put(struct ipc_ring *r, struct span msg)
{
    if (r->broken || msg.len == 0 || msg.len > IPC_MESSAGE_MAX)
        return IPC_RING_BROKEN;
    /* Acquire: the consumer has finished with (and wiped) every element before tail. */
    uint64_t used = r->pos - atomic_load_explicit(&r->index->tail, memory_order_acquire);
    if (used > IPC_RING_COUNT)
        return broken(r);
    if (used == IPC_RING_COUNT)
        return IPC_RING_FULL;
    struct ipc_ring_element *e = &r->elements[r->pos & MASK];
    memcpy(e->bytes, msg.p, msg.len);
    atomic_store_explicit(&e->len, (uint32_t)msg.len, memory_order_relaxed);
    r->pos++;
    atomic_store_explicit(&r->index->head, r->pos, memory_order_release);
    return IPC_RING_OK;
}

enum ipc_ring_result ipc_ring_get(struct ipc_ring *r, bool wipe_element, uint8_t out[IPC_MESSAGE_MAX], size_t *len)
{
    *len = 0;
    if (r->broken)
        return IPC_RING_BROKEN;
    uint64_t waiting = atomic_load_explicit(&r->index->head, memory_order_acquire) - r->pos;
    if (waiting > IPC_RING_COUNT)
        return broken(r);
    if (waiting == 0)
        return IPC_RING_EMPTY;
    struct ipc_ring_element *e = &r->elements[r->pos & MASK];
    /* Read once: what is checked here is what is used below. */
    size_t n = atomic_load_explicit(&e->len, memory_order_relaxed);
    if (n == 0 || n > IPC_MESSAGE_MAX)
        return broken(r);
    memcpy(out, e->bytes, n);
    /* From here on only the copy is looked at; the compiler may not go back to the element. */
    __asm__ volatile("" ::: "memory");
    if (wipe_element)
        wipe(e, sizeof(*e));
    r->pos++;
    atomic_store_explicit(&r->index->tail, r->pos, memory_order_release);
    *len = n;
    return IPC_RING_OK;
}

bool ipc_ring_sleep(struct ipc_ring *r)
{
    if (r->broken)
        return false;
    atomic_store_explicit(&r->index->sleeping, 1, memory_order_relaxed);
    /* Pairs with the fence in ipc_ring_wants_wakeup(): either we see its element or it sees that we sleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&r->index->head, memory_order_relaxed) == r->pos)
        return true;
    ipc_ring_awake(r);
    return false;
}

void ipc_ring_awake(struct ipc_ring *r)
{
    atomic_store_explicit(&r->index->sleeping, 0, memory_order_relaxed);
}

bool ipc_ring_wants_wakeup(struct ipc_ring *r)
{
    atomic_thread_fence(memory_order_seq_cst);
    return atomic_load_explicit(&r->index->sleeping, memory_order_relaxed) != 0 &&
           atomic_exchange_explicit(&r->index->sleeping, 0, memory_order_relaxed) != 0;
}
