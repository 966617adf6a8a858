/* Heads of requests and answers (the first byte says which): whole and byte by byte they come out alike, and what was
 * accepted is written and read again without a difference. */
#include "wire/http1/framing.h"
#include "wire/http1/target.h"
#include "wire/http1/write.h"

#define ARENA_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http_limits limits = {
    .target_bytes_max = 200, .field_bytes_max = 300, .field_count_max = 20, .head_bytes_max = 4096};

static enum decode_result decode(enum http_section section, struct str bytes, struct arena *arena,
                                 struct http_head *head, size_t *consumed) {
    struct error error = {0};
    enum decode_result result =
        section == HTTP_SECTION_REQUEST ? http_head_decode_request(bytes, &limits, arena, head, consumed, &error)
                                        : http_head_decode_answer(bytes, &limits, arena, head, consumed, &error);
    CHECK((result == DECODE_BAD) == (error.text[0] != '\0') && (result == DECODE_BAD) == (head->fault_status != 0));
    CHECK(result != DECODE_DONE || *consumed <= bytes.length);
    return result;
}

static enum decode_result scan_bytewise(enum http_section section, struct str bytes, size_t *consumed) {
    struct http_scan scan;
    enum decode_result result = DECODE_MORE;
    http_scan_init(&scan, section, &limits);
    for (size_t i = 0; result == DECODE_MORE && i < bytes.length; i++) {
        size_t used;
        result = http_scan_feed(&scan, str_slice(bytes, i, i + 1), &used, NULL);
        CHECK(used == 1);
    }
    *consumed = scan.total_bytes;
    return result;
}

static int frame(const struct http_head *head, struct str method, struct http_framing *framing) {
    struct error error = {0};
    int result = head->is_request ? http_framing_of_request(head, framing, &error)
                                  : http_framing_of_answer(head, method, framing, &error);
    CHECK((result != 0) == (framing->fault_status != 0));
    return result;
}

static void check_same(const struct http_head *a, const struct http_head *b, struct str method) {
    struct http_framing framing_a, framing_b;
    CHECK(str_equal(a->method, b->method) && str_equal(a->target, b->target) && a->status == b->status);
    CHECK(a->field_count == b->field_count);
    for (size_t i = 0; i < a->field_count; i++) {
        CHECK(str_equal(a->fields[i].name, b->fields[i].name) && str_equal(a->fields[i].value, b->fields[i].value));
        CHECK(http_head_find(a, a->fields[i].name).data != NULL);
    }
    if (a->minor_version == 0) return; /* is written as HTTP/1.1, which may have a Transfer-Encoding */
    int result = frame(a, method, &framing_a);
    CHECK(result == frame(b, method, &framing_b));
    CHECK(framing_a.kind == framing_b.kind && framing_a.length == framing_b.length &&
          framing_a.keeps_alive == framing_b.keeps_alive);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct http_head head, again;
    struct buffer written;
    size_t consumed = 0, scanned = 0;
    if (size == 0) return 0;
    enum http_section section = data[0] & 1 ? HTTP_SECTION_ANSWER : HTTP_SECTION_REQUEST;
    struct str method = data[0] & 2 ? STR("HEAD") : STR("GET");
    struct str bytes = str_make(data + 1, size - 1);
    arena_init(&arena, ARENA_BYTES);
    enum decode_result result = decode(section, bytes, &arena, &head, &consumed);
    enum decode_result bytewise = scan_bytewise(section, bytes, &scanned);
    CHECK(bytewise == result || (bytewise == DECODE_DONE && result == DECODE_BAD));
    CHECK(result != DECODE_DONE || scanned == consumed);
    if (result == DECODE_DONE) {
        struct str decoded;
        CHECK(!head.is_request || http_percent_decode(head.target, &arena, &decoded, NULL) == 0);
        buffer_init(&written, ARENA_BYTES);
        CHECK(http_write_head(&written, &head, NULL) == 0);
        /* A space more behind a colon may pass a limit. */
        if (decode(section, buffer_view(&written), &arena, &again, &consumed) == DECODE_DONE) {
            CHECK(consumed == buffer_length(&written));
            check_same(&head, &again, method);
        } else {
            CHECK(again.fault_status == 431 || !head.is_request);
        }
        buffer_free(&written);
    }
    arena_free(&arena);
    return 0;
}
