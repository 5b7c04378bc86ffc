# SPDX-License-Identifier: BSD-3-Clause
"""Can tools/check-layers fail? A small tree that is right, and every rule broken in it once."""
import os
import subprocess
import sys
import tempfile
import unittest

CHECK = sys.argv.pop() if len(sys.argv) > 1 and os.path.isfile(sys.argv[-1]) else 'tools/check-layers'
MARK = '/* SPDX-License-Identifier: BSD-3-Clause */\n'

GOOD = {
    'common/buf.h': MARK,
    'common/buf.c': MARK + '#include "common/buf.h"\n\n#include <string.h>\n',
    'common/timer.h': MARK,
    'common/meson.build': '# SPDX-License-Identifier: BSD-3-Clause\n',
    'ctrl/isakmp/isakmp.h': MARK + '#include "common/buf.h"\n',
    'ctrl/isakmp/isakmp.c': MARK + '#include "ctrl/isakmp/isakmp.h"\n#include <string.h>\n',
    'ctrl/crypto/prf.h': MARK,
    'ctrl/crypto/prf.c': MARK + '#include "ctrl/crypto/prf.h"\n#include <openssl/evp.h>\n',
    'ctrl/phase1/phase1.h': MARK,
    'ctrl/pull/pull.h': MARK,
    'ctrl/ks/ks.h': MARK,
    'ctrl/gm/gm.h': MARK,
    'ctrl/run/udp.h': MARK,
    'ctrl/run/udp.c': MARK + '#include "ctrl/run/udp.h"\n#include <event2/event.h>\n#include <sys/socket.h>\n',
    'dataplane/sa.h': MARK,
    'dataplane/sa.c': MARK + '#include "dataplane/sa.h"\n#include <rte_mbuf.h>\n',
    'dataplane/core/l3.h': MARK,
    'tests/unit/common/buf_test.c': MARK + '#include "common/buf.h"\n#include "helper.h"\n#include <cmocka.h>\n',
    'tests/unit/common/helper.h': MARK,
    'tools/run-it': '#!/usr/bin/python3\n# SPDX-License-Identifier: BSD-3-Clause\n',
    'README.md': 'text\n',
}


def function(lines):
    return 'static void f(void)\n{\n' + '    ;\n' * (lines - 1) + '}\n'


# File, its content, and what the complaint must say.
BAD = [
    ('common/buf.c', MARK + '#include "common/buf.h"\n#include "ctrl/isakmp/isakmp.h"\n', 'common may not include'),
    ('common/buf.c', MARK + '#include "common/timer.h"\n', 'own header'),
    ('common/buf.c', MARK + '#include "common/buf.h"\n#include "buf.h"\n', 'not in the tree'),
    ('common/buf.c', MARK + '#include "common/buf.h"\n#include <time.h>\n', 'belongs to'),
    ('common/buf.c', MARK + '#include "common/buf.h"\n#include <yaml.h>\n', 'belongs to'),
    ('ctrl/isakmp/isakmp.c', MARK + '#include "ctrl/isakmp/isakmp.h"\n#include "common/timer.h"\n', 'may not include'),
    ('ctrl/isakmp/isakmp.c', MARK + '#include "ctrl/isakmp/isakmp.h"\n#include <stdlib.h>\n', 'sees values only'),
    ('ctrl/isakmp/isakmp.c', MARK + '#include "ctrl/isakmp/isakmp.h"\n#include <openssl/evp.h>\n', 'sees values only'),
    ('ctrl/phase1/a.c', MARK + '#include "ctrl/pull/pull.h"\n', 'may not include'),
    ('ctrl/pull/a.c', MARK + '#include "ctrl/phase1/phase1.h"\n', 'may not include'),
    ('ctrl/ks/a.c', MARK + '#include "ctrl/gm/gm.h"\n', 'may not include'),
    ('ctrl/gm/a.c', MARK + '#include "ctrl/ks/ks.h"\n', 'may not include'),
    ('ctrl/gm/a.c', MARK + '#include "ctrl/run/udp.h"\n', 'may not include'),
    ('ctrl/gm/a.c', MARK + '#include <sys/socket.h>\n', 'belongs to'),
    ('ctrl/gm/a.c', MARK + '#include <openssl/evp.h>\n', 'belongs to'),
    ('ctrl/gm/a.c', MARK + '#include <time.h>\n', 'belongs to'),
    ('ctrl/gm/a.c', MARK + '#include <event2/event.h>\n', 'belongs to'),
    ('ctrl/gm/a.c', MARK + '#  include "dataplane/sa.h"\n', 'may not include'),
    ('ctrl/new/a.c', MARK + '#include "dataplane/sa.h"\n', 'may not include'),
    ('ctrl/run/a.c', MARK + '#include <jansson.h>\n', 'belongs to'),
    ('dataplane/a.c', MARK + '#include "ctrl/isakmp/isakmp.h"\n', 'may not include'),
    ('dataplane/a.c', MARK + '#include <intel-ipsec-mb.h>\n', 'belongs to'),
    ('dataplane/core/l3.c', MARK + '#include "dataplane/core/l3.h"\n#include <rte_mbuf.h>\n', 'sees values only'),
    ('dataplane/core/l3.c', MARK + '#include "dataplane/core/l3.h"\n#include "dataplane/sa.h"\n', 'may not include'),
    ('tools/ctl/a.c', MARK + '#include "ctrl/ks/ks.h"\n', 'may not include'),
    ('new/a.c', MARK + '#include "common/buf.h"\n', 'no rule'),
    ('common/a.c', 'int x;\n', 'first line'),
    ('common/a.c', '\n' + MARK, 'first line'),
    ('common/a.c', '', 'first line'),
    ('tests/a.py', 'pass\n', 'first line'),
    ('tools/run-it', '#!/bin/sh\necho\n', 'first line'),
    ('common/meson.build', 'x = 1\n', 'first line'),
    ('common/a.c', MARK + '\n' * 600, '601 lines'),
    ('common/a.c', MARK + function(91), 'function of 91 lines'),
    ('common/a.c', MARK + '/* TO' 'DO: later */\n', 'unfinished'),
    ('README.md', 'FIX' 'ME\n', 'unfinished'),
    ('tests/a.py', '# SPDX-License-Identifier: BSD-3-Clause\nopen("/ho' 'me/me/x")\n', 'one machine'),
    ('common/a.c', MARK + 'int x = system("ls");\n', 'no place'),
    ('common/a.c', MARK + 'FILE *f = popen("ls", "r");\n', 'no place'),
]

