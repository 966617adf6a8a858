/* Functions and methods over evaluated arguments. */
#include "cedar/eval.h"

struct call {
    struct arena *arena;
    enum cedar_function function;
    const struct cedar_value *arguments;
    struct cedar_value *value;
};

static enum cedar_code make_extension(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_STRING) return CEDAR_FAILED_TYPE;
    enum cedar_kind kind = cedar_function_kind(call->function);
    struct cedar_ip ip;
    if (kind != CEDAR_IP) {
        int status = cedar_extension_parse(call->arena, kind, call->arguments[0].string, call->value);
        return status == 0 ? CEDAR_OK : CEDAR_FAILED_EXTENSION;
    }
    if (cedar_ip_parse(call->arguments[0].string, &ip) != 0) return CEDAR_FAILED_EXTENSION;
    int status = cedar_ip_make(call->arena, ip.bytes, ip.is_v6 ? 16 : 4, ip.prefix_bits, call->value);
    return status == 0 ? CEDAR_OK : CEDAR_MEMORY;
}

static enum cedar_code compare_decimals(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_DECIMAL || call->arguments[1].kind != CEDAR_DECIMAL) return CEDAR_FAILED_TYPE;
    int64_t left = call->arguments[0].number, right = call->arguments[1].number;
    bool result = call->function == CEDAR_LESS_THAN            ? left < right
                  : call->function == CEDAR_LESS_THAN_OR_EQUAL ? left <= right
                  : call->function == CEDAR_GREATER_THAN       ? left > right
                                                               : left >= right;
    *call->value = cedar_bool(result);
    return CEDAR_OK;
}

static enum cedar_code test_set(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_SET) return CEDAR_FAILED_TYPE;
    const struct cedar_set *set = call->arguments[0].set;
    if (call->function == CEDAR_IS_EMPTY) {
        *call->value = cedar_bool(set->count == 0);
    } else if (call->function == CEDAR_CONTAINS) {
        *call->value = cedar_bool(cedar_set_contains(set, &call->arguments[1]));
    } else {
        if (call->arguments[1].kind != CEDAR_SET) return CEDAR_FAILED_TYPE;
        const struct cedar_set *other = call->arguments[1].set;
        *call->value = cedar_bool(call->function == CEDAR_CONTAINS_ALL ? cedar_set_contains_all(set, other)
                                                                       : cedar_set_contains_any(set, other));
    }
    return CEDAR_OK;
}

static enum cedar_code test_ip(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_IP) return CEDAR_FAILED_TYPE;
    if (call->function != CEDAR_IS_IN_RANGE) {
        *call->value = cedar_bool(cedar_ip_test(call->function, call->arguments[0].ip));
        return CEDAR_OK;
    }
    if (call->arguments[1].kind != CEDAR_IP) return CEDAR_FAILED_TYPE;
    *call->value = cedar_bool(cedar_ip_is_in(call->arguments[0].ip, call->arguments[1].ip));
    return CEDAR_OK;
}

static enum cedar_code use_datetime(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_DATETIME) return CEDAR_FAILED_TYPE;
    int64_t left = call->arguments[0].number, result;
    bool overflows = false;
    switch (call->function) {
    case CEDAR_OFFSET:
        if (call->arguments[1].kind != CEDAR_DURATION) return CEDAR_FAILED_TYPE;
        overflows = __builtin_add_overflow(left, call->arguments[1].number, &result);
        *call->value = cedar_number(CEDAR_DATETIME, result);
        break;
    case CEDAR_DURATION_SINCE:
        if (call->arguments[1].kind != CEDAR_DATETIME) return CEDAR_FAILED_TYPE;
        overflows = __builtin_sub_overflow(left, call->arguments[1].number, &result);
        *call->value = cedar_number(CEDAR_DURATION, result);
        break;
    case CEDAR_TO_DATE:
        overflows = cedar_datetime_to_date(left, &result) != 0;
        *call->value = cedar_number(CEDAR_DATETIME, result);
        break;
    default: *call->value = cedar_number(CEDAR_DURATION, cedar_datetime_to_time(left));
    }
    return overflows ? CEDAR_FAILED_OVERFLOW : CEDAR_OK;
}

