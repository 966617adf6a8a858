/* The memory of many idle sessions: two streams and two fibers each, after a little traffic.
 *
 * The peers' ends are held by child processes, so that the limit of open files goes to the sessions. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "run/listener.h"
#include "run/stream.h"
#include "tests/unit/run/harness.h"

#define SESSIONS_WANTED (IS_SANITIZED ? 300 : 10000)
#define PEERS 3
#define SPARE_DESCRIPTORS 100
#define TOTAL_BYTES_MAX ((size_t)400 << 20) /* of 10,000 sessions */

struct session {
    struct stream *client;
    struct stream *upstream;
};

static struct session *sessions;
static size_t session_count;
static size_t relayed;
static char directory[] = "/tmp/sworn-idle-test-XXXXXX";
static char path[64];

static void relay(struct stream *from, struct stream *to) {
    while (stream_fill(from, 1, FIBER_NO_DEADLINE, NULL) == 0) {
        buffer_append_str(stream_output(to), stream_buffered(from));
        stream_consume(from, stream_buffered(from).length);
        if (stream_flush(to, FIBER_NO_DEADLINE, NULL) < 0) return;
        relayed++;
    }
}

static void ask(void *argument) {
    struct session *session = argument;
    relay(session->client, session->upstream);
}

static void answer(void *argument) {
    struct session *session = argument;
    relay(session->upstream, session->client);
}

/* Connects its share, says a word on each connection, reads one, and holds them until it is killed. */
static void hold_connections(size_t count) {
    struct sockaddr_un {
        sa_family_t family;
        char path[108];
    } address = {.family = AF_UNIX};
    memcpy(address.path, path, strlen(path));
    int *fds = calloc(count, sizeof(*fds));
    char word[4];
    CHECK(fds != NULL);
    for (size_t i = 0; i < count; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        CHECK(fds[i] >= 0 && connect(fds[i], (struct sockaddr *)&address, sizeof(address)) == 0);
        CHECK(write(fds[i], "ping", 4) == 4);
    }
    for (size_t i = 0; i < count; i++) CHECK(read(fds[i], word, 4) == 4);
    free(fds);
    pause();
}

static size_t resident_bytes(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long total = 0, resident = 0;
    CHECK(file != NULL && fscanf(file, "%lu %lu", &total, &resident) == 2);
    fclose(file);
    return resident * 4096;
}

static struct stream *accept_stream(struct listener *listener) {
    char peer[LISTENER_PEER_BYTES];
    int fd = -1;
    CHECK(listener_accept(listener, &fd, peer, NULL) == 0);
    return stream_from_fd(fd, NULL);
}

static void start_sessions(struct listener *listener) {
    for (size_t i = 0; i < session_count; i++) {
        sessions[i].client = accept_stream(listener);
        sessions[i].upstream = accept_stream(listener);
        CHECK(sessions[i].client != NULL && sessions[i].upstream != NULL);
        fiber_detach(start_fiber(ask, &sessions[i]));
        fiber_detach(start_fiber(answer, &sessions[i]));
    }
}

static void measure(void *argument) {
    struct listener *listener = argument;
    size_t before = resident_bytes();
    start_sessions(listener);
    for (int i = 0; i < 6000 && relayed < 2 * session_count; i++) CHECK(fiber_sleep(MILLISECONDS(10), NULL) == 0);
    is_integer(relayed, 2 * session_count, "all sessions relayed a word each way");
    size_t each = (resident_bytes() - before) / session_count;
    printf("# %zu sessions, %zu bytes each, %zu MiB of 10,000\n", session_count, each, each * 10000 >> 20);
    if (IS_SANITIZED) tap_skip("memory of idle sessions", "sanitizers need more");
    else ok(each * 10000 <= TOTAL_BYTES_MAX, "10,000 idle sessions fit in 400 MiB");
    for (size_t i = 0; i < session_count; i++) {
        stream_shutdown(sessions[i].client);
        stream_shutdown(sessions[i].upstream);
    }
    while (worker_fiber_count(worker_self()) > 1) CHECK(fiber_sleep(MILLISECONDS(1), NULL) == 0);
    for (size_t i = 0; i < session_count; i++) {
        stream_close(&sessions[i].client);
        stream_close(&sessions[i].upstream);
    }
    listener_close(&listener);
}

static size_t choose_session_count(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    size_t possible = ((size_t)limit.rlim_cur - SPARE_DESCRIPTORS) / 2;
    return possible < SESSIONS_WANTED ? possible : SESSIONS_WANTED;
}

int main(void) {
    struct error error;
    pid_t peers[PEERS];
    session_count = choose_session_count() / PEERS * PEERS;
    sessions = calloc(session_count, sizeof(*sessions));
    CHECK(sessions != NULL && mkdtemp(directory) != NULL);
    snprintf(path, sizeof(path), "%s/socket", directory);
    struct listener *listener = listener_open(path, 0, LISTENER_BACKLOG, &error);
    CHECK(listener != NULL);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = fork();
        CHECK(peers[i] >= 0);
        if (peers[i] == 0) {
            alarm(TEST_LIMIT_S);
            hold_connections(2 * session_count / PEERS);
            _exit(0);
        }
    }
    run_in_fiber(1, measure, listener);
    for (int i = 0; i < PEERS; i++) {
        kill(peers[i], SIGKILL);
        waitpid(peers[i], NULL, 0);
    }
    free(sessions);
    rmdir(directory);
    return tap_done();
}
