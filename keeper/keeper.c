/* The keeper process from its first to its last line. */
#include "keeper/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"
#include "keeper/core.h"
#include "keeper/fault.h"
#include "keeper/protocol.h"
#include "keeper/publisher.h"
#include "keeper/recover.h"
#include "keeper/stage.h"
#include "keeper/writer.h"

#define READY_INTERVAL_MIN_MS 50u
#define READY_INTERVAL_MAX_MS 10000u

/* Signals meant for the gateway reach the whole process group; the keeper ends when its lifeline does, never before.
 * What it holds in memory (the key) is nobody's to read. */
static void set_up_process(void) {
    static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < LENGTH_OF(ignored); i++) signal(ignored[i], SIG_IGN);
    process_keep_memory();
}

static void send_line(int fd, const char *text) {
    ssize_t ignored = send(fd, text, strlen(text), MSG_NOSIGNAL);
    (void)ignored; /* a gateway that is gone is noticed by the lifeline's end */
}

static int start(struct keeper_core *core, const struct keeper_options *options, struct publisher **publisher,
                 struct writer **writer, struct error *error) {
    uint32_t interval_ms = options->checkpoint_interval_ms;
    if (interval_ms != 0 && (interval_ms < READY_INTERVAL_MIN_MS || interval_ms > READY_INTERVAL_MAX_MS)) {
        return error_set(error, ERROR_INVALID, "checkpoint interval %u ms: 200 to 1000 is sensible", interval_ms);
    }
    if (core_open(core, options, error) != 0 || stage_prepare(core, error) != 0 ||
        publisher_new(publisher, core, error) != 0 || writer_new(writer, core, error) != 0 ||
        recover_log(core, *publisher, *writer, error) != 0) {
        return -1;
    }
    return recover_open_ends(core, *publisher, *writer, error);
}

static int serve(struct keeper_core *core, struct publisher *publisher, struct writer *writer) {
    pthread_t thread;
    char ready[KEEPER_MESSAGE_MAX_BYTES];
    core->may_wait = true;
    errno = pthread_create(&thread, NULL, publisher_thread, publisher);
    if (errno != 0) core_fail(core, "starting the publisher");
    snprintf(ready, sizeof(ready), KEEPER_READY "%llu\n", (unsigned long long)atomic_load(&core->durable_size));
    send_line(core->lifeline_fd, ready);
    int result = writer_run(writer);
    pthread_mutex_lock(&core->mutex);
    atomic_store(&core->is_stopping, true);
    pthread_cond_broadcast(&core->publisher_wake);
    pthread_mutex_unlock(&core->mutex);
    pthread_join(thread, NULL);
    return result;
}

static int run(struct keeper_core *core, const struct keeper_options *options) {
    struct publisher *publisher = NULL;
    struct writer *writer = NULL;
    struct error error = {0};
    int status = KEEPER_EXIT_REFUSED;
    if (start(core, options, &publisher, &writer, &error) != 0) {
        send_line(core->lifeline_fd, error.text);
        log_error("keeper: not started: %s", error.text);
    } else {
        status = serve(core, publisher, writer) == 0 ? KEEPER_EXIT_DONE : KEEPER_EXIT_FAILED;
        stage_clean(core);
    }
    rings_set_state(core->rings, RING_STOPPED, 0);
    writer_free(&writer);
    publisher_free(&publisher);
    core_free(core);
    return status;
}

int keeper_main(const struct keeper_options *options, const struct rings_descriptors *descriptors, int lifeline_fd) {
    struct keeper_core core;
    struct rings *rings = NULL;
    struct error error = {0};
    set_up_process();
    if (fault_init(getenv("SWORN_TEST_FAULT"), &error) != 0 || rings_attach(&rings, descriptors, &error) != 0 ||
        rings_watch(rings, lifeline_fd, &error) != 0) {
        send_line(lifeline_fd, error.text);
        return KEEPER_EXIT_REFUSED;
    }
    core_prepare(&core, rings, lifeline_fd);
    int status = run(&core, options);
    rings_free(&rings);
    close(lifeline_fd);
    return status;
}
