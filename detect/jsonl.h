/* The verb `sworn detect --jsonl`: {"id","text"} a line in, {"id","spans":[[start,end,"class",score],...]} a line out;
 * offsets in Unicode code points; the id (a string or a number) is copied as it stands. */
#ifndef SWORN_DETECT_JSONL_H
#define SWORN_DETECT_JSONL_H

#include <stdio.h>

#include "detect/detect.h"

#define DETECT_JSONL_LINE_MAX (16u << 20)

/* -1 with the line's number in the error at the first line that is not of that form; those before it are written. */
int detect_jsonl(const struct detector *detector, FILE *in, FILE *out, struct error *error) MUST_USE;

#endif
