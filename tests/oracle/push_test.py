# SPDX-License-Identifier: BSD-3-Clause
"""ctrl/push against the independent builder and reader in push_vectors.py. GVPN_SEED repeats a run (but for its keys)."""
import ipaddress
import os
import random
import subprocess
from dataclasses import replace

import pytest

import gdoi_vectors as gdoi
import push_vectors as oracle

SEED = int(os.environ.get("GVPN_SEED", random.SystemRandom().getrandbits(32)))
ROUNDS = 30
KEYS = [(oracle.RSA, 128, 3), (oracle.RSA, 256, 5), (oracle.RSA, 0, 2), (oracle.ECDSA_256, 256, 0),
        (oracle.ECDSA_384, 192, 0)]


@pytest.fixture(name="rng")
def make_rng():
    print(f"seed {SEED} (repeat with GVPN_SEED={SEED})")
    return random.Random(SEED)


@pytest.fixture(name="ask")
def make_driver():
    process = subprocess.Popen([os.environ["GVPN_PUSH_DRIVER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def line(*words):
        process.stdin.write(" ".join(map(str, words)) + "\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    yield line
    process.stdin.close()
    assert process.wait(timeout=20) == 0


@pytest.fixture(name="kek", params=KEYS, ids=lambda k: "-".join(map(str, k)))
def make_kek(request, rng):
    return oracle.new_kek(rng, *request.param)


def some_kek(rng):
    k = oracle.new_kek(rng, rng.choice([oracle.ECDSA_256, oracle.ECDSA_384]), rng.choice([0, 128, 192, 256]))
    k.ack, k.lifetime = rng.choice([0, 1, 3]), rng.randint(1, 30 * 86400)
    k.source = rng.choice([("any", 0), ("10.0.0.1", 848), ("2001:db8::1", 848)])
    k.destination = rng.choice([("any", 0), ("any", 848), ("239.192.0.1", 848), ("ff0e::1", 500)])
    return k


def some_rekey(rng, ours):
    """SAs of one generation or two, rules for each, or a KEK or deletes alone."""
    numbers = rng.sample(range(1, 100), rng.randint(1, 3))
    spis = iter(rng.sample(range(256, 1 << 32), 8))
    sas = [gdoi.Sa(n, next(spis), suite, rng.randint(1000, 86400), rng.randbytes(20 if suite[8:] == "128" else 36))
           for n in numbers for suite in [rng.choice(list(gdoi.KEY_LENGTH))] for _ in range(rng.randint(1, 2))]
    net = ipaddress.ip_network
    rules = [gdoi.Rule(True, n, net(f"10.{n}.0.0/16"), net("10.0.0.0/8"), *rng.choice([(), (6,), (17, (848, 848))]))
             for n in numbers]
    if ours:
        rules.insert(0, gdoi.Rule(False, rng.choice(numbers), net("0.0.0.0/0"), net("0.0.0.0/0"), 17, (1, 848)))
    r = oracle.Rekey(rng.randint(1, (1 << 32) - 1), sas, rules)
    r.kek = some_kek(rng) if rng.random() < 0.4 else None
    r.atd, r.dtd = rng.choice([(0, 0), (30, 60), (999, 65535)])
    r.receive_only = rng.random() < 0.1
    kind = rng.random()
    if kind < 0.15:
        r.sas, r.kek, r.rules_said = [], some_kek(rng), False
    elif kind < 0.3:
        r.sas, r.kek, r.delete_kek = [], None, True
    if rng.random() < 0.3:
        r.deletes = tuple(rng.sample(range(256, 1 << 32), rng.randint(1, 32)))
    r.delete_all = r.delete_all or rng.random() < 0.1
    r.delete_kek = r.delete_kek or rng.random() < 0.1
    r.rules_said = r.rules_said and (not ours or rng.random() < 0.5)
    if not ours:
        r.rules_said = bool(r.sas)
        r.receive_only = r.receive_only and bool(r.sas)
    elif r.has_policy and rng.random() < 0.7:
        r.pseudotime = rng.getrandbits(40)
    return r


def as_taken(rekey, ours):
    """What a member must make of it."""
    r = replace(rekey, deletes=() if rekey.delete_all else rekey.deletes)
    if ours or not r.sas:
        r.rules = r.rules if ours else []
        return r
    policy = gdoi.as_taken(gdoi.Policy(r.sas, r.rules), False)
    r.sas, r.rules, r.rules_said = policy.sas, policy.rules, True
    return r


def last(rng, rekey):
    return rng.choice([rekey.number - 1, rng.randint(0, rekey.number - 1), 0])


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "plain"])
def test_what_another_hand_builds_is_taken(ask, rng, kek, ours):
    for _ in range(ROUNDS):
        r = some_rekey(rng, ours)
        datagram = oracle.build(kek, oracle.payloads_of(r, ours, rng))
        answer = ask("open", kek.words(), last(rng, r), "ours" if ours else "plain", 0, datagram.hex())
        assert answer == f"ok number={r.number} {as_taken(r, ours).words(True)}".strip()


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "plain"])
def test_what_we_build_is_what_another_hand_builds(ask, rng, kek, ours):
    """Verified and decrypted by the other hand, and payload for payload the same."""
    for _ in range(ROUNDS // 2):
        r = some_rekey(rng, ours)
        answer = ask("seal", kek.words(), kek.pem.hex(), r.number, "ours" if ours else "plain", r.words(False))
        assert answer.startswith("ok "), answer
        assert oracle.read(kek, bytes.fromhex(answer[3:])) == oracle.payloads_of(r, ours)


def test_signatures_of_rsa_are_a_function_of_the_message(ask, rng):
    """PKCS #1 v1.5 is deterministic: the whole datagram is the same."""
    kek = oracle.new_kek(rng, oracle.RSA, 128)
    r = some_rekey(rng, True)
    answer = ask("seal", kek.words(), kek.pem.hex(), r.number, "ours", r.words(False))
    assert answer == "ok " + oracle.build(kek, oracle.payloads_of(r, True)).hex()


def test_lenient_forms_on_request_only(ask, rng):
    kek = oracle.new_kek(rng, oracle.RSA, 256)
    r = oracle.Rekey(7, [], [], deletes=(0x1000,))
    forms = (oracle.CANONICAL, oracle.BARE_HASH, oracle.PADDED_LENGTH)
    for sent in forms:
        datagram = oracle.build(kek, oracle.payloads_of(r, False), sent)
        for taken in forms:
            answer = ask("open", kek.words(), 0, "plain", taken, datagram.hex()).split()[0]
            assert answer == ("ok" if sent in (oracle.CANONICAL, taken) else "forged")


def test_order_of_checks(ask, rng, kek):
    """An old number is said before a wrong signature, a wrong signature before content that can't be used."""
    forged = replace(kek, signer=oracle.new_kek(rng, kek.signature, 128).signer)
    bad = [(oracle.SEQ, (9).to_bytes(4, "big")), (oracle.DELETE, b"\0\0\0\2\1\4\0\2\0\0\1\0")]
    for kek_used, seen, answer in ((forged, 9, "old"), (kek, 9, "old"), (forged, 8, "forged"), (kek, 8, "refused")):
        assert ask("open", kek.words(), seen, "plain", 0, oracle.build(kek_used, bad).hex()).split()[0] == answer
    assert ask("open", kek.words(), 8, "plain", 0, oracle.build(kek, bad, prefix=b"").hex()) == "forged"


@pytest.mark.parametrize("kind", [1, 3], ids=["sha256", "sha512"])
def test_acknowledgements(ask, rng, kek, kind):
    kek.ack = kind
    for address in ("10.0.0.2", "192.0.2.255", "2001:db8::2"):
        for _ in range(10):
            sequence = rng.getrandbits(32)
            assert ask("ack", kek.words(), sequence, address) == "ok " + oracle.build_ack(kek, sequence, address).hex()
            for length in (256, 512, 1024, 128, 2048):
                answer = ask("acked", kek.words(), oracle.build_ack(kek, sequence, address, length).hex())
                good = length in ((256, 512) if kind == 1 else (512, 1024))
                assert answer == (f"ok {sequence} {ipaddress.ip_address(address)}" if good else "refused")
