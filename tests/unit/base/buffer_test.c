#include "base/buffer.h"
#include "tests/unit/tap.h"

int main(void) {
    struct buffer buffer;
    buffer_init(&buffer, 1024);
    buffer_append_u32be(&buffer, 0);
    buffer_append_cstr(&buffer, "hello");
    buffer_append_format(&buffer, " %s %d", "world", 42);
    buffer_append_i64_decimal(&buffer, INT64_MIN);
    buffer_patch_u32be(&buffer, 0, 0x01020304);
    is_str(buffer_view(&buffer), STR("\1\2\3\4hello world 42-9223372036854775808"), "appends and patch");
    buffer_consume(&buffer, 9);
    buffer_truncate(&buffer, 6);
    is_str(buffer_view(&buffer), STR(" world"), "consume and truncate");

    for (int i = 0; i < 1000; i++) {
        buffer_append(&buffer, "0123456789", 10);
        buffer_consume(&buffer, 10);
    }
    ok(!buffer_failed(&buffer) && buffer_length(&buffer) == 6, "consumed room is used again");

    char large[1024] = {0};
    buffer_append(&buffer, large, sizeof(large));
    ok(buffer_failed(&buffer) && buffer_length(&buffer) == 6, "past the cap it fails and keeps what it had");
    buffer_append_byte(&buffer, 'x');
    ok(buffer_length(&buffer) == 6, "the failure sticks");
    buffer_clear(&buffer);
    ok(!buffer_failed(&buffer) && buffer_length(&buffer) == 0, "clear");
    buffer_free(&buffer);
    return tap_done();
}
