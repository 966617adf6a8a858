/* What shape.c and shape_scalar.c share: one value of a walk. */
#ifndef SWORN_WIRE_JSON_SHAPE_SCALAR_H
#define SWORN_WIRE_JSON_SHAPE_SCALAR_H

#include "wire/json/shape.h"

#define SHAPE_SHOWN_NAME_BYTES 48

/* The inside of a string, decoded; valid until the next decoding. */
int shape_decode(struct shape_walk *walk, struct str raw, struct str *text, struct error *error) MUST_USE;
/* A name for an error text: short and printable. */
const char *shape_shown_name(struct str name, char out[SHAPE_SHOWN_NAME_BYTES + 1]);
/* Puts `text` in the place of bytes of the document. */
void shape_replace(struct shape_walk *walk, struct str piece, struct str text);

int shape_walk_string(struct shape_walk *walk, const struct shape *shape, uint8_t fact, struct str name, struct str raw,
                      struct error *error) MUST_USE;
int shape_walk_number(struct shape_walk *walk, const struct shape *shape, struct str name, struct str raw,
                      struct error *error) MUST_USE;
/* Bytes of any value. */
int shape_walk_tree(struct shape_walk *walk, struct str name, struct str bytes, struct error *error) MUST_USE;
/* A member's name that no table lists. */
int shape_walk_key(struct shape_walk *walk, struct str raw, struct error *error) MUST_USE;
void shape_drop(struct shape_walk *walk, const struct shape *shape, struct str bytes);
/* Makes ready what stands for the pair of texts of a signed object, before its members are walked. */
int shape_pair_signed(struct shape_walk *walk, struct str name, struct str text, struct str signature,
                      struct error *error) MUST_USE;

#endif
