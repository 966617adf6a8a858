/* A table by name over values in an arena; rows of the state are read once, in the order in which they were written.
 *
 *     row = version *( class name-length name value-length(4, big-endian) value )     sealed for principal and upstream */
#include "guard/shelf.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

#define SHELF_MAGIC 0x5e1f0b0cu
#define ROW_VERSION 1
#define SCOPE_BYTES_MAX 8192
#define MICROSECONDS_PER_DAY (86400ll * 1000000)
#define KEY_BYTES_MAX (1 + VAULT_NAME_BYTES_MAX)

struct shelf_item {
    struct str key; /* class, name */
    struct str value;
    int64_t expires_us;
};

struct shelf {
    uint32_t magic;
    struct shelves *shelves;
    size_t users;         /* under the lock of shelves, as the next two */
    uint64_t released_as; /* when it was last in use, by the count of releases */
    struct str scope;
    struct str principal;
    struct str upstream;

    pthread_mutex_t lock; /* of everything below */
    struct arena arena;
    struct map items;     /* key -> struct shelf_item */
    class_set classes;
    int64_t sequence;     /* of the newest row that was read */
};

struct shelves {
    struct store *store;
    const struct mask_box_key *key;
    pthread_mutex_t lock;
    struct map shelves; /* scope -> struct shelf */
    size_t idle;
    uint64_t releases;
};

/* ---- Life --------------------------------------------------------------------------------------------------------- */

struct shelves *shelves_new(struct store *store, const struct mask_box_key *key) {
    struct shelves *shelves = calloc(1, sizeof(*shelves));
    if (shelves == NULL) return NULL;
    shelves->store = store;
    shelves->key = key;
    pthread_mutex_init(&shelves->lock, NULL);
    map_init(&shelves->shelves);
    return shelves;
}

static void shelf_free(struct shelf *shelf) {
    size_t cursor = 0;
    struct str key;
    void *item;
    while (map_next(&shelf->items, &cursor, &key, &item)) {
        struct str value = ((struct shelf_item *)item)->value;
        explicit_bzero((void *)(uintptr_t)value.data, value.length);
    }
    map_free(&shelf->items);
    arena_free(&shelf->arena);
    pthread_mutex_destroy(&shelf->lock);
    shelf->magic = 0;
    free((void *)(uintptr_t)shelf->scope.data);
    free(shelf);
}

void shelves_free(struct shelves **out) {
    struct shelves *shelves = *out;
    *out = NULL;
    if (shelves == NULL) return;
    size_t cursor = 0;
    struct str scope;
    void *shelf;
    while (map_next(&shelves->shelves, &cursor, &scope, &shelf)) shelf_free(shelf);
    map_free(&shelves->shelves);
    pthread_mutex_destroy(&shelves->lock);
    free(shelves);
}

/* The principal with its length before it, then the upstream: one allocation for all three. */
static struct shelf *shelf_new(struct shelves *shelves, struct str scope, size_t principal_length) {
    struct shelf *shelf = calloc(1, sizeof(*shelf));
    char *copy = malloc(scope.length + 1);
    if (shelf == NULL || copy == NULL) {
        free(shelf);
        free(copy);
        return NULL;
    }
    memcpy(copy, scope.data, scope.length);
    shelf->magic = SHELF_MAGIC;
    shelf->shelves = shelves;
    shelf->scope = str_make(copy, scope.length);
    shelf->principal = str_slice(shelf->scope, 4, 4 + principal_length);
    shelf->upstream = str_slice(shelf->scope, 4 + principal_length, scope.length);
    pthread_mutex_init(&shelf->lock, NULL);
    arena_init(&shelf->arena, SHELF_BYTES_MAX);
    map_init(&shelf->items);
    if (map_set(&shelves->shelves, shelf->scope, shelf) == 0) return shelf;
    shelf_free(shelf);
    return NULL;
}

struct shelf *shelf_take(struct shelves *shelves, struct str principal, struct str upstream) {
    struct buffer scope;
    buffer_init(&scope, SCOPE_BYTES_MAX);
    buffer_append_u32be(&scope, (uint32_t)principal.length);
    buffer_append_str(&scope, principal);
    buffer_append_str(&scope, upstream);
    struct shelf *shelf = NULL;
    pthread_mutex_lock(&shelves->lock);
    if (!buffer_failed(&scope)) shelf = map_get(&shelves->shelves, buffer_view(&scope));
    if (shelf != NULL && shelf->users == 0) shelves->idle--;
    if (shelf == NULL && !buffer_failed(&scope)) shelf = shelf_new(shelves, buffer_view(&scope), principal.length);
    if (shelf != NULL) shelf->users++;
    pthread_mutex_unlock(&shelves->lock);
    buffer_free(&scope);
    return shelf;
}

