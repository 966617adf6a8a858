/* Whole answers: masked by their shape first, then cut up where a tool call is denied. */
#include "wire/llm/answer.h"

#include "wire/llm/facts.h"

#define ANSWER_BYTES_MAX (128u << 20)

void llm_answer_init(struct llm_answer *answer, const struct llm_answer_options *options) {
    *answer = (struct llm_answer){.tokens_in = -1, .tokens_out = -1, .tokens_cached = -1};
    answer->calls.judge = options->judge;
    answer->calls.arena = options->arena;
}

static int keep(struct llm_answer *answer, struct str text, struct str *out, struct error *error) {
    if (str_equal(*out, text)) return 0;
    *out = arena_copy(answer->calls.arena, str_slice(text, 0, FACT_TEXT_BYTES_MAX));
    return out->data != NULL ? 0 : error_out_of_memory(error);
}

static void count(struct str text, int64_t *out) {
    int64_t number;
    if (str_parse_i64(text, &number) == 0 && number >= 0) *out = number;
}

int llm_answer_tell(struct llm_answer *answer, uint8_t fact, const struct shape_value *value, struct error *error) {
    bool is_string = value->token == JSON_TOKEN_STRING;
    if (value->token == JSON_TOKEN_NULL) return 0;
    switch (fact) {
    case LLM_MODEL: return is_string ? keep(answer, value->text, &answer->model, error) : 0;
    case LLM_ID: return is_string ? keep(answer, value->text, &answer->id, error) : 0;
    case LLM_STOP_REASON: /* some say "" until there is one */
        return is_string && value->text.length > 0 ? keep(answer, value->text, &answer->stop_reason, error) : 0;
    case LLM_STATUS: return is_string ? keep(answer, value->text, &answer->status, error) : 0;
    case LLM_TOKENS_IN: count(value->text, &answer->tokens_in); return 0;
    case LLM_TOKENS_OUT: count(value->text, &answer->tokens_out); return 0;
    case LLM_TOKENS_CACHED: count(value->text, &answer->tokens_cached); return 0;
    case LLM_ERROR: answer->is_error = true; return 0;
    case LLM_TOOL:
    case LLM_HOSTED_TOOL: return is_string ? llm_call_offer(&answer->calls, value->text, error) : 0;
    default: return 0;
    }
}

static void set_text(struct fact facts[FACT_COUNT], enum fact_id id, struct str text) {
    if (text.length > 0) fact_set_text(facts, id, text);
}

static void set_integer(struct fact facts[FACT_COUNT], enum fact_id id, int64_t number) {
    if (number >= 0) fact_set_integer(facts, id, number);
}

void llm_answer_facts(const struct llm_answer *answer, struct fact facts[FACT_COUNT]) {
    set_text(facts, FACT_MODEL, answer->model);
    set_text(facts, FACT_STOP_REASON, answer->stop_reason.length > 0 ? answer->stop_reason : answer->status);
    set_integer(facts, FACT_TOKENS_IN, answer->tokens_in);
    set_integer(facts, FACT_TOKENS_OUT, answer->tokens_out);
    set_integer(facts, FACT_TOKENS_CACHED, answer->tokens_cached);
    if (answer->is_unknown_type) fact_set_integer(facts, FACT_UNKNOWN_TYPE, 1);
    fact_set_names(facts, FACT_TOOLS, answer->calls.names, answer->calls.name_count);
}

static int judge_read(struct llm_calls *calls, struct str object, struct llm_tool_call *call, bool *is_allowed,
                      struct str *message, struct error *error) {
    if (llm_call_judge(calls, call, is_allowed, message, error) != 0) return -1;
    if (calls->read_count < LLM_CALLS_MAX) calls->read[calls->read_count++] = object.data;
    return 0;
}

/* ---- the calls of a Chat choice ---- */

struct choice_calls {
    struct llm_calls *calls;
    struct json_edits *edits;
    struct buffer kept;  /* the calls that are left, with commas */
    struct buffer said;  /* why the others are not */
    size_t kept_count;
    size_t denied_count;
};

static int judge_chat(struct choice_calls *choice, struct str object, struct error *error) {
    struct llm_tool_call call = {0};
    bool is_allowed;
    struct str message;
    if (llm_call_read_chat(choice->calls->arena, object, &call, error) != 0) return -1;
    if (judge_read(choice->calls, object, &call, &is_allowed, &message, error) != 0) return -1;
    if (is_allowed) {
        if (choice->kept_count++ > 0) buffer_append_byte(&choice->kept, ',');
        buffer_append_str(&choice->kept, object);
        return 0;
    }
    if (choice->denied_count++ > 0) buffer_append_byte(&choice->said, '\n');
    buffer_append_str(&choice->said, message);
    return 0;
}

