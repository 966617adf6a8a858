/* Tampering: every kind is found and named, every byte counts. And receipts, from the same folders. */
#include <dirent.h>

#include "ledger/merkle.h"
#include "ledger/receipt.h"
#include "tests/unit/ledger/folder.h"

static struct buffer original;
static struct buffer changed;

static void make_folder(struct test_run *run, unsigned actions) {
    struct error error = {0};
    test_begin(run);
    CHECK(test_start(run, NULL, &error) == 0);
    test_open_session(run);
    for (unsigned i = 1; i <= actions; i++) {
        CHECK(test_intent(run, i) && test_outcome(run, i));
        if (i % 40 == 39) test_drain(run);
    }
    test_close_session(run, actions);
    test_drain(run);
    CHECK(test_stop(run, &error) == 0);
}

static void write_over(const char *path, struct str data) {
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    CHECK(fd >= 0 && file_write_all(fd, data) == 0);
    close(fd);
}

static uint64_t missed_count;
static uint64_t flipped_count;
static struct test_run *flip_run;

static int flip_each_byte(const char *path, const struct stat *status, int type, struct FTW *walk) {
    struct ledger_summary summary;
    (void)status;
    (void)walk;
    if (type != FTW_F) return 0;
    CHECK(file_read(AT_FDCWD, path, &original, NULL) == 0);
    struct str whole = buffer_view(&original);
    for (size_t i = 0; i < whole.length; i++) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        char byte = (char)(whole.data[i] ^ (1 << (i % 8)));
        CHECK(fd >= 0 && pwrite(fd, &byte, 1, (off_t)i) == 1);
        flipped_count++;
        if (test_verify(flip_run, flip_run->evidence, false, &summary) <= 0) {
            missed_count++;
            printf("# not found: byte %zu of %s\n", i, path);
        }
        CHECK(pwrite(fd, whole.data + i, 1, (off_t)i) == 1);
        close(fd);
    }
    return 0;
}

static void test_flips(void) {
    struct test_run run;
    struct ledger_summary summary;
    make_folder(&run, 4);
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "good as it was written");
    flip_run = &run;
    nftw(run.evidence, flip_each_byte, 16, FTW_PHYS);
    ok(flipped_count > 1000, "many bytes were flipped");
    is_integer(missed_count, 0, "each flipped byte is found");
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "and good again");
    test_remove(run.folder);
}

static void path_of(const struct test_run *run, const char *name, char out[512]) {
    snprintf(out, 512, "%s/%s", run->evidence, name);
}

/* The bundle without one entry, or with one put in another place; lengths are right. */
static void rebuild_bundle(struct str bundle, unsigned removed, unsigned moved_to) {
    struct str rest = bundle;
    struct str entry;
    struct str kept = STR_NONE;
    buffer_clear(&changed);
    for (unsigned i = 0; bundle_take_entry(&rest, &entry) == 0; i++) {
        if (i == removed) {
            kept = entry;
            continue;
        }
        buffer_append_u16be(&changed, (uint16_t)entry.length);
        buffer_append_str(&changed, entry);
        if (i != moved_to) continue;
        buffer_append_u16be(&changed, (uint16_t)kept.length);
        buffer_append_str(&changed, kept);
    }
}

static void expect_finding(struct test_run *run, const char *words, const char *name) {
    struct ledger_summary summary;
    int64_t bad = test_verify(run, run->evidence, false, &summary);
    ok(bad > 0 && strstr(test_first_finding, words) != NULL, name);
    if (strstr(test_first_finding, words) == NULL) printf("# %s\n", test_first_finding);
}

