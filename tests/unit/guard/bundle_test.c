#include "guard/bundle.h"

#include "tests/unit/guard/world.h"

#define REVIEW(token, clause) \
    "@id(\"r\") @remedy(\"" token "\")\nforbid (principal, action, resource)\n" clause ";"
#define CURE(token) "unless { context.applied.contains(\"" token "\") }"

static const struct {
    const char *name;
    const char *text;
    uint32_t line; /* 0: the file is good */
    uint32_t column;
    const char *wanted;
} lints[] = {
    {"an empty file", "", 0, 0, NULL},
    {"a good remedy", REVIEW("approve:sre:2", CURE("approve:sre:2")), 0, 0, NULL},
    {"without a count", REVIEW("approve:sre", CURE("approve:sre")), 0, 0, NULL},
    {"with another way out", REVIEW("approve:sre", "unless { context.applied.contains(\"approve:sre\") || principal in "
                                                  "Sworn::Group::\"dba\" }"), 0, 0, NULL},
    {"beside a when", REVIEW("approve:sre", "when { context.statement == \"drop\" } " CURE("approve:sre")), 0, 0, NULL},
    {"no unless", "\n\n" REVIEW("approve:sre", ""), 3, 1, "would not cure it"},
    {"another token", REVIEW("approve:sre:2", CURE("approve:sre:1")), 1, 1, "would not cure it"},
    {"in a when", REVIEW("approve:sre", "when { context.applied.contains(\"approve:sre\") }"), 1, 1,
     "would not cure it"},
    {"the token alone does not do",
     REVIEW("approve:sre", "unless { context.applied.contains(\"approve:sre\") && context.has_where }"), 1, 1,
     "would not cure it"},
    {"on a permit", "@id(\"r\") @remedy(\"approve:sre\") permit (principal, action, resource) " CURE("approve:sre") ";",
     1,
     1, "belongs to a forbid"},
    {"an unknown verb", REVIEW("ask:sre", CURE("ask:sre")), 1, 1, "no remedy"},
    {"no group", REVIEW("approve:", CURE("approve:")), 1, 1, "no remedy"},
    {"only a verb", REVIEW("approve", CURE("approve")), 1, 1, "no remedy"},
    {"empty", REVIEW("", CURE("")), 1, 1, "no remedy"},
    {"a count of 0", REVIEW("approve:sre:0", CURE("approve:sre:0")), 1, 1, "must be 1 to 16"},
    {"a count of 17", REVIEW("approve:sre:17", CURE("approve:sre:17")), 1, 1, "must be 1 to 16"},
    {"a count of 02", REVIEW("approve:sre:02", CURE("approve:sre:02")), 1, 1, "must be 1 to 16"},
    {"a count with more behind", REVIEW("approve:sre:2:x", CURE("approve:sre:2:x")), 1, 1, "must be 1 to 16"},
    {"an empty count", REVIEW("approve:sre:", CURE("approve:sre:")), 1, 1, "must be 1 to 16"},
    {"a template", "permit (principal == ?principal, action, resource);", 0, 0, NULL},
    {"an empty id", "@id(\"\") permit (principal, action, resource);", 1, 1, "is empty"},
    {"an id twice in a file", "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") permit (principal, action, "
                              "resource);", 2, 1, "`a`"},
    {"a syntax error", "permit (principal, action, resource)\nwhen { context.x === 3 };", 2, 0, ""},
};

static void check_lints(const struct identity *identity) {
    for (size_t i = 0; i < LENGTH_OF(lints); i++) {
        struct bundle_problems problems;
        bundle_problems_init(&problems);
        struct error error = {0};
        world_write("lint.cedar", lints[i].text);
        struct bundle *bundle = world_load(identity, &problems, &error);
        world_remove("lint.cedar");
        is_integer(bundle != NULL, lints[i].line == 0, lints[i].name);
        is_integer(problems.count, lints[i].line != 0, "problems");
        if (lints[i].line != 0 && problems.count == 1) {
            const struct bundle_problem *problem = &problems.items[0];
            is_str(problem->file, STR("lint.cedar"), "file");
            is_integer(problem->line, lints[i].line, "line");
            if (lints[i].column != 0) is_integer(problem->column, lints[i].column, "column");
            if (!ok(str_find(problem->text, str_from_cstr(lints[i].wanted)) != STR_NOT_FOUND, "says what is wrong")) {
                printf("# %.*s\n", STR_ARGS(problem->text));
            }
            ok(strstr(error.text, "lint.cedar:") != NULL, "the error names the place");
        }
        bundle_release(&bundle);
        bundle_problems_free(&problems);
    }
}

