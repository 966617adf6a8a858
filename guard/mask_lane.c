/* A text in pieces. What lies before the last break (detect/segment.h) is decided: it is rewritten and goes on. The run
 * behind it is held, MASK_LANE_HELD_MAX bytes at most; what becomes of the text depends on its bytes alone, never on how
 * they were cut into pieces.
 *
 * A run that fills the hold without a break is cut (lane_force). Every value of up to LOOK_AHEAD_BYTES that begins before
 * the cut is in sight as a whole, so it was found and the cut goes before it. Longer ones are either found by what is in
 * sight of them, or known by how they begin (a private key, a JWT, a password in a URL): the cut goes before them too,
 * until one of them fills the hold by itself. Then its mask goes out, and its bytes are swallowed up to its end. */
#include <stdlib.h>

#include "detect/bytes.h"
#include "detect/names.h"
#include "detect/segment.h"
#include "guard/mask_plan_internal.h"

#define MASK_LANE_MAGIC 0x3a5c1a9eu
#define LOOK_AHEAD_BYTES 192
#define HELD_CAP_BYTES (4 * MASK_LANE_HELD_MAX)
#define WIDE_RUN_BYTES 64   /* so much of a script without blanks is no part of a value */
#define WIDE_MARK_BYTES 48  /* before such a run is looked for what may begin a value that goes on in it */
#define ARMOUR_LINE_MIN 24  /* a shorter word is none of the body of a private key */
#define ARMOUR_LINE_SURE 32 /* what begins a body has a word as long as this */
#define PROSE_WORDS_MAX 8   /* so many short words behind a body: the key was cut off */

enum lane_mode {
    LANE_SCAN,
    LANE_FIELD,   /* the name of the field speaks for a class that is to be hidden: the whole value is one */
    LANE_TOKEN,   /* in a value that filled the hold, up to the end of its run */
    LANE_LOGIN,   /* in the user part of a URL that filled the hold, up to its end */
    LANE_KEY,     /* in a private key, up to its foot */
    LANE_DROPPED, /* behind a whole value that was masked: the rest of the text belongs to it */
};

/* Where in a private key the stream stands. */
struct key_walk {
    unsigned dashes;
    unsigned word_bytes;
    unsigned short_words;
    bool in_foot;
};

struct mask_lane {
    uint32_t magic;
    const struct plan *plan;
    struct mask_field field;
    struct buffer text; /* context, then what is held */
    size_t open;        /* where what is held begins */
    enum lane_mode mode;
    bool is_kept; /* what is swallowed may be seen: it goes on as it is */
    struct key_walk key;
    struct text_place place;
};

struct feed {
    struct mask_rewrite job;
    struct buffer *out;
};

struct mask_lane *mask_lane_new(const struct mask_plan *vtable, struct mask_field field) {
    struct mask_lane *lane = calloc(1, sizeof(*lane));
    if (lane == NULL) return NULL;
    const struct plan *plan = vtable->self;
    lane->magic = MASK_LANE_MAGIC;
    lane->plan = plan;
    lane->field = field;
    lane->mode = (field.hint & UINT32_MAX & ~plan->reveal) != 0 ? LANE_FIELD : LANE_SCAN;
    buffer_init(&lane->text, HELD_CAP_BYTES);
    return lane;
}

void mask_lane_free(struct mask_lane **handle) {
    struct mask_lane *lane = *handle;
    if (lane == NULL) return;
    CHECK_MAGIC(lane, MASK_LANE_MAGIC);
    if (lane->text.data != NULL) explicit_bzero(lane->text.data, lane->text.capacity);
    buffer_free(&lane->text);
    lane->magic = 0;
    free(lane);
    *handle = NULL;
}

size_t mask_lane_held(const struct mask_lane *lane) { return buffer_length(&lane->text) - lane->open; }

static uint32_t lane_context(const struct mask_lane *lane) { return (uint32_t)(lane->field.hint >> 32); }

static void forget_context(struct mask_lane *lane) {
    if (lane->open <= DETECT_CONTEXT_BYTES) return;
    buffer_consume(&lane->text, lane->open - DETECT_CONTEXT_BYTES);
    lane->open = DETECT_CONTEXT_BYTES;
}

