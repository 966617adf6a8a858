/* Laying out documents: one pass with an explicit stack, so that long chains need no deep recursion. */
#include "cedar/format_doc.h"

#include <stdlib.h>

enum doc_kind { DOC_NOTHING, DOC_TEXT, DOC_LINE, DOC_SOFT_LINE, DOC_HARD_LINE, DOC_NEST, DOC_GROUP, DOC_JOINED };

struct doc {
    enum doc_kind kind;
    uint32_t columns; /* text: its width; nest: more indent */
    struct str text;
    uint32_t count;
    const struct doc *const *parts;
};

static const struct doc nothing = {.kind = DOC_NOTHING};
static const struct doc line = {.kind = DOC_LINE};
static const struct doc soft_line = {.kind = DOC_SOFT_LINE};
static const struct doc hard_line = {.kind = DOC_HARD_LINE};

const struct doc *doc_nothing(void) {
    return &nothing;
}

const struct doc *doc_line(void) {
    return &line;
}

const struct doc *doc_soft_line(void) {
    return &soft_line;
}

const struct doc *doc_hard_line(void) {
    return &hard_line;
}

static const struct doc *new_doc(struct doc_builder *builder, struct doc contents) {
    struct doc *doc = ARENA_NEW(builder->arena, struct doc);
    if (doc == NULL) {
        builder->is_failed = true;
        return &nothing;
    }
    *doc = contents;
    return doc;
}

const struct doc *doc_text(struct doc_builder *builder, struct str text) {
    return new_doc(builder, (struct doc){.kind = DOC_TEXT, .text = text, .columns = doc_text_columns(text)});
}

static const struct doc *new_holder(struct doc_builder *builder, enum doc_kind kind, unsigned columns,
                                    const struct doc *inner) {
    if (inner->kind == DOC_NOTHING) return inner;
    const struct doc **part = ARENA_NEW(builder->arena, const struct doc *);
    if (part == NULL) {
        builder->is_failed = true;
        return &nothing;
    }
    *part = inner;
    return new_doc(builder, (struct doc){.kind = kind, .columns = columns, .count = 1, .parts = part});
}

const struct doc *doc_nest(struct doc_builder *builder, unsigned columns, const struct doc *inner) {
    return new_holder(builder, DOC_NEST, columns, inner);
}

const struct doc *doc_group(struct doc_builder *builder, const struct doc *inner) {
    return inner->kind == DOC_GROUP ? inner : new_holder(builder, DOC_GROUP, 0, inner);
}

const struct doc *doc_join(struct doc_builder *builder, const struct doc *const *parts, size_t count) {
    const struct doc **copy = ARENA_NEW_ARRAY(builder->arena, const struct doc *, count);
    if (copy == NULL) {
        builder->is_failed = true;
        return &nothing;
    }
    uint32_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->kind != DOC_NOTHING) copy[kept++] = parts[i];
    }
    if (kept <= 1) return kept == 1 ? copy[0] : &nothing;
    return new_doc(builder, (struct doc){.kind = DOC_JOINED, .count = kept, .parts = copy});
}

struct pending {
    const struct doc *doc;
    uint32_t indent;
    bool is_flat;
};

/* What is still to be written, the next one last. */
struct stack {
    struct pending *items;
    size_t count;
    size_t capacity;
    bool is_failed;
};

static void push(struct stack *stack, const struct doc *doc, uint32_t indent, bool is_flat) {
    if (stack->count == stack->capacity) {
        size_t capacity = stack->capacity > 0 ? stack->capacity * 2 : 256;
        struct pending *items = realloc(stack->items, capacity * sizeof(*items));
        if (items == NULL) {
            stack->is_failed = true;
            return;
        }
        stack->items = items;
        stack->capacity = capacity;
    }
    stack->items[stack->count++] = (struct pending){doc, indent, is_flat};
}

static void push_parts(struct stack *stack, const struct doc *doc, uint32_t indent, bool is_flat) {
    for (uint32_t i = doc->count; i > 0; i--) push(stack, doc->parts[i - 1], indent, is_flat);
}

/* Does `doc` fit flat into the columns left, with what follows up to the first line end? Not with a hard line in it. */
static bool fits(const struct doc *doc, const struct stack *rest, struct stack *work, int64_t columns_left) {
    size_t rest_count = rest->count;
    work->count = 0;
    push(work, doc, 0, true);
    while (columns_left >= 0 && !work->is_failed) {
        if (work->count == 0) {
            if (rest_count == 0) return true;
            push(work, rest->items[--rest_count].doc, 0, false);
        }
        struct pending next = work->items[--work->count];
        switch (next.doc->kind) {
        case DOC_TEXT: columns_left -= next.doc->columns; break;
        case DOC_HARD_LINE: return !next.is_flat;
        case DOC_LINE:
            if (!next.is_flat) return true;
            columns_left--;
            break;
        case DOC_SOFT_LINE:
            if (!next.is_flat) return true;
            break;
        default: push_parts(work, next.doc, 0, next.is_flat);
        }
    }
    return false;
}

/* A line is indented as what comes next is, so that a comment at the end of something nested does not push it. */
static void end_line(struct buffer *out, const struct stack *rest, uint32_t indent, uint32_t *column) {
    if (rest->count > 0) indent = rest->items[rest->count - 1].indent;
    buffer_append_byte(out, '\n');
    for (uint32_t i = 0; i < indent; i++) buffer_append_byte(out, ' ');
    *column = indent;
}

int doc_write(const struct doc *doc, unsigned width, struct buffer *out) {
    struct stack stack = {0}, work = {0};
    uint32_t column = 0;
    push(&stack, doc, 0, false);
    while (stack.count > 0 && !stack.is_failed && !work.is_failed && !buffer_failed(out)) {
        struct pending next = stack.items[--stack.count];
        bool is_flat = next.is_flat;
        switch (next.doc->kind) {
        case DOC_NOTHING: break;
        case DOC_TEXT:
            buffer_append_str(out, next.doc->text);
            column += next.doc->columns;
            break;
        case DOC_HARD_LINE: end_line(out, &stack, next.indent, &column); break;
        case DOC_LINE:
        case DOC_SOFT_LINE:
            if (!is_flat) {
                end_line(out, &stack, next.indent, &column);
            } else if (next.doc->kind == DOC_LINE) {
                buffer_append_byte(out, ' ');
                column++;
            }
            break;
        case DOC_GROUP:
            is_flat = is_flat || fits(next.doc->parts[0], &stack, &work, (int64_t)width - column);
            push_parts(&stack, next.doc, next.indent, is_flat);
            break;
        default:
            push_parts(&stack, next.doc, next.indent + (next.doc->kind == DOC_NEST ? next.doc->columns : 0), is_flat);
        }
    }
    bool has_failed = stack.is_failed || work.is_failed || buffer_failed(out);
    free(stack.items);
    free(work.items);
    return has_failed ? -1 : 0;
}
