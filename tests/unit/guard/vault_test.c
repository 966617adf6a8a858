/* Vaults, what is kept of them, and boxes. */
#include <stdlib.h>
#include <unistd.h>

#include "guard/conversation.h"
#include "guard/mask_plan.h"
#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

static struct lane_world world;

#define EMAIL CLASS_BIT(CLASS_EMAIL)

#define SECRETS (CLASS_BIT(CLASS_CREDENTIAL) | CLASS_BIT(CLASS_PRIVATE_KEY))

static size_t next_one(void *self, size_t at) {
    (void)at;
    return *(size_t *)self;
}

/* Requests, one each: what the upstream gets. "#1": the name of the first value. */
static const struct {
    const char *name;
    class_set upstream;
    enum mask_shape shape;
    const char *text;
    const char *wanted;
} requests[] = {
    {"nothing", 0, MASK_TEXT, "all is well", "all is well"},
    {"one", 0, MASK_TEXT, "I am ana@example.com.", "I am <EMAIL_#1>."},
    {"the same twice", 0, MASK_TEXT, "ana@example.com, ana@example.com", "<EMAIL_#1>, <EMAIL_#1>"},
    {"each spelling has its own", 0, MASK_TEXT, "ana@example.com, Ana@example.com", "<EMAIL_#1>, <EMAIL_#2>"},
    {"several", 0, MASK_TEXT, "ana@example.com at 192.168.17.23, bob@example.org",
     "<EMAIL_#1> at <IP_ADDRESS_#2>, <EMAIL_#3>"},
    {"what the upstream may see", EMAIL, MASK_TEXT, "ana@example.com at 192.168.17.23",
     "ana@example.com at <IP_ADDRESS_#1>"},
    {"a card is not masked in part", 0, MASK_TEXT, "card 4111 1111 1111 1111", "card <CARD_NUMBER_#1>"},
    {"words like placeholders", 0, MASK_TEXT, "who is <EMAIL_1>, EMAIL_1, <EMAIL_aaaaaaaaaa>? ana@example.com",
     "who is <EMAIL_1>, EMAIL_1, <EMAIL_aaaaaaaaaa>? <EMAIL_#1>"},
    {"a password that is one", 0, MASK_TEXT, "password: <CREDENTIAL_abcdefghjk>", "password: <CREDENTIAL_abcdefghjk>"},
    {"JSON", 0, MASK_JSON, "{\"a\": [1.50, \"ana\\u0040example.com\"],  \"n\": 2}",
     "{\"a\": [1.50, \"<EMAIL_#1>\"],  \"n\": 2}"},
    {"a number in JSON", 0, MASK_JSON, "{\"card\": 4111111111111111}", "{\"card\": \"<CARD_NUMBER_#1>\"}"},
    {"a key in JSON", 0, MASK_JSON, "{\"ana@example.com\": 1}", "{\"<EMAIL_#1>\": 1}"},
    {"by the key", 0, MASK_JSON, "{\"date_of_birth\": \"1980-02-29\"}", "{\"date_of_birth\": \"<DATE_OF_BIRTH_#1>\"}"},
};

static void test_requests(void) {
    for (size_t i = 0; i < LENGTH_OF(requests); i++) {
        struct buffer out, wanted;
        buffer_init(&out, 1 << 20);
        buffer_init(&wanted, 1 << 20);
        lane_world_plan(&world, 0, requests[i].upstream);
        bool is_done = lane_world_ask(&world, requests[i].shape, str_from_cstr(requests[i].text), &out) != MASK_FAILED;
        ok(is_done, requests[i].name);
        lane_world_expand(&world, requests[i].wanted, &wanted);
        is_str(buffer_view(&out), buffer_view(&wanted), requests[i].name);
        buffer_free(&out);
        buffer_free(&wanted);
    }
}

static void placeholder_of(const char *value, class_set principal, struct buffer *out) {
    buffer_clear(out);
    lane_world_plan(&world, principal, 0);
    (void)lane_world_ask(&world, MASK_TEXT, str_from_cstr(value), out);
}