/* What is held up to `end` goes on. */
static int release(struct mask_lane *lane, struct feed *feed, size_t end, bool is_final,
                   const struct detect_spans *spans) {
    bool is_changed;
    if (mask_rewrite_part(&feed->job, buffer_view(&lane->text), lane->open, end, is_final, spans, feed->out,
                          &is_changed, NULL) != 0) {
        return -1;
    }
    lane->open = end;
    return 0;
}

/* ---- Scripts without blanks ------------------------------------------------------------------------------------- */

static bool is_wide(char c) { return (unsigned char)c >= 0x80; }

/* Does a character of three bytes or more end before text[at]? */
static bool is_behind_wide_character(struct str text, size_t at) {
    size_t lead = at - 1;
    while (lead > 0 && at - lead < 4 && ((unsigned char)text.data[lead] & 0xc0) == 0x80) lead--;
    unsigned char first = (unsigned char)text.data[lead];
    return (first >= 0xe0 && first < 0xf0 && at - lead == 3) || (first >= 0xf0 && at - lead == 4);
}

/* May a value be under way that holds characters of such a script: a password behind its name, a URL, an address? */
static bool may_take_wide(struct str before) {
    if (str_ends_with(before, STR(" is "))) return true;
    for (size_t i = 0; i < before.length; i++) {
        if (before.data[i] != 0 && strchr("=:>|\"'`-@/,?", before.data[i]) != NULL) return true;
    }
    return false;
}

static bool wide_is_break(struct str text, size_t at) {
    size_t start = at;
    while (start > 0 && at - start < WIDE_RUN_BYTES && (is_wide(text.data[start - 1]) || text.data[start - 1] == ' ')) {
        start--;
    }
    if (at - start >= WIDE_RUN_BYTES) return true;
    return !may_take_wide(str_slice(text, start > WIDE_MARK_BYTES ? start - WIDE_MARK_BYTES : 0, start));
}

/* Text of Chinese, say, has no blank to end a segment: every character that can be in no value ends one. The first such
 * place up to `end`, SIZE_MAX: none. Always the first, lest it depend on the pieces. */
static size_t wide_segment_end(struct str text, size_t start, size_t end) {
    for (size_t at = start + 1; at <= end; at++) {
        if (is_wide(text.data[at - 1]) && is_behind_wide_character(text, at) && wide_is_break(text, at)) return at;
    }
    return SIZE_MAX;
}

static int close_segments(struct mask_lane *lane, struct feed *feed, bool is_final) {
    struct str text = buffer_view(&lane->text);
    while (lane->open < text.length) {
        size_t end = segment_end(text, lane->open, is_final);
        size_t wide_end = wide_segment_end(text, lane->open, end > lane->open ? end : text.length);
        if (wide_end != SIZE_MAX) end = wide_end;
        end = mask_rewrite_hold(&feed->job, text, lane->open, end, is_final);
        if (end == lane->open) break;
        const struct detect_spans *spans =
            mask_worker_segment(lane->plan->worker, text, lane->open, end, lane_context(lane));
        if (spans == NULL || release(lane, feed, end, is_final, spans) != 0) return -1;
    }
    return 0;
}

/* ---- Values that are longer than what is held ------------------------------------------------------------------- */

static bool is_token_byte(char c) { return byte_is_word(c) || (c > ' ' && strchr("-./+=~\\%:@", c) != NULL); }

static bool is_login_byte(char c) { return (unsigned char)c > ' ' && strchr("/?#\"<>`", c) == NULL; }

/* The bytes of what is swallowed now: how many of the piece belong to it. */
static size_t run_bytes(struct mask_lane *lane, struct str piece, bool (*is_of_run)(char)) {
    size_t length = 0;
    while (length < piece.length && is_of_run(piece.data[length])) length++;
    if (length < piece.length) lane->mode = LANE_SCAN;
    return length;
}

/* Is the key at its end behind this byte? */
static bool key_ends(struct key_walk *key, char c) {
    bool was_armour_dash = key->dashes >= 5;
    key->dashes = c == '-' ? key->dashes + 1 : 0;
    if (key->in_foot) return key->dashes == 5 || (unsigned char)c < ' ';
    if (was_armour_dash && c == 'E') {
        key->in_foot = true;
        return false;
    }
    if ((unsigned char)c > ' ') {
        key->word_bytes++;
        return false;
    }
    if (key->word_bytes > 0) key->short_words = key->word_bytes < ARMOUR_LINE_MIN ? key->short_words + 1 : 0;
    key->word_bytes = 0;
    return key->short_words == PROSE_WORDS_MAX;
}

