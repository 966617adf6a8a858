/* One character at a time: unescape it, map it, write it or leave it out; see fold.h. */
#include "guard/fold.h"

#include "detect/bytes.h"

#define ESCAPES_OF_ESCAPES_MAX 3 /* "%252540", "&amp;amp;#64;" */
#define SEPARATORS_MAX 4         /* between two digits */
#define ENTITY_DIGITS_MAX 7

struct fold {
    struct str text;
    struct buffer *out;
    struct buffer *places; /* NULL: not asked for */
    bool is_behind_digit;
    struct fold_place separators[SEPARATORS_MAX];
    char separator_bytes[SEPARATORS_MAX];
    size_t separator_count; /* seen behind a digit, not written yet */
};

static int hex_digit(char c) {
    if (byte_is_digit(c)) return c - '0';
    return byte_is_hex(c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* `count` hexadecimal digits at `at`; -1: there are not so many. */
static int32_t take_hex(struct str text, size_t at, size_t count) {
    int32_t value = 0;
    if (at + count > text.length) return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(text.data[at + i]);
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* The code point of a UTF-8 sequence whose bytes `next` gives; what is none is its first byte. */
static uint32_t decode_utf8(const uint8_t *bytes, size_t count, size_t *used) {
    size_t length = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : bytes[0] >= 0xc0 ? 2 : 1;
    *used = 1;
    if (length == 1 || length > count) return bytes[0];
    uint32_t code = bytes[0] & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) return bytes[0];
        code = code << 6 | (bytes[i] & 0x3f);
    }
    *used = length;
    return code;
}

/* ---- Escapes: each reads one character at *at and moves *at behind it; false: it is none of its kind -------------- */

static bool take_percent_byte(struct str text, size_t *at, uint8_t *byte) {
    size_t from = *at + 1;
    if (*at >= text.length || text.data[*at] != '%') return false;
    for (int i = 0; i < ESCAPES_OF_ESCAPES_MAX; i++) {
        if (take_hex(text, from, 2) == 0x25 && take_hex(text, from + 2, 2) >= 0) from += 2;
    }
    int32_t value = take_hex(text, from, 2);
    if (value < 0) return false;
    *byte = (uint8_t)value;
    *at = from + 2;
    return true;
}

static bool take_percent(struct str text, size_t *at, uint32_t *code) {
    uint8_t bytes[4];
    size_t ends[4];
    size_t count = 0, used;
    for (size_t next = *at; count < 4 && take_percent_byte(text, &next, &bytes[count]); count++) {
        ends[count] = next;
        if (count == 0 && bytes[0] < 0xc0) {
            count++;
            break;
        }
    }
    if (count == 0) return false;
    *code = decode_utf8(bytes, count, &used);
    *at = ends[used - 1];
    return true;
}

static const struct {
    struct str name;
    char byte;
} entities[] = {
    {STR("commat;"), '@'}, {STR("period;"), '.'}, {STR("nbsp;"), ' '}, {STR("lowbar;"), '_'}, {STR("colon;"), ':'},
    {STR("sol;"), '/'},    {STR("hyphen;"), '-'}, {STR("dash;"), '-'}, {STR("num;"), '#'},    {STR("lt;"), '<'},
    {STR("gt;"), '>'},     {STR("quot;"), '"'},   {STR("apos;"), '\''}, {STR("plus;"), '+'},  {STR("equals;"), '='},
};

static bool take_number_entity(struct str text, size_t from, size_t *at, uint32_t *code) {
    bool is_hex = from < text.length && (text.data[from] | 0x20) == 'x';
    size_t digit = from + is_hex;
    uint32_t value = 0;
    size_t start = digit;
    for (; digit < text.length && digit - start < ENTITY_DIGITS_MAX; digit++) {
        int d = is_hex ? hex_digit(text.data[digit]) : byte_is_digit(text.data[digit]) ? text.data[digit] - '0' : -1;
        if (d < 0) break;
        value = value * (is_hex ? 16 : 10) + (uint32_t)d;
    }
    if (digit == start) return false;
    *code = value;
    *at = digit + (digit < text.length && text.data[digit] == ';');
    return true;
}

static bool take_entity(struct str text, size_t *at, uint32_t *code) {
    size_t from = *at + 1;
    if (text.data[*at] != '&') return false;
    for (int i = 0; i < ESCAPES_OF_ESCAPES_MAX && str_starts_with(str_slice(text, from, text.length), STR("amp;")); i++) {
        from += 4;
    }
    struct str rest = str_slice(text, from, text.length);
    if (str_starts_with(rest, STR("#"))) return take_number_entity(text, from + 1, at, code);
    for (size_t i = 0; i < LENGTH_OF(entities); i++) {
        if (!str_starts_with(rest, entities[i].name)) continue;
        *code = (uint8_t)entities[i].byte;
        *at = from + entities[i].name.length;
        return true;
    }
    return false;
}

/* "\u0040", a pair of surrogates, "\x40", "\n", "\_". */
static bool take_backslash(struct str text, size_t *at, uint32_t *code) {
    size_t from = *at;
    while (from < text.length && text.data[from] == '\\' && from - *at < 7) from++; /* escapes of escapes double them */
    if (from == *at || from >= text.length) return false;
    char c = text.data[from];
    int32_t value = c == 'u' ? take_hex(text, from + 1, 4) : c == 'x' ? take_hex(text, from + 1, 2) : -1;
    *at = from + 1;
    *code = c == 'n' || c == 't' || c == 'r' ? ' ' : (uint8_t)c;
    if ((unsigned char)c >= 0x80) {
        *at = from; /* the character is read by itself */
        *code = ' ';
    }
    if (value < 0) return true;
    *at = from + (c == 'u' ? 5 : 3);
    *code = (uint32_t)value;
    bool is_pair = c == 'u' && value >= 0xd800 && value < 0xdc00 && *at + 6 <= text.length && text.data[*at] == '\\' &&
                   text.data[*at + 1] == 'u';
    int32_t low = is_pair ? take_hex(text, *at + 2, 4) : -1;
    if (low < 0xdc00 || low > 0xdfff) return true;
    *code = 0x10000 + (((uint32_t)value - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
    *at += 6;
    return true;
}

static uint32_t take_character(struct str text, size_t *at) {
    uint32_t code;
    char c = text.data[*at];
    if (c == '%' && take_percent(text, at, &code)) return code;
    if (c == '&' && take_entity(text, at, &code)) return code;
    if (c == '\\' && take_backslash(text, at, &code)) return code;
    size_t used;
    code = decode_utf8((const uint8_t *)text.data + *at, text.length - *at, &used);
    *at += used;
    return code;
}

/* ---- Characters -------------------------------------------------------------------------------------------------- */

/* U+00C0 to U+017F without their accents; ' ' where there is no letter of ASCII for it. */
static const char latin[] = "AAAAAA CEEEEIIII NOOOOO OUUUUY  aaaaaa ceeeeiiii nooooo ouuuuy y"
                            "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIi  JjKk LlLlLlLlLlNnNnNn   "
                            "OoOoOo  RrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
static_assert(sizeof(latin) - 1 == 0x180 - 0xc0, "one for each letter from U+00C0 to U+017F");

static bool is_left_out(uint32_t code) {
    return code <= ' ' || code == 0x7f || code == 0xa0 || code == 0xad || (code >= 0x300 && code <= 0x36f) ||
           code == 0x180e || (code >= 0x2000 && code <= 0x200f) || (code >= 0x2028 && code <= 0x202f) ||
           (code >= 0x205f && code <= 0x2064) || code == 0x3000 || (code >= 0xfe00 && code <= 0xfe0f) || code == 0xfeff ||
           (code >= 0xe0000 && code <= 0xe01ef);
}

/* Ranges whose characters stand for those of ASCII, from `first` on, again and again after `cycle`. */
static const struct {
    uint32_t from, to;
    char first;
    uint8_t cycle;
} ranges[] = {
    {0xff01, 0xff5e, '!', 0},     {0x1d7ce, 0x1d7ff, '0', 10}, {0x2080, 0x2089, '0', 0},  {0x2074, 0x2079, '4', 0},
    {0x2460, 0x2468, '1', 0},     {0x24b6, 0x24cf, 'A', 0},    {0x24d0, 0x24e9, 'a', 0},  {0x2010, 0x2015, '-', 1},
    {0x249c, 0x24b5, 'a', 0},     {0x2474, 0x247c, '1', 0},    {0x2488, 0x2490, '1', 0},  {0x1f130, 0x1f149, 'A', 0},
};

static const struct {
    uint32_t code;
    char byte;
} singles[] = {
    {0xb9, '1'},   {0xb2, '2'},   {0xb3, '3'},   {0xaa, 'a'},   {0xba, 'o'},   {0x2070, '0'}, {0x2071, 'i'},
    {0x207f, 'n'}, {0x2212, '-'}, {0xfe63, '-'}, {0xfe6b, '@'}, {0xfe52, '.'}, {0xfe55, ':'}, {0x2024, '.'},
    {0xfe50, ','}, {0xfe60, '&'}, {0xfe62, '+'}, {0xfe66, '='}, {0xfe4d, '_'}, {0xfe58, '-'}, {0x2044, '/'},
    {0x210a, 'g'}, {0x210b, 'H'}, {0x210e, 'h'}, {0x2110, 'I'}, {0x2112, 'L'}, {0x2113, 'l'}, {0x2115, 'N'},
    {0x2119, 'P'}, {0x211a, 'Q'}, {0x211b, 'R'}, {0x211d, 'R'}, {0x2124, 'Z'}, {0x2128, 'Z'}, {0x212a, 'K'},
    {0x212c, 'B'}, {0x212d, 'C'}, {0x212f, 'e'}, {0x2130, 'E'}, {0x2131, 'F'}, {0x2133, 'M'}, {0x2134, 'o'},
};

static uint32_t mathematical(uint32_t code) {
    uint32_t place = (code - 0x1d400) % 52;
    return place < 26 ? 'A' + place : 'a' + place - 26;
}

/* What the character stands for; itself when it is no form of another. */
static uint32_t map_character(uint32_t code) {
    if (code < 0x80) return code;
    if (code >= 0xc0 && code < 0x180 && latin[code - 0xc0] != ' ') return (uint8_t)latin[code - 0xc0];
    if (code >= 0x1d400 && code <= 0x1d6a3) return mathematical(code);
    for (size_t i = 0; i < LENGTH_OF(ranges); i++) {
        if (code < ranges[i].from || code > ranges[i].to) continue;
        uint32_t offset = code - ranges[i].from;
        return (uint8_t)ranges[i].first + (ranges[i].cycle != 0 ? offset % ranges[i].cycle : offset);
    }
    for (size_t i = 0; i < LENGTH_OF(singles); i++) {
        if (singles[i].code == code) return (uint8_t)singles[i].byte;
    }
    if ((code >= 0x391 && code <= 0x3a9) || (code >= 0x410 && code <= 0x42f)) return code + 0x20;
    return code >= 0x400 && code <= 0x40f ? code + 0x50 : code;
}

static struct str ligature(uint32_t code) {
    static const struct str texts[] = {STR("ff"), STR("fi"), STR("fl"), STR("ffi"), STR("ffl"), STR("st"), STR("st")};
    if (code == 0xdf) return STR("ss");
    return code >= 0xfb00 && code <= 0xfb06 ? texts[code - 0xfb00] : STR_NONE;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static void write_byte(struct fold *fold, uint8_t byte, struct fold_place place) {
    buffer_append_byte(fold->out, byte);
    if (fold->places != NULL) buffer_append(fold->places, &place, sizeof(place));
}

/* Separators that turned out not to stand between two digits. */
static void write_separators(struct fold *fold) {
    for (size_t i = 0; i < fold->separator_count; i++) {
        write_byte(fold, (uint8_t)fold->separator_bytes[i], fold->separators[i]);
    }
    fold->separator_count = 0;
}

static void write_ascii(struct fold *fold, char byte, struct fold_place place) {
    bool is_separator = !byte_is_alnum(byte) && byte != 0 && strchr("-./()", byte) != NULL;
    if (is_separator && fold->is_behind_digit && fold->separator_count < SEPARATORS_MAX) {
        fold->separators[fold->separator_count] = place;
        fold->separator_bytes[fold->separator_count++] = byte;
        return;
    }
    if (byte_is_digit(byte)) fold->separator_count = 0;
    if (fold->separator_count > 0) write_separators(fold);
    fold->is_behind_digit = byte_is_digit(byte);
    write_byte(fold, (uint8_t)(byte_is_upper(byte) ? byte | 0x20 : byte), place);
}

static void write_wide(struct fold *fold, uint32_t code, struct fold_place place) {
    write_separators(fold);
    fold->is_behind_digit = false;
    static const uint8_t leads[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = code >= 0x10000 ? 3 : code >= 0x800 ? 2 : 1;
    write_byte(fold, (uint8_t)(leads[more] | (code >> 6 * more & 0x3f)), place);
    while (more-- > 0) write_byte(fold, (uint8_t)(0x80 | (code >> 6 * more & 0x3f)), place);
}

void fold_append(struct str text, struct buffer *out, struct buffer *places) {
    struct fold fold = {.text = text, .out = out, .places = places};
    for (size_t at = 0; at < text.length;) {
        struct fold_place place = {(uint32_t)at, (uint32_t)at + 1};
        if (byte_is_alnum(text.data[at])) { /* most of a text */
            write_ascii(&fold, text.data[at++], place);
            continue;
        }
        uint32_t code = take_character(text, &at);
        place.end = (uint32_t)at;
        if (is_left_out(code)) continue;
        struct str letters = ligature(code);
        for (size_t i = 0; i < letters.length; i++) write_ascii(&fold, letters.data[i], place);
        if (letters.length > 0) continue;
        code = map_character(code);
        if (code < 0x80) write_ascii(&fold, (char)code, place);
        else write_wide(&fold, code, place);
    }
    write_separators(&fold);
}
