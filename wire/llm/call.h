/* Tool calls in answers: each is an action of its own, on which the gate decides before the client sees it. */
#ifndef SWORN_WIRE_LLM_CALL_H
#define SWORN_WIRE_LLM_CALL_H

#include "base/arena.h"
#include "base/error.h"
#include "wire/json/cursor.h"

#define LLM_CALLS_MAX 256u       /* in one answer; and of names that are recorded */
#define LLM_CALL_NAME_BYTES_MAX 256u
#define LLM_OFFERED_MAX 256u

struct llm_tool_call {
    size_t index;         /* within the answer, from 0 */
    struct str id;
    struct str name;
    struct str arguments; /* as the client gets them: JSON, unless the model wrote none */
    bool is_json;
    bool is_echoed;       /* the answer itself says, apart from what the model wrote, that the tool was offered */
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
    struct str *offered; /* tools that the answer says were offered; NULL: none */
    size_t offered_count;
    size_t count;
    size_t denied_count;
    const char *read[LLM_CALLS_MAX]; /* where the objects begin that were judged, in a document that is looked through */
    size_t read_count;
};

/* What stands in a Chat tool call ({"id", "function" or "custom"}) or its older form ({"name", "arguments"}), in an
 * output item of Responses, in a content block of Messages. False when it is none that the client runs. */
int llm_call_read_chat(struct arena *arena, struct str object, struct llm_tool_call *call,
                       struct error *error) MUST_USE;
bool llm_call_is_type(struct str type); /* of an item or a block that the client runs, in any case of letters */
bool llm_call_is_item(struct str item);
bool llm_call_is_block(struct str block);
int llm_call_read_item(struct arena *arena, struct str item, struct llm_tool_call *call, struct error *error) MUST_USE;
int llm_call_read_block(struct arena *arena, struct str block, struct llm_tool_call *call,
                        struct error *error) MUST_USE;
/* What could be a call of any form. */
int llm_call_read_any(struct arena *arena, struct str object, struct llm_tool_call *call, struct error *error) MUST_USE;
/* Arguments that came by themselves, as JSON. */
void llm_call_set_arguments(struct llm_tool_call *call, struct str arguments);

/* The answer says that a tool of this name was offered: responses repeat the settings of their request. */
int llm_call_offer(struct llm_calls *calls, struct str name, struct error *error) MUST_USE;
/* Asks the judge; *message is then in the arena. */
int llm_call_judge(struct llm_calls *calls, struct llm_tool_call *call, bool *is_allowed, struct str *message,
                   struct error *error) MUST_USE;

/* Keeps a name for the evidence, whether or not the call comes to be judged; too long or too many: left out. */
void llm_call_note(struct llm_calls *calls, struct str name);

/* Each object of a document that could be a call, wherever it stands (call_find.c). -1: not JSON, or `found` said so. */
struct llm_finder {
    void *self;
    bool wants_bodies; /* the functions within, too, which have the names */
    int (*found)(void *self, struct str object, struct error *error);
};
int llm_call_find(struct str document, const struct llm_finder *finder, struct error *error) MUST_USE;
/* Keeps the names of all that could be a call in a document that is withheld. */
void llm_call_note_all(struct llm_calls *calls, struct str document);
/* Of a document that goes out: what could be a call and was not judged where the form has its calls is judged where it
 * stands. -1 when it is denied, or cannot be since its arguments may not be all there (is_whole false). P. */
int llm_call_judge_strays(struct llm_calls *calls, struct str document, bool is_whole, struct error *error) MUST_USE;

/* What stands in the place of a denied call. */
void llm_call_append_item(struct buffer *out, struct str id, struct str message);
void llm_call_append_block(struct buffer *out, struct str message);

#endif
