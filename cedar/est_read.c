/* From the JSON form to Cedar text. Parentheses stand where the text needs them, and nowhere else.
 *
 * Every name is checked before it is written: JSON cannot smuggle text into a policy. Members that mean nothing are
 * refused, but for those of an entity, `All`, `==` and `in` of a scope, as Cedar does. Chains of operators, which nest
 * to the left in JSON, are written without recursion; all else recurses at most CEDAR_DEPTH_MAX deep. */
#include "cedar/ast.h"
#include "cedar/est_tree.h"
#include "cedar/lex.h"
#include "cedar/problem.h"

/* What an expression may stand beside without parentheses. */
enum binding { BIND_ANY, BIND_OR, BIND_AND, BIND_RELATION, BIND_SUM, BIND_PRODUCT, BIND_UNARY, BIND_MEMBER };

struct est_reader {
    struct str json;
    struct buffer *out;
    struct cedar_problem *problem;
    unsigned depth;
};

static int write_expression(struct est_reader *reader, const struct est_node *node, enum binding wanted);

static int refuse(struct est_reader *reader, const struct est_node *node, const char *what) {
    return cedar_problem_set_at(reader->problem, CEDAR_BAD_JSON, reader->json, node->span, "%s", what);
}

static void put(struct est_reader *reader, const char *text) {
    buffer_append_cstr(reader->out, text);
}

/* ---- Checked parts ------------------------------------------------------------------------------------------- */

static bool is_name(struct str text) {
    struct cedar_lexer lexer = {text, 0};
    struct cedar_token token;
    cedar_lex(&lexer, &token);
    return token.kind == CEDAR_TOKEN_NAME && token.span.start == 0 && token.span.end == text.length;
}

/* name *("::" name), nothing else */
static bool is_path(struct str text) {
    for (;;) {
        size_t end = str_find(text, STR("::"));
        struct str name = str_slice(text, 0, end == STR_NOT_FOUND ? text.length : end);
        if (!is_name(name) || cedar_is_reserved(name)) return false;
        if (end == STR_NOT_FOUND) return true;
        text = str_slice(text, end + 2, text.length);
    }
}

static const struct est_node *member(struct est_reader *reader, const struct est_node *object, const char *key,
                                     enum json_token kind) {
    const struct est_node *node = object->kind == JSON_TOKEN_BEGIN_OBJECT ? est_tree_find(object, key) : NULL;
    if (node != NULL && (kind == JSON_TOKEN_KEY || node->kind == kind)) return node;
    cedar_problem_set_at(reader->problem, CEDAR_BAD_JSON, reader->json, node != NULL ? node->span : object->span,
                         node != NULL ? "`%s` is of the wrong type here" : "`%s` is missing here: add it", key);
    return NULL;
}

/* NULL where it is absent; null stands for that too. */
static const struct est_node *optional_part(const struct est_node *object, const char *key) {
    const struct est_node *node = est_tree_find(object, key);
    return node != NULL && node->kind != JSON_TOKEN_NULL ? node : NULL;
}

/* Any kind of value. */
static const struct est_node *part(struct est_reader *reader, const struct est_node *object, const char *key) {
    return member(reader, object, key, JSON_TOKEN_KEY);
}

/* Only members of these names, divided by spaces. */
static int check_members(struct est_reader *reader, const struct est_node *object, const char *allowed) {
    if (object->kind != JSON_TOKEN_BEGIN_OBJECT) return refuse(reader, object, "an object is wanted here");
    for (const struct est_node *node = object->first; node != NULL; node = node->next) {
        struct str rest = str_from_cstr(allowed), name;
        bool is_allowed = false;
        while (!is_allowed && str_split(&rest, ' ', &name)) is_allowed = str_equal(name, node->key);
        if (!is_allowed) return refuse(reader, node, "this member has no meaning here: remove it");
    }
    return 0;
}

static int write_path(struct est_reader *reader, const struct est_node *node) {
    if (node->kind != JSON_TOKEN_STRING || !is_path(node->text)) {
        return refuse(reader, node, "this is not a type: write names joined by `::`");
    }
    buffer_append_str(reader->out, node->text);
    return 0;
}

