# SPDX-License-Identifier: BSD-3-Clause
"""The whole system in a topology: a key server, members with a host behind each, and a WAN between them.

    routed (the default)                                         bridged: one /16, no router

    h1 10.1.1.10 --- m1 10.0.1.2 ---+                            h1 10.1.1.10 --- m1 10.1.1.2 ---+
                                    +-- router --- ks 10.0.0.1                                   +-- wan --- ks 10.1.0.1
    h2 10.1.2.10 --- m2 10.0.2.2 ---+                            h2 10.1.2.10 --- m2 10.1.2.2 ---+

With six=True the hosts (and the router) have IPv6, too: 2001:db8:1:1::10 and 2001:db8:1:2::10, and the policy knows it.

    with Topology() as t, System(t) as s:
        s.start()                                    # everything, until both members send with their keys
        assert ping(s.h1, s.h2.address) == 3
        s.m2.verdicts()["received_decrypted"]

Leaving the `with` block stops every daemon that still runs and fails when one doesn't end cleanly. The router has an
interface `site1`, `site2`, ... towards every member and `ks` towards the key server; OUTSIDE is one more address of it.
"""

import collections
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time

import esp_capture
import views
from topology import build, inside, ip, wait_for

MTU = 1400          # of the hosts: what they send fits the WAN once it is encrypted
OUTSIDE, OUTSIDE6 = "192.0.2.1", "2001:db8:ffff::1"  # addresses on the router that no policy names
GROUP = "SMOKE"

IP_MTU_DISCOVER = 10  # linux/in.h
NO_ANSWER = "the data plane did not answer"

TAGGED_TO = b"\x02\xbb\0\0\0\1"  # nobody

Host = collections.namedtuple("Host", "ns address address6", defaults=(None,))

# Without hugepages, whatever the machine has: many start at once, and would take them from each other.
DATA_PLANE = """
gvpn-dp: 1
{lab}
eal: [--no-huge, --no-shconf, --iova-mode=va, -m, "256"]
workers: [{worker}]
ports:
  - {{name: lan0, device: "{devices[0]}"}}
  - {{name: wan0, device: "{devices[1]}"}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0, mtu: 1500}}
local: {{tap: gvpn0, pair: wan, mac: "{mac}", addresses: [{address}]{gateway}}}
"""

CONTROL = """
gvpn: 1
{lab}
{legacy}
ike:
  listen: [{listen}]
  proposals:
    - {{encryption: aes-256, hash: sha256, group: 19, auth: psk, lifetime: 24h}}
  pre-shared-keys:
{psks}
"""

KEY_SERVER = """
acls:
{acls}
transform-sets:
{sets}
profiles:
{profiles}
groups:
  - name: {group}
    identity: {identity}
    key-server:
      address: {address}
      authorize: {{addresses: [{authorize}]}}
{more}
      sa:
{sas}
"""

# An entry of `sa`: its list (None: the usual one) and what its keys are for. `more` are further keys of it, in flow style.
Sa = collections.namedtuple("Sa", "suite acl mode replay more", defaults=("aes-gcm-128", None, "tunnel", "none", ""))

MEMBER = """
groups:
  - name: {group}
    identity: {identity}
    member:
      key-servers: [{servers}]
      data-plane: {{socket: gvpn-dp.sock, pair: wan}}
      {fail_close}
      {leave}
      {local}
"""

ACL = ("deny udp any eq 848 any eq 848", "permit ip 10.1.0.0/16 10.1.0.0/16", "permit ip 10.1.0.0/16 239.0.0.0/8")
ACL6 = ("permit ip 2001:db8:1::/48 2001:db8:1::/48", "permit ip 2001:db8:1::/48 ff15::/16",
        "permit ip 2001:db8:1::/48 ff30::/12")

# What a host says of itself would be dropped by name (hop-by-hop options) whenever it likes: no test could count.
NO_REPORTS = "table ip6 quiet { chain out { type filter hook output priority 0; icmpv6 type { 131, 132, 143 } drop; }; }"


def psk_of(name):
    """The pre-shared key of a member: recognisable, so that a search of outputs and logs can find it."""
    return f"Pre-Shared-Key-of-{name}-must-stay-secret"


