#include "base/map.h"
#include "tests/unit/tap.h"

#define KEY_COUNT 5000

int main(void) {
    static char keys[KEY_COUNT][16];
    struct map map;
    map_init(&map);
    ok(map_get(&map, STR("absent")) == NULL && map_remove(&map, STR("absent")) == NULL, "empty");
    for (int i = 0; i < KEY_COUNT; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
        if (map_set(&map, str_from_cstr(keys[i]), keys[i]) != 0) ok(false, "set");
    }
    for (int i = 0; i < KEY_COUNT; i += 3) {
        if (map_remove(&map, str_from_cstr(keys[i])) != keys[i]) ok(false, "remove returns what was there");
    }
    int wrong = 0;
    for (int i = 0; i < KEY_COUNT; i++) {
        const void *wanted = i % 3 == 0 ? NULL : keys[i];
        if (map_get(&map, str_from_cstr(keys[i])) != wanted) wrong++;
    }
    is_integer(wrong, 0, "after removals every other key is still found");
    size_t cursor = 0;
    size_t seen = 0;
    while (map_next(&map, &cursor, NULL, NULL)) seen++;
    is_integer(seen, map.count, "iteration sees each entry once");
    map_clear(&map);
    ok(map.count == 0 && map_get(&map, str_from_cstr(keys[1])) == NULL, "clear");
    map_free(&map);
    return tap_done();
}
