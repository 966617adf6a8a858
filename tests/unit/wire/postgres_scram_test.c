/* SCRAM-SHA-256 against the example of RFC 7677, section 3, and against servers that do not keep to it; MD5 passwords.
 */
#include "tests/unit/tap.h"
#include "wire/postgres/scram.h"

#define CLIENT_NONCE "rOprNGfwEbeRWgbNEkqO"
#define NONCE CLIENT_NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SERVER_FIRST "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
#define CLIENT_FINAL "c=biws,r=" NONCE ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
#define SERVER_FINAL "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
#define SERVER_FINAL_EXTENDED SERVER_FINAL ",x=1"

static struct scram_client client_of_rfc(void) {
    struct scram_client client = {.nonce_length = sizeof(CLIENT_NONCE) - 1};
    memcpy(client.nonce, CLIENT_NONCE, client.nonce_length);
    return client;
}

static void test_rfc(void) {
    struct scram_client client = client_of_rfc();
    struct error error;
    struct buffer out;
    buffer_init(&out, 4096);
    scram_client_start(&client, STR("user"), &out);
    is_str(buffer_view(&out), STR("n,,n=user,r=" CLIENT_NONCE), "client-first-message");
    buffer_clear(&out);
    ok(scram_client_verify(&client, STR(SERVER_FINAL), &error) != 0, "no signature counts before the challenge");
    ok(scram_client_finish(&client, STR("user"), STR("pencil"), STR(SERVER_FIRST), &out, &error) == 0, "challenge");
    is_str(buffer_view(&out), STR(CLIENT_FINAL), "client-final-message");
    ok(scram_client_verify(&client, STR(SERVER_FINAL), &error) == 0, "server-final-message");
    buffer_free(&out);
}

static const struct {
    const char *name;
    const char *text;
} bad_challenges[] = {
    {"empty", ""},
    {"nonce is only ours", "r=" CLIENT_NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
    {"nonce is another", "r=xOprNGfwEbeRWgbNEkqO1234,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"},
    {"no salt", "r=" NONCE ",s=,i=4096"},
    {"salt is not base64", "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ=,i=4096"},
    {"no iterations", "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ=="},
    {"zero iterations", "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0"},
    {"too many iterations", "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001"},
    {"negative iterations", "r=" NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1"},
    {"extension behind", SERVER_FIRST ",x=1"},
    {"mandatory extension", "m=1," SERVER_FIRST},
    {"order", "s=W22ZaJ0SNY7soEsUEjb6gQ==,r=" NONCE ",i=4096"},
};

static const char *const bad_finals[] = {
    "", "v=", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=AAAA", "e=invalid-proof",
    SERVER_FINAL_EXTENDED, "x=1,v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

static void test_bad_servers(void) {
    struct error error;
    struct buffer out;
    buffer_init(&out, 4096);
    for (size_t i = 0; i < LENGTH_OF(bad_challenges); i++) {
        struct scram_client client = client_of_rfc();
        ok(scram_client_finish(&client, STR("user"), STR("pencil"), str_from_cstr(bad_challenges[i].text), &out,
                               &error) != 0, bad_challenges[i].name);
        ok(!client.has_signature, "nothing to be verified after it");
    }
    struct scram_client client = client_of_rfc();
    ok(scram_client_finish(&client, STR("user"), STR("pencil"), STR(SERVER_FIRST), &out, &error) == 0, "challenge");
    for (size_t i = 0; i < LENGTH_OF(bad_finals); i++)
        ok(scram_client_verify(&client, str_from_cstr(bad_finals[i]), &error) != 0, "bad server-final-message");
    struct scram_client other = client_of_rfc();
    ok(scram_client_finish(&other, STR("user"), STR("pencils"), STR(SERVER_FIRST), &out, &error) == 0 &&
       scram_client_verify(&other, STR(SERVER_FINAL), &error) != 0, "a server with another password is found out");
    buffer_free(&out);
}

static void test_nonces(void) {
    struct scram_client one;
    struct scram_client two;
    scram_client_init(&one);
    scram_client_init(&two);
    ok(one.nonce_length == SCRAM_NONCE_BYTES && memcmp(one.nonce, two.nonce, SCRAM_NONCE_BYTES) != 0, "fresh nonces");
    ok(memchr(one.nonce, ',', SCRAM_NONCE_BYTES) == NULL, "without a comma");
}

static void test_md5(void) {
    char text[MD5_PASSWORD_BYTES];
    struct error error;
    if (md5_password(STR("md5user"), STR("password"), STR("\x2a\x3d\x8f\xe0"), text, &error) != 0) {
        tap_skip("md5", error.text);
        return;
    }
    is_str(str_from_cstr(text), STR("md59f52bb40c06c1efa8f1b32bad4e714b8"), "md5 of password, user and salt");
}

int main(void) {
    test_rfc();
    test_bad_servers();
    test_nonces();
    test_md5();
    return tap_done();
}
