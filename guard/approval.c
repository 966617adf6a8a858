/* Holds and votes.
 *
 *     ask fiber (hold's worker)                     voter's fiber (any worker)
 *     approval_wait: publish the hold, record  <--  approvals_vote: find its worker, post the vote there
 *     rules -> record -> durable -> count      -->  told the result by a post back
 *
 * The table of holds has a lock, because listings and votes come from other threads; everything else of a hold belongs
 * to its worker. A vote is its voter's memory until it has been answered, and it is always answered. */
#include "guard/approval.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "guard/bundle.h"
#include "guard/view.h"
#include "run/offload.h"

struct approvals {
    struct store *store;
    pthread_mutex_t lock;
    struct map by_id;     /* hold id -> struct hold */
    struct map by_action; /* action id -> struct hold */
};

struct vote {
    struct approvals *approvals;
    const struct approval_vote *cast;
    struct approval_tally tally;
    struct worker *voter_worker;
    struct fiber *voter_fiber;
    bool is_answered;
    int result;
    struct error error;
    struct vote *next;
};

struct hold {
    struct approvals *approvals;
    const struct approval_request *request;
    char id[APPROVAL_ID_BYTES];
    struct worker *worker;
    struct fiber *fiber;
    struct vote *inbox;
    bool is_cancelled;
    bool is_interrupted;
    int64_t created_us;
    int64_t expires_us;
    struct str view; /* in the action's arena; never changes */
    struct sha256 view_digest;
    struct remedy *remedies;
    size_t remedy_count;
    struct str approvers[APPROVAL_VOTES_MAX]; /* who has approved; copies, in the action's arena */
    class_set approver_remedies[APPROVAL_VOTES_MAX]; /* bit n: counts for remedy n */
    size_t approver_count;                    /* guarded by the lock, as the listing reads it */
};

