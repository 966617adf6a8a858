/* The rules of credentials.def as one Vectorscan database of literals and one PCRE2 pattern a row.
 *
 * A literal's hit costs one anchored match: in the text from the literal on (TOKEN), or in what an assignment puts
 * behind the word (NAMED):
 *
 *     named = keyword *25( ALNUM / "_" / "." / "-" ) *20( those / SP ) assign value
 *     word  = keyword ( assign / SP "is" SP ) value
 *     assign = *12( SP / quote ) 1*4( "=" / ":" / ">" / "," / "|" / "?" ) *12( SP / quote / "=" ) */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/secrets.h"

#include <hs/hs.h>
#include <math.h>
#include <pcre2.h>

#include "detect/bytes.h"
#include "detect/scan.h"

#define SECRET_MAX DETECT_SPAN_MAX /* the longest token */
#define NAMED_MAX 512         /* the longest value behind a name */
#define NAMED_DISTANCE_MAX 96 /* from a keyword to its value; below DETECT_CONTEXT_BYTES */
#define PLACEHOLDER_MAX 200   /* a longer token that holds "EXAMPLE" holds it by chance */
#define MATCH_STEPS_MAX 50000 /* of PCRE2 in one attempt: ten times what any text takes */
#define JIT_STACK_BYTES (64u << 10)

enum rule_kind { RULE_TOKEN, RULE_NAMED, RULE_WORD };

static const struct secret_rule {
    enum rule_kind kind;
    const char *name;
    const char *literal;
    uint8_t literal_length;
    uint8_t back;
    const char *pattern;
} rules[] = {
#define TOKEN(name, literal, back, pattern) {RULE_TOKEN, #name, literal, sizeof(literal) - 1, back, pattern},
#define NAMED(name, literal, pattern) {RULE_NAMED, #name, literal, sizeof(literal) - 1, 0, pattern},
#define WORD(name, literal, pattern) {RULE_WORD, #name, literal, sizeof(literal) - 1, 0, pattern},
#include "detect/credentials.def"
#undef TOKEN
#undef NAMED
#undef WORD
    {RULE_TOKEN, "jwt", "eyJ", 3, 0, "eyJ[\\w-]{8,}+\\.[\\w-]{8,}+\\.[\\w-]*+"},
    {RULE_TOKEN, "jwt", "ey", 2, 0,
     "ey[A-Za-z0-9]{17,}+\\.ey[A-Za-z0-9/\\\\_-]{17,}+\\.(?:[A-Za-z0-9/\\\\_-]{10,}+={0,2})?"},
};

#define RULE_JWT (LENGTH_OF(rules) - 2)

struct secrets {
    hs_database_t *database;
    hs_scratch_t *prototype;
    pcre2_code *patterns[LENGTH_OF(rules)];
    uint32_t match_steps_max;
};

struct secrets_scratch {
    hs_scratch_t *hs;
    pcre2_match_data *match;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;                 /* not the fiber's, which may be smaller than PCRE2 takes for granted */
    size_t matched_until[LENGTH_OF(rules)]; /* in this segment: a literal before it lies in a token found already */
    size_t run_end;                         /* of the run of base64url that was looked at last */
    size_t run_failed;                      /* the end of a run in which no JWT begins */
    int failure;                            /* of PCRE2: the verdict is unknown */
};

static int compile_patterns(struct secrets *secrets, bool counts_steps, struct error *error) {
    for (size_t i = 0; i < LENGTH_OF(rules); i++) {
        char pattern[1024];
        /* A token ends where its alphabet does: a longer run is something else. */
        const char *tail = rules[i].kind != RULE_TOKEN ? "(?![\\w/+=~\\[({-])" : "(?![A-Za-z0-9_])";
        int length = snprintf(pattern, sizeof(pattern), "(?:%s)%s", rules[i].pattern, tail);
        CHECK(length > 0 && (size_t)length < sizeof(pattern));
        int code;
        PCRE2_SIZE offset;
        secrets->patterns[i] =
            pcre2_compile((PCRE2_SPTR)pattern, (PCRE2_SIZE)length, PCRE2_ANCHORED, &code, &offset, NULL);
        if (secrets->patterns[i] == NULL) {
            return error_set(error, ERROR_INVALID, "credential rule %s: bad pattern at %zu", rules[i].name, offset);
        }
        /* Without JIT it is slower, no less right; and steps are counted exactly. */
        if (!counts_steps) pcre2_jit_compile(secrets->patterns[i], PCRE2_JIT_COMPLETE);
    }
    return 0;
}

