/* Holds: asked for, voted on, ended, and what the intent makes of them.
 *
 * Who may vote is read from the entities that the hold names and from those in force until the vote: a person, in a group
 * that a remedy asks for, not the requester and nobody in the requester's chain, once. What was reached is counted from
 * the votes alone. */
#include <stdio.h>

#include "ledger/story_internal.h"

#define VALUE(member) (&story->form.values[EVENT_MEMBER_##member])

struct remedy_parts {
    struct str group;
    uint64_t count;
};

/* "approve:<group>" or "approve:<group>:<count>" */
static bool parse_remedy(struct str token, struct remedy_parts *parts) {
    struct str rest = token;
    struct str verb;
    *parts = (struct remedy_parts){.count = 1};
    if (!str_split(&rest, ':', &verb) || !str_equal(verb, STR("approve")) || !str_split(&rest, ':', &parts->group) ||
        parts->group.length == 0) {
        return false;
    }
    return rest.data == NULL || (str_parse_u64(rest, &parts->count) == 0 && parts->count > 0);
}

static struct str keep(struct story *story, struct story_action *action, struct str text) {
    struct str copy = arena_copy(&action->arena, text);
    if (copy.data == NULL) story->is_out_of_memory = true;
    return copy;
}

/* ---- Asked for ------------------------------------------------------------------------------------------------- */

static void keep_remedies(struct story *story, struct story_action *action) {
    const struct event_value *remedies = VALUE(hold_requested_remedies);
    struct str *kept = ARENA_NEW_ARRAY(&action->arena, struct str, remedies->name_count + 1);
    if (kept == NULL) {
        story->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < remedies->name_count; i++) {
        struct remedy_parts ignored;
        kept[i] = keep(story, action, remedies->names[i]);
        if (!parse_remedy(kept[i], &ignored)) story_bad(story, "\"%.*s\" is no remedy", STR_ARGS(kept[i]));
    }
    if (remedies->name_count == 0) story_bad(story, "a hold that asks for nothing");
    action->remedies = kept;
    action->remedy_count = remedies->name_count;
}

void story_note_hold(struct story *story, struct story_session *session) {
    struct str id = VALUE(hold_requested_action)->text;
    struct str digest = VALUE(hold_requested_digest)->text;
    struct story_action *action = story_find_action(story, id);
    if (action != NULL && action->has_intent) story_bad(story, "action %.*s is held after its intent", STR_ARGS(id));
    if (action != NULL && !action->has_intent && action->hold != STORY_HOLD_APPROVED) {
        story_bad(story, "action %.*s is held again, but its hold before was not approved", STR_ARGS(id));
    }
    if (action == NULL) action = story_add_action(story, session, id);
    if (action == NULL) return;
    if (action->digest.data != NULL && !str_equal(action->digest, digest)) {
        story_bad(story, "the digest is not that of the hold before of action %.*s", STR_ARGS(id));
    }
    action->digest = keep(story, action, digest);
    action->view_digest = keep(story, action, VALUE(hold_requested_view_digest)->text);
    action->hold = STORY_HOLD_OPEN;
    action->hold_count++;
    action->held_at = story->entry->index;
    action->vote_count = 0;
    action->people = story_world_people(story->world, VALUE(hold_requested_entities)->text);
    if (action->people == NULL) story_bad(story, "its entities are not in the log before it");
    if (!story_world_has_bundle(story->world, VALUE(hold_requested_bundle)->text)) {
        story_bad(story, "its bundle is not in the log before it");
    }
    keep_remedies(story, action);
}

/* ---- Voted on -------------------------------------------------------------------------------------------------- */

struct membership {
    struct str name;
    struct str group; /* data == NULL: any */
};

static bool is_member(void *context, const struct story_people *people) {
    const struct membership *membership = context;
    const struct story_principal *principal = story_people_find(people, membership->name);
    if (principal == NULL || !str_equal(principal->type, STR("User"))) return false;
    return membership->group.data == NULL || story_principal_is_in(principal, membership->group);
}

static bool is_in_force(const struct story *story, const struct story_action *action, struct str name, struct str group) {
    struct membership membership = {name, group};
    return story_world_any(story->world, action->people, action->held_at, is_member, &membership);
}

