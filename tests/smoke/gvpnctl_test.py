# SPDX-License-Identifier: BSD-3-Clause
"""gvpnctl against a running system: the JSON that scripts rely on, exit statuses, tables that fit a screen, and no
secret in any output or log, even at log level debug.
"""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import GROUP, System, ping, psk_of  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

COLUMNS = 100
STATUS = {"name", "identity", "role", "state", "key_server", "policy_digest", "registrations", "rekeys_received",
          "last_rekey_seq", "pseudotime_ms", "kek", "sas"}
SA = {"spi", "suite", "direction", "sending", "expires_in_s", "sender_ids", "packets_in", "packets_out", "bytes_in",
      "bytes_out"}
KS_MEMBER = {"address", "identity", "version", "registered_s_ago", "rekeys_sent", "rekeys_acked", "missed", "server"}
EXPLAIN = {"decision", "because", "rule", "spi", "effective_mtu"}
VERDICTS = {"sent_encrypted", "sent_clear", "received_decrypted", "received_clear", "local", "passed_l2", "drop_no_sa",
            "drop_fail_close", "drop_policy_clear_in", "drop_unknown_spi", "drop_auth", "drop_replay_time",
            "drop_replay_counter", "drop_replay_sender", "drop_address_mismatch", "drop_inner_policy", "drop_malformed",
            "drop_too_big", "drop_sa_expired", "drop_iv_exhausted", "drop_own_sender"}

MEMBER_COMMANDS = [["status"], ["show", "group"], ["show", "group", GROUP], ["show", "ipsec", "sa"],
                   ["show", "counters"], ["show", "version"], ["explain", "10.1.1.10", "10.1.2.10", "icmp"],
                   ["explain", "--in", "--pair", "wan", "10.1.2.10", "10.1.1.10", "tcp", "1", "2"],
                   ["explain", "--out", "10.1.1.10", "192.0.2.1", "udp", "53", "53"],
                   ["explain", "10.1.1.10", "10.1.2.10", "udp", "848", "848"]]
SERVER_COMMANDS = [["status"], ["show", "group"], ["show", "group", GROUP], ["show", "ks", "members"],
                   ["show", "ks", "members", GROUP], ["show", "ipsec", "sa"], ["show", "counters"], ["show", "version"]]
BOTH_COMMANDS = [["show", "isakmp", "sa"], ["show", "ports"], ["show", "workers"], ["show", "events"],
                 ["show", "log-messages"]]
LATER = [["show", "gm", "replay"], ["show", "ks", "rekey"], ["show", "ks", "replay"], ["show", "ks", "coop"], ["trace"],
         ["trace", "--count", "3", "host", "10.1.1.10"], ["rekey", GROUP], ["rekey", GROUP, "--replace"],
         ["clear", "gm", "replay"], ["clear", "ks", "coop", "role", GROUP], ["gm", "direction", GROUP, "both"],
         ["plan", "file"], ["debug", "ike", "info"], ["debug", "ike", "info", "peer", "10.0.0.1"], ["monitor"], ["top"]]
COMMANDS = [("m1", c) for c in MEMBER_COMMANDS + BOTH_COMMANDS] + [("ks", c) for c in SERVER_COMMANDS + BOTH_COMMANDS]
spelled = [f"{node}: {' '.join(c)}" for node, c in COMMANDS]


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, lab=True, options=["--log-level", "debug"]) as s:
        s.start()
        assert ping(s.h1, s.h2.address) == 3
        wait_for(lambda: s.m1.status()["sas"][0]["packets_in"] == 3, what="the counters of the SA")
        s.said = []  # everything that gvpnctl printed
        yield s


def ask(system, node, *words):
    """(exit status, document, stderr) of a command with --json."""
    status, out, err = getattr(system, node).ctl("--json", *words)
    system.said += [out, err]
    return status, json.loads(out), err


def assert_sas(sas, sending):
    assert sas
    for sa in sas:
        assert SA <= set(sa)
        assert re.fullmatch("0x[0-9a-f]{8}", sa["spi"])
        assert sa["suite"] == "aes-gcm-128"
        assert 3500 < sa["expires_in_s"] <= 3600
    assert any(sa["sending"] for sa in sas) == sending


def test_status_of_a_member(system):
    status, document, _ = ask(system, "m1", "status")
    assert (status, set(document)) == (0, {"version", "groups"})
    group, = document["groups"]
    assert STATUS <= set(group)
    assert (group["name"], group["identity"], group["role"], group["state"]) == (GROUP, "484", "member", "registered")
    assert (group["key_server"], group["registrations"], group["kek"]) == ("10.0.0.1", 1, None)
    assert re.fullmatch("[0-9a-f]{64}", group["policy_digest"])
    assert_sas(group["sas"], sending=True)
    sa = group["sas"][0]
    assert (sa["packets_out"], sa["packets_in"], sa["bytes_out"], sa["bytes_in"]) == (3, 3, 252, 252)
    assert len(sa["sender_ids"]) == 1