# Content that sits right at a limit, or only looks wrong.
FINE = [
    ('common/a.c', MARK + '\n' * 599),
    ('common/a.c', MARK + function(90)),
    ('common/a.c', MARK + '/* the system (not the tools) */\nint my_system(void);\n'),
    ('common/a.c', MARK + 'static char name[] = "/tmp/gvpn-XX' 'XXXX";\n'),
    ('dataplane/a.c', MARK + '#include "dataplane/worker.h"\n'),
    ('build/meson-info/intro.json', '{}'),
    ('build/a.c', 'not ours\n'),
]


class CheckLayers(unittest.TestCase):
    def run_on(self, *changes):
        with tempfile.TemporaryDirectory() as root:
            for path, text in list(GOOD.items()) + list(changes):
                file = os.path.join(root, path)
                os.makedirs(os.path.dirname(file), exist_ok=True)
                with open(file, 'w', encoding='utf-8') as out:
                    out.write(text)
            done = subprocess.run([CHECK, root], capture_output=True, text=True, timeout=60, check=False)
            return done.returncode, done.stdout + done.stderr

    def test_a_good_tree_passes(self):
        code, out = self.run_on()
        self.assertEqual((code, out), (0, f'{len(GOOD)} files, 0 errors\n'))

    def test_every_rule_can_fail(self):
        for path, text, says in BAD:
            with self.subTest(path=path, says=says, text=text[-60:]):
                code, out = self.run_on((path, text))
                self.assertEqual(code, 1, out)
                self.assertIn('1 errors', out)
                self.assertIn(says, out)
                self.assertTrue(out.startswith(path + ':'), out)

    def test_limits_and_lookalikes_pass(self):
        for path, text in FINE:
            with self.subTest(path=path, text=text[-60:]):
                code, out = self.run_on((path, text), ('dataplane/worker.h', MARK), ('build/meson-info/x', ''))
                self.assertEqual(code, 0, out)

    def test_an_empty_tree_is_an_error(self):
        with tempfile.TemporaryDirectory() as root:
            done = subprocess.run([CHECK, root], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 1)

    def test_a_private_header_may_come_first(self):
        impl = ('common/buf_impl.h', MARK + '#include "common/buf.h"\n')
        code, out = self.run_on(impl, ('common/buf.c', MARK + '#include "common/buf_impl.h"\n'))
        self.assertEqual(code, 0, out)


if __name__ == '__main__':
    unittest.main()
