/* See operation.h. */
#include "wire/llm/operation.h"

static bool matches(struct str template, struct str path) {
    struct str wanted, segment;
    bool has_wanted, has_segment;
    do {
        has_wanted = str_split(&template, '/', &wanted);
        has_segment = str_split(&path, '/', &segment);
        if (!has_wanted || !has_segment) return has_wanted == has_segment;
    } while (str_starts_with(wanted, STR("{")) ? segment.length > 0 : str_equal(wanted, segment));
    return false;
}

const struct llm_operation *llm_operation_find(const struct llm_api *api, struct str method, struct str path) {
    for (size_t i = 0; i < api->count; i++) {
        const struct operation *operation = &api->operations[i].operation;
        if (str_equal(operation->method, method) && matches(operation->path_template, path)) return &api->operations[i];
    }
    return NULL;
}
