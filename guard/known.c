/* The texts of a request are folded into one stream (guard/fold.h), in which the folded values are looked for: at each place
 * where a word may begin, the greatest value that is not above what stands there, then those that are its beginnings. */
#include "guard/known.h"

#include <stdlib.h>

#include "base/json.h"
#include "detect/bytes.h"
#include "guard/fold.h"

#define LETTERS_MIN 4    /* of a name, or another value by the name of its field alone */
#define BYTES_MIN 6      /* of any other value: a shorter one is part of too much */
#define ALPHABETIC_MIN 12 /* of a secret of nothing but letters, which might be a word */
#define FIRST_BYTES 65536
#define NOTHING "\xe2\x81\xa0" /* U+2060, of no width: APIs refuse a part without text */

struct known_value {
    struct str folded;
    uint32_t entry;  /* of the vault */
    uint32_t prefix; /* the longest other value that this one begins with, + 1; 0: none */
};

/* Texts that a model reads as one are in one stream, with nothing between them. Documents and names stand apart. */
enum { STREAM_RUNNING, STREAM_APART, STREAM_COUNT };

struct known_text {
    uint8_t stream;
    size_t start, end;
};

/* A value, or a part of one, in a text: places in its stream. */
struct known_hit {
    uint32_t text;
    uint32_t entry;
    size_t from, to;
    bool is_part;
    bool is_first; /* of the parts: the placeholder stands here, and nothing in the place of the others */
};

enum { WORD_MAY_BEGIN = 1, WORD_MAY_END = 2 };

struct known {
    struct buffer streams[STREAM_COUNT];
    struct buffer edges[STREAM_COUNT]; /* of each byte of a stream, WORD_... */
    struct buffer places; /* of the text at hand */
    struct buffer texts;  /* struct known_text */
    struct buffer hits;   /* struct known_hit */
    struct buffer folded; /* of the values */
    struct buffer values; /* struct known_value, sorted */
    uint8_t first[FIRST_BYTES / 8];
    size_t next_text; /* of the second walk */
    size_t next_hit;
};

/* Frees what a request needed, wiped: few need it, and none is as large as the largest. */
static void forget_all(struct known *known) {
    struct buffer *all[] = {&known->streams[0], &known->streams[1], &known->edges[0], &known->edges[1], &known->places,
                            &known->texts,      &known->hits,       &known->folded,   &known->values};
    for (size_t i = 0; i < LENGTH_OF(all); i++) {
        if (all[i]->data != NULL) explicit_bzero(all[i]->data, all[i]->capacity);
        buffer_free(all[i]);
        buffer_init(all[i], KNOWN_BYTES_MAX * sizeof(struct fold_place));
    }
    known->next_text = known->next_hit = 0;
}

struct known *known_new(void) {
    struct known *known = calloc(1, sizeof(*known));
    if (known == NULL) return NULL;
    forget_all(known);
    return known;
}

void known_free(struct known **known) {
    if (*known == NULL) return;
    forget_all(*known);
    free(*known);
    *known = NULL;
}

/* ---- The first walk ------------------------------------------------------------------------------------------------- */

void known_begin(struct known *known) { forget_all(known); }

static void note_edges(struct known *known, struct buffer *edges, struct str text) {
    const struct fold_place *places = (const void *)buffer_view(&known->places).data;
    size_t count = buffer_length(&known->places) / sizeof(*places);
    for (size_t i = 0; i < count; i++) {
        bool begins = places[i].start == 0 || !byte_is_word(text.data[places[i].start - 1]);
        bool ends = places[i].end == text.length || !byte_is_word(text.data[places[i].end]);
        buffer_append_byte(edges, (uint8_t)((begins ? WORD_MAY_BEGIN : 0) | (ends ? WORD_MAY_END : 0)));
    }
}

void known_note(struct known *known, enum mask_shape shape, struct str text) {
    struct known_text noted = {.stream = shape == MASK_TEXT ? STREAM_RUNNING : STREAM_APART};
    struct buffer *stream = &known->streams[noted.stream], *edges = &known->edges[noted.stream];
    noted.start = buffer_length(stream);
    buffer_clear(&known->places);
    fold_append(text, stream, &known->places);
    note_edges(known, edges, text);
    noted.end = buffer_length(stream);
    buffer_append(&known->texts, &noted, sizeof(noted));
    if (noted.stream == STREAM_RUNNING) return;
    buffer_append_byte(stream, 0);
    buffer_append_byte(edges, 0);
}

