/* sworn detect: the detector on text, for trying it and for measuring it. */
#include <errno.h>

#include "cmd/command.h"
#include "detect/detect.h"
#include "detect/jsonl.h"

#define TEXT_MAX_BYTES ((size_t)256 << 20)

static int read_all(FILE *in, struct buffer *text) {
    for (;;) {
        char *room = buffer_reserve(text, 1 << 16);
        if (room == NULL) return command_fail(COMMAND_USAGE, "the text is longer than %zu bytes", TEXT_MAX_BYTES);
        size_t got = fread(room, 1, 1 << 16, in);
        buffer_commit(text, got);
        if (got == 0) return ferror(in) ? command_fail(COMMAND_USAGE, "stdin: %s", strerror(errno)) : 0;
    }
}

/* One line a span: where, what, how sure, by which rule. */
static int scan_text(const struct detector *detector, FILE *in, struct error *error) {
    struct buffer text;
    struct detect_spans spans;
    struct detect_scratch *scratch = detect_scratch_new(detector, error);
    if (scratch == NULL) return -1;
    buffer_init(&text, TEXT_MAX_BYTES);
    detect_spans_init(&spans);
    int result = read_all(in, &text) == 0 ? 0 : error_set(error, ERROR_LIMIT, "the text could not be read");
    if (result == 0) result = detect_scan(detector, scratch, buffer_view(&text), DETECT_HINT_NONE, &spans, error);
    for (size_t i = 0; result == 0 && i < spans.count; i++) {
        const struct detect_span *span = &spans.items[i];
        printf("%zu-%zu\t%s\t%d\t%s\n", span->start, span->end, class_name(span->class), span->score, span->rule);
    }
    detect_spans_free(&spans);
    buffer_free(&text);
    detect_scratch_free(&scratch);
    return result;
}

int command_detect(int argc, char **argv) {
    bool is_jsonl = false;
    const struct command_option options[] = {
        {"--jsonl", NULL, "a line {\"id\",\"text\"} in, {\"id\",\"spans\":[[start,end,class,score],..]} out, in code points",
         NULL, &is_jsonl}};
    const struct command_usage usage = {
        "detect", "",
        "Finds personal data and secrets in the text on stdin. By default prints one line a finding: byte offsets, data\n"
        "class, score (0 to 100) and rule.",
        options, LENGTH_OF(options), 0, 0};
    int count;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    struct detector *detector = detector_new(NULL, &error);
    if (detector == NULL) return command_fail_error(COMMAND_NO, &error);
    int result = is_jsonl ? detect_jsonl(detector, stdin, stdout, &error) : scan_text(detector, stdin, &error);
    detector_free(&detector);
    return result == 0 ? COMMAND_OK : command_fail_error(COMMAND_USAGE, &error);
}
