"""A function that nobody reviewed is no read, by whatever notation it is called; nor is a setting that nobody reviewed.

The principal may read and nothing else. What is refused has not run. (Functions by column notation, operators, aggregates and
defaults; functions of extensions that reach pages, files and other rows; statistics; settings of extensions.)
"""
import pathlib
import re
import tempfile

import pytest

import pgwire
from conftest import Gateway
from pgwire import Connection

ROOT = pathlib.Path(__file__).resolve().parents[2] / "wire" / "postgres"
POLICY = """
@id("read") permit (principal, action == Sworn::Action::"sql:read", resource);
@id("reveal") permit (principal, action == Sworn::Action::"reveal", resource);
"""
TABLES = """
CREATE TABLE t (id int, word text);
INSERT INTO t VALUES (1, 'one');
ANALYZE t;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE composed (p pair);
CREATE FUNCTION totals(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN ''deleted''; END';
CREATE FUNCTION totals(t) RETURNS text LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN ''deleted''; END';
CREATE OPERATOR === (FUNCTION = starts_with, LEFTARG = text, RIGHTARG = text);
CREATE FUNCTION wipe(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN DELETE FROM t; RETURN true; END';
CREATE OPERATOR ==== (FUNCTION = wipe, LEFTARG = text, RIGHTARG = text);
CREATE AGGREGATE wiped (text) (SFUNC = textcat, STYPE = text);
CREATE EXTENSION pageinspect; CREATE EXTENSION pg_surgery; CREATE EXTENSION xml2; CREATE EXTENSION pgrowlocks;
CREATE EXTENSION pg_visibility; CREATE EXTENSION amcheck; CREATE EXTENSION pg_trgm; CREATE EXTENSION pgcrypto;
"""

REFUSED = [
    "SELECT totals('x')", "SELECT public.totals('x')", "SELECT * FROM totals('x')", "SELECT x.totals FROM lower('x') x",
    "SELECT (x).totals FROM lower('x') x", "SELECT (x.x).totals FROM lower('x') x", "SELECT ('x'::text).totals",
    "SELECT (lower('x')).totals", "SELECT (word).totals FROM t", "SELECT 1 FROM unnest(ARRAY['x']) x WHERE x.totals = 'y'",
    "SELECT 1 FROM concat('x') x ORDER BY x.totals", "SELECT (SELECT x.totals) FROM upper('x') x",
    "WITH w AS (SELECT x.totals FROM lower('x') x) TABLE w", "SELECT lower.totals FROM lower('x')",
    "SELECT ((ARRAY['x'])[1]).totals", "SELECT (SELECT ('x'::text)).totals", "SELECT 'a' ==== 'b'",
    "SELECT 'a' OPERATOR(public.====) 'b'", "SELECT 'a' ==== ANY (ARRAY['b'])", "SELECT 1 FROM t WHERE word ==== 'x'",
    "SELECT 1 FROM t WHERE 'x' ==== ALL (SELECT word FROM t)", "SELECT wiped(word) FROM t",
    "SELECT wiped(word) OVER () FROM t", "SELECT wiped(word) FILTER (WHERE true) FROM t",
    "SELECT 1 FROM t GROUP BY totals(word)", "SELECT 1 FROM t HAVING wiped(word) = 'x'", "SELECT 1 LIMIT length(totals('x'))",
    "VALUES (totals('x'))", "SELECT CASE WHEN true THEN totals('x') END", "SELECT ARRAY[totals('x')]",
    "SELECT ROW(totals('x'))", "SELECT coalesce(NULL, totals('x'))", "SELECT greatest('a', totals('x'))",
    "SELECT totals('x')::varchar COLLATE \"C\"", "SELECT xmlelement(name a, totals('x'))", "SELECT lower(totals('x'))",
    "SELECT format('%s', totals('x'))", "EXPLAIN ANALYZE SELECT totals('x')", "EXPLAIN SELECT totals('x')",
    "COPY (SELECT totals('x')) TO STDOUT", "PREPARE p AS SELECT totals($1)", "DECLARE c CURSOR FOR SELECT totals('x')",
    "SELECT heap_force_kill('t'::regclass, ARRAY['(0,1)']::tid[])", "SELECT get_raw_page('t', 0)",
    "SELECT heap_force_freeze('t'::regclass, ARRAY['(0,1)']::tid[])", "SELECT * FROM pgrowlocks('t')",
    "SELECT convert_from(substr(t_data, 14), 'UTF8') FROM heap_page_items(get_raw_page('t', 0))",
    "SELECT pg_truncate_visibility_map('t')", "SELECT verify_heapam('t')", "SELECT bt_index_check('pg_class_oid_index')",
    "SELECT * FROM xpath_table('id', 'word', 't', '/a', 'true') AS x(id int, a text)",
    "SELECT attname, histogram_bounds, most_common_vals FROM pg_stats WHERE tablename = 't'", "TABLE pg_stats",
    "SELECT * FROM pg_catalog.pg_statistic", "SELECT stavalues1 FROM pg_statistic", "TABLE pg_statistic_ext_data",
    "SELECT * FROM pg_stats_ext", "SELECT * FROM pg_stats_ext_exprs",
    "SET pgaudit.log = 'none'", "SET PGAUDIT.LOG TO DEFAULT; SET pgaudit.log_catalog = off", "SET LOCAL pgaudit.role = 'x'",
    "SELECT set_config('pgaudit.log', 'none', false)", "SELECT set_config('pgaudit.log', lower('NONE'), false)",
    "SET auto_explain.log_min_duration = 0", "SET pg_stat_statements.track = 'none'", "SET track_activities = off",
    "SET log_error_verbosity = terse", "SET session_replication_role = replica", "SET plpgsql.extra_errors = 'none'",
]

