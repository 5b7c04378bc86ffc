# SPDX-License-Identifier: BSD-3-Clause
"""gvpnd says why it doesn't start, and ends with 1 (2 for wrong usage); likewise what only shows when both daemons
meet. What gvpn-dp refuses alone is in dp_alone_test.py.
"""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import System, ping, silent  # noqa: E402
from topology import Topology, build, ip, wait_for  # noqa: E402

GVPND = "ctrl/gvpnd"

SMALL = """gvpn: 1
ike:
  listen: [{listen}]
  pre-shared-keys:
    - {{peer: 10.0.0.9, secret: "0123456789abcdef0123456789abcdef"}}
{rest}"""
AS_SERVER = """acls: {{all: [permit ip 10.1.0.0/16 10.1.0.0/16]}}
transform-sets: {{strong: {{suite: aes-gcm-128}}}}
profiles: {{branch: {{transform-set: strong}}}}
groups:
  - name: ONE
    identity: 1
    key-server: {{address: {listen}, sa: [{{number: 1, profile: branch, acl: all, replay: none}}]}}
"""
AS_MEMBER = """groups:
  - {{name: ONE, identity: 1, member: {{key-servers: [10.0.0.9], data-plane: {{socket: gvpn-dp.sock, pair: wan}}}}}}
"""


@pytest.fixture(scope="module")
def t():
    with Topology() as topology:
        topology.ns = topology.namespace("one")
        ip(topology.ns, "addr add 10.0.0.1/32 dev lo")
        yield topology


def write(t, rest, listen="10.0.0.1", top=""):
    t.files = getattr(t, "files", 0) + 1
    path = t.path(f"gvpnd{t.files}.yaml", top + SMALL.format(listen=listen, rest=rest.format(listen=listen)))
    os.chmod(path, 0o600)
    return path


def start(t, *options, env=None, ready=False):
    return t.start(t.ns, [build(GVPND), *options, "--run-dir", t.dir], env=env, ready=ready)


def fails(t, *options, env=None):
    """Expects it to end by itself with 1; returns what it said."""
    p = start(t, *options, env=env)
    assert p.wait() == 1, p.output()
    assert p.output()
    return p.output()


@pytest.mark.parametrize("options", [[], ["-c"], ["-c", "x", "--nonsense"], ["-c", "x", "more"],
                                     ["-c", "x", "--clock-rate", "0"], ["-c", "x", "--clock-rate", "1001"],
                                     ["-c", "x", "--clock-rate", "fast"], ["-c", "x", "--log-level", "loud"]])
def test_wrong_usage(options):
    p = subprocess.run([build(GVPND), *options], capture_output=True, text=True, timeout=10, check=False)
    assert (p.returncode, p.stdout) == (2, "")
    assert p.stderr.startswith(("usage:", "gvpnd:", build(GVPND)))


@pytest.mark.parametrize("daemon", [GVPND, "dataplane/gvpn-dp", "tools/gvpnctl"])
def test_help_and_version(daemon):
    for option, expected in (("--help", "usage: "), ("--version", os.path.basename(daemon) + " 0.")):
        p = subprocess.run([build(daemon), option], capture_output=True, text=True, timeout=10, check=False)
        assert (p.returncode, p.stderr) == (0, "") and p.stdout.startswith(expected)


@pytest.mark.parametrize("wrong, place, expected", [
    ("groups: []\nnonsense: 1\n", "7:1", "nonsense"),
    ("profiles: {}\ngroups: []\nprofiles: {}\n", "8:1", "profiles"),
    ("profiles: {branch: {transform-set: nowhere}}\ngroups: []\n", "6:36", "nowhere"),
    ("ike-lifetime: 1h\n", "6:1", "ike-lifetime"),
    (AS_SERVER.replace("transform-set: strong}", "transform-set: strong, lifetime: 3600}"), "8:54", "unit"),
    ("groups:\n  - name: [", "8:1", ""),
])
def test_bad_file(t, wrong, place, expected):
    path = write(t, wrong if "{listen}" in wrong else wrong.replace("{", "{{").replace("}", "}}"))
    for options in (["--check"], []):
        said = fails(t, "-c", path, *options)
        assert said.startswith(f"{path}:{place}: "), said
        assert expected in said
    p = subprocess.run([build("tools/gvpnctl"), "check", path], capture_output=True, text=True, timeout=10, check=False)
    assert (p.returncode, p.stderr) == (1, said), "gvpnctl check says the same"


def test_absent_file(t):
    assert "absent.yaml" in fails(t, "-c", t.path("absent.yaml"))


