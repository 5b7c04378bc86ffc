/* SPDX-License-Identifier: BSD-3-Clause */
/* The two peers, see peers.h. */
#include "tests/sim/peers.h"

#include "common/log.h"
#include "ctrl/crypto/hash.h"
#include "ctrl/policy/payloads.h"
#include "ctrl/run/session_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t TEK[20] = "0123456789abcdefSALT";
static const uint32_t SPI = 0x12345678;

static void fill_config(struct peers_config *c, const char *own, const char *peer, bool member)
{
    memset(c, 0, sizeof(*c));
    /* RFC 2409 appendix A numbers: AES-CBC-256, SHA2-256, ECP-256 (fast), PSK */
    c->proposal = (struct config_proposal){
        .encryption = 7, .key_bits = 256, .hash = 4, .group = 19, .auth = 1, .lifetime_s = 86400};
    assert_true(prefix_parse(peer, &c->psk.peer));
    snprintf(c->psk.id, sizeof(c->psk.id), "%s", peer);
    assert_true(secret_set(&c->psk.secret, "a pre-shared key of 32 octets !!", 32));
    snprintf(c->group.name, sizeof(c->group.name), "GETVPN");
    c->group.id.value = PEERS_GROUP;
    c->group.is_member = member;
    if (!member)
        assert_true(addr_parse(own, &c->group.ks.address));
    assert_true(addr_parse(own, &c->config.listen[0]));
    c->config.n_listen = 1;
    c->config.phase1_doi = 2;
    c->config.proposals = &c->proposal;
    c->config.n_proposals = 1;
    c->config.psks = &c->psk;
    c->config.n_psks = 1;
    c->config.groups = &c->group;
    c->config.n_groups = 1;
}

/* ---- key server ---- */

static void make_policy(struct policy *out)
{
    struct acl_entry e = {.permit = true, .sa = 10, .number = 1};
    struct acl_entry parsed[2];
    const char *error;
    size_t column;
    assert_int_equal(acl_parse_entry("permit ip 10.1.0.0/16 10.1.0.0/16", parsed, &error, &column), 1);
    e.sel = parsed[0].sel;
    assert_true(acl_append(&out->acl, &e));
    struct policy_sa *sa = &out->sas[0];
    out->n_sas = 1;
    sa->number = 10;
    sa->spi = SPI;
    sa->suite = suite_by_id(SUITE_AES_GCM_128);
    sa->replay = REPLAY_NONE;
    sa->lifetime_s = 3600;
    assert_true(secret_set(&sa->key, TEK, sizeof(TEK)));
    assert_true(policy_set_digest(out, hash_span));
}

static bool refusal(struct peers_server *ks, const char *text, struct refusal *why)
{
    ks->refused++;
    *why = (struct refusal){.notify = 8192};
    snprintf(why->text, sizeof(why->text), "%s", text);
    return false;
}

static bool ks_request(void *ctx, const struct registration *reg, struct policy *out, struct refusal *why,
                       struct now now)
{
    struct peers_server *ks = ctx;
    (void)now;
    ks->requests++;
    assert_true(endpoint_equal(&reg->local, &ks->host.at));
    assert_true(reg->features.ours && reg->features.features == feature_ours() && reg->features.version != 0);
    assert_int_equal(reg->sender_ids_wanted, 0); /* known with message 3 only */
    snprintf(ks->identity, sizeof(ks->identity), "%s", reg->identity);
    if (ks->refuse_request)
        return refusal(ks, ks->refuse_request, why);
    if (!group_id_equal(&reg->group, &ks->c.group.id))
        return refusal(ks, "no such group", why);
    make_policy(out);
    return true;
}

static bool ks_accept(void *ctx, const struct registration *reg, struct policy *policy, struct refusal *why,
                      struct now now)
{
    struct peers_server *ks = ctx;
    (void)now;
    if (ks->refuse_accept)
        return refusal(ks, ks->refuse_accept, why);
    assert_true(ks->n_accepts < PEERS_MAX_ACCEPTS);
    assert_true(endpoint_equal(&reg->local, &ks->host.at));
    assert_true(reg->features.ours && reg->features.features == feature_ours());
    assert_string_equal(reg->identity, ks->identity);
    struct peers_accept *a = &ks->accepts[ks->n_accepts++];
    a->peer = reg->peer;
    a->n_ids = reg->sender_ids_wanted;
    policy->sid_bits = 24;
    policy->n_sender_ids = a->n_ids;
    for (size_t i = 0; i < a->n_ids; i++)
        a->ids[i] = policy->sender_ids[i] = ks->next_id++;
    return true;
}

/* ---- member ---- */

static void gm_policy(void *ctx, struct session *s, struct policy *policy, struct now now)
{
    struct peers *p = ctx;
    struct peers_member *gm = &p->gm;
    assert_ptr_equal(s, gm->session);
    assert_ptr_equal(session_owner(s), p);
    gm->session = NULL;
    if (gm->policies++ == 0)
        gm->registered_at = now.real;
    gm->n_ids = policy->n_sender_ids;
    memcpy(gm->ids, policy->sender_ids, sizeof(gm->ids));
    gm->policy_good = gm->policy_good && policy->n_sas == 1 && policy->sas[0].spi == SPI &&
                      policy->acl.n == 1 && policy->acl.entries[0].permit &&
                      policy->acl.entries[0].sa == 10 &&
                      policy->sas[0].suite == suite_by_id(SUITE_AES_GCM_128) && policy->sid_bits == 24 &&
                      secret_equal(secret_span(&policy->sas[0].key), span_of(TEK, sizeof(TEK)));
    session_abort(s); /* within an event about itself: nothing */
}

