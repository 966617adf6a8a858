/* From the syntax tree to the JSON form. */
#include "cedar/ast.h"
#include "cedar/est.h"

#include "base/json.h"

static void write_expression(const struct cedar_expression *node, struct buffer *out);

static void write_key(const char *key, struct buffer *out) {
    json_append_quoted(out, str_from_cstr(key));
    buffer_append_byte(out, ':');
}

static void write_uid(const struct cedar_uid *uid, struct buffer *out) {
    buffer_append_cstr(out, "{\"type\":");
    json_append_quoted(out, uid->type);
    buffer_append_cstr(out, ",\"id\":");
    json_append_quoted(out, uid->id);
    buffer_append_byte(out, '}');
}

static void write_literal(const struct cedar_value *value, struct buffer *out) {
    buffer_append_cstr(out, "{\"Value\":");
    switch (value->kind) {
    case CEDAR_BOOL: buffer_append_cstr(out, value->boolean ? "true" : "false"); break;
    case CEDAR_LONG: buffer_append_i64_decimal(out, value->number); break;
    case CEDAR_STRING: json_append_quoted(out, value->string); break;
    default:
        buffer_append_cstr(out, "{\"__entity\":");
        write_uid(value->entity, out);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, '}');
}

/* {"<op>":{"left":...,"right":...}} */
static void write_pair(const char *op, const struct cedar_expression *left, const struct cedar_expression *right,
                       struct buffer *out) {
    buffer_append_byte(out, '{');
    write_key(op, out);
    buffer_append_cstr(out, "{\"left\":");
    write_expression(left, out);
    buffer_append_cstr(out, ",\"right\":");
    write_expression(right, out);
    buffer_append_cstr(out, "}}");
}

static const char *chain_operator(const struct cedar_expression *node, uint32_t index) {
    switch (node->kind) {
    case CEDAR_EXPRESSION_OR: return "||";
    case CEDAR_EXPRESSION_AND: return "&&";
    case CEDAR_EXPRESSION_PRODUCT: return "*";
    default: return node->operators[index] == '+' ? "+" : "-";
    }
}

/* a && b && c is {"&&":{"left":{"&&":{"left":a,"right":b}},"right":c}}: the opening parts come first, all of them. */
static void write_chain(const struct cedar_expression *node, struct buffer *out) {
    for (uint32_t i = node->count - 1; i > 0; i--) {
        buffer_append_byte(out, '{');
        write_key(chain_operator(node, i - 1), out);
        buffer_append_cstr(out, "{\"left\":");
    }
    write_expression(node->operands[0], out);
    for (uint32_t i = 1; i < node->count; i++) {
        buffer_append_cstr(out, ",\"right\":");
        write_expression(node->operands[i], out);
        buffer_append_cstr(out, "}}");
    }
}

/* {"<op>":{"arg":...}} */
static void write_single(const char *op, const struct cedar_expression *node, struct buffer *out) {
    buffer_append_byte(out, '{');
    write_key(op, out);
    buffer_append_cstr(out, "{\"arg\":");
    write_expression(node, out);
    buffer_append_cstr(out, "}}");
}

static void write_list(struct cedar_expression *const *items, uint32_t count, struct buffer *out) {
    buffer_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_byte(out, ',');
        write_expression(items[i], out);
    }
    buffer_append_byte(out, ']');
}

static void write_call(const struct cedar_expression *node, struct buffer *out) {
    const struct cedar_function_row *row = &cedar_functions[node->function];
    if (row->is_core && node->count == 1) {
        write_single(row->name, node->operands[0], out);
    } else if (row->is_core) {
        write_pair(row->name, node->operands[0], node->operands[1], out);
    } else {
        buffer_append_byte(out, '{');
        write_key(row->name, out);
        write_list(node->operands, node->count, out);
        buffer_append_byte(out, '}');
    }
}

static void write_names(const struct cedar_expression *node, struct buffer *out) {
    if (node->name_count == 1) {
        json_append_quoted(out, node->names[0]);
        return;
    }
    for (uint32_t i = 0; i < node->name_count; i++) {
        buffer_append_byte(out, i == 0 ? '[' : ',');
        json_append_quoted(out, node->names[i]);
    }
    buffer_append_byte(out, ']');
}

/* One item for each code point, as Cedar does. */
static void write_pattern(const struct cedar_pattern *pattern, struct buffer *out) {
    const char *comma = "";
    buffer_append_byte(out, '[');
    for (size_t i = 0; i < pattern->count; i++) {
        struct str piece = pattern->pieces[i];
        if (i > 0) {
            buffer_append_format(out, "%s\"Wildcard\"", comma);
            comma = ",";
        }
        for (size_t offset = 0, start = 0; offset < piece.length; start = offset) {
            uint32_t point;
            if (utf8_decode(piece, &offset, &point) != 0) offset++;
            buffer_append_format(out, "%s{\"Literal\":", comma);
            json_append_quoted(out, str_slice(piece, start, offset));
            buffer_append_byte(out, '}');
            comma = ",";
        }
    }
    buffer_append_byte(out, ']');
}

