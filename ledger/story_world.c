/* Bundles and entities as they are recorded. Both come in numbered entries, and end with the last one of their number. */
#include "ledger/story_world.h"

#include <stdlib.h>

#include "base/map.h"

#define HASH_HEX_BYTES (2 * SHA256_BYTES)
#define BUNDLE_PARTS_MAX_BYTES ((size_t)16 << 20)

struct story_people {
    char hash[HASH_HEX_BYTES]; /* the map's key */
    uint64_t superseded_at;    /* entry; UINT64_MAX: in force */
    struct arena arena;
    struct map by_name;
    struct story_people *next;
};

struct story_world {
    struct map people; /* by hash */
    struct story_people *newest; /* in force; behind it the others of this run */
    struct map bundles; /* hash -> its own copy of it */
    size_t used_bytes;
    /* What is being recorded just now. */
    uint64_t next_rows;    /* number of the next entry of entities; 1: none is under way */
    struct buffer rows;
    uint64_t next_file;    /* of the bundle, likewise */
    struct buffer parts;   /* name NUL hash, of each file so far */
    struct buffer last_name;
};

int story_world_new(struct story_world **out) {
    struct story_world *world = *out = calloc(1, sizeof(*world));
    if (world == NULL) return -1;
    world->next_rows = world->next_file = 1;
    map_init(&world->people);
    map_init(&world->bundles);
    buffer_init(&world->rows, STORY_WORLD_BYTES_MAX);
    buffer_init(&world->parts, BUNDLE_PARTS_MAX_BYTES);
    buffer_init(&world->last_name, ENTRY_MAX_BYTES);
    return 0;
}

static void free_people(struct story_people *people) {
    map_free(&people->by_name);
    arena_free(&people->arena);
    free(people);
}

void story_world_begin_run(struct story_world *world) {
    size_t cursor = 0;
    struct str key;
    void *value;
    for (struct story_people *people = world->newest; people != NULL;) {
        struct story_people *next = people->next;
        free_people(people);
        people = next;
    }
    world->newest = NULL;
    map_clear(&world->people);
    while (map_next(&world->bundles, &cursor, &key, &value)) free(value);
    map_clear(&world->bundles);
    world->used_bytes = 0;
    world->next_rows = world->next_file = 1;
    buffer_clear(&world->rows);
    buffer_clear(&world->parts);
}

void story_world_free(struct story_world **world) {
    if (*world == NULL) return;
    story_world_begin_run(*world);
    map_free(&(*world)->people);
    map_free(&(*world)->bundles);
    buffer_free(&(*world)->rows);
    buffer_free(&(*world)->parts);
    buffer_free(&(*world)->last_name);
    free(*world);
    *world = NULL;
}

static bool is_hash_of(struct str hex, struct str data) {
    struct sha256 hash = sha256_of(data);
    struct buffer text;
    buffer_init(&text, HASH_HEX_BYTES);
    hex_append(&text, str_make(hash.bytes, SHA256_BYTES));
    bool is_same = str_equal(buffer_view(&text), hex);
    buffer_free(&text);
    return is_same;
}

/* ---- Entities -------------------------------------------------------------------------------------------------- */

static int keep_principal(struct story_people *people, struct str row, struct arena *scratch) {
    struct story_principal read = {.on_behalf_of = STR_NONE};
    struct json_reader reader;
    struct str key;
    json_reader_init(&reader, row, scratch);
    json_read_object(&reader);
    while (json_read_member(&reader, &key)) {
        if (str_equal(key, STR("principal"))) read.name = json_read_string(&reader);
        else if (str_equal(key, STR("type"))) read.type = json_read_string(&reader);
        else if (str_equal(key, STR("on_behalf_of"))) read.on_behalf_of = json_read_string(&reader);
        else if (str_equal(key, STR("groups"))) read.groups = json_read_strings(&reader, &read.group_count);
        else json_skip(&reader);
    }
    if (!json_reader_is_good(&reader)) return -1;
    if (read.name.data == NULL) return 0;
    struct arena *arena = &people->arena;
    struct story_principal *kept = ARENA_NEW(arena, struct story_principal);
    struct str *groups = ARENA_NEW_ARRAY(arena, struct str, read.group_count + 1);
    if (kept == NULL || groups == NULL) return -1;
    for (size_t i = 0; i < read.group_count; i++) groups[i] = arena_copy(arena, read.groups[i]);
    *kept = (struct story_principal){arena_copy(arena, read.name), arena_copy(arena, read.type), STR_NONE, groups,
                                     read.group_count};
    if (read.on_behalf_of.data != NULL) kept->on_behalf_of = arena_copy(arena, read.on_behalf_of);
    return kept->name.data != NULL ? map_set(&people->by_name, kept->name, kept) : -1;
}

