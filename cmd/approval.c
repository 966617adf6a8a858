/* sworn pending, approve, deny, status: what one asks of a running gateway over its administration socket. */
#include <jansson.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/approval_view.h"
#include "cmd/command.h"

#define ANSWER_MAX_BYTES ((size_t)16 << 20)
#define TOKEN_FILE_MAX_BYTES 256
#define VIEW_ID_MAX_BYTES 80

static int connect_to(const struct config *config, struct error *error) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (config->admin.path.length >= sizeof(address.sun_path)) {
        return error_set(error, ERROR_LIMIT, "%s: the path of the socket is too long", config->admin.path.data);
    }
    memcpy(address.sun_path, config->admin.path.data, config->admin.path.length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) return fd;
    error_set_errno(error, "%s: is the gateway running?", config->admin.path.data);
    if (fd >= 0) close(fd);
    return -1;
}

/* Sends one line, reads one line. */
static json_t *exchange(int fd, const char *request, struct error *error) {
    FILE *peer = fdopen(fd, "r+");
    char *line = NULL;
    size_t capacity = 0;
    json_t *answer = NULL;
    if (peer == NULL) {
        close(fd);
        error_set_errno(error, "administration socket");
        return NULL;
    }
    if (fprintf(peer, "%s\n", request) > 0 && fflush(peer) == 0) {
        ssize_t length = getline(&line, &capacity, peer);
        if (length > 0) answer = json_loadb(line, (size_t)length, 0, NULL);
    }
    if (answer == NULL) error_set(error, ERROR_UNAVAILABLE, "the gateway did not answer");
    free(line);
    fclose(peer);
    return answer;
}

/* The answer to a request, or NULL with *status set and the reason said. Takes the request over. */
static json_t *ask(const char *config_option, json_t *request, int *status) {
    struct error error;
    json_t *answer = NULL;
    char *line = json_dumps(request, JSON_COMPACT);
    json_decref(request);
    struct config *config = config_load_for_command(command_config_path(config_option), &error);
    *status = config == NULL ? COMMAND_USAGE : COMMAND_NO;
    if (config != NULL && line != NULL) {
        int fd = connect_to(config, &error);
        if (fd >= 0) answer = exchange(fd, line, &error);
    }
    config_free(&config);
    free(line);
    if (answer == NULL) {
        command_fail_error(*status, &error);
        return NULL;
    }
    if (!json_is_true(json_object_get(answer, "ok"))) {
        const char *why = json_string_value(json_object_get(answer, "error"));
        command_fail(COMMAND_NO, "%s", why != NULL ? why : "the gateway refused, without a reason");
        json_decref(answer);
        return NULL;
    }
    *status = COMMAND_OK;
    return answer;
}

/* The token of who asks: a file's first line, or the environment. Never an argument, which others can see. */
static int read_token(const char *file, char token[TOKEN_FILE_MAX_BYTES]) {
    token[0] = '\0';
    if (file == NULL) {
        const char *environment = getenv("SWORN_TOKEN");
        if (environment != NULL) snprintf(token, TOKEN_FILE_MAX_BYTES, "%s", environment);
        return 0;
    }
    FILE *stream = fopen(file, "r");
    if (stream == NULL || fgets(token, TOKEN_FILE_MAX_BYTES, stream) == NULL) {
        if (stream != NULL) fclose(stream);
        return -1;
    }
    fclose(stream);
    struct str trimmed = str_trim(str_from_cstr(token));
    memmove(token, trimmed.data, trimmed.length);
    token[trimmed.length] = '\0';
    return 0;
}

/* ---- pending ---------------------------------------------------------------------------------------------------- */

/* White space in a row says nothing and can push the rest out of sight. */
static void add_cell(struct table *table, const json_t *row, const char *name) {
    const json_t *value = json_object_get(row, name);
    struct buffer cell;
    buffer_init(&cell, ANSWER_MAX_BYTES);
    struct str rest = json_is_string(value) ? str_make(json_string_value(value), json_string_length(value)) : STR("-");
    bool was_blank = false;
    for (size_t i = 0; i < rest.length; i++) {
        bool is_blank = (uint8_t)rest.data[i] <= ' ';
        if (!is_blank) buffer_append_byte(&cell, rest.data[i]);
        else if (!was_blank) buffer_append_byte(&cell, ' ');
        was_blank = is_blank;
    }
    table_add(table, buffer_view(&cell));
    buffer_free(&cell);
}

