/* Where a session stands: what its names mean and who acts.
 *
 * struct sql_place is what the server said when it was asked: immutable, counted by references. struct sql_state is a
 * place while one text is read: a SET in the text moves it on for the statements behind it, and what is not plain (code,
 * the end of a transaction that changed settings) makes it unknown. Between actions nothing is followed: whatever may
 * move the session drops its place, and the server is asked again (inquiry.h). */
#ifndef SWORN_WIRE_POSTGRES_SQL_PLACE_H
#define SWORN_WIRE_POSTGRES_SQL_PLACE_H

#include "wire/postgres/sql.h"

struct sql_place {
    uint32_t reference_count;
    uint64_t learned_ns;
    struct arena arena;
    struct str user;         /* current_user */
    struct str session_user;
    struct str temporary;    /* the schema of its temporary tables; empty: none */
    const struct str *path;  /* search_path as it was set, "$user" as it stands */
    size_t path_count;
    bool has_old_snapshot;
    bool has_reset_path;     /* what search_path is reset to was asked for */
    const struct str *reset_path;
    size_t reset_path_count;
    const struct str *schemas; /* those of it that are there */
    size_t schema_count;
};

struct sql_place *sql_place_new(const struct sql_known *known) MUST_USE; /* NULL when memory is out, or unreadable */
struct sql_place *sql_place_hold(struct sql_place *place); /* NULL is accepted */
void sql_place_release(struct sql_place **place);

struct sql_state {
    const struct sql_place *place; /* borrowed; NULL: the server has not been asked */
    bool is_path_known;
    bool lacks_reset;              /* the path was reset, to what nobody has asked for */
    const struct str *path;
    size_t path_count;
    bool is_user_known;
    bool is_session_user_set;
    struct str user;
    bool has_changed_path;         /* which the end of the transaction, or of a savepoint, may undo */
    bool has_changed_user;
};

void sql_state_begin(struct sql_state *state, const struct sql_place *place, bool has_changed);
void sql_state_doubt(struct sql_state *state);
void sql_state_doubt_path(struct sql_state *state); /* but who acts is known */
/* What a statement leaves behind for the next one of its text. -1 when memory is out. */
int sql_state_take(struct sql_state *state, struct arena *arena, const struct sql_effect *effect) MUST_USE;
/* It may change where the session stands. */
bool sql_effect_moves(const struct sql_effect *effect, bool has_changed);

#endif
