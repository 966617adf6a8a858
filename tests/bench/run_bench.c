/* What the runtime costs: a switch between fibers, and a relay with two fibers a session.
 *
 * The relay stands between clients and an echo server, which both live in a child process; it is given to one
 * worker, and what is reported is that worker's alone. */
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/fiber_switch.h"
#include "run/listener.h"
#include "run/stream.h"

#define SWITCHES 5000000
#define MESSAGE_BYTES 64
#define CLIENTS_MAX 64

static sem_t is_done;

static uint64_t thread_cpu_ns(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static struct fiber *start(void (*function)(void *argument), void *argument) {
    struct fiber *fiber = fiber_start(worker_self(), function, argument, "bench");
    CHECK(fiber != NULL);
    return fiber;
}

/* Bare switches, without a scheduler. */
static struct fiber_context outside, inside;

static void switch_back(void *argument) {
    (void)argument;
    while (true) fiber_context_switch(&inside, &outside);
}

static void bench_context_switch(void) {
    char *stack = malloc(65536);
    CHECK(stack != NULL);
    fiber_context_init_thread(&outside);
    fiber_context_init(&inside, stack, 65536, switch_back, NULL);
    uint64_t start_ns = thread_cpu_ns();
    for (int i = 0; i < SWITCHES; i++) fiber_context_switch(&outside, &inside);
    printf("bare switch in and out           %6.1f ns\n", (double)(thread_cpu_ns() - start_ns) / SWITCHES);
    fiber_context_free(&inside);
    free(stack);
}

struct ping {
    struct fiber *partner;
    int turns;
};

static void play_ping(void *argument) {
    struct ping *ping = argument;
    for (int i = 0; i < ping->turns; i++) {
        fiber_wake(ping->partner);
        CHECK(fiber_park(FIBER_NO_DEADLINE, NULL) == 0);
    }
    fiber_wake(ping->partner);
}

static void bench_park(void *argument) {
    struct ping players[2] = {{.turns = SWITCHES / 2}, {.turns = SWITCHES / 2}};
    struct fiber *first = start(play_ping, &players[0]), *second = start(play_ping, &players[1]);
    players[0].partner = second;
    players[1].partner = first;
    uint64_t start_ns = thread_cpu_ns();
    fiber_join(first);
    fiber_join(second);
    printf("wake, park, switch out and in    %6.1f ns\n", (double)(thread_cpu_ns() - start_ns) / SWITCHES);
    (void)argument;
}

static void do_nothing(void *argument) {
    (void)argument;
}

static void bench_start(void *argument) {
    const int count = SWITCHES / 20;
    uint64_t start_ns = thread_cpu_ns();
    for (int i = 0; i < count; i++) fiber_join(start(do_nothing, NULL));
    printf("start and join of a fiber        %6.1f ns\n", (double)(thread_cpu_ns() - start_ns) / count);
    (void)argument;
}

/* The relay. */
struct load {
    int clients;
    int round_trips; /* each */
};

struct relay {
    struct listener *listener;
    uint16_t echo_port;
    struct load load;
    struct stream *client[CLIENTS_MAX];
    struct stream *upstream[CLIENTS_MAX];
};

static struct relay relay;
static struct listener *echo_listener;

static void copy(struct stream *from, struct stream *to) {
    while (stream_fill(from, 1, FIBER_NO_DEADLINE, NULL) == 0) {
        struct str got = stream_buffered(from);
        buffer_append_str(stream_output(to), got);
        stream_consume(from, got.length);
        if (stream_flush(to, FIBER_NO_DEADLINE, NULL) < 0) break;
    }
    stream_shutdown(to);
}

static void ask(void *argument) {
    size_t index = (size_t)argument;
    copy(relay.client[index], relay.upstream[index]);
}

static void answer(void *argument) {
    size_t index = (size_t)argument;
    copy(relay.upstream[index], relay.client[index]);
}

static void report_relay(uint64_t cpu_ns, uint64_t elapsed_ns, uint64_t polls) {
    uint64_t reads = 0, writes = 0;
    for (int i = 0; i < relay.load.clients; i++) {
        const struct stream_counters *client = stream_counters(relay.client[i]);
        const struct stream_counters *upstream = stream_counters(relay.upstream[i]);
        reads += client->read_calls + upstream->read_calls;
        writes += client->write_calls + upstream->write_calls;
    }
    double trips = (double)relay.load.clients * relay.load.round_trips;
    printf("relay, %2d clients: a round trip  %6.2f us CPU, %.2f reads, %.2f writes, %.2f epoll_waits, %.0f a second\n",
           relay.load.clients, (double)cpu_ns / trips / 1000, (double)reads / trips, (double)writes / trips,
           (double)polls / trips, trips * (double)NANOSECONDS_PER_SECOND / (double)elapsed_ns);
}

static void bench_relay(void *argument) {
    struct fiber *fibers[2 * CLIENTS_MAX];
    char peer[LISTENER_PEER_BYTES];
    int fd;
    for (size_t i = 0; i < (size_t)relay.load.clients; i++) {
        CHECK(listener_accept(relay.listener, &fd, peer, NULL) == 0);
        relay.client[i] = stream_from_fd(fd, NULL);
        relay.upstream[i] = stream_connect("127.0.0.1", relay.echo_port, FIBER_NO_DEADLINE, NULL);
        CHECK(relay.client[i] != NULL && relay.upstream[i] != NULL);
        fibers[2 * i] = start(ask, (void *)i);
        fibers[2 * i + 1] = start(answer, (void *)i);
    }
    listener_close(&relay.listener);
    uint64_t start_ns = clock_monotonic_ns(), start_cpu_ns = thread_cpu_ns();
    uint64_t start_polls = worker_poll_count(worker_self());
    for (int i = 0; i < 2 * relay.load.clients; i++) fiber_join(fibers[i]);
    report_relay(thread_cpu_ns() - start_cpu_ns, clock_monotonic_ns() - start_ns,
                 worker_poll_count(worker_self()) - start_polls);
    for (int i = 0; i < relay.load.clients; i++) {
        stream_close(&relay.client[i]);
        stream_close(&relay.upstream[i]);
    }
    (void)argument;
}

/* The other process. */
static void echo(void *argument) {
    struct stream *stream = argument;
    copy(stream, stream);
    stream_close(&stream);
}

static void accept_echoes(void *argument) {
    char peer[LISTENER_PEER_BYTES];
    int fd;
    while (listener_accept(echo_listener, &fd, peer, NULL) == 0) fiber_detach(start(echo, stream_from_fd(fd, NULL)));
    (void)argument;
}

static void be_client(void *argument) {
    static const char message[MESSAGE_BYTES] = "x";
    const struct load *load = argument;
    struct stream *stream = stream_connect("127.0.0.1", listener_port(relay.listener), FIBER_NO_DEADLINE, NULL);
    CHECK(stream != NULL);
    for (int i = 0; i < load->round_trips; i++) {
        buffer_append(stream_output(stream), message, sizeof(message));
        CHECK(stream_flush(stream, FIBER_NO_DEADLINE, NULL) == 0);
        CHECK(stream_fill(stream, sizeof(message), FIBER_NO_DEADLINE, NULL) == 0);
        stream_consume(stream, sizeof(message));
    }
    stream_close(&stream);
}

static void run_clients(void *argument) {
    struct fiber *echoes = start(accept_echoes, NULL);
    struct fiber *clients[CLIENTS_MAX];
    for (int i = 0; i < relay.load.clients; i++) clients[i] = start(be_client, &relay.load);
    for (int i = 0; i < relay.load.clients; i++) fiber_join(clients[i]);
    while (worker_fiber_count(worker_self()) > 2) CHECK(fiber_sleep(NANOSECONDS_PER_MILLISECOND, NULL) == 0);
    fiber_cancel(echoes);
    fiber_join(echoes);
    (void)argument;
}

static void run_and_tell(void *argument) {
    void (**function)(void *argument) = argument;
    (*function)(NULL);
    sem_post(&is_done);
}

static void start_main(void *argument) {
    fiber_detach(start(run_and_tell, argument));
}

static void run_in_fiber(void (*function)(void *argument)) {
    struct runtime *runtime;
    CHECK(sem_init(&is_done, 0, 0) == 0);
    CHECK(runtime_start(&runtime, 1, 1, NULL) == 0);
    CHECK(worker_post(runtime_worker(runtime, 0), start_main, &function) == 0);
    while (sem_wait(&is_done) != 0) {
    }
    runtime_free(&runtime);
}

static void bench_load(struct load load) {
    relay.load = load;
    relay.listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, NULL);
    echo_listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, NULL);
    CHECK(relay.listener != NULL && echo_listener != NULL);
    relay.echo_port = listener_port(echo_listener);
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0);
    run_in_fiber(child == 0 ? run_clients : bench_relay);
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    listener_close(&echo_listener);
}

int main(void) {
    static const struct load loads[] = {{1, 20000}, {8, 5000}, {64, 1000}};
    bench_context_switch();
    run_in_fiber(bench_park);
    run_in_fiber(bench_start);
    for (size_t i = 0; i < LENGTH_OF(loads); i++) bench_load(loads[i]);
    return 0;
}
