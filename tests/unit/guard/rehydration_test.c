/* Generated conversations of two principals through two gateways that share one state: the history is sent again with
 * each turn, edited, shortened, or compacted to what only the provider can read; the model thinks of values by the
 * placeholders that it once saw, says them in its own ways, also those of the other principal, and the answer comes in
 * pieces. No placeholder is ever put back as another value than the one that it was given to; every one is put back.
 *
 * 10,000 conversations with SWORN_LONG=1, fewer without. */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "guard/shelf.h"
#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

#define CONVERSATIONS 10000
#define CONVERSATIONS_SHORT 400
#define TURNS_MAX 6
#define VALUES_MAX 12    /* in one conversation */
#define TURN_TEXTS_MAX (2 * TURNS_MAX)
#define GATEWAYS 2
#define PRINCIPALS 2
#define START_US 1775000000000000ll

static struct lane_world world;
static uint64_t random_state = 20260401;

static struct store *stores[GATEWAYS];
static struct shelves *gateways[GATEWAYS];
static struct mask_box_key root_key;
static const struct str principals[PRINCIPALS] = {{"ana", 3}, {"bob", 3}};

static uint32_t random_below(uint32_t limit) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

/* A value, and the placeholder that the provider saw for it; empty: it did not yet. */
struct value {
    enum data_class class;
    char text[64];
    char label[VAULT_LABEL_BYTES_MAX];
    char name[VAULT_NAME_BYTES_MAX + 1];
};

struct talk {
    unsigned id;
    unsigned principal;
    struct value values[VALUES_MAX];
    size_t count;
    struct buffer texts[TURN_TEXTS_MAX]; /* the history as the caller has it */
    size_t text_count;
    struct buffer sent; /* as the upstream got it the last time; empty when the caller changed it since */
};

struct totals {
    uint64_t said, restored;
    uint64_t foreign;  /* values that were not in the place of their own placeholder */
    uint64_t unstable; /* turns whose history went upstream otherwise than before */
    uint64_t leaked, renamed, failed;
    uint64_t remembered; /* of those said, whose value was in no request any more */
};

/* Each value names its conversation and principal, but some, which all have in common. */
static void make_value(const struct talk *talk, struct value *value, uint32_t index) {
    static const enum data_class classes[] = {CLASS_EMAIL, CLASS_IP_ADDRESS, CLASS_CREDENTIAL, CLASS_EMAIL};
    static const char alphabet[] = "QXZJKWqxzjkw0123456789"; /* no words: they would be context */
    *value = (struct value){.class = classes[random_below(LENGTH_OF(classes))]};
    if (random_below(8) == 0) {
        value->class = CLASS_EMAIL;
        snprintf(value->text, sizeof(value->text), "shared%u@all.example.com", index);
    } else if (value->class == CLASS_EMAIL) {
        snprintf(value->text, sizeof(value->text), "person%u@c%u.example.com", index, talk->id);
    } else if (value->class == CLASS_IP_ADDRESS) {
        snprintf(value->text, sizeof(value->text), "10.%u.%u.%u", 100 + talk->id / 100, 100 + talk->id % 100, 10 + index);
    } else {
        int length = snprintf(value->text, sizeof(value->text), "ghp_c%05ux%02uq", talk->id, index);
        while (length < 40) value->text[length++] = alphabet[random_below(sizeof(alphabet) - 1)];
        value->text[length] = 0;
    }
    snprintf(value->label, sizeof(value->label), "%s", class_label(value->class));
}

static const char *const fillers[] = {"please write to ", "the customer is ", "use ", "and then look at ", "it was ",
                                      "nobody but ", "as I said, ", "f\xc3\xbcr "};

static struct buffer *next_text(struct talk *talk) {
    struct buffer *text = &talk->texts[talk->text_count++];
    buffer_init(text, 1 << 20);
    return text;
}

