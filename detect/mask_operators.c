/* The masking operators: one function each (operators.def). Each appends what stands for one value. */
#include "detect/mask_operators.h"

#include "base/digest.h"
#include "detect/bytes.h"

#define HASH_HEX_DIGITS 16

/* How many letters and digits `partial` leaves at either end, by class; what is not here is redacted: of a secret or an
 * address no part helps. */
static const struct partial_rule {
    uint8_t first, last;
} partial_rules[CLASS_MAX] = {
    [CLASS_PHONE] = {0, 3},       [CLASS_CARD_NUMBER] = {0, 4}, [CLASS_IBAN] = {2, 4},
    [CLASS_US_SSN] = {0, 4},      [CLASS_UK_NINO] = {0, 2},     [CLASS_UK_NHS] = {0, 3},
    [CLASS_DE_TAX_ID] = {0, 3},   [CLASS_FR_NIR] = {0, 3},      [CLASS_ES_DNI] = {0, 3},
    [CLASS_IT_FISCAL_CODE] = {0, 3}, [CLASS_PASSPORT] = {0, 3}, [CLASS_CRYPTO_ADDRESS] = {4, 4},
};

void mask_redact(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    (void)policy;
    (void)value;
    buffer_append_byte(out, '[');
    buffer_append_cstr(out, class_label(class));
    buffer_append_byte(out, ']');
}

void mask_null(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    (void)policy;
    (void)class;
    (void)value;
    (void)out;
}

void mask_keep(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    (void)policy;
    (void)class;
    buffer_append_str(out, value);
}

void mask_hash(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    if (policy->key.length < MASK_KEY_BYTES_MIN) {
        mask_redact(policy, class, value, out);
        return;
    }
    /* The label is part of what is hashed: equal values of two classes do not show as equal. */
    struct sha256 class_key = hmac_sha256(policy->key, str_from_cstr(class_label(class)));
    struct sha256 hash = hmac_sha256(str_make(class_key.bytes, SHA256_BYTES), value);
    buffer_append_byte(out, '<');
    buffer_append_cstr(out, class_label(class));
    buffer_append_byte(out, ':');
    hex_append(out, str_make(hash.bytes, HASH_HEX_DIGITS / 2));
    buffer_append_byte(out, '>');
}

/* Letters and digits but the first and the last few become '*'; what separates them stays. */
static void hide_middle(struct str value, size_t first, size_t last, struct buffer *out) {
    size_t total = 0, seen = 0;
    for (size_t i = 0; i < value.length; i++) total += byte_is_alnum(value.data[i]);
    if (total < 2 * (first + last)) first = last = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        bool is_kept = !byte_is_alnum(c) || seen < first || seen + last >= total;
        seen += byte_is_alnum(c);
        buffer_append_byte(out, is_kept ? (uint8_t)c : '*');
    }
}

/* anna@example.com -> a***@***.com */
static void partial_email(struct str value, struct buffer *out) {
    size_t dot = value.length;
    while (dot > 0 && value.data[dot - 1] != '.') dot--;
    if (dot == 0 || (unsigned char)value.data[0] >= 0x80) {
        buffer_append_cstr(out, "***@***");
        return;
    }
    buffer_append_byte(out, (uint8_t)value.data[0]);
    buffer_append_cstr(out, "***@***");
    buffer_append_str(out, str_slice(value, dot - 1, value.length));
}

/* 1980-02-03 -> 1980-**-** */
static void partial_date(struct str value, struct buffer *out) {
    for (size_t i = 0; i < value.length;) {
        size_t start = i;
        while (i < value.length && byte_is_alnum(value.data[i])) i++;
        struct str part = str_slice(value, start, i);
        bool is_year = part.length == 4 && byte_is_digit(part.data[0]);
        if (is_year) buffer_append_str(out, part);
        for (size_t j = 0; !is_year && j < part.length; j++) buffer_append_byte(out, '*');
        if (i < value.length) buffer_append_byte(out, (uint8_t)value.data[i++]);
    }
}

/* "Anna Maria Berg" -> "A*** M*** B***": how long a name is stays hidden too. */
static void partial_name(struct str value, struct buffer *out) {
    bool is_new = true;
    for (size_t i = 0; i < value.length;) {
        size_t start = i;
        uint32_t point;
        if (utf8_decode(value, &i, &point) != 0) i++;
        bool is_gap = value.data[start] == ' ' || value.data[start] == '-';
        if (is_gap) buffer_append_byte(out, (uint8_t)value.data[start]);
        if (!is_gap && is_new) {
            buffer_append_str(out, str_slice(value, start, i));
            buffer_append_cstr(out, "***");
        }
        is_new = is_gap;
    }
}

/* 203.0.113.7 -> 203.0.*.*; of IPv6 the first two groups stay. */
static void partial_ip(struct str value, struct buffer *out) {
    int groups = 0;
    for (size_t i = 0; i < value.length; i++) {
        char c = value.data[i];
        bool is_separator = c == '.' || c == ':';
        if (is_separator || groups < 2) buffer_append_byte(out, (uint8_t)c);
        else if (i == 0 || value.data[i - 1] == '.' || value.data[i - 1] == ':') buffer_append_byte(out, '*');
        groups += is_separator;
    }
}

void mask_partial(const struct mask_policy *policy, enum data_class class, struct str value, struct buffer *out) {
    const struct partial_rule *rule = &partial_rules[class];
    if (class == CLASS_EMAIL) partial_email(value, out);
    else if (class == CLASS_DATE_OF_BIRTH) partial_date(value, out);
    else if (class == CLASS_PERSON_NAME) partial_name(value, out);
    else if (class == CLASS_IP_ADDRESS) partial_ip(value, out);
    else if (rule->first + rule->last > 0) hide_middle(value, rule->first, rule->last, out);
    else mask_redact(policy, class, value, out);
}
