/* A tool call out of the evidence: its arguments are in the sealed text only, and count when they are the recorded ones. */
#include "guard/replay_tags.h"

#include "guard/policy.h"
#include "guard/record_events.h"
#include "ledger/seal.h"
#include "model/tags.h"
#include "tests/unit/guard/world.h"

#define PERMIT "@id(\"llm\") permit (principal, action in Sworn::Action::\"llm\", resource);\n"
#define READS \
    "@id(\"reads\") forbid (principal, action == Sworn::Action::\"llm:tool_use\", resource) " \
    "when { context.input.hasTag(\"path\") && context.input.getTag(\"path\") like \"/etc/*\" };\n"
#define ASKS_HAS \
    "@id(\"has\") forbid (principal, action, resource) when { context has input && " \
    "context.input_numbers.hasTag(\"n\") };\n"
#define DOES_NOT "@id(\"hour\") forbid (principal, action, resource) when { context.hour == 25 };\n"
#define ALWAYS_ERRS "@id(\"errs\") forbid (principal, action, resource) when { context.nosuch };\n"

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource openai = {{"Provider", 8}, {"prod/openai", 11}, &prod};
static const struct resource tool = {{"Tool", 4}, {"prod/openai/read", 16}, &openai};
static const struct principal copilot = {.kind = PRINCIPAL_AGENT, .name = {"copilot", 7}};

static const struct {
    const char *name;
    const char *policies;
    const char *input;
    const char *sealed; /* the text that was sealed with the intent */
    bool has_key;
    bool is_missed;
    enum verdict_kind kind;
} rows[] = {
    {"with the key", PERMIT READS, "{\"path\":\"/etc/passwd\"}",
     "read {\"path\":\"/etc/passwd\"}", true, false, VERDICT_DENY},
    {"with the key, allowed", PERMIT READS, "{\"path\":\"/tmp/x\"}",
     "read {\"path\":\"/tmp/x\"}", true, false, VERDICT_ALLOW},
    {"without the key", PERMIT READS, "{\"path\":\"/tmp/x\"}",
     "read {\"path\":\"/tmp/x\"}", false, true, VERDICT_DENY},
    {"another text", PERMIT READS, "{\"path\":\"/etc/passwd\"}",
     "read {\"path\":\"/tmp/passwd\"}", true, true, VERDICT_DENY},
    {"no JSON", PERMIT READS, "{\"path\":\"/tmp/x\"}", "read me", true, true, VERDICT_DENY},
    {"one word", PERMIT READS, "{\"path\":\"/tmp/x\"}", "read", true, true, VERDICT_DENY},
    {"policies that do not read it need no key", PERMIT DOES_NOT, "{\"path\":\"/tmp/x\"}",
     "read", false, false, VERDICT_ALLOW},
    {"policies that ask whether it is there", PERMIT ASKS_HAS, "{\"n\":1}", "read", false, true, VERDICT_DENY},
    {"no arguments at all", PERMIT READS, "{}", "read {}", false, false, VERDICT_ALLOW},
    {"what erred then may err again", PERMIT ALWAYS_ERRS, "{\"n\":1}", "read", false, false, VERDICT_DENY},
};

struct seals {
    char folder[80];
    struct secret kek;
    struct sealer *sealer;
    struct seal_session *session;
};

static void open_seals(struct seals *seals) {
    char path[96];
    snprintf(seals->folder, sizeof(seals->folder), "%s/sealed", world_folder);
    snprintf(path, sizeof(path), "%s/kek", world_folder);
    CHECK(seal_kek_load(path, true, &seals->kek, NULL) == 0);
    CHECK(sealer_new(&seals->sealer, seals->folder, secret_view(&seals->kek), 1, 0, NULL) == 0);
    CHECK(seal_session_begin(seals->sealer, 1, &seals->session, NULL) == 0);
}

