/* usage: http_load -p PORT -k KEY -c CONNECTIONS -b BODY_BYTES [-t SECONDS] [-n REQUESTS] [-r RATE] [-s] [-i] [-P]
 *                  [-H FIELD]...
 *
 * Chat requests over keep-alive connections to 127.0.0.1, from one thread:
 *
 *     without more   closed loop: each connection sends its next request when it has its answer
 *     -r RATE        open loop: RATE requests a second by a clock, whichever connection is free takes the next one. A
 *                    latency counts from the time at which the request was due, not from when a connection was free for
 *                    it, so that a server which stalls does not hide what it kept waiting
 *     -s             streams, as a closed loop; what was begun is read to its end
 *     -i             one request on each connection, one after the other; says "idle"; keeps them until standard input
 *                    ends, and counts those that are still open then
 *     -P             without personal data
 *     -n REQUESTS    stops after about so many, if the time is not over before
 *
 * The first WARM_UP of the time is not measured. An answer is right when it is a 200, complete, ends as JSON does, and
 * repeats the address that its prompt named; a stream, when all its text came and [DONE]. Everything else is an error,
 * and with one the exit status is 1. Prints one line of JSON; times are in microseconds. */
#include <getopt.h>
#include <semaphore.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/json.h"
#include "run/sync.h"
#include "tests/bench/http_message.h"
#include "tests/bench/http_prompt.h"
#include "tests/bench/http_samples.h"

#define CONNECTIONS_MAX 4096
#define PROMPTS 64
#define FIELDS_MAX 8
#define ERRORS_MAX 20
#define WARM_UP(seconds) ((seconds) * NANOSECONDS_PER_SECOND / 8)
#define ANSWER_TIMEOUT_NS (30 * NANOSECONDS_PER_SECOND)
#define IDLE_TIMEOUT_NS (120 * NANOSECONDS_PER_SECOND)

static struct {
    uint64_t port, connections, body_bytes, seconds, rate, requests;
    const char *key;
    const char *fields[FIELDS_MAX];
    size_t field_count;
    bool is_stream, is_idle, is_plain;
} options = {.connections = 1, .body_bytes = 1024, .seconds = 5, .requests = UINT64_MAX, .key = ""};

static struct prompt {
    struct buffer body;
    char address[PROMPT_ADDRESS_BYTES];
} prompts[PROMPTS];

static struct {
    uint64_t start_ns, measure_ns, end_ns;
    uint64_t requests, measured, errors, unserved, open;
    struct error first_error;
    struct samples latency, first_event, first_text, event_delay, text_delay;
} run;

/* The open loop's clock: slots that are due and not taken yet. */
static struct {
    uint64_t due, taken;
    bool is_over;
    struct condition is_due;
} pace;

struct connection {
    struct stream *stream;
    uint64_t next_prompt;
    uint64_t delay_ns; /* streams begin one after the other, so that their events do not all come at once */
};

static sem_t is_done;

/* One stream as it comes in. Text counts as here when all bytes of its delta are, in whichever event they came. */
struct reading {
    uint64_t started_ns, now_ns;
    uint64_t sent_ns[PROMPT_DELTAS + 2]; /* by event: the role, the deltas, the end */
    size_t events, text_bytes, delta, delta_end_bytes;
    bool has_ended;
};

static struct str find_after(struct str text, struct str sign, size_t length) {
    size_t at = str_find(text, sign);
    return at == STR_NOT_FOUND ? STR_NONE : str_slice(text, at + sign.length, at + sign.length + length);
}

static void note_text(struct reading *reading, bool is_measured) {
    if (reading->text_bytes > 0 && reading->delta == 0 && is_measured) {
        samples_add(&run.first_text, reading->now_ns - reading->started_ns);
    }
    while (reading->delta < PROMPT_DELTAS && reading->delta + 1 < reading->events) {
        size_t end_bytes = reading->delta_end_bytes + prompt_delta(reading->delta).length;
        if (reading->text_bytes < end_bytes) break;
        if (is_measured) samples_add(&run.text_delay, reading->now_ns - reading->sent_ns[reading->delta + 1]);
        reading->delta_end_bytes = end_bytes;
        reading->delta++;
    }
}

