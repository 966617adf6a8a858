/* Events as RFC 8785 JSON. Members are written in the order of their names; absent means unknown or none. */
#include "guard/record_events.h"

#include <inttypes.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/tags.h"

#define FOREIGN_BYTES_MAX 128
#define NAME_HASH_BYTES 8
static_assert(FACT_TEXT_BYTES_MAX <= FOREIGN_BYTES_MAX && ACTION_ASSERTION_BYTES_MAX <= FOREIGN_BYTES_MAX, "all is written");

static void write_id(struct json_writer *writer, const struct action *action) {
    json_member_string(writer, STR("action"), str_from_cstr(action->id));
}

static void write_hash(struct json_writer *writer, struct str name, const struct sha256 *hash) {
    char text[2 * SHA256_BYTES];
    struct buffer hex = {.data = text, .capacity = sizeof(text), .cap_bytes = sizeof(text)};
    hex_append(&hex, str_make(hash->bytes, SHA256_BYTES));
    json_member_string(writer, name, buffer_view(&hex));
}

static void write_names(struct json_writer *writer, struct str name, const struct str *names, size_t count) {
    if (count == 0) return;
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) json_write_string(writer, names[i]);
    json_end_array(writer);
}

static void write_optional(struct json_writer *writer, struct str name, struct str value) {
    if (value.length > 0) json_member_string(writer, name, value);
}

static void write_commitment(struct json_writer *writer, struct str name, const struct seal_commitment *commitment) {
    if (commitment == NULL) return;
    json_key(writer, name);
    seal_commitment_write(writer, commitment);
}

/* The classes of a set in the order of their names, so that the object is canonical. */
static size_t sort_classes(class_set set, enum data_class order[CLASS_MAX]) {
    size_t count = 0;
    for (class_set left = set; left != 0; left &= left - 1) {
        enum data_class class = (enum data_class)__builtin_ctzll(left);
        size_t at = count++;
        for (; at > 0 && strcmp(class_name(order[at - 1]), class_name(class)) > 0; at--) order[at] = order[at - 1];
        order[at] = class;
    }
    return count;
}

void record_write_counts(struct json_writer *writer, struct str name, const struct class_counts *counts) {
    enum data_class order[CLASS_MAX];
    size_t count = sort_classes(class_counts_set(counts), order);
    if (count == 0) return;
    json_key(writer, name);
    json_begin_object(writer);
    for (size_t i = 0; i < count; i++) {
        json_member_integer(writer, str_from_cstr(class_name(order[i])), counts->count[order[i]]);
    }
    json_end_object(writer);
}

static void write_reveal(struct json_writer *writer, struct str name, class_set reveal) {
    if (reveal == 0) return;
    json_key(writer, name);
    json_begin_array(writer);
    if (reveal == CLASS_SET_ALL) {
        json_write_string(writer, STR("*"));
    } else {
        for (size_t i = 0; i < CLASS_MAX; i++) {
            enum data_class class = (enum data_class)i;
            if (class_set_has(reveal, class)) json_write_string(writer, str_from_cstr(class_name(class)));
        }
    }
    json_end_array(writer);
}

/* Parameters are the caller's words: what they were is in the sealed text, here is only what proves it. */
static void write_tags(struct json_writer *writer, const struct action *action, const struct attribute *attribute) {
    struct sha256 digest = attribute_tags_digest(attribute->tags.items, attribute->tags.count);
    struct sha256 keyed = seal_keyed_hash(action->seal_key, RECORD_INPUT_DOMAIN, str_make(digest.bytes, SHA256_BYTES));
    json_begin_object(writer);
    json_member_integer(writer, STR("count"), (int64_t)attribute->tags.count);
    write_hash(writer, STR("hmac"), &keyed);
    json_end_object(writer);
}

static bool is_untold(const struct action *action, struct str name) {
    for (size_t i = 0; i < action->untold_count; i++) {
        if (str_equal(action->untold[i], name)) return true;
    }
    return false;
}

