/* What the verbs of `sworn` share: their options, their way of printing, their exit statuses. */
#ifndef SWORN_CMD_COMMAND_H
#define SWORN_CMD_COMMAND_H

#include <stdio.h>

#include "base/buffer.h"
#include "base/error.h"
#include "gate/config.h"

enum command_exit {
    COMMAND_OK = 0,
    COMMAND_NO = 1,    /* the answer is no, or it failed */
    COMMAND_USAGE = 2, /* the command line or the configuration is wrong */
};

#define COMMAND_OPTIONS_MAX 16

/* One option: a flag, or one with a value. */
struct command_option {
    const char *name;        /* "--json" */
    const char *placeholder; /* "FILE"; NULL: a flag */
    const char *help;
    const char **value; /* for an option with a value */
    bool *flag;         /* for a flag */
};

struct command_usage {
    const char *verb;      /* "audit list" */
    const char *arguments; /* "ID"; "" when there are none */
    const char *help;      /* what it does, complete sentences */
    const struct command_option *options;
    size_t option_count;
    int arguments_min;
    int arguments_max;
};

/* Parses argv (the words after the verb). Positional words are moved to the front of argv and counted in *count.
 * Returns -1 to go on, else the exit status: help was printed, or the command line is wrong and that was said. */
int command_parse(const struct command_usage *usage, int argc, char **argv, int *count) MUST_USE;

/* "sworn: ..." on stderr; returns the status, so that `return command_fail(...)` reads well. */
int command_fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);
int command_fail_error(int status, const struct error *error);

/* The config file: --config, else $SWORN_CONFIG, else ./sworn.yaml, else /etc/sworn/sworn.yaml. */
const char *command_config_path(const char *option);
#define COMMAND_OPTION_CONFIG(target) \
    {"--config", "FILE", "configuration (default: $SWORN_CONFIG, ./sworn.yaml, /etc/sworn/sworn.yaml)", target, NULL}
#define COMMAND_OPTION_JSON(target) {"--json", NULL, "print JSON instead of a table", NULL, target}

/* Columns of text that line up. Cells are copied, safe for a terminal (base/print_safe.h), each in one line. */
struct table {
    size_t columns;
    struct buffer cells; /* each: u32 length, bytes */
    size_t cell_count;
    size_t cell_max; /* longer cells are cut, with "..." */
};

void table_init(struct table *table, size_t columns, size_t cell_max);
void table_add(struct table *table, struct str cell);
void table_print(struct table *table, FILE *out); /* the first row is the heading; frees the table */

/* Lists every problem of the configuration; an exit status. */
int command_check_config(const char *config);

/* The verbs. argv holds the words after the verb. */
int command_gateway(int argc, char **argv);
int command_check(int argc, char **argv);
int command_token(int argc, char **argv);
int command_pending(int argc, char **argv);
int command_approve(int argc, char **argv);
int command_deny(int argc, char **argv);
int command_status(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_detect(int argc, char **argv);
int command_keeper(int argc, char **argv);

/* A verb with verbs of its own. */
struct command_verb {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
};
int command_dispatch(const char *verb, const struct command_verb *verbs, size_t count, int argc, char **argv);

#endif
