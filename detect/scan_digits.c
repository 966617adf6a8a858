/* Numbers: a chain of groups of digits with single separators is read once, then judged as a card, a phone number, a
 * social security number, an address of a machine, or a national number. No rule hits on shape alone where a time, an
 * order number, a version or an amount has that shape: it takes a check digit, a grouping that is in use, or a word.
 *
 *     chain = ["+" / "("] group *( separator group )      separator = 1*3( SP / "-" / "." / "/" / "(" / ")" ) */
#include "detect/bytes.h"
#include "detect/checksum.h"
#include "detect/scan.h"

#define GROUPS_MAX 20
#define CHAIN_DIGITS_MAX 48

#define WIDE_GAP '\t' /* two blanks: columns of a table, or a card that somebody typed */

struct group {
    size_t start;
    uint8_t length;
    uint8_t first_digit; /* its place in digits[] */
    char separator;      /* before it: one of " -./", ')' when there was a parenthesis; 0 for the first */
};

struct chain {
    struct group groups[GROUPS_MAX + 1];
    int count;
    int digit_count;
    char digits[CHAIN_DIGITS_MAX];
    size_t start; /* of the first group's first digit */
    size_t end;
    char before;
    char after;
    uint32_t context;
    bool has_context; /* context was looked up */
    bool is_attached; /* part of a longer identifier: "ORD-2024-1", "v1.2", "/items/12" */
    bool is_cut;      /* longer than GROUPS_MAX */
};

static size_t group_end(const struct group *group) { return group->start + group->length; }

size_t scan_wide_separator(const struct scan *scan, size_t at, char *kind) {
    unsigned char a = (unsigned char)scan_at(scan, at), b = (unsigned char)scan_at(scan, at + 1);
    if (a == 0xc2 && b == 0xa0) return *kind = ' ', 2;
    if (a != 0xe2) return 0;
    unsigned char c = (unsigned char)scan_at(scan, at + 2);
    bool is_blank = b == 0x80 && (c == 0x87 || c == 0x89 || c == 0x8a || c == 0xaf || c == 0x88 || c == 0x8b);
    bool is_dash = (b == 0x80 && c >= 0x90 && c <= 0x95) || (b == 0x88 && c == 0x92);
    if (is_blank || is_dash) return *kind = is_dash ? '-' : ' ', 3;
    return 0;
}

static bool is_separator(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')'; }

/* The separator at `at`: its length, 0 when what follows belongs to no chain. */
static size_t read_separator(const struct scan *scan, size_t at, char *kind) {
    size_t length = scan_wide_separator(scan, at, kind);
    if (length > 0) return byte_is_digit(scan_at(scan, at + length)) ? length : 0;
    *kind = 0;
    for (; length < 3; length++) {
        char c = scan_at(scan, at + length);
        if (c == '(' || c == ')') *kind = ')';
        else if (c == ' ' || c == '-' || c == '.' || c == '/') *kind = *kind == ')' ? ')' : c;
        else break;
    }
    bool is_wide_slash = length == 3 && memcmp(scan->text + at, " / ", 3) == 0;
    if (is_wide_slash) *kind = '/';
    bool is_wide_gap = length == 2 && memcmp(scan->text + at, "  ", 2) == 0;
    if (is_wide_gap) *kind = WIDE_GAP;
    if (length > 1 && *kind != ')' && !is_wide_slash && !is_wide_gap) return 0;
    return byte_is_digit(scan_at(scan, at + length)) ? length : 0;
}

