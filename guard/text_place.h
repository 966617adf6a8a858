/* struct text_place: where in a text a placeholder stands, followed byte by byte over any pieces.
 *
 * In a URL: a URL is a sink of its own, since whoever shows or fetches it sends what is in it to the host that it names.
 *
 *     url    = scheme ":" / 2*slash / "www." / "%2F%2F", up to white space or "<" or ">"; in quotes, up to the closing one
 *     slash  = "/" / "\"
 *     also     all of a destination of markdown, "](" ... ")"; of "url(" ... ")"; of an attribute of a tag that names
 *              an address
 *
 * Right behind "mailto:" or "tel:" a value is the address itself, and is none.
 *
 * In a string of JSON: where the text, or a fenced block of it, is a document, what is put back needs the escapes of its
 * depth (a document within a string of a document has them twice).
 *
 * Plain data; all zero is the beginning of a text. Nothing here parks. */
#ifndef SWORN_GUARD_TEXT_PLACE_H
#define SWORN_GUARD_TEXT_PLACE_H

#include "base/buffer.h"

#define TEXT_PLACE_WORD_MAX 16
#define TEXT_PLACE_DEPTH_MAX 4 /* of documents within strings */

enum text_url {
    TEXT_URL_NONE,
    TEXT_URL_PLAIN,
    TEXT_URL_DESTINATION,
    TEXT_URL_ATTRIBUTE,
    TEXT_URL_WHOLE, /* the text is an address as a whole */
};

struct text_place {
    enum text_url url;
    char closing;      /* of a quoted URL, an attribute, "url("; 0: white space ends it */
    uint8_t parentheses;
    uint32_t url_bytes; /* since it began */
    bool is_in_tag;
    bool is_only_scheme; /* of an address like "mailto:", right behind it */
    char word[TEXT_PLACE_WORD_MAX]; /* the last bytes, without "=" and blanks behind a name */
    uint8_t word_length;
    char last, before_last, before_word;
    bool is_behind_word; /* only blanks since */
    bool is_attribute;   /* behind "name=" of an address */

    bool is_begun;      /* a byte that is no white space was seen, of the text or of a fenced block */
    bool is_json;
    char opened;        /* "{" or "[": what follows says whether it is JSON */
    uint8_t backticks;
    bool is_fence_line;
    uint8_t depth;      /* of strings that are open */
    bool is_document[TEXT_PLACE_DEPTH_MAX + 1]; /* does the string of this depth hold one? */
    bool is_string_begun;
    uint32_t backslashes;
};

/* Does the text look like an address as a whole? For values of JSON, whose readers may take them for one. */
bool text_place_is_address(struct str text);
/* Does the name of a parameter say that it is one? */
bool text_place_is_address_name(struct str name);

void text_place_pass(struct text_place *place, struct str text);
/* Of what stands at this place. */
bool text_place_is_url(const struct text_place *place);
/* A value with the escapes that its place asks for. */
void text_place_append(const struct text_place *place, struct str value, struct buffer *out);
/* A placeholder stands here, whatever becomes of it. */
void text_place_pass_placeholder(struct text_place *place);

#endif
