/* DataRow = i16 count, count * (i32 length (-1: NULL), bytes). */
#include "wire/postgres/row_mask.h"

#include "wire/postgres/row_mask_value.h"

#define COUNT_BYTES 2u

struct mask_field row_mask_column_field(const struct mask_plan *plan, const struct row_mask_column *column) {
    struct mask_field field = {0};
    if (column->name.length > 0) field.hint |= plan->field(plan, column->name).hint;
    if (column->origin.length > 0) field.hint |= plan->field(plan, column->origin).hint;
    for (size_t i = 0; i < column->referenced_count; i++) {
        if (column->referenced[i].length > 0) field.hint |= plan->field(plan, column->referenced[i]).hint;
    }
    if (column->is_computed && plan->hides(plan, field)) field.hint |= MASK_FIELD_COMPUTED;
    return field;
}

/* The fields of a row type. */
static int prepare_fields(struct arena *arena, const struct mask_plan *plan, const struct row_mask_column *column,
                          struct row_mask_strategy *strategy) {
    struct mask_field *fields = ARENA_NEW_ARRAY(arena, struct mask_field, column->field_count);
    if (fields == NULL) return -1;
    for (size_t i = 0; i < column->field_count; i++) fields[i] = row_mask_column_field(plan, &column->fields[i]);
    strategy->fields = fields;
    strategy->field_count = column->field_count;
    return 0;
}

struct row_mask *row_mask_new(struct arena *arena, const struct mask_plan *plan,
                              const struct row_mask_column *columns, size_t count) {
    if (count > UINT16_MAX) return NULL;
    struct row_mask *mask = arena_alloc(arena, sizeof(*mask) + count * sizeof(mask->columns[0]));
    if (mask == NULL) return NULL;
    mask->plan = plan;
    mask->count = count;
    mask->is_noop = true;
    mask->is_strict = false;
    for (size_t i = 0; i < count; i++) {
        struct row_mask_strategy *strategy = &mask->columns[i];
        if (columns[i].format > 1) return NULL;
        strategy->type = pg_type_find(columns[i].type_oid);
        strategy->is_binary = columns[i].format == 1;
        if (plan->reveals_all) continue;
        strategy->field = row_mask_column_field(plan, &columns[i]);
        if (columns[i].field_count > 0 && prepare_fields(arena, plan, &columns[i], strategy) != 0) return NULL;
        strategy->is_inspected = strategy->type->is_inspected || strategy->field.hint != 0;
        if (strategy->is_inspected) mask->is_noop = false;
    }
    return mask;
}

struct row_mask *row_mask_widen(struct arena *arena, const struct row_mask *mask, size_t count, bool is_binary) {
    struct row_mask *wide = arena_alloc(arena, sizeof(*wide) + count * sizeof(wide->columns[0]));
    if (wide == NULL) return NULL;
    wide->plan = mask->plan;
    wide->count = count;
    wide->is_noop = false;
    wide->is_strict = mask->is_strict;
    for (size_t i = 0; i < count; i++) {
        wide->columns[i] = i < mask->count ? mask->columns[i]
                                           : (struct row_mask_strategy){.type = pg_type_find(0),
                                                                        .is_binary = is_binary,
                                                                        .is_inspected = !mask->plan->reveals_all};
    }
    return wide;
}

bool row_mask_is_noop(const struct row_mask *mask) {
    return mask->is_noop;
}

enum mask_result row_mask_apply(const struct row_mask *mask, struct str body, struct buffer *out,
                                struct class_counts *masked, struct class_counts *revealed) {
    if (body.length < COUNT_BYTES || pg_type_read_u16(body, 0) != mask->count) return MASK_FAILED;
    struct value_mask value_mask = {
        .plan = mask->plan, .masked = masked, .revealed = revealed, .is_strict = mask->is_strict};
    struct field_splice splice;
    field_splice_init(&splice, body, out);
    size_t offset = COUNT_BYTES;
    for (size_t i = 0; i < mask->count; i++) {
        const struct row_mask_strategy *column = &mask->columns[i];
        struct str value;
        if (!field_splice_read(body, &offset, &value)) return field_splice_fail(&splice);
        if (!column->is_inspected || value.length == 0) continue;
        size_t mark = buffer_length(out);
        value_mask.field = column->field;
        value_mask.fields = column->fields;
        value_mask.field_count = column->field_count;
        enum mask_result result = value_mask_apply(&value_mask, column->type, column->is_binary, value, out);
        if (result == MASK_FAILED) return field_splice_fail(&splice);
        field_splice_put(&splice, value, offset, result, mark);
    }
    if (offset != body.length) return field_splice_fail(&splice);
    return field_splice_finish(&splice);
}