/* The requester, whom the requester acts for, whom that one acts for ... */
static bool is_in_chain(const struct story *story, const struct story_session *session, const struct story_action *action,
                        struct str name) {
    if (str_equal(name, session->principal) || str_equal(name, session->on_behalf_of)) return true;
    struct str next = session->on_behalf_of;
    for (int i = 0; i < STORY_CHAIN_MAX && next.length > 0 && action->people != NULL; i++) {
        const struct story_principal *behind = story_people_find(action->people, next);
        next = behind != NULL ? behind->on_behalf_of : STR_NONE;
        if (next.length > 0 && str_equal(name, next)) return true;
    }
    (void)story;
    return false;
}

static bool asks_for_group(const struct story_action *action, struct str group) {
    for (size_t i = 0; i < action->remedy_count; i++) {
        struct remedy_parts remedy;
        if (parse_remedy(action->remedies[i], &remedy) && str_equal(remedy.group, group)) return true;
    }
    return false;
}

static const struct story_vote *vote_of(const struct story_action *action, struct str name) {
    for (size_t i = 0; i < action->vote_count; i++) {
        if (str_equal(action->votes[i].approver, name)) return &action->votes[i];
    }
    return NULL;
}

/* A vote that counts, by the rules that the gateway has. */
static void check_voter(struct story *story, const struct story_session *session, const struct story_action *action) {
    struct str name = VALUE(approval_approver)->text;
    struct str group = VALUE(approval_group)->text;
    if (VALUE(approval_rule)->is_set) story_bad(story, "a vote that counts, and a rule that refuses it");
    if (is_in_chain(story, session, action, name)) {
        story_bad(story, "%.*s votes on an action of the own chain", STR_ARGS(name));
    }
    if (vote_of(action, name) != NULL) story_bad(story, "%.*s votes a second time", STR_ARGS(name));
    if (action->vote_count > 0 && !action->votes[action->vote_count - 1].is_approval) {
        story_bad(story, "a vote after the denial that ended the hold");
    }
    if (group.data == NULL || !asks_for_group(action, group)) {
        story_bad(story, "the vote is for no group that a remedy asks for");
    } else if (!is_in_force(story, action, name, group)) {
        story_bad(story, "%.*s is no person of group %.*s, by the entities in force", STR_ARGS(name), STR_ARGS(group));
    }
}

void story_note_vote(struct story *story, struct story_session *session) {
    struct str id = VALUE(approval_action)->text;
    struct story_action *action = story_find_action(story, id);
    struct str decision = VALUE(approval_decision)->text;
    if (action == NULL || action->hold != STORY_HOLD_OPEN) {
        story_bad(story, "a vote on action %.*s, which is not held", STR_ARGS(id));
        return;
    }
    if (!str_equal(VALUE(approval_digest)->text, action->digest)) {
        story_bad(story, "the vote is for another digest than the hold of action %.*s", STR_ARGS(id));
        return; /* it proves nothing */
    }
    if (str_equal(decision, STR("refused"))) {
        if (!VALUE(approval_rule)->is_set) story_bad(story, "a refused vote, without the rule that refused it");
        return;
    }
    if (str_equal(decision, STR("approve")) && !str_equal(VALUE(approval_view_digest)->text, action->view_digest)) {
        story_bad(story, "the approval is for another view than was shown of action %.*s", STR_ARGS(id));
        return;
    }
    check_voter(story, session, action);
    if (action->vote_count == STORY_VOTES_MAX) {
        story_bad(story, "more than %u votes on one hold", STORY_VOTES_MAX);
        return;
    }
    action->votes[action->vote_count++] =
        (struct story_vote){keep(story, action, VALUE(approval_approver)->text), str_equal(decision, STR("approve"))};
}

/* ---- Ended ----------------------------------------------------------------------------------------------------- */

static bool may_count(const struct story *story, const struct story_session *session, const struct story_action *action,
                      size_t vote, struct str group) {
    struct str name = action->votes[vote].approver;
    bool is_first = vote_of(action, name) == &action->votes[vote];
    return action->votes[vote].is_approval && is_first && !is_in_chain(story, session, action, name) &&
           is_in_force(story, action, name, group);
}

static bool has_denial(const struct story_action *action) {
    for (size_t i = 0; i < action->vote_count; i++) {
        if (!action->votes[i].is_approval) return true;
    }
    return false;
}

/* Whether the votes give all that was asked for. *missing: the first remedy that they do not. */
static bool is_quorate(const struct story *story, const struct story_session *session, const struct story_action *action,
                       struct str *missing) {
    for (size_t i = 0; i < action->remedy_count; i++) {
        struct remedy_parts remedy;
        uint64_t approvals = 0;
        *missing = action->remedies[i];
        if (!parse_remedy(action->remedies[i], &remedy)) return false;
        for (size_t j = 0; j < action->vote_count; j++) approvals += may_count(story, session, action, j, remedy.group);
        if (approvals < remedy.count) return false;
    }
    return action->remedy_count > 0 && !has_denial(action);
}

