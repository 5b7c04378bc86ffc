# SPDX-License-Identifier: BSD-3-Clause
"""Two groups on two VLANs of one port pair, with the same addresses in both (the VRF-lite case of GM11; DP8).

    h1 -- m1 -- wan -- m2 -- h2      VLAN 10: group SMOKE     VLAN 20: group TWO     others and untagged: nobody's

The kernel of the hosts knows no VLANs: frames are made by scapy and sent as they are.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import GROUP, System, mac_of, raw_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

COUNT = 5
GROUPS = {10: GROUP, 20: "TWO"}
ACL = ("permit ip 10.1.0.0/16 10.1.0.0/16", "permit ip 2001:db8:1::/48 2001:db8:1::/48")

TWO_SERVER = """
  - name: TWO
    identity: 485
    key-server:
      address: 10.1.0.1
      authorize: {addresses: ["permit any"]}
      sa: [{number: 10, profile: branch, acl: corporate, replay: none}]
"""

TWO_MEMBER = """
  - name: TWO
    identity: 485
    member: {{key-servers: [10.1.0.1], data-plane: {{pair: wan, vlan: {vlans}}}, unprotected: {unprotected}}}
"""


def member_config(m, one="10", two="20", unprotected="drop"):
    """The member's file; `two` None: without that group."""
    text = m.config().replace("pair: wan}", f"pair: [wan], vlan: {one}}}")
    return text + (TWO_MEMBER.format(vlans=two, unprotected=unprotected) if two else "")


def group(node, name):
    return next((g for g in node.ask("status")["groups"] if g["name"] == name), None)


def sends(m, name):
    g = group(m, name)
    return g is not None and g["state"] == "registered" and any(sa["sending"] for sa in g["sas"])


def spi_of(m, name):
    return int(next(sa["spi"] for sa in group(m, name)["sas"] if sa["sending"]), 16)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, bridged=True, lab=True) as s:
        s.ks.run_gvpnd(s.ks.config(acl=ACL) + TWO_SERVER)
        for m in s.members:
            m.start_data_plane()
            m.run_gvpnd(member_config(m))
        for m in s.members:
            m.gw.wait_forwarding()
            for name in GROUPS.values():
                wait_for(lambda: sends(m, name), step=0.1, what=f"{name} of {m.name} to send")
            m.mac = mac_of(m.host.ns, "eth0")
            m.raw = raw_socket(m.host.ns, "eth0")
        s.wan_raw = raw_socket(s.ks.ns, "eth0")
        yield s


def ip6(m):
    return f"2001:db8:1::{m.number}"


def frame(source, target, vlan, text, family=4):
    """A UDP packet from host to host as it stands on the cable."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Dot1Q, Ether
    kind = 0x0800 if family == 4 else 0x86dd
    head = Ether(src=source.mac, dst=target.mac, type=0x8100 if vlan is not None else kind)
    if vlan is not None:
        head /= Dot1Q(vlan=vlan, prio=3, type=kind)
    ip = IP(src=source.host.address, dst=target.host.address) if family == 4 else IPv6(src=ip6(source), dst=ip6(target))
    return bytes(head / ip / UDP(sport=4000, dport=5000) / text)


def wait_for_text(capture, text, count=COUNT):
    capture.wait(count, lambda path: [f for f in esp.frames(path) if text in f])


def vlan_of(packet):
    from scapy.layers.l2 import Dot1Q
    return packet[Dot1Q].vlan if Dot1Q in packet else None


def send(system, source, target, vlan, text, family=4, arrives=True):
    """Sends COUNT packets; what the WAN saw of either kind and what the other host got, as scapy packets."""
    wire, there = system.capture("br0", "not port 848 and not arp"), system.t.capture(target.host.ns, "eth0")
    for _ in range(COUNT):
        source.raw.send(frame(source, target, vlan, text, family))
    if arrives:
        wait_for_text(there, text)
    got = [p for p in there.packets() if text in bytes(p)]
    return list(wire.packets()), got


def esp_of(packet):
    """The IP packet with ESP in a frame, as esp_capture parses it; None when it is something else (IPv4)."""
    from scapy.layers.inet import IP
    return esp.parse(bytes(packet[IP])) if IP in packet and packet[IP].proto == 50 else None


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("vlan", (None, 0, 10, 20, 30, 4094))
def test_a_vlan_is_its_groups_or_nobodys(system, vlan, family):
    """Each VLAN with a group: ESP of that group's key in the same tag, both ways; each without: nothing, and counted."""
    from scapy.layers.inet6 import IPv6
    from scapy.layers.ipsec import ESP
    from scapy.layers.l2 import Dot1Q
    for source, target in ((system.m1, system.m2), (system.m2, system.m1)):
        text = f"{source.name} VLAN {vlan} IPv{family}".encode()
        before = source.verdicts()
        wire, got = send(system, source, target, vlan, text, family, arrives=vlan in GROUPS)
        assert not any(text in bytes(p) for p in wire)
        if vlan not in GROUPS:
            assert not got and not any(ESP in p for p in wire)
            wait_for(lambda: source.verdicts()["drop_unprotected"] - before["drop_unprotected"] == COUNT,
                     what="drop_unprotected")
            continue
        assert len(got) == COUNT and {(vlan_of(p), p[Dot1Q].prio) for p in got} == {(vlan, 3)}
        protected = [p for p in wire if ESP in p]
        assert len(protected) == COUNT and {(vlan_of(p), p[Dot1Q].prio) for p in protected} == {(vlan, 3)}
        assert {IPv6 in p for p in protected} == {family == 6}
        assert {p[ESP].spi for p in protected} == {spi_of(source, GROUPS[vlan])}


