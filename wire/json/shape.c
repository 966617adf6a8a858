/* The walk over a document by its shape: containers, members, discriminators. What becomes of a scalar is in
 * shape_scalar.c. Invariant: bytes up to walk->copied are in *out once anything was changed; everything behind is still
 * as it came. */
#include "wire/json/shape.h"

#include "wire/json/shape_scalar.h"

#define NAME_BYTES_MAX 128 /* of a listed member; a longer name is listed nowhere */

#define LEAF(identifier, shape_kind) const struct shape shape_##identifier = {.kind = shape_kind}
LEAF(text, SHAPE_TEXT);
LEAF(json_text, SHAPE_JSON_TEXT);
LEAF(tree, SHAPE_TREE);
LEAF(name, SHAPE_NAME);
LEAF(opaque, SHAPE_OPAQUE);
LEAF(media, SHAPE_MEDIA);
LEAF(base64_text, SHAPE_BASE64_TEXT);
LEAF(plain, SHAPE_PLAIN);
LEAF(tokens, SHAPE_TOKENS);
LEAF(dropped, SHAPE_DROPPED);
LEAF(dropped_list, SHAPE_DROPPED_LIST);
LEAF(signed_text, SHAPE_SIGNED_TEXT);
LEAF(signature, SHAPE_SIGNATURE);

static int walk_value(struct shape_walk *walk, const struct shape *shape, uint8_t fact, struct str name,
                      enum json_token token, struct str raw, struct error *error);

static int not_json(const struct json_scanner *scanner, struct error *error) {
    return error_set(error, ERROR_INVALID, "not JSON, not UTF-8, or nested deeper than %d, at byte %zu", JSON_DEPTH_MAX,
                     scanner->offset);
}

/* Moves the scanner past the container that it has just entered; its bytes. */
static int skip_container(struct json_scanner *scanner, struct str begin, struct str *bytes, struct error *error) {
    struct str raw = begin;
    int depth = scanner->depth;
    while (scanner->depth >= depth) {
        enum json_token token = json_next(scanner, &raw);
        if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) return not_json(scanner, error);
    }
    *bytes = str_make(begin.data, (size_t)(raw.data + raw.length - begin.data));
    return 0;
}

static int skip_value(struct json_scanner *scanner, enum json_token token, struct str raw, struct error *error) {
    struct str ignored;
    if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) return not_json(scanner, error);
    bool is_container = token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY;
    return is_container ? skip_container(scanner, raw, &ignored, error) : 0;
}

/* A member's name, unescaped; `room` holds it when it has escapes. Too long for any table: as it stands. */
static struct str member_name(struct shape_walk *walk, struct str raw, char room[NAME_BYTES_MAX]) {
    struct str name;
    struct error ignored;
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND || shape_decode(walk, raw, &name, &ignored) != 0) return raw;
    if (name.length > NAME_BYTES_MAX) return raw;
    memcpy(room, name.data, name.length);
    return str_make(room, name.length);
}

struct wanted {
    struct str name;
    enum json_token token; /* JSON_TOKEN_END: not there */
    struct str raw;
};

/* Looks ahead, from behind an object's brace, for members of some names; the first of each. */
static int look_ahead(struct shape_walk *walk, struct wanted *wanted, size_t count, struct error *error) {
    struct json_scanner scanner = walk->scanner;
    struct str raw;
    char room[NAME_BYTES_MAX];
    size_t missing = count;
    enum json_token token;
    for (size_t i = 0; i < count; i++) wanted[i].token = JSON_TOKEN_END;
    while (missing > 0 && (token = json_next(&scanner, &raw)) == JSON_TOKEN_KEY) {
        struct str name = member_name(walk, raw, room);
        token = json_next(&scanner, &raw);
        for (size_t i = 0; i < count; i++) {
            if (wanted[i].token != JSON_TOKEN_END || !str_equal(wanted[i].name, name)) continue;
            wanted[i].token = token;
            wanted[i].raw = raw;
            missing--;
        }
        if (skip_value(&scanner, token, raw, error) != 0) return -1;
    }
    return 0;
}

