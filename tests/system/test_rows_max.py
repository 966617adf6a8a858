"""@rows_max of a permit is an obligation: no more rows of the answer leave, whatever the statement says, and the client is
told so. (Row limits that a text evades: COPY, RETURNING, cursors, functions, several statements, pipelines.)
"""
import json
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection
from promise import events, wait_until

PERMIT = """
@id("all") permit (principal, action in [Sworn::Action::"sql", Sworn::Action::"sql:read"], resource);
@id("small") @rows_max("3") permit (principal, action == Sworn::Action::"sql:read",
  resource == Sworn::Table::"prod/shop/public.many");
@id("smaller") @rows_max("2") permit (principal, action == Sworn::Action::"sql:read",
  resource == Sworn::Table::"prod/shop/public.few");
"""
REVEAL = '@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);\n'
STOPPED = "the answer is stopped after 3 rows: policy lets no more through"


@pytest.fixture(scope="module")
def tables(cluster):
    with cluster.connect("shop") as connection:
        connection.execute("DROP TABLE IF EXISTS many, few; CREATE TABLE many AS SELECT i AS id, repeat('x', 100) AS pad FROM "
                           "generate_series(1, 20000) i; CREATE TABLE few AS SELECT i AS id FROM generate_series(1, 9) i")
        yield
        connection.execute("DROP TABLE many, few")


@pytest.fixture(scope="module", params=["revealed", "masked"])
def gateway(request, cluster, tables):
    """Rows that nobody looks at take another way than rows that are masked."""
    policies = {"p.cedar": PERMIT + (REVEAL if request.param == "revealed" else "")}
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, policies=policies).start()
        yield running
        running.stop()


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "shop")


def count(answer):
    return len([kind for kind, _ in answer if kind in (b"D", b"d")])


def assert_stopped(raw, answer, rows=3, message=STOPPED):
    assert count(answer) == rows
    assert [(error["C"], error["M"]) for error in pgwire.errors(answer)] == [("54000", message)]
    assert not [kind for kind, _ in answer if kind in (b"C", b"c", b"s")], "it claims to be complete"
    raw.ask(pgwire.query("ROLLBACK"))
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


STOPPED_TEXTS = {
    "SELECT": ("SELECT * FROM many", 3),
    "one more than may leave": ("SELECT * FROM many LIMIT 4", 3),
    "a join": ("SELECT a.id FROM many a JOIN many b USING (id)", 3),
    "rows made of one": ("SELECT unnest(array_agg(id)) FROM many", 3),
    "COPY": ("COPY many TO STDOUT", 3),
    "COPY of a query": ("COPY (SELECT id FROM many) TO STDOUT", 3),
    "COPY CSV": ("COPY many TO STDOUT CSV", 3),
    "COPY CSV with a header": ("COPY many TO STDOUT CSV HEADER", 4),
    "COPY binary": ("COPY many TO STDOUT (FORMAT binary)", 4),
    "RETURNING": ("UPDATE many SET id = id RETURNING id", 3),
    "a cursor": ("BEGIN; DECLARE c CURSOR FOR SELECT * FROM many; FETCH ALL FROM c", 3),
    "PREPARE": ("PREPARE p AS SELECT * FROM many; EXECUTE p", 3),
}


@pytest.mark.parametrize("name", STOPPED_TEXTS)
def test_the_answer_stops(raw, name):
    sql, rows = STOPPED_TEXTS[name]
    answer = raw.ask(pgwire.query(sql))
    answer = [message for message in answer if not (message[0] == b"C" and message[1].startswith((b"BEGIN", b"DECLARE",
                                                                                                 b"PREPARE")))]
    assert_stopped(raw, answer, rows)
    if "; " not in sql:
        assert_stopped(raw, raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC),
                       rows)


def test_the_strictest_of_two_permits_counts(raw):
    answer = raw.ask(pgwire.query("SELECT few.id FROM many, few"))
    assert_stopped(raw, answer, 2, STOPPED.replace("3", "2"))


def test_several_statements_have_one_budget(raw):
    answer = raw.ask(pgwire.query("SELECT id FROM many LIMIT 2; SELECT id FROM many LIMIT 2"))
    assert count(answer) == 3 and [error["C"] for error in pgwire.errors(answer)] == ["54000"]


def test_a_pipeline_ends_there(raw):
    """What the server still answered of the batch is not told: to the client it ended at the error."""
    batch = b"".join(pgwire.parse(sql) + pgwire.bind() + pgwire.execute()
                     for sql in ("SELECT 1", "SELECT * FROM many", "SELECT 2"))
    answer = raw.ask(batch + pgwire.SYNC)
    assert pgwire.rows(answer)[0] == [b"1"] and count(answer) == 4 and [kind for kind, _ in answer][-2:] == [b"E", b"Z"]
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


@pytest.mark.parametrize("sql,rows", [
    ("SELECT * FROM many LIMIT 3", 3), ("COPY (SELECT id FROM many LIMIT 3) TO STDOUT", 3), ("SELECT count(*) FROM many", 1),
    ("COPY (SELECT id FROM many LIMIT 3) TO STDOUT CSV HEADER", 4), ("SELECT generate_series(1, 50)", 50),
    ("COPY (SELECT id FROM many LIMIT 3) TO STDOUT (FORMAT binary)", 4), ("UPDATE many SET id = id WHERE id < 100", 0)])
def test_what_fits_passes(raw, sql, rows):
    answer = raw.ask(pgwire.query(sql))
    assert not pgwire.errors(answer) and count(answer) == rows


def test_evidence_says_so(gateway, raw):
    raw.ask(pgwire.query("SELECT * FROM many"))
    wait_until(lambda: [event for event in events(gateway, "outcome") if event.get("withheld")], 10, "the outcome")
    outcome = [event for event in events(gateway, "outcome") if event.get("withheld")][0]
    intent = [event for event in events(gateway, "intent") if event["action"] == outcome["action"]][0]
    assert (outcome["withheld"], outcome["rows"], intent["rows_max"]) == ("rows_max", 3, 3)
    assert gateway.verify().returncode == 0
    replayed = gateway.run("policy", "replay", "--json", check=False)
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr


@pytest.mark.parametrize("policy,complaint", [
    ('@id("x") @rows_max("0") permit (principal, action, resource);', "write 1 to"),
    ('@id("x") @rows_max("ten") permit (principal, action, resource);', "no number of rows"),
    ('@id("x") @rows_max permit (principal, action, resource);', "no number of rows"),
    ('@id("x") @rows_max("9") forbid (principal, action, resource);', "belongs to a permit")])
def test_an_obligation_that_cannot_be_met_is_a_mistake(tmp_path, make_gateway, policy, complaint):
    gateway = make_gateway(start=False)
    (tmp_path / "x.cedar").write_text(policy)
    done = gateway.run("policy", "check", str(tmp_path / "x.cedar"), check=False)
    assert done.returncode == 1 and complaint in done.stdout + done.stderr, json.dumps([done.stdout, done.stderr])