ALLOWED = [
    "SELECT lower('X'), now(), random(), gen_random_uuid(), jsonb_build_object('a', 1), date_trunc('day', now())",
    "SELECT pg_catalog.upper('x'), similarity('a', 'b'), public.crypt('a', public.gen_salt('bf', 4))",
    "SELECT count(*), sum(id), array_agg(word), string_agg(word, ',') FROM t",
    "SELECT row_number() OVER (ORDER BY id), lag(word) OVER (ORDER BY id) FROM t",
    "SELECT t.word, t.id FROM t", "SELECT (word).length FROM t", "SELECT s.word FROM (SELECT word FROM t) s",
    "SELECT e.key, e.value FROM json_each('{}') e", "SELECT i.i FROM generate_series(1, 3) AS i",
    "SELECT u.x, u.n FROM unnest(ARRAY['a']) WITH ORDINALITY AS u(x, n)", "SELECT (pg_control_system()).pg_control_version",
    "SELECT (information_schema._pg_expandarray(ARRAY[1, 2])).n", "SELECT word LIKE 'x', word ~ 'x', word % 'x' FROM t",
    "SELECT 1 FROM t WHERE id BETWEEN 1 AND 2 AND word SIMILAR TO 'x'", "SELECT EXTRACT(year FROM now()), 'a' || 'b'",
    "SELECT substring('abc' FROM 2), overlay('a' PLACING 'b' FROM 1), position('a' IN 'b'), trim(' x ')",
    "SELECT '{\"a\": 1}'::jsonb -> 'a', '{\"a\": 1}'::jsonb @> '{}', ARRAY[1] && ARRAY[2]", "SELECT * FROM pg_statistic_ext",
    "SET app.tenant_id = '7'", "SELECT set_config('request.jwt.claims', '{}', true)", "SET row_security = off",
    "SET work_mem = '8MB'; SET timezone = 'UTC'; SET statement_timeout = '10s'; SET jit = off; SET datestyle = ISO",
    "BEGIN; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; COMMIT", "RESET pgaudit.log; RESET ALL",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", "SET enable_seqscan = on", "SHOW work_mem",
]


@pytest.fixture(scope="module")
def gateway(cluster):
    cluster.create_database("functions", TABLES)
    with tempfile.TemporaryDirectory(prefix="sworn-gw-") as folder:
        running = Gateway(folder, cluster, database="functions", policies={"read.cedar": POLICY}).start()
        try:
            yield running
        finally:
            running.stop()
            with cluster.connect() as connection:
                connection.execute("DROP DATABASE functions WITH (FORCE)")