/* {"<op>":{"left":...  : what has its left side and something that is no expression. */
static void open_test(const char *op, const struct cedar_expression *node, struct buffer *out) {
    buffer_append_byte(out, '{');
    write_key(op, out);
    buffer_append_cstr(out, "{\"left\":");
    write_expression(node->operands[0], out);
}

static void write_test(const struct cedar_expression *node, struct buffer *out) {
    switch (node->kind) {
    case CEDAR_EXPRESSION_HAS:
        open_test("has", node, out);
        buffer_append_cstr(out, ",\"attr\":");
        write_names(node, out);
        break;
    case CEDAR_EXPRESSION_LIKE:
        open_test("like", node, out);
        buffer_append_cstr(out, ",\"pattern\":");
        write_pattern(node->pattern, out);
        break;
    case CEDAR_EXPRESSION_ATTRIBUTE:
        open_test(".", node, out);
        buffer_append_cstr(out, ",\"attr\":");
        json_append_quoted(out, node->name);
        break;
    default:
        open_test("is", node, out);
        buffer_append_cstr(out, ",\"entity_type\":");
        json_append_quoted(out, node->name);
        if (node->count == 2) {
            buffer_append_cstr(out, ",\"in\":");
            write_expression(node->operands[1], out);
        }
    }
    buffer_append_cstr(out, "}}");
}

static void write_record(const struct cedar_expression *node, struct buffer *out) {
    buffer_append_cstr(out, "{\"Record\":{");
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0) buffer_append_byte(out, ',');
        json_append_quoted(out, node->names[i]);
        buffer_append_byte(out, ':');
        write_expression(node->operands[i], out);
    }
    buffer_append_cstr(out, "}}");
}

static void write_if(const struct cedar_expression *node, struct buffer *out) {
    static const char *const parts[3] = {"{\"if-then-else\":{\"if\":", ",\"then\":", ",\"else\":"};
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        buffer_append_cstr(out, parts[i]);
        write_expression(node->operands[i], out);
    }
    buffer_append_cstr(out, "}}");
}

/* Recursion: trees are at most CEDAR_DEPTH_MAX deep. */
static void write_expression(const struct cedar_expression *node, struct buffer *out) {
    static const char *const variables[] = {"principal", "action", "resource", "context"};
    static const char *const relations[] = {"==", "!=", "<", "<=", ">", ">=", "in"};
    switch ((enum cedar_expression_kind)node->kind) {
    case CEDAR_EXPRESSION_LITERAL: write_literal(&node->value, out); break;
    case CEDAR_EXPRESSION_VARIABLE: buffer_append_format(out, "{\"Var\":\"%s\"}", variables[node->variable]); break;
    case CEDAR_EXPRESSION_NOT: write_single("!", node->operands[0], out); break;
    case CEDAR_EXPRESSION_NEGATE: write_single("neg", node->operands[0], out); break;
    case CEDAR_EXPRESSION_OR:
    case CEDAR_EXPRESSION_AND:
    case CEDAR_EXPRESSION_SUM:
    case CEDAR_EXPRESSION_PRODUCT: write_chain(node, out); break;
    case CEDAR_EXPRESSION_IF: write_if(node, out); break;
    case CEDAR_EXPRESSION_RELATION:
        write_pair(relations[node->relation], node->operands[0], node->operands[1], out);
        break;
    case CEDAR_EXPRESSION_HAS:
    case CEDAR_EXPRESSION_LIKE:
    case CEDAR_EXPRESSION_IS:
    case CEDAR_EXPRESSION_ATTRIBUTE: write_test(node, out); break;
    case CEDAR_EXPRESSION_CALL: write_call(node, out); break;
    case CEDAR_EXPRESSION_SET:
        buffer_append_cstr(out, "{\"Set\":");
        write_list(node->operands, node->count, out);
        buffer_append_byte(out, '}');
        break;
    case CEDAR_EXPRESSION_RECORD: write_record(node, out); break;
    }
}

/* "entity":{...} or "slot":"?principal" */
static void write_target(const struct cedar_scope *scope, const char *variable, struct buffer *out) {
    if (scope->has_slot) {
        buffer_append_format(out, "\"slot\":\"?%s\"", variable);
        return;
    }
    buffer_append_cstr(out, "\"entity\":");
    write_uid(scope->entities[0], out);
}

static void write_entities(const struct cedar_scope *scope, struct buffer *out) {
    buffer_append_cstr(out, "\"entities\":[");
    for (uint32_t i = 0; i < scope->count; i++) {
        if (i > 0) buffer_append_byte(out, ',');
        write_uid(scope->entities[i], out);
    }
    buffer_append_byte(out, ']');
}

