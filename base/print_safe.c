/* Which characters are not shown as they are: a sorted table of ranges. */
#include "base/print_safe.h"

static const struct {
    uint32_t first;
    uint32_t last;
} unsafe[] = {
    {0x00, 0x08},       {0x0b, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x034f, 0x034f},
    {0x061c, 0x061c},   {0x115f, 0x1160},   {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x200b, 0x200f},
    {0x2028, 0x202e},   {0x2060, 0x206f},   {0x3164, 0x3164},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_unsafe(uint32_t code_point) {
    for (size_t i = 0; i < LENGTH_OF(unsafe) && unsafe[i].first <= code_point; i++) {
        if (code_point <= unsafe[i].last) return true;
    }
    return false;
}

static void append_escape(struct buffer *out, uint32_t code_point) {
    if (code_point < 0x10000) {
        buffer_append_format(out, "\\u%04x", code_point);
        return;
    }
    code_point -= 0x10000;
    buffer_append_format(out, "\\u%04x\\u%04x", 0xd800 + (code_point >> 10), 0xdc00 + (code_point & 0x3ff));
}

static bool is_plain(uint8_t byte) { return (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t'; }

/* Could more bytes make a character of these? */
static bool is_beginning(struct str rest) {
    uint8_t lead = (uint8_t)rest.data[0];
    size_t length = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 1;
    if (lead >= 0xf5 || rest.length >= length) return false;
    for (size_t i = 1; i < rest.length; i++) {
        if (((uint8_t)rest.data[i] & 0xc0) != 0x80) return false;
    }
    return true;
}

size_t print_safe_append_part(struct buffer *out, struct str text) {
    size_t at = 0;
    while (at < text.length) {
        size_t start = at;
        while (at < text.length && is_plain((uint8_t)text.data[at])) at++;
        if (at > start) buffer_append_str(out, str_slice(text, start, at));
        if (at == text.length) break;
        uint32_t code_point;
        start = at;
        if (utf8_decode(text, &at, &code_point) == 0) {
            if (is_unsafe(code_point)) append_escape(out, code_point);
            else buffer_append_str(out, str_slice(text, start, at));
        } else if (is_beginning(str_slice(text, at, text.length))) {
            break;
        } else {
            buffer_append_format(out, "\\x%02x", (unsigned)(uint8_t)text.data[at++]);
        }
    }
    return at;
}

void print_safe_append(struct buffer *out, struct str text) {
    for (size_t at = print_safe_append_part(out, text); at < text.length; at++) {
        buffer_append_format(out, "\\x%02x", (unsigned)(uint8_t)text.data[at]);
    }
}