struct approvals *approvals_new(struct store *store, struct error *error) {
    struct approvals *approvals = calloc(1, sizeof(*approvals));
    if (approvals == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    approvals->store = store;
    pthread_mutex_init(&approvals->lock, NULL);
    map_init(&approvals->by_id);
    map_init(&approvals->by_action);
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    struct store_hold *holds;
    size_t count;
    int result = store_hold_interrupt(store, &arena, clock_real_us(), &holds, &count, error);
    arena_free(&arena);
    if (result != 0) approvals_free(&approvals);
    if (result == 0 && count > 0) log_warning("%zu held actions of an earlier run are marked interrupted", count);
    return approvals;
}

void approvals_free(struct approvals **approvals) {
    if (*approvals == NULL) return;
    CHECK((*approvals)->by_id.count == 0);
    map_free(&(*approvals)->by_id);
    map_free(&(*approvals)->by_action);
    pthread_mutex_destroy(&(*approvals)->lock);
    free(*approvals);
    *approvals = NULL;
}

/* ---- The store, off the worker ------------------------------------------------------------------------------- */

struct store_call {
    struct hold *hold;
    enum hold_state end;
    const struct vote *vote;
    int result;
    struct error *error;
};

static void create_in_store(void *argument) {
    struct store_call *call = argument;
    const struct hold *hold = call->hold;
    const struct action *action = hold->request->action;
    const struct principal *principal = hold->request->principal;
    struct store_hold row = {
        .id = str_from_cstr(hold->id),
        .action_id = str_from_cstr(action->id),
        .session = str_make(action->id, SESSION_HEX_BYTES),
        .principal = principal->name,
        .on_behalf_of = principal->on_behalf_of != NULL ? principal->on_behalf_of->name : STR_NONE,
        .upstream = hold->request->upstream,
        .digest = action->digest,
        .is_sealed = true, /* the text itself stands only in the sealed payload of hold_requested */
        .text = STR(""),
        .policies = action->verdict.policies,
        .policy_count = action->verdict.policy_count,
        .remedies = action->verdict.remedies,
        .remedy_count = action->verdict.remedy_count,
        .created_us = hold->created_us,
        .expires_us = hold->expires_us,
    };
    call->result = store_hold_create(hold->approvals->store, &row, call->error);
}

static void close_in_store(void *argument) {
    struct store_call *call = argument;
    call->result = store_hold_close(call->hold->approvals->store, str_from_cstr(call->hold->id), call->end,
                                    clock_real_us(), call->error);
}

static void add_vote_to_store(void *argument) {
    struct store_call *call = argument;
    struct store_vote row = {call->vote->cast->voter->name, call->vote->cast->is_approval, STR_NONE, clock_real_us()};
    call->result = store_vote_add(call->hold->approvals->store, str_from_cstr(call->hold->id), &row, call->error);
}

static int run_store_call(void (*function)(void *), struct store_call *call) {
    if (offload_run(OFFLOAD_STATE_WRITE, function, call, call->error) != 0) return -1;
    return call->result;
}

/* ---- Votes ---------------------------------------------------------------------------------------------------- */

static void wake_voter(void *argument) {
    struct vote *vote = argument;
    vote->is_answered = true;
    fiber_wake(vote->voter_fiber);
}

/* After this the vote is no longer ours. */
static void answer_vote(struct vote *vote, int result, const struct error *error) {
    vote->result = result;
    if (result != 0) vote->error = *error;
    /* Without memory for the post the voter waits until the gateway ends; a full answer is better than a lost one. */
    while (worker_post(vote->voter_worker, wake_voter, vote) != 0) {}
}

/* The rule that forbids a vote of this principal, or NULL. *counts_for: the remedies whose group the voter is in. */
static const char *find_broken_rule(const struct hold *hold, const struct principal *voter, class_set *counts_for) {
    const struct principal *requester = hold->request->principal;
    if (voter->kind != PRINCIPAL_USER) return "only a person may approve or deny";
    if (str_equal(voter->name, requester->name)) return "the requester may not decide on an own action";
    if (requester->on_behalf_of != NULL && str_equal(voter->name, requester->on_behalf_of->name)) {
        return "the person the requester acts for may not decide on the action";
    }
    *counts_for = 0;
    for (size_t i = 0; i < hold->remedy_count; i++) {
        if (principal_is_in_group(voter, hold->remedies[i].group)) *counts_for |= (class_set)1 << i;
    }
    if (*counts_for == 0) return "not a member of a group that may approve this action";
    for (size_t i = 0; i < hold->approver_count; i++) {
        if (str_equal(hold->approvers[i], voter->name)) return "has voted on this action already";
    }
    if (hold->approver_count == APPROVAL_VOTES_MAX) return "too many votes on one action";
    return NULL;
}

static struct str first_group(const struct hold *hold, class_set counts_for) {
    return counts_for != 0 ? hold->remedies[__builtin_ctzll(counts_for)].group : STR_NONE;
}

/* Above the rules of who may vote: what was signed must be what waits. A denial needs to have seen nothing. */
static const char *find_broken_view(const struct hold *hold, const struct approval_vote *cast) {
    if (!cast->is_approval || view_has_prefix(&hold->view_digest, cast->view)) return NULL;
    return cast->view.length == 0 ? "an approval names the view that it is for: see `sworn pending ID`"
                                  : "the approval is for another view than the one that waits: see `sworn pending ID`";
}

static int record_and_await(struct hold *hold, const struct approval_vote *cast, class_set counts_for, const char *rule,
                            struct error *error) {
    struct record_session *record = hold->request->record;
    struct record_vote vote = {
        .approver = cast->voter->name,
        .group = first_group(hold, counts_for),
        .decision = rule != NULL ? STR("refused") : cast->is_approval ? STR("approve") : STR("deny"),
        .reason = cast->reason,
        .rule = str_from_cstr(rule),
        .token_id = cast->token_id,
        .view = rule == NULL && cast->is_approval ? &hold->view_digest : NULL,
    };
    record_vote(record, hold->request->action, &vote);
    return record_await(record, record->recorded, error);
}

static uint32_t count_approvals(const struct hold *hold, size_t remedy) {
    uint32_t approvals = 0;
    for (size_t i = 0; i < hold->approver_count; i++) approvals += hold->approver_remedies[i] >> remedy & 1;
    return approvals;
}

/* The first remedy that still lacks approvals, or remedy_count. */
static size_t find_unsatisfied(const struct hold *hold) {
    for (size_t i = 0; i < hold->remedy_count; i++) {
        if (count_approvals(hold, i) < hold->remedies[i].count) return i;
    }
    return hold->remedy_count;
}

static struct approval_tally tally_of(const struct hold *hold, bool is_denial) {
    size_t missing = find_unsatisfied(hold);
    if (is_denial || missing == hold->remedy_count) return (struct approval_tally){.is_ended = true};
    return (struct approval_tally){.given = count_approvals(hold, missing), .needed = hold->remedies[missing].count};
}

/* Applies one vote. True when it ended the hold by a denial. */
static bool take_vote(struct hold *hold, struct arena *arena, struct vote *vote, struct str *denier) {
    struct error error = {0};
    class_set counts_for = 0;
    const struct approval_vote *cast = vote->cast;
    const char *rule = find_broken_rule(hold, cast->voter, &counts_for);
    struct str name = arena_copy(arena, cast->voter->name);
    struct store_call call = {.hold = hold, .vote = vote, .error = &error};
    bool is_denial = !cast->is_approval;
    if (rule == NULL) rule = find_broken_view(hold, cast);
    fiber_shield_begin();
    int result = name.data == NULL ? error_out_of_memory(&error) : record_and_await(hold, cast, counts_for, rule, &error);
    if (result == 0 && rule != NULL) {
        result = error_set(&error, ERROR_DENIED, "%.*s: %s", STR_ARGS(cast->voter->name), rule);
    }
    if (result == 0) result = run_store_call(add_vote_to_store, &call);
    fiber_shield_end();
    if (result == 0) {
        pthread_mutex_lock(&hold->approvals->lock);
        hold->approvers[hold->approver_count] = name;
        hold->approver_remedies[hold->approver_count] = is_denial ? 0 : counts_for;
        hold->approver_count++;
        pthread_mutex_unlock(&hold->approvals->lock);
        vote->tally = tally_of(hold, is_denial);
    }
    answer_vote(vote, result, &error);
    if (result == 0 && is_denial) *denier = name;
    return result == 0 && is_denial;
}

static struct hold *find_hold(struct approvals *approvals, struct str id) {
    struct hold *hold = map_get(&approvals->by_id, id);
    return hold != NULL ? hold : map_get(&approvals->by_action, id);
}

static int error_not_found(struct error *error, struct str hold_id) {
    return error_set(error, ERROR_NOT_FOUND, "no action with the id \"%.*s\" waits for approval: see `sworn pending`",
                     STR_ARGS(hold_id));
}

static void answer_not_found(struct vote *vote) {
    struct error error;
    answer_vote(vote, error_not_found(&error, vote->cast->hold_id), &error);
}

/* On the hold's worker. It may have ended since the voter looked. */
static void deliver_vote(void *argument) {
    struct vote *vote = argument;
    pthread_mutex_lock(&vote->approvals->lock);
    struct hold *hold = find_hold(vote->approvals, vote->cast->hold_id);
    pthread_mutex_unlock(&vote->approvals->lock);
    if (hold == NULL || hold->worker != worker_self()) {
        answer_not_found(vote);
        return;
    }
    struct vote **last = &hold->inbox;
    while (*last != NULL) last = &(*last)->next;
    *last = vote;
    fiber_wake(hold->fiber);
}

int approvals_vote(struct approvals *approvals, const struct approval_vote *cast, struct approval_tally *tally,
                   struct error *error) {
    if (cast->reason.length > APPROVAL_REASON_MAX_BYTES) {
        return error_set(error, ERROR_LIMIT, "the reason is longer than %d bytes", APPROVAL_REASON_MAX_BYTES);
    }
    struct vote vote = {
        .approvals = approvals, .cast = cast, .voter_worker = worker_self(), .voter_fiber = fiber_self(),
    };
    pthread_mutex_lock(&approvals->lock);
    struct hold *hold = find_hold(approvals, cast->hold_id);
    struct worker *worker = hold != NULL ? hold->worker : NULL;
    pthread_mutex_unlock(&approvals->lock);
    if (worker == NULL) return error_not_found(error, cast->hold_id);
    if (worker_post(worker, deliver_vote, &vote) != 0) return error_out_of_memory(error);
    fiber_shield_begin(); /* the vote is on this stack: stay until it was answered */
    while (!vote.is_answered) {
        if (fiber_park(FIBER_NO_DEADLINE, NULL) != 0) continue;
    }
    fiber_shield_end();
    if (vote.result != 0 && error != NULL) *error = vote.error;
    *tally = vote.tally;
    return vote.result;
}

/* ---- Holds ---------------------------------------------------------------------------------------------------- */

/* Crockford's base 32, which has no letters that are mistaken for digits: "k7x2-9qpd". */
static void make_id(char id[APPROVAL_ID_BYTES]) {
    static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    uint8_t bytes[8];
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < 9; i++) id[i] = i == 4 ? '-' : alphabet[bytes[i > 4 ? i - 1 : i] & 31];
    id[9] = '\0';
}

