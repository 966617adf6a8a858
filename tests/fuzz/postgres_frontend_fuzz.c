/* Everything that a client may send: frames decode or are refused, what is decoded lies within the message, and the
 * values of a Bind fill exactly the bytes that it says. */
#include "wire/postgres/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct str part, struct str whole) {
    CHECK(part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
}

static void try_startup(struct str body) {
    struct message_startup startup;
    if (message_decode_startup(body, &startup) != 0) return;
    for (size_t i = 0; i < startup.option_count; i++) {
        check_within(startup.options[i].name, body);
        check_within(startup.options[i].value, body);
        CHECK(startup.options[i].name.length > 0);
    }
    check_within(startup.cancel_key, body);
}

static void try_bind(struct str body) {
    struct message_bind bind;
    if (message_decode_bind(body, &bind) != 0) return;
    for (size_t i = 0; i < bind.value_count; i++) {
        bool is_null;
        check_within(message_bind_next(&bind.values, &is_null), body);
        CHECK(message_bind_format(&bind, i) <= 1);
    }
    CHECK(bind.values.length == 0);
}

static void try_parse(struct str body) {
    struct message_parse parse;
    if (message_decode_parse(body, &parse) != 0) return;
    check_within(parse.text, body);
    CHECK(str_find_byte(parse.text, '\0') == STR_NOT_FOUND);
    for (size_t i = 0; i < parse.type_count; i++) (void)message_parse_type(&parse, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str input = str_make(data, size);
    struct message message;
    if (message_next_startup(input, &message) == MESSAGE_WHOLE) try_startup(message.body);
    for (size_t i = 0; i < 100 && message_next(input, &message) == MESSAGE_WHOLE; i++) {
        struct message_target target;
        struct str text;
        check_within(message.body, input);
        try_parse(message.body);
        try_bind(message.body);
        try_startup(message.body);
        if (message_decode_target(message.body, &target) == 0) check_within(target.name, message.body);
        if (message_decode_execute(message.body, &text) == 0) check_within(text, message.body);
        if (message_decode_string(message.body, &text) == 0) check_within(text, message.body);
        input = str_slice(input, message.frame_bytes, input.length);
    }
    return 0;
}