static enum cedar_code convert_duration(const struct call *call) {
    if (call->arguments[0].kind != CEDAR_DURATION) return CEDAR_FAILED_TYPE;
    *call->value = cedar_long(cedar_duration_to(call->function, call->arguments[0].number));
    return CEDAR_OK;
}

static enum cedar_code refuse_call(const struct call *call) {
    (void)call;
    return CEDAR_FAILED_EXTENSION;
}

enum cedar_code cedar_apply(struct arena *arena, enum cedar_function function, const struct cedar_value *arguments,
                            size_t count, struct cedar_value *value) {
    static enum cedar_code (*const calls[CEDAR_FUNCTION_COUNT])(const struct call *) = {
        [CEDAR_FUNCTION_NONE] = refuse_call,
        [CEDAR_CONTAINS] = test_set,
        [CEDAR_CONTAINS_ALL] = test_set,
        [CEDAR_CONTAINS_ANY] = test_set,
        [CEDAR_IS_EMPTY] = test_set,
        [CEDAR_GET_TAG] = refuse_call,
        [CEDAR_HAS_TAG] = refuse_call,
        [CEDAR_MAKE_DECIMAL] = make_extension,
        [CEDAR_MAKE_DATETIME] = make_extension,
        [CEDAR_MAKE_DURATION] = make_extension,
        [CEDAR_MAKE_IP] = make_extension,
        [CEDAR_UNKNOWN] = refuse_call,
        [CEDAR_LESS_THAN] = compare_decimals,
        [CEDAR_LESS_THAN_OR_EQUAL] = compare_decimals,
        [CEDAR_GREATER_THAN] = compare_decimals,
        [CEDAR_GREATER_THAN_OR_EQUAL] = compare_decimals,
        [CEDAR_IS_IPV4] = test_ip,
        [CEDAR_IS_IPV6] = test_ip,
        [CEDAR_IS_LOOPBACK] = test_ip,
        [CEDAR_IS_MULTICAST] = test_ip,
        [CEDAR_IS_IN_RANGE] = test_ip,
        [CEDAR_OFFSET] = use_datetime,
        [CEDAR_DURATION_SINCE] = use_datetime,
        [CEDAR_TO_DATE] = use_datetime,
        [CEDAR_TO_TIME] = use_datetime,
        [CEDAR_TO_MILLISECONDS] = convert_duration,
        [CEDAR_TO_SECONDS] = convert_duration,
        [CEDAR_TO_MINUTES] = convert_duration,
        [CEDAR_TO_HOURS] = convert_duration,
        [CEDAR_TO_DAYS] = convert_duration,
    };
    const struct cedar_function_row *row = &cedar_functions[function];
    if (count != row->argument_count + (row->is_method ? 1u : 0u)) return CEDAR_FAILED_ARGUMENTS;
    struct call call = {arena, function, arguments, value};
    return calls[function](&call);
}

/* Pieces between wildcards are found leftmost first; that suffices, as a `*` matches anything. Both sides are UTF-8, so
 * that matching bytes matches code points. */
bool cedar_pattern_matches(const struct cedar_pattern *pattern, struct str text) {
    const struct str *pieces = pattern->pieces;
    if (pattern->count == 1) return str_equal(pieces[0], text);
    const struct str first = pieces[0], last = pieces[pattern->count - 1];
    if (!str_starts_with(text, first)) return false;
    text = str_slice(text, first.length, text.length);
    if (!str_ends_with(text, last)) return false;
    text = str_slice(text, 0, text.length - last.length);
    for (size_t i = 1; i + 1 < pattern->count; i++) {
        size_t found = str_find(text, pieces[i]);
        if (found == STR_NOT_FOUND) return false;
        text = str_slice(text, found + pieces[i].length, text.length);
    }
    return true;
}
