# SPDX-License-Identifier: BSD-3-Clause
"""The test controller of one data plane: dp_feed behind a pipe (its language is told in dp_feed.c)."""

import subprocess

from topology import build


class Feed:
    """The test controller of one data plane."""

    def __init__(self, path):
        self.popen = subprocess.Popen([build("tests/lib/dp_feed"), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1)
        assert self._line().startswith("attached")

    def _line(self):
        line = self.popen.stdout.readline()
        assert line, f"dp_feed ended with {self.popen.wait(5)}"
        return line.strip()

    def tell(self, line):
        self.popen.stdin.write(line + "\n")
        return self._line()

    def install(self, *lines):
        """A whole transaction; returns the acknowledgement."""
        for line in ("begin", *lines):
            assert self.tell(line) == "ok"
        return self.tell("commit")

    def table(self, command):
        """The lines of an answer, as {first word: other words}."""
        rows, line = {}, self.tell(command)
        while line != ".":
            name, *rest = line.split()
            rows[name] = rest
            line = self._line()
        return rows

    def counters(self):
        return {name: int(n) for name, (n,) in self.table("counters").items()}

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(5)
        self.popen.stdout.close()
