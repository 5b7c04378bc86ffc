/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the counter page says about replays of one SA: drops, the data plane's clock, and how far the
 * pseudotimes of its senders are off (DP4, DP5). Nothing in the page is trusted: it may be torn, wrong, or
 * written by a broken data plane. The judgement of a sender is the data plane's.
 */
#include "ctrl/ctl/view.h"

#include <string.h>

#define TRIES 3 /* to read a row that is being written */

/* Offset: the sender's pseudotime minus our own. Eight bins of equal width cover what is accepted. */
static const char *const bin_names[IPC_OFFSET_BINS] = {"far_behind", "behind",   "within_1", "within_2",
                                                       "within_3",   "within_4", "within_5", "within_6",
                                                       "within_7",   "within_8", "ahead",    "far_ahead"};

static const char *const verdict_names[IPC_OFFSET_COUNT] = {
    [IPC_OFFSET_FINE] = "ok",
    [IPC_OFFSET_SENDER_CLOCK] = "sender-clock-jumped",
    [IPC_OFFSET_SLOW_PATH] = "slow-path",
    [IPC_OFFSET_STALE_EPOCH] = "stale-epoch",
    [IPC_OFFSET_OWN_CLOCK] = "own-clock",
};

/* One row as it was at one moment. */
struct row {
    enum ipc_offset judgement;
    uint64_t sender_id, last_ms;
    int64_t last_offset_ms;
    struct addr source; /* family 0 = not known */
    uint64_t bins[IPC_OFFSET_BINS];
};

static uint64_t load(const _Atomic uint64_t *v)
{
    return atomic_load_explicit(v, memory_order_acquire);
}

/* JSON readers can be sure of 63 bits, and an authentic sender may stamp anything. */
static uint64_t limit(uint64_t v)
{
    return v < INT64_MAX ? v : INT64_MAX;
}

static void put_count(struct json *j, const char *key, const _Atomic uint64_t *v)
{
    if (v)
        json_kv_u64(j, key, limit(load(v)));
    else
        json_kv_null(j, key);
}

void view_replay_counts(struct json *j, const struct ipc_page *page, uint32_t spi, enum replay_method method,
                        bool strict)
{
    const struct ipc_page_sa *slot = view_slot(page, spi);
    bool time = slot && method == REPLAY_TIME, counter = slot && method == REPLAY_COUNTER;

    put_count(j, "data_plane_pseudotime_ms", time ? &slot->pseudotime_ms : NULL);
    put_count(j, "sequence", counter ? &slot->sequence : NULL);
    put_count(j, "dropped_time", time ? &slot->replay_time : NULL);
    put_count(j, "dropped_counter", counter ? &slot->replay_counter : NULL);
    put_count(j, "dropped_sender", time && strict ? &slot->replay_sender : NULL);
}

static void put_bound(struct json *j, const char *key, bool open, int64_t ms)
{
    if (open)
        json_kv_null(j, key);
    else
        json_kv_i64(j, key, ms);
}

void view_offset_bins(struct json *j, uint32_t window_ms)
{
    int64_t w = window_ms, edge[IPC_OFFSET_BINS + 1] = {0, -10 * w, -w};

    for (int i = 3; i <= 10; i++)
        edge[i] = (i - 6) * w / 4;
    edge[11] = 10 * w;
    json_key(j, "offset_bins");
    json_array(j);
    for (size_t i = 0; w && i < IPC_OFFSET_BINS; i++) {
        json_object(j);
        json_kv_string(j, "name", bin_names[i]);
        put_bound(j, "from_ms", i == 0, edge[i]);
        put_bound(j, "to_ms", i == IPC_OFFSET_BINS - 1, edge[i + 1]);
        json_end_object(j);
    }
    json_end_array(j);
}

/* False when the row isn't of this SA, didn't hold still, or is none that a data plane of ours writes. */
static bool read_row(const struct ipc_page_sender *p, uint32_t spi, struct row *row)
{
    for (int i = 0; i < TRIES; i++) {
        uint32_t judgement, family;
        uint64_t source[2];

        if (atomic_load_explicit(&p->spi, memory_order_acquire) != spi)
            continue;
        judgement = atomic_load_explicit(&p->judgement, memory_order_acquire);
        family = atomic_load_explicit(&p->family, memory_order_acquire);
        *row = (struct row){.sender_id = load(&p->sender_id),
                            .last_ms = load(&p->last_ms),
                            .last_offset_ms = atomic_load_explicit(&p->last_offset_ms, memory_order_acquire)};
        source[0] = load(&p->source[0]);
        source[1] = load(&p->source[1]);
        for (size_t k = 0; k < IPC_OFFSET_BINS; k++)
            row->bins[k] = load(&p->bins[k]);
        if (atomic_load_explicit(&p->spi, memory_order_acquire) != spi)
            continue;
        if (judgement >= IPC_OFFSET_COUNT)
            return false;
        row->judgement = (enum ipc_offset)judgement;
        if (family == 4 || family == 6) {
            row->source.family = (uint8_t)family;
            memcpy(row->source.b, source, addr_len((uint8_t)family));
        }
        return true;
    }
    return false;
}

static void put_row(struct json *j, const struct row *row)
{
    char source[ADDR_TEXT_MAX];
    uint64_t samples = 0;

    for (size_t k = 0; k < IPC_OFFSET_BINS; k++)
        samples = limit(samples + limit(row->bins[k]));
    json_object(j);
    if (row->sender_id == UINT64_MAX)
        json_kv_null(j, "sender_id");
    else
        json_kv_u64(j, "sender_id", limit(row->sender_id));
    json_kv_string(j, "source", row->source.family ? addr_text(&row->source, source) : NULL);
    json_kv_string(j, "verdict", verdict_names[row->judgement]);
    json_kv_u64(j, "last_pseudotime_ms", limit(row->last_ms));
    json_kv_i64(j, "last_offset_ms", row->last_offset_ms);
    json_kv_u64(j, "samples", samples);
    json_key(j, "histogram");
    json_object(j);
    for (size_t k = 0; k < IPC_OFFSET_BINS; k++)
        json_kv_u64(j, bin_names[k], limit(row->bins[k]));
    json_end_object(j);
    json_end_object(j);
}

void view_senders(struct json *j, const struct ipc_page *page, uint32_t spi)
{
    struct row row;

    json_key(j, "senders");
    json_array(j);
    for (size_t i = 0; page && i < IPC_PAGE_SENDERS; i++) {
        if (read_row(&page->senders[i], spi, &row))
            put_row(j, &row);
    }
    json_end_array(j);
}
