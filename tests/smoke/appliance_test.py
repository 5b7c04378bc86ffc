# SPDX-License-Identifier: BSD-3-Clause
"""The unit files of configs/: systemd understands them, and what they allow is enough for the daemons to do their work."""

import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import System, ping  # noqa: E402
from topology import Topology, build  # noqa: E402

CONFIGS = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "configs")
BINARIES = {"gvpn-dp": "dataplane/gvpn-dp", "gvpnd": "ctrl/gvpnd"}


def unit(daemon):
    with open(os.path.join(CONFIGS, f"{daemon}.service"), encoding="ascii") as f:
        return f.read()


def setting(daemon, key):
    return re.search(rf"^{key}=(.*)$", unit(daemon), re.MULTILINE).group(1)


def test_systemd_understands_them(tmp_path):
    for daemon, binary in BINARIES.items():
        text = re.sub(rf"/usr/local/sbin/{daemon}\b", build(binary), unit(daemon))
        assert text != unit(daemon)
        (tmp_path / f"{daemon}.service").write_text(re.sub("^Documentation=.*\n", "", text, flags=re.MULTILINE))
    p = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(tmp_path / f"{d}.service") for d in BINARIES)],
                       capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in p.stderr.splitlines() if str(tmp_path) in line or "gvpn" in line]
    assert p.returncode == 0 and ours == [], p.stderr


@pytest.mark.parametrize("daemon", sorted(BINARIES))
def test_documentation_is_installed(daemon):
    root = os.path.dirname(CONFIGS)
    name = os.path.basename(setting(daemon, "Documentation"))
    assert os.path.exists(os.path.join(root, "docs", name))
    with open(os.path.join(root, "meson.build"), encoding="ascii") as f:
        assert re.search(rf"install_data\(.*'docs/{name}'", f.read())


@pytest.mark.parametrize("daemon", sorted(BINARIES))
def test_start_line_is_one_that_the_daemon_takes(daemon, tmp_path):
    words = setting(daemon, "ExecStart").split()[1:]
    assert words[:1] == ["-c"] and len(words) == 2
    p = subprocess.run([build(BINARIES[daemon]), "-c", str(tmp_path / "absent.yaml"), *words[2:], "--check"],
                       capture_output=True, text=True, timeout=10, check=False)
    assert p.returncode == 1, "2 would be wrong usage"


def test_capabilities_are_enough():
    """Nothing but what CapabilityBoundingSet names, and no way to get more; the members register and traffic flows."""
    with Topology() as t, System(t) as s:
        plain = t.start

        def confined(ns, argv, **more):
            daemon = os.path.basename(argv[0])
            if daemon not in BINARIES:
                return plain(ns, argv, **more)
            names = setting(daemon, "CapabilityBoundingSet").lower().replace("cap_", "+").replace(" ", ",")
            p = plain(ns, ["setpriv", f"--bounding-set=-all,{names}", "--no-new-privs", *argv], **more)
            p.argv = argv
            return p

        t.start = confined
        s.start()
        with open(f"/proc/{s.m1.dp.popen.pid}/status", encoding="ascii") as f:
            assert re.search(r"^CapEff:\t0*1000$", f.read(), re.MULTILINE), "CAP_NET_ADMIN alone"
        assert ping(s.h1, s.h2.address) == 3
        assert s.m1.verdicts()["sent_encrypted"] >= 3
