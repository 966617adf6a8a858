/* Answers that are not as the tables say. Each member of each recorded answer and of each event of each recorded stream
 * is left out, made null or another type, wrapped, swapped with its neighbour, said twice; in one event and in all of
 * them. Whatever becomes of it: the forbidden tool never reaches the client, no value does, also put together from
 * the strings at one place of a stream,
 * and the evidence names the tool where the answer still does (a stream that was refused ended before it was told). */
#include "wire/llm/stream.h"

#include <stdlib.h>

#include "tests/unit/tap.h"
#include "tests/unit/wire/json_plan.h"
#include "tests/unit/wire/llm_heard.h"
#include "wire/anthropic/anthropic.h"
#include "wire/openai/openai.h"

#define BYTES_MAX (1u << 16)
#define EVENTS_MAX 64
#define NODES_MAX 512
#define PATH_BYTES_MAX 256

static const struct recorded {
    const char *label;
    const struct llm_api *api;
    const char *path;
    bool is_stream;
    const char *events[EVENTS_MAX]; /* of a whole answer one: its body */
} all[] = {
#include "tests/unit/wire/llm_mutation.def"
};

/* ---- mutating ---- */

struct node {
    struct str place; /* what is replaced: the member, or the item of a list */
    struct str name;  /* with its quotes and colon; empty in a list */
    struct str value;
    struct str next;  /* the sibling behind it; empty: none */
    char path[PATH_BYTES_MAX];
};

static struct node nodes[NODES_MAX];
static size_t node_count;

static void list_nodes(struct str value, const char *path) {
    struct json_cursor cursor;
    struct json_member member;
    size_t first = node_count, previous = SIZE_MAX;
    if (!json_cursor_init(&cursor, value)) return;
    while (json_cursor_next(&cursor, &member) && node_count < NODES_MAX) {
        struct node *node = &nodes[node_count];
        bool is_member = member.name.data != NULL;
        const char *start = is_member ? member.name.data - 1 : member.value.data;
        node->name = str_make(start, (size_t)(member.value.data - start));
        node->value = member.value;
        node->place = str_make(start, node->name.length + member.value.length);
        node->next = STR_NONE;
        snprintf(node->path, sizeof(node->path), "%s/%.*s", path, STR_ARGS(member.name));
        if (previous != SIZE_MAX) nodes[previous].next = node->place;
        previous = node_count++;
    }
    for (size_t i = first, end = node_count; i < end; i++) list_nodes(nodes[i].value, nodes[i].path);
}

enum mutation { DROP, RENAME, SWAP, TWICE, TWICE_NULL, VALUES, WRAP = VALUES + 7, WRAP_MEMBER, UPPER, MUTATIONS };

static const char *const values[] = {"null", "\"x\"", "7", "[]", "{}", "true", "\"\""};

static void append_node(struct buffer *out, const struct node *node, enum mutation mutation) {
    buffer_append_str(out, node->name);
    if (mutation >= VALUES && mutation < WRAP) buffer_append_cstr(out, values[mutation - VALUES]);
    else if (mutation == WRAP) buffer_append_format(out, "[%.*s]", STR_ARGS(node->value));
    else if (mutation == WRAP_MEMBER) buffer_append_format(out, "{\"x\":%.*s}", STR_ARGS(node->value));
    else buffer_append_str(out, node->value);
    if (mutation == TWICE) buffer_append_format(out, ",%.*s", STR_ARGS(node->place));
    if (mutation == TWICE_NULL) buffer_append_format(out, ",%.*snull", STR_ARGS(node->name));
}

