# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration keeps its promises, and leaves nothing behind, however it ends (OP8)."""

import os
import signal
import subprocess
import time

DEMO = os.path.join(os.path.dirname(__file__), "..", "..", "tools", "demo")
SPACES = ("gvpn-ks", "gvpn-m1", "gvpn-m2", "gvpn-h1", "gvpn-h2", "gvpn-wan")


def left_behind():
    """What of the demonstration is still there: namespaces, files, processes."""
    names = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout.split()
    left = [n for n in SPACES if n in names]
    if os.path.exists("/run/gvpn-demo"):
        left.append("/run/gvpn-demo")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                command = f.read()
        except OSError:
            continue
        if b"/run/gvpn-demo/" in command:
            left.append(command)
    return left


def start():
    return subprocess.Popen([DEMO], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_every_promise_is_kept():
    demo = start()
    said, _ = demo.communicate(timeout=100)
    assert demo.returncode == 0, said
    assert "All as promised." in said
    assert "FAIL" not in said
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
