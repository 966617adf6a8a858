/* Tags: parameters that only the caller knows the names of (arguments of a tool call, fields of a JSON body), flattened to
 * names and texts that policy can ask for. Everything lives in the arena. */
#ifndef SWORN_MODEL_TAGS_H
#define SWORN_MODEL_TAGS_H

#include "base/arena.h"
#include "base/digest.h"
#include "model/attribute.h"

#define ATTRIBUTE_TAGS_MAX 16384
#define ATTRIBUTE_TAGS_DEPTH_MAX 16

struct attribute_tags {
    struct attribute_tag *items;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* twice the capacity: index + 1 by hash of the name, 0 is free */
};

/* -1: too many, memory, not UTF-8, or the name is there with another text: nobody knows which of the two the receiver
 * would take. */
int attribute_tags_add(struct attribute_tags *tags, struct arena *arena, struct str name, struct str text) MUST_USE;
/* Members of objects by their name, nested ones as "outer.inner", elements of arrays by their index, a document that is a
 * scalar as "value". -1: also when the text is not JSON or nests deeper than ATTRIBUTE_TAGS_DEPTH_MAX. */
int attribute_tags_from_json(struct attribute_tags *tags, struct arena *arena, struct str json) MUST_USE;
/* What stands for them in the evidence: SHA-256 over name NUL text NUL of each, in their order. */
struct sha256 attribute_tags_digest(const struct attribute_tag *items, size_t count);

#endif
