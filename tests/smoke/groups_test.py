# SPDX-License-Identifier: BSD-3-Clause
"""Two groups on one key server, and on two port pairs of one data plane: each has its own keys, members and fate (KS1, GM11).

    h1 -- m1 (pair wan) -- router -- m2 (pair wan) -- h2          group SMOKE, 10.1.0.0/16
    x1 -- m1 (pair two) ------------ m2 (pair two) -- x2          group TWO,   10.9.0.0/24
"""

import os
import re
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import GROUP, MTU, Host, System, ping, silent  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

TWO_SERVER = """
  - name: TWO
    identity: 10.9.9.9
    key-server:
      address: 10.0.0.1
      authorize: {{addresses: [{authorize}]}}
      sa:
        - {{number: 10, profile: branch, acl: lab, replay: none}}
        - {{number: 20, profile: slow, acl: web, replay: none}}
"""

TWO_MEMBER = """
  - name: TWO
    identity: 10.9.9.9
    member:
      key-servers: [{servers}]
      data-plane: {{socket: gvpn-dp.sock, pair: two}}
"""


def server_config(system, authorize=("permit any",)):
    text = system.ks.config()
    text = text.replace("acls:\n", 'acls:\n  lab: ["permit icmp 10.9.0.0/24 10.9.0.0/24"]\n'
                                   '  web: ["permit tcp 10.9.0.0/24 10.9.0.0/24"]\n')
    text = text.replace("profiles:\n", "profiles:\n  slow: {transform-set: strong, lifetime: 2h}\n")
    return text + TWO_SERVER.format(authorize=", ".join(f'"{a}"' for a in authorize))


def member_config(m, servers=None):
    return m.config() + TWO_MEMBER.format(servers=servers or m.system.ks.address)


def group(node, name):
    found = [g for g in node.ask("status")["groups"] if g["name"] == name]
    return found[0] if found else None


def wait_state(m, name, state="registered", timeout=60):
    wait_for(lambda: group(m, name)["state"] == state, timeout, step=0.1, what=f"{name} of {m.name} to be {state}")


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        outsides = []
        for m in s.members:
            inside_port, outside, devices = t.second_pair(m.gw)
            outsides.append(outside)
            m.dp_text = m.dp_text.replace("\npairs:\n", f'\n  - {{name: lan1, device: "{devices[0]}"}}\n  - {{name: wan1, device: '
                                          f'"{devices[1]}"}}\npairs:\n  - {{name: two, inside: lan1, outside: wan1, mtu: 1500}}\n')
            address = f"10.9.0.{m.number}"
            m.other = Host(t.host(f"x{m.number}", inside_port, f"{address}/24", mtu=MTU), address)
        t.connect(*outsides)
        s.wire_two = (s.m2.gw.ns, "brout2")
        s.ks.run_gvpnd(server_config(s))
        for m in s.members:
            m.start_data_plane()
            m.run_gvpnd(member_config(m))
        for m in s.members:
            m.gw.wait_forwarding()
            for name in (GROUP, "TWO"):
                wait_state(m, name)
        s.x1, s.x2 = (m.other for m in s.members)
        yield s


def both_flow(system, count=3):
    return ping(system.h1, system.h2.address, count) == count and ping(system.x1, system.x2.address, count) == count


def test_each_pair_has_the_keys_of_its_group(system):
    one, two = system.capture("site2", "ip proto 50"), system.t.capture(system.m2.gw.ns, "gout2", "ip")
    assert both_flow(system)
    spis = {name: {int(sa["spi"], 16) for sa in group(system.m1, name)["sas"]} for name in (GROUP, "TWO")}
    assert len(spis[GROUP]) == 1 and len(spis["TWO"]) == 2 and not spis[GROUP] & spis["TWO"]
    assert {p.spi for p in esp.esp_packets(one.stop())} == spis[GROUP]
    number_10 = {int(sa["spi"], 16) for sa in group(system.m1, "TWO")["sas"] if sa["sa"] == 10}
    packets = esp.esp_packets(two.stop())
    assert packets and {p.spi for p in packets} == number_10
    for node in (system.ks, *system.members):
        assert {int(sa["spi"], 16) for sa in group(node, "TWO")["sas"]} == spis["TWO"]


def test_explain_tells_the_pairs_and_numbers_apart(system):
    def explain(*words):
        return system.m1.ask("explain", *words)
    by_pair = {p: explain("--pair", p, "10.9.0.1", "10.9.0.2", "icmp") for p in ("wan", "two")}
    assert by_pair["two"]["decision"] == "encrypt" and by_pair["two"]["rule"]["group"] == "TWO"
    assert by_pair["wan"]["decision"] == "clear" and by_pair["wan"]["rule"]["group"] in (None, GROUP)
    web = explain("--pair", "two", "10.9.0.1", "10.9.0.2", "tcp", "1000", "80")
    assert web["rule"]["sa"] == 20 and web["spi"] != by_pair["two"]["spi"]
    assert system.m1.ctl("explain", "--pair", "three", "10.9.0.1", "10.9.0.2", "icmp")[0] == 4