static void gm_failed(void *ctx, struct session *s, const char *reason, struct now now)
{
    struct peers *p = ctx;
    struct peers_member *gm = &p->gm;
    (void)now;
    assert_ptr_equal(s, gm->session);
    gm->session = NULL;
    gm->failures++;
    snprintf(gm->reason, sizeof(gm->reason), "%s", reason);
    session_abort(s); /* within an event about itself: nothing */
    if (gm->retry)
        peers_register(p);
}

void peers_register(struct peers *p)
{
    struct path path = {.local = p->gm.host.at, .remote = p->ks.host.at};
    struct group_id group = {.value = p->gm.group};
    p->gm.session = sessions_register(p->gm.ss, &path, &group, PEERS_IDS, p, wire_now(&p->gm.host));
}

/* ---- both ---- */

static void receive(void *ctx, const struct path *path, struct span datagram, struct now now)
{
    struct sessions **ss = ctx;
    sessions_datagram(*ss, path, datagram, now);
}

static void keylog_server(void *ctx, const char *line)
{
    struct wire_host *h = ctx;
    struct peers *p = h->wire->ctx;
    snprintf(p->keylog[0], sizeof(p->keylog[0]), "%s", line);
    p->n_keylog[0]++;
}

static void keylog_member(void *ctx, const char *line)
{
    struct wire_host *h = ctx;
    struct peers *p = h->wire->ctx;
    snprintf(p->keylog[1], sizeof(p->keylog[1]), "%s", line);
    p->n_keylog[1]++;
}

void peers_init(struct peers *p, uint64_t seed)
{
    memset(p, 0, sizeof(*p));
    log_set_level(LOG_LEVEL_ERROR); /* a sink still gets everything */
    wire_init(&p->wire, seed);
    p->wire.ctx = p;
    wire_join(&p->wire, &p->ks.host, PEERS_KS, 1);
    wire_join(&p->wire, &p->gm.host, PEERS_GM, 1);
    fill_config(&p->ks.c, PEERS_KS, PEERS_GM, false);
    fill_config(&p->gm.c, PEERS_GM, PEERS_KS, true);
    p->ks.host.env.keylog = keylog_server;
    p->gm.host.env.keylog = keylog_member;
    p->ks.host.ctx = &p->ks.ss;
    p->gm.host.ctx = &p->gm.ss;
    p->gm.group = PEERS_GROUP;
    p->gm.policy_good = true;
}

static void start_server(struct peers *p)
{
    struct session_events events = {.ctx = &p->ks, .ks_request = ks_request, .ks_accept = ks_accept};
    p->ks.ss = sessions_new(&p->ks.host.env, &p->ks.c.config, &events);
    assert_non_null(p->ks.ss);
    p->ks.host.receive = receive;
}

static void start_member(struct peers *p)
{
    struct session_events events = {.ctx = p, .gm_policy = gm_policy, .gm_failed = gm_failed};
    p->gm.ss = sessions_new(&p->gm.host.env, &p->gm.c.config, &events);
    assert_non_null(p->gm.ss);
    p->gm.host.receive = receive;
    peers_register(p);
}

void peers_start(struct peers *p)
{
    start_server(p);
    start_member(p);
}

void peers_restart_server(struct peers *p)
{
    sessions_free(p->ks.ss);
    wire_reset_host(&p->ks.host);
    start_server(p);
}

void peers_restart_member(struct peers *p)
{
    sessions_free(p->gm.ss);
    wire_reset_host(&p->gm.host);
    start_member(p);
}

void peers_free(struct peers *p)
{
    assert_true(p->ks.ss->n_half <= p->ks.ss->n); /* what limits new sessions counts right */
    assert_int_equal(p->gm.ss->n_half, 0);
    assert_int_equal(p->ks.ss->demux.n, p->ks.ss->n);
    sessions_free(p->ks.ss);
    sessions_free(p->gm.ss);
    wire_free(&p->wire);
}

uint64_t peers_dropped(const struct sessions *ss)
{
    const struct session_stats *st = sessions_stats(ss);
    return st->dropped_malformed + st->dropped_unknown + st->dropped_state + st->dropped_auth +
           st->dropped_duplicate + st->dropped_limit;
}

static void assert_ids_unique(const struct peers_server *ks)
{
    for (size_t i = 0; i < ks->n_accepts; i++) {
        for (size_t k = 0; k < ks->accepts[i].n_ids; k++) {
            for (size_t j = i + 1; j < ks->n_accepts; j++) {
                for (size_t m = 0; m < ks->accepts[j].n_ids; m++)
                    assert_int_not_equal(ks->accepts[i].ids[k], ks->accepts[j].ids[m]);
            }
        }
    }
}

void peers_assert_registered(const struct peers *p)
{
    assert_true(p->gm.policies >= 1);
    assert_true(p->gm.policy_good);
    assert_true(p->ks.n_accepts >= p->gm.policies);
    assert_int_equal(p->gm.n_ids, PEERS_IDS);
    assert_ids_unique(&p->ks);
    bool found = false;
    for (size_t i = 0; i < p->ks.n_accepts; i++) {
        assert_true(endpoint_equal(&p->ks.accepts[i].peer, &p->gm.host.at));
        found = found || (p->ks.accepts[i].n_ids == p->gm.n_ids &&
                          memcmp(p->ks.accepts[i].ids, p->gm.ids, p->gm.n_ids * sizeof(p->gm.ids[0])) == 0);
    }
    assert_true(found);
}

void peers_assert_registered_once(const struct peers *p)
{
    peers_assert_registered(p);
    assert_int_equal(p->gm.policies, 1);
    assert_int_equal(p->gm.failures, 0);
    assert_int_equal(p->ks.n_accepts, 1);
}