static void ask_question(struct talk *talk) {
    struct buffer *text = next_text(talk);
    uint32_t mentions = 1 + random_below(4);
    buffer_append_cstr(text, "\nuser: ");
    for (uint32_t i = 0; i < mentions; i++) {
        bool is_new = talk->count == 0 || (talk->count < VALUES_MAX && random_below(2) == 0);
        size_t at = is_new ? talk->count : random_below((uint32_t)talk->count);
        if (is_new) make_value(talk, &talk->values[talk->count++], (uint32_t)at);
        buffer_append_cstr(text, fillers[random_below(LENGTH_OF(fillers))]);
        buffer_append_cstr(text, talk->values[at].text);
        buffer_append_cstr(text, i + 1 < mentions ? " but not without thinking first, " : " now.");
    }
}

static void drop_text(struct talk *talk, size_t index) {
    buffer_free(&talk->texts[index]);
    for (size_t i = index + 1; i < talk->text_count; i++) talk->texts[i - 1] = talk->texts[i];
    talk->text_count--;
    buffer_clear(&talk->sent);
}

/* What callers do to a history between two turns. The provider's own memory of it (thinking, a sealed summary) stays. */
static void change_history(struct talk *talk) {
    switch (random_below(5)) {
    case 0: /* compacted: nothing is left of it */
        while (talk->text_count > 0) drop_text(talk, 0);
        break;
    case 1: /* shortened from the front */
        if (talk->text_count > 1) drop_text(talk, 0);
        break;
    case 2: /* edited: another text stands at its beginning, with a value that comes first now */
        if (talk->text_count == 0 || talk->count == VALUES_MAX) break;
        drop_text(talk, talk->text_count - 1);
        make_value(talk, &talk->values[talk->count], (uint32_t)talk->count);
        if (talk->text_count == 0) break;
        buffer_clear(&talk->texts[0]);
        buffer_append_format(&talk->texts[0], "\nuser: first of all %s then. ", talk->values[talk->count++].text);
        buffer_clear(&talk->sent);
        break;
    default: break;
    }
}