static int compile_literals(struct secrets *secrets, struct error *error) {
    const char *literals[LENGTH_OF(rules)];
    unsigned flags[LENGTH_OF(rules)], ids[LENGTH_OF(rules)];
    size_t lengths[LENGTH_OF(rules)];
    for (unsigned i = 0; i < LENGTH_OF(rules); i++) {
        literals[i] = rules[i].literal;
        lengths[i] = rules[i].literal_length;
        flags[i] = rules[i].kind != RULE_TOKEN ? HS_FLAG_CASELESS : 0;
        ids[i] = i;
    }
    hs_compile_error_t *failure = NULL;
    if (hs_compile_lit_multi(literals, flags, ids, lengths, LENGTH_OF(rules), HS_MODE_BLOCK, NULL, &secrets->database,
                             &failure) != HS_SUCCESS) {
        error_set(error, ERROR_INVALID, "credential literals: %s", failure->message);
        hs_free_compile_error(failure);
        return -1;
    }
    return hs_alloc_scratch(secrets->database, &secrets->prototype) == HS_SUCCESS ? 0 : error_out_of_memory(error);
}

struct secrets *secrets_new(uint32_t match_steps_max, struct error *error) {
    struct secrets *secrets = calloc(1, sizeof(*secrets));
    if (secrets == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    secrets->match_steps_max = match_steps_max != 0 ? match_steps_max : MATCH_STEPS_MAX;
    bool is_made = compile_literals(secrets, error) == 0 && compile_patterns(secrets, match_steps_max != 0, error) == 0;
    if (!is_made) secrets_free(&secrets);
    return secrets;
}

void secrets_free(struct secrets **handle) {
    struct secrets *secrets = *handle;
    if (secrets == NULL) return;
    for (size_t i = 0; i < LENGTH_OF(rules); i++) pcre2_code_free(secrets->patterns[i]);
    hs_free_scratch(secrets->prototype);
    hs_free_database(secrets->database);
    free(secrets);
    *handle = NULL;
}

struct secrets_scratch *secrets_scratch_new(const struct secrets *secrets, struct error *error) {
    struct secrets_scratch *scratch = calloc(1, sizeof(*scratch));
    if (scratch != NULL) {
        bool is_cloned = hs_clone_scratch(secrets->prototype, &scratch->hs) == HS_SUCCESS;
        scratch->match = pcre2_match_data_create(4, NULL);
        scratch->limits = pcre2_match_context_create(NULL);
        scratch->stack = pcre2_jit_stack_create(JIT_STACK_BYTES / 2, JIT_STACK_BYTES, NULL);
        bool is_made = is_cloned && scratch->match != NULL && scratch->limits != NULL && scratch->stack != NULL;
        if (!is_made) secrets_scratch_free(&scratch);
    }
    if (scratch == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    pcre2_set_match_limit(scratch->limits, secrets->match_steps_max);
    pcre2_jit_stack_assign(scratch->limits, NULL, scratch->stack);
    return scratch;
}

void secrets_scratch_free(struct secrets_scratch **handle) {
    struct secrets_scratch *scratch = *handle;
    if (scratch == NULL) return;
    hs_free_scratch(scratch->hs);
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->limits);
    pcre2_jit_stack_free(scratch->stack);
    free(scratch);
    *handle = NULL;
}

static bool is_one_of(char c, const char *set) { return c != 0 && strchr(set, c) != NULL; }

/* Bits of information a byte, by the frequencies in the text itself: 0 for "xxxx". */
static double entropy_of(struct str s) {
    unsigned counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < s.length; i++) counts[(uint8_t)s.data[i]]++;
    for (int i = 0; i < 256; i++) {
        if (counts[i] > 0) bits -= counts[i] * log2((double)counts[i] / (double)s.length);
    }
    return s.length > 0 ? bits / (double)s.length : 0;
}

