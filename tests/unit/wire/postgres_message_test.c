/* Framing, and every decoder on a good message, on each of its prefixes, and with one byte too many: only the whole
 * message may be accepted. */
#include "tests/unit/tap.h"
#include "wire/postgres/message.h"

static const struct {
    const char *name;
    struct str input;
    enum message_framing framing;
    size_t frame_bytes;
} frames[] = {
    {"nothing", STR(""), MESSAGE_PART, 5},
    {"a type", STR("Q"), MESSAGE_PART, 5},
    {"a header", STR("Q\0\0\0\5"), MESSAGE_PART, 6},
    {"whole", STR("Q\0\0\0\5\0"), MESSAGE_WHOLE, 6},
    {"whole and more", STR("S\0\0\0\4Q"), MESSAGE_WHOLE, 5},
    {"length below itself", STR("S\0\0\0\3"), MESSAGE_BAD, 5},
    {"length zero", STR("S\0\0\0\0"), MESSAGE_BAD, 5},
    {"length negative", STR("S\xff\xff\xff\xff"), MESSAGE_BAD, 5},
    {"largest length", STR("S\x7f\xff\xff\xff"), MESSAGE_PART, 0x80000000u},
};

static void test_framing(void) {
    struct message message;
    for (size_t i = 0; i < LENGTH_OF(frames); i++) {
        is_integer(message_next(frames[i].input, &message), frames[i].framing, frames[i].name);
        if (frames[i].framing != MESSAGE_BAD) is_integer(message.frame_bytes, frames[i].frame_bytes, "frame bytes");
    }
    ok(message_next_startup(STR("\0\0\0\7...."), &message) == MESSAGE_BAD, "startup packet too short");
    ok(message_next_startup(STR("\0\0\x27\x11"), &message) == MESSAGE_BAD, "startup packet too long");
    ok(message_next_startup(STR("\0\0\x27\x10"), &message) == MESSAGE_PART, "longest startup packet");
    ok(message_next_startup(STR("\0\0\0\x08\x04\xd2\x16\x2f"), &message) == MESSAGE_WHOLE, "SSLRequest");
}

static bool decode_startup(struct str body) {
    struct message_startup out;
    return message_decode_startup(body, &out) == 0;
}
static bool decode_parse(struct str body) {
    struct message_parse out;
    return message_decode_parse(body, &out) == 0;
}
static bool decode_bind(struct str body) {
    struct message_bind out;
    return message_decode_bind(body, &out) == 0;
}
static bool decode_target(struct str body) {
    struct message_target out;
    return message_decode_target(body, &out) == 0;
}
static bool decode_execute(struct str body) {
    struct str portal;
    return message_decode_execute(body, &portal) == 0;
}
static bool decode_string(struct str body) {
    struct str text;
    return message_decode_string(body, &text) == 0;
}
static bool decode_row_description(struct str body) {
    struct message_columns out;
    return message_decode_row_description(body, &out) == 0;
}
static bool decode_error(struct str body) { return message_decode_error(body) == 0; }
static bool decode_parameter(struct str body) {
    struct message_option out;
    return message_decode_parameter_status(body, &out) == 0;
}
static bool decode_ready(struct str body) {
    char status;
    return message_decode_ready(body, &status) == 0;
}
static bool decode_copy(struct str body) {
    uint8_t format;
    size_t count;
    return message_decode_copy_response(body, &format, &count) == 0;
}

#define BIND_HEAD "p\0s\0\0\1\0\1\0\2"

static const struct {
    const char *name;
    bool (*decode)(struct str body);
    struct str good;
} whole_messages[] = {
    {"StartupMessage", decode_startup, STR("\0\3\0\0user\0bob\0database\0shop\0\0")},
    {"StartupMessage without options", decode_startup, STR("\0\3\0\0\0")},
    {"SSLRequest", decode_startup, STR("\x04\xd2\x16\x2f")},
    {"Parse", decode_parse, STR("s\0select $1\0\0\2\0\0\0\x17\0\0\0\0")},
    {"Bind", decode_bind, STR(BIND_HEAD "\0\0\0\4abcd\xff\xff\xff\xff\0\1\0\1")},
    {"Bind without anything", decode_bind, STR("\0\0\0\0\0\0\0\0")},
    {"Describe", decode_target, STR("Sname\0")},
    {"Close", decode_target, STR("P\0")},
    {"Execute", decode_execute, STR("portal\0\0\0\0\x64")},
    {"Query", decode_string, STR("select 1\0")},
    {"RowDescription", decode_row_description,
     STR("\0\2a\0\0\0\x40\1\0\1\0\0\0\x17\0\4\xff\xff\xff\xff\0\0"
         "b\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\1")},
    {"RowDescription of nothing", decode_row_description, STR("\0\0")},
    {"ErrorResponse", decode_error, STR("SERROR\0C42501\0Mno\0\0")},
    {"ParameterStatus", decode_parameter, STR("TimeZone\0UTC\0")},
    {"ReadyForQuery", decode_ready, STR("T")},
    {"CopyInResponse", decode_copy, STR("\1\0\2\0\1\0\1")},
};

