/* SPDX-License-Identifier: BSD-3-Clause */
/* Which identity fits which configuration (decision 23; CVE-2013-6075: short and embedded comparisons). */
#include "ctrl/phase1/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool fits(uint8_t type, const void *data, size_t len, const char *expected)
{
    struct addr peer = addr_v4(0x0a000002);
    struct isakmp_id id = {.type = type, .data = span_of(data, len)};
    return phase1_identity_matches(&id, expected, &peer);
}

static void addresses(void **state)
{
    (void)state;
    static const uint8_t two[] = {10, 0, 0, 2}, three[] = {10, 0, 0, 3},
                         mask[] = {10, 0, 0, 2, 255, 255, 255, 255};
    assert_true(fits(ISAKMP_ID_IPV4_ADDR, two, 4, ""));
    assert_true(fits(ISAKMP_ID_IPV4_ADDR, two, 4, "10.0.0.2"));
    assert_true(
        fits(ISAKMP_ID_IPV4_ADDR, three, 4, "10.0.0.3")); /* behind NAT: not the address it comes from */
    assert_false(fits(ISAKMP_ID_IPV4_ADDR, three, 4, ""));
    assert_false(fits(ISAKMP_ID_IPV4_ADDR, two, 4, "10.0.0.3"));
    assert_false(fits(ISAKMP_ID_IPV4_ADDR, two, 3, ""));
    assert_false(fits(ISAKMP_ID_IPV4_ADDR, two, 0, ""));
    for (unsigned type = 0; type < 256; type++)
        assert_int_equal(fits((uint8_t)type, two, 4, ""), type == ISAKMP_ID_IPV4_ADDR);
    assert_false(fits(ISAKMP_ID_IPV4_ADDR_SUBNET, mask, 8, ""));
    assert_false(fits(ISAKMP_ID_FQDN, "10.0.0.2", 8, "10.0.0.2")); /* a name that looks like it */
}

static void names(void **state)
{
    (void)state;
    static const char name[] = "gm1.example.org";
    size_t len = strlen(name);
    for (unsigned type = 0; type < 256; type++)
        assert_int_equal(fits((uint8_t)type, name, len, name),
                         type == ISAKMP_ID_FQDN || type == ISAKMP_ID_KEY_ID);
    assert_false(fits(ISAKMP_ID_FQDN, name, len - 1, name));
    assert_false(fits(ISAKMP_ID_FQDN, name, len + 1, name)); /* with its NUL */
    assert_false(fits(ISAKMP_ID_FQDN, name, 0, name));
    assert_false(fits(ISAKMP_ID_FQDN, "gm1.example.orG", len, name));
    assert_false(fits(ISAKMP_ID_FQDN, "gm1\0example.org", len, name));
    static const char user[] = "gm1@example.org";
    for (unsigned type = 0; type < 256; type++)
        assert_int_equal(fits((uint8_t)type, user, strlen(user), user), type == ISAKMP_ID_USER_FQDN);
}

static void our_own_is_our_address(void **state)
{
    (void)state;
    struct addr a = addr_v4(0x0a000001);
    struct isakmp_id id = phase1_identity_of_address(&a);
    assert_int_equal(id.type, ISAKMP_ID_IPV4_ADDR);
    assert_int_equal(id.protocol, 0);
    assert_int_equal(id.port, 0);
    assert_true(span_equal(id.data, span_of("\x0a\x00\x00\x01", 4)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(names),
        cmocka_unit_test(our_own_is_our_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
