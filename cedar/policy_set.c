/* Policy sets: texts become policies with ids; templates become policies by links. */
#include "cedar/ast.h"
#include "cedar/parse.h"
#include "cedar/problem.h"

#define SET_MAGIC 0x43504f4cu
#define SET_BYTES_MAX ((size_t)4 << 30)

struct cedar_policy_set *cedar_policy_set_new(void) {
    struct cedar_policy_set *set = calloc(1, sizeof(*set));
    if (set == NULL) return NULL;
    set->magic = SET_MAGIC;
    arena_init(&set->arena, SET_BYTES_MAX);
    map_init(&set->by_id);
    return set;
}

void cedar_policy_set_free(struct cedar_policy_set **set) {
    if (*set == NULL) return;
    CHECK_MAGIC(*set, SET_MAGIC);
    map_free(&(*set)->by_id);
    arena_free(&(*set)->arena);
    free((*set)->policies);
    (*set)->magic = 0;
    free(*set);
    *set = NULL;
}

static int push_policy(struct cedar_policy_set *set, struct cedar_policy *policy, struct cedar_problem *problem) {
    if (set->count >= CEDAR_POLICIES_MAX) {
        return cedar_problem_set(problem, CEDAR_LIMIT, "too many policies: 1,000,000 in a set at most");
    }
    if (set->count == set->capacity) {
        size_t capacity = set->capacity > 0 ? set->capacity * 2 : 16;
        struct cedar_policy **policies = realloc(set->policies, capacity * sizeof(struct cedar_policy *));
        if (policies == NULL) return cedar_problem_set_memory(problem);
        set->policies = policies;
        set->capacity = capacity;
    }
    if (map_set(&set->by_id, policy->id, policy) != 0) return cedar_problem_set_memory(problem);
    set->policies[set->count++] = policy;
    return 0;
}

void cedar_policy_set_truncate(struct cedar_policy_set *set, size_t count) {
    while (set->count > count) {
        const struct cedar_policy *policy = set->policies[--set->count];
        if (policy->link_of != NULL) policy->link_of->link_count--;
        map_remove(&set->by_id, policy->id);
    }
}

static const struct cedar_annotation *find_annotation(const struct cedar_statement *statement, struct str key) {
    for (uint32_t i = 0; i < statement->annotation_count; i++) {
        if (str_equal(statement->annotations[i].key, key)) return &statement->annotations[i];
    }
    return NULL;
}

static struct str choose_id(struct cedar_policy_set *set, const struct cedar_statement *statement, size_t number,
                            const struct cedar_naming *naming) {
    const struct cedar_annotation *annotation = find_annotation(statement, STR("id"));
    bool is_annotated = naming != NULL && naming->ids == CEDAR_IDS_ANNOTATED;
    if (is_annotated && annotation != NULL && annotation->has_value) return annotation->value;
    struct str prefix = naming != NULL ? naming->prefix : STR("");
    return arena_format(&set->arena, "%.*spolicy%zu", STR_ARGS(prefix), number);
}

static int add_statement(struct cedar_policy_set *set, const struct cedar_statement *statement, struct str id,
                         struct cedar_problem *problem) {
    struct cedar_policy *policy = ARENA_NEW(&set->arena, struct cedar_policy);
    if (policy == NULL || id.data == NULL) return cedar_problem_set_memory(problem);
    if (map_get(&set->by_id, id) != NULL) {
        return cedar_problem_set_at(problem, CEDAR_DUPLICATE, statement->source->text, statement->span,
                                    "a policy with the id `%.*s` is there already: give this one another id",
                                    STR_ARGS(str_slice(id, 0, 100)));
    }
    policy->id = id;
    policy->statement = statement;
    return push_policy(set, policy, problem);
}

int cedar_check_text(struct str text, struct cedar_problem *problem) {
    if (text.length > CEDAR_TEXT_BYTES_MAX) {
        return cedar_problem_set(problem, CEDAR_LIMIT, "the text is larger than 64 MiB: split it");
    }
    for (size_t offset = 0; offset < text.length;) {
        uint32_t point;
        if (utf8_decode(text, &offset, &point) == 0) continue;
        struct cedar_span span = {(uint32_t)offset, (uint32_t)offset + 1};
        return cedar_problem_set_at(problem, CEDAR_BAD_TOKEN, text, span, "this is not UTF-8: save the file as UTF-8");
    }
    return 0;
}

/* Parses a copy of the text. */
static int parse_copy(struct cedar_policy_set *set, struct str text, struct str file,
                      struct cedar_statement ***statements, size_t *count, struct cedar_problem *problem) {
    if (cedar_check_text(text, problem) != 0) return -1;
    struct cedar_source *source = ARENA_NEW(&set->arena, struct cedar_source);
    struct str copy = arena_copy(&set->arena, text);
    if (source == NULL || copy.data == NULL) return cedar_problem_set_memory(problem);
    source->text = copy;
    source->file = arena_copy(&set->arena, file);
    if (source->file.data == NULL) return cedar_problem_set_memory(problem);
    return cedar_parse_policies(&set->arena, source, statements, count, problem);
}

int cedar_policy_set_add(struct cedar_policy_set *set, struct str text, const struct cedar_naming *naming,
                         struct cedar_problem *problem) {
    CHECK_MAGIC(set, SET_MAGIC);
    struct cedar_statement **statements;
    size_t count, before = set->count;
    struct str file = naming != NULL ? naming->file : STR("");
    if (parse_copy(set, text, file, &statements, &count, problem) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        if (add_statement(set, statements[i], choose_id(set, statements[i], i, naming), problem) == 0) continue;
        cedar_policy_set_truncate(set, before);
        return -1;
    }
    return 0;
}

