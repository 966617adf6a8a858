/* The vtable that protocols call, over the worker that does the looking.
 *
 * A value can have several names (alias, column, the columns that it is made of), whose hints the protocols join with |.
 * So struct mask_field carries sets: the classes that the names speak for in the low half, their context bits in the high
 * half. No hint is 0. */
#include "base/json.h"
#include "detect/context.h"
#include "detect/names.h"
#include "guard/known.h"
#include "guard/mask_plan_internal.h"

static_assert(CONTEXT_PASSWORD < (uint32_t)1 << 31, "the highest bit of a hint is MASK_FIELD_COMPUTED");
static_assert(CLASS_MAX <= 32, "the classes of a field have the low half of its hint");

/* These have no shape by which a value could be known without its name. */
#define CLASSES_BY_NAME (CLASS_BIT(CLASS_PERSON_NAME) | CLASS_BIT(CLASS_ADDRESS) | CLASS_BIT(CLASS_DATE_OF_BIRTH))

static struct mask_field field_from_hint(struct detect_hint hint) {
    class_set classes = hint.class < CLASS_MAX ? CLASS_BIT(hint.class) : 0;
    return (struct mask_field){.hint = (uint64_t)hint.context << 32 | classes};
}

/* The first of the classes that the value may be of. */
static enum data_class first_plausible(class_set classes, struct str value) {
    for (; classes != 0; classes &= classes - 1) {
        enum data_class class = (enum data_class)__builtin_ctzll(classes);
        if (names_value_is_plausible(class, value)) return class;
    }
    return CLASS_NONE;
}

/* Of several classes: one that the value may be of, that must be hidden, and that nothing but the name could tell. An
 * array of values has the foremost. */
static enum data_class choose_class(class_set classes, class_set reveal, struct str value) {
    const class_set orders[] = {classes & CLASSES_BY_NAME & ~reveal, classes & ~reveal, classes};
    enum data_class foremost = CLASS_NONE;
    bool is_one = (classes & (classes - 1)) == 0;
    for (size_t i = 0; i < LENGTH_OF(orders) && classes != 0; i++) {
        enum data_class class = is_one ? CLASS_NONE : first_plausible(orders[i], value);
        if (class != CLASS_NONE) return class;
        if (foremost == CLASS_NONE && orders[i] != 0) foremost = (enum data_class)__builtin_ctzll(orders[i]);
    }
    return foremost;
}

static struct detect_hint hint_from_field(struct mask_field field, class_set reveal, struct str value) {
    return (struct detect_hint){
        .class = (uint8_t)choose_class(field.hint & UINT32_MAX, reveal, value),
        .context = (uint32_t)((field.hint & ~MASK_FIELD_COMPUTED) >> 32),
    };
}

struct detect_hint plan_hint(const struct plan *plan, struct mask_field field, struct str value) {
    return hint_from_field(field, plan->reveal, value);
}

struct mask_field mask_field_of_name(const struct mask_worker *worker, struct str name) {
    return field_from_hint(mask_worker_hint(worker, name));
}

static struct mask_field plan_field(const struct mask_plan *vtable, struct str name) {
    const struct plan *plan = vtable->self;
    return mask_field_of_name(plan->worker, name);
}

struct mask_rewrite plan_rewrite(const struct plan *plan, struct text_place *place, struct class_counts *masked,
                                 struct class_counts *revealed) {
    return (struct mask_rewrite){.is_request = plan->is_request, .policy = plan->policy, .vault = plan->vault,
                                 .reveal = plan->reveal, .restore = plan->restore, .restore_url = plan->restore_url,
                                 .place = place, .masked = masked, .revealed = revealed};
}

/* Tools say in their schemas which of their parameters are addresses: { "NAME": { ..., "format": "uri" } }. The key of a
 * format is the name of the object that it is in, which the walk does not tell: names are found by a look at the text. */
