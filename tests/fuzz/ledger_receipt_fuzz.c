/* Receipts, commitments of sealed payloads and their references: no input but a genuine receipt verifies. */
#include "ledger/receipt.h"
#include "ledger/seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = str_make(data, size);
    struct ledger_entry entry;
    struct error error;
    struct seal_commitment commitment;
    struct buffer scratch;
    buffer_init(&scratch, RECEIPT_MAX_BYTES);
    CHECK(receipt_verify(text, STR("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &scratch,
                         &entry, &error) != 0);
    if (seal_commitment_parse(text, &commitment, &error) == 0) {
        struct seal_commitment again;
        struct json_writer json;
        if (commitment.length > (uint64_t)1 << 53) commitment.length = 0;
        buffer_clear(&scratch);
        json_writer_init(&json, &scratch);
        seal_commitment_write(&json, &commitment);
        CHECK(seal_commitment_parse(buffer_view(&scratch), &again, &error) == 0);
        CHECK(memcmp(&again, &commitment, sizeof(again)) == 0);
    }
    buffer_free(&scratch);
    return 0;
}
