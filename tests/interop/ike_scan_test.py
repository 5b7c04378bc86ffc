# SPDX-License-Identifier: BSD-3-Clause
"""ike-scan, the scanner that others will point at us, probes a key server: with what we accept, with what we don't, and
with headers that are wrong on purpose.

Whatever comes: at most one datagram for each, never more octets than the question (IK6), and nothing is remembered
(IK7).
"""

import os
import re
import socket
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from esp_capture import ip_packets  # noqa: E402
from gvpn import OUTSIDE, System  # noqa: E402
from topology import Topology, build, inside, wait_for  # noqa: E402

SERVER, KNOWN, UNKNOWN = "10.0.0.1", "10.0.0.254", OUTSIDE
OURS = "(1=7,14=256,2=4,3=1,4=19)"  # AES-256, SHA-256, pre-shared key, group 19: what the key server is configured with
FOREIGN = {"3des": "(1=5,2=4,3=1,4=19)", "aes-128": "(1=7,14=128,2=4,3=1,4=19)", "no key length": "(1=7,2=4,3=1,4=19)",
           "sha1": "(1=7,14=256,2=2,3=1,4=19)", "rsa": "(1=7,14=256,2=4,3=3,4=19)",
           "group 2": "(1=7,14=256,2=4,3=1,4=2)", "group 14": "(1=7,14=256,2=4,3=1,4=14)",
           "xauth": "(1=7,14=256,2=4,3=65001,4=19)",
           "unknown attribute": "(1=7,14=256,2=4,3=1,4=19,99=1)", "prf": "(1=7,14=256,2=4,3=1,4=19,13=1)",
           "3des with a key length": "(1=5,14=192,2=4,3=1,4=19)", "no group": "(1=7,14=256,2=4,3=1)"}
WRONG = {"aggressive": ["-A", "--dhgroup=14"], "ikev2": ["--ikev2"],
         "length +8": ["--headerlen=+8"], "length -8": ["--headerlen=-8"], "length 2^32-1": ["--headerlen=4294967295"],
         "version": ["--headerver=0x30"], "encrypted": ["--hdrflags=1"],
         "message id": ["--hdrmsgid=7"], "next payload": ["--nextpayload=13"], "reserved": ["--mbz=255"],
         "exchange 32": ["--exchange=32"], "exchange 5": ["--exchange=5"],
         "situation": ["--situation=7"], "doi": ["--doi=77"], "protocol": ["--protocol=3"],
         "40 vendor ids": ["--vendor=" + "ab" * 16] * 40, "vendor id of 1300": ["--vendor=" + "cd" * 1300]}


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t, members=0) as s:
        s.ks.start(psks={KNOWN: "a pre-shared key of more than 32 octets"}, authorize=["permit 10.0.0.0/24"])
        yield s


class Probe:
    """One run of ike-scan: what it printed, and the datagrams of both directions (octets of UDP)."""

    def __init__(self, system, *options, doi=2, trans=(OURS,), source=KNOWN):
        """One datagram; options may contradict the others, which come first."""
        capture = system.capture("ks", "udp port 848")
        argv = ["ip", "netns", "exec", system.wan_ns, "ike-scan", "--dport=848", "--sport=0", "--retry=1",
                "--timeout=300", "--multiline", f"--doi={doi}", *(f"--trans={t}" for t in trans), *options, SERVER]
        if source != KNOWN:
            argv.insert(-1, f"--sourceip={source}")  # ike-scan doesn't hear the answers then: the capture does
        p = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        self.text = p.stdout + p.stderr
        assert p.returncode == 0, self.text
        self.asked, self.answered = [], []
        for packet in ip_packets(capture.stop()):
            (self.answered if packet[12:16] == socket.inet_aton(SERVER) else self.asked).append(packet[28:])

    def check(self):
        """The rule for everything that reaches us."""
        assert len(self.asked) == 1, self.text
        assert len(self.answered) <= 1, self.text
        assert all(len(a) <= len(self.asked[0]) for a in self.answered)
        return self