def test_status_of_a_key_server(system):
    status, document, _ = ask(system, "ks", "status")
    group, = document["groups"]
    assert status == 0 and STATUS <= set(group)
    assert (group["role"], group["state"], group["registrations"]) == ("key-server", "alone", 2)
    assert_sas(group["sas"], sending=False)


def test_show_ks_members(system):
    status, document, _ = ask(system, "ks", "show", "ks", "members")
    group, = document["groups"]
    assert (status, group["name"]) == (0, GROUP)
    assert all(KS_MEMBER <= set(m) for m in group["members"])
    assert sorted(m["address"] for m in group["members"]) == ["10.0.1.2", "10.0.2.2"]
    assert all(m["registered_s_ago"] < 60 and m["server"] == "10.0.0.1" for m in group["members"])
    assert ask(system, "m1", "show", "ks", "members")[:2] == (0, {"groups": []})


def test_show_counters(system):
    status, document, _ = ask(system, "m1", "show", "counters")
    assert status == 0 and {"ports", "verdicts", "workers"} <= set(document)
    assert [p["name"] for p in document["ports"]] == ["lan0", "wan0"]
    assert VERDICTS <= set(document["verdicts"]), "every verdict is always there"
    assert all(set(v) == {"packets", "meaning"} and v["meaning"] for v in document["verdicts"].values())
    assert document["verdicts"]["sent_encrypted"]["packets"] == 3
    assert len(document["workers"]) == 1


def test_show_group_and_sas(system):
    group, = ask(system, "m1", "show", "group", GROUP)[1]["groups"]
    assert [r["text"] for r in group["rules"]][-1] == "permit ip 10.1.0.0/16 239.0.0.0/8"
    assert group["key_servers"] == ["10.0.0.1"]
    group, = ask(system, "m1", "show", "ipsec", "sa")[1]["groups"]
    assert_sas(group["sas"], sending=True)


def test_show_version(system):
    document = ask(system, "m1", "show", "version")[1]
    assert document["version"] == document["data_planes"][0]["version"] != ""


@pytest.mark.parametrize("words, decision, because, source", [
    (["10.1.1.10", "10.1.2.10", "icmp"], "encrypt", "sent_encrypted", "downloaded"),
    (["--out", "10.1.1.10", "192.0.2.1", "tcp", "1", "2"], "clear", "sent_clear", "none"),
    (["10.1.1.10", "10.1.2.10", "udp", "848", "848"], "clear", "sent_clear", "downloaded"),
    (["--in", "10.1.2.10", "10.1.1.10", "icmp"], "drop", "drop_policy_clear_in", "downloaded"),
    (["--in", "192.0.2.1", "10.1.1.10", "47"], "clear", "received_clear", "none"),
    (["10.1.1.10", "239.1.2.3", "udp", "1", "2"], "encrypt", "sent_encrypted", "downloaded"),
])
def test_explain(system, words, decision, because, source):
    status, answer, _ = ask(system, "m1", "explain", *words)
    assert status == 0 and EXPLAIN <= set(answer)
    assert (answer["decision"], answer["because"], answer["rule"]["source"]) == (decision, because, source)
    assert set(answer["rule"]) >= {"source", "group", "sa", "number", "text"}
    protected = because in ("sent_encrypted", "drop_policy_clear_in")
    assert (answer["spi"] is not None) == protected
    if decision == "encrypt":
        assert answer["effective_mtu"] == 1446  # 1500 less ESP in tunnel mode with AES-GCM (DP7)


@pytest.mark.parametrize("node, words", COMMANDS, ids=spelled)
def test_tables_fit_the_screen(system, node, words):
    status, table, err = getattr(system, node).ctl(*words)
    system.said += [table, err]
    assert (status, err) == (0, "")
    assert table.strip() and not table.startswith("{")
    assert "\033" not in table, "colour only on a terminal"
    too_wide = [line for line in table.splitlines() if len(line) > COLUMNS]
    assert not too_wide


@pytest.mark.parametrize("node, words", COMMANDS, ids=spelled)
def test_json_is_one_document_wherever_the_option_stands(system, node, words):
    assert set(ask(system, node, *words)[1]) == set(json.loads(getattr(system, node).ctl(*words, "--json")[1]))


