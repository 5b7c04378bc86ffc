# SPDX-License-Identifier: BSD-3-Clause
"""What an operator does to a running system: reload that changes everything or nothing, clear, leaving and coming back. The
hosts' traffic shows what it costs. In the first half none of it is ever in clear, which a capture of the WAN says; the second
half has policies that mean clear. What views show is gvpnctl_test's business.
"""

import os
import re
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import ACL, GROUP, OUTSIDE, System, answers, ping, silent, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

OTHER_GROUP = """
groups:
  - name: ELSEWHERE
    identity: 999
    member:
      key-servers: [{server}]
      data-plane: {{socket: gvpn-dp.sock, pair: nowhere}}
"""


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        s.start()
        s.wan = s.capture("site1", f"ip and host {s.h1.address} and host {s.h2.address}")
        yield s


@pytest.fixture
def talk(system):
    """h1 and h2 ping each other 200 times a second; done() stops that and gives how many pings were lost."""
    pings = [system.t.start(a.ns, ["ping", "-n", "-i", "0.005", "-W", "1", b.address])
             for a, b in ((system.h1, system.h2), (system.h2, system.h1))]

    def done():
        time.sleep(0.3)
        lost = 0
        for p in pings:
            p.stop(signal.SIGINT)
            answered = set(map(int, re.findall(r"icmp_seq=(\d+) ttl", p.output())))
            assert len(answered) > 20
            lost += max(answered) - len(answered)  # the latest may still be on its way
        return lost

    wait_for(lambda: all(p.output().count("bytes from") > 10 for p in pings), what="both hosts to talk")
    yield done
    for p in pings:
        p.stop(signal.SIGKILL)