static void read_chain(const struct scan *scan, size_t at, struct chain *chain) {
    chain->count = chain->digit_count = 0;
    chain->start = at;
    chain->has_context = chain->is_attached = chain->is_cut = false;
    char separator = 0;
    while (true) {
        struct group *group = &chain->groups[chain->count];
        size_t end = at;
        while (end < scan->end && byte_is_digit(scan->text[end])) end++;
        size_t length = end - at;
        if (length > 19 || chain->digit_count + length > CHAIN_DIGITS_MAX || chain->count == GROUPS_MAX) {
            chain->is_cut = true;
            if (chain->count == 0) chain->end = end;
            break;
        }
        *group = (struct group){at, (uint8_t)length, (uint8_t)chain->digit_count, separator};
        memcpy(chain->digits + chain->digit_count, scan->text + at, length);
        chain->digit_count += (int)length;
        chain->count++;
        chain->end = end;
        size_t gap = read_separator(scan, end, &separator);
        if (gap == 0) break;
        at = end + gap;
    }
    chain->before = scan_before(scan, chain->start);
    chain->after = scan_at(scan, chain->end);
    char before = chain->before;
    bool joins = before == '-' || before == '/' || before == '.' || before == '\\';
    if (joins && chain->start >= scan->floor + 2) chain->is_attached = byte_is_word(scan->text[chain->start - 2]);
    if (byte_is_word(before)) chain->is_attached = true;
}

static uint32_t chain_context(const struct scan *scan, struct chain *chain) {
    if (!chain->has_context) {
        chain->context = scan_context_before(scan, chain->start);
        chain->has_context = true;
    }
    return chain->context;
}

static bool is_last_group(const struct chain *chain, int index) { return index + 1 == chain->count; }

/* Do the groups from `first` to the chain's end, or up to a change of separator, end cleanly at group `last`? */
static bool ends_at(const struct chain *chain, int last) {
    if (!is_last_group(chain, last)) {
        char next = chain->groups[last + 1].separator;
        return next == ' ' || next == '/' || next == WIDE_GAP;
    }
    return !byte_is_word(chain->after) && chain->after != '%' && (unsigned char)chain->after < 0x80;
}

static bool lengths_are(const struct chain *chain, int first, const char *shape) {
    for (int i = 0; shape[i] != '\0'; i++) {
        if (first + i >= chain->count || chain->groups[first + i].length != shape[i] - '0') return false;
    }
    return true;
}

/* Are the separators between the groups first .. first + count all `separator`? */
static bool separated_by(const struct chain *chain, int first, int count, const char *one_of) {
    char separator = chain->groups[first + 1].separator;
    for (int i = 1; i < count; i++) {
        if (chain->groups[first + i].separator != separator) return false;
    }
    return strchr(one_of, separator) != NULL;
}

static struct str digits_of(const struct chain *chain, int first, int count) {
    const struct group *last = &chain->groups[first + count - 1];
    size_t start = chain->groups[first].first_digit;
    return str_make(chain->digits + start, last->first_digit + last->length - start);
}

static void add_groups(struct scan *scan, const struct chain *chain, int first, int count, enum data_class class,
                       int score, const char *rule) {
    scan_add(scan, chain->groups[first].start, group_end(&chain->groups[first + count - 1]), class, score, rule);
}

/* "4111111111111111exp 12/29": letters right behind a number that a word speaks for. */
static bool is_glued(const struct scan *scan, struct chain *chain, int last) {
    return is_last_group(chain, last) && byte_is_letter(chain->after) && (chain_context(scan, chain) & CONTEXT_CARD) != 0;
}

/* A number with a fraction: of a number without a leading zero and what stands behind its one point. */
static bool is_decimal(const struct chain *chain) {
    if (chain->count != 2 || chain->groups[1].separator != '.') return false;
    return chain->digits[0] != '0' || chain->groups[0].length == 1;
}

/* Groups in use on cards; a card number without separators is one group. */
static const char *const card_shapes[] = {"4444", "465", "464", "88"};

/* In any groups, where a word speaks for a card: 6 and 10, one by one, between slashes. */
static int grouped_anyhow(const struct scan *scan, struct chain *chain, int first) {
    if (first > 0 || (chain_context(scan, chain) & CONTEXT_CARD) == 0) return 0;
    int digits = 0;
    for (int i = first; i < chain->count; i++) {
        digits += chain->groups[i].length;
        if (digits > 19) break;
        bool is_card = digits >= 13 && card_check(digits_of(chain, first, i + 1 - first)) == CARD_SURE;
        if (is_card && ends_at(chain, i)) return i + 1 - first;
    }
    return 0;
}

