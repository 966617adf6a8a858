/* The answer on its way to the client: whole, or piece by piece. Its end is written by http_finish, once the outcome is
 * on its way into the evidence. */
#include "wire/http/api.h"
#include "wire/http1/write.h"

static const struct http_limits limits = HTTP_LIMITS_DEFAULT;

static uint64_t answer_deadline(void) { return clock_monotonic_ns() + HTTP_ANSWER_TIMEOUT_NS; }

/* ---- The head -------------------------------------------------------------------------------------------------- */

/* An answer of ours stands in for one that cannot be had or let through. */
static int fail(struct http_exchange *exchange, unsigned status, enum outcome_status outcome, const char *what,
                const struct error *why, struct error *error) {
    if (why->code == ERROR_CANCELLED) {
        *error = *why;
        return -1;
    }
    struct str message = arena_format(&exchange->arena, "%s: %s", what, why->text);
    exchange->problem = (struct http_problem){
        .status = status, .message = message.length > 0 ? message : STR("the answer cannot be relayed")};
    exchange->action->outcome.status = outcome;
    return 0;
}

/* It is there, and cannot be let through. SDKs must not try again what would only be paid for again. */
static int withhold(struct http_exchange *exchange, enum refusal withheld_as, const struct error *why,
                    struct error *error) {
    struct outcome *outcome = &exchange->action->outcome;
    unsigned status = exchange->dialect->withheld_status;
    if (outcome->withheld_as == REFUSAL_NONE) outcome->withheld_as = withheld_as;
    if (fail(exchange, status != 0 ? status : 502, OUTCOME_ERROR, "the answer was withheld", why, error) != 0) return -1;
    struct str message = arena_format(&exchange->arena, "%.*s. Do not try again: it was paid for, and the same request "
                                      "would be answered the same. Change it, or ask for a policy that lets it through",
                                      STR_ARGS(exchange->problem.message));
    exchange->problem.is_final = true;
    if (message.length > 0) exchange->problem.message = message;
    return 0;
}

static void note_status(struct http_exchange *exchange) {
    struct outcome *outcome = &exchange->action->outcome;
    outcome->status = exchange->answer.status >= 400 ? OUTCOME_ERROR : OUTCOME_OK;
    snprintf(outcome->code, sizeof(outcome->code), "%u", exchange->answer.status);
}

static int open_decoder(struct http_exchange *exchange, struct error *error) {
    enum http_encoding encoding;
    if (http_encoding_of(&exchange->answer, &encoding, error) != 0) return -1;
    if (encoding == HTTP_ENCODING_IDENTITY) return 0;
    struct http_decoder_limits decoder_limits = {UINT64_MAX, HTTP_DECODER_RATIO_MAX};
    exchange->decoder = http_decoder_new(encoding, decoder_limits, error);
    return exchange->decoder != NULL ? 0 : -1;
}

/* P. 0: the head is there and its body can be read. */
static int read_head(struct http_exchange *exchange, struct error *error) {
    struct stream *stream = exchange->upstream->stream;
    int got = http_head_read_answer(stream, &limits, answer_deadline(), &exchange->arena, &exchange->answer, error);
    if (got == 0) return error_set(error, ERROR_PROTOCOL, "it closed the connection without a word");
    if (got < 0) return -1;
    if (http_framing_of_answer(&exchange->answer, exchange->request.method, &exchange->answer_framing, error) != 0 ||
        open_decoder(exchange, error) != 0) {
        return -1;
    }
    note_status(exchange);
    return http_body_open(&exchange->answer_reader, stream, &exchange->answer_framing, UINT64_MAX, &limits,
                          &exchange->arena, error);
}

/* Fields that say how the body comes are ours to write. */
static bool field_is_relayed(const struct http_head *head, struct str name) {
    static const struct str own[] = {{"content-length", 14}, {"content-encoding", 16}, {"content-md5", 11},
                                     {"digest", 6},          {"content-digest", 14},   {"repr-digest", 11},
                                     {"accept-ranges", 13},  {"sworn-receipt", 13}};
    for (size_t i = 0; i < LENGTH_OF(own); i++) {
        if (str_equal_ignoring_case(name, own[i])) return false;
    }
    return !http_field_is_hop_by_hop(head, name);
}