/* Forgets the one that was not used for longest. The state still has what was on it. */
static void drop_idlest(struct shelves *shelves) {
    struct shelf *idlest = NULL;
    size_t cursor = 0;
    struct str scope;
    void *value;
    while (map_next(&shelves->shelves, &cursor, &scope, &value)) {
        struct shelf *shelf = value;
        if (shelf->users == 0 && (idlest == NULL || shelf->released_as < idlest->released_as)) idlest = shelf;
    }
    if (idlest == NULL) return;
    (void)map_remove(&shelves->shelves, idlest->scope);
    shelf_free(idlest);
    shelves->idle--;
}

void shelf_release(struct shelf **out) {
    struct shelf *shelf = *out;
    *out = NULL;
    if (shelf == NULL) return;
    CHECK_MAGIC(shelf, SHELF_MAGIC);
    struct shelves *shelves = shelf->shelves;
    pthread_mutex_lock(&shelves->lock);
    shelf->released_as = ++shelves->releases;
    if (--shelf->users == 0 && ++shelves->idle > SHELVES_IDLE_MAX) drop_idlest(shelves);
    pthread_mutex_unlock(&shelves->lock);
}

/* ---- In memory ----------------------------------------------------------------------------------------------------- */

static struct str key_of(const struct vault_name *name, char room[KEY_BYTES_MAX]) {
    room[0] = (char)name->class;
    memcpy(room + 1, name->bytes, name->length);
    return str_make(room, 1 + (size_t)name->length);
}

/* Under the lock. What is there keeps its value: no name changes its owner. */
static int add(struct shelf *shelf, struct str key, struct str value, int64_t expires_us) {
    struct shelf_item *item = map_get(&shelf->items, key);
    if (item != NULL) {
        if (expires_us > item->expires_us && str_equal(item->value, value)) item->expires_us = expires_us;
        return 0;
    }
    if (shelf->items.count >= SHELF_VALUES_MAX) return -1;
    item = ARENA_NEW(&shelf->arena, struct shelf_item);
    if (item == NULL) return -1;
    *item = (struct shelf_item){arena_copy(&shelf->arena, key), arena_copy(&shelf->arena, value), expires_us};
    if (item->key.data == NULL || item->value.data == NULL || map_set(&shelf->items, item->key, item) != 0) return -1;
    shelf->classes |= CLASS_BIT((unsigned char)key.data[0]);
    return 0;
}

class_set shelf_classes(struct shelf *shelf) {
    pthread_mutex_lock(&shelf->lock);
    class_set classes = shelf->classes;
    pthread_mutex_unlock(&shelf->lock);
    return classes;
}

struct str shelf_value(struct shelf *shelf, struct arena *arena, const struct vault_name *name) {
    char room[KEY_BYTES_MAX];
    struct str value = STR_NONE;
    pthread_mutex_lock(&shelf->lock);
    const struct shelf_item *item = map_get(&shelf->items, key_of(name, room));
    if (item != NULL) value = arena_copy(arena, item->value);
    pthread_mutex_unlock(&shelf->lock);
    return value;
}

/* ---- In the state --------------------------------------------------------------------------------------------------- */

static struct sha256 row_scope(const struct shelf *shelf) {
    const struct str parts[] = {STR("sworn shelf"), shelf->scope};
    struct sha256 whole = sha256_of_parts(parts, LENGTH_OF(parts));
    return hmac_sha256(str_make((const char *)shelf->shelves->key->bytes, MASK_BOX_KEY_BYTES),
                       str_make((const char *)whole.bytes, SHA256_BYTES));
}

static struct mask_box_owner row_owner(const struct shelf *shelf) {
    return (struct mask_box_owner){STR("shelf"), shelf->principal, shelf->upstream};
}

