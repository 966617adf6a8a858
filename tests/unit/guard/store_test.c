#include "guard/store.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/tap.h"

static char folder[] = "/tmp/sworn-store-XXXXXX";
static char path[64];

static const struct str policies[] = {{"no \"drop\"", 9}, {"prod-ddl", 8}};
static const struct str remedies[] = {{"approve:sre:2", 13}};

static struct store_hold make_hold(const char *id, int64_t created_us) {
    return (struct store_hold){
        .id = str_from_cstr(id),
        .action_id = STR("00000000000000aa-3"),
        .session = STR("00000000000000aa"),
        .principal = STR("copilot"),
        .on_behalf_of = STR("ana"),
        .upstream = STR("shop"),
        .digest = sha256_of(STR("exactly this")),
        .text = STR("ALTER TABLE caf\xc3\xa9 ADD x int"),
        .policies = policies,
        .policy_count = 2,
        .remedies = remedies,
        .remedy_count = 1,
        .created_us = created_us,
        .expires_us = created_us + 1000,
    };
}

static void check_tokens(struct store *store, struct arena *arena) {
    struct error error = {0};
    struct sha256 hashes[] = {sha256_of(STR("one")), sha256_of(STR("two")), sha256_of(STR("three"))};
    int64_t ids[3] = {0};
    is_integer(store_token_create(store, STR("ana"), &hashes[0], 100, 0, &ids[0], &error), 0, "create");
    is_integer(store_token_create(store, STR("bob"), &hashes[1], 200, 900, &ids[1], &error), 0, "create another");
    ok(store_token_create(store, STR("ana"), &hashes[0], 300, 0, &ids[2], &error) != 0,
       "the same hash twice is refused");
    is_integer(error.code, ERROR_INVALID, "as invalid");
    struct token_info token;
    is_integer(store_token_find(store, arena, &hashes[1], &token, &error), 0, "find");
    ok(token.id == ids[1] && token.created_us == 200 && token.expires_us == 900 && token.revoked_us == 0 &&
           token.used_day == 0 && sha256_equal(&token.hash, &hashes[1]), "as created");
    is_str(token.principal, STR("bob"), "of bob");
    ok(store_token_find(store, arena, &hashes[2], &token, &error) != 0 && error.code == ERROR_NOT_FOUND,
       "unknown hash");
    is_integer(store_token_touch(store, ids[1], 86400000000ll * 3 + 5, &error), 0, "touch");
    is_integer(store_token_touch(store, ids[1], 86400000000ll * 2, &error), 0, "an earlier day");
    is_integer(store_token_revoke(store, ids[1], 500, &error), 0, "revoke");
    is_integer(store_token_revoke(store, ids[1], 600, &error), 0, "revoke again");
    CHECK(store_token_find(store, arena, &hashes[1], &token, &error) == 0);
    is_integer(token.revoked_us, 500, "the first revocation stands");
    is_integer(token.used_day, 3, "the last day of use stands");
    ok(store_token_revoke(store, 999, 1, &error) != 0 && error.code == ERROR_NOT_FOUND, "revoke what is not there");

    struct token_info *list;
    size_t count;
    is_integer(store_token_list(store, arena, STR_NONE, &list, &count, &error), 0, "list");
    ok(count == 2 && list[0].id == ids[0] && list[1].id == ids[1], "all, by id");
    is_integer(store_token_list(store, arena, STR("bob"), &list, &count, &error), 0, "list one principal's");
    ok(count == 1 && list[0].id == ids[1], "only those");
    is_integer(store_token_list(store, arena, STR("x' OR 1=1 --"), &list, &count, &error), 0, "a hostile name");
    is_integer(count, 0, "has none");
    for (int i = 0; i < 100; i++) {
        struct sha256 hash = sha256_of(str_make(&i, sizeof(i)));
        if (store_token_create(store, STR("many"), &hash, i, 0, &ids[2], &error) != 0) ok(false, "create many");
    }
    is_integer(store_token_list(store, arena, STR("many"), &list, &count, &error), 0, "list many");
    bool is_sorted = count == 100;
    for (size_t i = 0; is_sorted && i < count; i++) is_sorted = list[i].created_us == (int64_t)i;
    ok(is_sorted, "a hundred, in order");
}

