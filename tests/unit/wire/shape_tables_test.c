/* Walks every row of every table of the model APIs with a canary in it: what can be masked is masked, what cannot be
 * altered is refused, and nothing is looked past. A row that is added to a table is tested without a word here. */
#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"
#include "wire/anthropic/anthropic.h"
#include "wire/openai/openai.h"

#define DEPTH_MAX 40
#define TEXT_BYTES_MAX 16384

static struct {
    struct buffer prefix;
    struct buffer suffix[DEPTH_MAX + 1];
    const struct shape *path[DEPTH_MAX];
    int depth;
    const struct shape *root;
    bool is_answer;
    size_t leaves;
    size_t failures;
} tour;

static int find_canary(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    (void)self;
    (void)name;
    (void)shape;
    (void)error;
    return plan_has_canary(text);
}

enum outcome_wanted { MASKED, REFUSED, SAFE };

static void fail(const char *why, struct str document, const struct error *error) {
    if (tour.failures++ < 20) printf("# %s: %.*s (%s)\n", why, STR_ARGS(document), error->text);
}

static bool is_valid(struct str text) {
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    json_scanner_init(&scanner, text);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_END) {
        if (token == JSON_TOKEN_BAD) return false;
    }
    return true;
}

static void check_document(struct str document, enum outcome_wanted wanted, bool is_seen) {
    struct class_counts masked = {0}, revealed = {0};
    struct error error = {0};
    struct shape_walk walk;
    struct buffer out;
    bool is_changed = false;
    tour.leaves++;
    buffer_init(&out, 1u << 20);
    shape_walk_init(&walk);
    walk.is_answer = tour.is_answer;
    walk.sink.inspect = find_canary;
    if (shape_inspect(&walk, tour.root, document, &error) != 0) fail("not inspected", document, &error);
    if (is_seen && !walk.has_findings) fail("not seen by inspection", document, &error);
    walk.plan = &json_plan;
    walk.masked = &masked;
    walk.revealed = &revealed;
    int result = shape_mask(&walk, tour.root, document, &out, &is_changed, &error);
    if (wanted == MASKED && (result != 0 || !is_changed)) fail("not masked", document, &error);
    if (wanted == REFUSED && result == 0) fail("not refused", document, &error);
    if (result == 0 && (!is_changed || plan_has_canary(buffer_view(&out)))) fail("canary", document, &error);
    if (result == 0 && is_changed && !is_valid(buffer_view(&out))) fail("not JSON", buffer_view(&out), &error);
    shape_walk_free(&walk);
    buffer_free(&out);
}

static void check_value(const char *value, enum outcome_wanted wanted, bool is_seen) {
    struct buffer document;
    buffer_init(&document, TEXT_BYTES_MAX);
    buffer_append_str(&document, buffer_view(&tour.prefix));
    buffer_append_cstr(&document, value);
    for (int i = tour.depth; i > 0; i--) buffer_append_str(&document, buffer_view(&tour.suffix[i]));
    CHECK(!buffer_failed(&document));
    check_document(buffer_view(&document), wanted, is_seen);
    buffer_free(&document);
}

static void check_scalar(const struct shape *shape) {
    switch (shape->kind) {
    case SHAPE_TEXT:
    case SHAPE_TREE:
    case SHAPE_TOKENS:
    case SHAPE_SIGNED_TEXT:
        check_value("\"a \\u0043ANARY-123 b\"", MASKED, true);
        break;
    case SHAPE_JSON_TEXT:
        check_value("\"{\\\"a\\\":\\\"CANARY-123\\\"}\"", MASKED, true);
        check_value("\"{\\\"a\\\":\\\"CANARY-123\"", MASKED, true);
        break;
    case SHAPE_NAME:
    case SHAPE_PLAIN:
    case SHAPE_OPAQUE:
    case SHAPE_MEDIA:
    case SHAPE_SIGNATURE:
        check_value("\"\\u0043ANARY-123\"", REFUSED, true);
        check_value("4111111111111111", REFUSED, true);
        return;
    case SHAPE_BASE64_TEXT: check_value("\"SGVsbG8gQ0FOQVJZLTEyMyBieWU=\"", MASKED, true); break;
    case SHAPE_DROPPED:
    case SHAPE_DROPPED_LIST: check_value("\"CANARY-123\"", MASKED, true); return;
    }
    check_value("4111111111111111", SAFE, shape->kind != SHAPE_TOKENS && shape->kind != SHAPE_BASE64_TEXT);
}

static void push(const struct shape *shape, const char *prefix, const char *name, const char *suffix) {
    CHECK(tour.depth < DEPTH_MAX);
    tour.path[tour.depth++] = shape;
    buffer_append_format(&tour.prefix, prefix, name);
    buffer_clear(&tour.suffix[tour.depth]);
    buffer_append_cstr(&tour.suffix[tour.depth], suffix);
    CHECK(!buffer_failed(&tour.prefix));
}

