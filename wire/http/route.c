/* Templates are short and few: each is walked segment by segment beside the path. */
#include "wire/http/route.h"

#include "wire/http1/target.h"

static bool is_parameter(struct str segment) { return segment.length > 2 && segment.data[0] == '{'; }

/* Takes "/segment" off the front. False when nothing is left. */
static bool take_segment(struct str *path, struct str *segment) {
    if (path->length == 0 || path->data[0] != '/') return false;
    struct str rest = str_slice(*path, 1, path->length);
    size_t end = str_find_byte(rest, '/');
    if (end == STR_NOT_FOUND) end = rest.length;
    *segment = str_slice(rest, 0, end);
    *path = str_slice(rest, end, rest.length);
    return true;
}

static bool match_segment(struct str wanted, struct str given, struct arena *arena, struct route *route) {
    struct str decoded;
    if (http_percent_decode(given, arena, &decoded, NULL) != 0) return false;
    if (!is_parameter(wanted)) return str_equal(wanted, decoded);
    if (decoded.length == 0 || route->parameter_count == ROUTE_PARAMETERS_MAX) return false;
    struct str name = str_slice(wanted, 1, wanted.length - 1);
    route->parameters[route->parameter_count++] = (struct route_parameter){name, decoded};
    return true;
}

bool route_match(struct str path_template, struct str path, struct arena *arena, struct route *route) {
    struct str wanted;
    struct str given;
    route->parameter_count = 0;
    while (take_segment(&path_template, &wanted)) {
        if (!take_segment(&path, &given) || !match_segment(wanted, given, arena, route)) return false;
    }
    return path.length == 0;
}

void route_find(const struct operation_table *table, struct str method, struct str path, struct arena *arena,
                struct route *route) {
    *route = (struct route){.operation = NULL};
    for (size_t i = 0; table != NULL && i < table->count && route->operation == NULL; i++) {
        const struct operation *row = &table->items[i];
        bool is_it = str_equal(row->method, method) && route_match(row->path_template, path, arena, route);
        if (is_it) route->operation = row;
    }
    if (route->operation == NULL) route->parameter_count = 0;
}

static int decode_query_part(struct str part, struct arena *arena, struct str *out, struct error *error) {
    char *bytes = arena_alloc(arena, part.length + 1);
    if (bytes == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < part.length; i++) bytes[i] = part.data[i] == '+' ? ' ' : part.data[i];
    return http_percent_decode(str_make(bytes, part.length), arena, out, error);
}

int route_query(struct str query, struct arena *arena, struct route_parameter **parameters, size_t *count,
                struct error *error) {
    *count = 0;
    *parameters = ARENA_NEW_ARRAY(arena, struct route_parameter, ROUTE_QUERY_MAX);
    if (*parameters == NULL) return error_out_of_memory(error);
    struct str pair;
    while (str_split(&query, '&', &pair)) {
        if (pair.length == 0) continue;
        if (*count == ROUTE_QUERY_MAX) {
            return error_set(error, ERROR_LIMIT, "a query has more than %d parameters", ROUTE_QUERY_MAX);
        }
        size_t equals = str_find_byte(pair, '=');
        struct str name = str_slice(pair, 0, equals == STR_NOT_FOUND ? pair.length : equals);
        struct str value = equals == STR_NOT_FOUND ? STR("") : str_slice(pair, equals + 1, pair.length);
        struct route_parameter *parameter = &(*parameters)[(*count)++];
        if (decode_query_part(name, arena, &parameter->name, error) != 0 ||
            decode_query_part(value, arena, &parameter->value, error) != 0) {
            return -1;
        }
    }
    return 0;
}