static int match_card(struct scan *scan, struct chain *chain, int first) {
    int count = 0;
    if (chain->digit_count < 12) return 0;
    if (chain->groups[first].length >= 12) count = 1;
    for (size_t i = 0; i < LENGTH_OF(card_shapes) && count == 0; i++) {
        int groups = (int)strlen(card_shapes[i]);
        if (lengths_are(chain, first, card_shapes[i]) && separated_by(chain, first, groups, " -.")) count = groups;
    }
    if (count == 0) count = grouped_anyhow(scan, chain, first);
    bool has_fifth = count == 4 && lengths_are(chain, first, "44443");
    if (has_fifth && card_check(digits_of(chain, first, 5)) != CARD_NO) count = 5;
    if (count == 0 || !(ends_at(chain, first + count - 1) || is_glued(scan, chain, first + count - 1))) return 0;
    enum card_verdict verdict = card_check(digits_of(chain, first, count));
    if (verdict == CARD_NO) return 0;
    uint32_t context = chain_context(scan, chain);
    bool has_word = (context & CONTEXT_CARD) != 0;
    bool is_doubtful = verdict != CARD_SURE || (count == 1 && (chain->is_attached || (context & CONTEXT_OTHER)));
    if (is_doubtful && !has_word) return 0;
    add_groups(scan, chain, first, count, CLASS_CARD_NUMBER, has_word ? 100 : 90, "card_luhn");
    return count;
}

static int match_ssn(struct scan *scan, struct chain *chain, int first) {
    bool is_grouped = lengths_are(chain, first, "324") && separated_by(chain, first, 3, "- .");
    int count = is_grouped ? 3 : chain->groups[first].length == 9 ? 1 : 0;
    if (count == 0 || chain->is_attached || !ends_at(chain, first + count - 1)) return 0;
    if (!us_ssn_is_issuable(digits_of(chain, first, count))) return 0;
    bool has_word = (chain_context(scan, chain) & CONTEXT_SSN) != 0;
    bool has_hyphens = is_grouped && chain->groups[first + 1].separator == '-';
    if (!has_word && (!has_hyphens || first > 0 || (chain->context & CONTEXT_OTHER))) return 0;
    add_groups(scan, chain, first, count, CLASS_US_SSN, has_word ? 95 : 75, "us_ssn");
    return count;
}

static int match_ipv4(struct scan *scan, struct chain *chain, int first) {
    if (first + 4 > chain->count || !separated_by(chain, first, 4, ".")) return 0;
    if (first > 0 && chain->groups[first].separator == '.') return 0;
    if (!is_last_group(chain, first + 3) && chain->groups[first + 4].separator == '.') return 0;
    if (is_last_group(chain, first + 3) && byte_is_word(chain->after)) return 0;
    int largest = 0;
    for (int i = first; i < first + 4; i++) {
        const char *d = chain->digits + chain->groups[i].first_digit;
        size_t length = chain->groups[i].length;
        int value = 0;
        for (size_t j = 0; j < length && j < 4; j++) value = value * 10 + (d[j] - '0');
        if (length > 3 || value > 255 || (length > 1 && d[0] == '0')) return 0;
        if (value > largest) largest = value;
    }
    uint32_t context = chain_context(scan, chain);
    bool has_word = (context & CONTEXT_IP) != 0;
    bool is_version = (context & CONTEXT_OTHER) != 0 || largest <= 9 || (first == 0 && chain->is_attached);
    if (is_version && !has_word && !(chain->after == ':' && largest > 9)) return 0;
    add_groups(scan, chain, first, 4, CLASS_IP_ADDRESS, has_word ? 95 : 85, "ipv4");
    return 4;
}

