/* The serialised form of a vault: what loads is what was written, and the finder of placeholders keeps to its text. */
#include "guard/vault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_serialised(struct arena *arena, struct str bytes) {
    struct error error;
    struct buffer out;
    buffer_init(&out, 1 << 24);
    static const struct vault_key key = {{1}};
    struct vault *vault = vault_new(arena, &key, NULL);
    CHECK(vault != NULL);
    if (vault_load(vault, bytes, &error) == 0) {
        vault_serialise(vault, &out);
        CHECK(str_equal(buffer_view(&out), bytes));
    }
    buffer_free(&out);
}

static void check_found(struct str text) {
    struct vault_match match;
    for (int is_final = 0; is_final < 2; is_final++) {
        for (size_t from = 0; from < text.length;) {
            enum vault_found found = vault_find(text, from, CLASS_SET_ALL | CLASS_BIT(VAULT_TEXT), is_final != 0, &match);
            if (found == VAULT_FOUND_NONE) break;
            CHECK(match.start >= from && match.start < text.length);
            if (found == VAULT_FOUND_MORE) {
                CHECK(is_final == 0);
                break;
            }
            CHECK(match.end > match.start && match.end <= text.length && match.name.class < VAULT_CLASSES);
            CHECK(match.name.length == VAULT_NAME_BYTES || match.name.length == VAULT_NAME_BYTES_MAX);
            from = match.end;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    arena_init(&arena, 64u << 20);
    check_serialised(&arena, str_make(data, size));
    check_found(str_make(data, size));
    arena_free(&arena);
    return 0;
}
