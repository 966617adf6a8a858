/* What tls.c and tls_stream.c know of each other. Internal to run/. */
#ifndef SWORN_RUN_TLS_CONTEXT_H
#define SWORN_RUN_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "run/tls.h"

struct tls_server {
    SSL_CTX *context;
};

struct tls_client {
    SSL_CTX *context;
    enum tls_verify verify;
};

/* Sets an error from OpenSSL's queue and empties that. */
int tls_set_error(struct error *error, enum error_code code, const char *what);

#endif