static void check_every_problem(const struct identity *identity) {
    world_write("a.cedar", "permit (principal, action, resource)");
    world_write("b.cedar", "@id(\"x\") @remedy(\"approve:\") forbid (principal, action, resource);\n"
                           "@id(\"y\") @remedy(\"approve:sre\") forbid (principal, action, resource);\n");
    world_write("c.cedar", "@id(\"x\") permit (principal, action, resource);");
    struct bundle_problems problems;
    bundle_problems_init(&problems);
    struct error error = {0};
    struct bundle *bundle = world_load(identity, &problems, &error);
    ok(bundle == NULL, "three bad files");
    is_integer(problems.count, 4, "every problem is told");
    static const struct {
        const char *file;
        uint32_t line;
    } wanted[] = {{"a.cedar", 1}, {"b.cedar", 1}, {"b.cedar", 2}, {"c.cedar", 1}};
    for (size_t i = 0; i < problems.count && i < LENGTH_OF(wanted); i++) {
        is_str(problems.items[i].file, str_from_cstr(wanted[i].file), "in order of the files");
        is_integer(problems.items[i].line, wanted[i].line, "and lines");
    }
    ok(strstr(error.text, "a.cedar:1:") != NULL && strstr(error.text, "and 3 more") != NULL,
       "the error tells the first");
    bundle_problems_free(&problems);
    world_remove("a.cedar");
    world_remove("b.cedar");
    world_remove("c.cedar");
}

static void check_hash(const struct identity *identity) {
    static const char a[] = "permit (principal, action, resource);";
    static const char b[] = "@id(\"b\") forbid (principal, action, resource);";
    struct error error = {0};
    world_write("b.cedar", b);
    world_write("a.cedar", a);
    world_write("notes.txt", "no policy");
    world_write(".hidden.cedar", "no policy either");
    struct bundle *bundle = world_load(identity, NULL, &error);
    CHECK(bundle != NULL);
    struct sha256 of_a = sha256_of(str_from_cstr(a));
    struct sha256 of_b = sha256_of(str_from_cstr(b));
    const struct str parts[] = {STR("a.cedar\0"), str_make(of_a.bytes, 32), STR("b.cedar\0"), str_make(of_b.bytes, 32)};
    struct sha256 wanted = sha256_of_parts(parts, LENGTH_OF(parts));
    ok(sha256_equal(bundle_hash(bundle), &wanted), "the hash is as the header says");
    is_integer(bundle_file_count(bundle), 2, "two files");
    is_str(bundle_file_at(bundle, 0)->name, STR("a.cedar"), "sorted");
    is_str(bundle_file_at(bundle, 1)->text, str_from_cstr(b), "with their texts");
    ok(sha256_equal(&bundle_file_at(bundle, 1)->hash, &of_b), "and hashes");
    is_integer(bundle_policy_count(bundle), 2, "policies");
    bundle_release(&bundle);
    world_remove("b.cedar");
    world_write("c.cedar", b);
    bundle = world_load(identity, NULL, &error);
    ok(bundle != NULL && !sha256_equal(bundle_hash(bundle), &wanted), "a file's name is part of it");
    bundle_release(&bundle);
    world_remove("a.cedar");
    world_remove("c.cedar");
    world_remove("notes.txt");
    world_remove(".hidden.cedar");
}

static void check_folders(const struct identity *identity) {
    struct error error = {0};
    ok(world_load(identity, NULL, &error) == NULL && strstr(error.text, "no *.cedar file") != NULL, "an empty folder");
    struct bundle_source source = {.directory = "/nonexistent", .identity = identity};
    ok(bundle_load(&source, NULL, &error) == NULL && error.code == ERROR_SYSTEM, "no folder");
}

#define TEMPLATE "@id(\"t\") @remedy(\"approve:sre\")\nforbid (principal == ?principal, action, resource)\n" \
    CURE("approve:sre") ";"
#define LINK(id, name) "{\"templateId\":\"t\",\"newId\":\"" id "\",\"values\":{\"?principal\":{\"type\":\"Sworn::User\"," \
    "\"id\":\"" name "\"}}}"

static const struct {
    const char *name;
    const char *text;   /* of a.links.json, which stands before the templates in z.cedar */
    const char *wanted; /* NULL: the file is good */
    size_t policies;
} links[] = {
    {"none", "[]", NULL, 1},
    {"two", "[" LINK("one", "ana") ",\n" LINK("two", "sam") "]", NULL, 3},
    {"the same id twice", "[" LINK("one", "ana") ",\n" LINK("one", "sam") "]", "is there already", 0},
    {"the template's id", "[" LINK("t", "ana") "]", "is there already", 0},
    {"an empty id", "[" LINK("", "ana") "]", "is empty", 0},
    {"no template", "[{\"templateId\":\"x\",\"newId\":\"n\",\"values\":{}}]", "no template", 0},
    {"a slot without value", "[{\"templateId\":\"t\",\"newId\":\"n\",\"values\":{}}]", "slot ?principal", 0},
    {"no name of a type", "[{\"templateId\":\"t\",\"newId\":\"n\",\"values\":{\"?principal\":{\"type\":\"no name\","
                          "\"id\":\"ana\"}}}]", "name of an entity type", 0},
    {"no array", LINK("one", "ana"), "array", 0},
    {"no JSON", "[", "not JSON", 0},
};