class Node:
    """A gvpnd with its run directory; members have a gvpn-dp in it too."""

    def __init__(self, system, name, ns, address):
        self.system, self.t, self.name, self.ns, self.address = system, system.t, name, ns, address
        self.dir = self.t.path(name)
        os.mkdir(self.dir)
        self.gvpnd = None

    def write(self, name, text):
        return self.t.path(os.path.join(self.name, name), text)

    def control_text(self, psks):
        lines = "\n".join(f'    - {{peer: {peer}, secret: "{psk}"}}' for peer, psk in psks.items())
        return CONTROL.format(lab=self.system.lab_line(), legacy="legacy: true" if self.system.legacy else "",
                              listen=self.address, psks=lines)

    def run_gvpnd(self, text, ready=True, timeout=60):
        """Starts gvpnd with this configuration; with ready it waits until it says so."""
        argv = [build("ctrl/gvpnd"), "-c", self.write("gvpnd.yaml", text), "--run-dir", self.dir,
                *self.system.rate_option(), *self.system.options]
        env = {"GVPN_KEYLOG": self.system.keylog} if self.system.lab else None
        self.gvpnd = self.t.start(self.ns, argv, ready=ready, timeout=timeout, env=env)
        return self.gvpnd

    def reload(self, text):
        """Changes the file and has it read: (exit status, document)."""
        self.write("gvpnd.yaml", text)
        status, out, _ = self.ctl("reload", "--json")
        return status, json.loads(out)

    def ctl(self, *words):
        """gvpnctl: (exit status, stdout, stderr). gvpnd gives a data plane 2 s for a question (docs/invariants.md); one that a
        busy machine has kept from answering is asked again.
        """
        for _ in range(10):
            p = subprocess.run([build("tools/gvpnctl"), "--run-dir", self.dir, *words], capture_output=True, text=True,
                               timeout=60, check=False)
            if NO_ANSWER not in p.stderr:
                break
        return p.returncode, p.stdout, p.stderr

    def ask(self, *words):
        """gvpnctl --json: the document, as its schema says, or None when there is none."""
        document = json.loads(self.ctl(*words, "--json")[1] or "null")
        if document is not None:
            views.check(" ".join(words), document)
        return document

    def status(self):
        """The first group of `status`."""
        return self.ask("status")["groups"][0]

    def counters(self):
        """Those of both daemons: a gvpnd that has just started answers before it has reached its data plane."""
        def known():
            document = self.ask("show", "counters")
            return document if document and "verdicts" in document else None
        return wait_for(known, timeout=10, what=lambda: f"counters of {self.name}: {self.ask('show', 'counters')}")

    def verdicts(self):
        """Verdict -> packets."""
        return {name: v["packets"] for name, v in self.counters()["verdicts"].items()}

    def ike(self):
        return self.counters()["ike"]

    def log(self):
        """What gvpnd said since its latest start."""
        return self.gvpnd.output()


class KeyServer(Node):
    """The group's key server."""

    def config(self, psks=None, authorize=None, identity=484, lifetime="1h", suite="aes-gcm-128", acl=None, sas=None,
               rekey=None, more=()):
        """`sas`: several of Sa, numbered from 10 on in steps of 10; else one with this suite and list. `rekey`: the value of that
        key without its signing key, in flow style; `more`: further lines of `key-server`.
        """
        if rekey is not None:
            more = (f"rekey: {{signing-key: {self.signing_key()}, {rekey}}}", *more)
        usual = ACL + ACL6 if self.system.six else ACL
        sas = [(10 * (i + 1), str(10 * (i + 1)) if i else "", sa) for i, sa in enumerate(sas or [Sa(suite, acl)])]
        members = self.system.members
        psks = psks or {m.address: psk_of(m.name) for m in members}
        authorize = authorize or [*(f"permit {m.address}/32" for m in members), "deny any"]
        return self.control_text(psks) + KEY_SERVER.format(
            acls="\n".join(f"  corporate{x}:\n" + "\n".join(f"    - {e}" for e in sa.acl or usual) for _, x, sa in sas),
            sets="\n".join(f"  strong{x}: {{suite: {sa.suite}, mode: {sa.mode}}}" for _, x, sa in sas),
            profiles="\n".join(f"  branch{x}: {{transform-set: strong{x}, lifetime: {lifetime}}}" for _, x, sa in sas),
            sas="\n".join(f"        - {{number: {n}, profile: branch{x}, acl: corporate{x}, replay: {sa.replay}"
                          f"{', ' if sa.more else ''}{sa.more}}}" for n, x, sa in sas),
            group=GROUP, identity=identity, address=self.address, authorize=", ".join(f'"{a}"' for a in authorize),
            more="\n".join("      " + line for line in more))

    def signing_key(self):
        """A private key for rekeys, made once; the file's name."""
        path = os.path.join(self.dir, "rekey.pem")
        if not os.path.exists(path):
            subprocess.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path],
                           check=True, timeout=120)
            os.chmod(path, 0o600)
        return path

    def start(self, **config):
        return self.run_gvpnd(self.config(**config))

    def members(self):
        """Addresses of the members that are registered and haven't left."""
        members = self.ask("show", "ks", "members")["groups"][0]["members"]
        return [m["address"] for m in members if m["state"] == "registered"]


