/* Sets and counts of data classes. Which classes there are stands in detect/classes.def; here they are only numbers
 * below CLASS_MAX, so that every floor can carry them without knowing the detector. */
#ifndef SWORN_DETECT_CLASS_H
#define SWORN_DETECT_CLASS_H

#include <stdint.h>

#define CLASS_MAX 64

typedef uint64_t class_set; /* bit n: class n */

#define CLASS_SET_ALL UINT64_MAX

struct class_counts {
    uint32_t count[CLASS_MAX];
};

#endif