static int parse_remedies(struct hold *hold, struct arena *arena, struct error *error) {
    const struct verdict *verdict = &hold->request->action->verdict;
    if (verdict->remedy_count > CLASS_MAX) return error_set(error, ERROR_LIMIT, "too many remedies for one action");
    hold->remedies = ARENA_NEW_ARRAY(arena, struct remedy, verdict->remedy_count);
    if (hold->remedies == NULL) return error_out_of_memory(error);
    hold->remedy_count = verdict->remedy_count;
    for (size_t i = 0; i < verdict->remedy_count; i++) {
        if (remedy_parse(verdict->remedies[i], &hold->remedies[i], error) != 0) return -1;
    }
    return 0;
}

/* -1: it is too long to be read. */
static int make_view(struct hold *hold, struct arena *arena) {
    const struct approval_request *request = hold->request;
    struct view_facts facts = {
        .action = request->action,
        .principal = request->principal,
        .bundle = request->bundle,
        .hold_id = str_from_cstr(hold->id),
        .upstream_id = request->upstream_id,
        .client_address = request->client_address,
        .expires_us = hold->expires_us,
    };
    struct buffer json;
    buffer_init(&json, 2 * VIEW_BYTES_MAX);
    if (!request->action->is_part_unseen && view_write(&facts, &json) == 0) {
        hold->view_digest = sha256_of(buffer_view(&json));
        hold->view = arena_copy(arena, buffer_view(&json));
    }
    buffer_free(&json);
    return hold->view.length > 0 ? 0 : -1;
}

