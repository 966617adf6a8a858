/* What sets and records look like inside: for the evaluator and the JSON reader. Immutable once shared. */
#ifndef SWORN_CEDAR_VALUE_H
#define SWORN_CEDAR_VALUE_H

#include "cedar/cedar.h"

struct cedar_set {
    size_t count;
    struct cedar_value members[]; /* in the order of cedar_value_compare() */
};

struct cedar_field {
    struct str name;
    struct cedar_value value;
};

struct cedar_record {
    uint32_t count;
    uint32_t capacity;
    struct cedar_field fields[]; /* by length of the name, then bytewise */
};

/* A record of fields that may come in any order; the array is sorted in place and copied. -1 with *duplicate set when
 * a name stands twice (data == NULL when memory is out). */
int cedar_record_make(struct arena *arena, struct cedar_field *fields, size_t count, struct cedar_record **record,
                      struct str *duplicate) MUST_USE;
bool cedar_set_contains(const struct cedar_set *set, const struct cedar_value *value);
bool cedar_set_contains_all(const struct cedar_set *set, const struct cedar_set *part);
bool cedar_set_contains_any(const struct cedar_set *set, const struct cedar_set *part);

/* By length, then bytewise: the order of record fields. */
static inline int cedar_name_compare(struct str a, struct str b) {
    if (a.length != b.length) return a.length < b.length ? -1 : 1;
    return a.length == 0 ? 0 : memcmp(a.data, b.data, a.length);
}

/* The tables of extension functions, shared by parser and compiler. */
enum cedar_function {
    CEDAR_FUNCTION_NONE,
    CEDAR_CONTAINS,
    CEDAR_CONTAINS_ALL,
    CEDAR_CONTAINS_ANY,
    CEDAR_IS_EMPTY,
    CEDAR_GET_TAG,
    CEDAR_HAS_TAG,
    CEDAR_MAKE_DECIMAL,
    CEDAR_MAKE_DATETIME,
    CEDAR_MAKE_DURATION,
    CEDAR_MAKE_IP,
    CEDAR_UNKNOWN,
    CEDAR_LESS_THAN,
    CEDAR_LESS_THAN_OR_EQUAL,
    CEDAR_GREATER_THAN,
    CEDAR_GREATER_THAN_OR_EQUAL,
    CEDAR_IS_IPV4,
    CEDAR_IS_IPV6,
    CEDAR_IS_LOOPBACK,
    CEDAR_IS_MULTICAST,
    CEDAR_IS_IN_RANGE,
    CEDAR_OFFSET,
    CEDAR_DURATION_SINCE,
    CEDAR_TO_DATE,
    CEDAR_TO_TIME,
    CEDAR_TO_MILLISECONDS,
    CEDAR_TO_SECONDS,
    CEDAR_TO_MINUTES,
    CEDAR_TO_HOURS,
    CEDAR_TO_DAYS,
    CEDAR_FUNCTION_COUNT,
};

struct cedar_function_row {
    const char *name;
    bool is_method;
    bool is_core;                /* argument count is checked while parsing */
    uint8_t argument_count;      /* without the receiver */
};

extern const struct cedar_function_row cedar_functions[CEDAR_FUNCTION_COUNT];
enum cedar_function cedar_function_find(struct str name);
/* The kind that a constructor makes. */
enum cedar_kind cedar_function_kind(enum cedar_function constructor);

/* Extension functions over values of the right kinds. -1: does not fit 64 bits. */
bool cedar_ip_test(enum cedar_function test, const struct cedar_ip *ip);
bool cedar_ip_is_in(const struct cedar_ip *ip, const struct cedar_ip *range);
int cedar_datetime_to_date(int64_t datetime_ms, int64_t *date_ms) MUST_USE;
int64_t cedar_datetime_to_time(int64_t datetime_ms);
int64_t cedar_duration_to(enum cedar_function unit, int64_t duration_ms);

int cedar_decimal_parse(struct str text, int64_t *number) MUST_USE;
int cedar_datetime_parse(struct str text, int64_t *number) MUST_USE;
int cedar_duration_parse(struct str text, int64_t *number) MUST_USE;
int cedar_ip_parse(struct str text, struct cedar_ip *ip) MUST_USE;
void cedar_ip_write(const struct cedar_ip *ip, struct buffer *out);

/* Is it the type of the actions of a namespace? */
static inline bool cedar_is_action_type(struct str type) {
    return str_equal(type, STR("Action")) || str_ends_with(type, STR("::Action"));
}

#endif
