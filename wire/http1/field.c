#include "wire/http1/field.h"

static const bool is_tchar[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
    ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true, ['^'] = true,
    ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
};

bool http_is_token(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        if (!is_tchar[(unsigned char)s.data[i]]) return false;
    }
    return s.length > 0;
}

bool http_is_field_value(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        unsigned char byte = (unsigned char)s.data[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) return false;
    }
    return true;
}

static struct str trim_blanks(struct str s) {
    size_t start = 0, end = s.length;
    while (start < end && (s.data[start] == ' ' || s.data[start] == '\t')) start++;
    while (end > start && (s.data[end - 1] == ' ' || s.data[end - 1] == '\t')) end--;
    return str_slice(s, start, end);
}

static int decode_field(struct str line, struct http_field *field, struct error *error) {
    if (line.length == 0 || line.data[0] == ' ' || line.data[0] == '\t')
        return error_set(error, ERROR_PROTOCOL, "a header field is empty or folded over several lines: write one");
    size_t colon = str_find_byte(line, ':');
    if (colon == STR_NOT_FOUND)
        return error_set(error, ERROR_PROTOCOL, "a header field has no colon");
    field->name = str_slice(line, 0, colon);
    field->value = trim_blanks(str_slice(line, colon + 1, line.length));
    if (!http_is_token(field->name))
        return error_set(error, ERROR_PROTOCOL, "the name of a header field is empty or holds a space or another "
                                                "character that names cannot have");
    if (!http_is_field_value(field->value))
        return error_set(error, ERROR_PROTOCOL, "the value of header field %.*s holds a control character",
                         STR_ARGS(field->name));
    return 0;
}

static size_t count_lines(struct str lines) {
    size_t count = 0;
    for (size_t i = 0; i < lines.length; i++) {
        if (lines.data[i] == '\n') count++;
    }
    return count;
}

int http_fields_decode(struct str lines, struct arena *arena, struct http_field **fields, size_t *count,
                       struct error *error) {
    size_t line_count = count_lines(lines);
    *count = 0;
    *fields = NULL;
    if (line_count == 0 && lines.length == 0) return 0;
    *fields = ARENA_NEW_ARRAY(arena, struct http_field, line_count + 1);
    if (*fields == NULL) return error_out_of_memory(error);
    while (lines.length > 0) {
        size_t end = str_find_byte(lines, '\r');
        if (end == STR_NOT_FOUND || end + 1 == lines.length || lines.data[end + 1] != '\n')
            return error_set(error, ERROR_PROTOCOL, "a header field does not end in CR LF");
        if (decode_field(str_slice(lines, 0, end), &(*fields)[*count], error) != 0) return -1;
        (*count)++;
        lines = str_slice(lines, end + 2, lines.length);
    }
    return 0;
}

struct str http_fields_find(const struct http_field *fields, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_ignoring_case(fields[i].name, name)) return fields[i].value;
    }
    return STR_NONE;
}

size_t http_fields_count(const struct http_field *fields, size_t count, struct str name) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (str_equal_ignoring_case(fields[i].name, name)) found++;
    }
    return found;
}

bool http_list_next(struct str *rest, struct str *element) {
    while (rest->length > 0) {
        size_t comma = str_find_byte(*rest, ',');
        size_t end = comma == STR_NOT_FOUND ? rest->length : comma;
        *element = trim_blanks(str_slice(*rest, 0, end));
        *rest = str_slice(*rest, comma == STR_NOT_FOUND ? end : end + 1, rest->length);
        if (element->length > 0) return true;
    }
    return false;
}
