/* What statements do: verbs and tables of each, in a fresh session. */
#include "tests/unit/tap.h"
#include "tests/unit/wire/sql_render.h"

static const struct {
    const char *text;
    const char *steps;
} rows[] = {
#define ROW(steps, text) {text, steps},
#include "tests/unit/wire/sql_analysis_rows.def"
#undef ROW
};

static void check_steps(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct sql_session *session = sql_session_new();
        struct buffer out;
        buffer_init(&out, 1 << 20);
        render_text(&out, session, str_from_cstr(rows[i].text));
        is_str(buffer_view(&out), str_from_cstr(rows[i].steps), rows[i].text);
        buffer_free(&out);
        sql_session_free(&session);
    }
}

static void render_list(struct buffer *out, const struct str *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_byte(out, ' ');
        buffer_append_str(out, items[i]);
    }
}

enum facet { KIND_OF, FUNCTIONS, WHERE, ALL_ROWS, LIMIT, LITERALS, PARAMETERS, COLUMNS, OUTPUTS, COPY };

static void render_part(struct buffer *out, const struct sql_part *part, enum facet facet) {
    switch (facet) {
    case KIND_OF: buffer_append_str(out, part->kind); break;
    case FUNCTIONS: render_list(out, part->functions, part->function_count); break;
    case WHERE: buffer_append_cstr(out, !part->is_where_relevant ? "none" : part->has_where ? "yes" : "no"); break;
    case ALL_ROWS: buffer_append_cstr(out, !part->is_change ? "none" : part->touches_all_rows ? "yes" : "no"); break;
    default:
        buffer_append_cstr(out, !part->is_limit_relevant ? "none" : part->has_limit ? "yes" : "no");
        if (part->has_row_limit) buffer_append_format(out, " %d", (int)part->row_limit);
        break;
    }
}

static void render_facet(struct buffer *out, const struct sql_statement *statement, enum facet facet) {
    switch (facet) {
    case KIND_OF:
    case FUNCTIONS:
    case WHERE:
    case ALL_ROWS:
    case LIMIT:
        for (size_t i = 0; i < statement->part_count; i++) {
            if (i > 0) buffer_append_cstr(out, ", ");
            render_part(out, &statement->parts[i], facet);
        }
        break;
    case LITERALS:
        for (size_t i = 0; i < statement->literal_count; i++) {
            buffer_append_format(out, "%s%.*s=%.*s", i > 0 ? " " : "", STR_ARGS(statement->literals[i].name),
                                 STR_ARGS(statement->literals[i].value));
        }
        break;
    case PARAMETERS:
        render_list(out, statement->parameter_names, statement->parameter_count);
        break;
    case COLUMNS:
        render_list(out, statement->columns, statement->column_count);
        break;
    case OUTPUTS:
        for (size_t i = 0; i < statement->output_count; i++) {
            if (i > 0) buffer_append_cstr(out, " | ");
            render_list(out, statement->outputs[i].names, statement->outputs[i].name_count);
        }
        break;
    case COPY:
        buffer_append_format(out, "%s %s %d [%c%c%c] null=%.*s %s", statement->copy->is_from ? "from" : "to",
                             statement->copy->is_client ? "client" : "file", statement->copy->format,
                             statement->copy->delimiter, statement->copy->quote, statement->copy->escape,
                             STR_ARGS(statement->copy->null_text), statement->copy->has_header ? "header" : "plain");
        break;
    }
}

