/* sworn policy authorize, explain, visualize: requests and entities against policies. */
#include "base/json.h"
#include "cedar/entities.h"
#include "cedar/explain.h"
#include "cmd/policy.h"

#define OUTPUT_BYTES_MAX ((size_t)1 << 30)
#define WORK_BYTES_MAX ((size_t)1 << 30)

/* Everything a decision needs. */
struct question {
    struct cedar_policy_set *set;
    struct cedar_schema *schema; /* NULL: none */
    struct cedar_entities *entities;
    struct cedar_request request;
    struct arena arena;
    bool is_json;
};

static int load_request(struct question *question, const char *path) {
    struct buffer text;
    struct cedar_problem problem;
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = policy_read(path, &text);
    if (status == 0 && cedar_request_parse_guided(&question->arena, question->schema, buffer_view(&text),
                                                  &question->request, &problem) != 0) {
        policy_say_problem(path, buffer_view(&text), &problem, question->is_json);
        status = -1;
    }
    buffer_free(&text);
    return status;
}

static int write_decision(const struct question *question, struct buffer *out) {
    struct cedar_problem problem;
    struct cedar_decision decision;
    struct arena scratch;
    struct cedar_engine *engine = cedar_engine_new(question->set, &problem);
    if (engine == NULL) return command_fail(COMMAND_NO, "%s", problem.text);
    arena_init(&scratch, WORK_BYTES_MAX);
    int status = cedar_engine_authorize(engine, &question->request, question->entities, &scratch, &decision);
    bool is_json = question->is_json;
    const char *word = status != 0 || !decision.is_allowed ? "deny" : "allow";
    buffer_append_format(out, is_json ? "{\"decision\":\"%s\",\"reasons\":[" : "%s\n", word);
    for (size_t i = 0; status == 0 && i < decision.reason_count; i++) {
        struct str id = cedar_policy_id(decision.reasons[i]);
        if (!is_json) buffer_append_format(out, "reason: %.*s\n", STR_ARGS(id));
        if (is_json && i > 0) buffer_append_byte(out, ',');
        if (is_json) json_append_quoted(out, id);
    }
    if (is_json) buffer_append_cstr(out, "],\"errors\":[");
    for (size_t i = 0; status == 0 && i < decision.error_count; i++) {
        struct buffer text;
        buffer_init(&text, 1 << 20);
        cedar_failure_write(&decision.errors[i], &text);
        if (!is_json) buffer_append_format(out, "error: %.*s\n", STR_ARGS(buffer_view(&text)));
        if (is_json) buffer_append_format(out, "%s{\"policy\":", i > 0 ? "," : "");
        if (is_json) json_append_quoted(out, cedar_policy_id(decision.errors[i].policy));
        if (is_json) buffer_append_format(out, ",\"code\":\"%s\",\"text\":", cedar_code_name(decision.errors[i].code));
        if (is_json) json_append_quoted(out, buffer_view(&text));
        if (is_json) buffer_append_byte(out, '}');
        buffer_free(&text);
    }
    if (is_json) buffer_append_cstr(out, "]}\n");
    arena_free(&scratch);
    cedar_engine_free(&engine);
    if (status != 0) return command_fail(COMMAND_NO, "the decision needs more than 1 GiB of memory");
    return word[0] == 'a' ? COMMAND_OK : COMMAND_NO;
}

static int write_explanation(const struct question *question, struct buffer *out) {
    struct cedar_explanation explanation;
    struct arena arena;
    arena_init(&arena, WORK_BYTES_MAX);
    int status = cedar_explain(question->set, &question->request, question->entities, &arena, &explanation);
    if (status != 0) {
        status = command_fail(COMMAND_NO, "the explanation needs more than 1 GiB of memory");
    } else {
        if (question->is_json) cedar_explanation_write_json(&explanation, out);
        else cedar_explanation_write_text(&explanation, out);
        if (question->is_json) buffer_append_byte(out, '\n');
        status = explanation.is_allowed ? COMMAND_OK : COMMAND_NO;
    }
    arena_free(&arena);
    return status;
}

static int load_schema(struct question *question, const char *path) {
    if (path == NULL) return 0;
    question->schema = policy_load_schema(path, question->is_json);
    return question->schema != NULL ? 0 : -1;
}

