/* Errors and notices quote values:
 *
 *     body  = *( type text NUL ) NUL                type is one byte
 *     key   = '(' name *( ', ' name ) ')' [ ' ' ] '=' [ ' ' ] '(' values ')'
 *     where = ... 'column ' name ': "' value '"'      of a COPY
 *
 * The words around these are the server's language, so only the punctuation counts; whether a DETAIL holds a whole row
 * is told by the SQLSTATE as well as by the English words. */
#include "wire/postgres/notice_mask.h"

#include "wire/postgres/row_mask_value.h"

#define KEYS_MAX 8u   /* an exclusion constraint names two */
#define NAMES_MAX 32u /* INDEX_MAX_KEYS */
#define NOTIFICATION_PID_BYTES 4u
#define FAILING_ROW STR("Failing row contains (")
#define MASKED_ROW STR("(masked)")

static const struct str masked_fields = {"MDHWq", 5};

/* not_null_violation, check_violation, with_check_option_violation */
static const char row_quoting_states[][6] = {"23502", "23514", "44000"};

/* Text in which some stretches are replaced. */
struct text_edit {
    struct value_mask mask;
    struct str source;
    struct buffer *out;
    size_t copied;
    bool is_changed;
    bool is_failed;
};

static void edit_stretch(struct text_edit *edit, size_t from, size_t to, struct mask_field field) {
    struct buffer masked;
    buffer_init(&masked, edit->out->cap_bytes);
    edit->mask.field = field;
    enum mask_result result = value_mask_ask_text(&edit->mask, str_slice(edit->source, from, to), &masked);
    if (result == MASK_FAILED) edit->is_failed = true;
    if (result == MASK_CHANGED || result == MASK_DROPPED) {
        buffer_append_str(edit->out, str_slice(edit->source, edit->copied, from));
        buffer_append_str(edit->out, buffer_view(&masked));
        edit->copied = to;
        edit->is_changed = true;
    }
    buffer_free(&masked);
}

static void edit_replace(struct text_edit *edit, size_t from, size_t to, struct str text) {
    buffer_append_str(edit->out, str_slice(edit->source, edit->copied, from));
    buffer_append_str(edit->out, text);
    edit->copied = to;
    edit->is_changed = true;
}

static bool is_identifier_byte(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           (c & 0x80) != 0;
}

/* A key may be an expression: every word in it may be a column. */
static uint64_t hint_of_names(const struct mask_plan *plan, struct str names) {
    uint64_t hint = 0;
    for (size_t at = 0; at < names.length;) {
        size_t end = at;
        while (end < names.length && is_identifier_byte(names.data[end])) end++;
        if (end > at) hint |= plan->field(plan, str_slice(names, at, end)).hint;
        at = end + 1;
    }
    return hint;
}

/* Cuts at ", ": how many pieces, or 0 when there are more than NAMES_MAX. */
static size_t split_list(struct str list, struct str pieces[NAMES_MAX]) {
    for (size_t count = 0; count < NAMES_MAX; count++) {
        size_t comma = str_find(list, STR(", "));
        if (comma == STR_NOT_FOUND) {
            pieces[count] = list;
            return count + 1;
        }
        pieces[count] = str_slice(list, 0, comma);
        list = str_slice(list, comma + 2, list.length);
    }
    return 0;
}

static void edit_key(struct text_edit *edit, struct str names, struct str values) {
    struct str name[NAMES_MAX], value[NAMES_MAX];
    size_t name_count = split_list(names, name);
    size_t value_count = split_list(values, value);
    size_t start = (size_t)(values.data - edit->source.data);
    if (name_count == 0 || name_count != value_count) {
        struct mask_field field = {hint_of_names(edit->mask.plan, names)};
        edit_stretch(edit, start, start + values.length, field);
        return;
    }
    for (size_t i = 0; i < name_count; i++) {
        struct mask_field field = {hint_of_names(edit->mask.plan, name[i])};
        size_t from = (size_t)(value[i].data - edit->source.data);
        edit_stretch(edit, from, from + value[i].length, field);
    }
}

