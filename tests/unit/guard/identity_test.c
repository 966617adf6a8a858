#include "guard/identity.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/guard/world.h"

#define DAY_US 86400000000ll
#define NOW (20000 * DAY_US)

static const struct str empty_group[] = {{"", 0}};

static const struct {
    const char *name;
    struct identity_row rows[2];
    const char *wanted; /* a part of the error's text */
} bad_rows[] = {
    {"a name twice", {{.name = {"ana", 3}}, {.name = {"ana", 3}, .kind = PRINCIPAL_SERVICE}}, "ana is there twice"},
    {"an empty name", {{.name = {"ana", 3}}, {.name = {"", 0}}}, "its name must be"},
    {"a name that is not UTF-8", {{.name = {"ana", 3}}, {.name = {"\xff", 1}}}, "UTF-8"},
    {"a person for someone", {{.name = {"ana", 3}}, {.name = {"b", 1}, .on_behalf_of = {"ana", 3}}}, "only an agent"},
    {"an agent for nobody known",
     {{.name = {"ana", 3}}, {.name = {"b", 1}, .kind = PRINCIPAL_AGENT, .on_behalf_of = {"eve", 3}}},
     "eve is not there"},
    {"an agent for a service",
     {{.name = {"ana", 3}, .kind = PRINCIPAL_SERVICE},
      {.name = {"b", 1}, .kind = PRINCIPAL_AGENT, .on_behalf_of = {"ana", 3}}}, "must name a principal of kind user"},
    {"an agent for itself",
     {{.name = {"ana", 3}}, {.name = {"b", 1}, .kind = PRINCIPAL_AGENT, .on_behalf_of = {"b", 1}}}, "kind user"},
    {"an empty group", {{.name = {"ana", 3}}, {.name = {"b", 1}, .groups = empty_group, .group_count = 1}}, "group"},
};

static void check_bad_rows(void) {
    for (size_t i = 0; i < LENGTH_OF(bad_rows); i++) {
        struct error error = {0};
        struct identity *identity = identity_new(bad_rows[i].rows, 2, &error);
        ok(identity == NULL && strstr(error.text, bad_rows[i].wanted) != NULL, bad_rows[i].name);
        if (identity != NULL || strstr(error.text, bad_rows[i].wanted) == NULL) printf("# %s\n", error.text);
        identity_release(&identity);
    }
}

static void check_snapshot(const struct identity *identity) {
    const struct principal *agent = identity_find(identity, STR("copilot"));
    ok(agent != NULL && agent->kind == PRINCIPAL_AGENT, "an agent");
    ok(agent->on_behalf_of == identity_find(identity, STR("ana")), "acts for ana");
    ok(principal_is_in_group(agent, STR("agents")) && !principal_is_in_group(agent, STR("support")), "groups");
    ok(identity_find(identity, STR("Ana")) == NULL && identity_find(identity, STR("")) == NULL, "names are exact");
    is_integer(identity_count(identity), LENGTH_OF(world_rows), "count");
    is_str(identity_at(identity, 3)->name, STR("nightly"), "in order");
}

static void check_token_text(void) {
    char text[TOKEN_TEXT_BYTES];
    char again[TOKEN_TEXT_BYTES];
    struct sha256 hash;
    struct sha256 other;
    token_make(text, &hash);
    token_make(again, &other);
    struct str token = str_from_cstr(text);
    is_integer(token.length, 53, "53 characters");
    ok(str_starts_with(token, STR("swt_")) && strspn(text + 4, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                                              "0123456789-_") == 49, "base64url");
    struct sha256 wanted = sha256_of(token);
    ok(sha256_equal(&hash, &wanted), "the hash is of the whole text");
    ok(!sha256_equal(&hash, &other) && strcmp(text, again) != 0, "two tokens differ");
    ok(token_is_well_formed(token), "well formed");
    ok(!token_is_well_formed(str_slice(token, 0, 52)) && !token_is_well_formed(STR("")), "too short");
    int accepted = 0;
    for (size_t i = 0; i < token.length; i++) {
        char saved = text[i];
        text[i] = saved == 'x' ? 'y' : 'x';
        if (token_is_well_formed(token)) accepted++;
        text[i] = saved;
    }
    is_integer(accepted, 0, "one wrong character anywhere is noticed");
}

