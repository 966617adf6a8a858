/* A worker with its detector, and plans over a fresh vault, for the tests of vaults and lanes. */
#ifndef SWORN_TESTS_UNIT_GUARD_LANE_WORLD_H
#define SWORN_TESTS_UNIT_GUARD_LANE_WORLD_H

#include "detect/bytes.h"
#include "detect/mask.h"
#include "guard/mask_plan_internal.h"

struct lane_world {
    struct detector *detector;
    struct mask_worker *worker;
    struct mask_policy operators;
    struct arena arena; /* of the plans and the vault */
    struct vault_key key;
    struct shelf *shelf; /* NULL: none */
    struct vault *vault;
    const struct mask_plans *plans;
    struct class_counts masked;
    struct class_counts revealed;
};

static inline void lane_world_begin(struct lane_world *world) {
    struct error error;
    *world = (struct lane_world){.operators = mask_policy_default()};
    world->detector = detector_new(NULL, &error);
    CHECK(world->detector != NULL);
    world->worker = mask_worker_new(world->detector, &error);
    CHECK(world->worker != NULL);
    arena_init(&world->arena, 256u << 20);
    memset(world->key.bytes, 7, sizeof(world->key.bytes));
}

/* The next request. */
static inline void lane_world_plan(struct lane_world *world, class_set principal, class_set upstream) {
    arena_reset(&world->arena);
    world->vault = vault_new(&world->arena, &world->key, world->shelf);
    struct mask_plans_options options = {.worker = world->worker, .operators = &world->operators,
                                         .reveal_principal = principal, .reveal_request = upstream,
                                         .vault = world->vault, .principal = STR("ana"), .upstream = STR("model")};
    world->plans = mask_plans_new(&world->arena, &options);
    CHECK(world->vault != NULL && world->plans != NULL);
}

static inline void lane_world_end(struct lane_world *world) {
    arena_free(&world->arena);
    mask_worker_free(&world->worker);
    detector_free(&world->detector);
}

/* Tests write "#1" for the name of the first value that the vault holds, "^1" for the same in capitals. */
static inline void lane_world_expand(const struct lane_world *world, const char *text, struct buffer *out) {
    for (const char *c = text; *c != 0; c++) {
        bool is_name = (*c == '#' || *c == '^') && byte_is_digit(c[1]) && c[1] != '0' &&
                       (size_t)(c[1] - '1') < vault_count(world->vault);
        if (!is_name) {
            buffer_append_byte(out, (uint8_t)*c);
            continue;
        }
        struct vault_name name;
        (void)vault_entry(world->vault, (size_t)(c[1] - '1'), &name);
        for (size_t i = 0; i < name.length; i++) {
            buffer_append_byte(out, (uint8_t)(*c == '^' ? byte_upper(name.bytes[i]) : name.bytes[i]));
        }
        c++;
    }
}

/* The text of a request as the upstream gets it, appended to out. */
static inline enum mask_result lane_world_ask(struct lane_world *world, enum mask_shape shape, struct str text,
                                              struct buffer *out) {
    enum mask_result result = world->plans->request->value(world->plans->request, (struct mask_field){0}, shape, text,
                                                           out, &world->masked, &world->revealed);
    if (result == MASK_UNCHANGED) buffer_append_str(out, text);
    return result;
}

/* An answer in pieces: `next` says how long the piece that begins at `at` is. -1 when the lane fails; *held_max: the most
 * that was held after a feed. */
static inline int lane_world_answer(struct lane_world *world, struct str text, size_t (*next)(void *self, size_t at),
                                    void *self, struct buffer *out, size_t *held_max) {
    const struct mask_plan *plan = world->plans->answer;
    struct mask_lane *lane = plan->lane_new(plan, (struct mask_field){0});
    int result = 0;
    *held_max = 0;
    for (size_t at = 0; at < text.length && result == 0;) {
        size_t length = next(self, at);
        result = plan->lane_feed(lane, str_slice(text, at, at + length), false, out, &world->masked, &world->revealed);
        at += length;
        size_t held = mask_lane_held(lane);
        if (held > *held_max) *held_max = held;
    }
    if (result == 0) result = plan->lane_feed(lane, STR(""), true, out, &world->masked, &world->revealed);
    plan->lane_free(&lane);
    return result;
}

#endif
