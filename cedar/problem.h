/* Filling a struct cedar_problem: code, span, line and column, and a text that says what to do. */
#ifndef SWORN_CEDAR_PROBLEM_H
#define SWORN_CEDAR_PROBLEM_H

#include "cedar/cedar.h"

/* All return -1. problem may be NULL. */
int cedar_problem_set(struct cedar_problem *problem, enum cedar_code code, const char *format, ...) PRINTF_LIKE(3, 4);
/* With the place: span within text. */
int cedar_problem_set_at(struct cedar_problem *problem, enum cedar_code code, struct str text, struct cedar_span span,
                         const char *format, ...) PRINTF_LIKE(5, 6);
int cedar_problem_set_memory(struct cedar_problem *problem);
/* Line from 1, column in code points from 1. */
void cedar_position_find(struct str text, uint32_t offset, uint32_t *line, uint32_t *column);

#endif
