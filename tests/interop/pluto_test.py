# SPDX-License-Identifier: BSD-3-Clause
"""libreswan's pluto as a phase-1 peer of a key server, and as what a member takes for one: IPsec's DOI, main mode,
pre-shared key, every cipher, hash and group that both have (pluto lacks group 2).

It can't do GDOI. What it says after phase 1 is Quick Mode, whose exchange type, 32, is GROUPKEY-PULL's (RFC 6407
3.2.1): the key server must not take it for one, and must end phase 1 when pluto does. pluto speaks to port 500 only (to
others it puts a NAT traversal marker before each message), so its own namespace translates 848 to 500 and back.
"""

import dataclasses
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
SERVER, PEER, MEMBER = "10.0.0.1", "10.0.0.254", "10.0.1.2"
PSK = "a pre-shared key of more than 32 octets"
TO_848 = f"table ip nat {{ chain out {{ type nat hook output priority -100; udp dport 500 dnat to {SERVER}:848; }}; }}"


FROM_848 = f"""table ip nat {{
    chain pre {{ type nat hook prerouting priority -100; udp dport 848 redirect to :500; }}
    chain in {{ type nat hook input priority 100; udp sport 848 snat to {MEMBER}:500; }}
}}"""


@dataclasses.dataclass
class Suite:
    """A proposal as we, pluto's configuration, pluto's log and our view write it."""
    encryption: str
    hash: str
    group: int
    theirs: str
    said: str

    def line(self):
        return f"    - {{{{encryption: {self.encryption}, hash: {self.hash}, group: {self.group}}}}}"


SUITES = [Suite("aes-128", "sha1", 5, "aes128-sha1;modp1536", "AES_CBC_128 integ=HMAC_SHA1 group=MODP1536"),
          Suite("3des", "sha1", 14, "3des-sha1;modp2048", "3DES_CBC_192 integ=HMAC_SHA1 group=MODP2048"),
          Suite("aes-192", "sha384", 15, "aes192-sha2_384;modp3072", "AES_CBC_192 integ=HMAC_SHA2_384 group=MODP3072"),
          Suite("aes-256", "sha256", 16, "aes256-sha2_256;modp4096", "AES_CBC_256 integ=HMAC_SHA2_256 group=MODP4096"),
          Suite("aes-128", "sha512", 19, "aes128-sha2_512;dh19", "AES_CBC_128 integ=HMAC_SHA2_512 group=DH19"),
          Suite("aes-192", "sha256", 20, "aes192-sha2_256;dh20", "AES_CBC_192 integ=HMAC_SHA2_256 group=DH20"),
          Suite("aes-256", "sha512", 21, "aes256-sha2_512;dh21", "AES_CBC_256 integ=HMAC_SHA2_512 group=DH21"),
          Suite("aes-256", "sha1", 19, "aes256-sha1;dh19", "AES_CBC_256 integ=HMAC_SHA1 group=DH19"),
          Suite("3des", "sha384", 21, "3des-sha2_384;dh21", "3DES_CBC_192 integ=HMAC_SHA2_384 group=DH21")]


def configure(patch, suites, more=""):
    """These proposals, in this order."""
    text = re.sub(r"    - \{\{encryption.*", lambda _: "\n".join(x.line() for x in suites), gvpn.CONTROL)
    patch.setattr(gvpn, "CONTROL", text.replace("{lab}", "{lab}\nlegacy: true").replace("ike:\n", "ike:\n" + more))


class Pluto:
    """pluto in a namespace, with files of its own: at `own` for `peer`."""

    def __init__(self, t, ns, psk, own=PEER, peer=SERVER):
        self.ns, self.dir, self.own, self.peer = ns, t.path("pluto"), own, peer
        os.mkdir(self.dir)
        subprocess.run(["certutil", "-N", "-d", "sql:" + self.dir, "--empty-password"], check=True, timeout=30)
        t.path("pluto/ipsec.conf", "config setup\n    ikev1-policy=accept\n")
        t.path("pluto/ipsec.secrets", f'{own} {peer} : PSK "{psk}"\n')
        self.process = t.start(ns, [LIBEXEC + "/pluto", "--nofork", "--stderrlog", "--config", self.dir + "/ipsec.conf",
                                    "--rundir", self.dir, "--ipsecdir", self.dir, "--nssdir", self.dir,
                                    "--nhelpers", "0", "--secretsfile", self.dir + "/ipsec.secrets", "--no-dnssec",
                                    "--use-xfrm"])
        self.said("loading secrets")

    def whack(self, *words):
        p = subprocess.run(["ip", "netns", "exec", self.ns, LIBEXEC + "/whack", "--rundir", self.dir, "--ctlsocket",
                            self.dir + "/pluto.ctl", *words], capture_output=True, text=True, timeout=30, check=False)
        assert p.returncode == 0, p.stdout + p.stderr

    def add(self, name, ike):
        self.whack("--listen")
        self.whack("--name", name, "--ikev1", "--psk", "--encrypt", "--tunnel", "--ike", ike, "--esp", "aes_gcm256-null",
                   "--host", self.own, "--to", "--host", self.peer)

    def connect(self, ike, name="ks"):
        self.add(name, ike)
        self.whack("--initiate", "--name", name, "--asynchronous")

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
        x.pluto.connect(f"aes256-sha2_256;{group}")
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
        x.pluto.connect("aes256-sha2_256;dh19")
        found(x.ks.log, rf"IKE_DROP: datagram from {PEER}:500 dropped")
        x.pluto.said("AUTHENTICATION_FAILED")
        time.sleep(2)
        ike = x.ks.ike()
        assert (ike["phase1_established"], ike["datagrams_out"]) == (0, 3)  # messages 2 and 4, one notify
        assert "IKE SA established" not in x.pluto.process.output()
        x.s.stop()


