# SPDX-License-Identifier: BSD-3-Clause
"""A day under the constant stream of rekey_test.py, with clocks 100 times faster: keys of an hour, another list every hour, keys
of rekeys of eight hours, all keys replaced by hand now and then. Nothing is lost, nothing passes in clear, nobody registers
again. A quarter of an hour, with priority over everything else: a benchmark (`meson test --benchmark rekey_day -v`), not a test
of every run. GVPN_HOURS makes it shorter.
"""

import os

import pytest
from rekey_test import LIST, LONGER, MULTICAST, UNICAST, KEK, Rekeyed, Watched
from topology import Topology, wait_for

RATE = 100
HOURS = int(os.environ.get("GVPN_HOURS") or "24")
HOUR = 3600 / RATE  # in seconds of the stream


@pytest.mark.parametrize("transport", [os.environ.get("GVPN_TRANSPORT") or "unicast"])
def test_a_day(transport):
    os.nice(-15)
    rekey = (UNICAST if transport == "unicast" else MULTICAST).replace(f"{KEK}s", "8h")
    with Topology("d") as t:
        r = Rekeyed(t, transport, rate=RATE, rekey=rekey, lifetime="1h")
        teks, keks = set(), set()

        def look():
            teks.update(*r.spis())
            keks.update(r.keks())
            return w.stream.seconds() > (hour + 1) * HOUR

        with r.s, Watched(r) as w:
            for hour in range(HOURS):
                r.reload(acl=LONGER if hour % 2 == 0 else LIST)
                if hour % 6 == 5:
                    assert r.s.ks.ctl("rekey", "SMOKE", "--replace")[0] == 0
                wait_for(look, timeout=4 * HOUR, step=0.5, what="an hour to pass")
            print(f"{HOURS} h by {transport}: {len(teks)} keys, {len(keks)} of rekeys, rekeys received {r.rekeys()}")
        assert len(teks) >= HOURS and len(keks) >= HOURS // 8
