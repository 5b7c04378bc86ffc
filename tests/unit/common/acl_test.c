/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of entries: order decides, limits, copies, mirrors. */
#include "common/acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void append(struct acl *a, const char *text, uint16_t sa)
{
    struct acl_entry e[2];
    const char *error;
    size_t column, n = acl_parse_entry(text, e, &error, &column);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        e[i].sa = sa;
        e[i].number = (uint16_t)(a->n + 1);
        assert_true(acl_append(a, &e[i]));
    }
}

static const struct acl_entry *find(const struct acl *a, const char *src, const char *dst, uint8_t proto, uint16_t dport)
{
    struct flow f = {.proto = proto, .ports = FLOW_PORTS, .sport = 1000, .dport = dport};
    assert_true(addr_parse(src, &f.src) && addr_parse(dst, &f.dst));
    return acl_find(a, &f);
}

static void the_first_match_decides(void **state)
{
    (void)state;
    struct acl a = {0};
    assert_null(find(&a, "10.0.0.1", "10.0.0.2", 6, 80));
    append(&a, "deny tcp any any eq 22", 10);
    append(&a, "permit ip 10.0.0.0/8 10.0.0.0/8", 10);
    append(&a, "deny ip any host 10.0.0.9", 20);
    append(&a, "permit ip any any", 20);
    assert_int_equal(a.n, 6);
    assert_int_equal(find(&a, "10.0.0.1", "10.0.0.2", 6, 22)->number, 1);
    assert_int_equal(find(&a, "::1", "::2", 6, 22)->number, 2);
    assert_int_equal(find(&a, "10.0.0.1", "10.0.0.9", 6, 80)->number, 3); /* the later deny doesn't count */
    assert_int_equal(find(&a, "11.0.0.1", "10.0.0.9", 6, 80)->number, 4);
    assert_int_equal(find(&a, "11.0.0.1", "10.0.0.8", 6, 80)->number, 5);
    assert_int_equal(find(&a, "::1", "::2", 17, 22)->number, 6);
    acl_free(&a);
    assert_null(a.entries);
}

static void a_list_has_a_limit(void **state)
{
    (void)state;
    struct acl a = {0};
    struct acl_entry e = {.permit = true, .sel = {.sport = {0, 65535}, .dport = {0, 65535}}};
    for (size_t i = 0; i < ACL_MAX_ENTRIES; i++)
        assert_true(acl_append(&a, &e));
    assert_false(acl_append(&a, &e));
    assert_int_equal(a.n, ACL_MAX_ENTRIES);
    acl_free(&a);
}

static void an_entry_of_the_list_itself_can_be_appended(void **state)
{
    (void)state;
    struct acl a = {0};
    append(&a, "permit udp host 1.1.1.1 any eq 5", 1);
    for (int i = 0; i < 100; i++)
        assert_true(acl_append(&a, &a.entries[0]));
    assert_true(selector_equal(&a.entries[0].sel, &a.entries[100].sel));
    acl_free(&a);
}

static void copies_are_equal_and_apart(void **state)
{
    (void)state;
    struct acl a = {0}, b, empty;
    append(&a, "permit ip 10.0.0.0/8 any", 10);
    append(&a, "deny ip any 10.0.0.0/8", 10);
    assert_true(acl_copy(&b, &a));
    assert_true(acl_equal(&a, &b));
    assert_ptr_not_equal(a.entries, b.entries);

    b.entries[1].permit = true;
    assert_false(acl_equal(&a, &b));
    b.entries[1].permit = false;
    b.entries[1].sa = 11;
    assert_false(acl_equal(&a, &b));
    b.entries[1].sa = 10;
    b.entries[1].number = 9;
    assert_false(acl_equal(&a, &b));
    b.entries[1].number = 2;
    b.entries[1].sel.proto = 1;
    assert_false(acl_equal(&a, &b));
    b.entries[1].sel.proto = 0;
    assert_true(acl_equal(&a, &b));
    b.n--;
    assert_false(acl_equal(&a, &b));

    acl_free(&b);
    assert_true(acl_copy(&empty, &b));
    assert_true(acl_equal(&empty, &b));
    acl_free(&empty);
    acl_free(&a);
}

static void finds_the_mirror(void **state)
{
    (void)state;
    struct acl a = {0};
    append(&a, "permit ip 10.0.0.0/8 20.0.0.0/8", 10);
    append(&a, "permit ip 20.0.0.0/8 10.0.0.0/8", 20);
    append(&a, "permit ip 30.0.0.0/8 30.0.0.0/8", 10);
    append(&a, "permit tcp host 1.1.1.1 host 2.2.2.2 eq 80", 10);
    append(&a, "permit tcp host 2.2.2.2 host 1.1.1.1 eq 80", 10); /* no mirror: that has the port at the source */
    append(&a, "deny udp host 1.1.1.1 host 2.2.2.2", 10);
    append(&a, "permit udp host 2.2.2.2 host 1.1.1.1", 10); /* no mirror: another action */
    static const bool expected[] = {true, true, true, false, false, false, false};
    for (size_t i = 0; i < a.n; i++)
        assert_int_equal(acl_has_mirror(&a, &a.entries[i]), expected[i]);
    acl_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_match_decides),    cmocka_unit_test(a_list_has_a_limit),
        cmocka_unit_test(an_entry_of_the_list_itself_can_be_appended),
        cmocka_unit_test(copies_are_equal_and_apart), cmocka_unit_test(finds_the_mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