/* The document with its first node of that path mutated; false where it has none. */
static bool mutate(struct str document, const char *path, enum mutation mutation, struct buffer *out) {
    node_count = 0;
    list_nodes(document, "");
    size_t i = 0;
    while (i < node_count && strcmp(nodes[i].path, path) != 0) i++;
    if (i == node_count || (mutation == SWAP && nodes[i].next.length == 0)) {
        buffer_append_str(out, document);
        return false;
    }
    const struct node *node = &nodes[i];
    const char *from = node->place.data, *to = from + node->place.length;
    if (mutation == DROP && *to == ',') to++;
    else if (mutation == DROP && from[-1] == ',') from--;
    buffer_append_str(out, str_make(document.data, (size_t)(from - document.data)));
    if (mutation == SWAP) {
        buffer_append_format(out, "%.*s,%.*s", STR_ARGS(node->next), STR_ARGS(node->place));
        to = node->next.data + node->next.length;
    } else if ((mutation == RENAME || mutation == UPPER) && node->name.length > 3) {
        char first = node->name.length > 2 ? node->name.data[1] : 'x';
        buffer_append_byte(out, '"');
        buffer_append_byte(out, (uint8_t)(mutation == RENAME ? 'x' : first & ~0x20));
        buffer_append_str(out, str_slice(node->place, 2, node->place.length));
    } else if (mutation != DROP) {
        append_node(out, node, mutation);
    }
    buffer_append_str(out, str_make(to, (size_t)(document.data + document.length - to)));
    return true;
}

/* ---- running ---- */

static struct {
    struct arena arena;
    struct class_counts masked, revealed;
    struct buffer out;
    size_t judged;
    size_t cases, passed, failures;
} run;

static int judge(void *self, const struct llm_tool_call *call, bool *is_allowed, struct str *message,
                 struct error *error) {
    (void)self;
    (void)error;
    run.judged++;
    *is_allowed = !str_starts_with(call->name, STR("no"));
    *message = STR("DENIED");
    return 0;
}

static struct llm_answer_options options_of(const struct recorded *recorded) {
    return (struct llm_answer_options){
        .operation = llm_operation_find(recorded->api, STR("POST"), str_from_cstr(recorded->path)), .plan = &json_plan,
        .judge = {NULL, judge}, .masked = &run.masked, .revealed = &run.revealed, .arena = &run.arena};
}

static bool names_tool(const struct llm_answer *answer) {
    for (size_t i = 0; i < answer->calls.name_count; i++) {
        if (str_equal(answer->calls.names[i], STR("no_export"))) return true;
    }
    return false;
}

static void check(const char *label, struct str sent, bool is_passed, bool is_named, bool is_stream) {
    struct str out = is_passed || is_stream ? buffer_view(&run.out) : STR_NONE;
    bool is_told = str_find(sent, STR("\"name\":\"no_export\"")) != STR_NOT_FOUND;
    const char *what = NULL;
    if (str_find(out, STR("no_export")) != STR_NOT_FOUND) what = "the forbidden tool";
    else if (plan_has_canary(out) || (is_stream && heard_has_canary(out))) what = "a value";
    else if (is_told && !is_named && (is_passed || !is_stream)) what = "no name in the evidence";
    run.cases++;
    run.passed += is_passed;
    if (what == NULL || run.failures++ > 12) return;
    printf("# %s: %s\n#   sent %.1200s\n", label, what, sent.data);
    printf("#   got %.*s\n", (int)(out.length < 900 ? out.length : 900), out.data);
}

static void begin(void) {
    arena_init(&run.arena, 1u << 20);
    buffer_init(&run.out, 1u << 22);
}

static void end(void) {
    arena_free(&run.arena);
    buffer_free(&run.out);
}

static void run_whole(const struct recorded *recorded, struct str body) {
    struct llm_answer answer;
    struct error error = {0};
    bool is_changed = false;
    begin();
    const struct llm_answer_options options = options_of(recorded);
    int result = llm_answer_rewrite(&options, body, &answer, &run.out, &is_changed, &error);
    if (result == 0 && !is_changed) buffer_append_str(&run.out, body);
    check(recorded->label, body, result == 0, names_tool(&answer), false);
    end();
}

static void run_stream(const struct recorded *recorded, struct str bytes) {
    struct error error = {0};
    begin();
    const struct llm_answer_options options = options_of(recorded);
    struct llm_stream *stream = llm_stream_new(&options, BYTES_MAX);
    int result = llm_stream_feed(stream, bytes, false, &run.out, &error);
    if (result == 0) result = llm_stream_feed(stream, STR_NONE, true, &run.out, &error);
    if (result == 0) llm_stream_last(stream, &run.out);
    check(recorded->label, bytes, result == 0, names_tool(llm_stream_answer(stream)), true);
    llm_stream_free(&stream);
    end();
}

