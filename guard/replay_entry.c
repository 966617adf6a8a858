/* Members are read in one pass, by a table of names. */
#include "guard/replay_entry.h"

#include "base/clock.h"
#include "base/json_read.h"
#include "guard/record_events.h"

struct parse {
    struct json_reader reader;
    struct action *action;
    struct replay_entry *out;
    bool has_bundle;
    bool has_entities;
    bool has_decided;
    struct str unknown; /* a name of another version */
};

/* ---- Steps --------------------------------------------------------------------------------------------------- */

static const struct attribute_description *find_attribute(struct str name, enum attribute_id *id) {
    for (unsigned i = 0; i < ATTRIBUTE_COUNT; i++) {
        if (!str_equal_cstr(name, attribute_descriptions[i].name)) continue;
        *id = (enum attribute_id)i;
        return &attribute_descriptions[i];
    }
    return NULL;
}

static bool parse_hash(struct parse *parse, struct sha256 *hash) {
    struct buffer bytes = {
        .data = (char *)hash->bytes, .capacity = sizeof(hash->bytes), .cap_bytes = sizeof(hash->bytes)};
    struct str text = json_read_string(&parse->reader);
    bool is_hash = text.length == 2 * SHA256_BYTES && hex_decode(text, &bytes) == 0;
    if (!is_hash) parse->reader.is_bad = true;
    return is_hash;
}

/* {"count":2,"hmac":"..."}: what the tags were is elsewhere. */
static void parse_tags(struct parse *parse, struct attribute *attribute) {
    struct str key;
    if (parse->out->tag_count == REPLAY_TAGS_MAX) {
        parse->reader.is_bad = true;
        return;
    }
    struct replay_tags *tags = &parse->out->tags[parse->out->tag_count++];
    tags->attribute = attribute;
    attribute->tags.items = NULL;
    json_read_object(&parse->reader);
    while (json_read_member(&parse->reader, &key)) {
        if (str_equal(key, STR("count"))) attribute->tags.count = (size_t)json_read_integer(&parse->reader);
        else if (str_equal(key, STR("hmac"))) parse_hash(parse, &tags->keyed);
        else json_skip(&parse->reader);
    }
}

static void parse_attribute(struct parse *parse, struct str name, struct attribute *attribute) {
    struct json_reader *reader = &parse->reader;
    const struct attribute_description *description = find_attribute(name, &attribute->id);
    if (description == NULL) {
        parse->unknown = name;
        json_skip(reader);
        return;
    }
    switch (description->kind) {
    case ATTRIBUTE_KIND_BOOL: attribute->boolean = json_read_bool(reader); break;
    case ATTRIBUTE_KIND_LONG:
    case ATTRIBUTE_KIND_DATETIME: attribute->integer = json_read_integer(reader); break;
    case ATTRIBUTE_KIND_STRING:
    case ATTRIBUTE_KIND_IP: attribute->string = json_read_string(reader); break;
    case ATTRIBUTE_KIND_SET: attribute->set.items = json_read_strings(reader, &attribute->set.count); break;
    case ATTRIBUTE_KIND_TAGS:
    case ATTRIBUTE_KIND_NUMBER_TAGS: parse_tags(parse, attribute); break;
    }
}

static void parse_context(struct parse *parse, struct action_step *step) {
    struct attribute *attributes = ARENA_NEW_ARRAY(&parse->action->arena, struct attribute, ATTRIBUTE_COUNT);
    struct str name;
    if (attributes == NULL) parse->reader.is_bad = true;
    json_read_object(&parse->reader);
    while (json_read_member(&parse->reader, &name)) {
        if (step->attribute_count == ATTRIBUTE_COUNT) parse->reader.is_bad = true;
        else parse_attribute(parse, name, &attributes[step->attribute_count++]);
    }
    step->attributes = attributes;
}

