/* The snapshot of principals. One arena holds it all; a map finds a principal by name. */
#include "guard/identity.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/map.h"

#define IDENTITY_MAGIC 0x1de47175u
#define IDENTITY_ARENA_BYTES (256u << 20)
#define IDENTITY_NAME_BYTES_MAX 255

struct identity {
    uint32_t magic;
    atomic_uint holders;
    struct arena arena;
    struct map by_name;
    struct principal *principals;
    size_t count;
};

static int identity_copy_groups(struct identity *identity, const struct identity_row *row, struct principal *principal,
                                struct error *error) {
    struct str *groups = ARENA_NEW_ARRAY(&identity->arena, struct str, row->group_count);
    if (groups == NULL && row->group_count != 0) return error_out_of_memory(error);
    for (size_t i = 0; i < row->group_count; i++) {
        groups[i] = arena_copy(&identity->arena, row->groups[i]);
        if (groups[i].data == NULL) return error_out_of_memory(error);
        if (groups[i].length == 0) {
            return error_set(error, ERROR_INVALID, "principal %.*s: a group's name is empty", STR_ARGS(row->name));
        }
    }
    principal->groups = groups;
    principal->group_count = row->group_count;
    return 0;
}

static int identity_add(struct identity *identity, const struct identity_row *row, struct error *error) {
    if (row->name.length == 0 || row->name.length > IDENTITY_NAME_BYTES_MAX || !utf8_is_valid(row->name)) {
        return error_set(error, ERROR_INVALID, "principal %zu: its name must be 1 to %d bytes of UTF-8",
                         identity->count, IDENTITY_NAME_BYTES_MAX);
    }
    if (map_get(&identity->by_name, row->name) != NULL) {
        return error_set(error, ERROR_INVALID, "principal %.*s is there twice: names are unique", STR_ARGS(row->name));
    }
    struct principal *principal = &identity->principals[identity->count++];
    principal->kind = row->kind;
    principal->name = arena_copy(&identity->arena, row->name);
    if (principal->name.data == NULL || map_set(&identity->by_name, principal->name, principal) != 0) {
        return error_out_of_memory(error);
    }
    return identity_copy_groups(identity, row, principal, error);
}

/* Only once all principals are there: an agent may stand before its user. */
static int identity_link(struct identity *identity, const struct identity_row *row, struct principal *principal,
                         struct error *error) {
    if (row->on_behalf_of.length == 0) return 0;
    if (row->kind != PRINCIPAL_AGENT) {
        return error_set(error, ERROR_INVALID, "principal %.*s: only an agent can act on behalf of someone",
                         STR_ARGS(row->name));
    }
    const struct principal *person = map_get(&identity->by_name, row->on_behalf_of);
    if (person == NULL || person->kind != PRINCIPAL_USER) {
        return error_set(error, ERROR_INVALID,
                         "principal %.*s: on_behalf_of must name a principal of kind user, %.*s is %s",
                         STR_ARGS(row->name), STR_ARGS(row->on_behalf_of), person == NULL ? "not there" : "none");
    }
    principal->on_behalf_of = person;
    return 0;
}

static int identity_fill(struct identity *identity, const struct identity_row *rows, size_t count,
                         struct error *error) {
    identity->principals = ARENA_NEW_ARRAY(&identity->arena, struct principal, count);
    if (identity->principals == NULL && count != 0) return error_out_of_memory(error);
    for (size_t i = 0; i < count; i++) {
        if (identity_add(identity, &rows[i], error) != 0) return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (identity_link(identity, &rows[i], &identity->principals[i], error) != 0) return -1;
    }
    return 0;
}

struct identity *identity_new(const struct identity_row *rows, size_t count, struct error *error) {
    struct identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    identity->magic = IDENTITY_MAGIC;
    atomic_init(&identity->holders, 1);
    arena_init(&identity->arena, IDENTITY_ARENA_BYTES);
    map_init(&identity->by_name);
    if (identity_fill(identity, rows, count, error) != 0) identity_release(&identity);
    return identity;
}

struct identity *identity_hold(struct identity *identity) {
    CHECK_MAGIC(identity, IDENTITY_MAGIC);
    atomic_fetch_add_explicit(&identity->holders, 1, memory_order_relaxed);
    return identity;
}

void identity_release(struct identity **identity) {
    struct identity *old = *identity;
    *identity = NULL;
    if (old == NULL) return;
    CHECK_MAGIC(old, IDENTITY_MAGIC);
    if (atomic_fetch_sub_explicit(&old->holders, 1, memory_order_acq_rel) != 1) return;
    old->magic = 0;
    map_free(&old->by_name);
    arena_free(&old->arena);
    free(old);
}

const struct principal *identity_find(const struct identity *identity, struct str name) {
    CHECK_MAGIC(identity, IDENTITY_MAGIC);
    return map_get(&identity->by_name, name);
}

size_t identity_count(const struct identity *identity) { return identity->count; }

const struct principal *identity_at(const struct identity *identity, size_t index) {
    CHECK(index < identity->count);
    return &identity->principals[index];
}
