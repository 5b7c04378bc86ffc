# SPDX-License-Identifier: BSD-3-Clause
"""Migration to a group (GM8, KS13), in the steps of the original: the key server says receive-only, so that everybody decrypts and
sends in clear; single members are turned by hand and back by the next rekey; receive-only is lifted, all members get new keys, send
ESP and take both for five minutes, then nothing but ESP. At every step everybody reaches everybody. Clocks run 6 times faster: the
five minutes leave time to look.
"""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))

import esp_capture as esp  # noqa: E402
from gvpn import ACL, GROUP, System, ping  # noqa: E402
from topology import Topology, wait_for  # noqa: E402

RATE = 6
FIVE_MINUTES = 300 / RATE
REKEY = "transport: unicast, lifetime: 1h, retransmit: {interval: 10s, count: 2}, waves: {members: 50, interval: 1s}"
CHANGED = [ACL[0], "deny tcp any any eq 2222", *ACL[1:]]
CLEAR, ESP = "clear", "ESP"


@pytest.fixture(scope="module", name="s")
def system():
    with Topology("d") as t:
        s = System(t, rate=RATE)
        with s:
            s.start(lifetime="1h", rekey=REKEY, more=["receive-only: true"])
            yield s


def tell(s, receive_only, acl=None):
    """A reload of the key server; with another list or mode it is a rekey."""
    config = s.ks.config(lifetime="1h", rekey=REKEY, acl=acl or ACL, more=[f"receive-only: {str(receive_only).lower()}"])
    status, document = s.ks.reload(config)
    assert status == 0, document


def directions(s):
    return [m.ask("show", "gm")["groups"][0]["direction"] for m in s.members]


def sas(s):
    """Of both members: (direction of their newest SA, does one of them send)."""
    every = [m.status()["sas"] for m in s.members]
    return [(of[-1]["direction"], any(sa["sending"] for sa in of)) for of in every]


def wait_directions(s, *wanted, timeout=30):
    wait_for(lambda: directions(s) == list(wanted), timeout=timeout, what=f"directions {wanted}")


def ways(s):
    """How echo requests of h1 and the replies of h2 cross the WAN, once every one is answered."""
    expression = f"host {s.h1.address} and host {s.h2.address}"
    capture = s.capture("site1", expression)
    assert ping(s.h1, s.h2.address) == 3
    kinds = {s.h1.address: set(), s.h2.address: set()}
    for packet in esp.to_host(capture, s.h2.address, 3) + list(esp.ip_packets(capture.stop())):
        h = esp.header(packet)
        if h.src in kinds:
            kinds[h.src].add(ESP if h.proto == 50 else CLEAR)
    return [sorted(kinds[h.address]) for h in (s.h1, s.h2)]


def test_receive_only_sends_in_clear(s):
    wait_directions(s, "inbound-only", "inbound-only")
    assert sas(s) == [("inbound-only", False)] * 2
    assert s.ks.status()["sas"][-1]["direction"] == "inbound-only"
    assert ways(s) == [[CLEAR], [CLEAR]]


def test_one_member_is_turned_by_hand(s):
    m1 = s.members[0]
    assert m1.ask("gm", "direction", GROUP, "inbound-optional")["direction"] == "inbound-optional"
    wait_for(lambda: ways(s) == [[ESP], [CLEAR]], what="ESP one way")
    assert sas(s) == [("inbound-optional", True), ("inbound-only", False)]
    assert m1.ask("gm", "direction", GROUP, "both")["direction"] == "both"
    assert m1.ask("show", "gm")["groups"][0]["direction_by"] == "operator"
    m1.ask("gm", "direction", GROUP, "inbound-optional")


def test_the_next_rekey_turns_it_back(s):
    tell(s, True, acl=CHANGED)
    wait_directions(s, "inbound-only", "inbound-only")
    assert ways(s) == [[CLEAR], [CLEAR]]


def test_receive_only_is_lifted(s):
    before = [{sa["spi"] for sa in m.status()["sas"]} for m in s.members]
    registrations = [m.status()["registrations"] for m in s.members]
    tell(s, False, acl=CHANGED)
    wait_directions(s, "inbound-optional", "inbound-optional", timeout=FIVE_MINUTES)
    assert all({sa["spi"] for sa in m.status()["sas"]} - old for m, old in zip(s.members, before)), "no new keys"
    assert [m.ask("show", "gm")["groups"][0]["direction_by"] for m in s.members] == ["conversion", "conversion"]
    wait_for(lambda: ways(s) == [[ESP], [ESP]], what="ESP both ways")
    wait_directions(s, "both", "both", timeout=FIVE_MINUTES + 30)
    assert ways(s) == [[ESP], [ESP]]
    assert sas(s) == [("both", True)] * 2
    assert [m.status()["registrations"] for m in s.members] == registrations