/* {type, id}, or the same as __entity */
static int write_uid(struct est_reader *reader, const struct est_node *node) {
    const struct est_node *inner = node->kind == JSON_TOKEN_BEGIN_OBJECT ? est_tree_find(node, "__entity") : NULL;
    if (inner != NULL) node = inner;
    const struct est_node *type = member(reader, node, "type", JSON_TOKEN_STRING);
    const struct est_node *id = type != NULL ? member(reader, node, "id", JSON_TOKEN_STRING) : NULL;
    if (id == NULL) return -1;
    if (write_path(reader, type) != 0) return -1;
    put(reader, "::");
    cedar_escape(id->text, reader->out);
    return 0;
}

/* ---- Values -------------------------------------------------------------------------------------------------- */

static int write_number(struct est_reader *reader, const struct est_node *node) {
    int64_t number;
    if (str_parse_i64(node->text, &number) != 0) {
        return refuse(reader, node, "numbers are integers from -9223372036854775808 to 9223372036854775807");
    }
    buffer_append_i64_decimal(reader->out, number);
    return 0;
}

static int write_value(struct est_reader *reader, const struct est_node *node);

static int write_values(struct est_reader *reader, const struct est_node *node) {
    bool is_record = node->kind == JSON_TOKEN_BEGIN_OBJECT;
    put(reader, is_record ? "{" : "[");
    for (const struct est_node *item = node->first; item != NULL; item = item->next) {
        if (item != node->first) put(reader, ", ");
        if (is_record) {
            cedar_escape(item->key, reader->out);
            put(reader, ": ");
        }
        if (write_value(reader, item) != 0) return -1;
    }
    put(reader, is_record ? "}" : "]");
    return 0;
}

/* {fn, arg | args}; of a method, the first argument is the receiver. */
static int write_extension(struct est_reader *reader, const struct est_node *node) {
    const struct est_node *name = member(reader, node, "fn", JSON_TOKEN_STRING);
    if (name == NULL) return -1;
    enum cedar_function function = cedar_function_find(name->text);
    if (function == CEDAR_FUNCTION_NONE || cedar_functions[function].is_core) {
        return refuse(reader, name, "there is no extension function of this name");
    }
    const struct est_node *arguments = est_tree_find(node, "args"), *single = est_tree_find(node, "arg");
    if ((arguments == NULL) == (single == NULL)) {
        return refuse(reader, node, "an extension value has `fn` and either `arg` or `args`");
    }
    if (arguments != NULL && arguments->kind != JSON_TOKEN_BEGIN_ARRAY) {
        return refuse(reader, arguments, "`args` is an array");
    }
    const struct est_node *first = single != NULL ? single : arguments->first, *item = first;
    if (cedar_functions[function].is_method) {
        if (first == NULL) return refuse(reader, node, "a method needs what it is called on: add it to `args`");
        put(reader, "(");
        if (write_value(reader, first) != 0) return -1;
        put(reader, ").");
        item = arguments != NULL ? first->next : NULL;
    }
    buffer_append_format(reader->out, "%s(", cedar_functions[function].name);
    for (bool is_first = true; item != NULL; is_first = false) {
        if (!is_first) put(reader, ", ");
        if (write_value(reader, item) != 0) return -1;
        item = arguments != NULL ? item->next : NULL;
    }
    put(reader, ")");
    return 0;
}

static int write_value_of_kind(struct est_reader *reader, const struct est_node *node) {
    switch (node->kind) {
    case JSON_TOKEN_TRUE: put(reader, "true"); return 0;
    case JSON_TOKEN_FALSE: put(reader, "false"); return 0;
    case JSON_TOKEN_NUMBER: return write_number(reader, node);
    case JSON_TOKEN_STRING: cedar_escape(node->text, reader->out); return 0;
    case JSON_TOKEN_BEGIN_ARRAY: return write_values(reader, node);
    case JSON_TOKEN_BEGIN_OBJECT: break;
    default: return refuse(reader, node, "null is no value: leave the member out");
    }
    const struct est_node *first = node->count == 1 ? node->first : NULL;
    if (first != NULL && str_equal_cstr(first->key, "__entity")) return write_uid(reader, node);
    if (first != NULL && str_equal_cstr(first->key, "__extn")) return write_extension(reader, first);
    if (first != NULL && str_equal_cstr(first->key, "__expr")) {
        return refuse(reader, node, "`__expr` is no longer part of Cedar: write the expression in JSON form");
    }
    return write_values(reader, node);
}

