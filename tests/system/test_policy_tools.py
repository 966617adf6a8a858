"""The verbs of `sworn policy`, as a user calls them."""
import json
import os
import pathlib
import subprocess

import psycopg
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


def test_results_as_json(folder):
    (folder / "a.test.yaml").write_text(TESTS.replace("reasons: [rows]", "reasons: [open]"))
    done = sworn(folder, "test", "--json", "a.cedar")
    *tests, summary = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 1 and [test["passed"] for test in tests] == [True, False]
    assert tests[1] == {"file": "./a.test.yaml", "name": "too many rows", "passed": False,
                        "findings": ["reasons: rows is not wanted", "reasons: open is missing"]}
    assert (summary["tests"], summary["failed"]) == (2, 1)
    assert {"policy": "rows", "satisfied": 1, "evaluated": 2} in summary["coverage"]


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
    as_json = sworn(folder, "schema", "--json").stdout
    assert sworn(folder, "translate", "--schema", "--to", "json", "-", text=done.stdout).stdout == as_json
    assert "    classes: Set<String>,\n" in done.stdout and 'action "sql:unknown" appliesTo' in done.stdout


# ---- Schemas ---------------------------------------------------------------------------------------------------------

SCHEMA = """entity Group;
entity User in [Group] = { address: ipaddr, boss?: User };
entity File;
action read appliesTo { principal: [User], resource: [File], context: { rows: Long } };
action write appliesTo { principal: [User], resource: [File], context: {} };
"""
GUIDED = [{"uid": {"type": "User", "id": "eve"}, "parents": [{"type": "Group", "id": "g"}],
           "attrs": {"address": "10.0.0.7", "boss": {"type": "User", "id": "max"}}}]
GUIDED_POLICY = """@id("near") permit(principal, action == Action::"read", resource)
when { principal.address.isInRange(ip("10.0.0.0/8")) && principal has boss && principal.boss == User::"max" };
"""


@pytest.fixture(params=["text", "json"])
def guided(tmp_path, request):
    """A folder with a schema in either form, whose entities can be read with it only."""
    (tmp_path / "s").write_text(SCHEMA)
    if request.param == "json":
        (tmp_path / "s").write_text(sworn(tmp_path, "translate", "--schema", "--to", "json", "-", text=SCHEMA).stdout)
    (tmp_path / "a.cedar").write_text(GUIDED_POLICY)
    (tmp_path / "entities.json").write_text(json.dumps(GUIDED))
    return tmp_path


@pytest.mark.parametrize("verb", ["authorize", "explain"])
def test_a_schema_reads_and_checks(guided, verb):
    words = [verb, "a.cedar", "--request", "-", "--entities", "entities.json"]
    done = sworn(guided, *words, "--schema", "s", text=request(3))
    assert done.returncode == 0, done.stderr
    assert sworn(guided, *words, text=request(3)).returncode == 1, "without it a string is no address"


@pytest.mark.parametrize("asked, says", [
    (request("many"), "rows"),
    (request(3).replace('"rows"', '"row"'), "row"),
    (request(3).replace("read", "write"), "context"),
    (request(3).replace("read", "erase"), "erase"),
    (request(3).replace("User", "File"), "principal"),
    (request(3).replace("File", "Folder"), "resource"),
])
def test_a_request_that_the_schema_does_not_have_is_refused(guided, asked, says):
    words = ["authorize", "a.cedar", "--request", "-", "--entities", "entities.json", "--schema", "s"]
    done = sworn(guided, *words, text=asked)
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr
    error = json.loads(sworn(guided, *words, "--json", text=asked).stdout)["error"]
    assert error["code"].startswith("invalid") and says in error["text"]


@pytest.mark.parametrize("was, becomes, says", [
    ("10.0.0.7", "10.0.0.777", "address"), ('"address"', '"adress"', "adress"), ('"Group"', '"File"', "parents"),
    ('{"type": "User", "id": "max"}', "7", "boss"),
])
def test_entities_that_the_schema_does_not_have_are_refused(guided, was, becomes, says):
    (guided / "entities.json").write_text(json.dumps(GUIDED).replace(was, becomes))
    done = sworn(guided, "authorize", "a.cedar", "--request", "-", "--entities", "entities.json", "--schema", "s",
                 text=request(3))
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr


