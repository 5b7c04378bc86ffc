/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctrl/policy's payloads behind a pipe, for tests/oracle/gdoi_vectors_test.py: one command per line, one line of answer.
 *
 *     take ours|plain SA KD           -> ok WORDS | refused TEXT       (bodies in hex)
 *     give ours|plain WORDS           -> ok SA KD | refused TEXT
 *
 * WORDS are a policy: receive-only=0|1 bits=N sid=N... sa=NUMBER,SPI,SUITE,LIFETIME,ACTIVATE,DEACTIVATE,KEY...
 * rule=PERMIT,SA,FAMILY,PROTO,SRC,LEN,DST,LEN,SPORT,SPORT,DPORT,DPORT... ; addresses and keys in hex.
 */
#include "ctrl/crypto/hash.h"
#include "ctrl/policy/payloads.h"
#include "tests/oracle/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct peer_features ours = {.ours = true, .features = FEATURES_KNOWN}, plain;

static bool sha256(struct span bytes, uint8_t out[GDOI_DIGEST_LEN])
{
    return hash_compute(&bytes, 1, out);
}

static void print_policy(const struct policy *p)
{
    printf("ok receive-only=%d bits=%u", p->receive_only, p->sid_bits);
    for (size_t i = 0; i < p->n_sender_ids; i++)
        printf(" sid=%" PRIu64, p->sender_ids[i]);
    for (size_t i = 0; i < p->n_sas; i++) {
        const struct policy_sa *s = &p->sas[i];
        printf(" sa=%u,%u,%s,%u,%u,%u,", s->number, s->spi, s->suite->name, s->lifetime_s, s->activate_in_s,
               s->deactivate_in_s);
        print_hex(s->key.b, s->key.len);
    }
    for (size_t i = 0; i < p->acl.n; i++) {
        const struct acl_entry *e = &p->acl.entries[i];
        size_t len = addr_len(e->sel.src.addr.family);
        printf(" rule=%d,%u,%u,%u,", e->permit, e->sa, e->sel.src.addr.family, e->sel.proto);
        print_hex(e->sel.src.addr.b, len);
        printf(",%u,", e->sel.src.len);
        print_hex(e->sel.dst.addr.b, len);
        printf(",%u,%u,%u,%u,%u", e->sel.dst.len, e->sel.sport.low, e->sel.sport.high, e->sel.dport.low,
               e->sel.dport.high);
    }
    printf("\n");
}

static void parse_sa(const char *word, struct policy *p)
{
    struct policy_sa *s = &p->sas[p->n_sas++];
    char suite[64], key[2 * SECRET_MAX + 1];
    uint8_t bytes[SECRET_MAX];
    if (sscanf(word, "sa=%hu,%" SCNu32 ",%63[^,],%" SCNu32 ",%" SCNu32 ",%" SCNu32 ",%256[0-9a-f]", &s->number, &s->spi,
               suite, &s->lifetime_s, &s->activate_in_s, &s->deactivate_in_s, key) != 7)
        abort();
    s->suite = suite_by_name(suite);
    if (s->suite == NULL || !secret_set(&s->key, bytes, unhex(key, bytes, sizeof(bytes))))
        abort();
}

static void parse_rule(const char *word, struct policy *p)
{
    struct acl_entry e = {0};
    char src[33], dst[33];
    int permit;
    struct selector *s = &e.sel;
    if (sscanf(word, "rule=%d,%hu,%hhu,%hhu,%32[0-9a-f],%hhu,%32[0-9a-f],%hhu,%hu,%hu,%hu,%hu", &permit, &e.sa,
               &s->src.addr.family, &s->proto, src, &s->src.len, dst, &s->dst.len, &s->sport.low, &s->sport.high,
               &s->dport.low, &s->dport.high) != 12)
        abort();
    e.permit = permit == 1;
    e.number = (uint16_t)(p->acl.n + 1);
    s->dst.addr.family = s->src.addr.family;
    unhex(src, s->src.addr.b, sizeof(s->src.addr.b));
    unhex(dst, s->dst.addr.b, sizeof(s->dst.addr.b));
    if (!acl_append(&p->acl, &e))
        abort();
}

static void parse_policy(struct policy *p)
{
    for (char *word = strtok(NULL, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        unsigned v;
        if (sscanf(word, "receive-only=%u", &v) == 1)
            p->receive_only = v == 1;
        else if (sscanf(word, "bits=%u", &v) == 1)
            p->sid_bits = (uint8_t)v;
        else if (strncmp(word, "sid=", 4) == 0)
            p->sender_ids[p->n_sender_ids++] = strtoull(word + 4, NULL, 10);
        else if (strncmp(word, "sa=", 3) == 0)
            parse_sa(word, p);
        else
            parse_rule(word, p);
    }
}

static void take(const struct peer_features *peer)
{
    static uint8_t a[65536], b[65536];
    const char *sa = strtok(NULL, " \n"), *kd = strtok(NULL, " \n");
    struct policy_fault why;
    struct policy p;
    policy_init(&p);
    if (sa == NULL || kd == NULL)
        abort();
    size_t a_len = unhex(sa, a, sizeof(a)), b_len = unhex(kd, b, sizeof(b));
    if (policy_from_payloads(span_of(a, a_len), span_of(b, b_len), peer, sha256, &p, &why))
        print_policy(&p);
    else
        printf("refused %s\n", why.text);
    policy_wipe(&p);
}

static void give(const struct peer_features *peer)
{
    static uint8_t a[65536], b[65536];
    struct buf_writer wa = buf_writer_of(a, sizeof(a)), wb = buf_writer_of(b, sizeof(b));
    struct isakmp_chain ca = isakmp_chain_at(&wa, 0), cb = isakmp_chain_at(&wb, 0);
    struct policy_fault why;
    struct policy p;
    policy_init(&p);
    parse_policy(&p);
    buf_put_u8(&wa, 0);
    buf_put_u8(&wb, 0);
    if (!policy_set_digest(&p, sha256))
        abort();
    if (policy_put_sa(&ca, &p, peer, &why) && policy_put_kd(&cb, &p, &why)) {
        printf("ok ");
        print_hex(a + 1, wa.len - 1);
        printf(" ");
        print_hex(b + 1, wb.len - 1);
        printf("\n");
    } else {
        printf("refused %s\n", why.text);
    }
    policy_wipe(&p);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        const char *command = strtok(line, " \n"), *peer = strtok(NULL, " \n");
        if (command == NULL || peer == NULL)
            abort();
        (strcmp(command, "take") == 0 ? take : give)(strcmp(peer, "ours") == 0 ? &ours : &plain);
        fflush(stdout);
    }
    free(line);
    return 0;
}
