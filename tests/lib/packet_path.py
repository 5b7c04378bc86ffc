# SPDX-License-Identifier: BSD-3-Clause
"""The packet path for a judge in python: talks to tests/oracle/path_driver.c, whose program $GVPN_PATH_DRIVER names."""

import os
import subprocess


class PacketPath:
    """One gateway at a time. It ends well only when it has all its buffers back."""

    def __enter__(self):
        self.p = subprocess.Popen([os.environ['GVPN_PATH_DRIVER']], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *error):
        self.p.stdin.close()
        assert self.p.wait(10) == 0 or error[0]

    def _ask(self, line):
        self.p.stdin.write(line + '\n')
        self.p.stdin.flush()
        answer = self.p.stdout.readline().split()
        assert answer, 'the driver died'
        return answer

    def sa(self, suite, key, integrity=b'', *, spi, sender, first, mode='tunnel', metadata=0, tag=0, tags_inline=False, mtu=1500,
           time_ms=0):
        """A fresh gateway with this SA. key: with salt; first: IV; metadata: IPC_META_ bits; tag, tags_inline: the pair's."""
        assert self._ask(f'sa {suite} {mode} {metadata} {tag} {int(tags_inline)} {mtu} {key.hex() or "-"} {integrity.hex() or "-"} '
                         f'{spi:x} {sender:x} {first:x} {time_ms}') == ['ok']

    def run(self, way, frame):
        """'out' or 'in'. The verdict, and what came out or was said about it; None = nothing."""
        verdict, out = self._ask(f'{way} {frame.hex()}')
        return verdict, None if out == '-' else bytes.fromhex(out)