/* What documentation puts in the place of a value behind a name. */
static bool looks_like_sample(struct str value) {
    static const char *const marks[] = {"example", "changeme", "change_me", "change-me", "placeholder",
                                        "your-",   "your_",    "insert-",   "insert_",   "redacted"};
    for (size_t i = 0; i < LENGTH_OF(marks); i++) {
        size_t length = strlen(marks[i]);
        for (size_t at = 0; at + length <= value.length; at++) {
            if (strncasecmp(value.data + at, marks[i], length) == 0) return true;
        }
    }
    return false;
}

static bool is_hex(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        if (!byte_is_hex(s.data[i])) return false;
    }
    return true;
}

static bool has_digit(struct str s) {
    for (size_t i = 0; i < s.length; i++) {
        if (byte_is_digit(s.data[i])) return true;
    }
    return false;
}

static bool looks_like_placeholder(struct str secret) {
    if (secret.length > PLACEHOLDER_MAX) return false;
    static const char *const marks[] = {"EXAMPLE", "xxxxx", "XXXXX", "*****", ".....", "_here", "_HERE"};
    for (size_t i = 0; i < LENGTH_OF(marks); i++) {
        if (str_find(secret, str_from_cstr(marks[i])) != STR_NOT_FOUND) return true;
    }
    return false;
}

#define LETTERS_MIN 3 /* in a credential and its mark */

/* No credential is without, and secrets_possible counts on it. */
static bool looks_like_secret(struct str marked) {
    size_t letters = 0;
    bool is_varied = false;
    for (size_t i = 0; i < marked.length && (letters < LETTERS_MIN || !is_varied); i++) {
        char c = marked.data[i];
        if (byte_is_letter(c)) letters++;
        is_varied = is_varied || byte_is_digit(c) || byte_is_upper(c) || c == '_';
    }
    return letters >= LETTERS_MIN && is_varied;
}

/* Runs the pattern of a rule at one place. The capture group, when there is one, is the span. An error of the engine
 * is no verdict: the scan fails. */
static bool match_at(struct scan *scan, size_t rule, size_t at, size_t *start, size_t *end) {
    struct secrets_scratch *scratch = scan->scratch->secrets;
    size_t limit = rules[rule].kind == RULE_TOKEN ? SECRET_MAX : NAMED_MAX;
    if (limit > scan->end - at) limit = scan->end - at;
    /* The subject begins one context earlier, so that the pattern may look behind. */
    size_t behind = at - scan->floor < 1 ? 0 : 1;
    int count = pcre2_match(scan->detector->secrets->patterns[rule], (PCRE2_SPTR)(scan->text + at - behind),
                            limit + behind, behind, PCRE2_NO_UTF_CHECK, scratch->match, scratch->limits);
    if (count < 1) {
        if (count != PCRE2_ERROR_NOMATCH) scratch->failure = count;
        return false;
    }
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(scratch->match);
    int group = count > 1 ? 1 : 0;
    *start = at - behind + bounds[2 * group];
    *end = at - behind + bounds[2 * group + 1];
    return *end > *start;
}

/* A JWT begins with a run of base64url that a dot ends. However many "eyJ" a run holds, it is walked once, and once no
 * JWT was found at one of them there is none at those behind it. */
static bool is_hopeless_jwt(struct scan *scan, size_t at) {
    struct secrets_scratch *scratch = scan->scratch->secrets;
    if (at < scratch->run_failed) return true;
    if (at >= scratch->run_end) {
        size_t end = at;
        while (end < scan->end && (byte_is_word(scan->text[end]) || scan->text[end] == '-')) end++;
        scratch->run_end = end;
    }
    return scan_at(scan, scratch->run_end) != '.' || scratch->run_end - at >= SECRET_MAX;
}