/* A content with words behind it: of a text, or of a list of parts. */
static void append_said(struct buffer *out, struct str content, struct str said) {
    struct json_cursor parts;
    struct json_member part;
    struct buffer text;
    if (content.length > 0 && content.data[0] == '[') {
        bool has_parts = json_cursor_init(&parts, content) && json_cursor_next(&parts, &part);
        buffer_append_str(out, str_slice(content, 0, content.length - 1));
        if (has_parts) buffer_append_byte(out, ',');
        llm_call_append_block(out, said);
        buffer_append_byte(out, ']');
        return;
    }
    buffer_init(&text, ANSWER_BYTES_MAX);
    json_append_text(content, &text);
    if (buffer_length(&text) > 0) buffer_append_cstr(&text, "\n\n");
    buffer_append_str(&text, said);
    json_append_quoted(out, buffer_view(&text));
    if (buffer_failed(&text)) out->is_failed = true;
    buffer_free(&text);
}

/* Puts what was said of denied calls at the end of the message's content. */
static void edit_content(struct choice_calls *choice, struct str message, const struct json_member *tool_calls) {
    struct json_member content;
    struct buffer quoted;
    buffer_init(&quoted, ANSWER_BYTES_MAX);
    bool has_content = json_find(message, STR("content"), &content);
    if (!has_content) buffer_append_cstr(&quoted, "\"content\":");
    append_said(&quoted, has_content ? content.value : STR_NONE, buffer_view(&choice->said));
    if (buffer_failed(&quoted)) choice->edits->is_failed = true;
    if (has_content) {
        json_edit_replace(choice->edits, content.value, buffer_view(&quoted));
        bool is_none_left = tool_calls->value.length > 0 && choice->kept_count == 0;
        if (is_none_left) json_edit_remove(choice->edits, message, tool_calls);
    } else if (choice->kept_count == 0 && tool_calls->value.length > 0) {
        const char *start = tool_calls->name.data - 1;
        size_t length = (size_t)(tool_calls->value.data + tool_calls->value.length - start);
        json_edit_replace(choice->edits, str_make(start, length), buffer_view(&quoted));
    } else {
        buffer_append_byte(&quoted, ',');
        json_edit_replace(choice->edits, str_make(message.data + 1, 0), buffer_view(&quoted));
    }
    buffer_free(&quoted);
}

static void edit_choice(struct choice_calls *choice, struct str object, struct str message,
                        const struct json_member *tool_calls, struct str function_call) {
    struct str reason = json_get(object, STR("finish_reason"));
    edit_content(choice, message, tool_calls);
    if (!json_is_null(function_call)) json_edit_replace(choice->edits, function_call, STR("null"));
    if (choice->kept_count > 0) {
        struct str list = str_slice(tool_calls->value, 1, tool_calls->value.length - 1);
        json_edit_replace(choice->edits, list, buffer_view(&choice->kept));
    } else if (json_string_is(reason, STR("tool_calls")) || json_string_is(reason, STR("function_call"))) {
        json_edit_replace(choice->edits, reason, STR("\"stop\""));
    }
}

static int judge_message(struct llm_calls *calls, struct json_edits *edits, struct str object, struct str message,
                         struct error *error) {
    struct choice_calls choice = {.calls = calls, .edits = edits};
    struct json_member tool_calls = {0};
    struct json_scanner scanner;
    struct str call;
    int result = 0;
    struct str function_call = json_get(message, STR("function_call"));
    buffer_init(&choice.kept, ANSWER_BYTES_MAX);
    buffer_init(&choice.said, ANSWER_BYTES_MAX);
    if (json_find(message, STR("tool_calls"), &tool_calls) && !json_is_null(tool_calls.value)) {
        json_scanner_init(&scanner, tool_calls.value);
        while (result == 0 && json_next_object(&scanner, &call)) result = judge_chat(&choice, call, error);
    } else {
        tool_calls = (struct json_member){0};
    }
    size_t kept_count = choice.kept_count;
    if (result == 0 && !json_is_null(function_call)) result = judge_chat(&choice, function_call, error);
    bool is_function_denied = choice.kept_count == kept_count;
    choice.kept_count = kept_count;
    if (result == 0 && choice.denied_count > 0) {
        edit_choice(&choice, object, message, &tool_calls, is_function_denied ? function_call : STR_NONE);
    }
    if (buffer_failed(&choice.kept) || buffer_failed(&choice.said)) edits->is_failed = true;
    buffer_free(&choice.kept);
    buffer_free(&choice.said);
    return result;
}

/* Some answer with a delta where a message belongs. */
static int judge_choices(struct llm_calls *calls, struct json_edits *edits, struct str body, struct error *error) {
    struct json_scanner scanner;
    struct str choice;
    json_scanner_init(&scanner, json_get(body, STR("choices")));
    while (json_next_object(&scanner, &choice)) {
        struct str message = json_get(choice, STR("message"));
        if (json_is_null(message)) message = json_get(choice, STR("delta"));
        if (judge_message(calls, edits, choice, message, error) != 0) return -1;
    }
    return 0;
}

/* ---- the calls of Messages and of Responses: one a list's item ---- */

