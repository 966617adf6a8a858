/* sworn policy format, translate, link: policies in, policies out. */
#include <errno.h>

#include "base/json.h"
#include "cedar/ast.h"
#include "cedar/est.h"
#include "cedar/format.h"
#include "cmd/policy.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 30)

static int write_file(const char *path, const struct buffer *out) {
    FILE *file = fopen(path, "wb");
    struct str text = buffer_view(out);
    if (file == NULL) return command_fail(-1, "%s: %s", path, strerror(errno));
    bool is_written = fwrite(text.data, 1, text.length, file) == text.length;
    if (fclose(file) != 0 || !is_written) return command_fail(-1, "%s: %s", path, strerror(errno));
    return 0;
}

struct format_options {
    bool checks;
    bool writes;
    bool is_json;
};

static int give_formatted(const char *path, struct str text, const struct buffer *out,
                          const struct format_options *options) {
    bool is_same = str_equal(text, buffer_view(out));
    if (options->checks) {
        if (!is_same && !options->is_json) fprintf(stderr, "%s: is not formatted\n", path);
        if (options->is_json) printf("{\"formatted\":%s}\n", is_same ? "true" : "false");
        return is_same ? COMMAND_OK : COMMAND_NO;
    }
    if (options->writes) return is_same || write_file(path, out) == 0 ? COMMAND_OK : COMMAND_NO;
    if (!options->is_json) {
        policy_print(out);
        return COMMAND_OK;
    }
    struct buffer json;
    buffer_init(&json, OUTPUT_BYTES_MAX);
    buffer_append_cstr(&json, "{\"text\":");
    json_append_quoted(&json, buffer_view(out));
    buffer_append_cstr(&json, "}\n");
    policy_print(&json);
    buffer_free(&json);
    return COMMAND_OK;
}

static int format_file(const char *path, const struct format_options *options) {
    struct buffer text, out;
    struct cedar_problem problem;
    buffer_init(&text, POLICY_BYTES_MAX);
    buffer_init(&out, OUTPUT_BYTES_MAX);
    int status = COMMAND_NO;
    if (policy_read(path, &text) == 0) {
        status = cedar_format(buffer_view(&text), &out, &problem) == 0
                     ? give_formatted(path, buffer_view(&text), &out, options)
                     : policy_say_problem(path, buffer_view(&text), &problem, options->is_json);
    }
    buffer_free(&text);
    buffer_free(&out);
    return status;
}

int policy_format(int argc, char **argv) {
    struct format_options format = {0};
    const struct command_option options[] = {
        {"--check", NULL, "print nothing; exit status 1 when a file is not formatted", NULL, &format.checks},
        {"--write", NULL, "write the files instead of printing them", NULL, &format.writes},
        {"--json", NULL, "print {\"text\": ...}, and problems as JSON", NULL, &format.is_json}};
    const struct command_usage usage = {
        "policy format", "FILE...",
        "Prints policies laid out as Cedar's own formatter does: 80 columns, indent 2, comments kept. - is stdin.", options,
        LENGTH_OF(options), 1, 1000};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = COMMAND_OK;
    for (int i = 0; i < count; i++) {
        if (format_file(argv[i], &format) != COMMAND_OK) status = COMMAND_NO;
    }
    return status;
}

/* The texts of all policies and templates, formatted. Links have no text. */
static int write_text(const struct cedar_policy_set *set, struct buffer *out) {
    struct buffer text;
    struct cedar_problem problem;
    size_t links = 0;
    buffer_init(&text, OUTPUT_BYTES_MAX);
    for (size_t i = 0; i < cedar_policy_set_count(set); i++) {
        const struct cedar_policy *policy = cedar_policy_set_at(set, i);
        if (policy->link_of != NULL) links++;
        else buffer_append_str(&text, cedar_policy_text(policy));
    }
    int status = cedar_format(buffer_view(&text), out, &problem);
    buffer_free(&text);
    if (status != 0) return command_fail(-1, "%s", problem.text);
    if (links > 0) fprintf(stderr, "sworn: %zu links are left out: Cedar text has no form for them\n", links);
    return 0;
}

/* JSON as it is; text too, or quoted as {"text": ...}. */
static void give_form(const struct buffer *out, bool is_json_form, bool is_quoted) {
    if (is_json_form || !is_quoted) {
        policy_print(out);
    } else {
        struct buffer quoted;
        buffer_init(&quoted, OUTPUT_BYTES_MAX);
        buffer_append_cstr(&quoted, "{\"text\":");
        json_append_quoted(&quoted, buffer_view(out));
        buffer_append_byte(&quoted, '}');
        policy_print(&quoted);
        buffer_free(&quoted);
    }
    if (is_json_form || is_quoted) putchar('\n');
}

