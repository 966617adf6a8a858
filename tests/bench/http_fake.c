/* usage: http_fake -p PORT -k KEY [-a ANSWER_BYTES]
 *
 * A model API for the benchmark, on one thread: answers POST /v1/chat/completions at once, with ANSWER_BYTES of JSON, or
 * with PROMPT_DELTAS deltas of 20 ms when the request asks for a stream. It keeps connections alive and refuses what does
 * not carry KEY. An answer repeats the first address of the prompt as it got it, which may be a placeholder; each event
 * of a stream carries the time at which it was sent. Runs until it is killed; says "ready" on standard output. */
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "run/listener.h"
#include "tests/bench/http_message.h"
#include "tests/bench/http_prompt.h"

#define PEER_TIMEOUT_NS (300 * NANOSECONDS_PER_SECOND)
#define ANSWER_BYTES_MIN 700

static struct {
    uint64_t port;
    uint64_t answer_bytes;
    const char *key;
} options = {.answer_bytes = 1024, .key = ""};

static void append_response(struct buffer *out, const char *status, struct str body) {
    buffer_append_format(out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nx-request-id: req_bench\r\n"
                         "Content-Length: %zu\r\n\r\n", status, body.length);
    buffer_append_str(out, body);
}

static void append_refusal(struct buffer *out, const char *status, struct str message) {
    char body[256];
    int length = snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%.*s\",\"type\":\"invalid_request_error\","
                          "\"param\":null,\"code\":null}}", STR_ARGS(message));
    append_response(out, status, str_make(body, (size_t)length));
}

/* The address that the request names first, as it arrived; empty where it names none. */
static struct str find_address(struct str request) {
    size_t at = str_find(request, STR(PROMPT_ADDRESS_SIGN));
    if (at == STR_NOT_FOUND) return STR_NONE;
    struct str rest = str_slice(request, at + strlen(PROMPT_ADDRESS_SIGN), request.length), address;
    return str_split(&rest, ' ', &address) && address.length < PROMPT_ADDRESS_BYTES ? address : STR_NONE;
}

static const char answer_end[] =
    "\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":210,\"completion_tokens\":90,\"total_tokens\":300}}";

/* options.answer_bytes in all. */
static void append_answer(struct buffer *out, struct str request) {
    struct buffer body;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    buffer_append_cstr(&body, "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1700000000,"
                       "\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
                       "\"content\":\"");
    struct str address = find_address(request);
    if (address.length > 0) buffer_append_format(&body, "I will write to %.*s today. ", STR_ARGS(address));
    size_t framed_bytes = buffer_length(&body) + strlen(answer_end);
    prompt_append_prose(&body, options.answer_bytes - framed_bytes, request.length);
    buffer_append_cstr(&body, answer_end);
    append_response(out, "200 OK", buffer_view(&body));
    buffer_free(&body);
}

/* One event as one chunk of the body; delta: the members of that object. */
static int send_event(struct stream *stream, const char *delta, const char *finish) {
    char stamp[HTTP_STAMP_BYTES], event[400];
    http_stamp_write(clock_monotonic_ns(), stamp);
    int length = snprintf(event, sizeof(event), "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","
                          "\"created\":1700000000,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_%s\","
                          "\"choices\":[{\"index\":0,\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s}]}\n\n",
                          stamp, delta, finish);
    buffer_append_format(stream_output(stream), "%x\r\n%s\r\n", (unsigned)length, event);
    return stream_flush(stream, FIBER_NO_DEADLINE, NULL);
}

static int send_deltas(struct stream *stream) {
    uint64_t due_ns = clock_monotonic_ns();
    for (size_t i = 0; i < PROMPT_DELTAS; i++) {
        char delta[100];
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns < due_ns && fiber_sleep(due_ns - now_ns, NULL) != 0) return -1;
        snprintf(delta, sizeof(delta), "\"content\":\"%.*s\"", STR_ARGS(prompt_delta(i)));
        if (send_event(stream, delta, "null") != 0) return -1;
        due_ns += PROMPT_DELTA_INTERVAL_NS;
    }
    return 0;
}

