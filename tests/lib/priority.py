# SPDX-License-Identifier: BSD-3-Clause
"""Priority over everything else on the machine, for tests in which it must not matter what else runs there."""

import os

REAL_TIME = 1  # the lowest of these priorities is above all others


def above_all():
    """This process and all that it starts from now on. Real time: where the kernel shares the CPUs between sessions first
    (sched_autogroup), a nice value counts within the session only. Where root may not have that, nice is what is left.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(REAL_TIME))
    except PermissionError:
        os.nice(-20)
