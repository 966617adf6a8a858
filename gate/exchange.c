/* ask: describe -> decide -> (hold) -> record intent -> forward.   answer: relay, masked -> record outcome -> release.
 *
 * Bytes leave only through wire_flush_*, which wait here until the evidence for them is durable. */
#include "gate/exchange.h"

#include "base/clock.h"
#include "base/log.h"
#include "gate/budget.h"
#include "gate/plans.h"

#define EXCHANGE_ROUNDS_MAX 8

/* ---- Decide ---------------------------------------------------------------------------------------------------- */

/* After a reload: the new snapshot's view of the principal. -1: there is none, and the old view stays, because the
 * denial that follows has to be recorded under it. */
static int renew_snapshot(struct session *session, struct error *error) {
    struct snapshot_slot *slot = &session->worker->gateway->snapshot;
    if (session->generation == snapshot_slot_generation(slot)) return 0;
    uint64_t generation;
    struct snapshot *next = snapshot_slot_take(slot, &generation);
    const struct principal *principal = identity_find(next->identity, session->principal_name);
    struct policy_session *policy = NULL;
    if (principal == NULL) {
        (void)error_set(error, ERROR_DENIED, "this principal is no longer known");
    } else {
        policy = policy_session_new(next->bundle, principal, session_client_ip(session), error);
    }
    if (policy == NULL) {
        snapshot_release(&next);
        return -1;
    }
    policy_session_free(&session->policy);
    snapshot_release(&session->snapshot);
    session->snapshot = next;
    session->generation = generation;
    session->principal = principal;
    session->policy = policy;
    return 0;
}

static int check_identity(struct session *session, int64_t now_us, struct error *error) {
    if (renew_snapshot(session, error) != 0) return -1;
    if (session->token_expires_us != 0 && now_us >= session->token_expires_us) {
        return error_set(error, ERROR_DENIED, "the token of this session has expired: log in again with a new one");
    }
    return 0;
}

/* The plan for texts that belong to no action, such as a notice between two: what the principal may see just now. */
static int renew_ambient_plan(struct session *session, const struct policy_facts *facts, struct error *error) {
    class_set reveal;
    if (policy_reveal(session->policy, &session->worker->scratch, facts, session->upstream->resource,
                      POLICY_SINK_PRINCIPAL, NULL, 0, &reveal, error) != 0) {
        return -1;
    }
    if (session->wire.ambient_plan != NULL && session->ambient_reveal == reveal) return 0;
    const struct mask_plan *plan = mask_plan_new(&session->wire.arena, session->worker->masks,
                                                 session->login_snapshot->config->masking, reveal);
    if (plan == NULL) return error_out_of_memory(error);
    session->wire.ambient_plan = plan;
    session->ambient_reveal = reveal;
    return 0;
}

/* action: NULL for what belongs to none. */
static struct policy_facts measure(struct session *session, const struct action *action) {
    int64_t now_us = clock_real_us();
    struct usage_totals spent = usage_read(session->worker->gateway->usage, session->principal_name);
    if (action != NULL && action->reserved.number != 0) {
        spent = (struct usage_totals){action->reserved.tokens_1h, action->reserved.tokens_1d};
    }
    return (struct policy_facts){
        .now_us = now_us,
        .session_actions = session->record.actions,
        .session_denials = session->record.denials,
        .tokens_1h = spent.tokens_1h,
        .tokens_1d = spent.tokens_1d,
        .source = session->upstream->resource,
    };
}

static void deny(struct action *action, struct str message) {
    action->verdict.kind = VERDICT_DENY;
    action->verdict.message = arena_copy(&action->arena, message);
}

static int ask_what_is_revealed(struct session *session, struct action *action, const struct policy_facts *facts,
                                struct error *error) {
    struct verdict *verdict = &action->verdict;
    struct arena *scratch = &session->worker->scratch;
    struct str source = session->upstream->resource;
    if (policy_reveal(session->policy, scratch, facts, source, POLICY_SINK_PRINCIPAL, verdict->applied,
                      verdict->applied_count, &verdict->reveal, error) != 0) {
        return -1;
    }
    if (!session->wire.protocol->masks_requests) return 0;
    if (policy_reveal(session->policy, scratch, facts, source, POLICY_SINK_UPSTREAM, verdict->applied,
                      verdict->applied_count, &verdict->reveal_request, error) != 0) {
        return -1;
    }
    if (policy_reveal(session->policy, scratch, facts, source, POLICY_SINK_URL, verdict->applied,
                      verdict->applied_count, &verdict->reveal_url, error) != 0) {
        return -1;
    }
    class_set stuck = action->fixed_classes & ~verdict->reveal_request;
    if (stuck == 0) return 0;
    (void)error_set(error, ERROR_DENIED, "the request holds a value of class %s in a place where it cannot be masked, and "
                    "no policy reveals that class to the upstream", class_name((enum data_class)__builtin_ctzll(stuck)));
    action_refuse(action, REFUSAL_UNMASKABLE, str_from_cstr(error->text));
    return -1;
}

