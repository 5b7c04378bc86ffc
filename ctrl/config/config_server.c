/* SPDX-License-Identifier: BSD-3-Clause */
/* `groups[].key-server`: what a key server hands out and to whom. References are resolved here (KS3, KS14,
 * KS15). */
#include "ctrl/config/loader.h"
#include "ctrl/policy/payloads.h"

#include <stdlib.h>
#include <string.h>

/* One `sa` entry before its references become copies. */
struct draft {
    struct config_sa sa;
    const struct named_profile *profile;
    const struct named_acl *acl;
};

/* More than this between two registrations without rekeys, and clocks drift apart (KS11). */
#define TIME_LIFETIME_MAX 7200u

static const struct name tags[] = {{false, "none"}, {true, "sgt"}, {0, NULL}};

static bool parse_profile(struct schema *s, const struct yaml_node *n, void *at)
{
    const struct loader *l = loader_of(s);
    const struct named_profile *p =
        config_value_find(s, n, "profile", l->profiles, l->n_profiles, sizeof(*l->profiles));

    *(const struct named_profile **)at = p;
    return p != NULL;
}

static const struct schema_field replay_fields[] = {
    {.key = "time",
     .type = SCHEMA_SECONDS,
     SCHEMA_AT(struct config_sa, window),
     .min = REPLAY_TIME_MIN_S,
     .max = REPLAY_TIME_MAX_S},
    {.key = "counter",
     .type = SCHEMA_UINT,
     SCHEMA_AT(struct config_sa, window),
     .min = REPLAY_COUNTER_MIN,
     .max = REPLAY_COUNTER_MAX},
    {0},
};

/* none, time, counter, {time: D} or {counter: N}; the words alone mean the largest window (KS11, KS12). */
static bool parse_replay(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_sa *sa = at;
    unsigned method;

    if (n->kind == YAML_MAP) {
        if (!schema_map(s, n, replay_fields, sa))
            return false;
        if (n->n != 1)
            return schema_fail(s, n, "expected one of the keys 'time' and 'counter'");
        sa->replay = yaml_find(n, "time") ? REPLAY_TIME : REPLAY_COUNTER;
        return true;
    }
    if (n->kind == YAML_LIST || !name_find(replay_names, n->text, &method))
        return schema_fail(s, n, "'%s', expected none, {time: DURATION} or {counter: PACKETS}",
                           n->kind == YAML_LIST ? "a list" : n->text);
    sa->replay = (enum replay_method)method;
    sa->window = method == REPLAY_TIME ? REPLAY_TIME_MAX_S : method == REPLAY_COUNTER ? REPLAY_COUNTER_MAX : 0;
    return true;
}

static const struct schema_field sa_fields[] = {
    {.key = "number",
     .type = SCHEMA_UINT,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct draft, sa.number),
     .min = 1,
     .max = UINT16_MAX},
    {.key = "profile",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct draft, profile),
     .fn = parse_profile},
    {.key = "acl",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct draft, acl),
     .fn = config_acl_protecting},
    {.key = "replay",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct draft, sa),
     .fn = parse_replay},
    {.key = "tag", .type = SCHEMA_ENUM, SCHEMA_AT(struct draft, sa.tag), .names = tags},
    {.key = "strict-sender", .type = SCHEMA_BOOL, SCHEMA_AT(struct draft, sa.strict_sender)},
    {0},
};

/* What this build can't do, at its key. */
static bool check_supported(struct schema *s, const struct yaml_node *n, const struct config_sa *sa)
{
    const struct {
        bool asked;
        uint64_t feature;
        const char *key;
    } parts[] = {
        {sa->replay == REPLAY_TIME, FEATURE_TIME_REPLAY, "replay"},
        {sa->replay == REPLAY_COUNTER, FEATURE_COUNTER_REPLAY, "replay"},
        {sa->strict_sender, FEATURE_STRICT_SENDER, "strict-sender"},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].asked && !feature_supported(parts[i].feature))
            return schema_not_supported(s, yaml_find(n, parts[i].key));
    if (sa->tag && !feature_supported(FEATURE_TAG))
        return schema_value_not_supported(s, yaml_find(n, "tag"), "sgt", "none");
    return true;
}

