# SPDX-License-Identifier: BSD-3-Clause
"""gvpn-dp doesn't start with a crypto library that is wrong in a suite, and says in which (DP2): a preloaded one (broken_mb.c) that
changes a bit of the ICVs of one suite. With the same one, wrong in nothing, it starts.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from topology import Topology, build  # noqa: E402

SUITES = ("aes-gcm-128", "aes-gcm-192", "aes-gcm-256", "chacha20-poly1305", "aes-cbc-192/hmac-sha384-192",
          "aes-cbc-256/hmac-sha1-96", "null/hmac-sha256-128", "3des-cbc/hmac-sha1-96")

CONFIG = """gvpn-dp: 1
eal: [--no-huge, --no-shconf, --iova-mode=va, -m, "256"]
workers: [0]
ports: [{name: lan0, device: net_null0}, {name: wan0, device: net_null1}]
pairs: [{name: wan, inside: lan0, outside: wan0, mtu: 1500}]
local: {tap: gvpn0, mac: "02:00:00:00:00:09", addresses: [10.9.9.9/24]}
"""


@pytest.fixture(scope="module")
def t():
    with Topology("st") as topology:
        topology.ns = topology.namespace("one")
        topology.config = topology.path("dp.yaml", CONFIG)
        yield topology


def start(t, broken, ready=False):
    # A sanitizer wants to be the first library; the preloaded one calls nothing that it would have to see.
    asan = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
    env = {"LD_PRELOAD": build("tests/lib/libbroken_mb.so"), "GVPN_BROKEN": broken, "ASAN_OPTIONS": asan}
    return t.start(t.ns, [build("dataplane/gvpn-dp"), "-c", t.config, "--run-dir", t.dir], ready=ready, env=env)


@pytest.mark.parametrize("suite", SUITES)
def test_a_suite_that_is_wrong_stops_the_start(t, suite):
    p = start(t, suite)
    assert p.wait() == 1
    assert f"crypto self test of ipsec-mb failed: {suite}" in p.output()
    assert "READY" not in p.output() and "SELF_TEST" not in p.output()


def test_the_same_library_wrong_in_nothing_does_not(t):
    p = start(t, "none", ready=True)
    assert "SELF_TEST" in p.output() and "passed" in p.output()
    assert p.stop() == 0
