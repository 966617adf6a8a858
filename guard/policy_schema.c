/* The schema: its fixed part in words, its contexts from the table of attributes. */
#include "guard/policy_schema.h"

#include "model/attribute.h"

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
    "  entity DataClass;\n\n";

static const char actions[] =
    "  action \"sql\";\n"
    "  action \"sql:read\", \"sql:write\", \"sql:ddl\", \"sql:admin\" in [\"sql\"] appliesTo {\n"
    "    principal: [User, Agent, Service],\n"
    "    resource: [Table, Database, Environment],\n"
    "    context: SqlContext,\n"
    "  };\n"
    "  @doc(\"what the SQL parser does not know: in no group, so that a policy has to name it\")\n"
    "  action \"sql:unknown\" appliesTo {\n"
    "    principal: [User, Agent, Service],\n"
    "    resource: [Table, Database, Environment],\n"
    "    context: SqlContext,\n"
    "  };\n"
    "  action \"reveal\" appliesTo {\n"
    "    principal: [User, Agent, Service],\n"
    "    resource: [DataClass],\n"
    "    context: RevealContext,\n"
    "  };\n"
    "  action \"approve\", \"audit:read\", \"admin\";\n";

/* In which contexts an attribute stands, and whether always. */
enum presence { ABSENT, OPTIONAL, ALWAYS };

struct place {
    enum presence sql, reveal;
};

/* What is not listed stands in the context of SQL, where the statement has it. */
static const struct place places[ATTRIBUTE_COUNT] = {
    [ATTRIBUTE_CLASSES] = {ALWAYS, ABSENT},
    [ATTRIBUTE_APPLIED] = {ALWAYS, ALWAYS},
    [ATTRIBUTE_CLIENT_ADDRESS] = {OPTIONAL, OPTIONAL},
    [ATTRIBUTE_TIME] = {ALWAYS, ALWAYS},
    [ATTRIBUTE_HOUR] = {ALWAYS, ALWAYS},
    [ATTRIBUTE_WEEKDAY] = {ALWAYS, ALWAYS},
    [ATTRIBUTE_SESSION_ACTIONS] = {ALWAYS, ABSENT},
    [ATTRIBUTE_SESSION_DENIALS] = {ALWAYS, ABSENT},
    [ATTRIBUTE_SOURCE] = {ABSENT, ALWAYS},
    [ATTRIBUTE_SINK] = {ABSENT, ALWAYS},
};

static const char *const type_names[] = {
    [ATTRIBUTE_KIND_BOOL] = "Bool",        [ATTRIBUTE_KIND_LONG] = "Long", [ATTRIBUTE_KIND_STRING] = "String",
    [ATTRIBUTE_KIND_SET] = "Set<String>",  [ATTRIBUTE_KIND_IP] = "ipaddr", [ATTRIBUTE_KIND_DATETIME] = "datetime",
};

static enum presence presence_of(enum attribute_id attribute, bool is_reveal) {
    const struct place *place = &places[attribute];
    if (place->sql == ABSENT && place->reveal == ABSENT) return is_reveal ? ABSENT : OPTIONAL;
    return is_reveal ? place->reveal : place->sql;
}

static void write_context(const char *name, bool is_reveal, struct buffer *out) {
    buffer_append_format(out, "  type %s = {\n", name);
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
        const struct attribute_description *description = &attribute_descriptions[i];
        enum presence presence = presence_of((enum attribute_id)i, is_reveal);
        if (presence == ABSENT) continue;
        buffer_append_format(out, "    @doc(\"%s\")\n    %s%s: %s,\n", description->description, description->name,
                             presence == ALWAYS ? "" : "?", type_names[description->kind]);
    }
    buffer_append_cstr(out, "  };\n");
}

void policy_schema_write(struct buffer *out) {
    buffer_append_cstr(out, "namespace Sworn {\n");
    write_context("SqlContext", false, out);
    write_context("RevealContext", true, out);
    buffer_append_byte(out, '\n');
    buffer_append_cstr(out, entity_types);
    buffer_append_cstr(out, actions);
    buffer_append_cstr(out, "}\n");
}