static int translate(const struct cedar_policy_set *set, bool to_json, bool is_quoted) {
    struct buffer out;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    int status = to_json ? cedar_policy_set_write_json(set, &out) : write_text(set, &out);
    if (status == 0) give_form(&out, to_json, is_quoted);
    buffer_free(&out);
    return status == 0 ? COMMAND_OK : COMMAND_NO;
}

static int translate_policies(const char *path, bool to_json, bool is_json) {
    struct cedar_policy_set *set = cedar_policy_set_new();
    int status = policy_load(set, path, is_json) == 0 ? translate(set, to_json, is_json) : COMMAND_NO;
    cedar_policy_set_free(&set);
    return status;
}

static int translate_schema(const char *path, bool to_json, bool is_json) {
    struct cedar_schema *schema = policy_load_schema(path, is_json);
    struct cedar_problem problem;
    struct buffer out;
    int status = COMMAND_NO;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    if (schema != NULL) {
        enum cedar_schema_format form = to_json ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_TEXT;
        status = cedar_schema_write(schema, form, &out, &problem) == 0
                     ? COMMAND_OK
                     : policy_say_problem(path, STR(""), &problem, is_json);
        if (status == COMMAND_OK) give_form(&out, to_json, is_json);
    }
    buffer_free(&out);
    cedar_schema_free(&schema);
    return status;
}

int policy_translate(int argc, char **argv) {
    const char *to = NULL;
    bool is_json = false, is_schema = false;
    const struct command_option options[] = {
        {"--to", "FORM", "json or text", &to, NULL},
        {"--schema", NULL, "FILE is a schema", NULL, &is_schema},
        {"--json", NULL, "print text as {\"text\": ...}, and problems as JSON", NULL, &is_json}};
    const struct command_usage usage = {
        "policy translate", "FILE",
        "Translates policies between Cedar text and the JSON form of a policy set, or a schema between its two forms;\n"
        "FILE may be in either form. - is stdin.", options,
        LENGTH_OF(options), 1, 1};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (to == NULL || (strcmp(to, "json") != 0 && strcmp(to, "text") != 0)) {
        return command_fail(COMMAND_USAGE, "policy translate: --to is json or text");
    }
    bool to_json = strcmp(to, "json") == 0;
    return is_schema ? translate_schema(argv[0], to_json, is_json) : translate_policies(argv[0], to_json, is_json);
}

/* The value of a slot; NULL in *uid when none is given. */
static int parse_value(struct arena *arena, const char *option, const char *text, const struct cedar_uid **uid,
                       bool is_json) {
    struct cedar_problem problem;
    *uid = NULL;
    if (text == NULL) return 0;
    *uid = cedar_uid_parse(arena, str_from_cstr(text), &problem);
    if (*uid != NULL) return 0;
    policy_say_problem(option, str_from_cstr(text), &problem, is_json);
    return -1;
}

int policy_link(int argc, char **argv) {
    const char *template_id = NULL, *new_id = NULL, *principal_text = NULL, *resource_text = NULL;
    bool is_json = false;
    const struct command_option options[] = {
        {"--template", "ID", "the template", &template_id, NULL},
        {"--id", "ID", "the new policy's id", &new_id, NULL},
        {"--principal", "ENTITY", "what ?principal stands for, as in User::\"alice\"", &principal_text, NULL},
        {"--resource", "ENTITY", "what ?resource stands for", &resource_text, NULL},
        {"--json", NULL, "print problems as JSON, too", NULL, &is_json}};
    const struct command_usage usage = {
        "policy link", "FILE",
        "Makes a policy of a template in FILE, and prints the whole set in JSON form with the link. - is stdin.", options,
        LENGTH_OF(options), 1, 1};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (template_id == NULL || new_id == NULL) return command_fail(COMMAND_USAGE, "policy link: give --template and --id");
    struct cedar_policy_set *set = cedar_policy_set_new();
    struct arena arena;
    struct cedar_problem problem;
    const struct cedar_uid *principal, *resource;
    arena_init(&arena, 16u << 20);
    status = COMMAND_NO;
    if (policy_load(set, argv[0], is_json) == 0 &&
        parse_value(&arena, "--principal", principal_text, &principal, is_json) == 0 &&
        parse_value(&arena, "--resource", resource_text, &resource, is_json) == 0) {
        status = cedar_policy_set_link(set, str_from_cstr(template_id), str_from_cstr(new_id), principal, resource,
                                       &problem) == 0
                     ? translate(set, true, is_json)
                     : policy_say_problem(argv[0], STR(""), &problem, is_json);
    }
    arena_free(&arena);
    cedar_policy_set_free(&set);
    return status;
}
