/* SPDX-License-Identifier: BSD-3-Clause */
/* What rekeys bring to each member, when, and their acknowledgement (RFC 6407 4, RFC 8263). */
#include "tools/swarm/swarm.h"

#include "common/buf.h"
#include "ctrl/push/ack.h"

#include <stdlib.h>
#include <string.h>

#define ACK_JITTER_MS 1000

static void free_kek(struct policy_kek *kek)
{
    if (kek != NULL)
        wipe(kek, sizeof(*kek));
    free(kek);
}

void swarm_rekey_free(struct swarm_member *m)
{
    timer_cancel(&m->swarm->real_timers, &m->ack);
    for (unsigned i = 0; i < SWARM_KEKS; i++) {
        free_kek(m->keks[i]);
        m->keks[i] = NULL;
    }
}

static void on_ack(struct timer *t, mono_t now)
{
    struct swarm_member *m = (struct swarm_member *)(void *)((char *)t - offsetof(struct swarm_member, ack));
    struct path path = {.local = m->at, .remote = m->swarm->o.server};
    uint8_t bytes[PUSH_ACK_MAX_LEN];
    struct buf_writer w = buf_writer_of(bytes, sizeof(bytes));

    (void)now;
    if (m->keks[m->ack_kek] == NULL || m->keks[m->ack_kek]->ack == 0 ||
        !push_ack_put(m->keks[m->ack_kek], m->ack_number, &m->at.addr, &w))
        return;
    m->swarm->counts.acks++;
    swarm_net_send(m->swarm, &path, buf_written(&w));
}

static bool holds(const struct swarm_member *m, uint32_t spi)
{
    for (unsigned i = 0; i < SWARM_SPIS; i++)
        if (m->spis[i] == spi)
            return true;
    return false;
}

static void take_kek(struct swarm_member *m, const struct policy_kek *kek, uint32_t number)
{
    struct policy_kek *copy;

    if (m->keks[0] != NULL && memcmp(m->keks[0]->spi, kek->spi, sizeof(kek->spi)) == 0)
        return;
    copy = malloc(sizeof(*copy));
    if (copy == NULL)
        abort();
    *copy = *kek;
    free_kek(m->keks[1]);
    m->keks[1] = m->keks[0];
    m->last[1] = m->last[0];
    m->keks[0] = copy;
    m->last[0] = number;
    m->ack_kek = m->ack_kek == 0 && m->ack.slot != 0 ? 1 : 0; /* what waits is said under the KEK that it came with */
}

/* How many TEKs it didn't have; *newest: the last of them. */
static unsigned take_teks(struct swarm_member *m, const struct policy *p, uint32_t *newest)
{
    unsigned fresh = 0;

    for (size_t i = 0; i < p->n_sas; i++) {
        mono_t end = mono_add(m->swarm->now.scaled, mono_s(p->sas[i].lifetime_s));

        if (holds(m, p->sas[i].spi))
            continue;
        memmove(&m->spis[1], &m->spis[0], sizeof(m->spis) - sizeof(m->spis[0]));
        m->spis[0] = *newest = p->sas[i].spi;
        m->keys_end = mono_max(m->keys_end, end);
        fresh++;
    }
    return fresh;
}

void swarm_rekey_policy(struct swarm_member *m, const struct policy *p)
{
    uint32_t newest = 0;

    memset(m->spis, 0, sizeof(m->spis));
    m->keys_end = m->swarm->now.scaled;
    (void)take_teks(m, p, &newest);
    if (p->has_kek)
        take_kek(m, &p->kek, p->rekey_number);
}

static struct swarm_rekey *measured(struct swarm *s, uint32_t spi, bool kek, uint32_t number)
{
    uint32_t *after_us;

    for (unsigned i = s->n_rekeys; i-- > 0;)
        if (s->rekeys[i].spi == spi && s->rekeys[i].kek == kek)
            return &s->rekeys[i];
    after_us = s->n_rekeys < SWARM_REKEYS ? calloc(s->o.members, sizeof(*after_us)) : NULL;
    if (after_us == NULL)
        return NULL;
    s->rekeys[s->n_rekeys] =
        (struct swarm_rekey){.spi = spi, .kek = kek, .number = number, .first = s->now.real, .after_us = after_us};
    return &s->rekeys[s->n_rekeys++];
}

static void note(struct swarm_member *m, uint32_t spi, bool kek, uint32_t number)
{
    struct swarm *s = m->swarm;
    struct swarm_rekey *r = measured(s, spi, kek, number);

    if (r == NULL || r->n == s->o.members)
        return;
    r->last = mono_max(clock_real_now(), r->first);
    r->after_us[r->n++] = (uint32_t)((r->last.ns - r->first.ns) / 1000);
}

static void apply(struct swarm_member *m, unsigned kek, const struct push *p)
{
    struct swarm *s = m->swarm;
    uint32_t newest = 0, kek_spi;
    unsigned fresh = p->has_policy ? take_teks(m, &p->policy, &newest) : 0;
    bool new_kek = p->has_policy && p->policy.has_kek && m->keks[0] != NULL &&
                   memcmp(m->keks[0]->spi, p->policy.kek.spi, sizeof(p->policy.kek.spi)) != 0;

    m->last[kek] = p->number;
    m->ack_number = p->number;
    m->ack_kek = kek;
    must_set_timer(&s->real_timers, &m->ack, mono_add(s->now.real, mono_ms(swarm_random(s, ACK_JITTER_MS))));
    if (new_kek) {
        memcpy(&kek_spi, p->policy.kek.spi, sizeof(kek_spi));
        take_kek(m, &p->policy.kek, 0);
    }
    if (fresh > 0)
        must_set_timer(&s->timers, &m->end, mono_sub(m->keys_end, mono_s(60)));
    if (fresh > 0 || new_kek)
        note(m, fresh > 0 ? newest : kek_spi, fresh == 0, p->number);
    else
        s->counts.repeated++;
}

bool swarm_rekey_datagram(struct swarm_member *m, struct span datagram)
{
    struct swarm *s = m->swarm;
    struct policy_fault why;
    struct push p;

    for (unsigned i = 0; i < SWARM_KEKS; i++) {
        if (m->keks[i] == NULL || !push_is_for(m->keks[i], datagram))
            continue;
        push_init(&p);
        s->counts.pushes++;
        m->ack.fire = on_ack;
        if (push_open(m->keks[i], m->last[i], &m->server, POLICY_SIGNATURE_CANONICAL, datagram, &p, &why) == PUSH_OK)
            apply(m, i, &p);
        else
            s->counts.refused++;
        push_wipe(&p);
        return true;
    }
    return false;
}
