/* Sealed payloads: what is put comes back, only with the right key, only the text that was committed to. */
#include "ledger/seal.h"
#include "tests/unit/ledger/folder.h"

#define PUT_COUNT 20000

static struct secret kek;
static struct secret other_kek;

static int open_text(const char *folder, struct str key, const struct seal_commitment *commitment, struct buffer *out,
                     struct error *error) {
    buffer_clear(out);
    return seal_open(folder, key, commitment, out, error);
}

static void overwrite(const char *path, uint64_t offset, size_t length, int byte) {
    char bytes[128];
    memset(bytes, byte, sizeof(bytes));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    CHECK(fd >= 0 && pwrite(fd, bytes, length, (off_t)offset) == (ssize_t)length);
    close(fd);
}

static void test_cost(const char *folder) {
    struct sealer *sealer;
    struct seal_session *session;
    struct seal_commitment commitment;
    char text[200];
    memset(text, 'q', sizeof(text));
    CHECK(sealer_new(&sealer, folder, secret_view(&kek), 9, 9, NULL) == 0);
    CHECK(seal_session_begin(sealer, 1, &session, NULL) == 0);
    uint64_t start = clock_monotonic_ns();
    for (uint32_t i = 0; i < PUT_COUNT; i++) {
        memcpy(text, &i, sizeof(i));
        CHECK(seal_put(sealer, session, str_make(text, sizeof(text)), &commitment, NULL) == 0);
    }
    printf("# seal_put of 200 bytes: %.2f us\n", (double)(clock_monotonic_ns() - start) / PUT_COUNT / 1000);
    CHECK(sealer_flush(sealer, NULL) == 0);
    seal_session_free(&session);
    sealer_free(&sealer);
}

int main(void) {
    static const struct str texts[] = {STR(""), STR("x"), STR("SELECT * FROM customers WHERE email = 'a@b.c'"),
                                       STR("\0\xff bytes of any kind\n")};
    struct test_run run;
    struct error error = {0};
    struct sealer *sealer;
    struct seal_session *sessions[2];
    struct seal_commitment commitments[2][LENGTH_OF(texts)];
    struct buffer out;
    char path[512];
    test_begin(&run);
    buffer_init(&out, 1 << 20);
    snprintf(path, sizeof(path), "%s/kek", run.folder);
    ok(seal_kek_load(path, true, &kek, &error) == 0 && kek.length == SEAL_KEK_BYTES, "a KEK is made");
    struct stat status;
    ok(stat(path, &status) == 0 && (status.st_mode & 0777) == 0600, "for its owner's eyes only");
    struct secret again = {0};
    ok(seal_kek_load(path, true, &again, &error) == 0 && str_equal(secret_view(&again), secret_view(&kek)), "and kept");
    snprintf(path, sizeof(path), "%s/other", run.folder);
    CHECK(seal_kek_load(path, true, &other_kek, &error) == 0);
    CHECK(sealer_new(&sealer, run.evidence, secret_view(&kek), 0x1234, 3, &error) == 0);
    for (size_t s = 0; s < 2; s++) {
        CHECK(seal_session_begin(sealer, s, &sessions[s], &error) == 0);
        for (size_t i = 0; i < LENGTH_OF(texts); i++) {
            CHECK(seal_put(sealer, sessions[s], texts[i], &commitments[s][i], &error) == 0);
        }
    }
    struct seal_commitment repeated;
    CHECK(seal_put(sealer, sessions[0], texts[2], &repeated, &error) == 0);
    ok(memcmp(&repeated, &commitments[0][2], sizeof(repeated)) == 0, "the same text again has the same commitment");
    ok(!sha256_equal(&commitments[0][2].plaintext, &commitments[1][2].plaintext), "but not in another session");
    CHECK(sealer_flush(sealer, &error) == 0);
    for (size_t s = 0; s < 2; s++) {
        for (size_t i = 0; i < LENGTH_OF(texts); i++) {
            ok(open_text(run.evidence, secret_view(&kek), &commitments[s][i], &out, &error) == 0, "opens");
            is_str(buffer_view(&out), texts[i], "to the same text");
        }
    }
    struct json_writer json;
    struct buffer written;
    struct seal_commitment parsed;
    buffer_init(&written, 4096);
    json_writer_init(&json, &written);
    seal_commitment_write(&json, &commitments[1][2]);
    ok(seal_commitment_parse(buffer_view(&written), &parsed, &error) == 0 &&
           open_text(run.evidence, secret_view(&kek), &parsed, &out, &error) == 0, "a commitment survives JSON");
    ok(open_text(run.evidence, secret_view(&other_kek), &parsed, &out, &error) != 0 && error.code == ERROR_DENIED,
       "not with another KEK");
    parsed.plaintext.bytes[0] ^= 1;
    ok(open_text(run.evidence, secret_view(&kek), &parsed, &out, &error) != 0 && error.code == ERROR_INVALID,
       "not for another text's MAC");
    parsed = commitments[1][1];
    parsed.reference = commitments[1][0].reference;
    ok(open_text(run.evidence, secret_view(&kek), &parsed, &out, &error) != 0, "not at another's place");
    snprintf(path, sizeof(path), "%s/0000000000001234-3.payloads", run.evidence);
    overwrite(path, commitments[0][2].reference.payload_offset + 60, 1, 0x55);
    ok(open_text(run.evidence, secret_view(&kek), &commitments[0][2], &out, &error) != 0 && error.code == ERROR_INVALID,
       "a changed payload is found");
    snprintf(path, sizeof(path), "%s/0000000000001234-3.keys", run.evidence);
    overwrite(path, commitments[1][0].reference.key_offset, 80, 0);
    ok(open_text(run.evidence, secret_view(&kek), &commitments[1][2], &out, &error) != 0 &&
           error.code == ERROR_NOT_FOUND, "an erased session says that it was erased");
    ok(open_text(run.evidence, secret_view(&kek), &commitments[0][3], &out, &error) == 0, "and the other one still opens");
    seal_session_free(&sessions[0]);
    seal_session_free(&sessions[1]);
    sealer_free(&sealer);
    test_cost(run.evidence);
    buffer_free(&out);
    buffer_free(&written);
    secret_wipe(&kek);
    secret_wipe(&other_kek);
    secret_wipe(&again);
    test_remove(run.folder);
    return tap_done();
}