static void note_uri_names(struct vault *vault, struct str json) {
    static const struct str formats[] = {STR("\"uri"), STR("\"url"), STR("\"iri")};
    struct json_scanner scanner;
    struct str names[JSON_DEPTH_MAX + 2] = {{NULL, 0}}, raw, key = STR_NONE;
    enum json_token token;
    if (str_find(json, STR("format")) == STR_NOT_FOUND) return;
    json_scanner_init(&scanner, json);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_END && token != JSON_TOKEN_BAD) {
        if (token == JSON_TOKEN_KEY) key = raw;
        if (token == JSON_TOKEN_BEGIN_OBJECT || token == JSON_TOKEN_BEGIN_ARRAY) {
            bool is_items = str_equal(key, STR("items")) || token == JSON_TOKEN_BEGIN_ARRAY;
            names[scanner.depth] = is_items ? names[scanner.depth - 1] : key;
        }
        if (token != JSON_TOKEN_STRING || !str_equal(key, STR("format"))) continue;
        for (size_t i = 0; i < LENGTH_OF(formats); i++) {
            bool is_uri = str_starts_with(str_make(raw.data - 1, raw.length + 1), formats[i]);
            if (is_uri && scanner.depth > 0) vault_add_name(vault, VAULT_URI_NAMES, names[scanner.depth]);
        }
    }
}

static enum mask_rewritten rewrite_value(void *self, struct str key, struct str text, const struct detect_spans *spans,
                                         struct buffer *out, struct error *error) {
    struct mask_rewrite *job = self;
    bool is_named = vault_has_name(job->vault, VAULT_URI_NAMES, key) || text_place_is_address_name(key);
    job->is_address = job->is_json && !job->is_request && (is_named || text_place_is_address(text));
    if (!job->is_request && mask_is_null(job->policy, text, spans)) {
        mask_count_one(job->masked, spans->items[0].class);
        return MASK_REWRITTEN_NULL;
    }
    size_t before = buffer_length(out);
    bool is_changed;
    if (mask_rewrite_part(job, text, 0, text.length, true, spans, out, &is_changed, error) != 0) {
        return MASK_REWRITTEN_FAILED;
    }
    if (!is_changed) buffer_truncate(out, before);
    return is_changed ? MASK_REWRITTEN_TEXT : MASK_REWRITTEN_NOT;
}

/* With placeholders to write, or to put back. */
static int value_with_vault(const struct plan *plan, const struct mask_rewrite *job, enum mask_shape shape,
                            struct detect_hint hint, struct str value, struct buffer *out, enum masked_as *result) {
    struct mask_rewrite copy = *job;
    copy.is_json = shape == MASK_JSON;
    struct mask_rewriter rewriter = {rewrite_value, &copy};
    return shape == MASK_JSON ? mask_worker_rewrite_json(plan->worker, &rewriter, hint, value, out, result, NULL)
                              : mask_worker_rewrite_text(plan->worker, &rewriter, hint, value, out, result, NULL);
}

static int value_without_vault(const struct plan *plan, const struct mask_rewrite *rewrite, enum mask_shape shape,
                               struct detect_hint hint, struct str value, struct buffer *out, enum masked_as *result) {
    struct mask_job job = {.policy = plan->policy, .reveal = plan->reveal, .masked = rewrite->masked,
                           .revealed = rewrite->revealed};
    return shape == MASK_JSON ? mask_worker_json(plan->worker, &job, hint, value, out, result, NULL)
                              : mask_worker_text(plan->worker, &job, hint, value, out, result, NULL);
}

/* ---- Values that one text of a request shows, and another holds ---------------------------------------------------- */

static void plan_begin(const struct mask_plan *vtable) {
    struct plan *plan = vtable->self;
    struct known *known = mask_worker_known(plan->worker);
    plan->walk = PLAN_FIRST_WALK;
    if (known != NULL) known_begin(known);
}

static int plan_settle(const struct mask_plan *vtable) {
    struct plan *plan = vtable->self;
    struct known *known = mask_worker_known(plan->worker);
    if (known == NULL) return -1;
    int found = plan->walk == PLAN_FIRST_WALK && vault_count(plan->vault) > 0 ? known_search(known, plan->vault) : 0;
    plan->walk = found > 0 ? PLAN_SECOND_WALK : PLAN_ONCE;
    if (found <= 0) known_begin(known); /* nothing of a request stays in memory */
    return found;
}