static int publish(struct hold *hold, struct error *error) {
    struct approvals *approvals = hold->approvals;
    pthread_mutex_lock(&approvals->lock);
    int result = map_set(&approvals->by_id, str_from_cstr(hold->id), hold);
    if (result == 0) result = map_set(&approvals->by_action, str_from_cstr(hold->request->action->id), hold);
    pthread_mutex_unlock(&approvals->lock);
    return result == 0 ? 0 : error_out_of_memory(error);
}

static void unpublish(struct hold *hold) {
    struct approvals *approvals = hold->approvals;
    pthread_mutex_lock(&approvals->lock);
    map_remove(&approvals->by_id, str_from_cstr(hold->id));
    map_remove(&approvals->by_action, str_from_cstr(hold->request->action->id));
    pthread_mutex_unlock(&approvals->lock);
    struct vote *vote = hold->inbox;
    while (vote != NULL) {
        struct vote *next = vote->next;
        answer_not_found(vote);
        vote = next;
    }
    hold->inbox = NULL;
}

static enum approval_end await_end(struct hold *hold, struct arena *arena, uint64_t deadline_ns, struct str *denier) {
    for (;;) {
        while (hold->inbox != NULL) {
            struct vote *vote = hold->inbox;
            hold->inbox = vote->next;
            if (take_vote(hold, arena, vote, denier)) return APPROVAL_DENIED;
        }
        if (find_unsatisfied(hold) == hold->remedy_count) return APPROVAL_GRANTED;
        if (hold->is_interrupted) return APPROVAL_INTERRUPTED;
        if (hold->is_cancelled || stream_has_closed(hold->request->client)) return APPROVAL_CANCELLED;
        struct error error;
        if (fiber_park(deadline_ns, &error) == 0) continue;
        return error.code == ERROR_TIMEOUT ? APPROVAL_EXPIRED : APPROVAL_CANCELLED;
    }
}

void approval_cancel(struct hold *hold) {
    hold->is_cancelled = true;
    fiber_wake(hold->fiber);
}

