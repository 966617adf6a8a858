/* The functions of operators.def; mask.c calls them by table. */
#ifndef SWORN_DETECT_MASK_OPERATORS_H
#define SWORN_DETECT_MASK_OPERATORS_H

#include "detect/mask.h"

typedef void mask_function(const struct mask_policy *policy, enum data_class class, struct str value,
                           struct buffer *out);

#define OPERATOR(identifier, name, function, text) mask_function function;
#include "detect/operators.def"
#undef OPERATOR

#endif
