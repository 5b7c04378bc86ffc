# SPDX-License-Identifier: BSD-3-Clause
"""Frames up to 9000 octets, where the devices can (DP7): pcap inside, vhost-user to virtio-user outside, no kernel between.

    h1 (10.1.0.1) --- veth [pcap  gvpn-dp  vhost] === [virtio  gvpn-dp  pcap] veth --- h2 (10.1.0.2)
"""

import os
import random
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from feed import Feed  # noqa: E402
from gvpn import answers, ping, silent, udp_socket  # noqa: E402
from topology import Topology, build, ip, quiet, wait_for  # noqa: E402

H1, H2 = "10.1.0.1", "10.1.0.2"
MTU = 9000
LARGEST = 8946  # floor((9000 - 20 - 32) / 4) * 4 - 2
KEY = "000102030405060708090a0b0c0d0e0f" "a0a1a2a3"

CONFIG = """
gvpn-dp: 1
eal: [--no-huge, --no-shconf, --iova-mode=va, -m, '256', --single-file-segments]
workers: [0]
ports:
  - {{name: lan0, device: "net_pcap0,rx_iface_in=inside,tx_iface=inside", rx-descriptors: 256, tx-descriptors: 256}}
  - {{name: wan0, device: "{wan}", rx-descriptors: 256, tx-descriptors: 256}}
pairs:
  - {{name: wan, inside: lan0, outside: wan0, mtu: 9000}}
local: {{tap: gvpn0, addresses: [10.9.0.{number}/24], mac: "02:00:00:00:09:0{number}"}}
"""


class Side:
    """A gateway, its gvpn-dp, its controller and a host on a cable with large frames."""

    def __init__(self, t, number, wan, address):
        ns = t.namespace(f"m{number}")
        self.host = t.namespace(f"h{number}")
        t.cable(ns, "inside", self.host, "eth0")
        for where, dev in ((ns, "inside"), (self.host, "eth0")):
            ip(where, f"link set {dev} mtu {MTU}")
        ip(self.host, f"addr add {address}/24 dev eth0")
        quiet(self.host, "eth0")
        run_dir = t.path(f"m{number}")
        os.mkdir(run_dir)
        config = t.path(f"m{number}.yaml", CONFIG.format(wan=wan, number=number))
        self.dp = t.start(ns, [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", run_dir], ready=True)
        self.feed = Feed(os.path.join(run_dir, "gvpn-dp.sock"))
        assert self.feed.install("group 0 TEST wan policy", "rule 0 downloaded 10 1 permit ip 10.1.0.0/24 10.1.0.0/24",
                                 f"sa 0 10 0x12345 aes-gcm-128 {KEY} {number * 16} 600000") == "ack 0"


@pytest.fixture(scope="module")
def net():
    with Topology() as t:
        socket = t.path("wire.sock")
        t.sides = [Side(t, 1, f"net_vhost0,iface={socket},queues=1", H1),
                   Side(t, 2, f"net_virtio_user0,path={socket},queues=1", H2)]
        yield t
        for side in t.sides:
            side.feed.close()
            assert side.dp.stop() == 0, side.dp.output()


def test_every_size_crosses(net):
    host = net.sides[0].host
    wait_for(lambda: answers(host, H2), what="a first packet")
    before = net.sides[1].feed.counters()
    sizes = [84, 1500, 1518, 2000, 2048, 4096, 8192, LARGEST - 1, LARGEST]
    for size in sizes:
        assert ping(host, H2, 3, 0.05, size - 28, df=True) == 3, f"packets of {size} octets"
    after = net.sides[1].feed.counters()
    assert after["received_decrypted"] - before["received_decrypted"] == 3 * len(sizes)
    assert silent(host, H2, 1, size=LARGEST + 1 - 28, df=True)
    assert net.sides[0].feed.counters()["drop_too_big"] == 1


def test_content(net):
    with udp_socket(net.sides[0].host, H1) as a, udp_socket(net.sides[1].host, H2, 7000) as b:
        for i in range(100):
            data = random.Random(i).randbytes(1 + (i * 89) % (LARGEST - 28))
            a.sendto(data, (H2, 7000))
            assert b.recv(65536) == data
