# SPDX-License-Identifier: BSD-3-Clause
"""tshark judges what the daemons say: two members register and their hosts talk; the key log opens the capture.

    phase 1 (RFC 2409 5.4, RFC 6407 2.1), GROUPKEY-PULL (RFC 6407 3.2, 5), the delete behind it, ESP (RFC 4303, 4106)

Every cipher, every hash, and four groups of phase 1 in four runs. The SA of message 2, most of which tshark skips,
is compared with what the builder of tests/oracle makes of the same policy, too.
"""

import dataclasses
import ipaddress
import os
import sys

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms

for folder in ("lib", "oracle"):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", folder))
import dissect  # noqa: E402
import esp_capture  # noqa: E402
import gdoi_vectors as oracle  # noqa: E402
import gvpn  # noqa: E402
from topology import Topology  # noqa: E402

SERVER = "10.0.0.1"


@dataclasses.dataclass
class Case:
    """A proposal of phase 1, what follows from it, and the suite of ESP. public, hash and key: octets."""
    encryption: str
    hash: str
    group: int
    public: int
    hash_len: int
    key: int
    attributes: dict  # of the transform: RFC 2409 appendix A
    suite: str
    suite_key: int

    @property
    def block(self):
        return self.cipher.block_size // 8

    @property
    def cipher(self):
        return algorithms.TripleDES if self.encryption == "3des" else algorithms.AES


CASES = {
    "aes256-sha256-group19": Case("aes-256", "sha256", 19, 64, 32, 32, {1: 7, 14: 256, 2: 4}, "aes-gcm-128", 20),
    "aes128-sha384-group14": Case("aes-128", "sha384", 14, 256, 48, 16, {1: 7, 14: 128, 2: 5}, "aes-gcm-256", 36),
    "aes192-sha512-group21": Case("aes-192", "sha512", 21, 132, 64, 24, {1: 7, 14: 192, 2: 6}, "aes-gcm-128", 20),
    "3des-sha1-group5": Case("3des", "sha1", 5, 192, 20, 24, {1: 5, 2: 2}, "aes-gcm-256", 36),
}
SA, KE, ID, HASH, NONCE, VID, DELETE, KD, GAP = 1, 4, 5, 8, 10, 13, 12, 17, 22
MAIN_MODE, INFORMATIONAL, PULL = 2, 5, 32

CHAINS = [[SA, VID], [SA, VID], [KE, NONCE], [KE, NONCE], [ID, HASH], [ID, HASH],
          [HASH, NONCE, ID, VID], [HASH, NONCE, SA, VID], [HASH, GAP], [HASH, KD], [HASH, DELETE]]


class Run:
    """One run of the system, and what tshark made of it."""

    def __init__(self, name, folder):
        self.case = CASES[name]
        self.suite, self.key_len = self.case.suite, self.case.suite_key
        self.folder = folder
        with Topology() as t, gvpn.System(t, lab=True) as s:
            ike, esp = s.capture("ks", "udp port 848"), s.capture("site1", "ip proto 50")
            s.start(suite=self.suite)
            assert gvpn.ping(s.h1, s.h2.address, count=5) == 5
            self.hosts = {m.host.address: m.address for m in s.members}
            self.ids = {m.address: m.status()["sas"][0]["sender_ids"] for m in s.members}
            self.spi = int(s.ks.status()["sas"][0]["spi"], 16)
            self.wire = list(dissect.frames(ike.stop()))
            self.ike_path, self.esp_path = ike.path, esp.stop()
            self.ike_keys, self.esp_keys = dissect.read_ike_keys(s.keylog), esp_capture.read_keys(s.keylog)
            self.all = self.dissect()
            self.packets = dissect.esp_packets(self.esp_path, self.esp_keys, folder)
            self.sat_view = self.dissect(change=dissect.sat_copy(self.ike_keys, self.case.cipher))
            self.blind = self.dissect(keys={c: "00" * self.case.key for c in self.ike_keys})
            forged = {spi: (suite, bytes(len(key))) for spi, (suite, key) in self.esp_keys.items()}
            self.blind_esp = dissect.esp_packets(self.esp_path, forged, folder)
        self.members = {a: self.of(self.all, a) for a in self.ids}

    def dissect(self, keys=None, **more):
        return dissect.ike_messages(self.ike_path, keys or self.ike_keys, self.folder, **more)

    @staticmethod
    def of(messages, member):
        """The member's registration: eleven datagrams when nothing is lost (docs/exchanges.md)."""
        own = [m for m in messages if member in (m.src, m.dst)]
        assert len(own) == len(CHAINS)
        return own


