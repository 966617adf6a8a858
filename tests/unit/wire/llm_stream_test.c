/* Streams of all three forms: a text with values and placeholders is cut into deltas at every place, the bytes of
 * the stream at every place; what the client puts together must be the masked text each time, and no piece of a
 * value may be seen. Tools whose name begins with "no" are denied. */
#include "wire/llm/stream.h"

#include <inttypes.h>
#include <stdlib.h>

#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/llm/sse.h"
#include "wire/openai/openai.h"

#define BYTES_MAX (1u << 16)
#define TEXT "Hi <NAME_1>, CANARY-123 \\u00e9 <NAME_ C 4111111111111111"
#define TEXT_WANTED "Hi Ana \"Q\", [was canary] \\u00e9 <NAME_ C [was canary]"
#define ARGUMENTS "{\"to\": \"<NAME_1>\", \"n\": 1.50, \"x\": \"CANARY-123\"}"
#define ARGUMENTS_WANTED "{\"to\": \"Ana \\\"Q\\\"\", \"n\": 1.50, \"x\": \"[was canary]\"}"

/* What a client makes of a stream. */
struct heard {
    struct buffer text;
    struct buffer thinking;
    struct buffer arguments; /* of all calls, with their names */
    struct buffer whole;     /* Responses: the texts of the last event */
    struct buffer signature;
    struct buffer stop;
    uint64_t numbers;        /* Responses: events that were numbered */
    bool is_orderly;
};

struct run {
    struct llm_stream *stream;
    struct buffer out;
    struct buffer judged;
    struct class_counts masked;
    struct class_counts revealed;
    struct arena arena;
    struct error error;
    bool is_cut_event; /* the judge was called in the midst of one */
};

static int judge(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                 struct error *error) {
    struct run *run = self;
    (void)error;
    buffer_append_format(&run->judged, "%.*s(%.*s)", STR_ARGS(call->name), STR_ARGS(call->arguments));
    struct str out = buffer_view(&run->out);
    if (out.length > 0 && !str_ends_with(out, STR("\n\n"))) run->is_cut_event = true;
    *is_allowed = !str_starts_with(call->name, STR("no"));
    *message = STR("DENIED");
    return 0;
}

static void begin(struct run *run, const struct llm_api *api, const char *path, const struct mask_plan *plan) {
    *run = (struct run){0};
    arena_init(&run->arena, 1u << 20);
    buffer_init(&run->out, 1u << 22);
    buffer_init(&run->judged, 1u << 16);
    const struct llm_answer_options options = {
        .operation = llm_operation_find(api, STR("POST"), str_from_cstr(path)), .plan = plan, .judge = {run, judge},
        .masked = &run->masked, .revealed = &run->revealed, .arena = &run->arena};
    run->stream = llm_stream_new(&options, BYTES_MAX);
}

static void end(struct run *run) {
    llm_stream_free(&run->stream);
    buffer_free(&run->out);
    buffer_free(&run->judged);
    arena_free(&run->arena);
}

/* Feeds up to `first`, then `step` bytes at a time, and the last event behind. */
static int feed(struct run *run, struct str bytes, size_t first, size_t step) {
    for (size_t at = 0, next = first; at < bytes.length; at = next, next += step) {
        if (next > bytes.length) next = bytes.length;
        char *piece = malloc(next - at + 1);
        memcpy(piece, bytes.data + at, next - at);
        int result = llm_stream_feed(run->stream, str_make(piece, next - at), false, &run->out, &run->error);
        free(piece);
        if (result != 0) return -1;
    }
    if (llm_stream_feed(run->stream, STR_NONE, true, &run->out, &run->error) != 0) return -1;
    llm_stream_last(run->stream, &run->out);
    return 0;
}

/* ---- hearing ---- */

static struct str at(struct str object, const char *name) { return json_get(object, str_from_cstr(name)); }

static struct str first_of(struct str list) {
    struct json_cursor cursor;
    struct json_member item = {0};
    if (list.length > 0 && json_cursor_init(&cursor, list)) (void)json_cursor_next(&cursor, &item);
    return item.value;
}