def established(node):
    """What `show isakmp sa` says about phase 1s that are up."""
    return [{k: sa[k] for k in ("role", "encryption", "hash", "group", "auth", "state")}
            for sa in node.ask("show", "isakmp", "sa")["sas"] if sa["established"]]


def shown(suite, role):
    return {"role": role, "encryption": suite.encryption, "hash": suite.hash, "group": suite.group, "auth": "psk"}


def matches(view, suite, role):
    return any(shown(suite, role).items() <= sa.items() for sa in view)


def test_key_server_with_every_algorithm(monkeypatch):
    """A server that accepts all of them; pluto proposes one at a time, and then several: the server's order decides."""
    configure(monkeypatch, SUITES)
    with Topology() as t:
        x = Setup(t)
        for i, suite in enumerate(SUITES):
            name = f"c{i}"
            x.pluto.connect(suite.theirs, name)
            x.pluto.said(rf'"{name}" #\d+: IKE SA established {{auth=PRESHARED_KEY cipher={suite.said}')
            wait_for(lambda n=i: x.ks.ike()["phase1_established"] == n + 1, timeout=10, what=f"{suite} to be up")
            assert matches(established(x.ks), suite, "responder"), (suite, established(x.ks))
            left = x.ks.ask("show", "isakmp", "sa")["sas"][0]["lifetime_left_s"]
            assert 28700 < left <= 28800  # pluto proposes 8 h, we 24 h: the shorter one
            text = x.ks.ctl("show", "isakmp", "sa")[1]
            assert re.search(rf"{suite.encryption}\W+{suite.hash}\W+{suite.group}\b", text), text
            x.pluto.whack("--terminate", "--name", name)
            wait_for(lambda: established(x.ks) == [], timeout=10, what="pluto's delete")
        x.pluto.connect(",".join(s.theirs for s in reversed(SUITES)), "all")
        x.pluto.said(rf'"all" #\d+: IKE SA established {{auth=PRESHARED_KEY cipher={SUITES[0].said}')
        assert x.ks.ike()["phase1_failed"] == 0
        x.s.stop()


def test_nothing_in_common(monkeypatch):
    """Both logs say what was offered; ours also what we accept."""
    configure(monkeypatch, SUITES[2:4])
    with Topology() as t:
        x = Setup(t)
        x.pluto.connect(SUITES[0].theirs + "," + SUITES[6].theirs)
        found(x.ks.log, "no proposal that both sides accept: offered were aes-128/sha1/5/psk, aes-256/sha512/21/psk; "
                        "we accept aes-192/sha384/15/psk, aes-256/sha256/16/psk")
        x.pluto.said("NO_PROPOSAL_CHOSEN")
        assert x.ks.ike()["phase1_established"] == 0
        x.s.stop()


def test_member_with_every_algorithm(monkeypatch):
    """pluto as responder: a member comes up with each proposal, and offers several in its own order."""
    with Topology() as t:
        s = gvpn.System(t, members=1)
        t.sh(s.ks.ns, "nft", FROM_848)
        pluto = Pluto(t, s.ks.ns, gvpn.psk_of("m1"), own=SERVER, peer=MEMBER)
        pluto.add("gm", ",".join(x.theirs for x in SUITES))
        s.m1.start_data_plane()
        plain = gvpn.CONTROL
        for suites in [[x] for x in SUITES] + [SUITES[::-1]]:
            monkeypatch.setattr(gvpn, "CONTROL", plain)
            configure(monkeypatch, suites, "  phase1-doi: ipsec\n")
            s.m1.start_control(ready=False, leave=False)
            found(s.m1.log, f"IKE_PHASE1_UP: phase 1 with {SERVER}:848 established as {SERVER}")
            wait_for(lambda: matches(established(s.m1), suites[0], "initiator"), timeout=10,
                     what=f"{suites[0]} in {established(s.m1)}")
            pluto.said(f"IKE SA established {{auth=PRESHARED_KEY cipher={suites[0].said}")
            s.m1.gvpnd.stop()
        s.stop()


def test_member_and_nothing_in_common(monkeypatch):
    """What pluto says in clear is only a hint; the member's log has it together with what was offered."""
    with Topology() as t:
        s = gvpn.System(t, members=1)
        t.sh(s.ks.ns, "nft", FROM_848)
        pluto = Pluto(t, s.ks.ns, gvpn.psk_of("m1"), own=SERVER, peer=MEMBER)
        pluto.add("gm", SUITES[0].theirs)
        s.m1.start_data_plane()
        configure(monkeypatch, SUITES[3:5], "  phase1-doi: ipsec\n")
        s.m1.start_control(ready=False, leave=False)
        found(s.m1.log, r"the peer seems to say NO-PROPOSAL-CHOSEN \(not authenticated\); offered were "
                        "aes-256/sha256/16/psk, aes-128/sha512/19/psk")
        pluto.said("NO_PROPOSAL_CHOSEN")
        assert established(s.m1) == []
        s.stop()
