/* One map for both kinds: the key begins with a byte for the kind. The unnamed statement and portal are kept for good,
 * because they come back with every query. */
#include "wire/postgres/names.h"

#include <stdlib.h>

void names_init(struct names *names) {
    map_init(&names->map);
}

static void forget_pending(struct name *name) {
    if (name->analysis != NULL) sql_analysis_release(&name->analysis);
    name->statement = NULL;
    name_parameters_release(&name->parameters);
}

static void free_name(struct name *name) {
    forget_pending(name);
    name_parameters_release(&name->confirmed_parameters);
    free(name);
}

void names_free(struct names *names) {
    size_t cursor = 0;
    void *value;
    while (map_next(&names->map, &cursor, NULL, &value)) free_name(value);
    map_free(&names->map);
}

struct key {
    size_t length;
    char bytes[NAME_BYTES_MAX + 1];
};

static void make_key(struct key *key, enum name_kind kind, struct str name) {
    struct str clipped = name_clip(name);
    key->bytes[0] = kind == NAME_STATEMENT ? 'S' : 'P';
    if (clipped.length > 0) memcpy(key->bytes + 1, clipped.data, clipped.length);
    key->length = clipped.length + 1;
}

struct name *names_find(const struct names *names, enum name_kind kind, struct str name) {
    struct key key;
    make_key(&key, kind, name);
    return map_get(&names->map, str_make(key.bytes, key.length));
}

static struct name *add_name(struct names *names, enum name_kind kind, struct str text) {
    struct key key;
    if (names->map.count >= NAMES_MAX) return NULL;
    make_key(&key, kind, text);
    struct name *name = calloc(1, sizeof(*name) + key.length);
    if (name == NULL) return NULL;
    memcpy(name->bytes, key.bytes, key.length);
    name->key = str_make(name->bytes, key.length);
    if (map_set(&names->map, name->key, name) == 0) return name;
    free(name);
    return NULL;
}

struct name *names_send(struct names *names, enum name_kind kind, struct str text, uint64_t batch,
                        const struct sql_analysis *analysis, const struct sql_statement *statement,
                        struct name_parameters *parameters) {
    struct name *name = names_find(names, kind, text);
    if (name == NULL) name = add_name(names, kind, text);
    if (name == NULL) return NULL;
    forget_pending(name);
    name->analysis = analysis != NULL ? sql_analysis_hold(analysis) : NULL;
    name->statement = statement;
    name->parameters = name_parameters_hold(parameters);
    name->batch = batch;
    name->in_flight++;
    return name;
}

static void settle(struct names *names, struct name *name) {
    CHECK(name->in_flight > 0);
    if (--name->in_flight > 0) return;
    forget_pending(name);
    if (name->confirmed_parameters != NULL || name->key.length == 1) return;
    (void)map_remove(&names->map, name->key);
    free_name(name);
}

void names_confirm(struct names *names, struct name *name, const struct sql_statement *statement,
                   struct name_parameters *parameters) {
    name_parameters_release(&name->confirmed_parameters);
    name->confirmed_statement = statement;
    name->confirmed_parameters = name_parameters_hold(parameters);
    settle(names, name);
}

void names_give_up(struct names *names, struct name *name) {
    settle(names, name);
}

void names_forget_portals(struct names *names) {
    size_t cursor = 0;
    void *value;
    while (map_next(&names->map, &cursor, NULL, &value)) {
        struct name *name = value;
        if (name->confirmed_parameters == NULL || name_kind_of(name) != NAME_PORTAL) continue;
        name_parameters_release(&name->confirmed_parameters);
        if (name->in_flight > 0 || name->key.length == 1) continue;
        (void)map_remove(&names->map, name->key);
        free_name(name);
        cursor = 0; /* removal moved slots */
    }
}

enum name_kind name_kind_of(const struct name *name) {
    return name->bytes[0] == 'S' ? NAME_STATEMENT : NAME_PORTAL;
}

struct str name_text(const struct name *name) {
    return str_slice(name->key, 1, name->key.length);
}

struct name_parameters *name_parameters_new(void) {
    struct name_parameters *parameters = calloc(1, sizeof(*parameters));
    if (parameters != NULL) parameters->reference_count = 1;
    return parameters;
}

struct name_parameters *name_parameters_hold(struct name_parameters *parameters) {
    if (parameters != NULL) parameters->reference_count++;
    return parameters;
}

static struct str take_copy(char **at, struct str part) {
    char *start = *at;
    if (part.length > 0) memcpy(start, part.data, part.length);
    *at += part.length;
    return str_make(start, part.length);
}

void name_parameters_keep(struct name_parameters *parameters, size_t *kept_bytes) {
    size_t length = parameters->types.length + parameters->formats.length + parameters->values.length;
    bool fits = length <= NAME_PARAMETERS_BYTES_MAX - *kept_bytes;
    char *at = parameters->bytes = fits && length > 0 ? malloc(length) : NULL;
    parameters->is_cut = length > 0 && at == NULL;
    if (at == NULL) {
        parameters->types = parameters->formats = parameters->values = STR_NONE;
        parameters->type_count = parameters->format_count = parameters->value_count = 0;
        return;
    }
    parameters->types = take_copy(&at, parameters->types);
    parameters->formats = take_copy(&at, parameters->formats);
    parameters->values = take_copy(&at, parameters->values);
    parameters->length_bytes = length;
    parameters->kept_bytes = kept_bytes;
    *kept_bytes += length;
}

void name_parameters_release(struct name_parameters **parameters) {
    if (*parameters != NULL && --(*parameters)->reference_count == 0) {
        if ((*parameters)->kept_bytes != NULL) *(*parameters)->kept_bytes -= (*parameters)->length_bytes;
        free((*parameters)->bytes);
        free(*parameters);
    }
    *parameters = NULL;
}