static int read_event(struct reading *reading, struct str event, bool is_measured, struct error *error) {
    if (str_equal(event, STR("data: [DONE]"))) {
        reading->has_ended = true;
        return 0;
    }
    if (!str_starts_with(event, STR("data: {"))) return 0; /* a ping or a comment */
    struct str stamp = find_after(event, STR("\"system_fingerprint\":\"fp_"), HTTP_STAMP_LETTERS), text;
    struct str content = find_after(event, STR("\"content\":\""), event.length);
    if (reading->events < LENGTH_OF(reading->sent_ns) && stamp.length > 0) {
        uint64_t *sent_ns = &reading->sent_ns[reading->events];
        if (http_stamp_parse(stamp, sent_ns) != 0) return error_set(error, ERROR_PROTOCOL, "an event's stamp is altered");
        if (reading->events++ == 0 && is_measured) samples_add(&run.first_event, reading->now_ns - reading->started_ns);
        if (is_measured) samples_add(&run.event_delay, reading->now_ns - *sent_ns);
    }
    if (str_split(&content, '"', &text)) reading->text_bytes += text.length;
    note_text(reading, is_measured);
    return 0;
}

static int read_events(struct reading *reading, struct buffer *buffer, bool is_measured, struct error *error) {
    size_t end;
    reading->now_ns = clock_monotonic_ns();
    while ((end = str_find(buffer_view(buffer), STR("\n\n"))) != STR_NOT_FOUND) {
        if (read_event(reading, str_slice(buffer_view(buffer), 0, end), is_measured, error) != 0) return -1;
        buffer_consume(buffer, end + 2);
    }
    return 0;
}

static int read_stream(struct connection *connection, const struct http_head *head, uint64_t started_ns,
                       uint64_t deadline_ns, struct error *error) {
    struct reading reading = {.started_ns = started_ns};
    struct http_body body;
    struct buffer buffer;
    int status = 0;
    buffer_init(&buffer, HTTP_BODY_BYTES_MAX);
    http_body_begin(&body, head);
    while (status == 0 && !body.is_complete) {
        status = http_body_read(connection->stream, &body, &buffer, deadline_ns, error);
        if (status == 0) status = read_events(&reading, &buffer, started_ns >= run.measure_ns, error);
    }
    buffer_free(&buffer);
    if (status == 0 && (!reading.has_ended || reading.delta != PROMPT_DELTAS)) {
        return error_set(error, ERROR_PROTOCOL, "a stream ended with %zu of %d deltas", reading.delta, PROMPT_DELTAS);
    }
    return status;
}

static int check_answer(struct str body, const struct prompt *prompt, const struct http_head *head,
                        struct error *error) {
    if (head->status != 200) {
        return error_set(error, ERROR_PROTOCOL, "status %u: %.*s", head->status, STR_ARGS(str_slice(body, 0, 300)));
    }
    if (!str_ends_with(body, STR("}"))) return error_set(error, ERROR_PROTOCOL, "an answer that is not whole");
    if (!options.is_plain && str_find(body, str_from_cstr(prompt->address)) == STR_NOT_FOUND) {
        return error_set(error, ERROR_PROTOCOL, "an answer that does not repeat %s", prompt->address);
    }
    return 0;
}

static int read_answer(struct connection *connection, const struct prompt *prompt, uint64_t started_ns,
                       struct error *error) {
    struct http_head head;
    uint64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;
    if (http_head_read(connection->stream, &head, deadline_ns, error) != 0) return -1;
    if (options.is_stream && head.status == 200) {
        return read_stream(connection, &head, started_ns, deadline_ns, error);
    }
    struct buffer body;
    buffer_init(&body, HTTP_BODY_BYTES_MAX);
    int status = http_body_read_whole(connection->stream, &head, &body, deadline_ns, error);
    if (status == 0) status = check_answer(buffer_view(&body), prompt, &head, error);
    buffer_free(&body);
    if (status == 0 && head.closes) stream_close(&connection->stream);
    return status;
}

static int send_request(struct connection *connection, const struct prompt *prompt, struct error *error) {
    struct buffer *out = stream_output(connection->stream);
    buffer_append_format(out, "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nAuthorization: Bearer %s\r\n"
                         "Content-Type: application/json\r\nAccept: application/json\r\n"
                         "User-Agent: OpenAI/Python 1.0\r\n", (unsigned)options.port, options.key);
    for (size_t i = 0; i < options.field_count; i++) buffer_append_format(out, "%s\r\n", options.fields[i]);
    struct str body = buffer_view(&prompt->body);
    buffer_append_format(out, "Content-Length: %zu\r\n\r\n", body.length);
    buffer_append_str(out, body);
    return stream_flush(connection->stream, clock_monotonic_ns() + ANSWER_TIMEOUT_NS, error);
}

static int connect_stream(struct connection *connection, struct error *error) {
    if (connection->stream != NULL) return 0;
    uint64_t deadline_ns = clock_monotonic_ns() + ANSWER_TIMEOUT_NS;
    connection->stream = stream_connect("127.0.0.1", (uint16_t)options.port, deadline_ns, error);
    return connection->stream != NULL ? 0 : -1;
}