/* ---- places in the events of a stream ---- */

#define PATH_START 0xcbf29ce484222325u
#define PATH_PRIME 0x100000001b3u

static bool follows(const struct shape_walk *walk) {
    return walk->is_streamed && walk->sink.follow != NULL && walk->plan != NULL && !walk->plan->reveals_all;
}

static uint64_t mix(uint64_t path, struct str name) {
    for (size_t i = 0; i < name.length; i++) path = (path ^ (uint8_t)name.data[i]) * PATH_PRIME;
    return (path ^ '/') * PATH_PRIME;
}

/* Texts go on at the same indexes: "index", "output_index", and what else is called so. */
static int add_indexes(struct shape_walk *walk, struct error *error) {
    struct json_scanner scanner = walk->scanner;
    struct str key, raw;
    char room[NAME_BYTES_MAX];
    while (json_next(&scanner, &key) == JSON_TOKEN_KEY) {
        struct str name = member_name(walk, key, room);
        enum json_token token = json_next(&scanner, &raw);
        bool is_index = str_ends_with(name, STR("index")) && token == JSON_TOKEN_NUMBER;
        if (is_index) walk->path = mix(mix(walk->path, name), raw);
        if (skip_value(&scanner, token, raw, error) != 0) return -1;
    }
    return 0;
}

/* Any JSON, each string of it a text. */
static const struct shape open_shape = {.kind = SHAPE_TREE, .items = &open_shape, .others = &open_shape};

/* In an answer what is unknown is masked as text, value by value; in a request it could mean anything. */
static int unknown_type(struct shape_walk *walk, struct str discriminator, struct str value, const struct shape **shape,
                        struct error *error) {
    char shown[SHAPE_SHOWN_NAME_BYTES + 1];
    walk->is_unknown_type = true;
    *shape = &open_shape;
    if (walk->is_answer) return 0;
    return error_set(error, ERROR_INVALID, "unknown %.*s \"%s\": what it holds cannot be inspected",
                     STR_ARGS(discriminator), shape_shown_name(value, shown));
}

static int tell(struct shape_walk *walk, uint8_t fact, enum json_token token, struct str text, struct error *error) {
    if (fact == 0 || walk->sink.fact == NULL) return 0;
    return walk->sink.fact(walk->sink.self, fact, &(struct shape_value){token, text}, error);
}

/* Follows the discriminators of an object to the shape that lists its members. */
static int resolve(struct shape_walk *walk, const struct shape **shape, struct error *error) {
    while ((*shape)->variants != NULL) {
        struct wanted wanted = {.name = (*shape)->discriminator};
        struct str value = STR_NONE;
        if (look_ahead(walk, &wanted, 1, error) != 0) return -1;
        if (wanted.token == JSON_TOKEN_END || wanted.token == JSON_TOKEN_NULL) {
            if ((*shape)->absent == NULL) return unknown_type(walk, wanted.name, STR("(none)"), shape, error);
            *shape = (*shape)->absent;
            continue;
        }
        if (wanted.token == JSON_TOKEN_STRING && shape_decode(walk, wanted.raw, &value, error) != 0) return -1;
        const struct shape_variant *found = NULL;
        for (size_t i = 0; i < (*shape)->variant_count && found == NULL; i++) {
            if (str_equal((*shape)->variants[i].value, value)) found = &(*shape)->variants[i];
        }
        if (wanted.token != JSON_TOKEN_STRING || found == NULL) {
            return unknown_type(walk, wanted.name, value, shape, error);
        }
        if (tell(walk, found->fact, JSON_TOKEN_STRING, found->value, error) != 0) return -1;
        *shape = found->shape;
    }
    return 0;
}

