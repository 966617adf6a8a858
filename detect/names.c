/* Field names in their spellings (dateOfBirth, DATE_OF_BIRTH, date-of-birth) are brought to one, then looked up. */
#include "detect/names.h"

#include <pthread.h>

#include "detect/bytes.h"

#define NAME_LENGTH_MAX 96
#define NAME_WORDS_MAX 12
#define VALUE_NO_CLASS (CLASS_MAX + 1)

static const struct word_row rows[] = {
#define NAME(text, class) {text, sizeof(text) - 1, CLASS_##class + 1, 0},
#define NOT(text) {text, sizeof(text) - 1, VALUE_NO_CLASS, 0},
#include "detect/names.def"
#undef NAME
#undef NOT
};

void names_table_init(struct word_table *table) { word_table_init(table, rows, LENGTH_OF(rows)); }

/* "homePhone2" -> "home_phone": words[i] is where a word begins. */
static size_t normalise(struct str name, char out[NAME_LENGTH_MAX], size_t words[NAME_WORDS_MAX], size_t *count) {
    size_t length = 0;
    bool is_new = true;
    *count = 0;
    for (size_t i = 0; i < name.length && length + 2 < NAME_LENGTH_MAX; i++) {
        char c = name.data[i];
        if (!byte_is_alnum(c)) {
            is_new = true;
            continue;
        }
        bool after_lower = i > 0 && byte_is_letter(name.data[i - 1]) && !byte_is_upper(name.data[i - 1]);
        bool before_lower = i + 1 < name.length && byte_is_letter(name.data[i + 1]) && !byte_is_upper(name.data[i + 1]);
        bool after_upper = i > 0 && byte_is_upper(name.data[i - 1]);
        if (byte_is_upper(c) && (after_lower || (after_upper && before_lower))) is_new = true;
        if (is_new) {
            if (length > 0) out[length++] = '_';
            if (*count < NAME_WORDS_MAX) words[(*count)++] = length;
        }
        out[length++] = byte_is_upper(c) ? (char)(c + 32) : c;
        is_new = false;
    }
    return length;
}

static uint16_t look_up(const struct word_table *table, struct str name, const size_t *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint16_t value = word_table_get(table, str_slice(name, words[i], name.length));
        if (value != 0) return value;
    }
    return 0;
}

/* "mypassword", "rolpassword": one word. */
static bool ends_in_password(struct str name) {
    static const char *const ends[] = {"password", "passwd", "passphrase", "passwort"};
    for (size_t i = 0; i < LENGTH_OF(ends); i++) {
        if (str_ends_with(name, str_from_cstr(ends[i]))) return true;
    }
    return false;
}

enum data_class names_class(const struct word_table *table, struct str name) {
    char text[NAME_LENGTH_MAX];
    size_t words[NAME_WORDS_MAX], count;
    struct str normal = str_make(text, normalise(name, text, words, &count));
    uint16_t value = look_up(table, normal, words, count);
    if (value == 0) {
        /* email2, phone_1 */
        while (normal.length > 0 && !byte_is_letter(normal.data[normal.length - 1])) normal.length--;
        value = look_up(table, normal, words, count);
    }
    if (value == 0 && ends_in_password(normal)) return CLASS_CREDENTIAL;
    return value == 0 || value == VALUE_NO_CLASS ? CLASS_NONE : (enum data_class)(value - 1);
}

static struct word_table own_table;
static pthread_once_t own_table_once = PTHREAD_ONCE_INIT;

static void make_own_table(void) { names_table_init(&own_table); }

bool names_marks(struct str name) {
    pthread_once(&own_table_once, make_own_table);
    return names_class(&own_table, name) != CLASS_NONE;
}

static bool is_one_of_names(struct str name, const char *const *names) {
    for (; *names != NULL; names++) {
        if (str_equal_ignoring_case(name, str_from_cstr(*names))) return true;
    }
    return false;
}

bool names_is_pair_name(struct str name) {
    static const char *const names[] = {"name", "key", "k", "field", "column", "header", "attribute", "attname", "label",
                                        "property", "param", "parameter", "variable", "setting_name", "n", NULL};
    return is_one_of_names(name, names);
}

bool names_is_pair_value(struct str name) {
    static const char *const names[] = {"value", "val", "v", "data", "content", "text", "setting", "new_value", "old_value",
                                        "string_value", "stringvalue", "defaultvalue", "values", NULL};
    return is_one_of_names(name, names);
}

static bool is_mask(enum data_class class, struct str value) {
    struct str label = str_from_cstr(class_label(class));
    if (value.length < label.length + 2 || (value.data[0] != '[' && value.data[0] != '<')) return false;
    char last = value.data[value.length - 1];
    return (last == ']' || last == '>') && str_equal(str_slice(value, 1, 1 + label.length), label);
}

static bool is_nothing(struct str value) {
    static const char *const words[] = {"true", "false", "null", "none", "n/a", "unknown", "yes", "no", "undefined"};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (str_equal_ignoring_case(value, str_from_cstr(words[i]))) return true;
    }
    return false;
}

bool names_value_is_plausible(enum data_class class, struct str value) {
    value = str_trim(value);
    if (value.length < 2 || is_nothing(value) || is_mask(class, value)) return false;
    size_t digits = 0, letters = 0, wide = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (byte_is_digit(value.data[i])) digits++;
        else if (byte_is_letter(value.data[i])) letters++;
        else if ((unsigned char)value.data[i] >= 0x80) wide++;
    }
    switch (class) {
    case CLASS_EMAIL: return str_find_byte(value, '@') != STR_NOT_FOUND;
    case CLASS_PHONE: return digits >= 6 && letters <= 24;
    case CLASS_CARD_NUMBER: return digits >= 12 && letters <= 24;
    case CLASS_US_SSN: return digits >= 9 && letters <= 12;
    case CLASS_DATE_OF_BIRTH: return digits >= 3;
    case CLASS_PERSON_NAME: return letters + wide >= 1;
    case CLASS_ADDRESS: return letters + wide >= 3;
    case CLASS_IP_ADDRESS: return digits + letters >= 3 && (str_find_byte(value, '.') != STR_NOT_FOUND ||
                                                            str_find_byte(value, ':') != STR_NOT_FOUND);
    case CLASS_CREDENTIAL: return value.length >= 3;
    case CLASS_MAC_ADDRESS: return digits + letters == 12;
    default: return digits + letters >= 6;
    }
}
