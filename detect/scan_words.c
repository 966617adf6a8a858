/* Words of letters and digits: account numbers, national numbers with letters, addresses of currencies and of network
 * cards. All but the last carry a check, so none takes a word of context; those with a weak check do when in lower
 * case. */
#include "detect/bytes.h"
#include "detect/checksum.h"
#include "detect/scan.h"

#define MRZ_LINE_BYTES 44
#define IBAN_MAX 34

static struct str word_of(const struct scan *scan, size_t start, size_t end) {
    return str_make(scan->text + start, end - start);
}

/* GB82WEST12345698765432 or GB82 WEST 1234 5698 7654 32. */
static size_t match_iban(struct scan *scan, size_t start, size_t end) {
    const char *word = scan->text + start;
    if (end - start < 4 || !byte_is_letter(word[1]) || !byte_is_digit(word[2]) || !byte_is_digit(word[3])) return 0;
    size_t wanted = iban_length(word_of(scan, start, end));
    if (wanted == 0) return 0;
    char characters[IBAN_MAX];
    size_t at = start, count = 0, letter_groups = 0;
    while (count < wanted) {
        char c = scan_at(scan, at);
        size_t wide = scan_wide_separator(scan, at, &c);
        if (wide > 1) at += wide - 1;
        bool is_gap = (c == ' ' || c == '-') && count % 4 == 0 && byte_is_alnum(scan_at(scan, at + 1));
        if (!byte_is_alnum(c) && !is_gap) return 0;
        if (is_gap) {
            letter_groups = byte_is_letter(scan_at(scan, at + 1)) ? letter_groups + 1 : 0;
            if (letter_groups > 2) return 0;
        } else {
            characters[count++] = c;
        }
        at++;
    }
    if (byte_is_word(scan_at(scan, at)) || !iban_is_valid(str_make(characters, count))) return 0;
    scan_add(scan, start, at, CLASS_IBAN, 95, "iban_mod97");
    return at;
}

static size_t match_mrz(struct scan *scan, size_t start) {
    if (scan->end - start < MRZ_LINE_BYTES || !memchr(scan->text + start, '<', MRZ_LINE_BYTES)) return 0;
    if (!mrz_line_is_valid(word_of(scan, start, start + MRZ_LINE_BYTES))) return 0;
    scan_add(scan, start, start + MRZ_LINE_BYTES, CLASS_PASSPORT, 99, "passport_mrz");
    return start + MRZ_LINE_BYTES;
}

static bool has_lower(struct str word) {
    for (size_t i = 0; i < word.length; i++) {
        if (byte_is_letter(word.data[i]) && !byte_is_upper(word.data[i])) return true;
    }
    return false;
}

/* Words by length: what they may be. context: the word that a lower-case form takes; 0: none. */
static const struct word_rule {
    uint8_t length_min, length_max;
    uint8_t skip; /* bytes before what is checked, e.g. "0x" */
    enum data_class class;
    uint16_t context;
    const char *rule;
    bool (*is_valid)(struct str);
} word_rules[] = {
    {9, 9, 0, CLASS_UK_NINO, CONTEXT_NINO, "uk_nino", uk_nino_is_valid},
    {9, 9, 0, CLASS_ES_DNI, CONTEXT_DNI, "es_dni", es_dni_is_valid},
    {15, 15, 0, CLASS_FR_NIR, 0, "fr_nir", fr_nir_is_valid},
    {16, 16, 0, CLASS_IT_FISCAL_CODE, 0, "it_fiscal_code", it_fiscal_code_is_valid},
    {26, 35, 0, CLASS_CRYPTO_ADDRESS, 0, "btc_base58check", base58check_is_valid},
    {14, 74, 0, CLASS_CRYPTO_ADDRESS, 0, "btc_bech32", bech32_is_valid},
    {42, 42, 2, CLASS_CRYPTO_ADDRESS, 0, "eth_address", eth_address_is_valid},
};

static bool starts_like(const struct word_rule *rule, struct str word) {
    if (rule->skip == 2) return word.data[0] == '0' && (word.data[1] | 0x20) == 'x';
    if (rule->is_valid == base58check_is_valid) return word.data[0] == '1' || word.data[0] == '3';
    return true;
}

