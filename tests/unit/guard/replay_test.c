/* From a recorded entry back to the action, and from recorded rows back to the bundle's entities. */
#include "guard/replay_entry.h"

#include "base/clock.h"
#include "guard/bundle_rows.h"
#include "guard/policy.h"
#include "guard/record_events.h"
#include "tests/unit/guard/world.h"

static const struct resource prod = {{"Environment", 11}, {"prod", 4}, NULL};
static const struct resource shop = {{"Database", 8}, {"prod/shop/x::y", 14}, &prod};
static const struct resource orders = {{"Table", 5}, {"prod/shop/x::y/public.or\"ders", 29}, &shop};

static const struct str functions[] = {{"lower", 5}, {"pg_\xc3\xa9", 5}};
static const struct attribute attributes[] = {
    {.id = ATTRIBUTE_STATEMENT, .string = {"select", 6}},
    {.id = ATTRIBUTE_HAS_WHERE, .boolean = true},
    {.id = ATTRIBUTE_HAS_LIMIT, .boolean = false},
    {.id = ATTRIBUTE_ROW_LIMIT, .integer = 9007199254740991},
    {.id = ATTRIBUTE_FUNCTIONS, .set = {functions, LENGTH_OF(functions)}},
    {.id = ATTRIBUTE_ROLE, .string = {"", 0}},
};
static const struct str names[] = {{"a", 1}, {"b#policy0", 9}};

/* 2026-11-22T02:14:07.123456Z */
#define DECIDED_US 1795313647123456

static struct action *make_action(void) {
    struct action *action = action_new(0x1234, 7);
    action->steps = ARENA_NEW_ARRAY(&action->arena, struct action_step, 2);
    action->steps[0] = (struct action_step){{"sql:read", 8}, &orders, attributes, LENGTH_OF(attributes)};
    action->steps[1] = (struct action_step){{"sql:write", 9}, &prod, NULL, 0};
    action->step_count = 2;
    action->protocol = STR("postgres");
    action->request_classes.count[0] = 3;
    action->request_classes.count[CLASS_MAX - 1] = 1;
    action->verdict = (struct verdict){
        .kind = VERDICT_ALLOW, .cedar_allows = true, .policies = names, .policy_count = 2, .errors = names,
        .error_count = 1, .applied = names, .applied_count = 2, .remedies = names, .remedy_count = 2, .rounds = 2,
        .bundle = sha256_of(STR("bundle")), .entities = sha256_of(STR("entities")), .decided_us = DECIDED_US,
        .reveal = CLASS_BIT(1) | CLASS_BIT(CLASS_MAX - 1)};
    return action;
}

/* Wraps the event as the keeper does; the entry's strings point into `text`. */
static struct ledger_entry entry_of(struct buffer *event, char text[ENTRY_MAX_BYTES]) {
    struct ledger_entry entry;
    struct error error = {0};
    size_t length = entry_wrap(text, buffer_view(event), 0x1234, 1, STR("2026-11-22T02:14:07.123456Z"));
    int parsed = entry_parse(str_make(text, length), &entry, &error);
    if (parsed != 0) printf("# %s\n", error.text);
    CHECK(parsed == 0);
    return entry;
}

static void check_attributes(const struct action_step *step) {
    is_integer(step->attribute_count, LENGTH_OF(attributes), "all attributes");
    for (size_t i = 0; i < LENGTH_OF(attributes); i++) {
        const struct attribute *wanted = &attributes[i];
        const struct attribute *got = NULL;
        for (size_t j = 0; j < step->attribute_count; j++) {
            if (step->attributes[j].id == wanted->id) got = &step->attributes[j];
        }
        const char *name = attribute_descriptions[wanted->id].name;
        if (!ok(got != NULL, name)) continue;
        switch (attribute_descriptions[wanted->id].kind) {
        case ATTRIBUTE_KIND_BOOL: is_integer(got->boolean, wanted->boolean, name); break;
        case ATTRIBUTE_KIND_STRING: is_str(got->string, wanted->string, name); break;
        case ATTRIBUTE_KIND_SET:
            ok(replay_names_equal(got->set.items, got->set.count, wanted->set.items, wanted->set.count), name);
            break;
        default: is_integer(got->integer, wanted->integer, name); break;
        }
    }
}

