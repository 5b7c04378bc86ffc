# SPDX-License-Identifier: BSD-3-Clause
"""What an operator does to a running system: reload a file, good or bad, clear counters, groups and members, stop a member. The
hosts' traffic shows what it costs; never is any of it in clear.
"""

import os
import re
import signal
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
import esp_capture as esp  # noqa: E402
from gvpn import GROUP, OUTSIDE, System, ping  # noqa: E402
from topology import Topology, wait_for  # noqa: E402


@pytest.fixture(scope="module")
def system():
    with Topology() as t, System(t) as s:
        s.start()
        s.wan = s.capture("site1", f"ip and host {s.h1.address} and host {s.h2.address}")
        yield s


def edit(node, old, new):
    """Changes the file that the daemon was started with."""
    path = os.path.join(node.dir, "gvpnd.yaml")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text.count(old) == 1
    node.write("gvpnd.yaml", text.replace(old, new))


def wait_ping(system):
    wait_for(lambda: ping(system.h1, system.h2.address, count=1) == 1, timeout=15, what="traffic")
    assert ping(system.h1, system.h2.address) == 3


def test_clear_counters(system):
    assert ping(system.h1, system.h2.address) == 3
    assert system.m1.verdicts()["sent_encrypted"] >= 3
    assert system.m1.ctl("clear", "counters")[0] == 0
    wait_for(lambda: system.m1.verdicts()["sent_encrypted"] == 0, what="the counters to be cleared")
    assert system.m1.ike()["datagrams_in"] == 0
    assert ping(system.h1, system.h2.address) == 3
    assert system.m1.verdicts()["sent_encrypted"] == 3


@pytest.mark.parametrize("how", ["reload", "SIGHUP"])
def test_bad_file_changes_nothing(system, how):
    before = system.ks.status()
    edit(system.ks, "acls:", "nonsense: 1\nacls:")
    if how == "reload":
        status, _, err = system.ks.ctl("reload")
        assert status == 1
        assert re.search(r"gvpnd\.yaml:\d+:1: .*nonsense", err)
    else:
        system.ks.gvpnd.popen.send_signal(signal.SIGHUP)
        wait_for(lambda: "nonsense" in system.ks.log(), what="the log to say what is wrong")
    edit(system.ks, "nonsense: 1\nacls:", "acls:")
    after = system.ks.status()
    assert (after["policy_digest"], after["members"]) == (before["policy_digest"], before["members"])
    assert ping(system.h1, system.h2.address) == 3


def test_reloaded_policy_is_given_to_who_registers(system):
    """A member that registers gets the new list; the key is the same, so that all understand each other."""
    spi = system.ks.status()["sas"][0]["spi"]
    edit(system.ks, "    - permit ip 10.1.0.0/16 239.0.0.0/8",
         "    - permit ip 10.1.0.0/16 239.0.0.0/8\n    - permit udp 10.1.0.0/16 192.0.2.0/24")
    status, out, err = system.ks.ctl("reload")
    assert status == 0, out + err
    assert system.ks.status()["sas"][0]["spi"] == spi
    explain = ["explain", system.h1.address, OUTSIDE, "udp", "1", "2"]
    assert system.m1.ask(*explain)["decision"] == "clear"
    assert system.m1.ctl("clear", "group", GROUP)[0] == 0
    system.m1.wait_registered()
    assert system.m1.status()["sas"][0]["spi"] == spi
    assert system.m1.ask(*explain)["decision"] == "encrypt"
    wait_ping(system)


def test_clear_members_forgets_entries_only(system):
    assert system.ks.ctl("clear", "ks", "members", GROUP, "10.0.1.2")[0] == 0
    assert system.ks.members() == ["10.0.2.2"]
    assert ping(system.h1, system.h2.address) == 3
    assert system.ks.ctl("clear", "ks", "members", GROUP, "10.0.1.2")[0] == 4


def test_clear_group_makes_new_keys(system):
    old = system.ks.status()["sas"][0]["spi"]
    assert system.ks.ctl("clear", "group", GROUP)[0] == 0
    new = system.ks.status()["sas"][-1]["spi"]
    assert new != old and system.ks.members() == []
    assert ping(system.h1, system.h2.address) == 3, "members go on with what they have"
    for m in system.members:
        assert m.ctl("clear", "group", GROUP)[0] == 0
    for m in system.members:
        m.wait_registered()
        assert [sa["spi"] for sa in m.status()["sas"] if sa["sending"]] == [new]
    wait_ping(system)


def test_stopped_member_leaves_the_group(system):
    """SIGTERM: the key server notes that it left, its keys are out of use, and nothing passes."""
    assert system.m1.gvpnd.stop() == 0
    wait_for(lambda: system.ks.members() == ["10.0.2.2"], what="the key server to note it")
    assert "GM_LEAVE" in system.m1.log()
    assert ping(system.h1, system.h2.address) == 0
    system.m1.start_control()
    system.m1.wait_registered()
    wait_ping(system)


def test_nothing_was_in_clear_and_no_iv_was_used_twice(system):
    kinds = {p[9] for p in esp.ip_packets(system.wan.stop())}
    assert kinds == {esp.ESP}
    esp.assert_unique_ivs(esp.esp_packets(system.wan.path))
