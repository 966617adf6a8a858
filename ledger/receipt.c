/* Making and checking receipts. */
#include "ledger/receipt.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/json.h"
#include "ledger/checkpoint.h"
#include "ledger/file.h"
#include "ledger/reader.h"

static void write_receipt(struct str note, const struct ledger_entry *entry, const struct merkle_proof *proof,
                          struct buffer *out) {
    struct json_writer json;
    struct buffer hash;
    buffer_init(&hash, 64);
    json_writer_init(&json, out);
    json_begin_object(&json);
    json_member_string(&json, STR("checkpoint"), note);
    json_member_string(&json, STR("entry"), entry->text);
    json_member_integer(&json, STR("index"), (int64_t)entry->index);
    json_key(&json, STR("proof"));
    json_begin_array(&json);
    for (uint32_t i = 0; i < proof->count; i++) {
        buffer_clear(&hash);
        base64_append(&hash, str_make(proof->hashes[i].bytes, SHA256_BYTES));
        json_write_string(&json, buffer_view(&hash));
    }
    json_end_array(&json);
    json_end_object(&json);
    buffer_free(&hash);
}

static int read_checkpoint(int folder_fd, struct str vkey_text, struct buffer *note, struct checkpoint *checkpoint,
                           struct error *error) {
    struct checkpoint_vkey vkey;
    if (file_read(folder_fd, "checkpoint", note, error) != 0) return -1;
    if (vkey_text.data == NULL) return checkpoint_parse(buffer_view(note), checkpoint, error);
    if (checkpoint_vkey_parse(vkey_text, &vkey, error) != 0) return -1;
    return checkpoint_verify(buffer_view(note), &vkey, checkpoint, error);
}

int receipt_make(const char *folder, struct str vkey, uint64_t index, struct buffer *out, struct error *error) {
    struct ledger_reader *reader = NULL;
    struct buffer note;
    struct checkpoint checkpoint;
    struct ledger_entry entry;
    struct merkle_proof proof;
    int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) return error_set_errno(error, "evidence folder %s cannot be opened", folder);
    buffer_init(&note, CHECKPOINT_MAX_BYTES + 65536);
    int result = read_checkpoint(folder_fd, vkey, &note, &checkpoint, error);
    if (result == 0) result = ledger_reader_open(&reader, folder, vkey, error);
    if (result == 0) result = ledger_reader_get(reader, index, &entry, error);
    if (result == 0) result = proof_of_inclusion(folder_fd, index, checkpoint.size, &proof, error);
    if (result == 0) {
        write_receipt(buffer_view(&note), &entry, &proof, out);
        if (buffer_failed(out)) result = error_out_of_memory(error);
    }
    ledger_reader_free(&reader);
    buffer_free(&note);
    close(folder_fd);
    return result;
}

/* What a receipt says, before anything of it is believed. */
struct claims {
    struct str note;  /* raw: inside of the JSON string */
    struct str entry; /* raw */
    uint64_t index;
    bool has_index;
    struct merkle_proof proof;
};

static int take_hash(struct str raw, struct merkle_proof *proof) {
    struct buffer bytes;
    buffer_init(&bytes, 64);
    int result = -1;
    if (proof->count < MERKLE_PROOF_MAX && base64_decode(raw, &bytes) == 0 && buffer_length(&bytes) == SHA256_BYTES) {
        memcpy(proof->hashes[proof->count++].bytes, buffer_view(&bytes).data, SHA256_BYTES);
        result = 0;
    }
    buffer_free(&bytes);
    return result;
}

static int parse_proof(struct json_scanner *scanner, struct merkle_proof *proof) {
    struct str raw;
    if (json_next(scanner, &raw) != JSON_TOKEN_BEGIN_ARRAY) return -1;
    for (;;) {
        enum json_token event = json_next(scanner, &raw);
        if (event == JSON_TOKEN_END_ARRAY) return 0;
        if (event != JSON_TOKEN_STRING || take_hash(raw, proof) != 0) return -1;
    }
}

static int parse_claims(struct str receipt, struct claims *claims) {
    struct json_scanner scanner;
    struct str key;
    struct str raw;
    enum json_token event;
    *claims = (struct claims){0};
    json_scanner_init(&scanner, receipt);
    if (json_next(&scanner, &raw) != JSON_TOKEN_BEGIN_OBJECT) return -1;
    while ((event = json_next(&scanner, &key)) == JSON_TOKEN_KEY) {
        if (str_equal(key, STR("proof"))) {
            if (parse_proof(&scanner, &claims->proof) != 0) return -1;
            continue;
        }
        event = json_next(&scanner, &raw);
        if (str_equal(key, STR("checkpoint")) && event == JSON_TOKEN_STRING) {
            claims->note = raw;
        } else if (str_equal(key, STR("entry")) && event == JSON_TOKEN_STRING) {
            claims->entry = raw;
        } else if (str_equal(key, STR("index")) && event == JSON_TOKEN_NUMBER && str_parse_u64(raw, &claims->index) == 0) {
            claims->has_index = true;
        } else {
            return -1;
        }
    }
    bool is_whole = event == JSON_TOKEN_END_OBJECT && json_next(&scanner, &raw) == JSON_TOKEN_END;
    return is_whole && claims->note.data != NULL && claims->entry.data != NULL && claims->has_index ? 0 : -1;
}

int receipt_verify(struct str receipt, struct str vkey_text, struct buffer *scratch, struct ledger_entry *entry,
                   struct error *error) {
    struct claims claims;
    struct checkpoint_vkey vkey;
    struct checkpoint checkpoint;
    buffer_clear(scratch);
    if (checkpoint_vkey_parse(vkey_text, &vkey, error) != 0) return -1;
    if (receipt.length > RECEIPT_MAX_BYTES || parse_claims(receipt, &claims) != 0 ||
        json_unescape(claims.note, scratch) != 0) {
        return error_set(error, ERROR_INVALID, "it is not a receipt (checkpoint, entry, index, proof)");
    }
    if (checkpoint_verify(buffer_view(scratch), &vkey, &checkpoint, error) != 0) {
        return error_prefix(error, "the receipt's checkpoint");
    }
    buffer_clear(scratch);
    if (json_unescape(claims.entry, scratch) != 0 || entry_parse(buffer_view(scratch), entry, error) != 0) {
        return error_prefix(error, "the receipt's entry");
    }
    struct sha256 leaf = merkle_leaf_hash(buffer_view(scratch));
    if (proof_check_inclusion(&claims.proof, claims.index, checkpoint.size, &leaf, &checkpoint.root) != 0) {
        return error_set(error, ERROR_INVALID, "the proof does not show that this is entry %llu of the signed log",
                         (unsigned long long)claims.index);
    }
    entry->index = claims.index;
    return 0;
}
