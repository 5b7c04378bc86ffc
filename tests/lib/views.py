# SPDX-License-Identifier: BSD-3-Clause
"""Documents of gvpnctl against their schemas in docs/schema, and random documents made from those schemas.

    check("show ks members", document)         # raises jsonschema.ValidationError
    Maker(random.Random(seed)).document("show acl")     # as wide as the schema allows, now and then

A command's schema has the command's words, joined by dashes, as its name; `common.json` has what several share.
"""

import functools
import json
import os
import re

import jsonschema

SCHEMAS = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "schema")
WORDS = 3  # of the longest name


@functools.lru_cache(maxsize=None)
def schemas():
    """Name of the command -> its schema."""
    found = {}
    for name in sorted(os.listdir(SCHEMAS)):
        if name.endswith(".json"):
            with open(os.path.join(SCHEMAS, name), encoding="ascii") as f:
                found[name[:-len(".json")]] = json.load(f)
    return found


def name_of(words):
    """The schema of a command that may have arguments: `show group G` -> show-group."""
    known = schemas()
    for n in range(WORDS, 0, -1):
        name = "-".join(words[:n])
        if name in known and len(words) >= n:
            return name
    raise KeyError(f"no schema for {' '.join(words)}")


@functools.lru_cache(maxsize=None)
def validator(name):
    resolver = jsonschema.RefResolver(f"file://{os.path.realpath(SCHEMAS)}/", {})
    return jsonschema.Draft202012Validator({"$ref": f"{name}.json"}, resolver=resolver)


def check(command, document):
    """The answer to a command, given as one line; an error is an answer, too."""
    failed = isinstance(document, dict) and set(document) == {"error"}
    validator("error" if failed else name_of(command.split())).validate(document)


class Maker:
    """Random documents. Every value is one that the schema allows; most are short, some as wide as can be."""

    def __init__(self, random):
        self.random, self.schemas = random, schemas()

    def document(self, command):
        return self.value(self.schemas[name_of(command.split())], "")

    def value(self, schema, name):
        r = self.random
        if "$ref" in schema:
            file, _, path = schema["$ref"].partition("#")
            found = self.schemas[file[:-len(".json")]]
            for part in path.split("/")[1:]:
                found = found[part]
            return self.value(found, path.rpartition("/")[2] or name)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return r.choice(schema["enum"])
        if "anyOf" in schema:
            return self.value(r.choice(schema["anyOf"]), name)
        kind = schema["type"]
        if kind == "object":
            return self.object(schema)
        if kind == "array":
            return [self.value(schema["items"], name) for _ in range(min(r.choice((0, 1, 3, 16)), schema.get("maxItems", 16)))]
        if kind == "integer":
            low, high = schema["minimum"], schema["maximum"]
            return r.choice((low, min(high, low + r.randrange(100)), min(high, r.randrange(10 ** 6) + low), high))
        if kind == "string":
            return self.text(name, schema)
        return None if kind == "null" else r.random() < 0.5

    def object(self, schema):
        made = {key: self.value(s, key) for key, s in schema.get("properties", {}).items()
                if key in schema["required"] or self.random.random() < 0.5}
        if isinstance(schema["additionalProperties"], dict):
            for i in range(schema.get("minProperties", 0)):
                made[f"drop_{'x' * self.random.randrange(20)}{i}"] = self.value(schema["additionalProperties"], "")
        return made

    def text(self, name, schema):
        r = self.random
        known = {"address": ("10.0.0.1", "203.0.113.254", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
                 "endpoint": ("10.0.0.1:848", "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
                 "identity": ("1", "4294967295", "203.0.113.254"), "spi": ("0x0000beef",), "kek_spi": ("0x" + "5f" * 16,), "digest": ("0a" * 32,),
                 "suite": ("aes-gcm-256", "aes-cbc-256/hmac-sha512-256"), "time": ("2026-01-31T12:00:00.123Z",),
                 "taken_at": ("2026-01-31T12:00:00Z",), "because": ("sent_encrypted", "drop_policy_clear_in"),
                 "mnemonic": ("GVPN-5-X", "GDOI-4-COOP_KS_BLOCK_NEW_GM_REGISTER_ELECTION")}
        if name in known:
            return r.choice(known[name])
        most = schema["maxLength"]
        length = r.choice((1, min(most, 1 + r.randrange(30)), min(most, 1 + r.randrange(300)), most))
        gap = r.choice((0, 8, 8, 40))  # some texts have no place to break a line at
        text = "".join(" " if gap and i % gap == gap - 1 else r.choice("abcxyz019.-/%\\") for i in range(length))
        return re.sub(" $", "x", text)
