/* cedar-bench [POLICIES ...]: decisions per second on one thread, for generated sets of 10, 100, 1,000 and 10,000
 * policies, with entities shared and with the principal and resource built anew for each request; and the time to parse
 * and compile. Prints one line a measurement. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cedar/cedar.h"

#define SECONDS_EACH 0.5
#define SCRATCH_BYTES_MAX (1u << 20)
#define REQUESTS 64u
#define TEAMS_MOST 100000u

struct bench {
    struct cedar_policy_set *set;
    struct cedar_engine *engine;
    struct cedar_entities *entities;
    struct arena arena;
    struct cedar_request requests[REQUESTS];
};

static double now_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* One policy in five is a forbid; most name a team or a database, a few only an action. */
static void write_policies(size_t count, struct buffer *text) {
    static const char *const shapes[] = {
        "@id(\"p%zu\") permit(principal in Group::\"team%zu\", action == Action::\"read\", resource) "
        "when { context.rows < 1000 && resource.level <= principal.level };\n",
        "@id(\"p%zu\") permit(principal, action in [Action::\"read\", Action::\"write\"], resource in "
        "Database::\"db%zu\") "
        "when { principal has email && principal.email like \"*@example.com\" };\n",
        "@id(\"p%zu\") permit(principal == User::\"user%zu\", action, resource is Table) "
        "when { !context.classes.contains(\"credential\") };\n",
        "@id(\"p%zu\") permit(principal in Group::\"team%zu\", action in Action::\"sql\", resource in "
        "Environment::\"dev\");\n",
        "@id(\"p%zu\") @remedy(\"approve:sre\") forbid(principal, action == Action::\"ddl\", resource in "
        "Database::\"db%zu\") "
        "unless { context.applied.contains(\"approve:sre\") };\n",
    };
    for (size_t i = 0; i < count; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        buffer_append_format(text, shapes[i % LENGTH_OF(shapes)], i, i / LENGTH_OF(shapes));
#pragma GCC diagnostic pop
    }
}

static const struct cedar_uid *make_uid(struct arena *arena, struct str type, const char *prefix, size_t number) {
    return cedar_uid_make(arena, type, arena_format(arena, "%s%zu", prefix, number));
}

static void add_actions(struct bench *bench) {
    static const char *const names[] = {"read", "write", "ddl"};
    const struct cedar_uid *group = cedar_uid_make(&bench->arena, STR("Action"), STR("sql"));
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        const struct cedar_uid *uid = cedar_uid_make(&bench->arena, STR("Action"), str_from_cstr(names[i]));
        struct cedar_entity *action = cedar_entities_add(bench->entities, uid);
        cedar_entity_add_parent(bench->entities, action, group);
    }
}

static void add_places(struct bench *bench, size_t count) {
    const struct cedar_uid *environment = cedar_uid_make(&bench->arena, STR("Environment"), STR("prod"));
    for (size_t i = 0; i < count; i++) {
        const struct cedar_uid *uid = make_uid(&bench->arena, STR("Database"), "db", i);
        cedar_entity_add_parent(bench->entities, cedar_entities_add(bench->entities, uid), environment);
    }
}

static void fill_user(struct cedar_entities *entities, struct arena *arena, const struct cedar_uid *uid, size_t i) {
    struct cedar_entity *user = cedar_entities_add(entities, uid);
    cedar_entity_set(entities, user, STR("level"), cedar_long(3));
    cedar_entity_set(entities, user, STR("email"), cedar_string(STR("someone@example.com")));
    cedar_entity_add_parent(entities, user, make_uid(arena, STR("Group"), "team", i));
}

static void fill_table(struct cedar_entities *entities, struct arena *arena, const struct cedar_uid *uid, size_t i) {
    struct cedar_entity *table = cedar_entities_add(entities, uid);
    cedar_entity_set(entities, table, STR("level"), cedar_long(2));
    cedar_entity_add_parent(entities, table, make_uid(arena, STR("Database"), "db", i));
}

static const struct cedar_record *make_context(struct arena *arena) {
    struct cedar_value classes, applied;
    struct cedar_value names[2] = {cedar_string(STR("email")), cedar_string(STR("card_number"))};
    struct cedar_record *context = cedar_record_new(arena, 4);
    if (cedar_set_make(arena, names, 2, &classes) != 0 || cedar_set_make(arena, NULL, 0, &applied) != 0) return NULL;
    if (cedar_record_set(context, STR("rows"), cedar_long(10)) != 0) return NULL;
    if (cedar_record_set(context, STR("classes"), classes) != 0) return NULL;
    return cedar_record_set(context, STR("applied"), applied) == 0 ? context : NULL;
}