static void note_error(const struct error *error) {
    if (run.errors++ == 0) run.first_error = *error;
}

static void exchange(struct connection *connection, uint64_t started_ns) {
    const struct prompt *prompt = &prompts[connection->next_prompt++ % PROMPTS];
    struct error error;
    if (connect_stream(connection, &error) != 0 || send_request(connection, prompt, &error) != 0 ||
        read_answer(connection, prompt, started_ns, &error) != 0) {
        note_error(&error);
        stream_close(&connection->stream);
        return;
    }
    uint64_t now_ns = clock_monotonic_ns();
    run.requests++;
    if (now_ns >= run.measure_ns && now_ns < run.end_ns) run.measured++;
    if (started_ns >= run.measure_ns) samples_add(&run.latency, now_ns - started_ns);
}

/* False when there is nothing more to send. */
static bool take_turn(uint64_t *started_ns) {
    *started_ns = clock_monotonic_ns();
    if (run.errors > ERRORS_MAX || run.requests >= options.requests) return false;
    if (options.rate == 0) return *started_ns < run.end_ns;
    while (pace.taken == pace.due && !pace.is_over) {
        if (condition_wait(&pace.is_due, FIBER_NO_DEADLINE, NULL) != 0) return false;
    }
    if (pace.is_over) return false;
    *started_ns = run.start_ns + ++pace.taken * NANOSECONDS_PER_SECOND / options.rate;
    return true;
}

static void run_connection(void *argument) {
    struct connection *connection = argument;
    struct error error;
    uint64_t started_ns;
    if (connect_stream(connection, &error) != 0) note_error(&error); /* before the clock of the first request runs */
    if (options.is_stream && fiber_sleep(connection->delay_ns, NULL) != 0) return;
    while (take_turn(&started_ns)) exchange(connection, started_ns);
    stream_close(&connection->stream);
}

static void keep_pace(void *argument) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct watch watch;
    long interval_ns = (long)(NANOSECONDS_PER_SECOND / options.rate);
    struct itimerspec times = {
        .it_interval = {0, interval_ns},
        .it_value = {(time_t)(run.start_ns / NANOSECONDS_PER_SECOND), (long)(run.start_ns % NANOSECONDS_PER_SECOND)}};
    CHECK(fd >= 0 && worker_watch(worker_self(), fd, &watch, NULL) == 0);
    CHECK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &times, NULL) == 0);
    while (clock_monotonic_ns() < run.end_ns) {
        uint64_t count = 0;
        CHECK(watch_wait_readable(&watch, FIBER_NO_DEADLINE, NULL) == 0);
        if (read(fd, &count, sizeof(count)) != sizeof(count)) count = 0;
        watch_set_drained(&watch);
        uint64_t elapsed_ns = clock_monotonic_ns() - run.start_ns;
        pace.due = elapsed_ns * options.rate / NANOSECONDS_PER_SECOND;
        for (uint64_t i = 0; i < count; i++) condition_wake_one(&pace.is_due);
    }
    pace.is_over = true;
    condition_wake_all(&pace.is_due);
    worker_unwatch(&watch);
    close(fd);
    (void)argument;
}

/* What was due and never sent has waited until now at least. */
static void count_unserved(void) {
    for (; pace.taken < pace.due; run.unserved++) {
        uint64_t due_ns = run.start_ns + ++pace.taken * NANOSECONDS_PER_SECOND / options.rate;
        if (due_ns >= run.measure_ns) samples_add(&run.latency, run.end_ns - due_ns);
    }
}

static void run_load(struct connection *connections) {
    static struct fiber *fibers[CONNECTIONS_MAX];
    struct fiber *pacer = NULL;
    if (options.rate > 0) pacer = fiber_start(worker_self(), keep_pace, NULL, "pace");
    for (size_t i = 0; i < options.connections; i++) {
        fibers[i] = fiber_start(worker_self(), run_connection, &connections[i], "connection");
    }
    for (size_t i = 0; i < options.connections; i++) fiber_join(fibers[i]);
    fiber_join(pacer);
    count_unserved();
}

static void run_idle(struct connection *connections) {
    struct watch input;
    for (size_t i = 0; i < options.connections; i++) exchange(&connections[i], clock_monotonic_ns());
    puts("idle");
    fflush(stdout);
    CHECK(worker_watch(worker_self(), STDIN_FILENO, &input, NULL) == 0);
    if (watch_wait_readable(&input, clock_monotonic_ns() + IDLE_TIMEOUT_NS, NULL) != 0) run.errors++;
    worker_unwatch(&input);
    for (size_t i = 0; i < options.connections; i++) {
        struct stream *stream = connections[i].stream;
        if (stream != NULL && !stream_has_closed(stream)) run.open++;
        stream_close(&connections[i].stream);
    }
}

