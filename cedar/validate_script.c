/* Warnings about texts that may not say what they seem to: letters of two scripts in one word (a Cyrillic `a` looks
 * like the Latin one), and characters that change the direction of writing. Unicode Technical Standard 39, section
 * 5.1. */
#include "cedar/validate.h"

#define ALL_SCRIPTS ((UINT64_C(1) << 36) - 1)
#define OTHER_SCRIPT (UINT64_C(1) << 35)

struct script_row {
    uint32_t first, last;
    uint64_t scripts;
};

static const struct script_row rows[] = {
#define IN(first, last, scripts) {first, last, scripts},
#define COMMON(first, last) {first, last, ALL_SCRIPTS},
#include "cedar/validate_script.def"
#undef IN
#undef COMMON
};

static uint64_t scripts_of(uint32_t point) {
    size_t low = 0, high = LENGTH_OF(rows);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point < rows[middle].first) high = middle;
        else if (point > rows[middle].last) low = middle + 1;
        else return rows[middle].scripts;
    }
    return OTHER_SCRIPT;
}

/* The scripts in which all of the text can be written; 0: it mixes some. */
static uint64_t narrow(uint64_t scripts, struct str text) {
    uint32_t point;
    size_t offset = 0;
    while (offset < text.length && utf8_decode(text, &offset, &point) == 0) scripts &= scripts_of(point);
    return scripts;
}

bool cedar_script_is_mixed(struct str text) {
    return narrow(ALL_SCRIPTS, text) == 0;
}

bool cedar_script_is_bidi(struct str text) {
    uint32_t point;
    for (size_t offset = 0; offset < text.length && utf8_decode(text, &offset, &point) == 0;) {
        if ((point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069)) return true;
    }
    return false;
}

static void warn(struct cedar_report *report, struct cedar_span span, bool is_mixed, bool is_bidi) {
    if (is_bidi) {
        cedar_report_add(report, CEDAR_WARNED_BIDI, span,
                         "this text changes the direction of writing, so that what follows may read otherwise than it "
                         "is: remove these characters, or write them as \\u{...}");
    } else if (is_mixed) {
        cedar_report_add(report, CEDAR_WARNED_SCRIPTS, span,
                         "this text mixes letters of several scripts, which may look alike: check that each is meant");
    }
}

static void check_text(struct cedar_report *report, struct cedar_span span, struct str text) {
    warn(report, span, cedar_script_is_mixed(text), cedar_script_is_bidi(text));
}

static void check_pattern(struct cedar_report *report, struct cedar_span span, const struct cedar_pattern *pattern) {
    uint64_t scripts = ALL_SCRIPTS;
    bool is_bidi = false;
    for (size_t i = 0; i < pattern->count; i++) {
        scripts = narrow(scripts, pattern->pieces[i]);
        is_bidi = is_bidi || cedar_script_is_bidi(pattern->pieces[i]);
    }
    warn(report, span, scripts == 0, is_bidi);
}

/* Recursion: expressions are at most CEDAR_DEPTH_MAX deep. */
static void check_expression(struct cedar_report *report, const struct cedar_expression *node) {
    if (!cedar_report_step(report)) return;
    if (node->kind == CEDAR_EXPRESSION_LITERAL && node->value.kind == CEDAR_STRING) {
        check_text(report, node->span, node->value.string);
    }
    if (node->kind == CEDAR_EXPRESSION_LITERAL && node->value.kind == CEDAR_ENTITY) {
        check_text(report, node->span, node->value.entity->id);
    }
    if (node->kind == CEDAR_EXPRESSION_ATTRIBUTE) check_text(report, node->span, node->name);
    if (node->kind == CEDAR_EXPRESSION_LIKE) check_pattern(report, node->span, node->pattern);
    for (uint32_t i = 0; i < node->name_count; i++) check_text(report, node->span, node->names[i]);
    for (uint32_t i = 0; i < node->count; i++) check_expression(report, node->operands[i]);
}

static void check_scope(struct cedar_report *report, const struct cedar_scope *scope) {
    for (uint32_t i = 0; i < scope->count; i++) check_text(report, scope->span, scope->entities[i]->id);
}

void cedar_check_scripts(struct cedar_report *report, const struct cedar_policy *policy) {
    const struct cedar_statement *statement = policy->statement;
    check_scope(report, &statement->principal);
    check_scope(report, &statement->action);
    check_scope(report, &statement->resource);
    for (uint32_t i = 0; i < statement->condition_count; i++) check_expression(report, statement->conditions[i].body);
}
