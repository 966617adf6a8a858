/* Values: equality, the order that sets and records are kept in, and their constructors. */
#include "cedar/value.h"

#define LINEAR_SEARCH_MAX 8u
#define HASH_FACTOR 0x9e3779b97f4a7c15u

void cedar_uid_init(struct cedar_uid *uid, struct str type, struct str id) {
    uint64_t type_hash = str_hash(type);
    uid->type = type;
    uid->id = id;
    uid->hash = str_hash(id) + ((type_hash << 23) | (type_hash >> 41)) * HASH_FACTOR;
}

const struct cedar_uid *cedar_uid_make(struct arena *arena, struct str type, struct str id) {
    struct cedar_uid *uid = ARENA_NEW(arena, struct cedar_uid);
    if (uid != NULL) cedar_uid_init(uid, type, id);
    return uid;
}

bool cedar_uid_equal(const struct cedar_uid *a, const struct cedar_uid *b) {
    return a == b || (a->hash == b->hash && str_equal(a->id, b->id) && str_equal(a->type, b->type));
}

static int compare_numbers(int64_t a, int64_t b) {
    return a < b ? -1 : a > b;
}

static int compare_uids(const struct cedar_uid *a, const struct cedar_uid *b) {
    if (a == b) return 0;
    if (a->hash != b->hash) return a->hash < b->hash ? -1 : 1;
    int order = cedar_name_compare(a->type, b->type);
    return order != 0 ? order : cedar_name_compare(a->id, b->id);
}

static int compare_sets(const struct cedar_set *a, const struct cedar_set *b) {
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        int order = cedar_value_compare(&a->members[i], &b->members[i]);
        if (order != 0) return order;
    }
    return 0;
}

static int compare_records(const struct cedar_record *a, const struct cedar_record *b) {
    if (a->count != b->count) return a->count < b->count ? -1 : 1;
    for (size_t i = 0; i < a->count; i++) {
        int order = cedar_name_compare(a->fields[i].name, b->fields[i].name);
        if (order == 0) order = cedar_value_compare(&a->fields[i].value, &b->fields[i].value);
        if (order != 0) return order;
    }
    return 0;
}

static int compare_ips(const struct cedar_ip *a, const struct cedar_ip *b) {
    if (a->is_v6 != b->is_v6) return a->is_v6 ? 1 : -1;
    if (a->prefix_bits != b->prefix_bits) return a->prefix_bits < b->prefix_bits ? -1 : 1;
    return memcmp(a->bytes, b->bytes, a->is_v6 ? 16 : 4);
}

/* Recursion: values nest at most CEDAR_VALUE_DEPTH_MAX deep from JSON, CEDAR_DEPTH_MAX deep from an expression. */
int cedar_value_compare(const struct cedar_value *a, const struct cedar_value *b) {
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    switch (a->kind) {
    case CEDAR_BOOL: return (int)a->boolean - (int)b->boolean;
    case CEDAR_STRING: return cedar_name_compare(a->string, b->string);
    case CEDAR_ENTITY: return compare_uids(a->entity, b->entity);
    case CEDAR_SET: return a->set == b->set ? 0 : compare_sets(a->set, b->set);
    case CEDAR_RECORD: return a->record == b->record ? 0 : compare_records(a->record, b->record);
    case CEDAR_IP: return compare_ips(a->ip, b->ip);
    default: return compare_numbers(a->number, b->number);
    }
}

bool cedar_value_equal(const struct cedar_value *a, const struct cedar_value *b) {
    return cedar_value_compare(a, b) == 0;
}

/* Heap sort: no memory of its own, no bad case. */
static void sift_down(struct cedar_value *members, size_t root, size_t count) {
    struct cedar_value moved = members[root];
    for (size_t child; (child = root * 2 + 1) < count; root = child) {
        if (child + 1 < count && cedar_value_compare(&members[child], &members[child + 1]) < 0) child++;
        if (cedar_value_compare(&moved, &members[child]) >= 0) break;
        members[root] = members[child];
    }
    members[root] = moved;
}

static void sort_members(struct cedar_value *members, size_t count) {
    size_t ordered = 1;
    while (ordered < count && cedar_value_compare(&members[ordered - 1], &members[ordered]) <= 0) ordered++;
    if (ordered >= count) return;
    for (size_t i = count / 2; i-- > 0;) sift_down(members, i, count);
    for (size_t end = count; end-- > 1;) {
        struct cedar_value largest = members[0];
        members[0] = members[end];
        members[end] = largest;
        sift_down(members, 0, end);
    }
}