def test_address_of_a_key_server_that_is_not_there(t):
    begin = time.monotonic()
    said = fails(t, "-c", write(t, AS_SERVER, listen="10.0.0.77"))
    assert "10.0.0.77 port 848" in said and "START_FAILED" in said
    assert time.monotonic() - begin < 15, "nothing to wait for: a member waits 30 s"


def test_port_that_is_taken(t):
    first = start(t, "-c", write(t, AS_SERVER), ready=True)
    other = t.path("other")
    os.makedirs(other, exist_ok=True)
    p = t.start(t.ns, [build(GVPND), "-c", write(t, AS_SERVER), "--run-dir", other])
    assert p.wait() == 1
    assert "10.0.0.1 port 848" in p.output() and "in use" in p.output()
    assert first.stop() == 0


def test_member_waits_for_its_address(t):
    p = start(t, "-c", write(t, AS_MEMBER, listen="10.0.0.78"))
    time.sleep(2)
    assert p.alive() and not os.path.exists(t.path("gvpnd.sock"))
    ip(t.ns, "addr add 10.0.0.78/32 dev lo")
    wait_for(lambda: os.path.exists(t.path("gvpnd.sock")), what="gvpnd to be ready")
    assert p.stop() == 0


def test_second_daemon_in_the_same_run_directory(t):
    first = start(t, "-c", write(t, AS_SERVER), ready=True)
    assert "gvpnd.lock" in fails(t, "-c", write(t, AS_SERVER))
    assert first.alive() and os.path.exists(t.path("gvpnd.sock"))
    assert first.stop() == 0
    assert not os.path.exists(t.path("gvpnd.sock"))


def test_lab_options_need_lab(t):
    path, lab = write(t, AS_SERVER), write(t, AS_SERVER + "lab: true\n")
    keylog = t.path("keys.log")
    assert "lab: true" in fails(t, "-c", path, "--clock-rate", "10")
    assert "lab: true" in fails(t, "-c", path, "--clock-rate", "10", "--check")
    assert "lab: true" in fails(t, "-c", path, env={"GVPN_KEYLOG": keylog})
    assert not os.path.exists(keylog)
    p = start(t, "-c", lab, "--clock-rate", "10", env={"GVPN_KEYLOG": keylog}, ready=True)
    assert "KEYLOG_ON" in p.output() and keylog in p.output(), "it is announced"
    assert p.stop() == 0
    assert os.stat(keylog).st_mode & 0o777 == 0o600
    with open(keylog, encoding="ascii") as f:
        assert re.fullmatch(r"esp 0x[0-9a-f]{8} aes-gcm-128 [0-9a-f]{40}\n", f.read())


def test_signals_stop_it_cleanly(t):
    """One or several, at any time after the start."""
    path = write(t, AS_SERVER)
    for pause in (0, 0.0002, 0.001, 0.01):
        p = start(t, "-c", path, ready=True)
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            p.popen.send_signal(sig)
            time.sleep(pause)
        assert p.wait() == 0, p.output()


def test_unequal_clock_rates_refuse_the_attach():
    with Topology(tag="r") as t, System(t, members=1, rate=10) as s:
        s.m1.start_data_plane(rate=20)
        s.m1.gw.wait_forwarding()
        s.m1.start_control()
        wait_for(lambda: "DP_UNREACHABLE" in s.m1.log(), what="gvpnd to say so")
        line = next(line for line in s.m1.log().splitlines() if "DP_UNREACHABLE" in line)
        assert "clock rate" in line and "10" in line and "20" in line
        assert "clock rate" in s.m1.dp.output(), "the data plane says so, too"
        assert s.m1.status()["state"] == "down"
        assert s.m1.ctl("status")[0] == 5
        assert s.m1.ctl("show", "counters")[0] == 3
        assert silent(s.h1, "10.1.1.254")


def test_second_gvpnd_for_one_data_plane():
    with Topology(tag="s") as t, System(t, members=1) as s:
        s.start()
        other = t.path("other")
        os.makedirs(other)
        text = open(os.path.join(s.m1.dir, "gvpnd.yaml"), encoding="utf-8").read()
        ip(s.m1.ns, "addr add 10.0.1.3/32 dev lo")
        path = t.path("other.yaml", text.replace("listen: [10.0.1.2]", "listen: [10.0.1.3]").replace(
            "socket: gvpn-dp.sock", f"socket: {s.m1.dir}/gvpn-dp.sock"))
        p = t.start(s.m1.ns, [build(GVPND), "-c", path, "--run-dir", other], ready=True)
        wait_for(lambda: "refused" in p.output(), what="the second one to be refused")
        assert s.m1.attached() and s.m1.registered()
        assert ping(s.h1, "192.0.2.1") == 3, "clear by policy"
        s.m1.gvpnd.stop()
        wait_for(lambda: "DP_ATTACHED" in p.output(), what="the second one to take over")
