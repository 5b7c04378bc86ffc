# SPDX-License-Identifier: BSD-3-Clause
"""The machine that numbers come from, in a sentence."""

import os
import re


def read(path):
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except OSError:
        return ""


def described():
    """The CPU, how many of them, their vector units, hugepages, and how busy they are."""
    cpu = read("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpu)
    flags = set((re.search(r"flags\s*: (.*)", cpu) or ["", ""])[1].split())
    units = [name for flag, name in (("avx512f", "AVX512"), ("vaes", "VAES"), ("sha_ni", "SHA-NI")) if flag in flags]
    pages = read("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").strip() or "0"
    return (f"{model[1] if model else 'unknown CPU'}, {len(os.sched_getaffinity(0))} CPUs, {', '.join(units) or 'no vector units'}, "
            f"{pages} free hugepages of 2 MB, load {os.getloadavg()[0]:.1f} before the run.")
