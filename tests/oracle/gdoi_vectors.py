# SPDX-License-Identifier: BSD-3-Clause
"""
GDOI payloads of a PULL, built with struct from the pictures of RFC 6407 and from docs/exchanges.md: an independent reading
of the same texts, which shares nothing with the C code. `Policy.words()` is how the driver spells a policy.

A builder with a random source uses the freedom that a sender has: attributes as TV or TLV in any order, selectors as
address, subnet, range or nothing, sender ids in more octets than they need. Without it, it builds what we send.
"""
import hashlib
import ipaddress
import struct
from dataclasses import dataclass, field, replace

SA, SAT, KD, GAP = 1, 16, 17, 22
KEY_LENGTH = {"aes-gcm-128": 128, "aes-gcm-256": 256}
AES_GCM_16 = 20


@dataclass
class Rule:
    permit: bool
    sa: int
    src: ipaddress._BaseNetwork
    dst: ipaddress._BaseNetwork
    proto: int = 0
    sport: tuple = (0, 65535)
    dport: tuple = (0, 65535)

    def words(self):
        values = [int(self.permit), self.sa, self.src.version, self.proto, self.src.network_address.packed.hex(),
                  self.src.prefixlen, self.dst.network_address.packed.hex(), self.dst.prefixlen, *self.sport, *self.dport]
        return "rule=" + ",".join(map(str, values))

    def plain(self):
        return self.permit and all(r == (0, 65535) or (r[0] == r[1] and r[0] > 0) for r in (self.sport, self.dport))

    def content(self):
        return (self.src, self.dst, self.proto, self.sport, self.dport)


@dataclass
class Sa:
    number: int
    spi: int
    suite: str
    lifetime: int
    key: bytes
    activate: int = 0
    deactivate: int = 0

    def words(self):
        return f"sa={self.number},{self.spi},{self.suite},{self.lifetime},{self.activate},{self.deactivate},{self.key.hex()}"


@dataclass
class Policy:
    sas: list
    rules: list
    bits: int = 24
    sids: list = field(default_factory=list)
    receive_only: bool = False

    def words(self):
        head = [f"receive-only={int(self.receive_only)}", f"bits={self.bits}"] + [f"sid={s}" for s in self.sids]
        return " ".join(head + [s.words() for s in self.sas] + [r.words() for r in self.rules])


def tv(kind, value):
    return struct.pack(">HH", 0x8000 | kind, value)


def tlv(kind, value):
    return struct.pack(">HH", kind, len(value)) + value


def number(rng, kind, value):
    """A basic attribute: TV, or any form that a tolerant receiver takes."""
    if rng is None or rng.random() < 0.5:
        return tv(kind, value)
    return tlv(kind, value.to_bytes(rng.randint(2, 8), "big"))


def shuffled(rng, parts):
    parts = list(parts)
    if rng is not None:
        rng.shuffle(parts)
    return b"".join(parts)


def chain(payloads):
    """(type, body) pairs with their generic headers."""
    out = b""
    for i, (_, body) in enumerate(payloads):
        following = payloads[i + 1][0] if i + 1 < len(payloads) else 0
        out += struct.pack(">BBH", following, 0, 4 + len(body)) + body
    return out


def encode_rule(r):
    return struct.pack(">BBBBBBHHHHH", r.permit, r.src.version, r.proto, r.src.prefixlen, r.dst.prefixlen, 0, r.sa,
                       *r.sport, *r.dport) + r.src.network_address.packed + r.dst.network_address.packed


def end(rng, net, ports):
    """One end of a SAT's selector."""
    port = ports[0] if ports[0] == ports[1] else 0
    subnet, single, span = (4, 1, 7) if net.version == 4 else (6, 5, 8)
    forms = [(subnet, net.network_address.packed + net.netmask.packed)]
    if rng is not None:
        forms.append((span, net.network_address.packed + net.broadcast_address.packed))
        if net.prefixlen == net.max_prefixlen:
            forms.append((single, net.network_address.packed))
        if net.version == 4 and net.prefixlen == 0:
            forms += [(0, b""), (single, b"\0\0\0")]
    kind, data = forms[0] if rng is None else rng.choice(forms)
    return struct.pack(">BHB", kind, port, len(data)) + data