static void print_pending(const json_t *rows) {
    static const char *const heading[] = {"ID",          "WHO",    "FOR",   "UPSTREAM", "NEEDS", "MAY APPROVE",
                                          "APPROVED BY", "POLICY", "SINCE", "WHAT"};
    static const char *const names[] = {"id",          "principal",   "on_behalf_of", "upstream", "needs",
                                        "may_approve", "approved_by", "policies",     "since",    "text"};
    struct table table;
    size_t index;
    const json_t *row;
    table_init(&table, LENGTH_OF(heading), 100);
    for (size_t i = 0; i < LENGTH_OF(heading); i++) table_add(&table, str_from_cstr(heading[i]));
    json_array_foreach(rows, index, row) {
        for (size_t i = 0; i < LENGTH_OF(names); i++) add_cell(&table, row, names[i]);
    }
    table_print(&table, stdout);
    puts("\n`sworn pending ID` shows all of one: read it before you approve.");
}

static json_t *ask_view(const char *config, const char *id, const char *token, int *status) {
    json_t *answer = ask(config, json_pack("{s:s, s:s, s:s}", "verb", "view", "id", id, "token", token), status);
    json_t *shown = answer != NULL ? json_incref(json_object_get(answer, "shown")) : NULL;
    json_decref(answer);
    return shown;
}

static int print_one(const char *config, const char *id, const char *token, bool as_json) {
    int status;
    json_t *shown = ask_view(config, id, token, &status);
    if (shown == NULL) return status;
    if (as_json) {
        json_dumpf(shown, stdout, JSON_INDENT(2));
        putchar('\n');
    } else {
        approval_print_view(shown, stdout);
    }
    json_decref(shown);
    return COMMAND_OK;
}

static int print_all(const char *config, const char *token, bool as_json) {
    int status;
    json_t *answer = ask(config, json_pack("{s:s, s:s}", "verb", "pending", "token", token), &status);
    if (answer == NULL) return status;
    const json_t *rows = json_object_get(answer, "pending");
    if (as_json) {
        json_dumpf(rows, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (json_array_size(rows) == 0) {
        puts("nothing waits for approval");
    } else {
        print_pending(rows);
    }
    json_decref(answer);
    return COMMAND_OK;
}

int command_pending(int argc, char **argv) {
    const char *config = NULL;
    const char *token_file = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        COMMAND_OPTION_CONFIG(&config),
        {"--token-file", "FILE", "who you are (default: the token in $SWORN_TOKEN)", &token_file, NULL},
        COMMAND_OPTION_JSON(&as_json)};
    const struct command_usage usage = {
        "pending", "[ID]",
        "Lists the actions that wait for approval: who asks, what, why it is held, and who may approve. With an id: all\n"
        "that there is to see of that one, and the id of this view, which an approval has to name. Personal data and\n"
        "secrets are masked, but for what policy reveals to you; without a token nothing is revealed.",
        options, LENGTH_OF(options), 0, 1};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    char token[TOKEN_FILE_MAX_BYTES];
    if (read_token(token_file, token) != 0) return command_fail(COMMAND_USAGE, "%s: cannot be read", token_file);
    return count > 0 ? print_one(config, argv[0], token, as_json) : print_all(config, token, as_json);
}

/* ---- approve, deny ---------------------------------------------------------------------------------------------- */

/* Shows all of it and asks. 0: yes, with the id of what was shown. */
static int confirm(const char *config, const char *id, const char *token, char view[VIEW_ID_MAX_BYTES], int *status) {
    char line[16];
    json_t *shown = ask_view(config, id, token, status);
    if (shown == NULL) return -1;
    approval_print_view(shown, stdout);
    snprintf(view, VIEW_ID_MAX_BYTES, "%s", json_string_value(json_object_get(shown, "id")));
    json_decref(shown);
    printf("Approve this, exactly as shown? [y/N] ");
    fflush(stdout);
    struct str reply = fgets(line, sizeof(line), stdin) != NULL ? str_trim(str_from_cstr(line)) : STR_NONE;
    if (str_equal_ignoring_case(reply, STR("y")) || str_equal_ignoring_case(reply, STR("yes"))) return 0;
    *status = command_fail(COMMAND_NO, "not approved");
    return -1;
}

static void print_vote(const char *id, const char *done, const json_t *answer) {
    const json_t *vote = json_object_get(answer, "vote");
    if (json_is_true(json_object_get(vote, "ended"))) {
        printf("%s: %s\n", id, done);
        return;
    }
    printf("%s: your approval counts, %lld of %lld; it goes on waiting\n", id,
           (long long)json_integer_value(json_object_get(vote, "given")),
           (long long)json_integer_value(json_object_get(vote, "needed")));
}

struct vote_options {
    const char *config;
    const char *reason;
    const char *token_file;
    const char *view;
};

static int vote(const char *verb, const char *done, const char *id, const struct vote_options *options) {
    char token[TOKEN_FILE_MAX_BYTES];
    char view[VIEW_ID_MAX_BYTES] = "";
    int status = COMMAND_USAGE;
    bool is_approval = strcmp(verb, "approve") == 0;
    if (read_token(options->token_file, token) != 0) {
        return command_fail(COMMAND_USAGE, "%s: cannot be read", options->token_file);
    }
    if (options->view != NULL) {
        snprintf(view, sizeof(view), "%s", options->view);
    } else if (is_approval && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
        if (confirm(options->config, id, token, view, &status) != 0) return status;
    } else if (is_approval) {
        return command_fail(COMMAND_USAGE, "an approval is of what was seen: `sworn pending %s` shows it and ends with the "
                            "id for --view", id);
    }
    json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s}", "verb", verb, "id", id, "token", token, "view", view, "reason",
                                options->reason != NULL ? options->reason : "");
    json_t *answer = ask(options->config, request, &status);
    if (answer == NULL) return status;
    print_vote(id, done, answer);
    json_decref(answer);
    return COMMAND_OK;
}