static void run_all(void *argument) {
    static struct connection connections[CONNECTIONS_MAX];
    for (size_t i = 0; i < options.connections; i++) {
        connections[i].next_prompt = i * 7;
        connections[i].delay_ns = i * PROMPT_DELTA_INTERVAL_NS / options.connections;
    }
    run.start_ns = clock_monotonic_ns();
    run.measure_ns = run.start_ns + (options.is_idle ? 0 : WARM_UP(options.seconds));
    run.end_ns = run.start_ns + options.seconds * NANOSECONDS_PER_SECOND;
    if (options.is_idle) run_idle(connections);
    else run_load(connections);
    sem_post(&is_done);
    (void)argument;
}

static void start(void *argument) {
    fiber_detach(fiber_start(worker_self(), run_all, argument, "load"));
}

static void print_samples(const char *name, struct samples *samples) {
    samples_sort(samples);
    printf(",\"%s\":{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f}", name, samples->count,
           (double)samples_percentile(samples, 50) / 1000, (double)samples_percentile(samples, 99) / 1000,
           (double)samples_percentile(samples, 100) / 1000);
    free(samples->values);
}

static void print_results(void) {
    struct buffer text;
    buffer_init(&text, 4096);
    json_append_quoted(&text, str_from_cstr(run.errors > 0 ? run.first_error.text : ""));
    printf("{\"requests\":%lu,\"per_second\":%.1f,\"errors\":%lu,\"first_error\":%.*s,\"unserved\":%lu,\"open\":%lu",
           (unsigned long)run.requests,
           (double)run.measured * (double)NANOSECONDS_PER_SECOND / (double)(run.end_ns - run.measure_ns),
           (unsigned long)run.errors, STR_ARGS(buffer_view(&text)), (unsigned long)run.unserved,
           (unsigned long)run.open);
    print_samples("latency", &run.latency);
    print_samples("first_event", &run.first_event);
    print_samples("first_text", &run.first_text);
    print_samples("event_delay", &run.event_delay);
    print_samples("text_delay", &run.text_delay);
    puts("}");
    buffer_free(&text);
}

static void make_prompts(void) {
    for (uint64_t i = 0; i < PROMPTS; i++) {
        struct prompt_options wanted = {.body_bytes = options.body_bytes, .seed = i, .is_stream = options.is_stream,
                                        .has_personal = !options.is_plain};
        buffer_init(&prompts[i].body, HTTP_BODY_BYTES_MAX);
        prompt_append(&prompts[i].body, &wanted);
        prompt_address(i, prompts[i].address);
    }
}

static void set_number(uint64_t *number, uint64_t least, uint64_t most) {
    if (str_parse_u64(str_from_cstr(optarg), number) == 0 && *number >= least && *number <= most) return;
    fprintf(stderr, "load: %s is not a number from %lu to %lu\n", optarg, (unsigned long)least, (unsigned long)most);
    exit(2);
}

static void read_options(int count, char **arguments) {
    int option;
    while ((option = getopt(count, arguments, "p:k:c:b:t:n:r:H:siP")) != -1) {
        switch (option) {
        case 'p': set_number(&options.port, 1, UINT16_MAX); break;
        case 'c': set_number(&options.connections, 1, CONNECTIONS_MAX); break;
        case 'b': set_number(&options.body_bytes, PROMPT_BYTES_MIN, STREAM_OUTPUT_CAP_BYTES / 2); break;
        case 't': set_number(&options.seconds, 1, 600); break;
        case 'r': set_number(&options.rate, 2, 1000000); break;
        case 'n': set_number(&options.requests, 1, UINT64_MAX); break;
        case 'k': options.key = optarg; break;
        case 's': options.is_stream = true; break;
        case 'i': options.is_idle = true; break;
        case 'P': options.is_plain = true; break;
        case 'H':
            if (options.field_count == FIELDS_MAX) exit(2);
            options.fields[options.field_count++] = optarg;
            break;
        default: exit(2);
        }
    }
}

int main(int count, char **arguments) {
    struct runtime *runtime;
    read_options(count, arguments);
    make_prompts();
    CHECK(sem_init(&is_done, 0, 0) == 0 && runtime_start(&runtime, 1, 1, NULL) == 0);
    CHECK(worker_post(runtime_worker(runtime, 0), start, NULL) == 0);
    while (sem_wait(&is_done) != 0) {
    }
    runtime_free(&runtime);
    print_results();
    for (size_t i = 0; i < PROMPTS; i++) buffer_free(&prompts[i].body);
    return run.errors > 0 ? 1 : 0;
}