/* National numbers of digits only: how they are grouped, their word, their check. They have no issuer to look up, so a
 * bare one takes a word; a grouping that is peculiar to it stands for the word. */
static const struct national {
    enum data_class class;
    const char *rule;
    uint16_t context;
    bool grouping_is_enough;
    uint8_t length;
    const char *shape;
    bool (*is_valid)(struct str);
} nationals[] = {
    {CLASS_UK_NHS, "uk_nhs", CONTEXT_NHS, false, 10, "334", uk_nhs_is_valid},
    {CLASS_DE_TAX_ID, "de_tax_id", CONTEXT_DE_TAX, true, 11, "2333", de_tax_id_is_valid},
    {CLASS_FR_NIR, "fr_nir", CONTEXT_NIR, true, 15, "1222332", fr_nir_is_valid},
};

static int match_national(struct scan *scan, struct chain *chain, int first) {
    for (size_t i = 0; i < LENGTH_OF(nationals); i++) {
        const struct national *row = &nationals[i];
        if (chain->digit_count < row->length) return 0; /* rows stand in the order of their lengths */
        int groups = (int)strlen(row->shape);
        bool is_bare = chain->groups[first].length == row->length;
        bool is_shaped = !is_bare && lengths_are(chain, first, row->shape);
        bool is_grouped = is_shaped && separated_by(chain, first, groups, " -.");
        int count = is_bare ? 1 : is_grouped ? groups : 0;
        bool is_nir_with_key = row->class == CLASS_FR_NIR && chain->groups[first].length == 13 &&
                               first + 1 < chain->count && chain->groups[first + 1].length == 2;
        if (is_nir_with_key) count = 2;
        if (count == 0 || chain->is_attached || !ends_at(chain, first + count - 1)) continue;
        bool has_word = (chain_context(scan, chain) & row->context) != 0;
        bool is_enough = (is_grouped && row->grouping_is_enough) || row->class == CLASS_FR_NIR;
        if (!has_word && (!is_enough || (chain->context & CONTEXT_OTHER))) continue;
        if (!row->is_valid(digits_of(chain, first, count))) continue;
        add_groups(scan, chain, first, count, row->class, has_word ? 95 : 80, row->rule);
        return count;
    }
    return 0;
}

/* A calendar date with three parts: no phone number begins there. */
static bool is_date(const struct chain *chain, int first) {
    if (first + 3 > chain->count || !separated_by(chain, first, 3, "-./ ")) return false;
    const struct group *g = &chain->groups[first];
    int values[3];
    for (int i = 0; i < 3; i++) {
        if (g[i].length > 4 || g[i].length == 3) return false;
        values[i] = 0;
        for (int j = 0; j < g[i].length; j++) values[i] = values[i] * 10 + (chain->digits[g[i].first_digit + j] - '0');
    }
    bool year_first = g[0].length == 4 && values[0] >= 1000 && values[0] < 2200;
    bool year_last = (g[2].length == 4 && values[2] >= 1000 && values[2] < 2200) ||
                     (g[2].length == 2 && g[0].length <= 2 && g[1].separator != ' ' && chain->count == first + 3);
    int low = year_first ? values[2] : values[0], middle = values[1];
    bool in_range = low >= 1 && middle >= 1 && low <= 31 && middle <= 31 && (low <= 12 || middle <= 12);
    return (year_first || year_last) && in_range;
}

/* 08-123 456 78: a hyphen behind the area code, then blanks. */
static bool is_trunk_with_hyphen(const struct chain *chain, int first) {
    const struct group *g = &chain->groups[first];
    const char *d = chain->digits + g->first_digit;
    if (d[0] != '0' || d[1] == '0' || g->length < 2 || g->length > 5 || first + 2 >= chain->count) return false;
    return g[1].separator == '-' && g[1].length == 3 && g[2].separator == ' ';
}

