/* Statements that try to hide what they do: each is judged as its plain form. Long and deep ones end, too. */
#include "tests/unit/tap.h"
#include "tests/unit/wire/sql_render.h"

static const struct {
    const char *disguised;
    const char *plain;
} rows[] = {
    {"/* x */ DELETE /* /* nested */ */ FROM -- y\n t", "DELETE FROM t"},
    {"dElEtE\tfRoM\r\n\"t\"", "DELETE FROM t"},
    {"DELETE FROM U&\"\\0074\"", "DELETE FROM t"},
    {"DELETE FROM U&\"!0074\" UESCAPE '!'", "DELETE FROM t"},
    {"DELETE FROM \"public\".\"t\"", "DELETE FROM t"},
    {"DELETE FROM ONLY (t)", "DELETE FROM t"},
    {"DELETE FROM t *", "DELETE FROM t"},
    {"DELETE FROM t AS select_me", "DELETE FROM t"},
    {"DELETE FROM shop.public.t", "DELETE FROM t"},
    {";;; DELETE FROM t ;;", "DELETE FROM t"},
    {"DELETE FROM t; -- SELECT 1", "DELETE FROM t"},
    {"SELECT 1; DELETE FROM t", "DELETE FROM t; SELECT 2"},
    {"SELECT '; DELETE FROM t'", "SELECT 1"},
    {"SELECT $$; DELETE FROM t$$", "SELECT 1"},
    {"SELECT $a$ $b$ $a$; DELETE FROM t", "SELECT 1; DELETE FROM t"},
    {"SELECT E'\\''; DELETE FROM t --'", "SELECT 1; DELETE FROM t"},
    {"SELECT '\\'; DELETE FROM t --'", "SELECT 1; DELETE FROM t"},
    {"SELECT 'a'\n'; DELETE FROM t'", "SELECT 1"},
    {"SELECT \"a;DELETE FROM t\" FROM u", "SELECT a FROM u"},
    {"SELECT 1 /* */ ; /* */ DELETE FROM t /* unfinished? */", "SELECT 1; DELETE FROM t"},
    {"WITH x AS (DELETE FROM t) SELECT 1", "DELETE FROM t"},
    {"WITH x AS (SELECT 1), y AS (DELETE FROM t) SELECT * FROM x", "DELETE FROM t"},
    {"WITH x AS (WITH y AS (DELETE FROM t) SELECT 1) SELECT 1", "DELETE FROM t"},
    {"WITH x AS MATERIALIZED (INSERT INTO t VALUES (1)) TABLE x", "INSERT INTO t VALUES (1)"},
    {"WITH x AS (DELETE FROM t) VALUES (1)", "DELETE FROM t"},
    {"WITH x AS (DELETE FROM t) UPDATE u SET a = 1", "DELETE FROM t; UPDATE u SET a = 1"},
    {"SELECT 1 UNION (WITH x AS (DELETE FROM t) SELECT 1)", "DELETE FROM t"},
    {"WITH t AS (SELECT 1) DELETE FROM t", "DELETE FROM t"},
    {"WITH t AS (SELECT 1) SELECT * FROM public.t", "SELECT * FROM t"},
    {"WITH t AS (SELECT * FROM t) SELECT 1", "SELECT * FROM t"},
    {"SELECT * FROM (WITH t AS (SELECT 1) SELECT * FROM t) x, t", "SELECT * FROM t"},
    {"TABLE t", "SELECT * FROM t"},
    {"(((SELECT * FROM t)))", "SELECT * FROM t"},
    {"SELECT FROM t", "SELECT * FROM t"},
    {"SELECT x.* FROM ONLY t x", "SELECT * FROM t"},
    {"SELECT 1 WHERE EXISTS (TABLE t)", "SELECT * FROM t"},
    {"SELECT ARRAY(TABLE t)", "SELECT * FROM t"},
    {"SELECT ROW((TABLE t))", "SELECT * FROM t"},
    {"SELECT coalesce(NULL, (TABLE t))", "SELECT * FROM t"},
    {"SELECT greatest(1, (TABLE t))", "SELECT * FROM t"},
    {"SELECT (ARRAY[1])[(TABLE t)]", "SELECT * FROM t"},
    {"SELECT ((TABLE t))::text COLLATE \"C\"", "SELECT * FROM t"},
    {"SELECT xmlelement(name a, (TABLE t))", "SELECT * FROM t"},
    {"SELECT 1 ORDER BY (TABLE t)", "SELECT * FROM t"},
    {"SELECT 1 LIMIT (TABLE t)", "SELECT * FROM t"},
    {"SELECT concat(VARIADIC ARRAY(TABLE t))", "SELECT * FROM t"},
    {"SELECT make_interval(days => (TABLE t))", "SELECT * FROM t"},
    {"SELECT count(*) FILTER (WHERE EXISTS (TABLE t))", "SELECT * FROM t"},
    {"SELECT * FROM generate_series(1, (TABLE t))", "SELECT * FROM t"},
    {"VALUES (1), ((TABLE t))", "SELECT * FROM t"},
    {"SHOW ALL; TABLE t", "SHOW ALL; SELECT * FROM t"},
    {"COPY t TO STDOUT", "SELECT * FROM t"},
    {"COPY (TABLE t) TO STDOUT", "SELECT * FROM t"},
    {"COPY (DELETE FROM t RETURNING 1) TO STDOUT", "DELETE FROM t RETURNING 1"},
    {"COPY (WITH x AS (DELETE FROM t) SELECT 1) TO STDOUT", "DELETE FROM t"},
    {"EXPLAIN ANALYZE DELETE FROM t", "DELETE FROM t"},
    {"EXPLAIN (ANALYZE) DELETE FROM t", "DELETE FROM t"},
    {"EXPLAIN (costs off, ANALYZE 1) DELETE FROM t", "DELETE FROM t"},
    {"EXPLAIN (\"analyze\" 'on') DELETE FROM t", "DELETE FROM t"},
    {"EXPLAIN (ANALYZE off, ANALYZE true) DELETE FROM t", "DELETE FROM t"},
    {"EXPLAIN ANALYZE VERBOSE WITH x AS (DELETE FROM t) SELECT 1", "DELETE FROM t"},
    {"EXPLAIN ANALYZE SELECT * INTO n FROM t", "CREATE TABLE n AS SELECT * FROM t"},
    {"EXPLAIN ANALYZE EXECUTE p; PREPARE q AS SELECT 1", "EXECUTE p; PREPARE q AS SELECT 1"},
    {"SELECT * INTO n FROM t", "CREATE TABLE n AS SELECT * FROM t"},
    {"SELECT * INTO TABLE n FROM t", "CREATE TABLE n AS SELECT * FROM t"},
    {"WITH x AS (SELECT * FROM t) SELECT * INTO n FROM x", "CREATE TABLE n AS SELECT * FROM t"},
    {"CREATE TABLE n AS TABLE t WITH NO DATA", "CREATE TABLE n AS SELECT * FROM t"},
    {"CREATE VIEW n AS TABLE t", "CREATE VIEW n AS SELECT * FROM t"},
    {"PREPARE p AS DELETE FROM t; EXECUTE p", "DELETE FROM t"},
    {"PREPARE \"P\" (int) AS DELETE FROM t WHERE a = $1; EXECUTE \"P\" (1)", "DELETE FROM t"},
    {"PREPARE p AS SELECT 1; DEALLOCATE p; PREPARE p AS DELETE FROM t; EXECUTE p", "SELECT 1; DEALLOCATE p; DELETE FROM t"},
    {"BEGIN; DECLARE c CURSOR FOR TABLE t; FETCH c", "BEGIN; SELECT * FROM t; SAVEPOINT a"},
    {"BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT * FROM t FOR UPDATE; COMMIT; FETCH ALL c",
     "BEGIN; SELECT * FROM t FOR UPDATE; COMMIT"},
    {"SET search_path = s; DELETE FROM t", "SELECT 1; DELETE FROM s.t"},
    {"SET LOCAL search_path TO 's'; DELETE FROM t", "SELECT 1; DELETE FROM s.t"},
    {"SET \"search_path\" = \"s\"; DELETE FROM t", "SELECT 1; DELETE FROM s.t"},
    {"SET SCHEMA 's'; DELETE FROM t", "SELECT 1; DELETE FROM s.t"},
    {"SELECT set_config('search_path', 's', false); DELETE FROM t", "SELECT 1; DELETE FROM s.t; DELETE FROM public.t"},
    {"SET search_path = s, public; DELETE FROM t", "SELECT 1; DELETE FROM s.t; DELETE FROM public.t"},
    {"SET search_path = 's, x'; DELETE FROM t", "SELECT 1; DELETE FROM \"s, x\".t"},
    {"BEGIN; SET LOCAL search_path = s; COMMIT; DELETE FROM t", "SELECT 1; COMMIT; EXECUTE nobody"},
    {"BEGIN; SET search_path = s; ROLLBACK; DELETE FROM t", "SELECT 1; COMMIT; EXECUTE nobody"},
    {"SET search_path = s; RESET search_path; DELETE FROM t", "SELECT 1; COMMIT; EXECUTE nobody"},
    {"SET search_path = s; RESET ALL; DELETE FROM t", "SELECT 1; COMMIT; EXECUTE nobody"},
    {"SET search_path = s, pg_catalog; SELECT * FROM pg_class",
     "SELECT 1; SELECT * FROM s.pg_class; SELECT * FROM pg_catalog.pg_class"},
    {"SET SESSION ROLE joe", "SET ROLE joe"},
    {"SET role = 'joe'", "SET ROLE joe"},
    {"SELECT set_config('ROLE', 'joe', true)", "SET ROLE joe"},
    {"SELECT pg_catalog.set_config('session_authorization', 'joe', true)", "SET SESSION AUTHORIZATION joe"},
    {"DO $$BEGIN DELETE FROM t; END$$", "DELETE FROM t; NOTIFY x"},
    {"DO LANGUAGE plpgsql 'BEGIN DELETE FROM t; END'", "DELETE FROM t; NOTIFY x"},
    {"DO $x$BEGIN DO $$BEGIN DELETE FROM t; END$$; END$x$", "DELETE FROM t; NOTIFY x"},
    {"DO U&'BEGIN DELETE FROM \\0074; END'", "DELETE FROM t; NOTIFY x"},
    {"DO E'BEGIN DELETE\\nFROM t; END'", "DELETE FROM t; NOTIFY x"},
    {"DO $$BEGIN PERFORM 1; IF true THEN DELETE FROM t; END IF; END$$", "DELETE FROM t; NOTIFY x"},
    {"MERGE INTO t USING (SELECT 1) x ON true WHEN MATCHED THEN DELETE", "DELETE FROM t"},
    {"INSERT INTO t SELECT 1 ON CONFLICT DO NOTHING", "INSERT INTO t VALUES (1)"},
    {"LOCK t", "DELETE FROM t"},
    {"TRUNCATE ONLY t", "DELETE FROM t"},
    {"COPY t FROM STDIN", "DELETE FROM t"},
    {"DROP TABLE IF EXISTS \"t\" CASCADE", "DROP TABLE t"},
    {"ALTER TABLE IF EXISTS ONLY t SET (a.b = 1)", "ALTER TABLE t ADD a int"},
    {"ALTER TABLE t SET LOGGED", "ALTER TABLE t ADD a int"},
    {"CREATE UNLOGGED TABLE IF NOT EXISTS t ()", "CREATE TABLE t (a int)"},
    {"CREATE LOCAL TEMPORARY TABLE t ()", "CREATE TEMP TABLE t (a int)"},
    {"CREATE OR REPLACE FUNCTION f() RETURNS void SECURITY DEFINER LANGUAGE SQL AS 'DELETE FROM t'",
     "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; END"},
    {"CREATE RULE \"_RETURN\" AS ON SELECT TO t DO INSTEAD SELECT * FROM u", "CREATE VIEW t AS SELECT * FROM u"},
    {"SELECT ('x'::text).pg_read_file", "SELECT pg_read_file('x')"},
    {"SELECT x.pg_read_file FROM (VALUES ('a')) x", "SELECT pg_read_file('x')"},
    {"SELECT \"pg_read_file\"('x')", "SELECT pg_read_file('x')"},
    {"SELECT * FROM \"pg_catalog\".\"pg_read_file\"('x')", "SELECT pg_read_file('x')"},
    {"SELECT U&\"pg\\005fread\\005ffile\"('x')", "SELECT pg_read_file('x')"},
};