@pytest.fixture(scope="module", params=CASES, ids=str)
def run(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        case = CASES[request.param]
        ours = f"encryption: {case.encryption}, hash: {case.hash}, group: {case.group}"
        text = gvpn.CONTROL.replace("encryption: aes-256, hash: sha256, group: 19", ours)
        patch.setattr(gvpn, "CONTROL", text.replace("{lab}", "{lab}\nlegacy: true"))
        return Run(request.param, str(tmp_path_factory.mktemp("tshark")))


def each(run, index):
    """Message `index` of every member."""
    return [messages[index] for messages in run.members.values()]


def payload(m, kind):
    found = [p for p in m.payloads if p.kind == kind]
    assert len(found) == 1
    return found[0]


def test_who_says_what_when(run):
    for member, messages in run.members.items():
        mid, end = messages[6].message_id, messages[10].message_id
        assert mid and end and mid != end
        assert [(m.src, m.dst) for m in messages] == [(member, SERVER), (SERVER, member)] * 5 + [(member, SERVER)]
        assert [m.exchange for m in messages] == [MAIN_MODE] * 6 + [PULL] * 4 + [INFORMATIONAL]
        assert [m.message_id for m in messages] == [0] * 6 + [mid] * 4 + [end]
        assert [m.flags for m in messages] == [0] * 4 + [1] * 7


def test_cookies(run):
    for messages in run.members.values():
        initiator, responder = messages[1].cookies
        assert messages[0].cookies == (initiator, bytes(8)) and any(initiator) and any(responder)
        assert {m.cookies for m in messages[1:]} == {(initiator, responder)}
    assert len({m.cookies for m in each(run, 1)}) == len(run.members)


def test_payload_chains(run):
    for messages in run.members.values():
        assert [[p.kind for p in m.payloads] for m in messages] == CHAINS


def test_lengths_and_padding(run):
    for m in run.all:
        assert m.length == m.wire and not m.malformed
        if m.flags & 1:
            assert (m.length - dissect.HEADER) % run.case.block == 0 and len(m.extra) < run.case.block and not any(m.extra)
        else:
            assert m.extra == b""
    for messages in run.members.values():
        assert messages[1].length <= messages[0].length and messages[3].length <= messages[2].length


def test_phase1_offer(run):
    """One proposal for ISAKMP without SPI, one transform KEY_IKE; the answer repeats it."""
    for first, second in zip(each(run, 0), each(run, 1)):
        assert payload(first, SA).body == payload(second, SA).body
        sa = payload(first, SA)
        assert sa.number("isakmp.sa.situation") == 1
        numbers = [sa.number("isakmp." + name) for name in ("prop.protoid", "spisize", "prop.transforms")]
        assert numbers == [1, 0, 1]
        assert sa.number("isakmp.trans.id") == 1
        assert sa.attributes("isakmp.ike.attr") == {**run.case.attributes, 3: 1, 4: run.case.group, 11: 1, 12: 86400}
    offers = [f[dissect.IKE_AT:] for f in run.wire if f[dissect.IKE_AT + 16] == SA and not f[dissect.IKE_AT + 19]]
    assert [m[dissect.HEADER + 4:dissect.HEADER + 8] for m in offers] == [bytes((0, 0, 0, 2))] * 2 * len(run.members)


def test_key_exchange_and_nonces(run):
    seen = set()
    for messages in run.members.values():
        for m in messages[2:4]:
            seen.add(payload(m, KE).all("isakmp.key_exchange.data")[0])
            assert len(payload(m, KE).body) == run.case.public
        for m in messages[2:4] + messages[6:8]:
            nonce, = payload(m, NONCE).all("isakmp.nonce")
            assert 8 <= len(nonce) <= 128 and nonce == payload(m, NONCE).body
            seen.add(nonce)
        assert len(payload(messages[3], NONCE).body) <= len(payload(messages[2], NONCE).body)
    assert len(seen) == 6 * len(run.members)


def test_identities(run):
    for member, messages in run.members.items():
        for m, who in ((messages[4], member), (messages[5], SERVER)):
            i = payload(m, ID)
            assert (i.number("isakmp.id.type"), i.number("isakmp.id.protoid"), i.number("isakmp.id.port")) == (1, 0, 0)
            assert i.all("isakmp.id.data.ipv4_addr") == [ipaddress.ip_address(who).packed]
        assert payload(messages[6], ID).body == bytes((11, 0, 0, 0)) + (484).to_bytes(4, "big")


def test_every_hash_is_whole(run):
    hashes = [p.all("isakmp.hash")[0] for m in run.all for p in m.payloads if p.kind == HASH]
    assert {len(h) for h in hashes} == {run.case.hash_len} and len(set(hashes)) == len(hashes) == 7 * len(run.members)


def test_sender_ids_asked_for(run):
    for m in each(run, 8):
        assert payload(m, GAP).body == bytes.fromhex("8003 0004")  # four for each worker


def test_key_download(run):
    """A TEK whose key is the key log's, and the sender ids that the member says it has."""
    given = []
    for member, messages in run.members.items():
        kd = payload(messages[9], KD)
        assert kd.number("isakmp.kd.num_pkt") == 2
        tek, sid = (dissect.Payload(None, e) for e in kd.element.iter("field") if e.get("name") == "isakmp.kd.payload")
        assert (tek.number("isakmp.kd.payload.type"), tek.number("isakmp.kd.payload.spi_size")) == (1, 4)
        assert tek.number("isakmp.kd.payload.spi") == run.spi
        assert tek.all("isakmp.key_download.attr.value") == [run.esp_keys[run.spi][1]]
        assert [len(v) for v in tek.all("isakmp.key_download.attr.value")] == [run.key_len]
        assert [int.from_bytes(v, "big") for v in tek.all("isakmp.key_download.attr.type")] == [1]

        assert (sid.number("isakmp.kd.payload.type"), sid.number("isakmp.kd.payload.spi_size")) == (4, 0)
        bits, *values = sid.all("isakmp.key_download.attr.value")
        assert int.from_bytes(bits, "big") == 24 and {len(v) for v in values} == {3}
        assert [int.from_bytes(v, "big") & 0x7FFF for v in sid.all("isakmp.key_download.attr.type")] == [1, 2, 2, 2, 2]
        given.append([int.from_bytes(v, "big") for v in values])
        assert set(run.ids[member]) <= set(given[-1])
    assert sorted(sum(given, [])) == list(range(8))


def test_policy_download(run):
    """The SA of message 2 is, octet for octet, what another hand builds from the same configuration."""
    def net(text):
        return ipaddress.ip_network(text)

    ike = {"proto": 17, "sport": (848, 848), "dport": (848, 848)}
    rules = [oracle.Rule(False, 10, net("0.0.0.0/0"), net("0.0.0.0/0"), **ike),
             oracle.Rule(False, 10, net("::/0"), net("::/0"), **ike),
             oracle.Rule(True, 10, net("10.1.0.0/16"), net("10.1.0.0/16")),
             oracle.Rule(True, 10, net("10.1.0.0/16"), net("239.0.0.0/8"))]
    possible = {oracle.build_sa(oracle.Policy([oracle.Sa(10, run.spi, run.suite, life, b"")], rules), ours=True)
                for life in range(3580, 3601)}
    for m in each(run, 7):
        sa = payload(m, SA)
        assert (sa.number("isakmp.sa.doi"), sa.number("isakmp.sa.situation")) == (2, 0)
        assert sa.number("isakmp.sa.next_attribute_payload") == GAP
        assert sa.body in possible


def test_sat(run):
    """The SAT alone, from any to any for a member with our vendor id, in the copy that tshark can read."""
    for member in run.ids:
        sa = payload(run.of(run.sat_view, member)[7], SA)
        sat, = (dissect.Payload(16, e) for e in sa.element.iter("field")
                if e.get("name") == "isakmp.typepayload" and e.get("value", "")[8:10] == "01")
        assert (sat.number("isakmp.sat.protocol_id"), sat.number("isakmp.sat.transform_id")) == (1, 20)
        assert sat.number("isakmp.sat.spi") == run.spi
        ends = [sat.number(f"isakmp.sat.{end}_id_{what}") for end in ("src", "dst") for what in ("type", "port")]
        assert ends == [4, 0, 4, 0]
        attributes = sat.attributes("isakmp.ipsec.attr")
        assert 3580 <= attributes.pop(2) <= 3600
        assert attributes == {1: 1, 4: 1, 6: 8 * (run.key_len - 4), 32001: 10, 32002: 0, 32003: 0}


def test_delete_of_phase1(run):
    for m in each(run, 10):
        d = payload(m, DELETE)
        assert [d.number("isakmp." + name) for name in ("delete.doi", "delete.protoid", "spinum")] == [2, 1, 1]
        assert d.all("isakmp.delete.spi") == [b"".join(m.cookies)]


def test_key_log_holds_both_registrations(run):
    assert set(run.ike_keys) == {m.cookies[0].hex() for m in each(run, 0)}
    assert {len(key) for key in run.ike_keys.values()} == {2 * run.case.key}
    assert set(run.esp_keys) == {run.spi}


def test_esp(run):
    """tshark verifies each ICV, and each IV begins with a sender id of the member that sent it (RFC 6054)."""
    assert len(run.packets) == 10
    counters = {}
    for p in run.packets:
        assert p.icv is True and p.spi == run.spi and p.next_header == 4
        assert p.inner[9] == 1
        assert p.inner[12:20] == ipaddress.ip_address(p.src).packed + ipaddress.ip_address(p.dst).packed
        iv = int.from_bytes(p.iv, "big")
        assert iv >> 40 in run.ids[run.hosts[p.src]]
        counters.setdefault(iv >> 40, []).append((iv & ((1 << 40) - 1), p.seq))
    assert len(counters) == 2
    for seen in counters.values():
        assert seen == sorted(set(seen)) and [seq for _, seq in seen] == list(range(1, 6))


def test_the_referee_sees_nothing_with_other_keys(run):
    """Or this whole file would prove nothing."""
    for messages in (Run.of(run.blind, member) for member in run.ids):
        for m, good in zip(messages[4:], CHAINS[4:]):
            assert [p.kind for p in m.payloads] != good
    icvs = [p.icv for p in run.blind_esp]
    assert len(icvs) == 10 and True not in icvs and False in icvs  # None: the pad length was nonsense, too
