# SPDX-License-Identifier: BSD-3-Clause
"""Operating a running system: reload that changes everything or nothing, clear, leaving and coming back, and the views."""

import re
import signal
import sys
import os
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import ACL, GROUP, System, ping, udp_socket  # noqa: E402
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


def decision(node, *words):
    return node.ask("explain", *words).get("decision")


def flows(system, timeout=10):
    wait_for(lambda: ping(system.h1, system.h2.address, count=1) == 1, timeout=timeout, what="traffic")


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


def test_clear_group_on_the_key_server_changes_every_key(system):
    old = system.ks.status()["sas"][0]["spi"]
    document = system.ks.ask("clear", "group", GROUP)
    assert document["members_forgotten"] == 2 and "register again" in document["note"]
    assert system.ks.members() == []
    assert ping(system.h1, system.h2.address) == 3, "members go on with the old key"
    new = system.ks.status()["sas"][0]["spi"]
    assert new != old
    for m in system.members:
        assert m.ctl("clear", "group", GROUP)[0] == 0
        m.wait_registered()
        assert [sa["spi"] for sa in m.status()["sas"]] == [new]
    flows(system)


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
    assert ping(system.h1, system.h2.address, count=1) == 0, "the other end expects ESP"
    system.m1.dp.stop(signal.SIGKILL)  # and a new data plane is told the same
    wait_for(lambda: "is gone" in m.log().splitlines()[-1], what="gvpnd to notice")
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
    time.sleep(0.3)
    assert m.reload(m.config())[0] == 0
    m.wait_registered()
    assert [sa["spi"] for sa in m.status()["sas"]] == [spi]
    flows(system)


def state_of(system, m):
    return {e["address"]: e["state"] for e in system.ks.ask("show", "ks", "members")["groups"][0]["members"]}.get(m.address)


def test_a_member_leaves_and_comes_back(system):
    m = system.m2
    assert state_of(system, m) == "registered"
    began = time.monotonic()
    assert m.gvpnd.stop() == 0
    assert time.monotonic() - began < 2, "an answered LEAVE needs no time-out"
    assert state_of(system, m) == "left"
    assert "GM_UNREGISTER" in system.ks.log()
    assert system.ks.status()["members"] == 1
    assert ping(system.h1, system.h2.address, count=2) == 0
    m.start_control()
    m.wait_registered()
    assert state_of(system, m) == "registered"
    flows(system)


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
        assert 2.5 < time.monotonic() - began < 5
        assert "did not answer in time" in m.log()
        assert ping(system.h1, system.h2.address, count=1) == 0, "out of use all the same"
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


def test_views_fit_a_terminal_and_name_their_units(system):
    lines = []
    for node, views in ((system.m1, ("status", "show group", "show ipsec sa", "show isakmp sa", "show counters", "show ports",
                                     "show ports --pair wan", "show workers", "show events", "show events 3",
                                     "show log-messages", "show version")),
                        (system.ks, ("status", "show group", "show ks members", "show isakmp sa", "show events"))):
        for view in views:
            status, out, err = node.ctl(*view.split())
            assert status == 0 and out and not err, (view, err)
            assert isinstance(node.ask(*view.split()), dict)
            lines += [(view, line) for line in out.splitlines() if len(line) > 100]
    assert not lines
    assert system.m1.ctl("show", "ports", "--pair", "lan")[0] == 4
    ports = system.m1.ask("show", "ports")["ports"]
    assert [p["name"] for p in ports] == ["lan0", "wan0"] and all(p["rx_packets"] > 0 for p in ports)
    worker, = system.m1.ask("show", "workers")["workers"]
    assert worker["packets"] > 0 and worker["data_plane"].endswith("gvpn-dp.sock")


def test_isakmp_sas_are_shown_while_they_live(system):
    assert system.m1.ctl("clear", "group", GROUP)[0] == 0
    system.m1.wait_registered()
    assert system.m1.ask("show", "isakmp", "sa")["sas"] == [], "a member keeps none after its registration"
    system.ks.gvpnd.popen.send_signal(signal.SIGSTOP)
    try:
        assert system.m1.ctl("clear", "group", GROUP)[0] == 0
        sa, = system.m1.ask("show", "isakmp", "sa")["sas"]
        assert (sa["role"], sa["state"]) == ("initiator", "phase 1: sent message 1")
        assert sa["peer"] == f"{system.ks.address}:848"
    finally:
        system.ks.gvpnd.popen.send_signal(signal.SIGCONT)
    system.m1.wait_registered()


def test_clear_counters(system):
    assert ping(system.h1, system.h2.address) == 3
    assert system.m1.verdicts()["sent_encrypted"] >= 3
    document = system.m1.ask("clear", "counters")
    assert document["data_planes"] == 1
    wait_for(lambda: system.m1.verdicts()["sent_encrypted"] == 0 and system.m1.ike()["datagrams_in"] == 0,
             what="counters to be 0")
    assert ping(system.h1, system.h2.address) == 3
    assert 3 <= system.m1.verdicts()["sent_encrypted"] < 20


def test_clear_ks_members(system):
    document = system.ks.ask("clear", "ks", "members", GROUP, system.m1.address)
    assert document["members_forgotten"] == 1 and "keep their keys" in document["note"]
    assert system.ks.members() == [system.m2.address]
    assert system.ks.ctl("clear", "ks", "members", GROUP, system.m1.address)[0] == 4
    assert ping(system.h1, system.h2.address) == 3


def test_no_secret_is_in_any_output(system):
    for node in (system.ks, *system.members):
        for view in ("status", "show group", "show isakmp sa", "show events"):
            assert "must-stay-secret" not in node.ctl(*view.split(), "--json")[1]
        assert "must-stay-secret" not in node.log()
