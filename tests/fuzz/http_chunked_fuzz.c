/* A chunked body: whole, byte by byte and in pieces whose lengths come from the input, it decodes to the same, and what
 * it decodes to is encoded and decoded again without a difference. */
#include "wire/http1/chunked.h"
#include "wire/http1/write.h"

#define ARENA_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
    .target_bytes_max = 200, .field_bytes_max = 300, .field_count_max = 20, .head_bytes_max = 4096};

struct decoded {
    struct arena arena;
    struct http_chunked chunked;
    struct buffer content;
    enum decode_result result;
    size_t consumed;
};

/* Lengths of pieces: the bytes of `lengths` in turn, over and over; none: all at once. */
static void decode(struct decoded *decoded, struct str bytes, struct str lengths) {
    size_t end = 0, turn = 0;
    arena_init(&decoded->arena, ARENA_BYTES);
    buffer_init(&decoded->content, ARENA_BYTES);
    http_chunked_init(&decoded->chunked, &limits, &decoded->arena);
    decoded->result = DECODE_MORE;
    decoded->consumed = 0;
    while (decoded->result == DECODE_MORE && decoded->consumed < bytes.length) {
        struct str piece;
        size_t consumed;
        struct error error = {0};
        if (decoded->consumed == end) {
            size_t length = bytes.length;
            if (lengths.length > 0) length = (uint8_t)lengths.data[turn++ % lengths.length] % 16 + 1u;
            end = bytes.length - end < length ? bytes.length : end + length;
        }
        struct str given = str_slice(bytes, decoded->consumed, end);
        decoded->result = http_chunked_decode(&decoded->chunked, given, &consumed, &piece, &error);
        CHECK((decoded->result == DECODE_BAD) == (error.text[0] != '\0'));
        CHECK(consumed <= given.length && (consumed > 0 || decoded->result == DECODE_BAD));
        buffer_append_str(&decoded->content, piece);
        decoded->consumed += consumed;
    }
    CHECK(!buffer_failed(&decoded->content));
}

static void decoded_free(struct decoded *decoded) {
    http_chunked_free(&decoded->chunked);
    buffer_free(&decoded->content);
    arena_free(&decoded->arena);
}

static void check_same(const struct decoded *a, const struct decoded *b) {
    CHECK(a->result == b->result && str_equal(buffer_view(&a->content), buffer_view(&b->content)));
    CHECK(a->chunked.trailer_count == b->chunked.trailer_count);
    for (size_t i = 0; i < a->chunked.trailer_count; i++) {
        const struct http_field *one = &a->chunked.trailers[i], *other = &b->chunked.trailers[i];
        CHECK(str_equal(one->name, other->name) && str_equal(one->value, other->value));
    }
}

static void check_round_trip(const struct decoded *whole) {
    struct buffer encoded;
    struct decoded again;
    buffer_init(&encoded, ARENA_BYTES);
    http_write_chunk(&encoded, buffer_view(&whole->content));
    CHECK(http_write_last_chunk(&encoded, whole->chunked.trailers, whole->chunked.trailer_count, NULL) == 0);
    decode(&again, buffer_view(&encoded), STR_NONE);
    if (again.result == DECODE_DONE) { /* a space more behind a colon may pass a limit */
        CHECK(again.consumed == buffer_length(&encoded));
        check_same(whole, &again);
    }
    decoded_free(&again);
    buffer_free(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    struct str lengths = str_make(data, 4), bytes = str_make(data + 4, size - 4);
    struct decoded whole, bytewise, pieces;
    decode(&whole, bytes, STR_NONE);
    decode(&bytewise, bytes, str_make("\0", 1));
    decode(&pieces, bytes, lengths);
    check_same(&whole, &bytewise);
    check_same(&whole, &pieces);
    CHECK(whole.result != DECODE_DONE || (whole.consumed == bytewise.consumed && whole.consumed == pieces.consumed));
    if (whole.result == DECODE_DONE) check_round_trip(&whole);
    decoded_free(&whole);
    decoded_free(&bytewise);
    decoded_free(&pieces);
    return 0;
}