void approval_interrupt(struct hold *hold) {
    hold->is_interrupted = true;
    fiber_wake(hold->fiber);
}

static int list_approvers(const struct hold *hold, struct arena *arena, struct approval_result *result,
                          struct error *error) {
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, hold->approver_count + 1);
    if (names == NULL) return error_out_of_memory(error);
    size_t count = 0;
    for (size_t i = 0; i < hold->approver_count; i++) {
        if (hold->approver_remedies[i] == 0) continue;
        size_t at = count++;
        for (; at > 0 && str_compare(names[at - 1], hold->approvers[i]) > 0; at--) names[at] = names[at - 1];
        names[at] = hold->approvers[i];
    }
    result->approvers = names;
    result->approver_count = count;
    return 0;
}

static struct str end_name(enum approval_end end) {
    static const struct str names[] = {[APPROVAL_GRANTED] = {"approved", 8}, [APPROVAL_DENIED] = {"denied", 6},
                                       [APPROVAL_EXPIRED] = {"expired", 7}, [APPROVAL_CANCELLED] = {"cancelled", 9},
                                       [APPROVAL_INTERRUPTED] = {"interrupted", 11}};
    return names[end];
}

/* Writes the end down, in evidence first. */
static int finish(struct hold *hold, enum approval_end end, struct error *error) {
    static const enum hold_state states[] = {[APPROVAL_GRANTED] = HOLD_APPROVED, [APPROVAL_DENIED] = HOLD_DENIED,
                                             [APPROVAL_EXPIRED] = HOLD_EXPIRED, [APPROVAL_CANCELLED] = HOLD_CANCELLED,
                                             [APPROVAL_INTERRUPTED] = HOLD_INTERRUPTED};
    struct record_session *record = hold->request->record;
    struct store_call call = {.hold = hold, .end = states[end], .error = error};
    record_hold_ended(record, hold->request->action, end_name(end));
    if (record_await(record, record->recorded, error) != 0) return -1;
    return run_store_call(close_in_store, &call);
}

/* Approvers read what waits: one principal must not bury the rest. */
static bool is_crowded(struct approvals *approvals, const struct principal *principal) {
    size_t count = 0;
    size_t cursor = 0;
    void *value;
    pthread_mutex_lock(&approvals->lock);
    while (map_next(&approvals->by_id, &cursor, NULL, &value)) {
        const struct hold *hold = value;
        count += str_equal(hold->request->principal->name, principal->name);
    }
    pthread_mutex_unlock(&approvals->lock);
    return count >= APPROVAL_HOLDS_PER_PRINCIPAL_MAX;
}

int approval_wait(struct approvals *approvals, const struct approval_request *request, struct arena *arena,
                  struct hold **out, struct approval_result *result, struct error *error) {
    struct hold hold = {
        .approvals = approvals, .request = request, .worker = worker_self(), .fiber = fiber_self(),
        .created_us = clock_real_us(),
    };
    hold.expires_us = hold.created_us + (int64_t)(request->timeout_ns / 1000);
    uint64_t deadline_ns = clock_monotonic_ns() + request->timeout_ns;
    *result = (struct approval_result){.end = APPROVAL_CANCELLED};
    make_id(hold.id);
    if (parse_remedies(&hold, arena, error) != 0) return -1;
    if (make_view(&hold, arena) != 0) {
        result->end = APPROVAL_UNREADABLE;
        return 0;
    }
    record_hold_requested(request->record, request->action, hold.expires_us, hold.view, &hold.view_digest);
    if (is_crowded(approvals, request->principal)) {
        result->end = APPROVAL_CROWDED;
        record_hold_ended(request->record, request->action, end_name(APPROVAL_CANCELLED));
        return record_await(request->record, request->record->recorded, error);
    }
    if (record_await(request->record, request->record->recorded, error) != 0) return -1;
    struct store_call call = {.hold = &hold, .error = error};
    if (run_store_call(create_in_store, &call) != 0) return -1;
    if (publish(&hold, error) != 0) return -1;
    log_info("held: %s by %.*s on %.*s, see it with `sworn pending %s`", request->action->id,
             STR_ARGS(request->principal->name), STR_ARGS(request->upstream_id), hold.id);
    *out = &hold;
    stream_set_close_waiter(request->client, hold.fiber);
    result->end = await_end(&hold, arena, deadline_ns, &result->denier);
    stream_set_close_waiter(request->client, NULL);
    *out = NULL;
    unpublish(&hold);
    fiber_shield_begin();
    int finished = finish(&hold, result->end, error);
    fiber_shield_end();
    return finished == 0 ? list_approvers(&hold, arena, result, error) : -1;
}