void http_write_own_fields(struct http_exchange *exchange, struct buffer *out) {
    buffer_append_cstr(out, "Sworn-Receipt: ");
    buffer_append_cstr(out, exchange->action->id);
    buffer_append_cstr(out, "\r\n");
    if (!exchange->framing.keeps_alive || exchange->is_body_left) buffer_append_cstr(out, "Connection: close\r\n");
}

static int write_head(struct http_exchange *exchange, struct buffer *out, struct error *error) {
    const struct http_head *head = &exchange->answer;
    struct outcome *outcome = &exchange->action->outcome;
    if (http_write_status_line(out, head->status, STR_NONE, error) != 0) return -1;
    for (size_t i = 0; i < head->field_count; i++) {
        if (field_is_relayed(head, head->fields[i].name) &&
            http_write_masked_field(exchange->plans->answer, &head->fields[i], out, &outcome->masked,
                                    &outcome->revealed, error) != 0) {
            return -1;
        }
    }
    http_write_own_fields(exchange, out);
    exchange->is_begun = true;
    return 0;
}

/* ---- The body -------------------------------------------------------------------------------------------------- */

/* P. The next piece without its content coding, in answer_body: 1; 0: the end; -1. */
static int read_piece(struct http_exchange *exchange, struct buffer *raw, struct error *error) {
    struct buffer *body = &exchange->answer_body;
    buffer_clear(raw);
    int got = http_body_read(&exchange->answer_reader, answer_deadline(), raw, error);
    if (exchange->decoder == NULL) {
        buffer_append_str(body, buffer_view(raw));
    } else {
        struct str input = buffer_view(raw);
        int more = got;
        while (more > 0) more = http_decoder_decode(exchange->decoder, &input, body, error);
        if (got >= 0 && more < 0) return -1;
        if (got == 0 && http_decoder_finish(exchange->decoder, error) != 0) return -1;
    }
    if (buffer_failed(body)) return error_set(error, ERROR_LIMIT, "it is larger than `max_message` of the upstream allows");
    return got;
}

static bool is_reusable(const struct http_exchange *exchange) {
    return exchange->answer_framing.keeps_alive && exchange->answer_reader.is_at_end;
}

static int relay_whole(struct http_exchange *exchange, struct error *error) {
    struct error why = {0};
    struct buffer raw;
    buffer_init(&raw, HTTP_BODY_PIECE_BYTES_MAX);
    int got;
    while ((got = read_piece(exchange, &raw, &why)) == 1) {}
    buffer_free(&raw);
    http_leave_upstream(exchange, is_reusable(exchange));
    if (got < 0) return fail(exchange, 502, OUTCOME_INTERRUPTED, "the upstream's answer cannot be read", &why, error);
    if (exchange->dialect->finish_answer(exchange, buffer_view(&exchange->answer_body), &why) != 0) {
        return withhold(exchange, REFUSAL_UNINSPECTED, &why, error);
    }
    if (buffer_failed(&exchange->out)) {
        (void)error_set(&why, ERROR_LIMIT, "it is too large once it is masked");
        return withhold(exchange, REFUSAL_TOO_LARGE, &why, error);
    }
    exchange->action->outcome.bytes = buffer_length(&exchange->out);
    buffer_free(&exchange->answer_body);
    return 0;
}

int http_emit(struct http_exchange *exchange, struct error *error) {
    if (buffer_failed(&exchange->out)) return error_out_of_memory(error);
    struct str piece = buffer_view(&exchange->out);
    exchange->action->outcome.bytes += piece.length;
    http_write_chunk(stream_output(exchange->session->client), piece);
    buffer_clear(&exchange->out);
    return wire_flush_client(exchange->session, error);
}

static int begin_stream(struct http_exchange *exchange, struct error *error) {
    struct buffer *out = stream_output(exchange->session->client);
    if (write_head(exchange, out, error) != 0) return -1;
    http_write_transfer_encoding_chunked(out);
    http_write_head_end(out);
    bool has_more = stream_buffered(exchange->upstream->stream).length > 0;
    return has_more ? 0 : wire_flush_client(exchange->session, error);
}

/* P. Each piece goes on as far as the dialect lets it. */
static int relay_pieces(struct http_exchange *exchange, struct error *why) {
    struct buffer raw;
    buffer_init(&raw, HTTP_BODY_PIECE_BYTES_MAX);
    int got = 1;
    while (got == 1) {
        buffer_clear(&exchange->answer_body);
        got = read_piece(exchange, &raw, why);
        if (got >= 0 &&
            exchange->dialect->feed_answer(exchange, buffer_view(&exchange->answer_body), got == 0, why) != 0) {
            got = -1;
        }
        if (got == 1 && buffer_length(&exchange->out) > 0 && http_emit(exchange, why) != 0) got = -1;
    }
    buffer_free(&raw);
    return got;
}

