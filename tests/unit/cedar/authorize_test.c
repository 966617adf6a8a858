/* Decisions over several policies, ids and annotations, templates and links, the index, overlays, and the lints. */
#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define MANY 2000u

struct world {
    struct arena arena;
    struct arena scratch;
    struct cedar_policy_set *set;
    struct cedar_engine *engine;
    struct cedar_entities *entities;
    struct cedar_problem problem;
    struct cedar_decision decision;
};

static void begin(struct world *world, const char *policies, const struct cedar_naming *naming) {
    *world = (struct world){.set = cedar_policy_set_new(), .entities = cedar_entities_new()};
    arena_init(&world->arena, 64u << 20);
    arena_init(&world->scratch, 16u << 20);
    if (cedar_policy_set_add(world->set, str_from_cstr(policies), naming, &world->problem) != 0) {
        printf("# %s\n", world->problem.text);
    }
}

static void end(struct world *world) {
    cedar_engine_free(&world->engine);
    cedar_policy_set_free(&world->set);
    cedar_entities_free(&world->entities);
    arena_free(&world->arena);
    arena_free(&world->scratch);
}

static const struct cedar_uid *uid(struct world *world, const char *text) {
    return cedar_uid_parse(&world->arena, str_from_cstr(text), NULL);
}

/* "allow: a b ! c": the decision, its reasons, and behind `!` what failed. */
static struct str decide_with(struct world *world, const char *principal, const char *action, const char *resource,
                              const struct cedar_entities *entities, const struct cedar_record *context) {
    struct cedar_request request = {uid(world, principal), uid(world, action), uid(world, resource), context};
    struct buffer text;
    if (world->engine == NULL) world->engine = cedar_engine_new(world->set, &world->problem);
    arena_reset(&world->scratch);
    if (cedar_engine_authorize(world->engine, &request, entities, &world->scratch, &world->decision) != 0)
        return STR("full");
    buffer_init(&text, 1u << 20);
    buffer_append_cstr(&text, world->decision.is_allowed ? "allow:" : "deny:");
    for (size_t i = 0; i < world->decision.reason_count; i++) {
        buffer_append_format(&text, " %.*s", STR_ARGS(cedar_policy_id(world->decision.reasons[i])));
    }
    for (size_t i = 0; i < world->decision.error_count; i++) {
        buffer_append_format(&text, " ! %.*s", STR_ARGS(cedar_policy_id(world->decision.errors[i].policy)));
    }
    struct str copy = arena_copy(&world->arena, buffer_view(&text));
    buffer_free(&text);
    return copy;
}

static struct str decide(struct world *world, const char *principal, const char *action, const char *resource) {
    return decide_with(world, principal, action, resource, world->entities, NULL);
}

static void test_decisions(void) {
    struct world world;
    begin(&world, "permit(principal,action,resource) when { 1 };"
                  "permit(principal == User::\"a\",action,resource);"
                  "forbid(principal,action == Action::\"x\",resource);"
                  "forbid(principal,action,resource) when { context.n == 1 };"
                  "permit(principal is User,action,resource);", NULL);
    (void)!cedar_entities_finish(world.entities, NULL);
    is_str(decide(&world, "User::\"a\"", "Action::\"y\"", "R::\"r\""),
           STR("allow: policy1 policy4 ! policy0 ! policy3"), "permits");
    is_str(decide(&world, "User::\"a\"", "Action::\"x\"", "R::\"r\""), STR("deny: policy2 ! policy0 ! policy3"),
           "a forbid over permits");
    is_str(decide(&world, "Bot::\"b\"", "Action::\"y\"", "R::\"r\""), STR("deny: ! policy0 ! policy3"),
           "deny without reason");
    is_integer(world.decision.errors[0].code, CEDAR_FAILED_TYPE, "why policy0 failed");
    is_integer(world.decision.errors[1].code, CEDAR_FAILED_NO_ATTRIBUTE, "why policy3 failed");
    struct buffer text;
    buffer_init(&text, 4096);
    cedar_failure_write(&world.decision.errors[1], &text);
    ok(str_find(buffer_view(&text), STR("`context.n`")) != STR_NOT_FOUND, "the failed expression is shown");
    buffer_free(&text);
    end(&world);
}