static uint32_t read_u32be(const char *bytes) {
    const uint8_t *b = (const uint8_t *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static int read_row(struct shelf *shelf, struct str row, int64_t expires_us) {
    if (row.length == 0 || row.data[0] != ROW_VERSION) return -1;
    for (size_t at = 1; at < row.length;) {
        size_t name_length = at + 2 <= row.length ? (uint8_t)row.data[at + 1] : SIZE_MAX;
        bool is_name = name_length <= VAULT_NAME_BYTES_MAX && (uint8_t)row.data[at] < VAULT_CLASSES &&
                       at + 2 + name_length + 4 <= row.length;
        if (!is_name) return -1;
        struct vault_name name = {.class = (uint8_t)row.data[at], .length = (uint8_t)name_length};
        memcpy(name.bytes, row.data + at + 2, name_length);
        at += 2 + name_length;
        size_t length = read_u32be(row.data + at);
        at += 4;
        if (length > row.length - at) return -1;
        char room[KEY_BYTES_MAX];
        if (add(shelf, key_of(&name, room), str_slice(row, at, at + length), expires_us) != 0) return 1;
        at += length;
    }
    return 0;
}

/* Rows that do not open are of a gateway with another seal key, or damaged: not ours. 1: the shelf is full. */
static int take_row(void *self, int64_t sequence, struct str sealed, int64_t expires_us) {
    struct shelf *shelf = self;
    struct buffer plain;
    struct mask_box_owner owner = row_owner(shelf);
    buffer_init(&plain, STORE_SHELF_BYTES_MAX);
    int result = mask_box_open(shelf->shelves->key, &owner, sealed, &plain, NULL);
    pthread_mutex_lock(&shelf->lock);
    if (result == 0) result = read_row(shelf, buffer_view(&plain), expires_us);
    if (sequence > shelf->sequence) shelf->sequence = sequence;
    pthread_mutex_unlock(&shelf->lock);
    if (plain.data != NULL) explicit_bzero(plain.data, plain.capacity);
    buffer_free(&plain);
    return result == 1;
}

/* A full shelf begins anew, with the newest rows. */
static void clear_when_full(struct shelf *shelf) {
    bool is_full = shelf->items.count > SHELF_VALUES_MAX / 4 * 3 || shelf->arena.used_bytes > SHELF_BYTES_MAX / 4 * 3;
    if (!is_full) return;
    map_clear(&shelf->items);
    arena_free(&shelf->arena);
    arena_init(&shelf->arena, SHELF_BYTES_MAX);
    shelf->sequence = 0;
}

int shelf_refresh(struct shelf *shelf, int64_t now_us, struct error *error) {
    CHECK_MAGIC(shelf, SHELF_MAGIC);
    struct sha256 scope = row_scope(shelf);
    pthread_mutex_lock(&shelf->lock);
    clear_when_full(shelf);
    int64_t after = shelf->sequence;
    pthread_mutex_unlock(&shelf->lock); /* workers ask for values while rows are read */
    return store_shelf_each(shelf->shelves->store, &scope, after, now_us, take_row, shelf, error);
}

/* Under the lock. What is not there yet, or not for long any more. */
static void write_row(struct shelf *shelf, const struct vault *vault, int64_t now_us, struct buffer *row) {
    int64_t expires_us = now_us + SHELF_DAYS * MICROSECONDS_PER_DAY;
    buffer_append_byte(row, ROW_VERSION);
    for (size_t i = 0; i < vault_count(vault); i++) {
        char room[KEY_BYTES_MAX];
        struct vault_name name;
        struct str value = vault_entry(vault, i, &name);
        struct str key = key_of(&name, room);
        const struct shelf_item *item = map_get(&shelf->items, key);
        if (item != NULL && item->expires_us > now_us + SHELF_RENEW_DAYS * MICROSECONDS_PER_DAY) continue;
        buffer_append_byte(row, name.class);
        buffer_append_byte(row, name.length);
        buffer_append_str(row, vault_name_str(&name));
        buffer_append_u32be(row, (uint32_t)value.length);
        buffer_append_str(row, value);
        (void)add(shelf, key, value, expires_us);
    }
}

int shelf_keep(struct shelf *shelf, const struct vault *vault, int64_t now_us, struct error *error) {
    CHECK_MAGIC(shelf, SHELF_MAGIC);
    struct buffer row, sealed;
    struct sha256 scope = row_scope(shelf);
    struct mask_box_owner owner = row_owner(shelf);
    buffer_init(&row, STORE_SHELF_BYTES_MAX);
    buffer_init(&sealed, 2 * (size_t)STORE_SHELF_BYTES_MAX);
    pthread_mutex_lock(&shelf->lock);
    write_row(shelf, vault, now_us, &row);
    pthread_mutex_unlock(&shelf->lock);
    int result = buffer_failed(&row) ? error_out_of_memory(error) : 0;
    bool is_needed = buffer_length(&row) > 1;
    if (result == 0 && is_needed) {
        result = mask_box_seal(shelf->shelves->key, &owner, buffer_view(&row), &sealed, error);
        if (result == 0) {
            result = store_shelf_put(shelf->shelves->store, &scope, buffer_view(&sealed), now_us,
                                     now_us + SHELF_DAYS * MICROSECONDS_PER_DAY, error);
        }
    }
    if (row.data != NULL) explicit_bzero(row.data, row.capacity);
    buffer_free(&row);
    buffer_free(&sealed);
    return result;
}