static int enter(struct est_reader *reader, const struct est_node *node) {
    if (reader->depth >= CEDAR_DEPTH_MAX) {
        return cedar_problem_set_at(reader->problem, CEDAR_LIMIT, reader->json, node->span,
                                    "this expression is nested too deeply (128 levels at most): split the policy");
    }
    reader->depth++;
    return 0;
}

static int write_value(struct est_reader *reader, const struct est_node *node) {
    if (enter(reader, node) != 0) return -1;
    int status = write_value_of_kind(reader, node);
    reader->depth--;
    return status;
}

/* ---- Expressions --------------------------------------------------------------------------------------------- */

static int write_list(struct est_reader *reader, const struct est_node *first) {
    for (const struct est_node *item = first; item != NULL; item = item->next) {
        if (item != first) put(reader, ", ");
        if (write_expression(reader, item, BIND_ANY) != 0) return -1;
    }
    return 0;
}

struct chain_row {
    const char *key;
    enum binding binding;
};

static const struct chain_row chains[] = {{"||", BIND_OR}, {"&&", BIND_AND}, {"+", BIND_SUM}, {"-", BIND_SUM},
                                          {"*", BIND_PRODUCT}};

/* The row of `{"<op>": {...}}` with one member, or NULL. */
static const struct chain_row *find_chain(const struct est_node *node) {
    if (node->kind != JSON_TOKEN_BEGIN_OBJECT || node->count != 1) return NULL;
    for (size_t i = 0; i < LENGTH_OF(chains); i++) {
        if (str_equal_cstr(node->first->key, chains[i].key)) return &chains[i];
    }
    return NULL;
}

/* Goes down the left sides of one level, then writes on the way back up. */
static int write_chain(struct est_reader *reader, const struct est_node *node, enum binding binding) {
    const struct est_node *left = node;
    for (const struct chain_row *row = find_chain(left); row != NULL && row->binding == binding;
         row = find_chain(left)) {
        left = part(reader, left->first, "left");
        if (left == NULL) return -1;
    }
    if (write_expression(reader, left, binding + 1) != 0) return -1;
    while (left != node) {
        const struct est_node *operator= left->parent;
        const struct est_node *right = part(reader, operator, "right");
        if (right == NULL) return -1;
        if (operator->count != 2) return refuse(reader, operator, "an operator has `left` and `right`, nothing else");
        buffer_append_format(reader->out, " %.*s ", STR_ARGS(operator->key));
        if (write_expression(reader, right, binding + 1) != 0) return -1;
        left = operator->parent;
    }
    return 0;
}

static int write_relation(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *left = part(reader, body, "left"), *right = part(reader, body, "right");
    if (left == NULL || right == NULL || write_expression(reader, left, binding + 1) != 0) return -1;
    buffer_append_format(reader->out, " %.*s ", STR_ARGS(body->key));
    return write_expression(reader, right, binding + 1);
}

static bool is_number(const struct est_node *node) {
    const struct est_node *value = node->kind == JSON_TOKEN_BEGIN_OBJECT && node->count == 1 ? node->first : NULL;
    return value != NULL && str_equal_cstr(value->key, "Value") && value->kind == JSON_TOKEN_NUMBER;
}

/* A number behind `-` would become one literal with it: `-(1)` stays what it is. */
static int write_sign(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *argument = part(reader, body, "arg");
    bool is_negation = str_equal_cstr(body->key, "neg");
    if (argument == NULL) return -1;
    put(reader, is_negation ? "-" : "!");
    bool needs_parens = is_negation && is_number(argument);
    if (needs_parens) put(reader, "(");
    if (write_expression(reader, argument, needs_parens ? BIND_ANY : binding + 1) != 0) return -1;
    if (needs_parens) put(reader, ")");
    return 0;
}

