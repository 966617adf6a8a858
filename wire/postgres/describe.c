/* From SQL and parameters to an action: its steps, its digest, and the classes that its values hold. */
#include <stdlib.h>

#include "base/clock.h"
#include "run/fiber.h"
#include "wire/postgres/session.h"

#define DIGEST_DOMAIN "sworn/action/postgres/v1"
#define RUN_BYTES_MIN 3u /* shorter runs of text within binary data hold no value that a detector knows */

#define LITERALS_AT_ONCE 1000u /* inspected before others of the worker get their turn */

/* What parameters there are when there are none. */
static const struct sha256 no_parameters;

/* Every part is preceded by its length, so that no two actions share their bytes. */
static struct sha256 digest_of(const struct wire_session *session, struct str text, const struct sha256 *parameters) {
    const struct postgres_state *state = postgres_state(session);
    const struct wire_upstream *target = session->target;
    struct str parts[] = {STR(DIGEST_DOMAIN), target->environment, target->name, state->database, text,
                          str_make(parameters->bytes, sizeof(parameters->bytes))};
    uint64_t lengths[LENGTH_OF(parts)];
    struct str framed[2 * LENGTH_OF(parts)];
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        lengths[i] = __builtin_bswap64(parts[i].length);
        framed[2 * i] = str_make(&lengths[i], sizeof(lengths[i]));
        framed[2 * i + 1] = parts[i];
    }
    return sha256_of_parts(framed, LENGTH_OF(framed));
}

static int inspect_text(struct wire_session *session, const struct sql_analysis *analysis, struct action *action,
                        struct error *error) {
    for (size_t i = 0; i < analysis->statement_count; i++) {
        const struct sql_statement *statement = &analysis->statements[i];
        if (statement->unknown_reason.length > 0 && statement->literal_count == 0 &&
            session->gate->inspect(session, STR_NONE, MASK_TEXT, statement->text, &action->request_classes, error) != 0)
            return -1;
        for (size_t j = 0; j < statement->literal_count; j++) {
            if (j % LITERALS_AT_ONCE == LITERALS_AT_ONCE - 1) fiber_yield();
            const struct sql_literal *literal = &statement->literals[j];
            if (session->gate->inspect(session, literal->name, MASK_TEXT, literal->value, &action->request_classes,
                                       error) != 0)
                return -1;
        }
    }
    return 0;
}

#define ROUNDS_MAX 8 /* of asking the server and describing anew; what rests on an answer then is SQL_UNKNOWN */

static void describe_once(struct wire_session *session, const struct described *described, struct action *action) {
    struct postgres_state *state = postgres_state(session);
    if (!described->is_portal_confirmed)
        sql_session_describe(state->sql, described->analysis, &state->target, action);
    else
        sql_session_describe_portal(state->sql, str_from_cstr(described->portal), &state->target, action);
}

/* P: asks the server for what only it knows. */
static int describe_steps(struct wire_session *session, const struct described *described, struct action *action,
                          struct error *error) {
    struct postgres_state *state = postgres_state(session);
    sql_session_begin(state->sql);
    describe_once(session, described, action);
    for (int round = 0; round < ROUNDS_MAX && sql_session_lacks(state->sql); round++) {
        enum inquiry_end end = inquiry_run(session, error);
        if (end == INQUIRY_BROKEN) return -1;
        sql_session_bury(state->sql, end == INQUIRY_DEAD);
        describe_once(session, described, action);
        if (end != INQUIRY_ANSWERED) break;
    }
    if (sql_session_doubts(state->sql)) {
        action_refuse(action, REFUSAL_UNREADABLE,
                      STR("it names a table, and which one that is cannot be known before something else in the text or in "
                          "the transaction has run: send it by itself, or with the schema in front"));
    }
    return 0;
}

/* What is only prepared or bound does not run, and who reads the action has to know. */
static struct str text_of(const struct described *described, struct action *action) {
    struct str text = described->analysis->text;
    if (described->prefix_count == 0) return text;
    return arena_format(&action->arena, "/* %s, not run */ %.*s", described->is_bind ? "bound" : "prepared", STR_ARGS(text));
}

