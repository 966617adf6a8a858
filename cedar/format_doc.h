/* Documents for pretty-printing: text with places where a line may break.
 *
 * A group is laid out on one line if it fits there together with what follows it up to the next place where a line may
 * break; otherwise its own breaks become line ends, and the groups in it are tried again. Documents live in an arena;
 * building is sticky about failure (doc_is_failed() asks once at the end), so that no call in between needs a check. */
#ifndef SWORN_CEDAR_FORMAT_DOC_H
#define SWORN_CEDAR_FORMAT_DOC_H

#include "base/arena.h"
#include "base/buffer.h"

struct doc;

struct doc_builder {
    struct arena *arena;
    bool is_failed;
};

const struct doc *doc_nothing(void);
const struct doc *doc_line(void);      /* a space, or a line end where its group is broken */
const struct doc *doc_soft_line(void); /* nothing, or a line end where its group is broken */
const struct doc *doc_hard_line(void); /* a line end */
const struct doc *doc_text(struct doc_builder *builder, struct str text); /* borrowed */
/* Lines inside are indented by so many columns more. */
const struct doc *doc_nest(struct doc_builder *builder, unsigned columns, const struct doc *inner);
const struct doc *doc_group(struct doc_builder *builder, const struct doc *inner);
const struct doc *doc_join(struct doc_builder *builder, const struct doc *const *parts, size_t count);

/* One after the other. */
#define DOC_JOIN(builder, ...)                                                                                         \
    doc_join((builder), (const struct doc *const[]){__VA_ARGS__},                                                      \
             sizeof((const struct doc *const[]){__VA_ARGS__}) / sizeof(const struct doc *))

uint32_t doc_text_columns(struct str text);

/* Appends the document, laid out for lines of `width` columns. -1 when memory is out. */
int doc_write(const struct doc *doc, unsigned width, struct buffer *out) MUST_USE;

/* Appends the text of a policy without blank lines, but for those in strings and comments, and without white space at
 * both ends. */
void cedar_format_tidy(struct str text, struct buffer *out);

#endif
