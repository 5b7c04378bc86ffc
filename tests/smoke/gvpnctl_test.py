# SPDX-License-Identifier: BSD-3-Clause
"""gvpnctl against a running system: the JSON that scripts rely on, every document as its schema says (docs/schema), exit
statuses, tables that fit a screen, and no secret in any output or log, even at log level debug. What actions do to a system
is operation_test's business.
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
import views  # noqa: E402
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

MEMBER_COMMANDS = [["show", "gm", GROUP], ["show", "acl", GROUP], ["show", "fail-close", GROUP], ["show", "ruleset"],
                   ["show", "ruleset", "--pair", "wan"], ["show", "ports", "--pair", "wan"], ["show", "events", "3"],
                   ["explain", "10.1.1.10", "10.1.2.10", "icmp"],
                   ["explain", "--in", "--pair", "wan", "10.1.2.10", "10.1.1.10", "tcp", "1", "2"],
                   ["explain", "--out", "10.1.1.10", "192.0.2.1", "udp", "53", "53"],
                   ["explain", "10.1.1.10", "10.1.2.10", "udp", "848", "848"]]
SERVER_COMMANDS = [["show", "ks", "members", GROUP], ["show", "ks", "policy", GROUP], ["show", "ks", "rekey", GROUP],
                   ["show", "feature", "ordered-policy"], ["show", "acl", GROUP]]
BOTH_COMMANDS = [["status"], ["show", "group"], ["show", "group", GROUP], ["show", "gm"], ["show", "isakmp", "sa"],
                 ["show", "ipsec", "sa"], ["show", "acl"], ["show", "ks", "members"], ["show", "ks", "policy"],
                 ["show", "ks", "rekey"], ["show", "ks", "replay"], ["show", "gm", "replay"], ["show", "feature"],
                 ["show", "counters"], ["show", "ports"], ["show", "workers"], ["show", "fail-close"],
                 ["show", "events"], ["show", "version"], ["show", "log-messages"], ["tech-support"]]
DATA_PLANE_COMMANDS = [["show", "counters"], ["show", "ports"], ["show", "workers"], ["show", "ruleset"],
                       ["explain", "10.1.1.10", "10.1.2.10", "icmp"]]
LATER = [["show", "ks", "coop"], ["trace"], ["trace", "--count", "3", "host", "10.1.1.10"],
         ["clear", "ks", "coop", "role", GROUP], ["plan", "file"], ["debug", "ike", "info"],
         ["debug", "ike", "info", "peer", "10.0.0.1"], ["monitor"], ["top"]]
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
    """(exit status, document, stderr) of a command with --json. What is in the document is what its schema says."""
    status, out, err = getattr(system, node).ctl("--json", *words)
    system.said += [out, err]
    views.check(" ".join(words), json.loads(out))
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


def test_show_gm(system):
    group, = ask(system, "m1", "show", "gm")[1]["groups"]
    assert (group["state"], group["registered_with"], group["attached"]) == ("registered", "10.0.0.1", True)
    assert group["bindings"] == [{"pair": "wan", "vlan": None}]
    assert (group["sas"], group["sas_receiving"], group["sas_sending"]) == (1, 1, 1)
    assert ask(system, "ks", "show", "gm")[:2] == (0, {"groups": []})


def test_lists_are_the_same_wherever_they_are_shown(system):
    """What the key server serves, what the member downloaded, how many the data plane was given."""
    served, = ask(system, "ks", "show", "acl", GROUP)[1]["groups"][0]["lists"]
    lists = {one["list"]: one for one in ask(system, "m1", "show", "acl", GROUP)[1]["groups"][0]["lists"]}
    assert list(lists) == ["fail-close", "local", "downloaded"], "in the order in which they are asked"
    assert lists["downloaded"]["rules"] == served["rules"] and lists["downloaded"]["in_use"]
    assert not lists["fail-close"]["in_use"]
    policy, = ask(system, "ks", "show", "ks", "policy")[1]["groups"]
    assert policy["rules"] == served["rules"]
    plane, = ask(system, "m1", "show", "ruleset")[1]["data_planes"]
    given = {one["list"]: one["rules"] for one in plane["groups"][0]["lists"]}
    assert given == {"local": 0, "downloaded": len(served["rules"])} and not plane["change_under_way"]
    assert plane["groups"][0]["state"] == "policy"


def test_show_ks_policy(system):
    policy, = ask(system, "ks", "show", "ks", "policy", GROUP)[1]["groups"]
    sa, = policy["sas"]
    member = ask(system, "m1", "status")[1]["groups"][0]
    assert [t["spi"] for t in sa["teks"]] == [s["spi"] for s in member["sas"]]
    assert policy["policy_digest"] == member["policy_digest"]
    assert 0 < sa["next_key_in_s"] < sa["teks"][0]["expires_in_s"] <= sa["lifetime_s"] == 3600
    assert ask(system, "m1", "show", "ks", "policy")[:2] == (0, {"groups": []})


def test_show_feature(system):
    document = ask(system, "ks", "show", "feature")[1]
    version = ask(system, "m1", "show", "version")[1]["version"]
    group, = document["groups"]
    assert [(m["address"], m["version"]) for m in group["members"]] == [("10.0.1.2", version), ("10.0.2.2", version)]
    assert group["needed"] == ["ordered-policy"]
    for f in document["features"]:
        assert f["members_with"] + f["members_lacking"] == 2
        assert (f["members_with"] == 2) == f["this_version"], "members of the same build announce what it has"
    assert all(set(group["needed"]) <= set(m["has"]) and not set(m["has"]) & set(m["lacks"]) for m in group["members"])


def test_show_fail_close(system):
    group, = ask(system, "m1", "show", "fail-close")[1]["groups"]
    assert (group["enabled"], group["active"]) == (True, False)


def test_ports_and_workers_have_counted(system):
    ports = ask(system, "m1", "show", "ports")[1]["ports"]
    assert [p["name"] for p in ports] == ["lan0", "wan0"] and all(p["rx_packets"] > 0 for p in ports)
    worker, = ask(system, "m1", "show", "workers")[1]["workers"]
    assert worker["packets"] > 0 and worker["data_plane"].endswith("gvpn-dp.sock")


def test_events_say_why(system):
    """Newest last, with reasons for people; COUNT takes the last ones."""
    events = ask(system, "m1", "show", "events")[1]["events"]
    names = [e["mnemonic"] for e in events]
    assert names.index("GVPN-5-DAEMON_START") < names.index("CRYPTO-5-GM_REGSTER") < names.index("GDOI-5-GM_REGS_COMPL")
    assert [e["text"] for e in ask(system, "m1", "show", "events", "2")[1]["events"]] == [e["text"] for e in events[-2:]]


def test_tech_support_has_every_view(system):
    document = ask(system, "m1", "tech-support")[1]["views"]
    for words in BOTH_COMMANDS[:-1]:
        if words[-1] != GROUP:
            assert "error" not in document[" ".join(words)], words
    text = system.m1.ctl("tech-support")[1]
    system.said.append(text)
    assert all(f"\n== {view}\n" in text for view in document)


def test_show_version(system):
    document = ask(system, "m1", "show", "version")[1]
    assert document["version"] == document["data_planes"][0]["version"] != ""


@pytest.mark.parametrize("words, decision, because, source", [
    (["10.1.1.10", "10.1.2.10", "icmp"], "encrypt", "sent_encrypted", "downloaded"),
    (["--out", "10.1.1.10", "192.0.2.1", "tcp", "1", "2"], "clear", "sent_clear", "none"),
    (["10.1.1.10", "10.1.2.10", "udp", "848", "848"], "clear", "sent_clear", "downloaded"),
    (["10.1.1.10", "10.1.2.10", "udp"], "encrypt", "sent_encrypted", "downloaded"),
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
    assert set(ask(system, node, *words)[1]) == set(json.loads(getattr(system, node).ctl(words[0], "--json", *words[1:])[1]))


@pytest.mark.parametrize("words, status", [
    ([], 2), (["--nonsense"], 2), (["nonsense"], 2), (["show"], 2), (["show", "nonsense"], 2), (["check"], 2),
    (["explain"], 2), (["explain", "10.1.1.10", "10.1.2.10"], 2), (["explain", "10.1.1.10", "10.1.2.10", "tcp", "1"], 2),
    (["explain", "10.1.1.10", "10.1.2.10", "nonsense"], 2), (["explain", "10.1.1.10", "2001:db8::1", "icmp"], 2),
    (["explain", "nonsense", "10.1.2.10", "icmp"], 2), (["explain", "--pair"], 2), (["status", ""], 2),
    (["show", "group", "NOWHERE"], 4), (["show", "ks", "members", "NOWHERE"], 4),
    (["explain", "--pair", "nowhere", "10.1.1.10", "10.1.2.10", "icmp"], 4),
    (["check", "/nonexistent.yaml"], 1), (["clear", "group"], 2), (["clear", "group", "NOWHERE"], 4),
    (["clear", "ks", "members"], 2), (["clear", "ks", "members", "NOWHERE"], 4), (["clear", "counters", "all"], 2),
    (["reload", "now"], 2), (["status", "now"], 2), (["show", "group", GROUP, GROUP], 2), (["show", "gm", "NOWHERE"], 4),
    (["show", "acl", "NOWHERE"], 4), (["show", "fail-close", "NOWHERE"], 4), (["show", "ks", "policy", GROUP], 4),
    (["show", "feature", "flying"], 4), (["show", "ruleset", "--pair", "lan"], 4), (["show", "ports", "--pair", "lan"], 4),
    (["tech-support", "now"], 2), (["rekey", GROUP], 4), (["rekey"], 2), (["gm", "direction", "NOWHERE", "both"], 4),
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


@pytest.mark.parametrize("words, possible", [
    (["stat"], "status"), (["show", "gr"], "group"), (["show", "ks"], "members, policy"), (["show", "isakmp"], "sa"),
    (["clear"], "group, ks, gm, counters"), (["sh", "version"], "show"),
], ids=" ".join)
def test_wrong_words_are_answered_with_what_is_possible(system, words, possible):
    code, document, err = ask(system, "m1", *words)
    assert code == 2 and possible in document["error"] and possible in err


def test_the_usage_names_every_command(system):
    """Those that this version lacks, too."""
    code, out, err = system.m1.ctl("--help")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()) <= COLUMNS
    for words in BOTH_COMMANDS + MEMBER_COMMANDS + SERVER_COMMANDS + LATER:
        for word in words[:2]:
            assert word in out or word in ("ordered-policy", "file", "ike", "--count") or word == GROUP or "." in word, words


def test_errors_as_json(system):
    code, document, err = ask(system, "m1", "show", "group", "NOWHERE")
    assert code == 4 and "NOWHERE" in document["error"] and "NOWHERE" in err


def test_check(system):
    for path in (os.path.join(system.m1.dir, "gvpnd.yaml"), os.path.join(system.m1.dir, "gvpn-dp.yaml")):
        status, document, _ = ask(system, "m1", "check", path)
        assert (status, document["valid"], document["error"]) == (0, True, None)
    bad = system.t.path("bad.yaml", "gvpn: 1\nnonsense: 2\n")
    status, document, err = ask(system, "m1", "check", bad)
    assert (status, document["valid"]) == (1, False)
    assert document["error"].startswith(f"{bad}:2:1: ") and err == document["error"] + "\n"


def test_shipped_examples_are_valid(system):
    configs = os.path.join(os.path.dirname(__file__), "..", "..", "configs")
    for folder, _, files in os.walk(configs):
        for name in (n for n in files if n.endswith(".yaml")):
            status, out, err = system.m1.ctl("check", os.path.join(folder, name))
            assert status == 0 or "secret-file" in err, f"{name}: {out}{err}"


def documented():
    """The words of every gvpnctl command that the documents show to be typed, but those of files and of what changes something."""
    root = os.path.join(os.path.dirname(__file__), "..", "..")
    for name in ["README.md"] + [f"docs/{name}" for name in sorted(os.listdir(os.path.join(root, "docs"))) if name.endswith(".md")]:
        with open(os.path.join(root, name), encoding="utf-8") as f:
            for line in f:
                command = re.match(r"    (?:# )?(?:build/tools/)?gvpnctl (?:--run-dir \S+ )?([a-z].*)", line)
                if command and not command[1].startswith(("check", "reload")):
                    yield name, command[1].partition("#")[0].split()


def test_commands_of_the_documents_are_understood(system):
    commands = list(documented())
    assert {name for name, _ in commands} >= {"README.md", "docs/appliance.md", "docs/operation.md"}
    for name, words in commands:
        node = "ks" if "ks" in words else "m1"
        assert ask(system, node, *words)[0] == 0, (name, words)


def test_without_a_daemon(system):
    for options in (["--run-dir", system.t.dir], ["--socket", system.t.path("nothing.sock")]):
        p = subprocess.run([build("tools/gvpnctl"), *options, "status"], capture_output=True, text=True, timeout=20,
                           check=False)
        assert (p.returncode, p.stdout) == (3, "")
        assert "can't be reached" in p.stderr
        for words in (["status"], ["tech-support"]):
            p = subprocess.run([build("tools/gvpnctl"), *options, "--json", *words], capture_output=True, text=True, timeout=20,
                               check=False)
            assert p.returncode == 3 and "can't be reached" in json.loads(p.stdout)["error"] and "can't be reached" in p.stderr


def test_isakmp_sas_are_shown_while_they_live(system):
    assert ask(system, "m1", "show", "isakmp", "sa")[1]["sas"] == [], "a member keeps none after its registration"
    system.ks.gvpnd.popen.send_signal(signal.SIGSTOP)
    try:
        assert system.m1.ctl("clear", "group", GROUP)[0] == 0
        sa, = wait_for(lambda: ask(system, "m1", "show", "isakmp", "sa")[1]["sas"], what="phase 1 to begin")
        assert (sa["role"], sa["state"]) == ("initiator", "phase 1: sent message 1")
        assert (sa["peer"], sa["established"]) == (f"{system.ks.address}:848", False)
    finally:
        system.ks.gvpnd.popen.send_signal(signal.SIGCONT)
    system.m1.wait_registered()


# Octet 18 of an ISAKMP header is the exchange type; 32 is GROUPKEY-PULL. Phase 1 passes.
NO_PULL = "add table ip t; add chain ip t c {type filter hook forward priority 0;}; add rule ip t c udp dport 848 @th,208,8 32 drop"


def test_established_isakmp_sas_are_shown_by_both_sides(system):
    """With the WAN holding back the PULL, phase 1 stays in view: same algorithms on both sides, and who proved to be whom."""
    system.t.sh(system.wan_ns, "nft", NO_PULL)
    try:
        assert system.m1.ctl("clear", "group", GROUP)[0] == 0
        for node, role, peer, name in (("m1", "initiator", "10.0.0.1:848", "10.0.0.1"),
                                       ("ks", "responder", "10.0.1.2:848", "10.0.1.2")):
            wait_for(lambda node=node: [s for s in ask(system, node, "show", "isakmp", "sa")[1]["sas"] if s["established"]],
                     what=f"phase 1 at {node}")
            sa, = [s for s in ask(system, node, "show", "isakmp", "sa")[1]["sas"] if s["peer"] == peer]
            assert (sa["role"], sa["identity"]) == (role, name)
            assert (sa["encryption"], sa["hash"], sa["group"], sa["auth"]) == ("aes-256", "sha256", 19, "psk")
            assert 86300 < sa["lifetime_left_s"] <= 86400 and sa["age_s"] < 60
            table = getattr(system, node).ctl("show", "isakmp", "sa")[1]
            assert peer in table and "aes-256" in table and "psk" in table
    finally:
        system.t.sh(system.wan_ns, "nft", "delete table ip t")
    system.m1.wait_registered()


def test_without_a_data_plane(system):
    """Views of the control daemon go on, those of the data plane exit 3, and status says degraded."""
    system.m2.dp.stop(signal.SIGKILL)
    wait_for(lambda: not system.m2.attached(), what="gvpnd to notice")
    for words in DATA_PLANE_COMMANDS:
        status, document, err = ask(system, "m2", *words)
        assert status == 3 and "not attached" in document["error"] and "not attached" in err
    for words in BOTH_COMMANDS:
        if words not in DATA_PLANE_COMMANDS:
            assert ask(system, "m2", *words)[0] == (5 if words == ["status"] else 0), words
            assert all(len(line) <= COLUMNS for line in system.m2.ctl(*words)[1].splitlines())
    assert ask(system, "m2", "show", "fail-close")[1]["groups"][0]["active"] is None
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
    for _, key, *_ in esp.read_keys(system.keylog).values():
        secrets += [key.hex(), key[:8].hex(), key[8:16].hex(), key.hex(":")]
    with open(system.keylog, encoding="ascii") as f:
        secrets += [word for line in f for word in line.split() if len(word) >= 32]
    assert len(secrets) > 12
    texts = system.said + [p.output() for p in system.daemons()]
    assert len(texts) > 60 and "debug" not in secrets
    for secret in secrets:
        for text in texts:
            assert secret.lower() not in text.lower()