def encode_sat(rng, sa, rule, receive_only, private):
    anything = ipaddress.ip_network("0.0.0.0/0")
    if rule is None:
        selector = b"\0" + 2 * end(None, anything, (0, 65535))
    else:
        selector = bytes([rule.proto]) + end(rng, rule.src, rule.sport) + end(rng, rule.dst, rule.dport)
    life = tv(1, 1) + tlv(2, struct.pack(">I", sa.lifetime))
    others = [number(rng, 4, 1), number(rng, 6, KEY_LENGTH[sa.suite])]
    if receive_only:
        others.append(number(rng, 15, 2))
    if private:
        others += [number(rng, 32001, sa.number), number(rng, 32002, 0), number(rng, 32003, 0)]
    if rng is not None and rng.random() < 0.3 and not receive_only:
        others += [tv(14, 4), tv(15, 3)]
    return (b"\x01" + selector + struct.pack(">BI", AES_GCM_16, sa.spi) + shuffled(rng, [life] + others))


def delays(rng, p):
    parts = []
    for kind, value in ((1, max(s.activate for s in p.sas)), (2, max(s.deactivate for s in p.sas))):
        if value:
            parts.append(number(rng, kind, value))
    return parts


def build_sa(p, ours, rng=None):
    gap = delays(rng, p)
    if ours:
        rules = b"".join(map(encode_rule, p.rules))
        gap += [tlv(129, hashlib.sha256(rules).digest()), tlv(130, rules)]
        if p.receive_only:
            gap.append(number(rng, 132, 1))
        sats = [encode_sat(rng, s, None, False, True) for s in p.sas]
    else:
        sats = [encode_sat(rng, s, r, p.receive_only, False) for s in p.sas for r in p.rules if r.sa == s.number]
    parts = ([(GAP, shuffled(rng, gap))] if gap else []) + [(SAT, s) for s in sats]
    return struct.pack(">IIHH", 2, 0, parts[0][0], 0) + chain(parts)


def build_kd(p, rng=None):
    packets = []
    for s in p.sas:
        body = struct.pack(">BI", 4, s.spi) + tlv(1, s.key)
        packets.append(struct.pack(">BBH", 1, 0, 4 + len(body)) + body)
    if p.sids:
        width = (p.bits + 7) // 8 if rng is None else rng.randint((p.bits + 7) // 8, 8)
        body = b"\0" + number(rng, 1, p.bits) + b"".join(tlv(2, s.to_bytes(width, "big")) for s in p.sids)
        packets.append(struct.pack(">BBH", 4, 0, 4 + len(body)) + body)
    if rng is not None:
        rng.shuffle(packets)
    return struct.pack(">HH", len(packets), 0) + b"".join(packets)


def as_taken(p, ours):
    """What a member must make of it: delays where they belong, and numbers of its own when the server has none."""
    sas, rules = [replace(s) for s in p.sas], list(p.rules)
    if not ours:
        content = {s.number: [r.content() for r in rules if r.sa == s.number] for s in sas}
        first = {}  # the server's number -> the place of the first SA with the same rules
        for place, s in enumerate(sas, 1):
            twins = [n for n in first if content[n] == content[s.number]]
            first.setdefault(s.number, first[twins[0]] if twins else place)
        kept, seen = [], set()
        for s in sas:
            new = first[s.number]
            if new not in seen:
                seen.add(new)
                kept += [replace(r, sa=new) for r in rules if r.sa == s.number]
            s.number = new
        rules = kept
    atd, dtd = max(s.activate for s in p.sas), max(s.deactivate for s in p.sas)
    for i, s in enumerate(sas):
        s.activate = atd if any(o.number == s.number for o in sas[:i]) else 0
        s.deactivate = min(dtd, s.lifetime) if any(o.number == s.number for o in sas[i + 1:]) else 0
    return Policy(sas, rules, p.bits if p.sids else 0, p.sids, p.receive_only)