static int judge_block(struct llm_calls *calls, struct json_edits *edits, struct str block, size_t *left,
                       struct error *error) {
    struct llm_tool_call call = {0};
    struct buffer text;
    struct str message;
    bool is_allowed;
    if (!llm_call_is_block(block)) return 0;
    if (llm_call_read_block(calls->arena, block, &call, error) != 0) return -1;
    if (judge_read(calls, block, &call, &is_allowed, &message, error) != 0) return -1;
    *left += is_allowed;
    if (is_allowed) return 0;
    buffer_init(&text, ANSWER_BYTES_MAX);
    llm_call_append_block(&text, message);
    json_edit_replace(edits, block, buffer_view(&text));
    if (buffer_failed(&text)) edits->is_failed = true;
    buffer_free(&text);
    return 0;
}

static int judge_item(struct llm_calls *calls, struct json_edits *edits, struct str item, struct error *error) {
    struct llm_tool_call call = {0};
    struct buffer text;
    struct str message;
    bool is_allowed;
    if (!llm_call_is_item(item)) return 0;
    if (llm_call_read_item(calls->arena, item, &call, error) != 0) return -1;
    if (judge_read(calls, item, &call, &is_allowed, &message, error) != 0) return -1;
    if (is_allowed) return 0;
    struct str id = arena_format(calls->arena, "msg_%.*s", STR_ARGS(call.id));
    buffer_init(&text, ANSWER_BYTES_MAX);
    llm_call_append_item(&text, id, message);
    json_edit_replace(edits, item, buffer_view(&text));
    if (buffer_failed(&text) || id.data == NULL) edits->is_failed = true;
    buffer_free(&text);
    return 0;
}

static int judge_list(struct llm_calls *calls, struct json_edits *edits, enum llm_form form, struct str body,
                      struct error *error) {
    struct json_scanner scanner;
    struct str item;
    size_t left = 0;
    bool is_message = form == LLM_FORM_MESSAGE;
    struct str reason = json_get(body, STR("stop_reason"));
    json_scanner_init(&scanner, json_get(body, is_message ? STR("content") : STR("output")));
    while (json_next_object(&scanner, &item)) {
        int result = is_message ? judge_block(calls, edits, item, &left, error) : judge_item(calls, edits, item, error);
        if (result != 0) return -1;
    }
    if (is_message && left == 0 && calls->denied_count > 0 && json_string_is(reason, STR("tool_use"))) {
        json_edit_replace(edits, reason, STR("\"end_turn\""));
    }
    return 0;
}

/* Where the form has its calls first, then wherever else there could be one. */
static int judge_calls(struct llm_answer *answer, enum llm_form form, struct str body, struct buffer *out,
                       bool *is_changed, struct error *error) {
    struct json_edits edits;
    struct json_scanner scanner;
    struct str object;
    int result = 0;
    json_edits_init(&edits, answer->calls.arena);
    json_scanner_init(&scanner, body);
    while (result == 0 && json_next_object(&scanner, &object)) {
        result = form == LLM_FORM_CHAT ? judge_choices(&answer->calls, &edits, object, error)
                                       : judge_list(&answer->calls, &edits, form, object, error);
    }
    *is_changed = answer->calls.denied_count > 0;
    if (result == 0) result = llm_call_judge_strays(&answer->calls, body, true, error);
    return result == 0 && *is_changed ? json_edits_apply(&edits, body, out, error) : result;
}

/* ---- */

static int tell(void *self, uint8_t fact, const struct shape_value *value, struct error *error) {
    return llm_answer_tell(self, fact, value, error);
}

static int mask(const struct llm_answer_options *options, struct str body, struct llm_answer *answer,
                struct buffer *out, bool *is_changed, struct error *error) {
    struct shape_walk walk;
    shape_walk_init(&walk);
    walk.sink = (struct shape_sink){.self = answer, .fact = tell};
    walk.plan = options->plan;
    walk.is_answer = true;
    walk.masked = options->masked;
    walk.revealed = options->revealed;
    int result = shape_mask(&walk, options->operation->answer, body, out, is_changed, error);
    answer->is_unknown_type = walk.is_unknown_type;
    shape_walk_free(&walk);
    return result;
}

int llm_answer_rewrite(const struct llm_answer_options *options, struct str body, struct llm_answer *answer,
                       struct buffer *out, bool *is_changed, struct error *error) {
    struct buffer masked;
    bool is_masked = false, is_judged = false;
    llm_answer_init(answer, options);
    buffer_init(&masked, ANSWER_BYTES_MAX);
    int result = mask(options, body, answer, &masked, &is_masked, error);
    struct str text = is_masked ? buffer_view(&masked) : body;
    bool asks = options->operation->form != LLM_FORM_OTHER;
    if (result == 0 && asks) result = judge_calls(answer, options->operation->form, text, out, &is_judged, error);
    if (result != 0 && asks) llm_call_note_all(&answer->calls, body);
    if (result == 0 && is_masked && !is_judged) buffer_append_str(out, text);
    *is_changed = is_masked || is_judged;
    if (result == 0 && buffer_failed(out)) result = error_out_of_memory(error);
    buffer_free(&masked);
    return result;
}
