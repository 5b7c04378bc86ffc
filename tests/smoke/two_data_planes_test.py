# SPDX-License-Identifier: BSD-3-Clause
"""One gvpnd with two data planes, a group on each: each has its own keys and its own fate (GM11).

    h1 -- m1 gvpn-dp (pair wan) -- router -- m2 gvpn-dp (pair wan) -- h2     group SMOKE, 10.1.0.0/16
    x1 -- m1 gvpn-dp (pair two) ------------ m2 gvpn-dp (pair two) -- x2     group TWO,   10.9.0.0/24
"""

import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
from groups_test import both_flow, group, server_config, wait_state  # noqa: E402
from gvpn import GROUP, MTU, Host, System, answers, ping, silent  # noqa: E402
from topology import Topology, build, wait_for  # noqa: E402

SECOND = """
gvpn-dp: 1
eal: [--no-huge, --no-shconf, --iova-mode=va, -m, "256"]
workers: [{worker}]
ports: [{{name: lan1, device: "{devices[0]}"}}, {{name: wan1, device: "{devices[1]}"}}]
pairs: [{{name: {pair}, inside: lan1, outside: wan1}}]
local: {{tap: gvpn1, mac: "02:00:00:{number:02x}:03:01", addresses: [10.77.0.{number}/24]}}
"""

TWO = """
  - name: TWO
    identity: 10.9.9.9
    member:
      key-servers: [{server}]
      data-plane: {{socket: {dir}/gvpn-dp.sock, pair: {pair}}}
"""


def start_second(m, pair="two"):
    text = SECOND.format(worker=(os.getpid() + m.number) % os.cpu_count(), devices=m.devices, number=m.number, pair=pair)
    config = m.t.path(os.path.join(m.second, "gvpn-dp.yaml"), text)
    m.other_dp = m.t.start(m.ns, [build("dataplane/gvpn-dp"), "-c", config, "--run-dir", m.second], ready=True)


def member_config(m, pair="two"):
    return m.config() + TWO.format(server=m.system.ks.address, dir=m.second, pair=pair)


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        outsides = []
        for m in s.members:
            inside_port, outside, m.devices = t.second_pair(m.gw)
            outsides.append(outside)
            m.other = Host(t.host(f"x{m.number}", inside_port, f"10.9.0.{m.number}/24", mtu=MTU), f"10.9.0.{m.number}")
            m.second = t.path(f"second{m.number}")
            os.mkdir(m.second)
        t.connect(*outsides)
        s.ks.run_gvpnd(server_config(s))
        for m in s.members:
            m.start_data_plane()
            start_second(m)
            m.run_gvpnd(member_config(m))
        for m in s.members:
            m.gw.wait_forwarding()
            for name in (GROUP, "TWO"):
                wait_state(m, name)
        s.x1, s.x2 = (m.other for m in s.members)
        yield s


def test_both_groups_flow_each_through_its_own(system):
    assert both_flow(system)
    for pair, name, ends in (("wan", GROUP, ("10.1.1.10", "10.1.2.10")), ("two", "TWO", ("10.9.0.1", "10.9.0.2"))):
        said = system.m1.ask("explain", "--pair", pair, *ends, "icmp")
        assert (said["decision"], said["rule"]["group"]) == ("encrypt", name)
        assert int(said["spi"], 16) in {int(sa["spi"], 16) for sa in group(system.m1, name)["sas"]}
    assert len(system.m1.ask("show", "version")["data_planes"]) == 2


def test_one_that_dies_takes_nothing_of_the_other_along(system):
    """... and comes back without a registration: sender ids for a new process are in store."""
    before = {name: group(system.m1, name)["registrations"] for name in (GROUP, "TWO")}
    system.m1.other_dp.stop(signal.SIGKILL)
    wait_for(lambda: not group(system.m1, "TWO")["attached"], what="the second data plane to be missed")
    assert group(system.m1, GROUP)["attached"]
    assert ping(system.h1, system.h2.address) == 3 and silent(system.x1, system.x2.address, 1)
    start_second(system.m1)
    wait_for(lambda: answers(system.x1, system.x2.address), what="TWO to flow again")
    assert both_flow(system)
    assert {name: group(system.m1, name)["registrations"] for name in before} == before


def test_a_pair_that_two_data_planes_have_is_not_explained_by_chance(system):
    m = system.m1
    m.other_dp.stop()
    start_second(m, pair="wan")
    assert m.reload(member_config(m, pair="wan"))[0] == 0
    wait_for(lambda: group(m, "TWO")["attached"] and group(m, "TWO")["bindings"] == [{"pair": "wan", "vlan": None}],
             what="TWO on its other pair")
    status, _, said = m.ctl("explain", "--pair", "wan", "10.9.0.1", "10.9.0.2", "icmp")
    assert status == 2 and "several data planes" in said
    wait_for(lambda: answers(system.x1, system.x2.address), what="TWO to flow through the other pair")
    assert both_flow(system)