static void check_hold_round_trip(struct store *store, struct arena *arena) {
    struct error error = {0};
    struct store_hold hold = make_hold("a-1", 1000);
    is_integer(store_hold_create(store, &hold, &error), 0, "create a hold");
    ok(store_hold_create(store, &hold, &error) != 0 && error.code == ERROR_INVALID, "its id is unique");
    struct store_hold found;
    is_integer(store_hold_find(store, arena, STR("a-1"), &found, &error), 0, "find it");
    is_str(found.action_id, hold.action_id, "action");
    is_str(found.session, hold.session, "session");
    is_str(found.principal, hold.principal, "principal");
    is_str(found.on_behalf_of, hold.on_behalf_of, "on behalf of");
    is_str(found.upstream, hold.upstream, "upstream");
    is_str(found.text, hold.text, "text");
    ok(sha256_equal(&found.digest, &hold.digest), "digest");
    ok(found.policy_count == 2 && str_equal(found.policies[0], policies[0]) &&
       str_equal(found.policies[1], policies[1]),
       "policies");
    ok(found.remedy_count == 1 && str_equal(found.remedies[0], remedies[0]), "remedies");
    ok(found.created_us == 1000 && found.expires_us == 2000 && found.state == HOLD_PENDING && found.closed_us == 0 &&
           !found.is_sealed, "times and state");
    ok(store_hold_find(store, arena, STR("nope"), &found, &error) != 0 && error.code == ERROR_NOT_FOUND,
       "no such hold");

    hold = make_hold("sealed-1", 1500);
    hold.is_sealed = true;
    hold.on_behalf_of = STR_NONE;
    hold.policy_count = 0;
    is_integer(store_hold_create(store, &hold, &error), 0, "a sealed one, for nobody");
    CHECK(store_hold_find(store, arena, hold.id, &found, &error) == 0);
    ok(found.is_sealed && found.on_behalf_of.data == NULL && found.policy_count == 0, "comes back so");
}

static void check_votes(struct store *store, struct arena *arena) {
    struct error error = {0};
    struct store_vote vote = {.approver = STR("sam"), .is_approval = true, .reason = STR("sealed:7"), .time_us = 1100};
    is_integer(store_vote_add(store, STR("a-1"), &vote, &error), 0, "vote");
    ok(store_vote_add(store, STR("a-1"), &vote, &error) != 0 && error.code == ERROR_INVALID, "one vote an approver");
    vote = (struct store_vote){.approver = STR("kim"), .is_approval = false, .time_us = 1050};
    is_integer(store_vote_add(store, STR("a-1"), &vote, &error), 0, "another approver");
    ok(store_vote_add(store, STR("nope"), &vote, &error) != 0 && error.code == ERROR_NOT_FOUND, "on nothing");
    struct store_vote *votes;
    size_t count;
    is_integer(store_vote_list(store, arena, STR("a-1"), &votes, &count, &error), 0, "list votes");
    CHECK(count == 2);
    ok(str_equal(votes[0].approver, STR("kim")) && !votes[0].is_approval && votes[0].reason.data == NULL,
       "first in time");
    ok(str_equal(votes[1].approver, STR("sam")) && votes[1].is_approval &&
       str_equal(votes[1].reason, STR("sealed:7")) &&
           votes[1].time_us == 1100, "then the other");
}

static void check_closing(struct store *store, struct arena *arena) {
    struct error error = {0};
    is_integer(store_hold_close(store, STR("a-1"), HOLD_APPROVED, 1200, &error), 0, "approve");
    ok(store_hold_close(store, STR("a-1"), HOLD_APPROVED, 1300, &error) != 0 && error.code == ERROR_INVALID,
       "an approval is used once");
    ok(strstr(error.text, "approved") != NULL, "and it is said that it is approved");
    struct store_vote late = {.approver = STR("zoe"), .is_approval = true, .time_us = 1400};
    ok(store_vote_add(store, STR("a-1"), &late, &error) != 0 && error.code == ERROR_INVALID, "no vote afterwards");
    ok(store_hold_close(store, STR("nope"), HOLD_DENIED, 1, &error) != 0 && error.code == ERROR_NOT_FOUND,
       "nothing there");
    struct store_hold *holds;
    size_t count;
    is_integer(store_hold_list(store, arena, HOLD_PENDING, &holds, &count, &error), 0, "list pending");
    ok(count == 1 && str_equal(holds[0].id, STR("sealed-1")), "the other one waits");
    is_integer(store_hold_list(store, arena, HOLD_APPROVED, &holds, &count, &error), 0, "list approved");
    ok(count == 1 && holds[0].closed_us == 1200, "with its time");
}

