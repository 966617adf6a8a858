/* What the two halves of Responses' streams share: the events (responses_stream.c) and the items that ask for tools
 * (responses_calls.c). */
#ifndef SWORN_WIRE_OPENAI_RESPONSES_STREAM_H
#define SWORN_WIRE_OPENAI_RESPONSES_STREAM_H

#include "wire/llm/stream_form.h"

#define RESPONSES_SUMMARY 0x80000000u /* in a lane's inner index: a part of the summary */
#define RESPONSES_ITEMS_MAX 1024u

/* An item whose arguments come in pieces. */
struct responses_item {
    uint32_t index;
    bool is_held;           /* a call of the client's: nothing of it was written yet */
    bool is_judged;
    bool is_denied;
    bool has_deltas;
    struct buffer events;      /* while it is held: its events, each with a line feed behind it */
    struct buffer replacement; /* when denied: the message item that stands for it */
    struct llm_tool_call call; /* once it is judged; in the answer's arena */
    struct responses_item *next;
};

struct responses_state {
    uint64_t next_number;
    bool is_begun;
    struct responses_item *items;
    uint32_t item_count;
    /* Of the event that is being masked. */
    bool is_delta;
    bool is_whole;      /* it holds the answer so far */
    bool is_part_event; /* its indexes stand in itself */
    bool is_summary;
    int64_t item;
    int64_t part;
    int64_t summary;
    struct llm_lane *lane;
};

int responses_append(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) MUST_USE;
int responses_mask(struct llm_stream *stream, struct str data, struct buffer *out, struct error *error) MUST_USE;
int responses_hold(struct responses_item *item, struct str event, struct error *error) MUST_USE;
struct responses_item *responses_find(const struct llm_stream *stream, uint32_t index);
/* P when the judge parks. A call in the list of all items: *replacement is what stands for it, empty when it is allowed.
 * One that was judged before, and says the same, is not judged again. */
int responses_judge_listed(struct llm_stream *stream, struct str object, struct buffer *replacement,
                           struct error *error) MUST_USE;
/* P when the judge parks. 1: the event belongs to a call and was taken; 0: it is none of these. */
int responses_take(struct llm_stream *stream, struct str type, struct str data, struct buffer *out,
                   struct error *error) MUST_USE;

#endif
