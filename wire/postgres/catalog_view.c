/* The definition is read as any other statement: its outputs are the view's columns, in their order. */
#include "wire/postgres/catalog_view.h"

#include <ctype.h>

#include "wire/postgres/sql.h"

static bool holds(const struct str *names, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal(names[i], name)) return true;
    }
    return false;
}

static bool is_word_byte(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static size_t collect_words(struct str text, struct str *words) {
    size_t count = 0;
    for (size_t at = 0; at < text.length && count < CATALOG_SOURCES_MAX;) {
        size_t end = at;
        while (end < text.length && is_word_byte(text.data[end])) end++;
        struct str word = str_slice(text, at, end);
        if (word.length > 0 && !holds(words, count, word)) words[count++] = word;
        at = end + 1;
    }
    return count;
}

static const struct str *keep(struct arena *arena, const struct str *names, size_t count) {
    struct str *kept = ARENA_NEW_ARRAY(arena, struct str, count + 1);
    for (size_t i = 0; kept != NULL && i < count; i++) {
        kept[i] = arena_copy(arena, names[i]);
        if (names[i].length > 0 && kept[i].data == NULL) return NULL;
    }
    return kept;
}

static int share(struct arena *arena, const struct str *names, size_t name_count, struct catalog_alias *aliases,
                 size_t count) {
    const struct str *kept = keep(arena, names, name_count);
    for (size_t i = 0; kept != NULL && i < count; i++) {
        aliases[i].sources = kept;
        aliases[i].source_count = name_count;
    }
    return kept != NULL ? 0 : -1;
}

static int read_statement(struct arena *arena, const struct sql_statement *statement, struct str definition,
                          struct catalog_alias *aliases, size_t count) {
    if (statement->output_count == count) {
        for (size_t i = 0; i < count; i++) {
            const struct sql_output *output = &statement->outputs[i];
            if (share(arena, output->names, output->name_count, &aliases[i], 1) != 0) return -1;
        }
        return 0;
    }
    if (statement->column_count > 0) return share(arena, statement->columns, statement->column_count, aliases, count);
    struct str *words = ARENA_NEW_ARRAY(arena, struct str, CATALOG_SOURCES_MAX);
    return words != NULL ? share(arena, words, collect_words(definition, words), aliases, count) : -1;
}

int catalog_view_read(struct arena *arena, struct str definition, struct catalog_alias *aliases, size_t count,
                      struct error *error) {
    static const struct sql_statement nothing;
    const struct sql_analysis *analysis = sql_analyze(NULL, definition, error);
    if (analysis == NULL) return -1;
    const struct sql_statement *statement = analysis->statement_count == 1 ? &analysis->statements[0] : &nothing;
    int result = read_statement(arena, statement, definition, aliases, count);
    sql_analysis_release(&analysis);
    return result == 0 ? 0 : error_out_of_memory(error);
}

int catalog_view_resolve(struct arena *arena, const struct catalog_alias *aliases, size_t alias_count, struct str name,
                         const struct str **sources, size_t *source_count, struct error *error) {
    struct str *all = ARENA_NEW_ARRAY(arena, struct str, CATALOG_SOURCES_MAX + 1);
    if (all == NULL) return error_out_of_memory(error);
    size_t count = 0;
    all[count++] = name;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < alias_count; j++) {
            if (!str_equal(aliases[j].name, all[i])) continue;
            for (size_t k = 0; k < aliases[j].source_count && count <= CATALOG_SOURCES_MAX; k++) {
                if (!holds(all, count, aliases[j].sources[k])) all[count++] = aliases[j].sources[k];
            }
        }
    }
    *sources = all + 1;
    *source_count = count - 1;
    return 0;
}