static void check_rows(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct sql_session *session = sql_session_new();
        struct buffer disguised;
        struct buffer plain;
        buffer_init(&disguised, 1 << 20);
        buffer_init(&plain, 1 << 20);
        render_text(&disguised, session, str_from_cstr(rows[i].disguised));
        render_text(&plain, session, str_from_cstr(rows[i].plain));
        is_str(buffer_view(&disguised), buffer_view(&plain), rows[i].disguised);
        buffer_free(&disguised);
        buffer_free(&plain);
        sql_session_free(&session);
    }
}

/* before, then `unit` count times, middle, `close` count times, after. */
static const struct {
    const char *name;
    const char *before, *unit, *middle, *close, *after;
    size_t count;
    const char *steps;
} grown[] = {
    {"a write behind 9 MiB of comment", "/*", "xxxxxxxxx", "*/DELETE FROM t", "", "", 1024 * 1024, "write:public.t"},
    {"a write behind 9 MiB of string", "SELECT '", "xxxxxxxxx", "'; DELETE FROM t", "", "", 1024 * 1024,
     "read:db write:public.t"},
    {"a write behind 9 MiB of spaces", "", "         ", "DELETE FROM t", "", "", 1024 * 1024, "write:public.t"},
    {"a million constants", "SELECT * FROM t WHERE a IN (0", ",1234567", ")", "", "", 1000 * 1000, "read:public.t"},
    {"a table behind 100,000 rows", "INSERT INTO t VALUES (1)", ",(2)", ",((SELECT 1 FROM u))", "", "", 100 * 1000,
     "read:public.u write:public.t"},
    {"20,000 OR", "SELECT * FROM t WHERE a = 1", " OR a = 2", "", "", "", 20000, "read:public.t"},
    {"20,000 AND", "SELECT * FROM t WHERE a = 1", " AND a <> 2", "", "", "", 20000, "read:public.t"},
    {"2,000 WHEN", "SELECT CASE a", " WHEN 1 THEN 2", " END FROM t", "", "", 2000, "read:public.t"},
    {"1,000 UNION ALL", "SELECT a, b, c FROM t", " UNION ALL SELECT a, b, c FROM u", "", "", "", 1000,
     "read:public.t read:public.u"},
    {"5,000 statements", "DELETE FROM t", ";DELETE FROM t", "", "", "", 5000, "write:public.t"},
    {"17 MiB", "SELECT '", "xxxxxxxxxxxxxxxxx", "'", "", "", 1024 * 1024, "unknown:db"},
    {"100,000 parentheses", "SELECT ", "(", "1", ")", "", 100000, "unknown:db"},
    {"3,000 parentheses", "SELECT ", "(", "1", ")", "", 3000, "unknown:db"},
    {"100,000 UNION", "SELECT 1", " UNION SELECT 1", "", "", "", 100000, "unknown:db"},
    {"100,000 UNION with commas", "SELECT 1,2", " UNION SELECT 1,2", "", "", "", 100000, "unknown:db"},
    {"100,000 plus", "SELECT 1", "+1", "", "", "", 100000, "unknown:db"},
    {"100,000 NOT", "SELECT ", "NOT ", "true", "", "", 100000, "unknown:db"},
    {"100,000 casts", "SELECT 1", "::int", "", "", "", 100000, "unknown:db"},
    {"100,000 joins", "SELECT * FROM t", " NATURAL JOIN t", "", "", "", 100000, "unknown:db"},
    {"100,000 joins with OR", "SELECT * FROM t", " JOIN t ON a OR b", "", "", "", 100000, "unknown:db"},
    {"100,000 arrays", "SELECT ARRAY", "[", "1", "]", "", 100000, "unknown:db"},
    {"50,000 subqueries", "SELECT ", "(SELECT ", "1", ")", "", 50000, "unknown:db"},
    {"50,000 CASE", "SELECT ", "CASE WHEN true THEN ", "1", " END", "", 50000, "unknown:db"},
    {"50,000 CASE with OR", "SELECT ", "CASE WHEN a OR b THEN 1 ELSE ", "1", " END", "", 50000, "unknown:db"},
    {"50,000 CASE with columns named end", "SELECT ", "CASE WHEN a.end THEN ", "1", " END", "", 50000, "unknown:db"},
    {"50,000 CASE with commented names", "SELECT ", "CASE WHEN a./**/end THEN ", "1", " END", "", 50000, "unknown:db"},
    {"50,000 BETWEEN", "SELECT 1", " IS NULL BETWEEN 1 AND 2", "", "", "", 50000, "unknown:db"},
    {"50,000 IS NULL", "SELECT 1", " IS NULL", "", "", "", 50000, "unknown:db"},
    {"50,000 nested WITH", "", "WITH a AS (", "SELECT 1", ") SELECT 1", "", 50000, "unknown:db"},
    {"50,000 strings with escapes and plus", "SELECT E'a'\n'\\''", "+ 'b'", "", "", "", 50000, "unknown:db"},
    {"1,000 plus", "SELECT 1", "+1", "", "", "", 700, "read:db"},
    {"deep PL/pgSQL", "DO $$", "BEGIN ", "NULL;", "END;", "$$", 5000, "unknown:db write:db"},
    {"deep PL/pgSQL with IF", "DO $$BEGIN ", "IF true THEN ", "NULL;", "END IF;", "END$$", 5000, "unknown:db write:db"},
};

