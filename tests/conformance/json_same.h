/* Do two JSON texts say the same? Members may stand in any order. */
#ifndef SWORN_TESTS_CONFORMANCE_JSON_SAME_H
#define SWORN_TESTS_CONFORMANCE_JSON_SAME_H

#include "cedar/est_tree.h"

/* The data was written by a program that has numbers of 53 bits only. */
static inline bool json_is_same_number(struct str a, struct str b) {
    double left, right;
    return str_parse_f64(a, &left) == 0 && str_parse_f64(b, &right) == 0 && left == right;
}

/* Members in any order. Recursion: CEDAR_EST_DEPTH_MAX. */
static inline bool json_is_same_node(const struct est_node *a, const struct est_node *b) {
    if (a->kind != b->kind || a->count != b->count) return false;
    if (a->kind == JSON_TOKEN_NUMBER) return json_is_same_number(a->text, b->text);
    if (a->kind == JSON_TOKEN_STRING) return str_equal(a->text, b->text);
    const struct est_node *other = b->first;
    for (const struct est_node *node = a->first; node != NULL; node = node->next) {
        if (a->kind == JSON_TOKEN_BEGIN_OBJECT) {
            for (other = b->first; other != NULL && !str_equal(other->key, node->key);) other = other->next;
        }
        if (other == NULL || !json_is_same_node(node, other)) return false;
        other = other->next;
    }
    return true;
}

static inline bool json_is_same(struct str a, struct str b) {
    struct arena arena;
    struct cedar_problem problem;
    arena_init(&arena, (256u << 20));
    const struct est_node *left = est_tree_read(&arena, a, &problem), *right = est_tree_read(&arena, b, &problem);
    bool is_equal = left != NULL && right != NULL && json_is_same_node(left, right);
    arena_free(&arena);
    return is_equal;
}

#endif
