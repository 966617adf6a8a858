/* A prompt's part of its principal's budget: reserved before it is decided, settled when it is over. The store blocks, so it
 * is asked on a helper thread. */
#include "gate/budget.h"

#include "base/clock.h"
#include "base/log.h"
#include "run/offload.h"

struct budget_call {
    struct usage *usage;
    struct str principal;
    int64_t tokens;
    int64_t number;
    struct usage_totals totals;
    int result;
    struct error error;
};

static void reserve(void *argument) {
    struct budget_call *call = argument;
    call->result = usage_reserve(call->usage, call->principal, clock_real_us(), call->tokens, &call->number, &call->totals,
                                 &call->error);
}

static void settle(void *argument) {
    struct budget_call *call = argument;
    call->result = usage_settle(call->usage, call->principal, clock_real_us(), call->number, call->tokens, &call->error);
}

static struct budget_call budget_call(const struct session *session, int64_t tokens) {
    return (struct budget_call){
        .usage = session->worker->gateway->usage, .principal = session->principal_name, .tokens = tokens};
}

int session_reserve(struct session *session, struct action *action, struct error *error) {
    struct budget_call call = budget_call(session, action->tokens_estimate);
    if (action->tokens_estimate <= 0) return 0;
    if (offload_run(OFFLOAD_STATE_WRITE, reserve, &call, &call.error) != 0 || call.result != 0) {
        return error_set(error, ERROR_UNAVAILABLE, "what is spent cannot be counted now, so nothing may be: %s",
                         call.error.text);
    }
    action->reserved.number = call.number;
    action->reserved.tokens_1h = call.totals.tokens_1h;
    action->reserved.tokens_1d = call.totals.tokens_1d;
    return 0;
}

/* What an answer that broke off, or says nothing of it, cost is not known: as much as was reserved. */
static int64_t spent_by(const struct action *action) {
    const struct outcome *outcome = &action->outcome;
    if (action->verdict.kind != VERDICT_ALLOW) return 0;
    int64_t said = facts_spent(outcome->facts);
    return said > 0 || outcome->status == OUTCOME_ERROR ? said : action->tokens_estimate;
}

void session_settle(struct session *session, struct action *action) {
    struct budget_call call = budget_call(session, spent_by(action));
    call.number = action->reserved.number;
    if (call.number == 0 && call.tokens <= 0) return;
    action->reserved.number = 0;
    if (offload_run(OFFLOAD_STATE_WRITE, settle, &call, &call.error) == 0 && call.result == 0) return;
    log_error("what an action spent cannot be written, its estimate stays counted: %s", call.error.text);
}
