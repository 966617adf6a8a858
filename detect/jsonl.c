/* Lines in, lines out; see jsonl.h. The scanner of base/ finds the two members, so that the id is copied as is. */
#include "detect/jsonl.h"

#include "base/json.h"

struct line {
    struct str id;   /* raw, quotes included */
    struct str text; /* raw, between the quotes */
    bool has_id, has_text;
};

/* The members "id" and "text" of the one object on a line; others are passed over. */
static int parse_line(struct str json, struct line *line) {
    struct json_scanner scanner;
    json_scanner_init(&scanner, json);
    struct str raw, key = STR_NONE;
    *line = (struct line){0};
    int depth = 0;
    while (true) {
        enum json_token token = json_next(&scanner, &raw);
        if (token == JSON_TOKEN_BAD) return -1;
        if (token == JSON_TOKEN_END) return line->has_id && line->has_text ? 0 : -1;
        if (depth == 0 && token != JSON_TOKEN_BEGIN_OBJECT) return -1;
        if (token == JSON_TOKEN_KEY) key = depth == 1 ? raw : STR_NONE;
        else if (token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY) depth++;
        else if (token == JSON_TOKEN_END_OBJECT || token == JSON_TOKEN_END_ARRAY) {
            if (--depth == 0) continue;
        }
        if (depth != 1) continue;
        if (str_equal(key, STR("id")) && (token == JSON_TOKEN_STRING || token == JSON_TOKEN_NUMBER)) {
            size_t quote = token == JSON_TOKEN_STRING;
            line->id = str_make(raw.data - quote, raw.length + 2 * quote);
            line->has_id = true;
        }
        if (str_equal(key, STR("text")) && token == JSON_TOKEN_STRING) {
            line->text = raw;
            line->has_text = true;
        }
    }
}

/* Byte offsets become code points: the spans are sorted, so one walk is enough. */
static void write_spans(FILE *out, struct str id, struct str text, const struct detect_spans *spans) {
    fprintf(out, "{\"id\":%.*s,\"spans\":[", (int)id.length, id.data);
    size_t at = 0, points = 0;
    for (size_t i = 0; i < spans->count; i++) {
        const struct detect_span *span = &spans->items[i];
        points += utf8_count(str_slice(text, at, span->start));
        size_t start = points;
        points += utf8_count(str_slice(text, span->start, span->end));
        at = span->end;
        fprintf(out, "%s[%zu,%zu,\"%s\",%u]", i > 0 ? "," : "", start, points, class_name(span->class), span->score);
    }
    fputs("]}\n", out);
}

struct jsonl {
    const struct detector *detector;
    struct detect_scratch *scratch;
    struct detect_spans spans;
    struct buffer text;
};

static int run_line(struct jsonl *run, struct str json, FILE *out, struct error *error) {
    struct line line;
    if (parse_line(json, &line) != 0) {
        return error_set(error, ERROR_INVALID, "expected {\"id\": string or number, \"text\": string} on one line");
    }
    buffer_clear(&run->text);
    if (json_unescape_lossy(line.text, &run->text) != 0) return error_out_of_memory(error);
    struct str text = buffer_view(&run->text);
    if (detect_scan(run->detector, run->scratch, text, DETECT_HINT_NONE, &run->spans, error) != 0) return -1;
    write_spans(out, line.id, text, &run->spans);
    return 0;
}

int detect_jsonl(const struct detector *detector, FILE *in, FILE *out, struct error *error) {
    struct jsonl run = {.detector = detector, .scratch = detect_scratch_new(detector, error)};
    if (run.scratch == NULL) return -1;
    buffer_init(&run.text, DETECT_JSONL_LINE_MAX);
    char *bytes = NULL;
    size_t capacity = 0;
    int result = 0;
    for (size_t number = 1; result == 0; number++) {
        ssize_t length = getline(&bytes, &capacity, in);
        if (length < 0) break;
        struct str json = str_trim(str_make(bytes, (size_t)length));
        if (json.length == 0) continue;
        result = json.length <= DETECT_JSONL_LINE_MAX
                     ? run_line(&run, json, out, error)
                     : error_set(error, ERROR_LIMIT, "longer than %u bytes", DETECT_JSONL_LINE_MAX);
        if (result != 0) error_prefix(error, "line %zu", number);
    }
    if (result == 0 && ferror(in)) result = error_set_errno(error, "reading lines");
    if (fflush(out) != 0 && result == 0) result = error_set_errno(error, "writing spans");
    free(bytes);
    buffer_free(&run.text);
    detect_spans_free(&run.spans);
    detect_scratch_free(&run.scratch);
    return result;
}