static void test_whole_messages(void) {
    for (size_t i = 0; i < LENGTH_OF(whole_messages); i++) {
        struct str good = whole_messages[i].good;
        ok(whole_messages[i].decode(good), whole_messages[i].name);
        bool are_prefixes_refused = true;
        for (size_t length = 0; length < good.length; length++) {
            if (whole_messages[i].decode(str_slice(good, 0, length))) are_prefixes_refused = false;
        }
        ok(are_prefixes_refused, "its prefixes are refused");
        char longer[128];
        memcpy(longer, good.data, good.length);
        longer[good.length] = 0;
        ok(!whole_messages[i].decode(str_make(longer, good.length + 1)), "a byte too many is refused");
    }
}

static const struct {
    const char *name;
    bool (*decode)(struct str body);
    struct str bad;
} bad_messages[] = {
    {"Bind: value longer than the message", decode_bind, STR("\0\0\0\0\0\1\0\0\0\x09xx\0\0")},
    {"Bind: negative length other than -1", decode_bind, STR("\0\0\0\0\0\1\xff\xff\xff\xfe\0\0")},
    {"Bind: unknown format", decode_bind, STR("\0\0\0\1\0\2\0\1\0\0\0\1x\0\0")},
    {"Bind: unknown result format", decode_bind, STR("\0\0\0\0\0\0\0\1\0\2")},
    {"Bind: two formats for one value", decode_bind, STR("\0\0\0\2\0\0\0\0\0\1\0\0\0\1x\0\0")},
    {"Describe: neither statement nor portal", decode_target, STR("Xname\0")},
    {"Parse: more types than there are", decode_parse, STR("\0select\0\xff\xff\0\0\0\x17")},
    {"RowDescription: unknown format", decode_row_description, STR("\0\1a\0\0\0\0\0\0\0\0\0\0\x19\0\0\0\0\0\0\0\2")},
    {"ReadyForQuery: unknown status", decode_ready, STR("X")},
    {"CancelRequest: key too short", decode_startup, STR("\x04\xd2\x16\x2e\0\0\0\1")},
};

static void test_bad_messages(void) {
    for (size_t i = 0; i < LENGTH_OF(bad_messages); i++)
        ok(!bad_messages[i].decode(bad_messages[i].bad), bad_messages[i].name);
}

static void test_values(void) {
    struct message_bind bind;
    struct message_columns columns;
    struct message_column column;
    bool is_null;
    ok(message_decode_bind(STR(BIND_HEAD "\0\0\0\4abcd\xff\xff\xff\xff\0\0"), &bind) == 0, "Bind");
    is_str(bind.portal, STR("p"), "portal");
    is_str(bind.statement, STR("s"), "statement");
    is_str(message_bind_next(&bind.values, &is_null), STR("abcd"), "first value");
    ok(!is_null && message_bind_format(&bind, 1) == 1, "one format counts for all");
    (void)message_bind_next(&bind.values, &is_null);
    ok(is_null && bind.values.length == 0, "second value is NULL");
    ok(message_decode_row_description(whole_messages[10].good, &columns) == 0, "RowDescription");
    message_column_next(&columns, &column);
    ok(column.table_oid == 0x4001 && column.attribute_number == 1 && column.type_oid == 23 && column.format == 0, "a");
    message_column_next(&columns, &column);
    is_str(column.name, STR("b"), "b");
    is_str(message_error_field(STR("SERROR\0C42501\0Mno\0\0"), 'C'), STR("42501"), "field of an error");
    ok(message_error_field(STR("SERROR\0C42501"), 'C').length == 0, "of a broken error there is none");
}

static void test_encoding(void) {
    struct buffer out;
    struct message message;
    buffer_init(&out, 1024);
    message_append_error(&out, &(struct message_error){.severity = "ERROR", .code = "42501", .message = STR("a\0b"),
                                                       .hint = STR("h")});
    message_append_ready(&out, 'T');
    ok(message_next(buffer_view(&out), &message) == MESSAGE_WHOLE && message.type == 'E', "a frame");
    ok(message_decode_error(message.body) == 0, "that can be read");
    is_str(message_error_field(message.body, 'M'), STR("a"), "a NUL ends a text");
    is_str(message_error_field(message.body, 'H'), STR("h"), "hint");
    buffer_consume(&out, message.frame_bytes);
    is_str(buffer_view(&out), STR("Z\0\0\0\5T"), "ReadyForQuery");
    buffer_clear(&out);
    message_append_target(&out, 'D', 'P', STR("x"));
    is_str(buffer_view(&out), STR("D\0\0\0\7Px\0"), "Describe");
    buffer_free(&out);
}

int main(void) {
    test_framing();
    test_whole_messages();
    test_bad_messages();
    test_values();
    test_encoding();
    return tap_done();
}
