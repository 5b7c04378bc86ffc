#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""gvpn-bench: what scripts read of it, its correctness check, and that bad options are said. No bar is tried here: other
tests share the machine."""
import json
import os
import subprocess

import pytest

FIELDS = {'suite', 'direction', 'size', 'family', 'vlan', 'burst', 'sas', 'rules', 'workers', 'cycles_per_packet', 'harness_cycles', 'raw_cycles',
          'rounds', 'replay', 'strict', 'net_over_raw', 'mpps', 'gbps'}
COMPARED = {'against', 'over_percent', 'over_cycles'}


def bench(*args):
    return subprocess.run([os.environ['GVPN_BENCH'], *args], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize('suite', ['aes-gcm-128', 'aes-gcm-192', 'aes-gcm-256'])
def test_json(suite):
    r = bench('--json', '--suite', suite, '--sizes', '64,imix', '--sas', '3', '--rules', '10')
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)['results']
    assert [(x['direction'], x['size']) for x in results] == [('out', '64'), ('out', 'imix'), ('in', '64'), ('in', 'imix')]
    for x in results:
        assert FIELDS <= set(x)
        assert (x['suite'], x['sas'], x['rules'], x['workers'], x['family'], x['vlan']) == (suite, 3, 10, 1, 4, 0)
        assert 0 < x['harness_cycles'] < x['cycles_per_packet'] and x['raw_cycles'] > 0
        assert x['net_over_raw'] == pytest.approx((x['cycles_per_packet'] - x['harness_cycles']) / x['raw_cycles'], abs=0.01)
        assert x['mpps'] > 0 and x['gbps'] > 0


def test_stages():
    r = bench('--json', '--stages', '--sizes', '64', '--rounds', '41')
    assert r.returncode == 0, r.stderr
    for x in json.loads(r.stdout)['results']:
        stages = x['stages']
        assert set(stages) == {'parse', 'classify', 'prepare', 'crypto', 'finish', 'settle'}
        assert stages['finish'] == 0 if x['direction'] == 'out' else stages['finish'] > 0
        assert all(stages[name] > 0 for name in ('parse', 'prepare', 'crypto'))


@pytest.mark.parametrize('family, vlan', [(6, 0), (4, 10), (6, 4094)])
def test_families_and_tags(family, vlan):
    r = bench('--json', '--sizes', '64,1420', '--family', str(family), *(['--vlan', str(vlan)] if vlan else []))
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)['results']
    assert [(x['direction'], x['size'], x['family'], x['vlan']) for x in results] == [
        (d, s, family, vlan) for d in ('out', 'in') for s in ('64', '1420')]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason='one CPU')
def test_two_workers():
    r = bench('--json', '--workers', '2', '--sizes', '64', '--direction', 'out')
    assert r.returncode == 0, r.stderr
    result, = json.loads(r.stdout)['results']
    assert result['workers'] == 2 and result['times_one_worker'] > 0 and result['mpps'] > 0


def test_too_many_workers_are_said():
    n = len(os.sched_getaffinity(0)) + 1
    r = bench('--workers', str(min(n, 16)))
    assert (r.returncode == 1 and 'CPUs' in r.stderr) or n > 16


def compared(*args):
    r = bench('--compare', '--json', '--sizes', '64', '--rounds', '9', *args)
    assert r.returncode == 0, r.stderr
    results = json.loads(r.stdout)['results']
    one = [x for x in results if x['workers'] == 1]
    assert all(x['workers'] == 2 and 'times_one_worker' in x and not COMPARED & set(x) for x in results[len(one):])
    assert one[0]['case'] == 'base' and not COMPARED & set(one[0])
    assert all(COMPARED <= set(x) and FIELDS <= set(x) for x in one[1:])
    return one


def test_comparison():
    one = compared('--direction', 'in')
    assert [(x['case'], x['sas'], x['rules'], x['family'], x['vlan'] > 0, x['burst'], x['replay'], x['strict']) for x in one] == [
        ('base', 1, 1, 4, False, 32, 'none', False),
        ('time', 1, 1, 4, False, 32, 'time', False),
        ('strict', 1, 1, 4, False, 32, 'time', True),
        ('16 SAs', 16, 16, 4, False, 32, 'none', False),
        ('100 rules', 1, 100, 4, False, 32, 'none', False),
        ('1000 rules', 1, 1000, 4, False, 32, 'none', False),
        ('IPv6', 1, 1, 6, False, 32, 'none', False),
        ('tagged', 1, 1, 4, True, 32, 'none', False),
        ('burst 1', 1, 1, 4, False, 1, 'none', False),
        ('burst 8', 1, 1, 4, False, 8, 'none', False)]
    assert [x['against'] for x in one[1:]] == ['base', 'time'] + 7 * ['base']
    assert all(x['rounds'] == 9 for x in one)


def test_comparison_with_a_base_of_its_own():
    """With time windows already there, what is strict is put against the base, and no line says nothing new."""
    one = compared('--direction', 'out', '--replay', 'time', '--family', '6', '--vlan', '7', '--burst', '8', '--rules', '100',
                   '--suite', 'aes-gmac-256')
    assert [(x['case'], x['against']) for x in one[1:]] == [
        (case, 'base') for case in ('no replay', 'strict', '16 SAs', '1000 rules', 'IPv4', 'burst 1', 'burst 32')]
    assert {(x['suite'], x['vlan']) for x in one} == {('aes-gmac-256', 7)}


def test_table_and_one_direction():
    r = bench('--direction', 'in', '--sizes', '1462')
    assert r.returncode == 0, r.stderr
    assert [line.split()[:2] for line in r.stdout.splitlines()[2:]] == [['in', '1462']]


@pytest.mark.parametrize('args, said', [
    (['--family', '5'], '4 or 6'),
    (['--vlan', '0'], 'a number'),
    (['--vlan', '4095'], 'a number'),
    (['--family', '6', '--sizes', '47'], 'a number from 48 to 1442 was expected for IPv6'),
    (['--family', '6', '--sizes', '1443'], 'a number from 48 to 1442 was expected for IPv6'),
    (['--compare', '--workers', '2'], 'the base case has one worker'),
    (['--compare', '--sas', '2'], 'the base case has one SA'),
    (['--compare', '--replay', 'time', '--strict'], 'without --compare'),
    (['--compare', '--replay', 'counter'], 'without --compare'),
    (['--compare', '--sizes', '27'], 'for IPv6'),
    (['--strict'], 'only with --replay time'),
    (['--strict', '--replay', 'counter'], 'only with --replay time'),
    (['--replay', 'counter', '--sas', '2'], 'only with one SA'),
    (['--replay', 'time', '--strict', '--workers', '2'], 'one worker'),
    (['--replay', 'always'], 'time, counter or none'),
    (['--rounds', '2'], 'a number from 3'),
    (['--rounds', '602'], 'to 601'),
    (['--compare', '--sizes', '1431'], 'a number from 48 to 1430 was expected for IPv6'),
    (['--workers', '0'], 'a number'),
    (['--suite', 'rot13'], 'no suite'),
    (['--sizes', '64,x'], 'a number'),
    (['--sizes', ''], 'a number'),
    (['--sizes', '1463'], 'a number'),
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
