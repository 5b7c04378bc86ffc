/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of questions is the pipeline's: exempt, own address, policy, SA. */
#include "dataplane/explain.h"

#include "dataplane/pmtu.h"

#include <string.h>

static int find_pair(const struct pipeline_config *config, const char *name)
{
    if (name[0] == '\0' && config->n_pairs > 0) {
        return 0;
    }
    for (unsigned i = 0; i < config->n_pairs; i++) {
        if (strcmp(config->pairs[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void decide(struct ipc_explained *a, enum ipc_decision decision, uint8_t verdict)
{
    a->decision = decision;
    a->verdict = verdict;
}

static void copy_reason(struct ipc_explained *a, const struct classify_why *why)
{
    a->source = why->source;
    if (why->rule != NULL) {
        a->has_rule = true;
        a->rule = *why->rule;
    }
    if (why->group != NULL) {
        a->has_group = true;
        memcpy(a->group, why->group, strnlen(why->group, sizeof(a->group) - 1));
    }
}

/* A permit: which SA it leaves with, or should have come with. */
static void name_sa(struct ipc_explained *a, const struct pipeline_config *config, unsigned pair, unsigned family,
                    const struct sa *sa)
{
    if (sa != NULL) {
        a->has_spi = true;
        a->spi = sa->spi;
        a->effective_mtu = pipeline_effective_mtu(config, pair, &sa->geometry, family);
    }
}

/* What leaves protected has no more room than the WAN said, if it said something about this destination. */
static void cap_mtu(struct ipc_explained *a, const struct pipeline_config *config, unsigned pair, uint64_t now_tsc,
                    const struct ipc_explain *q, const struct sa *sa)
{
    enum l3_kind kind = q->flow.dst.family == 6 ? L3_IPV6 : L3_IPV4;
    unsigned left_s;
    uint32_t cap;

    if (!pmtu_any(config->pmtu, now_tsc)) {
        return;
    }
    cap = pmtu_cap_left(config->pmtu, now_tsc / config->tsc_hz, pair, q->vlan, kind, q->flow.dst.b, &left_s);
    if (cap != 0 && cap < config->pairs[pair].mtu) {
        a->path_mtu = cap;
        a->path_mtu_left_s = left_s;
        a->effective_mtu = esp_effective_mtu(kind, cap, &sa->geometry);
    }
}

static void judge(const struct pipeline_config *config, const struct snap *snap, uint64_t now_tsc, unsigned pair,
                  const struct ipc_explain *q, struct ipc_explained *a)
{
    struct classify_why why = {.number = -1};
    enum classify_way way = q->inbound ? CLASSIFY_IN : CLASSIFY_OUT;
    struct classify_result r = classify_flow(snap, config->unregistered_clear, snap_group_of(snap, pair, q->vlan), way,
                                             &q->flow, &why);
    const struct sa *sa = why.number >= 0 ? snap_sender(snap, (unsigned)why.number, now_tsc) : NULL;

    copy_reason(a, &why);
    switch (r.action) {
    case CLASSIFY_PROTECT:
        name_sa(a, config, pair, q->flow.src.family, sa);
        if (sa != NULL) {
            decide(a, IPC_DECISION_ENCRYPT, VERDICT_SENT_ENCRYPTED);
            cap_mtu(a, config, pair, now_tsc, q, sa);
        } else {
            decide(a, IPC_DECISION_DROP, VERDICT_DROP_NO_SA);
        }
        break;
    case CLASSIFY_CLEAR:
        decide(a, IPC_DECISION_CLEAR, r.verdict);
        break;
    default:
        name_sa(a, config, pair, q->flow.src.family, q->inbound ? sa : NULL);
        decide(a, IPC_DECISION_DROP, r.verdict);
        break;
    }
}

void explain_flow(const struct pipeline_config *config, const struct snap *snap, uint64_t now_tsc,
                  const struct ipc_explain *q, struct ipc_explained *a)
{
    int found = find_pair(config, q->pair);
    unsigned pair = (unsigned)found;
    bool untagged;

    *a = (struct ipc_explained){.request = q->request, .known_pair = found >= 0};
    if (!a->known_pair) {
        return;
    }
    a->effective_mtu = config->pairs[pair].mtu;
    /* Own addresses live untagged. */
    untagged = q->vlan == 0;
    if (untagged && (pipeline_exempt(config, snap, pair, q->inbound, &q->flow) ||
                     (!q->inbound && pipeline_is_own(config, pair, &q->flow.dst)))) {
        decide(a, IPC_DECISION_LOCAL, VERDICT_LOCAL);
        return;
    }
    judge(config, snap, now_tsc, pair, q, a);
    if (untagged && q->inbound && a->decision == IPC_DECISION_CLEAR && pipeline_is_own(config, pair, &q->flow.dst)) {
        decide(a, IPC_DECISION_LOCAL, VERDICT_LOCAL);
    }
}
