/* Values that a name stands before, in the forms of documents and of prose: what names.def says of a column, it says here.
 *
 *     member  = name *2( "\" ) quote *8blank ( ":" / "=>" / "=" ) *8blank value      JSON, hstore, a plan's condition
 *     element = "<" name *attribute ">" text "<"                                     XML
 *     line    = name ":" *8blank text                                                prose: only at its beginning
 *     pair    = "name": "NAME", "value": value                                       the name is another member's value
 *     value   = *2( "\" ) quote text quote / text */
#include "detect/bytes.h"
#include "detect/names.h"
#include "detect/scan.h"
#include "detect/segment.h"

#define NAME_MAX 48
#define GAP_MAX 8          /* blanks, quotes and backslashes between a name, its mark and its value */
#define ATTRIBUTES_MAX 96  /* within a tag; below DETECT_CONTEXT_BYTES */
#define PAIR_MAX 100       /* how far before "value" its "name" stands; below DETECT_CONTEXT_BYTES */
#define TYPE_MAX 24        /* of a cast */
#define LIST_MAX 64        /* values of one name in a list */
#define LINE_VALUE_MAX 80  /* of a value without quotes */

struct named {
    struct str name;
    bool is_name_quoted;
    bool is_value_quoted;
    bool is_list; /* the value is the first of several */
    size_t start; /* of the value */
    size_t end;
};

static bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }
static bool is_gap(char c) { return c == ' ' || c == '\t' || c == '\\' || is_quote(c); }
static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool is_name_byte(char c) { return byte_is_word(c) || c == '-' || c == '.' || (unsigned char)c >= 0x80; }

/* The name that ends before `end`, quotes and blanks between: false when there is none. Nothing before `floor` counts. */
static bool read_name(const struct scan *scan, size_t floor, size_t end, struct named *found) {
    size_t at = end;
    while (at > floor && end - at < GAP_MAX && is_gap(scan->text[at - 1])) at--;
    found->is_name_quoted = at < end && (scan->text[at] == '"' || scan->text[at] == '\'' || scan->text[at] == '\\');
    size_t last = at;
    while (at > floor && last - at < NAME_MAX &&
           (is_name_byte(scan->text[at - 1]) || (found->is_name_quoted && scan->text[at - 1] == ' '))) {
        at--;
    }
    found->name = str_make(scan->text + at, last - at);
    return last > at;
}

/* (full_name)::text = '...': what the plan of a query writes around a column. */
static size_t skip_cast(const struct scan *scan, size_t end) {
    size_t at = end;
    while (at > scan->floor && end - at < GAP_MAX && scan->text[at - 1] == ' ') at--;
    size_t type = at;
    while (type > scan->floor && at - type < TYPE_MAX &&
           (byte_is_word(scan->text[type - 1]) || scan->text[type - 1] == ' ')) {
        type--;
    }
    bool is_cast = type < at && type >= scan->floor + 3 && memcmp(scan->text + type - 2, "::", 2) == 0;
    if (!is_cast) return end;
    at = type - 2;
    return at > scan->floor && scan->text[at - 1] == ')' ? at - 1 : at;
}

/* Where the text in quotes that begins at `start` ends. quote_start: the first of what opened it. */
static size_t quoted_end(const struct scan *scan, size_t quote_start, size_t start) {
    char quote = scan->text[start - 1];
    bool is_escaped = start - quote_start >= 2 && scan->text[start - 2] == '\\';
    for (size_t at = start; at < scan->end; at++) {
        char c = scan->text[at];
        bool is_doubled = c == quote && scan_at(scan, at + 1) == quote && quote == '\'';
        if (c == '\\' && is_escaped && scan_at(scan, at + 1) == quote) return at;
        if (c == quote && !is_doubled) return at;
        if (c == '\\' || is_doubled) at++;
    }
    return scan->end;
}

