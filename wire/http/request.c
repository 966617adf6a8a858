/* From the bytes of a request to an action that the gate can decide on. */
#include <inttypes.h>

#include "wire/http/dialect.h"
#include "wire/http/route.h"
#include "wire/http1/target.h"
#include "wire/http1/write.h"

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

/* ---- The head -------------------------------------------------------------------------------------------------- */

/* P. Most requests follow at once: only who stays idle is worth the system call. */
static int await_request(struct wire_session *session, struct error *error) {
    uint64_t now_ns = clock_monotonic_ns();
    if (stream_fill(session->client, 1, now_ns + HTTP_REST_NS, error) == 0) return 0;
    if (error->code != ERROR_TIMEOUT) return -1;
    fiber_trim_stack();
    return stream_fill(session->client, 1, now_ns + HTTP_IDLE_TIMEOUT_NS, error);
}

int http_read_head(struct wire_session *session, struct error *error) {
    struct http_state *state = http_state(session);
    struct error idle;
    if (await_request(session, &idle) != 0) {
        if (idle.code == ERROR_TIMEOUT || idle.code == ERROR_CLOSED) return 0;
        *error = idle;
        return -1;
    }
    struct http_exchange *exchange = state->pending = http_exchange_new(session, error);
    if (exchange == NULL) return -1;
    int got = http_head_read_request(session->client, &limits, clock_monotonic_ns() + HTTP_HEAD_TIMEOUT_NS,
                                     &exchange->arena, &exchange->request, error);
    state->fault_status = exchange->request.fault_status;
    if (got == 1 && http_framing_of_request(&exchange->request, &exchange->framing, error) != 0) {
        state->fault_status = exchange->framing.fault_status;
        got = -1;
    }
    if (got == 1) http_target_split(exchange->request.target, &exchange->path, &exchange->query);
    else http_exchange_free(&state->pending);
    return got;
}

/* "Bearer x" and GitHub's "token x". */
static struct str authorization_credential(struct str value) {
    static const struct str schemes[] = {{"bearer ", 7}, {"token ", 6}};
    for (size_t i = 0; i < LENGTH_OF(schemes); i++) {
        struct str scheme = str_slice(value, 0, schemes[i].length);
        if (str_equal_ignoring_case(scheme, schemes[i])) return str_trim(str_slice(value, scheme.length, value.length));
    }
    return STR_NONE;
}

/* As OpenAI's, Anthropic's, Azure's and Google's clients send it. Two that differ would be two callers: neither is
 * believed. */
struct str http_request_credential(const struct http_head *head) {
    static const struct str fields[] = {{"authorization", 13}, {"x-api-key", 9}, {"api-key", 7}, {"x-goog-api-key", 14}};
    struct str found = STR_NONE;
    for (size_t i = 0; i < LENGTH_OF(fields); i++) {
        struct str value = http_head_find(head, fields[i]);
        if (http_head_count(head, fields[i]) > 1) return STR_NONE;
        if (i == 0) value = authorization_credential(value);
        if (value.length == 0) continue;
        if (found.length > 0 && !str_equal(found, value)) return STR_NONE;
        found = value;
    }
    return found;
}

/* ---- The body -------------------------------------------------------------------------------------------------- */

static int send_continue(struct wire_session *session, struct error *error) {
    struct buffer *out = stream_output(session->client);
    if (http_write_status_line(out, 100, STR_NONE, error) != 0) return -1;
    http_write_head_end(out);
    return stream_flush(session->client, clock_monotonic_ns() + HTTP_HEAD_TIMEOUT_NS, error);
}

static int read_pieces(struct http_exchange *exchange, struct http_body *body, struct error *error) {
    struct wire_session *session = exchange->session;
    uint64_t deadline_ns = clock_monotonic_ns() + HTTP_BODY_TIMEOUT_NS;
    if (exchange->framing.expects_continue && stream_buffered(session->client).length == 0 &&
        send_continue(session, error) != 0) {
        return -1;
    }
    int got;
    while ((got = http_body_read(body, deadline_ns, &exchange->body, error)) == 1) {}
    return got;
}

/* P. 0; 1: too large, which is a denial; -1: the connection is over. */
static int read_body(struct http_exchange *exchange, struct error *error) {
    struct http_body body = {0};
    int result = http_body_open(&body, exchange->session->client, &exchange->framing, exchange->body.cap_bytes, &limits,
                                &exchange->arena, error);
    if (result == 0) result = read_pieces(exchange, &body, error);
    if (result != 0 && body.fault_status == 413) result = 1;
    if (result != 0) exchange->is_body_left = true;
    http_state(exchange->session)->fault_status = result < 0 ? body.fault_status : 0;
    http_body_close(&body);
    return result;
}

static int decode_all(struct http_decoder *decoder, struct str input, struct buffer *out, struct error *error) {
    int more;
    while ((more = http_decoder_decode(decoder, &input, out, error)) == 1) {}
    return more == 0 ? http_decoder_finish(decoder, error) : -1;
}