static void test_ids(void) {
    struct world world;
    struct cedar_naming naming = {CEDAR_IDS_ANNOTATED, STR("f.cedar#"), STR("")};
    begin(&world, "@id(\"z\") @remedy(\"approve:sre:2\") @empty permit(principal,action,resource);"
                  "permit(principal,action,resource); @id(\"a\") permit(principal,action,resource);", &naming);
    (void)!cedar_entities_finish(world.entities, NULL);
    is_str(decide(&world, "U::\"\"", "Action::\"\"", "R::\"\""), STR("allow: a f.cedar#policy1 z"), "sorted by id");
    const struct cedar_policy *policy = cedar_policy_set_find(world.set, STR("z"));
    is_str(cedar_policy_annotation(policy, STR("remedy")), STR("approve:sre:2"), "an annotation");
    ok(cedar_policy_annotation(policy, STR("empty")).data != NULL, "one without value is there");
    ok(cedar_policy_annotation(policy, STR("none")).data == NULL, "one that is not there");
    is_integer(cedar_policy_annotation_count(policy), 3, "three in all");
    is_integer(cedar_policy_set_add(world.set,
                                    STR("permit(principal,action,resource); @id(\"a\") permit(principal,action,"
                                        "resource);"),
                                    &naming, &world.problem), -1, "an id that is there is refused");
    is_integer(world.problem.code, CEDAR_DUPLICATE, "with its code");
    is_integer(cedar_policy_set_count(world.set), 3, "and nothing of the text was added");
    ok(cedar_policy_set_find(world.set, STR("f.cedar#policy0")) == NULL, "nor its first policy");
    end(&world);
}

static void test_links(void) {
    struct world world;
    begin(&world, "@id(\"t\") permit(principal in ?principal,action,resource == ?resource); permit(principal,action,"
                  "resource) when {false};", NULL);
    struct cedar_entity *alice = cedar_entities_add(world.entities, uid(&world, "User::\"alice\""));
    cedar_entity_add_parent(world.entities, alice, uid(&world, "Group::\"g\""));
    ok(cedar_entities_finish(world.entities, &world.problem) == 0, "entities");
    ok(cedar_policy_is_template(cedar_policy_set_at(world.set, 0)), "a template");
    const struct cedar_uid *group = uid(&world, "Group::\"g\""), *file = uid(&world, "File::\"f\"");
    is_integer(cedar_policy_set_link(world.set, STR("policy0"), STR("link"), group, file, &world.problem), 0, "a link");
    is_integer(cedar_policy_set_link(world.set, STR("policy0"), STR("link"), group, file, &world.problem), -1,
               "its id again");
    is_integer(cedar_policy_set_link(world.set, STR("policy0"), STR("l2"), group, NULL, &world.problem), -1,
               "a slot without value");
    is_integer(world.problem.code, CEDAR_BAD_LINK, "with its code");
    is_integer(cedar_policy_set_link(world.set, STR("policy1"), STR("l2"), NULL, NULL, &world.problem), -1,
               "not a template");
    is_integer(world.problem.code, CEDAR_NOT_FOUND, "with its code");
    is_str(decide(&world, "User::\"alice\"", "Action::\"x\"", "File::\"f\""), STR("allow: link"), "the link decides");
    is_str(decide(&world, "User::\"bob\"", "Action::\"x\"", "File::\"f\""), STR("deny:"), "for its principal only");
    is_str(cedar_policy_annotation(cedar_policy_set_find(world.set, STR("link")), STR("id")), STR("t"),
           "and has the annotations");
    end(&world);
}

