/* One pass over the tokens with the path of names so far. */
#include "model/tags.h"

#include "base/json.h"

#define NAME_BYTES_MAX 4096

/* ---- Adding ---------------------------------------------------------------------------------------------------- */

/* The slot of that name, or the free one where it belongs. */
static uint32_t *slot_of(const struct attribute_tags *tags, struct str name) {
    size_t mask = tags->capacity * 2 - 1;
    size_t at = str_hash(name) & mask;
    while (tags->slots[at] != 0 && !str_equal(tags->items[tags->slots[at] - 1].name, name)) at = (at + 1) & mask;
    return &tags->slots[at];
}

static int grow(struct attribute_tags *tags, struct arena *arena) {
    if (tags->count < tags->capacity) return 0;
    if (tags->count == ATTRIBUTE_TAGS_MAX) return -1;
    size_t capacity = tags->capacity == 0 ? 16 : tags->capacity * 2;
    struct attribute_tag *items = ARENA_NEW_ARRAY(arena, struct attribute_tag, capacity);
    uint32_t *slots = ARENA_NEW_ARRAY(arena, uint32_t, capacity * 2);
    if (items == NULL || slots == NULL) return -1;
    memset(slots, 0, capacity * 2 * sizeof(*slots));
    if (tags->count > 0) memcpy(items, tags->items, tags->count * sizeof(*items));
    *tags = (struct attribute_tags){items, tags->count, capacity, slots};
    for (uint32_t i = 0; i < tags->count; i++) *slot_of(tags, items[i].name) = i + 1;
    return 0;
}

int attribute_tags_add(struct attribute_tags *tags, struct arena *arena, struct str name, struct str text) {
    if (!utf8_is_valid(name) || !utf8_is_valid(text) || grow(tags, arena) != 0) return -1;
    uint32_t *slot = slot_of(tags, name);
    if (*slot != 0) return str_equal(tags->items[*slot - 1].text, text) ? 0 : -1;
    struct attribute_tag *tag = &tags->items[tags->count];
    *tag = (struct attribute_tag){.name = arena_copy(arena, name), .text = arena_copy(arena, text)};
    if (tag->name.data == NULL || tag->text.data == NULL) return -1;
    tag->is_integer = str_parse_i64(text, &tag->integer) == 0;
    *slot = (uint32_t)++tags->count;
    return 0;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------ */

struct flattening {
    struct attribute_tags *tags;
    struct arena *arena;
    struct buffer name; /* of the value that comes next */
    struct buffer text;
    size_t prefix[ATTRIBUTE_TAGS_DEPTH_MAX + 1]; /* how much of name belongs to the container at that depth */
    size_t index[ATTRIBUTE_TAGS_DEPTH_MAX + 1];  /* of an array's next element */
    bool is_array[ATTRIBUTE_TAGS_DEPTH_MAX + 1];
    int depth;
};

static void begin_name(struct flattening *flattening) {
    buffer_truncate(&flattening->name, flattening->prefix[flattening->depth]);
    if (flattening->prefix[flattening->depth] > 0) buffer_append_byte(&flattening->name, '.');
}

/* An element of an array has its index for a name; a member's name was set by its key. */
static void name_element(struct flattening *flattening) {
    if (flattening->depth == 0 || !flattening->is_array[flattening->depth]) return;
    begin_name(flattening);
    buffer_append_u64_decimal(&flattening->name, flattening->index[flattening->depth]++);
}

static int add_scalar(struct flattening *flattening, struct str text) {
    name_element(flattening);
    struct str name = buffer_view(&flattening->name);
    return attribute_tags_add(flattening->tags, flattening->arena, name.length > 0 ? name : STR("value"), text);
}

static int add_string(struct flattening *flattening, struct str raw) {
    buffer_clear(&flattening->text);
    if (json_unescape_lossy(raw, &flattening->text) != 0) return -1;
    return add_scalar(flattening, buffer_view(&flattening->text));
}

static int open_container(struct flattening *flattening, bool is_array) {
    name_element(flattening);
    if (flattening->depth == ATTRIBUTE_TAGS_DEPTH_MAX) return -1;
    flattening->depth++;
    flattening->prefix[flattening->depth] = buffer_length(&flattening->name);
    flattening->index[flattening->depth] = 0;
    flattening->is_array[flattening->depth] = is_array;
    return 0;
}

static int add_key(struct flattening *flattening, struct str raw) {
    begin_name(flattening);
    return json_unescape_lossy(raw, &flattening->name);
}

static int add_token(struct flattening *flattening, enum json_token token, struct str raw) {
    switch (token) {
    case JSON_TOKEN_BEGIN_OBJECT: return open_container(flattening, false);
    case JSON_TOKEN_BEGIN_ARRAY: return open_container(flattening, true);
    case JSON_TOKEN_END_OBJECT:
    case JSON_TOKEN_END_ARRAY: flattening->depth--; return 0;
    case JSON_TOKEN_KEY: return add_key(flattening, raw);
    case JSON_TOKEN_STRING: return add_string(flattening, raw);
    case JSON_TOKEN_NUMBER:
    case JSON_TOKEN_TRUE:
    case JSON_TOKEN_FALSE:
    case JSON_TOKEN_NULL: return add_scalar(flattening, raw);
    default: return -1;
    }
}

int attribute_tags_from_json(struct attribute_tags *tags, struct arena *arena, struct str json) {
    struct flattening flattening = {.tags = tags, .arena = arena};
    buffer_init(&flattening.name, NAME_BYTES_MAX);
    buffer_init(&flattening.text, json.length + 1);
    struct json_scanner scanner;
    json_scanner_init(&scanner, json);
    struct str raw;
    enum json_token token;
    int result = 0;
    while (result == 0 && (token = json_next(&scanner, &raw)) != JSON_TOKEN_END) result = add_token(&flattening, token, raw);
    if (buffer_failed(&flattening.name) || buffer_failed(&flattening.text)) result = -1;
    buffer_free(&flattening.name);
    buffer_free(&flattening.text);
    return result;
}

/* ---- Evidence -------------------------------------------------------------------------------------------------- */

struct sha256 attribute_tags_digest(const struct attribute_tag *items, size_t count) {
    struct buffer text;
    buffer_init(&text, SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        buffer_append_str(&text, items[i].name);
        buffer_append_byte(&text, '\0');
        buffer_append_str(&text, items[i].text);
        buffer_append_byte(&text, '\0');
    }
    struct sha256 digest = sha256_of(buffer_view(&text));
    buffer_free(&text);
    return digest;
}
