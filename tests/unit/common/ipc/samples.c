/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/unit/common/ipc/samples.h"
#include "common/suite.h"
#include "common/verdict.h"

#include <string.h>

static void fill(struct secret *s, size_t len, uint8_t first)
{
    s->len = (uint16_t)len;
    for (size_t i = 0; i < len; i++)
        s->b[i] = (uint8_t)(first + i);
}

static void name(char *dst, size_t cap, char c)
{
    memset(dst, c, cap - 1);
}

static void hello(struct ipc_msg *m, uint16_t pairs)
{
    struct ipc_hello *h = &m->u.hello;
    m->type = IPC_HELLO;
    h->version = IPC_VERSION;
    h->clock_rate = 1000;
    h->instance = 0x1122334455667788;
    h->n_pairs = pairs;
    h->n_workers = pairs;
    h->n_queues = 4;
    for (size_t i = 0; i < pairs; i++)
        name(h->pairs[i], IPC_NAME_MAX, (char)('a' + i));
    name(h->program_version, IPC_NAME_MAX, 'v');
}

static void group(struct ipc_msg *m, enum ipc_group_state state)
{
    m->type = IPC_GROUP;
    m->u.group.group = IPC_MAX_GROUPS - 1;
    strcpy(m->u.group.name, "corp");
    m->u.group.state = state;
    m->u.group.passive = true;
}

static void rekeys_of(struct ipc_msg *m, uint8_t n)
{
    m->u.group.n_rekeys = n;
    for (uint8_t i = 0; i < n; i++)
        m->u.group.rekeys[i] = (struct endpoint){addr_v4(0xef000100u + i), (uint16_t)(848 + i)};
}

static void bind_to(struct ipc_msg *m, const char *pair, uint16_t vlan)
{
    m->type = IPC_BIND;
    m->u.bind.group = IPC_MAX_GROUPS - 1;
    strcpy(m->u.bind.pair, pair);
    m->u.bind.vlan = vlan;
}

static void entry(struct acl_entry *e, uint8_t family)
{
    e->permit = true;
    e->sa = 10;
    e->number = 3;
    e->sel.src.addr.family = e->sel.dst.addr.family = family;
    e->sel.src.addr.b[0] = 10;
    e->sel.src.addr.b[1] = 0x80;
    e->sel.src.len = 9;
    e->sel.dst.len = family == 4 ? 32 : 128;
    e->sel.dst.addr.b[3] = 1;
    e->sel.proto = 6;
    e->sel.sport.high = 65535;
    e->sel.dport.low = e->sel.dport.high = 443;
}

static void rule(struct ipc_msg *m, enum ipc_list list, uint8_t family)
{
    m->type = IPC_RULE;
    m->u.rule.group = 1;
    m->u.rule.list = list;
    entry(&m->u.rule.entry, family);
}

static void sa(struct ipc_msg *m, enum suite_id suite, uint16_t senders)
{
    struct ipc_sa *s = &m->u.sa;
    const struct suite *info = suite_by_id(suite);
    m->type = IPC_SA;
    s->group = 2;
    s->number = 10;
    s->spi = 256;
    s->suite = (uint8_t)suite;
    s->receive = s->send = true;
    s->sid_bits = info->counter_mode ? 24 : 0;
    s->send_in_ms = 5000;
    s->send_end_in_ms = 30000;
    s->end_in_ms = 86400000ULL * 30;
    fill(&s->key, info->key_len + info->salt_len, 1);
    fill(&s->integrity, info->integrity_len, 101);
    s->n_senders = senders;
    for (size_t i = 0; i < senders; i++)
        s->senders[i] = (struct ipc_sender){.id = 0xfffff0 + i, .iv_first = (uint64_t)i << 36};
}

static void replay(struct ipc_msg *m, enum ipc_replay method, uint32_t window, uint8_t metadata, bool strict)
{
    sa(m, SUITE_AES_GCM_192, 0);
    m->u.sa.replay = method;
    m->u.sa.window = window;
    m->u.sa.metadata = metadata;
    m->u.sa.strict_sender = strict;
    if (method == IPC_REPLAY_COUNTER) {
        m->u.sa.sequence_used = UINT32_MAX;
        m->u.sa.sequence_top = 7;
    }
}

