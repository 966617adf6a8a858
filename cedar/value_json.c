/* JSON to values. */
#include "cedar/value_json.h"

#include "cedar/eval.h"
#include "cedar/lex.h"
#include "cedar/problem.h"
#include "cedar/schema.h"

#define ARGUMENTS_MAX 4u

static int refuse_memory(struct cedar_reader *reader) {
    return cedar_problem_set_memory(reader->problem);
}

void cedar_reader_advance(struct cedar_reader *reader) {
    reader->event = json_next(&reader->scanner, &reader->raw);
}

int cedar_reader_init(struct cedar_reader *reader, struct arena *arena, struct str text,
                      struct cedar_problem *problem) {
    *reader = (struct cedar_reader){.arena = arena, .problem = problem};
    if (text.length > CEDAR_TEXT_BYTES_MAX) {
        return cedar_problem_set(problem, CEDAR_LIMIT, "the JSON text is larger than 64 MiB: split it");
    }
    reader->text = arena_copy(arena, text);
    if (reader->text.data == NULL) return refuse_memory(reader);
    json_scanner_init(&reader->scanner, reader->text);
    cedar_reader_advance(reader);
    return 0;
}

int cedar_reader_refuse(struct cedar_reader *reader, enum cedar_code code, const char *what) {
    size_t offset = reader->scanner.offset;
    size_t length = 0;
    if (reader->event != JSON_TOKEN_BAD && reader->event != JSON_TOKEN_END && reader->raw.data != NULL) {
        offset = (size_t)(reader->raw.data - reader->text.data);
        length = reader->raw.length;
    }
    struct cedar_span span = {(uint32_t)offset, (uint32_t)(offset + length)};
    if (reader->event == JSON_TOKEN_BAD) {
        return cedar_problem_set_at(reader->problem, CEDAR_BAD_JSON, reader->text, span,
                                    "this is not JSON, or nested deeper than %d levels: correct it here",
                                    JSON_DEPTH_MAX);
    }
    return cedar_problem_set_at(reader->problem, code, reader->text, span, "%s", what);
}

int cedar_reader_expect(struct cedar_reader *reader, enum json_token event, const char *what) {
    if (reader->event != event) return cedar_reader_refuse(reader, CEDAR_BAD_JSON, what);
    cedar_reader_advance(reader);
    return 0;
}

static int unescape(struct cedar_reader *reader, struct str *string) {
    *string = reader->raw;
    if (str_find_byte(reader->raw, '\\') == STR_NOT_FOUND) return 0;
    struct buffer decoded;
    buffer_init(&decoded, reader->raw.length + 4);
    int status = json_unescape(reader->raw, &decoded);
    if (status == 0) *string = arena_copy(reader->arena, buffer_view(&decoded));
    buffer_free(&decoded);
    if (status != 0) return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a bad escape in this string: correct it");
    return string->data != NULL ? 0 : refuse_memory(reader);
}

int cedar_read_string(struct cedar_reader *reader, struct str *string) {
    if (reader->event != JSON_TOKEN_STRING)
        return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a string must stand here");
    if (unescape(reader, string) != 0) return -1;
    cedar_reader_advance(reader);
    return 0;
}

int cedar_read_key(struct cedar_reader *reader, struct str *key) {
    if (reader->event != JSON_TOKEN_KEY) return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a member must stand here");
    if (unescape(reader, key) != 0) return -1;
    cedar_reader_advance(reader);
    return 0;
}

int cedar_skip_value(struct cedar_reader *reader) {
    int depth = 0;
    do {
        switch (reader->event) {
        case JSON_TOKEN_BEGIN_OBJECT:
        case JSON_TOKEN_BEGIN_ARRAY: depth++; break;
        case JSON_TOKEN_END_OBJECT:
        case JSON_TOKEN_END_ARRAY: depth--; break;
        case JSON_TOKEN_BAD:
        case JSON_TOKEN_END: return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a value must stand here");
        default: break;
        }
        cedar_reader_advance(reader);
    } while (depth > 0);
    return 0;
}

