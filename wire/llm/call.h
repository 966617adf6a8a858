/* Tool calls in answers: each is an action of its own, on which the gate decides before the client sees it. */
#ifndef SWORN_WIRE_LLM_CALL_H
#define SWORN_WIRE_LLM_CALL_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/json/cursor.h"

#define LLM_CALLS_MAX 256u       /* in one answer; and of names that are recorded */
#define LLM_CALL_NAME_BYTES_MAX 256u

struct llm_tool_call {
    size_t index;         /* within the answer, from 0 */
    struct str id;
    struct str name;
    struct str arguments; /* as the client gets them: JSON, unless the model wrote none */
    bool is_json;
};

/* P when the callback parks. 0 with *is_allowed; when denied, with *message for the client to read instead. Nothing of
 * what a stream or an answer was given may change meanwhile, except that bytes may be taken off its output. */
struct llm_judge {
    void *self;
    int (*judge)(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                 struct error *error);
};

/* The calls of one answer. */
struct llm_calls {
    struct llm_judge judge;
    struct arena *arena;
    struct str names[LLM_CALLS_MAX]; /* of the tools that were called, without duplicates */
    size_t name_count;
    size_t count;
    size_t denied_count;
};

/* What stands in a Chat tool call ({"id", "function" or "custom"}) or its older form ({"name", "arguments"}), in an
 * output item of Responses, in a content block of Messages. False when it is none that the client runs. */
int llm_call_read_chat(struct arena *arena, struct str object, struct llm_tool_call *call,
                       struct error *error) MUST_USE;
bool llm_call_is_item(struct str item);
int llm_call_read_item(struct arena *arena, struct str item, struct llm_tool_call *call, struct error *error) MUST_USE;
int llm_call_read_block(struct arena *arena, struct str block, struct llm_tool_call *call,
                        struct error *error) MUST_USE;
/* Arguments that came by themselves, as JSON. */
void llm_call_set_arguments(struct llm_tool_call *call, struct str arguments);

/* Asks the judge; *message is then in the arena. */
int llm_call_judge(struct llm_calls *calls, struct llm_tool_call *call, bool *is_allowed, struct str *message,
                   struct error *error) MUST_USE;

/* What stands in the place of a denied call. */
void llm_call_append_item(struct buffer *out, struct str id, struct str message);
void llm_call_append_block(struct buffer *out, struct str message);

#endif
