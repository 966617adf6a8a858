/* Reading JSON of a known shape, token by token, without a tree: members are handled in the order they come in.
 *
 *     json_reader_init(&reader, text, &arena);
 *     json_read_object(&reader);
 *     while (json_read_member(&reader, &key)) {
 *         if (str_equal(key, STR("name"))) name = json_read_string(&reader);
 *         else json_skip(&reader);
 *     }
 *     if (!json_reader_is_good(&reader)) ...
 *
 * A value of another type than asked for, an array longer than JSON_ITEMS_MAX or a full arena makes the reader bad, and
 * bad it stays: every later call returns an empty value and ends the loops, so that one check at the end is enough.
 * Keys are compared as they stand: with escapes they match nothing. Strings without escapes are borrowed from the text,
 * others and all arrays are in the arena. */
#ifndef SWORN_BASE_JSON_READ_H
#define SWORN_BASE_JSON_READ_H

#include "base/arena.h"
#include "base/json.h"

#define JSON_ITEMS_MAX 65536u

struct json_reader {
    struct json_scanner scanner;
    struct arena *arena;
    bool is_bad;
};

void json_reader_init(struct json_reader *reader, struct str text, struct arena *arena);
bool json_reader_is_good(const struct json_reader *reader);

void json_read_object(struct json_reader *reader);
bool json_read_member(struct json_reader *reader, struct str *key); /* false: the object has ended */
struct str json_read_string(struct json_reader *reader);
int64_t json_read_integer(struct json_reader *reader);
bool json_read_bool(struct json_reader *reader);
const struct str *json_read_strings(struct json_reader *reader, size_t *count); /* an array of strings */
/* The bytes of the next value, whatever it is; read them with a reader of their own. */
struct str json_read_raw(struct json_reader *reader);
void json_skip(struct json_reader *reader);
/* The values of an array, each as bytes. */
const struct str *json_read_array(struct json_reader *reader, size_t *count);

#endif
