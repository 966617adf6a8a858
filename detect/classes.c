/* The rows of classes.def as tables. */
#include "detect/classes.h"

static const struct {
    const char *name, *label, *description;
} classes[CLASS_MAX] = {
#define CLASS(identifier, name, label, operator, text) {name, label, text},
#include "detect/classes.def"
#undef CLASS
};

const char *class_name(enum data_class class) {
    CHECK(class < CLASS_MAX);
    return classes[class].name;
}

const char *class_label(enum data_class class) {
    CHECK(class < CLASS_MAX);
    return classes[class].label;
}

const char *class_description(enum data_class class) {
    CHECK(class < CLASS_MAX);
    return classes[class].description;
}

enum data_class class_from_name(struct str name) {
    for (int i = 0; i < CLASS_MAX; i++) {
        if (str_equal_cstr(name, classes[i].name)) return (enum data_class)i;
    }
    return CLASS_NONE;
}