static int pair_signed(struct shape_walk *walk, const struct shape *shape, struct error *error) {
    struct wanted wanted[2] = {0};
    for (size_t i = 0; i < shape->member_count; i++) {
        if (shape->members[i].shape->kind == SHAPE_SIGNED_TEXT) wanted[0].name = shape->members[i].name;
        if (shape->members[i].shape->kind == SHAPE_SIGNATURE) wanted[1].name = shape->members[i].name;
    }
    walk->is_text_replaced = walk->is_signature_replaced = walk->is_pair_unread = false;
    if (look_ahead(walk, wanted, 2, error) != 0) return -1;
    if (wanted[0].token != JSON_TOKEN_STRING || wanted[1].token != JSON_TOKEN_STRING) return 0;
    return shape_pair_signed(walk, wanted[0].name, wanted[0].raw, wanted[1].raw, error);
}

/* The member's place in the table: its index, member_count when it is not listed, or -1 when it is ambiguous. */
static int find_member(const struct shape *shape, struct str name, size_t *index, struct error *error) {
    for (*index = 0; *index < shape->member_count; (*index)++) {
        if (str_equal(shape->members[*index].name, name)) return 0;
    }
    for (size_t i = 0; i < shape->member_count; i++) {
        if (!str_equal_ignoring_case(shape->members[i].name, name)) continue;
        return error_set(error, ERROR_INVALID, "a member is spelt like \"%.*s\" but in another case: ambiguous",
                         STR_ARGS(shape->members[i].name));
    }
    return 0;
}

static int walk_member(struct shape_walk *walk, const struct shape *shape, struct str raw_name, uint64_t *seen,
                       struct error *error) {
    char room[NAME_BYTES_MAX];
    struct str raw, name = member_name(walk, raw_name, room);
    size_t index;
    if (follows(walk)) walk->path = mix(walk->path, name);
    if (str_equal(name, STR("delta"))) walk->grows = true;
    if (find_member(shape, name, &index, error) != 0) return -1;
    bool is_listed = index < shape->member_count;
    if (is_listed && (*seen >> index & 1) != 0) {
        return error_set(error, ERROR_INVALID, "the member \"%.*s\" is there twice: ambiguous", STR_ARGS(name));
    }
    if (is_listed) *seen |= (uint64_t)1 << index;
    else if (!walk->only_follows && shape_walk_key(walk, raw_name, error) != 0) return -1;
    enum json_token token = json_next(&walk->scanner, &raw);
    if (!is_listed) {
        const struct shape *other = shape->others != NULL ? shape->others : &shape_tree;
        return walk_value(walk, other, 0, name, token, raw, error);
    }
    const struct shape_member *member = &shape->members[index];
    return walk_value(walk, member->shape, member->fact, name, token, raw, error);
}

static int walk_object(struct shape_walk *walk, const struct shape *shape, struct error *error) {
    struct str raw;
    uint64_t seen = 0;
    enum json_token token;
    if (resolve(walk, &shape, error) != 0) return -1;
    CHECK(shape->member_count <= SHAPE_MEMBERS_MAX);
    if (shape->is_signed && pair_signed(walk, shape, error) != 0) return -1;
    uint64_t outer = walk->path;
    bool grows = walk->grows;
    if (follows(walk) && add_indexes(walk, error) != 0) return -1;
    uint64_t path = walk->path;
    while ((token = json_next(&walk->scanner, &raw)) == JSON_TOKEN_KEY) {
        if (walk_member(walk, shape, raw, &seen, error) != 0) return -1;
        walk->path = path;
        walk->grows = grows;
    }
    walk->path = outer;
    return token == JSON_TOKEN_END_OBJECT ? 0 : not_json(&walk->scanner, error);
}

