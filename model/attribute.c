/* The table of attributes. */
#include "model/attribute.h"

const struct attribute_description attribute_descriptions[ATTRIBUTE_COUNT] = {
#define ATTRIBUTE(identifier, name, kind, always, known, description) \
    [ATTRIBUTE_##identifier] = {name, ATTRIBUTE_KIND_##kind, always, known, description},
#include "model/attributes.def"
#undef ATTRIBUTE
};

bool attribute_is_sealed(const struct attribute *attribute) {
    enum attribute_kind kind = attribute_descriptions[attribute->id].kind;
    bool has_tags = kind == ATTRIBUTE_KIND_TAGS || kind == ATTRIBUTE_KIND_NUMBER_TAGS;
    return has_tags && attribute->tags.items == NULL && attribute->tags.count > 0;
}

static bool tags_equal(const struct attribute *a, const struct attribute *b) {
    if (a->tags.count != b->tags.count || attribute_is_sealed(a) || attribute_is_sealed(b)) return false;
    for (size_t i = 0; i < a->tags.count; i++) {
        if (!str_equal(a->tags.items[i].name, b->tags.items[i].name) ||
            !str_equal(a->tags.items[i].text, b->tags.items[i].text)) {
            return false;
        }
    }
    return true;
}

static bool values_equal(const struct attribute *a, const struct attribute *b) {
    switch (attribute_descriptions[a->id].kind) {
    case ATTRIBUTE_KIND_BOOL: return a->boolean == b->boolean;
    case ATTRIBUTE_KIND_LONG:
    case ATTRIBUTE_KIND_DATETIME: return a->integer == b->integer;
    case ATTRIBUTE_KIND_STRING:
    case ATTRIBUTE_KIND_IP: return str_equal(a->string, b->string);
    case ATTRIBUTE_KIND_TAGS:
    case ATTRIBUTE_KIND_NUMBER_TAGS: return tags_equal(a, b);
    case ATTRIBUTE_KIND_SET: break;
    }
    if (a->set.count != b->set.count) return false;
    for (size_t i = 0; i < a->set.count; i++) {
        if (!str_equal(a->set.items[i], b->set.items[i])) return false;
    }
    return true;
}

bool attributes_equal(const struct attribute *a, size_t a_count, const struct attribute *b, size_t b_count) {
    if (a == b && a_count == b_count) return true;
    if (a_count != b_count) return false;
    for (size_t i = 0; i < a_count; i++) {
        if (a[i].id != b[i].id || !values_equal(&a[i], &b[i])) return false;
    }
    return true;
}
