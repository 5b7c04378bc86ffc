# SPDX-License-Identifier: BSD-3-Clause
"""One gvpn-dp without gvpnd: what passes and what doesn't before a policy ever came, its own TAP, start, stop, restart.

            h1 (10.1.0.1) --- [gin  gvpn-dp  gout] --- wan --- w (10.1.0.2)
                                     gvpn0 (10.1.0.100)               (IPv6: 2001:db8::1, ::100, ::2)
"""

import os
import signal
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from gvpn import answers, ping, silent  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

OWN, H1, W = "10.1.0.100", "10.1.0.1", "10.1.0.2"
OWN6, H1_6, W6 = "2001:db8::100", "2001:db8::1", "2001:db8::2"

CONFIG = """
gvpn-dp: 1
workers: [{worker}]
ports:
  - {{name: lan0, device: "{lan}"}}
  - {{name: wan0, device: "{wan}"}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0, mtu: 1500}}
local: {{tap: gvpn0, pair: wan, addresses: [{own}/16, "{own6}/64"], gateway: 10.1.0.254}}
{more}
"""

ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], int(sys.argv[2])))
print("bound", flush=True)
while True:
    data, peer = s.recvfrom(2000)
    s.sendto(b"echo " + data, peer)
"""

ASK = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(0.5)
s.bind((sys.argv[1], int(sys.argv[2])))
for i in range(int(sys.argv[5]) if len(sys.argv) > 5 else 4):
    s.sendto(b"%d" % i, (sys.argv[3], int(sys.argv[4])))
    try:
        print(s.recv(2000).decode())
        break
    except OSError as e:
        print(e)
"""

SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
"""

JOIN = """
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton("%s"))
time.sleep(1.5)
""" % OWN

JOIN6 = """
import socket, struct, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
             socket.inet_pton(socket.AF_INET6, "ff05::1:3") + struct.pack("I", 0))
