# SPDX-License-Identifier: BSD-3-Clause
"""Can tools/mutate --check, tools/analyze's list of reasons and tools/test-summary fail? Small trees that are right or wrong."""
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TOOLS = sys.argv.pop() if len(sys.argv) > 1 and os.path.isdir(sys.argv[-1]) else 'tools'
MUTATION = 'rule: one is one\ntests: a/b c/d\nfile: x.c\n-int one = 1;\n+int one = 2;\n'


class Mutate(unittest.TestCase):
    """--check in a tree of one source and one mutation."""

    def check(self, mutation=MUTATION, source='int zero;\nint one = 1;\n', names=()):
        with tempfile.TemporaryDirectory() as tree:
            os.makedirs(os.path.join(tree, 'tools'))
            os.makedirs(os.path.join(tree, 'tests/mutations'))
            shutil.copy(os.path.join(TOOLS, 'mutate'), os.path.join(tree, 'tools'))
            with open(os.path.join(tree, 'x.c'), 'w', encoding='utf-8') as file:
                file.write(source)
            with open(os.path.join(tree, 'tests/mutations/one.mutation'), 'w', encoding='utf-8') as file:
                file.write(mutation)
            run = subprocess.run([sys.executable, os.path.join(tree, 'tools/mutate'), '--check', *names],
                                 capture_output=True, text=True, timeout=30, check=False)
            return run.returncode, run.stdout + run.stderr

    def test_what_applies(self):
        self.assertEqual(self.check(), (0, '1 mutations apply\n'))
        self.assertEqual(self.check('# note\n\n' + MUTATION)[0], 0)

    def test_code_that_moved(self):
        status, said = self.check(source='int one = 3;\n')
        self.assertEqual(status, 1)
        self.assertIn('one: x.c has this 0 times', said)

    def test_code_that_is_there_twice(self):
        self.assertIn('2 times', self.check(source='int one = 1;\nint one = 1;\n')[1])

    def test_what_is_no_mutation(self):
        self.assertEqual(self.check('rule: r\nfile: x.c\n-int one = 1;\n')[0], 1)
        self.assertEqual(self.check('tests: a\nfile: x.c\n-int one = 1;\n')[0], 1)
        self.assertEqual(self.check('rule: r\ntests: a\nfile: x.c\n+int one = 2;\n')[0], 1)
        self.assertEqual(self.check('rule: r\ntests: a\n')[0], 1)
        self.assertIn('one.mutation:6', self.check(MUTATION + 'what: is this\n')[1])

    def test_names(self):
        self.assertEqual(self.check(names=['one'])[0], 0)
        self.assertEqual(self.check(names=['two'])[0], 1)


class Analyze(unittest.TestCase):
    """How findings are read, and the form of the reasons."""

    def setUp(self):
        loader = importlib.machinery.SourceFileLoader('analyze', os.path.abspath(os.path.join(TOOLS, 'analyze')))
        spec = importlib.util.spec_from_loader('analyze', loader)
        self.analyze = importlib.util.module_from_spec(spec)
        loader.exec_module(self.analyze)

    def test_both_forms(self):
        gcc = "../a.c:3:4: warning: leak of 'p' [CWE-401] [-Wanalyzer-malloc-leak]"
        clang = "/x/a.c:3:4: warning: Potential leak [clang-analyzer-unix.Malloc,cert-mem]"
        self.assertEqual(self.analyze.FINDING.match(gcc)[4], 'analyzer-malloc-leak')
        self.assertEqual(self.analyze.FINDING.match(clang)[4], 'clang-analyzer-unix.Malloc,cert-mem')
        self.assertIsNone(self.analyze.FINDING.match("a.c:3:4: note: here [x]"))

    def test_reasons_are_whole(self):
        self.assertTrue(all(len(entry) == 3 and os.path.exists(os.path.join(self.analyze.ROOT, entry[0]))
                            for entry in self.analyze.explained()))


class Summary(unittest.TestCase):
    """What tools/test says at its end."""

    def summary(self, *results):
        with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
            log.write(''.join(json.dumps({'result': result}) + '\n' for result in results))
            log.flush()
            run = subprocess.run([sys.executable, os.path.join(TOOLS, 'test-summary'), log.name], capture_output=True,
                                 text=True, timeout=30, check=False)
            return run.returncode, run.stdout

    def test_results(self):
        self.assertEqual(self.summary('OK', 'OK', 'SKIP'), (0, '2 passed, 0 failed, 1 skipped\n'))
        for bad in ('FAIL', 'TIMEOUT', 'ERROR', 'UNEXPECTEDPASS'):
            self.assertEqual(self.summary('OK', bad), (1, '1 passed, 1 failed, 0 skipped\n'))
        self.assertEqual(self.summary()[0], 1)

    def test_a_run_without_a_log_is_a_failure(self):
        run = subprocess.run([sys.executable, os.path.join(TOOLS, 'test-summary'), '/nonexistent'], capture_output=True,
                             timeout=30, check=False)
        self.assertNotEqual(run.returncode, 0)


if __name__ == '__main__':
    unittest.main()
