/* SPDX-License-Identifier: BSD-3-Clause */
/* What a daemon asks of its system, looked at from outside: in a process of its own, since some of it is for good. */
#include "common/daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Keys reach no core file (invariant 8): not as a file, and not through a pipe, which asks for no limit. */
static void protected_memory_is_in_no_core(void **state)
{
    int status = -1;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit core = {1, 1};

        daemon_protect_memory();
        _exit(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0 &&
                      prctl(PR_GET_DUMPABLE, 0L, 0L, 0L, 0L) == 0
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void a_rate_is_a_whole_number_from_1_to_1000(void **state)
{
    uint32_t rate = 7;

    (void)state;
    assert_true(daemon_parse_rate("1", &rate) && rate == 1);
    assert_true(daemon_parse_rate("1000", &rate) && rate == 1000);
    assert_false(daemon_parse_rate("0", &rate) || daemon_parse_rate("1001", &rate) || daemon_parse_rate("", &rate));
    assert_false(daemon_parse_rate("+5", &rate) || daemon_parse_rate("5x", &rate) || daemon_parse_rate("-1", &rate));
    assert_int_equal(rate, 1000);
}

static void a_relative_path_lies_in_the_run_directory(void **state)
{
    char out[16];

    (void)state;
    assert_true(daemon_path("/run/x", "a.sock", out, sizeof(out)));
    assert_string_equal(out, "/run/x/a.sock");
    assert_true(daemon_path("/run/x", "/a.sock", out, sizeof(out)));
    assert_string_equal(out, "/a.sock");
    assert_false(daemon_path("/run/x", "123456789.sock", out, sizeof(out)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(protected_memory_is_in_no_core),
        cmocka_unit_test(a_rate_is_a_whole_number_from_1_to_1000),
        cmocka_unit_test(a_relative_path_lies_in_the_run_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
