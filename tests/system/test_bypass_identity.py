"""A rule on a table holds for what is the table by another name: its partitions and children, the views over it and the
views over those, materialized views, foreign tables that lead back to it, its index and its TOAST table.

The principal may do everything but touch salaries, parted, base_of_secret and what carries the label "secret"; one view is
excepted by policy.
"""
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection

POLICY = """
@id("all") permit (principal, action, resource);
@id("salaries") forbid (principal, action in [Sworn::Action::"sql", Sworn::Action::"sql:unknown"],
                        resource == Sworn::Table::"prod/shop/identity/public.salaries")
unless { context has via_view && context.via_view == "public.totals" };
@id("parted") forbid (principal, action, resource == Sworn::Table::"prod/shop/identity/public.parted");
@id("child") forbid (principal, action, resource == Sworn::Table::"prod/shop/identity/public.secret_child");
@id("label") forbid (principal, action, resource is Sworn::Table) when { resource.labels.contains("pii") };
"""
TABLES = """
CREATE TABLE salaries (id int PRIMARY KEY, word text);
INSERT INTO salaries VALUES (1, 'SECRET');
CREATE TABLE plain (id int, word text);
INSERT INTO plain VALUES (1, 'free');
CREATE VIEW v AS SELECT * FROM salaries;
CREATE VIEW v_on_v AS SELECT id, upper(word) AS word FROM v;
CREATE VIEW v_third AS SELECT p.id, x.word FROM plain p JOIN v_on_v x USING (id);
CREATE VIEW v_exists AS SELECT 'SECRET' AS word FROM plain WHERE EXISTS (SELECT FROM salaries s WHERE s.id = plain.id);
CREATE VIEW v_scalar AS SELECT (SELECT word FROM salaries LIMIT 1) AS word;
CREATE VIEW v_union AS SELECT word FROM plain UNION ALL SELECT word FROM salaries;
CREATE VIEW v_with AS WITH x AS (SELECT word FROM salaries) SELECT word FROM x;
CREATE VIEW v_barrier WITH (security_barrier) AS SELECT word FROM salaries;
CREATE RECURSIVE VIEW v_recursive (n, word) AS SELECT 1, word FROM salaries UNION ALL SELECT n + 1, word FROM v_recursive
    WHERE n < 2;
CREATE SCHEMA other;
CREATE VIEW other.v_elsewhere AS SELECT * FROM public.salaries;
CREATE VIEW "V Quoted" AS SELECT * FROM salaries;
CREATE MATERIALIZED VIEW m AS SELECT * FROM salaries;
CREATE MATERIALIZED VIEW m_on_v AS SELECT * FROM v_on_v;
CREATE VIEW v_on_m AS SELECT * FROM m;
CREATE VIEW totals AS SELECT count(*) AS n FROM salaries;
CREATE VIEW harmless AS SELECT * FROM plain;
CREATE VIEW over_catalogue AS SELECT relname FROM pg_class;
CREATE TABLE parted (id int, word text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
CREATE TABLE part_11 PARTITION OF part_1 FOR VALUES FROM (0) TO (5);
CREATE TABLE other.part_2 PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted VALUES (1, 'SECRET'), (11, 'SECRET');
CREATE VIEW v_part AS SELECT * FROM part_11;
CREATE TABLE child () INHERITS (salaries);
CREATE TABLE grandchild (more int) INHERITS (child);
INSERT INTO child VALUES (2, 'SECRET');
INSERT INTO grandchild VALUES (3, 'SECRET', 0);
CREATE TABLE base (id int, word text);
CREATE TABLE secret_child () INHERITS (base);
INSERT INTO secret_child VALUES (1, 'SECRET');
CREATE TABLE open_parted (id int, word text) PARTITION BY RANGE (id);
CREATE TABLE open_part PARTITION OF open_parted FOR VALUES FROM (0) TO (10);
INSERT INTO open_parted VALUES (1, 'free');
CREATE TABLE customers (id int, word text) PARTITION BY RANGE (id);
CREATE TABLE customers_1 PARTITION OF customers FOR VALUES FROM (0) TO (10);
INSERT INTO customers VALUES (1, 'SECRET');
CREATE VIEW v_label AS SELECT * FROM customers_1;
CREATE TABLE inbox (id int, word text);
CREATE RULE also AS ON INSERT TO inbox DO ALSO INSERT INTO salaries VALUES (new.id, new.word);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'hidden', false);
    RETURN new; END $$;
CREATE SCHEMA hidden;
CREATE VIEW hidden.plain AS SELECT * FROM public.salaries;
CREATE TABLE watched (id int);
CREATE TRIGGER watch BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION watch();
CREATE FUNCTION goes() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'hidden', false);
    RETURN 1; END $$;
CREATE VIEW going AS SELECT goes();
"""
REFUSED = [
    # views
    "SELECT * FROM v", "SELECT * FROM public.v", "TABLE v", "SELECT word FROM v_on_v", "SELECT * FROM v_third",
    "SELECT * FROM v_exists", "SELECT * FROM v_scalar", "SELECT * FROM v_union", "SELECT * FROM v_with",
    "SELECT * FROM v_barrier", "SELECT * FROM v_recursive", "SELECT * FROM other.v_elsewhere", "SELECT * FROM \"V Quoted\"",
    "SELECT (SELECT word FROM v LIMIT 1)", "SELECT 1 FROM plain WHERE EXISTS (SELECT FROM v)",
    "WITH x AS (SELECT * FROM v) SELECT * FROM x", "SELECT plain.* FROM plain, LATERAL (SELECT * FROM v) x",
    "COPY (SELECT * FROM v) TO STDOUT", "EXPLAIN SELECT * FROM v", "EXPLAIN ANALYZE SELECT * FROM v",
    "INSERT INTO plain SELECT * FROM v", "CREATE TABLE stolen AS SELECT * FROM v", "SELECT * INTO stolen FROM v",
    "CREATE TEMP VIEW stolen AS SELECT * FROM v", "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM v",
    "PREPARE p AS SELECT * FROM v", "SELECT * FROM v FOR UPDATE", "UPDATE v SET word = 'x' WHERE id = 9",
    "DELETE FROM v WHERE id = 9", "INSERT INTO v VALUES (9, 'x')", "SELECT x.word FROM v x", "SELECT v FROM v",
    "SET search_path = other; SELECT * FROM v_elsewhere",
    # materialized views
    "SELECT * FROM m", "SELECT * FROM m_on_v", "SELECT * FROM v_on_m", "REFRESH MATERIALIZED VIEW m",
    # partitions
    "SELECT * FROM part_1", "SELECT * FROM part_11", "SELECT * FROM other.part_2", "SELECT * FROM v_part",
    "TABLE part_11", "SELECT * FROM ONLY part_11", "COPY part_11 TO STDOUT", "DELETE FROM part_11 WHERE id = 9",
    "TRUNCATE part_11", "DROP TABLE part_11", "ALTER TABLE parted DETACH PARTITION part_1", "LOCK TABLE part_11",
    "SELECT tableoid, * FROM part_11 p", "INSERT INTO part_11 VALUES (1, 'x')",
    "MERGE INTO plain USING part_11 p ON plain.id = p.id WHEN MATCHED THEN UPDATE SET word = p.word",
    # children
    "SELECT * FROM child", "SELECT * FROM grandchild", "DELETE FROM grandchild WHERE id = 9", "SELECT * FROM base",
    "SELECT word FROM secret_child",
    # labels
    "SELECT * FROM customers", "SELECT * FROM customers_1", "SELECT * FROM v_label",
    # rules
    "INSERT INTO inbox VALUES (9, 'x')",
    # code of users that moves the session, in the same text
    "INSERT INTO watched VALUES (1); SELECT word FROM plain", "SELECT * FROM going; SELECT word FROM plain",
]
ALLOWED = [
    "SELECT * FROM plain", "SELECT * FROM harmless", "SELECT * FROM totals", "SELECT * FROM open_part",
    "SELECT * FROM open_parted", "SELECT * FROM inbox", "SELECT * FROM over_catalogue LIMIT 1",
    "SELECT * FROM information_schema.columns LIMIT 1", "SELECT * FROM pg_tables LIMIT 1", "DROP VIEW IF EXISTS nothing",
    "CREATE TEMP TABLE mine (i int); INSERT INTO mine VALUES (1); SELECT * FROM mine; DROP TABLE mine",
    "BEGIN; CREATE TABLE fresh (i int); INSERT INTO fresh VALUES (1); SELECT * FROM fresh; ROLLBACK",
    "DO $$ begin perform 1; end $$; SELECT count(*) FROM open_parted", "COMMENT ON VIEW v IS 'x'",
]


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("identity", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="identity", policies={"identity.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("DROP DATABASE identity WITH (FORCE)")


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "identity")


def codes(answer):
    return [error["C"] for error in pgwire.errors(answer)]


@pytest.mark.parametrize("sql", REFUSED)
def test_a_rule_holds_by_any_name(raw, sql):
    """Number 4: what is the table, or shows it, carries the table's rules."""
    answer = raw.ask(pgwire.query(sql))
    assert codes(answer) == ["42501"], answer
    assert not [body for kind, body in answer if kind in (b"D", b"d")]
    answer = raw.ask(pgwire.query("BEGIN") + b"")
    answer = raw.ask(pgwire.query(sql))
    assert codes(answer) == ["42501"], answer
    raw.ask(pgwire.query("ROLLBACK"))


@pytest.mark.parametrize("sql", [sql for sql in REFUSED if "; " not in sql])
def test_in_the_extended_protocol(raw, sql):
    answer = raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.describe() + pgwire.execute() + pgwire.SYNC)
    assert codes(answer) == ["42501"], answer


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_shows_nothing_of_it_is_allowed(raw, sql):
    answer = raw.ask(pgwire.query(sql))
    assert not pgwire.errors(answer), answer