time.sleep(1.5)
"""

PYTHON = "/usr/bin/python3"


class Net:
    """The topology and the means to start gvpn-dp in it."""

    def __init__(self, t):
        self.t = t
        self.wan = t.switch("wan")
        self.gw = t.gateway("m1", self.wan)
        self.h1 = t.host("h1", self.gw.inside, f"{H1}/16", f"{H1_6}/64")
        self.w = t.host("w", self.wan, f"{W}/16", f"{W6}/64")
        self.n = 0

    def config(self, more="", lan=None, wan=None, worker=os.getpid() % os.cpu_count()):
        """Writes a file; without devices it is that of the gateway's TAPs."""
        self.n += 1
        lan, wan = lan or self.gw.devices[0], wan or self.gw.devices[1]
        return self.t.path(f"dp{self.n}.yaml", CONFIG.format(lan=lan, wan=wan, worker=worker, own=OWN, own6=OWN6, more=more))

    def argv(self, config, *options):
        return [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", self.t.dir, *options]

    def start(self, more=""):
        """gvpn-dp, ready."""
        dp = self.t.start(self.gw.ns, self.argv(self.config(more)), ready=True)
        self.gw.wait_forwarding()
        return dp

    def fails(self, config, *options):
        """Starts it, expects it to end by itself; returns exit status and output."""
        p = self.t.start(self.gw.ns, self.argv(config, *options))
        return p.wait(), p.output()

    def python(self, ns, script, *args):
        return self.t.sh(ns, PYTHON, "-c", script, *args, check=False)

    def echo(self, ns, address, port):
        """A UDP echo server, bound."""
        p = self.t.start(ns, [PYTHON, "-c", ECHO, address, str(port)])
        wait_for(lambda: "bound" in p.output() or not p.alive(), what="echo server")
        assert p.alive(), p.output()
        return p

    def forget_neighbours(self):
        for ns in (self.h1, self.w):
            self.t.sh(ns, "ip", "neigh", "flush", "all")


@pytest.fixture(scope="module")
def net():
    with Topology() as t:
        yield Net(t)


@pytest.fixture
def started(net):
    """Starts gvpn-dp and other programs; stops all of them at the end, and looks at how gvpn-dp ended."""
    before = len(net.t.processes)
    net.forget_neighbours()
    yield net
    for p in net.t.processes[before:]:
        status = p.stop()
        if "gvpn-dp" in p.argv[0] and status not in (0, 1, 2, -signal.SIGKILL):
            pytest.fail(f"gvpn-dp ended with {status}:\n{p.output()}")


def ip_packets(capture):
    """Frames with an IPv4 header, as scapy packets."""
    from scapy.layers.inet import IP
    return [p for p in capture.packets() if IP in p]


def test_nothing_leaks_before_registration(started):
    started.start()
    capture = started.t.capture(started.wan.ns, started.wan.bridge)
    inside = started.t.capture(started.h1, "eth0", "ip and dst host " + H1)
    assert silent(started.h1, W)
    assert silent(started.w, H1)
    assert "echo" not in started.python(started.h1, ASK, H1, "848", W, "848"), "UDP 848 that isn't ours is not exempt"
    assert any(p.type == 0x0806 for p in capture.packets()), "the capture works"
    assert [p.summary() for p in ip_packets(capture) if p["IP"].src == H1] == []
    assert len(inside.packets()) == 0


def test_no_ipv6_leaks_but_neighbour_discovery(started):
    from scapy.layers.inet6 import IPv6
    started.start()
    capture = started.t.capture(started.wan.ns, started.wan.bridge)
    mac = started.t.sh(started.h1, "cat", "/sys/class/net/eth0/address").strip()
    assert silent(started.h1, W6)
    started.python(started.h1, JOIN6)
    sent = [p for p in capture.packets() if p.src == mac and IPv6 in p]
    assert any(p[IPv6].nh == 58 and bytes(p[IPv6].payload)[0] == 135 for p in sent), "solicitations pass"
    assert [p.summary() for p in sent if p[IPv6].nh != 58 or bytes(p[IPv6].payload)[0] not in range(133, 138)] == []


def test_neighbours_are_found_before_registration(started):
    started.start()
    for host, addresses in ((started.h1, (W, W6, OWN, OWN6)), (started.w, (H1, OWN, OWN6))):
        for there in addresses:
            ping(host, there, count=1, patience=0)
            wait_for(lambda: "lladdr" in started.t.sh(host, "ip", "neigh", "show", there), what=f"{there} to be found")


def test_unregistered_clear(started):
    started.start("unregistered: clear")
    assert ping(started.h1, W, count=3) == 3
    assert ping(started.w, H1, count=3) == 3
    assert ping(started.h1, W6, count=3) == 3


EXPERIMENTAL = "ffffffffffff" "020000000009" "88b5" + "02" * 46
TAGGED_ARP = "ffffffffffff" "020000000009" "8100000a0806" + "00" * 46
TAGGED_IP = "ffffffffffff" "020000000009" "8100000a0800" "4500001c000100004001f7de" "0a0100010a010002" + "00" * 26


def test_other_ethertypes_pass_and_tagged_ip_does_not(started):
    started.start()
    capture = started.t.capture(started.wan.ns, started.wan.bridge, "ether src 02:00:00:00:00:09")
    started.python(started.h1, SEND, "eth0", EXPERIMENTAL, TAGGED_ARP, TAGGED_IP)
    frames = [bytes(p).hex() for p in capture.wait(2).packets()]
    assert EXPERIMENTAL in frames
    assert TAGGED_ARP in frames
    assert TAGGED_IP not in frames


def test_own_ike_reaches_the_tap(started):
    started.start()
    echo = started.echo(started.gw.ns, OWN, 848)
    assert "echo" in started.python(started.w, ASK, W, "848", OWN, "848", "20")
    assert "echo" in started.python(started.h1, ASK, H1, "848", OWN, "848", "20")
    assert echo.alive()
    started.echo(started.w, W, 848)
    assert "echo" in started.python(started.gw.ns, ASK, OWN, "4500", W, "848", "20"), "ours to a key server"


def test_own_address_is_fail_closed_outside_and_plain_inside(started):
    started.start()
    started.echo(started.gw.ns, OWN, 5000)
    assert "echo" not in started.python(started.w, ASK, W, "5000", OWN, "5000")
    assert "echo" in started.python(started.h1, ASK, H1, "5000", OWN, "5000", "20")
    assert ping(started.h1, OWN) == 3
    assert silent(started.w, OWN)
    assert ping(started.h1, OWN6) == 3
    assert silent(started.w, OWN6)


def test_own_igmp_leaves_outside(started):
    started.start()
    capture = started.t.capture(started.wan.ns, started.wan.bridge, "igmp")
    started.python(started.gw.ns, JOIN)
    assert [p["IP"].src for p in ip_packets(capture.wait(1)) if p["IP"].src == OWN]


def test_tap_has_addresses_route_mtu_and_own_mac(started):
    started.start()
    gw = started.gw.ns
    addresses = started.t.sh(gw, "ip", "addr", "show", "gvpn0")
    assert f"inet {OWN}/16" in addresses and f"inet6 {OWN6}/64" in addresses
    assert "tentative" not in addresses and "fe80" not in addresses
    assert "default via 10.1.0.254" in started.t.sh(gw, "ip", "route", "show", "dev", "gvpn0")
    assert "metric 1024" in started.t.sh(gw, "ip", "route", "show", "default")
    assert " mtu 1500 " in started.t.sh(gw, "ip", "link", "show", "gvpn0")
    macs = [started.t.sh(gw, "cat", f"/sys/class/net/{dev}/address") for dev in ("gvpn0", "gout", "gin")]
    assert len(set(macs)) == 3


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP])
def test_nothing_answers_past_a_dead_data_plane(started, how):
    dp = started.start()
    if how == signal.SIGSTOP:
        dp.popen.send_signal(how)  # the TAP with its address stays: the kernel could still answer for it
    else:
        dp.stop(how)
    try:
        started.forget_neighbours()
        assert silent(started.w, OWN)
        assert "echo" not in started.python(started.w, ASK, W, "848", OWN, "848")
        assert "lladdr" not in started.t.sh(started.w, "ip", "neigh", "show", OWN), "somebody answered ARP"
    finally:
        if dp.alive():
            dp.popen.send_signal(signal.SIGCONT)