static void check_links(const struct identity *identity) {
    struct error error = {0};
    world_write("z.cedar", TEMPLATE);
    struct bundle *bundle = world_load(identity, NULL, &error);
    CHECK(bundle != NULL);
    struct sha256 before = *bundle_hash(bundle);
    bundle_release(&bundle);
    for (size_t i = 0; i < LENGTH_OF(links); i++) {
        struct bundle_problems problems;
        bundle_problems_init(&problems);
        world_write("a.links.json", links[i].text);
        bundle = world_load(identity, &problems, &error);
        is_integer(bundle != NULL, links[i].wanted == NULL, links[i].name);
        is_integer(problems.count, links[i].wanted != NULL, "problems");
        if (problems.count == 1 && links[i].wanted != NULL &&
            !ok(str_find(problems.items[0].text, str_from_cstr(links[i].wanted)) != STR_NOT_FOUND, "says what is wrong")) {
            printf("# %.*s\n", STR_ARGS(problems.items[0].text));
        }
        if (bundle != NULL) {
            is_integer(bundle_policy_count(bundle), links[i].policies, "template and links");
            is_integer(bundle_file_count(bundle), 2, "a file of the bundle");
            ok(!sha256_equal(bundle_hash(bundle), &before), "and of its hash");
            is_integer(bundle_validate(bundle, &problems, &error), 0, "validated");
            is_integer(problems.count, links[i].policies == 1, "a template without links is a warning");
            if (problems.count == 1) is_str(str_from_cstr(problems.items[0].code), STR("unlinked_template"), "of this kind");
        }
        bundle_release(&bundle);
        bundle_problems_free(&problems);
    }
    world_remove("z.cedar");
    ok(world_load(identity, NULL, &error) == NULL && strstr(error.text, "no *.cedar file") != NULL, "links alone");
    world_remove("a.links.json");
}

struct validation_row {
    const char *name;
    const char *text; /* of b.cedar */
    uint32_t line;    /* 0: nothing is found */
    uint32_t column;
    bool is_warning;
    const char *wanted;
};

#define SQL_FORBID "forbid (principal, action in Sworn::Action::\"sql\", resource)\n"

static const struct validation_row validations[] = {
    {"valid", SQL_FORBID "when { context.classes.contains(\"jwt\") };", 0, 0, false, NULL},
    {"a typo", SQL_FORBID "when { context.clases.contains(\"jwt\") };", 2, 0, false, "clases"},
    {"named", "\n\n@id(\"x\") permit (principal, action, resource is Sworn::Table) when { resource.label };", 3,
     0, false, "policy x: "},
    {"never satisfied", "@id(\"never\") permit (principal, action, resource) when { false };", 1, 1, true, "policy never: "},
};

static void check_validation(const struct identity *identity) {
    world_write("a.cedar", "permit (principal, action, resource);");
    world_write("c.cedar", "");
    for (size_t i = 0; i < LENGTH_OF(validations); i++) {
        const struct validation_row *row = &validations[i];
        struct bundle_problems problems;
        struct error error = {0};
        bundle_problems_init(&problems);
        world_write("b.cedar", row->text);
        struct bundle *bundle = world_load(identity, &problems, &error);
        CHECK(bundle != NULL);
        is_integer(bundle_validate(bundle, &problems, &error), 0, row->name);
        is_integer(problems.count, row->line != 0, "findings");
        if (problems.count == 1) {
            const struct bundle_problem *problem = &problems.items[0];
            is_str(problem->file, STR("b.cedar"), "file");
            is_integer(problem->line, row->line, "line");
            if (row->column != 0) is_integer(problem->column, row->column, "column");
            is_integer(problem->is_warning, row->is_warning, "error or warning");
            if (!ok(str_find(problem->text, str_from_cstr(row->wanted)) != STR_NOT_FOUND, "says what is wrong")) {
                printf("# %.*s\n", STR_ARGS(problem->text));
            }
        }
        bundle_release(&bundle);
        bundle_problems_free(&problems);
    }
    world_remove("a.cedar");
    world_remove("b.cedar");
    world_remove("c.cedar");
}

int main(void) {
    world_open();
    struct identity *identity = world_identity();
    check_lints(identity);
    check_every_problem(identity);
    check_hash(identity);
    check_links(identity);
    check_validation(identity);
    check_folders(identity);
    identity_release(&identity);
    world_close();
    return tap_done();
}
