/* SPDX-License-Identifier: BSD-3-Clause */
/* Birth, leases and end of an SA. RFC 4106, RFC 6054; DP3. */
#include "dataplane/sa.h"

#include "common/feature.h"
#include "common/secret.h"

#include <rte_malloc.h>

#include <stdio.h>
#include <string.h>

#define SPI_RESERVED 255 /* RFC 4303 2.1: SPIs up to here are not for SAs */
#define SEQUENCE_LOW (REPLAY_SEQUENCE_MAX / 10 * 9) /* as for IVs: time for another key */

static uint64_t iv_limit_of(unsigned sid_bits)
{
    return 1ULL << (64 - sid_bits);
}

/* Without sender ids it only receives, unless its IVs are no counters. */
static bool may_lack_senders(const struct ipc_sa *m)
{
    return m->n_senders == 0 && (!m->send || !suite_by_id(m->suite)->counter_mode);
}

/* The width of sender ids. Who has none can't say one either. */
static bool width_right(const struct ipc_sa *m)
{
    return may_lack_senders(m) ? m->sid_bits <= 32 : m->sid_bits >= 8 && m->sid_bits <= 32;
}

static bool senders_right(const struct ipc_sa *m, unsigned n_workers, char *reason)
{
    if (may_lack_senders(m))
        return true;
    if (m->n_senders != n_workers) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x has %u sender ids for %u workers", m->spi, m->n_senders, n_workers);
        return false;
    }
    for (unsigned i = 0; i < m->n_senders; i++) {
        if (m->senders[i].id >> m->sid_bits != 0 || m->senders[i].iv_first > iv_limit_of(m->sid_bits)) {
            snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: sender id or first IV out of range", m->spi);
            return false;
        }
        for (unsigned j = 0; j < i; j++)
            if (m->senders[j].id == m->senders[i].id) {
                snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: one sender id for two workers", m->spi);
                return false;
            }
    }
    return true;
}

/* What the message asks for and this build lacks, as a sentence's part; NULL when nothing. */
static const char *lacks(const struct ipc_sa *m)
{
    const struct {
        bool asked;
        uint64_t feature;
        const char *text;
    } parts[] = {
        {m->transport, FEATURE_TRANSPORT, "transport mode"},
        {m->replay == IPC_REPLAY_TIME, FEATURE_TIME_REPLAY, "time replay"},
        {m->replay == IPC_REPLAY_COUNTER, FEATURE_COUNTER_REPLAY, "counter replay"},
        {(m->metadata & IPC_META_TAG) != 0, FEATURE_TAG, "a security group tag"},
        {m->strict_sender, FEATURE_STRICT_SENDER, "strict sender"},
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i].asked && !feature_supported(parts[i].feature))
            return parts[i].text;
    return NULL;
}

/* The time stands in the header exactly with time replay; strict needs it, and the width of the ids in an IV. */
static bool replay_right(const struct ipc_sa *m, const struct suite *suite)
{
    bool time = m->replay == IPC_REPLAY_TIME;

    if (((m->metadata & IPC_META_TIME) != 0) != time || (m->metadata != 0 && m->transport))
        return false;
    if (m->replay != IPC_REPLAY_NONE && (m->window == 0 || (!time && m->window > REPLAY_WINDOW_MAX)))
        return false;
    if (m->replay != IPC_REPLAY_COUNTER && (m->sequence_used != 0 || m->sequence_top != 0))
        return false;
    return !m->strict_sender || (time && suite->counter_mode && m->sid_bits >= 8 && m->sid_bits <= 32);
}

bool sa_check(const struct ipc_sa *m, unsigned n_workers, char reason[IPC_TEXT_MAX])
{
    const struct suite *suite = suite_by_id(m->suite);

    if (suite == NULL || !suite->supported) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: suite %s is not supported by this version", m->spi,
                 suite == NULL ? "unknown" : suite->name);
        return false;
    }
    if (lacks(m) != NULL) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: %s is not supported by this version", m->spi, lacks(m));
        return false;
    }
    if (m->spi <= SPI_RESERVED || m->end_in_ms == 0 || !width_right(m)) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: reserved SPI, no lifetime or wrong size of sender ids", m->spi);
        return false;
    }
    if (m->key.len != (unsigned)suite->key_len + suite->salt_len || m->integrity.len != suite->integrity_len) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: key of the wrong length for %s", m->spi, suite->name);
        return false;
    }
    if (!replay_right(m, suite)) {
        snprintf(reason, IPC_TEXT_MAX, "SA 0x%08x: replay protection or metadata header that can't be", m->spi);
        return false;
    }
    return senders_right(m, n_workers, reason);
}

