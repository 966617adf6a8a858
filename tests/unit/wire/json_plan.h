/* A mask plan for the tests of the JSON of the model APIs. It knows two values, "CANARY-123" and "4111111111111111",
 * which become "[was canary]", and one placeholder, "<NAME_1>", which becomes `Ana "Q"`, unless it is towards the
 * upstream. JSON is masked string by string, decoded. A lane holds back what could still become one of these. Seals are
 * the text in hexadecimal. "FAIL-ME" fails. */
#ifndef SWORN_TESTS_UNIT_WIRE_JSON_PLAN_H
#define SWORN_TESTS_UNIT_WIRE_JSON_PLAN_H

#include <stdlib.h>

#include "base/digest.h"
#include "base/json.h"
#include "model/mask.h"

#define PLAN_PLACEHOLDER "<NAME_1>"
#define PLAN_RESTORED "Ana \"Q\""
#define PLAN_MASK "[was canary]"

static const struct plan_value {
    const char *found;
    const char *put;
    enum data_class class;
    bool is_revealed;
} plan_values[] = {
    {"CANARY-123", PLAN_MASK, CLASS_CREDENTIAL, false},
    {"4111111111111111", PLAN_MASK, CLASS_CARD_NUMBER, false},
    {PLAN_PLACEHOLDER, PLAN_RESTORED, CLASS_PERSON_NAME, true},
};

static inline bool plan_has_canary(struct str text) {
    return str_find(text, STR("CANARY-123")) != STR_NOT_FOUND ||
           str_find(text, STR("4111111111111111")) != STR_NOT_FOUND;
}

static inline bool plan_text(struct str text, struct buffer *out, struct class_counts *masked,
                             struct class_counts *revealed) {
    bool is_changed = false;
    for (size_t at = 0; at < text.length;) {
        struct str rest = str_slice(text, at, text.length);
        const struct plan_value *value = NULL;
        for (size_t i = 0; i < LENGTH_OF(plan_values) && value == NULL; i++) {
            if (str_starts_with(rest, str_from_cstr(plan_values[i].found))) value = &plan_values[i];
        }
        if (value == NULL) {
            buffer_append_byte(out, (uint8_t)text.data[at++]);
            continue;
        }
        buffer_append_cstr(out, value->put);
        at += strlen(value->found);
        (value->is_revealed ? revealed : masked)->count[value->class]++;
        is_changed = true;
    }
    return is_changed;
}

static inline struct mask_field plan_field(const struct mask_plan *plan, struct str name) {
    (void)plan;
    (void)name;
    return (struct mask_field){0};
}

static inline void plan_token(struct str raw, enum json_token token, struct str *rest, struct buffer *out,
                              bool *is_changed, struct class_counts *masked, struct class_counts *revealed) {
    struct buffer decoded, changed;
    bool is_quoted = token != JSON_TOKEN_NUMBER;
    buffer_init(&decoded, 1u << 24);
    buffer_init(&changed, 1u << 24);
    if (json_unescape_lossy(raw, &decoded) != 0) abort();
    if (plan_text(buffer_view(&decoded), &changed, masked, revealed)) {
        const char *start = raw.data - is_quoted;
        buffer_append_str(out, str_make(rest->data, (size_t)(start - rest->data)));
        json_append_quoted(out, buffer_view(&changed));
        *rest = str_slice(*rest, (size_t)(raw.data + raw.length + is_quoted - rest->data), rest->length);
        *is_changed = true;
    }
    buffer_free(&decoded);
    buffer_free(&changed);
}

static inline enum mask_result plan_json(struct str json, struct buffer *out, struct class_counts *masked,
                                         struct class_counts *revealed) {
    struct json_scanner scanner;
    struct str raw, rest = json;
    enum json_token token;
    bool is_changed = false;
    json_scanner_init(&scanner, json);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_END) {
        if (token == JSON_TOKEN_BAD) return MASK_FAILED;
        if (token != JSON_TOKEN_KEY && token != JSON_TOKEN_STRING && token != JSON_TOKEN_NUMBER) continue;
        plan_token(raw, token, &rest, out, &is_changed, masked, revealed);
    }
    if (!is_changed) return MASK_UNCHANGED;
    buffer_append_str(out, rest);
    return MASK_CHANGED;
}

static inline enum mask_result plan_value(const struct mask_plan *plan, struct mask_field field, enum mask_shape shape,
                                          struct str value, struct buffer *out, struct class_counts *masked,
                                          struct class_counts *revealed) {
    (void)plan;
    (void)field;
    if (str_find(value, STR("FAIL-ME")) != STR_NOT_FOUND) return MASK_FAILED;
    if (shape == MASK_JSON) return plan_json(value, out, masked, revealed);
    struct buffer changed;
    buffer_init(&changed, 1u << 24);
    bool is_changed = plan_text(value, &changed, masked, revealed);
    if (is_changed) buffer_append_str(out, buffer_view(&changed));
    buffer_free(&changed);
    return is_changed ? MASK_CHANGED : MASK_UNCHANGED;
}

struct mask_lane {
    struct buffer held;
};

static inline struct mask_lane *plan_lane_new(const struct mask_plan *plan, struct mask_field field) {
    (void)plan;
    (void)field;
    struct mask_lane *lane = calloc(1, sizeof(*lane));
    if (lane != NULL) buffer_init(&lane->held, 1u << 24);
    return lane;
}

/* Could the text be the beginning of a value? */
static inline bool plan_is_beginning(struct str text) {
    for (size_t i = 0; i < LENGTH_OF(plan_values); i++) {
        struct str found = str_from_cstr(plan_values[i].found);
        if (text.length < found.length && str_starts_with(found, text)) return true;
    }
    return false;
}

static inline int plan_lane_feed(struct mask_lane *lane, struct str piece, bool is_last, struct buffer *out,
                                 struct class_counts *masked, struct class_counts *revealed) {
    buffer_append_str(&lane->held, piece);
    struct str held = buffer_view(&lane->held);
    if (str_find(held, STR("FAIL-ME")) != STR_NOT_FOUND) return -1;
    size_t ready = held.length;
    for (size_t length = held.length < 16 ? held.length : 16; !is_last && length > 0; length--) {
        if (!plan_is_beginning(str_slice(held, held.length - length, held.length))) continue;
        ready = held.length - length;
        break;
    }
    plan_text(str_slice(held, 0, ready), out, masked, revealed);
    buffer_consume(&lane->held, ready);
    return 0;
}

static inline void plan_lane_free(struct mask_lane **lane) {
    if (*lane == NULL) return;
    buffer_free(&(*lane)->held);
    free(*lane);
    *lane = NULL;
}

static inline int plan_seal(const struct mask_plan *plan, struct str text, struct buffer *out) {
    (void)plan;
    hex_append(out, text);
    return 0;
}

static inline int plan_unseal(const struct mask_plan *plan, struct str sealed, struct buffer *out) {
    (void)plan;
    return hex_decode(sealed, out);
}

#define PLAN_FUNCTIONS                                                                                     \
    .field = plan_field, .value = plan_value, .lane_new = plan_lane_new, .lane_feed = plan_lane_feed,      \
    .lane_free = plan_lane_free, .seal = plan_seal, .unseal = plan_unseal

static const struct mask_plan json_plan __attribute__((unused)) = {PLAN_FUNCTIONS};
static const struct mask_plan json_plan_revealing __attribute__((unused)) = {.reveals_all = true, PLAN_FUNCTIONS};

#endif