/* What doesn't go together, at the key that asks too much. */
static bool check_conflict(struct schema *s, const struct yaml_node *n, const struct config_sa *sa)
{
    struct policy_sa p = {.suite = sa->suite,
                          .transport = sa->transport,
                          .replay = sa->replay,
                          .window = sa->window,
                          .tag = sa->tag,
                          .strict_sender = sa->strict_sender};
    const char *conflict = policy_sa_conflict(&p), *key = "replay";

    if (!conflict)
        return true;
    if (sa->strict_sender)
        key = "strict-sender";
    else if (sa->transport && sa->replay != REPLAY_TIME)
        key = "tag";
    return schema_fail(s, yaml_find(n, key), "%s, expected another value", conflict);
}

static bool is_host(const struct prefix *p)
{
    return p->len == 8 * addr_len(p->addr.family);
}

/* What works, and is hardly meant. */
static bool lint_sa(struct schema *s, const struct yaml_node *n, const struct config_sa *sa)
{
    if (sa->replay == REPLAY_TIME && sa->lifetime_s > TIME_LIFETIME_MAX && !loader_of(s)->with_rekey &&
        !loader_lint(s, yaml_find(n, "replay"),
                     "replay: without rekey members set their clocks when they register, better a lifetime of at most 2h"))
        return false;
    for (size_t i = 0; sa->transport && i < sa->acl.n; i++) {
        const struct acl_entry *e = &sa->acl.entries[i];

        if (e->permit && (!is_host(&e->sel.src) || !is_host(&e->sel.dst)))
            return loader_lint(s, yaml_find(n, "acl"),
                               "acl: transport mode is for packets between the members themselves, "
                               "but entry %u isn't from host to host",
                               (unsigned)e->number);
    }
    return true;
}

static bool parse_sa(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_key_server *ks = at;
    struct draft d = {.profile = NULL};
    struct config_sa *sa = &ks->sas[ks->n_sas];
    size_t entries = 0;

    if (!schema_map(s, n, sa_fields, &d))
        return false;
    for (size_t i = 0; i < ks->n_sas; i++) {
        if (ks->sas[i].number == d.sa.number)
            return schema_fail(s, yaml_find(n, "number"), "%u is used already, expected another",
                               d.sa.number);
        entries += ks->sas[i].acl.n;
    }
    if (entries + d.acl->acl.n > ACL_MAX_ENTRIES)
        return schema_fail(s, yaml_find(n, "acl"), "the group's lists have more than %d entries together",
                           ACL_MAX_ENTRIES) ||
               loader_is(s, CONFIG_MISTAKE_RULES);
    *sa = d.sa;
    sa->suite = d.profile->set->suite;
    sa->transport = d.profile->set->transport;
    sa->lifetime_s = d.profile->lifetime_s;
    memcpy(sa->profile, d.profile->name, sizeof(sa->profile));
    if (!acl_copy(&sa->acl, &d.acl->acl))
        return schema_fail(s, n, "out of memory");
    ks->n_sas++;
    for (size_t i = 0; i < sa->acl.n; i++)
        sa->acl.entries[i].sa = sa->number;
    return check_supported(s, n, sa) && check_conflict(s, n, sa) && lint_sa(s, n, sa);
}

static int compare_sas(const void *a, const void *b)
{
    const struct config_sa *x = a, *y = b;

    return (x->number > y->number) - (x->number < y->number);
}

/* The group as a download has it at its largest: two generations of every SA. Its list is borrowed in parts. */
static bool largest_policy(const struct config_key_server *ks, struct policy *p)
{
    policy_init(p);
    for (size_t i = 0; i < 2 * ks->n_sas; i++) {
        const struct config_sa *sa = &ks->sas[i / 2];

        p->sas[p->n_sas++] = (struct policy_sa){
            .number = sa->number,
            .spi = UINT32_MAX,
            .suite = sa->suite,
            .transport = sa->transport,
            .lifetime_s = sa->lifetime_s,
            .replay = sa->replay,
            .window = sa->window,
            .tag = sa->tag,
            .strict_sender = sa->strict_sender};
    }
    p->has_pseudotime = true;
    for (size_t i = 0; i < ks->n_sas; i++)
        for (size_t k = 0; k < ks->sas[i].acl.n; k++)
            if (!acl_append(&p->acl, &ks->sas[i].acl.entries[k]))
                return false;
    return true;
}