/* The first ids: no worker looks at these before it has seen n_senders. */
static void begin_senders(struct sa *sa, const struct ipc_sa *m)
{
    sa->sid_bits = m->sid_bits;
    sa->iv_limit = iv_limit_of(m->sid_bits);
    sa->iv_low = sa->iv_limit / 10 * 9;
    sa->sender_mask = esp_sender_shift((1ULL << m->sid_bits) - 1, m->sid_bits);
    for (unsigned i = 0; i < m->n_senders; i++) {
        struct sa_worker *w = &sa->workers[i];

        sa->senders[i] = w->sender = esp_sender_shift(m->senders[i].id, sa->sid_bits);
        w->iv_next = w->lease_end = sa->iv_first[i] = m->senders[i].iv_first;
    }
    atomic_store_explicit(&sa->n_senders, m->n_senders, memory_order_release);
}

static bool has_had(const struct sa *sa, uint64_t sender)
{
    unsigned n = atomic_load_explicit(&sa->n_senders, memory_order_relaxed);

    for (unsigned i = 0; i < n; i++)
        if (sa->senders[i] == sender)
            return true;
    return false;
}

/* A next id for worker i, unless one waits. No packet has it before it is known as our own. */
static void give_next(struct sa *sa, unsigned i, const struct ipc_sender *s)
{
    uint64_t sender = esp_sender_shift(s->id, sa->sid_bits);
    unsigned n = atomic_load_explicit(&sa->n_senders, memory_order_relaxed);

    if (atomic_load_explicit(&sa->next[i], memory_order_acquire) != 0 || s->iv_first != 0 || has_had(sa, sender) ||
        n == SA_SENDERS_MAX)
        return;
    sa->senders[n] = sender;
    atomic_store_explicit(&sa->n_senders, (uint16_t)(n + 1), memory_order_release);
    atomic_store_explicit(&sa->next[i], sender | 1, memory_order_release);
}

bool sa_set_senders(struct sa *sa, const struct ipc_sa *m)
{
    if (m->n_senders == 0 || !sa->suite->counter_mode)
        return false;
    if (atomic_load_explicit(&sa->n_senders, memory_order_relaxed) == 0) {
        begin_senders(sa, m);
        return true;
    }
    for (unsigned i = 0; i < m->n_senders; i++)
        give_next(sa, i, &m->senders[i]);
    return false;
}

static enum sa_shape shape_of(const struct sa *sa)
{
    if (sa->geometry.kind != ESP_GCM)
        return SA_SLOW;
    if (sa->checks == 0)
        return SA_PLAIN;
    if (sa->checks == META_TIME)
        return SA_TIMED;
    return sa->checks == (META_TIME | SA_STRICT) ? SA_STRICTLY_TIMED : SA_ODD;
}

struct sa *sa_new(const struct ipc_sa *m, const struct crypto_backend *b)
{
    struct sa *sa = rte_zmalloc("sa", sizeof *sa, _Alignof(struct sa));
    bool ok;

    if (sa == NULL)
        return NULL;
    sa->suite = suite_by_id(m->suite);
    sa->replay = replay_new(m, &ok);
    if (!ok || !b->key_set(&sa->key, sa->suite, m->key.b, m->integrity.b)) {
        sa_free(sa);
        return NULL;
    }
    if (sa->suite->counter_mode)
        memcpy(&sa->salt, m->key.b + sa->suite->key_len, sizeof sa->salt);
    else
        for (unsigned i = 0; i < IPC_MAX_WORKERS; i++)
            sa->workers[i].lease_end = UINT64_MAX; /* its IVs are no counters: nothing to lease */
    sa->secret = m->key;
    sa->geometry = esp_geometry_of(sa->suite, m->transport, meta_len(m->metadata));
    sa->kind = sa->geometry.kind;
    sa->meta_len = sa->geometry.meta_len;
    sa->checks = (uint8_t)(m->metadata | (m->replay == IPC_REPLAY_COUNTER ? SA_COUNTER : 0) |
                           (m->strict_sender ? SA_STRICT : 0));
    sa->shape = (uint8_t)shape_of(sa);
    sa->spi = m->spi;
    sa->spi_be = __builtin_bswap32(m->spi);
    sa->number = m->number;
    sa->end = MONO_NEVER;
    atomic_init(&sa->end_tsc, UINT64_MAX);
    (void)sa_set_senders(sa, m);
    if (m->strict_sender) /* to be known even to who only receives */
        sa->sender_mask = esp_sender_shift((1ULL << m->sid_bits) - 1, m->sid_bits);
    return sa;
}

