/* Rules that Cedar does not know of: a review rule must be curable by just what it asks for, or an approval would be
 * given in vain.
 *
 *     @remedy("approve:<group>[:<count>]")
 *     forbid (...) unless { context.applied.contains("<the same text>") };
 *
 *     remedy = "approve:" group [":" count]      group: one or more bytes but ':'    count: 1 to 16, no leading zero
 *
 * And an obligation must be one that can be met: @rows_max("<rows>") of a permit. */
#include "guard/bundle_internal.h"

int remedy_parse(struct str token, struct remedy *remedy, struct error *error) {
    struct str rest = token;
    struct str part;
    *remedy = (struct remedy){.count = 1};
    if (token.length > BUNDLE_REMEDY_BYTES_MAX) {
        return error_set(error, ERROR_LIMIT, "a remedy has at most %d bytes", BUNDLE_REMEDY_BYTES_MAX);
    }
    bool has_verb = str_split(&rest, ':', &part) && str_equal(part, STR("approve"));
    if (!has_verb || !str_split(&rest, ':', &remedy->group) || remedy->group.length == 0) {
        return error_set(error, ERROR_INVALID, "\"%.*s\" is no remedy: write \"approve:<group>\" or "
                                               "\"approve:<group>:<count>\"", STR_ARGS(token));
    }
    if (rest.data == NULL) return 0;
    uint64_t count = 0;
    if (rest.length == 0 || rest.data[0] == '0' || str_parse_u64(rest, &count) != 0 ||
        count > BUNDLE_REMEDY_COUNT_MAX) {
        return error_set(error, ERROR_INVALID, "\"%.*s\": the count of approvals must be 1 to %d", STR_ARGS(token),
                         BUNDLE_REMEDY_COUNT_MAX);
    }
    remedy->count = (uint32_t)count;
    return 0;
}

static void lint_remedy(const struct cedar_policy *policy, struct str token, const struct bundle_problem *place,
                        struct bundle_problems *problems) {
    struct str id = cedar_policy_id(policy);
    struct remedy remedy;
    struct error reason = {0};
    if (remedy_parse(token, &remedy, &reason) != 0) {
        bundle_add_problem(problems, place, "policy %.*s: %s", STR_ARGS(id), reason.text);
    } else if (cedar_policy_effect(policy) != CEDAR_FORBID) {
        bundle_add_problem(problems, place,
                           "policy %.*s: @remedy belongs to a forbid: a permit denies nothing that could be cured",
                           STR_ARGS(id));
    } else if (!cedar_policy_is_cured_by(policy, token)) {
        bundle_add_problem(problems, place,
                           "policy %.*s: its remedy would not cure it: "
                           "add unless { context.applied.contains(\"%.*s\") }",
                           STR_ARGS(id), STR_ARGS(token));
    }
}

int rows_max_parse(struct str text, uint64_t *rows_max, struct error *error) {
    bool is_number = text.length > 0 && text.data[0] != '0' && str_parse_u64(text, rows_max) == 0;
    if (is_number && *rows_max <= BUNDLE_ROWS_MAX) return 0;
    return error_set(error, ERROR_INVALID, "\"%.*s\" is no number of rows: write 1 to %llu", STR_ARGS(text),
                     (unsigned long long)BUNDLE_ROWS_MAX);
}

static void lint_rows_max(const struct cedar_policy *policy, struct str text, const struct bundle_problem *place,
                          struct bundle_problems *problems) {
    struct str id = cedar_policy_id(policy);
    struct error reason = {0};
    uint64_t rows_max;
    if (rows_max_parse(text, &rows_max, &reason) != 0) {
        bundle_add_problem(problems, place, "policy %.*s: @rows_max: %s", STR_ARGS(id), reason.text);
    } else if (cedar_policy_effect(policy) != CEDAR_PERMIT) {
        bundle_add_problem(problems, place,
                           "policy %.*s: @rows_max belongs to a permit: what a forbid denies has no rows", STR_ARGS(id));
    }
}

void bundle_lint_policy(const struct cedar_policy *policy, struct bundle_problems *problems) {
    struct bundle_problem place = {
        .file = cedar_policy_file(policy), .source = cedar_policy_source(policy), .code = "empty_id"};
    cedar_policy_position(policy, &place.span, &place.line, &place.column);
    if (cedar_policy_id(policy).length == 0) {
        bundle_add_problem(problems, &place, "@id (newId of a link) is empty: name the policy or remove it");
    }
    struct str token = cedar_policy_annotation(policy, STR("remedy"));
    place.code = "bad_remedy";
    if (token.data != NULL && !cedar_policy_is_link(policy)) lint_remedy(policy, token, &place, problems);
    struct str rows_max = cedar_policy_annotation(policy, STR("rows_max"));
    place.code = "bad_rows_max";
    if (rows_max.data != NULL && !cedar_policy_is_link(policy)) lint_rows_max(policy, rows_max, &place, problems);
}