static size_t key_bytes(struct mask_lane *lane, struct str piece) {
    size_t length = 0;
    for (; length < piece.length; length++) {
        bool is_foreign = (unsigned char)piece.data[length] >= 0x80; /* no key holds it */
        if (is_foreign || key_ends(&lane->key, piece.data[length])) {
            lane->mode = LANE_SCAN;
            return is_foreign ? length : length + 1;
        }
    }
    return length;
}

static struct str swallow(struct mask_lane *lane, struct feed *feed, struct str piece) {
    size_t length = lane->mode == LANE_TOKEN   ? run_bytes(lane, piece, is_token_byte)
                    : lane->mode == LANE_LOGIN ? run_bytes(lane, piece, is_login_byte)
                    : lane->mode == LANE_KEY   ? key_bytes(lane, piece)
                                               : piece.length;
    if (lane->is_kept) buffer_append_str(feed->out, str_slice(piece, 0, length));
    return str_slice(piece, length, piece.length);
}

/* The value that begins what is held: its mask goes out now, and what is held of it is swallowed. Of a value that is not
 * seen whole nothing but its class is said, whatever its operator. */
static int begin_to_swallow(struct mask_lane *lane, struct feed *feed, enum lane_mode mode, enum data_class class) {
    struct mask_policy redact = {0};
    struct str held = str_slice(buffer_view(&lane->text), lane->open, SIZE_MAX);
    enum mask_operator operator = (enum mask_operator)lane->plan->policy->operators[class];
    lane->mode = mode;
    lane->key = (struct key_walk){0};
    lane->is_kept = operator == MASK_KEEP;
    mask_count_one(lane->is_kept ? feed->job.revealed : feed->job.masked, class);
    redact.operators[class] = operator == MASK_NULL ? MASK_NULL : MASK_REDACT;
    if (feed->job.is_request && !lane->is_kept) return -1; /* no placeholder stands for what was not seen */
    if (!lane->is_kept) mask_value(&redact, class, held, feed->out);
    /* The title of a key ends in dashes of its own. */
    size_t title = mode == LANE_KEY ? str_find(str_slice(held, 5, held.length), STR("-----")) + 10 : 0;
    if (lane->is_kept) buffer_append_str(feed->out, str_slice(held, 0, title));
    struct str left = swallow(lane, feed, str_slice(held, title, held.length));
    lane->open = buffer_length(&lane->text) - left.length;
    return 0;
}

/* Does what stands behind the title of a private key look like its body? Prose may speak of titles. */
static bool has_key_body(struct str text) {
    size_t word = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool is_base64 = byte_is_alnum(text.data[i]) || text.data[i] == '+' || text.data[i] == '/';
        word = is_base64 ? word + 1 : 0;
        if (word == ARMOUR_LINE_SURE) return true;
    }
    return false;
}

struct begun {
    size_t start; /* SIZE_MAX: none */
    enum lane_mode mode;
    enum data_class class;
};

static void consider(struct begun *begun, size_t start, enum lane_mode mode, enum data_class class) {
    if (start < begun->start) *begun = (struct begun){start, mode, class};
}

static void find_begun_key(struct str held, struct begun *begun) {
    for (size_t at = 0; at < held.length; at++) {
        size_t found = str_find(str_slice(held, at, held.length), STR("-----BEGIN"));
        if (found == STR_NOT_FOUND) return;
        at += found;
        bool is_open = segment_private_key_end(held, at, false) == STR_NOT_FOUND;
        if (is_open && has_key_body(str_slice(held, at, held.length))) {
            consider(begun, at, LANE_KEY, CLASS_PRIVATE_KEY);
            return;
        }
    }
}

/* Tokens that no pattern knows before their end, and how long they may be; 0: of any length. */
static const struct {
    struct str literal;
    enum data_class class;
    size_t length_max;
} begun_tokens[] = {
    {STR("eyJ"), CLASS_JWT, 0},
    {STR("t1."), CLASS_CREDENTIAL, 0},
    {STR("xoxo-"), CLASS_CREDENTIAL, 0},
    {STR("xoxs-"), CLASS_CREDENTIAL, 0},
    {STR("AQE"), CLASS_CREDENTIAL, 330},
};