def explain(m, *words):
    return m.ask("explain", *words)


@pytest.mark.parametrize("vlan", (None, 0, 10, 20, 30, 4094))
def test_explain_says_the_same(system, vlan):
    where = () if vlan is None else ("--vlan", str(vlan))
    for a, b, icmp in (("10.1.1.10", "10.1.2.10", "icmp"), ("2001:db8:1::1", "2001:db8:1::2", "icmpv6")):
        for m in system.members:
            out = explain(m, "--pair", "wan", *where, a, b, "udp", "4000", "5000")
            back = explain(m, *where, "--in", b, a, icmp)
            if vlan not in GROUPS:
                assert {(e["decision"], e["because"]) for e in (out, back)} == {("drop", "drop_unprotected")}
                assert out["rule"]["group"] is None
                continue
            assert (out["decision"], out["because"]) == ("encrypt", "sent_encrypted")
            assert (back["decision"], back["because"]) == ("drop", "drop_policy_clear_in")
            assert {e["rule"]["group"] for e in (out, back)} == {GROUPS[vlan]}
            assert {int(e["spi"], 16) for e in (out, back)} == {spi_of(m, GROUPS[vlan])}


def test_explain_knows_the_mtu_of_each_family(system):
    """RFC 4106 with a copied header: 20 or 40 octets of header, 16 of ESP and IV, 2 of trailer, 16 of ICV, 4-octet steps."""
    for vlan, (a, b), header in ((10, ("10.1.1.10", "10.1.2.10"), 20), (20, ("2001:db8:1::1", "2001:db8:1::2"), 40)):
        said = explain(system.m1, "--vlan", str(vlan), a, b, "udp", "1", "2")["effective_mtu"]
        assert said == (1500 - header - 16 - 16) // 4 * 4 - 2


def test_a_flow_of_two_families_or_of_the_other_familys_icmp_is_refused(system):
    for words in (("10.1.1.10", "2001:db8:1::2", "udp", "1", "2"), ("2001:db8:1::1", "2001:db8:1::2", "icmp"),
                  ("10.1.1.10", "10.1.2.10", "icmpv6"), ("--vlan", "4095", "10.1.1.10", "10.1.2.10", "udp", "1", "2")):
        assert system.m1.ctl("explain", *words)[0] == 2, words


def test_the_views_show_where_a_group_rules(system):
    for vlan, name in GROUPS.items():
        assert group(system.m1, name)["bindings"] == [{"pair": "wan", "vlan": vlan}]
        assert system.m1.ask("show", "group", name)["groups"][0]["bindings"] == [{"pair": "wan", "vlan": vlan}]


