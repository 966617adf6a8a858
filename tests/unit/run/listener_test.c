/* Listeners: addresses of peers, Unix paths, options of what is accepted, running out of descriptors. */
#include "run/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "run/stream.h"
#include "tests/unit/run/harness.h"

static int option_of(int fd, int level, int option) {
    int value = 0;
    socklen_t length = sizeof(value);
    CHECK(getsockopt(fd, level, option, &value, &length) == 0);
    return value;
}

static void test_tcp(void *argument) {
    static const struct {
        const char *listen_host, *connect_host, *peer_prefix;
    } rows[] = {{"127.0.0.1", "127.0.0.1", "127.0.0.1:"}, {"*", "127.0.0.1", "127.0.0.1:"}, {"::1", "::1", "[::1]:"}};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        char peer[LISTENER_PEER_BYTES];
        int fd = -1;
        struct error error;
        struct listener *listener = listener_open(rows[i].listen_host, 0, LISTENER_BACKLOG, &error);
        if (listener == NULL && i == 2) {
            tap_skip("IPv6", "this machine has none");
            continue;
        }
        CHECK(listener != NULL && listener_port(listener) != 0);
        struct stream *client =
            stream_connect(rows[i].connect_host, listener_port(listener), deadline_in_ms(10000), &error);
        CHECK(client != NULL);
        is_integer(listener_accept(listener, &fd, peer, &error), 0, "a connection is accepted");
        ok(str_starts_with(str_from_cstr(peer), str_from_cstr(rows[i].peer_prefix)), peer);
        ok(option_of(fd, IPPROTO_TCP, TCP_NODELAY) != 0 && option_of(fd, SOL_SOCKET, SO_KEEPALIVE) != 0,
           "without delay, with keepalive");
        ok((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0,
           "non-blocking, close-on-exec");
        close(fd);
        stream_close(&client);
        listener_close(&listener);
    }
    (void)argument;
}

static void test_unix(void *argument) {
    char directory[] = "/tmp/sworn-listener-test-XXXXXX", path[64], peer[LISTENER_PEER_BYTES], wanted[64];
    int fd = -1;
    struct error error;
    struct stat status;
    CHECK(mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/socket", directory);
    snprintf(wanted, sizeof(wanted), "unix:uid=%u", (unsigned int)getuid());
    struct listener *listener = listener_open(path, 0, LISTENER_BACKLOG, &error);
    CHECK(listener != NULL);
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "a Unix socket is its owner's only");
    struct stream *client = stream_connect(path, 0, deadline_in_ms(10000), &error);
    CHECK(client != NULL && listener_accept(listener, &fd, peer, &error) == 0);
    is_str(str_from_cstr(peer), str_from_cstr(wanted), "its peer is a user");
    struct listener *second = listener_open(path, 0, LISTENER_BACKLOG, &error);
    ok(second == NULL && error.code == ERROR_UNAVAILABLE, "a path that is in use is not taken");
    close(fd);
    stream_close(&client);
    listener_close(&listener);
    ok(stat(path, &status) < 0, "the path is removed");

    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un {
        sa_family_t family;
        char path[108];
    } address = {.family = AF_UNIX};
    memcpy(address.path, path, strlen(path));
    CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    close(fd);
    listener = listener_open(path, 0, LISTENER_BACKLOG, &error);
    ok(listener != NULL, "a stale path is replaced");
    listener_close(&listener);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ok(fd >= 0 && listener_open(path, 0, LISTENER_BACKLOG, &error) == NULL, "a file that is no socket is not touched");
    close(fd);
    unlink(path);
    rmdir(directory);
    (void)argument;
}

static void test_errors(void *argument) {
    struct error error;
    struct listener *listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, &error);
    CHECK(listener != NULL);
    ok(listener_open("127.0.0.1", listener_port(listener), LISTENER_BACKLOG, &error) == NULL,
       "a port that is in use is an error");
    is_integer(error.code, ERROR_SYSTEM, "as ERROR_SYSTEM");
    ok(listener_open("192.0.2.1", 0, LISTENER_BACKLOG, &error) == NULL, "an address that is not ours is an error");
    listener_close(&listener);
    listener_close(&listener);
    (void)argument;
}

static void accept_one(void *argument) {
    char peer[LISTENER_PEER_BYTES];
    int fd = -1;
    struct error error = {0};
    if (listener_accept(argument, &fd, peer, &error) == 0) close(fd);
    is_integer(error.code, ERROR_CANCELLED, "waiting for a connection can be cancelled");
}