static int write_attribute(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *left = part(reader, body, "left"), *name = member(reader, body, "attr", JSON_TOKEN_STRING);
    if (left == NULL || name == NULL || write_expression(reader, left, binding) != 0) return -1;
    bool is_plain = is_name(name->text) && !cedar_is_reserved(name->text);
    put(reader, is_plain ? "." : "[");
    if (is_plain) buffer_append_str(reader->out, name->text);
    else cedar_escape(name->text, reader->out);
    if (!is_plain) put(reader, "]");
    return 0;
}

static int write_has(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *left = part(reader, body, "left"), *names = part(reader, body, "attr");
    if (left == NULL || names == NULL || write_expression(reader, left, binding + 1) != 0) return -1;
    bool is_list = names->kind == JSON_TOKEN_BEGIN_ARRAY;
    if (!is_list && names->kind != JSON_TOKEN_STRING) return refuse(reader, names, "`attr` is a string or an array");
    if (is_list && names->count == 0) return refuse(reader, names, "this needs at least one attribute");
    put(reader, " has ");
    for (const struct est_node *name = is_list ? names->first : names; name != NULL; name = name->next) {
        if (name->kind != JSON_TOKEN_STRING) return refuse(reader, name, "attributes are strings");
        bool is_plain = is_name(name->text) && !cedar_is_reserved(name->text), is_only = !is_list || names->count == 1;
        if (!is_plain && !is_only) return refuse(reader, name, "a path of attributes is made of plain names only");
        if (is_list && name != names->first) put(reader, ".");
        if (is_plain) buffer_append_str(reader->out, name->text);
        else cedar_escape(name->text, reader->out);
        if (!is_list) break;
    }
    return 0;
}

/* The literal part of a pattern: stars in it are escaped. */
static void write_pattern_text(struct est_reader *reader, struct str text) {
    for (size_t start = 0;;) {
        size_t star = str_find_byte(str_slice(text, start, text.length), '*');
        size_t end = star == STR_NOT_FOUND ? text.length : start + star;
        struct buffer escaped;
        buffer_init(&escaped, CEDAR_TEXT_BYTES_MAX);
        cedar_escape(str_slice(text, start, end), &escaped);
        struct str quoted = buffer_view(&escaped);
        if (buffer_failed(&escaped)) reader->out->is_failed = true;
        else buffer_append_str(reader->out, str_slice(quoted, 1, quoted.length - 1));
        buffer_free(&escaped);
        if (star == STR_NOT_FOUND) return;
        put(reader, "\\*");
        start = end + 1;
    }
}

static int write_like(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *left = part(reader, body, "left");
    const struct est_node *pattern = member(reader, body, "pattern", JSON_TOKEN_BEGIN_ARRAY);
    if (left == NULL || pattern == NULL || write_expression(reader, left, binding + 1) != 0) return -1;
    put(reader, " like \"");
    for (const struct est_node *piece = pattern->first; piece != NULL; piece = piece->next) {
        if (piece->kind == JSON_TOKEN_STRING && str_equal_cstr(piece->text, "Wildcard")) {
            put(reader, "*");
            continue;
        }
        const struct est_node *literal = member(reader, piece, "Literal", JSON_TOKEN_STRING);
        if (literal == NULL || check_members(reader, piece, "Literal") != 0) return -1;
        write_pattern_text(reader, literal->text);
    }
    put(reader, "\"");
    return 0;
}

static int write_is(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct est_node *left = part(reader, body, "left"), *type = part(reader, body, "entity_type");
    if (left == NULL || type == NULL || write_expression(reader, left, binding + 1) != 0) return -1;
    put(reader, " is ");
    if (write_path(reader, type) != 0) return -1;
    const struct est_node *container = optional_part(body, "in");
    if (container == NULL) return 0;
    put(reader, " in ");
    return write_expression(reader, container, binding + 1);
}

static int write_if(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    static const char *const words[3] = {"if", "then", "else"};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        const struct est_node *node = part(reader, body, words[i]);
        if (node == NULL) return -1;
        buffer_append_format(reader->out, "%s%s ", i > 0 ? " " : "", words[i]);
        if (write_expression(reader, node, binding) != 0) return -1;
    }
    return 0;
}