/* Behind the '(' that the ')' at `close` belongs to; the start when there is none. */
static size_t find_list_start(struct str text, size_t close) {
    size_t depth = 0;
    for (size_t at = close + 1; at-- > 0;) {
        if (text.data[at] == ')') depth++;
        if (text.data[at] == '(' && --depth == 0) return at + 1;
    }
    return 0;
}

static size_t find_last(struct str text, char byte, size_t from, size_t to) {
    while (to > from) {
        if (text.data[--to] == byte) return to;
    }
    return STR_NOT_FOUND;
}

struct key_place {
    size_t names_start;
    size_t names_end;
    size_t values_start;
};

static bool find_key(struct str text, size_t from, struct key_place *place) {
    static const struct str joints[] = {{")=(", 3}, {") = (", 5}};
    size_t found = STR_NOT_FOUND;
    for (size_t i = 0; i < LENGTH_OF(joints); i++) {
        size_t at = str_find(str_slice(text, from, text.length), joints[i]);
        if (at == STR_NOT_FOUND || from + at >= found) continue;
        found = from + at;
        place->values_start = found + joints[i].length;
    }
    if (found == STR_NOT_FOUND) return false;
    place->names_end = found;
    place->names_start = find_list_start(text, found);
    return true;
}

/* Values may hold anything, so they reach to the last ')' before the next key or the end. */
static size_t edit_keys(struct text_edit *edit) {
    struct str text = edit->source;
    struct key_place place, next;
    size_t done = 0;
    bool has_key = find_key(text, 0, &place);
    for (size_t i = 0; has_key && i < KEYS_MAX; i++) {
        bool has_next = i + 1 < KEYS_MAX && find_key(text, place.values_start, &next) &&
                        next.names_start > place.values_start;
        size_t close = find_last(text, ')', place.values_start, has_next ? next.names_start - 1 : text.length);
        if (close == STR_NOT_FOUND && has_next) { /* it was no key, the value looks like one */
            has_next = false;
            close = find_last(text, ')', place.values_start, text.length);
        }
        if (close == STR_NOT_FOUND) close = text.length;
        edit_stretch(edit, done, place.values_start, (struct mask_field){0});
        edit_key(edit, str_slice(text, place.names_start, place.names_end), str_slice(text, place.values_start, close));
        done = close;
        place = next;
        has_key = has_next;
    }
    return done;
}

/* COPY's context: column NAME: "VALUE". */
static size_t edit_copied_column(struct text_edit *edit, size_t done) {
    struct str text = edit->source;
    struct str lead = STR(", column ");
    size_t column = str_find(str_slice(text, done, text.length), lead);
    if (column == STR_NOT_FOUND) return done;
    size_t name = done + column + lead.length;
    size_t joint = str_find(str_slice(text, name, text.length), STR(": \""));
    if (joint == STR_NOT_FOUND) return done;
    struct mask_field field = {hint_of_names(edit->mask.plan, str_slice(text, name, name + joint))};
    size_t from = name + joint + 3;
    edit_stretch(edit, done, from, (struct mask_field){0});
    size_t close = find_last(text, '"', from, text.length);
    if (close == STR_NOT_FOUND) close = text.length;
    edit_stretch(edit, from, close, field);
    return close;
}

static size_t edit_failing_row(struct text_edit *edit, bool quotes_row) {
    struct str text = edit->source;
    size_t words = str_find(text, FAILING_ROW);
    if (words == STR_NOT_FOUND && !quotes_row) return 0;
    size_t open = words != STR_NOT_FOUND ? words + FAILING_ROW.length - 1 : str_find_byte(text, '(');
    if (open == STR_NOT_FOUND) return 0;
    size_t close = find_last(text, ')', open, text.length);
    close = close != STR_NOT_FOUND ? close + 1 : text.length;
    edit_stretch(edit, 0, open, (struct mask_field){0});
    edit_replace(edit, open, close, MASKED_ROW);
    return close;
}

