/* Check digits. Each function is the rule of its register and nothing else; see checksum.h. */
#include "detect/checksum.h"

#include "detect/bytes.h"

static int digit_of(char c) { return c - '0'; }

static bool all_digits(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        if (!byte_is_digit(s.data[i])) return false;
    }
    return s.length > 0;
}

bool luhn_is_valid(struct str digits) {
    int sum = 0;
    for (size_t i = 0; i < digits.length; i++) {
        int digit = digit_of(digits.data[digits.length - 1 - i]);
        sum += i % 2 == 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
    }
    return sum % 10 == 0;
}

/* Issuer ranges by their first four digits; lengths as a bit set; sure: so well filled that no word is needed. */
static const struct card_range {
    uint16_t low, high;
    uint32_t lengths_sure;
    uint32_t lengths_with_context;
} card_ranges[] = {
#define LENGTH(n) (1u << (n))
    {4000, 4999, LENGTH(16), LENGTH(13) | LENGTH(19)},                                      /* Visa */
    {5100, 5599, LENGTH(16), 0},                                                            /* Mastercard */
    {2221, 2720, LENGTH(16), 0},                                                            /* Mastercard 2 series */
    {3400, 3499, LENGTH(15), 0},                                                            /* American Express */
    {3700, 3799, LENGTH(15), 0},
    {6011, 6011, LENGTH(16), LENGTH(19)},                                                   /* Discover */
    {6440, 6599, LENGTH(16), LENGTH(19)},
    {6200, 6299, LENGTH(16), LENGTH(17) | LENGTH(18) | LENGTH(19)},                         /* UnionPay */
    {3500, 3599, 0, LENGTH(16)},                                                            /* set aside for JCB */
    {3528, 3589, LENGTH(16), LENGTH(17) | LENGTH(18) | LENGTH(19)},                         /* JCB */
    {2131, 2131, 0, LENGTH(15)},
    {1800, 1800, 0, LENGTH(15)},
    {3000, 3059, 0, LENGTH(14) | LENGTH(16)},                                               /* Diners Club */
    {3095, 3095, 0, LENGTH(14) | LENGTH(16)},
    {3600, 3699, 0, LENGTH(14) | LENGTH(16)},
    {3800, 3999, 0, LENGTH(14) | LENGTH(16)},
    {2200, 2204, LENGTH(16), LENGTH(17) | LENGTH(18) | LENGTH(19)},                         /* Mir */
    {5000, 5099, 0, 0xff000},                                                               /* Maestro: 12 to 19 */
    {5600, 5899, 0, 0xff000},
    {6062, 6062, LENGTH(16), 0},                                                            /* Hipercard */
    {6362, 6363, LENGTH(16), 0},                                                            /* Elo */
    {9792, 9792, LENGTH(16), 0},                                                            /* Troy */
    {6000, 6999, 0, 0xff000},
#undef LENGTH
};

enum card_verdict card_check(struct str digits) {
    if (digits.length < 12 || digits.length > 19 || !luhn_is_valid(digits)) return CARD_NO;
    const char *d = digits.data;
    unsigned prefix = (unsigned)(digit_of(d[0]) * 1000 + digit_of(d[1]) * 100 + digit_of(d[2]) * 10 + digit_of(d[3]));
    enum card_verdict verdict = CARD_NO;
    for (size_t i = 0; i < LENGTH_OF(card_ranges); i++) {
        const struct card_range *range = &card_ranges[i];
        if (prefix < range->low || prefix > range->high) continue;
        if (range->lengths_sure >> digits.length & 1) return CARD_SURE;
        if (range->lengths_with_context >> digits.length & 1) verdict = CARD_WITH_CONTEXT;
    }
    return verdict;
}

/* The IBAN registry: country and total length. */
static const char iban_registry[] =
    "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22"
    "GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20"
    "MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26"
    "UA29VA22VG24XK20YE30";

size_t iban_length(struct str country) {
    if (country.length < 2) return 0;
    for (const char *row = iban_registry; *row != '\0'; row += 4) {
        if (row[0] == byte_upper(country.data[0]) && row[1] == byte_upper(country.data[1])) {
            return (size_t)(digit_of(row[2]) * 10 + digit_of(row[3]));
        }
    }
    return 0;
}

bool iban_is_valid(struct str s) {
    if (s.length < 15 || s.length != iban_length(s)) return false;
    if (!byte_is_digit(s.data[2]) || !byte_is_digit(s.data[3])) return false;
    unsigned remainder = 0;
    for (size_t i = 0; i < s.length; i++) {
        char c = byte_upper(s.data[(i + 4) % s.length]);
        if (byte_is_digit(c)) remainder = (remainder * 10 + (unsigned)digit_of(c)) % 97;
        else if (byte_is_upper(c)) remainder = (remainder * 100 + (unsigned)(c - 'A' + 10)) % 97;
        else return false;
    }
    return remainder == 1;
}

bool us_ssn_is_issuable(struct str s) {
    if (s.length != 9 || !all_digits(s)) return false;
    if (memcmp(s.data, "000", 3) == 0 || memcmp(s.data, "666", 3) == 0 || s.data[0] == '9') return false;
    if (memcmp(s.data + 3, "00", 2) == 0 || memcmp(s.data + 5, "0000", 4) == 0) return false;
    return memcmp(s.data, "123456789", 9) != 0 && memcmp(s.data, "078051120", 9) != 0;
}

