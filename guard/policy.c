/* Sessions, contexts, and the fold of an action's steps into one verdict. */
#include "guard/policy.h"

#include <stdlib.h>

#include "guard/policy_internal.h"

#define POLICY_SESSION_MAGIC 0x9011c755u
#define POLICY_SESSION_BYTES 4096
#define POLICY_MESSAGE_BYTES 400
#define MICROSECONDS_PER_MINUTE 60000000ll

/* ---- Sessions ------------------------------------------------------------------------------------------------ */

static int session_bind(struct policy_session *session, const struct principal *principal, struct str client_address,
                        struct error *error) {
    struct cedar_uid uid;
    policy_principal_uid(&uid, principal);
    const struct cedar_entity *entity = cedar_entities_find(session->bundle->entities, &uid);
    if (entity == NULL) {
        return error_set(error, ERROR_DENIED, "%.*s is no longer in the config", STR_ARGS(principal->name));
    }
    session->principal = cedar_entity_uid(entity);
    if (client_address.data == NULL) return 0;
    struct str address = arena_copy(&session->arena, client_address);
    if (address.data == NULL) return error_out_of_memory(error);
    if (cedar_extension_parse(&session->arena, CEDAR_IP, address, &session->address) != 0) {
        return error_set(error, ERROR_INVALID, "the client's address is none: %.*s", STR_ARGS(client_address));
    }
    session->has_address = true;
    return 0;
}

struct policy_session *policy_session_new(struct bundle *bundle, const struct principal *principal,
                                          struct str client_address, struct error *error) {
    struct policy_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    session->magic = POLICY_SESSION_MAGIC;
    session->bundle = bundle_hold(bundle);
    arena_init(&session->arena, POLICY_SESSION_BYTES);
    if (session_bind(session, principal, client_address, error) != 0) policy_session_free(&session);
    return session;
}

void policy_session_free(struct policy_session **session) {
    if (*session == NULL) return;
    policy_session_check(*session);
    bundle_release(&(*session)->bundle);
    arena_free(&(*session)->arena);
    (*session)->magic = 0;
    free(*session);
    *session = NULL;
}

void policy_session_check(const struct policy_session *session) { CHECK_MAGIC(session, POLICY_SESSION_MAGIC); }

/* ---- Contexts ------------------------------------------------------------------------------------------------ */

int policy_set(struct cedar_record *context, enum attribute_id attribute, struct cedar_value value) {
    return cedar_record_set(context, str_from_cstr(attribute_descriptions[attribute].name), value);
}

static int string_set(struct arena *scratch, const struct str *items, size_t count, struct cedar_value *set) {
    struct cedar_value *members = ARENA_NEW_ARRAY(scratch, struct cedar_value, count);
    if (members == NULL && count != 0) return -1;
    for (size_t i = 0; i < count; i++) members[i] = cedar_string(items[i]);
    return cedar_set_make(scratch, members, count, set);
}

int policy_set_common(const struct policy_session *session, struct arena *scratch, const struct policy_context *from,
                      struct cedar_record *context) {
    int64_t minute = from->facts->now_us / MICROSECONDS_PER_MINUTE;
    int64_t day = minute / (24 * 60);
    struct cedar_value applied = session->bundle->empty_set;
    if (from->applied_count != 0 && string_set(scratch, from->applied, from->applied_count, &applied) != 0) return -1;
    if (session->has_address && policy_set(context, ATTRIBUTE_CLIENT_ADDRESS, session->address) != 0) return -1;
    if (policy_set(context, ATTRIBUTE_APPLIED, applied) != 0 ||
        policy_set(context, ATTRIBUTE_TIME, cedar_number(CEDAR_DATETIME, minute * 60000)) != 0 ||
        policy_set(context, ATTRIBUTE_HOUR, cedar_long(minute / 60 % 24)) != 0) {
        return -1;
    }
    return policy_set(context, ATTRIBUTE_WEEKDAY, cedar_long((day + 3) % 7 + 1)); /* 1970-01-01 was a Thursday */
}

static int set_long(struct cedar_record *context, enum attribute_id attribute, int64_t value) {
    return policy_set(context, attribute, cedar_long(value));
}

