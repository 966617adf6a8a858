/* One step function a library behind http_decoder_decode, which keeps the limits. */
#include "wire/http1/encoding.h"

#include <brotli/decode.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define DECODER_MAGIC 0xdec0de27u
#define ZSTD_WINDOW_LOG_MAX 23
#define ZLIB_WINDOW_BITS 15
#define ZLIB_GZIP 16 /* added to the window bits: the gzip format alone */

#define ROOM_PER_INPUT_BYTE 8
#define ROOM_BYTES_MIN ((size_t)4096)

enum step { STEP_MORE, STEP_END, STEP_BAD };

struct http_decoder {
    uint32_t magic;
    enum http_encoding encoding;
    struct http_decoder_limits limits;
    uint64_t input_bytes;
    uint64_t output_bytes;
    bool is_at_end; /* a member has ended and none has begun since */
    bool has_begun;
    z_stream zlib;
    BrotliDecoderState *brotli;
    ZSTD_DStream *zstd;
};

/* Room to write into, and what a step used of it. */
struct room {
    char *data;
    size_t size;
    size_t used;
};

static const struct {
    struct str name;
    enum http_encoding encoding;
} names[] = {
    {{"identity", 8}, HTTP_ENCODING_IDENTITY}, {{"gzip", 4}, HTTP_ENCODING_GZIP}, {{"x-gzip", 6}, HTTP_ENCODING_GZIP},
    {{"deflate", 7}, HTTP_ENCODING_DEFLATE},   {{"br", 2}, HTTP_ENCODING_BR},     {{"zstd", 4}, HTTP_ENCODING_ZSTD},
};

int http_encoding_from_name(struct str name, enum http_encoding *encoding, struct error *error) {
    struct str first, second;
    *encoding = HTTP_ENCODING_IDENTITY;
    if (!http_list_next(&name, &first)) return 0;
    if (http_list_next(&name, &second))
        return error_set(error, ERROR_INVALID, "several Content-Encodings at once are not decoded: send one of gzip, "
                                               "deflate, br, zstd");
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (!str_equal_ignoring_case(first, names[i].name)) continue;
        *encoding = names[i].encoding;
        return 0;
    }
    return error_set(error, ERROR_INVALID, "Content-Encoding %.*s is not known: send one of gzip, deflate, br, zstd",
                     STR_ARGS(str_slice(first, 0, 64)));
}

int http_encoding_of(const struct http_head *head, enum http_encoding *encoding, struct error *error) {
    if (http_head_count(head, STR("Content-Encoding")) > 1)
        return error_set(error, ERROR_INVALID, "several Content-Encodings at once are not decoded: send one of gzip, "
                                               "deflate, br, zstd");
    return http_encoding_from_name(http_head_find(head, STR("Content-Encoding")), encoding, error);
}

struct str http_encoding_name(enum http_encoding encoding) {
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        if (names[i].encoding == encoding) return names[i].name;
    }
    return STR_NONE;
}

static bool open_library(struct http_decoder *decoder) {
    switch (decoder->encoding) {
    case HTTP_ENCODING_IDENTITY: return true;
    case HTTP_ENCODING_GZIP: return inflateInit2(&decoder->zlib, ZLIB_WINDOW_BITS + ZLIB_GZIP) == Z_OK;
    case HTTP_ENCODING_DEFLATE: return inflateInit2(&decoder->zlib, ZLIB_WINDOW_BITS) == Z_OK;
    case HTTP_ENCODING_BR:
        decoder->brotli = BrotliDecoderCreateInstance(NULL, NULL, NULL);
        return decoder->brotli != NULL;
    case HTTP_ENCODING_ZSTD:
        decoder->zstd = ZSTD_createDStream();
        return decoder->zstd != NULL &&
               !ZSTD_isError(ZSTD_DCtx_setParameter(decoder->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX));
    }
    return false;
}

struct http_decoder *http_decoder_new(enum http_encoding encoding, struct http_decoder_limits limits,
                                      struct error *error) {
    struct http_decoder *decoder = calloc(1, sizeof(*decoder));
    if (decoder != NULL) {
        decoder->magic = DECODER_MAGIC;
        decoder->encoding = encoding;
        decoder->limits = limits;
        if (open_library(decoder)) return decoder;
        http_decoder_free(&decoder);
    }
    error_out_of_memory(error);
    return NULL;
}

void http_decoder_free(struct http_decoder **decoder) {
    struct http_decoder *closing = *decoder;
    if (closing == NULL) return;
    CHECK_MAGIC(closing, DECODER_MAGIC);
    if (closing->encoding == HTTP_ENCODING_GZIP || closing->encoding == HTTP_ENCODING_DEFLATE)
        inflateEnd(&closing->zlib);
    if (closing->brotli != NULL) BrotliDecoderDestroyInstance(closing->brotli);
    ZSTD_freeDStream(closing->zstd);
    closing->magic = 0;
    free(closing);
    *decoder = NULL;
}

static enum step step_identity(struct str *input, struct room *room) {
    size_t length = input->length < room->size ? input->length : room->size;
    if (length > 0) memcpy(room->data, input->data, length);
    room->used = length;
    *input = str_slice(*input, length, input->length);
    return STEP_END;
}