static struct story_people *make_people(struct story_world *world, struct str hash) {
    struct story_people *people = calloc(1, sizeof(*people));
    struct arena scratch;
    if (people == NULL) return NULL;
    memcpy(people->hash, hash.data, HASH_HEX_BYTES);
    arena_init(&people->arena, STORY_WORLD_BYTES_MAX);
    arena_init(&scratch, ENTRY_MAX_BYTES * 4);
    map_init(&people->by_name);
    struct str rest = buffer_view(&world->rows);
    struct str row;
    int result = 0;
    while (result == 0 && rest.length > 0 && str_split(&rest, '\n', &row)) {
        arena_reset(&scratch);
        result = keep_principal(people, row, &scratch);
    }
    arena_free(&scratch);
    world->used_bytes += people->arena.used_bytes;
    if (result == 0 && map_set(&world->people, str_make(people->hash, HASH_HEX_BYTES), people) == 0) return people;
    free_people(people);
    return NULL;
}

/* The set is in force from entry `index` on, and the one before it no more. */
static void put_in_force(struct story_world *world, struct story_people *people, uint64_t index) {
    if (world->newest == people) return;
    if (world->newest != NULL) world->newest->superseded_at = index;
    for (struct story_people **link = &world->newest; *link != NULL; link = &(*link)->next) {
        if (*link != people) continue;
        *link = people->next;
        break;
    }
    people->superseded_at = UINT64_MAX;
    people->next = world->newest;
    world->newest = people;
}

static int end_entities(struct story_world *world, struct str hash, uint64_t index, struct error *error) {
    struct story_people *people = map_get(&world->people, hash);
    if (!is_hash_of(hash, buffer_view(&world->rows))) {
        return error_set(error, ERROR_INVALID, "the rows do not give the hash of entities that they are recorded under");
    }
    if (people == NULL) people = make_people(world, hash);
    if (people == NULL) return error_set(error, ERROR_INVALID, "a row of entities cannot be read");
    put_in_force(world, people, index);
    return 0;
}

static int note_entities(struct story_world *world, const struct event_form *form, uint64_t index, struct error *error) {
    const struct event_value *values = form->values;
    const struct event_value *rows = &values[EVENT_MEMBER_entities_activated_rows];
    bool goes_on = values[EVENT_MEMBER_entities_activated_to_be_continued].is_set;
    uint64_t number = values[EVENT_MEMBER_entities_activated_number].natural;
    if (number == 1) {
        buffer_clear(&world->rows);
    } else if (number != world->next_rows) {
        return error_set(error, ERROR_INVALID, "entities entry number %llu where %llu was expected",
                         (unsigned long long)number, (unsigned long long)world->next_rows);
    }
    for (size_t i = 0; i < rows->name_count; i++) {
        buffer_append_str(&world->rows, rows->names[i]);
        buffer_append_byte(&world->rows, '\n');
    }
    if (buffer_failed(&world->rows) || world->used_bytes + buffer_length(&world->rows) > STORY_WORLD_BYTES_MAX) {
        return error_set(error, ERROR_LIMIT, "more principals and resources than can be checked");
    }
    world->next_rows = goes_on ? number + 1 : 1;
    return goes_on ? 0 : end_entities(world, values[EVENT_MEMBER_entities_activated_entities].text, index, error);
}