/* The body without its content coding. */
static int decode_body(struct http_exchange *exchange, struct error *error) {
    enum http_encoding encoding;
    if (http_encoding_of(&exchange->request, &encoding, error) != 0) return -1;
    if (encoding == HTTP_ENCODING_IDENTITY) return 0;
    struct http_decoder_limits decoder_limits = {exchange->body.cap_bytes, HTTP_DECODER_RATIO_MAX};
    struct http_decoder *decoder = http_decoder_new(encoding, decoder_limits, error);
    if (decoder == NULL) return -1;
    struct buffer plain;
    buffer_init(&plain, exchange->body.cap_bytes);
    int result = decode_all(decoder, buffer_view(&exchange->body), &plain, error);
    http_decoder_free(&decoder);
    struct buffer encoded = exchange->body;
    exchange->body = plain;
    buffer_free(&encoded);
    return result;
}

/* ---- The action ------------------------------------------------------------------------------------------------ */

void http_refuse_request(struct http_exchange *exchange, struct action *action, enum refusal refused_as,
                         struct str message) {
    static const unsigned statuses[REFUSAL_COUNT] = {
        [REFUSAL_UNSUPPORTED] = 415, [REFUSAL_TOO_LARGE] = 413,    [REFUSAL_UNREADABLE] = 400,
        [REFUSAL_UNINSPECTED] = 400, [REFUSAL_UNKNOWN_TYPE] = 400,
    };
    unsigned status = statuses[refused_as];
    if (exchange->problem.status != 0) return;
    action_refuse(action, refused_as, message);
    exchange->problem = (struct http_problem){.status = status, .message = arena_copy(&exchange->arena, action->refusal)};
}

/* The request as it came, but for the credential: what is approved is what is sent. */
static int set_text(struct http_exchange *exchange, struct action *action, struct error *error) {
    const struct http_head *head = &exchange->request;
    struct buffer *text = &exchange->text;
    buffer_append_str(text, head->method);
    buffer_append_byte(text, ' ');
    buffer_append_str(text, head->target);
    if (buffer_length(&exchange->body) > 0) buffer_append_cstr(text, "\n\n");
    buffer_append_str(text, buffer_view(&exchange->body));
    if (buffer_failed(text)) return error_out_of_memory(error);
    action->text = buffer_view(text);
    return 0;
}

/* Everything that reaches the upstream, each part ended by NUL, which none of them but the body can hold. */
static struct sha256 digest_of(const struct http_exchange *exchange) {
    const struct http_head *head = &exchange->request;
    struct buffer fields;
    buffer_init(&fields, 2 * limits.head_bytes_max);
    for (size_t i = 0; i < head->field_count; i++) {
        if (!http_field_is_forwarded(head, head->fields[i].name)) continue;
        buffer_append_str(&fields, head->fields[i].name);
        buffer_append_byte(&fields, ':');
        buffer_append_str(&fields, head->fields[i].value);
        buffer_append_byte(&fields, '\n');
    }
    const struct str end = {"", 1};
    const struct wire_upstream *target = exchange->session->target;
    struct str parts[] = {target->environment, end, target->name, end, head->method, end, head->target, end,
                          buffer_view(&fields), end, buffer_view(&exchange->body)};
    struct sha256 digest = sha256_of_parts(parts, LENGTH_OF(parts));
    buffer_free(&fields);
    return digest;
}

/* What the client says of itself, where it can be written down: short, printable, and nobody's data. */
static void add_assertions(struct http_exchange *exchange, struct action *action) {
    static const struct str names[] = {{"traceparent", 11}, {"sworn-agent", 11}, {"sworn-session", 13}};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct str value = http_head_find(&exchange->request, names[i]);
        struct class_counts found = {{0}};
        if (value.length == 0 || value.length > ACTION_ASSERTION_BYTES_MAX) continue;
        if (exchange->session->gate->inspect(exchange->session, names[i], MASK_TEXT, value, &found, NULL) != 0 ||
            class_counts_set(&found) != 0) {
            continue;
        }
        struct assertion *assertion = &action->assertions[action->assertion_count++];
        *assertion = (struct assertion){names[i], arena_copy(&action->arena, value)};
    }
}

static void take_most(struct class_counts *most, const struct class_counts *found) {
    for (int i = 0; i < CLASS_MAX; i++) {
        if (found->count[i] > most->count[i]) most->count[i] = found->count[i];
    }
}

/* A text that can be read in several ways: what is found in any of them counts. */
static int inspect_way(struct http_exchange *exchange, struct str name, struct str text, struct class_counts *most) {
    struct class_counts found = {{0}};
    if (exchange->session->gate->inspect(exchange->session, name, MASK_TEXT, text, &found, NULL) != 0) return -1;
    take_most(most, &found);
    return 0;
}

/* What cannot be replaced without asking for something else. */
static void add_fixed(struct action *action, const struct class_counts *found) {
    action->fixed_classes |= class_counts_set(found);
    class_counts_add(&action->request_classes, found);
}

