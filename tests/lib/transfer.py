# SPDX-License-Identifier: BSD-3-Clause
"""A TCP transfer between two hosts."""

import socket
import threading

from gvpn import family_of
from topology import inside

PATIENCE = 60  # seconds
TCP_MAXSEG = 2  # linux/tcp.h


def transfer(one, other, address, port, data):
    """Host `one` sends data to an address of host `other`: what arrived there, and the MSS that was used."""
    with inside(other.ns):
        server = socket.create_server((address, port), family=family_of(address))
    with inside(one.ns):
        client = socket.socket(family_of(address))
    got = bytearray()

    def receive():
        c, _ = server.accept()
        c.settimeout(PATIENCE)
        with c:
            while chunk := c.recv(65536):
                got.extend(chunk)

    with client, server:
        for s in (client, server):
            s.settimeout(PATIENCE)
        reader = threading.Thread(target=receive)
        reader.start()
        client.connect((address, port))
        client.sendall(data)
        mss = client.getsockopt(socket.IPPROTO_TCP, TCP_MAXSEG)
        client.shutdown(socket.SHUT_WR)
        reader.join(2 * PATIENCE)
    return bytes(got), mss