static int walk_array(struct shape_walk *walk, const struct shape *items, struct str name, struct error *error) {
    struct str raw;
    enum json_token token;
    uint32_t count = 0;
    uint64_t path = walk->path;
    while ((token = json_next(&walk->scanner, &raw)) != JSON_TOKEN_END_ARRAY) {
        if (follows(walk) && !walk->grows) walk->path = (path ^ count) * PATH_PRIME;
        if (items->kind != SHAPE_PLAIN && ++count > SHAPE_ITEMS_MAX) {
            return error_set(error, ERROR_LIMIT, "a list has more than %u items", SHAPE_ITEMS_MAX);
        }
        if (walk_value(walk, items, 0, name, token, raw, error) != 0) return -1;
    }
    walk->path = path;
    return 0;
}

/* A tree is masked as a whole, which knows more of its values than one by one; what goes on elsewhere is followed. */
static int follow_tree(struct shape_walk *walk, struct str name, enum json_token token, struct str raw,
                       struct error *error) {
    struct json_scanner scanner = walk->scanner;
    int depth = walk->depth;
    walk->only_follows = true;
    int result = walk_value(walk, &open_shape, 0, name, token, raw, error);
    walk->only_follows = false;
    walk->scanner = scanner;
    walk->depth = depth;
    return result;
}

static bool spreads(enum shape_kind kind, bool is_object) {
    return kind == SHAPE_NAME || kind == SHAPE_PLAIN || kind == SHAPE_MEDIA || (kind == SHAPE_TOKENS && !is_object);
}

static bool describes_object(const struct shape *shape) {
    return shape->members != NULL || shape->variants != NULL || shape->others != NULL;
}

/* Readers of answers are tolerant, so the nearest form is meant: one item in the place of a list is a list of one, and a
 * list where one object is expected holds such objects. */
static const struct shape *items_of(const struct shape_walk *walk, const struct shape *shape) {
    return walk->is_answer && shape->items == NULL && describes_object(shape) ? shape : shape->items;
}

static bool is_lone_item(const struct shape_walk *walk, const struct shape *shape, enum json_token token) {
    return walk->is_answer && token == JSON_TOKEN_BEGIN_OBJECT && !describes_object(shape) && shape->items != NULL &&
           describes_object(shape->items);
}

static int walk_container(struct shape_walk *walk, const struct shape *shape, struct str name, enum json_token token,
                          struct str raw, struct error *error) {
    static const struct shape names = {.kind = SHAPE_NAME, .others = &names};
    static const struct shape plain = {.kind = SHAPE_PLAIN, .others = &plain};
    struct str bytes;
    bool is_object = token == JSON_TOKEN_BEGIN_OBJECT;
    bool is_described = is_object ? describes_object(shape) : items_of(walk, shape) != NULL;
    if (is_described || spreads(shape->kind, is_object)) {
        if (walk->depth >= SHAPE_DEPTH_MAX && walk->only_follows) return skip_container(&walk->scanner, raw, &bytes, error);
        if (walk->depth >= SHAPE_DEPTH_MAX) {
            return error_set(error, ERROR_LIMIT, "nested deeper than %d where nesting is described", SHAPE_DEPTH_MAX);
        }
        if (!is_described && is_object) shape = shape->kind == SHAPE_PLAIN ? &plain : &names;
        walk->depth++;
        int result = is_object ? walk_object(walk, shape, error)
                               : walk_array(walk, is_described ? items_of(walk, shape) : shape, name, error);
        walk->depth--;
        return result;
    }
    bool is_dropped = shape->kind == SHAPE_DROPPED || shape->kind == SHAPE_DROPPED_LIST;
    if (follows(walk) && !is_dropped && walk->grows) return walk_value(walk, &open_shape, 0, name, token, raw, error);
    if (follows(walk) && !is_dropped && !shape->is_echo && follow_tree(walk, name, token, raw, error) != 0) return -1;
    if (skip_container(&walk->scanner, raw, &bytes, error) != 0) return -1;
    if (!is_dropped) return shape_walk_tree(walk, name, bytes, error);
    shape_drop(walk, shape, bytes);
    return 0;
}

