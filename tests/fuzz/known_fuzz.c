/* Folding keeps to its text, and what a vault knows is replaced in any texts, whole or split. The first byte says where the
 * text is cut in two, the second of which shape it is. */
#include "guard/fold.h"
#include "guard/known.h"

#define VALUE "ana.canary@example.com"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fold(struct str text) {
    struct buffer out, places;
    buffer_init(&out, 1 << 24);
    buffer_init(&places, 1 << 28);
    fold_append(text, &out, &places);
    const struct fold_place *place = (const void *)buffer_view(&places).data;
    CHECK(buffer_length(&places) == buffer_length(&out) * sizeof(*place));
    for (size_t i = 0; i < buffer_length(&out); i++) CHECK(place[i].start < place[i].end && place[i].end <= text.length);
    buffer_free(&out);
    buffer_free(&places);
}

static void check_known(struct known *known, struct vault *vault, enum mask_shape shape, const struct str texts[2]) {
    struct class_counts masked = {{0}};
    struct error error;
    known_begin(known);
    for (size_t i = 0; i < 2; i++) known_note(known, shape, texts[i]);
    if (known_search(known, vault) != 1) return;
    for (size_t i = 0; i < 2; i++) {
        struct buffer out;
        bool is_changed;
        buffer_init(&out, 1 << 24);
        CHECK(known_apply(known, vault, shape, texts[i], &out, &is_changed, &masked, &error) == 0);
        struct str spaced = buffer_view(&out);
        if (is_changed && shape != MASK_JSON) CHECK(str_find(spaced, STR(" " VALUE " ")) == STR_NOT_FOUND);
        buffer_free(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct vault_key key = {{1}};
    struct arena arena;
    struct buffer ignored;
    struct error error;
    if (size < 2 || size > 65536) return 0;
    struct str text = str_make(data + 2, size - 2);
    size_t cut = text.length * data[0] / 255;
    const struct str texts[2] = {str_slice(text, 0, cut), str_slice(text, cut, text.length)};
    arena_init(&arena, 64u << 20);
    buffer_init(&ignored, 1 << 20);
    struct vault *vault = vault_new(&arena, &key, NULL);
    struct known *known = known_new();
    CHECK(vault != NULL && known != NULL);
    CHECK(vault_append_placeholder(vault, CLASS_EMAIL, STR(VALUE), &ignored, &error) == 0);
    CHECK(vault_append_placeholder(vault, CLASS_PASSPORT, STR("C01X00T47"), &ignored, &error) == 0);
    check_fold(text);
    check_known(known, vault, data[1] % 2 == 0 ? MASK_TEXT : MASK_JSON, texts);
    known_free(&known);
    buffer_free(&ignored);
    arena_free(&arena);
    return 0;
}
