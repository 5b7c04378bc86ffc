# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces for end-to-end tests: built in a moment, unique, and always removed.

    with Topology() as t:
        wan = t.switch("wan")                        # a bridge in a namespace of its own
        gw = t.gateway("m1", wan)                    # namespace with TAPs gin and gout for a data plane
        host = t.host("h1", gw.inside, "10.1.0.1/16")
        cap = t.capture(wan.ns, wan.bridge)
        dp = t.start(gw.ns, [build("dataplane/gvpn-dp"), "-c", conf, "--run-dir", t.dir], ready=True)

A gateway is what docs/testing.md draws: persistent TAPs in bridges, no address on any of them, IPv6 off, bridge netfilter
off, and an nft rule that keeps the namespace's own stack from hearing bridged frames: without it the kernel would answer
ARP and take UDP 848 past the data plane.

Every name begins with this process's own prefix, so tests run in parallel. Leaving the `with` block removes everything,
also after an exception, SIGINT and SIGTERM; what a killed run left behind is removed by the next one.
"""

import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import esp_capture

PREFIX = "gvt"
INGRESS_DROP = "table netdev {dev} {{ chain in {{ type filter hook ingress device {dev} priority 0; policy drop; }}; }}"
BRIDGE_INPUT_DROP = "table bridge t { chain in { type filter hook input priority 0; policy drop; }; }"


class TopologyError(Exception):
    """A command that builds or uses the topology failed."""


class Interrupted(KeyboardInterrupt):
    """A signal asked the test to stop. (pytest ends its whole run for a KeyboardInterrupt, fixtures first.)"""


def run(*argv, check=True, timeout=60, stdin=None):
    """Runs a command, returns its output; raises TopologyError with everything it said unless check is off."""
    p = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, input=stdin, check=False)
    if check and p.returncode != 0:
        raise TopologyError(f"{' '.join(argv)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p.stdout


def build(path):
    """The path of a built file; the build directory is GVPN_BUILD, or build/ beside tests/."""
    root = os.environ.get("GVPN_BUILD") or os.path.join(os.path.dirname(__file__), "..", "..", "build")
    full = os.path.abspath(os.path.join(root, path))
    if not os.access(full, os.X_OK):
        raise TopologyError(f"{full} is not built (set GVPN_BUILD)")
    return full


def wait_for(condition, timeout=30.0, step=0.05, what="condition"):
    """Waits until condition() is true and returns its value; raises TopologyError after timeout seconds. A long time costs
    nothing: give a short one only where the time itself is promised. `what` may be a function.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TopologyError(f"timed out after {timeout} s: {what() if callable(what) else what}")
        time.sleep(step)


class Port:
    """A bridge in a namespace, something cables are plugged into; or (bridge None) the place of one cable, whose end is `dev`."""

    def __init__(self, topology, ns, bridge, dev=None):
        self.topology, self.ns, self.bridge, self.dev = topology, ns, bridge, dev


class Gateway:
    """Namespace with TAPs gin and gout, each in a bridge. inside and outside are the bridges."""

    def __init__(self, topology, ns, number):
        self.ns, self.number = ns, number
        self.inside = Port(topology, ns, "brin")
        self.outside = Port(topology, ns, "brout")
        self.devices = [f"net_tap{i},iface={tap},mac=02:00:00:{number:02x}:01:{i + 1:02x}"
                        for i, tap in enumerate(("gin", "gout"))]
        self.local_mac = f"02:00:00:{number:02x}:02:01"

    def wait_forwarding(self, timeout=30):
        """Waits until the bridges see that a data plane has attached to its TAPs; the kernel takes up to a second."""
        def forwarding():
            states = run("ip", "netns", "exec", self.ns, "sh", "-c", "cat /sys/class/net/g*/brport/state")
            return set(states.split()) == {"3"}
        wait_for(forwarding, timeout, what=f"the bridges of {self.ns} to forward")


class PacketGateway:
    """Namespace whose data plane has the ends of two cables for ports, by packet sockets: nothing between, and much faster
    than TAPs. The rings hold a second of packets, so that a busy machine loses none.
    """

    FRAMES = 16384

    def __init__(self, topology, ns, number):
        self.ns, self.number = ns, number
        self.inside, self.outside = Port(topology, ns, None, "pin"), Port(topology, ns, None, "pout")
        self.devices = [f"net_af_packet{i},iface={port},framecnt={self.FRAMES}" for i, port in enumerate(("pin", "pout"))]
        self.local_mac = f"02:00:00:{number:02x}:02:01"

    def wait_forwarding(self):
        """A cable is there or not."""