class Member(Node):
    """A gateway with gvpn-dp and gvpnd; host is behind it."""

    def __init__(self, system, number, gw, address, gateway, host):
        super().__init__(system, f"m{number}", gw.ns, address.split("/")[0])
        self.number, self.gw, self.host, self.dp = number, gw, host, None
        worker = (os.getpid() + number) % os.cpu_count()
        self.dp_text = DATA_PLANE.format(lab=system.lab_line(), worker=worker, devices=gw.devices, mac=gw.local_mac,
                                         address=address, gateway=f", gateway: {gateway}" if gateway else "")

    def start_data_plane(self, ready=True, more="", rate=None):
        config = self.write("gvpn-dp.yaml", self.dp_text + more)
        argv = [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", self.dir,
                *(self.system.rate_option() if rate is None else ["--clock-rate", str(rate)]), *self.system.options]
        self.dp = self.t.start(self.ns, argv, ready=ready)
        return self.dp

    def config(self, servers=None, psk=None, identity=484, fail_close="", leave=True, local_acl=()):
        """`fail_close` is the value of that key, in flow style; without `leave` a stop is like a crash; `local_acl` are the
        entries of that list.
        """
        servers = servers or [self.system.ks.address]
        text = self.control_text({s: psk or psk_of(self.name) for s in servers})
        if local_acl:
            text += "acls:\n  own:\n" + "".join(f"    - {entry}\n" for entry in local_acl)
        return text + MEMBER.format(
            group=GROUP, identity=identity, servers=", ".join(servers),
            fail_close=f"fail-close: {fail_close}" if fail_close else "", leave="" if leave else "leave-on-stop: false",
            local="local-acl: own" if local_acl else "")

    def start_control(self, ready=True, **config):
        text = self.config(**config)
        return self.run_gvpnd(text, ready=ready)

    def start(self, **control):
        """Data plane and control daemon, both ready; the registration is under way."""
        self.start_data_plane()
        self.start_control(**control)
        self.gw.wait_forwarding()

    def attached(self):
        status, out, _ = self.ctl("status", "--json")
        return status in (0, 5) and bool(out) and json.loads(out)["groups"][0]["attached"]

    def registered(self):
        """Registered, and the keys are in use for sending, or would be if the group weren't receive-only."""
        status, out, _ = self.ctl("status", "--json")
        return status == 0 and any(sa["sending"] or sa["direction"] == "inbound-only" and sa["sender_ids"]
                                   for sa in json.loads(out)["groups"][0]["sas"])

    def wait_registered(self, timeout=60):
        try:
            wait_for(self.registered, timeout, step=0.1, what=f"{self.name} to be registered")
        except Exception as e:
            raise AssertionError(f"{e}\n{self.ctl('status')}\n--- gvpnd\n{self.log()}\n--- gvpn-dp\n{self.dp.output()}")


