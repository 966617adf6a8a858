/* One write(2) a line, so that lines of several threads do not mix. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/print_safe.h"

#define LOG_LINE_BYTES 1024

static atomic_int current_level = LOG_INFO;
static atomic_bool lines_are_json;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_set_level(enum log_level level) {
    atomic_store(&current_level, (int)level);
}

void log_set_json(bool as_json) {
    atomic_store(&lines_are_json, as_json);
}

static void append_json_line(struct buffer *line, enum log_level level, struct str time, struct str message) {
    struct json_writer writer;
    struct buffer json;
    buffer_init(&json, 16 * LOG_LINE_BYTES);
    json_writer_init(&writer, &json);
    json_begin_object(&writer);
    json_member_string(&writer, STR("level"), str_from_cstr(level_names[level]));
    json_member_string(&writer, STR("message"), message);
    json_member_string(&writer, STR("time"), time);
    json_end_object(&writer);
    print_safe_append(line, buffer_view(&json));
    buffer_free(&json);
}

/* A name that a peer chose may stand in a message: it must not begin a line of its own or drive a terminal. */
static void append_text_line(struct buffer *line, enum log_level level, struct str time, struct str message) {
    struct str rest = message;
    struct str part;
    buffer_append_format(line, "%.*s %-7s ", STR_ARGS(time), level_names[level]);
    while (str_split(&rest, '\n', &part)) {
        print_safe_append(line, part);
        if (rest.data != NULL) buffer_append_byte(line, '?');
    }
}

void log_write(enum log_level level, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&current_level, memory_order_relaxed)) return;
    int saved_errno = errno;
    char message[LOG_LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (length < 0) return;
    struct str text = str_make(message, (size_t)length < sizeof(message) ? (size_t)length : sizeof(message) - 1);

    char time_text[CLOCK_RFC3339_BYTES];
    struct str time = clock_format_rfc3339(clock_real_us(), time_text);
    struct buffer line;
    buffer_init(&line, 16 * LOG_LINE_BYTES);
    if (atomic_load(&lines_are_json)) {
        append_json_line(&line, level, time, text);
    } else {
        append_text_line(&line, level, time, text);
    }
    buffer_append_byte(&line, '\n');
    struct str whole = buffer_view(&line);
    if (!buffer_failed(&line) && write(STDERR_FILENO, whole.data, whole.length) < 0) {
        /* Nobody is left to tell. */
    }
    buffer_free(&line);
    errno = saved_errno;
}
