/* JSON twice, for two uses that jansson does not serve.
 *
 * Writing: RFC 8785 (JCS) canonical form, straight into a buffer. Members of an object must be written in the order of
 * RFC 8785 section 3.2.3; keys here are ASCII, so that is byte order, and it is CHECKed. Numbers are integers within
 * +-2^53 only, so that every reader agrees on them.
 *
 * Scanning: RFC 8259, strict, over bytes that stay where they are, so that values can be replaced and everything else
 * (number forms, key order, white space) survives. Use jansson where a tree is wanted and bytes do not matter. */
#ifndef SWORN_BASE_JSON_H
#define SWORN_BASE_JSON_H

#include "base/buffer.h"

#define JSON_DEPTH_MAX 64

struct json_writer {
    struct buffer *out;
    int depth;
    bool has_member[JSON_DEPTH_MAX + 1];
    bool is_object[JSON_DEPTH_MAX + 1];
    struct str last_key[JSON_DEPTH_MAX + 1];
};

void json_writer_init(struct json_writer *writer, struct buffer *out);
void json_begin_object(struct json_writer *writer);
void json_end_object(struct json_writer *writer);
void json_begin_array(struct json_writer *writer);
void json_end_array(struct json_writer *writer);
/* key is borrowed until the object ends. */
void json_key(struct json_writer *writer, struct str key);
/* Ill-formed UTF-8 becomes U+FFFD, so that the output is always valid. */
void json_write_string(struct json_writer *writer, struct str value);
void json_write_integer(struct json_writer *writer, int64_t value);
void json_write_bool(struct json_writer *writer, bool value);
void json_write_null(struct json_writer *writer);
/* A value that is already canonical JSON. */
void json_write_raw(struct json_writer *writer, struct str value);

static inline void json_member_string(struct json_writer *writer, struct str key, struct str value) {
    json_key(writer, key);
    json_write_string(writer, value);
}
static inline void json_member_integer(struct json_writer *writer, struct str key, int64_t value) {
    json_key(writer, key);
    json_write_integer(writer, value);
}
static inline void json_member_bool(struct json_writer *writer, struct str key, bool value) {
    json_key(writer, key);
    json_write_bool(writer, value);
}

/* Appends value as a quoted JSON string with the escapes of RFC 8785. */
void json_append_quoted(struct buffer *out, struct str value);
/* Decodes the inside of a JSON string (without its quotes) to UTF-8. -1 on a bad escape or a lone surrogate. */
int json_unescape(struct str raw, struct buffer *out) MUST_USE;
/* As json_unescape, but a lone surrogate, which RFC 8259 section 8.2 lets stand, becomes U+FFFD: never -1 for the raw
 * string of a token, but when *out fails. */
int json_unescape_lossy(struct str raw, struct buffer *out) MUST_USE;

enum json_token {
    JSON_TOKEN_BEGIN_OBJECT,
    JSON_TOKEN_END_OBJECT,
    JSON_TOKEN_BEGIN_ARRAY,
    JSON_TOKEN_END_ARRAY,
    JSON_TOKEN_KEY,    /* raw: between the quotes, escapes as they stand */
    JSON_TOKEN_STRING, /* raw: between the quotes, escapes as they stand */
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NULL,
    JSON_TOKEN_END,    /* the one value is complete and only white space followed */
    JSON_TOKEN_BAD,    /* not JSON, deeper than JSON_DEPTH_MAX, or not UTF-8 */
};

struct json_scanner {
    struct str text;
    size_t offset;
    int depth;
    uint8_t state;
    int depth_max;
    uint64_t is_object_bits[(JSON_DEPTH_MAX + 64) / 64];
    uint64_t *deep_bits; /* instead of is_object_bits, where more depth is wanted */
};

void json_scanner_init(struct json_scanner *scanner, struct str text);
#define JSON_DEEP_WORDS(depth_max) (((size_t)(depth_max) + 64) / 64)
/* For more depth than JSON_DEPTH_MAX: `bits` are JSON_DEEP_WORDS(depth_max) words of the caller, zero. */
void json_scanner_init_deep(struct json_scanner *scanner, struct str text, uint64_t *bits, int depth_max);
/* The next event; *raw is the token's bytes within the text (its offset is raw->data - text.data). */
enum json_token json_next(struct json_scanner *scanner, struct str *raw);

#endif
