/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Single-producer single-consumer ring of fixed-size elements over shared memory, safe against a hostile or dying
 * other side: its geometry is private to each side and compiled in; only head and tail are shared, each in a cache
 * line of its own; the element is written before head is released; the consumer copies an element out before it
 * looks at it, and wipes it where it may (it held keys). `head - tail > count` means a broken peer: the ring says so
 * and is not used again.
 */
#ifndef GVPN_COMMON_IPC_RING_H
#define GVPN_COMMON_IPC_RING_H

#include "common/ipc/ipc.h"

#include <stdatomic.h>

#define IPC_RING_COUNT 1024 /* elements; a power of two */

/* What is shared, in the index page. */
struct ipc_ring_index {
    _Alignas(64) _Atomic uint64_t head; /* next to write; producer's */
    _Alignas(64) _Atomic uint64_t tail; /* next to read; consumer's */
    _Alignas(64) _Atomic uint32_t sleeping; /* consumer waits on its eventfd */
};

/* The index page: both rings, one page of memory. */
#define IPC_INDEX_LEN 4096
struct ipc_index_page {
    struct ipc_ring_index to_dp, to_ctrl;
    uint8_t reserved[IPC_INDEX_LEN - 2 * sizeof(struct ipc_ring_index)];
};

struct ipc_ring_element {
    _Atomic uint32_t len; /* of the message: 1 to IPC_MESSAGE_MAX; read once and checked by the consumer */
    uint8_t bytes[IPC_MESSAGE_MAX];
};

_Static_assert(sizeof(struct ipc_ring_element) == IPC_ELEMENT_LEN, "an element has no padding");
_Static_assert(sizeof(struct ipc_index_page) == IPC_INDEX_LEN, "the index page has no padding");
#define IPC_RING_LEN ((size_t)IPC_RING_COUNT * IPC_ELEMENT_LEN) /* octets of one direction's elements */

struct ipc_ring {
    struct ipc_ring_index *index;
    struct ipc_ring_element *elements; /* read-only mapping on a consumer that may not write */
    uint64_t pos;     /* own side's position: never read back from shared memory */
    bool broken;      /* the other side's index made no sense; stays set */
};

/* A side of a ring over mapped memory. `elements` has IPC_RING_COUNT places. Both sides begin at position 0. */
void ipc_ring_init(struct ipc_ring *r, struct ipc_ring_index *index, struct ipc_ring_element *elements);

enum ipc_ring_result { IPC_RING_OK, IPC_RING_EMPTY, IPC_RING_FULL, IPC_RING_BROKEN };

/*
 * Producer: copies a message of 1 to IPC_MESSAGE_MAX octets in and publishes it. FULL leaves nothing behind. BROKEN
 * when the ring is, or (ring unharmed) for another length.
 */
MUST_CHECK enum ipc_ring_result ipc_ring_put(struct ipc_ring *r, struct span msg);
/*
 * Consumer: copies the next message to out and sets *len. `wipe_element` zeroes the whole shared element before tail
 * moves (only where the consumer's mapping is writable). On anything but OK *len is 0.
 */
MUST_CHECK enum ipc_ring_result ipc_ring_get(struct ipc_ring *r, bool wipe_element, uint8_t out[IPC_MESSAGE_MAX],
                                             size_t *len);
/* Consumer, before it sleeps: announces it, then returns true when the ring is still empty (go to sleep). */
MUST_CHECK bool ipc_ring_sleep(struct ipc_ring *r);
/* Consumer, after waking. */
void ipc_ring_awake(struct ipc_ring *r);
/*
 * Producer, after putting: must the consumer's eventfd be written? Takes the announcement back: one wake-up per
 * sleep.
 */
bool ipc_ring_wants_wakeup(struct ipc_ring *r);

#endif
