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

int cedar_skip_member(struct cedar_reader *reader, struct map *seen, struct str key) {
    if (map_get(seen, key) != NULL) {
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE, "this member stands twice: remove one");
    }
    if (map_set(seen, key, reader) != 0) return refuse_memory(reader);
    return cedar_skip_value(reader);
}

static int skip_object(struct cedar_reader *reader) {
    struct map seen;
    struct str key;
    int status = 0;
    map_init(&seen);
    while (status == 0 && reader->event == JSON_TOKEN_KEY) {
        status = cedar_read_key(reader, &key);
        if (status == 0) status = cedar_skip_member(reader, &seen, key);
    }
    map_free(&seen);
    return status == 0 ? cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") : -1;
}

static int skip_array(struct cedar_reader *reader) {
    while (reader->event != JSON_TOKEN_END_ARRAY) {
        if (cedar_skip_value(reader) != 0) return -1;
    }
    cedar_reader_advance(reader);
    return 0;
}

/* Recursion is bounded by JSON_DEPTH_MAX: the scanner refuses what is deeper. */
int cedar_skip_value(struct cedar_reader *reader) {
    enum json_token event = reader->event;
    if (event == JSON_TOKEN_BAD || event == JSON_TOKEN_END || event == JSON_TOKEN_END_OBJECT ||
        event == JSON_TOKEN_END_ARRAY) {
        return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "a value must stand here");
    }
    cedar_reader_advance(reader);
    if (event == JSON_TOKEN_BEGIN_OBJECT) return skip_object(reader);
    return event == JSON_TOKEN_BEGIN_ARRAY ? skip_array(reader) : 0;
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

/* The members of an entity; what else stands there has no meaning. */
struct uid_draft {
    struct str type, id;
    const struct cedar_uid *uid; /* of __entity */
    struct map seen;
};

static int read_uid_members(struct cedar_reader *reader, bool may_wrap, const struct cedar_uid **uid);

static int read_uid_member(struct cedar_reader *reader, bool may_wrap, struct uid_draft *draft) {
    struct str key;
    if (cedar_read_key(reader, &key) != 0) return -1;
    if (str_equal(key, STR("type")) && draft->type.data == NULL) return cedar_read_string(reader, &draft->type);
    if (str_equal(key, STR("id")) && draft->id.data == NULL) return cedar_read_string(reader, &draft->id);
    if (str_equal(key, STR("type")) || str_equal(key, STR("id")) || draft->uid != NULL) {
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE,
                                   "this member stands twice, or beside `__entity`: remove it");
    }
    if (!may_wrap || !str_equal(key, STR("__entity"))) return cedar_skip_member(reader, &draft->seen, key);
    if (cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "write {\"type\": ..., \"id\": ...} here") != 0) return -1;
    return read_uid_members(reader, false, &draft->uid);
}

static int make_uid(struct cedar_reader *reader, const struct uid_draft *draft, const struct cedar_uid **uid) {
    bool is_bare = draft->type.data == NULL && draft->id.data == NULL;
    *uid = draft->uid;
    if (*uid != NULL && is_bare) return 0;
    if (*uid != NULL || draft->type.data == NULL || draft->id.data == NULL || !is_type(draft->type)) {
        return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "an entity is {\"type\": \"Name::Space\", \"id\": \"...\"}");
    }
    *uid = cedar_uid_make(reader->arena, draft->type, draft->id);
    return *uid != NULL ? 0 : refuse_memory(reader);
}

