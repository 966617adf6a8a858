/* sworn policy: its verbs, and what they share. */
#include "cmd/policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "cedar/est.h"
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

int policy_schema(int argc, char **argv) {
    const struct command_usage usage = {
        "policy schema", "",
        "Prints the Cedar schema that `sworn policy check` validates policies against: the types of principals and\n"
        "resources, the actions, and what their contexts hold. Other Cedar tools and editors read it, too.",
        NULL, 0, 0, 0};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    policy_schema_write(&text);
    if (buffer_failed(&text)) status = command_fail(COMMAND_NO, "out of memory");
    else policy_print(&text);
    buffer_free(&text);
    return status < 0 ? COMMAND_OK : status;
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
    fwrite(text.data, 1, text.length, stdout);
}

bool policy_is_json(struct str text) {
    struct str trimmed = str_trim(text);
    return trimmed.length > 0 && (trimmed.data[0] == '{' || trimmed.data[0] == '[');
}

static void say_as_json(const char *path, const struct cedar_problem *problem) {
    struct buffer out;
    buffer_init(&out, 1 << 20);
    buffer_append_format(&out, "{\"error\":{\"code\":\"%s\",\"file\":", cedar_code_name(problem->code));
    json_append_quoted(&out, str_from_cstr(path));
    buffer_append_format(&out, ",\"line\":%u,\"column\":%u,\"start\":%u,\"end\":%u,\"text\":", problem->line,
                         problem->column, problem->span.start, problem->span.end);
    json_append_quoted(&out, str_from_cstr(problem->text));
    buffer_append_cstr(&out, "}}\n");
    policy_print(&out);
    buffer_free(&out);
}

/* The line of the place, and below it carets under the span as far as it reaches on this line. */
static void say_line(struct str text, const struct cedar_problem *problem) {
    size_t start = problem->span.start < text.length ? problem->span.start : text.length, end = start;
    while (start > 0 && text.data[start - 1] != '\n') start--;
    while (end < text.length && text.data[end] != '\n') end++;
    struct str line = str_slice(text, start, end < start + 400 ? end : start + 400);
    fprintf(stderr, "%5u | ", problem->line);
    for (size_t i = 0; i < line.length; i++) {
        uint8_t byte = (uint8_t)line.data[i];
        fputc(byte < 0x20 || byte == 0x7f ? ' ' : byte, stderr);
    }
    size_t last = problem->span.end < end ? problem->span.end : end;
    size_t carets = last > problem->span.start ? utf8_count(str_slice(text, problem->span.start, last)) : 1;
    fprintf(stderr, "\n      | %*s", (int)problem->column - 1, "");
    for (size_t i = 0; i < carets && i < 400; i++) fputc('^', stderr);
    fputc('\n', stderr);
}

int policy_say_problem(const char *path, struct str text, const struct cedar_problem *problem, bool is_json) {
    const char *name = strcmp(path, "-") == 0 ? "stdin" : path;
    if (is_json) {
        say_as_json(name, problem);
        return COMMAND_NO;
    }
    if (problem->line == 0) return command_fail(COMMAND_NO, "%s: %s [%s]", name, problem->text,
                                                cedar_code_name(problem->code));
    fprintf(stderr, "%s:%u:%u: %s [%s]\n", name, problem->line, problem->column, problem->text,
            cedar_code_name(problem->code));
    if (problem->column < 400) say_line(text, problem);
    return COMMAND_NO;
}

static int add_text(struct cedar_policy_set *set, struct str text, struct str prefix, struct cedar_problem *problem) {
    const struct cedar_naming naming = {CEDAR_IDS_ANNOTATED, prefix};
    if (!policy_is_json(text)) return cedar_policy_set_add(set, text, &naming, problem);
    if (str_find(text, STR("\"effect\"")) == STR_NOT_FOUND ||
        str_find(text, STR("\"staticPolicies\"")) != STR_NOT_FOUND ||
        str_find(text, STR("\"templates\"")) != STR_NOT_FOUND) {
        return cedar_policy_set_load_json(set, text, problem);
    }
    return cedar_policy_set_add_json(set, text, STR("policy0"), problem);
}

static int load_file(struct cedar_policy_set *set, const char *path, struct str prefix, bool is_json) {
    struct buffer text;
    struct cedar_problem problem;
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = policy_read(path, &text);
    if (status == 0 && add_text(set, buffer_view(&text), prefix, &problem) != 0) {
        policy_say_problem(path, buffer_view(&text), &problem, is_json);
        status = -1;
    }
    buffer_free(&text);
    return status;
}

static int is_policy_file(const struct dirent *entry) {
    return str_ends_with(str_from_cstr(entry->d_name), STR(".cedar"));
}

static int load_folder(struct cedar_policy_set *set, const char *folder, bool is_json) {
    struct dirent **names;
    int count = scandir(folder, &names, is_policy_file, alphasort), status = 0;
    if (count < 0) return command_fail(-1, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < count; i++) {
        char path[4096], prefix[300];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        snprintf(prefix, sizeof(prefix), "%s:", names[i]->d_name);
        if (status == 0) status = load_file(set, path, str_from_cstr(prefix), is_json);
        free(names[i]);
    }
    free(names);
    return status;
}

int policy_load(struct cedar_policy_set *set, const char *path, bool is_json) {
    struct stat status;
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return load_folder(set, path, is_json);
    }
    return load_file(set, path, STR(""), is_json);
}

struct cedar_entities *policy_load_entities(const char *path, bool is_json) {
    struct cedar_entities *entities = cedar_entities_new();
    struct cedar_problem problem;
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = path != NULL ? policy_read(path, &text) : 0;
    if (status == 0 && ((path != NULL && cedar_entities_add_json(entities, buffer_view(&text), &problem) != 0) ||
                        cedar_entities_finish(entities, &problem) != 0)) {
        status = -1;
        policy_say_problem(path != NULL ? path : "-", buffer_view(&text), &problem, is_json);
    }
    buffer_free(&text);
    if (status != 0) cedar_entities_free(&entities);
    return entities;
}
