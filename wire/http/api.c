/* The protocol `http`: any HTTP API, whose operations a table names (model/operation.h). JSON and text are looked into in
 * both directions; what cannot be looked into is policy's to let through. */
#include "base/json.h"
#include "model/tags.h"
#include "wire/http/api.h"
#include "wire/http/content.h"
#include "wire/http/route.h"

#define API_ATTRIBUTES_MAX 8

/* Of one exchange. */
struct api_state {
    struct mask_lane *lane; /* of a streamed answer; NULL: it goes on as it is */
};

/* In the others nothing can be put in the place of a value without breaking them, or their values may be in pieces. */
static bool can_be_masked(enum content_kind kind) {
    return kind != CONTENT_OTHER && kind != CONTENT_FORM && kind != CONTENT_EVENTS;
}

/* What becomes of a body is appended to out when it is MASK_CHANGED. */
static enum mask_result mask_whole(const struct mask_plan *plan, enum mask_shape shape, struct str body,
                                   struct buffer *out, struct class_counts *masked, struct class_counts *revealed) {
    enum mask_result result = plan->value(plan, plan->field(plan, STR_NONE), shape, body, out, masked, revealed);
    return result == MASK_DROPPED ? MASK_CHANGED : result;
}

static enum mask_result mask_lines(const struct mask_plan *plan, struct str body, struct buffer *out,
                                   struct class_counts *masked, struct class_counts *revealed) {
    struct str line;
    while (body.length > 0) {
        size_t end = str_find_byte(body, '\n');
        line = str_slice(body, 0, end);
        body = str_slice(body, line.length + 1, body.length);
        enum mask_result result = MASK_UNCHANGED;
        if (str_trim(line).length > 0) result = mask_whole(plan, MASK_JSON, line, out, masked, revealed);
        if (result == MASK_FAILED) return MASK_FAILED;
        if (result == MASK_UNCHANGED) buffer_append_str(out, line);
        if (end != STR_NOT_FOUND) buffer_append_byte(out, '\n');
    }
    return MASK_CHANGED;
}

static enum mask_result mask_body(const struct mask_plan *plan, enum content_kind kind, struct str body,
                                  struct buffer *out, struct class_counts *masked, struct class_counts *revealed) {
    if (kind == CONTENT_LINES) return mask_lines(plan, body, out, masked, revealed);
    return mask_whole(plan, kind == CONTENT_JSON ? MASK_JSON : MASK_TEXT, body, out, masked, revealed);
}

/* ---- The request ----------------------------------------------------------------------------------------------- */

static enum content_kind request_kind(const struct http_exchange *exchange) {
    return content_kind_of_request(&exchange->request, buffer_view(&exchange->body));
}

/* Each line is a document of its own. */
static int inspect_lines(struct http_exchange *exchange, struct class_counts *found) {
    struct str body = buffer_view(&exchange->body), line;
    while (str_split(&body, '\n', &line)) {
        if (exchange->session->gate->inspect(exchange->session, STR_NONE, MASK_JSON, line, found, NULL) != 0) return -1;
    }
    return 0;
}

static int inspect_body(struct http_exchange *exchange, struct action *action) {
    struct str body = buffer_view(&exchange->body);
    struct wire_session *session = exchange->session;
    struct class_counts found = {{0}};
    enum content_kind kind = request_kind(exchange);
    if (body.length == 0) return 0;
    if (!can_be_masked(kind) && kind != CONTENT_FORM) action->has_unscanned = true;
    enum mask_shape shape = kind == CONTENT_JSON ? MASK_JSON : MASK_TEXT;
    int result = kind == CONTENT_LINES ? inspect_lines(exchange, &found)
                                       : session->gate->inspect(session, STR_NONE, shape, body, &found, NULL);
    class_counts_add(&action->request_classes, &found);
    if (!can_be_masked(kind)) action->fixed_classes |= class_counts_set(&found);
    return result;
}

/* A form's values hide behind escapes. */
static int inspect_form(struct http_exchange *exchange, struct action *action, struct attribute_tags *tags) {
    if (request_kind(exchange) != CONTENT_FORM) return 0;
    struct route_parameter *pairs;
    size_t count;
    struct class_counts found = {{0}};
    if (route_query(buffer_view(&exchange->body), &exchange->arena, &pairs, &count, NULL) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        const struct wire_gate *gate = exchange->session->gate;
        if (gate->inspect(exchange->session, STR_NONE, MASK_TEXT, pairs[i].name, &found, NULL) != 0 ||
            gate->inspect(exchange->session, pairs[i].name, MASK_TEXT, pairs[i].value, &found, NULL) != 0 ||
            attribute_tags_add(tags, &action->arena, pairs[i].name, pairs[i].value) != 0) {
            return -1;
        }
    }
    action->fixed_classes |= class_counts_set(&found);
    class_counts_add(&action->request_classes, &found);
    return 0;
}

