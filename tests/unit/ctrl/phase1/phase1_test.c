/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Main mode as a pair (RFC 2409 5.4): it comes up with equal keys, and whatever is forged, cut, mirrored or
 * out of turn changes nothing: the genuine message is still accepted afterwards.
 */
#include "tests/unit/ctrl/phase1/pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void comes_up(const struct config_proposal *proposal, uint32_t doi)
{
    struct pair p;
    char line[100];
    pair_init(&p, proposal->group);
    p.proposal = *proposal;
    p.initiator.doi = doi;
    pair_start(&p);
    assert_null(phase1_sa(p.i));
    assert_string_equal(phase1_identity(p.i), "");
    pair_run(&p, 6);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), NULL), PHASE1_ESTABLISHED);
    pair_assert_up(&p);
    assert_int_equal(phase1_sa(p.i)->doi, doi);
    assert_string_equal(phase1_identity(p.i), PAIR_SERVER);
    assert_string_equal(phase1_identity(p.r), PAIR_MEMBER);
    assert_true(phase1_hint(p.i)->ours);
    size_t key_len = proposal->key_bits ? proposal->key_bits / 8u : 24;
    assert_true(phase1_keylog(p.i, line, sizeof line));
    assert_int_equal(strlen(line), 16 + 1 + 2 * key_len);
    assert_false(phase1_keylog(p.i, line, 16 + 1 + 2 * key_len));
    size_t block = proposal->encryption == 5 ? 8 : 16;
    assert_int_equal((p.m[5].len - 28) % block, 0);
    assert_int_equal((p.m[6].len - 28) % block, 0);
    for (int i = 2; i <= 4; i += 2) /* VU#419128: no answer to an unproved peer is larger than its request */
        assert_true(p.m[i].len <= p.m[i - 1].len);
    pair_free(&p);
}

static const struct config_proposal usual = {
    .encryption = 7, .key_bits = 256, .hash = 4, .group = 19, .auth = 1, .lifetime_s = 86400};

static void established_with_each_group_and_doi(void **state)
{
    (void)state;
    static const uint16_t groups[] = {2, 5, 14, 15, 16, 19, 20, 21};
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        struct config_proposal p = usual;
        p.group = groups[i];
        comes_up(&p, 2);
    }
    comes_up(&usual, 1);
}

static void established_with_each_cipher_and_hash(void **state)
{
    (void)state;
    static const struct {
        uint16_t encryption, bits;
    } ciphers[] = {{7, 128}, {7, 192}, {7, 256}, {5, 0}};
    static const uint16_t hashes[] = {2, 4, 5, 6};
    for (size_t c = 0; c < 4; c++) {
        for (size_t h = 0; h < 4; h++) {
            struct config_proposal p = usual;
            p.encryption = ciphers[c].encryption;
            p.key_bits = ciphers[c].bits;
            p.hash = hashes[h];
            comes_up(&p, 2);
        }
    }
}

/* The longest offer that configuration allows, all different; the last one is what the responder accepts. */
static void established_from_twenty_proposals(void **state)
{
    (void)state;
    struct pair p;
    char text[2048];
    struct config_proposal many[CONFIG_MAX_PROPOSALS];
    static const uint16_t groups[] = {14, 15, 16, 19, 20, 21};
    pair_init(&p, 19);
    for (size_t i = 0; i < CONFIG_MAX_PROPOSALS; i++) {
        many[i] = usual;
        many[i].key_bits = (uint16_t)(i < 12 ? 128 : 192);
        many[i].hash = (uint16_t)(i % 12 < 6 ? 5 : 6);
        many[i].group = groups[i % 6];
    }
    p.initiator.proposals = many;
    p.initiator.n_proposals = CONFIG_MAX_PROPOSALS;
    p.proposal = many[CONFIG_MAX_PROPOSALS - 1];
    pair_start(&p);
    assert_in_range(p.m[1].len, 700, 1400); /* one datagram without fragments */
    phase1_offered_text(p.i, text, sizeof text);
    assert_memory_equal(text, "aes-128/sha384/14/psk, aes-128/sha384/15/psk, ", 46);
    pair_run(&p, 6);
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), NULL), PHASE1_ESTABLISHED);
    pair_assert_up(&p);
    assert_int_equal(phase1_chosen(p.i)->group, p.proposal.group);
    assert_int_equal(phase1_chosen(p.r)->key_bits, 192);
    halfopen_remember(p.front, phase1_offered(p.r));
    assert_int_equal(halfopen_count(p.front), 2);
    pair_free(&p);
}