def test_the_toast_table_is_its_tables(raw, cluster):
    """The server keeps long values in a table of its own."""
    with cluster.connect("identity") as connection:
        toast, = connection.execute("SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'salaries'::regclass").fetchone()
    assert codes(raw.ask(pgwire.query(f"SELECT chunk_data FROM {toast}"))) == ["42501"]


def test_a_foreign_table_that_leads_back(raw, cluster):
    """postgres_fdw to the very same database is the table by another name; one that leads elsewhere is not."""
    with cluster.connect("identity") as connection:
        connection.execute("""CREATE EXTENSION IF NOT EXISTS postgres_fdw;
            CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'identity');
            CREATE SERVER there FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname 'elsewhere');
            CREATE FOREIGN TABLE f (id int, word text) SERVER here OPTIONS (schema_name 'public', table_name 'salaries');
            CREATE FOREIGN TABLE other.salaries (id int) SERVER there;
            CREATE VIEW v_on_f AS SELECT * FROM f""")
    for sql in ("SELECT * FROM f", "SELECT * FROM v_on_f", "DELETE FROM f WHERE id = 9"):
        assert codes(raw.ask(pgwire.query(sql))) == ["42501"], sql
    assert codes(raw.ask(pgwire.query("SELECT * FROM other.salaries"))) != ["42501"]


