/* Values in order of appearance, with two tables over them: by value, and by name. All of it grows by doubling within the
 * arena.
 *
 *     name       = letter 9*9symbol            the first six symbols by the folded value, the rest by its bytes: two
 *                                              spellings of a value show that they are one, each is put back as it was
 *     serialised = version *( class length value )     class = one byte, length = 1*5 bytes of 7 bits, the lowest first;
 *                                                      from LIST_FIRST on the value is a name of that list */
#include "guard/vault.h"

#include "guard/fold.h"
#include "guard/shelf.h"

#define VAULT_MAGIC 0x7a017e5du
#define VAULT_VERSION 1
#define COUNT_FIRST 16u
#define LIST_FIRST 0xf0
#define FOLDED_SYMBOLS 6
#define LETTERS 22 /* of the alphabet: no name is a number */

const char vault_alphabet[33] = "abcdefghjkmnpqrstvwxyz0123456789";

struct vault_row {
    struct str value;
    struct vault_name name;
};

struct vault {
    uint32_t magic;
    struct arena *arena;
    struct vault_key key;
    struct shelf *shelf; /* NULL: none */
    struct vault_row *rows;
    uint32_t count;
    uint32_t *by_value; /* index + 1 of a row, 0: free; twice as many as rows have room */
    uint32_t *by_name;
    uint32_t capacity;
    size_t value_bytes;
    class_set classes;
    struct names {
        struct str *names;
        size_t count;
    } lists[VAULT_LIST_COUNT];
};