/* ---- The values ------------------------------------------------------------------------------------------------------ */

/* Names have no form that tells them from other words: letters do, but few of them are in everything. */
static bool is_distinct(unsigned class, struct str value, struct str folded) {
    bool has_digit = false, has_letter = false, has_mark = false;
    for (size_t i = 0; i < folded.length; i++) {
        has_digit = has_digit || byte_is_digit(folded.data[i]);
        has_letter = has_letter || byte_is_letter(folded.data[i]) || (unsigned char)folded.data[i] >= 0x80;
        has_mark = has_mark || (!byte_is_alnum(folded.data[i]) && (unsigned char)folded.data[i] < 0x80);
    }
    bool is_name = class == CLASS_PERSON_NAME || class == CLASS_ADDRESS;
    bool is_capital = byte_is_upper(value.data[0]) || (unsigned char)value.data[0] >= 0x80;
    if (is_name) return folded.length >= LETTERS_MIN && is_capital;
    if (has_letter && !has_digit && !has_mark) return folded.length >= ALPHABETIC_MIN;
    return folded.length >= BYTES_MIN;
}

static int by_text(const void *a, const void *b) {
    return str_compare(((const struct known_value *)a)->folded, ((const struct known_value *)b)->folded);
}

static struct known_value *values_of(struct known *known, size_t *count) {
    *count = buffer_length(&known->values) / sizeof(struct known_value);
    return (void *)(known->values.data + known->values.start);
}

/* Folded, with places instead of pointers while the buffer may still move. */
static void fold_values(struct known *known, const struct vault *vault) {
    for (size_t i = 0; i < vault_count(vault); i++) {
        struct vault_name name;
        struct str value = vault_entry(vault, i, &name);
        size_t before = buffer_length(&known->folded);
        if (name.class == VAULT_TEXT || value.length == 0) continue;
        fold_append(value, &known->folded, NULL);
        struct str folded = str_slice(buffer_view(&known->folded), before, SIZE_MAX);
        if (!is_distinct(name.class, value, folded)) {
            buffer_truncate(&known->folded, before);
            continue;
        }
        struct known_value row = {{(const char *)(uintptr_t)before, folded.length}, (uint32_t)i, 0};
        buffer_append(&known->values, &row, sizeof(row));
    }
}

/* One of each, sorted; each with the longest that it begins with. */
static void sort_values(struct known *known) {
    size_t count, kept = 0;
    struct known_value *values = values_of(known, &count);
    for (size_t i = 0; i < count; i++) {
        values[i].folded.data = buffer_view(&known->folded).data + (uintptr_t)values[i].folded.data;
    }
    if (count > 0) qsort(values, count, sizeof(*values), by_text);
    memset(known->first, 0, sizeof(known->first));
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && str_equal(values[kept - 1].folded, values[i].folded)) continue;
        values[kept] = values[i];
        uint32_t prefix = (uint32_t)kept;
        while (prefix > 0 && !str_starts_with(values[kept].folded, values[prefix - 1].folded)) {
            prefix = values[prefix - 1].prefix;
        }
        values[kept].prefix = prefix;
        const uint8_t *bytes = (const uint8_t *)values[kept++].folded.data;
        unsigned pair = (unsigned)bytes[0] << 8 | bytes[1];
        known->first[pair / 8] |= (uint8_t)(1u << pair % 8);
    }
    buffer_truncate(&known->values, kept * sizeof(*values));
}

/* ---- The search ------------------------------------------------------------------------------------------------------- */

struct search {
    struct known *known;
    const struct known_value *values;
    size_t value_count;
    struct str stream;
    const char *edges;
    uint32_t text; /* the one that `at` is in, or an earlier one */
    uint8_t stream_index;
};