/* Every policy is satisfied by the request that the row names, whatever key it has in the index. */
static void test_index(void) {
    static const char *const shapes[] = {
        "principal == User::\"u%u\", action == Action::\"x\", resource",
            "principal in Group::\"g%u\", action in [Action::\"x\", Action::\"all\"], resource",
        "principal, action, resource == File::\"f%u\"",
            "principal, action in Action::\"all\", resource in Folder::\"d%u\"",
        "principal is T%u, action, resource", "principal is User in Group::\"g%u\", action, resource is File",
            "principal, action == Action::\"x%u\", resource is File",
    };
    struct world world;
    struct buffer text;
    buffer_init(&text, 16u << 20);
    for (unsigned i = 0; i < MANY; i++) {
        buffer_append_cstr(&text, i % 10 == 3 ? "forbid(" : "permit(");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buffer_append_format(&text, shapes[i % LENGTH_OF(shapes)], i / LENGTH_OF(shapes));
#pragma GCC diagnostic pop
        buffer_append_cstr(&text, i % 4 == 1 ? ") when { context.none };\n" : ");\n");
    }
    buffer_append_byte(&text, '\0');
    begin(&world, buffer_view(&text).data, NULL);
    buffer_free(&text);
    struct cedar_entity *user = cedar_entities_add(world.entities, uid(&world, "User::\"u5\""));
    cedar_entity_add_parent(world.entities, user, uid(&world, "Group::\"g5\""));
    struct cedar_entity *file = cedar_entities_add(world.entities, uid(&world, "File::\"f5\""));
    cedar_entity_add_parent(world.entities, file, uid(&world, "Folder::\"d5\""));
    struct cedar_entity *action = cedar_entities_add(world.entities, uid(&world, "Action::\"x\""));
    cedar_entity_add_parent(world.entities, action, uid(&world, "Action::\"all\""));
    ok(cedar_entities_finish(world.entities, &world.problem) == 0, "entities");
    is_str(decide(&world, "User::\"u5\"", "Action::\"x\"", "File::\"f5\""),
           STR("allow: policy35 policy36 policy38 policy40 ! policy37"), "all five keys");
    is_str(decide(&world, "User::\"u9\"", "Action::\"y\"", "File::\"f9\""), STR("deny: ! policy65"), "one key");
    is_str(decide(&world, "T1::\"t\"", "Action::\"x3\"", "File::\"f5\""), STR("allow: policy11 policy27 ! policy37"),
           "types and another action");
    is_str(decide(&world, "No::\"one\"", "Action::\"none\"", "No::\"thing\""), STR("deny:"), "none");
    end(&world);
}