def test_a_bad_schema_has_a_place(guided):
    for text, place in ((SCHEMA.replace("ipaddr", "ipadr"), ":2:37: "), ('{"": {"entityTypes": {}', ":1:24: ")):
        (guided / "s").write_text(text)
        for words in (["authorize", "a.cedar", "--request", "-", "--schema", "s"], ["check", "a.cedar", "--schema", "s"],
                      ["translate", "--schema", "--to", "json", "s"]):
            done = sworn(guided, *words, text=request(3))
            assert done.returncode in (1, 2) and done.stdout == "" and "s" + place in done.stderr and "^" in done.stderr
    assert sworn(guided, "check", "a.cedar", "--schema", "nowhere").returncode == 1


def test_schemas_translate_both_ways(folder):
    for text in (SCHEMA, sworn(folder, "schema").stdout):
        as_json = sworn(folder, "translate", "--schema", "--to", "json", "-", text=text).stdout
        as_text = sworn(folder, "translate", "--schema", "--to", "text", "-", text=as_json).stdout
        assert json.loads(as_json) and all(word in as_text for word in text.split() if word.isalnum())
        assert sworn(folder, "translate", "--schema", "--to", "json", "-", text=as_text).stdout == as_json
        assert sworn(folder, "translate", "--schema", "--to", "text", "-", text=as_text).stdout == as_text
        quoted = sworn(folder, "translate", "--schema", "--to", "text", "--json", "-", text=as_json).stdout
        assert json.loads(quoted) == {"text": as_text}
    error = json.loads(sworn(folder, "translate", "--schema", "--to", "json", "--json", "-", text="entity;").stdout)["error"]
    assert (error["code"], error["line"], error["column"]) == ("syntax", 1, 7)


# ---- Check -----------------------------------------------------------------------------------------------------------

GOOD = '@id("good") permit (principal, action == Sworn::Action::"sql:read", resource);\n'
BAD = [
    ("permit (principal, action resource);", "syntax", 1, 27),
    (GOOD + "permit (principal, action, resource)\nwhen { context.clases };", "invalid_attribute", 3, 8),
    ('@id("r") @remedy("approve:sre")\nforbid (principal, action, resource);', "bad_remedy", 1, 1),
    ('@id("") permit (principal, action, resource);', "empty_id", 1, 1),
    (GOOD + GOOD, "duplicate", 2, 1),
    ('permit (principal == Sworn::Usr::"ana", action, resource);', "invalid_entity_type", 1, 9),
]


def test_check_of_a_file_a_folder_and_stdin(tmp_path):
    (tmp_path / "p").mkdir()
    (tmp_path / "p/a.cedar").write_text(GOOD)
    for path in ("p", "p/a.cedar", "-"):
        done = sworn(tmp_path, "check", path, text=GOOD)
        assert done.returncode == 0 and "good" in done.stdout and done.stderr == "", done.stderr
        done = sworn(tmp_path, "check", "--json", path, text=GOOD)
        assert json.loads(done.stdout) == {"errors": 0, "policies": 1, "warnings": 0}
    as_json = sworn(tmp_path, "translate", "--to", "json", "-", text=GOOD).stdout
    assert sworn(tmp_path, "check", "-", text=as_json).returncode == 0


@pytest.mark.parametrize("text, code, line, column", BAD)
def test_check_tells_what_is_wrong_and_where(tmp_path, text, code, line, column):
    (tmp_path / "b.cedar").write_text(text)
    for path, name in ((".", "./b.cedar"), ("b.cedar", "b.cedar"), ("-", "stdin")):
        done = sworn(tmp_path, "check", path, text=text)
        assert done.returncode == 1 and done.stdout == ""
        assert f"{name}:{line}:{column}: " in done.stderr and f"[{code}]\n" in done.stderr and "| " in done.stderr
        assert "^" in done.stderr.splitlines()[-1]
        error = json.loads(sworn(tmp_path, "check", "--json", path, text=text).stdout.splitlines()[0])["error"]
        assert (error["file"], error["code"], error["line"], error["column"]) == (name, code, line, column)
        assert 0 <= error["start"] < error["end"] <= len(text)


def test_check_tells_of_every_file(tmp_path):
    for number, (text, _, _, _) in enumerate(BAD[:2]):
        (tmp_path / f"{number}.cedar").write_text(text)
    (tmp_path / "2.cedar").write_text("permit")
    done = sworn(tmp_path, "check", ".")
    assert "0.cedar:1:27" in done.stderr and "2.cedar:1:" in done.stderr


def test_check_by_another_schema(guided):
    assert sworn(guided, "check", "a.cedar", "--schema", "s").returncode == 0
    done = sworn(guided, "check", "a.cedar")
    assert done.returncode == 1 and "no action `read`" in done.stderr