/* How many groups from `first` on make one phone number: up to a change from another separator to a blank. */
static int phone_groups(const struct chain *chain, int first) {
    int digits = chain->groups[first].length, count = 1;
    bool has_hyphen = false;
    for (; first + count < chain->count; count++) {
        const struct group *next = &chain->groups[first + count];
        if (digits + next->length > 15) break;
        if ((next->separator == '/' && count > 1) || next->separator == WIDE_GAP) break;
        if (has_hyphen && next->separator == ' ' && !is_trunk_with_hyphen(chain, first)) break;
        has_hyphen = has_hyphen || (next->separator != ' ' && next->separator != ')');
        digits += next->length;
    }
    return count;
}

static bool is_nanp(const struct chain *chain, int first) {
    const char *d = chain->digits + chain->groups[first].first_digit;
    return lengths_are(chain, first, "334") && d[0] >= '2' && d[3] >= '2';
}

/* How sure a phone number is by its shape alone: 0 when it takes a word. */
static int phone_score_of_shape(const struct chain *chain, int first, int count, char before) {
    struct str digits = digits_of(chain, first, count);
    const struct group *g = &chain->groups[first];
    if (before == '+') return digits.length >= 8 && digits.data[0] != '0' ? 90 : 0;
    struct str prefix = digits_of(chain, first, 1);
    bool is_prefixed = count == 4 && lengths_are(chain, first + 1, "334") &&
                       (str_equal(prefix, STR("1")) || str_equal(prefix, STR("001")));
    if (is_prefixed) return 85;
    bool has_00 = str_starts_with(digits, STR("00")) && digits.data[2] != '0';
    if (has_00 && digits.length >= 10 && count > 1) return 75;
    if (count == 3 && lengths_are(chain, first, "334") && before == '(') return 85;
    bool is_even = count == 3 && is_nanp(chain, first) && g[1].separator == g[2].separator;
    if (is_even) return g[1].separator == ' ' ? 65 : 80;
    bool has_area_in_parentheses = before == '(' && count >= 2 && g[1].separator == ')' && g[0].length >= 2;
    if (has_area_in_parentheses && digits.length >= 9 && digits.length <= 11) return 75;
    bool has_russian_trunk = count >= 4 && g[0].length == 1 && g[0].length + g[1].length == 4 && g[1].separator == ')';
    if (has_russian_trunk && (digits.data[0] == '8' || digits.data[0] == '7') && digits.length == 11) return 80;
    bool is_trunk = digits.data[0] == '0' && digits.data[1] != '0' && digits.length >= 9 && digits.length <= 11;
    bool has_area = g[0].length >= 2 && g[0].length <= 5;
    bool is_split_once = count == 2 && g[1].separator == ' '; /* a postcode and a house number look so when shorter */
    if (is_trunk && has_area && count >= 2 && count <= 5 && (!is_split_once || digits.length >= 10)) return 65;
    return 0;
}

static bool is_word_at(const struct scan *scan, size_t at, struct str word) {
    return str_equal_ignoring_case(str_slice(str_make(scan->text, scan->end), at, at + word.length), word);
}

/* "x123", " ext. 123", ", extension 123" or ";ext=123" behind a number: where it ends. */
static size_t extension_end(const struct scan *scan, size_t at) {
    size_t i = at;
    char first = scan_at(scan, i);
    if (first != ' ' && first != ',' && first != ';' && (first | 0x20) != 'x' && (first | 0x20) != 'e') return at;
    if (first == ',' || first == ';') i++;
    while (scan_at(scan, i) == ' ' && i - at < 3) i++;
    size_t word = is_word_at(scan, i, STR("extension")) ? 9 : is_word_at(scan, i, STR("ext")) ? 3 : 0;
    bool is_x = word == 0 && first != ';' && (scan_at(scan, i) | 0x20) == 'x';
    if (word == 0 && !is_x) return at;
    i += is_x ? 1 : word;
    size_t gap = i;
    while (!is_x && i - gap < 3 && strchr(". =", scan_at(scan, i)) != NULL && i < scan->end) i++;
    size_t digits = i;
    while (byte_is_digit(scan_at(scan, i)) && i - digits < 7) i++;
    return i > digits && i - digits <= 6 && !byte_is_word(scan_at(scan, i)) ? i : at;
}