static bool plan_concerns(const struct mask_plan *vtable, struct str document) {
    const struct plan *plan = vtable->self;
    struct vault_match match;
    if (vault_count(plan->vault) > 0) return true;
    return vault_find(document, 0, vault_classes(plan->vault), true, &match) == VAULT_FOUND_ONE;
}

/* What is to go on is in out, behind `before`, or the value itself when nothing was changed. */
static enum mask_result apply_known(const struct plan *plan, enum mask_shape shape, struct str value, size_t before,
                                    enum mask_result result, struct buffer *out, struct class_counts *masked) {
    struct known *known = mask_worker_known(plan->worker);
    if (known == NULL || result == MASK_FAILED) return MASK_FAILED;
    struct str text = result == MASK_UNCHANGED ? value : str_slice(buffer_view(out), before, SIZE_MAX);
    if (plan->walk == PLAN_FIRST_WALK) {
        known_note(known, shape, text);
        return result;
    }
    struct buffer changed;
    bool is_changed;
    buffer_init(&changed, SIZE_MAX / 2);
    int status = known_apply(known, plan->vault, shape, text, &changed, &is_changed, masked, NULL);
    if (status == 0 && is_changed) {
        buffer_truncate(out, before);
        buffer_append_str(out, buffer_view(&changed));
        result = MASK_CHANGED;
    }
    if (changed.data != NULL) explicit_bzero(changed.data, changed.capacity);
    buffer_free(&changed);
    return status == 0 ? result : MASK_FAILED;
}

static bool plan_hides(const struct mask_plan *vtable, struct mask_field field) {
    const struct plan *plan = vtable->self;
    return !vtable->reveals_all && (field.hint & UINT32_MAX & ~plan->reveal) != 0;
}

/* What is computed from a value may hold it in any form, so nothing of it is looked at: all of it goes. */
static enum mask_result mask_computed(const struct plan *plan, class_set classes, enum mask_shape shape, struct str value,
                                      struct buffer *out, struct class_counts *masked) {
    enum data_class class = first_plausible(classes, value);
    if (class == CLASS_NONE) class = (enum data_class)__builtin_ctzll(classes);
    struct str inside = str_trim(value);
    bool is_mask = inside.length > 2 && inside.data[0] == '[' && inside.data[inside.length - 1] == ']' &&
                   str_equal_cstr(str_slice(inside, 1, inside.length - 1), class_label(class));
    if (plan->policy->operators[class] == MASK_KEEP || is_mask) return MASK_UNCHANGED;
    mask_count_one(masked, class);
    if (plan->policy->operators[class] == MASK_NULL) return MASK_DROPPED;
    const char *quote = shape == MASK_JSON ? "\"" : "";
    buffer_append_format(out, "%s[%s]%s", quote, class_label(class), quote);
    return MASK_CHANGED;
}

static enum mask_result plan_value(const struct mask_plan *vtable, struct mask_field field, enum mask_shape shape,
                                   struct str value, struct buffer *out, struct class_counts *masked,
                                   struct class_counts *revealed) {
    const struct plan *plan = vtable->self;
    if (value.length == 0) return MASK_UNCHANGED;
    if ((field.hint & MASK_FIELD_COMPUTED) != 0 && plan_hides(vtable, field)) {
        return mask_computed(plan, field.hint & UINT32_MAX & ~plan->reveal, shape, value, out, masked);
    }
    size_t before = buffer_length(out);
    struct mask_rewrite job = plan_rewrite(plan, NULL, masked, revealed);
    if (plan->is_request && plan->vault != NULL && shape == MASK_JSON) note_uri_names(plan->vault, value);
    struct detect_hint hint = hint_from_field(field, plan->reveal, value);
    if (shape == MASK_NUMBER && !detect_hint_tells_of_numbers(hint)) return MASK_UNCHANGED;
    enum masked_as result = MASKED_NOT;
    bool needs_vault = plan->is_request || mask_rewrite_restorable(&job) != 0;
    int status = needs_vault ? value_with_vault(plan, &job, shape, hint, value, out, &result)
                             : value_without_vault(plan, &job, shape, hint, value, out, &result);
    if (status != 0) return MASK_FAILED;
    static const enum mask_result results[] = {
        [MASKED_NOT] = MASK_UNCHANGED, [MASKED_CHANGED] = MASK_CHANGED, [MASKED_NULL] = MASK_DROPPED};
    if (plan->walk != PLAN_ONCE) return apply_known(plan, shape, value, before, results[result], out, masked);
    return results[result];
}