static int ask(const char *verb, const char *help, int argc, char **argv,
               int (*write)(const struct question *, struct buffer *)) {
    const char *entities = NULL, *request = NULL, *schema = NULL;
    struct question question = {0};
    const struct command_option options[] = {
        {"--request", "FILE", "the request: {\"principal\", \"action\", \"resource\", \"context\"}", &request, NULL},
        {"--entities", "FILE", "the entities (default: none)", &entities, NULL},
        {"--schema", "FILE", "a schema, text or JSON, that reads and checks request and entities", &schema, NULL},
        {"--json", NULL, "print JSON", NULL, &question.is_json}};
    const struct command_usage usage = {verb, "POLICIES", help, options, LENGTH_OF(options), 1, 1};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (request == NULL) return command_fail(COMMAND_USAGE, "%s: give --request FILE (- is stdin)", verb);
    struct buffer out;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    arena_init(&question.arena, WORK_BYTES_MAX);
    question.set = cedar_policy_set_new();
    status = COMMAND_USAGE;
    if (policy_load(question.set, argv[0], question.is_json) == 0 && load_schema(&question, schema) == 0 &&
        load_request(&question, request) == 0 &&
        (question.entities = policy_load_entities(entities, question.schema, question.is_json)) != NULL) {
        status = write(&question, &out);
        policy_print(&out);
    }
    buffer_free(&out);
    arena_free(&question.arena);
    cedar_entities_free(&question.entities);
    cedar_schema_free(&question.schema);
    cedar_policy_set_free(&question.set);
    return status;
}

int policy_authorize(int argc, char **argv) {
    return ask("policy authorize",
               "Decides the request by the policies of a file or folder. Prints the decision, the policies that\n"
               "determined it, and those that failed. Exit status 0: allow, 1: deny, 2: something cannot be read, or\n"
               "is not as the schema has it.",
               argc, argv, write_decision);
}

int policy_explain(int argc, char **argv) {
    return ask("policy explain",
               "Says of every policy why it does or does not count for the request, down to the values that were\n"
               "compared. Exit status 0: allow, 1: deny, 2: something cannot be read, or is not as the schema has it.",
               argc, argv, write_explanation);
}

/* A quoted DOT or JSON string that shows the entity as Cedar writes it. */
static void write_name(const struct cedar_uid *uid, struct buffer *out) {
    struct buffer name;
    buffer_init(&name, 1 << 20);
    cedar_uid_write(uid, &name);
    json_append_quoted(out, buffer_view(&name));
    buffer_free(&name);
}

static void write_graph(const struct cedar_entities *entities, bool is_json, struct buffer *out) {
    const char *comma = "";
    buffer_append_cstr(out, is_json ? "{\"nodes\":[" : "digraph entities {\n  rankdir=BT;\n  node [shape=box];\n");
    for (size_t i = 0; i < entities->count; i++) {
        buffer_append_cstr(out, is_json ? comma : "  ");
        write_name(entities->order[i]->uid, out);
        buffer_append_cstr(out, is_json ? "" : ";\n");
        comma = ",";
    }
    if (is_json) buffer_append_cstr(out, "],\"edges\":[");
    comma = "";
    for (size_t i = 0; i < entities->count; i++) {
        const struct cedar_entity *entity = entities->order[i];
        for (uint32_t parent = 0; parent < entity->parent_count; parent++) {
            buffer_append_format(out, "%s%s", is_json ? comma : "  ", is_json ? "[" : "");
            write_name(entity->uid, out);
            buffer_append_cstr(out, is_json ? "," : " -> ");
            write_name(entity->parents[parent], out);
            buffer_append_cstr(out, is_json ? "]" : ";\n");
            comma = ",";
        }
    }
    buffer_append_cstr(out, is_json ? "]}\n" : "}\n");
}

int policy_visualize(int argc, char **argv) {
    bool is_json = false;
    const struct command_option options[] = {
        {"--json", NULL, "print {\"nodes\": [...], \"edges\": [[child, parent]...]}", NULL, &is_json}};
    const struct command_usage usage = {
        "policy visualize", "ENTITIES",
        "Prints the graph of entities and their parents as DOT: pipe it to `dot -Tsvg`. - is stdin.", options,
        LENGTH_OF(options), 1, 1};
    int count, status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    struct cedar_entities *entities = policy_load_entities(argv[0], NULL, is_json);
    if (entities == NULL) return COMMAND_USAGE;
    struct buffer out;
    buffer_init(&out, OUTPUT_BYTES_MAX);
    write_graph(entities, is_json, &out);
    policy_print(&out);
    buffer_free(&out);
    cedar_entities_free(&entities);
    return COMMAND_OK;
}