/* What was counted before this action. */
static int set_counts(const struct policy_facts *facts, struct cedar_record *context) {
    if (set_long(context, ATTRIBUTE_SESSION_ACTIONS, (int64_t)facts->session_actions) != 0 ||
        set_long(context, ATTRIBUTE_SESSION_DENIALS, (int64_t)facts->session_denials) != 0 ||
        set_long(context, ATTRIBUTE_TOKENS_1H, facts->tokens_1h) != 0) {
        return -1;
    }
    return set_long(context, ATTRIBUTE_TOKENS_1D, facts->tokens_1d);
}

static int attribute_value(struct arena *scratch, const struct attribute *attribute, struct cedar_value *value) {
    const struct cedar_uid *tags;
    if (attribute_is_sealed(attribute)) {
        *value = cedar_bool(false); /* of no use to a policy that reads tags: it errs */
        return 0;
    }
    switch (attribute_descriptions[attribute->id].kind) {
    case ATTRIBUTE_KIND_BOOL: *value = cedar_bool(attribute->boolean); return 0;
    case ATTRIBUTE_KIND_LONG: *value = cedar_long(attribute->integer); return 0;
    case ATTRIBUTE_KIND_STRING: *value = cedar_string(attribute->string); return 0;
    case ATTRIBUTE_KIND_SET: return string_set(scratch, attribute->set.items, attribute->set.count, value);
    case ATTRIBUTE_KIND_IP: return cedar_extension_parse(scratch, CEDAR_IP, attribute->string, value);
    case ATTRIBUTE_KIND_DATETIME: *value = cedar_number(CEDAR_DATETIME, attribute->integer); return 0;
    case ATTRIBUTE_KIND_TAGS:
    case ATTRIBUTE_KIND_NUMBER_TAGS:
        tags = policy_tags_uid(scratch, attribute->id);
        if (tags != NULL) *value = cedar_entity_value(tags);
        return tags != NULL ? 0 : -1;
    }
    return -1;
}

static int class_names_set(struct arena *scratch, const struct class_counts *counts, struct cedar_value *set) {
    class_set classes = class_counts_set(counts);
    if (classes == 0) return 0; /* *set is the empty set already */
    struct str names[CLASS_MAX];
    size_t count = 0;
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        if (class_set_has(classes, class)) names[count++] = str_from_cstr(class_name((enum data_class)class));
    }
    return string_set(scratch, names, count, set);
}

/* The protocol's attributes first: what the gateway measured itself replaces them. */
static const struct cedar_record *step_context(const struct policy_session *session, struct arena *scratch,
                                               const struct policy_context *from, const struct action *action,
                                               const struct action_step *step) {
    struct cedar_record *context = cedar_record_new(scratch, step->attribute_count + POLICY_COMMON_COUNT + 5);
    struct cedar_value value;
    for (size_t i = 0; i < step->attribute_count; i++) {
        if (attribute_value(scratch, &step->attributes[i], &value) != 0 ||
            policy_set(context, step->attributes[i].id, value) != 0) {
            return NULL;
        }
    }
    value = session->bundle->empty_set;
    if (class_names_set(scratch, &action->request_classes, &value) != 0 ||
        policy_set(context, ATTRIBUTE_CLASSES, value) != 0 ||
        set_counts(from->facts, context) != 0 || policy_set_common(session, scratch, from, context) != 0) {
        return NULL;
    }
    return context;
}

/* ---- The fold ------------------------------------------------------------------------------------------------ */

bool policy_forbid_erred(const struct cedar_decision *decision) {
    for (size_t i = 0; i < decision->error_count; i++) {
        if (cedar_policy_effect(decision->errors[i].policy) == CEDAR_FORBID) return true;
    }
    return false;
}

/* Ids or tokens that grow in the scratch arena. */
struct names {
    struct str *items;
    size_t count;
    size_t capacity;
    bool is_full;
};

static void names_add(struct names *names, struct arena *scratch, struct str name) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity == 0 ? 8 : names->capacity * 2;
        struct str *larger = ARENA_NEW_ARRAY(scratch, struct str, capacity);
        if (larger == NULL) {
            names->is_full = true;
            return;
        }
        if (names->count != 0) memcpy(larger, names->items, names->count * sizeof(*larger));
        names->items = larger;
        names->capacity = capacity;
    }
    names->items[names->count++] = name;
}