static void test_files(void) {
    static const struct { const char *file; size_t kept; const char *words; } rows[] = {
        {"tile/entries/000", SIZE_MAX, "entry 0: it and the 256 entries from it on are missing"},
        {"tile/0/001", SIZE_MAX, "entry 256: from here on, the hashes are missing"},
        {"tile/1/000.p/2", SIZE_MAX, "entry 0: from here on, the hashes are missing"},
        {"checkpoint", SIZE_MAX, "checkpoint: checkpoint cannot be opened"},
        {"checkpoint", 60, "checkpoint: not a signed note"},
        {"tile/0/000", 8000, "entry 0: from here on: tile 0/0 has 8000 bytes, not 8192"},
        {"tile/entries/000", 1000, "it and what follows it in its bundle are missing (cut short)"},
    };
    struct test_run run;
    struct ledger_summary summary;
    char path[512];
    make_folder(&run, 298); /* 601 entries: two full tiles and a part */
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "good as it was written");
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        path_of(&run, rows[i].file, path);
        CHECK(file_read(AT_FDCWD, path, &original, NULL) == 0);
        if (rows[i].kept == SIZE_MAX) {
            unlink(path);
        } else {
            write_over(path, str_slice(buffer_view(&original), 0, rows[i].kept));
        }
        expect_finding(&run, rows[i].words, rows[i].words);
        CHECK(file_replace(AT_FDCWD, path, buffer_view(&original), 0644, NULL) == 0);
    }
    path_of(&run, "tile/entries/001", path);
    CHECK(file_read(AT_FDCWD, path, &original, NULL) == 0);
    rebuild_bundle(buffer_view(&original), 7, 255);
    write_over(path, buffer_view(&changed));
    expect_finding(&run, "entry 263: it is not the entry that was hashed", "an entry moved to the end of its bundle");
    rebuild_bundle(buffer_view(&original), 7, 1000);
    write_over(path, buffer_view(&changed));
    expect_finding(&run, "entry 263: it is not the entry that was hashed", "an entry removed, with its length");
    write_over(path, buffer_view(&original));
    path_of(&run, "tile/0/002.p/300", path);
    CHECK(file_make_folders_of(AT_FDCWD, path) == 0 && file_replace(AT_FDCWD, path, STR("x"), 0644, NULL) == 0);
    expect_finding(&run, "does not belong into an evidence folder", "a foreign file");
    unlink(path);
    is_integer(test_verify(&run, run.evidence, true, &summary), 0, "and good again");
    test_remove(run.folder);
}

