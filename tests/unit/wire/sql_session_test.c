/* Sessions: what earlier statements, confirmed by the server, make of later ones. A script is a line of texts; each is
 * described, then completed: "!" before it fails, and the status that the server reports stands behind "@". */
#include "tests/unit/tap.h"
#include "tests/unit/wire/sql_render.h"

#define SCRIPT_LINES_MAX 12

struct line {
    const char *text;
    char status;        /* of ReadyForQuery */
    bool fails;
    const char *steps;  /* NULL: not compared */
};

static const struct {
    const char *name;
    struct line lines[SCRIPT_LINES_MAX];
} scripts[] = {
    {"PREPARE and EXECUTE", {
        {"PREPARE p AS DELETE FROM t", 'I', false, "write:public.t"},
        {"EXECUTE p", 'I', false, "write:public.t"},
        {"EXPLAIN ANALYZE EXECUTE p", 'I', false, "write:public.t"},
        {"CREATE TABLE n AS EXECUTE p", 'I', false, "ddl:public.n write:public.t"},
        {"DEALLOCATE p", 'I', false, "read:db"},
        {"EXECUTE p", 'I', true, "unknown:db"}}},
    {"a PREPARE that failed", {
        {"PREPARE p AS DELETE FROM t", 'I', true, NULL},
        {"EXECUTE p", 'I', true, "unknown:db"}}},
    {"PREPARE survives ROLLBACK, as in the server", {
        {"BEGIN", 'T', false, NULL},
        {"PREPARE p AS DELETE FROM t", 'T', false, NULL},
        {"ROLLBACK", 'I', false, NULL},
        {"EXECUTE p", 'I', false, "write:public.t"}}},
    {"a prepared statement follows search_path", {
        {"PREPARE p AS DELETE FROM t", 'I', false, NULL},
        {"SET search_path = s", 'I', false, NULL},
        {"EXECUTE p", 'I', false, "write:s.t"}}},
    {"a cursor keeps its search_path", {
        {"BEGIN", 'T', false, NULL},
        {"SET search_path = s", 'T', false, NULL},
        {"DECLARE c CURSOR FOR SELECT * FROM t", 'T', false, "read:s.t"},
        {"SET search_path = public", 'T', false, NULL},
        {"FETCH 5 FROM c", 'T', false, "read:s.t"},
        {"MOVE c", 'T', false, "read:s.t"},
        {"CLOSE c", 'T', false, NULL},
        {"FETCH c", 'E', true, "unknown:db"}}},
    {"a cursor ends with its transaction, a held one does not", {
        {"BEGIN", 'T', false, NULL},
        {"DECLARE c CURSOR FOR SELECT * FROM t", 'T', false, NULL},
        {"DECLARE h CURSOR WITH HOLD FOR SELECT * FROM u FOR UPDATE", 'T', false, NULL},
        {"COMMIT", 'I', false, NULL},
        {"FETCH c", 'I', true, "unknown:db"},
        {"FETCH h", 'I', false, "read:public.u write:public.u"}}},
    {"search_path set and rolled back", {
        {"BEGIN", 'T', false, NULL},
        {"SET search_path = s", 'T', false, NULL},
        {"SELECT * FROM t", 'T', false, "read:s.t"},
        {"ROLLBACK", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"search_path set and committed", {
        {"BEGIN", 'T', false, NULL},
        {"SET search_path = s", 'T', false, NULL},
        {"COMMIT", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:s.t"},
        {"SET search_path = DEFAULT", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"COMMIT of a failed transaction is a rollback", {
        {"BEGIN", 'T', false, NULL},
        {"SET search_path = s", 'T', false, NULL},
        {"SELECT 1/0", 'E', true, NULL},
        {"COMMIT", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"SET LOCAL ends with the transaction", {
        {"BEGIN", 'T', false, NULL},
        {"SET LOCAL search_path = s", 'T', false, NULL},
        {"SELECT * FROM t", 'T', false, "read:s.t"},
        {"COMMIT", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"SET LOCAL outside of a transaction does nothing", {
        {"SET LOCAL search_path = s", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"savepoints", {
        {"BEGIN", 'T', false, NULL},
        {"SET search_path = s", 'T', false, NULL},
        {"SAVEPOINT a", 'T', false, NULL},
        {"SET search_path = x", 'T', false, NULL},
        {"SELECT * FROM nowhere", 'E', true, "read:x.nowhere"},
        {"ROLLBACK TO a", 'T', false, NULL},
        {"SELECT * FROM t", 'T', false, "read:s.t"},
        {"RELEASE a", 'T', false, NULL},
        {"COMMIT", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:s.t"}}},
    {"a failed SET changes nothing", {
        {"SET search_path = s", 'I', true, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"}}},
    {"no schema to find it in", {
        {"SET search_path = ''", 'I', false, NULL},
        {"SELECT * FROM t", 'I', true, "unknown:db"},
        {"SELECT * FROM pg_class", 'I', false, "read:pg_catalog.pg_class"}}},
    {"set_config may not have been reached", {
        {"SELECT CASE WHEN false THEN set_config('search_path', 's', false) END", 'I', false, "read:db"},
        {"SELECT * FROM t", 'I', false, "read:public.t read:s.t"}}},
    {"SET ROLE and $user", {
        {"SET ROLE joe", 'I', false, "admin:db"},
        {"SELECT * FROM t", 'I', false, "read:joe.t read:public.t"},
        {"SET search_path = \"$user\"", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:joe.t"},
        {"RESET ROLE", 'I', false, "admin:db"},
        {"SELECT * FROM t", 'I', true, "unknown:db"}}},
    {"DISCARD ALL", {
        {"PREPARE p AS SELECT 1", 'I', false, NULL},
        {"SET search_path = s", 'I', false, NULL},
        {"DISCARD ALL", 'I', false, NULL},
        {"SELECT * FROM t", 'I', false, "read:public.t"},
        {"EXECUTE p", 'I', true, "unknown:db"}}},
};

static void run_line(struct sql_session *session, const char *name, const struct line *line) {
    struct error error;
    struct buffer steps;
    buffer_init(&steps, 4096);
    render_text(&steps, session, str_from_cstr(line->text));
    if (line->steps != NULL) is_str(buffer_view(&steps), str_from_cstr(line->steps), name);
    buffer_free(&steps);
    const struct sql_analysis *analysis = sql_analyze(NULL, str_from_cstr(line->text), &error);
    for (size_t i = 0; i < analysis->statement_count; i++) {
        CHECK(sql_session_apply(session, analysis, i, !line->fails, &error) == 0);
    }
    sql_session_settle(session, line->status);
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
    const struct sql_analysis *role = sql_analyze(NULL, STR("BEGIN; SET ROLE joe; PREPARE p AS DELETE FROM t"), &error);
    for (size_t i = 0; i < 3; i++) ok(sql_session_apply(session, role, i, true, &error) == 0, "applied");
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
        {"search_path", "\"$user\", Sales", "SELECT * FROM t", "read:sales.t"},
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
    };
    struct sql_session *session = sql_session_new();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        const struct sql_analysis *analysis = sql_analyze(NULL, str_from_cstr(rows[i].text), NULL);
        ok(sql_session_needs_barrier(session, analysis) == rows[i].needs, rows[i].text);
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