static void match_token(struct scan *scan, size_t rule, size_t literal_start) {
    const struct secret_rule *row = &rules[rule];
    struct secrets_scratch *scratch = scan->scratch->secrets;
    size_t at = literal_start, start = 0, end = 0;
    if (literal_start < scratch->matched_until[rule]) return;
    bool is_run_of_jwt = rule == RULE_JWT;
    if (is_run_of_jwt && is_hopeless_jwt(scan, at)) return;
    /* The token began before its literal: go back over what can be part of it. */
    while (at > scan->floor && literal_start - at < row->back) {
        char c = scan->text[at - 1];
        if (!byte_is_word(c) && !is_one_of(c, "-.~+/:")) break;
        at--;
    }
    bool is_searched = row->back > 0;
    for (; at <= literal_start; at++) {
        char before = scan_before(scan, at);
        /* "\nghp_..." in an escaped text: the letter belongs to the escape. */
        bool is_escape = at >= scan->floor + 2 && scan->text[at - 2] == '\\' && is_one_of(before, "nrt");
        bool is_start = !byte_is_word(before) || is_escape || !byte_is_word(row->literal[0]);
        if (is_start && match_at(scan, rule, at, &start, &end) && end > literal_start) break;
        if (is_start && is_run_of_jwt) scratch->run_failed = scratch->run_end;
        if (!is_searched || at == literal_start) return;
    }
    if (end - start > PLACEHOLDER_MAX) scratch->matched_until[rule] = end;
    struct str secret = str_make(scan->text + start, end - start);
    bool is_jwt = strcmp(row->name, "jwt") == 0;
    bool is_bare = start == at; /* no capture group: the form itself is the evidence, so its bytes must look random */
    if (looks_like_placeholder(secret) || (is_bare && secret.length > 20 && entropy_of(secret) < 2.8)) return;
    size_t marked = start < literal_start ? start : literal_start;
    if (!looks_like_secret(str_make(scan->text + marked, end - marked))) return;
    scan_add(scan, start, end, is_jwt ? CLASS_JWT : CLASS_CREDENTIAL, is_jwt ? 92 : 94, row->name);
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Goes on over bytes of the set, or letters and digits too, `most` at most. */
static size_t skip(const struct scan *scan, size_t at, size_t most, const char *set, bool with_words) {
    size_t i = at;
    while (i - at < most && (is_one_of(scan_at(scan, i), set) || (with_words && byte_is_word(scan_at(scan, i))))) i++;
    return i;
}

/* Where the value of an assignment begins behind the keyword that ends at `at`; 0: no assignment there. */
static size_t assigned_value(const struct scan *scan, size_t at, bool ends_identifier) {
    size_t i = at;
    if (!ends_identifier) {
        i = skip(scan, i, 25, ".-", true);
        if (is_blank(scan_at(scan, i))) i = skip(scan, i, 20, " .-", true);
    }
    bool is_said = ends_identifier && scan->end - at > 4 && memcmp(scan->text + at, " is ", 4) == 0;
    if (is_said) return skip(scan, at + 4, 2, "\"'`", false);
    i = skip(scan, i, 12, " \t\"'`\\", false);
    size_t operator = i;
    i = skip(scan, i, 4, ends_identifier ? "=:>" : "=:>,|?", false);
    if (i == operator || (ends_identifier && scan_at(scan, operator) == '>')) return 0;
    i = skip(scan, i, 12, " \t\"'`\\=", false);
    return i - at <= NAMED_DISTANCE_MAX ? i : 0;
}

/* Does one of the words stand before `at`, in any case, with "_", "-", "." or blanks between? */
static bool follows_one_of(const struct scan *scan, size_t at, const char *const *words) {
    while (at > scan->floor && is_one_of(scan->text[at - 1], "_-. ")) at--;
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);
        if (at - scan->floor >= length && strncasecmp(scan->text + at - length, *words, length) == 0) return true;
    }
    return false;
}

