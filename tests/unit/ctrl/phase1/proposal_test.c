/* SPDX-License-Identifier: BSD-3-Clause */
/* Offers, choices and answers of phase 1 (RFC 2409 section 5: exactly one transform, attributes unmodified).
 */
#include "ctrl/phase1/proposal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct config_proposal good = {
    .encryption = 7, .key_bits = 256, .hash = 4, .group = 14, .auth = 1, .lifetime_s = 3600};

static void only_what_this_version_runs(void **state)
{
    (void)state;
    assert_true(phase1_proposal_is_supported(&good));
    struct config_proposal p = good;
    p.group = 19;
    assert_true(phase1_proposal_is_supported(&p));
    for (unsigned v = 0; v < 300; v++) {
        p = good;
        p.encryption = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 7);
        p = good;
        p.key_bits = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 256);
        p = good;
        p.hash = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 4);
        p = good;
        p.auth = (uint16_t)v; /* DSS, RSA encryption and the like (CVE-2018-0131) */
        assert_int_equal(phase1_proposal_is_supported(&p), v == 1);
        p = good;
        p.group = (uint16_t)v;
        assert_int_equal(phase1_proposal_is_supported(&p), v == 14 || v == 19);
    }
}

/* An offer of n transforms like ours, all with group 14. */
static struct isakmp_sa offer_of(size_t n)
{
    struct config_proposal own[4] = {good, good, good, good};
    struct isakmp_sa offer;
    assert_int_equal(phase1_proposal_offer(2, own, n, &offer), n);
    return offer;
}

static bool is_chosen(const struct isakmp_sa *offer, struct config_proposal *chosen)
{
    struct isakmp_sa answer;
    if (!phase1_proposal_choose(offer, &good, 1, &answer, chosen))
        return false;
    assert_int_equal(answer.n, 1);
    return true;
}

static void one_wrong_attribute_is_enough(void **state)
{
    (void)state;
    struct config_proposal chosen;
    struct isakmp_sa o = offer_of(1);
    assert_true(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].understood = false;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].life_kb = 1000; /* a limit that nobody here counts */
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].key_bits = 0; /* CVE-2024-3652: key length absent or 0 */
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].encryption++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].hash++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].auth++;
    assert_false(is_chosen(&o, &chosen));
    o = offer_of(1);
    o.t[0].group++;
    assert_false(is_chosen(&o, &chosen));
}

static void shorter_lifetime_counts(void **state)
{
    (void)state;
    static const struct {
        uint64_t offered;
        uint32_t used;
    } cases[] = {{0, 3600}, {1, 1}, {3599, 3599}, {3600, 3600}, {3601, 3600}, {UINT64_MAX, 3600}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config_proposal chosen;
        struct isakmp_sa o = offer_of(1);
        o.t[0].life_s = cases[i].offered;
        assert_true(is_chosen(&o, &chosen));
        assert_int_equal(chosen.lifetime_s, cases[i].used);
    }
}

static void answer_is_the_offered_transform(void **state)
{
    (void)state;
    struct isakmp_sa answer, o = offer_of(3);
    struct config_proposal chosen;
    o.t[0].group = 2;
    o.t[1].number = 77;
    o.t[1].life_s = 12345;
    o.situation = 0;
    o.proposal = 9;
    assert_true(phase1_proposal_choose(&o, &good, 1, &answer, &chosen));
    assert_int_equal(answer.n, 1);
    assert_memory_equal(&answer.t[0], &o.t[1], sizeof answer.t[0]);
    assert_int_equal(answer.proposal, 9);
    assert_int_equal(answer.situation, 0);
    assert_int_equal(answer.doi, 2);
}

static void altered_answers_are_refused(void **state)
{
    (void)state;
    struct config_proposal chosen;
    struct isakmp_sa o = offer_of(2), a;
    o.t[1].group = 19;
    a = o;
    a.n = 1;
    a.t[0] = o.t[1];
    assert_true(phase1_proposal_accept(&o, &a, &chosen));
    assert_int_equal(chosen.group, 19);
    assert_int_equal(chosen.lifetime_s, 3600);
    struct isakmp_sa bad = a;
    bad.n = 2;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.n = 0;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.doi = 1;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].life_s++;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].life_kb++;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].key_bits = 128;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
    bad = a;
    bad.t[0].understood = false;
    assert_false(phase1_proposal_accept(&o, &bad, &chosen));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_this_version_runs), cmocka_unit_test(one_wrong_attribute_is_enough),
        cmocka_unit_test(shorter_lifetime_counts),     cmocka_unit_test(answer_is_the_offered_transform),
        cmocka_unit_test(altered_answers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