/* Appends the text, masked. */
static bool mask_text(struct value_mask mask, struct str text, bool quotes_row, struct buffer *out, bool *is_changed) {
    struct text_edit edit = {.mask = mask, .source = text, .out = out};
    size_t done = edit_failing_row(&edit, quotes_row);
    if (done == 0) done = edit_keys(&edit);
    done = edit_copied_column(&edit, done);
    edit_stretch(&edit, done, text.length, (struct mask_field){0});
    buffer_append_str(out, str_slice(text, edit.copied, text.length));
    if (edit.is_changed) *is_changed = true;
    return !edit.is_failed && !buffer_failed(out);
}

/* One field at *offset: 1, 0 at the end of the body, -1 when malformed. */
static int next_field(struct str body, size_t *offset, char *type, struct str *text) {
    if (*offset >= body.length) return -1;
    *type = body.data[(*offset)++];
    if (*type == '\0') return *offset == body.length ? 0 : -1;
    struct str rest = str_slice(body, *offset, body.length);
    size_t length = str_find_byte(rest, '\0');
    if (length == STR_NOT_FOUND) return -1;
    *text = str_slice(rest, 0, length);
    *offset += length + 1;
    return 1;
}

/* True when the SQLSTATE is of an error whose DETAIL is the row; -1 when the body is malformed. */
static int quotes_failing_row(struct str body) {
    char type;
    struct str text;
    size_t offset = 0;
    int has_field;
    int quotes_row = 0;
    while ((has_field = next_field(body, &offset, &type, &text)) > 0) {
        for (size_t i = 0; type == 'C' && i < LENGTH_OF(row_quoting_states); i++) {
            if (str_equal_cstr(text, row_quoting_states[i])) quotes_row = 1;
        }
    }
    return has_field < 0 ? -1 : quotes_row;
}

static enum mask_result conclude(struct buffer *out, size_t start, bool is_good, bool is_changed) {
    if (is_good && is_changed && !buffer_failed(out)) return MASK_CHANGED;
    buffer_truncate(out, start);
    return is_good && !buffer_failed(out) ? MASK_UNCHANGED : MASK_FAILED;
}

enum mask_result notice_mask_apply(const struct mask_plan *plan, struct str body, struct buffer *out,
                                   struct class_counts *masked, struct class_counts *revealed) {
    int quotes_row = quotes_failing_row(body);
    if (quotes_row < 0) return MASK_FAILED;
    if (plan->reveals_all) return MASK_UNCHANGED;
    struct value_mask mask = {.plan = plan, .masked = masked, .revealed = revealed};
    size_t start = buffer_length(out);
    size_t offset = 0;
    char type;
    struct str text;
    bool is_good = true;
    bool is_changed = false;
    while (is_good && next_field(body, &offset, &type, &text) > 0) {
        buffer_append_byte(out, (uint8_t)type);
        if (str_find_byte(masked_fields, type) != STR_NOT_FOUND) {
            is_good = mask_text(mask, text, quotes_row && type == 'D', out, &is_changed);
        } else {
            buffer_append_str(out, text);
        }
        buffer_append_byte(out, '\0');
    }
    buffer_append_byte(out, '\0');
    return conclude(out, start, is_good, is_changed);
}

enum mask_result notice_mask_notification(const struct mask_plan *plan, struct str body, struct buffer *out,
                                          struct class_counts *masked, struct class_counts *revealed) {
    if (body.length < NOTIFICATION_PID_BYTES) return MASK_FAILED;
    struct str rest = str_slice(body, NOTIFICATION_PID_BYTES, body.length);
    size_t channel = str_find_byte(rest, '\0');
    if (channel == STR_NOT_FOUND || rest.data[rest.length - 1] != '\0') return MASK_FAILED;
    struct str payload = str_slice(rest, channel + 1, rest.length);
    if (payload.length == 0 || str_find_byte(payload, '\0') != payload.length - 1) return MASK_FAILED;
    if (plan->reveals_all) return MASK_UNCHANGED;
    struct value_mask mask = {.plan = plan, .masked = masked, .revealed = revealed};
    size_t start = buffer_length(out);
    bool is_changed = false;
    buffer_append_str(out, str_slice(body, 0, NOTIFICATION_PID_BYTES + channel + 1));
    payload.length--;
    bool is_good = mask_text(mask, payload, false, out, &is_changed);
    buffer_append_byte(out, '\0');
    return conclude(out, start, is_good, is_changed);
}
