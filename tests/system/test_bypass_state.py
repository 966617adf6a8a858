"""What a session makes of itself is what the server says of it: names mean what the server will touch.

The principal may do everything but touch public.pay and hr.pay, which stand between tables of the same name that are
free for all. Each way to stand elsewhere than sworn believes must not read a word of them.
"""
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection

POLICY = """
@id("all") permit (principal, action, resource);
@id("public-pay") forbid (principal, action, resource == Sworn::Table::"prod/shop/state/public.pay");
@id("hr-role-pay") forbid (principal, action, resource == Sworn::Table::"prod/shop/state/hr_role.pay");
@id("hr-pay") forbid (principal, action, resource == Sworn::Table::"prod/shop/state/hr.pay");
"""
TABLES = """
CREATE SCHEMA hr;
CREATE SCHEMA decoy;
CREATE TABLE public.pay (id int, word text);
INSERT INTO public.pay VALUES (1, 'SECRET');
CREATE TABLE hr.pay (id int, word text);
INSERT INTO hr.pay VALUES (1, 'SECRET');
CREATE TABLE decoy.pay (id int, word text);
INSERT INTO decoy.pay VALUES (1, 'free');
CREATE TABLE plain (id int);
CREATE PROCEDURE go_public() LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'public', false); END $$;
CREATE ROLE hr_role;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$;
"""
READ = "SELECT word FROM pay"