static void add_once(struct str *list, size_t *count, struct str text) {
    for (size_t i = 0; i < *count; i++) {
        if (str_equal(list[i], text)) return;
    }
    if (*count < STORY_PROVEN_MAX) list[(*count)++] = text;
}

static void grant(struct story_action *action) {
    for (size_t i = 0; i < action->remedy_count; i++) add_once(action->proven, &action->proven_count, action->remedies[i]);
    for (size_t i = 0; i < action->vote_count; i++) {
        if (action->votes[i].is_approval) add_once(action->approvers, &action->approver_count, action->votes[i].approver);
    }
}

void story_note_hold_ended(struct story *story, struct story_session *session) {
    struct str id = VALUE(hold_ended_action)->text;
    struct str how = VALUE(hold_ended_how)->text;
    struct story_action *action = story_find_action(story, id);
    struct str missing = STR_NONE;
    if (action == NULL || action->hold != STORY_HOLD_OPEN) {
        story_bad(story, "the end of a hold of action %.*s, which is not held", STR_ARGS(id));
        return;
    }
    bool is_granted = is_quorate(story, session, action, &missing);
    bool says_denied = str_equal(how, STR("denied"));
    if (str_equal(how, STR("approved"))) {
        action->hold = is_granted ? STORY_HOLD_APPROVED : STORY_HOLD_FAILED;
        if (is_granted) grant(action);
        else story_bad(story, "action %.*s is said to be approved, but the votes do not give \"%.*s\"", STR_ARGS(id),
                       STR_ARGS(missing));
        return;
    }
    action->hold = STORY_HOLD_FAILED;
    if (says_denied != has_denial(action)) {
        story_bad(story, "the hold of action %.*s ended \"%.*s\", but %s", STR_ARGS(id), STR_ARGS(how),
                  says_denied ? "nobody voted to deny it" : "a vote denied it");
    } else if (is_granted && !str_equal(how, EVENT_STATUS_INTERRUPTED)) {
        story_bad(story, "the hold of action %.*s ended \"%.*s\", but the votes approve it", STR_ARGS(id), STR_ARGS(how));
    }
}

/* ---- What the intent makes of it -------------------------------------------------------------------------------- */

static bool has_name(const struct str *names, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name)) return true;
    }
    return false;
}

/* All that the intent claims must be proven; what lets it through is all that was proven. */
static void check_claim(struct story *story, const struct event_value *claim, const struct str *proven, size_t count,
                        bool is_allowed, const char *what) {
    for (size_t i = 0; i < claim->name_count; i++) {
        if (has_name(proven, count, claim->names[i]) && !has_name(claim->names, i, claim->names[i])) continue;
        story_bad(story, "it claims the %s \"%.*s\", which no vote proves", what, STR_ARGS(claim->names[i]));
        return;
    }
    if (is_allowed && claim->name_count != count) story_bad(story, "it leaves out an %s that votes prove", what);
}

void story_check_approval(struct story *story, const struct story_action *action) {
    static const struct story_action unheld;
    const struct story_action *held = action != NULL ? action : &unheld;
    bool is_allowed = str_equal(VALUE(intent_verdict)->text, EVENT_VERDICT_ALLOW);
    uint64_t rounds = VALUE(intent_rounds)->natural;
    if (held->hold == STORY_HOLD_OPEN) story_bad(story, "its hold has not ended");
    if (is_allowed && held->hold == STORY_HOLD_FAILED) story_bad(story, "it is allowed, but its hold was not approved");
    if (held->hold != STORY_HOLD_NONE && !str_equal(held->digest, VALUE(intent_digest)->text)) {
        story_bad(story, "the digest is not that of its hold");
    }
    bool fits = is_allowed ? rounds == held->hold_count + 1u
                           : rounds == 0 || (rounds >= held->hold_count && rounds <= held->hold_count + 1u);
    if (!fits) {
        story_bad(story, "%llu rounds of decision do not fit %u holds", (unsigned long long)rounds, held->hold_count);
    }
    check_claim(story, VALUE(intent_applied), held->proven, held->proven_count, is_allowed, "approval");
    check_claim(story, VALUE(intent_approvers), held->approvers, held->approver_count, is_allowed, "approver");
}
