# SPDX-License-Identifier: BSD-3-Clause
"""Somebody on the WAN sends clear packets and ESP towards a protected host: changed, foreign, replayed, reflected, and,
made with the group's keys by scapy, lies about what is inside. Every packet ends in the verdict that names it, and no
lie is delivered.
"""

import os
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import System, mac_of, ping, raw_socket, udp_socket  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

FOREIGN_SENDER = 0xABCDEF  # a sender id that nobody was given
OUTBOUND = ("sent_encrypted", "passed_l2")  # the host answers what is delivered


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, lab=True) as s:
        s.start()
        capture = s.capture("site2", f"ip host {s.h1.address} and host {s.h2.address}")
        assert ping(s.h1, s.h2.address) == 3
        s.packets = esp.esp_packets(capture.stop())
        s.ours = next(p for p in s.packets if p.src == s.h1.address)  # from m1's host to m2's
        s.keys = esp.read_keys(s.keylog)
        s.wire = raw_socket(s.wan_ns, "site2")
        s.l2 = mac_of(s.h2.ns, "eth0") + mac_of(s.wan_ns, "site2") + b"\x08\x00"
        yield s
        s.wire.close()



def send(system, packets):
    """Sends IP packets to m2 from the WAN. Returns what was delivered to h2 and how much its verdicts have grown."""
    before = system.m2.verdicts()
    capture = system.t.capture(system.h2.ns, "eth0", "ip")
    for i, packet in enumerate(packets):
        system.wire.send(system.l2 + packet)
        if i % 50 == 49:
            time.sleep(0.01)

    def grown():
        now = system.m2.verdicts()
        return {name: now[name] - n for name, n in before.items() if now[name] != n and name not in OUTBOUND}

    wait_for(lambda: sum(grown().values()) >= len(packets), what=f"{len(packets)} verdicts, there are {grown()}")
    delivered = [p for p in esp.ip_packets(capture.stop()) if p[16:20] == system.ours.ip[16:20]]
    return delivered, grown()


def udp(system, src=None, dst=None, sport=4000, dport=4001, payload=b"from the WAN", **ip):
    from scapy.layers.inet import IP, UDP
    head = IP(src=src or system.h1.address, dst=dst or system.h2.address, **ip)
    return head / UDP(sport=sport, dport=dport) / payload


def forged(system, inner, outer_src=None, outer_dst=None, sender=FOREIGN_SENDER):
    """ESP with the right key around whatever we like."""
    system.forged = getattr(system, "forged", 0) + 1
    return esp.encrypt(inner, system.ours.spi, system.keys, outer_src or system.h1.address,
                       outer_dst or system.h2.address, sender, counter=system.forged)


def test_clear_packets_are_dropped_counted_and_explained(system):
    delivered, verdicts = send(system, [bytes(udp(system))] * 5)
    assert (delivered, verdicts) == ([], {"drop_policy_clear_in": 5})
    answer = system.m2.ask("explain", "--in", system.h1.address, system.h2.address, "udp", "4000", "4001")
    assert (answer["decision"], answer["because"]) == ("drop", "drop_policy_clear_in")
    assert answer["rule"]["text"] == "permit ip 10.1.0.0/16 10.1.0.0/16"
    assert int(answer["spi"], 16) == system.ours.spi
    status, table, _ = system.m2.ctl("explain", "--in", system.h1.address, system.h2.address, "udp", "4000", "4001")
    assert status == 0 and "drop_policy_clear_in" in table and "permit ip 10.1.0.0/16 10.1.0.0/16" in table


def test_every_changed_octet_is_noticed(system):
    """Octets 0 to 19 are the outer header, then SPI, sequence number (authenticated), IV, text and ICV."""
    original = system.ours.ip
    changed = [original[:i] + bytes((original[i] ^ 0xff,)) + original[i + 1:] for i in range(len(original))]
    delivered, verdicts = send(system, changed)
    assert delivered == []
    assert verdicts == {"drop_malformed": 20, "drop_unknown_spi": 4, "drop_auth": len(original) - 24}


