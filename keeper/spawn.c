/* Starting, watching and stopping the keeper; and the command line by which it learns its options.
 *
 * A word is "<name>=<value>". Descriptors keep their numbers across exec. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "keeper/keeper.h"
#include "keeper/protocol.h"

#define WORDS_MAX 32
#define ARENA_BYTES (64u * 1024u)
#define DESCRIPTORS_MAX (RINGS_MAX + 3u)

/* What the keeper inherits of the environment: no more, since secrets of the configuration may stand there. */
static const char *const inherited_variables[] = {"SWORN_TEST_FAULT", "ASAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS",
                                                  "UBSAN_OPTIONS"};

struct keeper {
    pid_t pid;
    int lifeline_fd;
    uint64_t start_size;
};

struct word_list {
    struct arena arena;
    size_t count;
    char *words[WORDS_MAX + 1];
};

static void add_word(struct word_list *list, struct str word) {
    struct str copy = arena_copy(&list->arena, word);
    CHECK(list->count < WORDS_MAX && copy.data != NULL);
    list->words[list->count++] = (char *)(uintptr_t)copy.data;
}

static void add_text(struct word_list *list, const char *name, const char *value) {
    if (value != NULL) add_word(list, arena_format(&list->arena, "%s=%s", name, value));
}

static void add_number(struct word_list *list, const char *name, uint64_t value) {
    add_word(list, arena_format(&list->arena, "%s=%llu", name, (unsigned long long)value));
}

static void add_event_fds(struct word_list *list, const struct rings_descriptors *rings) {
    char text[RINGS_MAX * 12] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < rings->ring_count; i++) {
        at += (size_t)snprintf(text + at, sizeof(text) - at, i == 0 ? "%d" : ",%d", rings->event_fds[i]);
    }
    add_text(list, "event_fds", text);
}

static void format_words(struct word_list *list, const struct keeper_options *options,
                         const struct rings_descriptors *rings, int lifeline_fd) {
    add_text(list, "evidence_folder", options->evidence_folder);
    add_text(list, "state_folder", options->state_folder);
    add_text(list, "vkey_file", options->vkey_file);
    add_text(list, "high_water_file", options->high_water_file);
    add_text(list, "origin", options->origin);
    add_number(list, "checkpoint_interval_ms", options->checkpoint_interval_ms);
    add_number(list, "wal_max_bytes", options->wal_max_bytes);
    add_number(list, "wal_segment_bytes", options->wal_segment_bytes);
    add_number(list, "lifeline_fd", (uint64_t)lifeline_fd);
    add_number(list, "memory_fd", (uint64_t)rings->memory_fd);
    add_number(list, "wake_fd", (uint64_t)rings->wake_fd);
    add_event_fds(list, rings);
}

/* The child's side ------------------------------------------------------------------------------------------------- */

struct child_words {
    struct keeper_options options;
    struct rings_descriptors rings;
    uint64_t lifeline_fd;
};

static int parse_event_fds(struct str text, struct rings_descriptors *rings) {
    struct str part;
    while (str_split(&text, ',', &part)) {
        uint64_t fd;
        if (rings->ring_count == RINGS_MAX || str_parse_u64(part, &fd) != 0 || fd > INT32_MAX) return -1;
        rings->event_fds[rings->ring_count++] = (int)fd;
    }
    return 0;
}

static int parse_word(const char *word, struct child_words *out) {
    struct str rest = str_from_cstr(word);
    struct str name;
    if (!str_split(&rest, '=', &name) || rest.data == NULL) return -1;
    const struct { struct str name; const char **place; } texts[] = {
        {STR("evidence_folder"), &out->options.evidence_folder}, {STR("state_folder"), &out->options.state_folder},
        {STR("vkey_file"), &out->options.vkey_file},
        {STR("origin"), &out->options.origin}, {STR("high_water_file"), &out->options.high_water_file},
    };
    for (size_t i = 0; i < LENGTH_OF(texts); i++) {
        if (!str_equal(name, texts[i].name)) continue;
        *texts[i].place = rest.data;
        return 0;
    }
    if (str_equal(name, STR("event_fds"))) return parse_event_fds(rest, &out->rings);
    uint64_t value;
    if (str_parse_u64(rest, &value) != 0) return -1;
    bool is_small = value <= INT32_MAX;
    if (str_equal(name, STR("wal_max_bytes"))) {
        out->options.wal_max_bytes = value;
    } else if (is_small && str_equal(name, STR("checkpoint_interval_ms"))) {
        out->options.checkpoint_interval_ms = (uint32_t)value;
    } else if (is_small && str_equal(name, STR("wal_segment_bytes"))) {
        out->options.wal_segment_bytes = (uint32_t)value;
    } else if (is_small && str_equal(name, STR("lifeline_fd"))) {
        out->lifeline_fd = value;
    } else if (is_small && str_equal(name, STR("memory_fd"))) {
        out->rings.memory_fd = (int)value;
    } else if (is_small && str_equal(name, STR("wake_fd"))) {
        out->rings.wake_fd = (int)value;
    } else {
        return -1;
    }
    return 0;
}

