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
#define USAGE "],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":8,\"prompt_tokens_details\":{\"cached_tokens\":3}}}"
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
    {"a chat", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi <NAME_1>, CANARY-123\"},\"finish_reason\":\"stop\"}" USAGE,
     CHAT "{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"Hi Ana \\\"Q\\\", [was canary]\"},\"finish_reason\":\"stop\"}" USAGE,
     "", "gpt stop 7 8 3"},
    {"a chat with nothing in it", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"index\":0, \"message\":{\"content\":\"Hi\", \"refusal\":null},\"finish_reason\":\"length\"}" USAGE, NULL, "",
     "gpt length 7 8 3"},
    {"a call", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"message\":{\"content\":null,\"tool_calls\":[" CALL("1", "go", "{\\\"a\\\":\\\"<NAME_1>\\\", \\\"n\\\":1.0}") "]},\"finish_reason\":\"tool_calls\"}" USAGE,
     CHAT "{\"message\":{\"content\":null,\"tool_calls\":[" CALL("1", "go", "{\\\"a\\\":\\\"Ana \\\\\\\"Q\\\\\\\"\\\", \\\"n\\\":1.0}") "]},\"finish_reason\":\"tool_calls\"}" USAGE,
     "go({\"a\":\"Ana \\\"Q\\\"\", \"n\":1.0})", "gpt tool_calls 7 8 3 tools=go"},
    {"one of two calls denied", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"finish_reason\":\"tool_calls\",\"message\":{\"tool_calls\":[ " CALL("1", "no", "{}") ", " CALL("2", "go", "") " ],\"content\":\"x\"}}" USAGE,
     CHAT "{\"finish_reason\":\"tool_calls\",\"message\":{\"tool_calls\":[" CALL("2", "go", "") "],\"content\":\"x\\n\\nDENIED no\"}}" USAGE,
     "no({}) go()", "gpt tool_calls 7 8 3 tools=no,go"},
    {"the only call denied", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"message\":{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[" CALL("1", "no", "{}") "],\"refusal\":null},\"finish_reason\":\"tool_calls\"}" USAGE,
     CHAT "{\"message\":{\"role\":\"assistant\",\"content\":\"DENIED no\",\"refusal\":null},\"finish_reason\":\"stop\"}" USAGE,
     "no({})", "gpt tool_calls 7 8 3 tools=no"},
    {"denied without a content", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"message\":{\"tool_calls\":[" CALL("1", "no", "{}") "]},\"finish_reason\":\"tool_calls\"}" USAGE,
     CHAT "{\"message\":{\"content\":\"DENIED no\"},\"finish_reason\":\"stop\"}" USAGE, "no({})",
     "gpt tool_calls 7 8 3 tools=no"},
    {"a name with escapes is no way around", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"mess\\u0061ge\":{\"content\":null,\"tool\\u005fcalls\":[" CALL("1", "n\\u006f", "{}") "]},\"finish_reason\":\"tool_c\\u0061lls\"}" USAGE,
     CHAT "{\"mess\\u0061ge\":{\"content\":\"DENIED no\"},\"finish_reason\":\"stop\"}" USAGE, "no({})",
     "gpt tool_calls 7 8 3 tools=no"},
    {"the older form", &llm_api_openai, "/v1/chat/completions",
     CHAT "{\"message\":{\"content\":null,\"function_call\":{\"name\":\"no\",\"arguments\":\"{}\"}},\"finish_reason\":\"function_call\"}" USAGE,
     CHAT "{\"message\":{\"content\":\"DENIED no\",\"function_call\":null},\"finish_reason\":\"stop\"}" USAGE, "no({})",
     "gpt function_call 7 8 3 tools=no"},
    {"a message", &llm_api_anthropic, "/v1/messages",
     MESSAGE "{\"type\":\"text\",\"text\":\"<NAME_1>\"},{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"no\",\"input\":{\"a\": 1.50}},"
     "{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"go\",\"input\":{\"a\":\"CANARY-123\"}}],\"stop_reason\":\"tool_use\","
     "\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"cache_read_input_tokens\":0}}",
     MESSAGE "{\"type\":\"text\",\"text\":\"Ana \\\"Q\\\"\"},{\"type\":\"text\",\"text\":\"DENIED no\"},"
     "{\"type\":\"tool_use\",\"id\":\"2\",\"name\":\"go\",\"input\":{\"a\":\"[was canary]\"}}],\"stop_reason\":\"tool_use\","
     "\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"cache_read_input_tokens\":0}}",
     "no({\"a\": 1.50}) go({\"a\":\"[was canary]\"})", "c tool_use 5 6 0 tools=no,go"},
    {"a message whose only call is denied", &llm_api_anthropic, "/v1/messages",
     MESSAGE "{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"no\",\"input\":{}}],\"stop_reason\":\"tool_use\"}",
     MESSAGE "{\"type\":\"text\",\"text\":\"DENIED no\"}],\"stop_reason\":\"end_turn\"}", "no({})",
     "c tool_use -1 -1 -1 tools=no"},
    {"the provider's tools are not judged", &llm_api_anthropic, "/v1/messages",
     MESSAGE "{\"type\":\"server_tool_use\",\"id\":\"1\",\"name\":\"no\",\"input\":{}}],\"stop_reason\":\"end_turn\"}", NULL,
     "", "c end_turn -1 -1 -1"},
    {"a response", &llm_api_openai, "/v1/responses",
     RESPONSE "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"<NAME_1>\"}]},"
     "{\"type\":\"function_call\",\"id\":\"f\",\"call_id\":\"1\",\"name\":\"no\",\"arguments\":\"{}\"},"
     "{\"type\":\"shell_call\",\"call_id\":\"2\",\"action\":{\"commands\":[\"ls\"]},\"environment\":{\"type\":\"local\"}},"
     "{\"type\":\"shell_call\",\"call_id\":\"3\",\"action\":{},\"environment\":{\"type\":\"container_reference\"}}],"
     "\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"input_tokens_details\":{\"cached_tokens\":4}}}",
     RESPONSE "{\"type\":\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"Ana \\\"Q\\\"\"}]},"
     "{\"type\":\"message\",\"id\":\"msg_1\",\"status\":\"completed\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\","
     "\"text\":\"DENIED no\",\"annotations\":[],\"logprobs\":[]}]},"
     "{\"type\":\"shell_call\",\"call_id\":\"2\",\"action\":{\"commands\":[\"ls\"]},\"environment\":{\"type\":\"local\"}},"
     "{\"type\":\"shell_call\",\"call_id\":\"3\",\"action\":{},\"environment\":{\"type\":\"container_reference\"}}],"
     "\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"input_tokens_details\":{\"cached_tokens\":4}}}",
     "no({}) shell({\"commands\":[\"ls\"]})", " completed 5 6 4 tools=no,shell"},
    {"an error", &llm_api_openai, "/v1/responses", "{\"error\":{\"message\":\"for CANARY-123\",\"type\":\"t\",\"code\":429}}",
     "{\"error\":{\"message\":\"for [was canary]\",\"type\":\"t\",\"code\":429}}", "", "  -1 -1 -1 error"},
    {"embeddings", &llm_api_openai, "/v1/embeddings",
     "{\"object\":\"list\",\"data\":[{\"embedding\":[-0.4111111111111111,1e-7],\"index\":0}],\"model\":\"e\",\"usage\":{\"prompt_tokens\":5}}",
     NULL, "", "e  5 -1 -1"},
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
    buffer_append_format(out, "%.*s %.*s %" PRId64 " %" PRId64 " %" PRId64, STR_ARGS(facts[FACT_MODEL].text),
                         STR_ARGS(facts[FACT_STOP_REASON].text), answer->tokens_in, answer->tokens_out,
                         answer->tokens_cached);
    for (size_t i = 0; i < facts[FACT_TOOLS].names.count; i++) {
        buffer_append_format(out, "%s%.*s", i == 0 ? " tools=" : ",", STR_ARGS(facts[FACT_TOOLS].names.items[i]));
    }
    if (answer->is_error) buffer_append_cstr(out, " error");
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
    is_str(is_changed ? buffer_view(&out) : body, str_from_cstr(row->wanted != NULL ? row->wanted : row->body), row->label);
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
        "{\"object\":\"response\",\"output\":[{\"type\":\"mind_reading_call\"}]}",
        "{\"object\":\"response\",\"output\":[{\"type\":\"function_call\",\"name\":\"\",\"arguments\":\"{}\"}]}",
        "{\"object\":\"response\",\"output\":[{\"type\":\"function_call\",\"name\":\"a\",\"name\":\"b\"}]}",
        "{\"object\":\"other\"}", "<html>", "",
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
        is_integer(llm_answer_rewrite(&options, str_from_cstr(bodies[i]), &answer, &out, &is_changed, &error), -1, bodies[i]);
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