/* Evidence that is consistent in its hashes, but was written wrongly: signed with a key of the test's own. */
static void test_trails(void) {
    #define ENTRY(event, seq, session, second)                                                       \
        "{\"event\":" event ",\"seq\":" seq ",\"session\":\"00000000000000" session "\",\"time\":"    \
        "\"2026-01-01T00:00:" second ".000000Z\"}"
    #define NODE ENTRY("{\"binary\":" TEST_HASH ",\"bundle\":" TEST_NO_BUNDLE ",\"config\":" TEST_HASH                  \
                       ",\"heartbeat_ms\":1000,\"type\":\"node_start\",\"version\":\"0\"}", "0", "01", "00"),           \
        ENTRY("{\"entities\":" TEST_ENTITIES ",\"number\":1,\"rows\":[{\"principal\":\"ana\",\"type\":\"User\"}],"      \
              "\"type\":\"entities_activated\"}", "1", "01", "00")
    #define S(seq, second, event) ENTRY(event, seq, "aa", second)
    #define START S("0", "01", "{\"principal\":\"ana\",\"principal_type\":\"User\",\"type\":\"session_start\"}")
    #define ASKED(n, verdict)                                                                                               \
        "{\"action\":\"00000000000000aa-" n "\",\"bundle\":" TEST_NO_BUNDLE ",\"cedar\":\"" verdict "\","                  \
        "\"decided\":\"2026-11-22T02:14:07.123456Z\",\"digest\":" TEST_HASH ",\"entities\":" TEST_ENTITIES                \
        ",\"policies\":[\"p\"],\"principal\":\"ana\",\"principal_type\":\"User\",\"protocol\":\"postgres\",\"rounds\":1," \
        "\"steps\":[],\"text\":" TEST_TEXT ",\"type\":\"intent\",\"upstream\":\"shop\",\"verdict\":\"" verdict "\"}"
    #define INTENT(seq, n) S(seq, "02", ASKED(n, "allow"))
    #define DENIED(seq, n) S(seq, "02", ASKED(n, "deny"))
    #define OUTCOME(seq, n)                                                                                                 \
        S(seq, "03", "{\"action\":\"00000000000000aa-" n "\",\"bundle\":" TEST_NO_BUNDLE ",\"bytes\":0,\"detector\":"      \
          TEST_HASH ",\"duration_us\":1,\"rows\":0,\"status\":\"ok\",\"type\":\"outcome\"}")
    #define END(seq, entries)                                                                                               \
        S(seq, "04", "{\"actions\":1,\"denials\":0,\"entries\":" entries ",\"reason\":\"error\",\"type\":\"session_end\"}")
    #define BEAT "{\"binary\":" TEST_HASH ",\"bundle\":" TEST_NO_BUNDLE ",\"config\":" TEST_HASH                            \
                 ",\"in_flight\":0,\"number\":1,\"refused\":{},\"sessions\":0,\"type\":\"heartbeat\"}"
    static const struct { const char *entries[9]; const char *words; } rows[] = {
        {{NODE, START, DENIED("1", "1"), OUTCOME("2", "1")},
         "entry 4: outcome of action 00000000000000aa-1, which has no open intent"},
        {{NODE, START, INTENT("1", "1"), END("2", "3")}, "entry 3: action 00000000000000aa-1 has no outcome"},
        {{NODE, START, INTENT("2", "1")}, "entry 3: session 00000000000000aa: seq 2 where 1 was expected"},
        {{NODE, START, OUTCOME("1", "1")}, "entry 3: outcome of action 00000000000000aa-1, which has no open intent"},
        {{NODE, START, INTENT("1", "1"), INTENT("2", "1")}, "entry 4: action 00000000000000aa-1 is used a second time"},
        {{NODE, INTENT("1", "1")}, "entry 2: session 00000000000000aa begins with \"intent\", seq 1"},
        {{NODE, START, INTENT("1", "1"), S("2", "01", "{\"type\":\"x\"}")},
         "entry 4: its time 2026-01-01T00:00:01.000000Z is before"},
        {{NODE, START, START}, "entry 3: session 00000000000000aa starts a second time"},
        {{NODE, START, INTENT("1", "1"), OUTCOME("2", "1"), OUTCOME("3", "1")}, "entry 5: outcome of action"},
        {{NODE, START, ENTRY("{\"type\":\"node_stop\"}", "2", "01", "02")},
         "entry 3: node_stop, but session 00000000000000aa (last entry 2) has not ended"},
        {{NODE, ENTRY(BEAT, "2", "01", "30")}, "entry 2: no heartbeat for 30000 ms before it"},
        {{NODE, "{\"seq\":1}"}, "entry 2: it is not a well-formed entry"},
        {{NODE, START, S("1", "02", "{\"type\":\"x\"}")}, "entry 3: this version knows no event of type \"x\""},
        {{NODE, START, INTENT("1", "1"), OUTCOME("2", "1"), END("3", "5")}, "entry 5: the session counts 5 entries"},
        {{NODE, START, INTENT("1", "2"), OUTCOME("2", "2"), END("3", "4")}, "entry 5: 1 numbers of the session's actions"},
        {{NODE, START, S("1", "02", BEAT)}, "entry 3: an event \"heartbeat\" in a client's session"},
        {{NODE, START, INTENT("1", "1"), OUTCOME("2", "1"), END("3", "4")}, ""},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct test_run run;
        struct checkpoint_signer *signer;
        static struct merkle_edge edge;
        struct ledger_summary summary;
        char path[512];
        char tile[TILE_PATH_MAX_BYTES];
        uint32_t count = 0;
        test_begin(&run);
        merkle_edge_init(&edge);
        buffer_clear(&changed);
        for (; count < 9 && rows[i].entries[count] != NULL; count++) {
            struct str entry = str_from_cstr(rows[i].entries[count]);
            buffer_append_u16be(&changed, (uint16_t)entry.length);
            buffer_append_str(&changed, entry);
            CHECK(merkle_edge_append(&edge, merkle_leaf_hash(entry), NULL, NULL) == 0);
        }
        tile_path_format(tile, TILE_ENTRIES_LEVEL, 0, count);
        path_of(&run, tile, path);
        CHECK(file_make_folders_of(AT_FDCWD, path) == 0);
        CHECK(file_replace(AT_FDCWD, path, buffer_view(&changed), 0644, NULL) == 0);
        tile_path_format(tile, 0, 0, count);
        path_of(&run, tile, path);
        CHECK(file_make_folders_of(AT_FDCWD, path) == 0);
        CHECK(file_replace(AT_FDCWD, path, str_make(edge.levels[0].hashes, count * SHA256_BYTES), 0644, NULL) == 0);
        snprintf(path, sizeof(path), "%s/key", run.folder);
        CHECK(checkpoint_signer_load(&signer, path, true, STR(TEST_ORIGIN), NULL) == 0);
        struct sha256 root = merkle_edge_root(&edge);
        buffer_clear(&changed);
        CHECK(checkpoint_sign(signer, count, &root, &changed, NULL) == 0);
        path_of(&run, "checkpoint", path);
        CHECK(file_replace(AT_FDCWD, path, buffer_view(&changed), 0644, NULL) == 0);
        buffer_clear(&changed);
        checkpoint_vkey_format(checkpoint_signer_vkey(signer), &changed);
        snprintf(path, sizeof(path), "%s.vkey", run.evidence);
        CHECK(file_replace(AT_FDCWD, path, buffer_view(&changed), 0644, NULL) == 0);
        checkpoint_signer_free(&signer);
        if (rows[i].words[0] != '\0') {
            expect_finding(&run, rows[i].words, rows[i].words);
        } else {
            is_integer(test_verify(&run, run.evidence, true, &summary), 0, "a good trail");
        }
        test_remove(run.folder);
    }
}

