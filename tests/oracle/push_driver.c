/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ctrl/push behind a pipe, for tests/oracle/push_test.py: one command per line, one line of answer. All octets in hex.
 *
 *     open KEK LAST ours|plain FORM DATAGRAM            -> ok WORDS | RESULT [TEXT]
 *     seal KEK PEM NUMBER ours|plain WORDS              -> ok DATAGRAM | refused TEXT
 *     ack KEK NUMBER ADDRESS                            -> ok DATAGRAM | refused
 *     acked KEK DATAGRAM                                -> ok NUMBER ADDRESS | refused
 *
 * KEK is SPI,CIPHER,BITS,IV,KEY,SIGNATURE,HASH,BITS,ACK,LIFETIME,SOURCE,PORT,DESTINATION,PORT,PUBLIC (addresses as text).
 * WORDS: delete=SPI... delete-all delete-kek kek=KEK digest=HEX atd=N dtd=N replace receive-only pseudotime=N
 * sa=NUMBER,SPI,LIFETIME,KEY... rules=HEX (as GAP attribute 130 has them; rules-kept=HEX for rules that aren't said).
 */
#include "ctrl/crypto/hash.h"
#include "ctrl/push/ack.h"
#include "ctrl/push/push.h"
#include "tests/oracle/hex.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct peer_features ours = {.ours = true, .features = FEATURES_KNOWN}, plain;

static const char *word(void)
{
    const char *w = strtok(NULL, " \n");
    if (w == NULL)
        abort();
    return w;
}

static const struct peer_features *peer_of(const char *text)
{
    return strcmp(text, "ours") == 0 ? &ours : &plain;
}

static void parse_addr(const char *text, struct addr *a)
{
    *a = (struct addr){0};
    if (strcmp(text, "any") != 0 && !addr_parse(text, a))
        abort();
}

static void parse_kek(const char *text, struct policy_kek *k)
{
    static char spi[64], iv[64], key[160], source[64], destination[64], public[2 * POLICY_MAX_PUBLIC_KEY + 1];
    uint8_t bytes[SECRET_MAX];
    *k = (struct policy_kek){.ack = 0};
    if (sscanf(text, "%32[^,],%hu,%hu,%32[^,],%128[^,],%hu,%hu,%hu,%hu,%" SCNu32 ",%63[^,],%hu,%63[^,],%hu,%2200[^,]", spi,
               &k->cipher, &k->key_bits, iv, key, &k->signature, &k->hash, &k->signature_bits, &k->ack, &k->lifetime_s,
               source, &k->source.port, destination, &k->destination.port, public) != 15)
        abort();
    unhex(spi, k->spi, sizeof(k->spi));
    unhex(iv, k->iv, sizeof(k->iv));
    if (!secret_set(&k->key, bytes, unhex(key, bytes, sizeof(bytes))))
        abort();
    parse_addr(source, &k->source.addr);
    parse_addr(destination, &k->destination.addr);
    k->public_key_len = unhex(public, k->public_key, sizeof(k->public_key));
}

static void print_kek(const struct policy_kek *k)
{
    char text[ADDR_TEXT_MAX];
    printf(" kek=");
    print_hex(k->spi, sizeof(k->spi));
    printf(",%u,%u,", k->cipher, k->key_bits);
    print_hex(k->iv, k->cipher == GDOI_KEK_3DES ? 8 : 16);
    printf(",");
    print_hex(k->key.b, k->key.len);
    printf(",%u,%u,%u,%u,%u", k->signature, k->hash, k->signature_bits, k->ack, k->lifetime_s);
    printf(",%s,%u", k->source.addr.family != 0 ? addr_text(&k->source.addr, text) : "any", k->source.port);
    printf(",%s,%u,", k->destination.addr.family != 0 ? addr_text(&k->destination.addr, text) : "any",
           k->destination.port);
    print_hex(k->public_key, k->public_key_len);
}

static void print_policy(const struct policy *p)
{
    static uint8_t rules[POLICY_MAX_RULES_LEN];
    struct buf_writer w = buf_writer_of(rules, sizeof(rules));
    if (p->has_kek)
        print_kek(&p->kek);
    printf(" digest=");
    print_hex(p->digest, sizeof(p->digest));
    printf(" atd=%u dtd=%u", p->activate_in_s, p->deactivate_in_s);
    if (p->replace)
        printf(" replace");
    if (p->receive_only)
        printf(" receive-only");
    if (p->has_pseudotime)
        printf(" pseudotime=%" PRIu64, p->pseudotime_ms);
    for (size_t i = 0; i < p->n_sas; i++) {
        printf(" sa=%u,%u,%u,", p->sas[i].number, p->sas[i].spi, p->sas[i].lifetime_s);
        print_hex(p->sas[i].key.b, p->sas[i].key.len);
    }
    if (p->has_rules) {
        policy_rules_put(&w, &p->acl);
        printf(" rules=");
        print_hex(rules, w.len);
    }
}

static void open_push(void)
{
    static uint8_t datagram[65536];
    struct policy_kek kek;
    struct policy_fault why;
    struct push p;
    parse_kek(word(), &kek);
    uint32_t last = (uint32_t)strtoul(word(), NULL, 10);
    const struct peer_features *peer = peer_of(word());
    enum policy_signature_form form = (enum policy_signature_form)strtoul(word(), NULL, 10);
    size_t len = unhex(word(), datagram, sizeof(datagram));
    push_init(&p);
    enum push_result r = push_open(&kek, last, peer, form, span_of(datagram, len), &p, &why);
    printf("%s", name_of(push_result_names, r));
    if (r == PUSH_OK) {
        printf(" number=%u", p.number);
        for (size_t i = 0; i < p.n_deleted; i++)
            printf(" delete=%u", p.deleted[i]);
        printf("%s%s", p.delete_all_teks ? " delete-all" : "", p.delete_kek ? " delete-kek" : "");
        if (p.has_policy)
            print_policy(&p.policy);
    } else if (r == PUSH_REFUSED) {
        printf(" %s", why.text);
    }
    printf("\n");
    push_wipe(&p);
}

static void parse_sa(const char *text, struct policy *p)
{
    struct policy_sa *s = &p->sas[p->n_sas++];
    char key[2 * SECRET_MAX + 1];
    uint8_t bytes[SECRET_MAX];
    if (sscanf(text, "sa=%hu,%" SCNu32 ",%" SCNu32 ",%256[0-9a-f]", &s->number, &s->spi, &s->lifetime_s, key) != 4 ||
        !secret_set(&s->key, bytes, unhex(key, bytes, sizeof(bytes))))
        abort();
    s->suite = suite_by_id(s->key.len == 20 ? SUITE_AES_GCM_128 : SUITE_AES_GCM_256);
}

static void parse_rules(const char *hex, struct policy *p)
{
    static uint8_t rules[POLICY_MAX_RULES_LEN];
    struct policy_fault why;
    if (!policy_rules_get(span_of(rules, unhex(hex, rules, sizeof(rules))), &p->acl, &why) ||
        !policy_set_digest(p, hash_span))
        abort();
}

static void parse_push(struct push *p)
{
    struct policy *policy = &p->policy;
    for (const char *w = strtok(NULL, " \n"); w != NULL; w = strtok(NULL, " \n")) {
        p->has_policy |= strncmp(w, "delete", 6) != 0;
        if (strncmp(w, "delete=", 7) == 0)
            p->deleted[p->n_deleted++] = (uint32_t)strtoul(w + 7, NULL, 10);
        else if (strcmp(w, "delete-all") == 0)
            p->delete_all_teks = true;
        else if (strcmp(w, "delete-kek") == 0)
            p->delete_kek = true;
        else if (strncmp(w, "kek=", 4) == 0)
            parse_kek(w + 4, &policy->kek), policy->has_kek = true;
        else if (strncmp(w, "atd=", 4) == 0)
            policy->activate_in_s = (uint32_t)strtoul(w + 4, NULL, 10);
        else if (strncmp(w, "dtd=", 4) == 0)
            policy->deactivate_in_s = (uint32_t)strtoul(w + 4, NULL, 10);
        else if (strcmp(w, "receive-only") == 0)
            policy->receive_only = true;
        else if (strncmp(w, "pseudotime=", 11) == 0)
            policy->pseudotime_ms = strtoull(w + 11, NULL, 10), policy->has_pseudotime = true;
        else if (strncmp(w, "sa=", 3) == 0)
            parse_sa(w, policy);
        else if (strncmp(w, "rules=", 6) == 0)
            parse_rules(w + 6, policy), policy->has_rules = true;
        else if (strncmp(w, "rules-kept=", 11) == 0)
            parse_rules(w + 11, policy);
        else
            abort();
    }
}

static void seal_push(void)
{
    static uint8_t pem[16384], datagram[65536];
    struct buf_writer w = buf_writer_of(datagram, sizeof(datagram));
    struct policy_kek kek;
    struct policy_fault why;
    struct push p;
    char error[160] = "";
    parse_kek(word(), &kek);
    size_t len = unhex(word(), pem, sizeof(pem));
    struct sig_key *key = sig_key_load(span_of(pem, len), error, sizeof(error));
    if (key == NULL)
        abort();
    push_init(&p);
    p.number = (uint32_t)strtoul(word(), NULL, 10);
    const struct peer_features *form = peer_of(word());
    parse_push(&p);
    if (push_seal(&kek, key, &p, form, &w, &why)) {
        printf("ok ");
        print_hex(datagram, w.len);
        printf("\n");
    } else {
        printf("refused %s\n", why.text);
    }
    push_wipe(&p);
    sig_key_free(key);
}

static void put_ack(void)
{
    uint8_t datagram[PUSH_ACK_MAX_LEN];
    struct buf_writer w = buf_writer_of(datagram, sizeof(datagram));
    struct policy_kek kek;
    struct addr own;
    parse_kek(word(), &kek);
    uint32_t number = (uint32_t)strtoul(word(), NULL, 10);
    parse_addr(word(), &own);
    bool ok = push_ack_put(&kek, number, &own, &w);
    printf(ok ? "ok " : "refused");
    print_hex(datagram, w.len);
    printf("\n");
}

static void get_ack(void)
{
    static uint8_t datagram[65536];
    char text[ADDR_TEXT_MAX];
    struct policy_kek kek;
    struct push_ack ack;
    parse_kek(word(), &kek);
    size_t len = unhex(word(), datagram, sizeof(datagram));
    if (push_ack_get(&kek, span_of(datagram, len), &ack))
        printf("ok %u %s\n", ack.number, addr_text(&ack.member, text));
    else
        printf("refused\n");
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, stdin) > 0) {
        const char *command = strtok(line, " \n");
        if (command == NULL)
            abort();
        if (strcmp(command, "open") == 0)
            open_push();
        else if (strcmp(command, "seal") == 0)
            seal_push();
        else if (strcmp(command, "ack") == 0)
            put_ack();
        else
            get_ack();
        fflush(stdout);
    }
    free(line);
    return 0;
}