class System:
    """Namespaces, key server and members; nothing runs before it is started."""

    def __init__(self, t, bridged=False, members=2, lab=False, rate=1, options=(), six=False, mtu=MTU, legacy=False,
                 packet=False):
        """`options` are for every daemon; `six`: the hosts have IPv6; `mtu` is the hosts'; `legacy` allows every suite;
        `packet`: members with packet sockets for ports.
        """
        self.t, self.rate, self.lab, self.options = t, rate, lab or rate != 1, options
        self.keylog = t.path("keys.log") if self.lab else None
        self.members, self.six, self.mtu, self.legacy, self.packet = [], six, mtu, legacy, packet
        if bridged:
            self._build_bridged(members)
        else:
            self._build_routed(members)
        for m in self.members:
            setattr(self, m.name, m)
            setattr(self, f"h{m.number}", m.host)

    def _build_bridged(self, members):
        self.wan = self.t.switch("wan")
        self.wan_ns = self.wan.ns
        self.ks = KeyServer(self, "ks", self.t.host("ks", self.wan, "10.1.0.1/16"), "10.1.0.1")
        for i in range(1, members + 1):
            gw = self.t.packet_gateway(f"m{i}", self.wan) if self.packet else self.t.gateway(f"m{i}", self.wan)
            host = self._host(i, gw.inside, 16, 48)
            self.members.append(Member(self, i, gw, f"10.1.{i}.2/16", None, host))

    def _build_routed(self, members):
        self.wan_ns = self.t.namespace("wan")
        self.t.sh(self.wan_ns, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        ip(self.wan_ns, f"addr add {OUTSIDE}/32 dev lo")
        if self.six:
            self._quiet6(self.wan_ns)
            self.t.sh(self.wan_ns, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
            ip(self.wan_ns, f"addr add {OUTSIDE6}/128 dev lo")
        ks_ns = self.t.namespace("ks")
        self.t.cable(self.wan_ns, "ks", ks_ns, "eth0")
        ip(self.wan_ns, "addr add 10.0.0.254/24 dev ks")
        ip(ks_ns, "addr add 10.0.0.1/24 dev eth0", "route add default via 10.0.0.254")
        self.ks = KeyServer(self, "ks", ks_ns, "10.0.0.1")
        for i in range(1, members + 1):
            gw = self.t.packet_gateway(f"m{i}") if self.packet else self.t.gateway(f"m{i}")
            self.t.plug(self.wan_ns, f"site{i}", gw.outside, f"10.1.{i}.254/24", f"10.0.{i}.254/24",
                        *([f"2001:db8:1:{i}::254/64"] if self.six else []))
            host = self._host(i, gw.inside, 24, 64, gateway=[f"10.1.{i}.254", f"2001:db8:1:{i}::254"][:1 + self.six])
            self.members.append(Member(self, i, gw, f"10.0.{i}.2/24", f"10.0.{i}.254", host))

        if self.six and members > 1:
            self._pass_tagged("site1", "site2")
            self._pass_tagged("site2", "site1")

    def _pass_tagged(self, here, there):
        """The router is a switch for what is tagged. (Done under traffic, this loses packets.)"""
        self.t.sh(self.wan_ns, "tc", "qdisc", "add", "dev", here, "ingress")
        self.t.sh(self.wan_ns, *(f"tc filter add dev {here} ingress protocol 802.1Q u32 match u32 0 0 action mirred egress "
                                 f"redirect dev {there}").split())

    def _host(self, i, port, bits, bits6, gateway=()):
        """Host number i on a port, with networks of so many bits."""
        address, address6 = f"10.1.{i}.10", f"2001:db8:1:{i}::10" if self.six else None
        ns = self.t.namespace(f"h{i}")
        if self.six:
            self._quiet6(ns)
        self.t.plug(ns, "eth0", port, f"{address}/{bits}", *([f"{address6}/{bits6}"] if self.six else []), mtu=self.mtu,
                    gateway=gateway)
        return Host(ns, address, address6)

    def _quiet6(self, ns):
        """A namespace whose interfaces use IPv6, but neither ask for a router nor report what they listen to."""
        self.t.sh(ns, "sysctl", "-qw", "net.ipv6.conf.default.router_solicitations=0", "net.ipv6.conf.default.accept_ra=0")
        self.t.sh(ns, "nft", NO_REPORTS)

    def lab_line(self):
        return "lab: true" if self.lab else ""

    def rate_option(self):
        return ["--clock-rate", str(self.rate)] if self.rate != 1 else []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()

    def start(self, **key_server):
        """Key server and all members, until every member is registered."""
        self.ks.start(**key_server)
        for m in self.members:
            m.start_data_plane(ready=False)
        for m in self.members:
            m.start_control(ready=False)
        for m in self.members:
            m.wait_registered()
            m.gw.wait_forwarding()

    def capture(self, dev, expression=""):
        """tcpdump on an interface of the WAN (site1, site2, ks; br0 when bridged)."""
        return self.t.capture(self.wan_ns, dev, expression)

    def daemons(self):
        return [p for p in self.t.processes if os.path.basename(p.argv[0]) in ("gvpnd", "gvpn-dp")]

    def stop(self):
        """SIGTERM to every daemon that runs; each must end with 0. Members first: they tell the key server that they leave."""
        members = [m.gvpnd for m in self.members if m.gvpnd is not None]
        for some in (members, self.daemons()):
            running = [p for p in some if p.alive()]
            for p in running:
                p.popen.send_signal(signal.SIGTERM)
            for p in running:
                assert p.stop() == 0, f"{p.argv[0]} ended with {p.popen.returncode}\n{p.output()}"
        for p in self.daemons():
            assert not re.search("Sanitizer|runtime error", p.output()), p.output()


def _echo(kind, ident, seq, size):
    """An echo request of ICMP or ICMPv6 (RFC 792, RFC 4443); the latter's checksum is the kernel's."""
    data = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + bytes(i & 255 for i in range(size))
    if kind != 8:
        return data
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) & ~1])) + (data[-1] << 8 if len(data) & 1 else 0)
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return data[:2] + struct.pack("!H", ~total & 0xffff) + data[4:]


