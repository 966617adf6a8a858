/* Reading Cedar values from JSON: {"__entity": {type, id}}, {"__extn": {fn, arg | args}}, arrays as sets, objects as
 * records. All strings are slices of the text or copies in the arena; the text lies in the arena. */
#ifndef SWORN_CEDAR_VALUE_JSON_H
#define SWORN_CEDAR_VALUE_JSON_H

#include <assert.h>

#include "base/json.h"
#include "base/map.h"
#include "cedar/value.h"

static_assert(CEDAR_VALUE_DEPTH_MAX >= JSON_DEPTH_MAX, "the scanner's depth bounds the depth of values");

struct cedar_type; /* schema.h */

struct cedar_reader {
    struct arena *arena;
    struct str text;
    struct json_scanner scanner;
    enum json_token event; /* the next one, not yet taken */
    struct str raw;
    struct cedar_problem *problem;
};

/* Copies the text into the arena and looks at the first event. */
int cedar_reader_init(struct cedar_reader *reader, struct arena *arena, struct str text,
                      struct cedar_problem *problem) MUST_USE;
void cedar_reader_advance(struct cedar_reader *reader);
/* Refuses what comes next: "what" says what was wanted. -1. */
int cedar_reader_refuse(struct cedar_reader *reader, enum cedar_code code, const char *what);
int cedar_reader_expect(struct cedar_reader *reader, enum json_token event, const char *what) MUST_USE;
int cedar_read_string(struct cedar_reader *reader, struct str *string) MUST_USE;
int cedar_read_key(struct cedar_reader *reader, struct str *key) MUST_USE;
int cedar_read_value(struct cedar_reader *reader, struct cedar_value *value) MUST_USE;
/* Guided by a type of a schema: {type, id} where it wants an entity; a string, or {fn, arg}, where it wants an
 * extension value. What does not fit is read as it stands: cedar_schema_check_entity() and its like tell. NULL: no
 * guide. */
int cedar_read_value_as(struct cedar_reader *reader, const struct cedar_type *type, struct cedar_value *value) MUST_USE;
/* What fields are of: those of a record type, or all of one type; both NULL: no guide. */
struct cedar_guide {
    const struct cedar_type *record;
    const struct cedar_type *each;
};
/* An object of attributes or tags: names have no special meaning here. */
int cedar_read_record(struct cedar_reader *reader, struct cedar_guide guide, const struct cedar_record **record)
    MUST_USE;
/* {type, id} or {__entity: {type, id}}. */
int cedar_read_uid(struct cedar_reader *reader, const struct cedar_uid **uid) MUST_USE;
int cedar_skip_value(struct cedar_reader *reader) MUST_USE;
/* The value of a member that has no meaning here; no key may be in `seen`, where it is put, and none may stand twice
 * within the value. */
int cedar_skip_member(struct cedar_reader *reader, struct map *seen, struct str key) MUST_USE;

#endif
