/* struct llm_request: what a request to a model says of itself, read off its body while it is inspected.
 *
 *     llm_request_inspect()   describes it (before the decision; no plan yet)
 *     llm_request_mask()      what goes upstream (after it)
 *
 * Strings are in the caller's arena. Nothing parks. */
#ifndef SWORN_WIRE_LLM_REQUEST_H
#define SWORN_WIRE_LLM_REQUEST_H

#include "base/arena.h"
#include "wire/llm/operation.h"

#define LLM_NAMES_MAX 256      /* of tools in one request */
#define LLM_NAME_BYTES_MAX 128 /* a longer name is refused */

struct llm_names {
    struct str *items; /* without duplicates, in the order of the request */
    size_t count;
};

struct llm_request {
    struct str model; /* empty: it names none */
    bool is_stream;
    bool is_background;     /* the answer is fetched later */
    bool is_thread;         /* Messages: a later request may continue the answer by its id */
    bool has_image;
    bool has_audio;
    bool has_file;
    bool has_tokens;        /* a text as token numbers: refused by llm_request_mask unless the plan reveals all */
    int64_t max_tokens;     /* -1: not said */
    uint64_t message_count;
    struct str conversation;         /* kept by the provider, which it continues */
    struct str previous_response_id; /* the same, by the last answer's id */
    struct llm_names tools;          /* that the client runs */
    struct llm_names hosted_tools;   /* that the provider runs, by type, without the date of their version */
    struct llm_names servers;        /* tool servers that the provider calls */
    bool is_unknown_type;   /* why it was refused, for the metric */
    bool needs_masking;     /* false: llm_request_mask would change nothing, and need not be called */
};

/* Inspects every text by `inspect` (1 found, 0, -1 doubt) and fills *request. -1 with words for the client. */
struct llm_inspector {
    void *self;
    int (*inspect)(void *self, struct str name, enum mask_shape shape, struct str text, struct error *error);
};
int llm_request_inspect(const struct llm_operation *operation, struct str body, const struct llm_inspector *inspector,
                        struct arena *arena, struct llm_request *request, struct error *error) MUST_USE;

/* The body for the upstream: appended to out when *is_changed, otherwise it is the client's own. */
int llm_request_mask(const struct llm_operation *operation, struct str body, const struct mask_plan *plan,
                     struct class_counts *masked, struct class_counts *revealed, struct buffer *out, bool *is_changed,
                     struct error *error) MUST_USE;

#endif
