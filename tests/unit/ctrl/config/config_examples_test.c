/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every example of configs/ that is gvpnd's loads, without a warning but the one about the secrets written
 * into some. They are copied to a folder of our own, beside the secret files that they name. Argument: the
 * folder configs.
 */
#include "ctrl/config/config.h"
#include "tests/lib/signing_keys.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *configs;
static char dir[] = "/tmp/config_examples_test.XXXXXX";
static const char *const secrets[] = {"branches.psk", "gm1.psk", "gm2.psk", "lab.psk", "ks1.psk", "ks2.psk"};

static const char *in_dir(const char *name)
{
    static char path[200];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *bytes, size_t len)
{
    FILE *f = fopen(in_dir(name), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(in_dir(name), 0600), 0);
}

/* Copies a file beside the secrets; false when it isn't gvpnd's. */
static bool copy(const char *from)
{
    static char text[100000];
    FILE *f = fopen(from, "r");
    size_t len;

    assert_non_null(f);
    len = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[len] = 0;
    if (!strstr(text, "\ngvpn: 1"))
        return false;
    write_file("example.yaml", text, len);
    return true;
}

static unsigned check_all(const char *pattern)
{
    char path[1000];
    glob_t found;
    unsigned n = 0;

    snprintf(path, sizeof(path), "%s/%s", configs, pattern);
    assert_int_equal(glob(path, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct yaml_error e;
        struct config *c;

        if (!copy(found.gl_pathv[i]))
            continue;
        c = config_load(in_dir("example.yaml"), &e);
        if (!c)
            fail_msg("%s: %s", found.gl_pathv[i], e.text);
        if (c->n_lints)
            fail_msg("%s: %s", found.gl_pathv[i], c->lints[0]);
        config_free(c);
        n++;
    }
    globfree(&found);
    return n;
}

static void examples_load(void **state)
{
    (void)state;
    assert_true(check_all("*.yaml") >= 6);
}

static void demo_loads(void **state)
{
    (void)state;
    assert_true(check_all("demo/*.yaml") >= 3);
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        char secret[64];

        snprintf(secret, sizeof(secret), "0123456789abcdef0123456789abcdef %zu\n", i);
        write_file(secrets[i], secret, strlen(secret));
    }
    write_file("rekey.pem", signing_key_p256, strlen(signing_key_p256));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        unlink(in_dir(secrets[i]));
    unlink(in_dir("rekey.pem"));
    unlink(in_dir("example.yaml"));
    return rmdir(dir);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(examples_load), cmocka_unit_test(demo_loads)};

    configs = argc > 1 ? argv[1] : "configs";
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