def ping(host, address, count=3, interval=0.2, size=56, df=None, source=None, patience=10.0):
    """How many of `count` echo requests were answered. The last answers have 10 s, which ping(8) doesn't grant: it waits
    for twice the round trip so far, and calls lost what a busy machine delays. `host` may be a namespace; `df`: the packet
    may be cut on its way, False, or not, True; `source`: an address. Where none should be answered, ask silent().
    """
    ident, answered = random.randrange(1 << 16), set()
    six = ":" in address
    request, reply, skip = (128, 129, 0) if six else (8, 0, 20)
    with inside(getattr(host, "ns", host)):
        s = socket.socket(family_of(address), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    if df is not None:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, 2 if df else 0)
    if source is not None:
        s.bind((source, 0))

    def collect(until):
        while len(answered) < count and (left := until - time.monotonic()) > 0:
            s.settimeout(left)
            try:
                packet, (src, *_) = s.recvfrom(65536)
            except socket.timeout:
                return
            kind, _, _, got, seq = struct.unpack("!BBHHH", packet[skip:skip + 8])
            if (kind, got, src) == (reply, ident, address):
                answered.add(seq)

    with s:
        for seq in range(count):
            try:
                s.sendto(_echo(request, ident, seq, size), (address, 0))
            except OSError:
                pass  # no route (any more), or too large: that one isn't answered
            collect(time.monotonic() + (interval if seq < count - 1 else 0))
        collect(time.monotonic() + patience)
    if len(answered) < count:
        print(f"ping {address}: unanswered of {count}: {sorted(set(range(count)) - answered)}")
    return len(answered)


def silent(host, address, count=3, **more):
    """Is none of them answered?"""
    return ping(host, address, count, patience=1.5, **more) == 0


def answers(host, address, **more):
    """Is one answered soon? For wait_for()."""
    return ping(host, address, count=1, patience=1, **more) == 1


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp_socket(ns, address, port=0, timeout=10.0):
    """A UDP socket in a namespace."""
    with inside(ns):
        s = socket.socket(family_of(address), socket.SOCK_DGRAM)
    s.settimeout(timeout)
    s.bind((address, port))
    return s


def raw_socket(ns, dev):
    """A packet socket on an interface: what is sent through it is on the wire as it is."""
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind((dev, 0))
    return s


def tagged_frames(host, count, to=None, tags="8100604d", family=6):
    """Frames with UDP packets from a host to another, or somewhere, behind tags (of VLAN 77): every one differs, and no
    kernel has their MACs, so that nobody answers.
    """
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    src, dst = (host.address6, to.address6 if to else OUTSIDE6) if family == 6 else (host.address, to.address if to else OUTSIDE)
    front = TAGGED_TO + b"\x02\xbb\0\0\0\2" + bytes.fromhex(tags) + {4: b"\x08\x00", 6: b"\x86\xdd"}[family]
    head = (IPv6 if family == 6 else IP)(src=src, dst=dst) / UDP(sport=4000, dport=5000, chksum=1)
    first = front + bytes(head / b"frame 000000")
    return [first[:-6] + b"%06d" % i for i in range(count)]


class TaggedStream:
    """Tagged frames of both families in turns from h1 to h2 of a routed system with IPv6. lost() ends it."""

    def __init__(self, system, interval=0.01, most=3000):
        self.frames = [f for pair in zip(*(tagged_frames(system.h1, most, system.h2, family=n) for n in (4, 6))) for f in pair]
        self.sent, self.interval, self.stop = 0, interval, threading.Event()
        self.capture = system.t.capture(system.h2.ns, "eth0", "ether dst " + TAGGED_TO.hex(":"))
        self.socket = raw_socket(system.h1.ns, "eth0")
        self.thread = threading.Thread(target=self._send)
        self.thread.start()

    def _send(self):
        while self.sent < len(self.frames) and not self.stop.wait(self.interval):
            self.socket.send(self.frames[self.sent])
            self.sent += 1

    def lost(self):
        """How many didn't arrive. Those that did are as they were sent, and came once."""
        self.stop.set()
        self.thread.join()
        self.socket.close()
        self.capture.wait(self.sent, timeout=5)
        sent, came = self.frames[:self.sent], list(esp_capture.frames(self.capture.stop()))
        assert len(set(came)) == len(came) and set(came) <= set(sent), "changed, or more than once"
        assert came, "not one tagged frame arrived"
        return len(sent) - len(came)


def mac_of(ns, dev):
    """The address of an interface, as octets."""
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        s.bind((dev, 0))
        mac = s.getsockname()[4]
        s.close()
    return mac
