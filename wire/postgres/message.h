/* The messages of the PostgreSQL frontend/backend protocol 3.0 (PostgreSQL 15 documentation, 55.2 and 55.7), decoded
 * from and encoded to bytes. Pure functions: no I/O, nothing parks. Every struct str borrows from the bytes given.
 *
 * Decoders are strict: everything is consumed or the message is refused, counts and lengths are checked against what is
 * there, strings end with their NUL. They return 0, or -1 when the message does not follow its grammar. */
#ifndef SWORN_WIRE_POSTGRES_MESSAGE_H
#define SWORN_WIRE_POSTGRES_MESSAGE_H

#include "base/buffer.h"

#define MESSAGE_HEADER_BYTES 5u
#define MESSAGE_STARTUP_BYTES_MAX 10000u /* as the server's own MAX_STARTUP_PACKET_LENGTH */
#define MESSAGE_STARTUP_OPTIONS_MAX 64
#define MESSAGE_PARAMETERS_MAX 65535

#define MESSAGE_VERSION_3_0 0x00030000u
#define MESSAGE_CODE_CANCEL 80877102u
#define MESSAGE_CODE_SSL 80877103u
#define MESSAGE_CODE_GSSENC 80877104u

enum message_framing { MESSAGE_WHOLE, MESSAGE_PART, MESSAGE_BAD };

/* type byte, u32 length that counts itself and the body, body. */
struct message {
    char type;
    struct str body;
    size_t frame_bytes; /* of the whole frame; of MESSAGE_PART: how many must be there to know more */
};

static inline bool message_is_one_of(const struct message *message, const char *types) {
    return message->type != '\0' && strchr(types, message->type) != NULL;
}

enum message_framing message_next(struct str input, struct message *message);
/* The first packet of a connection: the same without a type byte, and with a maximum of its own. */
enum message_framing message_next_startup(struct str input, struct message *message);

/* ---- from the client ---- */

struct message_option {
    struct str name;
    struct str value;
};

struct message_startup {
    uint32_t code; /* protocol version or one of MESSAGE_CODE_* */
    struct str cancel_key; /* MESSAGE_CODE_CANCEL: process id and secret as they came */
    struct message_option options[MESSAGE_STARTUP_OPTIONS_MAX];
    size_t option_count;
};

struct message_parse {
    struct str name;
    struct str text;
    struct str type_oids; /* u32 each */
    size_t type_count;
};

struct message_bind {
    struct str portal;
    struct str statement;
    struct str formats; /* u16 each: none, one for all, or one each */
    size_t format_count;
    struct str values; /* length and bytes each */
    size_t value_count;
};

struct message_target {
    char kind; /* 'S' statement, 'P' portal */
    struct str name;
};

int message_decode_startup(struct str body, struct message_startup *out) MUST_USE;
int message_decode_parse(struct str body, struct message_parse *out) MUST_USE;
int message_decode_bind(struct str body, struct message_bind *out) MUST_USE;
int message_decode_target(struct str body, struct message_target *out) MUST_USE; /* Describe, Close */
int message_decode_execute(struct str body, struct str *portal) MUST_USE;
/* Query, PasswordMessage, CopyFail: one string and nothing else. */
int message_decode_string(struct str body, struct str *out) MUST_USE;

/* Cuts the next value of a decoded Bind off; *is_null has no bytes. Call it value_count times. */
struct str message_bind_next(struct str *values, bool *is_null);
uint16_t message_bind_format(const struct message_bind *bind, size_t index);
/* The index-th type of a Parse; 0 when the client left it to the server. */
uint32_t message_parse_type(const struct message_parse *parse, size_t index);

/* ---- from the server ---- */

struct message_column {
    struct str name;
    uint32_t table_oid; /* 0: computed */
    int16_t attribute_number;
    uint32_t type_oid;
    uint16_t format;
};

struct message_columns {
    struct str rest;
    size_t count;
};

/* Checks the whole RowDescription; then message_column_next() cuts off one column, `count` times. */
int message_decode_row_description(struct str body, struct message_columns *out) MUST_USE;
void message_column_next(struct message_columns *columns, struct message_column *out);

/* A field of an ErrorResponse or NoticeResponse; empty when it is not there. */
struct str message_error_field(struct str body, char field);
int message_decode_error(struct str body) MUST_USE; /* checks the grammar */
int message_decode_parameter_status(struct str body, struct message_option *out) MUST_USE;
int message_decode_ready(struct str body, char *status) MUST_USE; /* 'I', 'T' or 'E' */
/* CopyInResponse, CopyOutResponse: overall format. */
int message_decode_copy_response(struct str body, uint8_t *format, size_t *column_count) MUST_USE;
/* Authentication: the code and what follows it. */
int message_decode_authentication(struct str body, uint32_t *code, struct str *data) MUST_USE;

/* ---- encoding ---- */

/* Begins a frame; returns its offset for message_end. */
size_t message_begin(struct buffer *out, char type);
void message_end(struct buffer *out, size_t offset);
/* A whole frame around a body. */
void message_append(struct buffer *out, char type, struct str body);
void message_append_cstring(struct buffer *out, struct str s); /* up to its first NUL */

struct message_error {
    const char *severity; /* "ERROR", "FATAL" */
    const char *code;     /* SQLSTATE */
    struct str message;
    struct str detail; /* may be empty */
    struct str hint;   /* may be empty */
};

void message_append_error(struct buffer *out, const struct message_error *error);
void message_append_ready(struct buffer *out, char status);
/* Describe or Close of a statement ('S') or portal ('P'). */
void message_append_target(struct buffer *out, char type, char kind, struct str name);

#endif
