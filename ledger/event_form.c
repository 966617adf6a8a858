/* Events by the table. Members of an event come in the order of the table's rows, as both are sorted. */
#include "ledger/event_form.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "ledger/seal.h"

#define ENTRY_TIME_BYTES 27u

enum place { PLACE_NODE, PLACE_SESSION };
enum presence { PRESENCE_ALWAYS, PRESENCE_USUALLY, PRESENCE_MAYBE };

static const struct {
    struct str name;
    enum place place;
} types[EVENT_TYPE_COUNT] = {
#define EVENT_TYPE(type, place) {{#type, sizeof(#type) - 1}, PLACE_##place},
#define EVENT_MEMBER(type, member, kind, when, words)
#include "ledger/event_members.def"
#undef EVENT_TYPE
#undef EVENT_MEMBER
};

struct member {
    enum event_type type;
    struct str name;
    enum event_kind kind;
    enum presence presence;
    const char *words;
};

static const struct member members[EVENT_MEMBER_COUNT] = {
#define EVENT_TYPE(type, place)
#define EVENT_MEMBER(type, member, kind, when, words) \
    {EVENT_TYPE_##type, {#member, sizeof(#member) - 1}, EVENT_KIND_##kind, PRESENCE_##when, words},
#include "ledger/event_members.def"
#undef EVENT_TYPE
#undef EVENT_MEMBER
};

const char *event_form_type_name(size_t type) { return type < EVENT_TYPE_COUNT ? types[type].name.data : NULL; }

const char *event_form_member_name(size_t member, enum event_type *type) {
    if (member >= EVENT_MEMBER_COUNT) return NULL;
    *type = members[member].type;
    return members[member].name.data;
}

/* ---- Kinds ----------------------------------------------------------------------------------------------------- */

static bool is_hash(struct str text) {
    if (text.length != 2 * SHA256_BYTES) return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

static bool is_word(struct str text, const char *words) {
    struct str rest = str_from_cstr(words);
    struct str word;
    while (str_split(&rest, '|', &word)) {
        if (str_equal(word, text)) return true;
    }
    return false;
}

static bool is_time(struct str text) {
    int64_t ignored;
    return text.length == ENTRY_TIME_BYTES && clock_parse_rfc3339(text, &ignored) == 0;
}

static bool is_commitment(struct str raw) {
    struct seal_commitment ignored;
    return raw.length > 0 && raw.data[0] == '{' && seal_commitment_parse(raw, &ignored, NULL) == 0;
}

/* {"context":{...},"parents":[...],"resource":"...","type":"...","verb":"..."} */
static bool is_step(struct str raw, struct arena *arena) {
    struct json_reader reader;
    struct str key;
    unsigned needed = 0;
    json_reader_init(&reader, raw, arena);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        size_t count;
        if (str_equal(key, STR("context"))) {
            struct str context = json_read_raw(&reader);
            if (context.length == 0 || context.data[0] != '{') reader.is_bad = true;
        } else if (str_equal(key, STR("parents"))) {
            (void)json_read_strings(&reader, &count);
        } else if (str_equal(key, STR("resource")) || str_equal(key, STR("type")) || str_equal(key, STR("verb"))) {
            (void)json_read_string(&reader);
            needed++;
        } else {
            reader.is_bad = true;
        }
    }
    return needed == 3 && json_reader_is_good(&reader);
}

static bool read_objects(struct json_reader *reader, bool are_steps, struct event_value *value) {
    value->names = json_read_array(reader, &value->name_count);
    for (size_t i = 0; i < value->name_count; i++) {
        struct str raw = value->names[i];
        if (raw.length == 0 || raw.data[0] != '{' || (are_steps && !is_step(raw, reader->arena))) return false;
    }
    return !reader->is_bad;
}

/* The names alone: how many of each is for people. */
static bool read_counts(struct json_reader *reader, struct event_value *value) {
    struct json_reader counter = *reader;
    struct str key;
    size_t count = 0;
    json_read_object(&counter);
    while (json_read_member(&counter, &key)) {
        if (json_read_integer(&counter) < 0) return false;
        count++;
    }
    struct str *names = ARENA_NEW_ARRAY(reader->arena, struct str, count + 1);
    if (names == NULL || counter.is_bad) return false;
    json_read_object(reader);
    for (size_t i = 0; json_read_member(reader, &names[i]); i++) (void)json_read_integer(reader);
    value->names = names;
    value->name_count = count;
    return !reader->is_bad;
}

static bool read_text(struct json_reader *reader, struct event_value *value) {
    value->text = json_read_string(reader);
    return !reader->is_bad;
}

static bool read_natural(struct json_reader *reader, struct event_value *value) {
    int64_t number = json_read_integer(reader);
    value->natural = (uint64_t)number;
    return !reader->is_bad && number >= 0;
}

static bool read_by_kind(const struct member *member, struct json_reader *reader, struct event_value *value) {
    switch (member->kind) {
    case EVENT_KIND_COMMITMENT: return is_commitment(value->raw);
    case EVENT_KIND_COUNTS: return read_counts(reader, value);
    case EVENT_KIND_FLAG: return str_equal(value->raw, STR("true"));
    case EVENT_KIND_HASH: return read_text(reader, value) && is_hash(value->text);
    case EVENT_KIND_NAMES: value->names = json_read_strings(reader, &value->name_count); return !reader->is_bad;
    case EVENT_KIND_NATURAL: return read_natural(reader, value);
    case EVENT_KIND_OBJECT: return value->raw.data[0] == '{';
    case EVENT_KIND_OBJECTS: return read_objects(reader, false, value);
    case EVENT_KIND_STEPS: return read_objects(reader, true, value);
    case EVENT_KIND_ACTION:
    case EVENT_KIND_TEXT: return read_text(reader, value);
    case EVENT_KIND_TEXT_OR_COMMITMENT:
        return value->raw.data[0] == '{' ? is_commitment(value->raw) : read_text(reader, value);
    case EVENT_KIND_TIME: return read_text(reader, value) && is_time(value->text);
    case EVENT_KIND_WORD: return read_text(reader, value) && is_word(value->text, member->words);
    }
    return false;
}

/* ---- Events ---------------------------------------------------------------------------------------------------- */

static bool find_type(struct str name, enum event_type *type) {
    for (size_t i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (!str_equal(types[i].name, name)) continue;
        *type = (enum event_type)i;
        return true;
    }
    return false;
}

static int take_member(struct event_form *form, const struct member *member, struct json_reader *reader,
                       struct error *error) {
    struct event_value *value = &form->values[member - members];
    value->raw = json_read_raw(reader);
    struct json_reader inside;
    json_reader_init(&inside, value->raw, reader->arena);
    value->is_set = true;
    if (!reader->is_bad && value->raw.length > 0 && read_by_kind(member, &inside, value)) return 0;
    return error_set(error, ERROR_INVALID, "its \"%.*s\" is not what an event \"%.*s\" has there", STR_ARGS(member->name),
                     STR_ARGS(types[form->type].name));
}

static int check_presence(const struct event_form *form, size_t first, size_t end, struct error *error) {
    for (size_t i = first; i < end; i++) {
        bool may_be_absent = members[i].presence == PRESENCE_MAYBE ||
                             (members[i].presence == PRESENCE_USUALLY && form->is_interrupted);
        if (form->values[i].is_set || may_be_absent) continue;
        return error_set(error, ERROR_INVALID, "it has no \"%.*s\", as every event \"%.*s\" has", STR_ARGS(members[i].name),
                         STR_ARGS(types[form->type].name));
    }
    return 0;
}

static bool says_interrupted(const struct event_form *form) {
    switch (form->type) {
    case EVENT_TYPE_node_stop: return form->values[EVENT_MEMBER_node_stop_interrupted].is_set;
    case EVENT_TYPE_session_end: return form->values[EVENT_MEMBER_session_end_interrupted].is_set;
    case EVENT_TYPE_outcome:
        return str_equal(form->values[EVENT_MEMBER_outcome_status].text, EVENT_STATUS_INTERRUPTED);
    case EVENT_TYPE_hold_ended:
        return str_equal(form->values[EVENT_MEMBER_hold_ended_how].text, EVENT_STATUS_INTERRUPTED);
    default: return false;
    }
}

int event_form_read(struct event_form *form, struct str event, struct str type, struct arena *arena, struct error *error) {
    struct json_reader reader;
    struct str key;
    if (!find_type(type, &form->type)) {
        return error_set(error, ERROR_INVALID, "this version knows no event of type \"%.*s\"", STR_ARGS(type));
    }
    size_t first = 0;
    while (first < EVENT_MEMBER_COUNT && members[first].type != form->type) first++;
    size_t end = first;
    for (; end < EVENT_MEMBER_COUNT && members[end].type == form->type; end++) {
        form->values[end] = (struct event_value){.is_set = false};
    }
    json_reader_init(&reader, event, arena);
    json_read_object(&reader);
    size_t row = first;
    while (json_read_member(&reader, &key)) {
        while (row < end && str_compare(members[row].name, key) < 0) row++;
        if (row < end && str_equal(members[row].name, key)) {
            if (take_member(form, &members[row], &reader, error) != 0) return -1;
        } else if (str_equal(key, STR("type"))) {
            json_skip(&reader);
        } else {
            return error_set(error, ERROR_INVALID, "this version knows no member \"%.*s\" of an event \"%.*s\"",
                             STR_ARGS(key), STR_ARGS(type));
        }
    }
    if (!json_reader_is_good(&reader)) return error_set(error, ERROR_INVALID, "it is not as doc/evidence-format.md has it");
    form->is_node = types[form->type].place == PLACE_NODE;
    form->is_interrupted = says_interrupted(form);
    return check_presence(form, first, end, error);
}