static bool phone_ends_cleanly(const struct chain *chain, int last, bool has_extension) {
    if (!is_last_group(chain, last) || has_extension) return true;
    return !byte_is_word(chain->after) && chain->after != '%' && chain->after != ':' && chain->after != '@';
}

/* More groups than a number has, or letters, joined on by hyphens: "22222222-2222-2222-2222-22222222222". */
static bool is_part_of_identifier(const struct scan *scan, const struct chain *chain, int first, int count) {
    bool goes_on = !is_last_group(chain, first + count - 1) && chain->groups[first + count].separator == '-' &&
                   chain->groups[first + count].length > 3;
    bool was_before = first > 0 && chain->groups[first].separator == '-' && chain->groups[first - 1].length > 3;
    bool has_hex_behind = is_last_group(chain, first + count - 1) && chain->after == '-' && count > 1;
    for (size_t i = 1; i <= 4 && has_hex_behind; i++) has_hex_behind = byte_is_hex(scan_at(scan, chain->end + i));
    return goes_on || was_before || has_hex_behind;
}

static int match_phone(struct scan *scan, struct chain *chain, int first) {
    if (chain->is_attached) return 0;
    size_t start = chain->groups[first].start;
    char before = scan_before(scan, start);
    if (before == '$' || before == '#') return 0;
    int count = phone_groups(chain, first);
    struct str digits = digits_of(chain, first, count);
    if (digits.length < 6 || digits.length > 15) return 0;
    size_t number_end = group_end(&chain->groups[first + count - 1]);
    size_t end = is_last_group(chain, first + count - 1) ? extension_end(scan, number_end) : number_end;
    if (!phone_ends_cleanly(chain, first + count - 1, end > number_end)) return 0;
    if (is_part_of_identifier(scan, chain, first, count)) return 0;
    int score = phone_score_of_shape(chain, first, count, before);
    const struct group *last = &chain->groups[first + count - 1];
    bool is_amount = count <= 2 && last->separator == '.' && last->length <= 2;
    if (is_amount) return 0;
    bool can_take_word = digits.length >= 7 || count >= 3;
    if (score == 0 && !can_take_word) return 0;
    if (score < 85) {
        uint32_t context = chain_context(scan, chain);
        bool has_word = (context & CONTEXT_PHONE) != 0 || (scan_context_after(scan, end) & CONTEXT_PHONE) != 0;
        if (has_word && can_take_word) score = 85;
        else if ((context & CONTEXT_OTHER) || (count == 1 && end == number_end)) score = 0;
        else if (end > number_end && digits.length >= 10) score = 75;
    }
    if (score == 0) return 0;
    if (before == '+') start--;
    if (before == '(' ) {
        start--;
        if (scan_before(scan, start) == '+') start--;
    }
    scan_add(scan, start, end, CLASS_PHONE, score, "phone");
    return count;
}

/* Passport numbers of digits only are known by their word. */
static int match_passport(struct scan *scan, struct chain *chain, int first) {
    size_t length = chain->groups[first].length;
    if (length < 7 || length > 9 || chain->is_attached || !ends_at(chain, first)) return 0;
    if (!(chain_context(scan, chain) & CONTEXT_PASSPORT)) return 0;
    add_groups(scan, chain, first, 1, CLASS_PASSPORT, 80, "passport_number");
    return 1;
}

static void judge_date(struct scan *scan, struct chain *chain, int first) {
    bool is_timestamp = is_last_group(chain, first + 2) ? chain->after == 'T' : chain->after == ':';
    if (chain->is_attached || is_timestamp || !(chain_context(scan, chain) & CONTEXT_BIRTH)) return;
    add_groups(scan, chain, first, 3, CLASS_DATE_OF_BIRTH, 80, "birth_date");
}