/* Message `n` goes to the machine that waits for it. */
static struct phase1 *receiver(struct pair *p, int n)
{
    return n % 2 ? p->r : p->i;
}

/* Every bit pattern of one wrong octet, then every truncation, of an encrypted message. */
static void damage_encrypted(int n)
{
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, n);
    struct phase1 *to = receiver(&p, n);
    if (n == 5)
        assert_non_null(to);
    for (size_t at = 0; at < p.m[n].len; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct pair_message bad = p.m[n];
            bad.b[at] ^= (uint8_t)(1u << bit);
            assert_true(pair_is_drop(pair_step(&p, to, pair_span(&bad), NULL)));
            assert_null(phase1_sa(to));
        }
    }
    for (size_t len = 0; len < p.m[n].len; len++) {
        struct pair_message bad = p.m[n];
        assert_true(pair_is_drop(pair_step(&p, to, span_of(bad.b, len), NULL)));
        if (len >= 28) { /* with a header that says so */
            bad.b[26] = (uint8_t)(len >> 8);
            bad.b[27] = (uint8_t)len;
            assert_true(pair_is_drop(pair_step(&p, to, span_of(bad.b, len), NULL)));
        }
    }
    assert_int_equal(pair_step(&p, to, pair_span(&p.m[n]), &p.m[6]), PHASE1_ESTABLISHED);
    if (n == 5)
        assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), NULL), PHASE1_ESTABLISHED);
    pair_assert_up(&p);
    pair_free(&p);
}

static void damaged_message_5(void **state)
{
    (void)state;
    damage_encrypted(5);
}

static void damaged_message_6(void **state)
{
    (void)state;
    damage_encrypted(6);
}

static void truncated_clear_messages(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    pair_start(&p);
    pair_run(&p, 4);
    /* Messages 3 and 4 are cut; both machines have to take the whole one afterwards. */
    struct phase1 *fresh = phase1_new_responder(&p.responder, &p.offer, PAIR_NOW, &p.report.why);
    for (size_t len = 0; len < p.m[3].len; len++)
        assert_true(pair_is_drop(pair_step(&p, fresh, span_of(p.m[3].b, len), NULL)));
    assert_int_equal(pair_step(&p, fresh, pair_span(&p.m[3]), NULL), PHASE1_GOES_ON);
    phase1_free(fresh);
    for (size_t len = 0; len < p.m[4].len; len++)
        assert_true(pair_is_drop(pair_step(&p, p.i, span_of(p.m[4].b, len), NULL)));
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[4]), &p.m[5]), PHASE1_GOES_ON);
    assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[5]), NULL), PHASE1_ESTABLISHED);
    pair_free(&p);
}

/* The rest of an exchange whose message n was changed; the result of the step that found it. */
static enum phase1_result go_on_with_changed(struct pair *p, int n)
{
    struct pair_message reply;
    const char *why;
    if (n == 3) {
        if (pair_front(p, pair_span(&p->m[3]), PAIR_NOW, NULL) != HALFOPEN_MESSAGE3)
            return PHASE1_DROP_STATE;
        p->r = phase1_new_responder(&p->responder, &p->offer, PAIR_NOW, &why);
    }
    enum phase1_result r = pair_step(p, n == 3 ? p->r : p->i, pair_span(&p->m[n]), &reply);
    if (r == PHASE1_GOES_ON && n == 3)
        r = pair_step(p, p->i, pair_span(&reply), &reply);
    if (r == PHASE1_GOES_ON)
        r = pair_step(p, p->r, pair_span(&reply), NULL);
    return r;
}

/* Any octet of messages 3 and 4 changed on the way: dropped at once, or the HASH finds it; never up (RFC 2409
 * 5). */
static void changed_clear_messages_are_found_by_the_hash(void **state)
{
    (void)state;
    for (int n = 3; n <= 4; n++) {
        size_t len = 1;
        for (size_t at = 0; at < len; at += 3) {
            struct pair p;
            pair_init(&p, 19);
            pair_start(&p);
            pair_run(&p, n);
            len = p.m[n].len;
            p.m[n].b[at] ^= 1;
            assert_true(pair_is_drop(go_on_with_changed(&p, n)));
            assert_true(!p.r || !phase1_sa(p.r));
            pair_free(&p);
        }
    }
}

