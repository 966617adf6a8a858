"""The demo's second act, an agent and a model, as `./dev demo` runs it: with the official SDK, and with curl."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from conftest import BUILD, ROOT, SWORN

sys.path.insert(0, str(ROOT / "tests"))
from fakes.script import numbered, placeholders  # noqa: E402

TIMEOUT_S = 150
VALUES = ["maria.keller@example.org", "jonas.weber@example.com", "+49 30 901820", "901820", "4111 1111 1111 1111",
          "AKIAQ3EGSZ2UNL5HXW7P"]


def run_act(folder, path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SWORN_", "OPENAI_"))}
    environment |= {"SWORN_DEMO_FOLDER": str(folder), "SWORN_BUILD": str(BUILD.relative_to(ROOT)), "PATH": path}
    done = subprocess.run([ROOT / "tests/demo/run", "--act", "2"], env=environment, timeout=TIMEOUT_S, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module", params=["sdk", "curl"])
def act(request, tmp_path_factory):
    """What it printed, and the folder that it left."""
    folder = tmp_path_factory.mktemp("act")
    path = os.environ["PATH"]
    if request.param == "curl":
        if shutil.which("curl") is None:
            pytest.skip("curl is not installed")
        stub = folder / "bin" / "npm"
        stub.parent.mkdir()
        stub.write_text("#!/bin/sh\nexit 1\n")
        stub.chmod(0o755)
        path = f"{stub.parent}:{path}"
    told = run_act(folder / "demo", path)
    if request.param == "sdk" and "the npm package openai" not in told:
        pytest.skip("npm could not install the SDK: the act ran with curl")
    assert request.param == "sdk" or "calls with curl instead" in told
    return told, folder / "demo"


def section(told, letter):
    return told.split(f"\n== ({letter}) ")[1].split("\n== ")[0]


def listed(folder, *options):
    out = subprocess.run([SWORN, "audit", "list", "--config", folder / "sworn.yaml", "--json", *options], text=True,
                         capture_output=True, timeout=60, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def test_no_value_reaches_the_provider(act):
    told, folder = act
    received = (folder / "upstream.jsonl").read_text()
    requests = [json.loads(line) for line in received.splitlines()]
    assert len(requests) == 2
    for value in VALUES:
        assert value not in received, value
    for request in requests:
        body = json.loads(request["body"])
        assert {"EMAIL", "CREDENTIAL"} <= set(placeholders(body["messages"][1]["content"]))
        assert (folder / "copilot.token").read_text().strip() not in json.dumps(request)
        assert ["Authorization", f"Bearer {(folder / 'openai.key').read_text()}"] in request["headers"]
    assert numbered(requests[1]["body"]).count('"Send <EMAIL_2> ') == 1
    assert requests[1]["body"].startswith(requests[0]["body"].split('"messages":')[0])
    shown = section(told, "f").split("-----")[1]
    assert "I am <EMAIL_1>, my number is <PHONE_1>." in numbered(shown)
    assert not [value for value in VALUES if value in shown]


def test_the_caller_gets_its_own_values_but_for_the_secret(act):
    answer = section(act[0], "f").split("-----")[-1]
    assert "maria.keller@example.org (call +49 30 901820) was charged 240 euros twice on 4111 1111 1111 1111" in answer
    assert "The key <CREDENTIAL_1> must be revoked" in numbered(answer)


def test_a_tool_call_is_blocked_and_another_waits_for_a_person(act):
    told = section(act[0], "g")
    assert "sworn did not let the model call export_customers: denied by policy models-never-export" in told
    assert "tool call: export_customers" not in told
    assert 'tool call: refund {"to": "maria.keller@example.org", "euros": 240}' in told
    assert "kept alive by pings: 1" in told and "finish_reason: tool_calls" in told


def test_the_trail_has_each_of_it(act):
    rows = listed(act[1], "--resource", "prod/openai")
    assert [(row["what"], row["resources"], row["decision"], row["principal"], row["on_behalf_of"]) for row in rows] == [
        ("llm:prompt", "prod/openai/gpt-4.1", "allow", "copilot", "ana"),
        ("llm:prompt", "prod/openai/gpt-4.1", "allow", "copilot", "ana"),
        ("llm:tool_use", "prod/openai/export_customers", "deny", "copilot", "ana"),
        ("llm:tool_use", "prod/openai/refund", "allow (approved)", "copilot", "ana")]
    assert rows[2]["policies"] == "models-never-export" and rows[3]["approved_by"] == "bo"
    assert {row["within"] for row in rows[2:]} == {rows[1]["action"]}
    verified = subprocess.run([SWORN, "audit", "verify", act[1] / "evidence", "--key",
                               (act[1] / "evidence.vkey").read_text().strip()], timeout=60, text=True,
                              capture_output=True, check=False)
    assert verified.returncode == 0, verified.stdout
    assert "4 actions (1 denied" in verified.stdout


def test_the_evidence_holds_no_value(act):
    for path in pathlib.Path(act[1] / "evidence").rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert not [value for value in VALUES if value.encode() in data], path
