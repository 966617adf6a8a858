/* JSON as a tree, for the JSON form of policies: deeper than values may be, and with any byte in a key. */
#ifndef SWORN_CEDAR_EST_TREE_H
#define SWORN_CEDAR_EST_TREE_H

#include "base/json.h"
#include "cedar/est.h"

struct est_node {
    enum json_token kind;   /* a container has its begin token */
    struct cedar_span span; /* in the text; of a string, with its quotes */
    struct str text;        /* strings decoded, numbers as they stand */
    struct str key;         /* decoded, in an object */
    uint32_t count;
    struct est_node *parent;
    struct est_node *first;
    struct est_node *last;
    struct est_node *next;
};

/* Everything lies in the arena. NULL with the problem set when the text is not JSON, too deep, or has a key twice in one
 * object. */
struct est_node *est_tree_read(struct arena *arena, struct str text, struct cedar_problem *problem) MUST_USE;
struct est_node *est_tree_find(const struct est_node *object, const char *key); /* NULL: absent */

/* Appends the Cedar text of a policy that stands in a tree of `json`. */
int est_node_to_text(struct str json, const struct est_node *policy, struct buffer *out,
                     struct cedar_problem *problem) MUST_USE;

#endif
