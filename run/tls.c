/* TLS contexts: certificates, trust, ALPN. The streams' side is in tls_stream.c. */
#include "run/tls.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>

#include "run/tls_context.h"

int tls_set_error(struct error *error, enum error_code code, const char *what) {
    unsigned long reason = ERR_peek_error();
    const char *text = reason != 0 ? ERR_reason_error_string(reason) : NULL;
    ERR_clear_error();
    return error_set(error, code, "%s: %s", what, text != NULL ? text : "no reason given");
}

static int file_error(struct error *error, const char *what, const char *path) {
    tls_set_error(error, ERROR_INVALID, path);
    return error_prefix(error, "cannot use the %s", what);
}

/* TLS 1.2 at least; no renegotiation, no compression, no session store: nothing that a peer could make us do at
 * length. */
static SSL_CTX *new_context(const SSL_METHOD *method, struct error *error) {
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        tls_set_error(error, ERROR_MEMORY, "cannot create a TLS context");
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    return context;
}

/* Protocol names in wire form: a length byte, the name, and so on. */
struct alpn_list {
    unsigned char *bytes;
    size_t length;
};

static int encode_alpn(const char *const *names, struct alpn_list *list, struct error *error) {
    struct buffer out;
    buffer_init(&out, TLS_ALPN_MAX * 256);
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        size_t length = strlen(names[i]);
        CHECK(i < TLS_ALPN_MAX && length > 0 && length < 256);
        buffer_append_byte(&out, (uint8_t)length);
        buffer_append(&out, names[i], length);
    }
    if (buffer_failed(&out)) {
        buffer_free(&out);
        return error_out_of_memory(error);
    }
    *list = (struct alpn_list){(unsigned char *)out.data, buffer_length(&out)}; /* moves to the list */
    return 0;
}

static int select_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_bytes,
                       const unsigned char *offered, unsigned int offered_bytes, void *argument) {
    const struct alpn_list *list = argument;
    (void)ssl;
    unsigned char *selected = NULL;
    int result = SSL_select_next_proto(&selected, chosen_bytes, list->bytes, (unsigned int)list->length, offered,
                                       offered_bytes);
    if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = selected;
    return SSL_TLSEXT_ERR_OK;
}

static void free_alpn(void *parent, void *pointer, CRYPTO_EX_DATA *data, int index, long number, void *argument) {
    (void)parent, (void)data, (void)index, (void)number, (void)argument;
    struct alpn_list *list = pointer;
    if (list == NULL) return;
    free(list->bytes);
    free(list);
}

static int alpn_index;

static void make_alpn_index(void) {
    alpn_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_alpn);
}

/* The list belongs to the SSL_CTX, which outlives struct tls_server while a handshake still runs on it. */
static int accept_alpn(SSL_CTX *context, const char *const *names, struct error *error) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_alpn_index);
    if (names == NULL || names[0] == NULL) return 0;
    struct alpn_list *list = calloc(1, sizeof(*list));
    if (list == NULL || encode_alpn(names, list, error) < 0 || SSL_CTX_set_ex_data(context, alpn_index, list) != 1) {
        free_alpn(NULL, list, NULL, 0, 0, NULL);
        return error_out_of_memory(error);
    }
    SSL_CTX_set_alpn_select_cb(context, select_alpn, list);
    return 0;
}

/* Without it OpenSSL would ask on the terminal. */
static int refuse_password(char *buffer, int size, int is_writing, void *argument) {
    (void)buffer, (void)size, (void)is_writing, (void)argument;
    return -1;
}

static int load_identity(SSL_CTX *context, const struct tls_server_options *options, struct error *error) {
    if (SSL_CTX_use_certificate_chain_file(context, options->certificate_path) != 1) {
        return file_error(error, "certificate", options->certificate_path);
    }
    SSL_CTX_set_default_passwd_cb(context, refuse_password);
    if (SSL_CTX_use_PrivateKey_file(context, options->key_path, SSL_FILETYPE_PEM) != 1) {
        return file_error(error, "key", options->key_path);
    }
    return 0;
}

struct tls_server *tls_server_new(const struct tls_server_options *options, struct error *error) {
    struct tls_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    if ((server->context = new_context(TLS_server_method(), error)) == NULL ||
        load_identity(server->context, options, error) < 0 ||
        accept_alpn(server->context, options->alpn, error) < 0) {
        tls_server_free(&server);
        return NULL;
    }
    return server;
}

void tls_server_free(struct tls_server **server) {
    if (*server == NULL) return;
    SSL_CTX_free((*server)->context);
    free(*server);
    *server = NULL;
}

static int load_trust(struct tls_client *client, const char *ca_path, struct error *error) {
    if (client->verify == TLS_VERIFY_NONE) return 0;
    SSL_CTX_set_verify(client->context, SSL_VERIFY_PEER, NULL);
    if (ca_path == NULL) {
        if (SSL_CTX_set_default_verify_paths(client->context) == 1) return 0;
        return tls_set_error(error, ERROR_INVALID, "cannot use the system's certificates");
    }
    if (SSL_CTX_load_verify_file(client->context, ca_path) == 1) return 0;
    return file_error(error, "CA file", ca_path);
}

static int offer_alpn(SSL_CTX *context, const char *const *names, struct error *error) {
    struct alpn_list list;
    if (encode_alpn(names, &list, error) < 0) return -1;
    int failed = list.length > 0 && SSL_CTX_set_alpn_protos(context, list.bytes, (unsigned int)list.length) != 0;
    free(list.bytes);
    return failed ? error_out_of_memory(error) : 0;
}

struct tls_client *tls_client_new(const struct tls_client_options *options, struct error *error) {
    struct tls_client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        error_out_of_memory(error);
        return NULL;
    }
    client->verify = options->verify;
    if ((client->context = new_context(TLS_client_method(), error)) == NULL ||
        load_trust(client, options->ca_path, error) < 0 || offer_alpn(client->context, options->alpn, error) < 0) {
        tls_client_free(&client);
        return NULL;
    }
    return client;
}

void tls_client_free(struct tls_client **client) {
    if (*client == NULL) return;
    SSL_CTX_free((*client)->context);
    free(*client);
    *client = NULL;
}
