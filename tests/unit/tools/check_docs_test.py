# SPDX-License-Identifier: BSD-3-Clause
"""Can tools/check-docs fail? A small tree that is right, and every promise broken in it once."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop() if len(sys.argv) > 1 and os.path.isfile(sys.argv[-1]) else 'tools/check-docs'

MAP = ('| `common/` | owns |\n| --- | --- |\n| `buf`, `page.h` | x |\n\n'
       '| `dataplane/` | owns |\n| --- | --- |\n| `cfg` | x |\n\n'
       '| `ctrl/` | owns |\n| --- | --- |\n| `main.c` | x |\n| `gm/` | x |\n')
GOOD = {
    'docs/architecture.md': MAP,
    'docs/packet.md': 'See `common/buf.h`, `common/{buf,page}.h`, `docs/schema/COMMAND.json` and `stage/rare: a_test`.\n',
    'docs/invariants.md': '| x | `unit/common/buf_test: first`, `second`; `smoke/way_test` |\n',
    'docs/schema/status.json': '',
    'docs/configuration.md': 'Keys: `gvpn-dp`, `idle.poll`.\n',
    'README.md': 'text\n',
    'dataplane/cfg.c': '{.key = "poll"},\n{.key = "gvpn-dp"},\n',
    'common/buf.c': '', 'common/buf.h': '', 'common/page.h': '',
    'ctrl/main.c': '', 'ctrl/gm/gm.c': '', 'ctrl/gm/gm_impl.h': '',
    'tests/unit/common/buf_test.c': 'first second\n', 'tests/smoke/way_test.py': '', 'docs/testing.md': '| `by`, `way` | x |\n', 'tests/stage/rare_test.c': 'a_test\n',
}
# File, its content (None: it isn't there), and what the complaint must say.
BAD = [
    ('common/new.c', '', 'common/new.c:1: no table'),
    ('ctrl/gm.c', '', 'ctrl/gm.c:1: no table'),
    ('common/page.h', None, 'docs/architecture.md:3: there is no common/page.h'),
    ('tests/smoke/other_test.py', '', 'tests/smoke/other_test.py:1: no table of docs/testing.md'),
    ('docs/packet.md', '`common/bufs.h`\n', 'docs/packet.md:1: there is no common/bufs.h'),
    ('docs/packet.md', '`common/{buf,gone}.h`\n', 'there is no common/{buf,gone}.h'),
    ('docs/invariants.md', '\n`smoke/other_test`\n', 'docs/invariants.md:2: there is no test smoke/other_test'),
    ('dataplane/cfg.c', '\n{.key = "sleep"},\n', 'dataplane/cfg.c:2: docs/configuration.md has no `sleep`'),
    ('docs/invariants.md', '`unit/common/buf_test: first`, `third`\n', 'unit/common/buf_test has no third'),
]


def run(changes):
    with tempfile.TemporaryDirectory() as root:
        for path, text in {**GOOD, **changes}.items():
            if text is not None:
                os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
                with open(os.path.join(root, path), 'w', encoding='utf-8') as file:
                    file.write(text)
        done = subprocess.run([sys.executable, CHECK, root], capture_output=True, text=True, timeout=50, check=False)
        return done.returncode, done.stdout + done.stderr


class CheckDocs(unittest.TestCase):
    def test_what_is_right_passes(self):
        self.assertEqual(run({}), (0, '7 files, 6 documents, 0 errors\n'))

    def test_what_is_wrong_fails(self):
        for path, text, complaint in BAD:
            with self.subTest(path=path, complaint=complaint):
                status, said = run({path: text})
                self.assertEqual(status, 1)
                self.assertIn(complaint, said)


if __name__ == '__main__':
    unittest.main()