/* What policy sees of the body: all of a JSON text, the first of many. */
static struct str json_of(const struct http_exchange *exchange) {
    enum content_kind kind = request_kind(exchange);
    struct str json = buffer_view(&exchange->body);
    if (kind == CONTENT_LINES) {
        struct str rest = str_trim(json);
        return str_split(&rest, '\n', &json) ? json : STR_NONE;
    }
    return kind == CONTENT_JSON ? json : STR_NONE;
}

/* Parameters of the path, of the query and of the body, in one name space: a name that comes twice is a doubt. */
static int collect_input(struct http_exchange *exchange, const struct route *route, struct action *action,
                         struct attribute_tags *tags) {
    struct arena *arena = &action->arena;
    struct route_parameter *query;
    size_t query_count;
    for (size_t i = 0; i < route->parameter_count; i++) {
        if (attribute_tags_add(tags, arena, route->parameters[i].name, route->parameters[i].value) != 0) return -1;
    }
    if (route_query(exchange->query, &exchange->arena, &query, &query_count, NULL) != 0) return -1;
    for (size_t i = 0; i < query_count; i++) {
        if (attribute_tags_add(tags, arena, query[i].name, query[i].value) != 0) return -1;
    }
    struct str json = json_of(exchange);
    if (json.length > 0 && attribute_tags_from_json(tags, arena, json) != 0) return -1;
    return inspect_form(exchange, action, tags);
}

static const struct resource *endpoint(const struct http_exchange *exchange, const struct route *route,
                                       struct arena *arena) {
    struct str path = route->operation != NULL ? route->operation->path_template : exchange->path;
    struct str name = arena_format(arena, "%.*s %.*s", STR_ARGS(exchange->request.method), STR_ARGS(path));
    return name.data != NULL ? http_resource(exchange->session->target, arena, STR("Endpoint"), name) : NULL;
}

static int add_step(struct http_exchange *exchange, const struct route *route, const struct attribute_tags *tags,
                    struct action *action, struct error *error) {
    struct arena *arena = &action->arena;
    struct attribute *attributes = ARENA_NEW_ARRAY(arena, struct attribute, API_ATTRIBUTES_MAX);
    struct action_step *step = ARENA_NEW(arena, struct action_step);
    const struct resource *resource = endpoint(exchange, route, arena);
    if (attributes == NULL || step == NULL || resource == NULL) return error_out_of_memory(error);
    size_t count = 0;
    attributes[count++] = (struct attribute){.id = ATTRIBUTE_METHOD, .string = exchange->request.method};
    attributes[count++] = (struct attribute){.id = ATTRIBUTE_INPUT, .tags = {tags->items, tags->count}};
    attributes[count++] = (struct attribute){.id = ATTRIBUTE_INPUT_NUMBERS, .tags = {tags->items, tags->count}};
    *step = (struct action_step){
        .verb = route->operation != NULL ? route->operation->verb : STR(OPERATION_UNKNOWN_VERB),
        .resource = resource,
        .attributes = attributes,
        .attribute_count = count,
    };
    action->steps = step;
    action->step_count = 1;
    return 0;
}

int http_api_describe(struct http_exchange *exchange, const struct operation_table *operations, struct action *action,
                      struct error *error) {
    struct route route;
    struct attribute_tags tags = {.count = 0};
    route_find(operations, exchange->request.method, exchange->path, &exchange->arena, &route);
    if (exchange->problem.status == 0 && collect_input(exchange, &route, action, &tags) != 0) {
        http_refuse_request(exchange, action, REFUSAL_UNREADABLE,
                            STR("the parameters of the request cannot be read without doubt: its JSON, form or query is "
                                "malformed, too large or says a thing twice"));
    }
    if (exchange->problem.status == 0 && inspect_body(exchange, action) != 0) {
        http_refuse_request(exchange, action, REFUSAL_UNINSPECTED,
                            STR("the body could not be inspected for personal data and secrets"));
    }
    return add_step(exchange, &route, &tags, action, error);
}

static int describe(struct http_exchange *exchange, struct action *action, struct error *error) {
    return http_api_describe(exchange, exchange->session->target->operations, action, error);
}

