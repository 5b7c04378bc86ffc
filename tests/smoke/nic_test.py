# SPDX-License-Identifier: BSD-3-Clause
"""gvpn-dp on every kind of device that a machine without network cards has: which it takes, what it says about each, and
what it says when a device isn't there or can't do what is needed. Two of them are joined without a kernel between:

    h1 (10.1.0.1) --- [gin  gvpn-dp  wire] === [wire  gvpn-dp  gin] --- h2 (10.1.0.2)
"""

import os
import re
import struct
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture  # noqa: E402
from feed import Feed  # noqa: E402
from gvpn import answers, ping, udp_socket  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

H1, H2 = "10.1.0.1", "10.1.0.2"
NO_HUGE = "eal: [--no-huge, --no-shconf, --iova-mode=va, -m, '256', --single-file-segments]"

CONFIG = """
gvpn-dp: 1
{eal}
workers: {workers}
unregistered: clear
ports:
  - {{name: lan0, device: "{lan}"}}
  - {{name: wan0, device: "{wan}"{keys}}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0, mtu: {mtu}}}
local: {{tap: gvpn0, addresses: [10.9.0.{number}/24]{mac}}}
"""

# A device on each side of a wire; SOCKET is a path. The second one connects to the first.
WIRES = {
    "vhost": ("net_vhost0,iface=SOCKET,queues=1", "net_virtio_user0,path=SOCKET,queues=1"),
    "memif": ("net_memif0,role=server,socket=SOCKET,socket-abstract=no",
              "net_memif0,role=client,socket=SOCKET,socket-abstract=no"),
}
two_cpus = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="two workers need two CPUs")


class Side:
    """A gateway of which only the inside is used."""

    def __init__(self, t, number):
        self.t, self.number, self.n = t, number, 0
        self.gw = t.gateway(f"m{number}")

    def config(self, wan, lan=None, workers=None, mtu=1500, eal=NO_HUGE, keys="", mac=', mac: "02:00:00:00:09:01"'):
        self.n += 1
        workers = workers or [(os.getpid() + self.number) % os.cpu_count()]
        text = CONFIG.format(wan=wan, lan=lan or self.gw.devices[0], workers=workers, mtu=mtu, eal=eal, keys=keys,
                             number=self.number, mac=mac)
        return self.t.path(f"m{self.number}-{self.n}.yaml", text)

    def argv(self, config):
        run_dir = self.t.path(f"run{self.number}")
        os.makedirs(run_dir, exist_ok=True)
        return [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", run_dir]

    def start(self, wan, **keys):
        dp = self.t.start(self.gw.ns, self.argv(self.config(wan, **keys)), ready=True)
        return dp

    def refuses(self, wan, **keys):
        """Expects that it ends with 1 by itself; what it said in START_FAILED."""
        p = self.t.start(self.gw.ns, self.argv(self.config(wan, **keys)))
        assert p.wait() == 1, p.output()
        said, = [line for line in p.output().splitlines() if "START_FAILED" in line]
        return said


@pytest.fixture(scope="module")
def net():
    with Topology() as t:
        t.m1, t.m2 = Side(t, 1), Side(t, 2)
        t.h1 = t.host("h1", t.m1.gw.inside, f"{H1}/24", mtu=1400)
        t.h2 = t.host("h2", t.m2.gw.inside, f"{H2}/24", mtu=1400)
        yield t


@pytest.fixture
def started(net):
    """Whatever a test starts ends with it, and cleanly."""
    before = len(net.processes)
    yield net
    for p in reversed(net.processes[before:]):
        if p.alive():
            assert p.stop() == 0, p.output()
        assert not re.search("Sanitizer|runtime error", p.output()), p.output()


def said(p, mnemonic):
    return [line for line in p.output().splitlines() if mnemonic in line]


def ready_line(p, port):
    line, = [line for line in said(p, "PORT_READY") if f"port {port} " in line]
    return line


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_two_data_planes_joined_without_a_kernel(started, wire):
    socket = started.path(f"{wire}.sock")
    a, b = (device.replace("SOCKET", socket) for device in WIRES[wire])
    first = started.m1.start(a)
    second = started.m2.start(b)
    wait_for(lambda: answers(started.h1, H2), what="traffic")
    assert ping(started.h1, H2, 5, size=1300) == 5
    for p, driver in ((first, a), (second, b)):
        assert "driver net_" in ready_line(p, "wan0") or "virtio" in ready_line(p, "wan0"), driver
        wait_for(lambda p=p: any("port wan0 is up" in line for line in said(p, "PORT_UP")), what="a line about it")


@two_cpus
def test_vhost_with_two_queues(started):
    """The kernel spreads the hosts' frames over both workers, and each sends on its own queue of the wire."""
    socket = started.path("queues.sock")
    a, b = (device.replace("SOCKET", socket).replace("queues=1", "queues=2") for device in WIRES["vhost"])
    planes = [started.m1.start(a, workers=[0, 1]), started.m2.start(b, workers=[0, 1])]
    for p in planes:
        assert ", 2 queues of " in ready_line(p, "wan0")
        assert ["no RSS" in line and "port wan0" in line for line in said(p, "PORT_LIMIT")] == [True]
    wait_for(lambda: answers(started.h1, H2), what="traffic")
    with udp_socket(started.h2, H2, 5000) as inbox:
        outboxes = [udp_socket(started.h1, H1) for _ in range(64)]
        for i, s in enumerate(outboxes):
            s.sendto(bytes([i]), (H2, 5000))
        assert {inbox.recv(10)[0] for _ in outboxes} == set(range(64)), "64 flows, whichever worker they meet"
        for s in outboxes:
            s.close()


def test_two_workers_without_rss_are_warned_of(started):
    """memif has queues, but who fills them is the other side's choice."""
    if len(os.sched_getaffinity(0)) < 2:
        return
    first = started.m1.start(WIRES["memif"][0].replace("SOCKET", started.path("two.sock")), workers=[0, 1])
    line, = said(first, "PORT_LIMIT")
    assert "port wan0 (net_memif0" in line and "no RSS" in line and "2 queues" in line
    assert ", 2 queues of " in ready_line(first, "wan0") and "RSS: none" in ready_line(first, "wan0")
    assert "RSS: IPv4 IPv6 ports" in ready_line(first, "lan0"), "net_tap says that it hashes"


FRAME = bytes.fromhex("ffffffffffff" "020000000009" "88b5") + b"x" * 46


def pcap_of(*frames):
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    return head + b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames)