/* One event mutated, or (SIZE_MAX) all that have such a member. */
static void run_mutated(const struct recorded *recorded, size_t which, const char *path, enum mutation mutation) {
    struct buffer sent;
    bool is_mutated = false;
    buffer_init(&sent, 1u << 20);
    for (size_t i = 0; recorded->events[i] != NULL; i++) {
        struct str event = str_from_cstr(recorded->events[i]);
        if (recorded->is_stream) buffer_append_cstr(&sent, "data: ");
        bool is_meant = event.data[0] == '{' && (which == i || which == SIZE_MAX);
        if (is_meant) is_mutated |= mutate(event, path, mutation, &sent);
        else buffer_append_str(&sent, event);
        if (recorded->is_stream) buffer_append_cstr(&sent, "\n\n");
    }
    buffer_append_byte(&sent, '\0');
    struct str text = str_slice(buffer_view(&sent), 0, buffer_length(&sent) - 1);
    if (is_mutated && recorded->is_stream) run_stream(recorded, text);
    else if (is_mutated) run_whole(recorded, text);
    buffer_free(&sent);
}

/* `step`: each how-many-th member. */
static void test_recorded(const struct recorded *recorded, size_t step) {
    static char paths[NODES_MAX][PATH_BYTES_MAX];
    size_t at = 0;
    run.cases = run.passed = run.failures = 0;
    for (size_t i = 0; recorded->events[i] != NULL; i++) {
        if (recorded->events[i][0] != '{') continue;
        node_count = 0;
        list_nodes(str_from_cstr(recorded->events[i]), "");
        size_t count = node_count;
        for (size_t j = 0; j < count; j++) memcpy(paths[j], nodes[j].path, PATH_BYTES_MAX);
        for (size_t j = 0; j < count; j++) {
            for (int mutation = 0; mutation < MUTATIONS; mutation++) {
                if (at++ % step != 0) continue;
                run_mutated(recorded, i, paths[j], (enum mutation)mutation);
                if (recorded->is_stream) run_mutated(recorded, SIZE_MAX, paths[j], (enum mutation)mutation);
            }
        }
    }
    char line[160];
    snprintf(line, sizeof(line), "%s: %zu mutated, %zu of them passed", recorded->label, run.cases, run.passed);
    ok(run.failures == 0 && run.cases > 0, line);
}

/* Events left out, doubled, swapped, wrapped in a list. */
static void test_order(const struct recorded *recorded) {
    run.cases = run.passed = run.failures = 0;
    for (size_t i = 0; recorded->events[i] != NULL; i++) {
        for (int how = 0; how < 4; how++) {
            struct buffer sent;
            buffer_init(&sent, 1u << 20);
            for (size_t j = 0; recorded->events[j] != NULL; j++) {
                const char *event = recorded->events[j], *next = recorded->events[j + 1];
                if (j == i && how == 0) continue;
                if (j == i && how == 1) buffer_append_format(&sent, "data: %s\n\n", event);
                if (j == i && how == 2 && next != NULL) buffer_append_format(&sent, "data: %s\n\n", next);
                bool is_wrapped = j == i && how == 3;
                buffer_append_format(&sent, is_wrapped ? "data: [%s]\n\n" : "data: %s\n\n", event);
                if (j == i && how == 2 && next != NULL) j++;
            }
            buffer_append_byte(&sent, '\0');
            run_stream(recorded, str_slice(buffer_view(&sent), 0, buffer_length(&sent) - 1));
            buffer_free(&sent);
        }
    }
    ok(run.failures == 0 && run.cases > 0, "its events left out, doubled, swapped, wrapped");
}

int main(void) {
    const char *is_long = getenv("SWORN_LONG");
    size_t step = is_long != NULL && strcmp(is_long, "1") == 0 ? 1 : 3;
    for (size_t i = 0; i < LENGTH_OF(all); i++) {
        test_recorded(&all[i], step);
        if (all[i].is_stream) test_order(&all[i]);
    }
    return tap_done();
}
