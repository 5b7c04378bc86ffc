/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages <-> bytes. Big endian, one octet of type first, then the struct's fields in their order; texts are a length
 * octet and the octets, secrets a 16-bit length and the octets, bools one octet 0 or 1. One `check_` function per
 * message holds its ranges for both directions, so what can be sent is exactly what can be received.
 */
#include "common/ipc/ipc.h"

#include "common/ipc/codec_parts.h"
#include "common/suite.h"
#include "common/verdict.h"

/* ---- HELLO, ATTACH, REFUSE ---- */

static bool check_hello(const struct ipc_hello *m)
{
    return m->n_pairs <= IPC_MAX_PAIRS && m->n_workers >= 1 && m->n_workers <= IPC_MAX_WORKERS;
}

static void put_hello(struct buf_writer *w, const struct ipc_hello *m)
{
    buf_put_u32(w, m->version);
    buf_put_u32(w, m->clock_rate);
    buf_put_u64(w, m->instance);
    buf_put_u16(w, m->n_pairs);
    buf_put_u16(w, m->n_workers);
    buf_put_u16(w, m->n_queues);
    for (size_t i = 0; i < m->n_pairs; i++)
        codec_put_text(w, m->pairs[i], IPC_NAME_MAX);
    codec_put_text(w, m->program_version, IPC_NAME_MAX);
}

static bool get_hello(struct buf_reader *r, struct ipc_hello *m)
{
    if (!buf_get_u32(r, &m->version) || !buf_get_u32(r, &m->clock_rate) || !buf_get_u64(r, &m->instance) ||
        !buf_get_u16(r, &m->n_pairs) || !buf_get_u16(r, &m->n_workers) || !buf_get_u16(r, &m->n_queues) ||
        !check_hello(m))
        return false;
    for (size_t i = 0; i < m->n_pairs; i++)
        if (!codec_get_text(r, m->pairs[i], IPC_NAME_MAX))
            return false;
    return codec_get_text(r, m->program_version, IPC_NAME_MAX);
}

static void put_attach(struct buf_writer *w, const struct ipc_attach *m)
{
    buf_put_u32(w, m->version);
    buf_put_u32(w, m->clock_rate);
}

static bool get_attach(struct buf_reader *r, struct ipc_attach *m)
{
    return buf_get_u32(r, &m->version) && buf_get_u32(r, &m->clock_rate);
}

/* ---- the transaction ---- */

static bool check_group(const struct ipc_group *m)
{
    if (m->n_rekeys > IPC_MAX_REKEYS)
        return false;
    for (size_t i = 0; i < m->n_rekeys; i++)
        if (m->rekeys[i].addr.family != 4 || !addr_is_multicast(&m->rekeys[i].addr) || m->rekeys[i].port == 0)
            return false;
    return m->group < IPC_MAX_GROUPS && m->name[0] != 0 && m->state <= IPC_GROUP_UNPROTECTED_CLEAR;
}

static void put_group(struct buf_writer *w, const struct ipc_group *m)
{
    buf_put_u16(w, m->group);
    codec_put_text(w, m->name, IPC_NAME_MAX);
    buf_put_u8(w, (uint8_t)m->state);
    codec_put_bool(w, m->passive);
    codec_put_bool(w, m->receive_only);
    buf_put_u8(w, m->n_rekeys);
    for (size_t i = 0; i < m->n_rekeys; i++) {
        codec_put_addr(w, &m->rekeys[i].addr);
        buf_put_u16(w, m->rekeys[i].port);
    }
}

static bool get_group(struct buf_reader *r, struct ipc_group *m)
{
    if (!buf_get_u16(r, &m->group) || !codec_get_text(r, m->name, IPC_NAME_MAX) || !codec_get_enum(r, &m->state) ||
        !codec_get_bool(r, &m->passive) || !codec_get_bool(r, &m->receive_only) || !buf_get_u8(r, &m->n_rekeys) ||
        m->n_rekeys > IPC_MAX_REKEYS)
        return false;
    for (size_t i = 0; i < m->n_rekeys; i++)
        if (!codec_get_addr(r, &m->rekeys[i].addr) || !buf_get_u16(r, &m->rekeys[i].port))
            return false;
    return true;
}

