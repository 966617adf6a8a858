/* Problems: what was wrong with a text, and where. */
#include "cedar/problem.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const code_names[CEDAR_CODE_COUNT] = {
    [CEDAR_OK] = "ok",
    [CEDAR_SYNTAX] = "syntax",
    [CEDAR_BAD_TOKEN] = "bad_token",
    [CEDAR_BAD_STRING] = "bad_string",
    [CEDAR_RESERVED] = "reserved",
    [CEDAR_BAD_SCOPE] = "bad_scope",
    [CEDAR_BAD_SLOT] = "bad_slot",
    [CEDAR_BAD_CONDITION] = "bad_condition",
    [CEDAR_BAD_OPERATOR] = "bad_operator",
    [CEDAR_BAD_NAME] = "bad_name",
    [CEDAR_BAD_ARGUMENTS] = "bad_arguments",
    [CEDAR_DUPLICATE] = "duplicate",
    [CEDAR_INTEGER_RANGE] = "integer_range",
    [CEDAR_LIMIT] = "limit",
    [CEDAR_MEMORY] = "memory",
    [CEDAR_NOT_FOUND] = "not_found",
    [CEDAR_BAD_LINK] = "bad_link",
    [CEDAR_BAD_JSON] = "bad_json",
    [CEDAR_BAD_EXTENSION] = "bad_extension",
    [CEDAR_CYCLE] = "cycle",
    [CEDAR_FAILED_TYPE] = "failed_type",
    [CEDAR_FAILED_OVERFLOW] = "failed_overflow",
    [CEDAR_FAILED_NO_ENTITY] = "failed_no_entity",
    [CEDAR_FAILED_NO_ATTRIBUTE] = "failed_no_attribute",
    [CEDAR_FAILED_NO_TAG] = "failed_no_tag",
    [CEDAR_FAILED_EXTENSION] = "failed_extension",
    [CEDAR_FAILED_ARGUMENTS] = "failed_arguments",
    [CEDAR_UNDEFINED] = "undefined",
    [CEDAR_SHADOWED] = "shadowed",
    [CEDAR_BAD_TYPE] = "bad_type",
    [CEDAR_UNSUPPORTED] = "unsupported",
    [CEDAR_INVALID_ENTITY_TYPE] = "invalid_entity_type",
    [CEDAR_INVALID_ACTION] = "invalid_action",
    [CEDAR_INVALID_ID] = "invalid_id",
    [CEDAR_INVALID_SCOPE] = "invalid_scope",
    [CEDAR_INVALID_TYPE] = "invalid_type",
    [CEDAR_INVALID_MIX] = "invalid_mix",
    [CEDAR_INVALID_ATTRIBUTE] = "invalid_attribute",
    [CEDAR_INVALID_OPTIONAL] = "invalid_optional",
    [CEDAR_INVALID_TAG] = "invalid_tag",
    [CEDAR_INVALID_NO_TAGS] = "invalid_no_tags",
    [CEDAR_INVALID_EMPTY_SET] = "invalid_empty_set",
    [CEDAR_INVALID_CALL] = "invalid_call",
    [CEDAR_INVALID_LITERAL] = "invalid_literal",
    [CEDAR_INVALID_ARGUMENTS] = "invalid_arguments",
    [CEDAR_INVALID_FUNCTION] = "invalid_function",
    [CEDAR_INVALID_PARENT] = "invalid_parent",
    [CEDAR_INVALID_MISSING] = "invalid_missing",
    [CEDAR_INVALID_DECLARATION] = "invalid_declaration",
    [CEDAR_INVALID_REQUEST] = "invalid_request",
    [CEDAR_WARNED_IMPOSSIBLE] = "warned_impossible",
    [CEDAR_WARNED_SCRIPTS] = "warned_scripts",
    [CEDAR_WARNED_BIDI] = "warned_bidi",
    [CEDAR_WARNED_IDENTIFIER] = "warned_identifier",
};

const char *cedar_code_name(enum cedar_code code) {
    return (unsigned)code < CEDAR_CODE_COUNT ? code_names[code] : "unknown";
}

void cedar_position_find(struct str text, uint32_t offset, uint32_t *line, uint32_t *column) {
    size_t line_start = 0;
    *line = 1;
    for (size_t i = 0; i < offset && i < text.length; i++) {
        if (text.data[i] != '\n') continue;
        (*line)++;
        line_start = i + 1;
    }
    *column = (uint32_t)utf8_count(str_slice(text, line_start, offset)) + 1;
}

static void set_text(struct cedar_problem *problem, enum cedar_code code, const char *format, va_list arguments) {
    *problem = (struct cedar_problem){.code = code};
    vsnprintf(problem->text, sizeof(problem->text), format, arguments);
}

int cedar_problem_set(struct cedar_problem *problem, enum cedar_code code, const char *format, ...) {
    if (problem == NULL) return -1;
    va_list arguments;
    va_start(arguments, format);
    set_text(problem, code, format, arguments);
    va_end(arguments);
    return -1;
}

int cedar_problem_set_at(struct cedar_problem *problem, enum cedar_code code, struct str text, struct cedar_span span,
                         const char *format, ...) {
    if (problem == NULL) return -1;
    va_list arguments;
    va_start(arguments, format);
    set_text(problem, code, format, arguments);
    va_end(arguments);
    problem->span = span;
    cedar_position_find(text, span.start, &problem->line, &problem->column);
    return -1;
}

int cedar_problem_set_memory(struct cedar_problem *problem) {
    return cedar_problem_set(problem, CEDAR_MEMORY, "out of memory: free some, or raise the limit of this process");
}