int cedar_set_make(struct arena *arena, const struct cedar_value *members, size_t count, struct cedar_value *set) {
    if (count > CEDAR_MEMBERS_MAX) return -1;
    struct cedar_set *made = arena_alloc(arena, sizeof(*made) + count * sizeof(*members));
    if (made == NULL) return -1;
    if (count > 0) memcpy(made->members, members, count * sizeof(*members));
    sort_members(made->members, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && cedar_value_equal(&made->members[made->count - 1], &made->members[i])) continue;
        made->members[made->count++] = made->members[i];
    }
    *set = (struct cedar_value){.kind = CEDAR_SET, .set = made};
    return 0;
}

size_t cedar_set_count(const struct cedar_set *set) {
    return set->count;
}

const struct cedar_value *cedar_set_at(const struct cedar_set *set, size_t index) {
    return index < set->count ? &set->members[index] : NULL;
}

bool cedar_set_contains(const struct cedar_set *set, const struct cedar_value *value) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cedar_value_compare(value, &set->members[middle]);
        if (order == 0) return true;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return false;
}

bool cedar_set_contains_all(const struct cedar_set *set, const struct cedar_set *part) {
    if (part->count > set->count) return false;
    for (size_t i = 0; i < part->count; i++) {
        if (!cedar_set_contains(set, &part->members[i])) return false;
    }
    return true;
}

bool cedar_set_contains_any(const struct cedar_set *set, const struct cedar_set *part) {
    if (part->count > set->count) return cedar_set_contains_any(part, set);
    for (size_t i = 0; i < part->count; i++) {
        if (cedar_set_contains(set, &part->members[i])) return true;
    }
    return false;
}

struct cedar_record *cedar_record_new(struct arena *arena, size_t capacity) {
    if (capacity > CEDAR_MEMBERS_MAX) return NULL;
    struct cedar_record *record = arena_alloc(arena, sizeof(*record) + capacity * sizeof(struct cedar_field));
    if (record != NULL) record->capacity = (uint32_t)capacity;
    return record;
}

/* The field of that name, or where it belongs. */
static size_t find_field(const struct cedar_record *record, struct str name, bool *is_there) {
    size_t low = 0, high = record->count;
    *is_there = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cedar_name_compare(name, record->fields[middle].name);
        if (order == 0) {
            *is_there = true;
            return middle;
        }
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return low;
}

int cedar_record_set(struct cedar_record *record, struct str name, struct cedar_value value) {
    if (record == NULL) return -1;
    bool is_there;
    size_t index = find_field(record, name, &is_there);
    if (is_there) {
        record->fields[index].value = value;
        return 0;
    }
    if (record->count == record->capacity) return -1;
    memmove(&record->fields[index + 1], &record->fields[index], (record->count - index) * sizeof(record->fields[0]));
    record->fields[index] = (struct cedar_field){name, value};
    record->count++;
    return 0;
}

const struct cedar_value *cedar_record_get(const struct cedar_record *record, struct str name) {
    if (record == NULL) return NULL;
    if (record->count <= LINEAR_SEARCH_MAX) {
        for (size_t i = 0; i < record->count; i++) {
            if (str_equal(record->fields[i].name, name)) return &record->fields[i].value;
        }
        return NULL;
    }
    bool is_there;
    size_t index = find_field(record, name, &is_there);
    return is_there ? &record->fields[index].value : NULL;
}

size_t cedar_record_count(const struct cedar_record *record) {
    return record != NULL ? record->count : 0;
}

const struct cedar_value *cedar_record_at(const struct cedar_record *record, size_t index, struct str *name) {
    if (record == NULL || index >= record->count) return NULL;
    *name = record->fields[index].name;
    return &record->fields[index].value;
}

static int compare_fields(const void *a, const void *b) {
    return cedar_name_compare(((const struct cedar_field *)a)->name, ((const struct cedar_field *)b)->name);
}

int cedar_record_make(struct arena *arena, struct cedar_field *fields, size_t count, struct cedar_record **record,
                      struct str *duplicate) {
    *duplicate = STR_NONE;
    if (count > 1) qsort(fields, count, sizeof(*fields), compare_fields);
    for (size_t i = 1; i < count; i++) {
        if (!str_equal(fields[i - 1].name, fields[i].name)) continue;
        *duplicate = fields[i].name;
        return -1;
    }
    *record = cedar_record_new(arena, count);
    if (*record == NULL) return -1;
    if (count > 0) memcpy((*record)->fields, fields, count * sizeof(*fields));
    (*record)->count = (uint32_t)count;
    return 0;
}
