/* From text to analysis: what can be refused without parsing, the parser, and a statement at a time from there.
 *
 * libpg_query recurses and needs some MiB of stack: sql_on_worker_stack is the one place where it gets them. */
#include <pg_query.h>
#include <stdlib.h>

#include "wire/postgres/sql_builder.h"

#define SQL_ANALYSIS_MAGIC 0x5a1a1751u
#define SQL_ANALYSIS_BYTES_MAX ((size_t)512 * 1024 * 1024)
#define SQL_TREE_BYTES_MAX ((size_t)2048 * 1024 * 1024)

static void *take_from_arena(void *arena, size_t size_bytes) {
    return arena_alloc(arena, size_bytes);
}

static void leave_to_arena(void *arena, void *piece) {
    (void)arena;
    (void)piece;
}

const PgQuery__ParseResult *sql_parse(struct sql_builder *builder, struct str text, struct error *error) {
    size_t depth;
    if (sql_depth_bound(text.data, text.length, &depth, error) != 0) return NULL;
    if (depth > SQL_DEPTH_MAX) {
        error_set(error, ERROR_LIMIT, "the statement is nested too deeply to be read");
        return NULL;
    }
    ProtobufCAllocator allocator = {take_from_arena, leave_to_arena, builder->scratch};
    const PgQuery__ParseResult *tree = NULL;
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(text.data);
    if (parsed.error != NULL) {
        error_set(error, ERROR_INVALID, "%s", parsed.error->message);
    } else {
        tree = pg_query__parse_result__unpack(&allocator, parsed.parse_tree.len,
                                              (const uint8_t *)parsed.parse_tree.data);
        if (tree == NULL) error_set(error, ERROR_LIMIT, "the statement is too large to be read");
    }
    pg_query_free_protobuf_parse_result(parsed);
    return tree;
}

static struct str text_of(struct str text, const PgQuery__RawStmt *raw) {
    size_t start = raw->stmt_location > 0 ? (size_t)raw->stmt_location : 0;
    size_t end = raw->stmt_len > 0 ? start + (size_t)raw->stmt_len : text.length;
    return str_trim(str_slice(text, start, end));
}

bool sql_walk_text(struct sql_builder *builder, struct str text, bool is_own_part) {
    struct error error;
    if (builder->nesting == SQL_NESTING_MAX || text.data == NULL) return false;
    const PgQuery__ParseResult *tree = sql_parse(builder, text, &error);
    if (tree == NULL) return false;
    struct str outer = builder->text;
    builder->nesting++;
    for (size_t i = 0; i < tree->n_stmts; i++) {
        builder->text = text_of(text, tree->stmts[i]);
        builder->is_own_part = is_own_part;
        if (sql_is_statement(tree->stmts[i]->stmt)) sql_walk_statement(builder, tree->stmts[i]->stmt);
        else sql_add_unknown(builder, "it holds a statement of a kind that is not known");
    }
    builder->nesting--;
    builder->text = outer;
    return true;
}

static void build_statement(struct sql_builder *builder, const PgQuery__RawStmt *raw, struct str text,
                            struct sql_statement *statement) {
    struct sql_draft draft;
    builder->text = text_of(text, raw);
    sql_draft_begin(builder, &draft);
    draft.statement.text = builder->text;
    sql_build_statement(builder, raw->stmt);
    sql_draft_end(builder, &draft, statement);
}

static bool changes_session(const struct sql_statement *statement) {
    for (size_t i = 0; i < statement->effect_count; i++) {
        if (statement->effects[i].kind != SQL_EFFECT_NAMES_DATABASE) return true;
    }
    return false;
}

static int build_statements(struct sql_builder *builder, struct sql_analysis *analysis,
                            const PgQuery__ParseResult *tree) {
    struct sql_statement *statements = ARENA_NEW_ARRAY(builder->arena, struct sql_statement, tree->n_stmts + 1);
    if (statements == NULL) return -1;
    for (size_t i = 0; i < tree->n_stmts; i++) {
        build_statement(builder, tree->stmts[i], analysis->text, &statements[i]);
        if (builder->is_out_of_memory) return -1;
        analysis->changes_session |= changes_session(&statements[i]);
    }
    analysis->statements = statements;
    analysis->statement_count = tree->n_stmts;
    return 0;
}

/* One statement, unknown: what the text is when it cannot be read. */
static int set_unknown(struct sql_analysis *analysis, const char *reason) {
    struct sql_statement *statement = ARENA_NEW(&analysis->arena, struct sql_statement);
    struct sql_use *use = ARENA_NEW(&analysis->arena, struct sql_use);
    struct sql_part *part = ARENA_NEW(&analysis->arena, struct sql_part);
    struct str kept = arena_copy(&analysis->arena, str_from_cstr(reason));
    if (statement == NULL || use == NULL || part == NULL || kept.data == NULL) return -1;
    *use = (struct sql_use){.verb = SQL_UNKNOWN};
    *part = (struct sql_part){.kind = STR("unknown")};
    *statement = (struct sql_statement){
        .text = analysis->text,
        .kind = STR("unknown"),
        .unknown_reason = kept,
        .uses = use,
        .use_count = 1,
        .parts = part,
        .part_count = 1,
    };
    analysis->statements = statement;
    analysis->statement_count = 1;
    analysis->changes_session = false;
    return 0;
}