def test_pcap_files(started):
    """What is in the one file is received, and what the host sends is in the other."""
    with open(started.path("in.pcap"), "wb") as f:
        f.write(pcap_of(*[FRAME] * 7))
    wan = f"net_pcap0,rx_pcap={started.path('in.pcap')},tx_pcap={started.path('out.pcap')}"
    dp = started.m1.start(wan)
    wait_for(lambda: started.sh(started.m1.gw.ns, "cat", "/sys/class/net/gin/brport/state").strip() == "3",
             what="the bridge to forward")
    started.sh(started.h1, "ip", "neigh", "flush", "all")
    started.sh(started.h1, "ping", "-n", "-c", "2", "-i", "0.2", "-W", "1", H2, check=False)
    feed = Feed(os.path.join(started.path("run1"), "gvpn-dp.sock"))
    wait_for(lambda: feed.table("ports")["wan0"][1] == "7", what="seven frames to be counted")
    link, _, _, driver, queues, mtu, rss = feed.table("ports")["wan0"]
    assert (link, driver, queues, mtu, rss) == ("up", "net_pcap", "1", "1500", "0")
    feed.close()
    assert dp.stop() == 0
    sent = list(esp_capture.frames(started.path("out.pcap")))
    assert any(f[12:14] == b"\x08\x06" and f[38:42] == bytes([10, 1, 0, 2]) for f in sent), "ARP for h2"


@pytest.mark.parametrize("wan, keys, driver", [
    ("net_null0", {}, "net_null"),
    ("net_ring0", {}, "net_ring"),
    ("net_ring0", {"mtu": 9000}, "net_ring"),
    ("net_ring0", {"keys": ", rx-descriptors: 256, tx-descriptors: 128"}, "net_ring"),
])
def test_devices_that_go_nowhere(started, wan, keys, driver):
    lan = "net_null1,copy=0" if "mtu" in keys else None  # a TAP takes no 9000 octets
    dp = started.m1.start(wan, lan=lan, **keys)
    line = ready_line(dp, "wan0")
    assert f"driver {driver}, 1 queues of " in line and f"MTU {keys.get('mtu', 1500)}" in line
    if "keys" in keys:
        assert "of 256 and 128 descriptors" in line


@two_cpus
def test_tap_with_two_queues(started):
    dp = started.m1.start(started.m1.gw.devices[1], workers=[0, 1])
    for port in ("lan0", "wan0"):
        assert "driver net_tap, 2 queues of 1024 and 1024 descriptors, MTU 1500" in ready_line(dp, port)
    assert said(dp, "PORT_LIMIT") == []


def cpus_of_threads(pid):
    """CPUs of every thread, as the kernel writes them."""
    lists = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as f:
            lists.append(re.search(r"^Cpus_allowed_list:\t(.*)$", f.read(), re.MULTILINE).group(1))
    return lists


