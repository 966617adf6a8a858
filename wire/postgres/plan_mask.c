/* text = line *( LF line )       a row each */
#include "wire/postgres/plan_mask.h"

#include "model/action.h"
#include "wire/postgres/message.h"
#include "wire/postgres/row_mask_value.h"

#define COUNT_BYTES 2u

int plan_mask_add(struct buffer *text, struct str body, struct error *error) {
    struct str line;
    size_t offset = COUNT_BYTES;
    if (body.length < COUNT_BYTES || pg_type_read_u16(body, 0) != 1 || !field_splice_read(body, &offset, &line) ||
        offset != body.length)
        return error_set(error, ERROR_UNAVAILABLE, "the upstream sent a plan that cannot be read");
    if (buffer_length(text) > 0) buffer_append_byte(text, '\n');
    buffer_append_str(text, line);
    return 0; /* a plan that is too long is withheld when it ends */
}

static void append_row(struct buffer *out, struct str line, struct outcome *outcome) {
    size_t before = buffer_length(out);
    size_t offset = message_begin(out, 'D');
    buffer_append_u16be(out, 1);
    buffer_append_u32be(out, (uint32_t)line.length);
    buffer_append_str(out, line);
    message_end(out, offset);
    outcome->rows++;
    if (!buffer_failed(out)) outcome->bytes += buffer_length(out) - before;
}

static void append_rows(struct buffer *out, struct str text, struct outcome *outcome) {
    for (;;) {
        size_t end = str_find_byte(text, '\n');
        append_row(out, str_slice(text, 0, end == STR_NOT_FOUND ? text.length : end), outcome);
        if (end == STR_NOT_FOUND) return;
        text = str_slice(text, end + 1, text.length);
    }
}

int plan_mask_finish(struct buffer *text, const struct mask_plan *plan, struct buffer *out, struct outcome *outcome,
                     struct error *error) {
    struct buffer masked;
    struct mask_field nameless = {0};
    (void)error;
    if (buffer_failed(text)) {
        plan_mask_withhold(text, out, outcome);
        return 0;
    }
    if (buffer_length(text) == 0) return 0;
    buffer_init(&masked, text->cap_bytes);
    enum mask_result result = plan->value(plan, nameless, MASK_TEXT, buffer_view(text), &masked, &outcome->masked,
                                          &outcome->revealed);
    if (buffer_failed(&masked)) result = MASK_FAILED;
    if (result == MASK_UNCHANGED) append_rows(out, buffer_view(text), outcome);
    if (result == MASK_CHANGED || result == MASK_DROPPED) append_rows(out, buffer_view(&masked), outcome);
    buffer_free(&masked);
    if (result == MASK_FAILED) plan_mask_withhold(text, out, outcome);
    buffer_clear(text);
    return 0;
}

void plan_mask_withhold(struct buffer *text, struct buffer *out, struct outcome *outcome) {
    buffer_clear(text);
    append_row(out, STR("(withheld: sworn gives a plan that it can read whole, all of its rows fetched at once)"), outcome);
}