/* "public_key", "csrf-token": the word before the keyword says that it is no secret. "<CREDENTIAL:": a mask. */
static bool is_harmless(const struct scan *scan, size_t keyword) {
    size_t label = keyword;
    while (label > scan->floor && keyword - label < 16 &&
           (byte_is_upper(scan->text[label - 1]) || scan->text[label - 1] == '_')) {
        label--;
    }
    if (scan_before(scan, label) == '<') return true;
    static const char *const words[] = {"public", "pub",  "csrf", "primary", "foreign", "cache", "partition",
                                        "sort",   "by",   "com",  NULL};
    return follows_one_of(scan, keyword, words);
}

/* "the key is ..." says little; "the API key is ..." does. */
static bool is_said_of_secret(const struct scan *scan, const struct secret_rule *row, size_t keyword) {
    static const char *const words[] = {"api", "access", "secret", "auth", "private", NULL};
    return strcmp(row->literal, "key") != 0 || follows_one_of(scan, keyword, words);
}

/* "key is NAME => value": what was taken for the value is the name of another. Never looks past a break. */
static bool is_name_of_value(const struct scan *scan, size_t end) {
    size_t i = skip(scan, end, 4, " '`", false);
    char c = scan_at(scan, i), next = c == 0 ? 0 : scan_at(scan, i + 1);
    return c == '=' || (is_one_of(c, ":?|>") && is_one_of(next, "=:|'`"));
}

static bool is_quoted_behind_only(const struct scan *scan, size_t start, size_t end) {
    char behind = scan_at(scan, end);
    return (behind == '\'' || behind == '`') && scan_before(scan, start) != behind;
}

static void match_named(struct scan *scan, size_t rule, size_t literal_end) {
    bool is_word = rules[rule].kind == RULE_WORD;
    size_t keyword = literal_end - rules[rule].literal_length;
    size_t value = assigned_value(scan, literal_end, is_word), start, end;
    if (value == 0 || value < scan->from || value >= scan->end) return;
    if (is_word && is_harmless(scan, keyword)) return;
    if (!match_at(scan, rule, value, &start, &end)) return;
    bool is_said = scan->text[literal_end] == ' ' && is_word && !is_one_of(scan_before(scan, value), "=:");
    if (is_said && is_one_of(scan->text[end - 1], ".?")) end--; /* of the sentence */
    struct str secret = str_make(scan->text + start, end - start);
    if (looks_like_placeholder(secret) || looks_like_sample(secret) || (is_said && !has_digit(secret))) return;
    bool is_password = strcmp(rules[rule].name, "named_password") == 0;
    if (is_word && !is_password && is_name_of_value(scan, end)) return;
    if (is_said && (is_quoted_behind_only(scan, start, end) || !is_said_of_secret(scan, &rules[rule], keyword))) return;
    /* Sixteen digits carry less a byte: what is random in them has some 3.5 bits at this length, not 5. */
    double enough = !is_word || is_password ? 2.0 : is_hex(secret) ? 3.0 : 3.5;
    if (entropy_of(secret) < enough) return;
    scan_add(scan, start, end, CLASS_CREDENTIAL, is_word ? 70 : 88, rules[rule].name);
}

static bool is_password_rule(const struct secret_rule *row) { return strcmp(row->name, "named_password") == 0; }

uint32_t secrets_context_of_name(struct str name) {
    while (name.length > 0 && !byte_is_letter(name.data[name.length - 1])) name.length--;
    struct scan scan = {.text = name.data, .end = name.length};
    for (size_t i = 0; i < LENGTH_OF(rules); i++) {
        const struct secret_rule *row = &rules[i];
        if (row->kind != RULE_WORD || name.length < row->literal_length) continue;
        size_t keyword = name.length - row->literal_length;
        if (strncasecmp(name.data + keyword, row->literal, row->literal_length) != 0) continue;
        if (is_harmless(&scan, keyword)) continue;
        return is_password_rule(row) ? CONTEXT_PASSWORD : CONTEXT_SECRET;
    }
    return 0;
}