/* One round: identity, policy, and for an allow what may be revealed. Doubt denies. */
static void decide(struct session *session, struct action *action, const struct str *applied, size_t applied_count) {
    struct error error = {0};
    struct verdict *verdict = &action->verdict;
    struct policy_facts facts = measure(session, action);
    if (action->refused_as != REFUSAL_NONE) {
        deny(action, action->refusal);
        return;
    }
    if (check_identity(session, facts.now_us, &error) != 0 || renew_ambient_plan(session, &facts, &error) != 0 ||
        policy_decide(session->policy, &session->worker->scratch, &facts, action, applied, applied_count, &error) != 0) {
        deny(action, str_from_cstr(error.text));
        return;
    }
    if (verdict->kind == VERDICT_ALLOW && ask_what_is_revealed(session, action, &facts, &error) != 0) {
        deny(action, str_from_cstr(error.text));
    }
}

/* Policies may nest deeper than what a fiber's stack has left in the midst of an answer. */
struct decision {
    struct session *session;
    struct action *action;
    const struct str *applied;
    size_t applied_count;
};

static void run_decision(void *argument) {
    struct decision *decision = argument;
    decide(decision->session, decision->action, decision->applied, decision->applied_count);
}

/* P. One round, by a token that is not revoked. */
static void judge_once(struct session *session, struct action *action, const struct str *applied, size_t applied_count) {
    struct error why;
    struct decision decision = {session, action, applied, applied_count};
    action->verdict.bundle = *bundle_hash(session->snapshot->bundle);
    if (session_check_token(session, &why) == 0) fiber_call_on_worker_stack(run_decision, &decision);
    else deny(action, str_from_cstr(why.text));
}

static struct str describe_refusal(struct action *action, const struct approval_result *result) {
    switch (result->end) {
    case APPROVAL_DENIED: return arena_format(&action->arena, "approval denied by %.*s", STR_ARGS(result->denier));
    case APPROVAL_CROWDED: return STR("too many actions of this principal wait for approval already");
    case APPROVAL_EXPIRED: return STR("nobody approved the action in time");
    case APPROVAL_UNREADABLE:
        return STR("a person would have to approve this, and it is too long, or its parameters are, for anybody to be shown "
                   "all of it: send it in parts");
    case APPROVAL_INTERRUPTED: return STR("the gateway stops: send the action again, to be approved again");
    default: return STR("the action was cancelled while it waited for approval");
    }
}

/* Those of this round join those of earlier ones, sorted, each once. */
static int add_approvers(struct action *action, const struct approval_result *result, struct error *error) {
    struct verdict *verdict = &action->verdict;
    struct str *all = ARENA_NEW_ARRAY(&action->arena, struct str, verdict->approver_count + result->approver_count + 1);
    if (all == NULL) return error_out_of_memory(error);
    size_t count = 0;
    size_t old = 0;
    size_t new = 0;
    while (old < verdict->approver_count || new < result->approver_count) {
        int order = old == verdict->approver_count ? 1
                    : new == result->approver_count
                        ? -1
                        : str_compare(verdict->approvers[old], result->approvers[new]);
        all[count++] = order <= 0 ? verdict->approvers[old] : result->approvers[new];
        old += order <= 0;
        new += order >= 0;
    }
    verdict->approvers = all;
    verdict->approver_count = count;
    return 0;
}

