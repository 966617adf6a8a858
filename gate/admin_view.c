/* Views and texts, through the plan of whoever reads. */
#include "gate/admin_view.h"

#include <jansson.h>

#include "base/clock.h"
#include "guard/policy.h"
#include "guard/view.h"

#define SHOWN_BYTES_MAX ((size_t)16 << 20)

struct reveal_question {
    const struct admin_reader *reader;
    struct str upstream_id;
    class_set reveal;
    int result;
    struct error *error;
};

/* Policies may nest deeper than what a fiber's stack has left. */
static void ask_reveal(void *argument) {
    struct reveal_question *question = argument;
    const struct admin_reader *reader = question->reader;
    struct policy_facts facts = {.now_us = clock_real_us(), .source = question->upstream_id};
    struct policy_session *policy =
        policy_session_new(reader->snapshot->bundle, reader->principal, STR_NONE, question->error);
    question->result = policy == NULL ? -1
                                      : policy_reveal(policy, &reader->worker->scratch, &facts, question->upstream_id,
                                                      POLICY_SINK_PRINCIPAL, NULL, 0, &question->reveal, question->error);
    policy_session_free(&policy);
}

const struct mask_plan *admin_reader_plan(const struct admin_reader *reader, struct str upstream_id, struct error *error) {
    struct reveal_question question = {.reader = reader, .upstream_id = upstream_id, .error = error};
    if (reader->principal != NULL) fiber_call_on_worker_stack(ask_reveal, &question);
    if (question.result != 0) return NULL;
    const struct mask_plan *plan =
        mask_plan_new(reader->arena, reader->worker->masks, reader->snapshot->config->masking, question.reveal);
    if (plan == NULL) (void)error_out_of_memory(error);
    return plan;
}

struct str admin_reader_text(const struct admin_reader *reader, const struct mask_plan *plan, struct str field,
                             struct str text) {
    struct class_counts masked = {{0}}, revealed = {{0}};
    struct buffer out;
    struct str shown = text;
    if (plan->reveals_all || text.length == 0) return text;
    buffer_init(&out, SHOWN_BYTES_MAX);
    enum mask_result result = plan->value(plan, plan->field(plan, field), MASK_TEXT, text, &out, &masked, &revealed);
    if (result == MASK_CHANGED) shown = arena_copy(reader->arena, buffer_view(&out));
    if (result == MASK_DROPPED) shown = STR("(masked)");
    if (result == MASK_FAILED || shown.data == NULL) shown = STR("(not shown: it could not be inspected)");
    buffer_free(&out);
    return shown;
}

/* Replaces a member by what the reader may see of it. */
static bool mask_member(const struct admin_reader *reader, const struct mask_plan *plan, json_t *object, const char *name,
                        struct str field) {
    const json_t *member = json_object_get(object, name);
    if (!json_is_string(member)) return false;
    struct str text = str_make(json_string_value(member), json_string_length(member));
    struct str shown = admin_reader_text(reader, plan, field, text);
    if (shown.data == text.data) return false;
    CHECK(json_object_set_new(object, name, json_stringn_nocheck(shown.data, shown.length)) == 0);
    return true;
}

static bool mask_view(const struct admin_reader *reader, const struct mask_plan *plan, json_t *view) {
    size_t index;
    json_t *detail;
    bool is_masked = mask_member(reader, plan, view, "text", STR_NONE);
    json_array_foreach(json_object_get(view, "details"), index, detail) {
        const json_t *field = json_object_get(detail, "field");
        struct str name = json_is_string(field) ? str_make(json_string_value(field), json_string_length(field)) : STR_NONE;
        is_masked |= mask_member(reader, plan, detail, "value", name);
    }
    return is_masked;
}

int admin_write_view(const struct admin_reader *reader, const struct approval_view *view, struct json_writer *writer,
                     struct error *error) {
    char text[2 * SHA256_BYTES];
    struct buffer hex = {.data = text, .capacity = sizeof(text), .cap_bytes = sizeof(text)};
    const struct mask_plan *plan = admin_reader_plan(reader, view->upstream_id, error);
    if (plan == NULL) return -1;
    json_t *shown = json_loadb(view->json.data, view->json.length, JSON_ALLOW_NUL, NULL);
    if (shown == NULL) return error_out_of_memory(error);
    bool is_masked = mask_view(reader, plan, shown);
    char *dumped = json_dumps(shown, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(shown);
    if (dumped == NULL) return error_out_of_memory(error);
    hex_append(&hex, str_make(view->digest.bytes, SHA256_BYTES));
    json_member_string(writer, STR("id"), str_slice(buffer_view(&hex), 0, VIEW_ID_DIGITS));
    json_member_bool(writer, STR("masked"), is_masked);
    json_key(writer, STR("view"));
    json_write_raw(writer, str_from_cstr(dumped));
    free(dumped);
    return 0;
}