static struct str login(const struct identity *identity, struct store *store, const char *name, struct str token,
                        int64_t now_us, struct error *error) {
    const struct principal *principal = NULL;
    struct token_info info;
    *error = (struct error){0};
    if (identity_authenticate(identity, store, str_from_cstr(name), token, now_us, &principal, &info, error) != 0) {
        return STR_NONE;
    }
    CHECK(str_equal(info.principal, principal->name));
    return principal->name;
}

static void check_login(const struct identity *identity, struct store *store) {
    char texts[4][TOKEN_TEXT_BYTES];
    struct sha256 hashes[4];
    int64_t ids[4];
    static const struct {
        struct str principal;
        int64_t expires_us;
    } tokens[] = {{{"ana", 3}, 0}, {{"ana", 3}, NOW + 10}, {{"ana", 3}, 0}, {{"gone", 4}, 0}};
    struct error error = {0};
    for (size_t i = 0; i < 4; i++) {
        token_make(texts[i], &hashes[i]);
        CHECK(store_token_create(store, tokens[i].principal, &hashes[i], NOW, tokens[i].expires_us, &ids[i],
                                 &error) == 0);
    }
    CHECK(store_token_revoke(store, ids[2], NOW, &error) == 0);
    char unknown[TOKEN_TEXT_BYTES];
    token_make(unknown, &hashes[0]);
    const struct {
        const char *what;
        const char *name;
        const char *token;
        int64_t now_us;
        bool is_let_in;
    } logins[] = {
        {"right", "ana", texts[0], NOW, true},
        {"not expired yet", "ana", texts[1], NOW + 9, true},
        {"expired", "ana", texts[1], NOW + 10, false},
        {"revoked", "ana", texts[2], NOW, false},
        {"another principal's", "copilot", texts[0], NOW, false},
        {"unknown name", "nobody", texts[0], NOW, false},
        {"a name that is no longer in the config", "gone", texts[3], NOW, false},
        {"unknown token", "ana", unknown, NOW, false},
        {"empty token", "ana", "", NOW, false},
        {"no token at all", "ana", "secret", NOW, false},
        {"empty name", "", texts[0], NOW, false},
    };
    char refusal[sizeof(error.text)] = "";
    for (size_t i = 0; i < LENGTH_OF(logins); i++) {
        struct str who = login(identity, store, logins[i].name, str_from_cstr(logins[i].token), logins[i].now_us,
                               &error);
        is_integer(who.data != NULL, logins[i].is_let_in, logins[i].what);
        if (logins[i].is_let_in) continue;
        is_integer(error.code, ERROR_DENIED, "denied");
        if (refusal[0] == '\0') snprintf(refusal, sizeof(refusal), "%s", error.text);
        is_str(str_from_cstr(error.text), str_from_cstr(refusal), "with the same text for all");
    }
    struct arena arena;
    arena_init(&arena, 8192);
    struct token_info token;
    struct sha256 hash = sha256_of(str_from_cstr(texts[0]));
    CHECK(store_token_find(store, &arena, &hash, &token, &error) == 0);
    is_integer(token.used_day, 0, "a login writes nothing: who lets somebody in notes it");
    arena_free(&arena);
}

int main(void) {
    log_set_level(LOG_ERROR);
    check_bad_rows();
    check_token_text();
    struct identity *identity = world_identity();
    check_snapshot(identity);
    world_open();
    char path[128];
    snprintf(path, sizeof(path), "%s/sworn.db", world_folder);
    struct error error = {0};
    struct store *store = store_open(path, &error);
    CHECK(store != NULL);
    check_login(identity, store);
    store_close(&store);
    world_remove("sworn.db");
    world_close();
    struct identity *second = identity_hold(identity);
    identity_release(&identity);
    is_str(identity_at(second, 0)->name, STR("ana"), "a holder keeps it alive");
    identity_release(&second);
    return tap_done();
}
