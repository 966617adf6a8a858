/* What the name of a field says of its value; see names.def. */
#ifndef SWORN_DETECT_NAMES_H
#define SWORN_DETECT_NAMES_H

#include "detect/classes.h"
#include "detect/word_table.h"

void names_table_init(struct word_table *table);
/* CLASS_NONE when the name marks none. */
enum data_class names_class(const struct word_table *table, struct str name);
/* Does the name mark a class? By a table of its own, for those who have no detector at hand. */
bool names_marks(struct str name);
/* One of the words for the name of something in a pair {"name": .., "value": ..}; and for its value. */
bool names_is_pair_name(struct str name);
bool names_is_pair_value(struct str name);
/* Can the value be of the class its name says? An empty field, a number where a name is expected, or a mask cannot. */
bool names_value_is_plausible(enum data_class class, struct str value);

#endif
