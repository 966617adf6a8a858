/* Settings of a session as values that are cheap to copy: a transaction and each savepoint keep their own. */
#include <stdlib.h>

#include "wire/postgres/sql_session.h"

struct sql_names *sql_names_new(const struct str *names, size_t count) {
    size_t bytes = sizeof(struct sql_names) + count * sizeof(struct str);
    for (size_t i = 0; i < count; i++) {
        if (__builtin_add_overflow(bytes, names[i].length, &bytes)) return NULL;
    }
    struct sql_names *made = calloc(1, bytes);
    if (made == NULL) return NULL;
    made->reference_count = 1;
    made->count = count;
    char *next = (char *)&made->names[count];
    for (size_t i = 0; i < count; i++) {
        if (names[i].length > 0) memcpy(next, names[i].data, names[i].length);
        made->names[i] = str_make(next, names[i].length);
        next += names[i].length;
    }
    return made;
}

struct sql_names *sql_names_hold(struct sql_names *names) {
    if (names != NULL) names->reference_count++;
    return names;
}

void sql_names_release(struct sql_names **names) {
    if (*names != NULL && --(*names)->reference_count == 0) free(*names);
    *names = NULL;
}

void sql_settings_copy(struct sql_settings *to, const struct sql_settings *from) {
    struct sql_settings copy = *from;
    for (size_t i = 0; i < SQL_SETTING_COUNT; i++) {
        sql_names_hold(copy.session[i]);
        sql_names_hold(copy.local[i]);
    }
    sql_settings_free(to);
    *to = copy;
}

void sql_settings_free(struct sql_settings *settings) {
    for (size_t i = 0; i < SQL_SETTING_COUNT; i++) {
        sql_names_release(&settings->session[i]);
        sql_names_release(&settings->local[i]);
        settings->is_local[i] = false;
    }
}

void sql_settings_end_local(struct sql_settings *settings) {
    for (size_t i = 0; i < SQL_SETTING_COUNT; i++) {
        sql_names_release(&settings->local[i]);
        settings->is_local[i] = false;
    }
}

const struct sql_names *sql_settings_get(const struct sql_settings *settings, enum sql_setting setting) {
    return settings->is_local[setting] ? settings->local[setting] : settings->session[setting];
}

static void put(struct sql_settings *settings, enum sql_setting setting, bool is_local, struct sql_names *names) {
    sql_names_release(&settings->local[setting]);
    settings->is_local[setting] = is_local;
    if (is_local) {
        settings->local[setting] = names;
        return;
    }
    sql_names_release(&settings->session[setting]);
    settings->session[setting] = names;
}

/* What was there and what may come instead: a name may mean either. */
static struct sql_names *join_paths(const struct sql_names *old, const struct str *names, size_t count) {
    static const struct str fallback = {"public", 6};
    const struct str *old_names = old != NULL ? old->names : &fallback;
    size_t old_count = old != NULL ? old->count : 1;
    struct str both[2 * SQL_PATH_MAX];
    size_t total = 0;
    if (old_count + count > LENGTH_OF(both)) return NULL;
    for (size_t i = 0; i < old_count; i++) both[total++] = old_names[i];
    for (size_t i = 0; i < count; i++) both[total++] = names[i];
    return sql_names_new(both, total);
}

static int take_path(struct sql_settings *settings, const struct sql_effect *effect,
                     const struct sql_names *default_path) {
    struct sql_names *names = NULL;
    if (effect->is_maybe) {
        const struct sql_names *old = sql_settings_get(settings, SQL_SEARCH_PATH);
        names = join_paths(old != NULL ? old : default_path, effect->values, effect->value_count);
        if (names == NULL) return -1;
    } else if (!effect->is_default) {
        names = sql_names_new(effect->values, effect->value_count);
        if (names == NULL) return -1;
    }
    put(settings, SQL_SEARCH_PATH, effect->is_local, names);
    return 0;
}

static int take_user(struct sql_settings *settings, const struct sql_effect *effect, enum sql_setting setting) {
    struct sql_names *names = NULL;
    if (!effect->is_default) {
        names = sql_names_new(&effect->name, 1);
        if (names == NULL) return -1;
    }
    put(settings, setting, effect->is_local, names);
    if (setting == SQL_SESSION_USER) put(settings, SQL_ROLE, effect->is_local, NULL);
    return 0;
}

int sql_settings_take(struct sql_settings *settings, const struct sql_effect *effect,
                      const struct sql_names *default_path) {
    switch (effect->kind) {
    case SQL_EFFECT_SET_SEARCH_PATH:
        return take_path(settings, effect, default_path);
    case SQL_EFFECT_SET_ROLE:
        return take_user(settings, effect, SQL_ROLE);
    case SQL_EFFECT_SET_SESSION_USER:
        return take_user(settings, effect, SQL_SESSION_USER);
    case SQL_EFFECT_RESET_ALL: /* role and session_authorization are exempt */
        put(settings, SQL_SEARCH_PATH, false, NULL);
        return 0;
    case SQL_EFFECT_DISCARD:
        for (size_t i = 0; i < SQL_SETTING_COUNT; i++) put(settings, (enum sql_setting)i, false, NULL);
        return 0;
    default:
        return 0;
    }
}
