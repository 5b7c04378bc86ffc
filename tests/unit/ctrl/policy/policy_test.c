/* SPDX-License-Identifier: BSD-3-Clause */
/* The policy value: identity texts, deep copies, wiping. */
#include "ctrl/policy/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void groups_have_identity_and_text(void **state)
{
    (void)state;
    char t[ADDR_TEXT_MAX];
    struct group_id number = {false, 484}, address = {true, 0x0a010101}, same_bits = {true, 484}, top = {false, UINT32_MAX};
    assert_string_equal(group_id_text(&number, t), "484");
    assert_string_equal(group_id_text(&address, t), "10.1.1.1");
    assert_string_equal(group_id_text(&top, t), "4294967295");
    assert_true(group_id_equal(&number, &number));
    assert_false(group_id_equal(&number, &same_bits));
    assert_false(group_id_equal(&number, &top));
}

static void a_copy_owns_its_list_and_a_wipe_leaves_nothing(void **state)
{
    (void)state;
    static struct policy a, b;
    static const uint8_t zeros[sizeof(struct policy)];
    struct acl_entry e = {.permit = true, .sa = 10, .sel.src.addr.family = 4, .sel.dst.addr.family = 4};
    policy_init(&a);
    policy_init(&b);
    assert_true(acl_append(&a.acl, &e));
    a.n_sas = 1;
    assert_true(secret_set(&a.sas[0].key, "0123456789abcdef", 16));
    assert_true(policy_copy(&b, &a));
    assert_ptr_not_equal(a.acl.entries, b.acl.entries);
    assert_true(acl_equal(&a.acl, &b.acl));
    policy_wipe(&a);
    assert_memory_equal(&a, zeros, sizeof(a));
    assert_memory_equal(b.sas[0].key.b, "0123456789abcdef", 16);
    assert_int_equal(b.acl.entries[0].sa, 10);
    policy_wipe(&b);
    assert_memory_equal(&b, zeros, sizeof(b));
    policy_wipe(&b); /* twice is harmless */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_have_identity_and_text),
        cmocka_unit_test(a_copy_owns_its_list_and_a_wipe_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