static int plan_seal(const struct mask_plan *vtable, struct str text, struct buffer *out) {
    const struct plan *plan = vtable->self;
    return plan->key != NULL ? mask_box_seal(plan->key, &plan->owner, text, out, NULL) : -1;
}

static int plan_unseal(const struct mask_plan *vtable, struct str sealed, struct buffer *out) {
    const struct plan *plan = vtable->self;
    return plan->key != NULL ? mask_box_open(plan->key, &plan->owner, sealed, out, NULL) : -1;
}

static struct plan *plan_new(struct arena *arena, struct mask_worker *worker, const struct mask_policy *operators,
                             class_set reveal) {
    struct plan *plan = ARENA_NEW(arena, struct plan);
    if (plan == NULL) return NULL;
    *plan = (struct plan){
        .vtable = {.reveals_all = (reveal & CLASS_SET_ALL) == CLASS_SET_ALL, .field = plan_field,
                   .hides = plan_hides, .value = plan_value,
                   .lane_new = mask_lane_new, .lane_feed = mask_lane_feed, .lane_free = mask_lane_free,
                   .seal = plan_seal, .unseal = plan_unseal, .self = plan},
        .worker = worker,
        .policy = mask_worker_policy(arena, operators, reveal),
        .reveal = reveal,
    };
    return plan->policy != NULL ? plan : NULL;
}

const struct mask_plan *mask_plan_new(struct arena *arena, struct mask_worker *worker,
                                      const struct mask_policy *operators, class_set reveal) {
    struct plan *plan = plan_new(arena, worker, operators, reveal);
    return plan != NULL ? &plan->vtable : NULL;
}

static const struct mask_plan *plan_with_vault(struct arena *arena, const struct mask_plans_options *options,
                                               bool is_request) {
    class_set reveal = is_request ? options->reveal_request : options->reveal_principal;
    struct plan *plan = plan_new(arena, options->worker, options->operators, reveal);
    if (plan == NULL) return NULL;
    plan->is_request = is_request;
    if (is_request) {
        plan->vtable.begin = plan_begin;
        plan->vtable.settle = plan_settle;
        plan->vtable.concerns = plan_concerns;
    }
    plan->restore = options->reveal_principal;
    plan->restore_url = options->reveal_principal & options->reveal_url;
    plan->vault = options->vault;
    plan->key = options->key;
    plan->owner = (struct mask_box_owner){STR("text"), options->principal, options->upstream};
    /* Where the upstream may not see all, or did not before, answers speak in placeholders. */
    bool has_placeholders = options->vault != NULL && (vault_classes(options->vault) != 0 ||
                                                       (options->reveal_request & CLASS_SET_ALL) != CLASS_SET_ALL);
    if (!is_request && has_placeholders) plan->vtable.reveals_all = false;
    return &plan->vtable;
}

const struct mask_plans *mask_plans_new(struct arena *arena, const struct mask_plans_options *options) {
    struct mask_plans *plans = ARENA_NEW(arena, struct mask_plans);
    if (plans == NULL) return NULL;
    plans->answer = plan_with_vault(arena, options, false);
    if (options->vault != NULL) plans->request = plan_with_vault(arena, options, true);
    bool is_made = plans->answer != NULL && (options->vault == NULL || plans->request != NULL);
    return is_made ? plans : NULL;
}

int mask_inspect(struct mask_worker *worker, struct mask_field field, enum mask_shape shape, struct str value,
                 struct class_counts *counts, struct error *error) {
    struct detect_hint hint = hint_from_field(field, 0, value);
    struct class_counts found = {{0}};
    if (shape == MASK_JSON && mask_worker_count_json(worker, hint, value, &found, NULL) == 0) {
        class_counts_add(counts, &found);
        return 0;
    }
    return mask_worker_count_text(worker, hint, value, counts, error);
}
