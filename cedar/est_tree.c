/* Building the tree from the scanner's events, without recursion. */
#include "cedar/est_tree.h"

#include "base/map.h"
#include "cedar/problem.h"

struct tree_reader {
    struct arena *arena;
    struct str text;
    struct cedar_problem *problem;
    struct est_node *open; /* the container that is being read */
    struct est_node *root;
    struct str key;
};

static int refuse(struct tree_reader *reader, size_t offset, const char *what) {
    struct cedar_span span = {(uint32_t)offset, (uint32_t)(offset < reader->text.length ? offset + 1 : offset)};
    return cedar_problem_set_at(reader->problem, CEDAR_BAD_JSON, reader->text, span, "%s", what);
}

static int decode(struct tree_reader *reader, struct str raw, struct str *decoded) {
    *decoded = raw;
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND) return 0;
    struct buffer buffer;
    buffer_init(&buffer, CEDAR_TEXT_BYTES_MAX);
    int status = json_unescape(raw, &buffer);
    if (status != 0) {
        (void)refuse(reader, (size_t)(raw.data - reader->text.data), "this string has a bad escape: correct it");
    } else {
        *decoded = arena_copy(reader->arena, buffer_length(&buffer) > 0 ? buffer_view(&buffer) : STR(""));
        if (decoded->data == NULL) status = cedar_problem_set_memory(reader->problem);
    }
    buffer_free(&buffer);
    return status;
}

static struct est_node *add_node(struct tree_reader *reader, enum json_token kind, struct str raw) {
    struct est_node *node = ARENA_NEW(reader->arena, struct est_node);
    if (node == NULL) {
        cedar_problem_set_memory(reader->problem);
        return NULL;
    }
    size_t start = (size_t)(raw.data - reader->text.data), quote = kind == JSON_TOKEN_STRING ? 1 : 0;
    node->kind = kind;
    node->span = (struct cedar_span){(uint32_t)(start - quote), (uint32_t)(start + raw.length + quote)};
    node->text = raw;
    node->key = reader->key;
    node->parent = reader->open;
    reader->key = STR_NONE;
    if (reader->open == NULL) {
        reader->root = node;
    } else if (reader->open->last == NULL) {
        reader->open->first = reader->open->last = node;
    } else {
        reader->open->last = reader->open->last->next = node;
    }
    if (reader->open != NULL) reader->open->count++;
    return node;
}

/* No key may stand twice in an object. */
static int check_keys(struct tree_reader *reader, const struct est_node *object) {
    struct map seen;
    int status = 0;
    map_init(&seen);
    for (struct est_node *node = object->first; status == 0 && node != NULL; node = node->next) {
        if (map_get(&seen, node->key) != NULL) {
            status = refuse(reader, node->span.start, "the key before this value stands twice here: remove one");
        } else if (map_set(&seen, node->key, node) != 0) {
            status = cedar_problem_set_memory(reader->problem);
        }
    }
    map_free(&seen);
    return status;
}

/* 1: the text is complete. */
static int take_event(struct tree_reader *reader, struct json_scanner *scanner) {
    struct str raw;
    enum json_token event = json_next(scanner, &raw);
    struct est_node *node;
    switch (event) {
    case JSON_TOKEN_END: return 1;
    case JSON_TOKEN_BAD:
        return refuse(reader, scanner->offset, scanner->depth >= scanner->depth_max
                                                   ? "this JSON is nested too deeply (4,096 levels at most)"
                                                   : "this is not JSON: correct the text here");
    case JSON_TOKEN_KEY: return decode(reader, raw, &reader->key);
    case JSON_TOKEN_END_OBJECT:
    case JSON_TOKEN_END_ARRAY:
        node = reader->open;
        node->span.end = (uint32_t)scanner->offset;
        reader->open = node->parent;
        return event == JSON_TOKEN_END_OBJECT && node->count > 1 ? check_keys(reader, node) : 0;
    default: break;
    }
    node = add_node(reader, event, raw);
    if (node == NULL) return -1;
    if (event == JSON_TOKEN_BEGIN_OBJECT || event == JSON_TOKEN_BEGIN_ARRAY) reader->open = node;
    return event == JSON_TOKEN_STRING ? decode(reader, raw, &node->text) : 0;
}

struct est_node *est_tree_read(struct arena *arena, struct str text, struct cedar_problem *problem) {
    struct tree_reader reader = {.arena = arena, .text = text, .problem = problem};
    uint64_t bits[JSON_DEEP_WORDS(CEDAR_EST_DEPTH_MAX)] = {0};
    struct json_scanner scanner;
    if (text.length > CEDAR_TEXT_BYTES_MAX) {
        cedar_problem_set(problem, CEDAR_LIMIT, "the text is larger than 64 MiB: split it");
        return NULL;
    }
    json_scanner_init_deep(&scanner, text, bits, CEDAR_EST_DEPTH_MAX);
    int status;
    do status = take_event(&reader, &scanner);
    while (status == 0);
    return status > 0 ? reader.root : NULL;
}

struct est_node *est_tree_find(const struct est_node *object, const char *key) {
    for (struct est_node *node = object->first; node != NULL; node = node->next) {
        if (str_equal_cstr(node->key, key)) return node;
    }
    return NULL;
}
