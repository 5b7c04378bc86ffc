# SPDX-License-Identifier: BSD-3-Clause
"""Every answer that commands_test and rekey_test make gvpnd give, right or wrong, against the schemas in docs/schema."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "..", "lib"))
import views  # noqa: E402


def test_every_answer_is_what_its_schema_says(tmp_path):
    path = tmp_path / "answers"
    for program in ("GVPN_COMMANDS_TEST", "GVPN_REKEY_TEST"):
        p = subprocess.run([os.environ[program]], env={**os.environ, "GVPN_ANSWERS": str(path)}, capture_output=True, text=True,
                           timeout=60, check=False)
        assert p.returncode == 0, p.stderr
    with open(path, encoding="utf-8") as f:
        answers = [line.rstrip("\n").split("\t") for line in f]
    for command, document in answers:
        views.check(command, json.loads(document))
    good = {command for command, document in answers if not document.startswith('{"error"')}
    assert {"status", "show group", "show gm", "show acl", "show fail-close", "show ks members", "show ks policy", "show feature",
            "show gm replay", "show ks replay",
            "show ipsec sa", "show isakmp sa", "show version", "show events", "show log-messages", "clear counters", "clear gm replay",
            "clear group ONE", "clear group GM", "clear ks members ONE", "reload", "gm direction GM both",
            "show ks rekey", "show ks rekey ONE members", "rekey ONE", "rekey ONE --replace",
            "clear ks members ONE 10.0.0.2 --bar"} <= good
