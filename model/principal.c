/* Small questions about a principal. */
#include "model/principal.h"

struct str principal_kind_name(enum principal_kind kind) {
    static const struct str names[] = {
        [PRINCIPAL_USER] = {"User", 4}, [PRINCIPAL_AGENT] = {"Agent", 5}, [PRINCIPAL_SERVICE] = {"Service", 7}};
    return names[kind];
}

bool principal_is_in_group(const struct principal *principal, struct str group) {
    for (size_t i = 0; i < principal->group_count; i++) {
        if (str_equal(principal->groups[i], group)) return true;
    }
    return false;
}
