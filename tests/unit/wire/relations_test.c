/* What is remembered of relations: by schema and name, for the generation in which it was asked for. */
#include "tests/unit/tap.h"
#include "wire/postgres/relations.h"

static const struct str schema = {"s", 1};
static const struct str name = {"v", 1};

static void check_memory(void) {
    struct relations *relations = relations_new();
    struct relation_link links[] = {{{"public", 6}, {"t", 1}, true, false}, {{"public", 6}, {"u", 1}, false, true}};
    struct relation kept = {.runs_code = true, .links = links, .link_count = 2};
    struct relation found;
    struct arena arena;
    arena_init(&arena, 4096);
    uint64_t generation = relations_generation(relations);
    ok(relations_find(relations, generation, schema, name, &arena, &found) == RELATION_UNKNOWN, "nothing is known");
    relations_keep(relations, generation, schema, name, &kept);
    links[0].name = STR("overwritten");
    ok(relations_find(relations, generation, schema, name, &arena, &found) == RELATION_FOUND, "it was kept");
    ok(found.link_count == 2 && found.runs_code && found.links[0].is_within && found.links[1].is_by_rule, "with its links");
    is_str(found.links[0].name, STR("t"), "which are copies");
    ok(relations_find(relations, generation, name, schema, &arena, &found) == RELATION_UNKNOWN, "of that name alone");
    relations_keep(relations, generation, schema, name, NULL);
    ok(relations_find(relations, generation, schema, name, &arena, &found) == RELATION_ABSENT,
       "what is not there is known, too");
    relations_touch(relations);
    ok(relations_find(relations, relations_generation(relations), schema, name, &arena, &found) == RELATION_UNKNOWN,
       "a touch makes it doubtful");
    relations_keep(relations, generation, schema, name, &kept);
    ok(relations_find(relations, relations_generation(relations), schema, name, &arena, &found) == RELATION_UNKNOWN,
       "an answer to a question from before the touch is not believed");
    arena_free(&arena);
    relations_free(&relations);
}

static void check_full_arena(void) {
    static struct relation_link links[200];
    struct relations *relations = relations_new();
    struct relation found;
    struct arena arena;
    for (size_t i = 0; i < LENGTH_OF(links); i++) links[i] = (struct relation_link){schema, name, false, false};
    relations_keep(relations, 0, schema, name, &(struct relation){.links = links, .link_count = LENGTH_OF(links)});
    arena_init(&arena, 256);
    ok(relations_find(relations, 0, schema, name, &arena, &found) == RELATION_UNKNOWN, "no room is no answer");
    arena_free(&arena);
    relations_free(&relations);
}

int main(void) {
    check_memory();
    check_full_arena();
    struct relations *first = relations_of(STR("shop"), STR("a"));
    ok(first != NULL && first == relations_of(STR("shop"), STR("a")), "one a database");
    ok(first != relations_of(STR("shop"), STR("b")) && first != relations_of(STR("shopa"), STR("")), "and no other's");
    relations_forget_all();
    return tap_done();
}
