/* From a sealed text back to parameters. */
#include "guard/replay_tags.h"

#include "guard/record.h"
#include "model/tags.h"

#define TEXT_BYTES_MAX ((size_t)64 << 20)

static int read_text(const struct replay_seals *seals, struct str commitment_text, struct buffer *out,
                     uint8_t key[SEAL_MAC_KEY_BYTES]) {
    struct seal_commitment commitment;
    struct error error;
    if (seals->folder == NULL || seals->kek.length == 0 || commitment_text.length == 0) return -1;
    if (seal_commitment_parse(commitment_text, &commitment, &error) != 0) return -1;
    return seal_open_with_key(seals->folder, seals->kek, &commitment, out, key, &error);
}

static int flatten_call(struct arena *arena, struct str text, struct attribute_tags *tags) {
    size_t space = str_find_byte(text, ' ');
    if (space == STR_NOT_FOUND) return -1;
    return attribute_tags_from_json(tags, arena, str_slice(text, space + 1, text.length));
}

static void fill_in(const struct replay_entry *entry, const struct attribute_tags *tags,
                    const uint8_t key[SEAL_MAC_KEY_BYTES]) {
    struct sha256 digest = attribute_tags_digest(tags->items, tags->count);
    struct sha256 keyed = seal_keyed_hash(key, RECORD_INPUT_DOMAIN, str_make(digest.bytes, SHA256_BYTES));
    for (size_t i = 0; i < entry->tag_count; i++) {
        const struct replay_tags *sealed = &entry->tags[i];
        if (sealed->attribute->tags.count != tags->count || !sha256_equal(&keyed, &sealed->keyed)) continue;
        sealed->attribute->tags.items = tags->items;
    }
}

void replay_tags_open(const struct replay_seals *seals, const struct replay_entry *entry, struct action *action) {
    struct buffer text;
    struct attribute_tags tags = {0};
    uint8_t key[SEAL_MAC_KEY_BYTES];
    if (entry->tag_count == 0) return;
    buffer_init(&text, TEXT_BYTES_MAX);
    if (read_text(seals, entry->text, &text, key) == 0 &&
        flatten_call(&action->arena, buffer_view(&text), &tags) == 0) {
        fill_in(entry, &tags, key);
    }
    buffer_free(&text);
}

static bool has_sealed(const struct replay_entry *entry) {
    for (size_t i = 0; i < entry->tag_count; i++) {
        if (attribute_is_sealed(entry->tags[i].attribute)) return true;
    }
    return false;
}

bool replay_tags_are_missed(const struct replay_entry *entry, const struct verdict *verdict, bool is_recorded) {
    if (!has_sealed(entry)) return false;
    for (size_t i = 0; i < verdict->error_count; i++) {
        bool erred_then = false;
        for (size_t j = 0; is_recorded && j < entry->error_count; j++) {
            erred_then = erred_then || str_equal(entry->errors[j], verdict->errors[i]);
        }
        if (!erred_then) return true;
    }
    return false;
}