static int send_stream(struct stream *stream) {
    buffer_append_cstr(stream_output(stream), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                       "Cache-Control: no-cache\r\nx-request-id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n");
    if (send_event(stream, "\"role\":\"assistant\",\"content\":\"\"", "null") != 0) return -1;
    if (send_deltas(stream) != 0 || send_event(stream, "", "\"stop\"") != 0) return -1;
    buffer_append_cstr(stream_output(stream), "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    return stream_flush(stream, FIBER_NO_DEADLINE, NULL);
}

static int answer(struct stream *stream, const struct http_head *head, struct str request) {
    struct buffer *out = stream_output(stream);
    bool is_whole = str_starts_with(request, STR("{")) && str_ends_with(request, STR("}"));
    bool is_stream = str_find(request, STR("\"stream\":true")) != STR_NOT_FOUND;
    if (!head->is_chat) {
        append_refusal(out, "404 Not Found", STR("only POST /v1/chat/completions is here"));
    } else if (strcmp(head->credential, options.key) != 0) {
        append_refusal(out, "401 Unauthorized", STR("this is not the provider's key"));
    } else if (!is_whole) {
        append_refusal(out, "400 Bad Request", STR("the body is not a JSON object"));
    } else if (is_stream) {
        return send_stream(stream);
    } else {
        append_answer(out, request);
    }
    return stream_flush(stream, FIBER_NO_DEADLINE, NULL);
}

static void serve(void *argument) {
    struct stream *stream = argument;
    struct http_head head = {0};
    struct buffer request;
    struct error error;
    buffer_init(&request, HTTP_BODY_BYTES_MAX);
    while (!head.closes) {
        uint64_t deadline_ns = clock_monotonic_ns() + PEER_TIMEOUT_NS;
        buffer_clear(&request);
        if (http_head_read(stream, &head, deadline_ns, &error) != 0 ||
            http_body_read_whole(stream, &head, &request, deadline_ns, &error) != 0) {
            if (error.code != ERROR_CLOSED && error.code != ERROR_SYSTEM) fprintf(stderr, "fake: %s\n", error.text);
            break;
        }
        if (answer(stream, &head, buffer_view(&request)) != 0) break;
    }
    buffer_free(&request);
    stream_close(&stream);
}

static void accept_all(void *argument) {
    struct listener *listener = argument;
    char peer[LISTENER_PEER_BYTES];
    int fd;
    while (listener_accept(listener, &fd, peer, NULL) == 0) {
        struct stream *stream = stream_from_fd(fd, NULL);
        if (stream != NULL) fiber_detach(fiber_start(worker_self(), serve, stream, "serve"));
    }
}

static void start(void *argument) {
    fiber_detach(fiber_start(worker_self(), accept_all, argument, "accept"));
}

static void read_options(int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "p:k:a:")) != -1) {
        struct str value = str_from_cstr(optarg);
        int status = 0;
        if (option == 'p') status = str_parse_u64(value, &options.port);
        else if (option == 'a') status = str_parse_u64(value, &options.answer_bytes);
        else if (option == 'k') options.key = optarg;
        else exit(2);
        if (status != 0) exit(2);
    }
    if (options.answer_bytes < ANSWER_BYTES_MIN || options.port > UINT16_MAX) exit(2);
}

int main(int count, char **arguments) {
    struct error error;
    struct runtime *runtime;
    read_options(count, arguments);
    struct listener *listener = listener_open("127.0.0.1", (uint16_t)options.port, LISTENER_BACKLOG, &error);
    if (listener == NULL || runtime_start(&runtime, 1, 1, &error) != 0) {
        fprintf(stderr, "fake: %s\n", error.text);
        return 1;
    }
    CHECK(worker_post(runtime_worker(runtime, 0), start, listener) == 0);
    puts("ready");
    fflush(stdout);
    while (true) pause();
}