static int tell_container(struct shape_walk *walk, const struct shape *shape, uint8_t fact, enum json_token token,
                          struct str raw, struct error *error) {
    struct str bytes = STR_NONE;
    if (fact == 0 || walk->sink.fact == NULL) return 0;
    if (token == JSON_TOKEN_BEGIN_OBJECT && shape->is_told_whole) {
        struct json_scanner scanner = walk->scanner;
        if (skip_container(&scanner, raw, &bytes, error) != 0) return -1;
    }
    return tell(walk, fact, token, bytes, error);
}

static int walk_value(struct shape_walk *walk, const struct shape *shape, uint8_t fact, struct str name,
                      enum json_token token, struct str raw, struct error *error) {
    if (fact == 0) fact = shape->fact;
    if (is_lone_item(walk, shape, token)) return walk_value(walk, shape->items, 0, name, token, raw, error);
    switch (token) {
    case JSON_TOKEN_BEGIN_OBJECT:
    case JSON_TOKEN_BEGIN_ARRAY:
        if (tell_container(walk, shape, fact, token, raw, error) != 0) return -1;
        return walk_container(walk, shape, name, token, raw, error);
    case JSON_TOKEN_STRING: return shape_walk_string(walk, shape, fact, name, raw, error);
    case JSON_TOKEN_NUMBER:
        if (tell(walk, fact, token, raw, error) != 0) return -1;
        return shape_walk_number(walk, shape, name, raw, error);
    case JSON_TOKEN_TRUE:
    case JSON_TOKEN_FALSE:
    case JSON_TOKEN_NULL: return tell(walk, fact, token, raw, error);
    default: return not_json(&walk->scanner, error);
    }
}

static int walk_document(struct shape_walk *walk, const struct shape *shape, struct str document, struct error *error) {
    struct str raw;
    json_scanner_init(&walk->scanner, document);
    walk->depth = 0;
    walk->path = PATH_START;
    walk->grows = walk->only_follows = false;
    walk->copied = 0;
    walk->is_changed = walk->is_unknown_type = false;
    enum json_token token = json_next(&walk->scanner, &raw);
    if (walk_value(walk, shape, 0, STR_NONE, token, raw, error) != 0) return -1;
    return json_next(&walk->scanner, &raw) == JSON_TOKEN_END ? 0 : not_json(&walk->scanner, error);
}

void shape_walk_init(struct shape_walk *walk) {
    *walk = (struct shape_walk){0};
    buffer_init(&walk->decoded, SHAPE_VALUE_BYTES_MAX);
    buffer_init(&walk->changed, SHAPE_VALUE_BYTES_MAX);
    buffer_init(&walk->quoted, 2 * (size_t)SHAPE_VALUE_BYTES_MAX);
    buffer_init(&walk->signed_text, SHAPE_VALUE_BYTES_MAX);
    buffer_init(&walk->signature, SHAPE_VALUE_BYTES_MAX);
}

void shape_walk_free(struct shape_walk *walk) {
    buffer_free(&walk->decoded);
    buffer_free(&walk->changed);
    buffer_free(&walk->quoted);
    buffer_free(&walk->signed_text);
    buffer_free(&walk->signature);
}

int shape_inspect(struct shape_walk *walk, const struct shape *shape, struct str document, struct error *error) {
    walk->plan = NULL;
    walk->has_findings = walk->has_seals = walk->has_tokens = false;
    return walk_document(walk, shape, document, error);
}

int shape_mask(struct shape_walk *walk, const struct shape *shape, struct str document, struct buffer *out,
               bool *is_changed, struct error *error) {
    CHECK(walk->plan != NULL && walk->masked != NULL && walk->revealed != NULL);
    walk->out = out;
    if (walk_document(walk, shape, document, error) != 0) return -1;
    *is_changed = walk->is_changed;
    if (walk->is_changed) buffer_append_str(out, str_slice(document, walk->copied, document.length));
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}