/* A '+' of the query is itself to some servers and a blank to others. */
static int inspect_whole_target(struct http_exchange *exchange, struct class_counts *most) {
    struct str target;
    struct buffer blanks;
    if (http_percent_decode(exchange->request.target, &exchange->arena, &target, NULL) != 0 ||
        inspect_way(exchange, STR_NONE, target, most) != 0) {
        return -1;
    }
    if (str_find_byte(exchange->query, '+') == STR_NOT_FOUND) return 0;
    buffer_init(&blanks, limits.target_bytes_max);
    for (size_t i = 0; i < target.length; i++) buffer_append_byte(&blanks, target.data[i] == '+' ? ' ' : target.data[i]);
    int result = buffer_failed(&blanks) ? -1 : inspect_way(exchange, STR_NONE, buffer_view(&blanks), most);
    buffer_free(&blanks);
    return result;
}

/* By itself: in "/v1/models/4111..." the number would be part of a word. */
static int inspect_segments(struct http_exchange *exchange, struct class_counts *found) {
    struct str path = exchange->path, segment, decoded;
    while (str_split(&path, '/', &segment)) {
        struct class_counts most = {{0}};
        if (http_percent_decode(segment, &exchange->arena, &decoded, NULL) != 0 ||
            inspect_way(exchange, STR_NONE, decoded, &most) != 0) {
            return -1;
        }
        class_counts_add(found, &most);
    }
    return 0;
}

/* By itself, too: a name such as `id` speaks against a card number. */
static int inspect_parameters(struct http_exchange *exchange, struct class_counts *found) {
    struct route_parameter *parameters;
    size_t count;
    if (route_query(exchange->query, &exchange->arena, &parameters, &count, NULL) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        struct class_counts most = {{0}};
        if (inspect_way(exchange, STR_NONE, parameters[i].value, &most) != 0 ||
            inspect_way(exchange, parameters[i].name, parameters[i].value, &most) != 0) {
            return -1;
        }
        class_counts_add(found, &most);
    }
    return 0;
}

static int inspect_target(struct http_exchange *exchange, struct action *action) {
    struct class_counts whole = {{0}}, parts = {{0}};
    if (inspect_whole_target(exchange, &whole) != 0 || inspect_segments(exchange, &parts) != 0 ||
        inspect_parameters(exchange, &parts) != 0) {
        return -1;
    }
    take_most(&parts, &whole);
    add_fixed(action, &parts);
    return 0;
}

/* Their names too can hold a number, and are sent as they are. */
static int inspect_fields(struct http_exchange *exchange, struct action *action) {
    const struct http_head *head = &exchange->request;
    struct buffer names;
    buffer_init(&names, limits.head_bytes_max);
    buffer_append_str(&names, head->method);
    struct class_counts fixed = {{0}};
    int result = 0;
    for (size_t i = 0; i < head->field_count && result == 0; i++) {
        const struct http_field *field = &head->fields[i];
        if (!http_field_is_forwarded(head, field->name)) continue;
        buffer_append_byte(&names, '\n');
        buffer_append_str(&names, field->name);
        result = exchange->session->gate->inspect(exchange->session, field->name, MASK_TEXT, field->value,
                                                  &action->request_classes, NULL);
    }
    if (buffer_failed(&names)) result = -1;
    if (result == 0) result = inspect_way(exchange, STR_NONE, buffer_view(&names), &fixed);
    add_fixed(action, &fixed);
    buffer_free(&names);
    return result;
}

static int describe_action(struct http_exchange *exchange, struct action *action, struct error *error) {
    action->protocol = exchange->session->protocol->name;
    action->started_ns = clock_monotonic_ns();
    if (set_text(exchange, action, error) != 0) return -1;
    action->digest = digest_of(exchange);
    add_assertions(exchange, action);
    if (inspect_target(exchange, action) != 0 || inspect_fields(exchange, action) != 0) {
        http_refuse_request(exchange, action, REFUSAL_UNINSPECTED,
                            STR("the request could not be inspected for personal data and secrets"));
    }
    return exchange->dialect->describe(exchange, action, error);
}

int http_describe(struct http_exchange *exchange, struct action **out, struct error *error) {
    struct wire_session *session = exchange->session;
    struct error fault = {0};
    int body = read_body(exchange, &fault);
    if (body < 0) {
        *error = fault;
        return -1;
    }
    struct action *action = action_new(session->id, session->action_count + 1);
    if (action == NULL) return error_out_of_memory(error);
    if (body == 1) http_refuse_request(exchange, action, REFUSAL_TOO_LARGE, str_from_cstr(fault.text));
    else if (decode_body(exchange, &fault) != 0) {
        http_refuse_request(exchange, action, REFUSAL_UNSUPPORTED, str_from_cstr(fault.text));
    }
    if (exchange->problem.status != 0) buffer_clear(&exchange->body); /* nobody has looked into it */
    if (describe_action(exchange, action, error) != 0) {
        action_free(&action);
        return -1;
    }
    session->action_count++;
    *out = action;
    return 0;
}