static void append_times(struct buffer *out, const char *text, size_t count) {
    struct str unit = str_from_cstr(text);
    for (size_t i = 0; i < count; i++) buffer_append_str(out, unit);
}

static void check_grown(void) {
    for (size_t i = 0; i < LENGTH_OF(grown); i++) {
        struct sql_session *session = sql_session_new();
        struct buffer text;
        struct buffer steps;
        buffer_init(&text, 32u << 20);
        buffer_init(&steps, 1 << 20);
        buffer_append_cstr(&text, grown[i].before);
        append_times(&text, grown[i].unit, grown[i].count);
        buffer_append_cstr(&text, grown[i].middle);
        append_times(&text, grown[i].close, grown[i].count);
        buffer_append_cstr(&text, grown[i].after);
        render_text(&steps, session, buffer_view(&text));
        is_str(buffer_view(&steps), str_from_cstr(grown[i].steps), grown[i].name);
        buffer_free(&text);
        buffer_free(&steps);
        sql_session_free(&session);
    }
}

static void check_bytes(void) {
    struct sql_session *session = sql_session_new();
    struct buffer steps;
    buffer_init(&steps, 4096);
    render_text(&steps, session, STR("SELECT 1\0; DELETE FROM t"));
    is_str(buffer_view(&steps), STR("unknown:db"), "nothing hides behind a NUL");
    buffer_free(&steps);
    sql_session_free(&session);
}

int main(void) {
    check_rows();
    check_bytes();
    check_grown();
    return tap_done();
}
