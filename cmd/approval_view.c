/* Each line of a text stands behind a bar, and what a terminal would not show as itself is spelt out. */
#include "cmd/approval_view.h"

#include "base/str.h"

#define LINE_COLUMNS 100
#define BLANKS_MAX 8 /* in a row; more are counted out, as they can push the rest out of sight */

/* Controls, and what has no width, another direction, or looks like a blank and is none (Unicode: Cc, Cf, Zl, Zp, Zs). */
static bool is_hidden(uint32_t code) {
    static const struct {
        uint32_t first, last;
    } ranges[] = {{0, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd}, {0x70f, 0x70f},
                  {0x115f, 0x1160}, {0x1680, 0x1680}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f},
                  {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000}, {0x3164, 0x3164}, {0xd800, 0xdfff},
                  {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
                  {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff}};
    for (size_t i = 0; i < LENGTH_OF(ranges); i++) {
        if (code >= ranges[i].first && code <= ranges[i].last) return true;
    }
    return false;
}

struct printer {
    FILE *out;
    size_t column;
};

static void begin_line(struct printer *printer, const char *bar) {
    fprintf(printer->out, "%s", bar);
    printer->column = 0;
}

static void print_piece(struct printer *printer, struct str piece, size_t width) {
    if (printer->column + width > LINE_COLUMNS) {
        fputc('\n', printer->out);
        begin_line(printer, "  : "); /* goes on with the line before */
    }
    fwrite(piece.data, 1, piece.length, printer->out);
    printer->column += width;
}

static size_t count_blanks(struct str text, size_t offset) {
    size_t count = 0;
    while (offset + count < text.length && text.data[offset + count] == ' ') count++;
    return count;
}

static void print_code(struct printer *printer, struct str text, size_t *offset) {
    char spelt[40];
    size_t start = *offset;
    uint32_t code;
    size_t blanks = count_blanks(text, start);
    if (blanks > BLANKS_MAX) {
        int length = snprintf(spelt, sizeof(spelt), "<%zu spaces>", blanks);
        print_piece(printer, str_make(spelt, (size_t)length), (size_t)length);
        *offset += blanks;
    } else if (utf8_decode(text, offset, &code) != 0) {
        int length = snprintf(spelt, sizeof(spelt), "<%02X>", (unsigned)(uint8_t)text.data[start]);
        print_piece(printer, str_make(spelt, (size_t)length), (size_t)length);
        *offset = start + 1;
    } else if (is_hidden(code)) {
        int length = snprintf(spelt, sizeof(spelt), "<U+%04X>", code);
        print_piece(printer, str_make(spelt, (size_t)length), (size_t)length);
    } else {
        print_piece(printer, str_slice(text, start, *offset), 1);
    }
}

static void print_text(FILE *out, struct str text) {
    struct printer printer = {.out = out};
    begin_line(&printer, "  | ");
    for (size_t offset = 0; offset < text.length;) {
        if (text.data[offset] == '\n') {
            fputc('\n', out);
            begin_line(&printer, "  | ");
            offset++;
        } else {
            print_code(&printer, text, &offset);
        }
    }
    fputc('\n', out);
}

static struct str string_of(const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    return json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR_NONE;
}

/* A name or the like, on a line of its own. */
static void print_word(FILE *out, struct str word) {
    struct printer printer = {.out = out};
    for (size_t offset = 0; offset < word.length;) print_code(&printer, word, &offset);
}

static void print_member(FILE *out, const char *label, const json_t *view, const char *name) {
    struct str value = string_of(view, name);
    if (value.length == 0) return;
    fprintf(out, "%-14s", label);
    print_word(out, value);
    fputc('\n', out);
}

static void print_requester(FILE *out, const json_t *view) {
    print_member(out, "hold", view, "hold");
    print_member(out, "action", view, "action");
    print_member(out, "who", view, "principal");
    print_member(out, "a", view, "principal_type");
    print_member(out, "on behalf of", view, "on_behalf_of");
    print_member(out, "from", view, "client_address");
    print_member(out, "upstream", view, "upstream");
    print_member(out, "expires", view, "expires");
}

static void print_policies(FILE *out, const json_t *view) {
    size_t index;
    const json_t *policy;
    json_array_foreach(json_object_get(view, "policies"), index, policy) {
        struct str reason = string_of(policy, "reason");
        fprintf(out, "%-14s", "held by");
        print_word(out, string_of(policy, "id"));
        if (reason.length > 0) fputs(": ", out);
        print_word(out, reason);
        fputc('\n', out);
    }
    json_array_foreach(json_object_get(view, "remedies"), index, policy) {
        fprintf(out, "%-14s", "needs");
        print_word(out, str_make(json_string_value(policy), json_string_length(policy)));
        fputc('\n', out);
    }
}

static void print_steps(FILE *out, const json_t *view) {
    size_t index;
    const json_t *step;
    fputs("does:\n", out);
    json_array_foreach(json_object_get(view, "steps"), index, step) {
        fputs("  ", out);
        print_word(out, string_of(step, "action"));
        fputs(" on ", out);
        print_word(out, string_of(step, "type"));
        fputc(' ', out);
        print_word(out, string_of(step, "resource"));
        fputc('\n', out);
    }
}

static void print_details(FILE *out, const json_t *view) {
    size_t index;
    const json_t *detail;
    json_array_foreach(json_object_get(view, "details"), index, detail) {
        struct str type = string_of(detail, "type");
        struct str field = string_of(detail, "field");
        print_word(out, string_of(detail, "kind"));
        fputc(' ', out);
        print_word(out, string_of(detail, "name"));
        if (type.length > 0) fputc(' ', out);
        print_word(out, type);
        if (field.length > 0 && !str_equal(field, string_of(detail, "name"))) fputs(", for ", out);
        if (!str_equal(field, string_of(detail, "name"))) print_word(out, field);
        fputs(":\n", out);
        if (json_object_get(detail, "value") != NULL) print_text(out, string_of(detail, "value"));
        else fputs("  NULL\n", out);
    }
}

void approval_print_view(const json_t *shown, FILE *out) {
    const json_t *view = json_object_get(shown, "view");
    print_requester(out, view);
    print_policies(out, view);
    print_steps(out, view);
    fputs("text:\n", out);
    print_text(out, string_of(view, "text"));
    print_details(out, view);
    if (json_is_true(json_object_get(shown, "masked"))) fputs("masked: you may not see all values\n", out);
    print_member(out, "view", shown, "id");
}