static size_t match_word_rules(struct scan *scan, size_t start, size_t end) {
    struct str word = word_of(scan, start, end);
    for (size_t i = 0; i < LENGTH_OF(word_rules); i++) {
        const struct word_rule *rule = &word_rules[i];
        if (word.length < rule->length_min || word.length > rule->length_max || !starts_like(rule, word)) continue;
        if (!rule->is_valid(str_slice(word, rule->skip, word.length))) continue;
        bool is_weak = rule->context != 0 && has_lower(word);
        if (is_weak && !(scan_context_before(scan, start) & rule->context)) continue;
        scan_add(scan, start, end, rule->class, 90, rule->rule);
        return end;
    }
    return 0;
}

/* A passport number with letters is known by its word: one or two letters and six to eight digits, or nine of both. */
static size_t match_passport_number(struct scan *scan, size_t start, size_t end) {
    size_t letters = 0, digits = 0;
    for (size_t i = start; i < end; i++) {
        if (byte_is_digit(scan->text[i])) digits++;
        else letters++;
    }
    if (digits < 4 || letters == 0 || (letters > 2 && end - start != 9)) return 0;
    if (!(scan_context_before(scan, start) & CONTEXT_PASSPORT)) return 0;
    scan_add(scan, start, end, CLASS_PASSPORT, 80, "passport_number");
    return end;
}

/* A dashed DNI: 12345678-Z, X-1234567-L. */
static size_t match_dashed_dni(struct scan *scan, size_t start) {
    char characters[9];
    bool has_letter_before = start >= scan->from + 2 && scan->text[start - 1] == '-' &&
                             byte_is_letter(scan->text[start - 2]) && !byte_is_word(scan_before(scan, start - 2));
    if (has_letter_before) start -= 2;
    size_t count = 0, at = start;
    for (; at < scan->end && at - start < 12 && count < 9; at++) {
        char c = scan->text[at];
        if (byte_is_alnum(c)) characters[count++] = c;
        else if (c != '-' || (count != 1 && count != 8)) return 0;
    }
    if (count < 9 || at - start == 9 || byte_is_word(scan_at(scan, at))) return 0;
    if (!es_dni_is_valid(str_make(characters, 9))) return 0;
    scan_add(scan, start, at, CLASS_ES_DNI, 85, "es_dni");
    return at;
}

/* Two hex digits, six times: "-" (colons are scan_marks.c's); or four, three times, with dots. */
static size_t match_dashed_mac(struct scan *scan, size_t start, size_t end) {
    size_t width = end - start;
    char separator = width == 2 ? '-' : '.';
    size_t groups = width == 2 ? 6 : 3;
    while (start >= scan->from + width + 1 && scan->text[start - 1] == separator &&
           byte_is_hex(scan->text[start - 2]) && byte_is_hex(scan->text[start - width - 1])) {
        start -= width + 1;
    }
    size_t total = groups * (width + 1) - 1;
    if (scan->end - start < total || byte_is_word(scan_before(scan, start))) return 0;
    bool has_letter = false;
    for (size_t i = 0; i < total; i++) {
        char c = scan->text[start + i];
        if ((i + 1) % (width + 1) == 0 ? c != separator : !byte_is_hex(c)) return 0;
        has_letter = has_letter || byte_is_letter(c);
    }
    char after = scan_at(scan, start + total);
    if (byte_is_word(after) || after == separator || !has_letter) return 0;
    scan_add(scan, start, start + total, CLASS_MAC_ADDRESS, 90, "mac");
    return start + total;
}

size_t scan_word(struct scan *scan, size_t start, size_t end) {
    char before = scan_before(scan, start);
    size_t width = end - start;
    char mac_separator = width == 2 ? '-' : width == 4 ? '.' : 0;
    if (mac_separator != 0 && (before == mac_separator || scan_at(scan, end) == mac_separator)) {
        size_t mac_end = match_dashed_mac(scan, start, end);
        if (mac_end > 0) return mac_end;
    }
    if (before == '_' || byte_is_alnum(before)) return start;
    size_t resume = 0;
    if (byte_is_letter(scan->text[start]) && width >= 4) resume = match_iban(scan, start, end);
    if (resume == 0 && width >= 9) resume = match_mrz(scan, start);
    if (resume == 0 && width >= 9 && scan_at(scan, end) != '_') resume = match_word_rules(scan, start, end);
    if (resume == 0 && width >= 7 && width <= 9) resume = match_passport_number(scan, start, end);
    bool is_dashed = before == '-' || scan_at(scan, end) == '-';
    if (resume == 0 && width <= 9 && is_dashed) resume = match_dashed_dni(scan, start);
    if (resume > 0) return resume;
    return byte_is_letter(scan->text[start]) ? end : start;
}
