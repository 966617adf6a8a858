/* Names of prepared statements and portals whose Parse, Bind or Close is under way.
 *
 * What a name stands for on the server is known for certain only once the server has answered: a Close that the server
 * skipped after an error, or a Parse of a name that exists, changes nothing there. So what the server confirmed is kept
 * by the SQL session (wire/postgres/sql.h), and here stands only what was sent and not answered. Within one batch
 * (until Sync) the newest counts, because the server either does all of it or skips what follows; in a later batch the
 * name must not be used before the answer is there.
 *
 * A name is freed when nothing is under way for it and no parameters are kept. Nothing parks. */
#ifndef SWORN_WIRE_POSTGRES_NAMES_H
#define SWORN_WIRE_POSTGRES_NAMES_H

#include "base/digest.h"
#include "base/map.h"
#include "detect/classes.h"
#include "wire/postgres/sql.h"

#define NAMES_MAX 20000u
#define NAME_BYTES_MAX 63u

/* As the server compares names: by their first NAMEDATALEN - 1 bytes, so that two long names can be one. */
static inline struct str name_clip(struct str name) { return str_slice(name, 0, NAME_BYTES_MAX); }

enum name_kind { NAME_STATEMENT, NAME_PORTAL };

/* What all the parameters of a session may take that are kept to be shown; what is more is not kept. */
#define NAME_PARAMETERS_BYTES_MAX ((size_t)1 << 20)

/* What a Bind gave, or what types a Parse named; counted by references. */
struct name_parameters {
    uint32_t reference_count;
    struct str types;   /* u32 each, as in Parse: of the statement that a Bind is of */
    struct str formats; /* u16 each, as in Bind */
    struct str values;  /* as in Bind */
    size_t type_count;
    size_t format_count;
    size_t value_count;
    char *bytes;        /* where these lie */
    size_t length_bytes;
    size_t *kept_bytes; /* of the session */
    bool is_cut;        /* they are not kept: there were too many */
    struct sha256 digest; /* of all values with their lengths */
    struct class_counts found;
    bool is_doubtful; /* the values could not be inspected: what runs with them is refused */
};

struct name {
    struct str key; /* kind byte and name; points into bytes */
    uint32_t in_flight;
    uint64_t batch;                        /* of the newest that is under way */
    const struct sql_analysis *analysis;   /* its result, held; NULL: removed or unknown */
    const struct sql_statement *statement;
    struct name_parameters *parameters;
    /* Of the portal that the server has confirmed: */
    const struct sql_statement *confirmed_statement;
    struct name_parameters *confirmed_parameters;
    char bytes[];
};

struct names {
    struct map map;
};

void names_init(struct names *names);
void names_free(struct names *names);

/* NULL when the name is not under way and nothing is kept for it. */
struct name *names_find(const struct names *names, enum name_kind kind, struct str name);
/* Says that a message is under way which makes the name stand for the analysis (NULL: for nothing). Holds both. NULL at
 * NAMES_MAX or when memory is out. */
struct name *names_send(struct names *names, enum name_kind kind, struct str name, uint64_t batch,
                        const struct sql_analysis *analysis, const struct sql_statement *statement,
                        struct name_parameters *parameters) MUST_USE;
/* The message was answered; or it never will be (skipped, dropped). The name may be freed. */
void names_confirm(struct names *names, struct name *name, const struct sql_statement *statement,
                   struct name_parameters *parameters);
void names_give_up(struct names *names, struct name *name);
/* All portals are gone: the transaction ended. */
void names_forget_portals(struct names *names);

enum name_kind name_kind_of(const struct name *name);
struct str name_text(const struct name *name);

struct name_parameters *name_parameters_new(void) MUST_USE;
/* Copies types, formats and values, which are set and borrowed; within the session's limit, else is_cut. */
void name_parameters_keep(struct name_parameters *parameters, size_t *kept_bytes);
struct name_parameters *name_parameters_hold(struct name_parameters *parameters); /* NULL is accepted */
void name_parameters_release(struct name_parameters **parameters);

#endif