static void hear_chat(struct heard *heard, struct str data) {
    struct json_cursor cursor;
    struct json_member item;
    struct str choice = first_of(at(data, "choices"));
    struct str delta = at(choice, "delta");
    json_append_text(at(delta, "content"), &heard->text);
    json_append_text(at(delta, "reasoning_content"), &heard->thinking);
    json_append_text(at(choice, "finish_reason"), &heard->stop);
    struct str calls = at(delta, "tool_calls");
    if (calls.length == 0 || !json_cursor_init(&cursor, calls)) return;
    while (json_cursor_next(&cursor, &item)) {
        json_append_text(at(at(item.value, "function"), "name"), &heard->arguments);
        json_append_text(at(at(item.value, "function"), "arguments"), &heard->arguments);
    }
}

static void hear_message(struct heard *heard, struct str data) {
    struct str delta = at(data, "delta");
    json_append_text(at(delta, "text"), &heard->text);
    json_append_text(at(delta, "thinking"), &heard->thinking);
    json_append_text(at(delta, "signature"), &heard->signature);
    json_append_text(at(delta, "partial_json"), &heard->arguments);
    json_append_text(at(delta, "stop_reason"), &heard->stop);
    json_append_text(at(at(data, "content_block"), "name"), &heard->arguments);
}

static void hear_whole(struct heard *heard, struct str response) {
    struct json_cursor cursor;
    struct json_member item;
    if (!json_cursor_init(&cursor, at(response, "output"))) return;
    while (json_cursor_next(&cursor, &item)) {
        json_append_text(at(first_of(at(item.value, "content")), "text"), &heard->whole);
        json_append_text(at(first_of(at(item.value, "summary")), "text"), &heard->whole);
        json_append_text(at(item.value, "name"), &heard->whole);
        json_append_text(at(item.value, "arguments"), &heard->whole);
    }
}

static void hear_response(struct heard *heard, struct str data) {
    struct str type = at(data, "type");
    if (json_get_index(data, STR("sequence_number")) != (int64_t)heard->numbers++) heard->is_orderly = false;
    if (json_string_is(type, STR("response.output_text.delta"))) json_append_text(at(data, "delta"), &heard->text);
    if (json_string_is(type, STR("response.reasoning_summary_text.delta"))) {
        json_append_text(at(data, "delta"), &heard->thinking);
    }
    if (json_string_is(type, STR("response.function_call_arguments.delta"))) {
        json_append_text(at(data, "delta"), &heard->arguments);
    }
    if (json_string_is(type, STR("response.output_item.added"))) {
        json_append_text(at(at(data, "item"), "name"), &heard->arguments);
    }
    if (json_string_is(type, STR("response.completed"))) hear_whole(heard, at(data, "response"));
}

static bool hear(struct heard *heard, struct str stream, void (*hear_event)(struct heard *heard, struct str data)) {
    struct sse_parser parser;
    struct sse_event event;
    struct error error = {0};
    int more = sse_feed((sse_init(&parser, 1u << 20), &parser), stream, &error);
    while (more == 0 && (more = sse_next(&parser, &event, &error)) == 1) {
        hear_event(heard, event.data);
        more = 0;
    }
    sse_free(&parser);
    return more == 0;
}

/* ---- streams ---- */

struct script {
    const char *label;
    const struct llm_api *api;
    const char *path;
    void (*hear)(struct heard *heard, struct str data);
    /* What is not a text of pieces: each "%T", "%R" or "%A" is a run of events, one for each piece of the text, the
     * reasoning or the arguments, made after the pattern behind it. "%t", "%a": whole, as JSON. */
    const char *const *lines;
    const char *stop; /* of the client */
    bool has_signature;
};

#define CHUNK \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt\",\"choices\":[{\"index\":0,"

static const char *const chat_lines[] = {
#include "tests/unit/wire/llm_stream_chat.def"
};

static const char *const message_lines[] = {
#include "tests/unit/wire/llm_stream_messages.def"
};

static const char *const response_lines[] = {
#include "tests/unit/wire/llm_stream_responses.def"
};