static const struct {
    enum facet facet;
    const char *text;
    const char *wanted;
} facets[] = {
    {KIND_OF, "SELECT 1", "select"},
    {KIND_OF, "SELECT 1 INTO x", "select into"},
    {KIND_OF, "DROP MATERIALIZED VIEW v", "drop materialized view"},
    {KIND_OF, "ALTER INDEX i RENAME TO j", "alter index"},
    {KIND_OF, "ALTER TABLE t RENAME COLUMN a TO b", "alter table"},
    {KIND_OF, "ALTER VIEW v ALTER a SET DEFAULT 1", "alter view"},
    {KIND_OF, "ANALYZE t", "analyze"},
    {KIND_OF, "ROLLBACK TO a", "rollback to"},
    {KIND_OF, "RESET ALL", "reset"},
    {KIND_OF, "MOVE 3 IN c", "move"},
    {KIND_OF, "SELEC 1", "unknown"},
    {FUNCTIONS, "SELECT f(g(1)), s.h(2), count(*) FROM t", "count f g s.h"},
    {FUNCTIONS, "SELECT ('PG_VERSION'::text).pg_read_file", "pg_read_file"},
    {FUNCTIONS, "CALL p(1)", "p"},
    {FUNCTIONS, "CREATE TRIGGER a BEFORE INSERT ON t EXECUTE FUNCTION s.f()", "s.f"},
    {WHERE, "DELETE FROM t", "no"},
    {WHERE, "DELETE FROM t WHERE a = 1", "yes"},
    {WHERE, "UPDATE t SET a = 1", "no"},
    {WHERE, "UPDATE t SET a = 1 WHERE CURRENT OF c", "yes"},
    {WHERE, "WITH x AS (DELETE FROM t RETURNING *) UPDATE u SET a = 1 WHERE b = 2", "yes, no"},
    {WHERE, "EXPLAIN ANALYZE DELETE FROM t", "none, no"},
    {WHERE, "PREPARE p AS DELETE FROM t", "none, no"},
    {WHERE, "SELECT 1", "none"},
    {WHERE, "DO $$BEGIN DELETE FROM t; END$$", "none, no"},
    {WHERE, "DO $$BEGIN DELETE FROM t; DELETE FROM u WHERE a = 1; END$$", "none, no, yes"},
    {WHERE, "MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "no"},
    {WHERE, "MERGE INTO t USING u ON t.a = u.b WHEN MATCHED THEN DELETE", "yes"},
    {WHERE, "MERGE INTO t USING u ON t.a = u.b WHEN NOT MATCHED THEN INSERT VALUES (1)", "none"},
    {WHERE, "INSERT INTO t VALUES (1)", "none"},
    {KIND_OF, "DO $$DECLARE x int; BEGIN TRUNCATE t; DROP TABLE u; PERFORM f(); x := g(); END$$",
     "do, truncate, drop table, select"},
    {KIND_OF, "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "select, delete"},
    {KIND_OF, "EXPLAIN ANALYZE SELECT 1", "explain, select"},
    {KIND_OF, "EXPLAIN DELETE FROM t", "explain"},
    {KIND_OF, "PREPARE p AS DELETE FROM t", "prepare, delete"},
    {KIND_OF, "DECLARE c CURSOR FOR SELECT * FROM t", "declare cursor, select"},
    {KIND_OF, "COPY (SELECT * FROM t) TO STDOUT", "copy, select"},
    {KIND_OF, "COPY (DELETE FROM t RETURNING *) TO STDOUT", "copy, delete"},
    {KIND_OF, "CREATE RULE r AS ON INSERT TO t DO INSTEAD (DELETE FROM u; UPDATE v SET a = 1)",
     "create rule, delete, update"},
    {KIND_OF, "CREATE SCHEMA s CREATE TABLE t (a int) CREATE VIEW v AS SELECT 1",
     "create schema, create table, create view"},
    {KIND_OF, "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'TRUNCATE t'", "create function, truncate"},
    {KIND_OF, "CREATE FUNCTION f() RETURNS void BEGIN ATOMIC DELETE FROM t; END", "create function, delete"},
    {KIND_OF, "INSERT INTO t SELECT * FROM u", "insert"},
    {FUNCTIONS, "DO $$DECLARE x int; BEGIN DELETE FROM t WHERE a = f(); x := g(); END$$", "g, f"},
    {FUNCTIONS, "WITH x AS (DELETE FROM t WHERE a = f() RETURNING *) SELECT g() FROM x", "g, f"},
    {ALL_ROWS, "SELECT 1", "none"},
    {ALL_ROWS, "INSERT INTO t VALUES (1)", "none"},
    {ALL_ROWS, "TRUNCATE t", "yes"},
    {ALL_ROWS, "DELETE FROM t", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE true", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE 1 = 1", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE $1", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE NOT false", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE a = a", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE t.a = a", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE lower(a) <= lower(a)", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE a = 1 OR true", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE NOT (a = 1 AND false)", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE EXISTS (SELECT 1 FROM u)", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE a IN (SELECT a FROM t)", "yes"},
    {ALL_ROWS, "DELETE FROM t USING t s WHERE t.a = s.a", "yes"},
    {ALL_ROWS, "UPDATE t SET b = 1 FROM t s WHERE t.a = s.a", "yes"},
    {ALL_ROWS, "DELETE FROM t WHERE a = 1", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a = 1 AND true", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE NOT a", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a IS NULL", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a = b", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a IN (SELECT a FROM u)", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE a IN (SELECT a FROM t LIMIT 5)", "no"},
    {ALL_ROWS, "DELETE FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a AND u.b = 1)", "no"},
    {ALL_ROWS, "DELETE FROM t USING u WHERE t.a = u.a", "no"},
    {ALL_ROWS, "UPDATE t SET a = 1 WHERE CURRENT OF c", "no"},
    {ALL_ROWS, "MERGE INTO t USING (VALUES (1)) v ON true WHEN MATCHED THEN DELETE", "yes"},
    {ALL_ROWS, "MERGE INTO t USING u ON 1 = 1 WHEN MATCHED THEN UPDATE SET a = 1", "yes"},
    {ALL_ROWS, "MERGE INTO t USING t s ON t.a = s.a WHEN MATCHED THEN DELETE", "yes"},
    {ALL_ROWS, "MERGE INTO t USING u ON true WHEN MATCHED AND t.a = 1 THEN DELETE", "no"},
    {ALL_ROWS, "MERGE INTO t USING u ON true WHEN MATCHED AND t.a = 1 THEN DELETE WHEN MATCHED THEN UPDATE SET a = 1",
     "yes"},
    {ALL_ROWS, "MERGE INTO t USING u ON t.a = u.b WHEN MATCHED THEN DELETE", "no"},
    {ALL_ROWS, "MERGE INTO t USING u ON true WHEN NOT MATCHED THEN INSERT VALUES (1)", "none"},
    {ALL_ROWS, "INSERT INTO t SELECT * FROM t ON CONFLICT (a) DO UPDATE SET b = 1", "yes"},
    {ALL_ROWS, "INSERT INTO t SELECT g FROM generate_series(1, 9) g ON CONFLICT (a) DO UPDATE SET b = 1", "yes"},
    {ALL_ROWS, "INSERT INTO t SELECT * FROM u WHERE c = 1 ON CONFLICT (a) DO UPDATE SET b = 1", "no"},
    {ALL_ROWS, "INSERT INTO t SELECT * FROM u ON CONFLICT (a) DO UPDATE SET b = 1 WHERE t.c = 1", "no"},
    {ALL_ROWS, "INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = 1", "no"},
    {ALL_ROWS, "INSERT INTO t SELECT * FROM unnest($1::int[]) ON CONFLICT (a) DO UPDATE SET b = 1", "no"},
    {ALL_ROWS, "INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING", "none"},
    {ALL_ROWS, "DO $$BEGIN DELETE FROM t WHERE true; END$$", "none, yes"},
    {LIMIT, "SELECT * FROM t ORDER BY a FETCH FIRST 1 ROW WITH TIES", "no"},
    {LIMIT, "SELECT * FROM t ORDER BY a FETCH FIRST ROW WITH TIES", "no"},
    {LIMIT, "TABLE t", "no"},
    {LIMIT, "COPY t TO STDOUT", "no"},
    {LIMIT, "COPY t FROM STDIN", "none"},
    {LIMIT, "COPY (SELECT * FROM t) TO STDOUT", "none, no"},
    {LIMIT, "COPY (SELECT * FROM t LIMIT 3) TO STDOUT", "none, yes 3"},
    {LIMIT, "DECLARE c CURSOR FOR SELECT * FROM t", "none, no"},
    {LIMIT, "PREPARE p AS SELECT * FROM t LIMIT 2", "none, yes 2"},
    {LIMIT, "UPDATE t SET a = 1 RETURNING *", "no"},
    {LIMIT, "DELETE FROM t WHERE a = 1", "none"},
    {LIMIT, "INSERT INTO t VALUES (1), (2) RETURNING *", "no 2"},
    {LIMIT, "INSERT INTO t SELECT * FROM u LIMIT 5", "none"},
    {LIMIT, "WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x LIMIT 1", "yes 1, no"},
    {LIMIT, "SELECT * FROM t", "no"},
    {LIMIT, "SELECT * FROM t LIMIT 10", "yes 10"},
    {LIMIT, "SELECT * FROM t LIMIT ALL", "no"},
    {LIMIT, "SELECT * FROM t LIMIT $1", "yes"},
    {LIMIT, "SELECT * FROM t FETCH FIRST 5 ROWS ONLY", "yes 5"},
    {LIMIT, "SELECT * FROM (SELECT * FROM t LIMIT 5) x", "no"},
    {LIMIT, "SELECT 1 UNION SELECT 2 LIMIT 7", "yes 7"},
    {LITERALS, "SELECT * FROM t WHERE email = 'a@b.c'", "email=a@b.c"},
    {LITERALS, "SELECT * FROM t WHERE lower(email) = 'a@b.c' AND x > 5", "email=a@b.c x=5"},
    {LITERALS, "SELECT * FROM t WHERE 'a' = t.name", "name=a"},
    {LITERALS, "INSERT INTO t (a, b) VALUES ('x', 'y'), ('z', 3.5)", "a=x b=y a=z b=3.5"},
    {LITERALS, "UPDATE t SET ssn = '123' WHERE id IN (1, 2)", "ssn=123 id=1 id=2"},
    {LITERALS, "SELECT U&'\\0061b', E'\\x41', $$q$$", "=ab =A =q"},
    {LITERALS, "SELECT * FROM t WHERE card LIKE '4111%'", "card=4111%"},
    {LITERALS, "NOTIFY x, 'payload'", "=payload"},
    {LITERALS, "COMMENT ON TABLE t IS 'secret'", "=secret"},
    {LITERALS, "ALTER ROLE r PASSWORD 'pw'", "password=pw"},
    {LITERALS, "EXECUTE p('a@b.c')", "=a@b.c"},
    {LITERALS, "DO $$BEGIN UPDATE t SET a = 'lit'; END$$", "a=lit"},
    {PARAMETERS, "INSERT INTO t (a, b) VALUES ($2, $1)", "b a"},
    {PARAMETERS, "SELECT * FROM t WHERE x = $1 AND $2 < y", "x y"},
    {COLUMNS, "SELECT a, t.b, f(c) FROM t WHERE d = 1 ORDER BY e", "a b c d e"},
    {OUTPUTS, "SELECT a, b || c, 1 FROM t", "a | b c | "},
    {OUTPUTS, "SELECT x.y FROM (SELECT ssn AS y FROM t) x", "ssn y"},
    {OUTPUTS, "WITH w AS (SELECT left(card, 4) AS z FROM t) SELECT z AS q, 1 AS n FROM w", "card z | "},
    {OUTPUTS, "SELECT * FROM t", ""},
    {OUTPUTS, "SELECT a FROM (SELECT ssn FROM t) x(a)", ""},
    {OUTPUTS, "INSERT INTO t VALUES (1) RETURNING id, email", "id | email"},
    {OUTPUTS, "SELECT a FROM t UNION SELECT b FROM u", ""},
    {OUTPUTS, "SELECT d->>'born', d->'a'->>'b', e || 'c' FROM t", "born d | a b d | e"},
    {OUTPUTS, "SELECT d#>>'{a,0,home address}' FROM t", "0 a d home address"},
    {OUTPUTS, "SELECT d #> ARRAY['a', lower('B')] FROM t", "B a d"},
    {OUTPUTS, "SELECT d OPERATOR(pg_catalog.->>) 'born' FROM t", "born d"},
    {OUTPUTS, "SELECT d['a']['b'] FROM t", "a b d"},
    {OUTPUTS, "SELECT jsonb_extract_path_text(d, 'a', 'b') FROM t", "a b d"},
    {OUTPUTS, "SELECT jsonb_path_query(d, '$.a.\"b c\"') FROM t", "a b c d"},
    {OUTPUTS, "SELECT xpath('/a/b/text()', d) FROM t", "a b d text"},
    {OUTPUTS, "SELECT x FROM (SELECT d->>'born' AS x FROM t) s", "born d x"},
    {COLUMNS, "SELECT * FROM t WHERE d->>'born' = 'x'", "born d"},
    {COLUMNS, "SELECT r.x FROM jsonb_to_record(d) AS r(born date)", "born d x"},
    {COPY, "COPY t TO STDOUT", "to client 0 [\t\"\"] null=\\N plain"},
    {COPY, "COPY t FROM STDIN WITH (FORMAT csv, HEADER, DELIMITER ';', QUOTE '!', ESCAPE '?', NULL 'x')",
     "from client 1 [;!?] null=x header"},
    {COPY, "COPY t TO STDOUT CSV", "to client 1 [,\"\"] null= plain"},
    {COPY, "COPY t TO STDOUT (FORMAT binary)", "to client 2 [\t\"\"] null=\\N plain"},
    {COPY, "COPY t TO STDOUT CSV HEADER", "to client 1 [,\"\"] null= header"},
    {COPY, "COPY (SELECT 1) TO PROGRAM 'cat'", "to file 0 [\t\"\"] null=\\N plain"},
};

static void check_facets(void) {
    for (size_t i = 0; i < LENGTH_OF(facets); i++) {
        const struct sql_analysis *analysis = sql_analyze(NULL, str_from_cstr(facets[i].text), NULL);
        struct buffer out;
        buffer_init(&out, 1 << 20);
        render_facet(&out, &analysis->statements[0], facets[i].facet);
        is_str(buffer_view(&out), str_from_cstr(facets[i].wanted), facets[i].text);
        buffer_free(&out);
        sql_analysis_release(&analysis);
    }
}

static void check_cache(void) {
    struct sql_cache *cache = sql_cache_new(4, 1 << 20);
    const struct sql_analysis *first = sql_analyze(cache, STR("SELECT 1"), NULL);
    const struct sql_analysis *again = sql_analyze(cache, STR("SELECT 1"), NULL);
    ok(first == again, "the same text is the same analysis");
    sql_analysis_release(&again);
    for (int i = 0; i < 20; i++) {
        char text[32];
        int length = snprintf(text, sizeof(text), "SELECT a%d", i);
        const struct sql_analysis *other = sql_analyze(cache, str_make(text, (size_t)length), NULL);
        sql_analysis_release(&other);
    }
    again = sql_analyze(cache, STR("SELECT 1"), NULL);
    ok(first != again, "what was not asked for was evicted");
    is_str(first->statements[0].kind, STR("select"), "an evicted analysis lives while it is held");
    sql_cache_free(&cache);
    sql_analysis_release(&first);
    sql_analysis_release(&again);
}

/* All that an analysis says. */
static void render_all(struct buffer *out, const struct sql_analysis *analysis) {
    for (size_t i = 0; i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        buffer_append_format(out, "[%.*s", STR_ARGS(statement->text));
        for (enum facet facet = KIND_OF; facet < COPY; facet++) {
            buffer_append_byte(out, '|');
            render_facet(out, statement, facet);
        }
        buffer_append_byte(out, ']');
    }
}

/* Other whole numbers, some of them longer; what else holds digits changes as well. */
static struct str renumber(struct buffer *out, const char *text) {
    buffer_clear(out);
    for (; *text != '\0'; text++) {
        bool is_number = *text >= '0' && *text <= '9';
        buffer_append_byte(out, is_number ? '1' + (*text - '0' + 3) % 9 : *text);
        if (is_number && *text % 2 == 0) buffer_append_byte(out, '7');
    }
    return buffer_view(out);
}

static void check_shape(const char *text) {
    struct sql_cache *cache = sql_cache_new(4, 1 << 20);
    struct buffer other;
    struct buffer cached;
    struct buffer fresh;
    buffer_init(&other, 1 << 20);
    buffer_init(&cached, 1 << 20);
    buffer_init(&fresh, 1 << 20);
    const struct sql_analysis *first = sql_analyze(cache, str_from_cstr(text), NULL);
    const struct sql_analysis *second = sql_analyze(cache, renumber(&other, text), NULL);
    const struct sql_analysis *wanted = sql_analyze(NULL, buffer_view(&other), NULL);
    sql_cache_free(&cache);
    sql_analysis_release(&first);
    render_all(&cached, second);
    render_all(&fresh, wanted);
    is_str(buffer_view(&cached), buffer_view(&fresh), text);
    sql_analysis_release(&second);
    sql_analysis_release(&wanted);
    buffer_free(&other);
    buffer_free(&cached);
    buffer_free(&fresh);
}

static const char *const shapes[] = {
    "SELECT abalance FROM pgbench_accounts WHERE aid = 17;",
    "  SELECT a FROM t WHERE b = 1 AND c IN (2, 30, 400) ; ",
    "UPDATE t SET a = a + 5, b = 6 WHERE id = 1234",
    "INSERT INTO t (a, b) VALUES (1, 2), (3, 4)",
    "DELETE FROM t1 WHERE a = 1 AND b2 = 1e5 AND c = 2.5 AND d = .5",
    "SELECT a FROM t WHERE b = -5 AND c = 5",
    "SELECT a FROM t WHERE b = 007 AND c = 12345678901",
    "SELECT a FROM t WHERE b = 1 LIMIT 10",
    "SELECT a FROM t WHERE b = 1 ORDER BY 2 OFFSET 3",
    "SELECT x[1], x[2:3], f(4)::numeric(10, 2) FROM t",
    "SELECT a FROM t WHERE b = '1' AND c = 2",
    "SELECT a FROM t WHERE b = 1 -- 2",
    "SELECT a FROM t WHERE b = 1 /* 2 */",
    "SELECT $1, 2",
    "SELECT 1; SELECT 2",
    "SELECT 1 AS a2, 3 b4",
    "SET work_mem = 100",
    "SELECT 5 +",
};

static void check_shapes(void) {
    for (size_t i = 0; i < LENGTH_OF(shapes); i++) check_shape(shapes[i]);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_shape(rows[i].text);
    for (size_t i = 0; i < LENGTH_OF(facets); i++) check_shape(facets[i].text);
    struct sql_cache *cache = sql_cache_new(4, 1 << 20);
    const struct sql_analysis *first = sql_analyze(cache, STR("SELECT a FROM t WHERE b = 1"), NULL);
    const struct sql_analysis *second = sql_analyze(cache, STR("SELECT a FROM t WHERE b = 23"), NULL);
    ok(second->base == first, "a text of a known shape is not parsed again");
    sql_cache_free(&cache);
    sql_analysis_release(&first);
    is_str(second->statements[0].literals[0].name, STR("b"), "its strings outlive the cache and the first");
    sql_analysis_release(&second);
}

static void check_text(void) {
    const struct sql_analysis *analysis = sql_analyze(NULL, STR("SELECT 1 ; /* x */ DELETE FROM t;;"), NULL);
    is_integer(analysis->statement_count, 2, "empty statements are none");
    is_str(analysis->statements[1].text, STR("/* x */ DELETE FROM t"), "each has its own text");
    sql_analysis_release(&analysis);
}

static void check_version(void) {
    static const struct {
        const char *version;
        bool is_newer;
    } versions[] = {{"9.6.24", false}, {"14.2", false}, {"15.18 (Debian 15.18-0+deb12u1)", false}, {"", false}, {"x", false},
                    {"99", true}, {"99beta1", true}, {"99.1 (Debian)", true}, {"99999999999999999999999", false}};
    for (size_t i = 0; i < LENGTH_OF(versions); i++) {
        bool is_newer = sql_is_newer_than_parser(str_from_cstr(versions[i].version));
        ok(is_newer == versions[i].is_newer, versions[i].version);
    }
}

int main(void) {
    check_version();
    check_steps();
    check_facets();
    check_cache();
    check_shapes();
    check_text();
    return tap_done();
}