/* AB 12 34 56 C, AB 123456 C: the letters stand outside of the chain. */
static int match_spaced_nino(struct scan *scan, struct chain *chain, int first) {
    int count = lengths_are(chain, first, "222") ? 3 : chain->groups[first].length == 6 ? 1 : 0;
    if (first != 0 || count == 0 || count != chain->count || chain->before != ' ') return 0;
    if (chain->start < scan->from + 3 || byte_is_word(scan_before(scan, chain->start - 3))) return 0;
    char characters[9] = {scan->text[chain->start - 3], scan->text[chain->start - 2]};
    memcpy(characters + 2, chain->digits, 6);
    size_t suffix = chain->end + (chain->after == ' ' ? 1 : 0);
    characters[8] = scan_at(scan, suffix);
    if (byte_is_word(scan_at(scan, suffix + 1)) || !byte_is_upper(characters[0]) || !byte_is_upper(characters[1]) ||
        !byte_is_upper(characters[8]) || !uk_nino_is_valid(str_make(characters, 9))) {
        return 0;
    }
    scan_add(scan, chain->start - 3, suffix + 1, CLASS_UK_NINO, 90, "uk_nino");
    return count;
}

/* In the order in which they are asked; how many groups and digits, from the first on, a number takes at least. */
static const struct matcher {
    int (*match)(struct scan *, struct chain *, int first);
    uint8_t groups_min;
    uint8_t digits_min;
} matchers[] = {{match_ipv4, 4, 4},     {match_card, 1, 12},       {match_ssn, 1, 9}, {match_national, 1, 10},
                {match_passport, 1, 7}, {match_spaced_nino, 1, 6}, {match_phone, 1, 6}};

/* Fewer digits than any number has that is looked for; a date or an IPv4 address may have fewer, in three groups. */
#define DIGITS_MIN 6
#define GROUPS_OF_SHORT_MIN 3

static void judge_chain(struct scan *scan, struct chain *chain) {
    if (is_decimal(chain) && (chain_context(scan, chain) & CONTEXT_OF_NUMBERS) == 0) return;
    for (int first = 0; first < chain->count;) {
        int left = chain->digit_count - chain->groups[first].first_digit;
        if (left < DIGITS_MIN && chain->count - first < GROUPS_OF_SHORT_MIN) return;
        if (is_date(chain, first)) {
            judge_date(scan, chain, first);
            first += 3;
            continue;
        }
        int taken = 0;
        for (size_t i = 0; i < LENGTH_OF(matchers) && taken == 0; i++) {
            const struct matcher *row = &matchers[i];
            if (chain->count - first < row->groups_min || left < row->digits_min) continue;
            taken = row->match(scan, chain, first);
        }
        first += taken > 0 ? taken : 1;
    }
}

/* Two digits at each of these places? */
static bool two_digits(const char *text) { return byte_is_digit(text[0]) && byte_is_digit(text[1]); }

/* hh:mm[:ss[.fraction]][Z / (+ / -)hh[[:]mm]] at `at`: its end, 0 when there is none. Times are the most frequent
 * numbers of all, and no value that is looked for has their shape. */