static int write_set(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    (void)binding;
    if (body->kind != JSON_TOKEN_BEGIN_ARRAY) return refuse(reader, body, "a set is an array of expressions");
    put(reader, "[");
    if (write_list(reader, body->first) != 0) return -1;
    put(reader, "]");
    return 0;
}

static int write_record(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    (void)binding;
    if (body->kind != JSON_TOKEN_BEGIN_OBJECT) return refuse(reader, body, "a record is an object of expressions");
    put(reader, "{");
    for (const struct est_node *field = body->first; field != NULL; field = field->next) {
        if (field != body->first) put(reader, ", ");
        cedar_escape(field->key, reader->out);
        put(reader, ": ");
        if (write_expression(reader, field, BIND_ANY) != 0) return -1;
    }
    put(reader, "}");
    return 0;
}

static int write_variable(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    static const char *const names[] = {"principal", "action", "resource", "context"};
    (void)binding;
    for (size_t i = 0; body->kind == JSON_TOKEN_STRING && i < LENGTH_OF(names); i++) {
        if (!str_equal_cstr(body->text, names[i])) continue;
        put(reader, names[i]);
        return 0;
    }
    return refuse(reader, body, "the variables are principal, action, resource and context");
}

static int write_literal(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    (void)binding;
    return write_value(reader, body);
}

static int refuse_slot(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    (void)binding;
    return cedar_problem_set_at(reader->problem, CEDAR_BAD_SLOT, reader->json, body->span,
                                "a slot may stand only in the scope: write the variable");
}

/* Calls: core methods have named arguments, extension functions an array with the receiver first. */
static int write_call(struct est_reader *reader, const struct est_node *body, enum binding binding) {
    const struct cedar_function_row *row = &cedar_functions[cedar_function_find(body->key)];
    const struct est_node *first, *rest = NULL;
    if (row->is_core) {
        if (check_members(reader, body, row->argument_count == 0 ? "arg" : "left right") != 0) return -1;
        first = part(reader, body, row->argument_count == 0 ? "arg" : "left");
        if (first == NULL) return -1;
        if (row->argument_count > 0 && (rest = part(reader, body, "right")) == NULL) return -1;
    } else if (body->kind != JSON_TOKEN_BEGIN_ARRAY || (row->is_method && body->count == 0)) {
        return refuse(reader, body, "an extension function has an array of arguments, of a method the value first");
    } else {
        first = body->first;
        rest = row->is_method ? first->next : first;
    }
    if (row->is_method) {
        if (write_expression(reader, first, binding) != 0) return -1;
        put(reader, ".");
    }
    put(reader, row->name);
    put(reader, "(");
    if (row->is_core && rest != NULL && write_expression(reader, rest, BIND_ANY) != 0) return -1;
    if (!row->is_core && write_list(reader, rest) != 0) return -1;
    put(reader, ")");
    return 0;
}

struct expression_row {
    const char *key;
    enum binding binding; /* how tightly it binds; operands may bind tighter */
    int (*write)(struct est_reader *reader, const struct est_node *body, enum binding binding);
    const char *members; /* that its object may have; NULL: it is no object, or one with members of any name */
};

static const struct expression_row expressions[] = {
    {"==", BIND_RELATION, write_relation, "left right"},
    {"!=", BIND_RELATION, write_relation, "left right"},
    {"<", BIND_RELATION, write_relation, "left right"},
    {"<=", BIND_RELATION, write_relation, "left right"},
    {">", BIND_RELATION, write_relation, "left right"},
    {">=", BIND_RELATION, write_relation, "left right"},
    {"in", BIND_RELATION, write_relation, "left right"},
    {"has", BIND_RELATION, write_has, "left attr"},
    {"like", BIND_RELATION, write_like, "left pattern"},
    {"is", BIND_RELATION, write_is, "left entity_type in"},
    {"!", BIND_UNARY, write_sign, "arg"},
    {"neg", BIND_UNARY, write_sign, "arg"},
    {".", BIND_MEMBER, write_attribute, "left attr"},
    {"if-then-else", BIND_ANY, write_if, "if then else"},
    {"Set", BIND_MEMBER, write_set, NULL},
    {"Record", BIND_MEMBER, write_record, NULL},
    {"Var", BIND_MEMBER, write_variable, NULL},
    {"Value", BIND_MEMBER, write_literal, NULL},
    {"Slot", BIND_MEMBER, refuse_slot, NULL},
};

