/* Content codings: what the libraries' own encoders make comes back, in any pieces; bombs, cuts and garbage do not. */
#include "wire/http1/encoding.h"

#include <brotli/encode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/unit/tap.h"

#define TEXT_BYTES ((size_t)200000)
#define BOMB_BYTES ((size_t)64 << 20)
#define COMPRESSED_BYTES_MAX ((size_t)1 << 20)

static const enum http_encoding encodings[] = {HTTP_ENCODING_GZIP, HTTP_ENCODING_DEFLATE, HTTP_ENCODING_BR,
                                               HTTP_ENCODING_ZSTD};
static const struct http_decoder_limits wide = {.output_bytes_max = UINT64_MAX, .ratio_max = UINT64_MAX};

static size_t encode_zlib(struct str text, int window_bits, char *out) {
    z_stream zlib = {0};
    CHECK(deflateInit2(&zlib, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    zlib.next_in = (Bytef *)(uintptr_t)text.data;
    zlib.avail_in = (uInt)text.length;
    zlib.next_out = (Bytef *)out;
    zlib.avail_out = (uInt)COMPRESSED_BYTES_MAX;
    CHECK(deflate(&zlib, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&zlib);
    return COMPRESSED_BYTES_MAX - zlib.avail_out;
}

static void encode(enum http_encoding encoding, struct str text, struct buffer *compressed) {
    char *out = malloc(COMPRESSED_BYTES_MAX);
    size_t length = COMPRESSED_BYTES_MAX;
    CHECK(out != NULL);
    switch (encoding) {
    case HTTP_ENCODING_GZIP: length = encode_zlib(text, 15 + 16, out); break;
    case HTTP_ENCODING_DEFLATE: length = encode_zlib(text, 15, out); break;
    case HTTP_ENCODING_BR:
        CHECK(BrotliEncoderCompress(5, 22, BROTLI_MODE_TEXT, text.length, (const uint8_t *)text.data, &length,
                                    (uint8_t *)out) == BROTLI_TRUE);
        break;
    case HTTP_ENCODING_ZSTD: length = ZSTD_compress(out, COMPRESSED_BYTES_MAX, text.data, text.length, 3); break;
    case HTTP_ENCODING_IDENTITY:
        length = text.length;
        memcpy(out, text.data, length);
    }
    CHECK(!ZSTD_isError(length));
    buffer_append(compressed, out, length);
    free(out);
}

/* Text that compresses about as JSON does. */
static void make_text(struct buffer *text) {
    uint32_t state = 1;
    while (buffer_length(text) < TEXT_BYTES) {
        state = state * 1664525u + 1013904223u;
        buffer_append_format(text, "{\"id\": %u, \"name\": \"item %u\"}, ", state >> 8, state >> 20);
    }
    buffer_truncate(text, TEXT_BYTES);
}

struct outcome {
    int result;
    struct error error;
    uint64_t bytes;
    size_t largest_piece;
};

/* Decodes in pieces of step bytes; `out` (or NULL) gets everything. */
static struct outcome decode(enum http_encoding encoding, struct http_decoder_limits limits, struct str bytes,
                             size_t step, struct buffer *out) {
    struct outcome outcome = {0};
    struct http_decoder *decoder = http_decoder_new(encoding, limits, &outcome.error);
    struct buffer piece;
    CHECK(decoder != NULL);
    buffer_init(&piece, HTTP_DECODER_PIECE_BYTES_MAX);
    while (bytes.length > 0 && outcome.result == 0) {
        struct str input = str_slice(bytes, 0, step);
        size_t given = input.length;
        do {
            outcome.result = http_decoder_decode(decoder, &input, &piece, &outcome.error);
            if (out != NULL) buffer_append_str(out, buffer_view(&piece));
            outcome.bytes += buffer_length(&piece);
            if (buffer_length(&piece) > outcome.largest_piece) outcome.largest_piece = buffer_length(&piece);
            buffer_clear(&piece);
        } while (outcome.result == 1);
        CHECK(outcome.result != 0 || input.length == 0);
        bytes = str_slice(bytes, given, bytes.length);
    }
    if (outcome.result == 0) outcome.result = http_decoder_finish(decoder, &outcome.error);
    buffer_free(&piece);
    http_decoder_free(&decoder);
    return outcome;
}

static void test_round_trips(enum http_encoding encoding, struct str text) {
    static const size_t steps[] = {1, 7, 4096, SIZE_MAX};
    struct buffer compressed, out;
    buffer_init(&compressed, COMPRESSED_BYTES_MAX);
    buffer_init(&out, 2 * TEXT_BYTES);
    encode(encoding, text, &compressed);
    for (size_t i = 0; i < LENGTH_OF(steps); i++) {
        buffer_clear(&out);
        struct outcome outcome = decode(encoding, wide, buffer_view(&compressed), steps[i], &out);
        is_integer(outcome.result, 0, "text decodes in pieces of any size");
        ok(str_equal(buffer_view(&out), text), "to what it was");
    }
    buffer_clear(&compressed);
    encode(encoding, STR(""), &compressed);
    is_integer(decode(encoding, wide, buffer_view(&compressed), SIZE_MAX, NULL).result, 0, "an empty text decodes");
    is_integer(decode(encoding, wide, STR_NONE, SIZE_MAX, NULL).result, 0, "no bytes are an empty body");
    buffer_free(&compressed);
    buffer_free(&out);
}

static void test_cuts(enum http_encoding encoding, struct str text) {
    struct buffer compressed;
    size_t accepted = 0;
    buffer_init(&compressed, COMPRESSED_BYTES_MAX);
    encode(encoding, str_slice(text, 0, 3000), &compressed);
    for (size_t length = 1; length < buffer_length(&compressed); length++) {
        if (decode(encoding, wide, str_slice(buffer_view(&compressed), 0, length), 100, NULL).result == 0) accepted++;
    }
    is_integer(accepted, 0, "no cut of it passes for the whole");
    buffer_append_byte(&compressed, 'x');
    is_integer(decode(encoding, wide, buffer_view(&compressed), SIZE_MAX, NULL).result, -1, "nor a byte behind it");
    is_integer(decode(encoding, wide, buffer_view(&compressed), 1, NULL).result, -1, "alone, too");
    buffer_append_cstr(&compressed, "yz and more that is no second part of anything");
    is_integer(decode(encoding, wide, buffer_view(&compressed), SIZE_MAX, NULL).result, -1, "nor many");
    is_integer(decode(encoding, wide, STR("this is not compressed"), SIZE_MAX, NULL).result, -1, "nor plain text");
    buffer_free(&compressed);
}

static void test_series(enum http_encoding encoding) {
    struct buffer compressed, out;
    bool is_series = encoding == HTTP_ENCODING_GZIP || encoding == HTTP_ENCODING_ZSTD;
    buffer_init(&compressed, COMPRESSED_BYTES_MAX);
    buffer_init(&out, TEXT_BYTES);
    encode(encoding, STR("hello "), &compressed);
    encode(encoding, STR("world"), &compressed);
    struct outcome outcome = decode(encoding, wide, buffer_view(&compressed), 3, &out);
    is_integer(outcome.result, is_series ? 0 : -1, "two in a row are one body where the format says so");
    if (is_series) is_str(buffer_view(&out), STR("hello world"), "one after the other");
    buffer_free(&compressed);
    buffer_free(&out);
}

static void test_bombs(enum http_encoding encoding) {
    struct http_decoder_limits small = {.output_bytes_max = 5000000, .ratio_max = UINT64_MAX};
    struct http_decoder_limits ratio = {.output_bytes_max = UINT64_MAX, .ratio_max = HTTP_DECODER_RATIO_MAX};
    struct buffer compressed;
    char *zeros = calloc(1, BOMB_BYTES);
    CHECK(zeros != NULL);
    buffer_init(&compressed, COMPRESSED_BYTES_MAX);
    encode(encoding, str_make(zeros, BOMB_BYTES), &compressed);
    free(zeros);
    struct outcome outcome = decode(encoding, small, buffer_view(&compressed), SIZE_MAX, NULL);
    is_integer(outcome.error.code, ERROR_LIMIT, "a bomb ends at the limit of bytes");
    ok(outcome.bytes <= small.output_bytes_max + HTTP_DECODER_PIECE_BYTES_MAX, "and not much later");
    outcome = decode(encoding, ratio, buffer_view(&compressed), SIZE_MAX, NULL);
    is_integer(outcome.error.code, ERROR_LIMIT, "and at the limit of the ratio");
    ok(outcome.bytes < BOMB_BYTES / 2, "long before its end");
    ok(outcome.largest_piece <= HTTP_DECODER_PIECE_BYTES_MAX, "a piece at a time");
    printf("# %s: %zu bytes for %zu\n", http_encoding_name(encoding).data, buffer_length(&compressed), BOMB_BYTES);
    buffer_free(&compressed);
}

/* A frame that asks for a window of 1 GiB would have the decoder set that much aside. */
static void test_zstd_window(void) {
    static const char bytes[] = "\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00";
    is_integer(decode(HTTP_ENCODING_ZSTD, wide, str_make(bytes, sizeof(bytes) - 1), SIZE_MAX, NULL).result, -1,
               "a window past 8 MiB is refused");
}

static void test_names(void) {
    static const struct {
        const char *name;
        int result;
        enum http_encoding encoding;
    } rows[] = {
        {"", 0, HTTP_ENCODING_IDENTITY},     {"identity", 0, HTTP_ENCODING_IDENTITY}, {"GZip", 0, HTTP_ENCODING_GZIP},
        {"x-gzip", 0, HTTP_ENCODING_GZIP},   {"deflate", 0, HTTP_ENCODING_DEFLATE},   {"br", 0, HTTP_ENCODING_BR},
        {"zstd", 0, HTTP_ENCODING_ZSTD},     {"gzip, br", -1, 0},                     {"identity, identity", -1, 0},
        {"compress", -1, 0},                 {"gzip;q=1", -1, 0},                     {"gzi", -1, 0},
        {"dcb", -1, 0},                      {", gzip ,", 0, HTTP_ENCODING_GZIP},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        enum http_encoding encoding;
        struct error error = {0};
        int result = http_encoding_from_name(str_from_cstr(rows[i].name), &encoding, &error);
        is_integer(result, rows[i].result, rows[i].name);
        if (result == 0) is_integer(encoding, rows[i].encoding, "is that one");
        else ok(error.text[0] != '\0', "says why");
    }
    struct http_field fields[] = {{STR("Content-Encoding"), STR("gzip")}, {STR("content-encoding"), STR("gzip")}};
    struct http_head head = {.fields = fields, .field_count = 2};
    enum http_encoding encoding;
    is_integer(http_encoding_of(&head, &encoding, NULL), -1, "two fields are two codings");
    head.field_count = 1;
    ok(http_encoding_of(&head, &encoding, NULL) == 0 && encoding == HTTP_ENCODING_GZIP, "one is one");
    head.field_count = 0;
    ok(http_encoding_of(&head, &encoding, NULL) == 0 && encoding == HTTP_ENCODING_IDENTITY, "none is none");
}

/* A small text needs no big buffer, and one that is too small is said to be. */
static void test_room(enum http_encoding encoding) {
    struct buffer compressed, out;
    buffer_init(&compressed, COMPRESSED_BYTES_MAX);
    buffer_init(&out, 5);
    encode(encoding, STR("hello"), &compressed);
    struct http_decoder *decoder = http_decoder_new(encoding, wide, NULL);
    struct str input = buffer_view(&compressed);
    int result = 1;
    while (result == 1 && buffer_length(&out) < 5) result = http_decoder_decode(decoder, &input, &out, NULL);
    is_str(buffer_view(&out), STR("hello"), "a buffer that just fits does");
    http_decoder_free(&decoder);
    buffer_clear(&out);
    buffer_clear(&compressed);
    encode(encoding, STR("hello!"), &compressed);
    decoder = http_decoder_new(encoding, wide, NULL);
    input = buffer_view(&compressed);
    struct error error = {0};
    do result = http_decoder_decode(decoder, &input, &out, &error);
    while (result == 1);
    ok(result == -1 && error.code == ERROR_LIMIT, "one that does not is a limit");
    http_decoder_free(&decoder);
    buffer_free(&compressed);
    buffer_free(&out);
}

int main(void) {
    struct buffer text;
    buffer_init(&text, 2 * TEXT_BYTES);
    make_text(&text);
    for (size_t i = 0; i < LENGTH_OF(encodings); i++) {
        printf("# %s\n", http_encoding_name(encodings[i]).data);
        test_round_trips(encodings[i], buffer_view(&text));
        test_cuts(encodings[i], buffer_view(&text));
        test_series(encodings[i]);
        test_bombs(encodings[i]);
        test_room(encodings[i]);
    }
    test_round_trips(HTTP_ENCODING_IDENTITY, buffer_view(&text));
    test_zstd_window();
    test_names();
    buffer_free(&text);
    return tap_done();
}
