/* Adding policies in JSON form to a set. */
#include "cedar/ast.h"
#include "cedar/est_tree.h"
#include "cedar/problem.h"

struct loader {
    struct cedar_policy_set *set;
    struct arena arena;
    struct str json;
    struct cedar_problem *problem;
};

/* The text of a policy: written from its tree, or given as it is. */
static int text_of(struct loader *loader, const struct est_node *node, struct buffer *text) {
    if (node->kind != JSON_TOKEN_STRING) {
        return est_node_to_text(loader->json, node, text, loader->problem);
    }
    buffer_append_str(text, node->text);
    return buffer_failed(text) ? cedar_problem_set_memory(loader->problem) : 0;
}

/* A problem in text that was made of JSON is reported at the JSON it was made of. */
static int place_at(struct loader *loader, const struct est_node *node) {
    struct cedar_problem *problem = loader->problem;
    if (problem == NULL) return -1;
    problem->span = node->span;
    cedar_position_find(loader->json, node->span.start, &problem->line, &problem->column);
    return -1;
}

static int add_node(struct loader *loader, const struct est_node *node, struct str id) {
    struct buffer text;
    buffer_init(&text, CEDAR_TEXT_BYTES_MAX);
    int status = text_of(loader, node, &text);
    if (status == 0 && cedar_policy_set_add_one(loader->set, buffer_view(&text), id, loader->problem) != 0) {
        status = place_at(loader, node);
    }
    buffer_free(&text);
    return status;
}

static int refuse(struct loader *loader, const struct est_node *node, const char *what) {
    return cedar_problem_set_at(loader->problem, CEDAR_BAD_JSON, loader->json, node->span, "%s", what);
}

static int add_all(struct loader *loader, const struct est_node *root, const char *key, bool is_template) {
    const struct est_node *policies = est_tree_find(root, key);
    if (policies == NULL) return 0;
    if (policies->kind != JSON_TOKEN_BEGIN_OBJECT) {
        return refuse(loader, policies, "policies stand in an object, each under its id");
    }
    for (const struct est_node *node = policies->first; node != NULL; node = node->next) {
        if (add_node(loader, node, node->key) != 0) return -1;
        const struct cedar_policy *policy = cedar_policy_set_find(loader->set, node->key);
        if (cedar_policy_is_template(policy) == is_template) continue;
        return refuse(loader, node, is_template ? "this has no slots: it belongs to `staticPolicies`"
                                                : "this has slots: it belongs to `templates`");
    }
    return 0;
}

/* Is the type a name? It is if the entity's text is one of an entity. */
static int check_slot_type(struct loader *loader, const struct est_node *type, const struct cedar_uid *uid) {
    struct cedar_problem problem;
    struct buffer text;
    buffer_init(&text, CEDAR_TEXT_BYTES_MAX);
    cedar_uid_write(uid, &text);
    const struct cedar_uid *same = cedar_uid_parse(&loader->arena, buffer_view(&text), &problem);
    buffer_free(&text);
    if (same != NULL && cedar_uid_equal(same, uid)) return 0;
    return refuse(loader, type, "this is not the name of an entity type: correct it");
}

static const struct cedar_uid *slot_value(struct loader *loader, const struct est_node *values, const char *slot) {
    const struct est_node *node = est_tree_find(values, slot);
    if (node == NULL) return NULL;
    const struct est_node *inner = est_tree_find(node, "__entity");
    if (inner != NULL) node = inner;
    const struct est_node *type = est_tree_find(node, "type"), *id = est_tree_find(node, "id");
    if (type == NULL || id == NULL || type->kind != JSON_TOKEN_STRING || id->kind != JSON_TOKEN_STRING) {
        (void)refuse(loader, node, "the value of a slot is an entity: {\"type\", \"id\"}");
        return NULL;
    }
    const struct cedar_uid *uid = cedar_uid_make(&loader->arena, type->text, id->text);
    if (uid == NULL) cedar_problem_set_memory(loader->problem);
    return uid != NULL && check_slot_type(loader, type, uid) == 0 ? uid : NULL;
}

