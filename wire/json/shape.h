/* Shapes: what a JSON document of a known API holds where, as static tables, and one walk over the document's bytes
 * that inspects its values, reads facts off it, and masks it by splicing.
 *
 *     { "model": NAME, "messages": [ by "role": { "content": TEXT or [ by "type": { "text": TEXT } ] } ] }
 *
 * Whatever a table does not know is taken for text: a member that is not listed, a value of another JSON type than
 * expected. A discriminator ("type", "role") of unknown value is refused in a request, since what it would mean is
 * unknown; in an answer all that the object holds is text. In an answer, too, an object in the place of a list is read as
 * a list of one, and a list in the place of an object as many of it.
 * Member names are compared unescaped. A listed member that is there twice, or spelt in another case, is refused:
 * readers differ in which one they believe.
 *
 * Numbers, white space, order and everything that is not masked keep their bytes. Nothing here parks or does I/O. A
 * walk recurses at most SHAPE_DEPTH_MAX deep (some 12 KiB of stack); what lies in a TREE may be JSON_DEPTH_MAX deep. */
#ifndef SWORN_WIRE_JSON_SHAPE_H
#define SWORN_WIRE_JSON_SHAPE_H

#include "base/error.h"
#include "base/json.h"
#include "model/mask.h"

#define SHAPE_DEPTH_MAX 24
#define SHAPE_ITEMS_MAX 100000u       /* in one array that is described item by item */
#define SHAPE_VALUE_BYTES_MAX (64u << 20) /* of one value, decoded */
#define SHAPE_MEMBERS_MAX 64
#define SHAPE_OPAQUE_BYTES_MIN 64     /* a shorter text is never taken for the provider's sealed bytes */
#define SHAPE_INTEGER_DIGITS_MAX 12   /* a longer integer is inspected like a name */

/* What a scalar is. A container at the place of a scalar that describes none is a TREE, but for NAME, PLAIN and MEDIA
 * (all that is in it is of this kind), lists of TOKENS, and DROPPED. */
enum shape_kind {
    SHAPE_TEXT,        /* free text, or a JSON object or array as text */
    SHAPE_JSON_TEXT,   /* a string that holds a JSON document; text when it is none */
    SHAPE_TREE,        /* any JSON */
    SHAPE_NAME,        /* an identifier, enumeration or address: refused when a value in it is to be masked */
    SHAPE_OPAQUE,      /* sealed by the provider, in base64: kept as it is; what else it is, or decodes to, is a NAME */
    SHAPE_MEDIA,       /* base64 or a data: URL of something that is not text; anything else (a URL, an id) is a NAME */
    SHAPE_BASE64_TEXT, /* text in base64: inspected and masked decoded */
    SHAPE_PLAIN,       /* numbers and booleans; a string is a NAME */
    SHAPE_TOKENS,      /* text; numbers are tokens, which cannot be inspected: refused when anything is masked */
    SHAPE_DROPPED,     /* says the text again in another form: null when anything is masked */
    SHAPE_DROPPED_LIST,  /* the same, where an empty list is expected */
    SHAPE_SIGNED_TEXT, /* text under the signature that is another member of its object: see below */
    SHAPE_SIGNATURE,
};

struct shape;

struct shape_member {
    struct str name;
    const struct shape *shape;
    uint8_t fact; /* 0: none; reported to the sink with the value */
};

struct shape_variant {
    struct str value; /* of the discriminator */
    const struct shape *shape;
    uint8_t fact;
};

/* Whatever JSON type the value has: a scalar is of `kind`, an array holds `items`, an object has `members`. */
struct shape {
    enum shape_kind kind;
    uint8_t fact;                /* of each value of this shape, reported before what is in it */
    bool is_told_whole;          /* an object's fact comes with all its bytes, which costs looking ahead */
    bool is_echo;                /* what the request said: it does not go on in a later event of a stream */
    bool is_signed;              /* an object with a SIGNED_TEXT and a SIGNATURE */
    const struct shape *items;   /* NULL: not described */
    const struct shape_member *members;
    size_t member_count;
    const struct shape *others;  /* what members hold that are not listed; NULL: TREE */
    struct str discriminator;    /* its value says which of the variants the object is; may be nested */
    const struct shape_variant *variants;
    size_t variant_count;
    const struct shape *absent;  /* without a discriminator, or null; NULL: refused */
};

