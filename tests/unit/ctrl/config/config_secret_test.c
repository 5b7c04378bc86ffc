/* SPDX-License-Identifier: BSD-3-Clause */
/* Secret files: what of their content counts, which are refused, and where they are looked for. */
#include "ctrl/config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/config_secret_test.XXXXXX";
static char file[64], secret_file[64];

static const char text[] =
    "gvpn: 1\n"
    "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.1, secret-file: me.psk}]}\n"
    "groups: [{name: g, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: w}}}]\n";

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(file, sizeof(file), "%s/c.yaml", dir);
    snprintf(secret_file, sizeof(secret_file), "%s/me.psk", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(file);
    unlink(secret_file);
    return rmdir(dir);
}

static void write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(name, mode), 0);
}

static struct config *load(const void *secret, size_t len, mode_t mode, struct yaml_error *e)
{
    write_file(file, text, strlen(text), 0644);
    unlink(secret_file);
    if (secret)
        write_file(secret_file, secret, len, mode);
    return config_load(file, e);
}

static void content_less_one_newline(void **state)
{
    static const struct {
        const char *bytes;
        size_t len, want;
    } rows[] = {
        {"0123456789abcdef", 16, 16},
        {"0123456789abcdef\n", 17, 16},
        {"0123456789abcdef\n\n", 18, 17},
        {"0123456789abcde\r\n", 17, 16},
        {"01234567\0"
         "9abcdef",
         16, 16},
        {" 0123456789abcdef ", 18, 18},
    };
    struct yaml_error e;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *c = load(rows[i].bytes, rows[i].len, 0600, &e);

        if (!c)
            fail_msg("%s", e.text);
        assert_int_equal(c->psks[0].secret.len, rows[i].want);
        assert_memory_equal(c->psks[0].secret.b, rows[i].bytes, rows[i].want);
        config_free(c);
    }
}

static void length_has_limits(void **state)
{
    char bytes[SECRET_MAX + 10], want[200];
    struct yaml_error e;
    struct config *c;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    assert_null(load(bytes, 15, 0600, &e));
    snprintf(want, sizeof(want), "%s:2:75: secret-file: 15 octets, expected at least 16", file);
    assert_string_equal(e.text, want);
    assert_null(load("", 0, 0600, &e));
    snprintf(want, sizeof(want), "%s:2:75: secret-file: 0 octets, expected at least 16", file);
    assert_string_equal(e.text, want);
    bytes[15] = '\n';
    assert_null(load(bytes, 16, 0600, &e));
    bytes[15] = 'x';
    c = load(bytes, SECRET_MAX, 0600, &e);
    assert_non_null(c);
    assert_int_equal(c->n_lints, 0);
    config_free(c);
    bytes[SECRET_MAX] = '\n';
    c = load(bytes, SECRET_MAX + 1, 0600, &e);
    assert_non_null(c);
    assert_int_equal(c->psks[0].secret.len, SECRET_MAX);
    config_free(c);
    bytes[SECRET_MAX] = 'x';
    assert_null(load(bytes, SECRET_MAX + 1, 0600, &e));
    snprintf(want, sizeof(want), "%s:2:75: secret-file: too long, expected at most %d octets", file,
             SECRET_MAX);
    assert_string_equal(e.text, want);
    assert_null(load(bytes, SECRET_MAX + 10, 0600, &e));
    assert_string_equal(e.text, want);
}

static void others_may_not_touch_it(void **state)
{
    static const struct {
        mode_t mode;
        bool ok;
    } rows[] = {{0400, true},  {0600, true},  {0640, true},  {0440, true},  {0644, false}, {0604, false},
                {0602, false}, {0601, false}, {0620, false}, {0660, false}, {0777, false}};
    struct yaml_error e;
    char want[300];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct config *c = load("0123456789abcdef0123456789abcdef", 32, rows[i].mode, &e);

        if ((c != NULL) != rows[i].ok)
            fail_msg("mode %04o: %s", (unsigned)rows[i].mode, c ? "accepted" : e.text);
        config_free(c);
        if (rows[i].ok)
            continue;
        snprintf(want, sizeof(want),
                 "%s:2:62: secret-file: others may use 'me.psk' (mode %04o), expected mode 0600 or 0640",
                 file, (unsigned)rows[i].mode);
        assert_string_equal(e.text, want);
    }
}

