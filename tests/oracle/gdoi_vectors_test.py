# SPDX-License-Identifier: BSD-3-Clause
"""ctrl/policy and its codecs against the independent builder in gdoi_vectors.py. GVPN_SEED repeats a run."""
import ipaddress
import os
import random
import struct
import subprocess

import pytest

import gdoi_vectors as oracle

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().getrandbits(32)))
ROUNDS = 300


@pytest.fixture
def rng():
    print(f"seed {SEED} (repeat with GVPN_SEED={SEED})")
    return random.Random(SEED)


@pytest.fixture
def ask():
    process = subprocess.Popen([os.environ["GVPN_GDOI_DRIVER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(*words):
        process.stdin.write(" ".join(words) + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    yield line
    process.stdin.close()
    assert process.wait(timeout=20) == 0


def network(rng, version):
    bits = 32 if version == 4 else 128
    length = rng.choice([0, bits, rng.randint(1, bits)])
    address = rng.getrandbits(bits) >> (bits - length) << (bits - length)
    kind = ipaddress.IPv4Network if version == 4 else ipaddress.IPv6Network
    return kind((address, length))


def ports(rng, ranges):
    low = rng.randint(1, 65535)
    return rng.choice([(0, 65535), (low, low)] + ([(low, rng.randint(low, 65535))] if ranges else []))


def rule(rng, ours, numbers):
    version = rng.choice([4, 4, 6])
    proto = rng.choice([0, 6, 17, 1, 50])
    has_ports = proto in (6, 17)
    return oracle.Rule(not ours or rng.random() < 0.7, rng.choice(numbers), network(rng, version), network(rng, version),
                       proto, ports(rng, ours) if has_ports else (0, 65535), ports(rng, ours) if has_ports else (0, 65535))


def policy(rng, ours, longest=30 * 86400):
    numbers = rng.sample(range(1, 65536), rng.randint(1, 3))
    rules = [rule(rng, ours, numbers) for _ in range(rng.randint(1, 12))]
    rules += [oracle.Rule(True, n, network(rng, 4), network(rng, 4)) for n in numbers]  # each has a permit
    rules.insert(0, oracle.Rule(True, numbers[0], network(rng, 4), network(rng, 4)))    # and something is reachable
    sas, atd = [], rng.choice([0, 60])
    for generation in range(rng.randint(1, 2)):
        for n in numbers:
            suite = rng.choice(list(oracle.KEY_LENGTH))
            sas.append(oracle.Sa(n, rng.randint(256, 2**32 - 1), suite, rng.randint(61, longest),
                                 rng.randbytes(oracle.KEY_LENGTH[suite] // 8 + 4), generation * atd,
                                 (1 - generation) * rng.choice([0, 90])))
    bits = rng.choice([8, 12, 16, 24, 32])
    sids = rng.sample(range(2**bits), rng.choice([0, 1, 4, 64]))
    return oracle.Policy(sas, rules, bits, sids, rng.random() < 0.2)


@pytest.mark.parametrize("peer", ["ours", "plain"])
def test_we_send_what_the_pictures_show(ask, rng, peer):
    for _ in range(ROUNDS):
        p = policy(rng, peer == "ours", 30 * 86400 if peer == "ours" else 86400)
        sa, kd = oracle.build_sa(p, peer == "ours"), oracle.build_kd(p)
        framed = [struct.pack(">BBH", 0, 0, 4 + len(b)).hex() + b.hex() for b in (sa, kd)]
        assert ask("give", peer, p.words()) == " ".join(["ok", *framed])


@pytest.mark.parametrize("peer", ["ours", "plain"])
def test_we_take_every_form_that_a_sender_may_choose(ask, rng, peer):
    for _ in range(ROUNDS):
        p = policy(rng, peer == "ours")
        sa, kd = oracle.build_sa(p, peer == "ours", rng), oracle.build_kd(p, rng)
        assert ask("take", peer, sa.hex(), kd.hex()) == "ok " + oracle.as_taken(p, peer == "ours").words()


def test_what_rfc_6407_can_not_say_is_refused(ask, rng):
    refused = 0
    for _ in range(ROUNDS):
        p = policy(rng, True, 2 * 86400)
        missing = ["ordered policy"] * (not all(r.plain() for r in p.rules))
        missing += ["long lifetime"] * (max(s.lifetime for s in p.sas) > 86400)
        if not missing:
            continue
        refused += 1
        assert ask("give", "plain", p.words()) == "refused the member lacks: " + ", ".join(missing)
    assert refused > 10


def test_a_rule_that_was_changed_on_the_way_breaks_the_digest(ask, rng):
    for _ in range(ROUNDS):
        p = policy(rng, True)
        sa, kd = bytearray(oracle.build_sa(p, True)), oracle.build_kd(p)
        at = bytes(sa).index(oracle.encode_rule(p.rules[0]))
        sa[at + rng.randrange(24)] ^= 1 << rng.randrange(8)
        assert ask("take", "ours", sa.hex(), kd.hex()) == "refused the policy's digest is wrong"


def test_keys_and_sas_must_match_one_to_one(ask, rng):
    for _ in range(ROUNDS):
        p = policy(rng, True)
        q = oracle.Policy(list(p.sas), p.rules, p.bits, p.sids)
        change = rng.choice(["lost", "foreign", "twice"])
        if change == "lost" and len(p.sas) > 1:
            q.sas.pop(rng.randrange(len(q.sas)))
        elif change == "foreign":
            q.sas.append(oracle.replace(p.sas[0], spi=p.sas[0].spi ^ 0x80000000 | 0x100))
        else:
            q.sas.append(p.sas[0])
        answer = ask("take", "ours", oracle.build_sa(p, True).hex(), oracle.build_kd(q, rng).hex())
        assert answer.startswith("refused") and ("key" in answer or "SPI" in answer)