static void explain(struct ipc_msg *m, uint8_t family)
{
    m->type = IPC_EXPLAIN;
    m->u.explain.request = 77;
    m->u.explain.vlan = 5;
    m->u.explain.inbound = true;
    m->u.explain.flow.src.family = m->u.explain.flow.dst.family = family;
    m->u.explain.flow.dst.b[3] = 9;
    m->u.explain.flow.proto = 17;
    m->u.explain.flow.ports = FLOW_LATER_FRAGMENT;
    m->u.explain.flow.sport = 1024;
}

static void explained(struct ipc_msg *m, bool full)
{
    struct ipc_explained *x = &m->u.explained;
    m->type = IPC_EXPLAINED;
    x->request = 77;
    x->known_pair = true;
    x->decision = IPC_DECISION_LOCAL;
    x->verdict = VERDICT_COUNT - 1;
    x->source = IPC_SOURCE_FAIL_CLOSE;
    x->has_rule = full;
    if (full)
        entry(&x->rule, 6);
    x->has_group = full;
    name(x->group, full ? IPC_NAME_MAX : 2, 'g');
    x->has_spi = full;
    x->spi = 0xfffffffe;
    x->effective_mtu = 1446;
    x->path_mtu = full ? 1400 : 0;
    x->path_mtu_left_s = full ? 599 : 0;
}

size_t samples(struct ipc_msg out[SAMPLES_MAX])
{
    struct ipc_msg *m = out;
    memset(out, 0, SAMPLES_MAX * sizeof(*out));
    hello(m++, 1);
    hello(m++, IPC_MAX_PAIRS);
    m->type = IPC_ATTACH;
    m->u.attach.version = IPC_VERSION;
    m++->u.attach.clock_rate = 60;
    m->type = IPC_REFUSE;
    name(m++->u.refuse.reason, IPC_TEXT_MAX, 'r');
    m->type = IPC_BEGIN;
    m++->u.begin.epoch = UINT64_MAX;
    group(m++, IPC_GROUP_FAIL_CLOSE);
    group(m++, IPC_GROUP_UNPROTECTED_CLEAR);
    group(m, IPC_GROUP_POLICY);
    rekeys_of(m++, 1);
    group(m, IPC_GROUP_POLICY);
    rekeys_of(m++, IPC_MAX_REKEYS);
    bind_to(m++, "w", 0);
    bind_to(m++, "a-name-of-thirty-one-octets....", IPC_MAX_VLAN);
    rule(m++, IPC_LIST_FAIL_CLOSE, 4);
    rule(m++, IPC_LIST_DOWNLOADED, 6);
    sa(m++, SUITE_AES_GCM_128, 0);
    sa(m++, SUITE_AES_GCM_256, IPC_MAX_WORKERS);
    sa(m++, SUITE_AES_CBC_256_SHA512, 0);
    replay(m++, IPC_REPLAY_NONE, 0, IPC_META_TAG, false);
    replay(m++, IPC_REPLAY_COUNTER, IPC_COUNTER_WINDOW_MIN, 0, false);
    replay(m, IPC_REPLAY_COUNTER, IPC_COUNTER_WINDOW_MAX, 0, false);
    m++->u.sa.transport = true;
    replay(m++, IPC_REPLAY_TIME, IPC_TIME_WINDOW_MIN_MS, IPC_META_TIME, false);
    replay(m++, IPC_REPLAY_TIME, IPC_TIME_WINDOW_MAX_MS, IPC_META_TIME | IPC_META_TAG, true);
    m->type = IPC_TIME;
    m->u.time.group = 3;
    m->u.time.spi = 256;
    m++->u.time.pseudotime_ms = 1ULL << 40;
    m->type = IPC_COMMIT;
    m->u.commit.epoch = 1;
    m++->u.commit.n_messages = 1002;
    m->type = IPC_ACK;
    m->u.ack.epoch = 5;
    m->u.ack.result = IPC_NO_MEMORY;
    name(m++->u.ack.reason, IPC_TEXT_MAX, 'x');
    m->type = IPC_EVENT;
    m->u.event.kind = IPC_EVENT_LINK;
    m->u.event.group = 2;
    m++->u.event.value = 3;
    m->type = IPC_EVENT;
    m->u.event = (struct ipc_event){.kind = IPC_EVENT_REPLAY_TIME, .group = 2, .value = 0x1000, .own_ms = 1, .sender_ms = UINT64_MAX};
    (void)!addr_parse("2001:db8::1", &m++->u.event.source);
    explain(m++, 4);
    explain(m++, 6);
    explained(m++, false);
    explained(m++, true);
    m++->type = IPC_CLEAR_COUNTERS;
    m++->type = IPC_CLEAR_REPLAY;
    return (size_t)(m - out);
}