/* A type: names without white space, joined by `::`. */
static bool is_type(struct str type) {
    struct cedar_lexer lexer = {type, 0};
    struct cedar_token token;
    uint32_t end = 0;
    for (bool wants_name = true;; wants_name = !wants_name) {
        cedar_lex(&lexer, &token);
        if (token.kind == CEDAR_TOKEN_END) return !wants_name && end == type.length;
        if (token.span.start != end || token.kind != (wants_name ? CEDAR_TOKEN_NAME : CEDAR_TOKEN_PATH)) return false;
        if (wants_name && cedar_is_reserved(token.text)) return false;
        end = token.span.end;
    }
}

/* The members of {type, id}; the brace is taken. With may_wrap, {__entity: ...} may stand instead. */
static int read_uid_members(struct cedar_reader *reader, bool may_wrap, const struct cedar_uid **uid) {
    struct str type = STR_NONE, id = STR_NONE;
    *uid = NULL;
    while (reader->event == JSON_TOKEN_KEY) {
        struct str key;
        int status;
        if (cedar_read_key(reader, &key) != 0) return -1;
        if (str_equal(key, STR("type")) && type.data == NULL) {
            status = cedar_read_string(reader, &type);
        } else if (str_equal(key, STR("id")) && id.data == NULL) {
            status = cedar_read_string(reader, &id);
        } else if (may_wrap && str_equal(key, STR("__entity"))) {
            if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "write {\"type\": ..., \"id\": ...} here") != 0)
                return -1;
            status = read_uid_members(reader, false, uid);
        } else {
            status = cedar_skip_value(reader);
        }
        if (status != 0) return -1;
    }
    if (*uid == NULL) {
        if (type.data == NULL || id.data == NULL || !is_type(type)) {
            return cedar_reader_refuse(reader, CEDAR_BAD_JSON,
                                       "an entity is {\"type\": \"Name::Space\", \"id\": \"...\"}");
        }
        *uid = cedar_uid_make(reader->arena, type, id);
        if (*uid == NULL) return refuse_memory(reader);
    }
    return cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here");
}

int cedar_read_uid(struct cedar_reader *reader, const struct cedar_uid **uid) {
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "an entity is {\"type\": \"...\", \"id\": \"...\"}") != 0)
        return -1;
    return read_uid_members(reader, true, uid);
}

/* Values of an array, in order. */
struct values {
    struct cedar_value *items;
    size_t count;
    size_t capacity;
};

static struct cedar_value *push_value(struct cedar_reader *reader, struct values *values) {
    if (values->count == values->capacity) {
        size_t capacity = values->capacity > 0 ? values->capacity * 2 : 8;
        struct cedar_value *items =
            values->count < CEDAR_MEMBERS_MAX ? ARENA_NEW_ARRAY(reader->arena, struct cedar_value, capacity) : NULL;
        if (items == NULL) {
            cedar_reader_refuse(reader, CEDAR_LIMIT, "too many members (65,536 at most), or memory is out");
            return NULL;
        }
        if (values->count > 0) memcpy(items, values->items, values->count * sizeof(*items));
        values->items = items;
        values->capacity = capacity;
    }
    return &values->items[values->count++];
}

static int read_array(struct cedar_reader *reader, const struct cedar_type *each, struct values *values) {
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_ARRAY, "an array must stand here") != 0) return -1;
    while (reader->event != JSON_TOKEN_END_ARRAY) {
        struct cedar_value *value = push_value(reader, values);
        if (value == NULL || cedar_read_value_as(reader, each, value) != 0) return -1;
    }
    cedar_reader_advance(reader);
    return 0;
}

/* {fn, arg} or {fn, args}. */
static int read_extension(struct cedar_reader *reader, struct cedar_value *value) {
    struct str function_name = STR_NONE;
    struct values arguments = {0};
    struct cedar_reader start = *reader;
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "write {\"fn\": ..., \"arg\": ...} here") != 0) return -1;
    while (reader->event == JSON_TOKEN_KEY) {
        struct str key;
        int status;
        if (cedar_read_key(reader, &key) != 0) return -1;
        if (str_equal(key, STR("fn"))) {
            status = cedar_read_string(reader, &function_name);
        } else if (str_equal(key, STR("arg"))) {
            struct cedar_value *argument = push_value(reader, &arguments);
            status = argument != NULL ? cedar_read_value(reader, argument) : -1;
        } else {
            status = str_equal(key, STR("args")) ? read_array(reader, NULL, &arguments) : cedar_skip_value(reader);
        }
        if (status != 0) return -1;
    }
    if (cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
    enum cedar_function function = cedar_function_find(function_name);
    bool is_callable = function != CEDAR_FUNCTION_NONE && !cedar_functions[function].is_core;
    enum cedar_code code = is_callable ? cedar_apply(reader->arena, function, arguments.items, arguments.count, value)
                                        : CEDAR_FAILED_EXTENSION;
    if (code == CEDAR_MEMORY) return refuse_memory(reader);
    if (code == CEDAR_OK) return 0;
    return cedar_reader_refuse(&start, CEDAR_BAD_EXTENSION,
                               "`fn` is no extension function, or the argument is not of its form: correct it");
}