@pytest.fixture(scope="module")
def rows(gateway, cluster):
    with cluster.connect("functions") as watching:
        yield lambda: watching.execute("SELECT array_agg(t) FROM t").fetchone()[0]


@pytest.fixture
def raw(gateway):
    with Connection(gateway.port) as connection:
        yield connection.login("ana", gateway.token("ana"), "functions")


@pytest.mark.parametrize("sql", REFUSED)
def test_what_nobody_reviewed_is_no_read(raw, rows, sql):
    before = rows()
    if sql.startswith("DECLARE"):
        raw.ask(pgwire.query("BEGIN"))
    answer = raw.ask(pgwire.query(sql))
    assert [error["C"] for error in pgwire.errors(answer)] == ["42501"], answer
    assert not [kind for kind, _ in answer if kind in (b"D", b"d")]
    raw.ask(pgwire.query("ROLLBACK"))
    if "; " not in sql:
        answer = raw.ask(pgwire.parse(sql) + pgwire.bind() + pgwire.execute() + pgwire.SYNC)
        assert len(pgwire.errors(answer)) == 1 and not pgwire.rows(answer), answer
    assert rows() == before


@pytest.mark.parametrize("sql", ALLOWED, ids=lambda sql: sql[:60])
def test_what_is_reviewed_is_a_read(raw, sql):
    answer = raw.ask(pgwire.query(sql))
    assert not pgwire.errors(answer), pgwire.errors(answer)


# Called by nobody: validators of languages, tests of the server itself, what only an operator class calls.
LEFT_OUT = {"amvalidate", "plpgsql_validator", "pg_isolation_test_session_is_blocked", "pg_stat_force_next_flush"}
CALLABLE = """
    SELECT DISTINCT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace LEFT JOIN pg_depend d ON
    d.objid = p.oid AND d.deptype = 'e' WHERE NOT ('internal'::regtype::oid = ANY (proargtypes)) AND NOT
    ('cstring'::regtype::oid = ANY (proargtypes)) AND prorettype NOT IN ('trigger'::regtype, 'cstring'::regtype,
    'internal'::regtype, 'event_trigger'::regtype, 'language_handler'::regtype, 'index_am_handler'::regtype,
    'table_am_handler'::regtype, 'fdw_handler'::regtype, 'tsm_handler'::regtype) AND {}
"""


def names_of(file):
    text = re.sub(r"/\*.*?\*/", "", (ROOT / file).read_text(), flags=re.S)
    return re.findall(r'"([^"]+)"', text)


def test_the_list_covers_the_catalogue(cluster, gateway):
    """Each function of pg_catalog that SQL can call is on a list; what is volatile and of an extension reads only if reviewed."""
    listed = set(names_of("sql_functions_read.def")) | set(names_of("sql_functions.def"))
    with cluster.connect("functions") as connection:
        builtin = {row[0] for row in connection.execute(CALLABLE.format("nspname = 'pg_catalog' AND d.objid IS NULL"))}
        foreign = {row[0] for row in connection.execute(CALLABLE.format("d.objid IS NOT NULL AND provolatile = 'v'"))}
    missing = {name for name in builtin - listed - LEFT_OUT if not name.startswith("fmgr_")}
    assert not missing, f"a newer server: review {sorted(missing)}"
    reviewed = {"gen_salt", "gen_random_bytes", "gen_random_uuid", "pgp_sym_encrypt", "pgp_sym_encrypt_bytea", "pgp_pub_encrypt",
                "pgp_pub_encrypt_bytea", "set_limit", "pg_visibility_map", "pg_visibility_map_summary", "xslt_process"}
    reads = (foreign & set(names_of("sql_functions_contrib.def"))) - reviewed
    assert not reads, f"volatile functions of extensions that count as reads: {sorted(reads)}"


@pytest.mark.parametrize("file", ["sql_functions.def", "sql_functions_read.def", "sql_functions_contrib.def",
                                  "sql_functions_record.def", "sql_operators.def", "sql_settings.def"])
def test_lists_are_sorted(file):
    names = names_of(file)
    assert names == sorted(set(names), key=str.encode) and names