static void pop(size_t length) {
    buffer_truncate(&tour.prefix, length);
    tour.depth--;
}

static void visit(const struct shape *shape);

/* The object's discriminators stand in `head`; one that is left out would name another variant. */
static void visit_members(const struct shape *shape, const char *head, struct str left_out) {
    size_t length = buffer_length(&tour.prefix);
    for (size_t i = 0; i < shape->member_count; i++) {
        char name[128], quoted[130];
        snprintf(name, sizeof(name), "%.*s", STR_ARGS(shape->members[i].name));
        snprintf(quoted, sizeof(quoted), "\"%s\":", name);
        if (strstr(head, quoted) != NULL || str_equal(shape->members[i].name, left_out)) continue;
        buffer_append_cstr(&tour.prefix, head);
        push(shape, "\"%s\":", name, "}");
        visit(shape->members[i].shape);
        pop(length);
    }
    buffer_append_cstr(&tour.prefix, head);
    push(shape, "\"%s\":", "unlisted", "}");
    if (shape->others != NULL) visit(shape->others);
    else check_value("[{\"a\":\"CANARY-123\"}]", MASKED, true);
    pop(length);
    buffer_append_cstr(&tour.prefix, head);
    push(shape, "\"%s\":", "CANARY-123", "}");
    check_value("1", SAFE, true);
    pop(length);
}

static void visit_object(const struct shape *shape, const char *head, struct str left_out) {
    char longer[512];
    if (shape->variants == NULL) {
        visit_members(shape, head, left_out);
        return;
    }
    for (size_t i = 0; i < shape->variant_count; i++) {
        snprintf(longer, sizeof(longer), "%s\"%.*s\":\"%.*s\",", head, STR_ARGS(shape->discriminator),
                 STR_ARGS(shape->variants[i].value));
        visit_object(shape->variants[i].shape, longer, left_out);
    }
    if (shape->absent != NULL) visit_object(shape->absent, head, shape->discriminator);
}

static bool is_on_path(const struct shape *shape) {
    for (int i = 0; i < tour.depth; i++) {
        if (tour.path[i] == shape) return true;
    }
    return false;
}

static void visit(const struct shape *shape) {
    size_t length = buffer_length(&tour.prefix);
    bool is_object = shape->members != NULL || shape->variants != NULL || shape->others != NULL;
    check_scalar(shape);
    if (is_on_path(shape)) return;
    if (is_object) visit_object(shape, "{", STR_NONE);
    else check_value("{\"a\":[\"CANARY-123\"]}", SAFE, true);
    push(shape, "%s", "[", "]");
    if (shape->items != NULL) visit(shape->items);
    else check_value("{\"CANARY-123\":[\"CANARY-123\"]}", SAFE, true);
    pop(length);
}

#define ROOTS_MAX 64
static const struct shape *visited[ROOTS_MAX];
static size_t visited_count;

/* Several operations have the same bodies. */
static bool was_visited(const struct shape *shape) {
    for (size_t i = 0; i < visited_count; i++) {
        if (visited[i] == shape) return true;
    }
    CHECK(visited_count < ROOTS_MAX);
    visited[visited_count++] = shape;
    return false;
}

static void visit_root(const struct shape *shape, bool is_answer, const char *name) {
    if (shape == NULL || was_visited(shape)) return;
    size_t leaves = tour.leaves;
    tour.root = shape;
    tour.is_answer = is_answer;
    tour.failures = 0;
    visit_object(shape, "{", STR_NONE);
    char line[128];
    snprintf(line, sizeof(line), "%s: %zu canaries in every row of its %s", name, tour.leaves - leaves,
             is_answer ? "answer" : "request");
    ok(tour.failures == 0 && tour.leaves > leaves, line);
}

static void visit_api(const struct llm_api *api) {
    for (size_t i = 0; i < api->count; i++) {
        char name[128];
        snprintf(name, sizeof(name), "%.*s %.*s", STR_ARGS(api->operations[i].operation.method),
                 STR_ARGS(api->operations[i].operation.path_template));
        visit_root(api->operations[i].request, false, name);
        visit_root(api->operations[i].answer, true, name);
    }
    visit_root(api->error, true, "error");
}

int main(void) {
    buffer_init(&tour.prefix, TEXT_BYTES_MAX);
    for (int i = 0; i <= DEPTH_MAX; i++) buffer_init(&tour.suffix[i], 64);
    visit_api(&llm_api_openai);
    visit_api(&llm_api_anthropic);
    visit_root(&openai_chat_answer, true, "stream of chunks");
    visit_root(&openai_response_event, true, "stream of response events");
    visit_root(&anthropic_event, true, "stream of message events");
    printf("# %zu documents\n", tour.leaves);
    buffer_free(&tour.prefix);
    for (int i = 0; i <= DEPTH_MAX; i++) buffer_free(&tour.suffix[i]);
    return tap_done();
}
