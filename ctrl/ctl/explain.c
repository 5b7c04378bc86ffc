/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * explain [--in|--out] [--pair P] [--vlan V] SRC DST PROTO [SPORT DPORT]: why a packet would go the way it goes. The data
 * plane answers from the snapshot that it forwards with, by the pipeline's own search; here words become a question
 * and the answer becomes JSON.
 */
#include "ctrl/ctl/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROTO_ICMP   1
#define PROTO_ICMPV6 58

static const char *const decisions[] = {"encrypt", "clear", "drop", "local"};
static const char *const sources[] = {"none", "local", "downloaded", "fail-close"};

static bool parse_number(const char *text, unsigned long most, unsigned long *v)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    *v = strtoul(text, &end, 10);
    return *end == '\0' && *v <= most;
}

static bool parse_proto(const char *text, uint8_t *proto)
{
    unsigned named;
    unsigned long number;

    if (name_find(names_ip_proto, text, &named))
        *proto = (uint8_t)named;
    else if (parse_number(text, 255, &number))
        *proto = (uint8_t)number;
    else
        return false;
    return *proto != 0; /* a packet has a protocol: `ip` is for rules */
}

/* Options first, then SRC DST PROTO [SPORT DPORT]. Returns what is wrong, or NULL. */
static const char *parse(struct ctl_request *r, struct ipc_explain *q)
{
    struct flow *f = &q->flow;
    size_t at = 1;
    unsigned long v;

    for (; at < r->n_words && strncmp(r->words[at], "--", 2) == 0; at++) {
        bool has_value = at + 1 < r->n_words;

        if (strcmp(r->words[at], "--in") == 0)
            q->inbound = true;
        else if (strcmp(r->words[at], "--out") == 0)
            q->inbound = false;
        else if (strcmp(r->words[at], "--pair") == 0 && has_value && strlen(r->words[at + 1]) < sizeof(q->pair))
            strcpy(q->pair, r->words[++at]);
        else if (strcmp(r->words[at], "--vlan") == 0 && has_value && parse_number(r->words[at + 1], 4094, &v))
            q->vlan = (uint16_t)v, at++;
        else
            return "options are --in, --out, --pair NAME, --vlan 0..4094";
    }
    if (r->n_words - at != 3 && r->n_words - at != 5)
        return "expected SRC DST PROTO [SPORT DPORT]";
    if (!addr_parse(r->words[at], &f->src) || !addr_parse(r->words[at + 1], &f->dst))
        return "SRC and DST are addresses";
    if (f->src.family != f->dst.family)
        return "SRC and DST are of different families";
    if (!parse_proto(r->words[at + 2], &f->proto))
        return "PROTO is tcp, udp, icmp, icmpv6, esp, ospf, eigrp, pim, igmp, gre, vrrp, sctp, dccp, udplite or 1..255";
    if (f->proto == (f->src.family == 4 ? PROTO_ICMPV6 : PROTO_ICMP))
        return "icmp is for IPv4 addresses, icmpv6 for IPv6 ones";
    f->ports = FLOW_NO_PORTS;
    if (!selector_proto_has_ports(f->proto))
        return r->n_words - at == 3 ? NULL : "this protocol has no ports";
    f->ports = FLOW_PORTS;
    if (r->n_words - at == 3)
        return NULL; /* from port 0 to port 0: whatever has no entry with ports */
    if (!parse_number(r->words[at + 3], 65535, &v))
        return "SPORT is 0..65535";
    f->sport = (uint16_t)v;
    if (!parse_number(r->words[at + 4], 65535, &v))
        return "DPORT is 0..65535";
    f->dport = (uint16_t)v;
    return NULL;
}

/* What the WAN said about the destination, where that makes the effective MTU smaller than the pair's MTU would. */
static void put_path(struct json *j, const struct ipc_explained *a)
{
    if (!a->path_mtu) {
        json_kv_null(j, "path_mtu");
        return;
    }
    json_key(j, "path_mtu");
    json_object(j);
    json_kv_u64(j, "mtu", a->path_mtu);
    json_kv_u64(j, "expires_in_s", a->path_mtu_left_s);
    json_end_object(j);
}