/* The members of {type, id}; the brace is taken. With may_wrap, {__entity: ...} may stand instead. */
static int read_uid_members(struct cedar_reader *reader, bool may_wrap, const struct cedar_uid **uid) {
    struct uid_draft draft = {.type = STR_NONE, .id = STR_NONE};
    int status = 0;
    *uid = NULL;
    map_init(&draft.seen);
    while (status == 0 && reader->event == JSON_TOKEN_KEY) status = read_uid_member(reader, may_wrap, &draft);
    map_free(&draft.seen);
    if (status == 0) status = make_uid(reader, &draft, uid);
    return status == 0 ? cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") : -1;
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

/* {fn, arg} or {fn, args}; what else stands there has no meaning. */
struct call_draft {
    struct str function;
    struct values arguments;
    bool has_arguments;
    struct map seen;
};

static int read_call_member(struct cedar_reader *reader, struct call_draft *draft) {
    struct str key;
    if (cedar_read_key(reader, &key) != 0) return -1;
    bool is_function = str_equal(key, STR("fn")), is_argument = str_equal(key, STR("arg"));
    if (!is_function && !is_argument && !str_equal(key, STR("args"))) {
        return cedar_skip_member(reader, &draft->seen, key);
    }
    if (is_function ? draft->function.data != NULL : draft->has_arguments) {
        return cedar_reader_refuse(reader, CEDAR_DUPLICATE, "this stands twice, or `arg` beside `args`: remove one");
    }
    if (is_function) return cedar_read_string(reader, &draft->function);
    draft->has_arguments = true;
    if (!is_argument) return read_array(reader, NULL, &draft->arguments);
    struct cedar_value *argument = push_value(reader, &draft->arguments);
    return argument != NULL ? cedar_read_value(reader, argument) : -1;
}

static int read_call(struct cedar_reader *reader, struct call_draft *draft) {
    int status = cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "write {\"fn\": ..., \"arg\": ...} here");
    map_init(&draft->seen);
    while (status == 0 && reader->event == JSON_TOKEN_KEY) status = read_call_member(reader, draft);
    map_free(&draft->seen);
    return status == 0 ? cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") : -1;
}

static int read_extension(struct cedar_reader *reader, struct cedar_value *value) {
    struct call_draft draft = {.function = STR_NONE};
    struct cedar_reader start = *reader;
    if (read_call(reader, &draft) != 0) return -1;
    enum cedar_function function = cedar_function_find(draft.function);
    bool is_callable = function != CEDAR_FUNCTION_NONE && !cedar_functions[function].is_core;
    enum cedar_code code = CEDAR_FAILED_EXTENSION;
    if (is_callable) code = cedar_apply(reader->arena, function, draft.arguments.items, draft.arguments.count, value);
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

/* The value of `__entity` or `__extn`, which must be the only member: with others, some read it as a record. */
static int read_escape(struct cedar_reader *reader, bool is_entity, bool is_first, struct cedar_value *value) {
    struct cedar_reader start = *reader;
    int status;
    if (is_entity) {
        value->kind = CEDAR_ENTITY;
        status = cedar_reader_expect(reader, JSON_TOKEN_BEGIN_OBJECT, "write {\"type\": ..., \"id\": ...} here");
        if (status == 0) status = read_uid_members(reader, false, &value->entity);
    } else {
        status = read_extension(reader, value);
    }
    if (status != 0) return -1;
    if (is_first && reader->event == JSON_TOKEN_END_OBJECT) {
        cedar_reader_advance(reader);
        return 0;
    }
    return cedar_reader_refuse(&start, CEDAR_BAD_JSON,
                               "nothing may stand beside `__entity` or `__extn`: remove the rest");
}

/* A record, or an escape. */
static int read_object(struct cedar_reader *reader, struct cedar_guide guide, struct cedar_value *value) {
    struct fields fields = {0};
    cedar_reader_advance(reader);
    while (reader->event == JSON_TOKEN_KEY) {
        struct str key;
        struct cedar_value member;
        if (cedar_read_key(reader, &key) != 0) return -1;
        if (str_equal(key, STR("__expr"))) {
            return cedar_reader_refuse(reader, CEDAR_BAD_JSON, "`__expr` is not supported: use `__entity` or `__extn`");
        }
        bool is_entity = str_equal(key, STR("__entity"));
        if (is_entity || str_equal(key, STR("__extn"))) {
            return read_escape(reader, is_entity, fields.count == 0, value);
        }
        if (cedar_read_value_as(reader, field_type(guide, key), &member) != 0 ||
            push_field(reader, &fields, key, member) != 0) {
            return -1;
        }
    }
    if (cedar_reader_expect(reader, JSON_TOKEN_END_OBJECT, "`}` must stand here") != 0) return -1;
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
