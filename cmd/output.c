/* What the verbs print, on its way out: standard output and error of the process, through base/print_safe.h.
 *
 * Texts of statements, names, reasons come from whoever was allowed to send them, and are read on a terminal. So that no
 * verb can forget it, both streams are replaced at the start by ones that filter. */
#include "cmd/output.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/print_safe.h"

#define OUTPUT_CHUNK_BYTES 4096u

struct filter {
    int fd;
    bool is_exact;
    char rest[PRINT_SAFE_CHARACTER_BYTES]; /* of a character that goes on in the next write */
    size_t rest_length;
};

static struct filter filters[2] = {{.fd = STDOUT_FILENO}, {.fd = STDERR_FILENO}};

static int write_all(int fd, struct str text) {
    while (text.length > 0) {
        ssize_t written = write(fd, text.data, text.length);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return -1;
        text = str_slice(text, (size_t)written, text.length);
    }
    return 0;
}

static int write_chunk(struct filter *filter, struct str chunk) {
    struct buffer whole;
    struct buffer safe;
    buffer_init(&whole, OUTPUT_CHUNK_BYTES + sizeof(filter->rest));
    buffer_init(&safe, 16 * OUTPUT_CHUNK_BYTES);
    buffer_append(&whole, filter->rest, filter->rest_length);
    buffer_append_str(&whole, chunk);
    struct str text = buffer_view(&whole);
    size_t taken = print_safe_append_part(&safe, text);
    filter->rest_length = text.length - taken;
    memcpy(filter->rest, text.data + taken, filter->rest_length);
    int result = buffer_failed(&whole) || buffer_failed(&safe) ? -1 : write_all(filter->fd, buffer_view(&safe));
    buffer_free(&whole);
    buffer_free(&safe);
    return result;
}

static ssize_t on_write(void *cookie, const char *data, size_t length) {
    struct filter *filter = cookie;
    struct str rest = str_make(data, length);
    if (filter->is_exact) return write_all(filter->fd, rest) == 0 ? (ssize_t)length : -1;
    while (rest.length > 0) {
        struct str chunk = str_slice(rest, 0, OUTPUT_CHUNK_BYTES);
        if (write_chunk(filter, chunk) != 0) return -1;
        rest = str_slice(rest, chunk.length, rest.length);
    }
    return (ssize_t)length;
}

static FILE *open_filter(struct filter *filter, int mode) {
    FILE *file = fopencookie(filter, "w", (cookie_io_functions_t){.write = on_write});
    if (file != NULL) setvbuf(file, NULL, mode, OUTPUT_CHUNK_BYTES);
    return file;
}

void output_make_safe(void) {
    FILE *out = open_filter(&filters[0], isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF);
    FILE *err = open_filter(&filters[1], _IOLBF);
    if (out == NULL || err == NULL) _exit(1); /* out of memory, and nobody to tell */
    stdout = out;
    stderr = err;
}

void output_be_exact(void) {
    fflush(stdout);
    filters[0].is_exact = !isatty(STDOUT_FILENO);
}