struct action *postgres_describe(struct wire_session *session, const struct described *described,
                                 const struct name_parameters *parameters, struct error *error) {
    const struct sql_analysis *analysis = described->analysis;
    struct action *action = action_new(session->id, session->action_count + 1);
    if (action == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    action->protocol = session->protocol->name;
    action->started_ns = clock_monotonic_ns();
    action->text = text_of(described, action);
    action->digest = digest_of(session, action->text, parameters != NULL ? &parameters->digest : &no_parameters);
    if (parameters != NULL) {
        class_counts_add(&action->request_classes, &parameters->found);
        postgres_add_parameters(action, parameters, described->statement);
    }
    bool is_doubtful = parameters != NULL && parameters->is_doubtful; /* they may be gone after the next call */
    if (describe_steps(session, described, action, error) != 0) {
        action_free(&action);
        return NULL;
    }
    if (inspect_text(session, analysis, action, error) != 0) {
        action_refuse(action, REFUSAL_UNINSPECTED,
                      STR("the statement could not be inspected for personal data and secrets"));
    }
    if (is_doubtful) {
        action_refuse(action, REFUSAL_UNINSPECTED,
                      STR("the parameters could not be inspected for personal data and secrets"));
    }
    if (action->text.data == NULL) {
        action->text = analysis->text;
        action_refuse(action, REFUSAL_TOO_LARGE,
                      STR("a text of this length is not prepared by itself: send it with its Execute"));
    }
    session->action_count++;
    return action;
}

/* A value in binary form of a type that may be anything: its runs of printable bytes are inspected as text. */
static int inspect_binary(struct wire_session *session, struct str name, struct str value, struct class_counts *found,
                          struct error *error) {
    for (size_t at = 0; at < value.length;) {
        size_t end = at;
        while (end < value.length && (uint8_t)value.data[end] >= ' ') end++;
        if (end - at >= RUN_BYTES_MIN &&
            session->gate->inspect(session, name, MASK_TEXT, str_slice(value, at, end), found, error) != 0)
            return -1;
        at = end + 1;
    }
    return 0;
}

static int inspect_values(struct wire_session *session, const struct message_bind *bind,
                          const struct sql_statement *statement, struct class_counts *found, struct error *error) {
    struct str values = bind->values;
    for (size_t i = 0; i < bind->value_count; i++) {
        bool is_null;
        struct str value = message_bind_next(&values, &is_null);
        bool has_name = statement != NULL && i < statement->parameter_count;
        struct str name = has_name ? statement->parameter_names[i] : STR_NONE;
        if (is_null) continue;
        bool is_binary = message_bind_format(bind, i) == 1;
        int result = is_binary ? inspect_binary(session, name, value, found, error)
                               : session->gate->inspect(session, name, MASK_TEXT, value, found, error);
        if (result != 0) return -1;
    }
    return 0;
}

struct name_parameters *postgres_inspect_bind(struct wire_session *session, const struct message_bind *bind,
                                              const struct sql_statement *statement, struct str types,
                                              struct error *error) {
    struct name_parameters *parameters = name_parameters_new();
    if (parameters == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    uint64_t counts[2] = {__builtin_bswap64(bind->format_count), __builtin_bswap64(bind->value_count)};
    struct str parts[] = {str_make(counts, sizeof(counts)), bind->formats, bind->values};
    parameters->digest = sha256_of_parts(parts, LENGTH_OF(parts));
    parameters->is_doubtful = inspect_values(session, bind, statement, &parameters->found, error) != 0;
    parameters->types = types;
    parameters->type_count = types.length / 4;
    parameters->formats = bind->formats;
    parameters->format_count = bind->format_count;
    parameters->values = bind->values;
    parameters->value_count = bind->value_count;
    name_parameters_keep(parameters, &postgres_state(session)->parameter_bytes);
    return parameters;
}

int postgres_bind_values(const struct message_bind *bind, const struct sql_analysis **analysis,
                         const struct sql_statement **statement, struct error *error) {
    struct sql_value known[SQL_VALUES_MAX];
    size_t count = bind->value_count < LENGTH_OF(known) ? bind->value_count : LENGTH_OF(known);
    struct str values = bind->values;
    if (*statement == NULL || (*analysis)->text.length > SQL_CACHE_TEXT_BYTES_MAX) return 0; /* a long one is read once */
    bool is_alone = *statement != NULL && (*analysis)->statement_count == 1 && *statement == &(*analysis)->statements[0];
    if (!is_alone || !(*statement)->wants_values) return 0;
    for (size_t i = 0; i < count; i++) {
        bool is_null;
        known[i].bytes = message_bind_next(&values, &is_null);
        known[i].is_binary = message_bind_format(bind, i) == 1;
        if (is_null) known[i].bytes = STR_NONE;
        else if (known[i].bytes.length == 0) known[i].bytes = STR("");
    }
    const struct sql_analysis *bound = sql_analyze_bound(*analysis, known, count, error);
    if (bound == NULL) return -1;
    sql_analysis_release(analysis);
    *analysis = bound;
    *statement = &bound->statements[0];
    return 0;
}
