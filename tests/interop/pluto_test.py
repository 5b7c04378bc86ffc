# SPDX-License-Identifier: BSD-3-Clause
"""libreswan's pluto as a phase-1 peer of a key server: IPsec's DOI, main mode, pre-shared key, AES-256, SHA-256.

It can't do GDOI. What it says after phase 1 is Quick Mode, whose exchange type, 32, is GROUPKEY-PULL's (RFC 6407
3.2.1): the key server must not take it for one, and must end phase 1 when pluto does. pluto speaks to port 500 only (to
others it puts a NAT traversal marker before each message), so its own namespace translates 500 to 848.
"""

import os
import re
import socket
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import gvpn  # noqa: E402
from esp_capture import ip_packets  # noqa: E402
from topology import Topology, inside, wait_for  # noqa: E402

LIBEXEC = "/usr/libexec/ipsec"
SERVER, PEER = "10.0.0.1", "10.0.0.254"
PSK = "a pre-shared key of more than 32 octets"
TO_848 = f"table ip nat {{ chain out {{ type nat hook output priority -100; udp dport 500 dnat to {SERVER}:848; }}; }}"


class Pluto:
    """pluto in the WAN's namespace, with files of its own."""

    def __init__(self, t, ns, psk):
        self.ns, self.dir = ns, t.path("pluto")
        os.mkdir(self.dir)
        subprocess.run(["certutil", "-N", "-d", "sql:" + self.dir, "--empty-password"], check=True, timeout=30)
        t.path("pluto/ipsec.conf", "config setup\n    ikev1-policy=accept\n")
        t.path("pluto/ipsec.secrets", f'{PEER} {SERVER} : PSK "{psk}"\n')
        self.process = t.start(ns, [LIBEXEC + "/pluto", "--nofork", "--stderrlog", "--config", self.dir + "/ipsec.conf",
                                    "--rundir", self.dir, "--ipsecdir", self.dir, "--nssdir", self.dir,
                                    "--nhelpers", "0", "--secretsfile", self.dir + "/ipsec.secrets", "--no-dnssec",
                                    "--use-xfrm"])
        self.said("loading secrets")

    def whack(self, *words):
        p = subprocess.run(["ip", "netns", "exec", self.ns, LIBEXEC + "/whack", "--rundir", self.dir, "--ctlsocket",
                            self.dir + "/pluto.ctl", *words], capture_output=True, text=True, timeout=30, check=False)
        assert p.returncode == 0, p.stdout + p.stderr

    def connect(self, group):
        self.whack("--listen")
        self.whack("--name", "ks", "--ikev1", "--psk", "--encrypt", "--tunnel", "--ike", f"aes256-sha2_256;{group}",
                   "--esp", "aes_gcm256-null", "--host", PEER, "--to", "--host", SERVER)
        self.whack("--initiate", "--name", "ks", "--asynchronous")

    def said(self, pattern):
        return found(self.process.output, pattern)


def say_again(ns, packet):
    """Sends the UDP payload of this packet once more as pluto does: in the same flow, or its port would be translated."""
    with inside(ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    with s:
        s.sendto(struct.pack("!HHHH", 500, 500, len(packet) - 20, 0) + packet[28:], (SERVER, 0))


def found(output, pattern, timeout=15):
    """Waits until output() has the pattern."""
    return wait_for(lambda: re.search(pattern, output()), timeout=timeout, what=f"{pattern} in\n{output()}").group(0)


def of_exchange(exchange):
    """A function: capture -> pluto's packets of this exchange type."""
    return lambda capture: [p for p in ip_packets(capture.path, [PEER])
                            if p[12:16] == socket.inet_aton(PEER) and p[28 + 18] == exchange]


quick_mode, informational = of_exchange(32), of_exchange(5)


class Setup:
    """A key server, and pluto with this key."""

    def __init__(self, t, psk=PSK):
        self.s = gvpn.System(t, members=0)
        self.ks = self.s.ks
        self.ks.start(psks={PEER: PSK}, authorize=["permit 10.0.0.0/24"])
        t.sh(self.s.wan_ns, "nft", TO_848)
        self.pluto = Pluto(t, self.s.wan_ns, psk)


@pytest.fixture(params=[(19, "dh19"), (14, "modp2048")], ids=["group19", "group14"])
def group(request, monkeypatch):
    monkeypatch.setattr(gvpn, "CONTROL", gvpn.CONTROL.replace("group: 19", f"group: {request.param[0]}"))
    return request.param[1]


def test_phase1_and_no_more(group):
    with Topology() as t:
        x = Setup(t)
        capture = x.s.capture("ks", "udp port 848")
        x.pluto.connect(group)
        x.pluto.said("IKE SA established {auth=PRESHARED_KEY cipher=AES_CBC_256 integ=HMAC_SHA2_256")
        found(x.ks.log, rf"IKE_PHASE1_UP: phase 1 with {PEER}:500 established as {PEER}")

        # Quick Mode: again and again, refused each time, with the reason.
        x.pluto.said("STATE_QUICK_I1: retransmission; will wait 2 seconds")
        found(x.ks.log, "IKE_DROP: .*not the first message of a PULL: Quick Mode")
        ike = x.ks.ike()
        assert (ike["phase1_established"], ike["phase1_failed"]) == (1, 0)
        assert (ike["pulls_served"], ike["pulls_refused"]) == (0, 0)
        assert ike["datagrams_out"] == 3 and ike["dropped_state"] == ike["datagrams_in"] - 3 >= 3
        assert x.ks.members() == []

        # pluto's delete ends the session: what is said under its cookies afterwards has no owner.
        x.pluto.whack("--terminate", "--name", "ks")
        x.pluto.said("deleting state .*STATE_MAIN_I4")
        wait_for(lambda: informational(capture), timeout=10, what="pluto's delete")
        quick, delete = quick_mode(capture)[-1], informational(capture)[0]
        for packet in (quick, delete):
            before = x.ks.ike()["dropped_unknown"]
            say_again(x.s.wan_ns, packet)
            wait_for(lambda n=before: x.ks.ike()["dropped_unknown"] == n + 1, timeout=5, what="it to be unknown")

        x.pluto.whack("--initiate", "--name", "ks", "--asynchronous")
        wait_for(lambda: x.ks.ike()["phase1_established"] == 2, timeout=15, what="a second phase 1")
        assert x.ks.ike()["phase1_failed"] == 0
        x.s.stop()


def test_wrong_key():
    with Topology() as t:
        x = Setup(t, psk="another pre-shared key of more than 32")
        x.pluto.connect("dh19")
        found(x.ks.log, rf"IKE_DROP: datagram from {PEER}:500 dropped")
        x.pluto.said("AUTHENTICATION_FAILED")
        time.sleep(2)
        ike = x.ks.ike()
        assert (ike["phase1_established"], ike["datagrams_out"]) == (0, 3)  # messages 2 and 4, one notify
        assert "IKE SA established" not in x.pluto.process.output()
        x.s.stop()