/* "Database::prod/shop". */
static bool split_parent(struct str text, struct resource *resource) {
    size_t colon = str_find(text, STR(RECORD_TYPE_SEPARATOR));
    if (colon == STR_NOT_FOUND) return false;
    resource->type = str_slice(text, 0, colon);
    resource->id = str_slice(text, colon + sizeof(RECORD_TYPE_SEPARATOR) - 1, text.length);
    return true;
}

static const struct resource *parse_parents(struct parse *parse) {
    size_t count;
    const struct str *names = json_read_strings(&parse->reader, &count);
    struct resource *resources = ARENA_NEW_ARRAY(&parse->action->arena, struct resource, count);
    if (resources == NULL || parse->reader.is_bad) return NULL;
    for (size_t i = 0; i < count; i++) {
        if (!split_parent(names[i], &resources[i])) parse->reader.is_bad = true;
        resources[i].parent = i + 1 < count ? &resources[i + 1] : NULL;
    }
    return resources;
}

static void parse_step(struct parse *parse, struct action_step *step) {
    struct json_reader *reader = &parse->reader;
    struct resource *resource = ARENA_NEW(&parse->action->arena, struct resource);
    struct str key;
    if (resource == NULL) reader->is_bad = true;
    json_read_object(reader);
    while (json_read_member(reader, &key)) {
        if (str_equal(key, STR("context"))) parse_context(parse, step);
        else if (str_equal(key, STR("parents"))) resource->parent = parse_parents(parse);
        else if (str_equal(key, STR("resource"))) resource->id = json_read_string(reader);
        else if (str_equal(key, STR("type"))) resource->type = json_read_string(reader);
        else if (str_equal(key, STR("verb"))) step->verb = json_read_string(reader);
        else json_skip(reader);
    }
    step->resource = resource;
}

static void parse_steps(struct parse *parse) {
    struct action *action = parse->action;
    size_t count;
    const struct str *texts = json_read_array(&parse->reader, &count);
    if (count > REPLAY_STEPS_MAX) parse->reader.is_bad = true;
    action->steps = ARENA_NEW_ARRAY(&action->arena, struct action_step, count);
    if (action->steps == NULL) parse->reader.is_bad = true;
    if (parse->reader.is_bad) return;
    struct json_reader outer = parse->reader;
    for (size_t i = 0; i < count && !outer.is_bad; i++) {
        json_reader_init(&parse->reader, texts[i], &action->arena);
        parse_step(parse, &action->steps[i]);
        outer.is_bad = parse->reader.is_bad;
    }
    parse->reader = outer;
    action->step_count = count;
}

/* ---- The other members --------------------------------------------------------------------------------------- */

static enum data_class find_class(struct parse *parse, struct str name) {
    enum data_class class = class_from_name(name);
    if (class == CLASS_NONE) parse->unknown = name;
    return class;
}

static void parse_classes(struct parse *parse) {
    struct str name;
    json_read_object(&parse->reader);
    while (json_read_member(&parse->reader, &name)) {
        int64_t count = json_read_integer(&parse->reader);
        enum data_class class = find_class(parse, name);
        if (class != CLASS_NONE) parse->action->request_classes.count[class] = (uint32_t)count;
    }
}

static void parse_reveal(struct parse *parse, class_set *reveal) {
    size_t count;
    const struct str *names = json_read_strings(&parse->reader, &count);
    if (count == 1 && str_equal(names[0], STR("*"))) {
        *reveal = CLASS_SET_ALL;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        enum data_class class = find_class(parse, names[i]);
        if (class != CLASS_NONE) *reveal |= CLASS_BIT(class);
    }
}

static void parse_decided(struct parse *parse) {
    struct str text = json_read_string(&parse->reader);
    parse->has_decided = true;
    if (clock_parse_rfc3339(text, &parse->out->decided_us) != 0) parse->reader.is_bad = true;
}

