/* A mask plan for the tests of the PostgreSQL masks: it knows a few canaries, the column name "secret", whose values are
 * masked whole, and the name "number", which says that numbers are to be looked at. A canary must
 * never be seen in what a mask lets through. */
#ifndef SWORN_TESTS_UNIT_WIRE_CANARY_PLAN_H
#define SWORN_TESTS_UNIT_WIRE_CANARY_PLAN_H

#include <stdlib.h>

#include "model/mask.h"

#define CANARY_CLASS 3
#define REVEALED_CLASS 4
#define CANARY_MASK "[was canary]"

static const char *const canaries[] = {
    "CANARY-123", "CANARY,123", "4111111111111111", "4111111100000000", "192.0.2.77", "2001:db8::77",
    "02:00:00:00:00:77",
};

static inline struct mask_field canary_field(const struct mask_plan *plan, struct str name) {
    (void)plan;
    return (struct mask_field){str_equal_cstr(name, "secret") ? 1u : str_equal_cstr(name, "number") ? 2u : 0u};
}

/* The first canary in a text: its place, or STR_NOT_FOUND. */
static inline size_t canary_find(struct str text, size_t *length) {
    size_t first = STR_NOT_FOUND;
    for (size_t i = 0; i < LENGTH_OF(canaries); i++) {
        size_t at = str_find(text, str_from_cstr(canaries[i]));
        if (at >= first) continue;
        first = at;
        *length = strlen(canaries[i]);
    }
    return first;
}

static inline enum mask_result canary_value(const struct mask_plan *plan, struct mask_field field,
                                            enum mask_shape shape, struct str value, struct buffer *out,
                                            struct class_counts *masked, struct class_counts *revealed) {
    (void)plan;
    size_t length;
    if (str_find(value, STR("FAIL-ME")) != STR_NOT_FOUND) return MASK_FAILED;
    if (str_find(value, STR("NULL-ME")) != STR_NOT_FOUND) return MASK_DROPPED;
    if (str_find(value, STR("REVEALED")) != STR_NOT_FOUND) revealed->count[REVEALED_CLASS]++;
    if ((field.hint & 1) != 0 && shape != MASK_JSON) {
        buffer_append_cstr(out, CANARY_MASK);
        masked->count[CANARY_CLASS]++;
        return MASK_CHANGED;
    }
    if (canary_find(value, &length) == STR_NOT_FOUND) return MASK_UNCHANGED;
    for (size_t at; (at = canary_find(value, &length)) != STR_NOT_FOUND;) {
        buffer_append_str(out, str_slice(value, 0, at));
        buffer_append_cstr(out, CANARY_MASK);
        masked->count[CANARY_CLASS]++;
        value = str_slice(value, at + length, value.length);
    }
    buffer_append_str(out, value);
    return MASK_CHANGED;
}

static inline bool canary_hides(const struct mask_plan *plan, struct mask_field field) {
    return !plan->reveals_all && field.hint == 1;
}

static const struct mask_plan canary_plan = {.field = canary_field, .hides = canary_hides, .value = canary_value};
static const struct mask_plan canary_plan_revealing = {
    .reveals_all = true, .field = canary_field, .hides = canary_hides, .value = canary_value};

static inline bool has_canary(struct str text) {
    size_t length;
    return canary_find(text, &length) != STR_NOT_FOUND;
}

#endif
