/* Walking compiled policies with one request, and keeping what was seen on the way. */
#include "cedar/explain.h"

#include "cedar/ast.h"
#include "cedar/eval.h"

#define VALUE_BYTES_MAX 200u
#define VALUE_WORK_BYTES_MAX (16u << 20)

struct explainer {
    struct cedar_evaluation evaluation;
    struct arena *arena;
    const struct cedar_policy *policy;
    bool is_failed;
    struct cedar_fact spare; /* written to, and forgotten, when the arena is full */
};

struct fact_list {
    const struct cedar_fact *first;
    struct cedar_fact *last;
};

static struct cedar_fact *new_fact(struct explainer *explainer, struct cedar_span span) {
    struct cedar_fact *fact = ARENA_NEW(explainer->arena, struct cedar_fact);
    if (fact == NULL) {
        explainer->is_failed = true;
        explainer->spare = (struct cedar_fact){0};
        return &explainer->spare;
    }
    fact->span = span;
    fact->text = str_slice(explainer->policy->statement->source->text, span.start, span.end);
    return fact;
}

static void append_fact(struct fact_list *list, struct cedar_fact *fact) {
    if (fact == NULL) return;
    if (list->last == NULL) list->first = fact;
    else list->last->next = fact;
    list->last = fact;
}

/* A copy, cut between two characters when it is long. */
static struct str keep_text(struct explainer *explainer, struct str text) {
    bool is_long = text.length > VALUE_BYTES_MAX;
    size_t end = is_long ? VALUE_BYTES_MAX : text.length;
    while (is_long && end > 0 && ((uint8_t)text.data[end] & 0xc0) == 0x80) end--;
    struct str kept = arena_format(explainer->arena, "%.*s%s", (int)end, text.data, is_long ? "..." : "");
    if (kept.data == NULL) explainer->is_failed = true;
    return kept.data != NULL ? kept : STR("");
}

static struct str value_text(struct explainer *explainer, const struct cedar_value *value) {
    struct buffer text;
    buffer_init(&text, VALUE_WORK_BYTES_MAX);
    cedar_value_write(value, &text);
    struct str kept = keep_text(explainer, buffer_failed(&text) ? STR("(a very large value)") : buffer_view(&text));
    buffer_free(&text);
    return kept;
}

static bool is_true(const struct cedar_value *value) {
    return value->kind == CEDAR_BOOL && value->boolean;
}

/* The end of a path such as context.a.b: a fact that needs no further reasons. */
static bool is_path(const struct cedar_node *node) {
    while (node->operation == CEDAR_DO_ATTRIBUTE) node = &node->items[0];
    return node->operation == CEDAR_DO_VARIABLE || node->operation == CEDAR_DO_CONTEXT_ATTRIBUTE;
}

static struct cedar_fact *explain_node(struct explainer *explainer, const struct cedar_node *node);

static void explain_items(struct explainer *explainer, const struct cedar_node *node, struct fact_list *facts) {
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->items[i].operation != CEDAR_DO_CONSTANT) append_fact(facts, explain_node(explainer, &node->items[i]));
    }
}

/* The terms of `&&` or `||` that decided: the first that is false (true) or fails, or else all of them. */
static void explain_terms(struct explainer *explainer, const struct cedar_node *node, struct fact_list *facts) {
    bool is_and = node->operation == CEDAR_DO_AND;
    for (uint32_t i = 0; i < node->count; i++) {
        struct cedar_value value;
        bool has_failed = cedar_evaluate(&explainer->evaluation, &node->items[i], &value) != 0;
        if (!has_failed && is_true(&value) == is_and) continue;
        append_fact(facts, explain_node(explainer, &node->items[i]));
        return;
    }
    explain_items(explainer, node, facts);
}

static void explain_if(struct explainer *explainer, const struct cedar_node *node, struct fact_list *facts) {
    struct cedar_value test;
    append_fact(facts, explain_node(explainer, &node->items[0]));
    if (cedar_evaluate(&explainer->evaluation, &node->items[0], &test) != 0) return;
    const struct cedar_node *branch = &node->items[is_true(&test) ? 1 : 2];
    if (branch->operation != CEDAR_DO_CONSTANT) append_fact(facts, explain_node(explainer, branch));
}

/* Recursion: trees are at most CEDAR_DEPTH_MAX deep. */
static struct cedar_fact *explain_node(struct explainer *explainer, const struct cedar_node *node) {
    struct cedar_fact *fact = new_fact(explainer, node->span);
    struct fact_list facts = {0};
    struct cedar_value value;
    if (cedar_evaluate(&explainer->evaluation, node, &value) != 0) {
        if (explainer->evaluation.code == CEDAR_MEMORY) explainer->is_failed = true;
        fact->has_failed = true;
        fact->value = str_from_cstr(cedar_failure_advice(explainer->evaluation.code));
    } else {
        fact->value = value_text(explainer, &value);
    }
    if (node->operation == CEDAR_DO_AND || node->operation == CEDAR_DO_OR) explain_terms(explainer, node, &facts);
    else if (node->operation == CEDAR_DO_IF) explain_if(explainer, node, &facts);
    else if (!is_path(node)) explain_items(explainer, node, &facts);
    fact->first = facts.first;
    return fact;
}