enum member {
    MEMBER_ACTION, MEMBER_APPLIED, MEMBER_BUNDLE, MEMBER_CEDAR, MEMBER_CLASSES, MEMBER_DECIDED, MEMBER_ENTITIES,
    MEMBER_ERRORS, MEMBER_POLICIES, MEMBER_PRINCIPAL, MEMBER_REMEDIES, MEMBER_REVEAL,
    MEMBER_REVEAL_REQUEST, MEMBER_REVEAL_URL, MEMBER_ROUNDS, MEMBER_ROWS_MAX, MEMBER_STEPS, MEMBER_TEXT,
    MEMBER_TOKENS_1D, MEMBER_TOKENS_1H, MEMBER_UNSCANNED, MEMBER_UNTOLD, MEMBER_VERDICT, MEMBER_COUNT,
};

static const struct str member_names[MEMBER_COUNT] = {
    [MEMBER_ACTION] = {"action", 6},       [MEMBER_APPLIED] = {"applied", 7},   [MEMBER_BUNDLE] = {"bundle", 6},
    [MEMBER_CEDAR] = {"cedar", 5},         [MEMBER_CLASSES] = {"classes", 7},   [MEMBER_DECIDED] = {"decided", 7},
    [MEMBER_ENTITIES] = {"entities", 8},   [MEMBER_ERRORS] = {"errors", 6},     [MEMBER_POLICIES] = {"policies", 8},
    [MEMBER_PRINCIPAL] = {"principal", 9}, [MEMBER_REMEDIES] = {"remedies", 8}, [MEMBER_REVEAL] = {"reveal", 6},
    [MEMBER_ROUNDS] = {"rounds", 6},       [MEMBER_STEPS] = {"steps", 5},       [MEMBER_VERDICT] = {"verdict", 7},
    [MEMBER_REVEAL_REQUEST] = {"reveal_request", 14}, [MEMBER_REVEAL_URL] = {"reveal_url", 10},
    [MEMBER_ROWS_MAX] = {"rows_max", 8},
    [MEMBER_TEXT] = {"text", 4},           [MEMBER_TOKENS_1D] = {"tokens_1d", 9}, [MEMBER_TOKENS_1H] = {"tokens_1h", 9},
    [MEMBER_UNSCANNED] = {"unscanned", 9},
    [MEMBER_UNTOLD] = {"untold", 6},
};

static void parse_member(struct parse *parse, struct str key) {
    struct json_reader *reader = &parse->reader;
    struct replay_entry *out = parse->out;
    unsigned member = 0;
    while (member < MEMBER_COUNT && !str_equal(key, member_names[member])) member++;
    switch (member) {
    case MEMBER_ACTION: out->action = json_read_string(reader); break;
    case MEMBER_APPLIED: out->applied = json_read_strings(reader, &out->applied_count); break;
    case MEMBER_BUNDLE: parse->has_bundle = parse_hash(parse, &out->bundle); break;
    case MEMBER_CEDAR: out->cedar_allows = str_equal(json_read_string(reader), STR("allow")); break;
    case MEMBER_CLASSES: parse_classes(parse); break;
    case MEMBER_DECIDED: parse_decided(parse); break;
    case MEMBER_ENTITIES: parse->has_entities = parse_hash(parse, &out->entities); break;
    case MEMBER_ERRORS: out->errors = json_read_strings(reader, &out->error_count); break;
    case MEMBER_POLICIES: out->policies = json_read_strings(reader, &out->policy_count); break;
    case MEMBER_PRINCIPAL: out->principal = json_read_string(reader); break;
    case MEMBER_REMEDIES: out->remedies = json_read_strings(reader, &out->remedy_count); break;
    case MEMBER_REVEAL: parse_reveal(parse, &out->reveal); break;
    case MEMBER_REVEAL_REQUEST: parse_reveal(parse, &out->reveal_request); break;
    case MEMBER_REVEAL_URL:
        out->has_reveal_url = true;
        parse_reveal(parse, &out->reveal_url);
        break;
    case MEMBER_ROUNDS: out->rounds = (uint32_t)json_read_integer(reader); break;
    case MEMBER_ROWS_MAX: out->rows_max = (uint64_t)json_read_integer(reader); break;
    case MEMBER_STEPS: parse_steps(parse); break;
    case MEMBER_TEXT: out->text = json_read_raw(reader); break;
    case MEMBER_TOKENS_1D: out->tokens_1d = json_read_integer(reader); break;
    case MEMBER_TOKENS_1H: out->tokens_1h = json_read_integer(reader); break;
    case MEMBER_UNTOLD: out->has_untold = json_read_integer(reader) > 0; break;
    case MEMBER_UNSCANNED: parse->action->has_unscanned = json_read_bool(reader); break;
    case MEMBER_VERDICT: out->is_denied = str_equal(json_read_string(reader), EVENT_VERDICT_DENY); break;
    default: json_skip(reader); break;
    }
}

