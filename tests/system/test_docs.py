"""What the documentation shows is what the binary takes."""
import os
import pathlib
import re
import shutil
import subprocess

import psycopg
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SWORN = ROOT / os.environ.get("SWORN_BUILD", "build") / "sworn"
EXAMPLE = ROOT / "doc/sworn.yaml.example"
BLOCK = re.compile(r"^```cedar\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = BLOCK.findall((ROOT / "doc/policy-guide.md").read_text())


@pytest.fixture
def folder(tmp_path):
    """The example's own folder, with every file that it names."""
    (tmp_path / "tls").mkdir()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=example", "-days", "2",
                    "-keyout", tmp_path / "tls/server.key", "-out", tmp_path / "tls/server.crt"],
                   check=True, capture_output=True)
    shutil.copy(tmp_path / "tls/server.crt", tmp_path / "tls/db-ca.crt")
    (tmp_path / "upstream.password").write_text("secret\n")
    (tmp_path / "upstream.password").chmod(0o600)
    (tmp_path / "tls/server.key").chmod(0o600)
    shutil.copy(EXAMPLE, tmp_path / "sworn.yaml")
    (tmp_path / "policies").mkdir()
    return tmp_path


def check(folder, *verb):
    return subprocess.run([SWORN, *verb, "--config", folder / "sworn.yaml"], capture_output=True, text=True, timeout=60)


def test_example_configuration_is_good(folder):
    for policy in (ROOT / "policies/demo").glob("*.cedar"):
        shutil.copy(policy, folder / "policies")
    result = check(folder, "check")
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stdout


def test_policies_of_the_guide_are_good(folder):
    assert len(BLOCKS) >= 5
    for number, block in enumerate(BLOCKS):
        (folder / f"policies/{number:02}.cedar").write_text(block)
    links = re.findall(r"^```json\n(.*?)^```", (ROOT / "doc/policy-guide.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(links) == 1
    (folder / "policies/guide.links.json").write_text(links[0])
    result = check(folder, "policy", "check")
    assert result.returncode == 0 and "has no link" not in result.stdout, result.stderr


def test_a_remedy_that_would_not_cure_is_refused(folder):
    """So that the test above can fail."""
    broken = [block.replace('contains("approve:sre:2")', 'contains("approve:sre")') for block in BLOCKS]
    (folder / "policies/guide.cedar").write_text("\n".join(broken))
    result = check(folder, "policy", "check")
    assert result.returncode == 2 and "prod-ddl-needs-two-sre" in result.stderr


def test_a_misspelt_attribute_is_refused(folder):
    (folder / "policies/typo.cedar").write_text(
        'forbid (principal, action in Sworn::Action::"sql", resource)\nwhen { context.clases.contains("jwt") };\n')
    result = check(folder, "policy", "check")
    assert result.returncode == 2
    assert "/policies/typo.cedar:2:8: error: policy typo.cedar#policy0: " in result.stderr and "clases" in result.stderr


def test_the_gateway_warns_of_a_misspelt_attribute(make_gateway):
    gateway = make_gateway(policies={"a.cedar": '@id("all") permit (principal, action, resource);', "typo.cedar":
                           '@id("typo") permit (principal, action, resource) when { context.clases.contains("jwt") };'})
    assert "policies/typo.cedar:1:57: policy typo: " in gateway.log.read_text()
    with gateway.connect("ana") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def documented_members():
    """type -> member names, of the table in doc/evidence-format.md; a row with an empty first cell goes on."""
    text = (ROOT / "doc/evidence-format.md").read_text()
    section = text.split("## The members of events")[1].split("## Receipts")[0]
    members, kind = {}, None
    for row in re.findall(r"^\| (.*?)\| (.*) \|$", section, re.MULTILINE):
        kind = row[0].strip().strip("`") or kind
        members.setdefault(kind, set()).update(re.findall(r"`(\w+)`", row[1]))
    return members


def test_events_have_the_documented_members(make_gateway):
    gateway = make_gateway(policies={path.name: path.read_text() for path in (ROOT / "policies/demo").glob("*.cedar")},
                           config="approval: {timeout: 1s}")
    with gateway.connect("copilot") as connection:
        connection.execute("SELECT email FROM customers WHERE email <> 'ana@example.org'").fetchall()
        for refused in ("DROP TABLE orders", "ALTER TABLE orders ADD COLUMN late int"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0 FROM orders")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"host=127.0.0.1 port={gateway.port} user=ana password=wrong dbname=shop")
    gateway.stop()
    documented = documented_members()
    seen = set()
    for entry in gateway.entries():
        event = entry["event"]
        unknown = set(event) - documented[event["type"]] - {"type"}
        assert not unknown, f"{event['type']} has {unknown}, which doc/evidence-format.md does not name"
        seen.add(event["type"])
    assert {"node_start", "bundle_activated", "session_start", "intent", "outcome", "hold_requested", "hold_ended",
            "session_end", "node_stop"} <= seen


def verbs_of(*words):
    """Every verb that --help lists, and the verbs of these."""
    text = subprocess.run([SWORN, *words, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
    if not text.startswith(f"usage: sworn {' '.join(words)}{' ' if words else ''}VERB"):
        return [(words, text)]
    names = re.findall(r"^  (\w+) ", text, re.MULTILINE)
    return [found for name in names for found in verbs_of(*words, name)]


def test_manual_page_has_every_verb_and_option():
    page = (ROOT / "doc/man/sworn.1").read_text()
    synopsis = page.split(".Sh SYNOPSIS")[1].split(".Sh DESCRIPTION")[0]
    forms = [form.replace("\n", " ") for form in synopsis.split(".Nm\n") if form.strip()]
    verbs = verbs_of()
    assert len(verbs) >= 15
    for words, text in verbs:
        verb = " ".join(words)
        own = " ".join(form for form in forms if re.match(rf"\.Cm (\w+ \| )?{verb}\b", form))
        assert own, f"{verb} is not in the synopsis"
        for option in re.findall(r"^  --([a-z-]+)", text, re.MULTILINE):
            assert f"Fl -{option}" in own, f"{verb} --{option}"