static void check_steps(const struct action *got, const struct action *wanted) {
    is_integer(got->step_count, 2, "two steps");
    check_attributes(&got->steps[0]);
    is_str(got->steps[1].verb, STR("sql:write"), "the second's verb");
    ok(got->steps[1].resource->parent == NULL && got->steps[1].attribute_count == 0, "the second has nothing more");
    const struct resource *resource = got->steps[0].resource;
    const struct resource *original = &orders;
    for (; resource != NULL && original != NULL; resource = resource->parent, original = original->parent) {
        is_str(resource->type, original->type, "the resource's type");
        is_str(resource->id, original->id, "and id");
    }
    ok(resource == NULL && original == NULL, "up to the root");
    ok(memcmp(&got->request_classes, &wanted->request_classes, sizeof(wanted->request_classes)) == 0, "classes found");
}

static void check_round_trip(bool is_hold) {
    struct action *action = make_action();
    struct action *again = action_new(0, 0);
    struct buffer event;
    struct replay_entry got;
    struct error error = {0};
    static char text[ENTRY_MAX_BYTES];
    static const struct principal ana = {.kind = PRINCIPAL_USER, .name = {"ana", 3}};
    static const struct seal_commitment commitment;
    buffer_init(&event, EVENT_MAX_BYTES);
    if (is_hold) record_events_hold_requested(&event, action, DECIDED_US + 1, &commitment, &commitment, &action->digest);
    else record_events_intent(&event, action, &ana, STR("shop"), &commitment, NULL);
    struct ledger_entry entry = entry_of(&event, text);
    for (int i = 0; i < 2; i++) is_integer(replay_entry_parse(&entry, again, &got, &error), 0, "parses, also again");
    const struct verdict *verdict = &action->verdict;
    check_steps(again, action);
    is_str(got.action, STR("0000000000001234-7"), "the action");
    ok(got.is_hold == is_hold && got.was_decided, "what it is");
    ok(sha256_equal(&got.bundle, &verdict->bundle) && sha256_equal(&got.entities, &verdict->entities), "hashes");
    is_integer(got.decided_us, DECIDED_US, "when it was decided");
    ok(replay_names_equal(got.applied, got.applied_count, names, 2), "applied");
    ok(is_hold || (got.rounds == 2 && got.reveal == verdict->reveal && got.cedar_allows), "what an intent has");
    struct verdict same = *verdict;
    if (is_hold) same.kind = VERDICT_HOLD;
    is_integer(replay_entry_compare(&got, same.kind, &same), 0, "the same verdict is no difference");
    same.policy_count = 1;
    is_integer(replay_entry_compare(&got, same.kind, &same), REPLAY_POLICIES, "other policies are one");
    same.policy_count = 2;
    same.reveal = 0;
    same.remedy_count = 0;
    is_integer(replay_entry_compare(&got, same.kind, &same), is_hold ? REPLAY_REMEDIES : REPLAY_REVEAL, "so are these");
    buffer_free(&event);
    action_free(&action);
    action_free(&again);
}

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define DECIDED "\"decided\":\"2026-11-22T02:14:07.123456Z\",\"entities\":\"" HASH "\","
#define EVENT(before, after) \
    "{\"action\":\"0000000000001234-7\",\"bundle\":\"" HASH "\"," before after \
    "\"type\":\"intent\",\"verdict\":\"deny\"}"
#define STEPS(step) "\"rounds\":1,\"steps\":[" step "],"