/* Leaves, one a kind. */
extern const struct shape shape_text, shape_json_text, shape_tree, shape_name, shape_opaque, shape_media,
    shape_base64_text, shape_plain, shape_tokens, shape_dropped, shape_dropped_list, shape_signed_text, shape_signature;

/* For tables. */
#define SHAPE_MEMBER(name, shape) {{name, sizeof(name) - 1}, shape, 0}
#define SHAPE_MEMBER_FACT(name, shape, fact) {{name, sizeof(name) - 1}, shape, fact}
#define SHAPE_VARIANT(value, shape) {{value, sizeof(value) - 1}, shape, 0}
#define SHAPE_VARIANT_FACT(value, shape, fact) {{value, sizeof(value) - 1}, shape, fact}
#define SHAPE_MEMBERS(table) .members = (table), .member_count = LENGTH_OF(table)
#define SHAPE_UNION(name, table) \
    .discriminator = {name, sizeof(name) - 1}, .variants = (table), .variant_count = LENGTH_OF(table)

/* A value of which a fact is told. A container's text is empty, but an object's that is told whole. */
struct shape_value {
    enum json_token token;
    struct str text; /* decoded, as long as the call; the variant's name for a variant */
};

/* Where a string of a stream's event stands. */
struct shape_place {
    uint64_t path;
    struct str name; /* of its member */
    bool is_in_delta; /* a text within a member "delta": it may be a piece of a longer one */
    bool is_listed;   /* a table has it */
};

/* What the walk tells. Every function may be NULL. */
struct shape_sink {
    void *self;
    /* Does this text hold a value? 1, 0, or -1: doubt. Without a plan. */
    int (*inspect)(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error);
    int (*fact)(void *self, uint8_t fact, const struct shape_value *value, struct error *error);
    /* With a plan: a text with a fact, which the sink may rewrite itself. 1: what to send was appended to out; 0: it is
     * masked by the plan; -1. */
    int (*text)(void *self, uint8_t fact, struct str text, struct buffer *out, struct error *error);
    /* In an event of a stream, with a plan that masks: a string at a place (its path and the indexes that the objects on
     * it say), which may go on at the same place of a later event. 1: what to send was appended to out; 0: it is masked by
     * itself; -1. */
    int (*follow)(void *self, const struct shape_place *place, struct str text, struct buffer *out, struct error *error);
};

/* SIGNED texts. The provider signs a text that the client has to send back unaltered. Where the client gets another
 * text, the provider's is sealed by the plan and carried in the signature, "<signature>.swn1.<sealed>"; on the way
 * back both are restored. A request is walked with is_answer false, an answer with true. */
#define SHAPE_SEAL_MARK ".swn1."

struct shape_walk {
    struct shape_sink sink;
    const struct mask_plan *plan; /* NULL: inspect */
    bool is_answer;
    bool is_streamed; /* one event of an answer: what is said in it may go on in the next */
    struct class_counts *masked; /* with a plan */
    struct class_counts *revealed;

    bool has_findings;    /* by inspection: without, and without seals, masking changes nothing and can be left out */
    bool has_seals;
    bool has_tokens;      /* that cannot be inspected: shape_mask refuses them unless the plan reveals all */
    bool is_unknown_type; /* a discriminator's value is in no table */

    struct json_scanner scanner; /* the walk's own from here on */
    int depth;
    uint64_t path;       /* in a stream: of the value at hand */
    bool grows;          /* in a member "delta" */
    bool only_follows;   /* what is passed through is masked as a whole */
    size_t copied;
    bool is_changed;
    struct buffer *out;
    struct buffer decoded;
    struct buffer changed;
    struct buffer quoted;
    struct buffer signed_text;
    struct buffer signature;
    bool is_text_replaced;
    bool is_signature_replaced;
    bool is_pair_unread; /* the pair is a sealed one: its text is not what goes on */
};

void shape_walk_init(struct shape_walk *walk);
void shape_walk_free(struct shape_walk *walk);

/* Walks a document without a plan, from the start. */
int shape_inspect(struct shape_walk *walk, const struct shape *shape, struct str document,
                  struct error *error) MUST_USE;
/* Walks it with walk->plan. What to send is appended to out when *is_changed; otherwise out is as it was and the
 * document itself is to be sent. After an error out holds nothing useful. */
int shape_mask(struct shape_walk *walk, const struct shape *shape, struct str document, struct buffer *out,
               bool *is_changed, struct error *error) MUST_USE;

#endif