/* The greatest value that is not above the text: its index + 1. */
static uint32_t find_below(const struct search *search, struct str text) {
    size_t low = 0, high = search->value_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (str_compare(search->values[middle].folded, text) <= 0) low = middle + 1;
        else high = middle;
    }
    return (uint32_t)low;
}

static bool ends_at(const struct search *search, size_t end) {
    return !byte_is_word(search->stream.data[end - 1]) || (search->edges[end - 1] & WORD_MAY_END) != 0;
}

/* The longest value that stands there as a word. */
static const struct known_value *match_at(const struct search *search, size_t at) {
    struct str rest = str_slice(search->stream, at, search->stream.length);
    if (rest.length < 2) return NULL;
    unsigned pair = (unsigned)(uint8_t)rest.data[0] << 8 | (uint8_t)rest.data[1];
    bool is_start = (search->edges[at] & WORD_MAY_BEGIN) != 0 || !byte_is_word(rest.data[0]);
    if (!is_start || (search->known->first[pair / 8] >> pair % 8 & 1) == 0) return NULL;
    for (uint32_t next = find_below(search, rest); next > 0; next = search->values[next - 1].prefix) {
        const struct known_value *value = &search->values[next - 1];
        if (str_starts_with(rest, value->folded) && ends_at(search, at + value->folded.length)) return value;
    }
    return NULL;
}

/* A value may reach over several texts. */
static void add_hits(struct search *search, size_t from, size_t to, uint32_t entry) {
    const struct known_text *texts = (const void *)buffer_view(&search->known->texts).data;
    uint32_t count = (uint32_t)(buffer_length(&search->known->texts) / sizeof(*texts));
    while (texts[search->text].stream != search->stream_index || texts[search->text].end <= from) search->text++;
    for (uint32_t i = search->text; i < count && texts[i].start < to; i++) {
        if (texts[i].stream != search->stream_index || texts[i].start == texts[i].end) continue;
        size_t start = texts[i].start > from ? texts[i].start : from, end = texts[i].end < to ? texts[i].end : to;
        struct known_hit hit = {i, entry, start - texts[i].start, end - texts[i].start, end - start < to - from,
                                start == from};
        buffer_append(&search->known->hits, &hit, sizeof(hit));
    }
}

static int by_place(const void *a, const void *b) {
    const struct known_hit *one = a, *other = b;
    if (one->text != other->text) return one->text < other->text ? -1 : 1;
    return one->from < other->from ? -1 : one->from > other->from;
}

static void search_stream(struct known *known, uint8_t index) {
    struct search search = {.known = known, .stream = buffer_view(&known->streams[index]), .stream_index = index};
    search.values = values_of(known, &search.value_count);
    search.edges = buffer_view(&known->edges[index]).data;
    for (size_t at = 0; at < search.stream.length;) {
        const struct known_value *value = match_at(&search, at);
        if (value != NULL) add_hits(&search, at, at + value->folded.length, value->entry);
        at += value != NULL ? value->folded.length : 1;
    }
}

static bool has_failed(const struct known *known) {
    bool is_failed = buffer_failed(&known->texts) || buffer_failed(&known->hits) || buffer_failed(&known->folded) ||
                     buffer_failed(&known->values) || buffer_failed(&known->places);
    for (size_t i = 0; i < STREAM_COUNT; i++) {
        is_failed = is_failed || buffer_failed(&known->streams[i]) || buffer_failed(&known->edges[i]);
    }
    return is_failed;
}

int known_search(struct known *known, const struct vault *vault) {
    size_t count;
    fold_values(known, vault);
    if (has_failed(known)) return -1;
    sort_values(known);
    (void)values_of(known, &count);
    for (uint8_t i = 0; i < STREAM_COUNT && count > 0; i++) search_stream(known, i);
    if (has_failed(known)) return -1;
    size_t hits = buffer_length(&known->hits) / sizeof(struct known_hit);
    if (hits > 0) qsort(known->hits.data + known->hits.start, hits, sizeof(struct known_hit), by_place);
    return hits > 0;
}

/* ---- The second walk -------------------------------------------------------------------------------------------------- */

struct change {
    struct vault *vault;
    struct str text;
    size_t copied;
    struct buffer *out;
    struct class_counts *masked;
    struct error *error;
};

