#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gvpn-bench: what scripts read of it, its correctness check, and that bad options are said. No bar is tried here: other
tests share the machine."""
import json
import os
import subprocess

import pytest

FIELDS = {'suite', 'direction', 'size', 'sas', 'rules', 'workers', 'cycles_per_packet', 'harness_cycles', 'raw_cycles',
          'net_over_raw', 'mpps', 'gbps'}


def bench(*args):
    return subprocess.run([os.environ['GVPN_BENCH'], *args], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize('suite', ['aes-gcm-128', 'aes-gcm-256'])
def test_json(suite):
    r = bench('--json', '--suite', suite, '--sizes', '64,imix', '--sas', '3', '--rules', '10')
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)['results']
    assert [(x['direction'], x['size']) for x in results] == [('out', '64'), ('out', 'imix'), ('in', '64'), ('in', 'imix')]
    for x in results:
        assert FIELDS <= set(x)
        assert (x['suite'], x['sas'], x['rules'], x['workers']) == (suite, 3, 10, 1)
        assert 0 < x['harness_cycles'] < x['cycles_per_packet'] and x['raw_cycles'] > 0
        assert x['net_over_raw'] == pytest.approx((x['cycles_per_packet'] - x['harness_cycles']) / x['raw_cycles'], abs=0.01)
        assert x['mpps'] > 0 and x['gbps'] > 0


def test_table_and_one_direction():
    r = bench('--direction', 'in', '--sizes', '1446')
    assert r.returncode == 0, r.stderr
    assert [line.split()[:2] for line in r.stdout.splitlines()[2:]] == [['in', '1446']]


@pytest.mark.parametrize('args, said', [
    (['--workers', '2'], 'more than one worker is not supported by this version'),
    (['--workers', '0'], 'a number'),
    (['--suite', 'aes-cbc-128/hmac-sha1-96'], 'not supported by this version'),
    (['--suite', 'rot13'], 'no suite'),
    (['--sizes', '64,x'], 'a number'),
    (['--sizes', ''], 'a number'),
    (['--sizes', '1447'], 'a number'),
    (['--sizes', '27'], 'a number'),
    (['--direction', 'up'], 'out or in'),
    (['--sas', '0'], 'a number'),
    (['--sas', '12x4'], 'a number'),
    (['--sas', '5', '--rules', '4'], 'needs a rule'),
    (['--burst', '3'], 'power of two'),
    (['--frequency', '1'], 'usage'),
    (['64'], 'unexpected'),
])
def test_bad_options_are_said(args, said):
    r = bench(*args)
    assert r.returncode == 2 and r.stdout == ''
    assert said in r.stderr


def test_help():
    r = bench('--help')
    assert r.returncode == 0 and r.stdout.startswith('usage:')