static const struct {
    const char *name;
    const char *event;
    const char *says; /* NULL: it parses */
} bad_rows[] = {
    {"a whole one", EVENT(DECIDED, STEPS("{\"resource\":\"prod\",\"type\":\"Environment\",\"verb\":\"sql\"}")), NULL},
    {"one that policy was not asked about", EVENT("", "\"rounds\":0,\"steps\":[],"), NULL},
    {"no entities", EVENT("", STEPS("")), "older version"},
    {"an attribute of tomorrow",
     EVENT(DECIDED, STEPS("{\"context\":{\"mood\":1},\"resource\":\"p\",\"type\":\"T\",\"verb\":\"v\"}")), "\"mood\""},
    {"an attribute of another type",
     EVENT(DECIDED, STEPS("{\"context\":{\"has_where\":1},\"resource\":\"p\",\"type\":\"T\",\"verb\":\"v\"}")),
     "evidence-format"},
    {"a class of tomorrow",
     "{\"action\":\"0000000000001234-7\",\"bundle\":\"" HASH "\",\"classes\":{\"shoe_size\":1}," DECIDED STEPS("")
     "\"type\":\"intent\",\"verdict\":\"deny\"}", "\"shoe_size\""},
    {"a parent without type",
     EVENT(DECIDED, STEPS("{\"parents\":[\"prod\"],\"resource\":\"p\",\"type\":\"T\",\"verb\":\"v\"}")), "evidence-format"},
    {"steps that are none", EVENT(DECIDED, STEPS("1")), "evidence-format"},
    {"a time that is none", EVENT("\"decided\":\"yesterday\",", STEPS("")), "evidence-format"},
};

static void check_bad(void) {
    for (size_t i = 0; i < LENGTH_OF(bad_rows); i++) {
        struct action *action = action_new(0, 0);
        struct replay_entry got;
        struct error error = {0};
        struct buffer event;
        static char text[ENTRY_MAX_BYTES];
        buffer_init(&event, EVENT_MAX_BYTES);
        buffer_append_cstr(&event, bad_rows[i].event);
        struct ledger_entry entry = entry_of(&event, text);
        int parsed = replay_entry_parse(&entry, action, &got, &error);
        if (bad_rows[i].says == NULL) is_integer(parsed, 0, bad_rows[i].name);
        else if (!ok(parsed != 0 && strstr(error.text, bad_rows[i].says) != NULL, bad_rows[i].name)) {
            printf("# %s\n", error.text);
        }
        buffer_free(&event);
        action_free(&action);
    }
}

/* A bundle of the log's texts and rows is the bundle that was in force. */
static void check_rows(const struct identity *identity) {
    struct error error = {0};
    struct arena arena;
    struct bundle_rows rows;
    struct bundle *bundle = world_bundle(identity, "permit (principal, action, resource);");
    arena_init(&arena, 1 << 20);
    ok(str_starts_with(bundle_entities(bundle), STR("{\"groups\":[\"support\"],\"principal\":\"ana\",\"type\":\"User\"}\n"
                                                    "{\"groups\":[\"agents\"],\"on_behalf_of\":\"ana\"")), "rows");
    is_integer(bundle_rows_parse(&arena, bundle_entities(bundle), &rows, &error), 0, "rows parse");
    struct identity *again = identity_new(rows.principals, rows.principal_count, &error);
    const struct bundle_text texts[] = {{bundle_file_at(bundle, 0)->name, bundle_file_at(bundle, 0)->text}};
    struct bundle_source source = {
        .directory = "evidence", .texts = texts, .text_count = 1, .identity = again,
        .upstreams = rows.upstreams, .upstream_count = rows.upstream_count,
        .resources = rows.resources, .resource_count = rows.resource_count,
        .verbs = rows.verbs, .verb_count = rows.verb_count};
    struct bundle *rebuilt = bundle_load(&source, NULL, &error);
    ok(rebuilt != NULL && sha256_equal(bundle_hash(rebuilt), bundle_hash(bundle)), "the same policies");
    ok(rebuilt != NULL && sha256_equal(bundle_entities_hash(rebuilt), bundle_entities_hash(bundle)), "the same entities");
    static const char *const bad[] = {"{}\n", "{\"principal\":\"x\",\"type\":\"Cat\"}\n", "[]\n", "{\"upstream\":\"x\"}\n"};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        ok(bundle_rows_parse(&arena, str_from_cstr(bad[i]), &rows, &error) != 0, bad[i]);
    }
    bundle_release(&rebuilt);
    bundle_release(&bundle);
    identity_release(&again);
    arena_free(&arena);
}

int main(void) {
    world_open();
    struct identity *identity = world_identity();
    check_round_trip(false);
    check_round_trip(true);
    check_bad();
    check_rows(identity);
    identity_release(&identity);
    world_close();
    return tap_done();
}