/* A name is the value's, whatever stands before it and whoever asks again; it tells of spellings that they are one. */
static void test_names(void) {
    struct buffer first, second;
    buffer_init(&first, 1 << 20);
    buffer_init(&second, 1 << 20);
    placeholder_of("bob@example.org", 0, &first);
    placeholder_of("ana@example.com bob@example.org", 0, &second);
    ok(str_ends_with(buffer_view(&second), buffer_view(&first)), "the order of values says nothing");
    ok(buffer_length(&first) == strlen("<EMAIL_>") + VAULT_NAME_BYTES, "ten symbols");
    placeholder_of("Bob@Example.org", 0, &second);
    struct str one = buffer_view(&first), other = buffer_view(&second);
    ok(!str_equal(one, other) && str_equal(str_slice(one, 0, 13), str_slice(other, 0, 13)), "two spellings of one value");
    world.key.bytes[0] ^= 1;
    placeholder_of("bob@example.org", 0, &second);
    world.key.bytes[0] ^= 1;
    ok(!str_equal(str_slice(buffer_view(&first), 0, 13), str_slice(buffer_view(&second), 0, 13)), "each scope has its own");
    buffer_free(&first);
    buffer_free(&second);
}

/* What the caller writes of a placeholder that he was given is his text, and comes back as he wrote it. */
static void test_text_of_the_caller(void) {
    static const struct {
        const char *name;
        class_set principal;
        const char *before, *after;
        bool is_kept;
    } rows[] = {
        {"text", EMAIL, "what is ", "?", false},      {"not his to see", 0, "what is ", "?", true},
        {"in a URL that stayed", EMAIL, "https://a.example/?q=", "", true},
        {"in brackets of his own", EMAIL, "a<b, ", "]", false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct buffer name, text, sent, back;
        struct buffer *all[] = {&name, &text, &sent, &back};
        for (size_t j = 0; j < LENGTH_OF(all); j++) buffer_init(all[j], 1 << 20);
        placeholder_of("bob@example.org", rows[i].principal, &name);
        buffer_append_format(&text, "%s%.*s%s", rows[i].before, STR_ARGS(buffer_view(&name)), rows[i].after);
        (void)lane_world_ask(&world, MASK_TEXT, buffer_view(&text), &sent);
        bool is_kept = str_find(buffer_view(&sent), buffer_view(&name)) != STR_NOT_FOUND;
        ok(is_kept == rows[i].is_kept, rows[i].name);
        size_t held, one = 1;
        CHECK(lane_world_answer(&world, buffer_view(&sent), next_one, &one, &back, &held) == 0);
        is_str(buffer_view(&back), buffer_view(&text), rows[i].name);
        for (size_t j = 0; j < LENGTH_OF(all); j++) buffer_free(all[j]);
    }
}

/* Answers, with <CREDENTIAL_#1>, which holds a quotation mark, <EMAIL_#2> = ana@example.com and a key of two lines. */
static const struct {
    const char *name;
    class_set principal;
    enum mask_shape shape;
    const char *text;
    const char *wanted;
} answers[] = {
    {"put back", EMAIL, MASK_TEXT, "<EMAIL_#2>", "ana@example.com"},
    {"not revealed", 0, MASK_TEXT, "<EMAIL_#2>", "<EMAIL_#2>"},
    {"in JSON", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_#2>\", \"n\": 1.0}", "{\"to\": \"ana@example.com\", \"n\": 1.0}"},
    {"in JSON with escapes", EMAIL, MASK_JSON, "{\"to\": \"\\u003cEMAIL_#2\\u003E\"}", "{\"to\": \"ana@example.com\"}"},
    {"in a key", EMAIL, MASK_JSON, "{\"<EMAIL_#2>\": true}", "{\"ana@example.com\": true}"},
    {"escaped for JSON", SECRETS, MASK_JSON, "{\"p\": \"<credential_#1>\"}", "{\"p\": \"pa\\\\ss-W0rd\\u0001\\\"\"}"},
    {"JSON within JSON", SECRETS, MASK_JSON, "{\"b\": \"{\\\"k\\\": \\\"<PRIVATE_KEY_#3>\\\"}\"}",
     "{\"b\": \"{\\\"k\\\": \\\"one\\\\ntwo\\\"}\"}"},
    {"and within that", SECRETS, MASK_JSON, "{\"b\": \"[\\\"{\\\\\\\"k\\\\\\\": \\\\\\\"<PRIVATE_KEY_#3>\\\\\\\"}\\\"]\"}",
     "{\"b\": \"[\\\"{\\\\\\\"k\\\\\\\": \\\\\\\"one\\\\\\\\ntwo\\\\\\\"}\\\"]\"}"},
    {"text that quotes", SECRETS, MASK_JSON, "{\"b\": \"he said \\\"<PRIVATE_KEY_#3>\\\"\"}",
     "{\"b\": \"he said \\\"one\\ntwo\\\"\"}"},
    {"a text that is JSON", SECRETS, MASK_TEXT, " {\"k\": [\"<PRIVATE_KEY_#3>\"]} ", " {\"k\": [\"one\\ntwo\"]} "},
    {"a fenced block", SECRETS, MASK_TEXT, "Here:\n```json\n{\"k\": \"<PRIVATE_KEY_#3>\"}\n```\n\"<PRIVATE_KEY_#3>\"",
     "Here:\n```json\n{\"k\": \"one\\ntwo\"}\n```\n\"one\ntwo\""},
    {"text", SECRETS, MASK_TEXT, "\"<PRIVATE_KEY_#3>\"", "\"one\ntwo\""},
    {"in HTML", SECRETS, MASK_TEXT, "&lt;CREDENTIAL_#1&gt;", "pa\\ss-W0rd\x01&quot;"},
    {"in a string of a program", SECRETS, MASK_TEXT, "x = '\\u003cPRIVATE_KEY_#3\\u003e'", "x = 'one\\ntwo'"},
    {"beside a new value", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_#2>\", \"ip\": \"192.168.17.23\"}",
     "{\"to\": \"ana@example.com\", \"ip\": \"[IP_ADDRESS]\"}"},
    {"of a name that was not given", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_#1>\"}", "{\"to\": \"<EMAIL_#1>\"}"},
    {"in a field with a class", SECRETS | EMAIL, MASK_JSON, "{\"email\": \"<EMAIL_#2>\"}",
     "{\"email\": \"ana@example.com\"}"},
    {"a parameter that is a URL", EMAIL, MASK_JSON, "{\"a\": \"https://x.example/? <EMAIL_#2>\", \"b\": \"<EMAIL_#2>\"}",
     "{\"a\": \"https://x.example/? <EMAIL_#2>\", \"b\": \"ana@example.com\"}"},
    {"by its name", EMAIL, MASK_JSON,
     "{\"webhookUrl\": \"<EMAIL_#2>\", \"image_url\": [\"<EMAIL_#2>\"], \"curl\": \"<EMAIL_#2>\"}",
     "{\"webhookUrl\": \"<EMAIL_#2>\", \"image_url\": [\"<EMAIL_#2>\"], \"curl\": \"ana@example.com\"}"},
    {"by its schema", EMAIL, MASK_JSON, "{\"where\": \"x/<EMAIL_#2>\", \"whom\": \"x/<EMAIL_#2>\"}",
     "{\"where\": \"x/<EMAIL_#2>\", \"whom\": \"x/ana@example.com\"}"},
    {"without a scheme", EMAIL, MASK_JSON, "[\"evil.example/<EMAIL_#2>\", \"and.so on/<EMAIL_#2>\"]",
     "[\"evil.example/<EMAIL_#2>\", \"and.so on/ana@example.com\"]"},
};

#define SCHEMA "{\"type\": \"object\", \"properties\": {\"where\": {\"type\": \"string\", \"format\": \"uri\"}, " \
               "\"whom\": {\"type\": \"string\", \"format\": \"email\"}}}"

static void test_answer(size_t i) {
    struct buffer out, text, wanted;
    struct buffer *all[] = {&out, &text, &wanted};
    for (size_t j = 0; j < LENGTH_OF(all); j++) buffer_init(all[j], 1 << 20);
    struct error error;
    lane_world_plan(&world, answers[i].principal, 0);
    (void)lane_world_ask(&world, MASK_JSON, STR(SCHEMA), &out);
    CHECK(vault_append_placeholder(world.vault, CLASS_CREDENTIAL, STR("pa\\ss-W0rd\x01\""), &out, &error) == 0);
    CHECK(vault_append_placeholder(world.vault, CLASS_EMAIL, STR("ana@example.com"), &out, &error) == 0);
    CHECK(vault_append_placeholder(world.vault, CLASS_PRIVATE_KEY, STR("one\ntwo"), &out, &error) == 0);
    buffer_clear(&out);
    lane_world_expand(&world, answers[i].text, &text);
    lane_world_expand(&world, answers[i].wanted, &wanted);
    const struct mask_plan *plan = world.plans->answer;
    if (plan->value(plan, (struct mask_field){0}, answers[i].shape, buffer_view(&text), &out, &world.masked,
                    &world.revealed) == MASK_UNCHANGED) {
        buffer_append_str(&out, buffer_view(&text));
    }
    is_str(buffer_view(&out), buffer_view(&wanted), answers[i].name);
    if (answers[i].shape == MASK_TEXT) {
        size_t held, one = 1;
        buffer_clear(&out);
        CHECK(lane_world_answer(&world, buffer_view(&text), next_one, &one, &out, &held) == 0);
        is_str(buffer_view(&out), buffer_view(&wanted), answers[i].name);
    }
    for (size_t j = 0; j < LENGTH_OF(all); j++) buffer_free(all[j]);
}

static void test_answers(void) {
    for (size_t i = 0; i < LENGTH_OF(answers); i++) test_answer(i);
}

static void test_reveals_all(void) {
    lane_world_plan(&world, CLASS_SET_ALL, CLASS_SET_ALL);
    ok(world.plans->request->reveals_all && world.plans->answer->reveals_all, "nothing to be looked at");
    lane_world_plan(&world, CLASS_SET_ALL, EMAIL);
    ok(!world.plans->request->reveals_all && !world.plans->answer->reveals_all, "something to be put back");
    struct mask_plans_options options = {.worker = world.worker, .operators = &world.operators};
    ok(mask_plans_new(&world.arena, &options)->request == NULL, "without a vault there is no plan for requests");
}

static void test_limits(void) {
    struct buffer out;
    struct error error = {0};
    buffer_init(&out, 8 << 20);
    lane_world_plan(&world, 0, 0);
    bool is_filled = true;
    for (uint32_t i = 0; i < VAULT_VALUES_MAX && is_filled; i++) {
        buffer_clear(&out);
        is_filled = vault_append_placeholder(world.vault, CLASS_EMAIL, str_make(&i, sizeof(i)), &out, &error) == 0;
    }
    ok(is_filled, "a full vault");
    ok(vault_append_placeholder(world.vault, CLASS_PHONE, STR("1"), &out, &error) == -1 && error.code == ERROR_LIMIT,
       "one too many");
    bool is_found = true;
    for (uint32_t i = 0; i < VAULT_VALUES_MAX && is_found; i++) {
        struct vault_name name;
        struct str value = vault_entry(world.vault, i, &name);
        is_found = str_equal(vault_value(world.vault, &name), value);
    }
    ok(is_found, "each has a name of its own");
    ok(lane_world_ask(&world, MASK_TEXT, STR("ana@example.com"), &out) == MASK_FAILED, "a request is refused then");
    buffer_free(&out);
}

static const struct mask_box_owner box_owners[] = {
    {STR("text"), STR("ana"), STR("model")},   {STR("text"), STR("bob"), STR("model")},
    {STR("text"), STR("ana"), STR("other")},   {STR("conversation"), STR("ana"), STR("model")},
    {STR("text"), STR("anamodel"), STR("")},
};

static void test_boxes(void) {
    struct mask_box_key key, other;
    struct error error;
    struct buffer sealed, plain;
    buffer_init(&sealed, 1 << 20);
    buffer_init(&plain, 1 << 20);
    CHECK(mask_box_key_derive(STR("0123456789abcdef0123456789abcdef"), &key, &error) == 0);
    CHECK(mask_box_key_derive(STR("0123456789abcdef0123456789abcdeg"), &other, &error) == 0);
    for (size_t length = 0; length < 40; length += 13) {
        struct str text = str_slice(STR("what is thought is not what is said at all"), 0, length);
        buffer_clear(&sealed);
        buffer_clear(&plain);
        ok(mask_box_seal(&key, &box_owners[0], text, &sealed, &error) == 0 &&
               mask_box_open(&key, &box_owners[0], buffer_view(&sealed), &plain, &error) == 0,
           "a box opens");
        is_str(buffer_view(&plain), text, "and holds what it held");
    }
    buffer_clear(&plain);
    for (size_t i = 1; i < LENGTH_OF(box_owners); i++) {
        ok(mask_box_open(&key, &box_owners[i], buffer_view(&sealed), &plain, &error) == -1, "not for another owner");
    }
    ok(mask_box_open(&other, &box_owners[0], buffer_view(&sealed), &plain, &error) == -1, "not with another key");
    bool is_refused = true;
    for (size_t i = 0; i < buffer_length(&sealed) && is_refused; i++) {
        char was = sealed.data[sealed.start + i];
        sealed.data[sealed.start + i] = was == 'A' ? 'B' : 'A';
        is_refused = mask_box_open(&key, &box_owners[0], buffer_view(&sealed), &plain, &error) == -1 &&
                     mask_box_open(&key, &box_owners[0], str_slice(buffer_view(&sealed), 0, i), &plain, &error) == -1;
        sealed.data[sealed.start + i] = was;
    }
    ok(is_refused && buffer_length(&plain) == 0, "no byte may be another, none may be missing");
    buffer_free(&sealed);
    buffer_free(&plain);
}

static bool file_holds(const char *path, const char *text) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    static char bytes[1 << 20];
    size_t length = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    return str_find(str_make(bytes, length), str_from_cstr(text)) != STR_NOT_FOUND;
}

static struct vault *load(struct store *store, const struct conversation *conversation, int64_t now_us,
                          struct error *error) {
    struct vault *vault = vault_new(&world.arena, &world.key, NULL);
    return conversation_load(store, conversation, now_us, vault, error) == 0 ? vault : NULL;
}

static void test_conversations(void) {
    char path[] = "vault-test-XXXXXX", log[sizeof(path) + 4];
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    snprintf(log, sizeof(log), "%s-wal", path);
    struct error error = {0};
    struct mask_box_key key;
    CHECK(mask_box_key_derive(STR("0123456789abcdef0123456789abcdef"), &key, &error) == 0);
    struct store *store = store_open(path, &error);
    CHECK(store != NULL);
    struct conversation first = {&key, STR("ana"), STR("model"), STR("resp_1")};
    struct conversation others[] = {{&key, STR("bob"), STR("model"), STR("resp_1")},
                                    {&key, STR("ana"), STR("other"), STR("resp_1")},
                                    {&key, STR("ana"), STR("model"), STR("resp_2")}};
    struct buffer out;
    buffer_init(&out, 1 << 20);
    lane_world_plan(&world, EMAIL, 0);
    (void)lane_world_ask(&world, MASK_TEXT, STR("ana.canary@example.com, bob@example.org, 192.168.17.23"), &out);
    int64_t day = 86400ll * 1000000;
    ok(conversation_keep(store, &first, 1, world.vault, &error) == 0, "kept");
    ok(!file_holds(path, "canary") && !file_holds(log, "canary") && !file_holds(log, "resp_1"), "nothing in clear");
    struct vault *again = load(store, &first, day, &error);
    ok(again != NULL && vault_count(again) == 3, "loaded");
    struct vault_name name, same;
    is_str(again != NULL ? vault_entry(again, 1, &name) : STR_NONE, STR("bob@example.org"), "its second address");
    (void)vault_entry(world.vault, 1, &same);
    ok(str_equal(vault_name_str(&name), vault_name_str(&same)), "under the same name");
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        ok(load(store, &others[i], day, &error) == NULL && error.code == ERROR_NOT_FOUND, "not for another");
    }
    (void)lane_world_ask(&world, MASK_TEXT, STR("eve@example.net"), &out);
    ok(conversation_keep(store, &first, 5 * day, world.vault, &error) == 0, "kept once more");
    again = load(store, &first, 34 * day, &error);
    ok(again != NULL && vault_count(again) == 4, "which prolongs it");
    ok(load(store, &first, 35 * day, &error) == NULL && error.code == ERROR_NOT_FOUND, "and it expires");
    ok(conversation_keep(store, &others[2], 36 * day, world.vault, &error) == 0 &&
           load(store, &first, 2 * day, &error) == NULL,
       "what has expired is swept");
    store_close(&store);
    store = store_open(path, &error);
    ok(store != NULL && load(store, &others[2], 37 * day, &error) != NULL, "opened again");
    store_close(&store);
    buffer_free(&out);
    unlink(path);
}

static const struct {
    const char *name;
    struct str bytes;
    bool is_good;
} serialised[] = {
    {"empty", STR("\x01"), true},
    {"one value", STR("\x01\x00\x03" "a@b"), true},
    {"nothing at all", STR(""), false},
    {"another version", STR("\x02"), false},
    {"a class that is none", STR("\x01\xff\x01" "a"), false},
    {"cut in a value", STR("\x01\x00\x03" "a@"), false},
    {"cut in a length", STR("\x01\x00\x83"), false},
    {"a length in a longer form", STR("\x01\x00\x81\x00" "a"), false},
    {"an empty value", STR("\x01\x00\x00"), false},
    {"twice the same", STR("\x01\x00\x01" "a" "\x00\x01" "a"), false},
};

static void test_serialised(void) {
    for (size_t i = 0; i < LENGTH_OF(serialised); i++) {
        struct error error;
        struct vault *vault = vault_new(&world.arena, &world.key, NULL);
        ok((vault_load(vault, serialised[i].bytes, &error) == 0) == serialised[i].is_good, serialised[i].name);
    }
}

int main(void) {
    lane_world_begin(&world);
    test_requests();
    test_names();
    test_text_of_the_caller();
    test_answers();
    test_reveals_all();
    test_limits();
    test_boxes();
    test_conversations();
    test_serialised();
    lane_world_end(&world);
    return tap_done();
}