enum mask_result http_api_mask_request(struct http_exchange *exchange, struct buffer *out, struct error *error) {
    const struct mask_plan *plan = exchange->plans->request;
    struct outcome *outcome = &exchange->action->outcome;
    enum content_kind kind = request_kind(exchange);
    if (!can_be_masked(kind) || plan->reveals_all) return MASK_UNCHANGED;
    enum mask_result result;
    struct class_counts masked_before = outcome->request_masked, revealed_before = outcome->request_revealed;
    size_t before = buffer_length(out);
    int again;
    if (plan->begin != NULL) plan->begin(plan);
    do {
        buffer_truncate(out, before);
        outcome->request_masked = masked_before;
        outcome->request_revealed = revealed_before;
        result = mask_body(plan, kind, buffer_view(&exchange->body), out, &outcome->request_masked,
                           &outcome->request_revealed);
        again = result != MASK_FAILED && plan->settle != NULL ? plan->settle(plan) : 0;
    } while (again > 0);
    if (again < 0) result = MASK_FAILED;
    if (result == MASK_FAILED) (void)error_set(error, ERROR_INVALID, "it could not be inspected to its end");
    return result;
}

/* ---- The answer ------------------------------------------------------------------------------------------------ */

enum answer_mode http_api_begin_answer(struct http_exchange *exchange) {
    enum content_kind kind = content_kind_of(&exchange->answer);
    const struct mask_plan *plan = exchange->plans->answer;
    if (!plan->reveals_all && kind == CONTENT_EVENTS) return ANSWER_WITHHELD;
    if (!plan->reveals_all && (kind == CONTENT_JSON || kind == CONTENT_LINES || !can_be_masked(kind))) return ANSWER_WHOLE;
    struct api_state *state = ARENA_NEW(&exchange->arena, struct api_state);
    if (state == NULL) return ANSWER_WHOLE;
    *state = (struct api_state){.lane = plan->reveals_all ? NULL : plan->lane_new(plan, plan->field(plan, STR_NONE))};
    if (!plan->reveals_all && state->lane == NULL) return ANSWER_WHOLE;
    exchange->dialect_state = state;
    return ANSWER_STREAMED;
}

int http_api_finish_answer(struct http_exchange *exchange, struct str body, struct error *error) {
    const struct mask_plan *plan = exchange->plans->answer;
    struct outcome *outcome = &exchange->action->outcome;
    enum content_kind kind = content_kind_of(&exchange->answer);
    if (body.length == 0) return 0;
    if (!plan->reveals_all && kind == CONTENT_EVENTS) return error_set(error, ERROR_INVALID, HTTP_EVENTS_WITHHELD);
    if (!plan->reveals_all && !can_be_masked(kind)) {
        return error_set(error, ERROR_INVALID, "its content type cannot be looked into: policy has to reveal every class "
                                               "to let it pass");
    }
    enum mask_result result = MASK_UNCHANGED;
    if (!plan->reveals_all) {
        result = mask_body(plan, kind, body, &exchange->out, &outcome->masked, &outcome->revealed);
    }
    if (result == MASK_UNCHANGED) buffer_append_str(&exchange->out, body);
    return result == MASK_FAILED ? error_set(error, ERROR_INVALID, "it could not be inspected to its end") : 0;
}

int http_api_feed_answer(struct http_exchange *exchange, struct str piece, bool is_last, struct error *error) {
    struct api_state *state = exchange->dialect_state;
    struct outcome *outcome = &exchange->action->outcome;
    if (state->lane == NULL) {
        buffer_append_str(&exchange->out, piece);
        return 0;
    }
    if (exchange->plans->answer->lane_feed(state->lane, piece, is_last, &exchange->out, &outcome->masked,
                                           &outcome->revealed) == 0) {
        return 0;
    }
    return error_set(error, ERROR_INVALID, "the answer could not be inspected to its end");
}

void http_api_nothing(struct http_exchange *exchange) { (void)exchange; }

/* A text has no words of its own for its breaking off: the connection says it. */
void http_api_break_stream(struct http_exchange *exchange, struct str message) {
    (void)exchange;
    (void)message;
}

/* RFC 9457. */
static struct str write_error(unsigned status, struct str message, struct str action_id, struct buffer *out) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    if (action_id.length > 0) json_member_string(&writer, STR("action"), action_id);
    json_member_string(&writer, STR("detail"), message);
    json_member_integer(&writer, STR("status"), status);
    json_member_string(&writer, STR("title"), STR("sworn did not let this through"));
    json_end_object(&writer);
    return STR("application/problem+json");
}

void http_api_close(struct http_exchange *exchange) {
    struct api_state *state = exchange->dialect_state;
    if (state->lane != NULL) exchange->plans->answer->lane_free(&state->lane);
    exchange->dialect_state = NULL;
}

static const struct http_dialect http_dialect = {
    .credential = HTTP_CREDENTIAL_BEARER,
    .describe = describe,
    .mask_request = http_api_mask_request,
    .begin_answer = http_api_begin_answer,
    .finish_answer = http_api_finish_answer,
    .feed_answer = http_api_feed_answer,
    .end_stream = http_api_nothing,
    .break_stream = http_api_break_stream,
    .ping = http_api_nothing,
    .write_error = write_error,
    .close = http_api_close,
};

HTTP_PROTOCOL(http, "http", http_dialect);
