#include "base/arena.h"
#include "tests/unit/tap.h"

int main(void) {
    struct arena arena;
    arena_init(&arena, 64 * 1024);
    char *first = arena_alloc(&arena, 10);
    ok(first != NULL && (uintptr_t)first % 16 == 0, "aligned");
    is_str(arena_copy(&arena, STR("copied")), STR("copied"), "copy");
    is_str(arena_format(&arena, "%d-%s", 7, "x"), STR("7-x"), "format");
    size_t count = 0;
    while (arena_alloc(&arena, 1000) != NULL) count++;
    ok(count >= 50 && count <= 66, "the cap bounds the sum");
    ok(arena_alloc(&arena, SIZE_MAX) == NULL, "a size that overflows is refused");
    ok(arena_alloc_array(&arena, SIZE_MAX / 2, 4) == NULL, "a product that overflows is refused");
    arena_reset(&arena);
    char *again = arena_alloc(&arena, 3000);
    bool is_zero = again != NULL;
    for (size_t i = 0; is_zero && i < 3000; i++) is_zero = again[i] == 0;
    ok(is_zero, "zeroed after a reset");
    arena_free(&arena);
    ok(arena.newest == NULL, "free empties it");
    return tap_done();
}
