/* What the two halves of Chat Completions' streams share: the chunks (chat_stream.c) and the tool calls that are gathered
 * out of them (chat_calls.c). */
#ifndef SWORN_WIRE_OPENAI_CHAT_STREAM_H
#define SWORN_WIRE_OPENAI_CHAT_STREAM_H

#include "wire/llm/stream_form.h"

/* A tool call that comes in pieces. It goes out as its first piece with the rest spliced in, so that no member of it is
 * lost, whether or not a table knows it. */
struct chat_call {
    uint32_t choice;
    int64_t index;         /* -1: it came without */
    bool is_custom;
    bool is_function_call; /* the older form, one a choice */
    struct buffer first;   /* its first piece, as it came */
    struct buffer more;    /* members that only later pieces have, each behind a comma */
    struct buffer id;
    struct buffer name;
    struct buffer arguments;
    struct chat_call *next; /* in the order of their appearance */
};

struct chat_state {
    struct chat_call *calls;
    size_t count;
    uint32_t choice;      /* that is being masked */
    uint32_t next_choice; /* the number of the next one of this chunk, unless it says so itself */
    bool is_finishing;    /* its texts end with this chunk */
    bool is_in_choice;
    bool has_finished;    /* some choice has */
    struct buffer frame;  /* the last chunk that had choices, for those that we add */
};

/* The number of a choice: its index, or its place. */
uint32_t chat_choice_number(struct str choice, uint32_t place);
/* A chunk like the last one, with this delta only. */
int chat_append_chunk(struct llm_stream *stream, uint32_t choice, struct str delta, struct buffer *out,
                      struct error *error) MUST_USE;
/* Why a call is denied, at the end of the content. */
int chat_append_denial(struct llm_stream *stream, uint32_t choice, struct str message, struct buffer *out,
                       struct error *error) MUST_USE;

/* Cuts the tool calls out of a choice. */
int chat_cut_calls(struct llm_stream *stream, uint32_t number, struct str choice, struct json_edits *edits,
                   struct error *error) MUST_USE;
/* P when the judge parks. The choice's calls, judged. *is_empty: it asked for tools, and none is left. */
int chat_end_calls(struct llm_stream *stream, uint32_t choice, bool *is_empty, struct buffer *out,
                   struct error *error) MUST_USE;
void chat_free_calls(struct chat_state *state);

#endif