struct fields {
    struct cedar_field *items;
    size_t count;
    size_t capacity;
};

static int push_field(struct cedar_reader *reader, struct fields *fields, struct str name, struct cedar_value value) {
    if (fields->count == fields->capacity) {
        size_t capacity = fields->capacity > 0 ? fields->capacity * 2 : 8;
        struct cedar_field *items =
            fields->count < CEDAR_MEMBERS_MAX ? ARENA_NEW_ARRAY(reader->arena, struct cedar_field, capacity) : NULL;
        if (items == NULL) {
            return cedar_reader_refuse(reader, CEDAR_LIMIT, "too many members (65,536 at most), or memory is out");
        }
        if (fields->count > 0) memcpy(items, fields->items, fields->count * sizeof(*items));
        fields->items = items;
        fields->capacity = capacity;
    }
    fields->items[fields->count++] = (struct cedar_field){name, value};
    return 0;
}

static int make_record(struct cedar_reader *reader, struct fields *fields, const struct cedar_record **record) {
    struct cedar_record *made;
    struct str duplicate;
    if (cedar_record_make(reader->arena, fields->items, fields->count, &made, &duplicate) != 0) {
        if (duplicate.data == NULL) return refuse_memory(reader);
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE, "a key stands twice in the object before: remove one");
    }
    *record = made;
    return 0;
}

/* What the schema says of a field: NULL, nothing. */
static const struct cedar_type *field_type(struct cedar_guide guide, struct str name) {
    const struct cedar_type_field *field = guide.record != NULL ? cedar_type_field_find(guide.record, name) : NULL;
    return field != NULL ? field->type : guide.each;
}

int cedar_read_record(struct cedar_reader *reader, struct cedar_guide guide, const struct cedar_record **record) {
    struct fields fields = {0};
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "an object must stand here") != 0) return -1;
    while (reader->event == JSON_TOKEN_KEY) {
        struct str key;
        struct cedar_value value;
        if (cedar_read_key(reader, &key) != 0) return -1;
        if (cedar_read_value_as(reader, field_type(guide, key), &value) != 0) return -1;
        if (push_field(reader, &fields, key, value) != 0) return -1;
    }
    if (cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
    return make_record(reader, &fields, record);
}

/* A record, or an escape: what stands beside `__entity` or `__extn` is read and has no meaning. */
static int read_object(struct cedar_reader *reader, struct cedar_guide guide, struct cedar_value *value) {
    struct fields fields = {0};
    bool is_escape = false;
    cedar_reader_advance(reader);
    while (reader->event == JSON_TOKEN_KEY) {
        struct str key;
        struct cedar_value member;
        if (cedar_read_key(reader, &key) != 0) return -1;
        if (str_equal(key, STR("__expr"))) {
            return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "`__expr` is not supported: use `__entity` or `__extn`");
        }
        if (str_equal(key, STR("__entity")) && !is_escape) {
            is_escape = true;
            value->kind = CEDAR_ENTITY;
            if (cedar_read_uid(reader, &value->entity) != 0) return -1;
        } else if (str_equal(key, STR("__extn")) && !is_escape) {
            is_escape = true;
            if (read_extension(reader, value) != 0) return -1;
        } else if (cedar_read_value_as(reader, field_type(guide, key), &member) != 0 ||
                   push_field(reader, &fields, key, member) != 0) {
            return -1;
        }
    }
    if (cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
    if (is_escape) return 0;
    value->kind = CEDAR_RECORD;
    return make_record(reader, &fields, &value->record);
}

