/* Questions beside the decision on an action: what may be received in clear, and single ones of the gateway itself. */
#include "guard/policy_internal.h"

#define MICROSECONDS_PER_MINUTE 60000000ll

static const struct str sink_names[] = {
    [POLICY_SINK_PRINCIPAL] = {"principal", 9},
    [POLICY_SINK_UPSTREAM] = {"upstream", 8},
    [POLICY_SINK_URL] = {"url", 3},
};

static bool memory_answers(const struct reveal_memory *memory, int64_t minute, struct str source) {
    return memory->is_set && memory->minute == minute &&
           str_equal(str_make(memory->source, memory->source_length), source);
}

static void memory_keep(struct reveal_memory *memory, int64_t minute, struct str source, class_set reveal) {
    if (source.length > sizeof(memory->source)) return;
    memory->is_set = true;
    memory->minute = minute;
    memory->source_length = source.length;
    if (source.length != 0) memcpy(memory->source, source.data, source.length);
    memory->reveal = reveal;
}

static int ask(const struct policy_session *session, struct arena *scratch, const struct cedar_request *request,
               const struct cedar_entities *entities, bool *is_allowed) {
    struct cedar_decision decision;
    *is_allowed = false;
    if (cedar_engine_authorize(session->bundle->engine, request, entities, scratch, &decision) != 0) return -1;
    *is_allowed = decision.is_allowed && !policy_forbid_erred(&decision);
    return 0;
}

static int ask_classes(const struct policy_session *session, struct arena *scratch, const struct cedar_record *context,
                       class_set *reveal) {
    struct cedar_request request = {
        .principal = session->principal, .action = &session->bundle->reveal, .context = context};
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        bool is_allowed = false;
        request.resource = &session->bundle->classes[class];
        if (ask(session, scratch, &request, session->bundle->entities, &is_allowed) != 0) return -1;
        if (is_allowed) *reveal |= CLASS_BIT(class);
    }
    return 0;
}

static struct cedar_record *reveal_context(const struct policy_session *session, struct arena *scratch,
                                           const struct policy_context *from, struct str source, enum policy_sink sink) {
    struct cedar_record *context = cedar_record_new(scratch, POLICY_COMMON_COUNT + 2);
    bool is_made = policy_set_common(session, scratch, from, context) == 0 &&
                   policy_set(context, ATTRIBUTE_SOURCE, cedar_string(source)) == 0 &&
                   policy_set(context, ATTRIBUTE_SINK, cedar_string(sink_names[sink])) == 0;
    return is_made ? context : NULL;
}

int policy_ask_unscanned(const struct policy_session *session, struct arena *scratch, const struct policy_context *from,
                         struct cedar_decision *decision) {
    struct cedar_request request = {
        .principal = session->principal,
        .action = &session->bundle->reveal,
        .resource = &session->bundle->unscanned,
        .context = reveal_context(session, scratch, from, from->facts->source, POLICY_SINK_UPSTREAM),
    };
    if (request.context == NULL) return -1;
    return cedar_engine_authorize(session->bundle->engine, &request, session->bundle->entities, scratch, decision);
}

int policy_reveal(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts,
                  struct str source, enum policy_sink sink, const struct str *applied, size_t applied_count,
                  class_set *reveal, struct error *error) {
    policy_session_check(session);
    int64_t minute = facts->now_us / MICROSECONDS_PER_MINUTE;
    struct reveal_memory *memory = &session->reveals[sink];
    if (applied_count == 0 && memory_answers(memory, minute, source)) {
        *reveal = memory->reveal;
        return 0;
    }
    *reveal = 0;
    arena_reset(scratch);
    struct policy_context from = {.facts = facts, .applied = applied, .applied_count = applied_count};
    const struct cedar_record *context = reveal_context(session, scratch, &from, source, sink);
    class_set found = 0;
    if (context == NULL || ask_classes(session, scratch, context, &found) != 0) {
        return error_out_of_memory(error);
    }
    if (applied_count == 0) memory_keep(memory, minute, source, found);
    *reveal = found;
    return 0;
}

int policy_may(struct policy_session *session, struct arena *scratch, const struct policy_facts *facts, struct str verb,
               const struct resource *resource, bool *is_allowed, struct error *error) {
    policy_session_check(session);
    *is_allowed = false;
    arena_reset(scratch);
    struct cedar_uid action;
    struct cedar_uid uid;
    const struct cedar_entities *entities;
    const struct action_step step = {.resource = resource};
    policy_action_uid(&action, verb);
    if (policy_step_entities(session->bundle, scratch, &step, &uid, &entities, error) != 0) return -1;
    struct policy_context from = {.facts = facts};
    struct cedar_record *context = cedar_record_new(scratch, POLICY_COMMON_COUNT);
    struct cedar_request request = {
        .principal = session->principal, .action = &action, .resource = &uid, .context = context};
    if (policy_set_common(session, scratch, &from, context) != 0 ||
        ask(session, scratch, &request, entities, is_allowed) != 0) {
        return error_out_of_memory(error);
    }
    return 0;
}
