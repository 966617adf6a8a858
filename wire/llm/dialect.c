/* The vtable of a dialect over requests, answers and streams of a model API. */
#include "wire/llm/dialect.h"

#include "wire/http/api.h"
#include "wire/http/content.h"
#include "wire/llm/exchange.h"

#define LLM_MESSAGE_BYTES_MAX (64u << 10)

struct llm_exchange *llm_exchange(const struct http_exchange *exchange) { return exchange->dialect_state; }

const struct llm_dialect *llm_dialect(const struct http_exchange *exchange) {
    return (const struct llm_dialect *)exchange->dialect; /* its first member */
}

void llm_write_message(struct json_writer *writer, struct str message, struct str action_id) {
    struct buffer text;
    buffer_init(&text, LLM_MESSAGE_BYTES_MAX);
    buffer_append_str(&text, message);
    if (action_id.length > 0) buffer_append_format(&text, " (action %.*s)", STR_ARGS(action_id));
    json_member_string(writer, STR("message"), buffer_failed(&text) ? message : buffer_view(&text));
    buffer_free(&text);
}

enum mask_result llm_mask_request(struct http_exchange *exchange, struct buffer *out, struct error *error) {
    const struct llm_exchange *llm = llm_exchange(exchange);
    struct outcome *outcome = &exchange->action->outcome;
    bool is_changed = false;
    const struct mask_plan *plan = exchange->plans->request;
    struct str body = buffer_view(&exchange->body);
    bool concerns = plan->concerns != NULL && plan->concerns(plan, body);
    if (!llm->request.needs_masking && !concerns) return MASK_UNCHANGED;
    if (llm_request_mask(llm->operation, body, plan,
                         &outcome->request_masked, &outcome->request_revealed, out, &is_changed, error) != 0) {
        return MASK_FAILED;
    }
    return is_changed ? MASK_CHANGED : MASK_UNCHANGED;
}

/* ---- The answer ------------------------------------------------------------------------------------------------ */

/* The provider's own name of the request, for its support. */
static void note_request_id(struct http_exchange *exchange) {
    struct str id = http_head_find(&exchange->answer, STR("x-request-id"));
    if (id.length == 0) id = http_head_find(&exchange->answer, STR("request-id"));
    if (id.length == 0 || id.length > FACT_TEXT_BYTES_MAX) return;
    fact_set_text(exchange->action->outcome.facts, FACT_REQUEST_ID, id);
}

static void note_facts(struct http_exchange *exchange, struct llm_answer *answer) {
    struct llm_exchange *llm = llm_exchange(exchange);
    struct outcome *outcome = &exchange->action->outcome;
    if (llm->has_facts) return;
    llm->has_facts = true;
    llm_answer_facts(answer, outcome->facts);
    if (answer->is_error) outcome->status = OUTCOME_ERROR;
    bool is_continued = llm->operation->form == LLM_FORM_RESPONSE || llm->request.is_thread;
    if (is_continued) fact_text_set(&outcome->conversation, answer->id);
}

/* By its content type, or because a stream was asked for and comes under a name that is not JSON's. */
static bool is_stream(const struct http_exchange *exchange) {
    const struct llm_exchange *llm = llm_exchange(exchange);
    enum content_kind kind = content_kind_of(&exchange->answer);
    if (llm->operation->stream == NULL || exchange->answer.status != 200) return false;
    return kind == CONTENT_EVENTS || (llm->request.is_stream && (kind == CONTENT_TEXT || kind == CONTENT_NONE));
}

enum answer_mode llm_begin_answer(struct http_exchange *exchange) {
    struct llm_exchange *llm = llm_exchange(exchange);
    struct outcome *outcome = &exchange->action->outcome;
    note_request_id(exchange);
    llm->options = (struct llm_answer_options){
        .operation = llm->operation,
        .plan = exchange->plans->answer,
        .judge = {exchange, llm_judge_call},
        .masked = &outcome->masked,
        .revealed = &outcome->revealed,
        .arena = &exchange->action->arena,
    };
    if (!is_stream(exchange)) return ANSWER_WHOLE;
    llm->stream = llm_stream_new(&llm->options, exchange->session->target->message_bytes_max);
    return llm->stream != NULL ? ANSWER_STREAMED : ANSWER_WHOLE;
}

