/* The JSON scanner: every token lies within the text, every string unescapes or is refused, and it ends. */
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_scanner scanner;
    struct str text = str_make(data, size);
    struct buffer decoded;
    buffer_init(&decoded, size + 4);
    json_scanner_init(&scanner, text);
    for (size_t tokens = 0; tokens <= size + 1; tokens++) {
        struct str raw;
        enum json_token event = json_next(&scanner, &raw);
        if (event == JSON_TOKEN_END || event == JSON_TOKEN_BAD) break;
        CHECK(raw.data >= text.data && raw.data + raw.length <= text.data + text.length);
        if (event != JSON_TOKEN_STRING && event != JSON_TOKEN_KEY) continue;
        buffer_clear(&decoded);
        if (json_unescape(raw, &decoded) == 0) CHECK(utf8_is_valid(buffer_view(&decoded)));
    }
    buffer_free(&decoded);
    return 0;
}
