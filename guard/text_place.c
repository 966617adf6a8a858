/* Two small machines over the same bytes; what they look for stands in text_place.h. */
#include "guard/text_place.h"

#include "base/json.h"
#include "detect/bytes.h"

static const struct str schemes[] = {
    STR("http"), STR("https"), STR("ftp"), STR("ftps"), STR("ws"), STR("wss"), STR("data"), STR("javascript"),
    STR("vbscript"), STR("file"), STR("blob"), STR("sms"), STR("whatsapp"), STR("intent"), STR("view-source"),
};
static const struct str address_schemes[] = {STR("mailto"), STR("tel")};

/* Attributes of HTML that name what is fetched or sent to. */
static const struct str attributes[] = {
    STR("href"), STR("src"), STR("srcset"), STR("action"), STR("formaction"), STR("poster"), STR("data"), STR("ping"),
    STR("background"), STR("cite"), STR("codebase"), STR("longdesc"), STR("manifest"), STR("content"), STR("style"),
    STR("archive"), STR("profile"), STR("usemap"), STR("icon"), STR("lowsrc"), STR("dynsrc"), STR("from"), STR("to"),
    STR("values"), STR("srcdoc"),
};

static const struct str address_words[] = {
    STR("url"), STR("uri"), STR("href"), STR("src"), STR("link"), STR("endpoint"), STR("webhook"), STR("callback"),
    STR("iri"), STR("urls"), STR("uris"), STR("links"), STR("website"), STR("redirect"),
};

static bool is_one_of(struct str word, const struct str *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (str_equal_ignoring_case(word, words[i])) return true;
    }
    return false;
}

static bool is_space(char c) { return (unsigned char)c <= ' '; }
static bool is_slash(char c) { return c == '/' || c == '\\'; }
static bool is_quote(char c) { return c == '"' || c == '\'' || c == '`'; }

static struct str word_of(const struct text_place *place) { return str_make(place->word, place->word_length); }

/* ---- URLs ---------------------------------------------------------------------------------------------------------- */

static void begin_url(struct text_place *place, enum text_url url, char closing) {
    place->url = url;
    place->closing = closing;
    place->parentheses = 0;
    place->url_bytes = 0;
}

static void end_url(struct text_place *place) { begin_url(place, TEXT_URL_NONE, 0); }

static void begin_plain(struct text_place *place) {
    begin_url(place, TEXT_URL_PLAIN, is_quote(place->before_word) ? place->before_word : 0);
}

static bool ends_url(struct text_place *place, char c) {
    if (place->url == TEXT_URL_WHOLE) return false;
    if (place->url == TEXT_URL_ATTRIBUTE) return place->closing != 0 ? c == place->closing : is_space(c) || c == '>';
    if (place->url == TEXT_URL_DESTINATION) {
        if (c == '(' && place->parentheses < UINT8_MAX) place->parentheses++;
        if (c == ')' && place->parentheses > 0) place->parentheses--;
        else if (c == ')') return true;
        return c == '\n' && place->last == '\n';
    }
    if (place->closing != 0) return c == place->closing || c == '\n' || c == '\r';
    return is_space(c) || c == '<' || c == '>';
}

static bool begins_plain(const struct text_place *place, char c) {
    struct str word = word_of(place);
    if (is_space(c)) return false;
    if (is_slash(place->last) && is_slash(place->before_last)) return !is_slash(c);
    if (place->last == ':' && is_one_of(str_slice(word, 0, word.length - (word.length > 0)), schemes, LENGTH_OF(schemes))) {
        return true;
    }
    if (str_equal_ignoring_case(word, STR("www."))) return true;
    return word.length >= 6 && str_equal_ignoring_case(str_slice(word, word.length - 6, word.length), STR("%2F%2F"));
}

/* Behind "name=" within a tag: the value of an attribute, quoted or not. */
static void begin_attribute(struct text_place *place, char c) {
    place->is_attribute = false;
    if (c == '"' || c == '\'') begin_url(place, TEXT_URL_ATTRIBUTE, c);
    else begin_url(place, TEXT_URL_ATTRIBUTE, 0);
}

static void note_word(struct text_place *place, char c) {
    bool is_part = byte_is_alnum(c) || (c != 0 && strchr("-.%:", c) != NULL);
    if (!is_part && place->is_in_tag && is_space(c)) { /* "href = " */
        place->is_behind_word = true;
        return;
    }
    if (!is_part || place->is_behind_word) place->word_length = 0;
    place->is_behind_word = false;
    if (!is_part) {
        if (!is_slash(c)) place->before_word = c;
        return;
    }
    if (place->word_length == TEXT_PLACE_WORD_MAX) {
        memmove(place->word, place->word + 1, TEXT_PLACE_WORD_MAX - 1);
        place->word_length--;
    }
    place->word[place->word_length++] = c;
}

