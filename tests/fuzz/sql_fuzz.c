/* The reading of SQL: every text gives an analysis whose parts are well-formed, and it can be described and applied. */
#include "wire/postgres/sql_builder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libpg_query 15-4.0 keeps one byte of each PL/pgSQL text that does not parse. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
    return "leak:pg_query_raw_parse";
}

void sql_on_worker_stack(void (*function)(void *argument), void *argument) {
    function(argument);
}

static void check_part(const struct sql_part *part) {
    CHECK(part->kind.length > 0);
    for (size_t i = 1; i < part->function_count; i++) {
        CHECK(str_compare(part->functions[i - 1], part->functions[i]) < 0);
    }
}

static void check_statement(const struct sql_statement *statement) {
    bool is_unknown = false;
    CHECK(statement->kind.length > 0 && statement->use_count > 0 && statement->part_count > 0);
    for (size_t i = 0; i < statement->use_count; i++) {
        CHECK(statement->uses[i].verb < SQL_VERB_COUNT && statement->uses[i].part < statement->part_count);
        is_unknown |= statement->uses[i].verb == SQL_UNKNOWN;
    }
    CHECK(is_unknown == (statement->unknown_reason.length > 0));
    for (size_t i = 0; i < statement->part_count; i++) check_part(&statement->parts[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct sql_target target = {{"prod", 4}, {"shop", 4}, {"shop", 4}, false, {"owner", 5}};
    struct error error;
    const struct sql_analysis *analysis = sql_analyze(NULL, str_make(data, size), &error);
    struct sql_session *session = sql_session_new();
    struct action *action = action_new(1, 1);
    CHECK(analysis != NULL && session != NULL && action != NULL);
    for (size_t i = 0; i < analysis->statement_count; i++) check_statement(&analysis->statements[i]);
    for (int round = 0; round < 2; round++) {
        sql_session_describe(session, analysis, &target, action);
        CHECK(action->step_count > 0 || action->refusal.length > 0);
        if (sql_session_sent(session, analysis)) sql_session_bury(session, size % 5 == 0);
        for (size_t i = 0; i < analysis->statement_count; i++) {
            if (sql_session_apply(session, analysis, i, i % 5 != 4, &error) != 0) break;
        }
        sql_session_settle(session, "ITE"[size % 3], size % 2 == 0);
    }
    action_free(&action);
    sql_session_free(&session);
    sql_analysis_release(&analysis);
    return 0;
}
