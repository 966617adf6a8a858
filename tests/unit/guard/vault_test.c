/* Vaults, what is kept of them, and boxes. */
#include <stdlib.h>
#include <unistd.h>

#include "guard/conversation.h"
#include "guard/mask_plan.h"
#include "tests/unit/guard/lane_world.h"
#include "tests/unit/tap.h"

static struct lane_world world;

#define EMAIL CLASS_BIT(CLASS_EMAIL)

/* Requests, one conversation each: what the upstream gets. */
static const struct {
    const char *name;
    class_set upstream;
    enum mask_shape shape;
    const char *text;
    const char *wanted;
} requests[] = {
    {"nothing", 0, MASK_TEXT, "all is well", "all is well"},
    {"one", 0, MASK_TEXT, "I am ana@example.com.", "I am <EMAIL_1>."},
    {"the same twice", 0, MASK_TEXT, "ana@example.com, ana@example.com", "<EMAIL_1>, <EMAIL_1>"},
    {"bytes are not normalised", 0, MASK_TEXT, "ana@example.com, Ana@example.com", "<EMAIL_1>, <EMAIL_2>"},
    {"numbers by class", 0, MASK_TEXT, "ana@example.com at 192.168.17.23, bob@example.org",
     "<EMAIL_1> at <IP_ADDRESS_1>, <EMAIL_2>"},
    {"what the upstream may see", EMAIL, MASK_TEXT, "ana@example.com at 192.168.17.23", "ana@example.com at <IP_ADDRESS_1>"},
    {"a card is not masked in part", 0, MASK_TEXT, "card 4111 1111 1111 1111", "card <CARD_NUMBER_1>"},
    {"a literal placeholder", 0, MASK_TEXT, "who is <EMAIL_1>? ana@example.com", "who is <EMAIL_1>? <EMAIL_1>"},
    {"a password that is one", 0, MASK_TEXT, "password: <CREDENTIAL_1>", "password: <CREDENTIAL_1>"},
    {"JSON", 0, MASK_JSON, "{\"a\": [1.50, \"ana\\u0040example.com\"],  \"n\": 2}",
     "{\"a\": [1.50, \"<EMAIL_1>\"],  \"n\": 2}"},
    {"a number in JSON", 0, MASK_JSON, "{\"card\": 4111111111111111}", "{\"card\": \"<CARD_NUMBER_1>\"}"},
    {"a key in JSON", 0, MASK_JSON, "{\"ana@example.com\": 1}", "{\"<EMAIL_1>\": 1}"},
    {"by the key", 0, MASK_JSON, "{\"date_of_birth\": \"1980-02-29\"}", "{\"date_of_birth\": \"<DATE_OF_BIRTH_1>\"}"},
    {"once more", 0, MASK_JSON, "{\"date_of_birth\": \"<DATE_OF_BIRTH_1>\"}",
     "{\"date_of_birth\": \"<DATE_OF_BIRTH_1>\"}"},
};

static void test_requests(void) {
    for (size_t i = 0; i < LENGTH_OF(requests); i++) {
        struct buffer out;
        buffer_init(&out, 1 << 20);
        lane_world_plan(&world, 0, requests[i].upstream);
        bool is_done = lane_world_ask(&world, requests[i].shape, str_from_cstr(requests[i].text), &out) != MASK_FAILED;
        ok(is_done, requests[i].name);
        is_str(buffer_view(&out), str_from_cstr(requests[i].wanted), requests[i].name);
        buffer_free(&out);
    }
}

/* Answers, with <CREDENTIAL_1>, which holds a quotation mark, and <EMAIL_1> = ana@example.com. */
static const struct {
    const char *name;
    class_set principal;
    enum mask_shape shape;
    const char *text;
    const char *wanted;
} answers[] = {
    {"put back", EMAIL, MASK_TEXT, "<EMAIL_1>", "ana@example.com"},
    {"not revealed", 0, MASK_TEXT, "<EMAIL_1>", "<EMAIL_1>"},
    {"in JSON", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_1>\", \"n\": 1.0}", "{\"to\": \"ana@example.com\", \"n\": 1.0}"},
    {"in JSON with escapes", EMAIL, MASK_JSON, "{\"to\": \"\\u003cEMAIL_1\\u003E\"}", "{\"to\": \"ana@example.com\"}"},
    {"in a key", EMAIL, MASK_JSON, "{\"<EMAIL_1>\": true}", "{\"ana@example.com\": true}"},
    {"escaped for JSON", CLASS_BIT(CLASS_CREDENTIAL), MASK_JSON, "{\"p\": \"<credential_1>\"}",
     "{\"p\": \"pa\\\\ss-W0rd\\u0001\\\"\"}"},
    {"beside a new value", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_1>\", \"ip\": \"192.168.17.23\"}",
     "{\"to\": \"ana@example.com\", \"ip\": \"[IP_ADDRESS]\"}"},
    {"of a number that is not there", EMAIL, MASK_JSON, "{\"to\": \"<EMAIL_3>\"}", "{\"to\": \"<EMAIL_3>\"}"},
    {"in a field with a class", CLASS_BIT(CLASS_CREDENTIAL) | EMAIL, MASK_JSON, "{\"email\": \"<EMAIL_1>\"}",
     "{\"email\": \"ana@example.com\"}"},
};

static void test_answers(void) {
    for (size_t i = 0; i < LENGTH_OF(answers); i++) {
        struct buffer out;
        buffer_init(&out, 1 << 20);
        lane_world_plan(&world, answers[i].principal, 0);
        struct error error;
        CHECK(vault_append_placeholder(world.vault, CLASS_CREDENTIAL, STR("pa\\ss-W0rd\x01\""), &out, &error) == 0);
        CHECK(vault_append_placeholder(world.vault, CLASS_EMAIL, STR("ana@example.com"), &out, &error) == 0);
        buffer_clear(&out);
        const struct mask_plan *plan = world.plans->answer;
        struct str text = str_from_cstr(answers[i].text);
        if (plan->value(plan, (struct mask_field){0}, answers[i].shape, text, &out, &world.masked, &world.revealed) ==
            MASK_UNCHANGED) {
            buffer_append_str(&out, text);
        }
        is_str(buffer_view(&out), str_from_cstr(answers[i].wanted), answers[i].name);
        buffer_free(&out);
    }
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
    ok(is_filled && str_equal_cstr(buffer_view(&out), "<EMAIL_65536>"), "a full vault");
    ok(vault_append_placeholder(world.vault, CLASS_PHONE, STR("1"), &out, &error) == -1 && error.code == ERROR_LIMIT,
       "one too many");
    uint32_t seven = 7;
    ok(str_equal(vault_value(world.vault, CLASS_EMAIL, 8), str_make(&seven, sizeof(seven))), "the eighth");
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
    struct vault *vault = vault_new(&world.arena);
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
    is_str(again != NULL ? vault_value(again, CLASS_EMAIL, 2) : STR_NONE, STR("bob@example.org"), "its second address");
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
        struct vault *vault = vault_new(&world.arena);
        ok((vault_load(vault, serialised[i].bytes, &error) == 0) == serialised[i].is_good, serialised[i].name);
    }
}

int main(void) {
    lane_world_begin(&world);
    test_requests();
    test_answers();
    test_reveals_all();
    test_limits();
    test_boxes();
    test_conversations();
    test_serialised();
    lane_world_end(&world);
    return tap_done();
}