static int add_link(struct loader *loader, const struct est_node *link) {
    const struct est_node *template_id = est_tree_find(link, "templateId"), *new_id = est_tree_find(link, "newId");
    const struct est_node *values = est_tree_find(link, "values");
    if (template_id == NULL || new_id == NULL || values == NULL || template_id->kind != JSON_TOKEN_STRING ||
        new_id->kind != JSON_TOKEN_STRING || values->kind != JSON_TOKEN_BEGIN_OBJECT) {
        return refuse(loader, link, "a link has the strings `templateId` and `newId` and the object `values`");
    }
    const struct cedar_uid *principal = slot_value(loader, values, "?principal");
    const struct cedar_uid *resource = slot_value(loader, values, "?resource");
    uint32_t given = (uint32_t)(est_tree_find(values, "?principal") != NULL) +
                     (uint32_t)(est_tree_find(values, "?resource") != NULL);
    if ((uint32_t)(principal != NULL) + (uint32_t)(resource != NULL) != given) return -1;
    if (given != values->count) return refuse(loader, values, "the slots are ?principal and ?resource");
    if (cedar_policy_set_link(loader->set, template_id->text, new_id->text, principal, resource, loader->problem) == 0)
        return 0;
    return place_at(loader, link);
}

static int add_links(struct loader *loader, const struct est_node *links) {
    if (links->kind != JSON_TOKEN_BEGIN_ARRAY) return refuse(loader, links, "links stand in an array");
    for (const struct est_node *link = links->first; link != NULL; link = link->next) {
        if (add_link(loader, link) != 0) return -1;
    }
    return 0;
}

static int refuse_other_members(struct loader *loader, const struct est_node *root) {
    for (const struct est_node *node = root->first; node != NULL; node = node->next) {
        if (str_equal_cstr(node->key, "staticPolicies") || str_equal_cstr(node->key, "templates") ||
            str_equal_cstr(node->key, "templateLinks")) continue;
        return refuse(loader, node, "a policy set has `staticPolicies`, `templates` and `templateLinks`, nothing else");
    }
    return 0;
}

static int load_root(struct loader *loader, const struct est_node *root) {
    if (root->kind != JSON_TOKEN_BEGIN_OBJECT) return refuse(loader, root, "a policy set is an object");
    if (refuse_other_members(loader, root) != 0) return -1;
    if (add_all(loader, root, "templates", true) != 0) return -1;
    if (add_all(loader, root, "staticPolicies", false) != 0) return -1;
    const struct est_node *links = est_tree_find(root, "templateLinks");
    return links != NULL ? add_links(loader, links) : 0;
}

/* Runs `work` on the tree of the JSON, with an arena that ends with it; what it added goes when it fails. */
static int with_tree(struct cedar_policy_set *set, struct str json, struct cedar_problem *problem,
                     int (*work)(struct loader *, const struct est_node *)) {
    struct loader loader = {.set = set, .json = json, .problem = problem};
    size_t before = set->count;
    arena_init(&loader.arena, (size_t)4 << 30);
    const struct est_node *root = est_tree_read(&loader.arena, json, problem);
    int status = root != NULL ? work(&loader, root) : -1;
    if (status != 0) cedar_policy_set_truncate(set, before);
    arena_free(&loader.arena);
    return status;
}

int cedar_policy_set_load_json(struct cedar_policy_set *set, struct str json, struct cedar_problem *problem) {
    return with_tree(set, json, problem, load_root);
}

int cedar_policy_set_link_json(struct cedar_policy_set *set, struct str json, struct cedar_problem *problem) {
    return with_tree(set, json, problem, add_links);
}

int cedar_policy_set_add_json(struct cedar_policy_set *set, struct str json, struct str id,
                              struct cedar_problem *problem) {
    struct buffer text;
    buffer_init(&text, CEDAR_TEXT_BYTES_MAX);
    int status = cedar_est_to_text(json, &text, problem);
    if (status == 0) status = cedar_policy_set_add_one(set, buffer_view(&text), id, problem);
    buffer_free(&text);
    return status;
}

int cedar_est_to_text(struct str json, struct buffer *out, struct cedar_problem *problem) {
    struct arena arena;
    arena_init(&arena, (size_t)4 << 30);
    const struct est_node *root = est_tree_read(&arena, json, problem);
    int status = root != NULL ? est_node_to_text(json, root, out, problem) : -1;
    arena_free(&arena);
    return status;
}
