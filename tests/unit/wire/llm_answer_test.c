/* Whole answers: what the client gets, which calls are judged, what is read off them. Tools whose name begins with "no"
 * are denied. */
#include "wire/llm/answer.h"

#include <inttypes.h>

#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/openai/openai.h"

#define CHAT "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"gpt\",\"choices\":["
#define CALL(id, name, arguments) \
    "{\"id\":\"" id "\",\"type\":\"function\",\"function\":{\"name\":\"" name "\",\"arguments\":\"" arguments "\"}}"
#define USAGE "],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":8,"  \
    "\"prompt_tokens_details\":{\"cached_tokens\":3}}}"
#define MESSAGE "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":["
#define RESPONSE "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":["

static const struct row {
    const char *label;
    const struct llm_api *api;
    const char *path;
    const char *body;
    const char *wanted; /* NULL: as it is */
    const char *judged; /* "name(arguments)" each */
    const char *facts;
} rows[] = {
#include "tests/unit/wire/llm_answer_rows.def"
};

static int judge(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                 struct error *error) {
    (void)error;
    static char said[64];
    struct buffer *judged = self;
    if (buffer_length(judged) > 0) buffer_append_byte(judged, ' ');
    buffer_append_format(judged, "%.*s(%.*s)", STR_ARGS(call->name), STR_ARGS(call->arguments));
    *is_allowed = !str_starts_with(call->name, STR("no"));
    *message = str_make(said, (size_t)snprintf(said, sizeof(said), "DENIED %.*s", STR_ARGS(call->name)));
    return 0;
}

static void append_facts(struct buffer *out, struct llm_answer *answer) {
    struct fact facts[FACT_COUNT] = {0};
    llm_answer_facts(answer, facts);
    buffer_append_format(out, "%.*s %.*s %" PRId64 " %" PRId64 " %" PRId64,
                         STR_ARGS(fact_text_view(&facts[FACT_MODEL].text)),
                         STR_ARGS(fact_text_view(&facts[FACT_STOP_REASON].text)), answer->tokens_in, answer->tokens_out,
                         answer->tokens_cached);
    for (size_t i = 0; i < facts[FACT_TOOLS].names.count; i++) {
        buffer_append_format(out, "%s%.*s", i == 0 ? " tools=" : ",",
                             STR_ARGS(fact_text_view(&facts[FACT_TOOLS].names.items[i])));
    }
    if (answer->is_error) buffer_append_cstr(out, " error");
    facts_free(facts);
}

static void test_row(const struct row *row) {
    struct class_counts masked = {0}, revealed = {0};
    struct llm_answer answer;
    struct arena arena;
    struct buffer out, judged, facts;
    struct error error = {0};
    bool is_changed = false;
    arena_init(&arena, 1u << 20);
    buffer_init(&out, 1u << 20);
    buffer_init(&judged, 4096);
    buffer_init(&facts, 4096);
    const struct llm_answer_options options = {
        .operation = llm_operation_find(row->api, STR("POST"), str_from_cstr(row->path)), .plan = &json_plan,
        .judge = {&judged, judge}, .masked = &masked, .revealed = &revealed, .arena = &arena};
    struct str body = str_from_cstr(row->body);
    if (!is_integer(llm_answer_rewrite(&options, body, &answer, &out, &is_changed, &error), 0, row->label)) {
        printf("# %s\n", error.text);
    }
    struct str wanted = str_from_cstr(row->wanted != NULL ? row->wanted : row->body);
    is_str(is_changed ? buffer_view(&out) : body, wanted, row->label);
    ok(is_changed == (row->wanted != NULL), "told whether it changed");
    is_str(buffer_view(&judged), str_from_cstr(row->judged), "judged");
    append_facts(&facts, &answer);
    is_str(buffer_view(&facts), str_from_cstr(row->facts), "facts");
    buffer_free(&out);
    buffer_free(&judged);
    buffer_free(&facts);
    arena_free(&arena);
}

static void test_refusals(void) {
    static const char *const bodies[] = {
        "{\"object\":\"response\",\"output\":[{\"type\":\"function_call\",\"name\":\"\",\"arguments\":\"{}\"}]}",
        "{\"object\":\"response\",\"output\":[{\"type\":\"function_call\",\"name\":\"a\",\"name\":\"b\"}]}",
        "<html>", "",
    };
    for (size_t i = 0; i < LENGTH_OF(bodies); i++) {
        struct class_counts masked = {0}, revealed = {0};
        struct llm_answer answer;
        struct arena arena;
        struct buffer out, judged;
        struct error error = {0};
        bool is_changed;
        arena_init(&arena, 1u << 20);
        buffer_init(&out, 4096);
        buffer_init(&judged, 4096);
        const struct llm_answer_options options = {
            .operation = llm_operation_find(&llm_api_openai, STR("POST"), STR("/v1/responses")), .plan = &json_plan,
            .judge = {&judged, judge}, .masked = &masked, .revealed = &revealed, .arena = &arena};
        int result = llm_answer_rewrite(&options, str_from_cstr(bodies[i]), &answer, &out, &is_changed, &error);
        is_integer(result, -1, bodies[i]);
        buffer_free(&out);
        buffer_free(&judged);
        arena_free(&arena);
    }
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) test_row(&rows[i]);
    test_refusals();
    return tap_done();
}
