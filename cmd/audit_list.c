/* sworn audit list and show: the index asked, and one action from the log itself. */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/audit.h"
#include "cmd/output.h"
#include "detect/classes.h"
#include "ledger/reader.h"
#include "ledger/seal.h"

#define LIMIT_DEFAULT "1000"
#define DAY_CHARACTERS 10 /* 2026-11-22 */
#define TEXT_MAX_BYTES ((size_t)64 << 20)

/* ---- list --------------------------------------------------------------------------------------------------------- */

struct list_filter {
    const char *since;
    const char *until;
    const char *principal;
    const char *resource;
    const char *decision;
    const char *class;
    const char *limit;
};

static const char list_columns[] =
    "SELECT time, action, principal, on_behalf_of, upstream, coalesce(statement, verbs), resources, "
    "CASE WHEN verdict = 'allow' AND held IS NOT NULL THEN 'allow (approved)' "
    "WHEN verdict = 'deny' AND held IN ('denied', 'expired', 'cancelled', 'interrupted') THEN held ELSE verdict END, "
    "policies, approvers, masked, "
    "CASE WHEN reveals_all AND revealed IS NULL AND rows > 0 THEN 'not counted' ELSE revealed END, status, rows, held, "
    "masked_request, revealed_request, model, tokens_in, tokens_out, tools, within, "
    "held_by, denier, coalesce(tokens_in, '-') || '/' || coalesce(tokens_out, '-'), "
    "CASE WHEN held_by IS NULL THEN policies WHEN policies = held_by THEN held_by "
    "ELSE policies || ' (held by ' || held_by || ')' END FROM actions WHERE 1=1";

static const char *const list_names[] = {"time",     "action",    "principal", "on_behalf_of", "upstream",
                                         "what",     "resources", "decision",  "policies",     "approved_by",
                                         "masked",   "revealed",  "status",    "rows",         "held",
                                         "masked_request", "revealed_request", "model", "tokens_in", "tokens_out", "tools",
                                         "within",   "held_by",   "denied_by"};
#define TOKENS_COLUMN ((int)LENGTH_OF(list_names)) /* "<in>/<out>", for the table */
#define DENIER_COLUMN (TOKENS_COLUMN - 1)
#define POLICY_COLUMN (TOKENS_COLUMN + 1)          /* with what held it */

#define PARAMETERS_MAX 16

/* Builds the query, or one that only counts what it would give; the n-th '?' is bound to parameters[n]. */
static void build_query(const struct list_filter *filter, bool counts, struct buffer *sql,
                        const char *parameters[PARAMETERS_MAX], int *count) {
    static const char newest_first[] = " ORDER BY time DESC, action DESC LIMIT ?";
    struct {
        const char *value;
        const char *condition;
    } const conditions[] = {
        {filter->since, " AND time >= ?"},
        {filter->until, " AND time < ?"},
        {filter->principal, " AND (principal = ? OR on_behalf_of = ?)"},
        {filter->resource, " AND instr(resources, ?) > 0"},
        {filter->decision, " AND ? = CASE WHEN verdict = 'deny' AND held IN ('denied', 'expired', 'cancelled', "
                           "'interrupted') THEN held WHEN ? = 'approved' AND verdict = 'allow' THEN held ELSE verdict END"},
        {filter->class, " AND (instr(' ' || coalesce(classes,'') || ' ' || coalesce(masked,'') || ' ' || "
                        "coalesce(revealed,'') || ' ' || coalesce(masked_request,'') || ' ' || "
                        "coalesce(revealed_request,''), ' ' || ? || ' ') > 0 "
                        "OR (reveals_all AND revealed IS NULL AND rows > 0))"},
    };
    *count = 0;
    buffer_append_cstr(sql, counts ? "SELECT count(*) FROM (" : "SELECT * FROM (");
    buffer_append_cstr(sql, list_columns);
    for (size_t i = 0; i < LENGTH_OF(conditions); i++) {
        if (conditions[i].value == NULL) continue;
        buffer_append_cstr(sql, conditions[i].condition);
        for (const char *at = conditions[i].condition; (at = strchr(at, '?')) != NULL; at++) {
            parameters[(*count)++] = conditions[i].value;
        }
    }
    if (!counts) {
        buffer_append_cstr(sql, newest_first);
        parameters[(*count)++] = filter->limit != NULL ? filter->limit : LIMIT_DEFAULT;
    }
    buffer_append_cstr(sql, counts ? ")" : ") ORDER BY time, action");
    buffer_append_byte(sql, 0);
}

