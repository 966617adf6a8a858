/* Compressed bodies (the first byte says by which coding): whole and in pieces they decode to the same or are refused,
 * never past their limits. */
#include "wire/http1/encoding.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 17)
#define STEPS_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int decode(enum http_encoding encoding, struct str bytes, size_t step, struct buffer *content) {
    struct error error = {0};
    struct http_decoder_limits limits = {.output_bytes_max = OUTPUT_BYTES_MAX, .ratio_max = 1000};
    struct http_decoder *decoder = http_decoder_new(encoding, limits, &error);
    struct buffer piece;
    int result = 0;
    size_t steps = 0;
    CHECK(decoder != NULL);
    buffer_init(&piece, HTTP_DECODER_PIECE_BYTES_MAX);
    while (result == 0 && bytes.length > 0) {
        struct str input = str_slice(bytes, 0, step);
        bytes = str_slice(bytes, input.length, bytes.length);
        do {
            result = http_decoder_decode(decoder, &input, &piece, &error);
            buffer_append_str(content, buffer_view(&piece));
            buffer_clear(&piece);
            CHECK(++steps < STEPS_MAX);
        } while (result == 1);
        CHECK(result < 0 || input.length == 0);
    }
    CHECK(buffer_length(content) <= OUTPUT_BYTES_MAX + HTTP_DECODER_PIECE_BYTES_MAX && !buffer_failed(content));
    if (result == 0) result = http_decoder_finish(decoder, &error);
    CHECK((result < 0) == (error.text[0] != '\0'));
    buffer_free(&piece);
    http_decoder_free(&decoder);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    enum http_encoding encoding = (enum http_encoding)(data[0] % 5);
    struct str bytes = str_make(data + 2, size - 2);
    struct buffer whole, pieces;
    buffer_init(&whole, 2 * OUTPUT_BYTES_MAX);
    buffer_init(&pieces, 2 * OUTPUT_BYTES_MAX);
    int result = decode(encoding, bytes, SIZE_MAX, &whole);
    CHECK(result == decode(encoding, bytes, data[1] % 64 + 1u, &pieces));
    if (result == 0) CHECK(str_equal(buffer_view(&whole), buffer_view(&pieces)));
    buffer_free(&whole);
    buffer_free(&pieces);
    return 0;
}
