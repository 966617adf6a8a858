/* The schema: its fixed part in words, its contexts from the table of attributes. */
#include "guard/policy_schema.h"

#include "detect/classes.h"
#include "guard/policy_entities.h"
#include "model/attribute.h"
#include "model/operation.h"

#define SCHEMA_BYTES_MAX ((size_t)1 << 20)

static const char entity_types[] =
    "  entity Group;\n"
    "  entity User, Service in [Group] tags String;\n"
    "  entity Agent in [Group] = {\n"
    "    @doc(\"the person for whom the agent acts\")\n"
    "    onBehalfOf?: User,\n"
    "  } tags String;\n"
    "  entity Environment = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Database in [Environment, Database] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Table in [Database] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Provider, Api, ToolServer in [Environment] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Model in [Provider] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Tool in [Provider, ToolServer] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  entity Endpoint in [Api, Provider] = {\n"
    "    labels: Set<String>,\n"
    "  };\n"
    "  @doc(\"parameters by name, as text\")\n"
    "  entity Input tags String;\n"
    "  @doc(\"parameters by name that are whole numbers\")\n"
    "  entity InputNumbers tags Long;\n";

/* Every class by its name: one that there is not is an error when the policies are loaded. A forbid of it would forbid
 * nothing, and what it was meant to mask would leave in clear. */
static void write_classes(struct buffer *out) {
    buffer_append_cstr(out, "  entity DataClass enum [");
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        buffer_append_format(out, "\"%s\", ", class_name((enum data_class)class));
    }
    buffer_append_cstr(out, "\"" POLICY_UNSCANNED "\"];\n\n");
}

/* Actions of one kind: who they are asked of and with what context. */
struct action_kind {
    const char *context; /* NULL: they apply to nothing */
    const char *resources;
};

static const struct action_kind sql_kind = {"SqlContext", "Table, Database, Environment"};
static const struct action_kind llm_kind = {"LlmContext", "Model, Provider, Environment"};
static const struct action_kind tool_kind = {"ToolContext", "Tool, Provider, Environment"};
static const struct action_kind http_kind = {"HttpContext", "Endpoint, Api, Provider, Environment"};
static const struct action_kind reveal_kind = {"RevealContext", "DataClass"};
static const struct action_kind bare_kind = {NULL, NULL};

static const struct action_kind *kind_of(struct str verb) {
    if (str_equal(verb, STR("llm:tool_use"))) return &tool_kind;
    if (str_starts_with(verb, STR("llm:"))) return &llm_kind;
    if (str_starts_with(verb, STR("sql:"))) return &sql_kind;
    if (str_equal(verb, STR("reveal"))) return &reveal_kind;
    return str_find_byte(verb, ':') != STR_NOT_FOUND && !str_equal(verb, STR("audit:read")) ? &http_kind : &bare_kind;
}

static const char *const type_names[] = {
    [ATTRIBUTE_KIND_BOOL] = "Bool",        [ATTRIBUTE_KIND_LONG] = "Long", [ATTRIBUTE_KIND_STRING] = "String",
    [ATTRIBUTE_KIND_SET] = "Set<String>",  [ATTRIBUTE_KIND_IP] = "ipaddr", [ATTRIBUTE_KIND_DATETIME] = "datetime",
    [ATTRIBUTE_KIND_TAGS] = "Input",       [ATTRIBUTE_KIND_NUMBER_TAGS] = "InputNumbers",
};

static void write_context(const char *name, enum attribute_context context, struct buffer *out) {
    buffer_append_format(out, "  type %s = {\n", name);
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute_description *description = &attribute_descriptions[i];
        bool is_always = (description->always_in & context) != 0;
        if (!is_always && (description->known_in & context) == 0) continue;
        buffer_append_format(out, "    @doc(\"%s\")\n    %s%s: %s,\n", description->description, description->name,
                             is_always ? "" : "?", type_names[description->kind]);
    }
    buffer_append_cstr(out, "  };\n");
}

static void write_action(const struct verb *verb, struct buffer *out) {
    const struct action_kind *kind = kind_of(verb->name);
    buffer_append_format(out, "  action \"%.*s\"", STR_ARGS(verb->name));
    if (verb->group.length > 0) buffer_append_format(out, " in [\"%.*s\"]", STR_ARGS(verb->group));
    if (kind->context != NULL) {
        buffer_append_format(out, " appliesTo {\n    principal: [User, Agent, Service],\n    resource: [%s],\n"
                             "    context: %s,\n  }", kind->resources, kind->context);
    }
    buffer_append_cstr(out, ";\n");
}

void policy_schema_write(struct buffer *out, const struct str *verbs, size_t verb_count) {
    buffer_append_cstr(out, "namespace Sworn {\n");
    write_context("SqlContext", IN_SQL, out);
    write_context("LlmContext", IN_LLM, out);
    write_context("ToolContext", IN_TOOL, out);
    write_context("HttpContext", IN_HTTP, out);
    write_context("RevealContext", IN_REVEAL, out);
    buffer_append_byte(out, '\n');
    buffer_append_cstr(out, entity_types);
    write_classes(out);
    for (size_t i = 0; i < model_verb_count; i++) write_action(&model_verbs[i], out);
    for (size_t i = 0; i < verb_count; i++) {
        const struct verb verb = {.name = verbs[i], .group = STR("http")};
        write_action(&verb, out);
    }
    buffer_append_cstr(out, "}\n");
}

struct cedar_schema *policy_schema_new(const struct str *verbs, size_t verb_count, struct error *error) {
    struct buffer text;
    struct cedar_problem problem = {0};
    buffer_init(&text, SCHEMA_BYTES_MAX);
    policy_schema_write(&text, verbs, verb_count);
    struct cedar_schema *schema = NULL;
    if (!buffer_failed(&text)) schema = cedar_schema_new(buffer_view(&text), CEDAR_SCHEMA_TEXT, &problem);
    if (schema == NULL) (void)error_set(error, ERROR_LIMIT, "the schema cannot be made: %s", problem.text);
    buffer_free(&text);
    return schema;
}
