/* Checkpoints and vkeys: whatever parses is within its text, and a vkey that parses is written back the same. */
#include "ledger/checkpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = str_make(data, size);
    struct checkpoint checkpoint;
    struct checkpoint_vkey vkey;
    struct error error;
    if (checkpoint_parse(text, &checkpoint, &error) == 0) {
        CHECK(checkpoint.origin.data >= text.data && checkpoint.origin.length < size);
        CHECK(checkpoint_vkey_parse(STR("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), &vkey,
                                    &error) == 0);
        (void)!checkpoint_verify(text, &vkey, &checkpoint, &error);
    }
    if (checkpoint_vkey_parse(text, &vkey, &error) == 0) {
        struct checkpoint_vkey again;
        struct buffer written;
        buffer_init(&written, 4096);
        checkpoint_vkey_format(&vkey, &written);
        CHECK(checkpoint_vkey_parse(buffer_view(&written), &again, &error) == 0 && again.key_id == vkey.key_id);
        buffer_free(&written);
    }
    return 0;
}