bool secrets_is_value(struct scan *scan, size_t start, size_t end, uint32_t context) {
    struct str value = str_make(scan->text + start, end - start);
    size_t from, to;
    struct secrets_scratch *scratch = scan->scratch->secrets;
    if (value.length > NAMED_MAX || looks_like_placeholder(value) || looks_like_sample(value)) return false;
    scratch->failure = 0;
    for (size_t i = 0; i < LENGTH_OF(rules); i++) {
        bool is_password = is_password_rule(&rules[i]);
        if (rules[i].kind != RULE_WORD || !(context & (is_password ? CONTEXT_PASSWORD : CONTEXT_SECRET))) continue;
        double enough = is_password ? 2.0 : is_hex(value) ? 3.0 : 3.5;
        if (value.length == 0 || entropy_of(value) < enough || !match_at(scan, i, start, &from, &to)) continue;
        if (from == start && to == end) return true;
    }
    return scratch->failure != 0; /* no verdict: then it is taken for one */
}

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *context) {
    (void)from;
    (void)flags;
    struct scan *scan = context;
    size_t end = scan->floor + (size_t)to;
    if (rules[id].kind == RULE_TOKEN) match_token(scan, id, end - rules[id].literal_length);
    else match_named(scan, id, end);
    return scan->scratch->secrets->failure;
}

int secrets_scan(struct scan *scan, struct error *error) {
    struct secrets_scratch *scratch = scan->scratch->secrets;
    memset(scratch->matched_until, 0, sizeof(scratch->matched_until));
    scratch->run_end = scratch->run_failed = 0;
    scratch->failure = 0;
    size_t length = scan->end - scan->floor;
    hs_error_t result = hs_scan(scan->detector->secrets->database, scan->text + scan->floor, (unsigned)length, 0,
                                scratch->hs, on_literal, scan);
    if (scratch->failure != 0) {
        return error_set(error, ERROR_LIMIT, "a text takes more steps than the search for credentials may take (%d): "
                         "it cannot be inspected", scratch->failure);
    }
    if (result != HS_SUCCESS) return error_set(error, ERROR_MEMORY, "the search for credentials failed (%d)", result);
    return 0;
}

#define RUN_MIN 14
#define SHORT_TEXT_MAX 256

enum { IS_BLANK = 1, IS_LETTER = 2, IS_VARIED = 4, IS_ASSIGNMENT = 8, IS_SAID = 16 };

static const uint8_t byte_flags[256] = {
    [0 ... ' '] = IS_BLANK,   ['A' ... 'Z'] = IS_LETTER | IS_VARIED, ['a' ... 'z'] = IS_LETTER,
    ['0' ... '9'] = IS_VARIED, ['_'] = IS_VARIED,                    ['='] = IS_ASSIGNMENT,
    [':'] = IS_ASSIGNMENT,    ['>'] = IS_ASSIGNMENT,                 [','] = IS_ASSIGNMENT,
    ['|'] = IS_ASSIGNMENT,    ['?'] = IS_ASSIGNMENT,
};

bool secrets_possible(struct str text) {
    if (text.length > SHORT_TEXT_MAX) return true; /* the search is faster than this */
    if (text.length == UUID_BYTES && is_uuid(text.data)) return false;
    size_t letters = 0, run = 0;
    unsigned of_run = 0, of_text = 0, before = 0;
    bool has_run = false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        unsigned flags = byte_flags[(uint8_t)c];
        bool is_blank = (flags & IS_BLANK) != 0;
        /* "--password", "-u", "is" */
        if ((before & IS_BLANK) && (c == '-' || c == 'i')) flags |= IS_SAID;
        before = flags;
        letters += (flags & IS_LETTER) != 0;
        of_text |= flags;
        of_run = is_blank ? 0 : of_run | flags;
        run = is_blank ? 0 : run + 1;
        has_run |= run >= RUN_MIN && (of_run & IS_VARIED) != 0;
    }
    bool is_assigned = (of_text & IS_ASSIGNMENT) != 0 || ((of_text & IS_SAID) != 0 && (of_text & IS_VARIED) != 0);
    return letters >= LETTERS_MIN && (is_assigned || has_run);
}