/* How a model may write it. */
static void append_variant(struct buffer *out, const struct value *value) {
    static const char *const forms[] = {"<%s_%s>", "<%s_%s>", "<%s_%s>", "< %s_%s >", "[%s_%s]", "\"<%s_%s>\"",
                                        "`<%s_%s>`", "**<%s_%s>**", "&lt;%s_%s&gt;", "\\u003c%s_%s\\u003e", "%%3C%s_%s%%3E",
                                        "\\<%s\\_%s\\>", "(<%s_%s>)", "<%s-%s>", "<%s %s>"};
    char label[VAULT_LABEL_BYTES_MAX], name[VAULT_NAME_BYTES_MAX + 1];
    unsigned recase = random_below(3);
    snprintf(label, sizeof(label), "%s", value->label);
    snprintf(name, sizeof(name), "%s", value->name);
    for (size_t i = 0; label[i] != 0; i++) {
        bool is_lower = recase == 1 || (recase == 2 && i > 0);
        if (is_lower && label[i] >= 'A' && label[i] <= 'Z') label[i] = (char)(label[i] | 0x20);
    }
    for (size_t i = 0; name[i] != 0 && recase == 2; i++) name[i] = byte_upper(name[i]);
    buffer_append_format(out, forms[random_below(LENGTH_OF(forms))], label, name);
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

/* What the provider learns from the request: each value's placeholder, for life. */
static void learn_names(struct talk *talk, struct totals *totals) {
    for (size_t i = 0; i < vault_count(world.vault); i++) {
        struct vault_name name;
        struct str value = vault_entry(world.vault, i, &name);
        for (size_t j = 0; j < talk->count; j++) {
            struct value *known = &talk->values[j];
            if (!str_equal_cstr(value, known->text)) continue;
            char text[VAULT_NAME_BYTES_MAX + 1];
            snprintf(text, sizeof(text), "%.*s", STR_ARGS(vault_name_str(&name)));
            if (known->name[0] != 0 && strcmp(known->name, text) != 0) totals->renamed++;
            memcpy(known->name, text, sizeof(text));
        }
    }
}

/* One request through a gateway. */
static void send_request(struct talk *talk, unsigned gateway, int64_t now_us, struct totals *totals) {
    struct buffer history, sent;
    struct error error;
    buffer_init(&history, 1 << 20);
    buffer_init(&sent, 1 << 20);
    for (size_t i = 0; i < talk->text_count; i++) buffer_append_str(&history, buffer_view(&talk->texts[i]));
    vault_key_derive(&root_key, principals[talk->principal], STR("model"), &world.key);
    world.shelf = shelf_take(gateways[gateway], principals[talk->principal], STR("model"));
    if (world.shelf == NULL || shelf_refresh(world.shelf, now_us, &error) != 0) totals->failed++;
    lane_world_plan(&world, CLASS_SET_ALL, 0); /* each request has a vault of its own */
    if (lane_world_ask(&world, MASK_TEXT, buffer_view(&history), &sent) == MASK_FAILED) totals->failed++;
    if (shelf_keep(world.shelf, world.vault, now_us, &error) != 0) totals->failed++;
    for (size_t i = 0; i < talk->count; i++) {
        totals->leaked += count_of(buffer_view(&sent), str_from_cstr(talk->values[i].text));
    }
    if (!str_starts_with(buffer_view(&sent), buffer_view(&talk->sent))) totals->unstable++;
    buffer_free(&talk->sent);
    talk->sent = sent;
    buffer_free(&history);
    learn_names(talk, totals);
}

static bool is_in_history(const struct talk *talk, const struct value *value) {
    for (size_t i = 0; i < talk->text_count; i++) {
        if (count_of(buffer_view(&talk->texts[i]), str_from_cstr(value->text)) > 0) return true;
    }
    return false;
}

/* The model says some of what it has ever seen, a name of the other principal's, and one that nobody was given. */
static void take_answer(struct talk *talk, const struct talk *other, struct totals *totals) {
    struct buffer said, wanted, shown;
    buffer_init(&said, 1 << 20);
    buffer_init(&wanted, 1 << 20);
    buffer_init(&shown, 1 << 20);
    for (uint32_t i = 0, count = 1 + random_below(5); i < count; i++) {
        struct value *value = &talk->values[random_below((uint32_t)talk->count)];
        if (value->name[0] == 0) continue;
        const char *filler = fillers[random_below(LENGTH_OF(fillers))];
        buffer_append_format(&said, "%sMARK ", filler);
        append_variant(&said, value);
        buffer_append_cstr(&said, " MARK, ");
        buffer_append_format(&wanted, "%s\n", value->text);
        totals->said++;
        totals->remembered += !is_in_history(talk, value);
    }
    const struct value *foreign = other->count > 0 ? &other->values[random_below((uint32_t)other->count)] : NULL;
    if (foreign != NULL && foreign->name[0] != 0) {
        buffer_append_format(&said, "NOT <%s_%s> NOT ", foreign->label, foreign->name);
    }
    buffer_append_cstr(&said, "NOT <EMAIL_aaaaaaaaaa> NOT As for <EMAIL_1> and EMAIL_1, nobody knows.");
    uint32_t size = 1 + random_below(12);
    size_t held;
    if (lane_world_answer(&world, buffer_view(&said), next_random, &size, &shown, &held) != 0) totals->failed++;
    struct str left = buffer_view(&shown), line, expected = buffer_view(&wanted);
    while (str_split(&expected, '\n', &line) && line.length > 0) {
        size_t from = str_find(left, STR("MARK"));
        size_t to = from == STR_NOT_FOUND ? from : str_find(str_slice(left, from + 4, left.length), STR("MARK"));
        if (to == STR_NOT_FOUND) break;
        struct str between = str_slice(left, from + 4, from + 4 + to);
        bool is_right = count_of(between, line) == 1;
        totals->restored += is_right;
        if (!is_right && (count_of(between, STR("@")) > 0 || count_of(between, STR("ghp_")) > 0)) totals->foreign++;
        left = str_slice(left, from + 8 + to, left.length);
    }
    if (count_of(left, STR("@")) + count_of(left, STR("ghp_")) + count_of(left, STR("10.1")) > 0) totals->foreign++;
    buffer_append_cstr(next_text(talk), "\nassistant: ");
    buffer_append_str(&talk->texts[talk->text_count - 1], buffer_view(&shown));
    buffer_free(&said);
    buffer_free(&wanted);
    buffer_free(&shown);
    shelf_release(&world.shelf);
}

static void end_talk(struct talk *talk) {
    for (size_t i = 0; i < talk->text_count; i++) buffer_free(&talk->texts[i]);
    buffer_free(&talk->sent);
}

/* Two at a time, one of each principal, turn by turn. */
static void run_pair(unsigned id, struct totals *totals) {
    struct talk talks[PRINCIPALS] = {{.id = id, .principal = 0}, {.id = id + 1, .principal = 1}};
    uint32_t turns = 1 + random_below(TURNS_MAX);
    for (size_t i = 0; i < PRINCIPALS; i++) buffer_init(&talks[i].sent, 1 << 20);
    for (uint32_t turn = 0; turn < turns; turn++) {
        for (size_t i = 0; i < PRINCIPALS; i++) {
            if (turn > 0) change_history(&talks[i]);
            ask_question(&talks[i]);
            send_request(&talks[i], random_below(GATEWAYS), START_US + (int64_t)id, totals);
            take_answer(&talks[i], &talks[1 - i], totals);
        }
    }
    for (size_t i = 0; i < PRINCIPALS; i++) end_talk(&talks[i]);
}

static void open_gateways(const char *path) {
    struct error error;
    CHECK(mask_box_key_derive(STR("0123456789abcdef0123456789abcdef"), &root_key, &error) == 0);
    for (size_t i = 0; i < GATEWAYS; i++) {
        stores[i] = store_open(path, &error);
        CHECK(stores[i] != NULL);
        gateways[i] = shelves_new(stores[i], &root_key);
        CHECK(gateways[i] != NULL);
    }
}

int main(void) {
    struct totals totals = {0};
    char path[] = "rehydration-test-XXXXXX", log[sizeof(path) + 4];
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    const char *is_long = getenv("SWORN_LONG");
    unsigned count = is_long != NULL && strcmp(is_long, "1") == 0 ? CONVERSATIONS : CONVERSATIONS_SHORT;
    open_gateways(path);
    lane_world_begin(&world);
    for (unsigned id = 1; id <= count; id += PRINCIPALS) run_pair(id, &totals);
    lane_world_end(&world);
    for (size_t i = 0; i < GATEWAYS; i++) {
        shelves_free(&gateways[i]);
        store_close(&stores[i]);
    }
    printf("# %u conversations, %" PRIu64 " placeholders, %" PRIu64 " of them from the provider's memory\n", count,
           totals.said, totals.remembered);
    ok(totals.remembered > 0, "some values stood in no request any more");
    is_integer((int64_t)totals.restored, (int64_t)totals.said, "each placeholder is put back");
    is_integer((int64_t)totals.foreign, 0, "never as a value that it was not given to");
    is_integer((int64_t)totals.renamed, 0, "no value is renamed");
    is_integer((int64_t)totals.unstable, 0, "what is sent again is the same bytes");
    is_integer((int64_t)totals.leaked, 0, "no value goes upstream");
    is_integer((int64_t)totals.failed, 0, "nothing fails");
    unlink(path);
    for (size_t i = 0; i < 2; i++) {
        snprintf(log, sizeof(log), "%s-%s", path, i == 0 ? "wal" : "shm");
        unlink(log);
    }
    return tap_done();
}