static void wrong_psk(void **state)
{
    (void)state;
    struct pair p;
    struct pair_message notify;
    pair_init(&p, 19);
    p.psk_r.secret.b[31] ^= 1;
    pair_start(&p);
    pair_run(&p, 5);
    assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[5]), &notify), PHASE1_DROP_AUTH);
    assert_non_null(strstr(p.report.why, "wrong pre-shared key"));
    assert_null(phase1_sa(p.r));
    /* One word in clear, for the other side's log; it stays as it is. */
    assert_int_equal(notify.len, 40);
    assert_int_equal(pair_step(&p, p.i, pair_span(&notify), NULL), PHASE1_NOTED);
    assert_int_equal(p.report.notify, 24);
    assert_string_equal(p.report.notify_text, "AUTHENTICATION-FAILED");
    assert_string_equal(phase1_state_text(p.i), "sent message 5");
    assert_int_equal(pair_step(&p, p.r, pair_span(&p.m[5]), &notify), PHASE1_DROP_AUTH);
    assert_int_equal(notify.len, 0);
    pair_free(&p);
}

static enum phase1_result with_expected_id(const char *id, const char **why)
{
    struct pair p;
    pair_init(&p, 19);
    snprintf(p.psk_r.id, sizeof p.psk_r.id, "%s", id);
    pair_start(&p);
    pair_run(&p, 5);
    enum phase1_result r = pair_step(&p, p.r, pair_span(&p.m[5]), NULL);
    assert_int_equal(r == PHASE1_ESTABLISHED, phase1_sa(p.r) != NULL);
    *why = p.report.why;
    pair_free(&p);
    return r;
}

static void wrong_id(void **state)
{
    (void)state;
    const char *why;
    assert_int_equal(with_expected_id("", &why), PHASE1_ESTABLISHED);
    assert_int_equal(with_expected_id(PAIR_MEMBER, &why), PHASE1_ESTABLISHED);
    assert_int_equal(with_expected_id("10.0.0.3", &why), PHASE1_DROP_AUTH);
    assert_string_equal(why, "the peer's identity isn't the one configured for its key");
    assert_int_equal(with_expected_id("gm1.example.org", &why), PHASE1_DROP_AUTH);
}

/* A responder that isn't the one whose key it is: the initiator refuses message 6. */
static void server_with_wrong_id(void **state)
{
    (void)state;
    struct pair p;
    pair_init(&p, 19);
    snprintf(p.psk_i.id, sizeof p.psk_i.id, "10.0.0.9");
    pair_start(&p);
    pair_run(&p, 6);
    struct pair_message out;
    assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), &out), PHASE1_DROP_AUTH);
    assert_int_equal(out.len, 0);
    assert_null(phase1_sa(p.i));
    pair_free(&p);
}

/* Decision 23: peers behind one NAT address; the key and the identity together say which entry it is. */
static void eight_candidates_behind_one_address(void **state)
{
    (void)state;
    for (size_t right = 0; right < PHASE1_MAX_PSKS; right++) {
        struct pair p;
        struct config_psk psks[PHASE1_MAX_PSKS];
        pair_init(&p, 19);
        for (size_t i = 0; i < PHASE1_MAX_PSKS; i++) {
            psks[i] = p.psk_r;
            psks[i].secret.b[0] = (uint8_t)i;
            snprintf(psks[i].id, sizeof psks[i].id, "192.168.0.%zu", i);
            p.responder.psks[i] = &psks[i];
        }
        p.responder.n_psks = PHASE1_MAX_PSKS;
        p.psk_i.secret.b[0] = (uint8_t)right;
        char id[32];
        snprintf(id, sizeof id, "192.168.0.%zu", right);
        assert_true(addr_parse(id, &p.initiator.local.addr));
        pair_start(&p);
        pair_run(&p, 6);
        assert_int_equal(pair_step(&p, p.i, pair_span(&p.m[6]), NULL), PHASE1_ESTABLISHED);
        pair_assert_up(&p);
        assert_string_equal(phase1_identity(p.r), id);
        pair_free(&p);
    }
}

/* The same key for two identities: the second entry is found although the first one's HASH fits, too. */
static void one_key_two_identities(void **state)
{
    (void)state;
    struct pair p;
    struct config_psk other;
    pair_init(&p, 19);
    other = p.psk_r;
    snprintf(other.id, sizeof other.id, "10.0.0.77");
    p.responder.psks[0] = &other;
    p.responder.psks[1] = &p.psk_r;
    p.responder.n_psks = 2;
    pair_start(&p);
    pair_run(&p, 6);
    assert_string_equal(phase1_identity(p.r), PAIR_MEMBER);
    pair_free(&p);
}

