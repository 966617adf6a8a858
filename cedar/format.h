/* The formatter: policies in the one layout that everybody knows from Cedar's own tools (indent 2, width 80).
 *
 * The result parses to equal trees, and formatting it again changes nothing. Comments stay with the token they stand
 * beside, as in Cedar's own formatter; like there, those beside a trailing comma go with the comma. Nothing parks;
 * needs a big stack. */
#ifndef SWORN_CEDAR_FORMAT_H
#define SWORN_CEDAR_FORMAT_H

#include "cedar/cedar.h"

#define CEDAR_FORMAT_WIDTH 80u
#define CEDAR_FORMAT_INDENT 2u

/* Appends the text, formatted; it is parsed first, and refused with a problem when it is not Cedar. */
int cedar_format(struct str text, struct buffer *out, struct cedar_problem *problem) MUST_USE;

#endif