static enum step step_zlib(struct http_decoder *decoder, struct str *input, struct room *room) {
    z_stream *zlib = &decoder->zlib;
    size_t length = input->length < UINT32_MAX ? input->length : UINT32_MAX;
    if (decoder->is_at_end && inflateReset(zlib) != Z_OK) return STEP_BAD;
    zlib->next_in = (Bytef *)(uintptr_t)input->data;
    zlib->avail_in = (uInt)length;
    zlib->next_out = (Bytef *)room->data;
    zlib->avail_out = (uInt)room->size;
    int result = inflate(zlib, Z_NO_FLUSH);
    room->used = room->size - zlib->avail_out;
    *input = str_slice(*input, length - zlib->avail_in, input->length);
    if (result == Z_STREAM_END) return STEP_END;
    return result == Z_OK || result == Z_BUF_ERROR ? STEP_MORE : STEP_BAD;
}

static enum step step_brotli(struct http_decoder *decoder, struct str *input, struct room *room) {
    const uint8_t *next_in = (const uint8_t *)input->data;
    uint8_t *next_out = (uint8_t *)room->data;
    size_t left_in = input->length, left_out = room->size;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(decoder->brotli, &left_in, &next_in, &left_out, &next_out, NULL);
    room->used = room->size - left_out;
    *input = str_slice(*input, input->length - left_in, input->length);
    if (result == BROTLI_DECODER_RESULT_SUCCESS) return STEP_END;
    return result == BROTLI_DECODER_RESULT_ERROR ? STEP_BAD : STEP_MORE;
}

static enum step step_zstd(struct http_decoder *decoder, struct str *input, struct room *room) {
    ZSTD_inBuffer in = {input->data, input->length, 0};
    ZSTD_outBuffer out = {room->data, room->size, 0};
    size_t result = ZSTD_decompressStream(decoder->zstd, &out, &in);
    room->used = out.pos;
    *input = str_slice(*input, in.pos, input->length);
    if (ZSTD_isError(result)) return STEP_BAD;
    return result == 0 ? STEP_END : STEP_MORE;
}

static enum step step(struct http_decoder *decoder, struct str *input, struct room *room) {
    switch (decoder->encoding) {
    case HTTP_ENCODING_IDENTITY: return step_identity(input, room);
    case HTTP_ENCODING_GZIP:
    case HTTP_ENCODING_DEFLATE: return step_zlib(decoder, input, room);
    case HTTP_ENCODING_BR: return step_brotli(decoder, input, room);
    case HTTP_ENCODING_ZSTD: return step_zstd(decoder, input, room);
    }
    return STEP_BAD;
}

static int check_limits(const struct http_decoder *decoder, struct error *error) {
    if (decoder->output_bytes > decoder->limits.output_bytes_max)
        return error_set(error, ERROR_LIMIT, "a compressed body decodes to more than the %llu bytes that are accepted",
                         (unsigned long long)decoder->limits.output_bytes_max);
    uint64_t allowed;
    if (__builtin_mul_overflow(decoder->input_bytes, decoder->limits.ratio_max, &allowed) ||
        decoder->output_bytes <= HTTP_DECODER_FREE_BYTES || decoder->output_bytes - HTTP_DECODER_FREE_BYTES <= allowed)
        return 0;
    return error_set(error, ERROR_LIMIT, "a compressed body decodes to more than %llu times its size",
                     (unsigned long long)decoder->limits.ratio_max);
}

/* Only these come as a series. */
static bool may_follow_end(const struct http_decoder *decoder) {
    return decoder->encoding != HTTP_ENCODING_DEFLATE && decoder->encoding != HTTP_ENCODING_BR;
}

/* In proportion to what is there to decode, so that a small body does not take a big buffer. */
static size_t choose_room(struct str input, const struct buffer *out) {
    size_t left = out->cap_bytes - buffer_length(out);
    size_t size = input.length < HTTP_DECODER_PIECE_BYTES_MAX / ROOM_PER_INPUT_BYTE ? input.length * ROOM_PER_INPUT_BYTE
                                                                                   : HTTP_DECODER_PIECE_BYTES_MAX;
    if (size < ROOM_BYTES_MIN) size = ROOM_BYTES_MIN;
    return size < left ? size : left;
}

int http_decoder_decode(struct http_decoder *decoder, struct str *input, struct buffer *out, struct error *error) {
    CHECK_MAGIC(decoder, DECODER_MAGIC);
    if (input->length == 0 && (decoder->is_at_end || !decoder->has_begun)) return 0;
    if (decoder->is_at_end && !may_follow_end(decoder))
        return error_set(error, ERROR_PROTOCOL, "bytes follow the end of a compressed body");
    struct room room = {.size = choose_room(*input, out)};
    room.data = room.size > 0 ? buffer_reserve(out, room.size) : NULL;
    if (room.data == NULL)
        return error_set(error, ERROR_LIMIT, "a decoded body does not fit into its buffer of %zu bytes",
                         out->cap_bytes);
    size_t before = input->length;
    enum step result = step(decoder, input, &room);
    buffer_commit(out, room.used);
    decoder->has_begun = true;
    decoder->is_at_end = result == STEP_END;
    decoder->input_bytes += before - input->length;
    decoder->output_bytes += room.used;
    bool has_stalled = input->length > 0 && input->length == before && room.used == 0 && result == STEP_MORE;
    if (result == STEP_BAD || has_stalled)
        return error_set(error, ERROR_PROTOCOL, "a body does not decode by its Content-Encoding (%.*s)",
                         STR_ARGS(http_encoding_name(decoder->encoding)));
    if (check_limits(decoder, error) != 0) return -1;
    bool may_give_more = result == STEP_MORE && room.used == room.size;
    return input->length > 0 || may_give_more ? 1 : 0;
}

int http_decoder_finish(const struct http_decoder *decoder, struct error *error) {
    CHECK_MAGIC(decoder, DECODER_MAGIC);
    if (decoder->is_at_end || !decoder->has_begun) return 0;
    return error_set(error, ERROR_PROTOCOL, "a compressed body was cut short");
}