/* Parks until people have decided, then decides again: `applied` only grows, so this ends. */
static int hold(struct session *session, struct action *action, struct error *error) {
    const struct str *applied = NULL;
    size_t applied_count = 0;
    session->wire.protocol->add_settings(&session->wire, action);
    for (int round = 0; action->verdict.kind == VERDICT_HOLD; round++) {
        struct approval_result result;
        struct approval_request request = {
            .record = &session->record,
            .action = action,
            .principal = session->principal,
            .upstream = session->upstream->name,
            .upstream_id = session->upstream->resource,
            .client_address = session_client_ip(session),
            .bundle = session->snapshot->bundle,
            .client = session->wire.client,
            .timeout_ns = session->snapshot->config->approval_timeout_ns,
        };
        if (session->wire.protocol->push_answers(&session->wire, error) != 0) return -1;
        if (approval_wait(session->worker->gateway->approvals, &request, &action->arena, &session->hold, &result,
                          error) != 0) {
            return -1;
        }
        if (result.end != APPROVAL_GRANTED || round == EXCHANGE_ROUNDS_MAX) {
            deny(action, describe_refusal(action, &result));
            return 0;
        }
        struct str *grown = ARENA_NEW_ARRAY(&action->arena, struct str, applied_count + action->verdict.remedy_count);
        if (grown == NULL) return error_out_of_memory(error);
        if (add_approvers(action, &result, error) != 0) return -1;
        for (size_t i = 0; i < applied_count; i++) grown[i] = applied[i];
        for (size_t i = 0; i < action->verdict.remedy_count; i++) grown[applied_count + i] = action->verdict.remedies[i];
        applied_count += action->verdict.remedy_count;
        applied = grown;
        session->token_checked_us = 0; /* it may have been a long wait */
        judge_once(session, action, applied, applied_count);
    }
    return 0;
}

/* P. Decides, and holds for what people have to decide. -1: the session cannot go on. */
static int judge_whole(struct session *session, struct action *action, struct error *error) {
    record_key_action(&session->record, action);
    if (record_check_names(session->worker->masks, action) != 0) return error_out_of_memory(error);
    judge_once(session, action, NULL, 0);
    return action->verdict.kind == VERDICT_HOLD ? hold(session, action, error) : 0;
}

/* ---- Ask ------------------------------------------------------------------------------------------------------- */

static void count_refusal(struct session *session, enum refusal why) {
    if (why == REFUSAL_NONE) return;
    atomic_fetch_add_explicit(&session->worker->gateway->refused[why], 1, memory_order_relaxed);
}

/* What is too long for an entry is denied, and recorded without its steps; its text is sealed whole all the same. */
static void record_or_deny(struct session *session, struct action *action) {
    struct record_session *record = &session->record;
    struct str upstream = session->upstream->name;
    count_refusal(session, action->refused_as);
    if (record_intent(record, action, session->principal, upstream, &action->intent) == 0) return;
    action->step_count = 0;
    deny(action, STR("the text does too many different things for one action: send it in parts"));
    if (record_intent(record, action, session->principal, upstream, &action->intent) != 0) record->is_refused = true;
}

static void begin_flight(struct session *session, const struct action *action) {
    if (action->verdict.kind != VERDICT_ALLOW) return;
    session->in_flight++;
    atomic_fetch_add_explicit(&session->worker->gateway->in_flight, 1, memory_order_relaxed);
}

static int ask_one(struct session *session, struct action *action, struct error *error) {
    const struct wire_protocol *protocol = session->wire.protocol;
    struct error why;
    if (session_reserve(session, action, &why) != 0) {
        action_refuse(action, REFUSAL_UNCOUNTED, str_from_cstr(why.text));
    }
    if (judge_whole(session, action, error) != 0) {
        action->verdict.kind = VERDICT_DENY;
        session_settle(session, action);
        action_free(&action);
        return -1;
    }
    if (!recorder_is_accepting(session->record.recorder, &why)) {
        deny(action, str_from_cstr(why.text)); /* the one denial without an entry: there is nowhere to write it */
        action->verdict.is_unavailable = true;
        session_settle(session, action);
        return protocol->refuse(&session->wire, action, error);
    }
    const struct mask_plans *plans = NULL;
    if (action->verdict.kind == VERDICT_ALLOW) {
        plans = session_make_plans(session, action);
        if (plans == NULL) deny(action, STR("the action is too large, or what it continues cannot be read"));
    }
    record_or_deny(session, action);
    if (action->verdict.kind != VERDICT_ALLOW) {
        session->filling = NULL;
        session_settle(session, action);
        session->answer_mark = session->record.recorded;
        return protocol->refuse(&session->wire, action, error);
    }
    session->intent_mark = session->record.recorded;
    begin_flight(session, action);
    return protocol->forward(&session->wire, action, plans, error);
}

static int ask(struct session *session, struct error *error) {
    const struct wire_protocol *protocol = session->wire.protocol;
    struct action *action;
    int got;
    while ((got = protocol->next_action(&session->wire, &action, error)) == 1) {
        if (ask_one(session, action, error) != 0) return -1;
    }
    return got;
}

/* ---- Answer ---------------------------------------------------------------------------------------------------- */

