/* Facts are words of an upstream: nothing of them is written that may be somebody's data. */
#include "guard/mask_plan.h"
#include "guard/record.h"

static bool is_telling(struct mask_worker *masks, struct str name, struct str text) {
    struct class_counts found = {{0}};
    struct mask_field field = mask_field_of_name(masks, name);
    return mask_inspect(masks, field, MASK_TEXT, text, &found, NULL) != 0 || class_counts_set(&found) != 0;
}

void record_check_facts(struct mask_worker *masks, struct fact facts[FACT_COUNT]) {
    for (size_t i = 0; i < FACT_COUNT; i++) {
        const struct fact_description *description = &fact_descriptions[i];
        struct fact *fact = &facts[i];
        if (!fact->is_set) continue;
        struct str name = str_from_cstr(description->name);
        bool drops = description->kind == FACT_KIND_TEXT && is_telling(masks, name, fact->text);
        for (size_t j = 0; description->kind == FACT_KIND_NAMES && !drops && j < fact->names.count; j++) {
            drops = is_telling(masks, STR_NONE, fact->names.items[j]);
        }
        fact->is_set = !drops;
    }
}
