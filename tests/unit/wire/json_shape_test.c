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

enum direction { REQUEST, ANSWER };

/* NULL wanted: the document goes on as it is. */
static const struct mask_row {
    const char *label;
    enum direction direction;
    const char *document;
    const char *wanted;
} mask_rows[] = {
    {"nothing to mask", REQUEST, " { \"n\" : 1.50e+01 , \"unlisted\": [ 1 ,2 ], \"content\": \"a\\/b\\u00e9\" }\n", NULL},
    {"only the text is new", REQUEST, "{\"z\":1.0, \"content\":\"x CANARY-123\",\t\"n\":1e2 }",
     "{\"z\":1.0, \"content\":\"x [was canary]\",\t\"n\":1e2 }"},
    {"escaped", REQUEST, "{\"content\":\"\\u0043ANARY\\u002d123\\n\\\"\"}", "{\"content\":\"[was canary]\\n\\\"\"}"},
    {"escaped name of a member", REQUEST, "{\"c\\u006fntent\":\"CANARY-123\"}", "{\"c\\u006fntent\":\"[was canary]\"}"},
    {"restored with its quotes", ANSWER, "{\"content\":\"<NAME_1>\"}", "{\"content\":\"Ana \\\"Q\\\"\"}"},
    {"discriminator behind", REQUEST, "{\"content\":[{\"text\":\"CANARY-123\",\"type\":\"text\"}]}",
     "{\"content\":[{\"text\":\"[was canary]\",\"type\":\"text\"}]}"},
    {"discriminator with escapes", REQUEST, "{\"content\":[{\"text\":\"CANARY-123\",\"t\\u0079pe\":\"te\\u0078t\"}]}",
     "{\"content\":[{\"text\":\"[was canary]\",\"t\\u0079pe\":\"te\\u0078t\"}]}"},
    {"JSON in a string", REQUEST, "{\"call\":\"{\\\"a\\\": \\\"\\\\u0043ANARY-123\\\", \\\"n\\\": 1.0}\"}",
     "{\"call\":\"{\\\"a\\\": \\\"[was canary]\\\", \\\"n\\\": 1.0}\"}"},
    {"JSON that broke off", REQUEST, "{\"call\":\"{\\\"a\\\": \\\"CANARY-123\"}", "{\"call\":\"{\\\"a\\\": \\\"[was canary]\"}"},
    {"empty arguments", REQUEST, "{\"call\":\"\"}", NULL},
    {"a text that is JSON", REQUEST, "{\"content\":\"[\\\"\\\\u0043ANARY-123\\\"]\"}", "{\"content\":\"[\\\"[was canary]\\\"]\"}"},
    {"a tree", REQUEST, "{\"tree\":{\"CANARY-123\":[1.0,\"CANARY-123\"]}}",
     "{\"tree\":{\"[was canary]\":[1.0,\"[was canary]\"]}}"},
    {"an unlisted member", REQUEST, "{\"else\":{\"a\":\"CANARY-123\"}}", "{\"else\":{\"a\":\"[was canary]\"}}"},
    {"an unlisted member's name", REQUEST, "{\"CANARY-123\":true}", "{\"[was canary]\":true}"},
    {"a number for a text", REQUEST, "{\"content\":4111111111111111}", "{\"content\":\"[was canary]\"}"},
    {"text in base64", REQUEST, "{\"data\":\"SGkgQ0FOQVJZLTEyMw==\"}", "{\"data\":\"SGkgW3dhcyBjYW5hcnld\"}"},
    {"sealed by the provider", REQUEST, "{\"sealed\":\"" SEALED64 "\"}", NULL},
    {"an accidental match in what is sealed", REQUEST, "{\"sealed\":\"" SEALED64 "4111111111111111\"}", NULL},
    {"an image by its bytes", REQUEST, "{\"content\":[{\"type\":\"image\",\"url\":\"data:image/png;base64,iVBORw0KGgo=\"}]}", NULL},
    {"text in a data: URL", REQUEST, "{\"content\":[{\"type\":\"image\",\"url\":\"data:text/plain;base64,Q0FOQVJZLTEyMw==\"}]}",
     "{\"content\":[{\"type\":\"image\",\"url\":\"data:text/plain;base64,W3dhcyBjYW5hcnld\"}]}"},
    {"probabilities say it again", ANSWER, "{\"probs\":{\"token\":\"CAN\"},\"probs_list\":[{\"t\":1}]}",
     "{\"probs\":null,\"probs_list\":[]}"},
    {"no probabilities", ANSWER, "{\"probs\":null}", NULL},
    {"a lone surrogate stays", REQUEST, "{\"content\":\"\\ud800\"}", NULL},
    {"signed, nothing in it", ANSWER, "{\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S\"}}", NULL},
    {"signed and altered: sealed", ANSWER, "{\"one\":{\"type\":\"signed\",\"said\":\"CANARY-123\",\"signature\":\"S\"}}",
     "{\"one\":{\"type\":\"signed\",\"said\":\"[was canary]\",\"signature\":\"S.swn1.43414e4152592d313233\"}}"},
    {"the signature first", ANSWER, "{\"one\":{\"type\":\"signed\",\"signature\":\"S\",\"said\":\"<NAME_1>\"}}",
     "{\"one\":{\"type\":\"signed\",\"signature\":\"S.swn1.3c4e414d455f313e\",\"said\":\"Ana \\\"Q\\\"\"}}"},
    {"sent back: the provider's own", REQUEST,
     "{\"one\":{\"type\":\"signed\",\"said\":\"Ana \\\"Q\\\"\",\"signature\":\"S.swn1.3c4e414d455f313e\"}}",
     "{\"one\":{\"type\":\"signed\",\"said\":\"<NAME_1>\",\"signature\":\"S\"}}"},
    {"sent back, altered by the client", REQUEST,
     "{\"one\":{\"signature\":\"S.swn1.3c4e414d455f313e\",\"said\":\"CANARY-123\",\"type\":\"signed\"}}",
     "{\"one\":{\"signature\":\"S\",\"said\":\"<NAME_1>\",\"type\":\"signed\"}}"},
    {"signed without a seal", REQUEST, "{\"one\":{\"type\":\"signed\",\"said\":\"CANARY-123\",\"signature\":\"S\"}}",
     "{\"one\":{\"type\":\"signed\",\"said\":\"[was canary]\",\"signature\":\"S\"}}"},
};