int command_approve(int argc, char **argv) {
    struct vote_options given = {0};
    const struct command_option options[] = {
        COMMAND_OPTION_CONFIG(&given.config),
        {"--view", "ID", "what you have seen: `sworn pending ID` names it; a terminal is asked", &given.view, NULL},
        {"--reason", "TEXT", "why; kept sealed with the evidence", &given.reason, NULL},
        {"--token-file", "FILE", "who you are (default: the token in $SWORN_TOKEN)", &given.token_file, NULL}};
    const struct command_usage usage = {
        "approve", "ID",
        "Approves an action that waits, as yourself: a person of the group that the policy names, never the requester.\n"
        "On a terminal it shows all of the action and asks; elsewhere --view says what you have seen, and nothing else is\n"
        "approved.",
        options, LENGTH_OF(options), 1, 1};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    return status >= 0 ? status : vote("approve", "approved", argv[0], &given);
}

int command_deny(int argc, char **argv) {
    struct vote_options given = {0};
    const struct command_option options[] = {
        COMMAND_OPTION_CONFIG(&given.config),
        {"--reason", "TEXT", "why; kept sealed with the evidence", &given.reason, NULL},
        {"--token-file", "FILE", "who you are (default: the token in $SWORN_TOKEN)", &given.token_file, NULL}};
    const struct command_usage usage = {
        "deny", "ID",
        "Denies an action that waits, as yourself: a person of the group that the policy names, never the requester.",
        options, LENGTH_OF(options), 1, 1};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    return status >= 0 ? status : vote("deny", "denied", argv[0], &given);
}

int command_status(int argc, char **argv) {
    const char *config = NULL;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "status", "", "Asks a running gateway how it is and prints its answer as JSON. Exit status 1 when it is not there.",
        options, LENGTH_OF(options), 0, 0};
    int count;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    json_t *answer = ask(config, json_pack("{s:s}", "verb", "status"), &status);
    if (answer == NULL) return status;
    json_dumpf(json_object_get(answer, "status"), stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(answer);
    return COMMAND_OK;
}