/* An error of the provider, to a request whose answer no table has. */
static int finish_error(struct http_exchange *exchange, struct str body, struct error *error) {
    struct outcome *outcome = &exchange->action->outcome;
    struct shape_walk walk;
    bool is_changed = false;
    shape_walk_init(&walk);
    walk.plan = exchange->plans->answer;
    walk.is_answer = true;
    walk.masked = &outcome->masked;
    walk.revealed = &outcome->revealed;
    int result = shape_mask(&walk, llm_dialect(exchange)->api->error, body, &exchange->out, &is_changed, error);
    shape_walk_free(&walk);
    if (result == 0 && !is_changed) buffer_append_str(&exchange->out, body);
    return result;
}

/* Clients read JSON whatever it is called, so it is JSON by its looks, too. */
static bool is_json(const struct http_exchange *exchange, struct str body) {
    struct str text = str_trim(body);
    if (str_starts_with(text, STR("\xef\xbb\xbf"))) text = str_trim(str_slice(text, 3, text.length));
    bool looks_so = text.length > 0 && (text.data[0] == '{' || text.data[0] == '[' || text.data[0] == '"');
    return looks_so || content_kind_of(&exchange->answer) == CONTENT_JSON;
}

static bool has_events(struct str body) {
    struct str line;
    while (str_split(&body, '\n', &line)) {
        if (str_starts_with(line, STR("data:"))) return true;
    }
    return false;
}

/* No JSON: words, such as a proxy's error page. What no reader of ours understands may hold a tool call. */
static int finish_other(struct http_exchange *exchange, struct str body, struct error *error) {
    bool is_text = content_kind_of(&exchange->answer) != CONTENT_OTHER && !has_events(body);
    if (llm_exchange(exchange)->operation->form == LLM_FORM_OTHER || body.length == 0 || is_text) {
        return http_api_finish_answer(exchange, body, error);
    }
    return error_set(error, ERROR_INVALID, "it is neither JSON nor text: tool calls in it could not be seen");
}

/* An error is an answer like any other: what its status says is no reason to look away from a tool call in it. */
int llm_finish_answer(struct http_exchange *exchange, struct str body, struct error *error) {
    struct llm_exchange *llm = llm_exchange(exchange);
    bool is_known = llm->operation->answer != NULL;
    if (body.length == 0 || !is_json(exchange, body)) return finish_other(exchange, body, error);
    if (!is_known && exchange->answer.status >= 400) return finish_error(exchange, body, error);
    if (!is_known) return http_api_finish_answer(exchange, body, error);
    struct llm_answer answer;
    bool is_changed = false;
    llm_answer_init(&answer, &llm->options);
    int result = llm_answer_rewrite(&llm->options, body, &answer, &exchange->out, &is_changed, error);
    note_facts(exchange, &answer);
    if (result == 0 && !is_changed) buffer_append_str(&exchange->out, body);
    return result;
}

int llm_feed_answer(struct http_exchange *exchange, struct str piece, bool is_last, struct error *error) {
    struct llm_exchange *llm = llm_exchange(exchange);
    if (llm_stream_feed(llm->stream, piece, is_last, &exchange->out, error) != 0) return -1;
    if (!is_last) return 0;
    note_facts(exchange, llm_stream_answer(llm->stream));
    if (llm_stream_is_complete(llm->stream) || llm_stream_answer(llm->stream)->is_error) return 0;
    return error_set(error, ERROR_PROTOCOL, "the provider broke off the answer before its end");
}

void llm_end_stream(struct http_exchange *exchange) {
    llm_stream_last(llm_exchange(exchange)->stream, &exchange->out);
}

void llm_break_stream(struct http_exchange *exchange, struct str message) {
    struct llm_stream *stream = llm_exchange(exchange)->stream;
    note_facts(exchange, llm_stream_answer(stream));
    llm_stream_append_error(stream, message, &exchange->out);
}

void llm_ping(struct http_exchange *exchange) {
    buffer_append_str(&exchange->out, llm_stream_ping(llm_exchange(exchange)->stream));
}

void llm_close(struct http_exchange *exchange) {
    struct llm_exchange *llm = llm_exchange(exchange);
    if (llm->stream != NULL && exchange->action != NULL) note_facts(exchange, llm_stream_answer(llm->stream));
    llm_stream_free(&llm->stream);
    exchange->dialect_state = NULL;
}