@pytest.mark.parametrize("words, status", [
    ([], 2), (["--nonsense"], 2), (["nonsense"], 2), (["show"], 2), (["show", "nonsense"], 2), (["check"], 2),
    (["explain"], 2), (["explain", "10.1.1.10", "10.1.2.10"], 2), (["explain", "10.1.1.10", "10.1.2.10", "tcp"], 2),
    (["explain", "10.1.1.10", "10.1.2.10", "nonsense"], 2), (["explain", "10.1.1.10", "2001:db8::1", "icmp"], 2),
    (["explain", "nonsense", "10.1.2.10", "icmp"], 2), (["explain", "--pair"], 2), (["status", ""], 2),
    (["show", "group", "NOWHERE"], 4), (["show", "ks", "members", "NOWHERE"], 4),
    (["explain", "--pair", "nowhere", "10.1.1.10", "10.1.2.10", "icmp"], 4),
    (["check", "/nonexistent.yaml"], 1), (["clear", "group"], 2), (["clear", "group", "NOWHERE"], 4),
    (["clear", "ks", "members"], 2), (["clear", "ks", "members", "NOWHERE"], 4), (["clear", "counters", "all"], 2),
    (["reload", "now"], 2),
], ids=lambda w: " ".join(w) if isinstance(w, list) else str(w))
def test_errors(system, words, status):
    code, out, err = system.m1.ctl(*words)
    system.said += [out, err]
    assert code == status
    assert err and not out


@pytest.mark.parametrize("words", LATER, ids=" ".join)
def test_what_this_version_lacks_says_so(system, words):
    code, out, err = system.m1.ctl(*words)
    assert (code, out) == (1, "")
    assert "not supported by this version" in err


def test_errors_as_json(system):
    code, document, err = ask(system, "m1", "show", "group", "NOWHERE")
    assert code == 4 and "NOWHERE" in document["error"] and "NOWHERE" in err


def test_check(system):
    for path in (os.path.join(system.m1.dir, "gvpnd.yaml"), os.path.join(system.m1.dir, "gvpn-dp.yaml")):
        status, document, _ = ask(system, "m1", "check", path)
        assert (status, document["valid"], document["error"]) == (0, True, None)
    bad = system.t.path("bad.yaml", "gvpn: 1\nnonsense: 2\n")
    status, document, _ = ask(system, "m1", "check", bad)
    assert (status, document["valid"]) == (1, False)
    assert document["error"].startswith(f"{bad}:2:1: ")


def test_shipped_examples_are_valid(system):
    configs = os.path.join(os.path.dirname(__file__), "..", "..", "configs")
    for folder, _, files in os.walk(configs):
        for name in (n for n in files if n.endswith(".yaml")):
            status, out, err = system.m1.ctl("check", os.path.join(folder, name))
            assert status == 0 or "secret-file" in err, f"{name}: {out}{err}"


def test_without_a_daemon(system):
    for options in (["--run-dir", system.t.dir], ["--socket", system.t.path("nothing.sock")]):
        p = subprocess.run([build("tools/gvpnctl"), *options, "status"], capture_output=True, text=True, timeout=20,
                           check=False)
        assert (p.returncode, p.stdout) == (3, "")
        assert "can't be reached" in p.stderr


def test_without_a_data_plane(system):
    """Views of the control daemon go on, those of the data plane exit 3, and status says degraded."""
    system.m2.dp.stop(signal.SIGKILL)
    wait_for(lambda: not system.m2.attached(), what="gvpnd to notice")
    assert system.m2.ctl("show", "counters")[0] == 3
    assert system.m2.ctl("explain", "10.1.1.10", "10.1.2.10", "icmp")[0] == 3
    status, document, _ = ask(system, "m2", "status")
    assert (status, document["groups"][0]["state"]) == (5, "down")
    assert document["groups"][0]["sas"][0]["packets_in"] is None
    assert system.m2.ctl("show", "ipsec", "sa")[0] == 0
    assert system.m2.ctl("show", "version")[0] == 0
    system.m2.start_data_plane()
    system.m2.wait_registered()


def test_no_secret_in_any_output_or_log(system):
    """Runs last: searches everything that was said for keys, as they are and in hex."""
    secrets = []
    for m in system.members:
        psk = psk_of(m.name).encode()
        secrets += [psk.decode(), psk.hex(), psk[:12].hex()]
    for _, key in esp.read_keys(system.keylog).values():
        secrets += [key.hex(), key[:8].hex(), key[8:16].hex(), key.hex(":")]
    with open(system.keylog, encoding="ascii") as f:
        secrets += [word for line in f for word in line.split() if len(word) >= 32]
    assert len(secrets) > 12
    texts = system.said + [p.output() for p in system.daemons()]
    assert len(texts) > 60 and "debug" not in secrets
    for secret in secrets:
        for text in texts:
            assert secret.lower() not in text.lower()
