/* Server-sent events: wherever the stream is cut, the same events come out; written anew they read the same. */
#include <stdlib.h>

#include "wire/llm/sse.h"

#define EVENT_BYTES_MAX 4096
#define OUT_BYTES_MAX (1u << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Events as text; they are written to `written` as well. -1 past a limit. */
static int run(struct str stream, size_t step, struct buffer *out, struct buffer *written) {
    struct sse_parser parser;
    struct sse_event event;
    struct error error;
    int more = 0;
    sse_init(&parser, EVENT_BYTES_MAX);
    for (size_t at = 0; at < stream.length && more == 0; at += step) {
        if (sse_feed(&parser, str_slice(stream, at, at + step), &error) != 0) abort();
        while ((more = sse_next(&parser, &event, &error)) == 1) {
            if (event.is_comment) continue;
            buffer_append_str(out, event.type);
            buffer_append_byte(out, 0);
            buffer_append_str(out, event.data);
            buffer_append_byte(out, 1);
            sse_append(written, event.type, event.data);
        }
    }
    sse_free(&parser);
    return more;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 32768) return 0;
    struct str stream = str_make(data + 1, size - 1);
    struct buffer whole, cut, written, again, ignored;
    struct buffer *buffers[] = {&whole, &cut, &written, &again, &ignored};
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_init(buffers[i], OUT_BYTES_MAX);
    int result = run(stream, SIZE_MAX / 2, &whole, &written);
    int cut_result = run(stream, 1u + data[0] % 37u, &cut, &ignored);
    /* A limit is met sooner when little is there at once: what was read before it is the same. */
    if (result != cut_result && result == 0) abort();
    if (result == 0 && !str_equal(buffer_view(&whole), buffer_view(&cut))) abort();
    buffer_clear(&ignored);
    if (result == 0 && (run(buffer_view(&written), 7, &again, &ignored) != 0 ||
                        !str_equal(buffer_view(&again), buffer_view(&whole)))) {
        abort();
    }
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_free(buffers[i]);
    return 0;
}
