# SPDX-License-Identifier: BSD-3-Clause
"""Priority over everything else on the machine, for tests in which it must not matter what else runs there."""

import contextlib
import os

REAL_TIME, FIRST = 1, 2  # the lowest of these priorities is above all others


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


def first(pids):
    """Of those above all these processes come first: a test that makes a key or reads a schema keeps a CPU for a tenth of a
    second from whoever has the same priority.
    """
    for pid in pids:
        for thread in map(int, os.listdir(f"/proc/{pid}/task")):
            if os.sched_getscheduler(thread) == os.SCHED_RR:
                os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(FIRST))
