/* Warnings about texts that may not say what they seem to: letters of two scripts in one word (a Cyrillic `a` looks
 * like the Latin one), characters that change the direction of writing, and in identifiers (attributes, keys of records,
 * ids of entities) characters that Unicode advises against there. Unicode Technical Standard 39, sections 3.1 and 5.1.
 * The tables are those of Unicode 17, as the official implementation has them. */
#include "cedar/validate.h"

#define SCRIPTS_ONE_MAX 176 /* numbers of single scripts are below */
#define ALL 0xffff
#define SCRIPT_WORDS 3

struct script_set {
    uint64_t words[SCRIPT_WORDS];
};

static const struct script_set sets[] = {
#define SET(low, middle, high) {{low, middle, high}},
#include "cedar/validate_script.def"
#undef SET
};

struct script_row {
    uint32_t first, last;
    uint16_t scripts;
};

static const struct script_row rows[] = {
#define IN(first, last, scripts) {first, last, scripts},
#include "cedar/validate_script.def"
#undef IN
};

struct range {
    uint32_t first, last;
};

static const struct range allowed[] = {
#define ALLOWED(first, last) {first, last},
#include "cedar/validate_identifier.def"
#undef ALLOWED
};

static const struct script_set every_script = {{UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static struct script_set scripts_of(uint32_t point) {
    struct script_set one = {{0}};
    size_t low = 0, high = LENGTH_OF(rows);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct script_row *row = &rows[middle];
        if (point < row->first) {
            high = middle;
        } else if (point > row->last) {
            low = middle + 1;
        } else {
            if (row->scripts == ALL) return every_script;
            if (row->scripts >= SCRIPTS_ONE_MAX) return sets[row->scripts - SCRIPTS_ONE_MAX];
            one.words[row->scripts / 64] = UINT64_C(1) << row->scripts % 64;
            break;
        }
    }
    return one;
}

/* Leaves the scripts in which all of the text can be written, too; none: it mixes some. */
static void narrow(struct script_set *scripts, struct str text) {
    uint32_t point;
    size_t offset = 0;
    while (offset < text.length && utf8_decode(text, &offset, &point) == 0) {
        const struct script_set of_point = scripts_of(point);
        for (size_t i = 0; i < SCRIPT_WORDS; i++) scripts->words[i] &= of_point.words[i];
    }
}

static bool is_empty(const struct script_set *scripts) {
    return (scripts->words[0] | scripts->words[1] | scripts->words[2]) == 0;
}

bool cedar_script_is_mixed(struct str text) {
    struct script_set scripts = every_script;
    narrow(&scripts, text);
    return is_empty(&scripts);
}

static bool is_allowed(uint32_t point) {
    if (point < 0x80) return point >= 0x20 && point != 0x7f;
    size_t low = 0, high = LENGTH_OF(allowed);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point < allowed[middle].first) high = middle;
        else if (point > allowed[middle].last) low = middle + 1;
        else return true;
    }
    return false;
}

bool cedar_script_is_identifier(struct str text, uint32_t *bad) {
    for (size_t offset = 0; offset < text.length && utf8_decode(text, &offset, bad) == 0;) {
        if (!is_allowed(*bad)) return false;
    }
    return true;
}

bool cedar_script_is_bidi(struct str text) {
    uint32_t point;
    for (size_t offset = 0; offset < text.length && utf8_decode(text, &offset, &point) == 0;) {
        if ((point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069)) return true;
    }
    return false;
}

static void warn_bidi(struct cedar_report *report, struct cedar_span span) {
    cedar_report_add(report, CEDAR_WARNED_BIDI, span,
                     "this text changes the direction of writing, so that what follows may read otherwise than it is: "
                     "remove these characters, or write them as \\u{...}");
}

static void warn_mixed(struct cedar_report *report, struct cedar_span span) {
    cedar_report_add(report, CEDAR_WARNED_SCRIPTS, span,
                     "this text mixes letters of several scripts, which may look alike: check that each is meant");
}

static void check_string(struct cedar_report *report, struct cedar_span span, struct str text) {
    if (cedar_script_is_bidi(text)) warn_bidi(report, span);
    else if (cedar_script_is_mixed(text)) warn_mixed(report, span);
}

/* An attribute, the key of a record, the id of an entity. */
static void check_identifier(struct cedar_report *report, struct cedar_span span, struct str text) {
    uint32_t bad;
    if (cedar_script_is_bidi(text)) {
        warn_bidi(report, span);
    } else if (!cedar_script_is_identifier(text, &bad)) {
        cedar_report_add(report, CEDAR_WARNED_IDENTIFIER, span,
                         "the character U+%04X is one that Unicode advises against in identifiers (UTS 39): check that it "
                         "is meant", bad);
    } else if (cedar_script_is_mixed(text)) {
        warn_mixed(report, span);
    }
}

static void check_pattern(struct cedar_report *report, struct cedar_span span, const struct cedar_pattern *pattern) {
    struct script_set scripts = every_script;
    bool is_bidi = false;
    for (size_t i = 0; i < pattern->count; i++) {
        narrow(&scripts, pattern->pieces[i]);
        is_bidi = is_bidi || cedar_script_is_bidi(pattern->pieces[i]);
    }
    if (is_bidi) warn_bidi(report, span);
    else if (is_empty(&scripts)) warn_mixed(report, span);
}

/* Recursion: expressions are at most CEDAR_DEPTH_MAX deep. */
static void check_expression(struct cedar_report *report, const struct cedar_expression *node) {
    if (!cedar_report_step(report)) return;
    if (node->kind == CEDAR_EXPRESSION_LITERAL && node->value.kind == CEDAR_STRING) {
        check_string(report, node->span, node->value.string);
    }
    if (node->kind == CEDAR_EXPRESSION_LITERAL && node->value.kind == CEDAR_ENTITY) {
        check_identifier(report, node->span, node->value.entity->id);
    }
    if (node->kind == CEDAR_EXPRESSION_ATTRIBUTE) check_identifier(report, node->span, node->name);
    if (node->kind == CEDAR_EXPRESSION_LIKE) check_pattern(report, node->span, node->pattern);
    for (uint32_t i = 0; i < node->name_count; i++) check_identifier(report, node->span, node->names[i]);
    for (uint32_t i = 0; i < node->count; i++) check_expression(report, node->operands[i]);
}

static void check_scope(struct cedar_report *report, const struct cedar_scope *scope) {
    for (uint32_t i = 0; i < scope->count; i++) check_identifier(report, scope->span, scope->entities[i]->id);
}

void cedar_check_scripts(struct cedar_report *report, const struct cedar_policy *policy) {
    const struct cedar_statement *statement = policy->statement;
    check_scope(report, &statement->principal);
    check_scope(report, &statement->action);
    check_scope(report, &statement->resource);
    for (uint32_t i = 0; i < statement->condition_count; i++) check_expression(report, statement->conditions[i].body);
}
