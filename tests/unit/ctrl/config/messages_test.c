/* SPDX-License-Identifier: BSD-3-Clause */
/* Mistakes in a file for which the original has messages (OP3): what gvpnd logs beside the place in the file. */
#include "ctrl/config/config.h"

#include "common/acl.h"
#include "tests/lib/said.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define TOP                                                                                                            \
    "gvpn: 1\n"                                                                                                        \
    "ike: {listen: [10.0.0.1], pre-shared-keys: [{peer: 10.0.0.2, secret: 0123456789abcdef0123456789abcdef}]}\n"
#define SETS "acls: {a: [permit ip any any]}\ntransform-sets: {t: {suite: aes-gcm-128}}\nprofiles: {p: {transform-set: t}}\n"
#define SERVER(more)                                                                                                   \
    "groups:\n- {name: G, identity: 1, key-server: {address: 10.0.0.1, sa: [{number: 1, profile: p, acl: a, replay: none}]" more "}}\n"

/* The file is refused, and this is said; NULL = nothing but the place in the file. */
static void refused(const char *text, const char *line)
{
    struct yaml_error e = {.text = ""};

    assert_null(config_parse("f", text, strlen(text), &e));
    assert_true(e.text[0]);
    said_begin();
    config_log_mistake(&e);
    assert_int_equal(said_all.n, line != NULL);
    if (line)
        assert_int_equal(said(line), 1);
}

static void a_member_without_group_id_or_server(void **state)
{
    (void)state;
    refused(TOP "groups:\n- {name: G, member: {key-servers: [10.0.0.9], data-plane: {pair: w}}}\n",
            "%GDOI-3-GM_INCOMPLETE_CFG: Registration of group G can't be done, its configuration is incomplete: f:4:3: the key "
            "'identity' is missing, expected it here");
    refused(TOP "groups:\n- {name: G, identity: 1, member: {data-plane: {pair: w}}}\n",
            "%GDOI-3-GM_INCOMPLETE_CFG: Registration of group G can't be done, its configuration is incomplete: f:4:26: member: the key "
            "'key-servers' is missing, expected it here");
}

static void a_key_server_without_a_signing_key(void **state)
{
    (void)state;
    refused(TOP SETS SERVER(", rekey: {transport: unicast}"),
            "%GDOI-1-KS_NO_RSA_KEYS: Signing key of group G is missing or of no use: f:7:111: rekey: the key 'signing-key' is missing, expected it here");
    refused(TOP SETS SERVER(", rekey: {transport: unicast, signing-key: /nowhere/key.pem}"),
            "%GDOI-1-KS_NO_RSA_KEYS: Signing key of group G is missing or of no use: f:7:139: signing-key: can't read '/nowhere/key.pem': "
            "No such file or directory, expected a file that holds the secret");
}

static void a_list_that_is_too_long(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    (void)state;
    assert_non_null(to);
    fprintf(to, TOP "acls:\n  a:\n");
    for (unsigned i = 0; i <= ACL_MAX_ENTRIES; i++)
        fprintf(to, "  - permit udp host 10.0.0.1 eq %u any\n", i + 1);
    assert_int_equal(fclose(to), 0);
    refused(text, "%GDOI-3-GDOI_ACL_NUM: Too many ACL entries, at most 1000 are honoured: f:1005:5: too many entries, expected at most 1000");
    free(text);
}

static void other_mistakes_have_no_message(void **state)
{
    (void)state;
    refused("gvpn: 2\n", NULL);
    refused(TOP "groups:\n- {name: G, identity: x, member: {key-servers: [10.0.0.9], data-plane: {pair: w}}}\n", NULL);
    refused(TOP "groups:\n- {name: G, key-server: {address: 10.0.0.1}}\n", NULL);
    refused(TOP "groups:\n- {name: G, identity: 1, member: 5}\n", NULL);
    refused(TOP "groups:\n- 5\n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_without_group_id_or_server),
        cmocka_unit_test(a_key_server_without_a_signing_key),
        cmocka_unit_test(a_list_that_is_too_long),
        cmocka_unit_test(other_mistakes_have_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
