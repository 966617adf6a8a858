/* YAML as JSON, for test files: one document, no anchors, at most YAML_DEPTH_MAX deep. */
#include <yaml.h>

#include "base/json.h"
#include "cmd/policy.h"

#define YAML_DEPTH_MAX 60

struct yaml_reader {
    yaml_parser_t parser;
    struct buffer *json;
    struct error *error;
    int depth;
    struct {
        bool is_mapping;
        size_t count; /* keys and values */
    } open[YAML_DEPTH_MAX];
};

static int refuse(struct yaml_reader *reader, const yaml_mark_t *mark, const char *what) {
    return error_set(reader->error, ERROR_INVALID, "line %zu: %s", mark->line + 1, what);
}

/* What stands between two items; true where the next one is a key. */
static bool begin_item(struct yaml_reader *reader) {
    if (reader->depth == 0) return false;
    bool is_mapping = reader->open[reader->depth - 1].is_mapping;
    size_t count = reader->open[reader->depth - 1].count++;
    bool is_key = is_mapping && count % 2 == 0;
    if (is_mapping && !is_key) buffer_append_byte(reader->json, ':');
    else if (count > 0) buffer_append_byte(reader->json, ',');
    return is_key;
}

/* A plain scalar that JSON writes without quotes. */
static bool is_bare(const yaml_event_t *event, struct str text) {
    int64_t number;
    if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return false;
    if (str_equal_cstr(text, "true") || str_equal_cstr(text, "false") || str_equal_cstr(text, "null")) return true;
    struct str digits = str_starts_with(text, STR("-")) ? str_slice(text, 1, text.length) : text;
    if (digits.length > 1 && digits.data[0] == '0') return false;
    return str_parse_i64(text, &number) == 0 && text.data[0] != '+';
}

static int take_scalar(struct yaml_reader *reader, const yaml_event_t *event) {
    struct str text = str_make(event->data.scalar.value, event->data.scalar.length);
    bool is_key = begin_item(reader);
    if (!is_key && is_bare(event, text)) buffer_append_str(reader->json, text);
    else if (!is_key && text.length == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        buffer_append_cstr(reader->json, "null");
    else json_append_quoted(reader->json, text);
    return 0;
}

static int take_start(struct yaml_reader *reader, const yaml_event_t *event, bool is_mapping) {
    if (begin_item(reader)) return refuse(reader, &event->start_mark, "keys must be plain text");
    if (reader->depth >= YAML_DEPTH_MAX) return refuse(reader, &event->start_mark, "this is nested too deeply");
    reader->open[reader->depth].is_mapping = is_mapping;
    reader->open[reader->depth].count = 0;
    reader->depth++;
    buffer_append_byte(reader->json, is_mapping ? '{' : '[');
    return 0;
}

/* 1: the document is complete. */
static int take_event(struct yaml_reader *reader, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT: return take_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT: return take_start(reader, event, false);
    case YAML_MAPPING_START_EVENT: return take_start(reader, event, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        buffer_append_byte(reader->json, event->type == YAML_MAPPING_END_EVENT ? '}' : ']');
        reader->depth--;
        return 0;
    case YAML_ALIAS_EVENT: return refuse(reader, &event->start_mark, "aliases are not supported: write it out");
    case YAML_DOCUMENT_END_EVENT:
    case YAML_STREAM_END_EVENT: return 1;
    default: return 0;
    }
}

int policy_yaml_to_json(struct str yaml, struct buffer *json, struct error *error) {
    struct yaml_reader reader = {.json = json, .error = error};
    int status = 0;
    if (!yaml_parser_initialize(&reader.parser)) return error_out_of_memory(error);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)(yaml.data != NULL ? yaml.data : ""),
                                 yaml.length);
    while (status == 0) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader.parser, &event)) {
            status = refuse(&reader, &reader.parser.problem_mark,
                            reader.parser.problem != NULL ? reader.parser.problem : "this is not YAML");
            break;
        }
        status = take_event(&reader, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&reader.parser);
    if (status > 0 && buffer_failed(json)) return error_out_of_memory(error);
    return status > 0 ? 0 : -1;
}
