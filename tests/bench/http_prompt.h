/* Texts of the benchmark: chat requests that look like a support team's, the prose of answers, the deltas of streams. */
#ifndef SWORN_TESTS_BENCH_HTTP_PROMPT_H
#define SWORN_TESTS_BENCH_HTTP_PROMPT_H

#include "base/buffer.h"
#include "base/clock.h"

#define PROMPT_BYTES_MIN 600
#define PROMPT_ADDRESS_BYTES 64
#define PROMPT_DELTAS 64
#define PROMPT_DELTA_INTERVAL_NS (20 * NANOSECONDS_PER_MILLISECOND)
/* What stands before the address that an answer has to repeat; a space ends the address. */
#define PROMPT_ADDRESS_SIGN "reach me at "

struct prompt_options {
    size_t body_bytes; /* exactly; at least PROMPT_BYTES_MIN */
    uint64_t seed;     /* another seed: other sentences, other people */
    bool is_stream;
    bool has_personal; /* addresses, phone and card numbers, about one a KiB */
};

/* Appends a Chat Completions request. */
void prompt_append(struct buffer *out, const struct prompt_options *options);
/* The email address that the prompt of this seed names first. */
void prompt_address(uint64_t seed, char address[PROMPT_ADDRESS_BYTES]);
/* Appends exactly length bytes that may stand within a JSON string. */
void prompt_append_prose(struct buffer *out, size_t length, uint64_t seed);
/* The text of one delta, of PROMPT_DELTAS. */
struct str prompt_delta(size_t index);

#endif