def memory_kb(process):
    with open(f"/proc/{process.popen.pid}/status", encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def is_sanitized(path):
    """AddressSanitizer keeps what was freed for a while: the size of such a process says nothing."""
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def test_what_we_accept(system):
    probe = Probe(system).check()
    assert "Main Mode Handshake returned" in probe.text
    for text in ("Enc=AES", "KeyLength=256", "Hash=SHA2-256", "Auth=PSK"):
        assert text in probe.text
    answer, = probe.answered
    assert answer[8:16] != bytes(8) and struct.unpack_from("!I", answer, 32)[0] == 2


def test_answer_fits_the_question_exactly_when_there_is_room(system):
    """Our vendor id needs 32 octets: it comes only when the question was at least so much longer than the SA."""
    short = Probe(system).check()
    assert "VID=" not in short.text and len(short.answered[0]) == len(short.asked[0])
    long = Probe(system, "--vendor=" + "ab" * 28).check()
    assert "VID=6302c38e9fe0dd14390aac9d7a508ef4" in long.text and len(long.answered[0]) == len(long.asked[0])


def test_doi_of_ipsec_is_taken_too(system):
    probe = Probe(system, doi=1).check()
    assert "Main Mode Handshake returned" in probe.text
    assert struct.unpack_from("!I", probe.answered[0], 32)[0] == 1


def test_ours_among_others_is_chosen(system):
    probe = Probe(system, trans=[*list(FOREIGN.values())[:4], OURS]).check()
    assert "Main Mode Handshake returned" in probe.text
    assert probe.text.count("Enc=AES") == 1 and "KeyLength=256" in probe.text


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_proposal(system, name):
    probe = Probe(system, trans=[FOREIGN[name]]).check()
    assert "NO-PROPOSAL-CHOSEN" in probe.text
    assert probe.answered[0][8:16] == bytes(8)  # no cookie of ours: nothing to come back with


def test_offer_with_an_spi(system):
    """16 octets of SPI in a proposal for ISAKMP: allowed (RFC 2408 3.5), meaningless, not repeated in the answer."""
    probe = Probe(system, "--spisize=16").check()
    assert "Main Mode Handshake returned" in probe.text and len(probe.answered[0]) == len(probe.asked[0]) - 16


def test_what_ike_scan_says_by_itself(system):
    """Eight transforms in 320 octets, all of them with 3DES or AES-128: refused, and the log has both sides."""
    probe = Probe(system, trans=[]).check()
    assert "NO-PROPOSAL-CHOSEN" in probe.text
    assert re.search(r"offered were \S*3des/sha1/2/psk.*; we accept aes-256/sha256/19/psk", system.ks.log())


@pytest.mark.parametrize("count", [9, 30, 50])
def test_long_offers(system, count):
    """Ours stands last; the answer comes back in a message 3 whose cookie is known, and is refused for its value only."""
    probe = Probe(system, "--cookie=0102030405060708", "--sport=5001", trans=[FOREIGN["aes-128"]] * (count - 1) + [OURS]
                  ).check()
    assert "Main Mode Handshake returned" in probe.text
    answer, = probe.answered
    assert len(probe.asked[0]) > 28 + 4 + 256
    body = struct.pack("!BBH", 10, 0, 4 + 64) + bytes(64) + struct.pack("!BBH", 0, 0, 4 + 32) + bytes(32)
    third = answer[:16] + bytes((4, 0x10, 2, 0)) + struct.pack("!II", 0, 28 + len(body)) + body
    before = system.ks.ike()
    with inside(system.wan_ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        s.bind((KNOWN, 5001))
        s.sendto(third, (SERVER, 848))
        wait_for(lambda: system.ks.ike()["datagrams_in"] == before["datagrams_in"] + 1, what="message 3")
    after = system.ks.ike()
    assert (after["dropped_state"], after["dropped_unknown"]) == (before["dropped_state"] + 1, before["dropped_unknown"])
    assert "key exchange value must not be used" in system.ks.log()


def test_offer_that_is_too_long(system):
    """More than the 2048 octets that we keep; and more transforms than an SA payload may have here."""
    before = system.ks.ike()
    assert Probe(system, trans=[OURS[:-1] + ",11=1,12=28800)"] * 60).check().answered == []
    after = system.ks.ike()
    assert after["dropped_limit"] == before["dropped_limit"] + 1
    assert Probe(system, trans=[OURS] * 65).check().answered == []
    assert system.ks.ike()["dropped_malformed"] == after["dropped_malformed"] + 1


@pytest.mark.parametrize("name", WRONG)
def test_wrong_on_purpose(system, name):
    before = system.ks.ike()
    probe = Probe(system, *WRONG[name]).check()
    after = system.ks.ike()
    assert after["datagrams_in"] == before["datagrams_in"] + 1
    if "vendor" not in name:
        assert "Handshake returned" not in probe.text
        assert sum(after[n] - before[n] for n in after if n.startswith("dropped_")) == 1


def test_stranger_gets_nothing(system):
    """An address without a pre-shared key: not even a refusal."""
    for trans in (OURS, FOREIGN["3des"]):
        probe = Probe(system, trans=[trans], source=UNKNOWN).check()
        assert probe.answered == []


def test_same_question_same_answer(system):
    """The answer to message 1 is a function of the question: nothing was kept that could change it."""
    argv = ("--cookie=0102030405060708", "--sport=5000")
    answers = [Probe(system, *argv).check().answered[0] for _ in range(2)]
    if answers[0] != answers[1]:  # a cookie epoch ended in between
        answers = [Probe(system, *argv).check().answered[0] for _ in range(2)]
    assert answers[0] == answers[1]
    assert Probe(system, "--cookie=0102030405060709", "--sport=5000").check().answered[0][8:16] != answers[0][8:16]


def test_nothing_is_remembered(system):
    """500 first messages, every one with another cookie: counted, answered or not, and forgotten."""
    hosts = [SERVER] * 500
    path = system.t.path("hosts", "\n".join(hosts) + "\n")
    argv = ["ip", "netns", "exec", system.wan_ns, "ike-scan", "--dport=848", "--sport=0", "--retry=1",
            "--doi=2", "--bandwidth=10M", "--timeout=300", f"--trans={OURS}", f"--file={path}"]
    warm = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    assert warm.count("Handshake returned") > 400, warm
    before, memory = system.ks.ike(), memory_kb(system.ks.gvpnd)
    for _ in range(4):
        subprocess.run(argv, capture_output=True, timeout=60, check=True)
    after = system.ks.ike()
    assert after["datagrams_in"] == before["datagrams_in"] + 2000
    assert after["datagrams_out"] - before["datagrams_out"] <= 2000
    assert memory_kb(system.ks.gvpnd) - memory < 512 or is_sanitized(build("ctrl/gvpnd"))
    assert (after["phase1_established"], after["phase1_failed"], after["pulls_refused"]) == (0, 0, 0)
    assert system.ks.members() == []
