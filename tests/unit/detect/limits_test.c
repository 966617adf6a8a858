/* Hostile texts: a scan either reaches its end or fails, and what is long is masked whole. Each text is 1 MiB; one
 * whose cost is not linear runs into the test's time limit. */
#include "detect/mask.h"
#include "tests/unit/tap.h"

#define TEXT_BYTES (1u << 20)

static struct detector *detector;
static struct detect_scratch *scratch;

static const char *const repeated[] = {
    "1", "a", "@", ":", " ", "-", "=", ".", "/", "A", "a@", "@a", "a.", "1a", "1 ", "1.", "1-", "(1)", "::1", "a:",
    "1:", "AKIA", "AKIA-", "ghp_", "ghp_-", "glpat-", "-----BEGIN", "-----BEGIN PRIVATE KEY-----", "eyJ", "eyJ-",
    "eyJ.", "eyJaaaaaaaa-", "eyJaaaaaaaa.eyJaaaaaaaa!", "token=", "token=a1", "password=", "s.", "sk-", "sk-a",
    "AZDO", "-AzFu", "xoxb-1", "t1.-", "://a:", "a://b:c@", "authorization:", "Bearer ", "-u a:",
    "AAAAAAAAAAAAAAAAAAAAAA-", "ZXlK-", "ops_eyJ/", "pypi-AgE", "key: ", "DE89 ", "DE89370400440532013001 ", "aa:bb:",
    "aa-bb-", "4111 ", "+1 ", "\"", "\n", "\xff", "\xc3\xa9",
};

static void fill(struct buffer *out, const char *unit) {
    buffer_clear(out);
    while (buffer_length(out) < TEXT_BYTES) buffer_append_cstr(out, unit);
}

static void test_repeats(void) {
    struct buffer text;
    struct detect_spans spans = {0};
    struct error error;
    buffer_init(&text, 2 * TEXT_BYTES);
    for (size_t i = 0; i < LENGTH_OF(repeated); i++) {
        fill(&text, repeated[i]);
        int result = detect_scan(detector, scratch, buffer_view(&text), DETECT_HINT_NONE, &spans, &error);
        is_integer(result, 0, repeated[i]);
    }
    detect_spans_free(&spans);
    buffer_free(&text);
}

/* With so few steps no pattern comes to a verdict: that must be an error wherever the detector is used. */
static void test_engine_error(void) {
    static const struct str text = {"key ghp_MCY8tTVIF0mXGlJUAi0JXh1IiZhPFZONxkND and earer eyJhbGciOiJI", 68};
    struct detector_options options = {.match_steps_max = 1};
    struct error error = {0};
    struct detector *strict = detector_new(&options, &error);
    struct detect_scratch *own = detect_scratch_new(strict, &error);
    struct detect_spans spans = {0};
    struct mask_policy policy = mask_policy_default();
    struct buffer out;
    buffer_init(&out, 4096);
    int result = detect_scan(strict, own, text, DETECT_HINT_NONE, &spans, &error);
    is_integer(result, -1, "an error of the engine fails the scan");
    is_integer(error.code, ERROR_LIMIT, "it is a limit");
    struct class_counts counts = {0};
    struct str json = STR("{\"a\":\"ghp_MCY8tTVIF0mXGlJUAi0JXh1IiZhPFZONxkND\"}");
    result = mask_json(strict, own, &policy, DETECT_HINT_NONE, json, &out, &counts, &error);
    is_integer(result, -1, "and of a document");
    struct mask_stream *stream = mask_stream_new(strict, &policy, &error);
    buffer_clear(&out);
    int fed = mask_stream_feed(stream, own, text, &out, &counts, &error);
    int finished = fed == 0 ? mask_stream_finish(stream, own, &out, &counts, &error) : -1;
    is_integer(finished, -1, "and of a stream");
    ok(str_find(buffer_view(&out), STR("ghp_")) == STR_NOT_FOUND, "nothing uninspected is written");
    result = detect_scan(strict, own, STR("a plain text"), DETECT_HINT_NONE, &spans, &error);
    is_integer(result, 0, "the next scan is a new one");
    mask_stream_free(&stream);
    buffer_free(&out);
    detect_spans_free(&spans);
    detect_scratch_free(&own);
    detector_free(&strict);
}