static const char *why_unreadable(struct str text) {
    if (text.length > SQL_TEXT_BYTES_MAX) return "the statement is too long to be read";
    if (str_find_byte(text, '\0') != STR_NOT_FOUND) return "the statement holds a NUL byte";
    if (sql_count_tokens(text) > SQL_TOKENS_MAX) return "the statement has too many words to be read";
    if (!utf8_is_valid(text)) return "the statement is not UTF-8";
    return NULL;
}

static int analyze_readable(struct sql_analysis *analysis, const struct sql_value *values, size_t value_count) {
    struct arena scratch;
    struct error error;
    arena_init(&scratch, SQL_TREE_BYTES_MAX);
    struct sql_builder builder = {
        .arena = &analysis->arena, .scratch = &scratch, .values = values, .value_count = value_count};
    const PgQuery__ParseResult *tree = sql_parse(&builder, analysis->text, &error);
    const char *reason = NULL;
    if (tree == NULL) {
        reason = error.text;
    } else if (build_statements(&builder, analysis, tree) != 0) {
        reason = "the statement is too large to be read";
        arena_reset(&scratch);
    }
    int result = reason != NULL ? set_unknown(analysis, reason) : 0;
    arena_free(&scratch);
    return result;
}

static bool is_ascii(struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        if ((uint8_t)text.data[i] >= 0x80) return false;
    }
    return true;
}

static int analyze(struct sql_analysis *analysis, struct str text, const struct sql_value *values, size_t value_count) {
    const char *reason = why_unreadable(text);
    analysis->is_ascii = text.length <= SQL_TEXT_BYTES_MAX && is_ascii(text);
    return reason != NULL ? set_unknown(analysis, reason) : analyze_readable(analysis, values, value_count);
}

struct analyze_call {
    struct sql_analysis *analysis;
    struct str text;
    const struct sql_value *values;
    size_t value_count;
    int result;
};

static void run_analyze(void *argument) {
    struct analyze_call *call = argument;
    call->result = analyze(call->analysis, call->text, call->values, call->value_count);
}

struct sql_analysis *sql_analysis_begin(struct str text, struct error *error) {
    struct sql_analysis *analysis = calloc(1, sizeof(*analysis));
    if (analysis == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    analysis->magic = SQL_ANALYSIS_MAGIC;
    analysis->reference_count = 1;
    arena_init(&analysis->arena, SQL_ANALYSIS_BYTES_MAX);
    bool is_kept = text.length <= SQL_TEXT_BYTES_MAX;
    analysis->text = arena_copy(&analysis->arena, is_kept ? text : str_slice(text, 0, 1024));
    if (analysis->text.data != NULL) return analysis;
    const struct sql_analysis *dropped = analysis;
    sql_analysis_release(&dropped);
    error_out_of_memory(error);
    return NULL;
}

static struct sql_analysis *new_analysis(struct str text, const struct sql_value *values, size_t value_count,
                                         struct error *error) {
    struct sql_analysis *analysis = sql_analysis_begin(text, error);
    if (analysis == NULL) return NULL;
    struct analyze_call call = {analysis, text, values, value_count, -1};
    sql_on_worker_stack(run_analyze, &call);
    if (call.result == 0) return analysis;
    error_out_of_memory(error);
    const struct sql_analysis *dropped = analysis;
    sql_analysis_release(&dropped);
    return NULL;
}

struct sql_analysis *sql_analysis_new(struct str text, struct error *error) {
    return new_analysis(text, NULL, 0, error);
}

const struct sql_analysis *sql_analyze_bound(const struct sql_analysis *analysis, const struct sql_value *values,
                                             size_t count, struct error *error) {
    CHECK_MAGIC(analysis, SQL_ANALYSIS_MAGIC);
    return new_analysis(analysis->text, values, count, error);
}

const struct sql_analysis *sql_analysis_hold(const struct sql_analysis *analysis) {
    CHECK_MAGIC(analysis, SQL_ANALYSIS_MAGIC);
    ((struct sql_analysis *)(uintptr_t)analysis)->reference_count++; /* the count is not part of what it says */
    return analysis;
}

void sql_analysis_release(const struct sql_analysis **held) {
    if (*held == NULL) return;
    CHECK_MAGIC(*held, SQL_ANALYSIS_MAGIC);
    struct sql_analysis *analysis = (struct sql_analysis *)(uintptr_t)*held;
    *held = NULL;
    if (--analysis->reference_count > 0) return;
    analysis->magic = 0;
    sql_analysis_release(&analysis->base);
    arena_free(&analysis->arena);
    free(analysis);
}

struct str sql_verb_name(enum sql_verb verb) {
    static const char *const names[SQL_VERB_COUNT] = {"sql:read",  "sql:write",   "sql:ddl",
                                                     "sql:admin", "sql:unknown", ACTION_VERB_RELEASE};
    CHECK(verb < SQL_VERB_COUNT);
    return str_from_cstr(names[verb]);
}

const char *sql_parser_version(void) {
    return PG_MAJORVERSION;
}

bool sql_is_newer_than_parser(struct str server_version) {
    uint64_t server;
    uint64_t parser;
    size_t length = 0;
    while (length < server_version.length && strchr("0123456789", server_version.data[length]) != NULL) length++;
    if (str_parse_u64(str_slice(server_version, 0, length), &server) != 0) return false;
    return str_parse_u64(STR(PG_MAJORVERSION), &parser) == 0 && server > parser;
}
