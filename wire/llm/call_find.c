/* Tool calls wherever they stand in an answer. One pass over the tokens; what an object is, is known at its end.
 *
 * An object could be a call when it stands in a member "tool_calls" or "function_call", when it says so by its type, when
 * it holds a "function" or "custom" with a name, or when it has both a name and arguments. That is more than any reader
 * takes for one: what is found in vain is withheld, never let through. */
#include "wire/llm/call.h"

#define WORD_BYTES_MAX 64u /* no word that matters here is longer */

enum place { PLACE_OTHER, PLACE_CALL, PLACE_BODY, PLACE_QUIET, PLACE_NAME, PLACE_ARGUMENTS, PLACE_TYPE };

enum { SEEN_NAME = 1, SEEN_ARGUMENTS = 2, SEEN_BODY = 4, SEEN_ANY = 8, SEEN_CLIENT = 16, SEEN_HOSTED = 32 };

struct word {
    struct str text;
    enum place place;
};

/* What lies in a quiet member is described to the model or by it, is the user's own, and run by nobody. */
static const struct word words[] = {
    {{"tool_calls", 10}, PLACE_CALL},     {{"function_call", 13}, PLACE_CALL},  {{"function", 8}, PLACE_BODY},
    {{"custom", 6}, PLACE_BODY},          {{"name", 4}, PLACE_NAME},            {{"type", 4}, PLACE_TYPE},
    {{"arguments", 9}, PLACE_ARGUMENTS},  {{"input", 5}, PLACE_ARGUMENTS},      {{"parameters", 10}, PLACE_ARGUMENTS},
    {{"tools", 5}, PLACE_QUIET},          {{"input_schema", 12}, PLACE_QUIET},  {{"output_schema", 13}, PLACE_QUIET},
    {{"metadata", 8}, PLACE_QUIET},       {{"instructions", 12}, PLACE_QUIET},  {{"tool_choice", 11}, PLACE_QUIET},
    {{"logprobs", 8}, PLACE_QUIET},       {{"variables", 9}, PLACE_QUIET},      {{"attributes", 10}, PLACE_QUIET},
    {{"parsed", 6}, PLACE_QUIET},         {{"parsed_output", 13}, PLACE_QUIET}, {{"parsed_arguments", 16}, PLACE_QUIET},
};

/* Run by the provider: what else such an object holds does not make it the client's. */
static const struct str hosted_types[] = {
    {"mcp_call", 8},         {"mcp_approval_request", 20}, {"mcp_list_tools", 14}, {"tool_search_call", 16},
    {"server_tool_use", 15}, {"mcp_tool_use", 12},         {"response.mcp_call_arguments.done", 32},
};

struct level {
    const char *start;
    enum place place; /* the member that it stands in */
    enum place next;  /* the member that was named last */
    bool is_object;
    uint8_t seen;
};

/* The inside of a string without its escapes, in `room` when it has some; empty when it is too long to matter. */
static struct str read_word(struct str raw, char room[WORD_BYTES_MAX]) {
    struct buffer decoded;
    if (raw.length > 6 * WORD_BYTES_MAX) return STR_NONE;
    if (str_find_byte(raw, '\\') == STR_NOT_FOUND) return raw;
    buffer_init(&decoded, 6 * WORD_BYTES_MAX);
    bool is_good = json_unescape_lossy(raw, &decoded) == 0 && buffer_length(&decoded) <= WORD_BYTES_MAX;
    struct str word = is_good ? str_make(room, buffer_length(&decoded)) : STR_NONE;
    if (word.length > 0) memcpy(room, buffer_view(&decoded).data, word.length);
    buffer_free(&decoded);
    return word;
}

static enum place place_of(struct str key) {
    char room[WORD_BYTES_MAX];
    struct str word = read_word(key, room);
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        if (str_equal_ignoring_case(words[i].text, word)) return words[i].place;
    }
    return PLACE_OTHER;
}