/* A name that holds somebody's data is told by a keyed hash, "[name:9f86d081884c7d65]", behind what its parent tells. */
static void append_name(struct buffer *text, const struct action *action, struct str name, const struct resource *parent) {
    if (!is_untold(action, name)) {
        buffer_append_str(text, name);
        return;
    }
    struct sha256 inner = sha256_of(name);
    struct sha256 keyed = seal_keyed_hash(action->seal_key, RECORD_NAME_DOMAIN, str_make(inner.bytes, SHA256_BYTES));
    if (parent != NULL && !is_untold(action, parent->id) && str_starts_with(name, parent->id)) {
        buffer_append_str(text, parent->id);
        buffer_append_byte(text, '/');
    }
    buffer_append_cstr(text, "[name:");
    hex_append(text, str_make(keyed.bytes, NAME_HASH_BYTES));
    buffer_append_byte(text, ']');
}

static void write_name(struct json_writer *writer, const struct action *action, struct str name,
                       const struct resource *parent) {
    if (action->untold_count == 0) {
        json_write_string(writer, name);
        return;
    }
    struct buffer text;
    buffer_init(&text, EVENT_MAX_BYTES);
    append_name(&text, action, name, parent);
    json_write_string(writer, buffer_view(&text));
    buffer_free(&text);
}

static void write_attribute(struct json_writer *writer, const struct action *action, const struct attribute *attribute) {
    const struct attribute_description *description = &attribute_descriptions[attribute->id];
    json_key(writer, str_from_cstr(description->name));
    switch (description->kind) {
    case ATTRIBUTE_KIND_BOOL: json_write_bool(writer, attribute->boolean); break;
    case ATTRIBUTE_KIND_LONG:
    case ATTRIBUTE_KIND_DATETIME: json_write_integer(writer, attribute->integer); break;
    case ATTRIBUTE_KIND_STRING:
    case ATTRIBUTE_KIND_IP: write_name(writer, action, attribute->string, NULL); break;
    case ATTRIBUTE_KIND_SET:
        json_begin_array(writer);
        for (size_t i = 0; i < attribute->set.count; i++) {
            write_name(writer, action, attribute->set.items[i], NULL);
        }
        json_end_array(writer);
        break;
    case ATTRIBUTE_KIND_TAGS:
    case ATTRIBUTE_KIND_NUMBER_TAGS: write_tags(writer, action, attribute); break;
    }
}

/* The attributes in the order of their names: they are few, so the next one is looked for each time. */
static void write_context(struct json_writer *writer, const struct action *action, const struct action_step *step) {
    if (step->attribute_count == 0) return;
    json_key(writer, STR("context"));
    json_begin_object(writer);
    struct str last = STR_NONE;
    for (size_t written = 0; written < step->attribute_count; written++) {
        const struct attribute *next = NULL;
        struct str next_name = STR_NONE;
        for (size_t i = 0; i < step->attribute_count; i++) {
            struct str name = str_from_cstr(attribute_descriptions[step->attributes[i].id].name);
            if (last.data != NULL && str_compare(name, last) <= 0) continue;
            if (next == NULL || str_compare(name, next_name) < 0) {
                next = &step->attributes[i];
                next_name = name;
            }
        }
        if (next == NULL) break;
        write_attribute(writer, action, next);
        last = next_name;
    }
    json_end_object(writer);
}

/* ["Database::prod/shop","Environment::prod"], the nearest first. */
static void write_parents(struct json_writer *writer, const struct action *action, const struct resource *parent) {
    if (parent == NULL) return;
    struct buffer text;
    buffer_init(&text, EVENT_MAX_BYTES);
    json_key(writer, STR("parents"));
    json_begin_array(writer);
    for (; parent != NULL; parent = parent->parent) {
        buffer_clear(&text);
        buffer_append_str(&text, parent->type);
        buffer_append_cstr(&text, RECORD_TYPE_SEPARATOR);
        append_name(&text, action, parent->id, parent->parent);
        json_write_string(writer, buffer_view(&text));
    }
    json_end_array(writer);
    buffer_free(&text);
}

static void write_steps(struct json_writer *writer, const struct action *action) {
    json_key(writer, STR("steps"));
    json_begin_array(writer);
    for (size_t i = 0; i < action->step_count; i++) {
        const struct action_step *step = &action->steps[i];
        json_begin_object(writer);
        write_context(writer, action, step);
        write_parents(writer, action, step->resource->parent);
        json_key(writer, STR("resource"));
        write_name(writer, action, step->resource->id, step->resource->parent);
        json_member_string(writer, STR("type"), step->resource->type);
        json_member_string(writer, STR("verb"), step->verb);
        json_end_object(writer);
    }
    json_end_array(writer);
}

