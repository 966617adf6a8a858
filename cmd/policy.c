/* sworn policy: its verbs, and what they share. */
#include "cmd/policy.h"

#include <errno.h>

#include "base/json.h"
#include "cmd/output.h"
#include "guard/policy_schema.h"

int command_policy(int argc, char **argv) {
    static const struct command_verb verbs[] = {
        {"check", policy_check, "parse and validate the policies, check their remedies"},
        {"schema", policy_schema, "print sworn's own Cedar schema: what policies may speak of"},
        {"format", policy_format, "lay policies out as Cedar's own formatter does"},
        {"authorize", policy_authorize, "decide a request: decision, reasons, errors"},
        {"explain", policy_explain, "why a request is decided as it is"},
        {"test", policy_test, "run the tests that stand beside policies"},
        {"replay", policy_replay, "decide recorded actions again: the same verdicts?"},
        {"diff", policy_diff, "what a change of policies would have changed"},
        {"translate", policy_translate, "Cedar text to JSON and back"},
        {"link", policy_link, "make a policy of a template"},
        {"visualize", policy_visualize, "the graph of entities, as DOT"},
    };
    return command_dispatch("policy", verbs, LENGTH_OF(verbs), argc, argv);
}

static int print_schema_json(const struct str *verbs, size_t verb_count) {
    struct error error;
    struct cedar_problem problem;
    struct buffer json;
    int status = COMMAND_OK;
    struct cedar_schema *schema = policy_schema_new(verbs, verb_count, &error);
    if (schema == NULL) return command_fail_error(COMMAND_NO, &error);
    buffer_init(&json, POLICY_BYTES_MAX);
    if (cedar_schema_write(schema, CEDAR_SCHEMA_JSON, &json, &problem) != 0) {
        status = command_fail(COMMAND_NO, "%s", problem.text);
    } else {
        buffer_append_byte(&json, '\n');
        policy_print(&json);
    }
    buffer_free(&json);
    cedar_schema_free(&schema);
    return status;
}

static int print_schema(const struct str *verbs, size_t verb_count) {
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    policy_schema_write(&text, verbs, verb_count);
    bool is_full = buffer_failed(&text);
    if (!is_full) policy_print(&text);
    buffer_free(&text);
    return is_full ? command_fail(COMMAND_NO, "out of memory") : COMMAND_OK;
}

int policy_schema(int argc, char **argv) {
    bool is_json = false;
    const char *path = NULL;
    const struct command_option options[] = {
        {"--config", "FILE", "with the operations that this configuration names", &path, NULL},
        {"--json", NULL, "print the JSON form of the schema", NULL, &is_json}};
    const struct command_usage usage = {
        "policy schema", "",
        "Prints the Cedar schema that `sworn policy check` validates policies against: the types of principals and\n"
        "resources, the actions, and what their contexts hold. Other Cedar tools and editors read it, too.",
        options, LENGTH_OF(options), 0, 0};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    struct error error;
    struct config *config = path != NULL ? config_load_for_command(path, &error) : NULL;
    if (path != NULL && config == NULL) return command_fail_error(COMMAND_USAGE, &error);
    const struct str *verbs = config != NULL ? config->verbs : NULL;
    size_t verb_count = config != NULL ? config->verb_count : 0;
    status = is_json ? print_schema_json(verbs, verb_count) : print_schema(verbs, verb_count);
    config_free(&config);
    return status;
}

int policy_read(const char *path, struct buffer *text) {
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(path, "rb");
    if (in == NULL) return command_fail(-1, "%s: %s", path, strerror(errno));
    int status = 0;
    for (size_t got = 1; got > 0 && status == 0;) {
        char *room = buffer_reserve(text, 1 << 16);
        got = room != NULL ? fread(room, 1, 1 << 16, in) : 0;
        if (room == NULL) status = command_fail(-1, "%s: larger than 64 MiB", path);
        else buffer_commit(text, got);
    }
    if (status == 0 && ferror(in)) status = command_fail(-1, "%s: %s", path, strerror(errno));
    if (!is_stdin) fclose(in);
    return status;
}

void policy_print(const struct buffer *out) {
    struct str text = buffer_view(out);
    output_be_exact(); /* a file's text, mostly on its way into a file */
    fwrite(text.data, 1, text.length, stdout);
}

bool policy_is_json(struct str text) {
    struct str trimmed = str_trim(text);
    return trimmed.length > 0 && (trimmed.data[0] == '{' || trimmed.data[0] == '[');
}

static void say_as_json(const char *name, const struct policy_saying *saying) {
    struct buffer out;
    buffer_init(&out, 1 << 20);
    buffer_append_format(&out, "{\"%s\":{\"code\":\"%s\",\"file\":", saying->severity, saying->code);
    json_append_quoted(&out, str_from_cstr(name));
    buffer_append_format(&out, ",\"line\":%u,\"column\":%u,\"start\":%u,\"end\":%u,\"text\":", saying->line,
                         saying->column, saying->span.start, saying->span.end);
    json_append_quoted(&out, saying->message);
    buffer_append_cstr(&out, "}}\n");
    policy_print(&out);
    buffer_free(&out);
}

/* The line of the place, and below it carets under the span as far as it reaches on this line. */
static void say_line(const struct policy_saying *saying) {
    struct str text = saying->text;
    struct cedar_span span = saying->span;
    size_t start = span.start < text.length ? span.start : text.length, end = start;
    while (start > 0 && text.data[start - 1] != '\n') start--;
    while (end < text.length && text.data[end] != '\n') end++;
    struct str line = str_slice(text, start, end < start + 400 ? end : start + 400);
    fprintf(stderr, "%5u | ", saying->line);
    for (size_t i = 0; i < line.length; i++) {
        uint8_t byte = (uint8_t)line.data[i];
        fputc(byte < 0x20 || byte == 0x7f ? ' ' : byte, stderr);
    }
    size_t last = span.end < end ? span.end : end;
    size_t carets = last > span.start ? utf8_count(str_slice(text, span.start, last)) : 1;
    fprintf(stderr, "\n      | %*s", (int)saying->column - 1, "");
    for (size_t i = 0; i < carets && i < 400; i++) fputc('^', stderr);
    fputc('\n', stderr);
}

void policy_say(const struct policy_saying *saying, bool is_json) {
    const char *name = strcmp(saying->path, "-") == 0 ? "stdin" : saying->path;
    if (is_json) {
        say_as_json(name, saying);
        return;
    }
    const char *severity = strcmp(saying->severity, "error") == 0 ? "" : "warning: ";
    fprintf(stderr, "%s", saying->line == 0 ? "sworn: " : "");
    fprintf(stderr, "%s", name);
    if (saying->line != 0) fprintf(stderr, ":%u:%u", saying->line, saying->column);
    fprintf(stderr, ": %s%.*s [%s]\n", severity, STR_ARGS(saying->message), saying->code);
    if (saying->line != 0 && saying->column < 400 && saying->text.length > 0) say_line(saying);
}

int policy_say_problem(const char *path, struct str text, const struct cedar_problem *problem, bool is_json) {
    const struct policy_saying saying = {.path = path,
                                         .text = text,
                                         .code = cedar_code_name(problem->code),
                                         .span = problem->span,
                                         .line = problem->line,
                                         .column = problem->column,
                                         .message = str_from_cstr(problem->text),
                                         .severity = "error"};
    policy_say(&saying, is_json);
    return COMMAND_NO;
}
