/* SPDX-License-Identifier: BSD-3-Clause */
/* Compiled lists answer what the linear search answers (KS15), whatever the list and the packet; acl_find() is the oracle. */
#include "dataplane/ruleset.h"

#include "dataplane/core/l3.h"
#include "tests/lib/random_acl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LISTS 300
#define FLOWS 3000 /* per list */

static int seed_random(void **state)
{
    unsigned seed = (unsigned)time(NULL);

    (void)state;
    printf("seed %u\n", seed);
    srandom(seed);
    return 0;
}

/* The first deny that matches, or permit whose addresses do. */
static const struct acl_entry *by_addresses(const struct acl *list, const struct flow *f)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct selector *s = &list->entries[i].sel;

        if (list->entries[i].permit ? prefix_contains(&s->src, &f->src) && prefix_contains(&s->dst, &f->dst)
                                    : selector_match(s, false, f))
            return &list->entries[i];
    }
    return NULL;
}

static void check_flow(const struct ruleset *r, const struct acl *list, const struct flow *f)
{
    const struct acl_entry *want = acl_find(list, f), *found = ruleset_find(r, f);
    char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], text[ACL_TEXT_MAX];

    if (found == want)
        return;
    fail_msg("%s -> %s proto %u ports %u %u %u: entry %d of %zu instead of %d (%s)", addr_text(&f->src, src),
             addr_text(&f->dst, dst), f->proto, (unsigned)f->ports, f->sport, f->dport,
             found ? (int)(found - list->entries) : -1, list->n, want ? (int)(want - list->entries) : -1,
             want ? acl_entry_text(want, text) : "none");
}

static void compiled_is_what_linear_says(void **state)
{
    unsigned matched = 0, later = 0;

    (void)state;
    for (unsigned i = 0; i < LISTS; i++) {
        size_t n = i < 3 ? ACL_MAX_ENTRIES : (size_t)random() % (i % 4 ? 200 : ACL_MAX_ENTRIES) + 1;
        struct acl list = random_acl(n, (enum random_families)(random() % 3));
        struct ruleset r;

        assert_true(ruleset_compile(&r, &list));
        assert_int_equal(ruleset_size(&r) > 0, n > RULESET_LINEAR);
        for (unsigned k = 0; k < FLOWS; k++) {
            struct flow f = random_flow(&list);
            const struct acl_entry *e = acl_find(&list, &f);

            check_flow(&r, &list, &f);
            assert_ptr_equal(ruleset_find_addresses(&r, &f), by_addresses(&list, &f));
            matched += e != NULL;
            later += e != NULL && e > list.entries + RULESET_LINEAR;
        }
        ruleset_free(&r);
        acl_free(&list);
    }
    /* The flows must be worth their name. */
    assert_true(matched > LISTS * FLOWS / 20 && later > LISTS * FLOWS / 200);
}

static void put(struct acl *list, const char *text)
{
    struct acl_entry e[2];
    const char *error;
    size_t column, n = acl_parse_entry(text, e, &error, &column);

    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        assert_true(acl_append(list, &e[i]));
}