static void account_for(struct session *session, struct action *action) {
    if (session->filling == action->vault) session->filling = NULL;
    if (action->verdict.kind != VERDICT_ALLOW) return;
    count_refusal(session, action->outcome.withheld_as);
    struct fact *facts = action->outcome.facts;
    record_check_facts(session->worker->masks, facts);
    record_outcome(&session->record, action, action->intent);
    session_settle(session, action);
    session->in_flight--;
    atomic_fetch_sub_explicit(&session->worker->gateway->in_flight, 1, memory_order_relaxed);
    if (session->upstream->outcome == CONFIG_OUTCOME_DURABLE) session->answer_mark = session->record.recorded;
}

static int answer(struct session *session, struct error *error) {
    const struct wire_protocol *protocol = session->wire.protocol;
    struct action *action;
    int got;
    while ((got = protocol->next_answer(&session->wire, &action, error)) == 1) {
        session_keep_vault(session, action);
        account_for(session, action);
        int released = protocol->release(&session->wire, action, error);
        action_free(&action);
        if (released != 0) return -1;
        if (session->is_draining && session->in_flight == 0) fiber_cancel(session->ask);
    }
    return got;
}

struct answer_fiber {
    struct session *session;
    int result;
    struct error error;
};

static void answer_main(void *argument) {
    struct answer_fiber *fiber = argument;
    fiber->result = answer(fiber->session, &fiber->error);
    fiber_cancel(fiber->session->ask); /* without answers there is nothing more to ask */
}

/* ---- Both ------------------------------------------------------------------------------------------------------ */

int exchange_run(struct session *session, struct error *error) {
    struct answer_fiber fiber = {.session = session};
    struct policy_facts facts = measure(session, NULL);
    if (renew_ambient_plan(session, &facts, error) != 0) return -1;
    session->answer = fiber_start(session->worker->worker, answer_main, &fiber, "answer");
    if (session->answer == NULL) return error_out_of_memory(error);
    int asked = ask(session, error);
    bool answers_ended_first = fiber_has_ended(session->answer);

    fiber_shield_begin();
    fiber_cancel(session->answer);
    fiber_join(session->answer);
    session->answer = NULL;
    if (answers_ended_first && fiber.result != 0) *error = fiber.error;
    if (answers_ended_first && fiber.result == 0) asked = error_set(error, ERROR_CLOSED, "the upstream closed the session");
    /* Outcomes wait for their intents: a client is not left waiting with them when the log does not answer. */
    if (asked != 0 && !recorder_is_accepting(session->record.recorder, NULL)) session_take_leave(session, error);
    struct action *action;
    while ((action = session->wire.protocol->take_unanswered(&session->wire)) != NULL) {
        account_for(session, action);
        action_free(&action);
    }
    fiber_shield_end();
    return asked;
}

/* ---- What protocols call back ---------------------------------------------------------------------------------- */

static struct session *session_of(struct wire_session *wire) {
    return (struct session *)wire; /* its first member */
}

static int await_intents(struct wire_session *wire, struct error *error) {
    struct session *session = session_of(wire);
    session_keep_placeholders(session);
    return record_await(&session->record, session->intent_mark, error);
}

static int await_outcomes(struct wire_session *wire, struct error *error) {
    struct session *session = session_of(wire);
    return record_await(&session->record, session->answer_mark, error);
}

static int inspect(struct wire_session *wire, struct str name, enum mask_shape shape, struct str value,
                   struct class_counts *found, struct error *error) {
    struct mask_worker *masks = session_of(wire)->worker->masks;
    struct mask_field field = mask_field_of_name(masks, name);
    return mask_inspect(masks, field, shape, value, found, error);
}

/* Either verdict goes to the client in the midst of an answer, so either is evidence first. */
static int judge(struct wire_session *wire, struct action *action, struct error *error) {
    struct session *session = session_of(wire);
    if (judge_whole(session, action, error) != 0) return -1;
    struct error why;
    if (!recorder_is_accepting(session->record.recorder, &why)) {
        deny(action, str_from_cstr(why.text));
        return 0;
    }
    record_or_deny(session, action);
    session->answer_mark = session->record.recorded;
    begin_flight(session, action);
    return 0;
}

static void conclude(struct wire_session *wire, struct action *action) { account_for(session_of(wire), action); }

static void cancel(struct wire_session *wire, struct str key) {
    gateway_cancel(session_of(wire)->worker->gateway, key);
}

const struct wire_gate exchange_gate = {
    .await_intents = await_intents,
    .await_outcomes = await_outcomes,
    .inspect = inspect,
    .judge = judge,
    .conclude = conclude,
    .cancel = cancel,
};