static void test_cancel(void *argument) {
    struct listener *listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, NULL);
    struct fiber *fiber = start_fiber(accept_one, listener);
    fiber_yield();
    fiber_cancel(fiber);
    fiber_join(fiber);
    listener_close(&listener);
    (void)argument;
}

struct starving {
    struct listener *listener;
    bool was_accepted;
};

static void accept_late(void *argument) {
    struct starving *starving = argument;
    char peer[LISTENER_PEER_BYTES];
    int fd = -1;
    if (listener_accept(starving->listener, &fd, peer, NULL) < 0) return;
    starving->was_accepted = true;
    close(fd);
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static void test_descriptors(void *argument) {
    struct rlimit limit;
    struct error error;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct starving starving = {.listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, NULL)};
    struct stream *client =
        stream_connect("127.0.0.1", listener_port(starving.listener), deadline_in_ms(10000), &error);
    CHECK(client != NULL);
    struct rlimit none_left = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none_left) == 0);
    struct fiber *fiber = start_fiber(accept_late, &starving);
    uint64_t start_ns = cpu_ns();
    CHECK(fiber_sleep(MILLISECONDS(250), NULL) == 0);
    ok(!starving.was_accepted, "nothing is accepted without a descriptor");
    ok(cpu_ns() - start_ns < MILLISECONDS(100), "and no time is burnt");
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    fiber_join(fiber);
    ok(starving.was_accepted, "with one, the connection that waited is accepted");
    stream_close(&client);
    listener_close(&starving.listener);
    (void)argument;
}

/* One worker accepts and hands connections round to all, clients included: each is served on one worker only. */
#define CONNECTIONS 60
#define WORKERS 3

struct handed {
    int fd;
};

static void serve(void *argument) {
    struct handed *handed = argument;
    struct stream *stream = stream_from_fd(handed->fd, NULL);
    free(handed);
    CHECK(stream != NULL);
    while (stream_fill(stream, 1, deadline_in_ms(20000), NULL) == 0) {
        buffer_append_str(stream_output(stream), stream_buffered(stream));
        stream_consume(stream, stream_buffered(stream).length);
        if (stream_flush(stream, deadline_in_ms(20000), NULL) < 0) break;
    }
    stream_close(&stream);
}

static void start_serving(void *argument) {
    fiber_detach(start_fiber(serve, argument));
}

static void accept_and_hand_over(void *argument) {
    char peer[LISTENER_PEER_BYTES];
    struct runtime *runtime = worker_runtime(worker_self());
    for (size_t i = 0; i < CONNECTIONS; i++) {
        struct handed *handed = calloc(1, sizeof(*handed));
        CHECK(handed != NULL && listener_accept(argument, &handed->fd, peer, NULL) == 0);
        CHECK(worker_post(runtime_worker(runtime, i % WORKERS), start_serving, handed) == 0);
    }
}

struct caller {
    uint16_t port;
    int answers;
};

static void call(void *argument) {
    struct caller *caller = argument;
    struct stream *stream = stream_connect("127.0.0.1", caller->port, deadline_in_ms(20000), NULL);
    CHECK(stream != NULL);
    for (int i = 0; i < 20; i++) {
        buffer_append_cstr(stream_output(stream), "hello");
        if (stream_flush(stream, deadline_in_ms(20000), NULL) < 0) break;
        if (stream_fill(stream, 5, deadline_in_ms(20000), NULL) < 0) break;
        stream_consume(stream, 5);
        caller->answers++;
    }
    stream_close(&stream);
}

static void test_hand_over(void *argument) {
    struct listener *listener = listener_open("127.0.0.1", 0, LISTENER_BACKLOG, NULL);
    CHECK(listener != NULL);
    struct caller caller = {.port = listener_port(listener)};
    struct fiber *acceptor = start_fiber(accept_and_hand_over, listener);
    struct fiber *callers[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) callers[i] = start_fiber(call, &caller);
    for (int i = 0; i < CONNECTIONS; i++) fiber_join(callers[i]);
    fiber_join(acceptor);
    is_integer(caller.answers, 20 * CONNECTIONS, "connections are served by all workers");
    listener_close(&listener);
    (void)argument;
}

int main(void) {
    static const struct {
        void (*function)(void *argument);
    } tests[] = {{test_tcp}, {test_unix}, {test_errors}, {test_cancel}, {test_descriptors}};
    for (size_t i = 0; i < LENGTH_OF(tests); i++) run_in_fiber(1, tests[i].function, NULL);
    run_in_fiber(WORKERS, test_hand_over, NULL);
    return tap_done();
}