/* The next one by name behind `last`; NULL: none. */
static const struct assertion *next_assertion(const struct action *action, struct str last) {
    const struct assertion *next = NULL;
    for (size_t i = 0; i < action->assertion_count; i++) {
        const struct assertion *assertion = &action->assertions[i];
        if (str_compare(assertion->name, last) <= 0) continue;
        if (next == NULL || str_compare(assertion->name, next->name) < 0) next = assertion;
    }
    return next;
}

/* The words of a peer, bounded: bytes that are not printable ASCII are shown as '?'. */
static void write_foreign(struct json_writer *writer, struct str text) {
    char bytes[FOREIGN_BYTES_MAX];
    size_t length = text.length < sizeof(bytes) ? text.length : sizeof(bytes);
    for (size_t i = 0; i < length; i++) bytes[i] = text.data[i] >= ' ' && text.data[i] <= '~' ? text.data[i] : '?';
    json_write_string(writer, str_make(bytes, length));
}

static void write_assertions(struct json_writer *writer, const struct action *action) {
    const struct assertion *next = next_assertion(action, STR(""));
    if (next == NULL) return;
    json_key(writer, STR("asserted"));
    json_begin_object(writer);
    for (; next != NULL; next = next_assertion(action, next->name)) {
        json_key(writer, next->name);
        write_foreign(writer, next->value);
    }
    json_end_object(writer);
}

/* As much as evidence can hold. */
static int64_t bounded(int64_t integer) {
    const int64_t most = 1ll << 53;
    return integer > most ? most : integer < -most ? -most : integer;
}

static void write_fact(struct json_writer *writer, enum fact_kind kind, const struct fact *fact) {
    switch (kind) {
    case FACT_KIND_TEXT: write_foreign(writer, fact_text_view(&fact->text)); break;
    case FACT_KIND_INTEGER: json_write_integer(writer, bounded(fact->integer)); break;
    case FACT_KIND_NAMES:
        json_begin_array(writer);
        for (size_t i = 0; i < fact->names.count; i++) write_foreign(writer, fact_text_view(&fact->names.items[i]));
        json_end_array(writer);
        break;
    }
}

/* The table's rows stand in the order of their names. */
static void write_facts(struct json_writer *writer, const struct fact facts[FACT_COUNT]) {
    bool has_any = false;
    for (size_t i = 0; i < FACT_COUNT; i++) {
        if (!facts[i].is_set) continue;
        if (!has_any) {
            json_key(writer, STR("facts"));
            json_begin_object(writer);
        }
        has_any = true;
        json_key(writer, str_from_cstr(fact_descriptions[i].name));
        write_fact(writer, fact_descriptions[i].kind, &facts[i]);
    }
    if (has_any) json_end_object(writer);
}

/* What had been spent when it was decided; absent: nothing. Members between "text" or "steps" and "type". */
static void write_spent(struct json_writer *writer, const struct verdict *verdict) {
    if (verdict->tokens_1d != 0) json_member_integer(writer, STR("tokens_1d"), verdict->tokens_1d);
    if (verdict->tokens_1h != 0) json_member_integer(writer, STR("tokens_1h"), verdict->tokens_1h);
}

static void write_time(struct json_writer *writer, struct str name, int64_t real_us) {
    char text[CLOCK_RFC3339_BYTES];
    json_member_string(writer, name, clock_format_rfc3339(real_us, text));
}

/* How many names are told by their hash. */
static void write_untold(struct json_writer *writer, const struct action *action) {
    if (action->untold_count > 0) json_member_integer(writer, STR("untold"), (int64_t)action->untold_count);
}

void record_events_session_start(struct buffer *out, const struct record_session_facts *facts,
                                 const struct sha256 *claimed_hash) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    if (facts->claimed_name.length > 0 && !facts->is_name_known) write_hash(&writer, STR("claimed_hash"), claimed_hash);
    else write_optional(&writer, STR("claimed_name"), facts->claimed_name);
    write_optional(&writer, STR("client_address"), facts->client_address);
    write_optional(&writer, STR("database"), facts->database);
    write_optional(&writer, STR("environment"), facts->environment);
    if (facts->principal != NULL) {
        const struct principal *principal = facts->principal;
        write_names(&writer, STR("groups"), principal->groups, principal->group_count);
        if (principal->on_behalf_of != NULL) {
            json_member_string(&writer, STR("on_behalf_of"), principal->on_behalf_of->name);
        }
        json_member_string(&writer, STR("principal"), principal->name);
        json_member_string(&writer, STR("principal_type"), principal_kind_name(principal->kind));
    }
    write_optional(&writer, STR("protocol"), facts->protocol);
    write_optional(&writer, STR("refused"), facts->refusal);
    write_optional(&writer, STR("token"), facts->token_id);
    json_member_string(&writer, STR("type"), EVENT_SESSION_START);
    write_optional(&writer, STR("upstream"), facts->upstream);
    json_end_object(&writer);
}

