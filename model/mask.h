/* How a protocol has values masked without knowing of policy or detection: it hands over a value and what it knows of
 * its place, and gets back what may go on.
 *
 * guard/ makes the plan when an action starts; it is immutable and lives as long as the action. Calls do not park. */
#ifndef SWORN_MODEL_MASK_H
#define SWORN_MODEL_MASK_H

#include "base/buffer.h"
#include "detect/classes.h"

enum mask_shape {
    MASK_TEXT,
    MASK_JSON, /* strings inside are masked, everything else keeps its bytes */
};

enum mask_result {
    MASK_UNCHANGED, /* nothing was appended to out: the value goes on as it is */
    MASK_CHANGED,   /* the value to send was appended to out */
    MASK_NULL,      /* the value is to be sent as NULL, or left empty where there is no NULL */
    MASK_FAILED,    /* doubt: refuse */
};

/* What is known of a field before its values: look it up once a column, not once a value. */
struct mask_field {
    uint64_t hint; /* opaque: which classes the name speaks for */
};

struct mask_plan {
    bool reveals_all; /* no value needs to be looked at */
    struct mask_field (*field)(const struct mask_plan *plan, struct str name);
    /* masked and revealed are counted up by class. */
    enum mask_result (*value)(const struct mask_plan *plan, struct mask_field field, enum mask_shape shape,
                              struct str value, struct buffer *out, struct class_counts *masked,
                              struct class_counts *revealed);
    void *self;
};

#endif