static int read_number(struct cedar_reader *reader, struct cedar_value *value) {
    *value = cedar_long(0);
    if (str_parse_i64(reader->raw, &value->number) != 0) {
        return cedar_reader_refuse(reader, CEDAR_INTEGER_RANGE,
                                   "numbers are integers of 64 bits: write decimals as {\"__extn\": {\"fn\": "
                                   "\"decimal\", ...}}");
    }
    cedar_reader_advance(reader);
    return 0;
}

static int read_set(struct cedar_reader *reader, const struct cedar_type *each, struct cedar_value *value) {
    struct values members = {0};
    if (read_array(reader, each, &members) != 0) return -1;
    return cedar_set_make(reader->arena, members.items, members.count, value) == 0 ? 0 : refuse_memory(reader);
}

static bool is_extension(const struct cedar_type *type) {
    return type != NULL && type->kind >= CEDAR_TYPE_DECIMAL && type->kind <= CEDAR_TYPE_IP;
}

/* A text where the schema wants an extension value. */
static int read_extension_text(struct cedar_reader *reader, const struct cedar_type *type, struct cedar_value *value) {
    static const enum cedar_kind kinds[] = {CEDAR_DECIMAL, CEDAR_DATETIME, CEDAR_DURATION, CEDAR_IP};
    struct cedar_reader start = *reader;
    struct str text;
    if (cedar_read_string(reader, &text) != 0) return -1;
    if (cedar_extension_parse(reader->arena, kinds[type->kind - CEDAR_TYPE_DECIMAL], text, value) == 0) return 0;
    return cedar_reader_refuse(&start, CEDAR_BAD_EXTENSION,
                               "this text is not of the form that the schema's type takes");
}

/* {fn, arg}, or {__extn: {fn, arg}}. */
static int read_extension_object(struct cedar_reader *reader, struct cedar_value *value) {
    struct cedar_reader ahead = *reader;
    cedar_reader_advance(&ahead);
    bool is_explicit = ahead.event == JSON_TOKEN_KEY && str_equal(ahead.raw, STR("__extn"));
    return is_explicit ? read_object(reader, (struct cedar_guide){0}, value) : read_extension(reader, value);
}

static int read_any_object(struct cedar_reader *reader, const struct cedar_type *type, struct cedar_value *value) {
    bool is_entity = type != NULL && type->kind == CEDAR_TYPE_ENTITY;
    if (is_extension(type)) return read_extension_object(reader, value);
    if (is_entity) {
        value->kind = CEDAR_ENTITY;
        return cedar_read_uid(reader, &value->entity);
    }
    bool is_record = type != NULL && type->kind == CEDAR_TYPE_RECORD;
    return read_object(reader, (struct cedar_guide){.record = is_record ? type : NULL}, value);
}

int cedar_read_value(struct cedar_reader *reader, struct cedar_value *value) {
    return cedar_read_value_as(reader, NULL, value);
}

/* Recursion is bounded by JSON_DEPTH_MAX: the scanner refuses what is deeper. */
int cedar_read_value_as(struct cedar_reader *reader, const struct cedar_type *type, struct cedar_value *value) {
    switch (reader->event) {
    case JSON_TOKEN_BEGIN_OBJECT: return read_any_object(reader, type, value);
    case JSON_TOKEN_BEGIN_ARRAY:
        return read_set(reader, type != NULL && type->kind == CEDAR_TYPE_SET ? type->element : NULL, value);
    case JSON_TOKEN_STRING:
        if (is_extension(type)) return read_extension_text(reader, type, value);
        value->kind = CEDAR_STRING;
        return cedar_read_string(reader, &value->string);
    case JSON_TOKEN_NUMBER: return read_number(reader, value);
    case JSON_TOKEN_TRUE:
    case JSON_TOKEN_FALSE:
        *value = cedar_bool(reader->event == JSON_TOKEN_TRUE);
        cedar_reader_advance(reader);
        return 0;
    case JSON_TOKEN_NULL: return cedar_reader_refuse(reader, CEDAR_BAD_JSON,
                                                     "Cedar has no null: leave the attribute out");
    default: return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a value must stand here");
    }
}