static uint8_t type_of(struct str raw) {
    char room[WORD_BYTES_MAX];
    struct str word = read_word(raw, room);
    if (llm_call_is_type(word)) return SEEN_CLIENT;
    for (size_t i = 0; i < LENGTH_OF(hosted_types); i++) {
        if (str_equal(hosted_types[i], word)) return SEEN_HOSTED;
    }
    return 0;
}

static void see_value(struct level *level, enum json_token token, struct str raw) {
    if (!level->is_object) return;
    level->seen |= SEEN_ANY;
    if (token == JSON_TOKEN_NULL) return;
    if (level->next == PLACE_NAME && token == JSON_TOKEN_STRING && raw.length > 0) level->seen |= SEEN_NAME;
    if (level->next == PLACE_ARGUMENTS) level->seen |= SEEN_ARGUMENTS;
    if (level->next == PLACE_TYPE && token == JSON_TOKEN_STRING) level->seen |= type_of(raw);
}

static bool is_call(const struct level *level) {
    const uint8_t both = SEEN_NAME | SEEN_ARGUMENTS;
    if (!level->is_object || (level->seen & SEEN_ANY) == 0) return false;
    if (level->place == PLACE_CALL || (level->seen & (SEEN_BODY | SEEN_CLIENT)) != 0) return true;
    return (level->seen & SEEN_HOSTED) == 0 && (level->seen & both) == both;
}

/* Past a container whose beginning was read. */
static bool skip(struct json_scanner *scanner) {
    struct str raw;
    int depth = scanner->depth;
    while (scanner->depth >= depth) {
        enum json_token token = json_next(scanner, &raw);
        if (token == JSON_TOKEN_BAD || token == JSON_TOKEN_END) return false;
    }
    return true;
}

/* A level ends. What is called stands in the object around it when this one is only its body. */
static int leave(struct level *level, struct level *around, const char *end, const struct llm_finder *finder,
                 struct error *error) {
    bool is_body = level->place == PLACE_BODY && around != NULL;
    if (is_body && (level->seen & (SEEN_NAME | SEEN_ARGUMENTS | SEEN_BODY)) != 0) around->seen |= SEEN_BODY;
    if (is_body ? !level->is_object || !finder->wants_bodies : !is_call(level)) return 0;
    return finder->found(finder->self, str_make(level->start, (size_t)(end - level->start)), error);
}

static void enter(struct level *level, const struct level *around, enum json_token token, struct str raw) {
    enum place place = around == NULL ? PLACE_OTHER : around->is_object ? around->next : around->place;
    *level = (struct level){.start = raw.data, .place = place, .is_object = token == JSON_TOKEN_BEGIN_OBJECT};
}

int llm_call_find(struct str document, const struct llm_finder *finder, struct error *error) {
    struct level levels[JSON_DEPTH_MAX + 1];
    struct json_scanner scanner;
    struct str raw;
    enum json_token token;
    int depth = 0;
    json_scanner_init(&scanner, document);
    while ((token = json_next(&scanner, &raw)) != JSON_TOKEN_END) {
        struct level *level = depth > 0 ? &levels[depth - 1] : NULL;
        switch (token) {
        case JSON_TOKEN_BAD: return error_set(error, ERROR_INVALID, "not JSON, at byte %zu", scanner.offset);
        case JSON_TOKEN_KEY: level->next = place_of(raw); break;
        case JSON_TOKEN_BEGIN_OBJECT:
        case JSON_TOKEN_BEGIN_ARRAY:
            if (level != NULL) see_value(level, token, raw);
            if (level != NULL && level->is_object &&
                (level->next == PLACE_QUIET || level->next == PLACE_ARGUMENTS)) {
                if (!skip(&scanner)) return error_set(error, ERROR_INVALID, "not JSON, at byte %zu", scanner.offset);
                break;
            }
            enter(&levels[depth++], level, token, raw);
            break;
        case JSON_TOKEN_END_OBJECT:
        case JSON_TOKEN_END_ARRAY:
            depth--;
            if (leave(level, depth > 0 ? &levels[depth - 1] : NULL, raw.data + raw.length, finder, error) != 0) return -1;
            break;
        default:
            if (level != NULL) see_value(level, token, raw);
        }
    }
    return 0;
}