void sa_leave(struct sa *sa, uint64_t left)
{
    for (unsigned i = 0; i < atomic_load(&sa->n_senders); i++) {
        struct sa_worker *w = &sa->workers[i];
        uint64_t first = sa->iv_limit > left ? sa->iv_limit - left : 0;

        if (w->iv_next < first)
            w->iv_next = w->lease_end = sa->iv_first[i] = first;
    }
    if (sa->checks & SA_COUNTER)
        replay_leave(sa->replay, left);
}

void sa_free(struct sa *sa)
{
    if (sa == NULL)
        return;
    replay_free(sa->replay);
    wipe(sa, sizeof *sa);
    rte_free(sa);
}

bool sa_same(const struct sa *sa, const struct ipc_sa *m)
{
    bool both_have_ids = atomic_load_explicit(&sa->n_senders, memory_order_relaxed) != 0 && m->n_senders != 0;

    return sa->suite->id == m->suite && sa->number == m->number && (sa->checks & (META_TIME | META_TAG)) == m->metadata &&
           replay_same(sa->replay, m) && (!both_have_ids || sa->sid_bits == m->sid_bits) &&
           secret_equal(secret_span(&sa->secret), secret_span(&m->key));
}

/* The counters of its id are used up: goes on with the next one, if there is one. */
static void take_next(struct sa *sa, unsigned worker, struct ipc_page *page)
{
    struct sa_worker *w = &sa->workers[worker];
    uint64_t sender = atomic_load_explicit(&sa->next[worker], memory_order_acquire);

    if (sender == 0)
        return;
    w->sender = sender & ~UINT64_C(1);
    w->iv_next = w->lease_end = 0;
    /* The page never shows a counter of the new id beside the old one: until it is leased, that of the old one's end. */
    atomic_store(&page->sas[sa->slot].sender_id[worker], w->sender >> (64 - sa->sid_bits));
    atomic_fetch_and_explicit(&w->events, ~SA_EVENT_IV, memory_order_relaxed);
    atomic_store_explicit(&sa->next[worker], 0, memory_order_release); /* last: it is none that waits any more */
}

bool sa_lease(struct sa *sa, unsigned worker, struct ipc_page *page)
{
    struct sa_worker *w = &sa->workers[worker];
    uint64_t left, end;

    if (w->iv_next >= sa->iv_limit)
        take_next(sa, worker, page);
    if (w->iv_next >= sa->iv_low)
        atomic_fetch_or_explicit(&w->events, SA_EVENT_IV_LOW, memory_order_relaxed);
    if (w->iv_next >= sa->iv_limit) {
        atomic_fetch_or_explicit(&w->events, SA_EVENT_IV_EXHAUSTED, memory_order_relaxed);
        return false;
    }
    left = sa->iv_limit - w->iv_next;
    end = w->iv_next + (left < IPC_IV_LEASE ? left : IPC_IV_LEASE);
    /* Published first, used afterwards: a reader of the page after our death must never see less than we used. */
    atomic_store_explicit(&page->sas[sa->slot].lease_end[worker], end, memory_order_seq_cst);
    w->lease_end = end;
    return true;
}

bool sa_next_sequence(struct sa *sa, unsigned worker, uint64_t *sequence)
{
    uint32_t next;
    bool ok = replay_next_sequence(sa->replay, &next);

    if (!ok || next >= SEQUENCE_LOW)
        atomic_fetch_or_explicit(&sa->workers[worker].events,
                                 ok ? SA_EVENT_SEQUENCE_LOW : SA_EVENT_SEQUENCE_LOW | SA_EVENT_SEQUENCE_EXHAUSTED,
                                 memory_order_relaxed);
    *sequence = next - 1ULL;
    return ok;
}

uint32_t sa_raised(const struct sa *sa, unsigned n_workers)
{
    bool takes_none = atomic_load_explicit(&sa->n_senders, memory_order_relaxed) == SA_SENDERS_MAX;
    uint32_t raised = 0;

    for (unsigned i = 0; i < n_workers; i++) {
        bool waits = atomic_load_explicit(&sa->next[i], memory_order_acquire) != 0;
        uint32_t events = atomic_load_explicit(&sa->workers[i].events, memory_order_relaxed);

        raised |= waits || takes_none ? events & ~SA_EVENT_IV : events;
    }
    return raised;
}
