/* What the relations of a database are, and what else is touched with them: the parents of a partition or a child, the
 * children of a parent, the tables in a view, what stands behind a foreign table, the table of an index.
 *
 * The server says so when it is asked (inquiry.h). struct relations remembers it by schema and name: one a database is
 * shared by all workers (behind a mutex that is never held across a park), and a session keeps one of its own for what
 * only its transaction sees. What is remembered is believed for RELATIONS_AGE_NS, and only as long as nothing that sworn
 * sent may have changed it (relations_touch): each entry carries the generation in which it was asked for. Nothing parks. */
#ifndef SWORN_WIRE_POSTGRES_RELATIONS_H
#define SWORN_WIRE_POSTGRES_RELATIONS_H

#include "base/arena.h"

#define RELATIONS_AGE_NS (60ull * 1000 * 1000 * 1000)
#define RELATIONS_MAX 100000u   /* of one database; at the maximum all are forgotten */
#define RELATIONS_LINKS_MAX 5000u /* of one relation: one with more is not remembered */
#define RELATIONS_DATABASES_MAX 1000u

struct relation_link {
    struct str schema;
    struct str name;
    bool is_within;  /* in a view or a rule, or behind a foreign table */
    bool is_by_rule; /* and touched by what writes only */
};

struct relation {
    bool is_stored; /* a materialized view: it is read without what is in it being touched */
    bool runs_code; /* of users: triggers, rules, defaults, policies, functions in a view */
    const struct relation_link *links;
    size_t link_count;
};

enum relation_answer { RELATION_UNKNOWN, RELATION_ABSENT, RELATION_FOUND };

struct relations;

/* The one of a database; NULL when memory is out or there are RELATIONS_DATABASES_MAX. It lives as long as the process. */
struct relations *relations_of(struct str upstream, struct str database);
struct relations *relations_new(void);
void relations_free(struct relations **relations);

uint64_t relations_generation(struct relations *relations);
void relations_touch(struct relations *relations);

/* By a schema and a name. An empty schema stands for all: the links are the relations of that name. *relation is copied
 * into the arena; UNKNOWN also when that is full. */
enum relation_answer relations_find(struct relations *relations, uint64_t generation, struct str schema, struct str name,
                                    struct arena *arena, struct relation *relation);
/* relation NULL: there is none. What cannot be kept is forgotten. */
void relations_keep(struct relations *relations, uint64_t generation, struct str schema, struct str name,
                    const struct relation *relation);
void relations_forget_all(void);

#endif