static const struct expression_row call_row = {NULL, BIND_MEMBER, write_call, NULL};

static const struct expression_row *find_row(struct str key) {
    for (size_t i = 0; i < LENGTH_OF(expressions); i++) {
        if (str_equal_cstr(key, expressions[i].key)) return &expressions[i];
    }
    return cedar_function_find(key) != CEDAR_FUNCTION_NONE ? &call_row : NULL;
}

static bool is_negative(const struct est_node *node) {
    return is_number(node) && node->first->text.data[0] == '-';
}

static int write_in_parens(struct est_reader *reader, const struct est_node *node, enum binding wanted) {
    if (node->kind != JSON_TOKEN_BEGIN_OBJECT || node->count != 1) {
        return refuse(reader, node, "an expression is an object with one member: the operator");
    }
    const struct chain_row *chain = find_chain(node);
    const struct expression_row *row = chain == NULL ? find_row(node->first->key) : NULL;
    if (chain == NULL && row == NULL) return refuse(reader, node, "there is no operator or function of this name");
    if (row != NULL && row->members != NULL && check_members(reader, node->first, row->members) != 0) return -1;
    enum binding binding = chain != NULL ? chain->binding : is_negative(node) ? BIND_UNARY : row->binding;
    if (binding < wanted) put(reader, "(");
    int status = chain != NULL ? write_chain(reader, node, binding) : row->write(reader, node->first, binding);
    if (binding < wanted) put(reader, ")");
    return status;
}

static int write_expression(struct est_reader *reader, const struct est_node *node, enum binding wanted) {
    if (enter(reader, node) != 0) return -1;
    int status = write_in_parens(reader, node, wanted);
    reader->depth--;
    return status;
}

/* ---- Statements ---------------------------------------------------------------------------------------------- */

/* An entity, or the slot of this variable. */
static int write_target(struct est_reader *reader, const struct est_node *node, const char *variable) {
    const struct est_node *slot = est_tree_find(node, "slot");
    if (slot == NULL || est_tree_find(node, "entity") != NULL) {
        const struct est_node *entity = part(reader, node, "entity");
        return entity != NULL ? write_uid(reader, entity) : -1;
    }
    struct str name = slot->kind == JSON_TOKEN_STRING ? slot->text : STR("");
    if (!str_starts_with(name, STR("?")) || !str_equal_cstr(str_slice(name, 1, name.length), variable)) {
        return cedar_problem_set_at(reader->problem, CEDAR_BAD_SLOT, reader->json, slot->span,
                                    "the only slot that may stand here is ?%s", variable);
    }
    buffer_append_str(reader->out, name);
    return 0;
}

static int write_entities(struct est_reader *reader, const struct est_node *entities) {
    if (entities->kind != JSON_TOKEN_BEGIN_ARRAY) return refuse(reader, entities, "`entities` is an array");
    put(reader, "[");
    for (const struct est_node *entity = entities->first; entity != NULL; entity = entity->next) {
        if (entity != entities->first) put(reader, ", ");
        if (write_uid(reader, entity) != 0) return -1;
    }
    put(reader, "]");
    return 0;
}

static int write_scope_is(struct est_reader *reader, const struct est_node *scope, const char *variable) {
    const struct est_node *type = part(reader, scope, "entity_type"), *container = optional_part(scope, "in");
    if (check_members(reader, scope, "op entity_type in") != 0) return -1;
    put(reader, " is ");
    if (type == NULL || write_path(reader, type) != 0) return -1;
    if (container == NULL) return 0;
    put(reader, " in ");
    return write_target(reader, container, variable);
}