/* The part of the scope that does not match, or NULL. */
static struct cedar_fact *explain_scope(struct explainer *explainer, const struct cedar_compiled *compiled) {
    const struct cedar_request *request = explainer->evaluation.request;
    const struct cedar_statement *statement = compiled->policy->statement;
    const struct {
        const struct cedar_test *test;
        const struct cedar_scope *scope;
        const struct cedar_uid *uid;
        const struct cedar_uid *slot;
        enum cedar_variable variable;
    } rows[] = {
        {&compiled->action, &statement->action, request->action, NULL, CEDAR_ACTION},
        {&compiled->principal, &statement->principal, request->principal, compiled->policy->principal, CEDAR_PRINCIPAL},
        {&compiled->resource, &statement->resource, request->resource, compiled->policy->resource, CEDAR_RESOURCE},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (cedar_test_passes(rows[i].test, rows[i].uid, explainer->evaluation.variables[rows[i].variable])) continue;
        struct buffer text;
        buffer_init(&text, VALUE_WORK_BYTES_MAX);
        struct cedar_fact *fact = new_fact(explainer, rows[i].scope->span);
        cedar_uid_write(rows[i].uid, &text);
        if (rows[i].slot != NULL) {
            buffer_append_cstr(&text, "; the slot stands for ");
            cedar_uid_write(rows[i].slot, &text);
        }
        fact->value = keep_text(explainer, buffer_view(&text));
        buffer_free(&text);
        return fact;
    }
    return NULL;
}

/* `unless` is compiled as a negation, which is taken off again unless it was folded away. */
static struct cedar_fact *explain_condition(struct explainer *explainer, const struct cedar_node *compiled,
                                            const struct cedar_condition *condition) {
    bool is_negated = condition->is_unless && compiled->operation == CEDAR_DO_NOT;
    struct cedar_fact *fact = explain_node(explainer, is_negated ? &compiled->items[0] : compiled);
    if (condition->is_unless && !is_negated) fact->value = str_equal_cstr(fact->value, "true") ? STR("false")
                                                                                              : STR("true");
    fact->is_unless = condition->is_unless;
    return fact;
}

static enum cedar_outcome explain_conditions(struct explainer *explainer, const struct cedar_compiled *compiled,
                                             struct fact_list *facts) {
    for (uint32_t i = 0; i < compiled->condition_count; i++) {
        struct cedar_value value;
        const struct cedar_node *node = &compiled->conditions[i];
        bool has_failed = cedar_evaluate(&explainer->evaluation, node, &value) != 0 || value.kind != CEDAR_BOOL;
        struct cedar_fact *fact =
            explain_condition(explainer, node, &compiled->policy->statement->conditions[i]);
        if (has_failed || !value.boolean) {
            *facts = (struct fact_list){fact, fact};
            return has_failed ? CEDAR_FAILED : CEDAR_NOT_SATISFIED;
        }
        append_fact(facts, fact);
    }
    return CEDAR_SATISFIED;
}

static int explain_policy(struct explainer *explainer, const struct cedar_policy *policy,
                          struct cedar_explained *explained) {
    struct cedar_compiler compiler;
    struct cedar_compiled compiled;
    struct fact_list facts = {0};
    explainer->policy = policy;
    cedar_compiler_init(&compiler, explainer->arena);
    int status = cedar_compile_policy(&compiler, policy, &compiled);
    cedar_compiler_free(&compiler);
    if (status != 0) return -1;
    *explained = (struct cedar_explained){.policy = policy, .outcome = CEDAR_OUT_OF_SCOPE};
    append_fact(&facts, explain_scope(explainer, &compiled));
    if (facts.first == NULL) explained->outcome = explain_conditions(explainer, &compiled, &facts);
    explained->facts = facts.first;
    return explainer->is_failed ? -1 : 0;
}

/* In the order of outcomes, each kind in the order of the set. */
static void order(const struct cedar_explained *from, size_t count, struct cedar_explained *to) {
    size_t filled = 0;
    for (int outcome = CEDAR_SATISFIED; outcome <= CEDAR_OUT_OF_SCOPE; outcome++) {
        for (size_t i = 0; i < count; i++) {
            if ((int)from[i].outcome == outcome) to[filled++] = from[i];
        }
    }
}

int cedar_explain(const struct cedar_policy_set *set, const struct cedar_request *request,
                  const struct cedar_entities *entities, struct arena *arena, struct cedar_explanation *explanation) {
    struct explainer explainer = {.arena = arena};
    struct cedar_explained *found = ARENA_NEW_ARRAY(arena, struct cedar_explained, set->count);
    struct cedar_explained *ordered = ARENA_NEW_ARRAY(arena, struct cedar_explained, set->count);
    bool has_effect[2] = {false, false};
    *explanation = (struct cedar_explanation){.policies = ordered};
    if (found == NULL || ordered == NULL) return -1;
    cedar_evaluation_init(&explainer.evaluation, request, entities, arena);
    for (size_t i = 0; i < set->count; i++) {
        struct cedar_explained *explained = &found[explanation->count];
        if (cedar_policy_is_template(set->policies[i])) continue;
        if (explain_policy(&explainer, set->policies[i], explained) != 0) return -1;
        if (explained->outcome == CEDAR_SATISFIED) has_effect[cedar_policy_effect(set->policies[i])] = true;
        explanation->count++;
    }
    order(found, explanation->count, ordered);
    explanation->is_allowed = has_effect[CEDAR_PERMIT] && !has_effect[CEDAR_FORBID];
    return 0;
}
