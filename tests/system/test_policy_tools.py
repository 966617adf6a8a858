"""The verbs of `sworn policy`, as a user calls them."""
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWORN = ROOT / os.environ.get("SWORN_BUILD", "build") / "sworn"
POLICIES = """@id("open") permit(principal in Group::"g", action == Action::"read", resource);
@id("rows") forbid(principal, action, resource) when { context.rows > 10 };
@id("slot") permit(principal == ?principal, action, resource);
@id("never") permit(principal == User::"nobody", action, resource);
"""
ENTITIES = [{"uid": {"type": "User", "id": "eve"}, "attrs": {}, "parents": [{"type": "Group", "id": "g"}]}]
TESTS = """entities: entities.json
tests:
  - name: a member reads
    request: {principal: 'User::"eve"', action: 'Action::"read"', resource: 'File::"f"', context: {rows: 3}}
    decision: allow
    reasons: [open]
    errors: 0
  - name: too many rows
    request: {principal: 'User::"eve"', action: 'Action::"read"', resource: 'File::"f"', context: {rows: 30}}
    decision: deny
    reasons: [rows]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a.cedar").write_text(POLICIES)
    (tmp_path / "entities.json").write_text(json.dumps(ENTITIES))
    (tmp_path / "a.test.yaml").write_text(TESTS)
    return tmp_path


def sworn(folder, *words, text=None):
    return subprocess.run([SWORN, "policy", *words], cwd=folder, input=text, capture_output=True, text=True, timeout=60)


def request(rows):
    return json.dumps({"principal": 'User::"eve"', "action": 'Action::"read"', "resource": 'File::"f"',
                       "context": {"rows": rows}})


@pytest.mark.parametrize("rows, status, decision", [
    (3, 0, {"decision": "allow", "reasons": ["open"], "errors": []}),
    (30, 1, {"decision": "deny", "reasons": ["rows"], "errors": []}),
])
def test_authorize(folder, rows, status, decision):
    words = ["authorize", "a.cedar", "--request", "-", "--entities", "entities.json"]
    done = sworn(folder, *words, "--json", text=request(rows))
    assert (done.returncode, json.loads(done.stdout)) == (status, decision)
    assert sworn(folder, *words, text=request(rows)).stdout.split("\n")[0] == decision["decision"]


def test_authorize_lists_errors(folder):
    done = sworn(folder, "authorize", "a.cedar", "--request", "-", "--json", text=request("many"))
    errors = json.loads(done.stdout)["errors"]
    assert [(error["policy"], error["code"]) for error in errors] == [("rows", "failed_type")]


def test_explain(folder):
    words = ["explain", "a.cedar", "--request", "-", "--entities", "entities.json"]
    done = sworn(folder, *words, text=request(30))
    assert done.returncode == 1 and "- `context.rows` is 30" in done.stdout
    answer = json.loads(sworn(folder, *words, "--json", text=request(30)).stdout)
    assert {policy["id"]: policy["outcome"] for policy in answer["policies"]} == {
        "open": "satisfied", "rows": "satisfied", "never": "out_of_scope"}


def test_tests_pass_and_show_coverage(folder):
    for policies in ("a.cedar", "."):
        done = sworn(folder, "test", policies)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "ok 1 - a member reads\nok 2 - too many rows\n1..2\n" in done.stdout
    done = sworn(folder, "test", "a.cedar")
    assert "# coverage: rows: satisfied 1, evaluated 2\n" in done.stdout
    assert "# coverage: never: never reached\n" in done.stdout


def test_a_wrong_expectation_fails(folder):
    (folder / "a.test.yaml").write_text(TESTS.replace("reasons: [rows]", "reasons: [open]"))
    done = sworn(folder, "test", "a.cedar")
    assert done.returncode == 1 and "not ok 2" in done.stdout and "# reasons: open is missing" in done.stdout


def test_no_tests_is_no_success(folder):
    (folder / "a.test.yaml").unlink()
    assert sworn(folder, "test", "a.cedar").returncode == 1


def test_format(folder):
    done = sworn(folder, "format", "a.cedar")
    assert '@id("rows")\nforbid (principal, action, resource)\nwhen { context.rows > 10 };\n' in done.stdout
    assert sworn(folder, "format", "--check", "a.cedar").returncode == 1
    assert sworn(folder, "format", "--write", "a.cedar").returncode == 0
    assert sworn(folder, "format", "--check", "a.cedar").returncode == 0
    assert (folder / "a.cedar").read_text() == done.stdout


def test_translate_and_link(folder):
    linked = sworn(folder, "link", "a.cedar", "--template", "slot", "--id", "mine", "--principal", 'User::"x"').stdout
    assert json.loads(linked)["templateLinks"] == [
        {"templateId": "slot", "newId": "mine", "values": {"?principal": {"type": "User", "id": "x"}}}]
    text = sworn(folder, "translate", "--to", "text", "-", text=linked)
    again = sworn(folder, "translate", "--to", "json", "-", text=text.stdout)
    assert json.loads(again.stdout)["staticPolicies"] == json.loads(linked)["staticPolicies"]
    assert "1 links are left out" in text.stderr


def test_visualize(folder):
    assert '"User::\\"eve\\"" -> "Group::\\"g\\"";' in sworn(folder, "visualize", "entities.json").stdout


def test_problems_have_a_place(folder):
    text = "permit(principal,\n  acton, resource);"
    done = sworn(folder, "format", "-", text=text)
    assert done.returncode == 1 and "stdin:2:3: " in done.stderr and "  ^^^^^\n" in done.stderr
    error = json.loads(sworn(folder, "format", "--json", "-", text=text).stdout)["error"]
    assert (error["code"], error["line"], error["column"]) == ("bad_scope", 2, 3)


def test_schema(folder):
    done = sworn(folder, "schema")
    assert done.returncode == 0 and done.stdout.startswith("namespace Sworn {\n")
    assert "    classes: Set<String>,\n" in done.stdout and 'action "sql:unknown" appliesTo' in done.stdout