class Process:
    """A program started in a namespace; its output goes to a file."""

    def __init__(self, argv, ns, popen, log):
        self.argv, self.ns, self.popen, self.log = argv, ns, popen, log

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def alive(self):
        return self.popen.poll() is None

    def wait(self, timeout=30):
        """Its exit status (negative: killed by that signal)."""
        return self.popen.wait(timeout)

    def stop(self, sig=signal.SIGTERM, timeout=30):
        """Sends a signal, waits, returns the exit status; kills it when it doesn't listen."""
        if self.alive():
            self.popen.send_signal(sig)
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait(timeout)


class Capture:
    """tcpdump on an interface. What has passed there before stop() is in the file."""

    COUNTS = re.compile(r"(\d+) packets? captured,? *\n?(\d+) packets? received by filter,? *\n?(\d+) packets? dropped by kernel")

    def __init__(self, process, path):
        self.process, self.path = process, path
        self.lost = 0  # frames that it didn't see, known after stop()

    def _ask(self):
        """(frames written, frames that the kernel gave it, frames that were lost), which tcpdump says on this signal."""
        known = len(self.COUNTS.findall(self.process.output()))
        self.process.popen.send_signal(signal.SIGUSR1)
        said = wait_for(lambda: self.COUNTS.findall(self.process.output())[known:], step=0.002, what="tcpdump's counts")
        return tuple(map(int, said[-1]))

    def _drain(self):
        """Until all is written that has come. (What came before its filter was set is counted and never written: when it has
        answered five times and written nothing in between, there is nothing more.)
        """
        written, came, lost = self._ask()
        idle = 0
        while written + lost < came and idle < 5:
            time.sleep(0.02)
            before = written
            written, _, lost = self._ask()
            idle = idle + 1 if written == before else 0

    def wait(self, count, found=esp_capture.frames, timeout=10.0):
        """Waits until found(path) has so many. What is missing in the end is for the caller to say."""
        end = time.monotonic() + timeout
        while len(list(found(self.path))) < count and time.monotonic() < end:
            time.sleep(0.02)
        return self

    def stop(self):
        """Stops it when it has written what came until now, returns the pcap's path. A packet that nobody has seen arrive may
        be on its way for longer than the moment here: wait() for it.
        """
        if self.process.alive():
            time.sleep(0.2)
            self._drain()
            self.process.stop(signal.SIGINT)
            self.lost = int(self.COUNTS.findall(self.process.output())[-1][2])
            if self.lost:
                print(f"tcpdump lost {self.lost} frames: {self.process.argv}")
        return self.path

    def packets(self):
        """The captured frames as scapy packets."""
        from scapy.layers import inet, inet6, l2  # noqa: F401  (the link types that rdpcap knows)
        from scapy.utils import rdpcap
        return rdpcap(self.stop())


