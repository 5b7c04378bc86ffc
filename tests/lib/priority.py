# SPDX-License-Identifier: BSD-3-Clause
"""Priority over everything else on the machine, for tests in which it must not matter what else runs there."""

import contextlib
import os

REAL_TIME = 1  # the lowest of these priorities is above all others


def above_all():
    """This process and all that it starts from now on: real time, or, where the kernel has no such time for this group of
    processes, nice. Where it shares the CPUs between sessions first (sched_autogroup), that counts within a session only, so
    the session gets the same value.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME))
    except PermissionError:
        os.nice(-20)
        with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
            group.write("-20")