static void missing_or_odd_files_are_told(void **state)
{
    struct yaml_error e;
    char want[300];

    (void)state;
    assert_null(load(NULL, 0, 0, &e));
    snprintf(want, sizeof(want),
             "%s:2:62: secret-file: can't read 'me.psk': No such file or directory, expected a file that "
             "holds the secret",
             file);
    assert_string_equal(e.text, want);
    /* A pipe must not make the daemon wait. */
    unlink(secret_file);
    assert_int_equal(mkfifo(secret_file, 0600), 0);
    write_file(file, text, strlen(text), 0644);
    assert_null(config_load(file, &e));
    snprintf(want, sizeof(want), "%s:2:62: secret-file: 'me.psk' isn't a regular file", file);
    assert_string_equal(e.text, want);
}

static void absolute_names_stay_as_they_are(void **state)
{
    char other[300];
    struct yaml_error e;
    struct config *c;

    (void)state;
    unlink(secret_file);
    write_file(secret_file, "0123456789abcdef", 16, 0600);
    snprintf(other, sizeof(other),
             "gvpn: 1\nike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.1, secret-file: %s}]}\n%s",
             secret_file, strstr(text, "groups:"));
    c = config_parse("/elsewhere/c.yaml", other, strlen(other), &e);
    if (!c)
        fail_msg("%s", e.text);
    config_free(c);
}

static void secrets_in_a_readable_file_are_warned_of(void **state)
{
    static const char inside[] =
        "gvpn: 1\n"
        "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.1, secret: "
        "0123456789abcdef0123456789abcdef}]}\n"
        "groups: [{name: g, identity: 1, member: {key-servers: [10.0.0.1], data-plane: {pair: w}}}]\n";
    struct yaml_error e;
    struct config *c;
    char want[200];

    (void)state;
    write_file(file, inside, strlen(inside), 0644);
    c = config_load(file, &e);
    assert_non_null(c);
    snprintf(want, sizeof(want),
             "%s:1:1: everybody can read this file and a secret stands in it; use secret-file or chmod o-r",
             file);
    assert_int_equal(c->n_lints, 1);
    assert_string_equal(c->lints[0], want);
    config_free(c);
    assert_int_equal(chmod(file, 0640), 0);
    c = config_load(file, &e);
    assert_non_null(c);
    assert_int_equal(c->n_lints, 0);
    config_free(c);
}

static void a_key_server_without_a_secret_is_warned_of(void **state)
{
    static const char servers[] =
        "gvpn: 1\n"
        "ike: {listen: [10.0.0.2], pre-shared-keys: [{peer: 10.0.0.0/24, secret: "
        "0123456789abcdef0123456789abcdef}]}\n"
        "groups: [{name: g, identity: 1, member: {key-servers: [10.0.0.1, 10.0.1.1, 10.0.0.9],\n"
        "  data-plane: {pair: w}}}]\n";
    struct yaml_error e;
    struct config *c = config_parse("f.yaml", servers, strlen(servers), &e);

    (void)state;
    assert_non_null(c);
    assert_int_equal(c->n_lints, 1);
    assert_string_equal(
        c->lints[0],
        "f.yaml:3:66: '10.0.1.1' has no entry in ike.pre-shared-keys, so it can never be registered with");
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_less_one_newline),
        cmocka_unit_test(length_has_limits),
        cmocka_unit_test(others_may_not_touch_it),
        cmocka_unit_test(missing_or_odd_files_are_told),
        cmocka_unit_test(absolute_names_stay_as_they_are),
        cmocka_unit_test(secrets_in_a_readable_file_are_warned_of),
        cmocka_unit_test(a_key_server_without_a_secret_is_warned_of),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
