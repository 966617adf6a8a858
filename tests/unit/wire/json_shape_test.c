/* The walk over JSON by shapes: what keeps its bytes, what is spliced, what is refused and why. */
#include "wire/json/shape.h"

#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"

#define M SHAPE_MEMBER

static const struct shape_member text_members[] = {M("type", &shape_name), M("text", &shape_text)};
static const struct shape text_part = {SHAPE_MEMBERS(text_members)};
static const struct shape_member image_members[] = {
    M("type", &shape_name), M("url", &shape_media), M("media_type", &shape_name)};
static const struct shape image_part = {SHAPE_MEMBERS(image_members)};
static const struct shape_member signed_members[] = {
    M("type", &shape_name), M("said", &shape_signed_text), M("signature", &shape_signature)};
static const struct shape signed_part = {.is_signed = true, SHAPE_MEMBERS(signed_members)};
static const struct shape_variant variants[] = {
    SHAPE_VARIANT("text", &text_part), SHAPE_VARIANT_FACT("image", &image_part, 7),
    SHAPE_VARIANT("signed", &signed_part)};
static const struct shape part = {SHAPE_UNION("type", variants)};
static const struct shape parts = {.items = &part};
static const struct shape deep = {.kind = SHAPE_NAME, .items = &deep};
static const struct shape_member members[] = {
    M("content", &parts), M("model", &shape_name), M("n", &shape_plain), M("call", &shape_json_text),
    M("tree", &shape_tree), M("sealed", &shape_opaque), M("data", &shape_base64_text), M("tokens", &shape_tokens),
    M("probs", &shape_dropped), M("probs_list", &shape_dropped_list), M("deep", &deep), M("one", &part)};
static const struct shape root = {SHAPE_MEMBERS(members)};

#define SEALED64 "QUJDRGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY3ODkwQUJDREVGR0hJSktMTU5P"
/* Bytes as above, with "note: CANARY-123 here" among them. */
#define READABLE64 \
    "EkiAgYKDhIWGh4iJiouMjY6PkJGSk5SVlpeYmZqbnJ2en6ChoqOkpaanqKmqq6ytrq9ub3RlOiBDQU5BUlktMTIzIGhlcmXIyMjI"

enum direction { REQUEST, ANSWER };

/* NULL wanted: the document goes on as it is. */
static const struct mask_row {
    const char *label;
    enum direction direction;
    const char *document;
    const char *wanted;
} mask_rows[] = {
#include "tests/unit/wire/json_shape_rows.def"
};

static const struct refuse_row {
    const char *label;
    const char *document;
    const char *why;
} refuse_rows[] = {
#include "tests/unit/wire/json_shape_refusals.def"
};

static int run(const struct mask_plan *plan, enum direction direction, struct str document, struct buffer *out,
               bool *is_changed, struct error *error) {
    static struct class_counts masked, revealed;
    struct shape_walk walk;
    shape_walk_init(&walk);
    walk.plan = plan;
    walk.masked = &masked;
    walk.revealed = &revealed;
    walk.is_answer = direction == ANSWER;
    int result = shape_mask(&walk, &root, document, out, is_changed, error);
    shape_walk_free(&walk);
    return result;
}

static void test_masks(void) {
    struct buffer out;
    buffer_init(&out, 1u << 20);
    for (size_t i = 0; i < LENGTH_OF(mask_rows); i++) {
        const struct mask_row *row = &mask_rows[i];
        struct error error = {0};
        bool is_changed = false;
        buffer_clear(&out);
        struct str document = str_from_cstr(row->document);
        is_integer(run(&json_plan, row->direction, document, &out, &is_changed, &error), 0, row->label);
        ok(is_changed == (row->wanted != NULL), row->label);
        is_str(buffer_view(&out), str_from_cstr(row->wanted), row->label);
        if (error.text[0] != '\0') printf("# %s\n", error.text);
    }
    buffer_free(&out);
}