def test_clearing_one_group_leaves_the_other_alone(system):
    """A group that registers anew costs the other nothing: no registration, no key, no packet."""
    before = group(system.m1, GROUP)
    pings = system.t.start(system.h1.ns, ["ping", "-n", "-i", "0.005", "-W", "1", system.h2.address])
    wait_for(lambda: pings.output().count("bytes from") > 10, what="pings")
    for m in system.members:
        assert m.ctl("clear", "group", "TWO")[0] == 0
        wait_state(m, "TWO")
    assert system.ks.ask("clear", "group", "TWO")["new_teks"] == 2
    for m in system.members:
        assert m.ctl("clear", "group", "TWO")[0] == 0
        wait_state(m, "TWO")
    time.sleep(0.3)
    pings.stop(signal.SIGINT)
    answered = set(map(int, re.findall(r"icmp_seq=(\d+) ttl", pings.output())))
    assert max(answered) == len(answered)  # those behind the last answer may still be on their way
    after = group(system.m1, GROUP)
    assert (after["registrations"], [sa["spi"] for sa in after["sas"]]) == (before["registrations"],
                                                                           [sa["spi"] for sa in before["sas"]])
    wait_for(lambda: both_flow(system, 1), what="both groups")


def test_who_is_not_authorised_for_one_group_stays_in_the_other(system):
    assert system.ks.reload(server_config(system, [f"permit {system.m1.address}/32", "deny any"]))[0] == 0
    for m in system.members:
        assert m.ctl("clear", "group", "TWO")[0] == 0
    wait_state(system.m1, "TWO")
    wait_for(lambda: "not authorised" in (group(system.m2, "TWO")["last_error"] or ""), what="m2 to be refused")
    assert group(system.m2, "TWO")["state"] == "registering"
    assert ping(system.h1, system.h2.address) == 3
    assert silent(system.x1, system.x2.address, 1)
    members = {g["name"]: {e["address"] for e in g["members"]} for g in system.ks.ask("show", "ks", "members")["groups"]}
    assert system.m2.address in members[GROUP]
    assert system.ks.reload(server_config(system))[0] == 0
    wait_state(system.m2, "TWO", timeout=100)
    wait_for(lambda: both_flow(system, 1), what="both groups")


def test_a_silent_key_server_of_one_group_holds_up_only_that(system):
    """GM1: the next one in the list is asked; meanwhile the other group goes on."""
    m = system.m2
    nobody, key = "192.0.2.77", '    - {peer: 192.0.2.77, secret: "a key that nobody ever asks for, 32"}\n'
    text = member_config(m, f"{nobody}, {system.ks.address}").replace("  pre-shared-keys:\n", "  pre-shared-keys:\n" + key)
    assert m.reload(text)[0] == 0
    assert m.ctl("clear", "group", "TWO")[0] == 0
    assert group(m, "TWO")["key_server"] == nobody
    assert group(m, GROUP)["state"] == "registered"
    assert m.ctl("clear", "group", GROUP)[0] == 0
    wait_state(m, GROUP, timeout=7)  # the next server is asked after 8 s
    assert ping(system.h1, system.h2.address) == 3
    wait_state(m, "TWO", timeout=100)
    assert group(m, "TWO")["key_server"] == system.ks.address
    assert m.reload(member_config(m))[0] == 0


def who_left(system):
    return {g["name"]: [e["address"] for e in g["members"] if e["state"] == "left"]
            for g in system.ks.ask("show", "ks", "members")["groups"]}


def test_a_member_leaves_all_its_groups(system):
    m = system.m2
    assert m.gvpnd.stop() == 0
    assert who_left(system) == {GROUP: [m.address], "TWO": [m.address]}
    m.run_gvpnd(member_config(m))
    for name in (GROUP, "TWO"):
        wait_state(m, name)
    wait_for(lambda: both_flow(system, 1), what="both groups")


def test_a_group_removed_by_reload_takes_only_its_own_pair(system):
    m = system.m1
    assert m.reload(m.config())[0] == 0
    wait_for(lambda: m.ask("explain", "--pair", "two", "10.9.0.1", "10.9.0.2", "icmp")["because"] == "drop_unprotected",
             what="pair two to be unprotected")
    assert ping(system.h1, system.h2.address) == 3
    assert silent(system.x1, system.x2.address, 1)
    wait_for(lambda: who_left(system) == {GROUP: [], "TWO": [m.address]}, what="the key server to be told (GM12)")
    assert "has left group TWO" in m.log() and "has taken note" in m.log()
    assert m.reload(member_config(m))[0] == 0
    wait_state(m, "TWO")
    wait_for(lambda: who_left(system) == {GROUP: [], "TWO": []}, what="the key server to have it back")
    wait_for(lambda: both_flow(system, 1), what="both groups")