static bool all_same(struct str s) {
    for (size_t i = 1; i < s.length; i++) {
        if (s.data[i] != s.data[0]) return false;
    }
    return true;
}

bool uk_nhs_is_valid(struct str s) {
    if (s.length != 10 || !all_digits(s) || all_same(s)) return false;
    int sum = 0;
    for (int i = 0; i < 9; i++) sum += digit_of(s.data[i]) * (10 - i);
    int check = (11 - sum % 11) % 11;
    return check != 10 && check == digit_of(s.data[9]);
}

bool uk_nino_is_valid(struct str s) {
    if (s.length != 9) return false;
    char first = byte_upper(s.data[0]), second = byte_upper(s.data[1]), suffix = byte_upper(s.data[8]);
    if (!byte_is_upper(first) || !byte_is_upper(second) || suffix < 'A' || suffix > 'D') return false;
    if (strchr("DFIQUV", first) != NULL || strchr("DFIOQUV", second) != NULL) return false;
    for (const char *barred = "BGGBNKKNNTTNZZ"; *barred != '\0'; barred += 2) {
        if (barred[0] == first && barred[1] == second) return false;
    }
    return all_digits(str_slice(s, 2, 8));
}

bool de_tax_id_is_valid(struct str s) {
    if (s.length != 11 || !all_digits(s) || s.data[0] == '0') return false;
    int seen[10] = {0}, product = 10, repeated = 0;
    for (int i = 0; i < 10; i++) {
        int digit = digit_of(s.data[i]);
        if (++seen[digit] == 2) repeated++;
        if (seen[digit] > 3) return false;
        int sum = (digit + product) % 10;
        product = (sum == 0 ? 10 : sum) * 2 % 11;
    }
    return repeated == 1 && (11 - product) % 10 == digit_of(s.data[10]);
}

bool fr_nir_is_valid(struct str s) {
    if (s.length != 15) return false;
    uint64_t number = 0;
    uint64_t subtract = 0;
    for (size_t i = 0; i < 13; i++) {
        char c = byte_upper(s.data[i]);
        bool is_corsican = i == 6 && (c == 'A' || c == 'B') && s.data[5] == '2';
        if (is_corsican) subtract = c == 'A' ? 1000000 : 2000000;
        else if (!byte_is_digit(c)) return false;
        number = number * 10 + (is_corsican ? 0 : (uint64_t)digit_of(c));
    }
    if (!all_digits(str_slice(s, 13, 15)) || strchr("123478", s.data[0]) == NULL) return false;
    int month = digit_of(s.data[3]) * 10 + digit_of(s.data[4]);
    if (month == 0 || (month > 12 && month < 20) || (month > 42 && month < 50)) return false;
    uint64_t key = (uint64_t)(digit_of(s.data[13]) * 10 + digit_of(s.data[14]));
    return 97 - (number - subtract) % 97 == key;
}

bool es_dni_is_valid(struct str s) {
    if (s.length != 9) return false;
    char first = byte_upper(s.data[0]);
    unsigned number = first >= 'X' && first <= 'Z' ? (unsigned)(first - 'X') : (unsigned)digit_of(first);
    if (!byte_is_digit(first) && (first < 'X' || first > 'Z')) return false;
    if (!all_digits(str_slice(s, 1, 8))) return false;
    for (int i = 1; i < 8; i++) number = number * 10 + (unsigned)digit_of(s.data[i]);
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == byte_upper(s.data[8]);
}

bool it_fiscal_code_is_valid(struct str s) {
    static const uint8_t odd_values[26] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18,
                                           20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
    if (s.length != 16) return false;
    int sum = 0;
    for (size_t i = 0; i < 16; i++) {
        char c = byte_upper(s.data[i]);
        bool digit_place = (i >= 6 && i != 8 && i != 11 && i != 15);
        bool stands_for_digit = digit_place && c != '\0' && strchr("LMNPQRSTUV", c) != NULL;
        if (digit_place ? !byte_is_digit(c) && !stands_for_digit : !byte_is_upper(c)) return false;
        if (i == 8 && strchr("ABCDEHLMPRST", c) == NULL) return false;
        if (i == 15) return c == 'A' + sum % 26;
        int value = byte_is_digit(c) ? digit_of(c) : c - 'A';
        sum += i % 2 == 0 ? odd_values[value] : value;
    }
    return false;
}

static bool mrz_field_is_valid(const char *data, size_t length, char check) {
    static const int weights[3] = {7, 3, 1};
    int sum = 0;
    for (size_t i = 0; i < length; i++) {
        char c = data[i];
        int value = c == '<' ? 0 : byte_is_digit(c) ? digit_of(c) : byte_is_upper(c) ? c - 'A' + 10 : -1;
        if (value < 0) return false;
        sum += value * weights[i % 3];
    }
    return check == '0' + sum % 10 || (check == '<' && sum == 0);
}

bool mrz_line_is_valid(struct str s) {
    if (s.length != 44) return false;
    const char *d = s.data;
    char joined[39];
    memcpy(joined, d, 10);
    memcpy(joined + 10, d + 13, 7);
    memcpy(joined + 17, d + 21, 22);
    return mrz_field_is_valid(d, 9, d[9]) && mrz_field_is_valid(d + 13, 6, d[19]) &&
           mrz_field_is_valid(d + 21, 6, d[27]) && mrz_field_is_valid(d + 28, 14, d[42]) &&
           mrz_field_is_valid(joined, sizeof(joined), d[43]);
}