/* "url", "background:url". */
static bool is_css_url(struct str word) {
    bool is_whole = word.length == 3 || (word.length > 3 && !byte_is_alnum(word.data[word.length - 4]));
    return is_whole && str_equal_ignoring_case(str_slice(word, word.length - 3, word.length), STR("url"));
}

static void outside_url(struct text_place *place, char c) {
    struct str word = word_of(place);
    if (place->is_attribute && !is_space(c)) {
        begin_attribute(place, c);
        return;
    }
    if (place->last == '<' && (byte_is_letter(c) || c == '/')) place->is_in_tag = true;
    if (c == '>') place->is_in_tag = false;
    if (place->is_in_tag && c == '=' && place->last != 0) {
        size_t colon = str_find_byte(word, ':'); /* "xlink:href" */
        if (colon != STR_NOT_FOUND) word = str_slice(word, colon + 1, word.length);
        place->is_attribute = is_one_of(word, attributes, LENGTH_OF(attributes));
    }
    if (c == '(' && place->last == ']') begin_url(place, TEXT_URL_DESTINATION, 0);
    else if (c == '(' && is_css_url(word)) begin_url(place, TEXT_URL_DESTINATION, 0);
    else if (begins_plain(place, c)) begin_plain(place);
}

/* "mailto", and nothing else, stands before the colon. */
static bool is_address_scheme(const struct text_place *place) {
    struct str word = word_of(place);
    bool is_first = place->url == TEXT_URL_NONE || place->url_bytes <= word.length + 2;
    return is_first && place->url != TEXT_URL_PLAIN && is_one_of(word, address_schemes, LENGTH_OF(address_schemes)) &&
           (place->url == TEXT_URL_NONE || (place->before_word != 0 && strchr("(<\"'=", place->before_word) != NULL));
}

static void pass_for_url(struct text_place *place, char c) {
    place->is_only_scheme = false;
    if (place->url == TEXT_URL_NONE) {
        outside_url(place, c);
    } else if (ends_url(place, c)) {
        bool was_tag = place->url == TEXT_URL_ATTRIBUTE && c != '>';
        end_url(place);
        place->is_in_tag = was_tag || c == '<';
    }
    if (place->url != TEXT_URL_NONE && place->url_bytes != UINT32_MAX) place->url_bytes++;
    if (c == ':') place->is_only_scheme = is_address_scheme(place);
    note_word(place, c);
    place->before_last = place->last;
    place->last = c;
}

/* host "." letters, then a port, path or query. */
static bool is_bare_address(struct str text) {
    size_t at = 0, dot = 0;
    while (at < text.length && (byte_is_alnum(text.data[at]) || text.data[at] == '-' || text.data[at] == '.')) {
        if (text.data[at] == '.') dot = at;
        at++;
    }
    bool has_domain = dot > 0 && at - dot > 2 && byte_is_letter(text.data[dot + 1]);
    return has_domain && at < text.length && strchr("/?#:", text.data[at]) != NULL && text.data[at] != 0;
}

bool text_place_is_address(struct str text) {
    struct str trimmed = str_trim(text);
    size_t colon = str_find_byte(str_slice(trimmed, 0, 32), ':');
    if (colon != STR_NOT_FOUND) {
        struct str scheme = str_slice(trimmed, 0, colon);
        if (is_one_of(scheme, schemes, LENGTH_OF(schemes))) return true;
        struct str rest = str_slice(trimmed, colon + 1, trimmed.length);
        bool has_slashes = rest.length > 1 && is_slash(rest.data[0]) && is_slash(rest.data[1]);
        for (size_t i = 0; i < scheme.length && has_slashes; i++) {
            has_slashes = byte_is_alnum(scheme.data[i]) || strchr("+-.", scheme.data[i]) != NULL;
        }
        if (has_slashes) return true;
    }
    if (trimmed.length > 1 && is_slash(trimmed.data[0]) && is_slash(trimmed.data[1])) return true;
    return str_equal_ignoring_case(str_slice(trimmed, 0, 4), STR("www.")) || is_bare_address(trimmed);
}