/* ---- Bundles --------------------------------------------------------------------------------------------------- */

static int end_bundle(struct story_world *world, struct str hash, struct error *error) {
    if (!is_hash_of(hash, buffer_view(&world->parts))) {
        return error_set(error, ERROR_INVALID, "the files do not give the hash of the bundle that they are recorded under");
    }
    if (map_get(&world->bundles, hash) != NULL) return 0;
    char *copy = malloc(HASH_HEX_BYTES);
    if (copy == NULL) return error_out_of_memory(error);
    memcpy(copy, hash.data, HASH_HEX_BYTES);
    if (map_set(&world->bundles, str_make(copy, HASH_HEX_BYTES), copy) == 0) return 0;
    free(copy);
    return error_out_of_memory(error);
}

static int note_bundle(struct story_world *world, const struct event_form *form, struct error *error) {
    const struct event_value *values = form->values;
    const struct event_value *text = &values[EVENT_MEMBER_bundle_activated_text];
    struct str name = values[EVENT_MEMBER_bundle_activated_file].text;
    struct str sha256 = values[EVENT_MEMBER_bundle_activated_sha256].text;
    uint64_t number = values[EVENT_MEMBER_bundle_activated_number].natural;
    if (number == 1) {
        buffer_clear(&world->parts);
    } else if (number != world->next_file) {
        return error_set(error, ERROR_INVALID, "bundle entry number %llu where %llu was expected",
                         (unsigned long long)number, (unsigned long long)world->next_file);
    } else if (str_compare(buffer_view(&world->last_name), name) >= 0) {
        return error_set(error, ERROR_INVALID, "file %.*s of the bundle is out of its order", STR_ARGS(name));
    }
    bool is_plain = text->raw.data[0] == '"';
    if (is_plain && !is_hash_of(sha256, text->text)) {
        return error_set(error, ERROR_INVALID, "the text of %.*s does not have the hash that it is recorded with",
                         STR_ARGS(name));
    }
    buffer_clear(&world->last_name);
    buffer_append_str(&world->last_name, name);
    buffer_append_str(&world->parts, name);
    buffer_append_byte(&world->parts, '\0');
    if (hex_decode(sha256, &world->parts) != 0 || buffer_failed(&world->parts) || buffer_failed(&world->last_name)) {
        return error_set(error, ERROR_LIMIT, "more policies than can be checked");
    }
    bool goes_on = number < values[EVENT_MEMBER_bundle_activated_files].natural;
    world->next_file = goes_on ? number + 1 : 1;
    return goes_on ? 0 : end_bundle(world, values[EVENT_MEMBER_bundle_activated_bundle].text, error);
}

int story_world_note(struct story_world *world, const struct event_form *form, uint64_t index, struct error *error) {
    return form->type == EVENT_TYPE_bundle_activated ? note_bundle(world, form, error)
                                                     : note_entities(world, form, index, error);
}

/* ---- Questions ------------------------------------------------------------------------------------------------- */

/* A bundle of no files has no entries. */
bool story_world_has_bundle(const struct story_world *world, struct str hash) {
    return map_get(&world->bundles, hash) != NULL || is_hash_of(hash, STR(""));
}

const struct story_people *story_world_people(const struct story_world *world, struct str hash) {
    return map_get(&world->people, hash);
}

const struct story_principal *story_people_find(const struct story_people *people, struct str name) {
    return map_get(&people->by_name, name);
}

bool story_principal_is_in(const struct story_principal *principal, struct str group) {
    for (size_t i = 0; i < principal->group_count; i++) {
        if (str_equal(principal->groups[i], group)) return true;
    }
    return false;
}

bool story_world_any(const struct story_world *world, const struct story_people *first, uint64_t since,
                     story_people_question *question, void *context) {
    if (first != NULL && question(context, first)) return true;
    for (const struct story_people *people = world->newest; people != NULL; people = people->next) {
        if (people != first && people->superseded_at >= since && question(context, people)) return true;
    }
    return false;
}
