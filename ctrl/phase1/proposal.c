/* SPDX-License-Identifier: BSD-3-Clause */
/* What phase 1 offers, chooses and accepts. */
#include "ctrl/phase1/proposal.h"

#include "ctrl/crypto/dh.h"
#include "ctrl/crypto/ike_suite.h"

#include <stdio.h>
#include <string.h>

bool phase1_proposal_is_supported(const struct config_proposal *p)
{
    const struct ike_suite suite = {.encryption = p->encryption, .key_bits = p->key_bits, .hash = p->hash};
    return ike_suite_key_len(&suite) != 0 && ike_suite_hash_len(&suite) != 0 && dh_public_len(p->group) != 0 &&
           p->auth == ISAKMP_AUTH_PSK;
}

static uint32_t lifetime_of(const struct isakmp_transform *t)
{
    if (t->life_s == 0)
        return PHASE1_DEFAULT_LIFETIME_S;
    return t->life_s > UINT32_MAX ? UINT32_MAX : (uint32_t)t->life_s;
}

size_t phase1_proposal_offer(uint32_t doi, const struct config_proposal *own, size_t n,
                             struct isakmp_sa *offer)
{
    *offer = (struct isakmp_sa){.doi = doi, .situation = ISAKMP_SIT_IDENTITY, .proposal = 1};
    for (size_t i = 0; i < n && offer->n < ISAKMP_MAX_TRANSFORMS; i++) {
        if (!phase1_proposal_is_supported(&own[i]))
            continue;
        struct isakmp_transform *t = &offer->t[offer->n++];
        *t = (struct isakmp_transform){
            .number = (uint8_t)offer->n,
            .understood = true,
            .encryption = own[i].encryption,
            .key_bits = own[i].key_bits,
            .hash = own[i].hash,
            .auth = own[i].auth,
            .group = own[i].group,
            .life_s = own[i].lifetime_s,
        };
    }
    return offer->n;
}

/* A limit in kilobytes isn't counted by this version, so a transform that has one is never chosen. */
static bool suits(const struct isakmp_transform *t, const struct config_proposal *p)
{
    return t->understood && t->life_kb == 0 && t->encryption == p->encryption && t->key_bits == p->key_bits &&
           t->hash == p->hash && t->auth == p->auth && t->group == p->group;
}

bool phase1_proposal_choose(const struct isakmp_sa *offer, const struct config_proposal *own, size_t n,
                            struct isakmp_sa *answer, struct config_proposal *chosen)
{
    for (size_t i = 0; i < n; i++) {
        if (!phase1_proposal_is_supported(&own[i]))
            continue;
        for (size_t j = 0; j < offer->n; j++) {
            const struct isakmp_transform *t = &offer->t[j];
            if (!suits(t, &own[i]))
                continue;
            *answer = (struct isakmp_sa){
                .doi = offer->doi, .situation = offer->situation, .proposal = offer->proposal};
            answer->t[answer->n++] = *t;
            *chosen = own[i];
            if (lifetime_of(t) < chosen->lifetime_s)
                chosen->lifetime_s = lifetime_of(t);
            return true;
        }
    }
    return false;
}

/* Transform numbers may differ: a responder isn't bound to keep them. */
static bool same_attributes(const struct isakmp_transform *a, const struct isakmp_transform *b)
{
    return a->understood && b->understood && a->encryption == b->encryption && a->key_bits == b->key_bits &&
           a->hash == b->hash && a->auth == b->auth && a->group == b->group && a->life_s == b->life_s &&
           a->life_kb == b->life_kb;
}

bool phase1_proposal_accept(const struct isakmp_sa *offer, const struct isakmp_sa *answer,
                            struct config_proposal *chosen)
{
    if (answer->n != 1 || answer->doi != offer->doi)
        return false;
    for (size_t i = 0; i < offer->n; i++) {
        const struct isakmp_transform *t = &offer->t[i];
        if (!same_attributes(t, &answer->t[0]))
            continue;
        *chosen = (struct config_proposal){
            .encryption = t->encryption,
            .key_bits = t->key_bits,
            .hash = t->hash,
            .group = t->group,
            .auth = t->auth,
            .lifetime_s = lifetime_of(t),
        };
        return true;
    }
    return false;
}

/* ---- as text ---- */

/* Appends one item of a list; "..." once nothing more fits. */
static void append(char *out, size_t cap, const char *item)
{
    size_t used = strlen(out), room = cap - used;
    if (room > strlen(item) + sizeof ", ..." || used == 0)
        snprintf(out + used, room, "%s%s", used ? ", " : "", item);
    else if (room > sizeof ", ..." && strcmp(out + used - 3, "...") != 0)
        snprintf(out + used, room, ", ...");
}

void phase1_proposal_list(const struct isakmp_sa *offer, char *out, size_t cap)
{
    out[0] = 0;
    for (size_t i = 0; i < offer->n; i++) {
        const struct isakmp_transform *t = &offer->t[i];
        const struct config_proposal p = {.encryption = t->encryption,
                                          .key_bits = t->key_bits,
                                          .hash = t->hash,
                                          .group = t->group,
                                          .auth = t->auth};
        char text[CONFIG_PROPOSAL_TEXT], item[CONFIG_PROPOSAL_TEXT + 48];
        snprintf(item, sizeof item, "%s%s%s", config_proposal_text(&p, text),
                 t->understood ? "" : " with an unknown attribute", t->life_kb ? " with a limit in kilobytes" : "");
        append(out, cap, item);
    }
}

void phase1_proposal_refusal(const struct isakmp_sa *offer, const struct config_proposal *own, size_t n, char *out,
                             size_t cap)
{
    char offered[512], accepted[512] = "", text[CONFIG_PROPOSAL_TEXT];
    phase1_proposal_list(offer, offered, sizeof offered);
    for (size_t i = 0; i < n; i++)
        append(accepted, sizeof accepted, config_proposal_text(&own[i], text));
    snprintf(out, cap, "no proposal that both sides accept: offered were %s; we accept %s", offered, accepted);
}
