/* An analysis or an action as one line of text, to compare with what a table says. */
#ifndef SWORN_TESTS_UNIT_WIRE_SQL_RENDER_H
#define SWORN_TESTS_UNIT_WIRE_SQL_RENDER_H

#include <stdlib.h>

#include "base/buffer.h"
#include "wire/postgres/sql.h"

static inline int render_compare(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

/* Words sorted, without duplicates, one space between. */
static inline void render_words(struct buffer *out, struct str *words, size_t count) {
    if (count > 1) qsort(words, count, sizeof(*words), render_compare);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && str_equal(words[i], words[i - 1])) continue;
        if (buffer_length(out) > 0) buffer_append_byte(out, ' ');
        buffer_append_str(out, words[i]);
    }
}

/* "read:public.orders write:db", the verb of each step and its table without the first two parts of the id. */
static inline void render_steps(struct buffer *out, struct action *action) {
    static struct str words[20000];
    CHECK(action->step_count <= LENGTH_OF(words));
    for (size_t i = 0; i < action->step_count; i++) {
        const struct action_step *step = &action->steps[i];
        struct str id = step->resource->id;
        bool is_table = str_equal_cstr(step->resource->type, "Table");
        size_t skipped = sizeof("prod/shop/") - 1;
        words[i] = arena_format(&action->arena, "%.*s:%.*s", STR_ARGS(str_slice(step->verb, 4, 64)),
                                STR_ARGS(is_table ? str_slice(id, skipped, id.length) : STR("db")));
    }
    render_words(out, words, action->step_count);
}

static const struct sql_target render_target = {{"prod", 4}, {"shop", 4}, {"shop", 4}, false, {"owner", 5}};

/* What `text` does in the session: rendered steps. */
static inline void render_text(struct buffer *out, struct sql_session *session, struct str text) {
    struct error error = {0};
    const struct sql_analysis *analysis = sql_analyze(NULL, text, &error);
    struct action *action = action_new(1, 1);
    CHECK(analysis != NULL && action != NULL);
    sql_session_describe(session, analysis, &render_target, action);
    if (action->refusal.length == 0) render_steps(out, action);
    else buffer_append_cstr(out, "refused");
    action_free(&action);
    sql_analysis_release(&analysis);
}

#endif