static bool check_bind(const struct ipc_bind *m)
{
    return m->group < IPC_MAX_GROUPS && m->pair[0] != 0 && m->vlan <= IPC_MAX_VLAN;
}

static void put_bind(struct buf_writer *w, const struct ipc_bind *m)
{
    buf_put_u16(w, m->group);
    codec_put_text(w, m->pair, IPC_NAME_MAX);
    buf_put_u16(w, m->vlan);
}

static bool get_bind(struct buf_reader *r, struct ipc_bind *m)
{
    return buf_get_u16(r, &m->group) && codec_get_text(r, m->pair, IPC_NAME_MAX) && buf_get_u16(r, &m->vlan);
}

static bool check_rule(const struct ipc_rule *m)
{
    return m->group < IPC_MAX_GROUPS && m->list < IPC_LIST_COUNT && codec_check_entry(&m->entry);
}

static void put_rule(struct buf_writer *w, const struct ipc_rule *m)
{
    buf_put_u16(w, m->group);
    buf_put_u8(w, (uint8_t)m->list);
    codec_put_entry(w, &m->entry);
}

static bool get_rule(struct buf_reader *r, struct ipc_rule *m)
{
    return buf_get_u16(r, &m->group) && codec_get_enum(r, &m->list) && codec_get_entry(r, &m->entry);
}

/* Two workers with one sender id would repeat IVs: refused whatever the sender thinks (RFC 6054 section 3). */
static bool check_senders(const struct ipc_sa *m)
{
    for (size_t i = 0; i < m->n_senders; i++) {
        const struct ipc_sender *s = &m->senders[i];
        if (m->sid_bits == 0 || s->id >> m->sid_bits != 0 || s->iv_first > 1ULL << (64 - m->sid_bits))
            return false;
        for (size_t j = 0; j < i; j++)
            if (m->senders[j].id == s->id)
                return false;
    }
    return true;
}

/* The window belongs to the method; what a packet carries belongs to both. */
static bool check_replay(const struct ipc_sa *m, const struct suite *suite)
{
    bool time = m->replay == IPC_REPLAY_TIME;
    uint32_t low = 0, high = 0;
    if (m->replay > IPC_REPLAY_TIME || m->metadata > (IPC_META_TIME | IPC_META_TAG))
        return false;
    if (m->replay == IPC_REPLAY_COUNTER) {
        low = IPC_COUNTER_WINDOW_MIN;
        high = IPC_COUNTER_WINDOW_MAX;
    } else if (time) {
        low = IPC_TIME_WINDOW_MIN_MS;
        high = IPC_TIME_WINDOW_MAX_MS;
    }
    if (m->replay != IPC_REPLAY_COUNTER && (m->sequence_used != 0 || m->sequence_top != 0))
        return false;
    return m->window >= low && m->window <= high && time == ((m->metadata & IPC_META_TIME) != 0) &&
           (!m->transport || m->metadata == 0) && (!m->strict_sender || (time && suite->counter_mode));
}

static bool check_sa(const struct ipc_sa *m)
{
    const struct suite *suite = suite_by_id(m->suite);
    if (m->group >= IPC_MAX_GROUPS || m->spi < 256 || !suite || m->n_senders > IPC_MAX_WORKERS || m->end_in_ms == 0)
        return false;
    bool sid_ok = m->sid_bits >= 8 && m->sid_bits <= 32;
    bool may_lack = !suite->counter_mode || (m->n_senders == 0 && !m->send);
    if (!sid_ok && (m->sid_bits != 0 || !may_lack))
        return false;
    return m->key.len == suite->key_len + suite->salt_len && m->integrity.len == suite->integrity_len &&
           check_replay(m, suite) && check_senders(m);
}