/* "callback_url", "imageUrl", "URL". */
bool text_place_is_address_name(struct str name) {
    size_t start = name.length;
    while (start > 0 && byte_is_letter(name.data[start - 1]) &&
           !(byte_is_upper(name.data[start - 1]) && start < name.length && !byte_is_upper(name.data[start]))) {
        start--;
    }
    bool is_camel = start > 0 && byte_is_upper(name.data[start - 1]);
    struct str word = str_slice(name, is_camel ? start - 1 : start, name.length);
    return is_one_of(word, address_words, LENGTH_OF(address_words));
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static unsigned quote_level(uint32_t backslashes) { return 1 + (unsigned)__builtin_ctz(~backslashes); }

static void on_quote(struct text_place *place) {
    unsigned level = quote_level(place->backslashes);
    if (level <= place->depth) place->depth = (uint8_t)(level - 1);
    else if (level == place->depth + 1u && level <= TEXT_PLACE_DEPTH_MAX && place->is_document[place->depth]) {
        place->depth = (uint8_t)level;
        place->is_document[level] = false;
        place->is_string_begun = false;
    }
}

/* What may follow the first bracket of a document. */
static bool is_json_start(char bracket, char c) {
    if (bracket == '{') return c == '"' || c == '}';
    return c == '{' || c == '[' || c == '"' || c == ']' || c == '-' || byte_is_digit(c);
}

static void begin_block(struct text_place *place) {
    place->is_begun = place->is_json = false;
    place->opened = 0;
    place->depth = 0;
    place->is_document[0] = false;
}

static void outside_json(struct text_place *place, char c) {
    if (c == '`') {
        if (place->backticks < UINT8_MAX) place->backticks++;
        return;
    }
    if (place->backticks >= 3) place->is_fence_line = true;
    place->backticks = 0;
    if (place->is_fence_line) {
        if (c != '\n') return;
        place->is_fence_line = false;
        begin_block(place);
        return;
    }
    if (is_space(c)) return;
    if (place->opened != 0 && is_json_start(place->opened, c)) {
        place->is_json = place->is_document[0] = true;
        place->backslashes = 0;
        if (c == '"') on_quote(place);
    }
    place->opened = !place->is_begun && (c == '{' || c == '[') ? c : 0;
    place->is_begun = true;
}

static void inside_json(struct text_place *place, char c) {
    if (place->depth == 0 && c == '`') { /* the end of a fenced block */
        begin_block(place);
        place->is_begun = true;
        place->backticks = 1;
        return;
    }
    if (c == '"') on_quote(place);
    else if (place->depth > 0 && !place->is_string_begun && !is_space(c) && c != '\\') {
        place->is_document[place->depth] = c == '{' || c == '[';
        place->is_string_begun = true;
    }
    place->backslashes = c == '\\' ? place->backslashes + 1 : 0;
}

/* ---- Both ---------------------------------------------------------------------------------------------------------- */

void text_place_pass(struct text_place *place, struct str text) {
    for (size_t i = 0; i < text.length; i++) {
        pass_for_url(place, text.data[i]);
        if (place->is_json) inside_json(place, text.data[i]);
        else outside_json(place, text.data[i]);
    }
}

bool text_place_is_url(const struct text_place *place) {
    if (place->is_only_scheme) return false;
    if (place->url != TEXT_URL_NONE) return true;
    if (place->is_attribute) return true; /* unquoted */
    return begins_plain(place, 'x');
}

static void escape(struct str text, struct buffer *out) {
    size_t before = buffer_length(out);
    json_append_quoted(out, text);
    if (buffer_failed(out)) return;
    size_t length = buffer_length(out) - before;
    char *quoted = out->data + out->start + before;
    memmove(quoted, quoted + 1, length - 2);
    buffer_truncate(out, buffer_length(out) - 2);
}

void text_place_append(const struct text_place *place, struct str value, struct buffer *out) {
    struct buffer once, twice;
    buffer_init(&once, SIZE_MAX / 2);
    buffer_init(&twice, SIZE_MAX / 2);
    struct str text = value;
    for (unsigned depth = 0; depth < place->depth; depth++) {
        struct buffer *to = depth % 2 == 0 ? &once : &twice;
        buffer_clear(to);
        escape(text, to);
        text = buffer_view(to);
    }
    if (buffer_failed(&once) || buffer_failed(&twice)) out->is_failed = true;
    buffer_append_str(out, text);
    buffer_free(&once);
    buffer_free(&twice);
}

void text_place_pass_placeholder(struct text_place *place) {
    if (place->url == TEXT_URL_NONE && !place->is_only_scheme) {
        if (place->is_attribute) begin_attribute(place, 'x');
        else if (begins_plain(place, 'x')) begin_plain(place);
    }
    place->word_length = 0;
    place->is_only_scheme = false;
    place->last = place->before_last = 'x';
    place->before_word = 0;
    place->is_begun = true;
    place->opened = 0;
    place->is_string_begun = true;
    place->backslashes = 0;
}