static void close_seals(struct seals *seals) {
    char command[128];
    seal_session_free(&seals->session);
    sealer_free(&seals->sealer);
    secret_wipe(&seals->kek);
    snprintf(command, sizeof(command), "rm -r %s %s/kek", seals->folder, world_folder);
    CHECK(system(command) == 0);
}

static struct action *make_action(size_t i) {
    struct action *action = action_new(1, 1);
    struct attribute_tags tags = {0};
    CHECK(action != NULL && attribute_tags_from_json(&tags, &action->arena, str_from_cstr(rows[i].input)) == 0);
    struct attribute *attributes = ARENA_NEW_ARRAY(&action->arena, struct attribute, 2);
    attributes[0] = (struct attribute){.id = ATTRIBUTE_INPUT, .tags = {tags.items, tags.count}};
    attributes[1] = (struct attribute){.id = ATTRIBUTE_INPUT_NUMBERS, .tags = {tags.items, tags.count}};
    action->steps = ARENA_NEW(&action->arena, struct action_step);
    action->steps[0] = (struct action_step){STR("llm:tool_use"), &tool, attributes, 2};
    action->step_count = 1;
    action->text = str_from_cstr(rows[i].sealed);
    return action;
}

static void decide(const struct identity *identity, size_t i, struct action *action) {
    struct arena scratch;
    struct error error = {0};
    struct policy_facts facts = {.now_us = 1795354679000000ll, .source = STR("prod/openai")};
    struct bundle *bundle = world_bundle(identity, rows[i].policies);
    arena_init(&scratch, POLICY_SCRATCH_BYTES);
    struct policy_session *session = policy_session_new(bundle, &copilot, STR_NONE, &error);
    CHECK(session != NULL && policy_decide(session, &scratch, &facts, action, NULL, 0, &error) == 0);
    policy_session_free(&session);
    bundle_release(&bundle);
    arena_free(&scratch);
}

static void check_row(const struct identity *identity, struct seals *seals, size_t i) {
    static char text[ENTRY_MAX_BYTES];
    struct action *action = make_action(i);
    struct action *again = action_new(0, 0);
    struct seal_commitment commitment;
    struct buffer event;
    struct ledger_entry ledger_entry;
    struct replay_entry entry;
    struct error error = {0};
    decide(identity, i, action);
    enum verdict_kind was = action->verdict.kind;
    seal_choose_key(seals->sealer, seals->session, action->text, action->seal_key);
    CHECK(seal_put_under(seals->sealer, seals->session, action->text, action->seal_key, &commitment, NULL) == 0);
    CHECK(sealer_flush(seals->sealer, NULL) == 0);
    buffer_init(&event, EVENT_MAX_BYTES);
    record_events_intent(&event, action, &copilot, STR("openai"), &commitment, NULL);
    size_t length = entry_wrap(text, buffer_view(&event), 1, 1, STR("2026-11-22T02:14:07.123456Z"));
    CHECK(entry_parse(str_make(text, length), &ledger_entry, &error) == 0);
    is_integer(replay_entry_parse(&ledger_entry, again, &entry, &error), 0, rows[i].name);
    struct replay_seals with = {seals->folder, secret_view(&seals->kek)};
    struct replay_seals without = {NULL, STR_NONE};
    replay_tags_open(rows[i].has_key ? &with : &without, &entry, again);
    decide(identity, i, again);
    is_integer(replay_tags_are_missed(&entry, &again->verdict, true), rows[i].is_missed, "can it be decided?");
    is_integer(again->verdict.kind, rows[i].kind, "the verdict; denied when it cannot");
    if (!rows[i].is_missed) is_integer(again->verdict.kind, was, "the same as then");
    buffer_free(&event);
    action_free(&action);
    action_free(&again);
}

int main(void) {
    struct seals seals = {.sealer = NULL};
    world_open();
    open_seals(&seals);
    struct identity *identity = world_identity();
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(identity, &seals, i);
    identity_release(&identity);
    close_seals(&seals);
    world_close();
    return tap_done();
}