int cedar_policy_set_add_one(struct cedar_policy_set *set, struct str text, struct str id,
                             struct cedar_problem *problem) {
    CHECK_MAGIC(set, SET_MAGIC);
    struct cedar_statement **statements;
    size_t count;
    if (parse_copy(set, text, STR(""), &statements, &count, problem) != 0) return -1;
    if (count != 1) {
        return cedar_problem_set(problem, CEDAR_SYNTAX, "one policy is wanted here, and there are %zu", count);
    }
    return add_statement(set, statements[0], arena_copy(&set->arena, id), problem);
}

/* A slot's value must be given exactly where the template has the slot. */
static int check_slot(const struct cedar_scope *scope, const struct cedar_uid *value, const char *slot,
                      struct cedar_problem *problem) {
    if (scope->has_slot == (value != NULL)) return 0;
    return cedar_problem_set(problem, CEDAR_BAD_LINK, scope->has_slot ? "the template has the slot ?%s: give it a value"
                                                                      : "the template has no slot ?%s: leave it out",
                             slot);
}

static const struct cedar_uid *copy_uid(struct arena *arena, const struct cedar_uid *uid) {
    struct str type = arena_copy(arena, uid->type), id = arena_copy(arena, uid->id);
    return type.data != NULL && id.data != NULL ? cedar_uid_make(arena, type, id) : NULL;
}

int cedar_policy_set_link(struct cedar_policy_set *set, struct str template_id, struct str link_id,
                          const struct cedar_uid *principal, const struct cedar_uid *resource,
                          struct cedar_problem *problem) {
    CHECK_MAGIC(set, SET_MAGIC);
    struct cedar_policy *template = map_get(&set->by_id, template_id);
    if (template == NULL || !cedar_policy_is_template(template)) {
        return cedar_problem_set(problem, CEDAR_NOT_FOUND, "there is no template with the id `%.*s`: add it first",
                                 STR_ARGS(str_slice(template_id, 0, 100)));
    }
    if (check_slot(&template->statement->principal, principal, "principal", problem) != 0) return -1;
    if (check_slot(&template->statement->resource, resource, "resource", problem) != 0) return -1;
    if (map_get(&set->by_id, link_id) != NULL) {
        return cedar_problem_set(problem, CEDAR_DUPLICATE,
                                 "a policy with the id `%.*s` is there already: choose another",
                                 STR_ARGS(str_slice(link_id, 0, 100)));
    }
    struct cedar_policy *policy = ARENA_NEW(&set->arena, struct cedar_policy);
    struct str id = arena_copy(&set->arena, link_id);
    if (policy == NULL || id.data == NULL) return cedar_problem_set_memory(problem);
    *policy = (struct cedar_policy){.id = id, .statement = template->statement, .link_of = template};
    if (principal != NULL) policy->principal = copy_uid(&set->arena, principal);
    if (resource != NULL) policy->resource = copy_uid(&set->arena, resource);
    if ((principal != NULL && policy->principal == NULL) || (resource != NULL && policy->resource == NULL)) {
        return cedar_problem_set_memory(problem);
    }
    if (push_policy(set, policy, problem) != 0) return -1;
    template->link_count++;
    return 0;
}

size_t cedar_policy_set_count(const struct cedar_policy_set *set) {
    return set->count;
}

const struct cedar_policy *cedar_policy_set_at(const struct cedar_policy_set *set, size_t index) {
    return index < set->count ? set->policies[index] : NULL;
}

const struct cedar_policy *cedar_policy_set_find(const struct cedar_policy_set *set, struct str id) {
    return map_get(&set->by_id, id);
}

struct str cedar_policy_id(const struct cedar_policy *policy) {
    return policy->id;
}

enum cedar_effect cedar_policy_effect(const struct cedar_policy *policy) {
    return policy->statement->effect;
}

bool cedar_policy_is_template(const struct cedar_policy *policy) {
    return policy->link_of == NULL && (policy->statement->principal.has_slot || policy->statement->resource.has_slot);
}

bool cedar_policy_is_link(const struct cedar_policy *policy) {
    return policy->link_of != NULL;
}

size_t cedar_policy_link_count(const struct cedar_policy *policy) {
    return policy->link_count;
}

struct str cedar_policy_file(const struct cedar_policy *policy) {
    return policy->statement->source->file;
}

struct str cedar_policy_source(const struct cedar_policy *policy) {
    return policy->statement->source->text;
}

struct str cedar_policy_text(const struct cedar_policy *policy) {
    const struct cedar_statement *statement = policy->statement;
    return str_slice(statement->source->text, statement->span.start, statement->span.end);
}

void cedar_policy_position(const struct cedar_policy *policy, struct cedar_span *span, uint32_t *line,
                           uint32_t *column) {
    *span = policy->statement->span;
    cedar_position_find(policy->statement->source->text, span->start, line, column);
}

size_t cedar_policy_annotation_count(const struct cedar_policy *policy) {
    return policy->statement->annotation_count;
}

struct str cedar_policy_annotation_at(const struct cedar_policy *policy, size_t index, struct str *key) {
    if (index >= policy->statement->annotation_count) return STR_NONE;
    *key = policy->statement->annotations[index].key;
    return policy->statement->annotations[index].value;
}

struct str cedar_policy_annotation(const struct cedar_policy *policy, struct str key) {
    const struct cedar_annotation *annotation = find_annotation(policy->statement, key);
    return annotation != NULL ? annotation->value : STR_NONE;
}