/* text[start .. end) of a string or of plain text. is_json: it has JSON's escapes. */
static int replace(struct change *change, const struct known_hit *hit, size_t start, size_t end, bool is_json) {
    struct vault_name name;
    struct str value = vault_entry(change->vault, hit->entry, &name);
    struct str written = str_slice(change->text, start, end);
    struct buffer unescaped;
    buffer_init(&unescaped, VAULT_VALUE_BYTES_MAX);
    if (!hit->is_part) value = written;
    if (!hit->is_part && is_json && json_unescape_lossy(written, &unescaped) == 0) value = buffer_view(&unescaped);
    buffer_append_str(change->out, str_slice(change->text, change->copied, start));
    change->copied = end;
    int result = 0;
    if (!hit->is_part || hit->is_first) {
        if (change->masked->count[name.class] != UINT32_MAX) change->masked->count[name.class]++;
        result = vault_append_placeholder(change->vault, (enum data_class)name.class, value, change->out, change->error);
    }
    if (unescaped.data != NULL) explicit_bzero(unescaped.data, unescaped.capacity);
    buffer_free(&unescaped);
    return result;
}

/* Within a document: in a string, or a number as a whole, which becomes a string. */
static int replace_in_json(struct change *change, struct json_scanner *scanner, struct str *token, enum json_token *kind,
                           const struct known_hit *hit, size_t start, size_t end) {
    const char *from = change->text.data + start;
    while (token->data == NULL || token->data + token->length <= from) {
        *kind = json_next(scanner, token);
        if (*kind == JSON_TOKEN_END || *kind == JSON_TOKEN_BAD) return 0;
    }
    if (token->data > from) return 0;
    if (change->text.data + end > token->data + token->length) return 0;
    if (*kind == JSON_TOKEN_STRING || *kind == JSON_TOKEN_KEY) return replace(change, hit, start, end, true);
    if (*kind != JSON_TOKEN_NUMBER || token->length != end - start) return 0;
    buffer_append_str(change->out, str_slice(change->text, change->copied, start));
    change->copied = start;
    buffer_append_byte(change->out, '"');
    int result = replace(change, hit, start, end, false);
    buffer_append_byte(change->out, '"');
    return result;
}

int known_apply(struct known *known, struct vault *vault, enum mask_shape shape, struct str text, struct buffer *out,
                bool *is_changed, struct class_counts *masked, struct error *error) {
    const struct known_hit *hits = (const void *)buffer_view(&known->hits).data;
    size_t count = buffer_length(&known->hits) / sizeof(*hits);
    size_t index = known->next_text++;
    struct change change = {vault, text, 0, out, masked, error};
    size_t before = buffer_length(out);
    struct json_scanner scanner;
    struct str token = STR_NONE;
    enum json_token kind = JSON_TOKEN_NULL;
    *is_changed = false;
    if (known->next_hit == count || hits[known->next_hit].text != index) return 0;
    buffer_clear(&known->folded); /* the values were found: there is room for the text */
    buffer_clear(&known->places);
    fold_append(text, &known->folded, &known->places);
    json_scanner_init(&scanner, text);
    const struct fold_place *places = (const void *)buffer_view(&known->places).data;
    size_t length = buffer_length(&known->places) / sizeof(*places);
    for (; known->next_hit < count && hits[known->next_hit].text == index; known->next_hit++) {
        const struct known_hit *hit = &hits[known->next_hit];
        if (hit->to > length) return error_set(error, ERROR_INVALID, "a request changed while it was read");
        size_t start = places[hit->from].start, end = places[hit->to - 1].end;
        if (start < change.copied) continue;
        int result = shape == MASK_JSON ? replace_in_json(&change, &scanner, &token, &kind, hit, start, end)
                                        : replace(&change, hit, start, end, false);
        if (result != 0) return -1;
    }
    *is_changed = change.copied > 0;
    if (*is_changed) buffer_append_str(out, str_slice(text, change.copied, text.length));
    if (*is_changed && buffer_length(out) == before) buffer_append_cstr(out, NOTHING);
    return buffer_failed(out) ? error_set(error, ERROR_LIMIT, "a masked value is too large") : 0;
}