static const struct script scripts[] = {
    {"chunks", &llm_api_openai, "/v1/chat/completions", hear_chat, chat_lines, "tool_calls", false},
    {"message events", &llm_api_anthropic, "/v1/messages", hear_message, message_lines, "tool_use", true},
    {"response events", &llm_api_openai, "/v1/responses", hear_response, response_lines, "", false},
};

static void append_line(struct buffer *out, const char *line, struct str piece) {
    for (; *line != '\0'; line++) {
        if (line[0] != '%') {
            buffer_append_byte(out, (uint8_t)*line);
            continue;
        }
        line++;
        json_append_quoted(out, *line == 's' ? piece : *line == 't' ? STR(TEXT) : STR(ARGUMENTS));
    }
    buffer_append_cstr(out, "\n\n");
}

/* Cuts the text at `cut`, then every `step` bytes. */
static void append_pieces(struct buffer *out, const char *pattern, struct str text, size_t cut, size_t step) {
    cut = cut < text.length ? cut : text.length;
    for (size_t from = 0, to = cut;; from = to, to += step) {
        append_line(out, pattern, str_slice(text, from, to));
        if (to >= text.length) return;
    }
}

static void build(struct buffer *out, const struct script *script, size_t cut, size_t step) {
    for (const char *const *line = script->lines; *line != NULL; line++) {
        bool is_pieces = (*line)[0] == '%';
        if (!is_pieces) append_line(out, *line, STR_NONE);
        else append_pieces(out, *line + 2, (*line)[1] == 'A' ? STR(ARGUMENTS) : STR(TEXT), cut, step);
    }
}

/* ---- checking ---- */

static void heard_init(struct heard *heard) {
    *heard = (struct heard){.is_orderly = true};
    struct buffer *buffers[] = {&heard->text,  &heard->thinking,  &heard->arguments,
                                &heard->whole, &heard->signature, &heard->stop};
    for (size_t i = 0; i < LENGTH_OF(buffers); i++) buffer_init(buffers[i], 1u << 20);
}

static void heard_free(struct heard *heard) {
    buffer_free(&heard->text);
    buffer_free(&heard->thinking);
    buffer_free(&heard->arguments);
    buffer_free(&heard->whole);
    buffer_free(&heard->signature);
    buffer_free(&heard->stop);
}

static bool is_wanted(const struct script *script, const struct heard *heard, struct str text) {
    bool is_response = script->hear == hear_response;
    bool is_chat = script->hear == hear_chat;
    const char *said = is_chat ? TEXT_WANTED "\n\nDENIED" : TEXT_WANTED "DENIED";
    const char *whole = is_response ? TEXT_WANTED TEXT_WANTED "go" ARGUMENTS_WANTED "DENIED" : "";
    struct str signature = buffer_view(&heard->signature);
    return str_equal_cstr(buffer_view(&heard->text), said) &&
           str_equal_cstr(buffer_view(&heard->thinking), TEXT_WANTED) &&
           str_equal_cstr(buffer_view(&heard->arguments), "go" ARGUMENTS_WANTED) &&
           str_equal_cstr(buffer_view(&heard->stop), script->stop) && heard->is_orderly &&
           str_equal_cstr(buffer_view(&heard->whole), whole) &&
           (!script->has_signature || str_starts_with(signature, STR("SIG.swn1."))) && !plan_has_canary(text);
}

/* One stream; 1 as wanted, 0 not. */
static bool check(const struct script *script, size_t cut, size_t step, size_t first, size_t bytes) {
    struct run run;
    struct heard heard;
    struct buffer stream;
    buffer_init(&stream, 1u << 20);
    heard_init(&heard);
    build(&stream, script, cut, step);
    begin(&run, script->api, script->path, &json_plan);
    bool is_fed = feed(&run, buffer_view(&stream), first, bytes) == 0 && llm_stream_is_complete(run.stream);
    if (!is_fed) printf("# %s\n", run.error.text);
    struct str out = buffer_view(&run.out);
    bool is_good = is_fed && hear(&heard, out, script->hear) && is_wanted(script, &heard, out);
    if (!is_good) printf("# %.*s\n", STR_ARGS(buffer_view(&heard.text)));
    struct llm_answer *answer = llm_stream_answer(run.stream);
    is_good = is_good && !run.is_cut_event && answer->tokens_in == 7 && answer->tokens_out == 8;
    is_good = is_good && str_equal_cstr(answer->model, "gpt");
    is_good = is_good && str_equal_cstr(buffer_view(&run.judged), "go(" ARGUMENTS_WANTED ")no({})");
    end(&run);
    heard_free(&heard);
    buffer_free(&stream);
    return is_good;
}

