/* What stream.c and the forms of streams share: a form is how one API streams. */
#ifndef SWORN_WIRE_LLM_STREAM_FORM_H
#define SWORN_WIRE_LLM_STREAM_FORM_H

#include "wire/llm/facts.h"
#include "wire/llm/sse.h"
#include "wire/llm/stream.h"

struct llm_stream_form {
    const struct shape *event;
    struct str ping; /* all its bytes */
    size_t state_bytes;
    /* P when the judge parks. One event; appends whole events to out. */
    int (*on_event)(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error);
    /* The upstream's body ended without the last event: what lanes hold comes out. */
    int (*on_end)(struct llm_stream *stream, struct buffer *out, struct error *error);
    /* A text with a fact in the event that is being masked, as shape_sink.text. */
    int (*on_text)(struct llm_stream *stream, uint8_t fact, struct str text, struct buffer *out, struct error *error);
    void (*on_fact)(struct llm_stream *stream, uint8_t fact, const struct shape_value *value); /* may be NULL */
    /* Appends the data of a piece of a lane's text. */
    void (*append_error)(struct buffer *out, struct str message);
    void (*free_state)(void *state);
};

/* One text that comes in pieces. */
struct llm_lane {
    uint32_t outer; /* choice, output item, content block */
    uint32_t inner; /* part */
    uint8_t kind;   /* enum llm_fact */
    bool is_closed;
    bool is_altered;   /* what went out is not what came, or a value in it is in clear */
    size_t raw_bytes;
    struct mask_lane *mask; /* NULL: nothing is masked */
    struct buffer raw;      /* kept where the form asks for it */
    struct buffer emitted;
    struct str item_id;     /* as JSON */
    struct llm_lane *next;
};

/* Texts at places that no table knows (stream_places.c). */
#define LLM_PLACE_BUCKETS 256
#define LLM_OUTER_ANY UINT32_MAX
#define LLM_OUTER_NONE (UINT32_MAX - 1) /* of an event that is of no choice, item or block */
struct llm_place;

struct llm_stream {
    uint32_t magic;
    struct llm_answer_options options;
    const struct llm_stream_form *form;
    size_t bytes_max;
    struct llm_answer answer;
    struct sse_parser parser;
    struct shape_walk walk;
    struct arena scratch; /* of one event */
    struct buffer event;  /* the event as it goes out */
    struct buffer last;
    struct llm_lane *lanes;
    size_t lane_count;
    size_t kept_bytes;
    struct llm_place *places[LLM_PLACE_BUCKETS];
    size_t place_count;
    size_t place_bytes;
    struct str source;     /* what is being masked */
    uint32_t outer;        /* the choice, item or block that it is of, which the form sets */
    bool is_last_piece;    /* texts of that end with this event */
    bool is_giving_rest;
    size_t rest_bytes;
    bool is_complete;
    void *state;
};

int llm_place_follow(struct llm_stream *stream, const struct shape_place *at, struct str text, struct buffer *out,
                     struct error *error) MUST_USE;
/* 1: *event is the next one that brings what is left of texts of that choice, item or block; 0: there is none. type: of
 * the events that brought pieces of it; empty: any. */
int llm_place_rest(struct llm_stream *stream, uint32_t outer, struct str type, struct buffer *event,
                   struct error *error) MUST_USE;
void llm_places_free(struct llm_stream *stream);

enum llm_keep { LLM_KEEP_NOTHING, LLM_KEEP_EMITTED, LLM_KEEP_BOTH };

struct llm_lane *llm_lane_find(const struct llm_stream *stream, uint32_t outer, uint32_t inner, uint8_t kind);
/* Finds or makes it; NULL on error. */
struct llm_lane *llm_lane_open(struct llm_stream *stream, uint32_t outer, uint32_t inner, uint8_t kind,
                               struct error *error);
int llm_lane_feed(struct llm_stream *stream, struct llm_lane *lane, struct str piece, bool is_last, enum llm_keep keep,
                  struct buffer *out, struct error *error) MUST_USE;
void llm_lane_drop(struct llm_stream *stream, struct llm_lane *lane);

/* Masks a document by a shape into `out`, changed or not. */
int llm_stream_mask(struct llm_stream *stream, const struct shape *shape, struct str json, struct buffer *out,
                    struct error *error) MUST_USE;
/* Arguments that came in pieces, masked as one JSON document. */
int llm_stream_mask_arguments(struct llm_stream *stream, struct str text, struct buffer *out,
                              struct error *error) MUST_USE;
/* What goes out as it is must not hold what could be a tool call: -1. */
int llm_stream_check_strays(struct llm_stream *stream, struct str event, struct error *error) MUST_USE;
int llm_stream_protocol_error(struct error *error, const char *what);

#endif
