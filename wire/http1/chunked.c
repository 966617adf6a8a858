#include "wire/http1/chunked.h"

static const struct str forbidden_trailers[] = {
    {"Transfer-Encoding", 17}, {"Content-Length", 14}, {"Host", 4},       {"Content-Encoding", 16},
    {"Content-Type", 12},      {"Trailer", 7},         {"Connection", 10}, {"Authorization", 13},
};

void http_chunked_init(struct http_chunked *chunked, const struct http_limits *limits, struct arena *arena) {
    *chunked = (struct http_chunked){.state = HTTP_CHUNKED_SIZE, .arena = arena};
    http_scan_init(&chunked->scan, HTTP_SECTION_TRAILERS, limits);
    buffer_init(&chunked->trailer_lines, limits->head_bytes_max);
}

void http_chunked_free(struct http_chunked *chunked) { buffer_free(&chunked->trailer_lines); }

static enum decode_result refuse(struct error *error, const char *text) {
    error_set(error, ERROR_PROTOCOL, "%s", text);
    return DECODE_BAD;
}

static int hex_digit(unsigned char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

static enum decode_result take_size(struct http_chunked *chunked, unsigned char byte, struct error *error) {
    int digit = hex_digit(byte);
    if (digit < 0) {
        if (chunked->size_digits == 0 || (byte != '\r' && byte != ';'))
            return refuse(error, "the size of a chunk is not a hexadecimal number alone");
        chunked->state = byte == ';' ? HTTP_CHUNKED_EXTENSION : HTTP_CHUNKED_SIZE_LF;
        return DECODE_MORE;
    }
    if (chunked->size_digits == HTTP_CHUNK_SIZE_DIGITS_MAX || chunked->left > (uint64_t)INT64_MAX >> 4)
        return refuse(error, "the size of a chunk is too big a number");
    chunked->size_digits++;
    chunked->left = chunked->left << 4 | (uint64_t)digit;
    return DECODE_MORE;
}

static enum decode_result take_extension(struct http_chunked *chunked, unsigned char byte, struct error *error) {
    if (byte == '\r') {
        chunked->state = HTTP_CHUNKED_SIZE_LF;
        return DECODE_MORE;
    }
    if ((byte < 0x20 && byte != '\t') || byte == 0x7f)
        return refuse(error, "a chunk's extension holds a control character");
    chunked->extension_bytes++;
    chunked->extensions_bytes++;
    if (chunked->extension_bytes > HTTP_CHUNK_EXTENSION_BYTES_MAX ||
        chunked->extensions_bytes > chunked->data_bytes + HTTP_CHUNK_EXTENSIONS_BYTES_MAX)
        return refuse(error, "the extensions of chunks have too many bytes");
    return DECODE_MORE;
}

static enum decode_result end_size(struct http_chunked *chunked, unsigned char byte, struct error *error) {
    if (byte != '\n') return refuse(error, "the size of a chunk does not end in CR LF");
    chunked->state = chunked->left > 0 ? HTTP_CHUNKED_DATA : HTTP_CHUNKED_TRAILERS;
    chunked->extension_bytes = 0;
    chunked->size_digits = 0;
    return DECODE_MORE;
}

static enum decode_result take_framing_byte(struct http_chunked *chunked, unsigned char byte, struct error *error) {
    switch (chunked->state) {
    case HTTP_CHUNKED_SIZE: return take_size(chunked, byte, error);
    case HTTP_CHUNKED_EXTENSION: return take_extension(chunked, byte, error);
    case HTTP_CHUNKED_SIZE_LF: return end_size(chunked, byte, error);
    case HTTP_CHUNKED_DATA_CR:
    case HTTP_CHUNKED_DATA_LF:
        if (byte != (chunked->state == HTTP_CHUNKED_DATA_CR ? '\r' : '\n'))
            return refuse(error, "the data of a chunk does not end where its size says");
        chunked->state = chunked->state == HTTP_CHUNKED_DATA_CR ? HTTP_CHUNKED_DATA_LF : HTTP_CHUNKED_SIZE;
        return DECODE_MORE;
    default: CHECK(false); return DECODE_BAD;
    }
}

static enum decode_result end_trailers(struct http_chunked *chunked, struct error *error) {
    struct str lines = buffer_view(&chunked->trailer_lines);
    struct str copy = arena_copy(chunked->arena, str_slice(lines, 0, lines.length - 2));
    if (copy.data == NULL) return error_out_of_memory(error), DECODE_BAD;
    if (http_fields_decode(copy, chunked->arena, &chunked->trailers, &chunked->trailer_count, error) != 0)
        return DECODE_BAD;
    for (size_t i = 0; i < LENGTH_OF(forbidden_trailers); i++) {
        if (http_fields_count(chunked->trailers, chunked->trailer_count, forbidden_trailers[i]) > 0)
            return refuse(error, "a trailer has a field that belongs in the head");
    }
    chunked->state = HTTP_CHUNKED_DONE;
    return DECODE_DONE;
}

static enum decode_result take_trailers(struct http_chunked *chunked, struct str bytes, size_t *used,
                                        struct error *error) {
    enum decode_result result = http_scan_feed(&chunked->scan, bytes, used, error);
    if (result == DECODE_BAD) return DECODE_BAD;
    buffer_append_str(&chunked->trailer_lines, str_slice(bytes, 0, *used));
    if (buffer_failed(&chunked->trailer_lines)) return error_out_of_memory(error), DECODE_BAD;
    return result == DECODE_DONE ? end_trailers(chunked, error) : DECODE_MORE;
}

static struct str take_data(struct http_chunked *chunked, struct str bytes) {
    size_t length = bytes.length < chunked->left ? bytes.length : (size_t)chunked->left;
    chunked->left -= length;
    chunked->data_bytes += length;
    if (chunked->left == 0) chunked->state = HTTP_CHUNKED_DATA_CR;
    return str_slice(bytes, 0, length);
}

enum decode_result http_chunked_decode(struct http_chunked *chunked, struct str bytes, size_t *consumed,
                                       struct str *data, struct error *error) {
    *consumed = 0;
    *data = STR_NONE;
    while (*consumed < bytes.length) {
        struct str rest = str_slice(bytes, *consumed, bytes.length);
        if (chunked->state == HTTP_CHUNKED_DATA) {
            *data = take_data(chunked, rest);
            *consumed += data->length;
            return DECODE_MORE;
        }
        enum decode_result result;
        size_t used = 1;
        if (chunked->state == HTTP_CHUNKED_TRAILERS) result = take_trailers(chunked, rest, &used, error);
        else result = take_framing_byte(chunked, (unsigned char)rest.data[0], error);
        *consumed += used;
        if (result != DECODE_MORE) return result;
    }
    return DECODE_MORE;
}
