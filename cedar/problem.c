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