static int names_compare(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Sorted, without duplicates, copied to the action's arena. */
static const struct str *names_take(struct names *names, struct arena *arena, size_t *count) {
    *count = 0;
    if (names->count == 0) return NULL;
    if (names->count > 1) qsort(names->items, names->count, sizeof(*names->items), names_compare);
    struct str *out = ARENA_NEW_ARRAY(arena, struct str, names->count);
    for (size_t i = 0; out != NULL && i < names->count; i++) {
        if (i != 0 && str_equal(names->items[i], names->items[i - 1])) continue;
        out[*count] = arena_copy(arena, names->items[i]);
        if (out[(*count)++].data == NULL) names->is_full = true;
    }
    if (out == NULL) names->is_full = true;
    return out;
}

struct fold {
    struct arena *scratch;
    const struct policy_context *from;
    bool is_denied;      /* a step was denied */
    bool is_incurable;   /* and no remedy changes that */
    bool cedar_denied;
    bool has_erred;      /* a forbid could not be evaluated */
    bool is_hopeless;    /* what the remedies would lead to is denied all the same */
    bool lacks_unscanned; /* all that is missing is a permit for what nobody can look into */
    struct str unpermitted; /* the action of the first step that nothing permits */
    struct str reason;   /* @reason of the first denying policy that has one */
    struct names permits;
    struct names denials;
    struct names errors;
    struct names remedies;
    uint64_t rows_max;   /* the least that a determining permit lets through; 0: all */
};

static bool is_applied(const struct policy_context *from, struct str token) {
    for (size_t i = 0; i < from->applied_count; i++) {
        if (str_equal(from->applied[i], token)) return true;
    }
    return false;
}

static void fold_denying_policy(struct fold *fold, const struct cedar_policy *policy) {
    names_add(&fold->denials, fold->scratch, cedar_policy_id(policy));
    struct str reason = cedar_policy_annotation(policy, STR("reason"));
    if (fold->reason.length == 0) fold->reason = reason;
}

/* A step that Cedar denied. A remedy that is in force already and did not help cannot be asked for again. */
static void fold_denial(struct fold *fold, const struct cedar_decision *decision) {
    fold->is_denied = true;
    fold->cedar_denied = true;
    if (decision->reason_count == 0) fold->is_incurable = true; /* nothing permits it */
    for (size_t i = 0; i < decision->reason_count; i++) {
        fold_denying_policy(fold, decision->reasons[i]);
        struct str remedy = cedar_policy_annotation(decision->reasons[i], STR("remedy"));
        if (remedy.length == 0 || is_applied(fold->from, remedy)) {
            fold->is_incurable = true;
        } else {
            names_add(&fold->remedies, fold->scratch, remedy);
        }
    }
}

/* Permits that oblige add up to the strictest. A number that cannot be read was refused when the policies were loaded. */
static void fold_obligation(struct fold *fold, const struct cedar_policy *policy) {
    struct str text = cedar_policy_annotation(policy, STR("rows_max"));
    uint64_t rows_max;
    if (text.data == NULL) return;
    if (rows_max_parse(text, &rows_max, NULL) != 0) rows_max = 1;
    if (fold->rows_max == 0 || rows_max < fold->rows_max) fold->rows_max = rows_max;
}

static void fold_add(struct fold *fold, const struct cedar_decision *decision) {
    if (!decision->is_allowed) fold_denial(fold, decision);
    for (size_t i = 0; decision->is_allowed && i < decision->reason_count; i++) {
        names_add(&fold->permits, fold->scratch, cedar_policy_id(decision->reasons[i]));
        fold_obligation(fold, decision->reasons[i]);
    }
    for (size_t i = 0; i < decision->error_count; i++) {
        const struct cedar_policy *policy = decision->errors[i].policy;
        names_add(&fold->errors, fold->scratch, cedar_policy_id(policy));
        if (cedar_policy_effect(policy) != CEDAR_FORBID) continue;
        fold->is_denied = fold->is_incurable = fold->has_erred = true;
        fold_denying_policy(fold, policy);
    }
}

/* ---- The verdict --------------------------------------------------------------------------------------------- */

static void append_names(struct buffer *out, const struct str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i != 0) buffer_append_cstr(out, ", ");
        buffer_append_str(out, names[i]);
    }
}

