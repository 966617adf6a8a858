/* Signed notes and keys: a published vector, round trips, and every single-bit change of a checkpoint refused. */
#include "ledger/checkpoint.h"
#include "tests/unit/ledger/folder.h"

/* The example of Go's golang.org/x/mod/sumdb/note package documentation. */
#define PETER_VKEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"

static void test_vkeys(void) {
    static const char *const bad[] = {
        "", "PeterNeumann", "PeterNeumann+c74f20a3", "PeterNeumann+c74f20a3+",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+Apc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWA",
        "Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    };
    struct checkpoint_vkey vkey;
    struct buffer text;
    buffer_init(&text, 1024);
    ok(checkpoint_vkey_parse(STR(PETER_VKEY), &vkey, NULL) == 0 && vkey.key_id == 0xc74f20a3, "vkey of Go's note package");
    checkpoint_vkey_format(&vkey, &text);
    is_str(buffer_view(&text), STR(PETER_VKEY), "and back");
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        ok(checkpoint_vkey_parse(str_from_cstr(bad[i]), &vkey, NULL) != 0, bad[i]);
    }
    buffer_free(&text);
}

static void test_signing(const char *folder) {
    char path[400];
    struct checkpoint_signer *signer;
    struct checkpoint_signer *again;
    struct checkpoint checkpoint;
    struct buffer note;
    struct stat status;
    struct error error = {0};
    struct sha256 root = sha256_of(STR("root"));
    buffer_init(&note, CHECKPOINT_MAX_BYTES);
    snprintf(path, sizeof(path), "%s/key", folder);
    CHECK(checkpoint_signer_load(&signer, path, true, STR(TEST_ORIGIN), &error) == 0);
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "a key file is for its owner only");
    ok(checkpoint_signer_load(&again, path, true, STR(TEST_ORIGIN), &error) == 0 &&
           memcmp(checkpoint_signer_vkey(again), checkpoint_signer_vkey(signer), sizeof(struct checkpoint_vkey)) == 0,
       "and is loaded again");
    checkpoint_signer_free(&again);
    ok(checkpoint_signer_load(&again, path, true, STR("other.invalid"), &error) != 0, "not under another name");
    CHECK(checkpoint_sign(signer, 12345, &root, &note, &error) == 0);
    const struct checkpoint_vkey *vkey = checkpoint_signer_vkey(signer);
    ok(checkpoint_verify(buffer_view(&note), vkey, &checkpoint, &error) == 0 && checkpoint.size == 12345 &&
           sha256_equal(&checkpoint.root, &root) && str_equal(checkpoint.origin, STR(TEST_ORIGIN)), "signs and verifies");
    uint64_t accepted = 0;
    for (size_t bit = 0; bit < 8 * buffer_length(&note); bit++) {
        note.data[bit / 8] ^= (char)(1 << bit % 8);
        if (checkpoint_verify(buffer_view(&note), vkey, &checkpoint, &error) == 0) accepted++;
        note.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    is_integer(accepted, 0, "no bit can be changed");
    for (size_t length = 0; length < buffer_length(&note); length++) {
        if (checkpoint_verify(str_slice(buffer_view(&note), 0, length), vkey, &checkpoint, &error) == 0) accepted++;
    }
    is_integer(accepted, 0, "nor the end cut off");
    buffer_append_str(&note, STR("\xe2\x80\x94 witness AAAAAAAA\n"));
    ok(checkpoint_verify(buffer_view(&note), vkey, &checkpoint, &error) == 0, "a signature of somebody else is no harm");
    struct checkpoint_vkey peter;
    CHECK(checkpoint_vkey_parse(STR(PETER_VKEY), &peter, NULL) == 0);
    ok(checkpoint_verify(buffer_view(&note), &peter, &checkpoint, &error) != 0, "not under another key");
    checkpoint_signer_free(&signer);
    buffer_free(&note);
}

static void test_texts(void) {
    #define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    #define LINE "\xe2\x80\x94 a AAAAAAAA\n"
    static const struct { const char *note; bool is_good; } rows[] = {
        {"o\n0\n" ROOT "\n\n" LINE, true}, {"o\n18446744073709551615\n" ROOT "\n\n" LINE, true},
        {"o\n5\n" ROOT "\nextension\n\n" LINE, true}, {"o\n05\n" ROOT "\n\n" LINE, false},
        {"o\n-1\n" ROOT "\n\n" LINE, false}, {"\n5\n" ROOT "\n\n" LINE, false}, {"o\n5\n" ROOT "\n", false},
        {"o\n5\nAAAA\n\n" LINE, false}, {"o\n18446744073709551616\n" ROOT "\n\n" LINE, false},
        {"o\n5\r\n" ROOT "\n\n" LINE, false}, {"", false}, {"\n\n", false}, {"o\n5\n\n" LINE, false},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        struct checkpoint checkpoint;
        ok((checkpoint_parse(str_from_cstr(rows[i].note), &checkpoint, NULL) == 0) == rows[i].is_good, "checkpoint text");
    }
}

int main(void) {
    struct test_run run;
    test_begin(&run);
    test_vkeys();
    test_signing(run.folder);
    test_texts();
    test_remove(run.folder);
    return tap_done();
}