static void test_script(const struct script *script) {
    bool is_good = true;
    size_t length = sizeof(TEXT) - 1;
    for (size_t cut = 0; cut <= length && is_good; cut++) is_good = check(script, cut, length, SIZE_MAX, 1);
    ok(is_good, "deltas cut once, at every place");
    for (size_t step = 1; step <= 12 && is_good; step++) is_good = check(script, step, step, SIZE_MAX, 1);
    ok(is_good, "deltas of every length");
    struct buffer stream;
    buffer_init(&stream, 1u << 20);
    build(&stream, script, 7, 7);
    size_t total = buffer_length(&stream);
    buffer_free(&stream);
    for (size_t first = 1; first < total && is_good; first += 3) is_good = check(script, 7, 7, first, total);
    ok(is_good, "bytes cut once");
    ok(is_good && check(script, 5, 3, 1, 1), "byte by byte");
    ok(is_good, script->label);
}

/* ---- single streams ---- */

#define MESSAGE "data: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"content\":[]}}\n\n"

static const struct single {
    const char *label;
    const struct llm_api *api;
    const char *path;
    const char *stream;
    const char *wanted; /* NULL: refused */
    const char *why;
} singles[] = {
#include "tests/unit/wire/llm_stream_singles.def"
};

static void test_single(const struct single *single) {
    struct run run;
    begin(&run, single->api, single->path, &json_plan);
    int result = feed(&run, str_from_cstr(single->stream), SIZE_MAX, 1);
    is_integer(result, single->wanted != NULL ? 0 : -1, single->label);
    if (single->wanted != NULL) is_str(buffer_view(&run.out), str_from_cstr(single->wanted), single->label);
    else ok(strstr(run.error.text, single->why) != NULL && !plan_has_canary(buffer_view(&run.out)), run.error.text);
    end(&run);
}

/* With everything revealed nothing is held back, but calls are judged. */
static void test_revealing(void) {
    struct run run;
    struct buffer stream;
    buffer_init(&stream, 1u << 20);
    build(&stream, &scripts[0], 5, 5);
    begin(&run, &llm_api_openai, "/v1/chat/completions", &json_plan_revealing);
    is_integer(feed(&run, buffer_view(&stream), SIZE_MAX, 1), 0, "everything revealed");
    struct heard heard;
    heard_init(&heard);
    ok(hear(&heard, buffer_view(&run.out), hear_chat), "heard");
    is_str(buffer_view(&heard.text), STR(TEXT "\n\nDENIED"), "as it came");
    is_str(buffer_view(&run.judged), STR("go(" ARGUMENTS ")no({})"), "judged");
    heard_free(&heard);
    end(&run);
    buffer_free(&stream);
}

static void test_limits(void) {
    struct run run;
    char line[BYTES_MAX + 16];
    memset(line, 'a', sizeof(line));
    begin(&run, &llm_api_openai, "/v1/responses", &json_plan);
    is_integer(feed(&run, str_make(line, sizeof(line)), 4096, 4096), -1, "an event without an end");
    end(&run);
    begin(&run, &llm_api_anthropic, "/v1/messages", &json_plan);
    int result = 0;
    for (size_t i = 0; i < 2 * LLM_LANES_MAX && result == 0; i++) {
        int length = snprintf(line, sizeof(line), "data: {\"type\":\"content_block_delta\",\"index\":%zu,\"delta\":"
                              "{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n", i);
        result = llm_stream_feed(run.stream, str_make(line, (size_t)length), false, &run.out, &run.error);
    }
    is_integer(result, -1, "texts without number");
    end(&run);
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(scripts); i++) test_script(&scripts[i]);
    for (size_t i = 0; i < LENGTH_OF(singles); i++) test_single(&singles[i]);
    test_revealing();
    test_limits();
    return tap_done();
}