static struct str column_text(sqlite3_stmt *statement, int column) {
    const void *text = sqlite3_column_text(statement, column);
    return text != NULL ? str_make(text, (size_t)sqlite3_column_bytes(statement, column)) : STR("-");
}

static void print_rows(sqlite3_stmt *statement) {
    static const struct {
        const char *heading;
        int column;
    } shown[] = {{"TIME", 0},   {"WHO", 2},          {"FOR", 3},     {"WHAT", 5},   {"ON", 6},    {"DECISION", 7},
                 {"POLICY", POLICY_COLUMN}, {"APPROVED BY", 9}, {"DENIED BY", DENIER_COLUMN},
                 {"MASKED", 10}, {"IN REQUEST", 15}, {"STATUS", 12}, {"ROWS", 13},
                 {"TOKENS", TOKENS_COLUMN}, {"ACTION", 1}};
    struct table table;
    table_init(&table, LENGTH_OF(shown), 48);
    for (size_t i = 0; i < LENGTH_OF(shown); i++) table_add(&table, str_from_cstr(shown[i].heading));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        for (size_t i = 0; i < LENGTH_OF(shown); i++) {
            struct str cell = column_text(statement, shown[i].column);
            table_add(&table, i == 0 ? str_slice(cell, 0, 19) : cell);
        }
    }
    table_print(&table, stdout);
}

