/* What an approver has to see of an action besides its text: the values of a Bind, and what the session adds to them. */
#include "wire/postgres/pg_type.h"
#include "wire/postgres/session.h"

#define RENDERED_BYTES_MAX ((size_t)4 << 20)

static bool is_printable(struct str value) {
    size_t offset = 0;
    uint32_t code;
    while (offset < value.length) {
        if (utf8_decode(value, &offset, &code) != 0 || code == 0x7f) return false;
        if (code < ' ' && code != '\n' && code != '\t') return false;
    }
    return true;
}

static void append_hex_form(struct str value, struct buffer *out) {
    buffer_append_cstr(out, "\\x");
    hex_append(out, value);
}

/* jsonb and jsonpath: a version byte first. */
static struct str without_version(const struct pg_type *type, struct str value) {
    bool has_version = type->kind == PG_TYPE_JSONB || type->kind == PG_TYPE_JSONPATH;
    return has_version && value.length > 0 && value.data[0] == 1 ? str_slice(value, 1, value.length) : value;
}

/* As the server would show it where its form is known, else the bytes: as text where they are some, in hex where not. */
static void render(const struct pg_type *type, bool is_binary, struct str value, struct buffer *out) {
    bool has_text_form = type->kind >= PG_TYPE_INTEGER && type->kind < PG_TYPE_OPAQUE;
    if (is_binary && has_text_form && pg_type_render(type, value, out) == 0) return;
    buffer_clear(out);
    if (is_binary && type->oid == PG_TYPE_BOOL_OID && value.length == 1 && (uint8_t)value.data[0] <= 1) {
        buffer_append_byte(out, value.data[0] == 1 ? 't' : 'f');
        return;
    }
    bool may_be_text = !is_binary || type->kind == PG_TYPE_TEXT || type->kind == PG_TYPE_JSON ||
                       type->kind == PG_TYPE_JSONB || type->kind == PG_TYPE_JSONPATH;
    struct str text = is_binary ? without_version(type, value) : value;
    if (may_be_text && is_printable(text)) buffer_append_str(out, text);
    else append_hex_form(value, out);
}

static struct str type_label(struct arena *arena, uint32_t oid) {
    struct str name = pg_type_name(oid);
    return name.length > 0 || oid == 0 ? name : arena_format(arena, "type %u", oid);
}

static void add_parameter(struct action *action, const struct name_parameters *parameters, const struct message_bind *bind,
                          const struct sql_statement *statement, size_t index, struct str value, bool is_null,
                          struct buffer *rendered) {
    uint32_t oid = index < parameters->type_count ? pg_type_read_u32(parameters->types, 4 * index) : 0;
    bool has_field = statement != NULL && index < statement->parameter_count;
    struct action_detail detail = {
        .kind = ACTION_DETAIL_PARAMETER,
        .is_null = is_null,
        .name = arena_format(&action->arena, "$%zu", index + 1),
        .type = type_label(&action->arena, oid),
        .field = has_field ? statement->parameter_names[index] : STR_NONE,
    };
    buffer_clear(rendered);
    if (!is_null) render(pg_type_find(oid), message_bind_format(bind, index) == 1, value, rendered);
    if (buffer_failed(rendered)) action->is_part_unseen = true;
    detail.value = buffer_view(rendered);
    action_add_detail(action, &detail);
}

void postgres_add_parameters(struct action *action, const struct name_parameters *parameters,
                             const struct sql_statement *statement) {
    struct message_bind bind = {.formats = parameters->formats, .format_count = parameters->format_count};
    struct str values = parameters->values;
    struct buffer rendered;
    buffer_init(&rendered, RENDERED_BYTES_MAX);
    action->is_part_unseen |= parameters->is_cut;
    for (size_t i = 0; i < parameters->value_count; i++) {
        bool is_null;
        struct str value = message_bind_next(&values, &is_null);
        add_parameter(action, parameters, &bind, statement, i, value, is_null, &rendered);
    }
    buffer_free(&rendered);
}

static void add_setting(struct action *action, struct str name, struct str value) {
    action_add_detail(action, &(struct action_detail){.kind = ACTION_DETAIL_SETTING, .name = name, .value = value});
}

static bool takes_client_data(const struct sql_analysis *analysis) {
    for (size_t i = 0; analysis != NULL && i < analysis->statement_count; i++) {
        const struct sql_copy *copy = analysis->statements[i].copy;
        if (copy != NULL && copy->is_from && copy->is_client) return true;
    }
    return false;
}

void postgres_add_settings(struct wire_session *session, struct action *action) {
    const struct postgres_state *state = postgres_state(session);
    add_setting(action, STR("database"), state->database);
    add_setting(action, STR("database user"), session->target->user);
    sql_session_add_settings(state->sql, action);
    if (takes_client_data(state->described.analysis)) {
        add_setting(action, STR("copy data"),
                    STR("the client sends it after the decision: it is no part of what is approved"));
    }
}

int postgres_keep_types(struct postgres_state *state, struct expectation *entry, struct str types, struct error *error) {
    if (types.length == 0) return 0;
    entry->parameters = name_parameters_new();
    if (entry->parameters == NULL) return error_out_of_memory(error);
    *entry->parameters = (struct name_parameters){.reference_count = 1, .types = types, .type_count = types.length / 4};
    name_parameters_keep(entry->parameters, &state->parameter_bytes);
    return 0;
}

struct str postgres_types_of(const struct postgres_state *state, struct str statement) {
    const struct name *sent = names_find(&state->names, NAME_STATEMENT, statement);
    struct sql_named found;
    if (sent != NULL && sent->in_flight > 0 && sent->batch == state->batch)
        return sent->parameters != NULL ? sent->parameters->types : STR_NONE;
    return sql_session_find_prepared(state->sql, name_clip(statement), &found) ? found.types : STR_NONE;
}
