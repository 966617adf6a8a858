/* What a reader could put together from a stream: the strings that stand at one place of its events, one behind the
 * other. A place is the names on the way, without the numbers of lists, and with the indexes that the objects say. */
#ifndef SWORN_TESTS_UNIT_WIRE_LLM_HEARD_H
#define SWORN_TESTS_UNIT_WIRE_LLM_HEARD_H

#include "tests/unit/wire/json_plan.h"
#include "wire/json/cursor.h"
#include "wire/llm/sse.h"

#define HEARD_PLACES_MAX 512

struct heard_place {
    uint64_t path;
    struct buffer text;
};

struct heard_places {
    struct heard_place items[HEARD_PLACES_MAX];
    size_t count;
};

static inline uint64_t heard_mix(uint64_t path, struct str name) {
    for (size_t i = 0; i < name.length; i++) path = (path ^ (uint8_t)name.data[i]) * 0x100000001b3u;
    return (path ^ '/') * 0x100000001b3u;
}

static inline void heard_string(struct heard_places *places, uint64_t path, struct str value) {
    size_t i = 0;
    while (i < places->count && places->items[i].path != path) i++;
    if (i == HEARD_PLACES_MAX) return;
    if (i == places->count) {
        places->items[places->count++].path = path;
        buffer_init(&places->items[i].text, 1u << 20);
    }
    json_append_text(value, &places->items[i].text);
}

static inline void heard_value(struct heard_places *places, uint64_t path, struct str value) {
    static const char *const indexes[] = {"index", "output_index", "content_index", "summary_index"};
    struct json_cursor cursor;
    struct json_member member;
    if (json_is_string(value)) heard_string(places, path, value);
    if (!json_cursor_init(&cursor, value)) return;
    for (size_t i = 0; cursor.is_object && i < LENGTH_OF(indexes); i++) {
        struct str index = json_get(value, str_from_cstr(indexes[i]));
        if (index.length > 0) path = heard_mix(path, index);
    }
    while (json_cursor_next(&cursor, &member)) heard_value(places, heard_mix(path, member.name), member.value);
}

static inline bool heard_has_canary(struct str stream) {
    static struct heard_places places;
    struct sse_parser parser;
    struct sse_event event;
    struct error error = {0};
    bool is_found = false;
    places.count = 0;
    sse_init(&parser, 1u << 20);
    if (sse_feed(&parser, stream, &error) != 0) abort();
    while (sse_next(&parser, &event, &error) == 1) heard_value(&places, 1469598103934665603u, event.data);
    for (size_t i = 0; i < places.count; i++) {
        is_found |= plan_has_canary(buffer_view(&places.items[i].text));
        buffer_free(&places.items[i].text);
    }
    sse_free(&parser);
    return is_found;
}

#endif
