/* Facts are words of an upstream, names those of a client: nothing of them is written that may be somebody's data. */
#include "guard/mask_plan.h"
#include "guard/record.h"

#define NAME_BYTES_MIN 6 /* nothing shorter is recognised */
#define NAME_BYTES_MAX 128
#define NAME_JOINTS_MAX 32
#define NAME_DIGITS_MIN 4
#define NAME_LONG_BYTES 32

static bool is_telling(struct mask_worker *masks, struct str name, struct str text) {
    struct class_counts found = {{0}};
    struct mask_field field = mask_field_of_name(masks, name);
    return mask_inspect(masks, field, MASK_TEXT, text, &found, NULL) != 0 || class_counts_set(&found) != 0;
}

/* Most names are words, and no word is recognised: what is has digits, an '@', or is long. */
static bool may_be_telling(struct str name) {
    size_t digits = 0;
    if (name.length < NAME_BYTES_MIN) return false;
    for (size_t i = 0; i < name.length; i++) {
        uint8_t c = (uint8_t)name.data[i];
        if (c == '@' || c == '%' || c >= 0x80) return true;
        digits += c >= '0' && c <= '9';
    }
    return digits >= NAME_DIGITS_MIN || name.length >= NAME_LONG_BYTES;
}

/* The name, and what is before and behind each joint: neither a schema's dot nor a path's slash hides a value. */
static bool is_telling_name(struct mask_worker *masks, struct str name) {
    size_t joints = 0;
    if (!may_be_telling(name)) return false;
    if (is_telling(masks, STR_NONE, name)) return true;
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] != '.' && name.data[i] != '/') continue;
        struct str before = str_slice(name, 0, i);
        struct str behind = str_slice(name, i + 1, name.length);
        if (++joints > NAME_JOINTS_MAX) return true;
        if (before.length >= NAME_BYTES_MIN && is_telling(masks, STR_NONE, before)) return true;
        if (behind.length >= NAME_BYTES_MIN && is_telling(masks, STR_NONE, behind)) return true;
    }
    return false;
}

bool record_is_telling(struct mask_worker *masks, struct str text) {
    return text.length > NAME_BYTES_MAX || is_telling_name(masks, text);
}

static bool is_listed(const struct action *action, struct str name) {
    for (size_t i = 0; i < action->untold_count; i++) {
        if (str_equal(action->untold[i], name)) return true;
    }
    return false;
}

/* Room for one more, doubled at each power of two. */
static int check_name(struct mask_worker *masks, struct action *action, struct str name) {
    size_t count = action->untold_count;
    if (is_listed(action, name) || !is_telling_name(masks, name)) return 0;
    if ((count & (count - 1)) == 0) {
        struct str *larger = ARENA_NEW_ARRAY(&action->arena, struct str, count == 0 ? 1 : 2 * count);
        if (larger == NULL) return -1;
        if (count > 0) memcpy(larger, action->untold, count * sizeof(*larger));
        action->untold = larger;
    }
    action->untold[action->untold_count++] = name;
    return 0;
}

static int check_attribute(struct mask_worker *masks, struct action *action, const struct attribute *attribute) {
    enum attribute_kind kind = attribute_descriptions[attribute->id].kind;
    int result = kind == ATTRIBUTE_KIND_STRING ? check_name(masks, action, attribute->string) : 0;
    for (size_t i = 0; result == 0 && kind == ATTRIBUTE_KIND_SET && i < attribute->set.count; i++) {
        result = check_name(masks, action, attribute->set.items[i]);
    }
    return result;
}

int record_check_names(struct mask_worker *masks, struct action *action) {
    int result = 0;
    for (size_t i = 0; result == 0 && i < action->step_count; i++) {
        const struct action_step *step = &action->steps[i];
        for (const struct resource *at = step->resource; result == 0 && at != NULL; at = at->parent) {
            bool is_configured = str_equal(at->type, STR("Environment")) || str_equal(at->type, STR("Database"));
            if (!is_configured) result = check_name(masks, action, at->id);
        }
        for (size_t j = 0; result == 0 && j < step->attribute_count; j++) {
            result = check_attribute(masks, action, &step->attributes[j]);
        }
    }
    return result;
}

void record_check_facts(struct mask_worker *masks, struct fact facts[FACT_COUNT]) {
    for (size_t i = 0; i < FACT_COUNT; i++) {
        const struct fact_description *description = &fact_descriptions[i];
        struct fact *fact = &facts[i];
        if (!fact->is_set) continue;
        struct str name = str_from_cstr(description->name);
        bool drops = description->kind == FACT_KIND_TEXT && is_telling(masks, name, fact_text_view(&fact->text));
        for (size_t j = 0; description->kind == FACT_KIND_NAMES && !drops && j < fact->names.count; j++) {
            drops = is_telling(masks, STR_NONE, fact_text_view(&fact->names.items[j]));
        }
        if (drops) fact_forget(facts, (enum fact_id)i);
    }
}