void record_events_session_end(struct buffer *out, const struct record_session *session, struct str reason) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_integer(&writer, STR("actions"), (int64_t)session->actions);
    json_member_integer(&writer, STR("denials"), (int64_t)session->denials);
    json_member_integer(&writer, STR("entries"), (int64_t)(session->recorded - session->refused_count) + 1);
    write_optional(&writer, STR("reason"), reason);
    json_member_string(&writer, STR("type"), EVENT_SESSION_END);
    uint64_t unrecorded = session->highest_action - session->actions; /* numbers that no intent has */
    if (unrecorded > 0) json_member_integer(&writer, STR("unrecorded"), (int64_t)unrecorded);
    json_end_object(&writer);
}

void record_events_intent(struct buffer *out, const struct action *action, const struct principal *principal,
                          struct str upstream, const struct seal_commitment *text,
                          const struct seal_commitment *details) {
    const struct verdict *verdict = &action->verdict;
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_id(&writer, action);
    write_names(&writer, STR("applied"), verdict->applied, verdict->applied_count);
    write_names(&writer, STR("approvers"), verdict->approvers, verdict->approver_count);
    write_assertions(&writer, action);
    write_hash(&writer, STR("bundle"), &verdict->bundle);
    json_member_string(&writer, STR("cedar"), verdict->cedar_allows ? STR("allow") : STR("deny"));
    record_write_counts(&writer, STR("classes"), &action->request_classes);
    if (verdict->rounds > 0) write_time(&writer, STR("decided"), verdict->decided_us);
    write_commitment(&writer, STR("details"), details);
    write_hash(&writer, STR("digest"), &action->digest);
    if (verdict->rounds > 0) write_hash(&writer, STR("entities"), &verdict->entities);
    write_names(&writer, STR("errors"), verdict->errors, verdict->error_count);
    if (principal->on_behalf_of != NULL) json_member_string(&writer, STR("on_behalf_of"), principal->on_behalf_of->name);
    write_names(&writer, STR("policies"), verdict->policies, verdict->policy_count);
    json_member_string(&writer, STR("principal"), principal->name);
    json_member_string(&writer, STR("principal_type"), principal_kind_name(principal->kind));
    json_member_string(&writer, STR("protocol"), action->protocol);
    write_optional(&writer, STR("refused"), str_from_cstr(refusal_word(action->refused_as)));
    write_reveal(&writer, STR("reveal"), verdict->reveal);
    write_reveal(&writer, STR("reveal_request"), verdict->reveal_request);
    write_reveal(&writer, STR("reveal_url"), verdict->reveal_url);
    json_member_integer(&writer, STR("rounds"), verdict->rounds);
    if (verdict->rows_max != 0) json_member_integer(&writer, STR("rows_max"), (int64_t)verdict->rows_max);
    write_steps(&writer, action);
    write_commitment(&writer, STR("text"), text);
    write_spent(&writer, verdict);
    json_member_string(&writer, STR("type"), EVENT_INTENT);
    if (action->has_unscanned) json_member_bool(&writer, STR("unscanned"), true);
    write_untold(&writer, action);
    json_member_string(&writer, STR("upstream"), upstream);
    json_member_string(&writer, STR("verdict"), verdict_kind_name(verdict->kind));
    write_optional(&writer, STR("within"), str_from_cstr(action->within));
    json_end_object(&writer);
}

