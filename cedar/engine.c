/* Compiling a set of policies. */
#include "cedar/engine.h"
#include "cedar/problem.h"

#define ENGINE_BYTES_MAX ((size_t)8 << 30)

void cedar_engine_free(struct cedar_engine **engine) {
    if (*engine == NULL) return;
    CHECK_MAGIC(*engine, CEDAR_ENGINE_MAGIC);
    arena_free(&(*engine)->arena);
    (*engine)->magic = 0;
    free(*engine);
    *engine = NULL;
}

static int compare_policies(const void *a, const void *b) {
    const struct cedar_policy *left = *(const struct cedar_policy *const *)a;
    const struct cedar_policy *right = *(const struct cedar_policy *const *)b;
    return str_compare(left->id, right->id);
}

/* Policies that decide, sorted by id: static ones and links. */
static int compile_all(struct cedar_engine *engine, const struct cedar_policy_set *set) {
    const struct cedar_policy **sorted = ARENA_NEW_ARRAY(&engine->arena, const struct cedar_policy *, set->count);
    if (sorted == NULL) return -1;
    for (size_t i = 0; i < set->count; i++) {
        if (!cedar_policy_is_template(set->policies[i])) sorted[engine->count++] = set->policies[i];
    }
    if (engine->count > 1) qsort(sorted, engine->count, sizeof(*sorted), compare_policies);
    engine->policies = ARENA_NEW_ARRAY(&engine->arena, struct cedar_compiled, engine->count);
    if (engine->policies == NULL) return -1;
    struct cedar_compiler compiler;
    cedar_compiler_init(&compiler, &engine->arena);
    int status = 0;
    for (uint32_t i = 0; i < engine->count && status == 0; i++) {
        status = cedar_compile_policy(&compiler, sorted[i], &engine->policies[i]);
    }
    cedar_compiler_free(&compiler);
    return status == 0 ? cedar_index_build(engine) : -1;
}

struct cedar_engine *cedar_engine_new(const struct cedar_policy_set *set, struct cedar_problem *problem) {
    struct cedar_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL) {
        cedar_problem_set_memory(problem);
        return NULL;
    }
    engine->magic = CEDAR_ENGINE_MAGIC;
    arena_init(&engine->arena, ENGINE_BYTES_MAX);
    if (compile_all(engine, set) == 0) return engine;
    cedar_problem_set_memory(problem);
    cedar_engine_free(&engine);
    return NULL;
}

size_t cedar_engine_memory_bytes(const struct cedar_engine *engine) {
    return sizeof(*engine) + engine->arena.used_bytes;
}