static void test_overlay(void) {
    struct world world;
    begin(&world, "permit(principal in Group::\"all\", action, resource in Environment::\"prod\")"
                  " when { principal.level > 2 && principal.getTag(\"claim\") == \"x\" && "
                  "context.classes.contains(\"email\") };", NULL);
    struct cedar_entity *staff = cedar_entities_add(world.entities, uid(&world, "Group::\"staff\""));
    cedar_entity_add_parent(world.entities, staff, uid(&world, "Group::\"all\""));
    struct cedar_entity *database = cedar_entities_add(world.entities, uid(&world, "Database::\"d\""));
    cedar_entity_add_parent(world.entities, database, uid(&world, "Environment::\"prod\""));
    ok(cedar_entities_finish(world.entities, &world.problem) == 0, "the base");
    struct cedar_entities *overlay = cedar_entities_overlay(&world.arena, world.entities);
    struct cedar_entity *user = cedar_entities_add(overlay, uid(&world, "User::\"u\""));
    cedar_entity_set(overlay, user, STR("level"), cedar_long(1));
    cedar_entity_set(overlay, user, STR("level"), cedar_long(3));
    cedar_entity_set_tag(overlay, user, STR("claim"), cedar_string(STR("x")));
    cedar_entity_add_parent(overlay, user, uid(&world, "Group::\"staff\""));
    struct cedar_entity *table = cedar_entities_add(overlay, uid(&world, "Table::\"t\""));
    cedar_entity_add_parent(overlay, table, uid(&world, "Database::\"d\""));
    ok(cedar_entities_finish(overlay, &world.problem) == 0, "the overlay");
    struct cedar_value classes, email = cedar_string(STR("email"));
    struct cedar_record *context = cedar_record_new(&world.arena, 1);
    ok(cedar_set_make(&world.arena, &email, 1, &classes) == 0 &&
       cedar_record_set(context, STR("classes"), classes) == 0, "the context");
    is_integer(cedar_record_set(context, STR("more"), email), -1, "a full record says so");
    is_str(decide_with(&world, "User::\"u\"", "Action::\"x\"", "Table::\"t\"", overlay, context), STR("allow: policy0"),
           "through both layers");
    is_str(decide_with(&world, "User::\"u\"", "Action::\"x\"", "Table::\"t\"", world.entities, context), STR("deny:"),
           "not without the overlay");
    struct cedar_entities *circle = cedar_entities_overlay(&world.arena, NULL);
    struct cedar_entity *a = cedar_entities_add(circle, uid(&world, "G::\"a\"")),
        *b = cedar_entities_add(circle, uid(&world, "G::\"b\""));
    cedar_entity_add_parent(circle, a, uid(&world, "G::\"b\""));
    cedar_entity_add_parent(circle, b, uid(&world, "G::\"a\""));
    is_integer(cedar_entities_finish(circle, &world.problem), -1, "a circle is refused");
    is_integer(world.problem.code, CEDAR_CYCLE, "with its code");
    end(&world);
}

static void test_small_scratch(void) {
    struct world world;
    begin(&world, "permit(principal,action,resource) when { [1 + context.n, 2].contains(3) };", NULL);
    (void)!cedar_entities_finish(world.entities, NULL);
    struct cedar_record *context = cedar_record_new(&world.arena, 1);
    ok(cedar_record_set(context, STR("n"), cedar_long(2)) == 0, "the context");
    is_str(decide_with(&world, "U::\"\"", "Action::\"\"", "R::\"\"", NULL, context), STR("allow: policy0"),
           "room enough");
    arena_free(&world.scratch);
    arena_init(&world.scratch, 40);
    is_str(decide_with(&world, "U::\"\"", "Action::\"\"", "R::\"\"", NULL, context), STR("full"),
           "no decision without room");
    end(&world);
}

static void test_lints(void) {
    static const struct {
        const char *conditions;
        bool is_cured, reads;
    } rows[] = {
        {"unless { context.applied.contains(\"t\") }", true, true},
        {"unless { context[\"applied\"].contains(\"t\") }", true, true},
        {"unless { context.rows < 5 || context.applied.contains(\"t\") }", true, true},
        {"when { context.applied.contains(\"t\") }", false, true},
        {"unless { context.applied.contains(\"u\") }", false, true},
        {"unless { context.rows < 5 && context.applied.contains(\"t\") }", false, true},
        {"unless { !context.applied.contains(\"t\") }", false, true},
        {"unless { principal.applied.contains(\"t\") }", false, false},
        {"when { true } unless { (context.applied.contains(\"t\")) }", true, true},
        {"when { context has applied.x }", false, true},
        {"when { context.other.applied }", false, false}, {"when { [{a: context.applied}].isEmpty() }", false, true},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct world world;
        char text[300];
        snprintf(text, sizeof(text), "forbid(principal, action, resource) %s;", rows[i].conditions);
        begin(&world, text, NULL);
        const struct cedar_policy *policy = cedar_policy_set_at(world.set, 0);
        ok(cedar_policy_is_cured_by(policy, STR("t")) == rows[i].is_cured, rows[i].conditions);
        ok(cedar_policy_reads_context(policy, STR("applied")) == rows[i].reads, "reads context.applied");
        end(&world);
    }
}

int main(void) {
    test_decisions();
    test_ids();
    test_links();
    test_index();
    test_overlay();
    test_small_scratch();
    test_lints();
    return tap_done();
}