def edit(node, old, new):
    """Changes the file that the daemon was started with."""
    path = os.path.join(node.dir, "gvpnd.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text.count(old) == 1
    node.write("gvpnd.yaml", text.replace(old, new))


def wait_ping(system):
    wait_for(lambda: answers(system.h1, system.h2.address), what="traffic")
    assert ping(system.h1, system.h2.address) == 3


def decision(node, *words):
    return node.ask("explain", *words).get("decision")


def flows(system):
    wait_for(lambda: answers(system.h1, system.h2.address), what="traffic")


def state_of(system, m):
    return {e["address"]: e["state"] for e in system.ks.ask("show", "ks", "members")["groups"][0]["members"]}.get(m.address)


def test_clear_counters(system):
    assert ping(system.h1, system.h2.address) == 3
    assert system.m1.verdicts()["sent_encrypted"] >= 3
    document = system.m1.ask("clear", "counters")
    assert document["data_planes"] == 1
    wait_for(lambda: system.m1.verdicts()["sent_encrypted"] == 0, what="the counters to be cleared")
    assert system.m1.ike()["datagrams_in"] == 0
    assert ping(system.h1, system.h2.address) == 3
    assert system.m1.verdicts()["sent_encrypted"] == 3


@pytest.mark.parametrize("how", ["reload", "SIGHUP"])
def test_bad_file_changes_nothing(system, how):
    before = system.ks.status()
    edit(system.ks, "acls:", "nonsense: 1\nacls:")
    if how == "reload":
        status, _, err = system.ks.ctl("reload")
        assert status == 1
        assert re.search(r"gvpnd\.yaml:\d+:1: .*nonsense", err)
    else:
        system.ks.gvpnd.popen.send_signal(signal.SIGHUP)
        wait_for(lambda: "nonsense" in system.ks.log(), what="the log to say what is wrong")
    edit(system.ks, "nonsense: 1\nacls:", "acls:")
    after = system.ks.status()
    assert (after["policy_digest"], after["members"]) == (before["policy_digest"], before["members"])
    assert ping(system.h1, system.h2.address) == 3


def test_reload_of_the_same_files_loses_nothing(system, talk):
    before = [n.status() for n in (system.ks, system.m1)]
    for _ in range(5):
        assert system.ks.reload(system.ks.config())[0] == 0
        for m in system.members:
            assert m.reload(m.config())[0] == 0
    assert talk() == 0
    for node, old in zip((system.ks, system.m1), before):
        new = node.status()
        assert new["registrations"] == old["registrations"]
        assert [sa["spi"] for sa in new["sas"]] == [sa["spi"] for sa in old["sas"]]
    assert sorted(system.ks.members()) == sorted(m.address for m in system.members)


@pytest.mark.parametrize("change, expected", [
    (lambda text: text + "nonsense: 1\n", "nonsense"),
    (lambda text: text.replace("identity: 484", "identity: [484]"), "identity"),
    (lambda text: text.replace("listen: [10.0.1.2]", "listen: [10.0.1.77]"), "can't listen on 10.0.1.77 port 848"),
])
def test_a_reload_that_fails_keeps_everything(system, talk, change, expected):
    m = system.m1
    before = m.status()
    status, document = m.reload(change(m.config()))
    assert status == 1 and document["reloaded"] is False
    assert expected in document["error"]
    assert document["error"] in m.log()
    check = m.ctl("check", m.t.path("m1/gvpnd.yaml"))
    if "can't listen" not in expected:  # which --check can't know
        assert check[0] == 1 and document["error"] in check[2]
    m.gvpnd.popen.send_signal(signal.SIGHUP)
    wait_for(lambda: m.log().count(document["error"]) == 2, what="SIGHUP to be answered in the log")
    assert [sa["spi"] for sa in m.status()["sas"]] == [sa["spi"] for sa in before["sas"]]
    assert m.reload(m.config())[0] == 0
    assert talk() == 0


def test_reloaded_policy_is_given_to_who_registers(system):
    """A member that registers gets the new list; the key is the same, so that all understand each other."""
    spi = system.ks.status()["sas"][0]["spi"]
    edit(system.ks, "    - permit ip 10.1.0.0/16 239.0.0.0/8",
         "    - permit ip 10.1.0.0/16 239.0.0.0/8\n    - permit udp 10.1.0.0/16 192.0.2.0/24")
    status, out, err = system.ks.ctl("reload")
    assert status == 0, out + err
    assert system.ks.status()["sas"][0]["spi"] == spi
    explain = ["explain", system.h1.address, OUTSIDE, "udp", "1", "2"]
    assert system.m1.ask(*explain)["decision"] == "clear"
    assert system.m1.ctl("clear", "group", GROUP)[0] == 0
    system.m1.wait_registered()
    assert system.m1.status()["sas"][0]["spi"] == spi
    assert system.m1.ask(*explain)["decision"] == "encrypt"
    wait_ping(system)


def test_sighup_changes_the_log_level(system):
    m = system.m2
    reloads = lambda: [e["mnemonic"] for e in m.ask("show", "events")["events"]].count("GVPN-5-CONFIG_RELOADED")  # noqa: E731
    events, lines = reloads(), m.log().count("CONFIG_RELOADED")
    m.write("gvpnd.yaml", m.config().replace("gvpn: 1\n", "gvpn: 1\nlog: {level: error}\n"))
    m.gvpnd.popen.send_signal(signal.SIGHUP)
    wait_for(lambda: reloads() == events + 1, what="the event, which is kept whatever the level")
    assert m.log().count("CONFIG_RELOADED") == lines
    assert m.reload(m.config())[0] == 0
    assert m.log().count("CONFIG_RELOADED") == lines + 1


def test_clear_ks_members_forgets_entries_only(system):
    document = system.ks.ask("clear", "ks", "members", GROUP, system.m1.address)
    assert document["members_forgotten"] == 1 and "keep their keys" in document["note"]
    assert system.ks.members() == [system.m2.address]
    assert ping(system.h1, system.h2.address) == 3
    assert system.ks.ctl("clear", "ks", "members", GROUP, system.m1.address)[0] == 4


def test_clear_group_on_the_key_server_changes_every_key(system):
    assert system.m1.ctl("clear", "group", GROUP)[0] == 0
    for m in system.members:
        m.wait_registered()
    wait_for(lambda: len(system.ks.members()) == 2, what="both to be members again")
    old = system.ks.status()["sas"][0]["spi"]
    document = system.ks.ask("clear", "group", GROUP)
    assert document["members_forgotten"] == 2 and "register again" in document["note"]
    new = system.ks.status()["sas"][-1]["spi"]
    assert new != old and system.ks.members() == []
    assert ping(system.h1, system.h2.address) == 3, "members go on with what they have"
    for m in system.members:
        assert m.ctl("clear", "group", GROUP)[0] == 0
    for m in system.members:
        m.wait_registered()
        assert [sa["spi"] for sa in m.status()["sas"]] == [new], "nothing else is left"
        assert [sa["spi"] for sa in m.status()["sas"] if sa["sending"]] == [new]
    wait_ping(system)


def test_a_stopped_member_leaves_and_comes_back(system):
    """SIGTERM: the key server notes that it left, its keys are out of use, and nothing passes."""
    for m, other in ((system.m1, system.m2), (system.m2, system.m1)):
        assert state_of(system, m) == "registered"
        assert m.gvpnd.stop() == 0
        assert "did not answer in time" not in m.log()
        wait_for(lambda m=m: state_of(system, m) == "left", what="the key server to note it")
        assert system.ks.members() == [other.address]
        assert "GM_UNREGISTER" in m.log() and "GM_UNREGISTER" in system.ks.log()
        assert system.ks.status()["members"] == 1
        assert silent(system.h1, system.h2.address)
        m.start_control()
        m.wait_registered()
        wait_for(lambda m=m: state_of(system, m) == "registered", what="the key server to have it back")
        wait_ping(system)


def test_without_leave_on_stop_the_data_plane_goes_on(system):
    m = system.m2
    assert m.reload(m.config(leave=False))[0] == 0
    assert m.gvpnd.stop() == 0
    assert state_of(system, m) == "registered"
    assert ping(system.h1, system.h2.address) == 3
    m.start_control(leave=False)
    m.wait_registered()
    assert m.reload(m.config())[0] == 0


def test_a_silent_key_server_holds_up_a_stop_for_three_seconds(system):
    m = system.m2
    system.ks.gvpnd.popen.send_signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert m.gvpnd.stop() == 0
        assert 2.5 < time.monotonic() - began < 10
        assert "did not answer in time" in m.log()
        assert silent(system.h1, system.h2.address, count=1), "out of use all the same"
    finally:
        system.ks.gvpnd.popen.send_signal(signal.SIGCONT)
    m.start_control()
    m.wait_registered()
    flows(system)


def test_garbage_at_port_848_leaves_nobody(system):
    with udp_socket(system.h1.ns, system.h1.address) as s:
        for n in (0, 1, 28, 60, 500):
            s.sendto(os.urandom(n), (system.ks.address, 848))
    assert state_of(system, system.m1) == state_of(system, system.m2) == "registered"


def test_nothing_was_in_clear_and_no_iv_was_used_twice(system):
    kinds = {p[9] for p in esp.ip_packets(system.wan.stop())}
    assert kinds == {esp.ESP}
    esp.assert_unique_ivs(esp.esp_packets(system.wan.path))


def test_a_changed_policy_reaches_members_when_they_register(system, talk):
    acl = ["deny icmp 10.1.0.0/16 10.1.0.0/16", *ACL]
    assert system.ks.reload(system.ks.config(acl=acl))[0] == 0
    assert decision(system.m1, system.h1.address, system.h2.address, "icmp") == "encrypt"
    for m in system.members:
        assert m.ctl("clear", "group", GROUP)[0] == 0
        m.wait_registered()
    for m in system.members:
        assert decision(m, system.h1.address, system.h2.address, "icmp") == "clear"
    assert system.ks.reload(system.ks.config())[0] == 0
    for m in system.members:
        assert m.ctl("clear", "group", GROUP)[0] == 0
        m.wait_registered()
    flows(system)
    talk()


@pytest.mark.parametrize("unprotected", ["drop", "clear"])
def test_a_removed_group_is_unprotected_until_it_comes_back(system, unprotected):
    """Its key comes back with it, though the data plane takes no SPI again that it deleted."""
    m = system.m1
    with_group = m.config().replace("data-plane:", f"unprotected: {unprotected}\n      data-plane:")
    assert m.reload(with_group)[0] == 0
    spi = m.status()["sas"][0]["spi"]
    assert m.reload(m.config().split("groups:")[0] + OTHER_GROUP.format(server=system.ks.address))[0] == 0
    assert "GM_PAIR_UNKNOWN" in m.log()
    wait_for(lambda: decision(m, "--pair", "wan", system.h1.address, system.h2.address, "icmp") == unprotected,
             what="the pair to be unprotected")
    assert silent(system.h1, system.h2.address, count=1), "the other end expects ESP"
    gone = m.log().count("is gone")
    system.m1.dp.stop(signal.SIGKILL)  # and a new data plane is told the same
    wait_for(lambda: m.log().count("is gone") > gone, what="gvpnd to notice")
    m.start_data_plane()
    wait_for(lambda: decision(m, "--pair", "wan", system.h1.address, system.h2.address, "icmp") == unprotected,
             what="the new data plane to know")
    assert m.reload(with_group)[0] == 0
    m.wait_registered()
    m.gw.wait_forwarding()
    flows(system)
    assert [sa["spi"] for sa in m.status()["sas"]] == [spi]
    assert m.reload(m.config())[0] == 0


def test_a_group_that_comes_back_to_the_same_data_plane_has_its_key(system):
    m = system.m1
    spi = m.status()["sas"][0]["spi"]
    assert m.reload(m.config().split("groups:")[0] + OTHER_GROUP.format(server=system.ks.address))[0] == 0
    wait_for(lambda: m.ask("show", "ruleset")["data_planes"][0]["groups"] == [], what="the group to be gone, whose successor has no pair")
    assert m.reload(m.config())[0] == 0
    m.wait_registered()
    assert [sa["spi"] for sa in m.status()["sas"]] == [spi]
    flows(system)


def test_no_secret_was_logged(system):
    for node in (system.ks, *system.members):
        assert "must-stay-secret" not in node.log()