/* What no message can carry is no configuration; what only members of other makers can't be told is a warning (KS16). */
static bool check_size(struct schema *s, const struct yaml_node *n, const struct config_key_server *ks)
{
    const struct peer_features ours = {.ours = true, .features = FEATURES_KNOWN}, other = {.ours = false};
    struct policy_fault why = {.missing = 0};
    struct policy p;
    bool ok = largest_policy(ks, &p) || schema_fail(s, n, "out of memory");

    if (ok && !policy_can_be_said(&p, &ours, &why))
        ok = schema_fail(s, n, "%s", why.text);
    if (ok && !policy_can_be_said(&p, &other, &why) && why.missing == 0)
        ok = loader_lint(s, n, "sa: members of other makers will be refused: %s", why.text);
    policy_wipe(&p);
    return ok;
}

static bool parse_sas(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_key_server *ks = at;

    ks->sas = loader_alloc(s, n, CONFIG_MAX_SAS, sizeof(*ks->sas));
    if (!ks->sas || !schema_list(s, n, 1, CONFIG_MAX_SAS, parse_sa, ks))
        return false;
    qsort(ks->sas, ks->n_sas, sizeof(*ks->sas), compare_sas);
    return check_size(s, n, ks);
}

/* The group is registered to at this address only, so it must be one that we listen on. */
static bool parse_address(struct schema *s, const struct yaml_node *n, void *at)
{
    const struct config *c = loader_of(s)->c;
    struct addr *a = at;

    if (!config_value_addr(s, n, a))
        return false;
    for (size_t i = 0; i < c->n_listen; i++)
        if (addr_equal(&c->listen[i], a))
            return true;
    return schema_fail(s, n, "'%s' isn't listened on, expected an address of ike.listen", n->text);
}

static const struct schema_field authorize_fields[] = {
    {.key = "identities",
     .type = SCHEMA_LIST,
     .flags = SCHEMA_LATER,
     .min = 1,
     .max = ACL_MAX_ENTRIES,
     .fn = config_value_any},
    {.key = "addresses",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_group, ks.authorize),
     .fn = config_acl_authorize},
    {0},
};

static bool parse_authorize(struct schema *s, const struct yaml_node *n, void *at)
{
    struct config_group *g = at;

    g->ks.has_authorize = true;
    return schema_map(s, n, authorize_fields, g);
}

const struct schema_field config_server_fields[] = {
    {.key = "address",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     SCHEMA_AT(struct config_group, ks.address),
     .fn = parse_address},
    {.key = "sa",
     .type = SCHEMA_CUSTOM,
     .flags = SCHEMA_REQUIRED,
     .offset = offsetof(struct config_group, ks),
     .fn = parse_sas},
    {.key = "rekey", .type = SCHEMA_CUSTOM, .offset = offsetof(struct config_group, ks), .fn = config_rekey_parse},
    {.key = "receive-only", .type = SCHEMA_BOOL, SCHEMA_AT(struct config_group, ks.receive_only)},
    {.key = "authorize", .type = SCHEMA_CUSTOM, .fn = parse_authorize},
    {.key = "sender-id-bits",
     .type = SCHEMA_UINT,
     SCHEMA_AT(struct config_group, ks.sender_id_bits),
     .min = 8,
     .max = 32},
    {.key = "pseudotime-sync",
     .type = SCHEMA_SECONDS,
     SCHEMA_AT(struct config_group, ks.pseudotime_sync_s),
     .min = 60,
     .max = 7200},
    {.key = "cooperative", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_cooperative},
    {.key = "interop", .type = SCHEMA_MAP, .flags = SCHEMA_LATER, .fields = config_later_interop},
    {0},
};
