/* Vault -> bytes -> box -> row, and back; see conversation.h. */
#include "guard/conversation.h"

#define MICROSECONDS_PER_DAY (86400ll * 1000000)

static struct mask_box_owner owner_of(const struct conversation *conversation) {
    return (struct mask_box_owner){STR("conversation"), conversation->principal, conversation->upstream};
}

/* HMAC of the parts, each with its length before it. */
static int id_of(const struct conversation *conversation, struct sha256 *id, struct error *error) {
    const struct str parts[] = {STR("sworn conversation"), conversation->principal, conversation->upstream,
                                conversation->name};
    struct buffer bytes;
    buffer_init(&bytes, STORE_CONVERSATION_NAME_MAX);
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        buffer_append_u32be(&bytes, (uint32_t)parts[i].length);
        buffer_append_str(&bytes, parts[i]);
    }
    bool is_good = !buffer_failed(&bytes);
    if (is_good) {
        *id = hmac_sha256(str_make(conversation->key->bytes, MASK_BOX_KEY_BYTES), buffer_view(&bytes));
    }
    buffer_free(&bytes);
    return is_good ? 0 : error_set(error, ERROR_LIMIT, "the name of a conversation is too long");
}

static void wipe(struct buffer *buffer) {
    if (buffer->data != NULL) explicit_bzero(buffer->data, buffer->capacity);
    buffer_free(buffer);
}

int conversation_load(struct store *store, const struct conversation *conversation, int64_t now_us, struct vault *vault,
                      struct error *error) {
    struct sha256 id;
    struct buffer sealed, plain;
    struct mask_box_owner owner = owner_of(conversation);
    if (id_of(conversation, &id, error) != 0) return -1;
    buffer_init(&sealed, STORE_CONVERSATION_BYTES_MAX);
    buffer_init(&plain, STORE_CONVERSATION_BYTES_MAX);
    int result = store_conversation_get(store, &id, now_us, &sealed, error);
    if (result == 0) result = mask_box_open(conversation->key, &owner, buffer_view(&sealed), &plain, error);
    if (result == 0) result = vault_load(vault, buffer_view(&plain), error);
    wipe(&plain);
    buffer_free(&sealed);
    return result;
}

int conversation_keep(struct store *store, const struct conversation *conversation, int64_t now_us,
                      const struct vault *vault, struct error *error) {
    struct sha256 id;
    struct buffer sealed, plain;
    struct mask_box_owner owner = owner_of(conversation);
    if (id_of(conversation, &id, error) != 0) return -1;
    buffer_init(&sealed, STORE_CONVERSATION_BYTES_MAX);
    buffer_init(&plain, STORE_CONVERSATION_BYTES_MAX);
    vault_serialise(vault, &plain);
    int result = buffer_failed(&plain) ? error_out_of_memory(error) : 0;
    if (result == 0) result = mask_box_seal(conversation->key, &owner, buffer_view(&plain), &sealed, error);
    if (result == 0) {
        result = store_conversation_put(store, &id, buffer_view(&sealed), now_us,
                                        now_us + CONVERSATION_DAYS * MICROSECONDS_PER_DAY, error);
    }
    wipe(&plain);
    buffer_free(&sealed);
    return result;
}
