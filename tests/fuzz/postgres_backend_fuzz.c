/* Everything that a server may send, its SCRAM messages among it: decoded within the message, or refused. */
#include "wire/postgres/message.h"
#include "wire/postgres/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct str part, struct str whole) {
    CHECK(part.length == 0 || (part.data >= whole.data && part.data + part.length <= whole.data + whole.length));
}

static void try_row_description(struct str body) {
    struct message_columns columns;
    if (message_decode_row_description(body, &columns) != 0) return;
    for (size_t i = 0; i < columns.count; i++) {
        struct message_column column;
        message_column_next(&columns, &column);
        check_within(column.name, body);
        CHECK(column.format <= 1);
    }
    CHECK(columns.rest.length == 0);
}

static void try_error(struct str body) {
    if (message_decode_error(body) != 0) return;
    for (const char *field = "SVCMDHPpqWstcdnFLR"; *field != '\0'; field++)
        check_within(message_error_field(body, *field), body);
}

/* The proof costs thousands of hashes: only challenges with few iterations are computed. */
static void try_scram(struct str text) {
    struct scram_client client = {.nonce = "abc", .nonce_length = 3};
    struct buffer out;
    size_t iterations = str_find(text, STR(",i="));
    if (iterations != STR_NOT_FOUND && text.length - iterations > 5) return;
    buffer_init(&out, 2 * SCRAM_MESSAGE_BYTES_MAX);
    if (scram_client_finish(&client, STR_NONE, STR("password"), text, &out, NULL) == 0) {
        CHECK(client.has_signature && buffer_length(&out) > 0);
        CHECK(scram_client_verify(&client, text, NULL) != 0);
    }
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str input = str_make(data, size);
    struct message message;
    try_scram(input);
    for (size_t i = 0; i < 100 && message_next(input, &message) == MESSAGE_WHOLE; i++) {
        struct message_option option;
        struct str rest;
        uint8_t format;
        size_t count;
        uint32_t code;
        char status;
        check_within(message.body, input);
        try_row_description(message.body);
        try_error(message.body);
        if (message_decode_parameter_status(message.body, &option) == 0) check_within(option.value, message.body);
        if (message_decode_ready(message.body, &status) == 0) CHECK(status == 'I' || status == 'T' || status == 'E');
        if (message_decode_copy_response(message.body, &format, &count) == 0) CHECK(format <= 1);
        if (message_decode_authentication(message.body, &code, &rest) == 0) {
            check_within(rest, message.body);
            try_scram(rest);
        }
        input = str_slice(input, message.frame_bytes, input.length);
    }
    return 0;
}