static void put_sa(struct buf_writer *w, const struct ipc_sa *m)
{
    buf_put_u16(w, m->group);
    buf_put_u16(w, m->number);
    buf_put_u32(w, m->spi);
    buf_put_u8(w, m->suite);
    codec_put_bool(w, m->receive);
    codec_put_bool(w, m->send);
    codec_put_bool(w, m->transport);
    buf_put_u8(w, (uint8_t)m->replay);
    buf_put_u32(w, m->window);
    buf_put_u8(w, m->metadata);
    codec_put_bool(w, m->strict_sender);
    buf_put_u32(w, m->sequence_used);
    buf_put_u32(w, m->sequence_top);
    buf_put_u8(w, m->sid_bits);
    buf_put_u32(w, m->send_in_ms);
    buf_put_u32(w, m->send_end_in_ms);
    buf_put_u64(w, m->end_in_ms);
    codec_put_secret(w, &m->key);
    codec_put_secret(w, &m->integrity);
    buf_put_u16(w, m->n_senders);
    for (size_t i = 0; i < m->n_senders; i++) {
        buf_put_u64(w, m->senders[i].id);
        buf_put_u64(w, m->senders[i].iv_first);
    }
}

static bool get_sa(struct buf_reader *r, struct ipc_sa *m)
{
    if (!buf_get_u16(r, &m->group) || !buf_get_u16(r, &m->number) || !buf_get_u32(r, &m->spi) ||
        !buf_get_u8(r, &m->suite) || !codec_get_bool(r, &m->receive) || !codec_get_bool(r, &m->send) ||
        !codec_get_bool(r, &m->transport) || !codec_get_enum(r, &m->replay) || !buf_get_u32(r, &m->window) ||
        !buf_get_u8(r, &m->metadata) || !codec_get_bool(r, &m->strict_sender) || !buf_get_u32(r, &m->sequence_used) ||
        !buf_get_u32(r, &m->sequence_top) || !buf_get_u8(r, &m->sid_bits) || !buf_get_u32(r, &m->send_in_ms) ||
        !buf_get_u32(r, &m->send_end_in_ms) || !buf_get_u64(r, &m->end_in_ms) || !codec_get_secret(r, &m->key) ||
        !codec_get_secret(r, &m->integrity) || !buf_get_u16(r, &m->n_senders) || m->n_senders > IPC_MAX_WORKERS)
        return false;
    for (size_t i = 0; i < m->n_senders; i++)
        if (!buf_get_u64(r, &m->senders[i].id) || !buf_get_u64(r, &m->senders[i].iv_first))
            return false;
    return true;
}

static void put_time(struct buf_writer *w, const struct ipc_time *m)
{
    buf_put_u16(w, m->group);
    buf_put_u32(w, m->spi);
    buf_put_u64(w, m->pseudotime_ms);
}

static bool get_time(struct buf_reader *r, struct ipc_time *m)
{
    return buf_get_u16(r, &m->group) && buf_get_u32(r, &m->spi) && buf_get_u64(r, &m->pseudotime_ms);
}

/* ---- answers and questions ---- */

static void put_ack(struct buf_writer *w, const struct ipc_ack *m)
{
    buf_put_u64(w, m->epoch);
    buf_put_u8(w, (uint8_t)m->result);
    codec_put_text(w, m->reason, IPC_TEXT_MAX);
}

static bool get_ack(struct buf_reader *r, struct ipc_ack *m)
{
    return buf_get_u64(r, &m->epoch) && codec_get_enum(r, &m->result) &&
           codec_get_text(r, m->reason, IPC_TEXT_MAX);
}

static void put_event(struct buf_writer *w, const struct ipc_event *m)
{
    buf_put_u8(w, (uint8_t)m->kind);
    buf_put_u16(w, m->group);
    buf_put_u64(w, m->value);
    if (m->kind != IPC_EVENT_REPLAY_TIME)
        return;
    buf_put_u64(w, m->own_ms);
    buf_put_u64(w, m->sender_ms);
    codec_put_addr(w, &m->source);
}

static bool get_event(struct buf_reader *r, struct ipc_event *m)
{
    if (!codec_get_enum(r, &m->kind) || !buf_get_u16(r, &m->group) || !buf_get_u64(r, &m->value))
        return false;
    return m->kind != IPC_EVENT_REPLAY_TIME ||
           (buf_get_u64(r, &m->own_ms) && buf_get_u64(r, &m->sender_ms) && codec_get_addr(r, &m->source));
}

