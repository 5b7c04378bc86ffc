# SPDX-License-Identifier: BSD-3-Clause
"""
ACLs against python's ipaddress: random lists and flows, the meaning computed here a second time from the contract's text
(first match, ports, the rule for fragments), not from the C code. `ORACLE_SEED` repeats a run.
"""
import ipaddress
import os
import random
import subprocess
import sys

SEED = int(os.environ.get('ORACLE_SEED', random.SystemRandom().randrange(2**32)))
RANDOM = random.Random(SEED)
PROTOS = {'ip': 0, 'tcp': 6, 'udp': 17, 'icmp': 1, 'icmpv6': 58, 'esp': 50, 'ospf': 89, 'sctp': 132, 'dccp': 33, 'udplite': 136,
          '6': 6, '132': 132, '200': 200}
KIND_PORTS, KIND_NO_PORTS, KIND_LATER_FRAGMENT = range(3)


def random_network(version):
    """Few bits vary, so that lists and flows meet often."""
    make, bits = (ipaddress.IPv4Network, 32) if version == 4 else (ipaddress.IPv6Network, 128)
    length = RANDOM.choice([0, 1, bits - 9, bits - 8, bits - 7, bits - 3, bits - 1, bits])
    base = int(ipaddress.ip_address('10.1.0.0' if version == 4 else '2001:db8::')) | RANDOM.randrange(1024)
    return make((base >> (bits - length) << (bits - length), length))


def network_text(net):
    """One of the ways to write it."""
    forms = [str(net)]
    if net.prefixlen == net.max_prefixlen:
        forms.append(f'host {net.network_address}')
    if net.version == 4:
        forms.append(f'{net.network_address} {net.hostmask}')
    return RANDOM.choice(forms)


def random_ports():
    if RANDOM.random() < 0.5:
        return '', (0, 65535)
    low, high = sorted(RANDOM.choice([0, 1, 2, 3, 4, 65534, 65535]) for _ in range(2))
    if low == high:
        return f' eq {low}', (low, high)
    return f' range {low} {high}', (low, high)


def random_entry():
    """The text, and the one or two entries that it means: (permit, proto, src, dst, sports, dports)."""
    name = RANDOM.choice(list(PROTOS))
    proto = PROTOS[name]
    versions = {1: [4], 58: [6]}.get(proto, [4, 6])
    version = RANDOM.choice(versions)
    nets, texts = [], []
    for _ in range(2):
        any_address = RANDOM.random() < 0.3
        nets.append(None if any_address else random_network(version))
        texts.append('any' if any_address else network_text(nets[-1]))
    ports = [random_ports() if proto in (6, 17, 33, 132, 136) else ('', (0, 65535)) for _ in range(2)]
    permit = RANDOM.random() < 0.5
    text = f'{"permit" if permit else "deny"} {name} {texts[0]}{ports[0][0]} {texts[1]}{ports[1][0]}'
    meant = versions if nets == [None, None] else [version]
    whole = {4: ipaddress.ip_network('0.0.0.0/0'), 6: ipaddress.ip_network('::/0')}
    return text, [(permit, proto, nets[0] or whole[v], nets[1] or whole[v], ports[0][1], ports[1][1]) for v in meant]


def matches(entry, flow):
    permit, proto, src_net, dst_net, sports, dports = entry
    src, dst, flow_proto, kind, sport, dport = flow
    if proto not in (0, flow_proto) or src not in src_net or dst not in dst_net:
        return False
    if sports == (0, 65535) and dports == (0, 65535):
        return True
    if kind == KIND_LATER_FRAGMENT:
        return permit
    if kind == KIND_NO_PORTS:
        return False
    return sports[0] <= sport <= sports[1] and dports[0] <= dport <= dports[1]


def random_flow():
    version = RANDOM.choice([4, 6])
    base = int(ipaddress.ip_address('10.1.0.0' if version == 4 else '2001:db8::'))
    src, dst = (ipaddress.ip_address(base | RANDOM.randrange(2048)) for _ in range(2))
    sport, dport = (RANDOM.choice([0, 1, 2, 3, 4, 5, 65533, 65534, 65535]) for _ in range(2))
    return src, dst, RANDOM.choice([0, 1, 6, 17, 33, 50, 58, 89, 132, 136, 200]), RANDOM.randrange(3), sport, dport


def main(program):
    print(f'seed {SEED}')
    script, expected, hits = [], [], 0
    for _ in range(300):
        script.append('!')
        entries = []
        for _ in range(RANDOM.randrange(1, 12)):
            text, meant = random_entry()
            script.append(text)
            expected.append(len(meant))
            entries += meant
        for _ in range(100):
            flow = random_flow()
            script.append('? ' + ' '.join(map(str, flow)))
            expected.append(next((i for i, e in enumerate(entries, 1) if matches(e, flow)), 0))
            hits += expected[-1] > 0
    done = subprocess.run([program], input='\n'.join(script) + '\n', capture_output=True, text=True, timeout=60, check=False)
    answers = [int(line) for line in done.stdout.split()]
    asked = [line for line in script if line != '!']
    wrong = [i for i, pair in enumerate(zip(answers, expected)) if pair[0] != pair[1]]
    for i in wrong[:10]:
        print(f'`{asked[i]}`: {answers[i]}, expected {expected[i]}')
    print(f'{len(asked)} lines, {hits} flows with a match, {len(wrong)} differences, exit {done.returncode}')
    return 0 if done.returncode == 0 and len(answers) == len(expected) and not wrong and hits > 1000 else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
