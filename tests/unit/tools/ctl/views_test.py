# SPDX-License-Identifier: BSD-3-Clause
"""Tables of gvpnctl: what each view looks like, and that no value makes a line wider than 100 columns or disappears (OP2).

golden/VIEW.CASE.json is the document, .txt the table that people see; VIEW is the command with dashes, as in docs/schema. After
a wanted change of looks, `GVPN_UPDATE=1 meson test -C build tools/ctl/views` writes the tables anew: read the difference
before you commit it.
"""

import json
import os
import random
import subprocess
import sys

import jsonschema
import pytest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "..", "lib"))
import views  # noqa: E402

GOLDEN = os.path.join(HERE, "golden")
COLUMNS = 100
CASES = sorted(name[:-len(".json")] for name in os.listdir(GOLDEN) if name.endswith(".json"))
VIEWS = sorted(set(views.schemas()) - {"common", "error", "check", "tech-support"})
SEED = int(os.environ.get("GVPN_SEED") or random.randrange(1 << 32))
ROUNDS = 40


def command(view):
    """The words of a view's name: the ones of the two-word names have dashes of their own."""
    for whole in ("fail-close", "log-messages"):
        view = view.replace(whole, whole.replace("-", "_"))
    return [word.replace("_", "-") for word in view.split("-")]


def render(view, *documents):
    """A table for each document."""
    p = subprocess.run([os.environ["GVPN_RENDER"], *command(view)], input="\n".join(map(json.dumps, documents)),
                       capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 0, p.stderr
    tables = p.stdout.split("\f")[:-1]
    assert len(tables) == len(documents)
    return tables


def made(view):
    """Random documents with their tables."""
    maker = views.Maker(random.Random(f"{SEED}{view}"))
    documents = [maker.document(" ".join(command(view))) for _ in range(ROUNDS)]
    return zip(documents, render(view, *documents))


def load(case):
    with open(os.path.join(GOLDEN, f"{case}.json"), encoding="ascii") as f:
        return json.load(f)


def leaves(value):
    """Every string and number in a document."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@pytest.mark.parametrize("case", CASES)
def test_a_table_looks_as_it_did(case):
    table, = render(case.split(".")[0], load(case))
    path = os.path.join(GOLDEN, f"{case}.txt")
    if os.environ.get("GVPN_UPDATE"):
        with open(path, "w", encoding="ascii") as f:
            f.write(table)
    with open(path, encoding="ascii") as f:
        assert table == f.read()


@pytest.mark.parametrize("case", CASES)
def test_golden_documents_are_ones_that_gvpnd_could_write(case):
    views.check(" ".join(command(case.split(".")[0])), load(case))


@pytest.mark.parametrize("case", CASES)
def test_golden_tables_fit_and_have_no_loose_ends(case):
    with open(os.path.join(GOLDEN, f"{case}.txt"), encoding="ascii") as f:
        lines = f.read().splitlines()
    assert lines, "silence looks like a failure"
    assert all(len(line) <= COLUMNS and line == line.rstrip() for line in lines)
    assert "\033" not in "".join(lines)


def test_tech_support_has_every_view():
    """What only shows something is in the one document for somebody who helps; gvpnctl takes the list from its table of views."""
    shown = {" ".join(command(view)) for view in VIEWS if view.startswith("show-") or view == "status"}
    listed = views.schemas()["tech-support"]["properties"]["views"]
    assert set(listed["required"]) == set(listed["properties"]) == shown
    for name, schema in listed["properties"].items():
        assert {"$ref": f"{name.replace(' ', '-')}.json"} in schema["anyOf"]
    p = subprocess.run([os.environ["GVPN_RENDER"], "--list"], capture_output=True, text=True, timeout=60, check=True)
    assert set(p.stdout.splitlines()) == shown


def test_every_view_has_a_golden_table():
    assert {case.split(".")[0] for case in CASES} == set(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_random_documents_never_exceed_the_line(view):
    for document, table in made(view):
        views.check(" ".join(command(view)), document)
        wide = [line for line in table.splitlines() if len(line) > COLUMNS]
        assert not wide, f"GVPN_SEED={SEED}: {wide}\n{json.dumps(document)}"


@pytest.mark.parametrize("view, keys", [
    ("status", ("name", "spi", "suite", "packets_in", "packets_out", "sender_ids")), ("show-ipsec-sa", ("spi", "packets_in")),
    ("show-acl", ("name", "text")), ("show-ports", ("name", "rx_packets", "rx_bytes", "tx_packets", "tx_bytes", "tx_errors")),
    ("show-workers", ("packets", "polls", "data_plane")), ("show-ks-members", ("address", "identity", "rekeys_sent")),
    ("show-ks-policy", ("spi", "text", "policy_digest")), ("show-isakmp-sa", ("peer", "encryption", "state")),
    ("show-events", ("time", "mnemonic", "text")), ("show-gm", ("key_servers", "last_error", "data_plane")),
    ("show-gm-replay", ("spi", "sender_id", "source", "last_offset_ms", "dropped_time", "dropped_counter")),
])
def test_no_value_is_cut(view, keys):
    """However lines are broken: without white space, every shown value stands whole in the table."""
    def shown(value, key=None):
        if isinstance(value, dict):
            return [leaf for k, v in value.items() for leaf in shown(v, k)]
        if isinstance(value, list):
            return [leaf for item in value for leaf in shown(item, key)]
        return [value] if key in keys and value is not None else []

    for document, lines in made(view):
        table = "".join(lines.split())
        for value in shown(document):
            assert "".join(str(value).split()) in table, f"GVPN_SEED={SEED}: {value}"


def test_schemas_are_schemas_that_describe_everything():
    """Every object is closed, so that drift is noticed, and every field says what it is."""
    def look(at, where):
        if isinstance(at, dict):
            if at.get("type") == "object":
                assert at["additionalProperties"] is False or "propertyNames" in at, where
                for name, field in at.get("properties", {}).items():
                    said = field.get("description") or field.get("$ref") or "const" in field
                    assert said or where.startswith("tech-support"), f"{where}: {name}"
            for key, value in at.items():
                look(value, f"{where}/{key}")
        elif isinstance(at, list):
            for item in at:
                look(item, where)

    for name, schema in views.schemas().items():
        jsonschema.Draft202012Validator.check_schema(schema)
        look(schema, name)
        assert schema["title"]


if __name__ == "__main__":
    sys.exit(pytest.main([__file__]))
