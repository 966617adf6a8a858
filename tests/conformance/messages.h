/* What the official implementation's messages of validation say, as codes: sets of them, one bit each. */
#ifndef SWORN_TESTS_CONFORMANCE_MESSAGES_H
#define SWORN_TESTS_CONFORMANCE_MESSAGES_H

#include "cedar/cedar.h"
#include "tests/conformance/json_member.h"

/* What the recorded messages say, as codes. */
static inline enum cedar_code messages_code(struct str message) {
    static const struct {
        const char *part;
        enum cedar_code code;
    } rows[] = {
        {"empty set literals are forbidden", CEDAR_INVALID_EMPTY_SET},
        {"error during extension function argument validation", CEDAR_INVALID_LITERAL},
        {"unable to guarantee safety of access to tag", CEDAR_INVALID_TAG},
        {"unable to guarantee safety of access to optional attribute", CEDAR_INVALID_OPTIONAL},
        {"unable to find an applicable action", CEDAR_INVALID_SCOPE},
        {"unrecognized entity type", CEDAR_INVALID_ENTITY_TYPE},
        {"unrecognized action", CEDAR_INVALID_ACTION},
        {"wrong number of arguments", CEDAR_INVALID_ARGUMENTS},
        {"extension constructors may not be called with non-literal", CEDAR_INVALID_CALL},
        {"unexpected type", CEDAR_INVALID_TYPE},
        {"are not compatible", CEDAR_INVALID_MIX},
        {"no tags were declared", CEDAR_INVALID_NO_TAGS},
        {"is of an enumerated entity type", CEDAR_INVALID_ID},
        {"policy is impossible", CEDAR_WARNED_IMPOSSIBLE},
        {"contains mixed scripts", CEDAR_WARNED_SCRIPTS},
        {"BIDI", CEDAR_WARNED_BIDI},
        {"not found", CEDAR_INVALID_ATTRIBUTE},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        if (str_find(message, str_from_cstr(rows[i].part)) != STR_NOT_FOUND) return rows[i].code;
    }
    return CEDAR_CODE_COUNT;
}

static inline uint64_t messages_bit(enum cedar_code code) {
    return UINT64_C(1) << (code - CEDAR_UNDEFINED);
}

static inline uint64_t messages_codes(struct str errors) {
    struct json_scanner scanner;
    struct str item;
    uint64_t bits = 0;
    if (errors.data == NULL) return 0;
    json_scanner_init(&scanner, errors);
    while (json_item(errors, &scanner, &item)) bits |= messages_bit(messages_code(item));
    return bits;
}

static inline void messages_describe(uint64_t bits, struct buffer *out) {
    for (unsigned code = CEDAR_UNDEFINED; code < CEDAR_CODE_COUNT; code++) {
        if ((bits & messages_bit((enum cedar_code)code)) == 0) continue;
        buffer_append_format(out, "%s ", cedar_code_name((enum cedar_code)code));
    }
}

#endif
