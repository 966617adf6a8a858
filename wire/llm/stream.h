/* struct llm_stream: a streamed answer of a model API, rewritten event by event for the client.
 *
 *     stream = llm_stream_new(&options, &error);
 *     while (bytes arrive) llm_stream_feed(stream, bytes, false, &out, &error);    then write out
 *     at the end of the upstream's body: llm_stream_feed(stream, STR_NONE, true, &out, &error);
 *     record the outcome (llm_stream_answer), then llm_stream_last(stream, &out), the event that ends the stream
 *
 * Each text that comes in pieces is a lane of the plan; a piece is replaced by what the lane lets go, and what it
 * holds back comes out in a piece of the same kind before the text's end. Texts that are said again as a whole are
 * replaced by what the pieces said. Tool calls are held until they are complete and judged, then come out in one
 * piece, or as text.
 *
 * out holds whole events whenever the judge is called: it may take them off and write them, and while it parks write
 * llm_stream_ping() between them. feed copies the bytes first, so that they need not outlive a parking judge. After
 * -1 nothing more may be fed: llm_stream_append_error() tells the client.
 *
 * The stream owns what it holds; options, plan and arena outlive it. Memory is bounded by bytes_max in events and in
 * texts that are kept each. */
#ifndef SWORN_WIRE_LLM_STREAM_H
#define SWORN_WIRE_LLM_STREAM_H

#include "wire/llm/answer.h"

#define LLM_LANES_MAX 1024u /* texts under way at once */

struct llm_stream;

extern const struct llm_stream_form llm_stream_chat;
extern const struct llm_stream_form llm_stream_responses;
extern const struct llm_stream_form llm_stream_messages;

/* options->operation has a stream form. NULL when memory is out. */
struct llm_stream *llm_stream_new(const struct llm_answer_options *options, size_t bytes_max) MUST_USE;
void llm_stream_free(struct llm_stream **stream);

/* P when the judge parks. */
int llm_stream_feed(struct llm_stream *stream, struct str bytes, bool is_last, struct buffer *out,
                    struct error *error) MUST_USE;
/* Has the event come that ends the stream? Without it the answer was cut off. */
bool llm_stream_is_complete(const struct llm_stream *stream);
void llm_stream_last(struct llm_stream *stream, struct buffer *out);
struct llm_answer *llm_stream_answer(struct llm_stream *stream);

struct str llm_stream_ping(const struct llm_stream *stream);
/* The event by which this API tells of an error in the midst of a stream. */
void llm_stream_append_error(const struct llm_stream *stream, struct str message, struct buffer *out);

#endif