def test_restart_after_kill_reattaches_to_the_same_ports(started):
    dp = started.start("unregistered: clear")
    assert ping(started.h1, W) == 3
    dp.stop(signal.SIGKILL)
    begin = time.monotonic()
    started.start("unregistered: clear")
    wait_for(lambda: answers(started.h1, W), what="traffic after the restart")
    print(f"{time.monotonic() - begin:.2f} s")  # smoke/restart looks at the time


def test_stops_cleanly(started):
    dp = started.start()
    path = os.path.join(started.t.dir, "gvpn-dp.sock")
    assert os.path.exists(path)
    assert dp.stop(signal.SIGTERM) == 0
    assert not os.path.exists(path)
    assert "gvpn0" not in started.t.sh(started.gw.ns, "ip", "link")


def test_keys_reach_no_core_file(started):
    dp = started.start()
    with open(f"/proc/{dp.popen.pid}/limits", encoding="ascii") as f:
        core = [line.split() for line in f if line.startswith("Max core file size")]
    assert core[0][4:6] == ["0", "0"]


def test_sighup_reads_the_file_anew(started):
    """The log's level at once, a wrong file not at all; what needs another start is said."""
    dp = started.start()
    path = dp.argv[dp.argv.index("-c") + 1]
    with open(path, encoding="utf-8") as f:
        text = f.read()

    def hup(now):
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(now)
        os.replace(path + ".new", path)
        dp.popen.send_signal(signal.SIGHUP)

    hup(text + "nonsense: 1\n")
    line = len(text.splitlines()) + 1
    wait_for(lambda: f"CONFIG_KEPT: reload failed, the present configuration stays: {path}:{line}:1: " in dp.output(), what="the error")
    hup(text)
    wait_for(lambda: "LOG_RELOADED" in dp.output(), what="a line about SIGHUP")
    hup(text + "log: {level: error}\n")  # level error: not even that
    time.sleep(0.5)  # signals that come together are one, and this one leaves no trace; on a slow machine it isn't tested
    hup(text + "nonsense: 1\n")
    wait_for(lambda: dp.output().count("CONFIG_KEPT") >= 2, what="the other error")
    assert dp.output().count("LOG_RELOADED") == 1
    assert dp.alive()


def test_one_daemon_per_run_directory(started):
    started.start()
    status, output = started.fails(started.config())
    assert status == 1
    assert "gvpn-dp.lock" in output


@pytest.mark.parametrize("device, hint", [
    ("0000:9f:00.0", "no PCI device 0000:9f:00.0"),
    ("net_af_packet0,iface=nothere", "interface exists"),
])
def test_missing_port_is_an_error(started, device, hint):
    status, output = started.fails(started.config(wan=device))
    assert status == 1
    assert "port wan0" in output and hint in output


def test_more_workers_than_queues_is_an_error(started):
    if os.cpu_count() < 2:
        return  # one core: no second worker to ask for
    config = started.config(worker="0, 1", wan="net_af_packet0,iface=brout,qpairs=1")
    status, output = started.fails(config)
    assert status == 1
    assert "port wan0" in output and "queue" in output


def test_queues_that_no_worker_polls_are_an_error(started):
    status, output = started.fails(started.config(wan="net_af_packet0,iface=brout,qpairs=2"))
    assert status == 1
    assert "port wan0" in output and "qpairs=1" in output


def test_more_than_a_port_takes_is_an_error(started):
    config = started.config()
    with open(config, encoding="utf-8") as f:
        text = f.read().replace("mtu: 1500", "mtu: 9000")
    status, output = started.fails(started.t.path("big.yaml", text))
    assert status == 1
    assert "port lan0" in output and "mtu" in output


def test_worker_on_a_cpu_that_is_not_there(started):
    status, output = started.fails(started.config(worker=1023))
    assert status == 1
    assert "1023" in output


@pytest.mark.parametrize("options", [[], ["-c"], ["-c", "x", "--nonsense"], ["-c", "x", "more"],
                                     ["-c", "x", "--clock-rate", "0"], ["-c", "x", "--clock-rate", "1001"],
                                     ["-c", "x", "--clock-rate", "2x"], ["-c", "x", "--log-level", "loud"]])
def test_wrong_usage(started, options):
    p = started.t.start(started.gw.ns, [build("dataplane/gvpn-dp"), *options])
    assert p.wait() == 2
    assert p.output()


def test_check(started):
    assert started.fails(started.config(), "--check") == (0, "")
    bad = started.t.path("bad.yaml", "gvpn-dp: 1\nworkers: [one]\n")
    status, output = started.fails(bad, "--check")
    assert status == 1
    assert f"{bad}:2:" in output
    assert started.fails(bad)[0] == 1
    assert started.fails(started.t.path("absent.yaml"))[0] == 1


def test_clock_rate_needs_lab(started):
    status, output = started.fails(started.config(), "--clock-rate", "10", "--check")
    assert status == 1
    assert "lab" in output
    assert started.fails(started.config("lab: true"), "--clock-rate", "10", "--check")[0] == 0
