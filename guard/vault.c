/* Values in order of appearance, a hash table over them, and per class the numbers. All of it grows by doubling within
 * the arena.
 *
 *     serialised = version *( class length value )     class = one byte, length = 1*5 bytes of 7 bits, the lowest first */
#include "guard/vault.h"

#define VAULT_MAGIC 0x7a017e5du
#define VAULT_VERSION 1
#define COUNT_FIRST 16u

struct vault_entry {
    struct str value;
    uint8_t class;
    uint32_t number;
};

struct vault {
    uint32_t magic;
    struct arena *arena;
    struct vault_entry *entries;
    uint32_t count;
    uint32_t *slots; /* index + 1 of an entry, 0: free; twice as many as entries have room */
    uint32_t capacity;
    size_t value_bytes;
    class_set classes;
    struct {
        uint32_t *entries; /* number - 1 -> index */
        uint32_t count;
        uint32_t capacity;
    } of_class[CLASS_MAX];
};

struct vault *vault_new(struct arena *arena) {
    struct vault *vault = ARENA_NEW(arena, struct vault);
    if (vault == NULL) return NULL;
    vault->magic = VAULT_MAGIC;
    vault->arena = arena;
    return vault;
}

size_t vault_count(const struct vault *vault) { return vault->count; }

class_set vault_classes(const struct vault *vault) { return vault->classes; }

/* The slot of the value, or the free one where it belongs. */
static uint32_t *find_slot(const struct vault *vault, enum data_class class, struct str value) {
    uint32_t mask = vault->capacity * 2 - 1;
    for (uint32_t i = (uint32_t)(str_hash(value) + class);; i++) {
        uint32_t *slot = &vault->slots[i & mask];
        if (*slot == 0) return slot;
        const struct vault_entry *entry = &vault->entries[*slot - 1];
        if (entry->class == class && str_equal(entry->value, value)) return slot;
    }
}

static int grow(struct vault *vault) {
    uint32_t capacity = vault->capacity == 0 ? COUNT_FIRST : vault->capacity * 2;
    struct vault_entry *entries = ARENA_NEW_ARRAY(vault->arena, struct vault_entry, capacity);
    uint32_t *slots = ARENA_NEW_ARRAY(vault->arena, uint32_t, (size_t)capacity * 2);
    if (entries == NULL || slots == NULL) return -1;
    if (vault->count > 0) memcpy(entries, vault->entries, vault->count * sizeof(*entries));
    vault->entries = entries;
    vault->slots = slots;
    vault->capacity = capacity;
    for (uint32_t i = 0; i < vault->count; i++) {
        *find_slot(vault, (enum data_class)entries[i].class, entries[i].value) = i + 1;
    }
    return 0;
}

static int grow_class(struct vault *vault, enum data_class class) {
    uint32_t capacity = vault->of_class[class].capacity == 0 ? COUNT_FIRST : vault->of_class[class].capacity * 2;
    uint32_t *entries = ARENA_NEW_ARRAY(vault->arena, uint32_t, capacity);
    if (entries == NULL) return -1;
    uint32_t count = vault->of_class[class].count;
    if (count > 0) memcpy(entries, vault->of_class[class].entries, count * sizeof(*entries));
    vault->of_class[class].entries = entries;
    vault->of_class[class].capacity = capacity;
    return 0;
}

static const struct vault_entry *find_or_add(struct vault *vault, enum data_class class, struct str value,
                                             struct error *error) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    CHECK(class < CLASS_MAX);
    uint32_t *slot = vault->capacity > 0 ? find_slot(vault, class, value) : NULL;
    if (slot != NULL && *slot != 0) return &vault->entries[*slot - 1];
    if (vault->count == VAULT_VALUES_MAX || value.length > VAULT_VALUE_BYTES_MAX - vault->value_bytes) {
        (void)error_set(error, ERROR_LIMIT, "the conversation holds more than %u values, or %u MiB of them, that must "
                        "not go upstream: begin a new one", VAULT_VALUES_MAX, VAULT_VALUE_BYTES_MAX >> 20);
        return NULL;
    }
    struct str copy = arena_copy(vault->arena, value);
    bool is_full = copy.data == NULL || (vault->count == vault->capacity && grow(vault) != 0) ||
                   (vault->of_class[class].count == vault->of_class[class].capacity && grow_class(vault, class) != 0);
    if (is_full) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    struct vault_entry *entry = &vault->entries[vault->count];
    vault->of_class[class].entries[vault->of_class[class].count++] = vault->count;
    *entry = (struct vault_entry){copy, (uint8_t)class, vault->of_class[class].count};
    *find_slot(vault, class, value) = ++vault->count;
    vault->value_bytes += value.length;
    vault->classes |= CLASS_BIT(class);
    return entry;
}

int vault_append_placeholder(struct vault *vault, enum data_class class, struct str value, struct buffer *out,
                             struct error *error) {
    const struct vault_entry *entry = find_or_add(vault, class, value, error);
    if (entry == NULL) return -1;
    buffer_append_byte(out, '<');
    buffer_append_cstr(out, class_label(class));
    buffer_append_byte(out, '_');
    buffer_append_u64_decimal(out, entry->number);
    buffer_append_byte(out, '>');
    return 0;
}

struct str vault_value(const struct vault *vault, enum data_class class, uint32_t number) {
    CHECK(class < CLASS_MAX);
    if (number == 0 || number > vault->of_class[class].count) return STR_NONE;
    return vault->entries[vault->of_class[class].entries[number - 1]].value;
}

void vault_serialise(const struct vault *vault, struct buffer *out) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    buffer_append_byte(out, VAULT_VERSION);
    for (uint32_t i = 0; i < vault->count; i++) {
        const struct vault_entry *entry = &vault->entries[i];
        buffer_append_byte(out, entry->class);
        size_t length = entry->value.length;
        for (; length >= 0x80; length >>= 7) buffer_append_byte(out, (uint8_t)(0x80 | (length & 0x7f)));
        buffer_append_byte(out, (uint8_t)length);
        buffer_append_str(out, entry->value);
    }
}

/* Shortest form only, at most what a value may have. */
static int read_length(struct str bytes, size_t *at, size_t *length) {
    *length = 0;
    for (unsigned shift = 0; shift < 35 && *at < bytes.length; shift += 7) {
        uint8_t byte = (uint8_t)bytes.data[(*at)++];
        *length |= (size_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) return (byte == 0 && shift > 0) || *length > VAULT_VALUE_BYTES_MAX ? -1 : 0;
    }
    return -1;
}

int vault_load(struct vault *vault, struct str bytes, struct error *error) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    CHECK(vault->count == 0);
    bool is_good = bytes.length > 0 && bytes.data[0] == VAULT_VERSION;
    for (size_t at = 1; is_good && at < bytes.length;) {
        uint8_t class = (uint8_t)bytes.data[at++];
        size_t length;
        is_good = class < CLASS_MAX && read_length(bytes, &at, &length) == 0 && length > 0 &&
                  length <= bytes.length - at;
        if (!is_good) break;
        uint32_t before = vault->count;
        if (find_or_add(vault, (enum data_class)class, str_slice(bytes, at, at + length), error) == NULL) return -1;
        is_good = vault->count == before + 1;
        at += length;
    }
    return is_good ? 0 : error_set(error, ERROR_INVALID, "the kept values of a conversation are damaged");
}
