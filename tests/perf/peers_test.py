# SPDX-License-Identifier: BSD-3-Clause
"""tests/perf/peers without any peer: gvpn-dp encrypts what net_pcap gives it, its rate is read, what wasn't given isn't
counted, and a peer that does nothing is an error. tests/perf/table on the smallest measurement. No bar is tried here."""

import json
import os
import subprocess
import sys

import pytest

FOLDER = os.path.dirname(os.path.abspath(__file__))


def run(script, *args):
    return subprocess.run([sys.executable, os.path.join(FOLDER, script), *args], capture_output=True, text=True, timeout=100, check=False)


def test_gvpn_alone():
    r = run("peers", "--sizes", "64", "--rounds", "1", "--seconds", "0.2", "--updates", "2", "--json")
    assert r.returncode == 0, r.stderr
    result, = json.loads(r.stdout)["results"]
    assert result["size"] == 64 and result["bar"] == 1.8
    assert 0.01 < result["gvpn_mpps"] < 1000
    assert -90 < result["updates_cost_percent"] < 900
    assert result["secgw_mpps"] is result["times_secgw"] is result["crypto_perf_mops"] is None
    assert "--secgw is not given: not counted" in r.stderr and "--crypto-perf is not given: not counted" in r.stderr


def test_a_peer_that_encrypts_nothing_is_an_error():
    r = run("peers", "--sizes", "1420", "--rounds", "1", "--seconds", "0.1", "--secgw", "/bin/false")
    assert r.returncode == 1 and "ipsec-secgw with crypto_aesni_gcm0" in r.stderr and r.stdout == ""


@pytest.mark.parametrize("args, said", [
    (["--secgw", "/nowhere/ipsec-secgw"], "no such program"),
    (["--sizes", "64,9000"], "sizes from 28 to 1440"),
    (["--rounds", "0"], "at least one round"),
    (["--updates", "61"], "0 to 60 updates"),
])
def test_bad_options_are_said(args, said):
    r = run("peers", *args)
    assert r.returncode == 2 and said in r.stderr and r.stdout == ""


def test_table():
    r = run("table", "--rounds", "3", "--sizes", "64", "--suites", "aes-gcm-128,null/hmac-sha1-96", "--part", "bars", "--part", "suites")
    assert r.returncode == 0, r.stderr
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in r.stdout.splitlines() if line.startswith("| ")]
    assert [c[:4] for c in rows if c[0] in ("out", "in")] == [[way, "64", *of] for of in (["none", "32"], ["time", "32"], ["time", "8"])
                                                             for way in ("out", "in")]
    assert [c[0] for c in rows if c[0].startswith("`")] == ["`aes-gcm-128`", "`null/hmac-sha1-96`"]
    assert all(len(c) == 3 for c in rows if c[0].startswith("`"))


def test_table_knows_its_suites():
    r = run("table", "--suites", "rot13")
    assert r.returncode == 2 and "rot13" in r.stderr
