/* 10,000 generated conversations of several principals: history is sent again with each turn, the model says the
 * placeholders in its own ways, and the answer comes in pieces. At least 99.9% of them are put back; never a value of
 * another conversation. */
#include <inttypes.h>
#include <stdlib.h>

#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

#define CONVERSATIONS 10000
#define TURNS_MAX 4
#define VALUES_MAX 12 /* in one conversation */

static struct lane_world world;
static uint64_t random_state = 20260401;

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

struct value {
    enum data_class class;
    uint32_t number;
    char text[64];
};

struct conversation_state {
    unsigned id;
    struct value values[VALUES_MAX];
    size_t count;
    struct buffer history; /* as the caller has it */
    struct buffer sent;    /* as the upstream got it the last time */
};

struct totals {
    uint64_t said;
    uint64_t restored;
    uint64_t foreign;  /* values of another conversation in an answer */
    uint64_t unstable; /* turns whose history went upstream otherwise than before */
    uint64_t leaked;   /* requests with a value in clear */
    uint64_t failed;
};

/* "." and "@" are in no answer by themselves: each address that comes out names its conversation. */
static void make_value(const struct conversation_state *state, struct value *value, uint32_t index) {
    static const enum data_class classes[] = {CLASS_EMAIL, CLASS_IP_ADDRESS, CLASS_CREDENTIAL, CLASS_EMAIL};
    static const char alphabet[] = "QXZJKWqxzjkw0123456789"; /* no words: they would be context */
    value->class = classes[random_below(LENGTH_OF(classes))];
    if (value->class == CLASS_EMAIL) {
        snprintf(value->text, sizeof(value->text), "person%u@c%u.example.com", index, state->id);
    } else if (value->class == CLASS_IP_ADDRESS) {
        snprintf(value->text, sizeof(value->text), "10.%u.%u.%u", 100 + state->id / 100, 100 + state->id % 100, 10 + index);
    } else {
        int length = snprintf(value->text, sizeof(value->text), "ghp_c%05ux%02uq", state->id, index);
        while (length < 40) value->text[length++] = alphabet[random_below(sizeof(alphabet) - 1)];
        value->text[length] = 0;
    }
    value->number = 1;
    for (uint32_t i = 0; i < index; i++) value->number += state->values[i].class == value->class;
}

static const char *const fillers[] = {"please write to ", "the customer is ", "use ", "and then look at ", "it was ",
                                      "nobody but ", "as I said, ", "f\xc3\xbcr "};

static void append_question(struct conversation_state *state) {
    uint32_t mentions = 1 + random_below(4);
    buffer_append_cstr(&state->history, "\nuser: ");
    for (uint32_t i = 0; i < mentions; i++) {
        bool is_new = state->count == 0 || (state->count < VALUES_MAX && random_below(2) == 0);
        size_t at = is_new ? state->count : random_below((uint32_t)state->count);
        if (is_new) {
            make_value(state, &state->values[at], (uint32_t)at);
            state->count++;
        }
        buffer_append_cstr(&state->history, fillers[random_below(LENGTH_OF(fillers))]);
        buffer_append_cstr(&state->history, state->values[at].text);
        buffer_append_cstr(&state->history, i + 1 < mentions ? " but not without thinking first, " : " now.");
    }
}

/* How a model may write it. */
static void append_variant(struct buffer *out, const struct value *value) {
    static const char *const forms[] = {"<%s_%u>", "<%s_%u>", "<%s_%u>", "< %s_%u >", "[%s_%u]", "\"<%s_%u>\"",
                                        "`%s_%u`", "**%s_%u**", "&lt;%s_%u&gt;", "\\u003c%s_%u\\u003e", "%s_%u",
                                        "\\<%s\\_%u\\>", "(%s_%u)", "<%s-%u>", "<%s %u>"};
    size_t form = random_below(LENGTH_OF(forms));
    bool is_bracketed = forms[form][0] == '<' || forms[form][0] == '&' || forms[form][1] == 'u';
    char label[32];
    snprintf(label, sizeof(label), "%s", class_label(value->class));
    unsigned recase = is_bracketed ? random_below(3) : 0;
    for (size_t i = 0; label[i] != 0; i++) {
        bool is_lower = recase == 1 || (recase == 2 && i > 0);
        if (is_lower && label[i] >= 'A' && label[i] <= 'Z') label[i] = (char)(label[i] | 0x20);
    }
    buffer_append_format(out, forms[form], label, value->number);
}

static size_t next_random(void *self, size_t at) {
    (void)at;
    return 1 + random_below(*(uint32_t *)self);
}

