/* Who acts. A principal belongs to the identity snapshot it was looked up in and lives as long as that snapshot. */
#ifndef SWORN_MODEL_PRINCIPAL_H
#define SWORN_MODEL_PRINCIPAL_H

#include "base/str.h"

enum principal_kind { PRINCIPAL_USER, PRINCIPAL_AGENT, PRINCIPAL_SERVICE };

struct principal {
    enum principal_kind kind;
    struct str name;
    const struct str *groups;
    size_t group_count;
    const struct principal *on_behalf_of; /* agents only; NULL when none */
};

/* "User", "Agent", "Service": the Cedar entity type within Sworn. */
struct str principal_kind_name(enum principal_kind kind);
bool principal_is_in_group(const struct principal *principal, struct str group);

#endif
