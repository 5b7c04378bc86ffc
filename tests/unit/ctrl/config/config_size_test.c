/* SPDX-License-Identifier: BSD-3-Clause */
/* KS15, KS16: what one message can carry. Our members get any list that may be configured; others a SA
 * payload per permit. */
#include "ctrl/config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A group of n_sas times n_entries IPv6 entries of this action, all different; line 8 has the first list. */
static struct config *group_of(unsigned n_sas, unsigned n_entries, const char *first_action,
                               const char *ports)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct yaml_error e = {.text = ""};
    struct config *c;

    assert_non_null(to);
    fprintf(to, "gvpn: 1\n"
                "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.0/8, secret: "
                "0123456789abcdef0123456789abcdef}]}\n"
                "transform-sets: {t: {suite: aes-gcm-256}}\n"
                "profiles: {p: {transform-set: t, lifetime: 1d}}\n"
                "acls:\n");
    for (unsigned i = 0; i < n_sas; i++) {
        fprintf(to, "  a%u:\n", i);
        for (unsigned k = 0; k < n_entries; k++)
            fprintf(to, "  - %s udp host 2001:db8::%x:%x%s host 2001:db8::%x\n",
                    i + k == 0 ? first_action : "permit", i, k, ports, k);
    }
    fprintf(to, "groups:\n- name: g\n  identity: 1\n  key-server:\n    address: 10.0.0.1\n"
                "    authorize: {addresses: [permit any]}\n    sa:\n");
    for (unsigned i = 0; i < n_sas; i++)
        fprintf(to, "    - {number: %u, profile: p, acl: a%u, replay: none}\n", i + 1, i);
    assert_int_equal(fclose(to), 0);
    c = config_parse("f", text, len, &e);
    if (!c)
        print_error("%s\n", e.text);
    free(text);
    assert_non_null(c);
    return c;
}

/* How many warnings say that other makers' members can't be told. */
static unsigned too_large(const struct config *c, char out[CONFIG_MAX_TEXT])
{
    unsigned n = 0;

    for (size_t i = 0; i < c->n_lints; i++) {
        if (!strstr(c->lints[i], "other makers"))
            continue;
        snprintf(out, CONFIG_MAX_TEXT, "%s", c->lints[i]);
        n++;
    }
    return n;
}

static void the_largest_group_loads(void **state)
{
    struct config *c =
        group_of(CONFIG_MAX_SAS, 62, "permit", " range 1 9"); /* ranges: not for others anyway */
    char text[CONFIG_MAX_TEXT];

    (void)state;
    assert_int_equal(c->groups[0].ks.n_sas, 16);
    assert_int_equal(too_large(c, text), 0);
    config_free(c);
    c = group_of(1, ACL_MAX_ENTRIES, "deny", "");
    assert_int_equal(c->groups[0].ks.sas[0].acl.n, 1000);
    assert_int_equal(too_large(c, text), 0); /* neither is deny */
    config_free(c);
}

static void what_others_cannot_be_told_is_a_warning(void **state)
{
    struct config *c = group_of(1, ACL_MAX_ENTRIES, "permit", "");
    char text[CONFIG_MAX_TEXT];

    (void)state;
    assert_int_equal(too_large(c, text), 1);
    assert_string_equal(
        text, "f:1013:5: sa: members of other makers will be refused: the policy is too large for one "
              "message (1000 rules, 2 SAs)");
    config_free(c);
    c = group_of(1, 100, "permit", " eq 5");
    assert_int_equal(too_large(c, text), 0);
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_group_loads),
        cmocka_unit_test(what_others_cannot_be_told_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