def test_what_changes_is_seen(gateway, raw, cluster):
    """A table that becomes a partition, and a view that is made anew, are what they are from then on."""
    raw.ask(pgwire.query("CREATE TABLE late (id int, word text)"))
    assert not codes(raw.ask(pgwire.query("SELECT * FROM late")))
    with Connection(gateway.port) as second:
        second.login("ana", gateway.token("ana"), "identity")
        assert not codes(second.ask(pgwire.query("SELECT * FROM late")))
        raw.ask(pgwire.query("BEGIN; DROP TABLE late; CREATE VIEW late AS SELECT * FROM harmless"))
        assert not codes(raw.ask(pgwire.query("SELECT * FROM late")))
        raw.ask(pgwire.query("COMMIT"))
        steps = [step for action in [second.ask(pgwire.query("SELECT * FROM late"))] for step in action]
        assert steps
    newest = [action for action in gateway.entries() if action["event"]["type"] == "intent"]
    gateway.await_publication()
    newest = [entry["event"] for entry in gateway.entries() if entry["event"]["type"] == "intent"][-1]
    found = {step["resource"].split("/")[-1]: step["context"].get("via_view") for step in newest["steps"]}
    assert found == {"public.late": None, "public.harmless": "public.late", "public.plain": "public.late"}, found


def test_evidence_names_what_is_touched(gateway, raw):
    """A name is the table that the server finds, not every table that it might be."""
    raw.ask(pgwire.query("SET search_path = other, public, hidden"))
    raw.ask(pgwire.query("SELECT * FROM open_part"))
    gateway.await_publication()
    newest = [entry["event"] for entry in gateway.entries() if entry["event"]["type"] == "intent"][-1]
    assert {step["resource"].split("/")[-1] for step in newest["steps"]} == {"public.open_part", "public.open_parted"}