/* Complement of the table: in every state, every message but the right one is dropped, own ones included. */
static void every_message_out_of_turn(void **state)
{
    (void)state;
    struct pair full;
    for (int has = 1; has <= 6; has++) {
        pair_init(&full, 19);
        pair_start(&full);
        pair_run(&full, 6);
        /* A second initiator can't repeat the first one's randomness, so replay within one pair, stopped at
         * `has`. */
        struct pair p;
        pair_init(&p, 19);
        pair_start(&p);
        pair_run(&p, has);
        const char *before_i = phase1_state_text(p.i);
        const char *before_r = p.r ? phase1_state_text(p.r) : "";
        for (int n = 1; n <= 6; n++) {
            const struct pair_message *own = n <= has ? &p.m[n] : NULL;
            if (own && n != has) {
                assert_true(pair_is_drop(pair_step(&p, p.i, pair_span(own), NULL)));
                if (p.r)
                    assert_true(pair_is_drop(pair_step(&p, p.r, pair_span(own), NULL)));
            } else if (own && n == has) { /* mirrored to its own sender */
                struct phase1 *sender = n % 2 ? p.i : p.r;
                if (sender)
                    assert_true(pair_is_drop(pair_step(&p, sender, pair_span(own), NULL)));
            }
            /* and all of another exchange */
            assert_true(pair_is_drop(pair_step(&p, p.i, pair_span(&full.m[n]), NULL)));
            if (p.r)
                assert_true(pair_is_drop(pair_step(&p, p.r, pair_span(&full.m[n]), NULL)));
        }
        assert_string_equal(phase1_state_text(p.i), before_i);
        if (p.r)
            assert_string_equal(phase1_state_text(p.r), before_r);
        pair_free(&p);
        pair_free(&full);
    }
}

static void nothing_to_begin_with(void **state)
{
    (void)state;
    struct pair p;
    uint8_t b[PHASE1_MAX_MESSAGE];
    struct buf_writer w = buf_writer_of(b, sizeof b);
    const char *why;
    pair_init(&p, 19);
    p.initiator.n_psks = 0;
    assert_null(phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why));
    assert_string_equal(why, "no pre-shared key for this peer");
    p.initiator.n_psks = 1;
    p.proposal.group = 1; /* MODP 768 */
    assert_null(phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why));
    assert_string_equal(why, "no phase-1 proposal that this version can use");
    p.proposal.group = 19;
    p.initiator.remote.addr.family = 6;
    assert_null(phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why));
    assert_string_equal(why, "IKE runs over IPv4 only");
    p.initiator.remote.addr.family = 4;
    w.cap = 40;
    assert_null(phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why));
    assert_int_equal(w.len, 0);
    struct config_proposal many[80]; /* more than an SA payload may have: 64 are offered, too many for a datagram */
    for (size_t i = 0; i < 80; i++)
        many[i] = p.proposal;
    p.initiator.proposals = many;
    p.initiator.n_proposals = 80;
    w.cap = sizeof b;
    assert_null(phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why));
    assert_string_equal(why, "the phase-1 proposals don't fit into one offer");
    p.initiator.n_proposals = CONFIG_MAX_PROPOSALS;
    struct phase1 *i = phase1_new_initiator(&p.initiator, PAIR_NOW, &w, &why);
    assert_non_null(i);
    phase1_free(i);
    phase1_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(established_with_each_group_and_doi),
        cmocka_unit_test(established_with_each_cipher_and_hash),
        cmocka_unit_test(established_from_twenty_proposals),
        cmocka_unit_test(damaged_message_5),
        cmocka_unit_test(damaged_message_6),
        cmocka_unit_test(truncated_clear_messages),
        cmocka_unit_test(changed_clear_messages_are_found_by_the_hash),
        cmocka_unit_test(wrong_psk),
        cmocka_unit_test(wrong_id),
        cmocka_unit_test(server_with_wrong_id),
        cmocka_unit_test(eight_candidates_behind_one_address),
        cmocka_unit_test(one_key_two_identities),
        cmocka_unit_test(every_message_out_of_turn),
        cmocka_unit_test(nothing_to_begin_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
