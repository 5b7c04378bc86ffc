/* SPDX-License-Identifier: BSD-3-Clause */
/* Bins and judgements; offset.h says what they mean. */
#include "dataplane/core/offset.h"

#define FAR     10 /* windows */
#define INSIDE  2  /* first bin of those that are accepted, and how many they are */
#define ACCEPTED 8

unsigned offset_bin(int64_t offset_ms, uint64_t window_ms)
{
    uint64_t size = offset_ms < 0 ? -(uint64_t)offset_ms : (uint64_t)offset_ms;

    if (size > FAR * window_ms)
        return offset_ms < 0 ? 0 : IPC_OFFSET_BINS - 1;
    if (size > window_ms)
        return offset_ms < 0 ? 1 : IPC_OFFSET_BINS - 2;
    if (offset_ms == (int64_t)window_ms)
        return INSIDE + ACCEPTED - 1;
    return INSIDE + (unsigned)((window_ms + (uint64_t)offset_ms) * (ACCEPTED / 2) / window_ms);
}

int64_t offset_of(uint64_t sender_ms, uint64_t own_ms)
{
    bool ahead = sender_ms >= own_ms;
    uint64_t size = ahead ? sender_ms - own_ms : own_ms - sender_ms;

    if (size > INT64_MAX)
        size = INT64_MAX;
    return ahead ? (int64_t)size : -(int64_t)size;
}

/* Packets that were inside, before and behind the window, and those of the latter two that were very far away. */
struct sides {
    uint64_t inside, early, late, far;
};

static struct sides sides_of(const uint64_t bins[IPC_OFFSET_BINS])
{
    struct sides s = {0};

    for (unsigned i = INSIDE; i < INSIDE + ACCEPTED; i++)
        s.inside += bins[i];
    s.early = bins[0] + bins[1];
    s.late = bins[IPC_OFFSET_BINS - 2] + bins[IPC_OFFSET_BINS - 1];
    s.far = bins[0] + bins[IPC_OFFSET_BINS - 1];
    return s;
}

enum ipc_offset offset_judge(const uint64_t bins[IPC_OFFSET_BINS])
{
    struct sides s = sides_of(bins);
    uint64_t outside = s.early + s.late;

    if (outside == 0)
        return IPC_OFFSET_FINE;
    if (s.far > outside / 2)
        return IPC_OFFSET_STALE_EPOCH;
    /* Packets that wait on the way come with old times, beside others that don't wait. */
    if (s.inside >= outside && s.early > s.late)
        return IPC_OFFSET_SLOW_PATH;
    return IPC_OFFSET_SENDER_CLOCK;
}

void offset_judge_all(uint64_t (*bins)[IPC_OFFSET_BINS], unsigned n, enum ipc_offset *say)
{
    unsigned early = 0, late = 0, seen = 0;

    for (unsigned i = 0; i < n; i++) {
        struct sides s = sides_of(bins[i]);

        say[i] = offset_judge(bins[i]);
        seen += s.inside + s.early + s.late > 0;
        early += s.early > s.inside + s.late;
        late += s.late > s.inside + s.early;
    }
    if (seen < 2 || (2 * early <= seen && 2 * late <= seen))
        return;
    for (unsigned i = 0; i < n; i++) {
        struct sides s = sides_of(bins[i]);

        if (2 * early > seen ? s.early > s.inside + s.late : s.late > s.inside + s.early)
            say[i] = IPC_OFFSET_OWN_CLOCK;
    }
}
