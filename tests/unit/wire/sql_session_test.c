/* Sessions: what earlier statements, confirmed by the server, make of later ones. A script is a line of texts; each is
 * described, sent and completed, or fails. `told` is what the server says before, when it is asked: search_path, and the
 * role behind a colon. */
#include "tests/unit/tap.h"
#include "tests/unit/wire/sql_render.h"
#include "wire/postgres/sql_builder.h"

#define SCRIPT_LINES_MAX 12

struct line {
    const char *text;
    char status;        /* of ReadyForQuery */
    bool fails;
    const char *steps;  /* NULL: not compared */
    const char *told;   /* NULL: it is not asked */
};

static const struct {
    const char *name;
    struct line lines[SCRIPT_LINES_MAX];
} scripts[] = {
    {"PREPARE and EXECUTE", {
        {"PREPARE p AS DELETE FROM t", 'I', false, "write:public.t", NULL},
        {"EXECUTE p", 'I', false, "write:public.t", NULL},
        {"EXPLAIN ANALYZE EXECUTE p", 'I', false, "write:public.t", NULL},
        {"CREATE TABLE n AS EXECUTE p", 'I', false, "ddl:public.n write:public.t", NULL},
        {"DEALLOCATE p", 'I', false, "release:db", NULL},
        {"EXECUTE p", 'I', true, "unknown:db", NULL}}},
    {"a PREPARE that failed", {
        {"PREPARE p AS DELETE FROM t", 'I', true, NULL, NULL},
        {"EXECUTE p", 'I', true, "unknown:db", NULL}}},
    {"PREPARE survives ROLLBACK, as in the server", {
        {"BEGIN", 'T', false, NULL, NULL},
        {"PREPARE p AS DELETE FROM t", 'T', false, NULL, NULL},
        {"ROLLBACK", 'I', false, NULL, NULL},
        {"EXECUTE p", 'I', false, "write:public.t", NULL}}},
    {"a prepared statement follows search_path", {
        {"PREPARE p AS DELETE FROM t", 'I', false, NULL, NULL},
        {"SET search_path = s", 'I', false, NULL, NULL},
        {"EXECUTE p", 'I', false, "write:s.t", "s"}}},
    {"a cursor keeps its search_path", {
        {"BEGIN", 'T', false, NULL, NULL},
        {"SET search_path = s", 'T', false, NULL, NULL},
        {"DECLARE c CURSOR FOR SELECT * FROM t", 'T', false, "read:s.t", "s"},
        {"SET search_path = public", 'T', false, NULL, NULL},
        {"FETCH 5 FROM c", 'T', false, "read:s.t", "public"},
        {"MOVE c", 'T', false, "read:s.t", NULL},
        {"CLOSE c", 'T', false, NULL, NULL},
        {"FETCH c", 'E', true, "unknown:db", NULL}}},
    {"a cursor ends with its transaction, a held one does not", {
        {"BEGIN", 'T', false, NULL, NULL},
        {"DECLARE c CURSOR FOR SELECT * FROM t", 'T', false, NULL, NULL},
        {"DECLARE h CURSOR WITH HOLD FOR SELECT * FROM u FOR UPDATE", 'T', false, NULL, NULL},
        {"COMMIT", 'I', false, NULL, NULL},
        {"FETCH c", 'I', true, "unknown:db", NULL},
        {"FETCH h", 'I', false, "read:public.u write:public.u", NULL}}},
    {"after SET the server is asked", {
        {"SET search_path = s", 'I', false, "read:db", NULL},
        {"SELECT * FROM t", 'I', true, "unknown:db", NULL},
        {"SELECT * FROM t", 'I', false, "read:s.t", "s"},
        {"SELECT * FROM t", 'I', false, "read:s.t", NULL}}},
    {"after a transaction that set something, too", {
        {"BEGIN", 'T', false, NULL, NULL},
        {"SET LOCAL search_path = s", 'T', false, NULL, NULL},
        {"SELECT * FROM t", 'T', false, "read:s.t", "s"},
        {"COMMIT", 'I', false, "release:db", NULL},
        {"SELECT * FROM t", 'I', false, "unknown:db", NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t", "public"},
        {"BEGIN", 'T', false, NULL, NULL},
        {"COMMIT", 'I', false, NULL, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t", NULL}}},
    {"savepoints", {
        {"BEGIN", 'T', false, NULL, NULL},
        {"SAVEPOINT a", 'T', false, NULL, NULL},
        {"SET search_path = x", 'T', false, NULL, NULL},
        {"SELECT * FROM t", 'T', false, "read:x.t", "x"},
        {"ROLLBACK TO a", 'T', false, "release:db", NULL},
        {"SELECT * FROM t", 'T', false, "unknown:db", NULL},
        {"SELECT * FROM t", 'T', false, "read:public.t", "public"}}},
    {"code", {
        {"DO $$ begin if false then set search_path to s; end if; end $$", 'I', false, NULL, NULL},
        {"SELECT * FROM t", 'I', false, "unknown:db", NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t", "public"},
        {"UPDATE pg_settings SET setting = 's' WHERE name = 'search_path'", 'I', false, "write:pg_catalog.pg_settings",
         NULL},
        {"SELECT * FROM t", 'I', false, "unknown:db", NULL},
        {"CALL p()", 'I', false, NULL, "public"},
        {"SELECT * FROM t", 'I', false, "unknown:db", NULL}}},
    {"code that may have changed a name", {
        {"PREPARE p AS SELECT * FROM t", 'I', false, NULL, NULL},
        {"DO $$ begin if false then prepare p as select 1; end if; end $$", 'I', false, NULL, NULL},
        {"EXECUTE p", 'I', false, "unknown:db", "public"}}},
    {"no schema to find it in", {
        {"SET search_path = ''", 'I', false, NULL, NULL},
        {"SELECT * FROM t", 'I', true, "unknown:db", ""},
        {"SELECT * FROM pg_class", 'I', false, "read:pg_catalog.pg_class", NULL}}},
    {"set_config may not have been reached", {
        {"SELECT CASE WHEN false THEN set_config('search_path', 's', false) END; SELECT * FROM t", 'I', false,
         "read:db read:public.t read:s.t", NULL}}},
    {"SET ROLE and $user", {
        {"SET ROLE joe", 'I', false, "admin:db", NULL},
        {"SELECT * FROM t", 'I', false, "read:joe.t read:public.t", "\"$user\", public:joe"},
        {"SET ROLE jim; SELECT * FROM t", 'I', false, "admin:db read:jim.t read:public.t", NULL}}},
    {"DISCARD ALL", {
        {"PREPARE p AS SELECT 1", 'I', false, NULL, NULL},
        {"DISCARD ALL", 'I', false, NULL, NULL},
        {"SELECT * FROM t", 'I', false, "unknown:db", NULL},
        {"EXECUTE p", 'I', true, "unknown:db", "public"}}},
    {"a text moves on from statement to statement", {
        {"SET search_path = s; SELECT * FROM t", 'I', false, "read:db read:s.t", NULL},
        {"BEGIN; SET LOCAL search_path = s; SELECT * FROM t; COMMIT", 'I', false, "read:db read:s.t release:db", "public"}}},
    {"what is not plain in a text is unknown", {
        {"BEGIN; SET search_path = hr; SAVEPOINT a; RESET search_path; ROLLBACK TO a; SELECT * FROM t", 'T', false,
         "read:db release:db unknown:db", NULL},
        {"ROLLBACK; SELECT * FROM t", 'I', false, "release:db unknown:db", "public"},
        {"SET search_path = s; RESET search_path; SELECT * FROM t", 'I', false, "read:db release:db unknown:db", "public"},
        {"SET search_path = s; COMMIT; SELECT * FROM t", 'I', false, "read:db release:db unknown:db", "public"},
        {"DO $$ begin set search_path to s; end $$; SELECT * FROM t", 'I', false, "unknown:db write:db", "public"},
        {"SET ROLE joe; RESET ROLE; ROLLBACK; SELECT * FROM s.t", 'I', false, "admin:db read:s.t release:db unknown:db",
         "public"}}},
};

/* "path" or "path:role". */
static void tell(struct sql_session *session, const char *told) {
    struct str text = str_from_cstr(told);
    size_t colon = str_find_byte(text, ':');
    struct sql_known known = {.search_path = text, .user = STR("owner"), .session_user = STR("owner")};
    struct arena arena;
    struct error error;
    arena_init(&arena, 4096);
    if (colon != STR_NOT_FOUND) known.user = str_slice(text, colon + 1, text.length);
    if (colon != STR_NOT_FOUND) known.search_path = str_slice(text, 0, colon);
    CHECK(sql_split_path(&arena, known.search_path, &known.schemas, &known.schema_count) == 0);
    CHECK(sql_session_know(session, &known, &error) == 0);
    arena_free(&arena);
}

static void run_line(struct sql_session *session, const char *name, const struct line *line) {
    struct error error;
    struct buffer steps;
    buffer_init(&steps, 4096);
    if (line->told != NULL) tell(session, line->told);
    render_text(&steps, session, str_from_cstr(line->text));
    if (line->steps != NULL) is_str(buffer_view(&steps), str_from_cstr(line->steps), name);
    buffer_free(&steps);
    const struct sql_analysis *analysis = sql_analyze(NULL, str_from_cstr(line->text), &error);
    bool is_barrier = sql_session_sent(session, analysis);
    (void)is_barrier;
    for (size_t i = 0; i < analysis->statement_count; i++) {
        CHECK(sql_session_apply(session, analysis, i, !line->fails, &error) == 0);
    }
    sql_session_settle(session, line->status, true);
    sql_analysis_release(&analysis);
}

static void check_scripts(void) {
    for (size_t i = 0; i < LENGTH_OF(scripts); i++) {
        struct sql_session *session = sql_session_new();
        for (size_t j = 0; j < SCRIPT_LINES_MAX && scripts[i].lines[j].text != NULL; j++) {
            run_line(session, scripts[i].name, &scripts[i].lines[j]);
        }
        sql_session_free(&session);
    }
}

static const struct attribute *find_attribute(const struct action *action, enum attribute_id id) {
    const struct action_step *step = &action->steps[0];
    for (size_t i = 0; i < step->attribute_count; i++) {
        if (step->attributes[i].id == id) return &step->attributes[i];
    }
    return NULL;
}

static void check_attributes(void) {
    struct sql_session *session = sql_session_new();
    struct action *action = action_new(1, 1);
    struct error error;
    const struct sql_analysis *role = sql_analyze(NULL, STR("BEGIN; PREPARE p AS DELETE FROM t"), &error);
    tell(session, "\"$user\":joe");
    for (size_t i = 0; i < 2; i++) ok(sql_session_apply(session, role, i, true, &error) == 0, "applied");
    const struct sql_analysis *execute = sql_analyze(NULL, STR("EXECUTE p"), &error);
    sql_session_describe(session, execute, &render_target, action);
    ok(action->refusal.length == 0, "described");
    is_str(find_attribute(action, ATTRIBUTE_STATEMENT)->string, STR("delete"), "EXECUTE is what it runs");
    ok(!find_attribute(action, ATTRIBUTE_HAS_WHERE)->boolean, "has_where of what it runs");
    is_str(find_attribute(action, ATTRIBUTE_ROLE)->string, STR("joe"), "role in force");
    ok(find_attribute(action, ATTRIBUTE_IN_TRANSACTION)->boolean, "in a transaction");
    is_str(action->steps[0].resource->id, STR("prod/shop/joe.t"), "id of the table");
    is_str(action->steps[0].resource->parent->id, STR("prod/shop"), "id of the database");
    is_str(action->steps[0].resource->parent->parent->id, STR("prod"), "id of the environment");
    sql_analysis_release(&role);
    sql_analysis_release(&execute);
    action_free(&action);
    sql_session_free(&session);
}

static void check_protocol_names(void) {
    struct sql_session *session = sql_session_new();
    struct error error;
    struct buffer out;
    struct sql_named found;
    const struct sql_analysis *parsed = sql_analyze(NULL, STR("DELETE FROM t"), &error);
    ok(sql_session_set_prepared(session, STR("p"), parsed, &parsed->statements[0], &error) == 0, "Parse");
    ok(sql_session_set_portal(session, STR("c"), parsed, &parsed->statements[0], &error) == 0, "Bind");
    buffer_init(&out, 4096);
    render_text(&out, session, STR("EXECUTE p"));
    is_str(buffer_view(&out), STR("write:public.t"), "EXECUTE of a statement that Parse made");
    buffer_clear(&out);
    render_text(&out, session, STR("FETCH c"));
    is_str(buffer_view(&out), STR("write:public.t"), "FETCH from a portal that Bind made");
    buffer_clear(&out);
    const struct sql_analysis *loop = sql_analyze(NULL, STR("EXECUTE q"), &error);
    ok(sql_session_set_prepared(session, STR("q"), loop, &loop->statements[0], &error) == 0, "Parse of itself");
    render_text(&out, session, STR("EXECUTE q"));
    is_str(buffer_view(&out), STR("unknown:db"), "a loop of EXECUTE ends");
    buffer_free(&out);
    ok(sql_session_set_prepared(session, STR("p"), NULL, NULL, &error) == 0, "Close");
    ok(!sql_session_find_prepared(session, STR("p"), &found), "it is gone");
    sql_analysis_release(&loop);
    sql_analysis_release(&parsed);
    sql_session_free(&session);
}

static void check_parameters(void) {
    static const struct {
        const char *name;
        const char *value;
        const char *text;
        const char *steps;
    } rows[] = {
        {"standard_conforming_strings", "off", "SELECT 1", "unknown:db"},
        {"client_encoding", "SJIS", "SELECT 1", "unknown:db"},
        {"client_encoding", "SQL_ASCII", "SELECT 1", "read:db"},
        {"server_encoding", "LATIN1", "SELECT 1", "read:db"},
        {"server_encoding", "LATIN1", "SELECT '\xc3\xa9'", "unknown:db"},
        {"search_path", "sales", "SELECT * FROM t", "unknown:db"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct sql_session *session = sql_session_new();
        struct buffer out;
        buffer_init(&out, 4096);
        sql_session_parameter(session, str_from_cstr(rows[i].name), str_from_cstr(rows[i].value));
        render_text(&out, session, str_from_cstr(rows[i].text));
        is_str(buffer_view(&out), str_from_cstr(rows[i].steps), rows[i].name);
        buffer_free(&out);
        sql_session_free(&session);
    }
}

static void check_barrier(void) {
    static const struct {
        const char *text;
        bool needs;
    } rows[] = {
        {"SELECT 1", false}, {"BEGIN", false}, {"COMMIT", false}, {"SET work_mem = 1", false},
        {"SET search_path = s", true}, {"SELECT set_config('search_path', 's', true)", true}, {"SET ROLE x", true},
        {"PREPARE p AS SELECT 1", true}, {"DECLARE c CURSOR FOR SELECT 1", true}, {"DISCARD ALL", true},
        {"DO $$ begin null; end $$", true}, {"CALL p()", true}, {"UPDATE pg_settings SET setting = 1", true},
        {"CREATE SCHEMA x", true}, {"GRANT USAGE ON SCHEMA x TO y", true}, {"INSERT INTO t VALUES (1)", false},
        {"SELECT '", true},
    };
    struct sql_session *session = sql_session_new();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        const struct sql_analysis *analysis = sql_analyze(NULL, str_from_cstr(rows[i].text), NULL);
        struct buffer steps;
        buffer_init(&steps, 4096);
        render_text(&steps, session, str_from_cstr(rows[i].text));
        ok(sql_session_sent(session, analysis) == rows[i].needs, rows[i].text);
        buffer_free(&steps);
        sql_session_settle(session, 'I', true);
        sql_analysis_release(&analysis);
    }
    sql_session_free(&session);
}

int main(void) {
    check_scripts();
    check_attributes();
    check_protocol_names();
    check_parameters();
    check_barrier();
    return tap_done();
}