def test_warnings_are_no_errors(tmp_path):
    text = 'permit (principal, action == Sworn::Action::"sql:read", resource) when { "p\\u{430}y" == "x" };'
    done = sworn(tmp_path, "check", "-", text=text)
    assert done.returncode == 0 and "warning: " in done.stderr and "stdin: 1 policies" in done.stdout
    *warnings, summary = map(json.loads, sworn(tmp_path, "check", "--json", "-", text=text).stdout.splitlines())
    assert {line["warning"]["code"] for line in warnings} == {"warned_impossible", "warned_scripts"}
    assert summary == {"errors": 0, "policies": 1, "warnings": 2}
    text = 'permit (principal == Sworn::User::"a\\u{ff41}", action == Sworn::Action::"sql:read", resource);'
    assert "[warned_identifier]" in sworn(tmp_path, "check", "-", text=text).stderr


def test_check_refuses_what_cannot_be_meant(tmp_path):
    for words, status in ((["nowhere"], 1), (["."], 1), (["-", "--config", "x"], 2), (["--schema", "x"], 2), (["--json"], 2),
                          (["a", "b"], 2), (["-", "--schema", "-"], 1)):
        done = sworn(tmp_path, "check", *words, text="entity")
        assert done.returncode == status and done.stderr and done.stdout == "", words


# ---- Templates -------------------------------------------------------------------------------------------------------

TEMPLATE = """@id("team") permit (principal in ?principal, action == Sworn::Action::"sql:read", resource in ?resource);
@id("alone") permit (principal == ?principal, action == Sworn::Action::"sql:read", resource);
"""


def link(new_id, template="team", **values):
    values = {"?" + slot: {"type": "Sworn::" + kind, "id": uid} for slot, (kind, uid) in values.items()}
    return {"templateId": template, "newId": new_id, "values": values}


LINK = link("sup", principal=("Group", "support"), resource=("Environment", "prod"))
ASKED = json.dumps({"principal": {"type": "Sworn::User", "id": "ana"}, "action": {"type": "Sworn::Action", "id": "sql:read"},
                    "resource": {"type": "Sworn::Environment", "id": "prod"}, "context": {}})
ANA = json.dumps([{"uid": {"type": "Sworn::User", "id": "ana"}, "attrs": {},
                   "parents": [{"type": "Sworn::Group", "id": "support"}]}])


@pytest.fixture
def linked(tmp_path):
    (tmp_path / "z.cedar").write_text(TEMPLATE)
    (tmp_path / "z.links.json").write_text(json.dumps([LINK]))
    (tmp_path / "ana.json").write_text(ANA)
    return tmp_path


@pytest.mark.parametrize("path", [".", "z.cedar"])
def test_links_decide_by_their_own_ids(linked, path):
    done = sworn(linked, "authorize", path, "--request", "-", "--entities", "ana.json", "--json", text=ASKED)
    assert json.loads(done.stdout) == {"decision": "allow", "reasons": ["sup"], "errors": []}
    (linked / "z.links.json").unlink()
    assert sworn(linked, "authorize", path, "--request", "-", "--entities", "ana.json", text=ASKED).stdout == "deny\n"


def test_a_template_without_links_is_a_warning(linked):
    done = sworn(linked, "check", ".")
    assert done.returncode == 0 and done.stderr.count("[unlinked_template]") == 1 and "z.cedar:2:1: warning" in done.stderr


@pytest.mark.parametrize("links, code, place", [
    ([LINK, LINK], "duplicate", "z.links.json:1:"),
    ([link("team", **{"principal": ("Group", "g"), "resource": ("Environment", "e")})], "duplicate", "z.links.json:1:2"),
    ([link("x", "nope")], "not_found", "z.links.json:1:2"),
    ([link("x", principal=("Group", "g"))], "bad_link", "z.links.json:1:2"),
    ([link("x", "alone", principal=("User", "g"), resource=("Environment", "e"))], "bad_link", "z.links.json:1:2"),
    ([link("x", "alone", action=("User", "g"))], "bad_json", "z.links.json:1:"),
    ([link("x", "alone", principal=("not a name", "g"))], "bad_json", "z.links.json:1:"),
    ([link("x", "alone", principal=("Usr", "g"))], "invalid_entity_type", "z.cedar:2:"),
    ([link("", "alone", principal=("User", "g"))], "empty_id", "z.cedar:2:1"),
    ({"templateLinks": []}, "bad_json", "z.links.json:1:1"),
    ("[", "bad_json", "z.links.json:1:"),
    ([{"templateId": 1, "newId": "x", "values": {}}], "bad_json", "z.links.json:1:2"),
])
def test_bad_links_are_refused(linked, links, code, place):
    (linked / "z.links.json").write_text(links if links == "[" else json.dumps(links))
    done = sworn(linked, "check", ".")
    assert done.returncode == 1 and f"[{code}]" in done.stderr and place in done.stderr, done.stderr