/* The ends of every axis, first and last entry of words of 64. */
static void the_ends_of_every_axis(void **state)
{
    struct acl list = {0};
    struct ruleset r;
    struct flow f = {.proto = 17, .ports = FLOW_PORTS};

    (void)state;
    for (unsigned i = 0; i < 63; i++)
        put(&list, "deny 200 host 1.1.1.1 host 1.1.1.1");
    put(&list, "permit udp host 0.0.0.0 eq 0 host 255.255.255.255 eq 65535");
    put(&list, "permit udp 128.0.0.0/1 range 65534 65535 host 255.255.255.255");
    put(&list, "permit 255 host :: host ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    put(&list, "permit ip ffff:ffff:ffff:ffff::/64 8000::/1");
    put(&list, "permit ip ::/63 ::/65");
    assert_true(ruleset_compile(&r, &list));
    assert_true(addr_parse("0.0.0.0", &f.src) && addr_parse("255.255.255.255", &f.dst));
    f.dport = 65535;
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[63]);
    f.src = f.dst;
    f.sport = 65535;
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[64]);
    f.sport = 65533;
    assert_null(ruleset_find(&r, &f));
    f.ports = FLOW_LATER_FRAGMENT;
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[64]);
    f.ports = FLOW_NO_PORTS;
    f.proto = 255;
    assert_null(ruleset_find(&r, &f));
    assert_true(addr_parse("::", &f.src) && addr_parse("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &f.dst));
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[65]);
    f.src = f.dst;
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[66]);
    assert_true(addr_parse("::1:ffff:ffff:ffff:ffff", &f.src) && addr_parse("::7fff:ffff:ffff:ffff", &f.dst));
    assert_ptr_equal(ruleset_find(&r, &f), &list.entries[67]);
    assert_true(addr_parse("::2:0:0:0:0", &f.src));
    assert_null(ruleset_find(&r, &f));
    ruleset_free(&r);
    acl_free(&list);
}

/* A list of one family has nothing to say about the other. */
static void families_are_apart(void **state)
{
    struct flow f = {.proto = 6, .ports = FLOW_PORTS};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct acl list = {0};
        struct ruleset r;

        while (list.n < 100)
            put(&list, i ? "permit ip ::/0 ::/0" : "permit ip 0.0.0.0/0 0.0.0.0/0");
        assert_true(ruleset_compile(&r, &list));
        assert_true(addr_parse("2001:db8::1", &f.src));
        f.dst = f.src;
        assert_ptr_equal(ruleset_find(&r, &f), i ? &list.entries[0] : NULL);
        assert_true(addr_parse("10.0.0.1", &f.src));
        f.dst = f.src;
        assert_ptr_equal(ruleset_find(&r, &f), i ? NULL : &list.entries[0]);
        ruleset_free(&r);
        acl_free(&list);
    }
}

/* At every place of the longest list: what it says is found, and it isn't hidden by what comes later. */
static void every_entry_of_the_longest_list_is_found(void **state)
{
    struct acl list = {0};
    struct ruleset r;
    char text[ACL_TEXT_MAX];

    (void)state;
    for (unsigned i = 0; i < ACL_MAX_ENTRIES; i++) {
        snprintf(text, sizeof text, "%s udp 2001:db8:%x::/48 range %u %u any", i % 2 ? "deny" : "permit", i / 4, 10 * (i % 4),
                 10 * (i % 4) + 9);
        put(&list, text);
    }
    assert_int_equal(list.n, ACL_MAX_ENTRIES);
    assert_true(ruleset_compile(&r, &list));
    for (unsigned i = 0; i < ACL_MAX_ENTRIES; i++) {
        struct flow f = {.proto = 17, .ports = FLOW_PORTS, .sport = (uint16_t)(10 * (i % 4) + 9), .dport = 1};

        snprintf(text, sizeof text, "2001:db8:%x::1", i / 4);
        assert_true(addr_parse(text, &f.src) && addr_parse("::1", &f.dst));
        assert_ptr_equal(ruleset_find(&r, &f), &list.entries[i]);
        f.sport = (uint16_t)(f.sport + 100);
        assert_null(ruleset_find(&r, &f));
    }
    assert_true(ruleset_size(&r) < 2u << 20);
    ruleset_free(&r);
    acl_free(&list);
}

/* Which protocols have ports is known at two places. */
static void lists_and_packets_agree_about_ports(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 256; i++)
        assert_int_equal(selector_proto_has_ports((uint8_t)i), l3_proto_has_ports((uint8_t)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_is_what_linear_says),
        cmocka_unit_test(the_ends_of_every_axis),
        cmocka_unit_test(families_are_apart),
        cmocka_unit_test(every_entry_of_the_longest_list_is_found),
        cmocka_unit_test(lists_and_packets_agree_about_ports),
    };

    return cmocka_run_group_tests(tests, seed_random, NULL);
}
