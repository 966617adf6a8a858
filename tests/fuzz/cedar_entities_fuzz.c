/* Entities and requests from JSON: refused with a place inside the text, or every value can be written again. */
#include "cedar/cedar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_entities(struct str text) {
    struct cedar_problem problem;
    struct cedar_entities *entities = cedar_entities_new();
    if (entities == NULL) return;
    if (cedar_entities_add_json(entities, text, &problem) != 0) {
        CHECK(problem.code != CEDAR_OK && problem.text[0] != '\0' && problem.span.end <= text.length);
    } else if (cedar_entities_finish(entities, &problem) != 0) {
        CHECK(problem.code == CEDAR_CYCLE || problem.code == CEDAR_LIMIT);
    }
    cedar_entities_free(&entities);
}

static void read_request(struct str text) {
    struct arena arena;
    struct cedar_request request;
    struct cedar_problem problem;
    struct buffer out;
    arena_init(&arena, 64u << 20);
    buffer_init(&out, 16u << 20);
    if (cedar_request_parse(&arena, text, &request, &problem) == 0) {
        struct cedar_value context = cedar_record_value(request.context);
        cedar_uid_write(request.principal, &out);
        CHECK(cedar_uid_equal(request.principal, cedar_uid_parse(&arena, buffer_view(&out), &problem)));
        cedar_value_write(&context, &out);
        CHECK(request.context == NULL || cedar_value_equal(&context, &context));
    } else {
        CHECK(problem.code != CEDAR_OK && problem.text[0] != '\0');
    }
    buffer_free(&out);
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_entities(str_make(data, size));
    read_request(str_make(data, size));
    return 0;
}