/* The client has the beginning: it is told in the stream's own words where there are any, else the connection ends short
 * of the last chunk. */
static int break_off(struct http_exchange *exchange, const struct error *why) {
    struct outcome *outcome = &exchange->action->outcome;
    bool is_cut_off = why->code == ERROR_PROTOCOL || why->code == ERROR_CLOSED || why->code == ERROR_SYSTEM ||
                      why->code == ERROR_TIMEOUT;
    outcome->status = is_cut_off ? OUTCOME_INTERRUPTED : OUTCOME_ERROR;
    buffer_clear(&exchange->out);
    exchange->dialect->break_stream(exchange, str_from_cstr(why->text));
    if (!is_cut_off && outcome->withheld_as == REFUSAL_NONE) outcome->withheld_as = REFUSAL_UNINSPECTED;
    exchange->is_broken = true;
    return 0;
}

static int relay_stream(struct http_exchange *exchange, struct error *error) {
    struct error why = {0};
    if (begin_stream(exchange, error) != 0) return -1;
    int got = relay_pieces(exchange, &why);
    http_leave_upstream(exchange, got == 0 && is_reusable(exchange));
    if (got == 0) return 0;
    if (why.code != ERROR_CANCELLED && !stream_has_closed(exchange->session->client)) return break_off(exchange, &why);
    *error = why;
    return -1;
}

static int withhold_events(struct http_exchange *exchange, struct error *error) {
    struct error why = {0};
    http_leave_upstream(exchange, false);
    (void)error_set(&why, ERROR_INVALID, HTTP_EVENTS_WITHHELD);
    return withhold(exchange, REFUSAL_UNINSPECTED, &why, error);
}

int http_relay(struct http_exchange *exchange, struct error *error) {
    struct error why = {0};
    if (read_head(exchange, &why) != 0) {
        http_leave_upstream(exchange, false);
        unsigned status = why.code == ERROR_TIMEOUT ? 504 : 502;
        return fail(exchange, status, OUTCOME_INTERRUPTED, "the upstream did not answer", &why, error);
    }
    exchange->mode = exchange->dialect->begin_answer(exchange);
    if (exchange->answer_framing.kind == HTTP_FRAMING_NONE) exchange->mode = ANSWER_WHOLE; /* to HEAD, 204 and 304 */
    if (exchange->mode == ANSWER_WITHHELD) return withhold_events(exchange, error);
    return exchange->mode == ANSWER_WHOLE ? relay_whole(exchange, error) : relay_stream(exchange, error);
}

/* ---- The end --------------------------------------------------------------------------------------------------- */

static int finish_whole(struct http_exchange *exchange, struct error *error) {
    struct buffer *out = stream_output(exchange->session->client);
    unsigned status = exchange->answer.status;
    bool has_body = status != 204 && status != 304 && !str_equal(exchange->request.method, STR("HEAD"));
    if (!exchange->is_begun && write_head(exchange, out, error) != 0) return -1;
    if (has_body) http_write_content_length(out, buffer_length(&exchange->out));
    http_write_head_end(out);
    if (has_body) buffer_append_str(out, buffer_view(&exchange->out));
    return buffer_failed(out) ? error_out_of_memory(error) : 0;
}

static int finish_stream(struct http_exchange *exchange, struct error *error) {
    struct buffer *out = stream_output(exchange->session->client);
    if (!exchange->is_broken) exchange->dialect->end_stream(exchange);
    exchange->action->outcome.bytes += buffer_length(&exchange->out);
    bool is_told = buffer_length(&exchange->out) > 0;
    http_write_chunk(out, buffer_view(&exchange->out));
    if (exchange->is_broken && !is_told) return 0;
    exchange->is_broken = false; /* the client was told, and sees where it ends: the connection is good */
    return http_write_last_chunk(out, NULL, 0, error);
}

int http_finish(struct http_exchange *exchange, struct error *error) {
    if (exchange->problem.status != 0) return 0; /* it was written whole, with its evidence before it */
    return exchange->mode == ANSWER_WHOLE ? finish_whole(exchange, error) : finish_stream(exchange, error);
}