static const struct refuse_row {
    const char *label;
    const char *document;
    const char *why;
} refuse_rows[] = {
    {"not JSON", "{\"n\":01}", "not JSON"},
    {"broken off", "{\"content\":[", "not JSON"},
    {"more behind it", "{} {}", "not JSON"},
    {"not UTF-8", "{\"content\":\"\xff\"}", "not JSON"},
    {"a value in a name", "{\"model\":\"CANARY-123\"}", "\"model\" holds a value"},
    {"in a name by an array", "{\"model\":[\"CANARY-123\"]}", "\"model\" holds a value"},
    {"in a name's object", "{\"model\":{\"a\":\"CANARY-123\"}}", "\"a\" holds a value"},
    {"in a long number", "{\"n\":4111111111111111}", "\"n\" holds a value"},
    {"a long number with a fraction", "{\"n\":4111111111111111.0}", "\"n\" holds a value"},
    {"a member twice", "{\"model\":\"a\",\"model\":\"b\"}", "twice"},
    {"twice by escapes", "{\"model\":\"a\",\"mod\\u0065l\":\"b\"}", "twice"},
    {"a discriminator twice", "{\"one\":{\"type\":\"text\",\"type\":\"image\"}}", "twice"},
    {"in another case", "{\"Model\":\"a\"}", "another case"},
    {"an unknown type", "{\"one\":{\"type\":\"hologram\"}}", "unknown type \"hologram\""},
    {"no type", "{\"one\":{\"text\":\"a\"}}", "unknown type \"(none)\""},
    {"a type that is no string", "{\"one\":{\"type\":1}}", "unknown type \"\""},
    {"a type that is not printable", "{\"one\":{\"type\":\"a\\n\\\"b\"}}", "unknown type \"a??b\""},
    {"tokens", "{\"tokens\":[1,2]}", "cannot be inspected: send text"},
    {"sealed, but short", "{\"sealed\":\"CANARY-123\"}", "\"sealed\" holds a value"},
    {"sealed, but a credential", "{\"sealed\":\"" SEALED64 "CANARY-123\"}", "holds a credential"},
    {"sealed, but not base64", "{\"sealed\":\"" SEALED64 " CANARY-123\"}", "\"sealed\" holds a value"},
    {"not base64", "{\"data\":\"!\"}", "base64"},
    {"a URL with a value", "{\"one\":{\"type\":\"image\",\"url\":\"https://x/?a=CANARY-123\"}}", "\"url\" holds a value"},
    {"a data: URL that is not base64", "{\"one\":{\"type\":\"image\",\"url\":\"data:text/plain,CANARY-123\"}}", "not base64"},
    {"a data: URL's type", "{\"one\":{\"type\":\"image\",\"url\":\"data:CANARY-123;base64,AA==\"}}", "\"url\" holds a value"},
    {"JSON that broke off, by numbers", "{\"call\":\"{\\\"a\\\": \\\"\\\\u0043ANARY-123\"}", "broken"},
    {"a seal of another", "{\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S.swn1.xyz\"}}", "seal"},
    {"the plan fails", "{\"content\":\"FAIL-ME\"}", "cannot be inspected"},
    {"too deep where it is described",
     "{\"deep\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"a\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", "deeper than"},
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
        is_integer(run(&json_plan, row->direction, str_from_cstr(row->document), &out, &is_changed, &error), 0, row->label);
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
    is_str(buffer_view(&out), STR("{\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S\"}}"), "the original");
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
    struct str document = STR("{\"content\":[{\"type\":\"image\",\"url\":\"u\"},{\"type\":\"text\",\"text\":\"a\\nb\"}],"
                              "\"tree\":{\"x\":1},\"call\":\"{}\",\"tokens\":[1]}");
    is_integer(shape_inspect(&walk, &root, document, &error), 0, "inspected");
    is_str(str_from_cstr(told), STR("7=image;:image;:u;:text;text:a\nb;tree~{\"x\":1};call~{};"), "each value once, decoded");
    ok(!walk.has_findings && !walk.has_seals && walk.has_tokens, "what was noticed");
    document = STR("{\"model\":\"CANARY-123\",\"one\":{\"type\":\"signed\",\"said\":\"a\",\"signature\":\"S.swn1.61\"}}");
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