static bool check_explain(const struct ipc_explain *m)
{
    const struct flow *f = &m->flow;
    return m->vlan <= IPC_MAX_VLAN && addr_len(f->src.family) != 0 && f->src.family == f->dst.family &&
           f->ports <= FLOW_LATER_FRAGMENT;
}

static void put_explain(struct buf_writer *w, const struct ipc_explain *m)
{
    buf_put_u32(w, m->request);
    codec_put_text(w, m->pair, IPC_NAME_MAX);
    buf_put_u16(w, m->vlan);
    codec_put_bool(w, m->inbound);
    codec_put_addr(w, &m->flow.src);
    codec_put_addr(w, &m->flow.dst);
    buf_put_u8(w, m->flow.proto);
    buf_put_u8(w, (uint8_t)m->flow.ports);
    buf_put_u16(w, m->flow.sport);
    buf_put_u16(w, m->flow.dport);
}

static bool get_explain(struct buf_reader *r, struct ipc_explain *m)
{
    return buf_get_u32(r, &m->request) && codec_get_text(r, m->pair, IPC_NAME_MAX) && buf_get_u16(r, &m->vlan) &&
           codec_get_bool(r, &m->inbound) && codec_get_addr(r, &m->flow.src) && codec_get_addr(r, &m->flow.dst) &&
           buf_get_u8(r, &m->flow.proto) && codec_get_enum(r, &m->flow.ports) &&
           buf_get_u16(r, &m->flow.sport) && buf_get_u16(r, &m->flow.dport);
}

static bool check_explained(const struct ipc_explained *m)
{
    return m->decision <= IPC_DECISION_LOCAL && m->verdict < VERDICT_COUNT && m->source <= IPC_SOURCE_FAIL_CLOSE &&
           (!m->has_rule || codec_check_entry(&m->rule)) && (m->path_mtu != 0 || m->path_mtu_left_s == 0);
}

static void put_explained(struct buf_writer *w, const struct ipc_explained *m)
{
    buf_put_u32(w, m->request);
    codec_put_bool(w, m->known_pair);
    buf_put_u8(w, (uint8_t)m->decision);
    buf_put_u8(w, m->verdict);
    buf_put_u8(w, (uint8_t)m->source);
    codec_put_bool(w, m->has_rule);
    if (m->has_rule)
        codec_put_entry(w, &m->rule);
    codec_put_bool(w, m->has_group);
    codec_put_text(w, m->group, IPC_NAME_MAX);
    codec_put_bool(w, m->has_spi);
    buf_put_u32(w, m->spi);
    buf_put_u32(w, m->effective_mtu);
    buf_put_u32(w, m->path_mtu);
    buf_put_u32(w, m->path_mtu_left_s);
}

static bool get_explained(struct buf_reader *r, struct ipc_explained *m)
{
    return buf_get_u32(r, &m->request) && codec_get_bool(r, &m->known_pair) &&
           codec_get_enum(r, &m->decision) && buf_get_u8(r, &m->verdict) &&
           codec_get_enum(r, &m->source) && codec_get_bool(r, &m->has_rule) &&
           (!m->has_rule || codec_get_entry(r, &m->rule)) && codec_get_bool(r, &m->has_group) &&
           codec_get_text(r, m->group, IPC_NAME_MAX) && codec_get_bool(r, &m->has_spi) && buf_get_u32(r, &m->spi) &&
           buf_get_u32(r, &m->effective_mtu) && buf_get_u32(r, &m->path_mtu) && buf_get_u32(r, &m->path_mtu_left_s);
}

/* ---- all of them ---- */

