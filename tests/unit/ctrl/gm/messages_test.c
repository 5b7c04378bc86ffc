/* SPDX-License-Identifier: BSD-3-Clause */
/* What a member logs about policy that comes and rekeys that don't, under the original's names (OP3): caused, and read as a whole. */
#include "tests/unit/ctrl/gm/rekey_fixture.h"

#include "tests/lib/said.h"

static void own_address(struct fixture *f)
{
    struct addr own;

    assert_true(addr_parse("10.0.0.2", &own));
    gm_set_own(f->gm, &own);
}

/* The first policy on the data plane: installed, and its list in use; a later one is installed only. */
static void a_policy_is_installed(void **state)
{
    struct fixture *f = *state;
    const char *const installed = "%GDOI-5-GM_INSTALL_POLICIES_SUCCESS: SUCCESS: Installation of Reg/Rekey policies from KS 10.0.0.1 for "
                                  "group ONE & gm identity 10.0.0.2: 1 SAs, 1 rules";
    const char *const enabled = "%GDOI-5-GM_ENABLE_GDOI_CM: ACL in use in group ONE with KS 10.0.0.1: 1 rules on port pair wan";

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    own_address(f);
    said_begin();
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 1);
    wish(f);
    assert_int_equal(said_any("GM_INSTALL_POLICIES_SUCCESS"), 0); /* nobody knows yet */
    acknowledge(f);
    assert_int_equal(said(installed), 1);
    assert_int_equal(said(enabled), 1);
    give(f, 1, 1, (uint32_t[]){1001}, (uint32_t[]){3600}, 20);
    wish(f);
    acknowledge(f);
    assert_int_equal(said(installed), 2);
    assert_int_equal(said(enabled), 1);
    gm_clear(f->gm, at(f, 2)); /* out of use, and in use again */
    give(f, 3, 1, (uint32_t[]){1002}, (uint32_t[]){3600}, 40);
    wish(f);
    acknowledge(f);
    assert_int_equal(said(enabled), 2);
}

static void the_data_plane_refuses_it(void **state)
{
    struct fixture *f = *state;

    gm_attached(f->gm, 77, WORKERS, at(f, 0));
    own_address(f);
    give(f, 0, 1, (uint32_t[]){1000}, (uint32_t[]){3600}, 1);
    wish(f);
    said_begin();
    gm_acknowledged(f->gm, f->epoch, "no memory", at(f, 0));
    assert_int_equal(said("%GDOI-3-GM_INSTALL_POLICIES_FAIL: Policies from KS 10.0.0.1 for group ONE & gm identity 10.0.0.2 not "
                          "installed: no memory"), 1);
}

/* Every kind of fault has its message; what has none of its own has none here. */
static void each_kind_of_fault(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum policy_fault_kind kind;
        const char *line;
    } all[] = {
        {POLICY_FAULT_UNSUPPORTED, "%GDOI-3-GM_NO_CRYPTO_ENGINE: Group ONE: KS 10.0.0.1 asks for what can't be run here: why"},
        {POLICY_FAULT_SIGNATURE_KEY, "%GDOI-3-UNEXPECTED_SIGKEY: Group ONE: unexpected signature key from KS 10.0.0.1, freed: why"},
        {POLICY_FAULT_TEK_PROTOCOL, "%GDOI-3-UNSUPPORTED_TEK_PROTO: Group ONE: unexpected TEK protocol from KS 10.0.0.1: why"},
        {POLICY_FAULT_RULES, "%GDOI-3-GDOI_ACL_NUM: Too many ACL entries, at most 1000 are honoured: why"},
        {POLICY_FAULT_SAS, "%GDOI-3-GM_NO_IPSEC_FLOWS: Group ONE: no room for IPsec SAs of KS 10.0.0.1: why"},
    };

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        said_begin();
        gm_log_fault(f->gm, all[i].kind, "why");
        assert_int_equal(said(all[i].line), 1);
        assert_int_equal(said_all.n, 1);
    }
    said_begin();
    gm_log_fault(f->gm, POLICY_FAULT_OTHER, "why");
    assert_int_equal(said_all.n, 0);
}

static void more_sas_than_there_is_room_for(void **state)
{
    struct fixture *f = *state;
    uint32_t spis[POLICY_MAX_SAS], lifetimes[POLICY_MAX_SAS];

    for (uint32_t i = 0; i < POLICY_MAX_SAS; i++) {
        spis[i] = 2000 + i;
        lifetimes[i] = 3600;
    }
    join(f); /* has one */
    said_begin();
    give(f, 20, POLICY_MAX_SAS, spis, lifetimes, 100);
    assert_int_equal(said("%GDOI-3-GM_NO_IPSEC_FLOWS: Group ONE: no room for IPsec SAs of KS 10.0.0.1: it would hold more than 32 SAs"), 1);
    assert_int_equal(said_any("GM_INSTALL_POLICIES_FAIL"), 1);
}

static void run_to(struct fixture *f, int64_t s)
{
    while (mono_reached(timers_next(&f->timers), mono_s(s))) {
        f->now = timers_next(&f->timers);
        timers_fire(&f->timers, f->now);
    }
    f->now = mono_s(s);
}

/* The keys run out, and no rekey came: it says so, and registers. Not when something else is the reason to register. */
static void no_rekey_came(void **state)
{
    struct fixture *f = *state;
    const char *const missed = "%GDOI-5-GM_REKEY_NOT_RECD: Group ONE: no rekey came from KS 10.0.0.1 in time";
    struct push p;

    join(f);
    p = rekey_of(1, (uint32_t[]){1001}, (uint32_t[]){3600});
    assert_int_equal(hand_in(f, 1000, &p), GM_REKEY_APPLIED);
    said_begin();
    run_to(f, 1000 + 3600 - 90);
    assert_int_equal(said_all.n, 0);
    run_to(f, 1000 + 3600 - 59);
    assert_int_equal(said(missed), 1);
    assert_int_equal(said_any("GM_RE_REGISTER"), 1);
}

static void told_to_register(void **state)
{
    struct fixture *f = *state;
    struct push p;

    join(f);
    push_init(&p);
    p.delete_all_teks = p.delete_kek = true;
    said_begin();
    (void)hand_in(f, 1000, &p);
    run_to(f, 1100);
    assert_int_equal(said("%GDOI-4-GM_RECV_DELETE: GM received delete-msg from KS in group ONE: it has no KEK any more"), 1);
    assert_int_equal(said_any("GM_RE_REGISTER"), 1);
    assert_int_equal(said_any("GM_REKEY_NOT_RECD"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_policy_is_installed),
        T(the_data_plane_refuses_it),
        T(each_kind_of_fault),
        T(more_sas_than_there_is_room_for),
        T(no_rekey_came),
        T(told_to_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