class Topology:
    """Owns namespaces, processes and a scratch directory (self.dir)."""

    def __init__(self, tag=""):
        self.prefix = f"{PREFIX}{os.getpid()}{tag}"
        self.namespaces, self.processes, self.old_handlers = [], [], {}
        self.helpers = []  # further processes (Popen) that may still run at the end
        self.cables = self.gateways = self.captures = 0
        self.dir = None

    def __enter__(self):
        remove_leftovers()
        self.dir = tempfile.mkdtemp(prefix=f"{self.prefix}-")
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.old_handlers[sig] = signal.signal(sig, self._interrupted)
        return self

    def __exit__(self, *_):
        self.close()

    @staticmethod
    def _interrupted(sig, _frame):
        raise Interrupted(signal.Signals(sig).name)

    def close(self):
        """Removes everything. A signal that comes meanwhile doesn't stop it."""
        for sig in self.old_handlers:
            signal.signal(sig, signal.SIG_IGN)
        for p in reversed(self.processes):
            if p.alive():
                p.popen.kill()
            p.popen.wait(30)
        for p in self.helpers:
            if p.poll() is None:
                p.kill()
            p.wait(10)
        for ns in reversed(self.namespaces):
            run("ip", "netns", "del", ns, check=False)
        if self.dir is not None:
            shutil.rmtree(self.dir, ignore_errors=True)
        for sig, handler in self.old_handlers.items():
            signal.signal(sig, handler)
        self.processes, self.namespaces, self.old_handlers, self.dir = [], [], {}, None

    def path(self, name, text=None):
        """A path in the scratch directory; with text the file is written."""
        full = os.path.join(self.dir, name)
        if text is not None:
            with open(full, "w", encoding="utf-8") as f:
                f.write(text)
        return full

    def namespace(self, name):
        """A new empty namespace; returns its full name."""
        ns = f"{self.prefix}-{name}"
        self.namespaces.append(ns)
        run("ip", "netns", "add", ns)
        # Nobody's address is taken twice here, and a router that still asks for its own forwards nothing for a second.
        run("ip", "netns", "exec", ns, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
        run("ip", "-n", ns, "link", "set", "lo", "up")
        return ns

    def sh(self, ns, *argv, check=True, timeout=60, stdin=None):
        """Runs a command in a namespace and returns its output."""
        return run("ip", "netns", "exec", ns, *argv, check=check, timeout=timeout, stdin=stdin)

    def _bridge(self, ns, name):
        ip(ns, f"link add name {name} type bridge mcast_snooping 0 stp_state 0")
        quiet(ns, name)
        ip(ns, f"link set {name} up")
        return Port(self, ns, name)

    def _no_netfilter(self, ns):
        run("ip", "netns", "exec", ns, "sh", "-c",
            "for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ -w $f ] && echo 0 >$f; done; true")

    def switch(self, name):
        """A bridge alone in a namespace: the WAN, or a LAN. A capture on it sees everything that crosses it."""
        ns = self.namespace(name)
        self._no_netfilter(ns)
        return self._bridge(ns, "br0")

    def gateway(self, name, outside=None):
        """A namespace for one data plane; plugs its outside bridge into `outside` when given."""
        self.gateways += 1
        gw = Gateway(self, self.namespace(name), self.gateways)
        self._no_netfilter(gw.ns)
        self.sh(gw.ns, "nft", BRIDGE_INPUT_DROP)  # so a capture must be on a port of the bridge, not on the bridge
        self._tap_pair(gw.ns, "")
        if outside is not None:
            self.connect(gw.outside, outside)
        return gw

    def packet_gateway(self, name, outside=None):
        """A namespace for one data plane on packet sockets. Plug exactly one cable into each of its sides; with `outside`, a bridge,
        one is in the outer already.
        """
        self.gateways += 1
        gw = PacketGateway(self, self.namespace(name), self.gateways)
        if outside is not None:
            self.connect(gw.outside, outside)
        return gw

    def _tap_pair(self, ns, suffix):
        """gin and gout with a bridge each; returns the bridges."""
        bridges = []
        for tap, bridge in ((f"gin{suffix}", f"brin{suffix}"), (f"gout{suffix}", f"brout{suffix}")):
            ip(ns, f"tuntap add dev {tap} mode tap multi_queue")
            quiet(ns, tap)
            bridges.append(self._bridge(ns, bridge))
            ip(ns, f"link set {tap} master {bridge}", f"link set {tap} txqueuelen 10000 up")
        return bridges

    def second_pair(self, gw):
        """Two more TAPs, gin2 and gout2, in bridges of their own: (inside, outside, devices)."""
        devices = [f"net_tap{i + 2},iface={tap},mac=02:00:00:{gw.number:02x}:01:{i + 3:02x}"
                   for i, tap in enumerate(("gin2", "gout2"))]
        return (*self._tap_pair(gw.ns, "2"), devices)

    def _cable(self, ns_a, if_a, ns_b, if_b):
        ip(ns_a, f"link add name {if_a} type veth peer name {if_b} netns {ns_b}")
        for ns, dev in ((ns_a, if_a), (ns_b, if_b)):
            self.sh(ns, "ethtool", "-K", dev, "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off",
                    check=False)

    def cable(self, ns_a, dev_a, ns_b, dev_b):
        """A cable between two namespaces, up, without IPv6."""
        self._cable(ns_a, dev_a, ns_b, dev_b)
        for ns, dev in ((ns_a, dev_a), (ns_b, dev_b)):
            quiet(ns, dev)
            ip(ns, f"link set {dev} up")

    def _plug(self, port, dev):
        quiet(port.ns, dev)
        if port.bridge is None:
            # Packet sockets hear it first; the namespace's own stack must not, or it answers past the data plane.
            self.sh(port.ns, "nft", INGRESS_DROP.format(dev=dev))
            ip(port.ns, f"link set {dev} up")
            return
        ip(port.ns, f"link set {dev} master {port.bridge}", f"link set {dev} up")

    def connect(self, a, b):
        """A cable between two ports."""
        self.cables += 1
        if_a, if_b = a.dev or f"x{self.cables}a", b.dev or f"x{self.cables}b"
        self._cable(a.ns, if_a, b.ns, if_b)
        self._plug(a, if_a)
        self._plug(b, if_b)

    def host(self, name, port, *addresses, mtu=1500, gateway=None):
        """A namespace with eth0 plugged into a bridge; returns its name."""
        ns = self.namespace(name)
        self.plug(ns, "eth0", port, *addresses, mtu=mtu, gateway=gateway)
        return ns

    def plug(self, ns, dev, port, *addresses, mtu=1500, gateway=None):
        """An interface `dev` in an existing namespace, plugged into a bridge, with addresses; a gateway, or one per family."""
        self.cables += 1
        other = port.dev or f"x{self.cables}"
        self._cable(ns, dev, port.ns, other)
        self._plug(port, other)
        if not any(":" in a for a in addresses):
            quiet(ns, dev)
        for a in addresses:
            ip(ns, f"addr add {a} dev {dev}" + (" nodad" if ":" in a else ""))
        ip(ns, f"link set {dev} mtu {mtu} up")
        for via in (gateway,) if isinstance(gateway, str) else gateway or ():
            ip(ns, f"route add default via {via}")

    def start(self, ns, argv, ready=False, timeout=60, env=None):
        """Starts a program in a namespace. With ready it waits for systemd's READY=1, or raises with its output."""
        n = len(self.processes)
        log = self.path(f"{n}-{os.path.basename(argv[0])}.log")
        environment = dict(os.environ, **(env or {}))
        notify = None
        if ready:
            notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            notify.bind(self.path(f"{n}.notify"))
            environment["NOTIFY_SOCKET"] = self.path(f"{n}.notify")
        with open(log, "wb") as f:
            popen = subprocess.Popen(["ip", "netns", "exec", ns, *argv], stdin=subprocess.DEVNULL, stdout=f, stderr=f,
                                     env=environment)
        process = Process(argv, ns, popen, log)
        self.processes.append(process)
        if ready:
            with notify:
                self._wait_ready(process, notify, timeout)
        return process

    @staticmethod
    def _wait_ready(process, notify, timeout):
        notify.settimeout(0.05)
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                if b"READY=1" in notify.recv(4096):
                    return
            except socket.timeout:
                pass
            if not process.alive():
                raise TopologyError(f"{process.argv} ended with {process.popen.returncode}:\n{process.output()}")
        raise TopologyError(f"{process.argv} is not ready after {timeout} s:\n{process.output()}")

    def capture(self, ns, dev, expression=""):
        """Starts tcpdump and waits until it listens."""
        self.captures += 1
        path = self.path(f"capture{self.captures}.pcap")
        # The buffer has a place of the snapshot's length for every frame. Nothing here is longer than 2048 octets.
        process = self.start(ns, ["tcpdump", "-i", dev, "-n", "-U", "--immediate-mode", "-B", "32768", "-s", "2048", "-Z", "root",
                                  "-w", path, *expression.split()])
        wait_for(lambda: "listening on" in process.output() or not process.alive(), step=0.02, what="tcpdump to listen")
        if not process.alive():
            raise TopologyError(process.output())
        return Capture(process, path)


def ip(ns, *commands):
    """Several `ip` commands in a namespace in one call."""
    run("ip", "-n", ns, "-batch", "-", stdin="".join(c + "\n" for c in commands))


def quiet(ns, dev):
    """No IPv6 on this interface, so that it sends nothing of its own."""
    run("ip", "netns", "exec", ns, "sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{dev}/disable_ipv6")


@contextlib.contextmanager
def inside(ns):
    """Sockets that this thread opens within the block belong to the namespace, and stay there afterwards."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{ns}", "rb") as there:
        if libc.setns(there.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"setns {ns}")
        try:
            yield
        finally:
            if libc.setns(home.fileno(), 0) != 0:
                raise OSError(ctypes.get_errno(), "setns back")


def remove_leftovers():
    """Removes namespaces, processes in them and scratch directories of runs that were killed (their process is gone)."""
    for path in glob.glob(os.path.join(tempfile.gettempdir(), PREFIX + "*-*")):
        m = re.match(rf"{PREFIX}(\d+)\D", os.path.basename(path))
        if m is not None and not os.path.exists(f"/proc/{m.group(1)}"):
            shutil.rmtree(path, ignore_errors=True)
    for line in run("ip", "netns", "list").splitlines():
        ns = line.split()[0]
        m = re.match(rf"{PREFIX}(\d+)\D", ns)
        if m is None or os.path.exists(f"/proc/{m.group(1)}"):
            continue
        for pid in run("ip", "netns", "pids", ns, check=False).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except OSError:
                pass
        run("ip", "netns", "del", ns, check=False)