static bool check(const struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_HELLO:
        return check_hello(&m->u.hello);
    case IPC_BEGIN:
        return m->u.begin.epoch != 0;
    case IPC_GROUP:
        return check_group(&m->u.group);
    case IPC_BIND:
        return check_bind(&m->u.bind);
    case IPC_RULE:
        return check_rule(&m->u.rule);
    case IPC_SA:
        return check_sa(&m->u.sa);
    case IPC_TIME:
        return m->u.time.group < IPC_MAX_GROUPS && m->u.time.spi >= 256;
    case IPC_COMMIT:
        return m->u.commit.epoch != 0;
    case IPC_ACK:
        return m->u.ack.epoch != 0 && m->u.ack.result <= IPC_NO_MEMORY;
    case IPC_EVENT:
        return m->u.event.kind < IPC_EVENT_REPLAY_TIME ||
               (m->u.event.kind == IPC_EVENT_REPLAY_TIME && addr_len(m->u.event.source.family) != 0);
    case IPC_EXPLAIN:
        return check_explain(&m->u.explain);
    case IPC_EXPLAINED:
        return check_explained(&m->u.explained);
    case IPC_ATTACH:
    case IPC_REFUSE:
    case IPC_CLEAR_COUNTERS:
    case IPC_CLEAR_REPLAY:
        return true;
    }
    return false;
}

void ipc_encode(struct buf_writer *w, const struct ipc_msg *m)
{
    if (!check(m)) {
        w->overflow = true;
        return;
    }
    buf_put_u8(w, (uint8_t)m->type);
    switch (m->type) {
    case IPC_HELLO:
        put_hello(w, &m->u.hello);
        break;
    case IPC_ATTACH:
        put_attach(w, &m->u.attach);
        break;
    case IPC_REFUSE:
        codec_put_text(w, m->u.refuse.reason, IPC_TEXT_MAX);
        break;
    case IPC_BEGIN:
        buf_put_u64(w, m->u.begin.epoch);
        break;
    case IPC_GROUP:
        put_group(w, &m->u.group);
        break;
    case IPC_BIND:
        put_bind(w, &m->u.bind);
        break;
    case IPC_RULE:
        put_rule(w, &m->u.rule);
        break;
    case IPC_SA:
        put_sa(w, &m->u.sa);
        break;
    case IPC_TIME:
        put_time(w, &m->u.time);
        break;
    case IPC_COMMIT:
        buf_put_u64(w, m->u.commit.epoch);
        buf_put_u32(w, m->u.commit.n_messages);
        break;
    case IPC_ACK:
        put_ack(w, &m->u.ack);
        break;
    case IPC_EVENT:
        put_event(w, &m->u.event);
        break;
    case IPC_EXPLAIN:
        put_explain(w, &m->u.explain);
        break;
    case IPC_EXPLAINED:
        put_explained(w, &m->u.explained);
        break;
    case IPC_CLEAR_COUNTERS:
    case IPC_CLEAR_REPLAY:
        break;
    }
}

static bool get_body(struct buf_reader *r, struct ipc_msg *m)
{
    switch (m->type) {
    case IPC_HELLO:
        return get_hello(r, &m->u.hello);
    case IPC_ATTACH:
        return get_attach(r, &m->u.attach);
    case IPC_REFUSE:
        return codec_get_text(r, m->u.refuse.reason, IPC_TEXT_MAX);
    case IPC_BEGIN:
        return buf_get_u64(r, &m->u.begin.epoch);
    case IPC_GROUP:
        return get_group(r, &m->u.group);
    case IPC_BIND:
        return get_bind(r, &m->u.bind);
    case IPC_RULE:
        return get_rule(r, &m->u.rule);
    case IPC_SA:
        return get_sa(r, &m->u.sa);
    case IPC_TIME:
        return get_time(r, &m->u.time);
    case IPC_COMMIT:
        return buf_get_u64(r, &m->u.commit.epoch) && buf_get_u32(r, &m->u.commit.n_messages);
    case IPC_ACK:
        return get_ack(r, &m->u.ack);
    case IPC_EVENT:
        return get_event(r, &m->u.event);
    case IPC_EXPLAIN:
        return get_explain(r, &m->u.explain);
    case IPC_EXPLAINED:
        return get_explained(r, &m->u.explained);
    case IPC_CLEAR_COUNTERS:
    case IPC_CLEAR_REPLAY:
        return true;
    }
    return false;
}

bool ipc_decode(struct span s, struct ipc_msg *m)
{
    struct buf_reader r = buf_reader_of(s);
    uint8_t type;
    wipe(m, sizeof(*m));
    if (buf_get_u8(&r, &type)) {
        m->type = type;
        if (get_body(&r, m) && r.left == 0 && check(m))
            return true;
    }
    wipe(m, sizeof(*m));
    return false;
}