struct str vault_label(unsigned class) {
    return class == VAULT_TEXT ? STR("TEXT") : str_from_cstr(class_label((enum data_class)class));
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

static struct sha256 digest_of(const uint8_t *key, size_t key_length, const struct str *parts, size_t count) {
    struct sha256 digest = {{0}};
    struct buffer bytes;
    buffer_init(&bytes, SIZE_MAX / 2);
    for (size_t i = 0; i < count; i++) {
        buffer_append_u32be(&bytes, (uint32_t)parts[i].length);
        buffer_append_str(&bytes, parts[i]);
    }
    if (!buffer_failed(&bytes)) digest = hmac_sha256(str_make((const char *)key, key_length), buffer_view(&bytes));
    if (bytes.data != NULL) explicit_bzero(bytes.data, bytes.capacity);
    buffer_free(&bytes);
    return digest;
}

void vault_key_derive(const struct mask_box_key *root, struct str principal, struct str upstream, struct vault_key *key) {
    const struct str parts[] = {STR("sworn placeholder names"), principal, upstream};
    struct sha256 digest = digest_of(root->bytes, MASK_BOX_KEY_BYTES, parts, LENGTH_OF(parts));
    memcpy(key->bytes, digest.bytes, SHA256_BYTES);
}

static void write_symbols(struct vault_name *name, size_t to, const struct sha256 *digest) {
    for (size_t i = 0; name->length < to; i++) {
        uint8_t byte = digest->bytes[i];
        name->bytes[name->length] = vault_alphabet[name->length == 0 ? byte % LETTERS : byte & 31];
        name->length++;
    }
}

static int name_value(const struct vault *vault, enum data_class class, struct str value, size_t length,
                      struct vault_name *name) {
    const uint8_t class_byte = (uint8_t)class;
    struct buffer folded;
    buffer_init(&folded, VAULT_VALUE_BYTES_MAX + 1);
    fold_append(value, &folded, NULL);
    const struct str parts[] = {STR("folded"), str_make((const char *)&class_byte, 1), buffer_view(&folded)};
    const struct str exact[] = {STR("exact"), str_make((const char *)&class_byte, 1), value};
    struct sha256 digest = digest_of(vault->key.bytes, SHA256_BYTES, parts, LENGTH_OF(parts));
    struct sha256 exact_digest = digest_of(vault->key.bytes, SHA256_BYTES, exact, LENGTH_OF(exact));
    bool is_good = !buffer_failed(&folded);
    *name = (struct vault_name){.class = class_byte};
    write_symbols(name, FOLDED_SYMBOLS, &digest);
    write_symbols(name, length, &exact_digest);
    if (folded.data != NULL) explicit_bzero(folded.data, folded.capacity);
    buffer_free(&folded);
    return is_good ? 0 : -1;
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

struct vault *vault_new(struct arena *arena, const struct vault_key *key, struct shelf *shelf) {
    struct vault *vault = ARENA_NEW(arena, struct vault);
    if (vault == NULL) return NULL;
    vault->magic = VAULT_MAGIC;
    vault->arena = arena;
    vault->key = *key;
    vault->shelf = shelf;
    return vault;
}

size_t vault_count(const struct vault *vault) { return vault->count; }

class_set vault_classes(const struct vault *vault) {
    return vault->classes | (vault->shelf != NULL ? shelf_classes(vault->shelf) : 0);
}

static bool has_name(const struct vault_row *row, const struct vault_name *name) {
    return row->name.class == name->class && str_equal(vault_name_str(&row->name), vault_name_str(name));
}

/* The slot of the value, or of the name; or the free one where it belongs. */
static uint32_t *slot_of_value(const struct vault *vault, enum data_class class, struct str value) {
    uint32_t mask = vault->capacity * 2 - 1;
    for (uint32_t i = (uint32_t)(str_hash(value) + class);; i++) {
        uint32_t *slot = &vault->by_value[i & mask];
        if (*slot == 0) return slot;
        const struct vault_row *row = &vault->rows[*slot - 1];
        if (row->name.class == class && str_equal(row->value, value)) return slot;
    }
}

static uint32_t *slot_of_name(const struct vault *vault, const struct vault_name *name) {
    uint32_t mask = vault->capacity * 2 - 1;
    for (uint32_t i = (uint32_t)(str_hash(vault_name_str(name)) + name->class);; i++) {
        uint32_t *slot = &vault->by_name[i & mask];
        if (*slot == 0 || has_name(&vault->rows[*slot - 1], name)) return slot;
    }
}

static int grow(struct vault *vault) {
    uint32_t capacity = vault->capacity == 0 ? COUNT_FIRST : vault->capacity * 2;
    struct vault_row *rows = ARENA_NEW_ARRAY(vault->arena, struct vault_row, capacity);
    uint32_t *by_value = ARENA_NEW_ARRAY(vault->arena, uint32_t, (size_t)capacity * 2);
    uint32_t *by_name = ARENA_NEW_ARRAY(vault->arena, uint32_t, (size_t)capacity * 2);
    if (rows == NULL || by_value == NULL || by_name == NULL) return -1;
    if (vault->count > 0) memcpy(rows, vault->rows, vault->count * sizeof(*rows));
    vault->rows = rows;
    vault->by_value = by_value;
    vault->by_name = by_name;
    vault->capacity = capacity;
    for (uint32_t i = 0; i < vault->count; i++) {
        *slot_of_value(vault, (enum data_class)rows[i].name.class, rows[i].value) = i + 1;
        *slot_of_name(vault, &rows[i].name) = i + 1;
    }
    return 0;
}

/* Is the name that of another value, here or in what the principal was given before? */
static bool is_taken(const struct vault *vault, const struct vault_name *name, struct str value) {
    struct str holder = vault_value(vault, name);
    return holder.data != NULL && !str_equal(holder, value);
}

static int choose_name(const struct vault *vault, enum data_class class, struct str value, struct vault_name *name) {
    if (name_value(vault, class, value, VAULT_NAME_BYTES, name) != 0) return -1;
    if (!is_taken(vault, name, value)) return 0;
    if (name_value(vault, class, value, VAULT_NAME_BYTES_MAX, name) != 0) return -1;
    return is_taken(vault, name, value) ? -1 : 0;
}

static const struct vault_row *find_or_add(struct vault *vault, enum data_class class, struct str value,
                                           struct error *error) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    CHECK(class < VAULT_CLASSES);
    uint32_t *slot = vault->capacity > 0 ? slot_of_value(vault, class, value) : NULL;
    if (slot != NULL && *slot != 0) return &vault->rows[*slot - 1];
    if (vault->count == VAULT_VALUES_MAX || value.length > VAULT_VALUE_BYTES_MAX - vault->value_bytes) {
        (void)error_set(error, ERROR_LIMIT, "the conversation holds more than %u values, or %u MiB of them, that must "
                        "not go upstream: begin a new one", VAULT_VALUES_MAX, VAULT_VALUE_BYTES_MAX >> 20);
        return NULL;
    }
    struct str copy = arena_copy(vault->arena, value);
    struct vault_name name;
    bool is_full = copy.data == NULL || (vault->count == vault->capacity && grow(vault) != 0);
    if (is_full || choose_name(vault, class, value, &name) != 0) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    struct vault_row *row = &vault->rows[vault->count];
    *row = (struct vault_row){copy, name};
    *slot_of_value(vault, class, value) = ++vault->count;
    *slot_of_name(vault, &name) = vault->count;
    vault->value_bytes += value.length;
    vault->classes |= CLASS_BIT(class);
    return row;
}

int vault_append_placeholder(struct vault *vault, enum data_class class, struct str value, struct buffer *out,
                             struct error *error) {
    const struct vault_row *row = find_or_add(vault, class, value, error);
    if (row == NULL) return -1;
    buffer_append_byte(out, '<');
    buffer_append_str(out, vault_label(class));
    buffer_append_byte(out, '_');
    buffer_append_str(out, vault_name_str(&row->name));
    buffer_append_byte(out, '>');
    return 0;
}

struct str vault_value(const struct vault *vault, const struct vault_name *name) {
    uint32_t found = vault->capacity > 0 ? *slot_of_name(vault, name) : 0;
    if (found != 0) return vault->rows[found - 1].value;
    return vault->shelf != NULL ? shelf_value(vault->shelf, vault->arena, name) : STR_NONE;
}

struct str vault_entry(const struct vault *vault, size_t index, struct vault_name *name) {
    CHECK(index < vault->count);
    *name = vault->rows[index].name;
    return vault->rows[index].value;
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

const struct str *vault_names(const struct vault *vault, enum vault_list list, size_t *count) {
    *count = vault->lists[list].count;
    return vault->lists[list].names;
}

bool vault_has_name(const struct vault *vault, enum vault_list list, struct str name) {
    for (size_t i = 0; i < vault->lists[list].count; i++) {
        if (str_equal(vault->lists[list].names[i], name)) return true;
    }
    return false;
}

void vault_add_name(struct vault *vault, enum vault_list list, struct str name) {
    struct names *to = &vault->lists[list];
    if (to->names == NULL) to->names = ARENA_NEW_ARRAY(vault->arena, struct str, VAULT_NAMES_MAX);
    if (to->names == NULL || to->count == VAULT_NAMES_MAX || vault_has_name(vault, list, name)) return;
    struct str copy = arena_copy(vault->arena, name);
    if (copy.data != NULL) to->names[to->count++] = copy;
}

/* ---- Kept ---------------------------------------------------------------------------------------------------------- */

static void write_item(struct buffer *out, uint8_t class, struct str value) {
    size_t length = value.length;
    buffer_append_byte(out, class);
    for (; length >= 0x80; length >>= 7) buffer_append_byte(out, (uint8_t)(0x80 | (length & 0x7f)));
    buffer_append_byte(out, (uint8_t)length);
    buffer_append_str(out, value);
}

void vault_serialise(const struct vault *vault, struct buffer *out) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    buffer_append_byte(out, VAULT_VERSION);
    for (uint32_t i = 0; i < vault->count; i++) write_item(out, vault->rows[i].name.class, vault->rows[i].value);
    for (unsigned list = 0; list < VAULT_LIST_COUNT; list++) {
        for (size_t i = 0; i < vault->lists[list].count; i++) {
            write_item(out, (uint8_t)(LIST_FIRST + list), vault->lists[list].names[i]);
        }
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

static size_t item_count(const struct vault *vault) {
    size_t count = vault->count;
    for (unsigned list = 0; list < VAULT_LIST_COUNT; list++) count += vault->lists[list].count;
    return count;
}

int vault_load(struct vault *vault, struct str bytes, struct error *error) {
    CHECK_MAGIC(vault, VAULT_MAGIC);
    CHECK(vault->count == 0);
    bool is_good = bytes.length > 0 && bytes.data[0] == VAULT_VERSION;
    for (size_t at = 1; is_good && at < bytes.length;) {
        uint8_t class = (uint8_t)bytes.data[at++];
        bool is_name = class >= LIST_FIRST && class < LIST_FIRST + VAULT_LIST_COUNT;
        size_t length;
        is_good = (class < VAULT_CLASSES || is_name) && read_length(bytes, &at, &length) == 0 && length > 0 &&
                  length <= bytes.length - at;
        if (!is_good) break;
        struct str value = str_slice(bytes, at, at + length);
        at += length;
        size_t before = item_count(vault);
        if (is_name) vault_add_name(vault, (enum vault_list)(class - LIST_FIRST), value);
        else if (find_or_add(vault, (enum data_class)class, value, error) == NULL) return -1;
        is_good = item_count(vault) == before + 1;
    }
    return is_good ? 0 : error_set(error, ERROR_INVALID, "the kept values of a conversation are damaged");
}