static void write_scope(const struct cedar_scope *scope, const char *variable, struct buffer *out) {
    static const char *const operators[] = {"All", "==", "in", "in", "is", "is"};
    buffer_append_format(out, ",\"%s\":{\"op\":\"%s\"", variable, operators[scope->kind]);
    if (scope->kind == CEDAR_SCOPE_IS || scope->kind == CEDAR_SCOPE_IS_IN) {
        buffer_append_cstr(out, ",\"entity_type\":");
        json_append_quoted(out, scope->type);
    }
    if (scope->kind == CEDAR_SCOPE_IS_IN) {
        buffer_append_cstr(out, ",\"in\":{");
        write_target(scope, variable, out);
        buffer_append_byte(out, '}');
    } else if (scope->kind == CEDAR_SCOPE_IN_LIST && scope->count != 1) {
        buffer_append_byte(out, ',');
        write_entities(scope, out);
    } else if (scope->kind != CEDAR_SCOPE_ANY && scope->kind != CEDAR_SCOPE_IS) {
        buffer_append_byte(out, ',');
        write_target(scope, variable, out);
    }
    buffer_append_byte(out, '}');
}

static void write_annotations(const struct cedar_statement *statement, struct buffer *out) {
    buffer_append_cstr(out, ",\"annotations\":{");
    for (uint32_t i = 0; i < statement->annotation_count; i++) {
        if (i > 0) buffer_append_byte(out, ',');
        json_append_quoted(out, statement->annotations[i].key);
        buffer_append_byte(out, ':');
        if (statement->annotations[i].has_value) json_append_quoted(out, statement->annotations[i].value);
        else buffer_append_cstr(out, "null");
    }
    buffer_append_byte(out, '}');
}

static void write_statement(const struct cedar_statement *statement, struct buffer *out) {
    buffer_append_format(out, "{\"effect\":\"%s\"", statement->effect == CEDAR_PERMIT ? "permit" : "forbid");
    write_scope(&statement->principal, "principal", out);
    write_scope(&statement->action, "action", out);
    write_scope(&statement->resource, "resource", out);
    buffer_append_cstr(out, ",\"conditions\":[");
    for (uint32_t i = 0; i < statement->condition_count; i++) {
        const struct cedar_condition *condition = &statement->conditions[i];
        buffer_append_format(out, "%s{\"kind\":\"%s\",\"body\":", i > 0 ? "," : "",
                             condition->is_unless ? "unless" : "when");
        write_expression(condition->body, out);
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, ']');
    if (statement->annotation_count > 0) write_annotations(statement, out);
    buffer_append_byte(out, '}');
}

int cedar_policy_write_json(const struct cedar_policy *policy, struct buffer *out) {
    write_statement(policy->statement, out);
    return buffer_failed(out) ? -1 : 0;
}

/* The policies, or the templates, by id. */
static void write_statements(const struct cedar_policy_set *set, bool is_template, struct buffer *out) {
    const char *comma = "";
    buffer_append_format(out, "\"%s\":{", is_template ? "templates" : "staticPolicies");
    for (size_t i = 0; i < set->count; i++) {
        const struct cedar_policy *policy = set->policies[i];
        if (policy->link_of != NULL || cedar_policy_is_template(policy) != is_template) continue;
        buffer_append_cstr(out, comma);
        json_append_quoted(out, policy->id);
        buffer_append_byte(out, ':');
        write_statement(policy->statement, out);
        comma = ",";
    }
    buffer_append_byte(out, '}');
}

static void write_link(const struct cedar_policy *policy, struct buffer *out) {
    const struct cedar_uid *const values[2] = {policy->principal, policy->resource};
    static const char *const slots[2] = {"\"?principal\":", "\"?resource\":"};
    const char *comma = "";
    buffer_append_cstr(out, "{\"templateId\":");
    json_append_quoted(out, policy->link_of->id);
    buffer_append_cstr(out, ",\"newId\":");
    json_append_quoted(out, policy->id);
    buffer_append_cstr(out, ",\"values\":{");
    for (size_t i = 0; i < LENGTH_OF(values); i++) {
        if (values[i] == NULL) continue;
        buffer_append_format(out, "%s%s", comma, slots[i]);
        write_uid(values[i], out);
        comma = ",";
    }
    buffer_append_cstr(out, "}}");
}

int cedar_policy_set_write_json(const struct cedar_policy_set *set, struct buffer *out) {
    const char *comma = "";
    buffer_append_byte(out, '{');
    write_statements(set, true, out);
    buffer_append_byte(out, ',');
    write_statements(set, false, out);
    buffer_append_cstr(out, ",\"templateLinks\":[");
    for (size_t i = 0; i < set->count; i++) {
        if (set->policies[i]->link_of == NULL) continue;
        buffer_append_cstr(out, comma);
        write_link(set->policies[i], out);
        comma = ",";
    }
    buffer_append_cstr(out, "]}");
    return buffer_failed(out) ? -1 : 0;
}