# Steps in one session, each a simple query; the last reads "pay", wherever that is by then.
SEQUENCES = {
    # DO
    "SET in code that does not run": ["DO $$ begin if false then set search_path to decoy; end if; end $$", READ],
    "SET in code that is undone": ["DO $$ begin begin set search_path to decoy; raise exception 'x'; exception when others "
                                   "then null; end; end $$", READ],
    "set_config in code that does not run": ["DO $$ begin if false then perform set_config('search_path', 'decoy', false); "
                                             "end if; end $$", READ],
    "SET in code that is undone in code": ["DO $$ begin set search_path to decoy; perform 1/0; exception when others then "
                                           "null; end $$", READ],
    "code in the same text": ["DO $$ begin if false then set search_path to decoy; end if; end $$; " + READ],
    "code that sets, in the same text": ["SET search_path = decoy", "DO $$ begin set search_path to hr; end $$; " + READ],
    "code in a transaction": ["BEGIN", "DO $$ begin if false then set local search_path to decoy; end if; end $$", READ],
    "RESET in code that does not run": ["SET search_path = hr", "DO $$ begin if false then reset search_path; set search_path "
                                        "to decoy; end if; end $$", READ],
    "a role by code": ["SET search_path = decoy", "DO $$ begin set search_path to public; end $$", READ],
    # pg_settings
    "UPDATE pg_settings": ["SET search_path = decoy",
                           "UPDATE pg_settings SET setting = 'public' WHERE name = 'search_path'", READ],
    "UPDATE pg_settings with its schema": ["SET search_path = decoy", "UPDATE pg_catalog.pg_settings SET setting = 'hr' "
                                           "WHERE name = 'search_path'", READ],
    "UPDATE pg_settings in WITH": ["SET search_path = decoy", "WITH x AS (UPDATE pg_settings SET setting = 'hr' WHERE name "
                                   "= 'search_path' RETURNING 1) SELECT 1", READ],
    "UPDATE pg_settings in the same text": ["SET search_path = decoy", "UPDATE pg_settings SET setting = 'public' WHERE "
                                            "name = 'search_path'; " + READ],
    "UPDATE pg_settings in code": ["SET search_path = decoy", "DO $$ begin update pg_settings set setting = 'public' where "
                                   "name = 'search_path'; end $$", READ],
    "UPDATE pg_settings prepared": ["SET search_path = decoy", "PREPARE u AS UPDATE pg_settings SET setting = 'public' WHERE "
                                    "name = 'search_path'", "EXECUTE u", READ],
    # savepoints and transactions
    "RESET after a savepoint": ["BEGIN; SET search_path=hr; SAVEPOINT a; RESET search_path; ROLLBACK TO a; " + READ],
    "RESET after a savepoint, apart": ["BEGIN", "SET search_path = hr", "SAVEPOINT a", "SET search_path = decoy",
                                       "ROLLBACK TO a", READ],
    "two savepoints of one name": ["BEGIN", "SET search_path = hr", "SAVEPOINT a", "SET search_path = decoy", "SAVEPOINT a",
                                   "RELEASE a", "ROLLBACK TO a", READ],
    "SET LOCAL that ends": ["SET search_path = hr", "BEGIN", "SET LOCAL search_path = decoy", "COMMIT", READ],
    "SET LOCAL that ends in the text": ["SET search_path = hr", "BEGIN; SET LOCAL search_path = decoy; COMMIT; " + READ],
    "SET that is rolled back": ["SET search_path = hr", "BEGIN", "SET search_path = decoy", "ROLLBACK", READ],
    "SET that is rolled back in the text": ["SET search_path = hr", "BEGIN; SET search_path = decoy; ROLLBACK; " + READ],
    "SET that is rolled back in the next text": ["SET search_path = hr", "BEGIN; SET search_path = decoy", "ROLLBACK; " + READ],
    "SET in a text that fails": ["SET search_path = hr", "SET search_path = decoy; SELECT 1/0", READ],
    "SET after an error, rolled back": ["SET search_path = hr", "BEGIN; SET search_path = decoy", "SELECT 1/0",
                                        "ROLLBACK; " + READ],
    "COMMIT of a failed transaction": ["SET search_path = hr", "BEGIN; SET search_path = decoy", "SELECT 1/0", "COMMIT", READ],
    "COMMIT of a failed transaction in the text": ["SET search_path = hr", "BEGIN; SET search_path = decoy", "SELECT 1/0",
                                                   "COMMIT; " + READ],
    "COMMIT AND CHAIN": ["SET search_path = hr", "BEGIN", "SET LOCAL search_path = decoy", "COMMIT AND CHAIN", READ],
    "ROLLBACK AND CHAIN in the text": ["SET search_path = hr", "BEGIN; SET LOCAL search_path = decoy; ROLLBACK AND CHAIN; "
                                       + READ],
    "SET in a cursor's transaction": ["BEGIN", "SET search_path = hr", "SAVEPOINT a", "SET search_path = decoy",
                                      "ROLLBACK TO SAVEPOINT a; DECLARE c CURSOR FOR " + READ],
    # set_config
    "set_config that is not reached": ["SET search_path = hr", "SELECT CASE WHEN random() < 0 THEN set_config('search_path', "
                                       "'decoy', false) END", READ],
    "set_config in a prepared statement": ["PREPARE s AS SELECT set_config('search_path', 'hr', false)",
                                           "SET search_path = decoy", "EXECUTE s", READ],
    "set_config and EXECUTE in the text": ["PREPARE s AS SELECT set_config('search_path', 'hr', false)",
                                           "SET search_path = decoy", "EXECUTE s; " + READ],
    # procedures
    "CALL that sets": ["SET search_path = decoy", "CALL public.go_public()", READ],
    "CALL that sets in the text": ["SET search_path = decoy", "CALL public.go_public(); " + READ],
    "CALL that commits": ["SET search_path = hr", "SET LOCAL search_path = decoy; CALL public.commits()", READ],
    # the whole session
    "DISCARD ALL": ["ALTER ROLE owner SET search_path = hr", "SET search_path = decoy", "DISCARD ALL", READ],
    "RESET ALL": ["SET search_path = decoy", "RESET ALL", READ],
    "SET TO DEFAULT": ["SET search_path = decoy", "SET search_path TO DEFAULT", READ],
    "a schema that comes to be": ["SET search_path = hr_role, decoy", READ.replace("pay", "plain"),
                                  "ALTER SCHEMA hr RENAME TO hr_role", READ, "ALTER SCHEMA hr_role RENAME TO hr"],
    "$user of a role": ["ALTER SCHEMA hr RENAME TO hr_role", "SET search_path = \"$user\", decoy", "SET ROLE hr_role",
                        "RESET ROLE", "ALTER SCHEMA hr_role RENAME TO hr", "SET search_path = hr", READ],
    # names
    "PREPARE in code that does not run": ["SET search_path = decoy", "PREPARE p AS " + READ,
                                          "DO $$ begin if false then prepare p as select 1; end if; end $$",
                                          "SET search_path = hr", "EXECUTE p"],
    "a prepared statement elsewhere": ["SET search_path = decoy", "PREPARE p AS " + READ, "SET search_path = hr", "EXECUTE p"],
    "a prepared statement elsewhere, in the text": ["SET search_path = decoy", "PREPARE p AS " + READ,
                                                    "SET search_path = hr; EXECUTE p"],
}


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("state", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="state", policies={"state.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("ALTER ROLE owner RESET search_path")
                connection.execute("DROP DATABASE state WITH (FORCE)")
                connection.execute("DROP ROLE hr_role")


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "state")


def assert_nothing_leaked(answer):
    assert not [body for kind, body in answer if b"SECRET" in body], answer


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_name_means_what_the_server_will_touch(raw, name):
    """Number 3: none of these reads a forbidden table through a name that sworn takes for another."""
    try:
        for step in SEQUENCES[name]:
            assert_nothing_leaked(raw.ask(pgwire.query(step)))
    finally:
        raw.ask(pgwire.query("ROLLBACK"))
        raw.ask(pgwire.query("ALTER ROLE owner RESET search_path"))
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


@pytest.mark.parametrize("name", [name for name in SEQUENCES if not any("; " in step and "$$" not in step
                                                                      for step in SEQUENCES[name])])
def test_in_one_pipeline(raw, name):
    """The same as one batch: nothing ends a transaction but what is in it."""
    batch = b"".join(pgwire.parse(step) + pgwire.bind() + pgwire.execute() for step in SEQUENCES[name])
    assert_nothing_leaked(raw.ask(batch + pgwire.SYNC))
    raw.ask(pgwire.query("ROLLBACK"))
    raw.ask(pgwire.query("ALTER ROLE owner RESET search_path"))
    raw.ask(pgwire.query("ALTER SCHEMA hr_role RENAME TO hr"))
    assert pgwire.rows(raw.ask(pgwire.query("SELECT 'usable'"))) == [[b"usable"]]


@pytest.mark.parametrize("before, code", [
    ("SET LOCAL search_path = decoy", "DO $$ begin commit; end $$"),
    ("SET search_path = decoy", "DO $$ begin rollback; end $$"),
    ("SET LOCAL search_path = decoy", "CALL public.commits()"),
    ("SET search_path = decoy", "DO $$ begin if true then rollback; end if; end $$"),
    ("SELECT set_config('search_path', 'decoy', true)", "DO $$ begin commit; end $$"),
    ("SET search_path = decoy", "ROLLBACK"),
    ("SET LOCAL search_path = decoy", "COMMIT"),
])
def test_code_that_ends_the_pipelines_transaction(raw, before, code):
    """Number 3: COMMIT or ROLLBACK within code ends the server's transaction, and what was set in it."""
    raw.ask(pgwire.query("SET search_path = hr"))
    batch = b"".join(pgwire.parse(step) + pgwire.bind() + pgwire.execute() for step in (before, code, READ))
    assert_nothing_leaked(raw.ask(batch + pgwire.SYNC))
    assert_nothing_leaked(raw.ask(pgwire.query(READ)))


def test_the_decoy_is_free(raw):
    """Asking the server does not refuse what is allowed: the names that it finds are the names that are decided on."""
    for steps in (["SET search_path = decoy", READ], ["BEGIN", "SET LOCAL search_path = decoy", READ, "ROLLBACK"],
                  ["SET search_path = decoy; " + READ], ["DO $$ begin set search_path to decoy; end $$", READ],
                  ["UPDATE pg_settings SET setting = 'decoy' WHERE name = 'search_path'", READ],
                  ["SET search_path = hr", "BEGIN", "SET search_path = decoy", "SAVEPOINT a", "SET search_path = hr",
                   "ROLLBACK TO a", READ, "ROLLBACK"]):
        answers = [raw.ask(pgwire.query(step)) for step in steps]
        assert any(pgwire.rows(answer)[-1:] == [[b"free"]] for answer in answers), steps
        raw.ask(pgwire.query("RESET search_path"))


def test_an_inquiry_leaves_the_clients_own_alone(raw):
    """The question is asked by names of sworn's own: the unnamed statement and the portal of the client stay."""
    raw.ask(pgwire.query("SET search_path = decoy"))
    raw.ask(pgwire.parse("BEGIN", b"b") + pgwire.bind(name=b"b") + pgwire.execute() + pgwire.SYNC)
    raw.ask(pgwire.parse(READ) + pgwire.SYNC)
    raw.ask(pgwire.parse("SET search_path = decoy", b"s") + pgwire.bind(name=b"s") + pgwire.execute() + pgwire.SYNC)
    assert pgwire.rows(raw.ask(pgwire.bind() + pgwire.execute() + pgwire.SYNC))  # of a name, not by a simple query
    answer = raw.ask(pgwire.parse("SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'sworn%'") + pgwire.bind() +
                     pgwire.execute() + pgwire.SYNC)
    assert pgwire.rows(answer) == [[b"0"]]


def test_a_failed_transaction_answers_as_the_server_does(raw):
    """The server does nothing there, so that nothing is asked: its own error comes, not a denial."""
    raw.ask(pgwire.query("BEGIN; SET search_path = decoy"))
    raw.ask(pgwire.query("SELECT 1/0"))
    assert [error["C"] for error in pgwire.errors(raw.ask(pgwire.query(READ)))] in (["25P02"], ["42501"])
    assert [error["C"] for error in pgwire.errors(raw.ask(pgwire.query("SELECT id FROM plain")))] == ["25P02"]
    assert not pgwire.errors(raw.ask(pgwire.query("ROLLBACK")))


def test_copy_data_that_nobody_asked_for(raw):
    """Data behind a COPY that failed is thrown away by the server, which answers nothing: the inquiry must not wait for it."""
    raw.ask(pgwire.query("SET search_path = decoy"))
    raw.ask(pgwire.query("COPY decoy.pay FROM STDIN (FORMAT nonsense)"))
    raw.send(pgwire.message(b"d", b"1\tx\n") + pgwire.message(b"c"))
    raw.ask(pgwire.query("DO $$ begin null; end $$"))
    raw.send(pgwire.message(b"d", b"1\tx\n") + pgwire.message(b"c"))
    assert pgwire.rows(raw.ask(pgwire.query(READ))) == [[b"free"]]


def test_a_name_like_sworns_own(raw):
    """A client that takes the name of sworn's own statement gets no other answer than its own, and no error of sworn's."""
    raw.ask(pgwire.parse("SELECT 'mine'", b"sworn:inquiry") + pgwire.SYNC)
    raw.ask(pgwire.query("SET search_path = decoy"))
    assert pgwire.rows(raw.ask(pgwire.query(READ))) == [[b"free"]]


def test_operators_in_front_of_the_servers(raw):
    """The inquiry is read with the client's path in force: operators and functions of its own must not answer it."""
    raw.ask(pgwire.query("CREATE SCHEMA evil"))
    raw.ask(pgwire.query("CREATE FUNCTION evil.current_schemas(boolean) RETURNS name[] LANGUAGE sql AS $$ SELECT "
                         "'{decoy}'::name[] $$"))
    raw.ask(pgwire.query("CREATE FUNCTION evil.current_setting(text) RETURNS text LANGUAGE sql AS $$ SELECT 'decoy' $$"))
    raw.ask(pgwire.query("SET search_path = evil, pg_catalog, hr"))
    assert_nothing_leaked(raw.ask(pgwire.query(READ)))
    raw.ask(pgwire.query("DROP SCHEMA evil CASCADE"))