static void put_answer(struct json *j, const struct ipc_explained *a)
{
    char text[ACL_TEXT_MAX];
    unsigned decision = a->decision <= IPC_DECISION_LOCAL ? a->decision : IPC_DECISION_DROP;
    unsigned source = a->source <= IPC_SOURCE_FAIL_CLOSE ? a->source : IPC_SOURCE_NONE;

    json_object(j);
    json_kv_string(j, "decision", decisions[decision]);
    json_kv_string(j, "because", verdict_name(a->verdict));
    json_kv_string(j, "meaning", verdict_meaning(a->verdict));
    json_key(j, "rule");
    json_object(j);
    json_kv_string(j, "source", sources[source]);
    json_kv_string(j, "group", a->has_group ? a->group : NULL);
    if (a->has_rule) {
        view_rule_sa(j, &a->rule);
        json_kv_u64(j, "number", a->rule.number);
        json_kv_string(j, "text", acl_entry_text(&a->rule, text));
    } else {
        json_kv_null(j, "sa");
        json_kv_null(j, "number");
        json_kv_null(j, "text");
    }
    json_end_object(j);
    if (a->has_spi)
        view_spi(j, "spi", a->spi);
    else
        json_kv_null(j, "spi");
    if (a->effective_mtu)
        json_kv_u64(j, "effective_mtu", a->effective_mtu);
    else
        json_kv_null(j, "effective_mtu");
    put_path(j, a);
    json_end_object(j);
}

static void on_answer(void *ctx, const struct ipc_explained *a)
{
    struct ctl_request *r = ctx;
    int code = CTL_OK;

    r->waits_for = NULL;
    if (!a)
        code = ctl_error(r, CTL_UNREACHABLE, "the data plane did not answer");
    else if (!a->known_pair)
        code = ctl_error(r, CTL_NOT_FOUND, "the data plane has no such port pair");
    else
        put_answer(r->out, a);
    r->done(r->ctx, code);
}

/*
 * The data plane that has the pair; without a pair named, the first that is attached, or else the last. *n counts those that
 * have it.
 */
static struct plane *plane_with(struct ctl_request *r, const char *pair, size_t *n)
{
    struct plane *first = NULL;

    *n = 0;
    for (size_t i = 0; i < roles_planes(r->roles); i++) {
        struct plane *p = roles_plane_at(r->roles, i);

        if (!pair[0] && dpc_attached(plane_dpc(p)))
            return p;
        if (pair[0] && !ctl_plane_has_pair(r, p, pair))
            continue;
        if (!first || !pair[0])
            first = p;
        (*n)++;
    }
    return first;
}

int ctl_explain(struct ctl_request *r)
{
    struct ipc_explain q = {0};
    const char *wrong = parse(r, &q);
    struct plane *p;
    size_t n;

    if (wrong)
        return ctl_error(r, CTL_USAGE, "explain: %s", wrong);
    p = plane_with(r, q.pair, &n);
    if (!p)
        return ctl_error(r, q.pair[0] ? CTL_NOT_FOUND : CTL_UNREACHABLE, "no data plane here%s%s",
                         q.pair[0] ? " has the port pair " : "", q.pair);
    if (q.pair[0] && n > 1)
        return ctl_error(r, CTL_USAGE, "several data planes (%zu) have a port pair %s; explain needs different names",
                         n, q.pair);
    if (!dpc_attached(plane_dpc(p)))
        return ctl_error(r, CTL_UNREACHABLE, "the data plane at %s is not attached", plane_socket(p));
    if (!plane_explain(p, &q, on_answer, r))
        return ctl_error(r, CTL_FAILURE, "the data plane is busy with another question; try again");
    r->waits_for = p;
    return CTL_LATER;
}