@two_cpus
def test_worker_on_a_cpu_outside_of_our_set(started):
    """As with isolcpus=: a process doesn't get such a CPU by itself, but may ask for it. All else stays away from it."""
    ours, isolated = sorted(os.sched_getaffinity(0))[:2]
    config = started.m1.config("net_null0", workers=[isolated])
    dp = started.start(started.m1.gw.ns, ["taskset", "-c", str(ours), *started.m1.argv(config)], ready=True)
    lists = cpus_of_threads(dp.popen.pid)
    assert lists.count(str(isolated)) == 1 and set(lists) == {str(ours), str(isolated)}


def test_link_that_is_down_is_said_once(started):
    """Nobody is at the other end; that is no reason not to start."""
    dp = started.m1.start(WIRES["memif"][0].replace("SOCKET", started.path("alone.sock")))
    wait_for(lambda: any("port wan0 is down" in line for line in said(dp, "PORT_UP")), what="a line about it")
    wait_for(lambda: any("port lan0 is up" in line for line in said(dp, "PORT_UP")), what="the other port")
    assert len([line for line in said(dp, "PORT_UP") if "wan0" in line]) == 1


def free_pci_device():
    """A PCI device that no driver has (the host bridge), or None."""
    root = "/sys/bus/pci/devices"
    return next((d for d in (os.listdir(root) if os.path.isdir(root) else ())
                 if not os.path.exists(f"{root}/{d}/driver")), None)


@pytest.mark.parametrize("wan, keys, expected", [
    ("0000:9f:00.0", {}, ["port wan0", "there is no PCI device 0000:9f:00.0", "lspci -D"]),
    ("net_nonsense0", {}, ["port wan0", "net_nonsense0", "No such device"]),
    ("net_af_packet0,iface=nothere", {}, ["port wan0", "there is no device net_af_packet0", "interface exists",
                                             "No such device"]),
    ("net_af_packet0,interface=brin", {}, ["port wan0", "arguments"]),
    ("net_virtio_user0,path=/nowhere/x.sock", {}, ["port wan0", "there is no device net_virtio_user0"]),
    ("net_ring0", {"mtu": 9000}, ["port lan0 (net_tap0", "up to 1504 octets", "mtu of 9000"]),
    ("net_memif0,role=server,socket=SOCKET,socket-abstract=no", {"mtu": 4000, "lan": "net_null1"},
     ["port wan0 (net_memif0", "up to 1500 octets", "mtu of 4000"]),
    ("net_ring0", {"mac": ""}, ["port wan0 (net_ring0", "no MAC address", "local.mac"]),
    ("net_pcap0,iface=lo", {"workers": [0, 1]}, ["port wan0 (net_pcap0", "2 workers", "1 to receive", "1 to send",
                                                  "list fewer workers"]),
    ("net_vhost0,iface=SOCKET,queues=1", {"workers": [0, 1]}, ["port wan0 (net_vhost0", "2 workers", "1 to receive"]),
    ("net_af_packet0,iface=brin,qpairs=2", {"workers": [0]}, ["port wan0 (net_af_packet0", "2 queues", "1 workers",
                                                            "qpairs=1"]),
])
def test_what_cannot_be_used_is_refused_by_name(started, wan, keys, expected):
    if len(keys.get("workers", ())) > len(os.sched_getaffinity(0)):
        return  # one CPU: that file is wrong for another reason
    line = started.m1.refuses(wan.replace("SOCKET", started.path("refused.sock")), **keys)
    for words in expected:
        assert words in line


def test_pci_device_that_is_not_bound(started):
    device = free_pci_device()
    if device is None:
        return  # tests/unit/dataplane/nic_test.c has every case; this one needs a device
    line = started.m1.refuses(device)
    assert f"port wan0: PCI device {device} is bound to no driver; bind it to vfio-pci" in line


def test_not_enough_memory_is_an_error_and_not_a_crash(started):
    line = started.m1.refuses("net_null0", lan="net_null1", mtu=9000, keys=", rx-descriptors: 8192, tx-descriptors: 8192",
                              eal="eal: [--no-huge, --no-shconf, --iova-mode=va, -m, '64']")
    assert "no memory for" in line and "-m" in line


def test_memory_follows_the_number_of_buffers(started):
    """Without `eal:` the file's own numbers say how much memory there must be."""
    dp = started.m1.start("net_null0", lan="net_null1", mtu=9000, eal="",
                          keys=", rx-descriptors: 8192, tx-descriptors: 8192")
    assert "MTU 9000" in ready_line(dp, "wan0")
