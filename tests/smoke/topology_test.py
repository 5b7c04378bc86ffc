# SPDX-License-Identifier: BSD-3-Clause
"""The test topology leaves nothing behind, however its program ends."""

import os
import signal
import subprocess
import sys
import tempfile

import pytest

LIB = os.path.join(os.path.dirname(__file__), "..", "lib")
sys.path.insert(0, LIB)
from topology import PREFIX, Topology, run, wait_for  # noqa: E402

SCRIPT = f"""
import sys, time
sys.path.insert(0, {LIB!r})
from topology import Topology
with Topology() as t:
    wan = t.switch("wan")
    gw = t.gateway("gw", wan)
    t.host("h", gw.inside, "10.1.0.1/24")
    t.start(gw.ns, ["sleep", "1000"])
    print("up", flush=True)
    {{}}
"""

PYTEST_SCRIPT = f"""
import sys, time
sys.path.insert(0, {LIB!r})
import pytest
from topology import Topology

@pytest.fixture(scope="module")
def t():
    with Topology() as topology:
        topology.switch("wan")
        yield topology

def test_one(t):
    with open(t.path("../{{}}"), "w"):
        pass
    time.sleep(1000)

def test_two(t):
    time.sleep(1000)
"""


def left(pid):
    """Namespaces, processes in them and directories of a run."""
    found = [line for line in run("ip", "netns", "list").splitlines() if line.startswith(f"{PREFIX}{pid}-")]
    return found + [name for name in os.listdir(tempfile.gettempdir()) if name.startswith(f"{PREFIX}{pid}-")]


def start(body):
    p = subprocess.Popen([sys.executable, "-c", SCRIPT.format(body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert p.stdout.readline() == "up\n"
    return p


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal(sig):
    p = start("time.sleep(1000)")
    assert left(p.pid)
    p.send_signal(sig)
    p.communicate(timeout=20)
    assert p.returncode != 0
    assert left(p.pid) == []


@pytest.mark.parametrize("body", ["raise ValueError", "sys.exit(3)", "pass", "1 / 0"])
def test_end(body):
    p = start(body)
    p.communicate(timeout=20)
    assert left(p.pid) == []


def test_the_next_one_removes_what_a_killed_one_left():
    p = start("time.sleep(1000)")
    p.kill()
    p.communicate(timeout=20)
    with Topology() as t:
        t.namespace("n")
        assert left(p.pid) == []
        assert left(os.getpid())
    assert left(os.getpid()) == []


def test_pytest_stops_at_sigterm_and_removes_its_fixtures(tmp_path):
    mark = f"topology_test.{os.getpid()}"
    script = tmp_path / "long_test.py"
    script.write_text(PYTEST_SCRIPT.format(mark))
    mark = os.path.join(tempfile.gettempdir(), mark)
    p = subprocess.Popen([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(script)],
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for(lambda: os.path.exists(mark), what="the test to begin")
    os.unlink(mark)
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=20)
    assert left(p.pid) == []


def test_two_at_once_do_not_meet():
    first, second = start("time.sleep(1000)"), start("time.sleep(1000)")
    assert left(first.pid) and left(second.pid)
    for p in (first, second):
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=20)
    assert left(first.pid) == left(second.pid) == []
