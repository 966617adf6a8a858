/* What stands behind the columns of views. */
#include "wire/postgres/catalog_view.h"

#include "base/buffer.h"
#include "tests/unit/tap.h"

#define COLUMNS_MAX 3
#define VIEWS_MAX 2

struct view {
    const char *columns[COLUMNS_MAX];
    const char *definition;
};

static const struct {
    const char *label;
    struct view views[VIEWS_MAX];
    const char *wanted; /* the sources of the first view's columns, in their order */
} rows[] = {
    {"renamed", {{{"a", "b"}, " SELECT t.born AS a,\n    t.id AS b\n   FROM t;"}}, "born | id"},
    {"computed", {{{"a", "b"}, " SELECT (t.x || t.y) AS a,\n    1 AS b\n   FROM t;"}}, "x y | "},
    {"by a key", {{{"a"}, " SELECT (t.doc ->> 'born'::text) AS a\n   FROM t;"}}, "born doc"},
    {"through a subquery", {{{"a"}, " SELECT s.x AS a FROM ( SELECT t.born AS x FROM t) s;"}}, "born x"},
    {"renamed after it was made", {{{"z"}, " SELECT t.born AS a\n   FROM t;"}}, "born"},
    {"a view on a view", {{{"a"}, " SELECT v.x AS a FROM v;"}, {{"x"}, " SELECT t.born AS x FROM t;"}}, "x born"},
    {"names in a circle", {{{"a"}, " SELECT v.b AS a FROM v;"}, {{"b"}, " SELECT t.a AS b FROM t;"}}, "b"},
    {"of a union: all for each", {{{"a", "b"}, " SELECT t.x AS a, t.y AS b FROM t UNION SELECT u.z, 1 FROM u;"}},
     "x y z | x y z"},
    {"not understood: each word", {{{"a"}, " SELECT born AS a FROM t TWIST AROUND;"}}, "SELECT born AS FROM t TWIST AROUND"},
    {"of another count", {{{"a", "b"}, " SELECT t.born AS a FROM t;"}}, "born | born"},
};

static void render(struct buffer *out, const struct str *sources, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buffer_append_format(out, "%s%.*s", i > 0 ? " " : "", STR_ARGS(sources[i]));
    }
}

static size_t count_columns(const struct view *view) {
    size_t count = 0;
    while (count < COLUMNS_MAX && view->columns[count] != NULL) count++;
    return count;
}

static void check_row(size_t row) {
    struct arena arena;
    struct error error = {0};
    struct catalog_alias aliases[COLUMNS_MAX * VIEWS_MAX] = {0};
    struct buffer got;
    size_t alias_count = 0;
    arena_init(&arena, 1u << 20);
    buffer_init(&got, 4096);
    for (size_t i = 0; i < VIEWS_MAX && rows[row].views[i].definition != NULL; i++) {
        const struct view *view = &rows[row].views[i];
        size_t count = count_columns(view);
        for (size_t j = 0; j < count; j++) aliases[alias_count + j].name = str_from_cstr(view->columns[j]);
        is_integer(catalog_view_read(&arena, str_from_cstr(view->definition), &aliases[alias_count], count, &error), 0,
                   rows[row].label);
        alias_count += count;
    }
    for (size_t i = 0; i < count_columns(&rows[row].views[0]); i++) {
        const struct str *sources;
        size_t count;
        is_integer(catalog_view_resolve(&arena, aliases, alias_count, aliases[i].name, &sources, &count, &error), 0,
                   rows[row].label);
        if (i > 0) buffer_append_cstr(&got, " | ");
        render(&got, sources, count);
    }
    is_str(buffer_view(&got), str_from_cstr(rows[row].wanted), rows[row].label);
    buffer_free(&got);
    arena_free(&arena);
}

static void check_cap(void) {
    struct arena tiny;
    struct error error = {0};
    struct catalog_alias alias = {.name = STR("a")};
    const struct str *sources;
    size_t count;
    arena_init(&tiny, 8);
    is_integer(catalog_view_read(&tiny, STR("SELECT born AS a FROM t"), &alias, 1, &error), -1, "no room for names");
    is_integer(catalog_view_resolve(&tiny, &alias, 1, STR("a"), &sources, &count, &error), -1, "nor for sources");
    arena_free(&tiny);
}

int main(void) {
    for (size_t i = 0; i < LENGTH_OF(rows); i++) check_row(i);
    check_cap();
    return tap_done();
}