/* "held by policy a, b: ...", "denied by policy a: <@reason>", "no policy permits this: it is action \"sql:ddl\"". */
static struct str verdict_message(const struct verdict *verdict, const struct fold *fold, struct arena *arena) {
    struct buffer text;
    buffer_init(&text, 64u << 10);
    const char *separator = verdict->policy_count == 1 ? "policy " : "policies ";
    if (fold->lacks_unscanned) {
        buffer_append_cstr(&text, "it holds data that cannot be inspected (an image, audio or a file), and no policy "
                                  "reveals " POLICY_UNSCANNED " to the upstream");
    } else if (verdict->policy_count == 0) {
        buffer_append_cstr(&text, "no policy permits this");
        if (fold->unpermitted.length > 0) {
            buffer_append_format(&text, ": it is action \"%.*s\"", STR_ARGS(fold->unpermitted));
        }
    } else {
        buffer_append_cstr(&text, verdict->kind == VERDICT_HOLD ? "held by " : "denied by ");
        buffer_append_cstr(&text, separator);
        append_names(&text, verdict->policies, verdict->policy_count);
        if (verdict->kind == VERDICT_HOLD) {
            buffer_append_cstr(&text, ": needs ");
            append_names(&text, verdict->remedies, verdict->remedy_count);
        } else if (fold->is_hopeless) {
            buffer_append_cstr(&text, ": no approval would change that");
            if (fold->unpermitted.length > 0) {
                buffer_append_format(&text, ", since no policy permits action \"%.*s\"", STR_ARGS(fold->unpermitted));
            }
        } else if (fold->has_erred) {
            buffer_append_cstr(&text, ": a policy could not be evaluated, so that this is not allowed");
        } else if (fold->reason.length != 0) {
            buffer_append_cstr(&text, ": ");
            buffer_append_str(&text, fold->reason);
        } else {
            buffer_append_cstr(&text, ": this action is not allowed");
        }
    }
    struct str message = buffer_failed(&text) ? STR_NONE : arena_copy(arena, buffer_view(&text));
    buffer_free(&text);
    return message.data != NULL ? message : STR("denied by policy");
}

static int fold_finish(struct fold *fold, struct action *action, struct error *error) {
    struct verdict *verdict = &action->verdict;
    struct arena *arena = &action->arena;
    struct names *policies = fold->is_denied ? &fold->denials : &fold->permits;
    struct names applied = {0};
    for (size_t i = 0; i < fold->from->applied_count; i++) names_add(&applied, fold->scratch, fold->from->applied[i]);
    verdict->cedar_allows = !fold->cedar_denied;
    verdict->policies = names_take(policies, arena, &verdict->policy_count);
    verdict->errors = names_take(&fold->errors, arena, &verdict->error_count);
    verdict->applied = names_take(&applied, arena, &verdict->applied_count);
    bool is_held = fold->is_denied && !fold->is_incurable;
    if (is_held) verdict->remedies = names_take(&fold->remedies, arena, &verdict->remedy_count);
    if (policies->is_full || fold->errors.is_full || applied.is_full || fold->remedies.is_full) {
        return error_out_of_memory(error);
    }
    verdict->kind = is_held ? VERDICT_HOLD : fold->is_denied ? VERDICT_DENY : VERDICT_ALLOW;
    if (verdict->kind == VERDICT_ALLOW) verdict->rows_max = fold->rows_max;
    if (verdict->kind != VERDICT_ALLOW) verdict->message = verdict_message(verdict, fold, arena);
    return 0;
}

static int decide_step(const struct policy_session *session, struct arena *scratch, const struct policy_context *from,
                       const struct action *action, const struct action_step *step, struct cedar_decision *decision,
                       struct error *error) {
    struct cedar_uid verb;
    struct cedar_uid resource;
    const struct cedar_entities *entities;
    policy_action_uid(&verb, step->verb);
    if (policy_step_entities(session->bundle, scratch, step, &resource, &entities, error) != 0) return -1;
    struct cedar_request request = {
        .principal = session->principal,
        .action = &verb,
        .resource = &resource,
        .context = step_context(session, scratch, from, action, step),
    };
    if (request.context == NULL) {
        return error_set(error, ERROR_LIMIT, "the action is too large to be decided on");
    }
    if (cedar_engine_authorize(session->bundle->engine, &request, entities, scratch, decision) == 0) return 0;
    return error_set(error, ERROR_LIMIT, "the action is too large to be decided on");
}