static void make_requests(struct bench *bench, size_t places) {
    for (size_t i = 0; i < REQUESTS; i++) {
        size_t which = i * 7919 % places;
        struct cedar_request *request = &bench->requests[i];
        request->principal = make_uid(&bench->arena, STR("User"), "user", which);
        request->resource = make_uid(&bench->arena, STR("Table"), "table", which);
        request->action = cedar_uid_make(&bench->arena, STR("Action"), i % 4 == 0 ? STR("ddl") : STR("read"));
        request->context = make_context(&bench->arena);
        fill_user(bench->entities, &bench->arena, request->principal, which);
        fill_table(bench->entities, &bench->arena, request->resource, which);
    }
}

static bool prepare(struct bench *bench, size_t count) {
    struct cedar_problem problem;
    struct buffer text;
    struct cedar_naming naming = {CEDAR_IDS_ANNOTATED, STR("")};
    buffer_init(&text, CEDAR_TEXT_BYTES_MAX);
    arena_init(&bench->arena, (size_t)1 << 30);
    write_policies(count, &text);
    bench->set = cedar_policy_set_new();
    bench->entities = cedar_entities_new();
    double start = now_seconds();
    if (cedar_policy_set_add(bench->set, buffer_view(&text), &naming, &problem) == 0) {
        double parsed = now_seconds();
        bench->engine = cedar_engine_new(bench->set, &problem);
        printf("%6zu policies: parse %.2f ms, compile %.2f ms, compiled form %zu KiB\n", count, (parsed - start) * 1e3,
               (now_seconds() - parsed) * 1e3, bench->engine != NULL ? cedar_engine_memory_bytes(bench->engine) >> 10
                   : 0);
    }
    buffer_free(&text);
    size_t places = count / 5 > 0 ? count / 5 : 1;
    add_actions(bench);
    add_places(bench, places);
    make_requests(bench, places);
    if (bench->engine != NULL && cedar_entities_finish(bench->entities, &problem) == 0) return true;
    fprintf(stderr, "cedar-bench: %s\n", problem.text);
    return false;
}

/* The entities of one request, as a gateway builds them. */
static const struct cedar_entities *overlay(const struct bench *bench, struct arena *scratch, size_t i) {
    struct cedar_entities *entities = cedar_entities_overlay(scratch, bench->entities);
    struct cedar_problem problem;
    fill_user(entities, scratch, bench->requests[i].principal, i);
    fill_table(entities, scratch, bench->requests[i].resource, i);
    return cedar_entities_finish(entities, &problem) == 0 ? entities : NULL;
}

static void measure(const struct bench *bench, size_t count, bool has_overlay) {
    struct arena scratch;
    arena_init(&scratch, SCRATCH_BYTES_MAX);
    size_t decisions = 0, allowed = 0;
    double start = now_seconds(), elapsed;
    do {
        for (size_t i = 0; i < REQUESTS; i++) {
            struct cedar_decision decision;
            arena_reset(&scratch);
            const struct cedar_entities *entities = has_overlay ? overlay(bench, &scratch, i) : bench->entities;
            if (cedar_engine_authorize(bench->engine, &bench->requests[i], entities, &scratch, &decision) != 0) abort();
            allowed += decision.is_allowed;
        }
        decisions += REQUESTS;
        elapsed = now_seconds() - start;
    } while (elapsed < SECONDS_EACH);
    printf("%6zu policies, %s: %.0f decisions/s, %.0f ns each, %.0f%% allowed\n", count,
           has_overlay ? "entities of each request built" : "shared entities", (double)decisions / elapsed,
           elapsed / (double)decisions * 1e9, 100.0 * (double)allowed / (double)decisions);
    arena_free(&scratch);
}

static void run(size_t count) {
    struct bench bench = {0};
    if (prepare(&bench, count)) {
        measure(&bench, count, false);
        measure(&bench, count, true);
    }
    cedar_engine_free(&bench.engine);
    cedar_policy_set_free(&bench.set);
    cedar_entities_free(&bench.entities);
    arena_free(&bench.arena);
}

int main(int argc, char **argv) {
    static const size_t counts[] = {10, 100, 1000, 10000};
    for (size_t i = 0; argc < 2 && i < LENGTH_OF(counts); i++) run(counts[i]);
    for (int i = 1; i < argc; i++) {
        uint64_t count;
        if (str_parse_u64(str_from_cstr(argv[i]), &count) != 0 || count == 0 || count > TEAMS_MOST) {
            fprintf(stderr, "usage: cedar-bench [POLICIES ...] (1 to %u)\n", TEAMS_MOST);
            return 2;
        }
        run(count);
    }
    return 0;
}
