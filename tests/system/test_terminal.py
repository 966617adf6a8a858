"""Nothing that a client, a peer or a file holds drives the terminal or hides in the log that shows it."""
import json
import re
import time

import psycopg
import pytest

from pgwire import Connection
from promise import Held, wait_for_event

EVIL = {"ESC": "\x1b[2J", "OSC and BEL": "\x1b]0;owned\a", "C1": "\x9b31m", "bidi": "\u202egnp", "isolate": "\u2066x\u2069",
        "zero width": "a\u200bb", "separator": "a\u2028b", "tag": "a\U000e0041b", "carriage return": "a\rb"}
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")


def check(text):
    found = UNSAFE.search(text)
    assert found is None, (found[0].encode(), text[max(0, found.start() - 60):found.end() + 60])


@pytest.fixture(scope="module")
def gateway(cluster, tmp_path_factory):
    from conftest import Gateway
    gateway = Gateway(tmp_path_factory.mktemp("gw"), cluster, policies={"all.cedar": """
@id("all") permit (principal, action, resource);
@id("two") @remedy("approve:sre") forbid (principal, action == Sworn::Action::"sql:write", resource)
unless { context.applied.contains("approve:sre") };"""}).start()
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("what", EVIL)
def test_texts_and_names_are_shown_and_not_obeyed(gateway, what):
    """`audit show`, `audit list`, `policy replay`, in a table and as JSON: statement, identifier."""
    evil = EVIL[what]
    with gateway.connect() as connection:
        for statement in (f"select 1 /* {evil} */", f'select 1 from "ev{evil}il"'):
            try:
                connection.execute(statement)
            except psycopg.Error:
                pass
    gateway.await_publication()
    rows = [json.loads(line) for line in gateway.run("audit", "list", "--json").stdout.splitlines()]
    for action in [row["action"] for row in rows[-2:]]:
        shown = gateway.run("audit", "show", action).stdout
        check(shown)
        assert "\\u" in shown, "it is shown"
    check(gateway.run("audit", "list").stdout)
    check(gateway.run("audit", "list", "--json").stdout)
    check(gateway.log.read_text())


@pytest.mark.parametrize("what", EVIL)
def test_pending_and_reasons(gateway, what):
    evil = EVIL[what]
    held = Held(gateway, f"delete from orders where note = 'x{evil}'", user="ana")
    check(gateway.run("pending").stdout)
    check(gateway.run("pending", "--json").stdout)
    gateway.run("deny", held.id, "--reason", f"no {evil}", token="bo")
    held.finish().close()
    gateway.await_publication()
    check(gateway.run("audit", "show", held.action).stdout)
    check(gateway.log.read_text())


@pytest.mark.parametrize("what", EVIL)
def test_before_any_login(gateway, what):
    """The operational log is written before anybody has proven anything."""
    before = len(gateway.log.read_text())
    with Connection(gateway.port) as connection:
        try:
            connection.login("x" + EVIL[what], "x", "d" + EVIL[what])
        except Exception:
            pass
    deadline = time.monotonic() + 10
    while "refused" not in gateway.log.read_text()[before:] and time.monotonic() < deadline:
        time.sleep(0.05)
    check(gateway.log.read_text())


def test_bytes_that_are_no_text(gateway):
    """Invalid UTF-8 on the command line and in a configuration: said, and not obeyed."""
    import os
    import subprocess
    from conftest import SWORN
    for arguments in ([b"audit", b"show", b"\x9b2J\xff\x1b]0;x\x07"], [b"--\x1b[2J"], [b"audit", b"list", b"--since", b"\x1b[2J"],
                      [b"check", b"--config", b"/nowhere/\xc2\x9b2J"]):
        done = subprocess.run([os.fsencode(SWORN), *arguments], capture_output=True, timeout=30, check=False,
                              env={"PATH": os.environ["PATH"], "SWORN_CONFIG": str(gateway.config)})
        assert done.returncode != 0
        check((done.stdout + done.stderr).decode())


def test_entries_for_programs_stay_byte_for_byte(gateway):
    """What is hashed must not change on its way: `audit show --json` into a pipe."""
    import hashlib
    with gateway.connect() as connection:
        try:
            connection.execute('select 1 from "ev\u202eil"')
        except psycopg.Error:
            pass
    intent = wait_for_event(gateway, "intent", lambda event: "\u202e" in json.dumps(event, ensure_ascii=False))[-1]
    line = gateway.run("audit", "show", "--json", intent["action"]).stdout.splitlines()[0]
    assert "\u202e" in line
    assert hashlib.sha256(b"\0" + line.encode()).digest() in b"".join(
        path.read_bytes() for path in (gateway.evidence / "tile" / "0").rglob("*") if path.is_file())