def test_every_changed_bit_of_the_icv_is_noticed(system):
    text, icv = system.ours.ip[:-16], int.from_bytes(system.ours.ip[-16:], "big")
    changed = [text + (icv ^ 1 << bit).to_bytes(16, "big") for bit in range(128)]
    assert send(system, changed) == ([], {"drop_auth": 128})


def test_cut_and_extended_esp(system):
    """Every length of the packet that its header admits to."""
    from scapy.layers.inet import IP
    original = IP(system.ours.ip)
    texts = [bytes(original.payload)[:n] for n in range(len(original.payload))] + [bytes(original.payload) + bytes(4)]
    packets = [bytes(IP(src=original.src, dst=original.dst, proto=esp.ESP) / text) for text in texts]
    delivered, verdicts = send(system, packets)
    assert delivered == []
    assert set(verdicts) == {"drop_malformed", "drop_auth"}


def test_unknown_spi(system):
    packet = system.ours.ip[:20] + (system.ours.spi ^ 1).to_bytes(4, "big") + system.ours.ip[24:]
    assert send(system, [packet]) == ([], {"drop_unknown_spi": 1})


def test_replay_is_counted_as_one_thing(system):
    """`replay: none`: nothing refuses a packet that was seen already, and it is counted as what it is."""
    delivered, verdicts = send(system, [system.ours.ip] * 3)
    assert verdicts == {"received_decrypted": 3}
    assert delivered == [esp.decrypt(system.ours, system.keys)] * 3


def test_own_packet_reflected(system):
    own = next(p for p in system.packets if p.src == system.h2.address)
    assert send(system, [own.ip] * 2) == ([], {"drop_own_sender": 2})
    # also when somebody who has the keys uses our sender id towards us
    mine = system.m2.status()["sas"][0]["sender_ids"][0]
    assert send(system, [forged(system, udp(system), sender=mine)]) == ([], {"drop_own_sender": 1})


def test_forging_with_the_keys_works(system):
    """So that the refusals below are refusals of the lie, not of the forgery."""
    delivered, verdicts = send(system, [forged(system, udp(system))])
    assert verdicts == {"received_decrypted": 1}
    assert delivered == [bytes(udp(system))]


def test_inner_addresses_differ_from_the_outer_ones(system):
    lies = [forged(system, udp(system, src="10.1.1.99")), forged(system, udp(system, dst="10.1.2.99")),
            forged(system, udp(system), outer_src="10.1.1.99"), forged(system, udp(system), outer_dst="10.1.2.99"),
            forged(system, udp(system, src=system.h2.address, dst=system.h1.address))]
    assert send(system, lies) == ([], {"drop_address_mismatch": 5})


def test_inner_packet_that_the_sa_may_not_carry(system):
    denied = udp(system, sport=848, dport=848)
    unnamed = udp(system, src="192.0.2.1")
    lies = [forged(system, denied), forged(system, unnamed, outer_src="192.0.2.1")]
    assert send(system, lies) == ([], {"drop_inner_policy": 2})


def test_inner_packet_that_is_not_whole(system):
    inner = bytes(udp(system))
    from scapy.layers.inet import IP
    cut = IP(inner[:-4])  # its total length still says otherwise
    wrong_sum = IP(inner[:10] + b"\0\0" + inner[12:])
    assert send(system, [forged(system, cut), forged(system, wrong_sum)]) == ([], {"drop_inner_malformed": 2})


def test_inner_fragments_and_options(system):
    from scapy.layers.inet import IPOption_Router_Alert
    lies = [forged(system, udp(system, flags="MF")), forged(system, udp(system, frag=3)),
            forged(system, udp(system, options=[IPOption_Router_Alert()]))]
    delivered, verdicts = send(system, lies)
    assert delivered == []
    assert verdicts == {"drop_fragment": 2, "drop_ip_options": 1}


def test_traffic_still_flows(system):
    assert ping(system.h1, system.h2.address) == 3
    with udp_socket(system.h1.ns, system.h1.address) as a, udp_socket(system.h2.ns, system.h2.address, 4001) as b:
        a.sendto(b"as before", (system.h2.address, 4001))
        assert b.recv(100) == b"as before"