static void print_rows_json(sqlite3_stmt *statement) {
    while (sqlite3_step(statement) == SQLITE_ROW) {
        json_t *row = json_object();
        for (int i = 0; i < (int)LENGTH_OF(list_names); i++) {
            if (sqlite3_column_type(statement, i) == SQLITE_INTEGER) {
                json_object_set_new(row, list_names[i], json_integer(sqlite3_column_int64(statement, i)));
            } else if (sqlite3_column_type(statement, i) == SQLITE_TEXT) {
                struct str text = column_text(statement, i);
                json_object_set_new(row, list_names[i], json_stringn(text.data, text.length));
            }
        }
        json_dumpf(row, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(row);
    }
}

static int run_query(struct audit_index *index, const struct list_filter *filter, bool counts, sqlite3_stmt **statement,
                     struct error *error) {
    struct buffer sql;
    const char *parameters[PARAMETERS_MAX];
    int count;
    buffer_init(&sql, 1 << 16);
    build_query(filter, counts, &sql, parameters, &count);
    int result = sqlite3_prepare_v2(audit_index_database(index), buffer_view(&sql).data, -1, statement, NULL);
    buffer_free(&sql);
    if (result != SQLITE_OK) {
        return error_set(error, ERROR_SYSTEM, "the query index: %s", sqlite3_errmsg(audit_index_database(index)));
    }
    for (int i = 0; i < count; i++) {
        bool is_limit = !counts && i == count - 1;
        if (is_limit) sqlite3_bind_int64(*statement, i + 1, strtoll(parameters[i], NULL, 10));
        else sqlite3_bind_text(*statement, i + 1, parameters[i], -1, SQLITE_STATIC);
    }
    return 0;
}

/* A list that was cut looks like a whole one, unless it says so. */
static int tell_cut(struct audit_index *index, const struct list_filter *filter, struct error *error) {
    sqlite3_stmt *statement;
    int64_t limit = strtoll(filter->limit != NULL ? filter->limit : LIMIT_DEFAULT, NULL, 10);
    if (run_query(index, filter, true, &statement, error) != 0) return -1;
    int64_t all = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    if (all > limit) {
        fprintf(stderr, "sworn: these are the newest %" PRId64 " of %" PRId64 " actions; --limit shows more\n", limit, all);
    }
    return 0;
}

static int list(struct audit_index *index, const struct list_filter *filter, bool as_json, struct error *error) {
    sqlite3_stmt *statement;
    if (run_query(index, filter, false, &statement, error) != 0) return -1;
    if (as_json) print_rows_json(statement);
    else print_rows(statement);
    sqlite3_finalize(statement);
    return tell_cut(index, filter, error);
}

/* ---- What was asked for ------------------------------------------------------------------------------------------- */

/* "7d", "12h", "30m", "2w": that long ago. */
static bool parse_ago(const char *text, int64_t *real_us) {
    static const struct { char unit; int64_t seconds; } units[] = {{'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    struct str word = str_from_cstr(text);
    uint64_t count;
    if (word.length < 2 || word.length > 8 || str_parse_u64(str_slice(word, 0, word.length - 1), &count) != 0) return false;
    for (size_t i = 0; i < LENGTH_OF(units); i++) {
        if (word.data[word.length - 1] != units[i].unit) continue;
        *real_us = clock_real_us() - (int64_t)count * units[i].seconds * 1000000;
        return true;
    }
    return false;
}

/* Times are compared as text: bring them to the form that entries have. A day that is an end is one to its end. */
static int normalise_time(const char **time, bool is_end, char text[CLOCK_RFC3339_BYTES]) {
    int64_t real_us;
    if (*time == NULL) return 0;
    if (!parse_ago(*time, &real_us)) {
        if (clock_parse_rfc3339(str_from_cstr(*time), &real_us) != 0) {
            return command_fail(COMMAND_USAGE, "\"%s\" is not a time: 2026-11-22, 2026-11-22T02:14:00Z, or 7d ago", *time);
        }
        if (is_end && strlen(*time) == DAY_CHARACTERS) real_us += (int64_t)86400 * 1000000;
    }
    *time = clock_format_rfc3339(real_us, text).data;
    return 0;
}

/* A typing error must not look like "nothing of that kind". */
static int check_words(const struct list_filter *filter) {
    static const char *const decisions[] = {"allow",   "deny",      "hold",       "approved",
                                            "denied",  "expired",   "cancelled",  "interrupted"};
    size_t i = 0;
    while (filter->decision != NULL && i < LENGTH_OF(decisions) && strcmp(filter->decision, decisions[i]) != 0) i++;
    if (i == LENGTH_OF(decisions)) {
        return command_fail(COMMAND_USAGE, "--decision %s: one of allow, deny, hold, approved, denied, expired, cancelled, "
                            "interrupted", filter->decision);
    }
    if (filter->class != NULL && class_from_name(str_from_cstr(filter->class)) == CLASS_NONE) {
        return command_fail(COMMAND_USAGE, "--class %s: there is no such data class (doc/detection.md)",
                            filter->class);
    }
    return 0;
}

/* Neither the log nor the configuration has the name. */
static bool is_unknown_principal(const struct audit_place *place, struct audit_index *index, const char *name) {
    sqlite3_stmt *statement;
    bool is_known = false;
    if (name == NULL) return false;
    for (size_t i = 0; place->config != NULL && i < place->config->principal_count; i++) {
        is_known = is_known || str_equal_cstr(place->config->principals[i].name, name);
    }
    if (sqlite3_prepare_v2(audit_index_database(index), "SELECT 1 FROM sessions WHERE principal = ?1 OR on_behalf_of = ?1 "
                           "LIMIT 1", -1, &statement, NULL) != SQLITE_OK) {
        return false;
    }
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    is_known = is_known || sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return !is_known;
}

int audit_list(int argc, char **argv) {
    struct list_filter filter = {0};
    const char *config = NULL;
    const char *evidence = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        {"--since", "TIME", "from this time on (2026-11-22, with a time and zone, or 7d)", &filter.since, NULL},
        {"--until", "TIME", "up to this time; a day is included", &filter.until, NULL},
        {"--principal", "NAME", "of this principal, or on behalf of it", &filter.principal, NULL},
        {"--resource", "TEXT", "whose resources hold this text", &filter.resource, NULL},
        {"--decision", "WORD", "allow, deny, hold, approved, denied, expired, cancelled, interrupted", &filter.decision,
         NULL},
        {"--class", "NAME", "with this data class found, masked or revealed (or not counted)", &filter.class, NULL},
        {"--limit", "N", "the newest N (default 1000)", &filter.limit, NULL},
        AUDIT_OPTION_EVIDENCE(&evidence), COMMAND_OPTION_CONFIG(&config),
        {"--json", NULL, "print one JSON object a line", NULL, &as_json}};
    const struct command_usage usage = {
        "audit list", "", "Lists actions from the evidence, oldest first.", options, LENGTH_OF(options), 0, 0};
    int count;
    char since[CLOCK_RFC3339_BYTES];
    char until[CLOCK_RFC3339_BYTES];
    uint64_t limit;
    struct audit_place place;
    struct audit_index *index = NULL;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (normalise_time(&filter.since, false, since) != 0 || normalise_time(&filter.until, true, until) != 0 ||
        check_words(&filter) != 0) {
        return COMMAND_USAGE;
    }
    if (filter.limit != NULL && str_parse_u64(str_from_cstr(filter.limit), &limit) != 0) {
        return command_fail(COMMAND_USAGE, "--limit %s: a number is needed", filter.limit);
    }
    status = audit_place_open(&place, evidence, config);
    if (status != COMMAND_OK) return status;
    if (audit_place_index(&place, false, &index, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    } else if (is_unknown_principal(&place, index, filter.principal)) {
        status = command_fail(COMMAND_USAGE, "--principal %s: neither the log nor the configuration has that name",
                              filter.principal);
    } else if (list(index, &filter, as_json, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    }
    audit_index_close(&index);
    audit_place_close(&place);
    return status;
}

/* ---- show --------------------------------------------------------------------------------------------------------- */

/* One sealed payload of an event, where the keys are at hand; says so when they are not. */
static void print_member(const struct audit_place *place, const json_t *event, const char *name) {
    struct error error;
    struct secret key = {0};
    struct seal_commitment commitment;
    const json_t *sealed = json_object_get(event, name);
    char *json = json_is_object(sealed) ? json_dumps(sealed, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    struct buffer text;
    buffer_init(&text, TEXT_MAX_BYTES);
    if (json != NULL && place->config != NULL) {
        const struct config_ledger *ledger = &place->config->ledger;
        if (seal_kek_load(ledger->sealed_key.data, false, &key, &error) == 0 &&
            seal_commitment_parse(str_from_cstr(json), &commitment, &error) == 0 &&
            seal_open(ledger->sealed.data, secret_view(&key), &commitment, &text, &error) == 0) {
            printf("  %s, as committed to:\n    %.*s\n", name, (int)buffer_length(&text), buffer_view(&text).data);
        } else {
            printf("  %s: %s\n", name, error.text);
        }
    }
    secret_wipe(&key);
    buffer_free(&text);
    free(json);
}

static void print_sealed(const struct audit_place *place, const json_t *event) {
    static const char *const members[] = {"text", "details", "view", "reason"};
    for (size_t i = 0; i < LENGTH_OF(members); i++) print_member(place, event, members[i]);
}

static void print_entry(const struct audit_place *place, const struct ledger_entry *entry, bool as_json) {
    if (as_json) {
        output_be_exact(); /* what is hashed is these bytes */
        printf("%.*s\n", (int)entry->text.length, entry->text.data);
        return;
    }
    json_t *event = json_loadb(entry->event.data, entry->event.length, 0, NULL);
    char *pretty = json_dumps(event, JSON_INDENT(2) | JSON_SORT_KEYS);
    printf("entry %" PRIu64 ", %.*s, %.*s\n%s\n", entry->index, STR_ARGS(entry->time), STR_ARGS(entry->summary.type),
           pretty != NULL ? pretty : "");
    print_sealed(place, event);
    printf("\n");
    free(pretty);
    json_decref(event);
}

static int show(struct audit_place *place, struct audit_index *index, const char *action, bool as_json,
                struct error *error) {
    struct ledger_reader *reader;
    sqlite3_stmt *statement;
    size_t shown = 0;
    int result = 0;
    if (ledger_reader_open(&reader, place->folder, STR_NONE, error) != 0) return -1;
    sqlite3_prepare_v2(audit_index_database(index), "SELECT number FROM entries WHERE action = ? ORDER BY number", -1,
                       &statement, NULL);
    sqlite3_bind_text(statement, 1, action, -1, SQLITE_STATIC);
    while (result == 0 && sqlite3_step(statement) == SQLITE_ROW) {
        struct ledger_entry entry;
        result = ledger_reader_get(reader, (uint64_t)sqlite3_column_int64(statement, 0), &entry, error) < 0 ? -1 : 0;
        if (result == 0) print_entry(place, &entry, as_json);
        shown++;
    }
    sqlite3_finalize(statement);
    ledger_reader_free(&reader);
    if (result == 0 && shown == 0) {
        return error_set(error, ERROR_NOT_FOUND, "no action \"%s\" in %s: see `sworn audit list`", action, place->folder);
    }
    return result;
}

int audit_show(int argc, char **argv) {
    const char *config = NULL;
    const char *evidence = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        AUDIT_OPTION_EVIDENCE(&evidence), COMMAND_OPTION_CONFIG(&config),
        {"--json", NULL, "print the entries as they stand in the log", NULL, &as_json}};
    const struct command_usage usage = {
        "audit show", "ACTION",
        "Shows every entry of one action, and its sealed text where the configuration's key opens it.", options,
        LENGTH_OF(options), 1, 1};
    int count;
    struct audit_place place;
    struct audit_index *index = NULL;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = audit_place_open(&place, evidence, config);
    if (status != COMMAND_OK) return status;
    if (audit_place_index(&place, false, &index, &error) != 0 || show(&place, index, argv[0], as_json, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    }
    audit_index_close(&index);
    audit_place_close(&place);
    return status;
}