/* "ey" letters and digits ".ey": the second rule of a JWT. */
static bool is_second_jwt(struct str run) {
    if (!str_starts_with(run, STR("ey"))) return false;
    size_t at = 2;
    while (at < run.length && byte_is_alnum(run.data[at])) at++;
    return at >= 19 && str_starts_with(str_slice(run, at, run.length), STR(".ey"));
}

static void find_begun_token(struct str held, struct begun *begun) {
    size_t start = held.length;
    while (start > 0 && is_token_byte(held.data[start - 1])) start--;
    for (size_t at = start; at < held.length && at < begun->start; at++) {
        if (at > start && byte_is_word(held.data[at - 1])) continue;
        struct str run = str_slice(held, at, held.length);
        if (is_second_jwt(run)) consider(begun, at, LANE_TOKEN, CLASS_JWT);
        for (size_t i = 0; i < LENGTH_OF(begun_tokens); i++) {
            if (begun_tokens[i].length_max != 0 && run.length > begun_tokens[i].length_max) continue;
            if (!str_starts_with(run, begun_tokens[i].literal)) continue;
            consider(begun, at, LANE_TOKEN, begun_tokens[i].class);
        }
    }
}

/* "://" name ":" what may be a password, still without "@". */
static void find_begun_url_password(struct str held, struct begun *begun) {
    for (size_t at = 0; at < held.length; at++) {
        size_t found = str_find(str_slice(held, at, held.length), STR("://"));
        if (found == STR_NOT_FOUND) return;
        at += found;
        size_t end = at + 3;
        bool has_colon = false;
        for (; end < held.length && is_login_byte(held.data[end]); end++) {
            has_colon = has_colon || held.data[end] == ':';
        }
        if (end == held.length && (has_colon || at > 0)) consider(begun, at, LANE_LOGIN, CLASS_URL_PASSWORD);
    }
}

/* Where what makes the span one begins: the scan has to see it again. */
static size_t extent_start(struct str text, size_t open, const struct detect_span *span) {
    size_t start = span->start;
    if (span->class != CLASS_URL_PASSWORD) return start;
    while (start > open && !str_starts_with(str_slice(text, start, text.length), STR("://"))) start--;
    return start;
}

/* The span across `cut`, or NULL. */
static const struct detect_span *span_across(struct str text, size_t open, const struct detect_spans *spans,
                                             size_t cut) {
    for (size_t i = 0; i < spans->count; i++) {
        if (spans->items[i].end > cut && extent_start(text, open, &spans->items[i]) < cut) return &spans->items[i];
    }
    return NULL;
}

/* The cut moved to before what lies across it, unless that is where the held text begins. */
static size_t cut_clear_of(const struct mask_lane *lane, const struct feed *feed, const struct detect_spans *spans,
                           size_t cut) {
    struct str text = buffer_view(&lane->text);
    for (size_t before = cut + 1; cut < before;) {
        before = cut;
        const struct detect_span *across = span_across(text, lane->open, spans, cut);
        size_t start = across != NULL ? extent_start(text, lane->open, across) : lane->open;
        if (start > lane->open) cut = start;
        size_t placeholder = mask_rewrite_hold(&feed->job, text, lane->open, cut, false);
        if (placeholder > lane->open) cut = placeholder;
    }
    return cut;
}

/* Behind the first span that reaches across the cut from where the held text begins: it is found whole, or it fills the
 * hold. */
static int release_first(struct mask_lane *lane, struct feed *feed, const struct detect_spans *spans,
                         const struct detect_span *first) {
    if (first->end + 1 < buffer_length(&lane->text)) return release(lane, feed, first->end, false, spans);
    enum lane_mode mode = first->class == CLASS_URL_PASSWORD ? LANE_LOGIN : LANE_TOKEN;
    if (release(lane, feed, first->start, false, spans) != 0) return -1;
    return begin_to_swallow(lane, feed, mode, first->class);
}

static bool is_in_span(const struct detect_spans *spans, size_t at) {
    for (size_t i = 0; i < spans->count; i++) {
        if (spans->items[i].start <= at && at < spans->items[i].end) return true;
    }
    return false;
}