def test_a_bundle_with_links(make_gateway):
    """Decides by links, records them, reloads them, decides again from the evidence."""
    lone = '@id("lone") permit (principal == ?principal, action == Sworn::Action::"sql:ddl", resource);'
    gateway = make_gateway(policies={"t.cedar": TEMPLATE.split("\n", maxsplit=1)[0] + lone,
                                     "a.links.json": json.dumps([LINK])})
    assert "policies/t.cedar:1:" in gateway.log.read_text() and "no link" in gateway.log.read_text()
    with gateway.connect("ana") as connection:
        assert connection.execute("SELECT count(*) FROM customers").fetchone()
        first = gateway.actions()[-1]["action"]
        (gateway.folder / "policies/a.links.json").write_text(json.dumps([{**LINK, "templateId": "nope"}]))
        gateway.reload()
        assert "a.links.json:1:2" in gateway.log.read_text() and "stays" in gateway.log.read_text()
        assert connection.execute("SELECT count(*) FROM customers").fetchone()
        (gateway.folder / "policies/a.links.json").write_text("[]")
        gateway.reload()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT count(*) FROM customers")
    gateway.await_publication()
    files = [entry["event"] for entry in gateway.entries() if entry["event"]["type"] == "bundle_activated"]
    assert [event["file"] for event in files] == ["a.links.json", "t.cedar"] * 2
    assert files[0]["bundle"] != files[2]["bundle"] and json.loads(files[0]["text"]) == [LINK]
    intents = [entry["event"] for entry in gateway.entries() if entry["event"]["type"] == "intent"]
    assert [event.get("policies", []) for event in intents] == [["sup"], ["sup"], []] and intents[0]["action"] == first
    gateway.stop()
    again = gateway.run("policy", "replay", "--evidence", str(gateway.evidence), check=False)
    assert again.returncode == 0 and "3 decisions taken again: all the same" in again.stdout, again.stdout + again.stderr
    both = [gateway.folder / name for name in ("old", "new")]
    for folder, links in zip(both, ([LINK], [{**LINK, "newId": "sup2"}, link("also", **{
            "principal": ("Group", "support"), "resource": ("Environment", "prod")})])):
        folder.mkdir()
        (folder / "t.cedar").write_text(TEMPLATE)
        (folder / "x.links.json").write_text(json.dumps(links))
    done = gateway.run("policy", "diff", *map(str, both), "--against", str(gateway.evidence), "--json", check=False)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["changed"] == 0 and summary["other_policies"] == 3, done.stdout + done.stderr
    (both[1] / "x.links.json").write_text("[]")
    done = gateway.run("policy", "diff", *map(str, both), "--against", str(gateway.evidence), check=False)
    assert done.returncode == 1 and "deny (nothing permits it)  sup " in done.stdout


REVEAL = 'principal, action == Sworn::Action::"reveal"'


@pytest.mark.parametrize("rule, wrong", [
    (f'forbid ({REVEAL}, resource == Sworn::DataClass::"e-mail");', "e-mail"),
    (f'permit ({REVEAL}, resource) when {{ resource == Sworn::DataClass::"Email" }};', "Email"),
    (f'permit ({REVEAL}, resource) when {{ [Sworn::DataClass::"card"].contains(resource) }};', "card"),
    (f'forbid ({REVEAL}, resource) unless {{ resource in Sworn::DataClass::"emails" }};', "emails"),
    (f'permit ({REVEAL}, resource) when {{ resource != Sworn::DataClass::"ssn " }};', "ssn "),
    (f'forbid ({REVEAL}, resource == Sworn::DataClass::"unscaned");', "unscaned"),
])
def test_a_class_that_there_is_not_is_an_error(tmp_path, rule, wrong):
    """A forbid of a misspelt class forbade nothing: what it was meant to mask left in clear."""
    (tmp_path / "a.cedar").write_text(f'@id("a") {rule}\n')
    done = sworn(tmp_path, "check", ".")
    assert done.returncode == 1 and f"`{wrong}` is none of the ids" in done.stdout + done.stderr
    (tmp_path / "a.cedar").write_text(f'@id("a") {rule}\n'.replace(f'"{wrong}"', '"email"'))
    assert sworn(tmp_path, "check", ".").returncode == 0