static void test_refusals(void) {
    struct buffer out;
    buffer_init(&out, 1u << 20);
    for (size_t i = 0; i < LENGTH_OF(refuse_rows); i++) {
        struct error error = {0};
        bool is_changed = false;
        struct str document = str_from_cstr(refuse_rows[i].document);
        is_integer(run(&json_plan, REQUEST, document, &out, &is_changed, &error), -1, refuse_rows[i].label);
        ok(strstr(error.text, refuse_rows[i].why) != NULL, error.text);
    }
    buffer_free(&out);
}

/* With everything revealed only what is sealed is rewritten. */
static void test_revealing(void) {
    struct error error = {0};
    struct buffer out;
    bool is_changed = true;
    buffer_init(&out, 4096);
    struct str plain = STR("{\"content\":\"CANARY-123\",\"model\":\"CANARY-123\",\"tokens\":[1],\"probs\":[1]}");
    is_integer(run(&json_plan_revealing, REQUEST, plain, &out, &is_changed, &error), 0, "everything is revealed");
    ok(!is_changed, "nothing is changed");
    struct str sealed = STR("{\"one\":{\"type\":\"signed\",\"said\":\"x\",\"signature\":\"S.swn1.61\"}}");
    is_integer(run(&json_plan_revealing, REQUEST, sealed, &out, &is_changed, &error), 0, "a seal is opened even so");
    is_str(buffer_view(&out),
           STR("{\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S\"}}"), "the original");
    buffer_free(&out);
}

static char told[512];

static int tell(void *self, uint8_t fact, const struct shape_value *value, struct error *error) {
    (void)self;
    (void)error;
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%d=%.*s;", fact, STR_ARGS(value->text));
    return 0;
}

static int inspect(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error) {
    (void)self;
    (void)error;
    snprintf(told + strlen(told), sizeof(told) - strlen(told), "%.*s%s%.*s;", STR_ARGS(name),
             shape == MASK_JSON ? "~" : ":", STR_ARGS(text));
    return plan_has_canary(text);
}

static void test_inspection(void) {
    struct error error = {0};
    struct shape_walk walk;
    shape_walk_init(&walk);
    walk.sink = (struct shape_sink){.inspect = inspect, .fact = tell};
    struct str document =
        STR("{\"content\":[{\"type\":\"image\",\"url\":\"u\"},{\"type\":\"text\",\"text\":\"a\\nb\"}],"
                              "\"tree\":{\"x\":1},\"call\":\"{}\",\"tokens\":[1]}");
    is_integer(shape_inspect(&walk, &root, document, &error), 0, "inspected");
    is_str(str_from_cstr(told), STR("7=image;:image;:u;:text;text:a\nb;tree~{\"x\":1};call~{};"), "each value once");
    ok(!walk.has_findings && !walk.has_seals && walk.has_tokens, "what was noticed");
    document =
        STR("{\"model\":\"CANARY-123\",\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S.swn1.61\"}}");
    is_integer(shape_inspect(&walk, &root, document, &error), 0, "a name is refused only when it is to be masked");
    ok(walk.has_findings && walk.has_seals && !walk.has_tokens, "what was noticed");
    is_integer(shape_inspect(&walk, &root, STR("{\"probs_list\":[]}"), &error), 0, "an empty list says nothing");
    ok(!walk.has_findings, "and stays");
    is_integer(shape_inspect(&walk, &root, STR("{\"probs_list\":[1]}"), &error), 0, "what is to be dropped");
    ok(walk.has_findings, "is not left to chance");
    is_integer(shape_inspect(&walk, &root, STR("{\"one\":{\"type\":\"x\"}}"), &error), -1, "an unknown type");
    ok(walk.is_unknown_type, "and told as such");
    shape_walk_free(&walk);
}

int main(void) {
    test_masks();
    test_refusals();
    test_revealing();
    test_inspection();
    return tap_done();
}