static void test_receipts(void) {
    struct test_run run;
    struct error error = {0};
    struct ledger_entry entry;
    struct buffer receipt;
    struct buffer scratch;
    make_folder(&run, 150);
    buffer_init(&receipt, RECEIPT_MAX_BYTES);
    buffer_init(&scratch, RECEIPT_MAX_BYTES);
    bool all_good = true;
    for (uint64_t index = 0; index < 305; index += 19) {
        buffer_clear(&receipt);
        all_good &= receipt_make(run.evidence, test_vkey(&run), index, &receipt, &error) == 0 &&
                    receipt_verify(buffer_view(&receipt), test_vkey(&run), &scratch, &entry, &error) == 0 &&
                    entry.index == index;
    }
    ok(all_good, "receipts hold");
    if (!all_good) printf("# %s\n", error.text);
    uint64_t accepted = 0;
    for (size_t i = 0; i < buffer_length(&receipt); i++) {
        receipt.data[i] ^= 1;
        if (receipt_verify(buffer_view(&receipt), test_vkey(&run), &scratch, &entry, &error) == 0) accepted++;
        receipt.data[i] ^= 1;
    }
    is_integer(accepted, 0, "no byte of a receipt can be changed");
    buffer_free(&receipt);
    buffer_free(&scratch);
    test_remove(run.folder);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "keeper") == 0) return keeper_child_main(argc - 2, argv + 2);
    buffer_init(&original, 1 << 24);
    buffer_init(&changed, 1 << 24);
    test_files();
    test_trails();
    test_receipts();
    test_flips();
    buffer_free(&original);
    buffer_free(&changed);
    return tap_done();
}