/* An address goes on behind a comma. */
static size_t line_end(const struct scan *scan, size_t start, bool takes_commas) {
    size_t at = start;
    while (at < scan->end && at - start < LINE_VALUE_MAX && (unsigned char)scan->text[at] >= ' ' &&
           ((takes_commas && scan->text[at] == ',') || strchr(",;&|<>(){}[]\"'=", scan->text[at]) == NULL)) {
        at++;
    }
    while (at > start && (scan->text[at - 1] == ' ' || scan->text[at - 1] == '.' || scan->text[at - 1] == ':' ||
                          scan->text[at - 1] == ',')) {
        at--;
    }
    return at;
}

static void read_value(const struct scan *scan, size_t at, struct named *found) {
    size_t start = at;
    while (start < scan->end && start - at < GAP_MAX &&
           (is_blank(scan->text[start]) || (found->is_name_quoted && scan->text[start] == '['))) {
        found->is_list |= scan->text[start++] == '[';
    }
    size_t quote = start;
    while (start < scan->end && start - at < GAP_MAX && scan->text[start] == '\\') start++;
    found->is_value_quoted = is_quote(scan_at(scan, start));
    found->start = found->is_value_quoted ? start + 1 : quote;
    bool is_address = names_class(&scan->detector->names, found->name) == CLASS_ADDRESS;
    found->end = found->is_value_quoted ? quoted_end(scan, quote, start + 1) : line_end(scan, quote, is_address);
}

/* <name a="b">text< : the name, and the text up to the next tag. */
static bool read_element(const struct scan *scan, size_t at, struct named *found) {
    size_t open = at;
    while (open > scan->floor && at - open < ATTRIBUTES_MAX && scan->text[open - 1] != '<' && scan->text[open - 1] != '>') {
        open--;
    }
    if (open == scan->floor || scan->text[open - 1] != '<' || open == at) return false;
    size_t end = open;
    while (end < at && end - open < NAME_MAX && (is_name_byte(scan->text[end]) || scan->text[end] == ':')) end++;
    found->name = str_make(scan->text + open, end - open);
    found->is_name_quoted = true;
    found->start = at + 1;
    struct str data = STR("<![CDATA[");
    struct str behind = str_make(scan->text + at + 1, scan->end - at - 1);
    if (str_starts_with(behind, data)) found->start += data.length;
    size_t close = str_find_byte(str_make(scan->text + found->start, scan->end - found->start), '<');
    found->end = found->start + close;
    found->is_value_quoted = true;
    /* A tag in brackets alone is no element: it takes its end, or what says that its text is data. */
    bool is_closed = close != STR_NOT_FOUND && (scan_at(scan, found->end + 1) == '/' || found->start > at + 1);
    return end > open && is_closed;
}

/* "name": "NAME" before "value": the name becomes NAME. */
static void read_pair(const struct scan *scan, struct named *found) {
    size_t key = (size_t)(found->name.data - scan->text);
    size_t floor = key > scan->floor + PAIR_MAX ? key - PAIR_MAX : scan->floor;
    size_t at = key;
    while (at > floor && scan->text[at - 1] != ',' && (is_gap(scan->text[at - 1]) || scan->text[at - 1] == '\n')) at--;
    if (at == floor || scan->text[at - 1] != ',') return;
    struct named value, name;
    if (!read_name(scan, floor, at - 1, &value) || !value.is_name_quoted) return;
    at = (size_t)(value.name.data - scan->text);
    size_t gap = at;
    while (at > floor && gap - at < GAP_MAX && is_gap(scan->text[at - 1])) at--;
    if (at == floor || (scan->text[at - 1] != ':' && scan->text[at - 1] != '=')) return;
    if (read_name(scan, floor, at - 1, &name) && names_is_pair_name(name.name)) found->name = value.name;
}

