# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration keeps its promises, and leaves nothing behind, however it ends (OP8)."""

import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from topology import build  # noqa: E402

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "demo")
PREFIX = f"gvt{os.getpid()}demo"  # somebody may be looking around in the one that has no name of its own
FILES = f"/run/{PREFIX}-demo"
SPACES = [f"{PREFIX}-{node}" for node in ("ks", "m1", "m2", "h1", "h2", "wan")]
os.environ["GVPN_DEMO"] = PREFIX


def left_behind():
    """What of the demonstration is still there: namespaces, files, processes."""
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
    left = [n for n in SPACES if n in names]
    if os.path.exists(FILES):
        left.append(FILES)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read()
        except OSError:
            continue
        if FILES.encode() + b"/" in command:
            left.append(command)
    return left


def start():
    return subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_every_promise_is_kept():
    demo = start()
    said, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, said
    assert "All as promised." in said
    assert "FAIL" not in said
    assert not left_behind()


def ask(node, *words):
    """gvpnctl --json of what is left running: (exit status, document)."""
    p = subprocess.run([build("tools/gvpnctl"), "--run-dir", f"{FILES}/{node}", "--json", *words], capture_output=True, text=True,
                       timeout=60, check=False)
    return p.returncode, json.loads(p.stdout)


def test_what_is_kept_is_whole():
    """Whoever looks around finds two registered members at their key server, whose rekeys reach them."""
    try:
        demo = subprocess.run([DEMO, "--keep"], capture_output=True, text=True, timeout=300, check=False)
        assert demo.returncode == 0, demo.stdout + demo.stderr
        status, served = ask("ks", "show", "ks", "members")
        assert (status, [m["address"] for m in served["groups"][0]["members"]]) == (0, ["10.0.1.2", "10.0.2.2"])
        spis = [[sa["spi"] for sa in ask(n, "status")[1]["groups"][0]["sas"] if sa["installed"]] for n in ("m1", "m2")]
        assert spis[0] == spis[1] == [ask("ks", "status")[1]["groups"][0]["sas"][-1]["spi"]]
        status, told = ask("ks", "rekey", "DEMO")
        assert (status, told["members_told"]) == (0, 2)
    finally:
        assert subprocess.run([DEMO, "--down"], timeout=60, check=False).returncode == 0
    assert not left_behind()


def test_interrupted_it_cleans_up():
    for sig, until in ((signal.SIGINT, "the data planes are up"), (signal.SIGTERM, "TCP: 1 MiB")):
        demo = start()
        said = ""
        while until not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        time.sleep(0.1)
        demo.send_signal(sig)
        demo.communicate(timeout=60)
        assert demo.returncode not in (0, None)
        assert not left_behind()


def test_down_without_anything_is_harmless():
    assert subprocess.run([DEMO, "--down"], timeout=30, check=False).returncode == 0
    assert subprocess.run([DEMO, "--nonsense"], timeout=30, check=False, capture_output=True).returncode == 2