/* ---- Listing -------------------------------------------------------------------------------------------------- */

static struct str join(struct arena *arena, const struct str *names, size_t count) {
    struct buffer joined;
    buffer_init(&joined, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) buffer_append_str(&joined, STR(", "));
        buffer_append_str(&joined, names[i]);
    }
    struct str copy = arena_copy(arena, buffer_view(&joined));
    buffer_free(&joined);
    return copy;
}

/* Everybody whose vote no rule forbids. */
static struct str list_candidates(const struct hold *hold, const struct identity *identity, struct arena *arena) {
    size_t count = 0;
    struct str *names = ARENA_NEW_ARRAY(arena, struct str, identity_count(identity) + 1);
    for (size_t i = 0; names != NULL && i < identity_count(identity); i++) {
        class_set counts_for;
        const struct principal *principal = identity_at(identity, i);
        if (find_broken_rule(hold, principal, &counts_for) == NULL) names[count++] = principal->name;
    }
    return join(arena, names, count);
}

static void describe(const struct hold *hold, const struct identity *identity, struct arena *arena,
                     struct approval_listing *listing) {
    const struct action *action = hold->request->action;
    const struct principal *principal = hold->request->principal;
    *listing = (struct approval_listing){
        .id = arena_copy(arena, str_from_cstr(hold->id)),
        .action_id = arena_copy(arena, str_from_cstr(action->id)),
        .principal = arena_copy(arena, principal->name),
        .on_behalf_of = principal->on_behalf_of != NULL ? arena_copy(arena, principal->on_behalf_of->name) : STR_NONE,
        .upstream_id = arena_copy(arena, hold->request->upstream_id),
        .text = arena_copy(arena, action->text),
        .policies = join(arena, action->verdict.policies, action->verdict.policy_count),
        .remedies = join(arena, action->verdict.remedies, action->verdict.remedy_count),
        .approvers = join(arena, hold->approvers, hold->approver_count),
        .candidates = list_candidates(hold, identity, arena),
        .created_us = hold->created_us,
        .expires_us = hold->expires_us,
    };
}

int approvals_view(struct approvals *approvals, struct str hold_id, struct arena *arena, struct approval_view *view,
                   struct error *error) {
    *view = (struct approval_view){0};
    pthread_mutex_lock(&approvals->lock);
    const struct hold *hold = find_hold(approvals, hold_id);
    bool is_found = hold != NULL;
    if (is_found) {
        view->json = arena_copy(arena, hold->view);
        view->upstream_id = arena_copy(arena, hold->request->upstream_id);
        view->digest = hold->view_digest;
    }
    pthread_mutex_unlock(&approvals->lock);
    if (!is_found) return error_not_found(error, hold_id);
    return view->json.data != NULL && view->upstream_id.data != NULL ? 0 : error_out_of_memory(error);
}

static int compare_listings(const void *a, const void *b) {
    int64_t left = ((const struct approval_listing *)a)->created_us;
    int64_t right = ((const struct approval_listing *)b)->created_us;
    return (left > right) - (left < right);
}

int approvals_list(struct approvals *approvals, const struct identity *identity, struct arena *arena,
                   struct approval_listing **listings, size_t *count, struct error *error) {
    *count = 0;
    pthread_mutex_lock(&approvals->lock);
    *listings = ARENA_NEW_ARRAY(arena, struct approval_listing, approvals->by_id.count + 1);
    size_t cursor = 0;
    void *value;
    while (*listings != NULL && map_next(&approvals->by_id, &cursor, NULL, &value)) {
        describe(value, identity, arena, &(*listings)[(*count)++]);
    }
    pthread_mutex_unlock(&approvals->lock);
    if (*listings == NULL) return error_out_of_memory(error);
    qsort(*listings, *count, sizeof(**listings), compare_listings);
    return 0;
}