/* Is the name all that stands on its line, or is it written as only names are? */
static bool is_line_name(const struct scan *scan, const struct named *found) {
    struct str name = found->name;
    if (str_find_byte(name, '_') != STR_NOT_FOUND) return true;
    for (size_t i = 1; i < name.length; i++) {
        if (byte_is_upper(name.data[i]) && !byte_is_upper(name.data[i - 1]) && byte_is_letter(name.data[i - 1])) return true;
    }
    size_t start = (size_t)(name.data - scan->text);
    char before = scan_before(scan, start);
    return before == 0 || (before != ' ' && strchr("\n\r\t,;{(&?[|\"'", before) != NULL);
}

/* Numbers and secrets without quotes have rules that look at them (a word before, their form). */
static bool is_said_in_line(enum data_class class) {
    return class == CLASS_PERSON_NAME || class == CLASS_ADDRESS || class == CLASS_DATE_OF_BIRTH;
}

static void judge(struct scan *scan, const struct named *found) {
    if (found->start < scan->from || found->end <= found->start || found->start >= scan->end) return;
    struct str value = str_make(scan->text + found->start, found->end - found->start);
    enum data_class class = names_class(&scan->detector->names, found->name);
    if (class == CLASS_NONE) {
        uint32_t context = found->is_value_quoted ? secrets_context_of_name(found->name) : 0;
        if (context == 0 || !secrets_is_value(scan, found->start, found->end, context)) return;
        class = CLASS_CREDENTIAL;
    } else if (!names_value_is_plausible(class, value)) {
        return;
    } else if (class == CLASS_CREDENTIAL || class == CLASS_PRIVATE_KEY) {
        if (!found->is_name_quoted || !found->is_value_quoted) return;
    } else if (!found->is_value_quoted) {
        bool is_known = found->is_name_quoted || is_line_name(scan, found);
        if (!is_said_in_line(class) || !is_known) return;
    }
    scan_add(scan, found->start, found->end, class, 86, "field_name");
}

/* The next of ["a", "b"]. */
static bool next_of_list(const struct scan *scan, struct named *found) {
    size_t at = found->end;
    while (at < scan->end && at - found->end < GAP_MAX && is_gap(scan->text[at])) at++;
    if (!found->is_value_quoted || scan_at(scan, at) != ',') return false;
    read_value(scan, at + 1, found);
    return found->is_value_quoted;
}

void scan_named(struct scan *scan, size_t at) {
    char mark = scan->text[at], before = scan_before(scan, at), after = scan_at(scan, at + 1);
    struct named found = {0};
    if (mark == '>') {
        if (before == '=' || before == '-' || before == '>' || before == '/' || before == ' ') return;
        if (read_element(scan, at, &found)) judge(scan, &found);
        return;
    }
    if (after == '=' || (mark == ':' && (after == ':' || after == '/' || before == ':'))) return;
    if (mark == '=' && (before == '<' || before == '>' || before == '!' || before == '=' || before == ':')) return;
    size_t name_end = mark == '=' ? skip_cast(scan, at) : at;
    if (!read_name(scan, scan->floor, name_end, &found)) return;
    /* "<EMAIL:..." is a mask, "<a:b>" a name of two parts. */
    if (mark == ':' && scan_before(scan, (size_t)(found.name.data - scan->text)) == '<') return;
    read_value(scan, at + (mark == '=' && after == '>' ? 2 : 1), &found);
    if (found.is_name_quoted && found.is_value_quoted && names_is_pair_value(found.name)) read_pair(scan, &found);
    judge(scan, &found);
    for (int i = 0; found.is_list && i < LIST_MAX && next_of_list(scan, &found); i++) judge(scan, &found);
}

void scan_named_before(struct scan *scan) {
    size_t at = scan->from;
    while (at > scan->floor && scan->from - at < GAP_MAX && is_gap(scan->text[at - 1])) at--;
    if (at == scan->floor) return;
    char mark = scan->text[at - 1];
    if (mark == '>' && scan_before(scan, at - 1) == '=') at--;
    if (at > scan->floor && (scan->text[at - 1] == ':' || scan->text[at - 1] == '=' || scan->text[at - 1] == '>')) {
        scan_named(scan, at - 1);
    }
}
