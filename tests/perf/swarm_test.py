# SPDX-License-Identifier: BSD-3-Clause
"""gvpn-swarm against a real key server, in short: all register, two rekeys reach all and are acknowledged, with and without
losses; and what isn't as wanted is said.
"""

import json
import os
import subprocess

SWARM = os.path.join(os.path.dirname(__file__), "swarm")
PROGRAM = os.path.join(os.environ["GVPN_BUILD"], "tools", "gvpn-swarm")


def swarm(*words):
    p = subprocess.run([SWARM, "--json", "--seconds", "100", *words], capture_output=True, text=True, timeout=200, check=False)
    assert p.stdout, p.stderr
    return p.returncode, json.loads(p.stdout), p.stderr


def test_members_register_and_are_rekeyed():
    status, r, said = swarm("--members", "120", "--rekeys", "2", "--rekey", "waves: {members: 50, interval: 1s}")
    assert status == 0, said
    assert (r["registered"], r["without_key"]) == (120, 0)
    assert [k["members"] for k in r["rekeys"][:2]] == [120, 120]
    assert 0 < r["p50_ms"] <= r["p99_ms"]
    assert r["datagrams"]["rekeys_refused"] == 0
    assert r["server"]["rss_kb_registered"] >= r["server"]["rss_kb_before"] > 0
    assert r["key_server"]["members"] == 120
    assert r["key_server"]["rekeys_sent"] == 240 and r["key_server"]["rekeys_acked"] >= 120
    assert "120 of 120 registered" in said


def test_losses_delay_and_change_nothing():
    status, r, said = swarm("--members", "60", "--rekeys", "1", "--loss", "5")
    assert status == 0, said
    assert (r["registered"], r["without_key"]) == (60, 0)
    assert r["datagrams"]["lost_on_purpose"] > 0
    assert r["rekeys"][0]["members"] >= 59


def test_without_a_key_server_it_says_so():
    p = subprocess.run([PROGRAM, "--server", "127.0.0.1:9", "--secret", "sixteen octets at least", "--members", "3", "--seconds", "1",
                        "--port", "10849", "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 1
    assert json.loads(p.stdout)["registered"] == 0
    assert subprocess.run([PROGRAM, "--nonsense"], capture_output=True, timeout=60, check=False).returncode == 2
