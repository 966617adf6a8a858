/* Taking blank lines out of a formatted policy. */
#include "cedar/format_doc.h"
#include "cedar/lex.h"

static bool is_blank(struct str text) {
    for (size_t offset = 0; offset < text.length;) {
        uint32_t point;
        if (utf8_decode(text, &offset, &point) != 0 || !cedar_is_space(point)) return false;
    }
    return true;
}

/* Appends text that holds no string and no comment, without its blank lines. */
static void write_without_blank_lines(struct str text, struct buffer *out) {
    if (text.length > 0 && text.data[0] == '\n') buffer_append_byte(out, '\n');
    for (size_t start = 0; start < text.length;) {
        size_t end = str_find_byte(str_slice(text, start, text.length), '\n');
        struct str line = str_slice(text, start, end == STR_NOT_FOUND ? text.length : start + end + 1);
        if (end == STR_NOT_FOUND || !is_blank(line)) buffer_append_str(out, line);
        start += line.length;
    }
}

/* The end of the string or comment that starts at `start`. */
static size_t opaque_end(struct str text, size_t start) {
    size_t end = start + 1;
    if (text.data[start] == '/') {
        while (end < text.length && text.data[end] != '\n') end++;
        return end;
    }
    for (; end < text.length && text.data[end] != '"'; end++) end += text.data[end] == '\\';
    return end + 1;
}

static struct str trim(struct str text) {
    size_t start = 0, end = 0;
    bool has_start = false;
    for (size_t offset = 0, at = 0; offset < text.length; at = offset) {
        uint32_t point;
        if (utf8_decode(text, &offset, &point) == 0 && cedar_is_space(point)) continue;
        if (!has_start) start = at;
        has_start = true;
        end = offset;
    }
    return str_slice(text, start, end);
}

void cedar_format_tidy(struct str text, struct buffer *out) {
    struct buffer kept;
    size_t done = 0;
    buffer_init(&kept, out->cap_bytes);
    for (size_t i = 0; i < text.length;) {
        bool is_opaque = text.data[i] == '"' || (text.data[i] == '/' && i + 1 < text.length && text.data[i + 1] == '/');
        if (!is_opaque) {
            i++;
            continue;
        }
        size_t end = opaque_end(text, i);
        write_without_blank_lines(str_slice(text, done, i), &kept);
        buffer_append_str(&kept, str_slice(text, i, end));
        i = done = end;
    }
    write_without_blank_lines(str_slice(text, done, text.length), &kept);
    buffer_append_str(out, trim(buffer_view(&kept)));
    if (buffer_failed(&kept)) out->is_failed = true;
    buffer_free(&kept);
}