/* The hold is full without a break. */
static int lane_force(struct mask_lane *lane, struct feed *feed) {
    struct str text = buffer_view(&lane->text);
    struct str held = str_slice(text, lane->open, text.length);
    const struct detect_spans *spans =
        mask_worker_segment(lane->plan->worker, text, lane->open, text.length, lane_context(lane));
    if (spans == NULL) return -1;
    struct begun begun = {.start = SIZE_MAX};
    find_begun_key(held, &begun);
    find_begun_token(held, &begun);
    find_begun_url_password(held, &begun);
    if (begun.start == 0 && !(begun.mode == LANE_TOKEN && is_in_span(spans, lane->open))) {
        return begin_to_swallow(lane, feed, begun.mode, begun.class);
    }
    size_t cut = text.length - LOOK_AHEAD_BYTES;
    if (begun.start > 0 && begun.start < cut - lane->open) cut = lane->open + begun.start;
    while (cut > lane->open + 1 && ((unsigned char)text.data[cut] & 0xc0) == 0x80) cut--;
    cut = cut_clear_of(lane, feed, spans, cut);
    const struct detect_span *first = span_across(text, lane->open, spans, cut);
    return first != NULL ? release_first(lane, feed, spans, first) : release(lane, feed, cut, false, spans);
}

/* ---- A field whose name says what it holds ---------------------------------------------------------------------- */

/* With the whole text, or all that may be held of it, in hand. */
static int judge_field(struct mask_lane *lane, struct feed *feed, bool is_final) {
    struct str text = buffer_view(&lane->text);
    struct detect_hint hint = plan_hint(lane->plan, lane->field, text);
    enum data_class class = (enum data_class)hint.class;
    lane->mode = LANE_SCAN;
    if (class == CLASS_NONE || lane->plan->policy->operators[class] == MASK_KEEP) return 0;
    if (!names_value_is_plausible(class, text)) return 0;
    if (!is_final) return begin_to_swallow(lane, feed, LANE_DROPPED, class);
    struct detect_span whole = {0, text.length, class, 90, "field_name"};
    struct detect_spans spans = {&whole, 1, 1};
    return release(lane, feed, text.length, true, &spans);
}

/* ---- The pieces ------------------------------------------------------------------------------------------------- */

static int take(struct mask_lane *lane, struct feed *feed, struct str *piece) {
    if (lane->mode != LANE_SCAN && lane->mode != LANE_FIELD) {
        *piece = swallow(lane, feed, *piece);
        return 0;
    }
    size_t room = MASK_LANE_HELD_MAX - mask_lane_held(lane);
    struct str next = str_slice(*piece, 0, room);
    buffer_append_str(&lane->text, next);
    *piece = str_slice(*piece, next.length, piece->length);
    bool is_full = mask_lane_held(lane) == MASK_LANE_HELD_MAX;
    if (lane->mode == LANE_FIELD && is_full && judge_field(lane, feed, false) != 0) return -1;
    if (lane->mode != LANE_SCAN) return 0;
    if (close_segments(lane, feed, false) != 0) return -1;
    while (lane->mode == LANE_SCAN && mask_lane_held(lane) == MASK_LANE_HELD_MAX) {
        if (lane_force(lane, feed) != 0) return -1;
        if (lane->mode == LANE_SCAN && close_segments(lane, feed, false) != 0) return -1;
    }
    forget_context(lane);
    return 0;
}

int mask_lane_feed(struct mask_lane *lane, struct str piece, bool is_last, struct buffer *out,
                   struct class_counts *masked, struct class_counts *revealed) {
    CHECK_MAGIC(lane, MASK_LANE_MAGIC);
    struct feed feed = {plan_rewrite(lane->plan, &lane->place, masked, revealed), out};
    while (piece.length > 0) {
        if (take(lane, &feed, &piece) != 0) return -1;
    }
    if (is_last) {
        if (lane->mode == LANE_FIELD && judge_field(lane, &feed, true) != 0) return -1;
        if (lane->mode == LANE_SCAN && close_segments(lane, &feed, true) != 0) return -1;
        buffer_clear(&lane->text);
        lane->open = 0;
    }
    CHECK(mask_lane_held(lane) <= MASK_LANE_HELD_MAX);
    return buffer_failed(out) || buffer_failed(&lane->text) ? -1 : 0;
}