static int decide_unscanned(const struct policy_session *session, struct fold *fold, struct error *error) {
    struct cedar_decision decision;
    if (policy_ask_unscanned(session, fold->scratch, fold->from, &decision) != 0) {
        return error_set(error, ERROR_LIMIT, "the action is too large to be decided on");
    }
    bool was_denied = fold->is_denied;
    fold_add(fold, &decision);
    fold->lacks_unscanned = !was_denied && !decision.is_allowed && decision.reason_count == 0 && !fold->has_erred;
    return 0;
}

static int ask_all(const struct policy_session *session, struct fold *fold, const struct action *action,
                   struct error *error) {
    for (size_t i = 0; i < action->step_count; i++) {
        struct cedar_decision decision;
        if (str_equal(action->steps[i].verb, STR(ACTION_VERB_RELEASE))) continue;
        if (decide_step(session, fold->scratch, fold->from, action, &action->steps[i], &decision, error) != 0) {
            return -1;
        }
        fold_add(fold, &decision);
        bool is_unpermitted = !decision.is_allowed && decision.reason_count == 0;
        if (is_unpermitted && fold->unpermitted.length == 0) fold->unpermitted = action->steps[i].verb;
    }
    return action->has_unscanned ? decide_unscanned(session, fold, error) : 0;
}

/* Nobody is asked to approve what stays denied with every remedy in force. `applied` only grows, so this ends. */
static int look_ahead(const struct policy_session *session, struct fold *fold, const struct action *action,
                      struct error *error) {
    struct names remedies = {0};
    struct fold trial = *fold;
    for (size_t i = 0; i < fold->from->applied_count; i++) names_add(&remedies, fold->scratch, fold->from->applied[i]);
    while (trial.is_denied && !trial.is_incurable) {
        for (size_t i = 0; i < trial.remedies.count; i++) names_add(&remedies, fold->scratch, trial.remedies.items[i]);
        if (remedies.is_full) return error_out_of_memory(error);
        struct policy_context next = {
            .facts = fold->from->facts, .applied = remedies.items, .applied_count = remedies.count};
        trial = (struct fold){.scratch = fold->scratch, .from = &next};
        if (ask_all(session, &trial, action, error) != 0) return -1;
    }
    if (!trial.is_denied) return 0;
    fold->is_incurable = fold->is_hopeless = true;
    fold->unpermitted = trial.unpermitted;
    return 0;
}

static int decide(const struct policy_session *session, struct fold *fold, struct action *action, struct error *error) {
    if (action->step_count == 0) {
        return error_set(error, ERROR_INVALID, "the action asks for nothing that can be decided");
    }
    if (ask_all(session, fold, action, error) != 0) return -1;
    bool is_held = fold->is_denied && !fold->is_incurable;
    if (is_held && look_ahead(session, fold, action, error) != 0) return -1;
    return fold_finish(fold, action, error);
}

int policy_decide(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts,
                  struct action *action, const struct str *applied, size_t applied_count, struct error *error) {
    policy_session_check(session);
    struct verdict *verdict = &action->verdict;
    *verdict = (struct verdict){
        .kind = VERDICT_DENY,
        .rounds = verdict->rounds + 1,
        .bundle = session->bundle->hash,
        .entities = session->bundle->entities_hash,
        .decided_us = facts->now_us,
        .tokens_1h = facts->tokens_1h,
        .tokens_1d = facts->tokens_1d,
        .approvers = verdict->approvers,
        .approver_count = verdict->approver_count,
        .reveal = verdict->reveal,
    };
    struct policy_context from = {.facts = facts, .applied = applied, .applied_count = applied_count};
    struct fold fold = {.scratch = scratch, .from = &from};
    arena_reset(scratch);
    if (decide(session, &fold, action, error) == 0) return 0;
    verdict->kind = VERDICT_DENY;
    verdict->remedy_count = 0;
    verdict->message = STR("denied: no decision could be taken");
    return -1;
}