static bool is_hidden(struct str masked) {
    return str_find(masked, STR("MIIEpQ")) == STR_NOT_FOUND && str_find(masked, STR("BEGIN")) == STR_NOT_FOUND &&
           str_find(masked, STR("END")) == STR_NOT_FOUND && str_find(masked, STR("[PRIVATE_KEY]")) != STR_NOT_FOUND;
}

/* A key on one line behind `before` bytes without a break. */
static void put_key(struct buffer *text, size_t before) {
    buffer_clear(text);
    for (size_t i = 0; i < before; i++) buffer_append_cstr(text, "x");
    buffer_append_cstr(text, "-----BEGIN RSA PRIVATE KEY-----\\n");
    for (int line = 0; line < 300; line++) {
        buffer_append_cstr(text, "MIIEpQIBAAKCAQEAn6/O8li+SX4m98LLYt/PKSzEmQ++ZBD7Loh9P13f4yQ92EF3\\n");
    }
    buffer_append_cstr(text, "-----END RSA PRIVATE KEY-----");
    for (int i = 0; i < 100000; i++) buffer_append_cstr(text, "y");
}

static bool masks_whole_and_in_pieces(struct str text, size_t piece_bytes, struct buffer *whole,
                                      struct buffer *pieces) {
    struct error error;
    struct detect_spans spans = {0};
    struct mask_policy policy = mask_policy_default();
    struct mask_stream *stream = mask_stream_new(detector, &policy, &error);
    buffer_clear(whole);
    buffer_clear(pieces);
    bool is_done = detect_scan(detector, scratch, text, DETECT_HINT_NONE, &spans, &error) == 0;
    mask_text(&policy, text, &spans, whole, NULL);
    for (size_t at = 0; is_done && at < text.length; at += piece_bytes) {
        struct str piece = str_slice(text, at, at + piece_bytes);
        is_done = mask_stream_feed(stream, scratch, piece, pieces, NULL, &error) == 0;
    }
    is_done = is_done && mask_stream_finish(stream, scratch, pieces, NULL, &error) == 0;
    mask_stream_free(&stream);
    detect_spans_free(&spans);
    return is_done && is_hidden(buffer_view(whole)) && str_equal(buffer_view(whole), buffer_view(pieces));
}

static void test_late_keys(void) {
    static const size_t places[] = {0,     100,   32768, 40000, 50000, 65000, 65500, 65526, 65527, 65530, 65535, 65536,
                                    65540, 70000, 120000, 131071};
    struct buffer text, whole, pieces;
    buffer_init(&text, 1u << 20);
    buffer_init(&whole, 1u << 20);
    buffer_init(&pieces, 1u << 20);
    for (size_t i = 0; i < LENGTH_OF(places); i++) {
        put_key(&text, places[i]);
        bool is_masked = masks_whole_and_in_pieces(buffer_view(&text), 1000, &whole, &pieces) &&
                         masks_whole_and_in_pieces(buffer_view(&text), 65537, &whole, &pieces);
        if (!ok(is_masked, "a key late in a run without a break is masked whole")) printf("# at %zu\n", places[i]);
    }
    buffer_free(&text);
    buffer_free(&whole);
    buffer_free(&pieces);
}

int main(void) {
    struct error error;
    detector = detector_new(NULL, &error);
    scratch = detect_scratch_new(detector, &error);
    test_repeats();
    test_engine_error();
    test_late_keys();
    detect_scratch_free(&scratch);
    detector_free(&detector);
    return tap_done();
}