/* Where the key lies is not for everybody who can list processes: it comes by the environment, for the owner to read. */
static void take_key_file(struct keeper_options *options) {
    const char *path = getenv(KEEPER_KEY_VARIABLE);
    options->key_file = path != NULL ? strdup(path) : NULL;
    CHECK(path == NULL || options->key_file != NULL);
    unsetenv(KEEPER_KEY_VARIABLE);
}

static int compare_fds(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

/* Whatever else the gateway had open without close-on-exec is none of the keeper's business. */
static void close_others(const struct child_words *words) {
    int kept[DESCRIPTORS_MAX];
    size_t count = 0;
    kept[count++] = words->rings.memory_fd;
    kept[count++] = words->rings.wake_fd;
    kept[count++] = (int)words->lifeline_fd;
    for (uint32_t i = 0; i < words->rings.ring_count; i++) kept[count++] = words->rings.event_fds[i];
    qsort(kept, count, sizeof(kept[0]), compare_fds);
    unsigned next = 3;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)kept[i] > next) close_range(next, (unsigned)kept[i] - 1, 0);
        next = (unsigned)kept[i] + 1;
    }
    close_range(next, ~0u, 0);
}

int keeper_child_main(int argc, char **argv) {
    struct child_words words = {.rings = {.memory_fd = -1, .wake_fd = -1}};
    for (int i = 0; i < argc; i++) {
        if (parse_word(argv[i], &words) == 0) continue;
        log_error("keeper: %s is not understood; the gateway starts the keeper itself", argv[i]);
        return KEEPER_EXIT_REFUSED;
    }
    if (words.rings.memory_fd < 3 || words.rings.wake_fd < 3 || words.lifeline_fd < 3 || words.rings.ring_count == 0) {
        log_error("keeper: it is started by the gateway, not by hand");
        return KEEPER_EXIT_REFUSED;
    }
    take_key_file(&words.options);
    close_others(&words);
    return keeper_main(&words.options, &words.rings, (int)words.lifeline_fd);
}

/* The gateway's side ----------------------------------------------------------------------------------------------- */

static void add_environment(struct word_list *list, const struct keeper_options *options) {
    add_text(list, KEEPER_KEY_VARIABLE, options->key_file);
    for (size_t i = 0; i < LENGTH_OF(inherited_variables); i++) {
        add_text(list, inherited_variables[i], getenv(inherited_variables[i]));
    }
}

static int spawn(pid_t *pid, const char *program, struct word_list *list, struct word_list *environment,
                 const struct rings_descriptors *rings, int lifeline_fd) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigemptyset(&none);
    int code = posix_spawn_file_actions_init(&actions);
    if (code == 0) code = posix_spawnattr_init(&attributes);
    if (code != 0) return code;
    /* A descriptor duplicated onto itself loses its close-on-exec flag, in the child only. */
    posix_spawn_file_actions_adddup2(&actions, rings->memory_fd, rings->memory_fd);
    posix_spawn_file_actions_adddup2(&actions, rings->wake_fd, rings->wake_fd);
    posix_spawn_file_actions_adddup2(&actions, lifeline_fd, lifeline_fd);
    for (uint32_t i = 0; i < rings->ring_count; i++) {
        posix_spawn_file_actions_adddup2(&actions, rings->event_fds[i], rings->event_fds[i]);
    }
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    code = posix_spawn(pid, program, &actions, &attributes, list->words, environment->words);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return code;
}

