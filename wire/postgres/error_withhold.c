/* body = *( type text NUL ) NUL       type is one byte: PostgreSQL 15 documentation, 55.8 */
#include "wire/postgres/error_withhold.h"

#include "wire/postgres/declared.h"

#define REPLACED STR("(withheld: the statement touches columns that you may not see)")

static bool statement_is_telling(const struct mask_plan *plan, const struct wire_upstream *target,
                                 const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->column_count; i++) {
        size_t at = 0;
        struct str class = STR_NONE;
        if (plan->hides(plan, plan->field(plan, statement->columns[i]))) return true;
        while ((class = declared_next(target, statement, statement->columns[i], &at)).length > 0) {
            if (plan->hides(plan, plan->field(plan, class))) return true;
        }
    }
    return statement->has_whole_row || statement->moves_unnamed;
}

/* What EXECUTE and FETCH run was prepared or declared before. */
static bool effect_is_telling(const struct mask_plan *plan, const struct wire_upstream *target,
                              const struct sql_effect *effect, const struct sql_session *session) {
    struct sql_named found;
    bool is_found = (effect->kind == SQL_EFFECT_EXECUTE && sql_session_find_prepared(session, effect->name, &found)) ||
                    (effect->kind == SQL_EFFECT_FETCH && sql_session_find_portal(session, effect->name, &found));
    if (is_found) return found.statement != NULL && statement_is_telling(plan, target, found.statement);
    return effect->inner != NULL && statement_is_telling(plan, target, effect->inner);
}

bool error_is_telling(const struct mask_plan *plan, const struct wire_upstream *target,
                      const struct sql_analysis *analysis, const struct sql_session *session) {
    if (plan->reveals_all || plan->hides == NULL) return false;
    for (size_t i = 0; analysis != NULL && i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        if (statement_is_telling(plan, target, statement)) return true;
        for (size_t j = 0; j < statement->effect_count; j++) {
            if (effect_is_telling(plan, target, &statement->effects[j], session)) return true;
        }
    }
    return false;
}

/* Classes of SQLSTATE whose messages name objects and limits, and quote no value: of connections, features, transactions,
 * names and rights, resources, operators, the system. */
static bool is_of_names_only(struct str code) {
    static const char *const classes[] = {"08", "0A", "25", "28", "2B", "3B", "3D", "3F", "40", "42", "53", "54", "55",
                                          "57", "58"};
    for (size_t i = 0; i < LENGTH_OF(classes); i++) {
        if (str_starts_with(code, str_from_cstr(classes[i]))) return true;
    }
    return false;
}

/* A procedural language raises what its code says, with any SQLSTATE; its sources are pl_exec.c, plperl.c ... */
static bool is_raised_by_code(const struct message *message) {
    return str_starts_with(message_error_field(message->body, 'F'), STR("pl"));
}

static bool is_constraint(struct str code) { return str_starts_with(code, STR("23")); }

bool error_may_quote(const struct message *message) {
    struct str code = message_error_field(message->body, 'C');
    struct str severity = message_error_field(message->body, 'V');
    if (is_raised_by_code(message)) return true;
    bool is_told = str_equal(severity, STR("NOTICE")) || str_equal(severity, STR("INFO"));
    bool is_plain_notice = message->type == 'N' && is_told && str_starts_with(code, STR("00"));
    return !is_of_names_only(code) && !is_plain_notice;
}

void error_append_without_values(struct buffer *out, const struct message *message) {
    bool keeps_message = is_constraint(message_error_field(message->body, 'C')) && !is_raised_by_code(message);
    size_t offset = message_begin(out, message->type);
    for (size_t at = 0; at < message->body.length && message->body.data[at] != '\0';) {
        char type = message->body.data[at++];
        struct str rest = str_slice(message->body, at, message->body.length);
        size_t length = str_find_byte(rest, '\0');
        if (length == STR_NOT_FOUND) break;
        at += length + 1;
        bool is_left_out = type == 'D' || type == 'H' || type == 'W' || type == 'q' || type == 'p';
        if (is_left_out) continue;
        buffer_append_byte(out, (uint8_t)type);
        buffer_append_str(out, type == 'M' && !keeps_message ? REPLACED : str_slice(rest, 0, length));
        buffer_append_byte(out, '\0');
    }
    buffer_append_byte(out, '\0');
    message_end(out, offset);
}
