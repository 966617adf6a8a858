/* What the tables of the model APIs mark, so that a walk reads it off a document (shape_sink.fact). */
#ifndef SWORN_WIRE_LLM_FACTS_H
#define SWORN_WIRE_LLM_FACTS_H

enum llm_fact {
    LLM_NOTHING,
    /* Of a request. */
    LLM_MODEL,             /* also of an answer */
    LLM_STREAM,
    LLM_MAX_TOKENS,
    LLM_MESSAGE,           /* one of the conversation's messages or items */
    LLM_TOOL,              /* name of a tool that the client runs */
    LLM_HOSTED_TOOL,       /* type of a tool that the provider runs */
    LLM_WEB_SEARCH,        /* options of a search that the provider runs */
    LLM_SERVER,            /* name of a tool server that the provider calls */
    LLM_IMAGE,
    LLM_AUDIO,
    LLM_FILE,
    LLM_CONVERSATION,      /* what is continued, kept by the provider */
    LLM_PREVIOUS_RESPONSE,
    LLM_THREAD,            /* the answer may be continued by its id */
    LLM_STORE,
    LLM_BACKGROUND,
    /* Of an answer. */
    LLM_ID,
    LLM_STOP_REASON,
    LLM_STATUS,            /* where there is no other reason */
    LLM_TOKENS_IN,
    LLM_TOKENS_OUT,
    LLM_TOKENS_CACHED,
    LLM_ERROR,
    LLM_CHOICE,            /* an object with an index of its own */
    LLM_ITEM,              /* an output item, in the order of the list */
    LLM_PART,              /* a part of an item, in the order of the list */
    LLM_SUMMARY,           /* a part of an item's summary, in the order of the list */
    LLM_TOOL_CALL,
    /* Texts of which streams bring pieces. */
    LLM_CONTENT,
    LLM_REFUSAL,
    LLM_REASONING,
    LLM_THOUGHT,           /* the same by another name */
    LLM_TRANSCRIPT,
    LLM_CODE,
    LLM_ARGUMENTS,
    LLM_SIGNATURE,
};

#endif
