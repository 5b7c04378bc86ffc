/* SPDX-License-Identifier: BSD-3-Clause */
/* gvpnd's command line: its usage. */
#include "ctrl/options.h"

static const struct options_daemon gvpnd = {
    .name = "gvpnd",
    .usage = "usage: gvpnd -c FILE [--check] [--run-dir DIR] [--state-dir DIR] [--foreground]\n"
             "             [--clock-rate R] [--log-level L]\n"
             "       gvpnd --version\n"
             "  -c FILE          configuration\n"
             "  --check          load FILE as the daemon would, say what is wrong with it, and exit\n"
             "  --run-dir DIR    lock and sockets (default /run/gvpn)\n"
             "  --state-dir DIR  what survives a restart (default /var/lib/gvpn); this version keeps nothing there\n"
             "  --foreground     stay in the foreground, which gvpnd always does\n"
             "  --clock-rate R   1 to 1000: lifetimes run so much faster (lab)\n"
             "  --log-level L    error, warn, info or debug; wins over the file\n",
    .more = true};

int options_parse(int argc, char **argv, struct options *o)
{
    return options_read(argc, argv, &gvpnd, o);
}
