/* The validator and the guided readers: the input is a schema as text, policies, entities and a request, with a line
 * `----` between each two. What conforms to the schema and passes strict validation must not fail with a type error. */
#include "cedar/cedar.h"

#define ARENA_BYTES_MAX ((size_t)128 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str take_part(struct str *rest) {
    size_t at = str_find(*rest, STR("\n----\n"));
    struct str part = str_slice(*rest, 0, at);
    *rest = at == STR_NOT_FOUND ? STR("") : str_slice(*rest, at + 6, rest->length);
    return part;
}

static void decide(const struct cedar_schema *schema, const struct cedar_policy_set *set, struct str json,
                   struct str request_json, struct arena *arena) {
    struct cedar_problem problem;
    struct cedar_request request;
    struct cedar_decision decision;
    struct cedar_entities *entities = cedar_entities_new();
    struct cedar_engine *engine = cedar_engine_new(set, &problem);
    if (engine != NULL && entities != NULL && cedar_entities_add_json_guided(entities, schema, json, &problem) == 0 &&
        cedar_entities_finish_guided(entities, schema, &problem) == 0 &&
        cedar_request_parse_guided(arena, schema, request_json, &request, &problem) == 0 &&
        cedar_engine_authorize(engine, &request, entities, arena, &decision) == 0) {
        for (size_t i = 0; i < decision.error_count; i++) {
            CHECK(decision.errors[i].code == CEDAR_FAILED_OVERFLOW ||
                  decision.errors[i].code == CEDAR_FAILED_NO_ENTITY);
        }
    }
    cedar_engine_free(&engine);
    cedar_entities_free(&entities);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str rest = str_make(data, size);
    struct str schema_text = take_part(&rest), policies = take_part(&rest), entities = take_part(&rest);
    struct cedar_problem problem;
    struct cedar_validation validation;
    struct arena arena;
    arena_init(&arena, ARENA_BYTES_MAX);
    struct cedar_schema *schema = cedar_schema_new(schema_text, CEDAR_SCHEMA_TEXT, &problem);
    struct cedar_policy_set *set = cedar_policy_set_new();
    if (schema != NULL && set != NULL && cedar_policy_set_add(set, policies, NULL, &problem) == 0 &&
        cedar_validate(schema, set, CEDAR_PERMISSIVE, &arena, &validation, &problem) == 0 &&
        cedar_validate(schema, set, CEDAR_STRICT, &arena, &validation, &problem) == 0 && validation.error_count == 0) {
        decide(schema, set, entities, rest, &arena);
    }
    cedar_policy_set_free(&set);
    cedar_schema_free(&schema);
    arena_free(&arena);
    return 0;
}