void record_events_outcome(struct buffer *out, const struct action *action) {
    static const struct str statuses[] = {
        [OUTCOME_OK] = {"ok", 2}, [OUTCOME_ERROR] = {"error", 5}, [OUTCOME_CANCELLED] = {"cancelled", 9},
        [OUTCOME_INTERRUPTED] = {"interrupted", 11},
        [OUTCOME_CLIENT_LEFT] = {"client_left", 11}, [OUTCOME_CONNECTION_LOST] = {"connection_lost", 15}};
    const struct outcome *outcome = &action->outcome;
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_id(&writer, action);
    write_hash(&writer, STR("bundle"), &action->verdict.bundle);
    json_member_integer(&writer, STR("bytes"), (int64_t)outcome->bytes);
    write_optional(&writer, STR("code"), str_from_cstr(outcome->code));
    write_hash(&writer, STR("detector"), detect_version());
    json_member_integer(&writer, STR("duration_us"), (int64_t)((clock_monotonic_ns() - action->started_ns) / 1000));
    write_facts(&writer, outcome->facts);
    record_write_counts(&writer, STR("masked"), &outcome->masked);
    record_write_counts(&writer, STR("masked_request"), &outcome->request_masked);
    record_write_counts(&writer, STR("received"), &outcome->received);
    record_write_counts(&writer, STR("revealed"), &outcome->revealed);
    record_write_counts(&writer, STR("revealed_request"), &outcome->request_revealed);
    json_member_integer(&writer, STR("rows"), (int64_t)outcome->rows);
    json_member_string(&writer, STR("status"), statuses[outcome->status]);
    write_optional(&writer, STR("tag"), str_from_cstr(outcome->tag));
    json_member_string(&writer, STR("type"), EVENT_OUTCOME);
    write_optional(&writer, STR("withheld"), str_from_cstr(refusal_word(outcome->withheld_as)));
    json_end_object(&writer);
}

void record_events_interrupted(struct buffer *out, uint64_t session_id, uint64_t number) {
    char id[ACTION_ID_BYTES];
    struct json_writer writer;
    action_write_id(id, session_id, number);
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_string(&writer, STR("action"), str_from_cstr(id));
    json_member_string(&writer, STR("status"), EVENT_STATUS_INTERRUPTED);
    json_member_string(&writer, STR("type"), EVENT_OUTCOME);
    json_end_object(&writer);
}

void record_events_hold_requested(struct buffer *out, const struct action *action, int64_t expires_us,
                                  const struct seal_commitment *text, const struct seal_commitment *view,
                                  const struct sha256 *view_digest) {
    const struct verdict *verdict = &action->verdict;
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_id(&writer, action);
    write_names(&writer, STR("applied"), verdict->applied, verdict->applied_count);
    write_hash(&writer, STR("bundle"), &verdict->bundle);
    record_write_counts(&writer, STR("classes"), &action->request_classes);
    write_time(&writer, STR("decided"), verdict->decided_us);
    write_hash(&writer, STR("digest"), &action->digest);
    write_hash(&writer, STR("entities"), &verdict->entities);
    write_names(&writer, STR("errors"), verdict->errors, verdict->error_count);
    write_time(&writer, STR("expires"), expires_us);
    write_names(&writer, STR("policies"), verdict->policies, verdict->policy_count);
    write_names(&writer, STR("remedies"), verdict->remedies, verdict->remedy_count);
    write_steps(&writer, action);
    write_commitment(&writer, STR("text"), text);
    write_spent(&writer, verdict);
    json_member_string(&writer, STR("type"), EVENT_HOLD_REQUESTED);
    if (action->has_unscanned) json_member_bool(&writer, STR("unscanned"), true);
    write_untold(&writer, action);
    write_commitment(&writer, STR("view"), view);
    write_hash(&writer, STR("view_digest"), view_digest);
    json_end_object(&writer);
}

void record_events_vote(struct buffer *out, const struct action *action, const struct record_vote *vote,
                        const struct seal_commitment *reason) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_id(&writer, action);
    json_member_string(&writer, STR("approver"), vote->approver);
    json_member_string(&writer, STR("decision"), vote->decision);
    write_hash(&writer, STR("digest"), &action->digest);
    write_optional(&writer, STR("group"), vote->group);
    write_commitment(&writer, STR("reason"), reason);
    write_optional(&writer, STR("rule"), vote->rule);
    write_optional(&writer, STR("token"), vote->token_id);
    json_member_string(&writer, STR("type"), EVENT_APPROVAL);
    if (vote->view != NULL) write_hash(&writer, STR("view_digest"), vote->view);
    json_end_object(&writer);
}

void record_events_hold_ended(struct buffer *out, const struct action *action, struct str how) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    write_id(&writer, action);
    json_member_string(&writer, STR("how"), how);
    json_member_string(&writer, STR("type"), EVENT_HOLD_ENDED);
    json_end_object(&writer);
}