/* A new start: what was pending is interrupted, what was closed stays. */
static void check_restart(struct store **store, struct arena *arena) {
    struct error error = {0};
    store_close(store);
    *store = store_open(path, &error);
    ok(*store != NULL, "open it again");
    struct store_hold *holds;
    size_t count;
    is_integer(store_hold_interrupt(*store, arena, 7000, &holds, &count, &error), 0, "interrupt");
    ok(count == 1 && str_equal(holds[0].id, STR("sealed-1")) && holds[0].state == HOLD_INTERRUPTED, "the pending one");
    is_integer(store_hold_interrupt(*store, arena, 8000, &holds, &count, &error), 0, "again");
    is_integer(count, 0, "nothing is left");
    struct store_hold hold;
    CHECK(store_hold_find(*store, arena, STR("a-1"), &hold, &error) == 0);
    is_integer(hold.state, HOLD_APPROVED, "the approved one stays approved");
    ok(store_hold_close(*store, STR("sealed-1"), HOLD_APPROVED, 9000, &error) != 0,
       "an interrupted one is not approved");
}

static void check_files(void) {
    struct error error = {0};
    struct stat status;
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "mode 0600");
    char wal[80];
    snprintf(wal, sizeof(wal), "%s-wal", path);
    ok(stat(wal, &status) == 0 && (status.st_mode & 0777) == 0600, "mode 0600 of the write-ahead log");
    struct store *second = store_open(path, &error);
    ok(second != NULL, "two processes may have it open");
    store_close(&second);

    char other[80];
    snprintf(other, sizeof(other), "%s/other.db", folder);
    sqlite3 *database = NULL;
    CHECK(sqlite3_open(other, &database) == SQLITE_OK &&
          sqlite3_exec(database, "CREATE TABLE mine (x)", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    ok(store_open(other, &error) == NULL && error.code == ERROR_INVALID, "a database of something else is refused");
    unlink(other);
    FILE *file = fopen(other, "w");
    fputs("this is not a database, and it is longer than a header of one, which has a hundred bytes, so that it is "
          "read whole", file);
    fclose(file);
    ok(store_open(other, &error) == NULL, "a file that is no database is refused");
    printf("# %s\n", error.text);
    unlink(other);
    ok(store_open("/nonexistent/x.db", &error) == NULL && error.code == ERROR_SYSTEM, "no folder");
}

/* A file of version 1 has no conversations yet. */
static void check_older(void) {
    struct error error = {0};
    struct sha256 id = {{7}};
    struct buffer sealed;
    buffer_init(&sealed, 1024);
    sqlite3 *database = NULL;
    CHECK(sqlite3_open(path, &database) == SQLITE_OK &&
          sqlite3_exec(database, "DROP TABLE conversation; DROP TABLE spending; DROP TABLE shelf; "
                       "UPDATE schema_version SET version = 1", NULL,
                       NULL, NULL) ==
              SQLITE_OK);
    sqlite3_close(database);
    struct store *store = store_open(path, &error);
    ok(store != NULL && store_conversation_put(store, &id, STR("sealed"), 1, 9, &error) == 0 &&
           store_conversation_get(store, &id, 2, &sealed, &error) == 0 &&
           str_equal_cstr(buffer_view(&sealed), "sealed"),
       "an older schema is brought up to date");
    store_close(&store);
    buffer_free(&sealed);
}

static void check_newer(void) {
    struct error error = {0};
    sqlite3 *database = NULL;
    CHECK(sqlite3_open(path, &database) == SQLITE_OK &&
          sqlite3_exec(database, "UPDATE schema_version SET version = 99", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(database);
    ok(store_open(path, &error) == NULL && strstr(error.text, "99") != NULL, "a newer schema is refused");
}

static void remove_files(void) {
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < LENGTH_OF(suffixes); i++) {
        char name[80];
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    CHECK(rmdir(folder) == 0);
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/sworn.db", folder);
    struct error error = {0};
    struct arena arena;
    arena_init(&arena, 16u << 20);
    struct store *store = store_open(path, &error);
    if (!ok(store != NULL, "open")) return tap_done();
    check_tokens(store, &arena);
    check_hold_round_trip(store, &arena);
    check_votes(store, &arena);
    check_closing(store, &arena);
    check_files();
    check_restart(&store, &arena);
    store_close(&store);
    check_older();
    check_newer();
    remove_files();
    arena_free(&arena);
    return tap_done();
}