static size_t time_end(const struct scan *scan, size_t at) {
    if (scan->end - at < 5) return 0;
    const char *t = scan->text + at;
    if (t[2] != ':' || !two_digits(t) || t[0] > '2' || !two_digits(t + 3) || t[3] > '5') return 0;
    size_t end = at + 5;
    if (scan_at(scan, end) == ':') {
        if (scan->end - end < 3 || !two_digits(scan->text + end + 1)) return 0;
        end += 3;
        char point = scan_at(scan, end);
        if ((point == '.' || point == ',') && byte_is_digit(scan_at(scan, end + 1))) {
            size_t fraction = ++end;
            while (byte_is_digit(scan_at(scan, end)) && end - fraction < 9) end++;
        }
    }
    char zone = scan_at(scan, end);
    if (zone == 'Z') {
        end++;
    } else if ((zone == '+' || zone == '-') && scan->end - end > 2 && two_digits(scan->text + end + 1)) {
        end += 3;
        if (scan_at(scan, end) == ':') end++;
        if (scan->end - end >= 2 && two_digits(scan->text + end)) end += 2;
    }
    char after = scan_at(scan, end);
    return byte_is_word(after) || after == ':' || after == '-' ? 0 : end;
}

/* yyyy-mm-dd, "T" or a blank, a time. */
static size_t timestamp_end(const struct scan *scan, size_t at) {
    if (scan->end - at < 16) return 0;
    const char *t = scan->text + at;
    if (t[4] != '-' || !two_digits(t + 5) || t[7] != '-' || !two_digits(t + 8)) return 0;
    return t[10] == 'T' || t[10] == ' ' ? time_end(scan, at + 11) : 0;
}

/* The end of the UUID at `start`, 0 when there is none. */
static size_t uuid_end(const struct scan *scan, size_t start) {
    if (scan->end - start < UUID_BYTES || !is_uuid(scan->text + start)) return 0;
    char after = scan_at(scan, start + UUID_BYTES);
    return byte_is_word(after) || after == '-' ? 0 : start + UUID_BYTES;
}

/* A run of digits in a word with letters: where the scan goes on, 0 when the run may begin a chain of its own. A word
 * is judged at its first digits only. */
static size_t judge_word(struct scan *scan, size_t at, size_t end) {
    if (at < scan->word_end) return scan->word_end;
    size_t start = at;
    while (start > scan->from && byte_is_alnum(scan->text[start - 1])) start--;
    while (end < scan->end && byte_is_alnum(scan->text[end])) end++;
    scan->word_end = end;
    char before = scan_before(scan, start);
    bool may_be_uuid = end - start == 8 && !byte_is_word(before) && before != '-';
    size_t resume = may_be_uuid ? uuid_end(scan, start) : 0;
    if (resume == 0) resume = scan_word(scan, start, end);
    return resume > at ? resume : at > start ? end : 0;
}

size_t scan_digits(struct scan *scan, size_t at) {
    size_t end = at + 1;
    while (end < scan->end && byte_is_digit(scan->text[end])) end++;
    char before = scan_before(scan, at), after = scan_at(scan, end);
    size_t length = end - at;
    if (!byte_is_word(before) && before != ':' && before != '.' && before != '-') {
        size_t skipped = length == 4 && after == '-'   ? timestamp_end(scan, at)
                         : length == 2 && after == ':' ? time_end(scan, at)
                         : length == 8 && after == '-' ? uuid_end(scan, at)
                                                       : 0;
        if (skipped > 0) return skipped;
    }
    bool in_mac = (length == 2 && (before == '-' || after == '-')) || (length == 4 && before == '.');
    bool in_dni = after == '-' && (length == 8 || (length == 7 && before == '-')) &&
                  byte_is_letter(scan_at(scan, end + 1));
    if (byte_is_letter(before) || byte_is_letter(after) || in_mac || in_dni) {
        size_t resume = judge_word(scan, at, end);
        if (resume > 0) return resume;
    }
    char next = scan_at(scan, end + 1);
    bool goes_on = (is_separator(after) && (byte_is_digit(next) || is_separator(next))) || (unsigned char)after == 0xc2 ||
                   (unsigned char)after == 0xe2;
    if (length < DIGITS_MIN && !goes_on) return end;
    struct chain chain;
    read_chain(scan, at, &chain);
    judge_chain(scan, &chain);
    if (!chain.is_cut || chain.count < GROUPS_MAX) return chain.end;
    return chain.groups[GROUPS_MAX / 2].start;
}