static int write_scope(struct est_reader *reader, const struct est_node *policy, const char *variable) {
    const struct est_node *scope = part(reader, policy, variable);
    const struct est_node *operator= scope != NULL ? member(reader, scope, "op", JSON_TOKEN_STRING) : NULL;
    if (operator== NULL) return -1;
    put(reader, variable);
    if (str_equal_cstr(operator->text, "All") || str_equal_cstr(operator->text, "all")) return 0;
    if (str_equal_cstr(operator->text, "is")) return write_scope_is(reader, scope, variable);
    bool is_in = str_equal_cstr(operator->text, "in");
    if (!is_in && !str_equal_cstr(operator->text, "==")) {
        return refuse(reader, operator, "the operators of a scope are All, ==, in and is");
    }
    put(reader, is_in ? " in " : " == ");
    const struct est_node *entities = est_tree_find(scope, "entities");
    if (is_in && entities != NULL) return write_entities(reader, entities);
    return write_target(reader, scope, variable);
}

static int write_annotations(struct est_reader *reader, const struct est_node *policy) {
    const struct est_node *annotations = est_tree_find(policy, "annotations");
    if (annotations == NULL) return 0;
    if (annotations->kind != JSON_TOKEN_BEGIN_OBJECT) {
        return refuse(reader, annotations, "`annotations` is an object of strings");
    }
    for (const struct est_node *node = annotations->first; node != NULL; node = node->next) {
        if (!is_name(node->key)) return refuse(reader, node, "an annotation has a plain name");
        buffer_append_format(reader->out, "@%.*s", STR_ARGS(node->key));
        if (node->kind == JSON_TOKEN_STRING) {
            put(reader, "(");
            cedar_escape(node->text, reader->out);
            put(reader, ")");
        } else if (node->kind != JSON_TOKEN_NULL) {
            return refuse(reader, node, "an annotation is a string, or null without a value");
        }
        put(reader, "\n");
    }
    return 0;
}

static int write_conditions(struct est_reader *reader, const struct est_node *policy) {
    const struct est_node *conditions = member(reader, policy, "conditions", JSON_TOKEN_BEGIN_ARRAY);
    if (conditions == NULL) return -1;
    for (const struct est_node *node = conditions->first; node != NULL; node = node->next) {
        if (check_members(reader, node, "kind body") != 0) return -1;
        const struct est_node *kind = member(reader, node, "kind", JSON_TOKEN_STRING);
        const struct est_node *body = kind != NULL ? part(reader, node, "body") : NULL;
        if (body == NULL) return -1;
        if (!str_equal_cstr(kind->text, "when") && !str_equal_cstr(kind->text, "unless")) {
            return refuse(reader, kind, "conditions are `when` or `unless`");
        }
        buffer_append_format(reader->out, "\n%.*s { ", STR_ARGS(kind->text));
        if (write_expression(reader, body, BIND_ANY) != 0) return -1;
        put(reader, " }");
    }
    return 0;
}

static int write_policy(struct est_reader *reader, const struct est_node *policy) {
    if (check_members(reader, policy, "effect principal action resource conditions annotations") != 0) return -1;
    const struct est_node *effect = member(reader, policy, "effect", JSON_TOKEN_STRING);
    if (effect == NULL || write_annotations(reader, policy) != 0) return -1;
    if (!str_equal_cstr(effect->text, "permit") && !str_equal_cstr(effect->text, "forbid")) {
        return refuse(reader, effect, "the effect is `permit` or `forbid`");
    }
    buffer_append_format(reader->out, "%.*s(", STR_ARGS(effect->text));
    if (write_scope(reader, policy, "principal") != 0) return -1;
    put(reader, ", ");
    if (write_scope(reader, policy, "action") != 0) return -1;
    put(reader, ", ");
    if (write_scope(reader, policy, "resource") != 0) return -1;
    put(reader, ")");
    if (write_conditions(reader, policy) != 0) return -1;
    put(reader, ";");
    return 0;
}

int est_node_to_text(struct str json, const struct est_node *policy, struct buffer *out,
                     struct cedar_problem *problem) {
    struct est_reader reader = {.json = json, .out = out, .problem = problem};
    if (write_policy(&reader, policy) != 0) return -1;
    return buffer_failed(out) ? cedar_problem_set_memory(problem) : 0;
}
