/* Options, help, tables. */
#include "cmd/command.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/print_safe.h"

static void print_usage(const struct command_usage *usage, FILE *out) {
    fprintf(out, "usage: sworn %s%s%s%s\n\n%s\n", usage->verb, usage->option_count > 0 ? " [OPTIONS]" : "",
            usage->arguments[0] != '\0' ? " " : "", usage->arguments, usage->help);
    if (usage->option_count > 0) fprintf(out, "\n");
    for (size_t i = 0; i < usage->option_count; i++) {
        const struct command_option *option = &usage->options[i];
        char left[64];
        snprintf(left, sizeof(left), "%s%s%s", option->name, option->placeholder != NULL ? " " : "",
                 option->placeholder != NULL ? option->placeholder : "");
        fprintf(out, "  %-22s %s\n", left, option->help);
    }
}

static const struct command_option *find_option(const struct command_usage *usage, struct str name) {
    for (size_t i = 0; i < usage->option_count; i++) {
        if (str_equal_cstr(name, usage->options[i].name)) return &usage->options[i];
    }
    return NULL;
}

static int usage_error(const struct command_usage *usage, const char *what, const char *word) {
    fprintf(stderr, "sworn %s: %s%s%s; see `sworn %s --help`\n", usage->verb, what, word[0] != '\0' ? " " : "", word,
            usage->verb);
    return COMMAND_USAGE;
}

int command_parse(const struct command_usage *usage, int argc, char **argv, int *count) {
    *count = 0;
    bool only_arguments = false;
    for (int i = 0; i < argc; i++) {
        struct str word = str_from_cstr(argv[i]);
        if (only_arguments || !str_starts_with(word, STR("-")) || word.length == 1) {
            argv[(*count)++] = argv[i];
            continue;
        }
        if (str_equal(word, STR("--"))) {
            only_arguments = true;
            continue;
        }
        if (str_equal(word, STR("--help")) || str_equal(word, STR("-h"))) {
            print_usage(usage, stdout);
            return COMMAND_OK;
        }
        size_t equals = str_find_byte(word, '=');
        const struct command_option *option = find_option(usage, str_slice(word, 0, equals));
        if (option == NULL) return usage_error(usage, "unknown option", argv[i]);
        if (option->flag != NULL) {
            if (equals != STR_NOT_FOUND) return usage_error(usage, "this option takes no value:", option->name);
            *option->flag = true;
        } else if (equals != STR_NOT_FOUND) {
            *option->value = argv[i] + equals + 1;
        } else if (i + 1 < argc) {
            *option->value = argv[++i];
        } else {
            return usage_error(usage, "this option needs a value:", option->name);
        }
    }
    if (*count < usage->arguments_min) return usage_error(usage, "missing:", usage->arguments);
    if (*count > usage->arguments_max) return usage_error(usage, "too many arguments:", argv[usage->arguments_max]);
    return -1;
}

int command_fail(int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("sworn: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return status;
}

int command_fail_error(int status, const struct error *error) {
    return command_fail(status, "%s", error->text);
}

const char *command_config_path(const char *option) {
    if (option != NULL) return option;
    const char *environment = getenv("SWORN_CONFIG");
    if (environment != NULL && environment[0] != '\0') return environment;
    return access("sworn.yaml", F_OK) == 0 ? "sworn.yaml" : "/etc/sworn/sworn.yaml";
}

int command_dispatch(const char *verb, const struct command_verb *verbs, size_t count, int argc, char **argv) {
    bool wants_help = argc == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0;
    for (size_t i = 0; !wants_help && i < count; i++) {
        if (strcmp(argv[0], verbs[i].name) == 0) return verbs[i].run(argc - 1, argv + 1);
    }
    if (!wants_help) fprintf(stderr, "sworn %s: unknown verb \"%s\"\n", verb, argv[0]);
    FILE *out = wants_help && argc > 0 ? stdout : stderr;
    fprintf(out, "usage: sworn %s%sVERB [OPTIONS]\n\n", verb, verb[0] != '\0' ? " " : "");
    for (size_t i = 0; i < count; i++) {
        if (verbs[i].help != NULL) fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    }
    fprintf(out, "\n`sworn %s%sVERB --help` says more.\n", verb, verb[0] != '\0' ? " " : "");
    return wants_help && argc > 0 ? COMMAND_OK : COMMAND_USAGE;
}

/* ---- Tables ----------------------------------------------------------------------------------------------------- */

#define TABLE_BYTES_MAX ((size_t)256 << 20)
#define TABLE_COLUMNS_MAX 32

void table_init(struct table *table, size_t columns, size_t cell_max) {
    CHECK(columns <= TABLE_COLUMNS_MAX);
    *table = (struct table){.columns = columns, .cell_max = cell_max};
    buffer_init(&table->cells, TABLE_BYTES_MAX);
}

void table_add(struct table *table, struct str text) {
    struct buffer safe;
    buffer_init(&safe, TABLE_BYTES_MAX);
    print_safe_append(&safe, text);
    struct str cell = buffer_view(&safe);
    bool is_cut = utf8_count(cell) > table->cell_max;
    size_t kept = cell.length;
    if (is_cut) {
        size_t offset = 0;
        uint32_t ignored;
        for (size_t i = 0; i + 3 < table->cell_max; i++) {
            if (utf8_decode(cell, &offset, &ignored) != 0) offset++;
        }
        kept = offset;
    }
    buffer_append_u32be(&table->cells, (uint32_t)(kept + (is_cut ? 3 : 0)));
    size_t start = buffer_length(&table->cells);
    buffer_append_str(&table->cells, str_slice(cell, 0, kept));
    if (is_cut) buffer_append_cstr(&table->cells, "...");
    buffer_free(&safe);
    if (buffer_failed(&table->cells)) return;
    char *bytes = table->cells.data + table->cells.start + start;
    for (size_t i = 0; i < kept; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\t') bytes[i] = ' ';
    }
    table->cell_count++;
}

static struct str next_cell(struct str *rest) {
    uint32_t length;
    memcpy(&length, rest->data, sizeof(length));
    length = __builtin_bswap32(length);
    struct str cell = str_slice(*rest, sizeof(length), sizeof(length) + length);
    *rest = str_slice(*rest, sizeof(length) + length, rest->length);
    return cell;
}

void table_print(struct table *table, FILE *out) {
    size_t widths[TABLE_COLUMNS_MAX] = {0};
    struct str rest = buffer_view(&table->cells);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t width = utf8_count(next_cell(&rest));
        if (width > widths[i % table->columns]) widths[i % table->columns] = width;
    }
    rest = buffer_view(&table->cells);
    for (size_t i = 0; i < table->cell_count; i++) {
        struct str cell = next_cell(&rest);
        bool is_last = (i + 1) % table->columns == 0;
        fwrite(cell.data, 1, cell.length, out);
        if (is_last) fputc('\n', out);
        else fprintf(out, "%*s", (int)(widths[i % table->columns] - utf8_count(cell) + 2), "");
    }
    buffer_free(&table->cells);
}
