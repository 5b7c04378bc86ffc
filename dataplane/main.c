/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * gvpn-dp: options, start in order, run, stop in reverse order. Exit 0 after a clean stop or a good --check, 1 for a bad
 * file or a start that failed, 2 for wrong usage.
 */
#include "common/daemon.h"
#include "dataplane/dp.h"

#include <stdio.h>
#include <stdlib.h>

static const struct options_daemon gvpn_dp = {
    .name = "gvpn-dp",
    .usage = "usage: gvpn-dp -c FILE [--check] [--run-dir DIR] [--clock-rate R] [--log-level L]\n"
             "       gvpn-dp --version\n"
             "  -c FILE          configuration\n"
             "  --check          load FILE as the daemon would, say what is wrong with it, and exit\n"
             "  --run-dir DIR    lock and control socket (default /run/gvpn)\n"
             "  --clock-rate R   1 to 1000: lifetimes run so much faster (lab)\n"
             "  --log-level L    error, warn, info or debug; wins over the file\n"};

int main(int argc, char **argv)
{
    struct options o;
    struct yaml_error e = {.text = ""};
    struct cfg *cfg;
    int status = options_read(argc, argv, &gvpn_dp, &o);

    if (status >= 0) {
        return status;
    }
    daemon_protect_memory();
    cfg = cfg_load(o.file, &e);
    if (cfg == NULL) {
        (void)fprintf(stderr, "%s\n", e.text);
        return EXIT_FAILURE;
    }
    for (size_t i = 0; i < cfg->n_lints; i++) {
        (void)fprintf(stderr, "%s\n", cfg->lints[i]);
    }
    if (o.clock_rate != 1 && !cfg->lab) {
        (void)fprintf(stderr, "gvpn-dp: --clock-rate needs `lab: true` in %s\n", o.file);
        status = EXIT_FAILURE;
    } else if (o.check) {
        status = EXIT_SUCCESS;
    } else {
        status = dp_run(cfg, &o) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    cfg_free(cfg);
    return status;
}