int replay_entry_parse(const struct ledger_entry *entry, struct action *action, struct replay_entry *out,
                       struct error *error) {
    struct parse parse = {.action = action, .out = out};
    struct str key;
    *out = (struct replay_entry){.is_hold = str_equal(entry->summary.type, EVENT_HOLD_REQUESTED)};
    arena_reset(&action->arena);
    action->step_count = 0;
    action->has_unscanned = false;
    action->request_classes = (struct class_counts){.count = {0}};
    json_reader_init(&parse.reader, entry->event, &action->arena);
    json_read_object(&parse.reader);
    while (json_read_member(&parse.reader, &key)) parse_member(&parse, key);
    if (!json_reader_is_good(&parse.reader)) {
        return error_set(error, ERROR_INVALID, "it is not as doc/evidence-format.md has it");
    }
    out->was_decided = out->is_hold || out->rounds > 0;
    if (!out->was_decided) return 0;
    if (parse.unknown.data != NULL) {
        return error_set(error, ERROR_INVALID, "this version knows no \"%.*s\"", STR_ARGS(parse.unknown));
    }
    if (parse.has_bundle && parse.has_entities && parse.has_decided) return 0;
    return error_set(error, ERROR_INVALID, "it does not say what it was decided by (bundle, entities, decided): an older "
                                           "version recorded it");
}

/* ---- Comparison ---------------------------------------------------------------------------------------------- */

bool replay_names_equal(const struct str *a, size_t a_count, const struct str *b, size_t b_count) {
    if (a_count != b_count) return false;
    for (size_t i = 0; i < a_count; i++) {
        if (!str_equal(a[i], b[i])) return false;
    }
    return true;
}

unsigned replay_entry_compare(const struct replay_entry *entry, enum verdict_kind kind, const struct verdict *verdict) {
    unsigned differences = entry->is_disproved ? REPLAY_EVIDENCE : 0;
    if (kind != verdict->kind) differences |= REPLAY_VERDICT;
    if (!replay_names_equal(entry->policies, entry->policy_count, verdict->policies, verdict->policy_count)) {
        differences |= REPLAY_POLICIES;
    }
    if (!replay_names_equal(entry->errors, entry->error_count, verdict->errors, verdict->error_count)) {
        differences |= REPLAY_ERRORS;
    }
    if (entry->is_hold && verdict->kind == VERDICT_HOLD &&
        !replay_names_equal(entry->remedies, entry->remedy_count, verdict->remedies, verdict->remedy_count)) {
        differences |= REPLAY_REMEDIES;
    }
    bool was_allowed = !entry->is_hold && !entry->is_denied;
    bool reveals_the_same = entry->reveal == verdict->reveal && entry->reveal_request == verdict->reveal_request &&
                            (!entry->has_reveal_url || entry->reveal_url == verdict->reveal_url);
    if (was_allowed && verdict->kind == VERDICT_ALLOW && !reveals_the_same) differences |= REPLAY_REVEAL;
    if (was_allowed && verdict->kind == VERDICT_ALLOW && entry->rows_max != verdict->rows_max) {
        differences |= REPLAY_ROWS_MAX;
    }
    return differences;
}