def test_the_keys_of_one_group_open_nothing_of_the_other(system):
    keys = esp.read_keys(system.keylog)
    spis = {vlan: spi_of(system.m1, name) for vlan, name in GROUPS.items()}
    assert len(set(spis.values())) == 2
    for vlan, other in ((10, 20), (20, 10)):
        text = f"keys of VLAN {vlan}".encode()
        wire, _ = send(system, system.m1, system.m2, vlan, text)
        packets = [e for e in map(esp_of, wire) if e is not None]
        assert len(packets) == COUNT
        for p in packets:
            assert text in esp.decrypt(p, keys)
            with pytest.raises(Exception):
                esp.decrypt(p, {p.spi: keys[spis[other]]})


def test_esp_of_one_group_is_nothing_in_the_other_vlan(system):
    """What is right in VLAN 10 is an unknown SPI in VLAN 20, though both groups have the same rules."""
    from scapy.layers.ipsec import ESP
    from scapy.layers.l2 import Dot1Q
    for vlan, other in ((10, 20), (20, 10)):
        text = f"moved from VLAN {vlan}".encode()
        wire, got = send(system, system.m1, system.m2, vlan, text)
        assert len(got) == COUNT
        stolen = next(p for p in wire if ESP in p)
        for tag, verdict, delivered in ((vlan, "received_decrypted", 1), (other, "drop_unknown_spi", 0),
                                        (30, "drop_unprotected", 0)):
            stolen[Dot1Q].vlan = tag
            there, before = system.t.capture(system.h2.ns, "eth0"), system.m2.verdicts()[verdict]
            system.wan_raw.send(bytes(stolen))
            if delivered:
                wait_for_text(there, text, delivered)
            wait_for(lambda: system.m2.verdicts()[verdict] == before + 1, what=f"{verdict} in VLAN {tag}")
            assert len([p for p in there.packets() if text in bytes(p)]) == delivered


def crosses(system, vlan, arrives=True):
    """How many of COUNT arrive, and the SPIs on the WAN."""
    from scapy.layers.ipsec import ESP
    wire, got = send(system, system.m1, system.m2, vlan, f"crossing {vlan}".encode(), arrives=arrives)
    return len(got), {p[ESP].spi for p in wire if ESP in p}


def reload_all(system, **config):
    for m in system.members:
        status, said = m.reload(member_config(m, **config))
        assert status == 0, said


def wait_explained(system, vlan, decision):
    for m in system.members:
        wait_for(lambda: explain(m, "--vlan", str(vlan), "10.1.1.10", "10.1.2.10", "udp", "1", "2")["decision"] == decision,
                 what=f"VLAN {vlan} of {m.name}: {decision}")


def test_more_places_need_no_registration(system):
    before = group(system.m1, GROUP)
    spi = spi_of(system.m1, GROUP)
    reload_all(system, one="[10, 30]")
    wait_explained(system, 30, "encrypt")
    assert crosses(system, 30) == (COUNT, {spi}) and crosses(system, 10) == (COUNT, {spi})
    after = group(system.m1, GROUP)
    assert after["registrations"] == before["registrations"]
    assert after["bindings"] == [{"pair": "wan", "vlan": 10}, {"pair": "wan", "vlan": 30}]
    reload_all(system)
    wait_explained(system, 30, "drop")
    assert crosses(system, 30, arrives=False) == (0, set()) and crosses(system, 10) == (COUNT, {spi})


def test_a_removed_group_keeps_only_what_nobody_else_takes(system):
    spi = spi_of(system.m1, GROUP)
    reload_all(system, two="[20, 40]", unprotected="clear")
    wait_explained(system, 40, "encrypt")
    reload_all(system, one="[10, 20]", two=None)
    wait_explained(system, 40, "clear")
    wait_explained(system, 20, "encrypt")
    assert crosses(system, 20) == (COUNT, {spi}) and crosses(system, 40) == (COUNT, set())
    reload_all(system)
    for m in system.members:
        wait_for(lambda: sends(m, "TWO"), step=0.1, what=f"TWO of {m.name} to send")
    wait_explained(system, 40, "drop")
    assert crosses(system, 20) == (COUNT, {spi_of(system.m1, "TWO")}) and crosses(system, 40, arrives=False) == (0, set())