/* The keeper's first line: "ready <size>", or why it did not start, or nothing when it died. */
static int read_first_line(struct keeper *keeper, struct error *error) {
    char line[KEEPER_MESSAGE_MAX_BYTES];
    ssize_t got;
    do {
        got = recv(keeper->lifeline_fd, line, sizeof(line) - 1, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return error_set(error, ERROR_UNAVAILABLE, "the keeper ended before it was ready");
    struct str text = str_trim(str_make(line, (size_t)got));
    if (str_starts_with(text, STR(KEEPER_READY)) &&
        str_parse_u64(str_slice(text, sizeof(KEEPER_READY) - 1, text.length), &keeper->start_size) == 0) {
        return 0;
    }
    return error_set(error, ERROR_UNAVAILABLE, "the keeper did not start: %.*s", STR_ARGS(text));
}

static int start(struct keeper *keeper, const struct keeper_options *options, struct rings *rings,
                 const char *program, const char *const *verb, struct error *error) {
    int pair[2];
    struct word_list list = {0};
    struct word_list environment = {0};
    struct rings_descriptors descriptors;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        return error_set_errno(error, "the keeper's lifeline cannot be made");
    }
    keeper->lifeline_fd = pair[0];
    rings_describe(rings, &descriptors);
    arena_init(&list.arena, ARENA_BYTES);
    for (size_t i = 0; verb[i] != NULL; i++) add_word(&list, str_from_cstr(verb[i]));
    format_words(&list, options, &descriptors, pair[1]);
    arena_init(&environment.arena, ARENA_BYTES);
    add_environment(&environment, options);
    int code = spawn(&keeper->pid, program, &list, &environment, &descriptors, pair[1]);
    arena_free(&list.arena);
    arena_free(&environment.arena);
    close(pair[1]);
    if (code != 0) {
        errno = code;
        return error_set_errno(error, "the keeper (%s) cannot be started", program);
    }
    return read_first_line(keeper, error);
}

int keeper_spawn(struct keeper **out, const struct keeper_options *options, struct rings *rings, const char *program,
                 const char *const *verb, struct error *error) {
    struct keeper *keeper = *out = calloc(1, sizeof(*keeper));
    if (keeper == NULL) return error_out_of_memory(error);
    keeper->lifeline_fd = -1;
    if (start(keeper, options, rings, program, verb, error) == 0) return 0;
    if (keeper->lifeline_fd >= 0) close(keeper->lifeline_fd);
    if (keeper->pid > 0) waitpid(keeper->pid, NULL, 0);
    free(keeper);
    *out = NULL;
    return -1;
}

int keeper_watch_fd(const struct keeper *keeper) {
    return keeper->lifeline_fd;
}

pid_t keeper_pid(const struct keeper *keeper) {
    return keeper->pid;
}

uint64_t keeper_start_size(const struct keeper *keeper) {
    return keeper->start_size;
}

static int judge_status(int status, struct error *error) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_EXIT_DONE) return 0;
    if (WIFEXITED(status)) {
        return error_set(error, ERROR_UNAVAILABLE, "the keeper ended with status %d: its log says why",
                         WEXITSTATUS(status));
    }
    return error_set(error, ERROR_UNAVAILABLE, "the keeper was ended by signal %d", WTERMSIG(status));
}

int keeper_stop(struct keeper **keeper, int timeout_ms, struct error *error) {
    if (*keeper == NULL) return 0;
    shutdown((*keeper)->lifeline_fd, SHUT_WR);
    int pid_fd = (int)syscall(SYS_pidfd_open, (*keeper)->pid, 0);
    struct pollfd polled = {.fd = pid_fd, .events = POLLIN};
    if (pid_fd >= 0 && poll(&polled, 1, timeout_ms) < 0 && errno == EINTR) poll(&polled, 1, timeout_ms);
    if (pid_fd >= 0) close(pid_fd);
    int status;
    pid_t ended = waitpid((*keeper)->pid, &status, pid_fd >= 0 ? WNOHANG : 0);
    int result = 0;
    if (ended == (*keeper)->pid) {
        result = judge_status(status, error);
    } else { /* its log is whole at any moment */
        result = error_set(error, ERROR_TIMEOUT, "the keeper did not finish within %d ms and was killed: the next start "
                           "goes on from what it had written", timeout_ms);
        kill((*keeper)->pid, SIGKILL);
        waitpid((*keeper)->pid, &status, 0);
    }
    close((*keeper)->lifeline_fd);
    free(*keeper);
    *keeper = NULL;
    return result;
}
