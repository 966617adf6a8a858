/* Texts of the benchmark: see http_prompt.h. */
#include "tests/bench/http_prompt.h"

#define MESSAGE_BYTES 1400 /* about; the last one takes what is left */
#define PEOPLE 8           /* named in one conversation */
#define ENDING "\"}]}"

static const char *const sentences[] = {
    "The parcel was handed to the carrier on Monday and has not moved since. ",
    "Please check whether the invoice was already paid before you answer. ",
    "We changed the shipping method last week, so the old label is of no use. ",
    "The customer asks for a refund of the second item only, not of the whole order. ",
    "I looked at the tracking page and it says \\\"in transit\\\", which it has said for days. ",
    "In short: the delivery is late, the customer is polite, and we should be as well. ",
    "There is a note from the warehouse that the box was damaged on one side. ",
    "Could you write a reply that explains the delay without blaming anybody?\\n",
    "Our terms allow a return within thirty days, unused and in its own packaging. ",
    "The discount applies once per household and cannot be combined with others. ",
    "She wrote twice, first about the colour and then about the missing screws. ",
    "If the part is out of stock, offer the newer model at the same price.\\n\\n",
    "Keep the answer short, use plain words, and end with a clear next step. ",
    "The account was moved from the old shop, so its history may have gaps. ",
    "He would rather have a replacement than money, provided it comes this month. ",
    "Let us escalate this to the regional team if there is no news by Friday. ",
};

static const char *const first_names[] = {"anna", "bruno", "chiara", "david", "elena", "farid", "greta", "hugo"};
static const char *const last_names[] = {"berg", "costa", "dahl", "evans", "fischer", "garcia", "hansen", "ito"};

static const char *const deltas[] = {" The", " parcel", " left", " our", " ware", "house", " on", " time",
                                     " and", " should", " arrive", " this", " week", ",", " as", " planned"};

static void write_address(uint64_t seed, size_t person, char address[PROMPT_ADDRESS_BYTES]) {
    snprintf(address, PROMPT_ADDRESS_BYTES, "%s.%s%u@example.com", first_names[(seed + person) % 8],
             last_names[(seed / 8 + person * 3) % 8], (unsigned)(seed % 90 + 10));
}

void prompt_address(uint64_t seed, char address[PROMPT_ADDRESS_BYTES]) {
    write_address(seed, 0, address);
}

static void append_personal(struct buffer *out, uint64_t seed, size_t message) {
    char address[PROMPT_ADDRESS_BYTES];
    size_t person = message % PEOPLE;
    write_address(seed, person, address);
    switch (message % 3) {
    case 0: buffer_append_format(out, "You can " PROMPT_ADDRESS_SIGN "%s any time. ", address); break;
    case 1:
        buffer_append_format(out, "My number is +1 415 555 %04u, but %s is better. ",
                             (unsigned)(seed * 31 + person) % 10000, address);
        break;
    default: buffer_append_cstr(out, "The card was 4111 1111 1111 1111, the shop says it declined. ");
    }
}

void prompt_append_prose(struct buffer *out, size_t length, uint64_t seed) {
    size_t end = buffer_length(out) + length;
    while (true) {
        const char *sentence = sentences[seed++ * 7 % LENGTH_OF(sentences)];
        if (buffer_length(out) + strlen(sentence) > end) break;
        buffer_append_cstr(out, sentence);
    }
    while (buffer_length(out) < end) buffer_append_byte(out, (end - buffer_length(out)) % 6 == 0 ? ' ' : 'o');
}

void prompt_append(struct buffer *out, const struct prompt_options *options) {
    CHECK(options->body_bytes >= PROMPT_BYTES_MIN);
    size_t end = buffer_length(out) + options->body_bytes - strlen(ENDING);
    buffer_append_format(out, "{\"model\":\"gpt-4o-mini\",\"temperature\":0.2,\"stream\":%s,\"messages\":["
                         "{\"role\":\"system\",\"content\":\"You help the support team of a furniture shop.\"},"
                         "{\"role\":\"user\",\"content\":\"", options->is_stream ? "true" : "false");
    for (size_t message = 0;; message++) {
        if (options->has_personal) append_personal(out, options->seed, message);
        size_t left = end - buffer_length(out);
        bool is_last = left < 2 * MESSAGE_BYTES;
        prompt_append_prose(out, is_last ? left : MESSAGE_BYTES, options->seed + message * 5);
        if (is_last) break;
        buffer_append_format(out, "\"},{\"role\":\"%s\",\"content\":\"", message % 2 == 0 ? "assistant" : "user");
    }
    buffer_append_cstr(out, ENDING);
}

struct str prompt_delta(size_t index) {
    return str_from_cstr(deltas[index % LENGTH_OF(deltas)]);
}
