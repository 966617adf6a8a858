/* How deep may the parse tree of a text be? The parser and what packs its tree recurse, and they do not guard their
 * stack, so the answer must come before they run. It is an upper bound, from one scan over the tokens.
 *
 * Along a path from the root to a leaf each level costs a token at least. The path passes through brackets (and CASE
 * ... END) into one group after the other. Within a group it passes through joins and set operations, which form a
 * chain, and then through one segment: the tokens between commas, semicolons and, as the parser keeps their operands in
 * one flat list, AND and OR. So
 *
 *     bound(group) = joins and set operations + longest segment + deepest group within
 *
 * AND does not part segments after BETWEEN, which it belongs to. CASE and END after a point or AS are plain names. */
#include <pg_query.h>
#include <stdlib.h>

#include "wire/postgres/sql_builder.h"

struct depth_group {
    size_t chained;
    size_t segment;
    size_t longest_segment;
    size_t deepest_within;
    bool is_case;
    bool has_between;
};

struct depth_scan {
    struct depth_group groups[SQL_DEPTH_MAX + 1];
    size_t top;
    uint64_t last_token;
    bool is_too_deep;
};

static void end_segment(struct depth_group *group) {
    if (group->segment > group->longest_segment) group->longest_segment = group->segment;
    group->segment = 0;
    group->has_between = false;
}

static void open_group(struct depth_scan *scan, bool is_case) {
    if (scan->top == SQL_DEPTH_MAX) {
        scan->is_too_deep = true;
        return;
    }
    scan->groups[++scan->top] = (struct depth_group){.is_case = is_case};
}

static size_t bound_of(struct depth_group *group) {
    end_segment(group);
    return group->chained + group->longest_segment + group->deepest_within + 1;
}

static void close_group(struct depth_scan *scan) {
    if (scan->top == 0) return;
    size_t bound = bound_of(&scan->groups[scan->top--]);
    struct depth_group *outer = &scan->groups[scan->top];
    if (bound > outer->deepest_within) outer->deepest_within = bound;
}

static void take_token(struct depth_scan *scan, uint64_t token) {
    struct depth_group *group = &scan->groups[scan->top];
    if (token == PG_QUERY__TOKEN__SQL_COMMENT || token == PG_QUERY__TOKEN__C_COMMENT) return;
    bool is_name = scan->last_token == '.' || scan->last_token == PG_QUERY__TOKEN__AS;
    scan->last_token = token;
    group->segment++;
    switch (token) {
    case '(':
    case '[':
        open_group(scan, false);
        break;
    case ')':
    case ']':
        while (scan->top > 0 && scan->groups[scan->top].is_case) close_group(scan);
        close_group(scan);
        break;
    case PG_QUERY__TOKEN__CASE:
        if (!is_name) open_group(scan, true);
        break;
    case PG_QUERY__TOKEN__END_P:
        if (!is_name && group->is_case) close_group(scan);
        break;
    case ',':
    case ';':
        end_segment(group);
        break;
    case PG_QUERY__TOKEN__AND:
    case PG_QUERY__TOKEN__OR:
        if (!group->has_between && !is_name) end_segment(group);
        break;
    case PG_QUERY__TOKEN__WHEN:
    case PG_QUERY__TOKEN__THEN:
    case PG_QUERY__TOKEN__ELSE:
        if (group->is_case && !is_name) end_segment(group);
        break;
    case PG_QUERY__TOKEN__BETWEEN:
        group->has_between = true;
        break;
    case PG_QUERY__TOKEN__JOIN:
    case PG_QUERY__TOKEN__UNION:
    case PG_QUERY__TOKEN__INTERSECT:
    case PG_QUERY__TOKEN__EXCEPT:
        end_segment(group);
        group->chained++;
        break;
    default:
        break;
    }
}

/* The scan's result is protobuf: ScanResult { int32 version = 1; repeated ScanToken tokens = 2; }, and in a token
 * field 4 is its kind. It is read in place: a statement may have millions. */
static int read_varint(struct str *rest, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; shift < 64 && rest->length > 0; shift += 7) {
        uint8_t byte = (uint8_t)rest->data[0];
        *rest = str_slice(*rest, 1, rest->length);
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return 0;
    }
    return -1;
}

static int read_token(struct str message, uint64_t *token) {
    *token = 0;
    while (message.length > 0) {
        uint64_t key;
        uint64_t value;
        if (read_varint(&message, &key) != 0 || (key & 7) != 0 || read_varint(&message, &value) != 0) return -1;
        if (key >> 3 == 4) *token = value;
    }
    return 0;
}

static int take_tokens(struct depth_scan *scan, struct str rest) {
    while (rest.length > 0) {
        uint64_t key;
        uint64_t value;
        uint64_t token;
        if (read_varint(&rest, &key) != 0 || read_varint(&rest, &value) != 0) return -1;
        if ((key & 7) == 0) continue;
        if ((key & 7) != 2 || value > rest.length) return -1;
        if (key >> 3 == 2) {
            if (read_token(str_slice(rest, 0, value), &token) != 0) return -1;
            take_token(scan, token);
        }
        rest = str_slice(rest, value, rest.length);
    }
    return 0;
}

int sql_depth_bound(const char *text, size_t length, size_t *depth, struct error *error) {
    *depth = length;
    if (length <= SQL_DEPTH_MAX) return 0; /* no more tokens than bytes */
    PgQueryScanResult scanned = pg_query_scan(text);
    struct depth_scan *scan = calloc(1, sizeof(*scan));
    int result = 0;
    if (scanned.error != NULL) {
        result = error_set(error, ERROR_INVALID, "%s", scanned.error->message);
    } else if (scan == NULL) {
        result = error_out_of_memory(error);
    } else if (take_tokens(scan, str_make(scanned.pbuf.data, scanned.pbuf.len)) != 0) {
        result = error_set(error, ERROR_INVALID, "the statement cannot be scanned");
    } else {
        while (scan->top > 0) close_group(scan);
        *depth = scan->is_too_deep ? SIZE_MAX : bound_of(&scan->groups[0]);
    }
    free(scan);
    pg_query_free_scan_result(scanned);
    return result;
}