static uint64_t count_of(struct str text, struct str what) {
    uint64_t count = 0;
    for (size_t at = 0; (at = str_find(text, what)) != STR_NOT_FOUND; count++) {
        text = str_slice(text, at + what.length, text.length);
    }
    return count;
}

/* Every value in the answer must be this conversation's. */
static bool is_foreign(const struct conversation_state *state, struct str answer) {
    static const char *const marks[] = {"@c", "ghp_c"};
    for (size_t i = 0; i < LENGTH_OF(marks); i++) {
        struct str rest = answer, mark = str_from_cstr(marks[i]);
        for (size_t at; (at = str_find(rest, mark)) != STR_NOT_FOUND;) {
            rest = str_slice(rest, at + mark.length, rest.length);
            if (rest.length == 0 || strtoul(rest.data, NULL, 10) != state->id) return true;
        }
    }
    return false;
}

static void answer_turn(struct conversation_state *state, struct totals *totals) {
    struct buffer said, shown;
    uint64_t mentions[VALUES_MAX] = {0};
    buffer_init(&said, 1 << 20);
    buffer_init(&shown, 1 << 20);
    for (uint32_t i = 0, count = 1 + random_below(5); i < count; i++) {
        size_t at = random_below((uint32_t)state->count);
        buffer_append_cstr(&said, fillers[random_below(LENGTH_OF(fillers))]);
        append_variant(&said, &state->values[at]);
        buffer_append_cstr(&said, random_below(2) == 0 ? ", " : ". ");
        mentions[at]++;
    }
    buffer_append_format(&said, "As for <EMAIL_%u>, nobody knows.", 900 + random_below(100));
    buffer_append_byte(&said, 0);
    uint32_t size = 1 + random_below(12);
    size_t held;
    if (lane_world_answer(&world, buffer_view(&said), next_random, &size, &shown, &held) != 0) totals->failed++;
    buffer_append_byte(&shown, 0);
    for (size_t i = 0; i < state->count; i++) {
        uint64_t restored = count_of(buffer_view(&shown), str_from_cstr(state->values[i].text));
        totals->said += mentions[i];
        totals->restored += restored < mentions[i] ? restored : mentions[i];
    }
    totals->foreign += is_foreign(state, buffer_view(&shown));
    buffer_append_cstr(&state->history, "\nassistant: ");
    buffer_append_str(&state->history, str_slice(buffer_view(&shown), 0, buffer_length(&shown) - 2));
    buffer_free(&said);
    buffer_free(&shown);
}

static void run_conversation(unsigned id, struct totals *totals) {
    struct conversation_state state = {.id = id};
    buffer_init(&state.history, 1 << 20);
    buffer_init(&state.sent, 1 << 20);
    for (uint32_t turn = 0, turns = 1 + random_below(TURNS_MAX); turn < turns; turn++) {
        struct buffer sent;
        buffer_init(&sent, 1 << 20);
        append_question(&state);
        lane_world_plan(&world, CLASS_SET_ALL, 0); /* each request has a vault of its own */
        if (lane_world_ask(&world, MASK_TEXT, buffer_view(&state.history), &sent) == MASK_FAILED) totals->failed++;
        for (size_t i = 0; i < state.count; i++) {
            if (count_of(buffer_view(&sent), str_from_cstr(state.values[i].text)) == 0) continue;
            printf("# %s goes upstream\n", state.values[i].text);
            totals->leaked++;
        }
        if (!str_starts_with(buffer_view(&sent), buffer_view(&state.sent))) totals->unstable++;
        buffer_free(&state.sent);
        state.sent = sent;
        answer_turn(&state, totals);
    }
    buffer_free(&state.history);
    buffer_free(&state.sent);
}

int main(void) {
    struct totals totals = {0};
    lane_world_begin(&world);
    for (unsigned id = 1; id <= CONVERSATIONS; id++) run_conversation(id, &totals);
    lane_world_end(&world);
    printf("# %" PRIu64 " placeholders, %" PRIu64 " put back: %.4f%%\n", totals.said, totals.restored,
           100.0 * (double)totals.restored / (double)totals.said);
    ok(totals.restored * 1000 >= totals.said * 999, "99.9% of the placeholders are put back");
    is_integer(totals.foreign, 0, "no value of another conversation");
    is_integer(totals.unstable, 0, "what is sent again is the same bytes");
    is_integer(totals.leaked, 0, "no value goes upstream");
    is_integer(totals.failed, 0, "nothing fails");
    return tap_done();
}
