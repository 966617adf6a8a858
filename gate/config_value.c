/* Single values of the config: texts, names, paths, sizes, durations, addresses and secrets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "gate/config_internal.h"
#include "ledger/file.h"

#define MASK_KEY_RANDOM_BYTES 32

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1024 * 1024 * 1024}};

static const struct unit duration_units[] = {
    {"ms", 1000000},
    {"s", NANOSECONDS_PER_SECOND},
    {"m", 60 * NANOSECONDS_PER_SECOND},
    {"h", 3600 * NANOSECONDS_PER_SECOND},
    {"d", 86400 * NANOSECONDS_PER_SECOND},
};

/* digits unit, nothing else. */
static int parse_with_unit(struct str text, const struct unit *units, size_t count, uint64_t *value) {
    size_t digits = 0;
    while (digits < text.length && text.data[digits] >= '0' && text.data[digits] <= '9') digits++;
    uint64_t number = 0;
    if (str_parse_u64(str_slice(text, 0, digits), &number) != 0) return -1;
    for (size_t i = 0; i < count; i++) {
        if (!str_equal_cstr(str_slice(text, digits, text.length), units[i].name)) continue;
        return __builtin_mul_overflow(number, units[i].factor, value) ? -1 : 0;
    }
    return -1;
}

int config_parse_size(struct str text, uint64_t *bytes) {
    return parse_with_unit(text, size_units, LENGTH_OF(size_units), bytes);
}

int config_parse_duration(struct str text, uint64_t *nanoseconds) {
    return parse_with_unit(text, duration_units, LENGTH_OF(duration_units), nanoseconds);
}

/* address = "unix:" path | host ":" port | "[" IPv6 "]" ":" port */
int config_parse_address(struct arena *arena, struct str text, struct config_address *address, struct error *error) {
    *address = (struct config_address){.text = arena_copy(arena, text)};
    if (address->text.data == NULL) return error_out_of_memory(error);
    struct net_address parsed;
    int result = net_address_parse(address->text, &parsed);
    if (str_starts_with(text, STR("unix:"))) {
        address->is_unix = address->is_local = true;
        address->path = str_slice(address->text, 5, text.length);
        size_t limit = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;
        if (address->path.length == 0) return error_set(error, ERROR_INVALID, "a path must follow unix:");
        if (address->path.length <= limit) return 0;
        return error_set(error, ERROR_INVALID, "the path of a Unix socket has at most %zu bytes and this has %zu: %.*s",
                         limit, address->path.length, STR_ARGS(address->path));
    }
    if (result != 0) {
        return error_set(error, ERROR_INVALID, "%.*s is no address: write host:port, [IPv6 address]:port or unix:path",
                         STR_ARGS(text));
    }
    address->host = arena_copy(arena, parsed.host);
    address->port = parsed.port;
    address->is_local = net_address_is_local(&parsed);
    return address->host.data != NULL ? 0 : error_out_of_memory(error);
}

void config_enter(struct config_reader *reader, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reader->section, sizeof(reader->section), format, arguments);
    va_end(arguments);
}

int config_fail(struct config_reader *reader, const char *key, const char *format, ...) {
    char text[sizeof(reader->error->text)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return error_set(reader->error, ERROR_INVALID, "%s: %s%s%s: %s", reader->config->path.data, reader->section,
                     reader->section[0] != '\0' && key[0] != '\0' && key[0] != '[' ? "." : "", key, text);
}

void config_warn(struct config_reader *reader, const char *key, const char *format, ...) {
    struct config *config = reader->config;
    if (config->warning_count == CONFIG_WARNINGS_MAX) return;
    char text[sizeof(reader->error->text)];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct str warning = arena_format(&config->arena, "%s: %s%s%s: %s", config->path.data, reader->section,
                                      reader->section[0] != '\0' ? "." : "", key, text);
    if (warning.data != NULL) config->warnings[config->warning_count++] = warning;
}

static int config_copy(struct config_reader *reader, const char *value, struct str *out) {
    *out = arena_copy(&reader->config->arena, str_from_cstr(value));
    return out->data != NULL ? 0 : error_out_of_memory(reader->error);
}

int config_read_optional(struct config_reader *reader, const char *value, struct str *out) {
    *out = STR_NONE;
    return value == NULL || value[0] == '\0' ? 0 : config_copy(reader, value, out);
}

int config_read_text(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     struct str *out) {
    if (value == NULL) value = fallback;
    if (value == NULL) return config_fail(reader, key, "is missing: add it");
    if (value[0] == '\0') return config_fail(reader, key, "must not be empty");
    return config_copy(reader, value, out);
}

int config_read_name(struct config_reader *reader, const char *key, const char *value, struct str *out) {
    if (config_read_text(reader, key, value, NULL, out) != 0) return -1;
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    if (strspn(value, allowed) == strlen(value)) return 0;
    return config_fail(reader, key, "may hold letters, digits, '_', '-' and '.' only");
}

int config_read_path(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     struct str *out) {
    *out = STR_NONE;
    if (value == NULL) value = fallback;
    if (value == NULL) return 0;
    if (value[0] == '\0') return config_fail(reader, key, "must name a file");
    if (value[0] == '/') return config_copy(reader, value, out);
    *out = arena_format(&reader->config->arena, "%.*s%s", STR_ARGS(reader->folder), value);
    return out->data != NULL ? 0 : error_out_of_memory(reader->error);
}

int config_read_size(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                     uint64_t minimum, uint64_t maximum, uint64_t *out) {
    if (value == NULL) value = fallback;
    if (config_parse_size(str_from_cstr(value), out) != 0) {
        return config_fail(reader, key, "%s is no size: write a number and KiB, MiB or GiB, as in 64MiB", value);
    }
    if (*out >= minimum && *out <= maximum) return 0;
    return config_fail(reader, key, "must be from %llu to %llu bytes", (unsigned long long)minimum,
                       (unsigned long long)maximum);
}

int config_read_duration(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                         const char *minimum, const char *maximum, uint64_t *out) {
    uint64_t least = 0;
    uint64_t most = 0;
    CHECK(config_parse_duration(str_from_cstr(minimum), &least) == 0);
    CHECK(config_parse_duration(str_from_cstr(maximum), &most) == 0);
    if (value == NULL) value = fallback;
    if (config_parse_duration(str_from_cstr(value), out) != 0) {
        return config_fail(reader, key, "%s is no duration: write a number and ms, s, m, h or d, as in 15m", value);
    }
    if (*out >= least && *out <= most) return 0;
    return config_fail(reader, key, "must be from %s to %s", minimum, maximum);
}

int config_read_address(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                        struct config_address *out) {
    struct str text;
    if (config_read_text(reader, key, value, fallback, &text) != 0) return -1;
    if (str_starts_with(text, STR("unix:")) && text.length > 5 && text.data[5] != '/') {
        text = arena_format(&reader->config->arena, "unix:%.*s%s", STR_ARGS(reader->folder), text.data + 5);
        if (text.data == NULL) return error_out_of_memory(reader->error);
    }
    struct error reason = {0};
    if (config_parse_address(&reader->config->arena, text, out, &reason) == 0) return 0;
    return config_fail(reader, key, "%s", reason.text);
}

int config_read_choice(struct config_reader *reader, const char *key, const char *value, const char *fallback,
                       const char *const *choices, size_t count, unsigned *out) {
    if (value == NULL) value = fallback;
    char list[CONFIG_PATH_BYTES] = "";
    for (size_t i = 0; i < count; i++) {
        if (value != NULL && strcmp(value, choices[i]) == 0) {
            *out = (unsigned)i;
            return 0;
        }
        size_t used = strlen(list);
        snprintf(list + used, sizeof(list) - used, "%s%s", i == 0 ? "" : i + 1 == count ? " or " : ", ", choices[i]);
    }
    if (value == NULL) return config_fail(reader, key, "is missing: it must be %s", list);
    return config_fail(reader, key, "must be %s, not %s", list, value);
}

int config_read_strings(struct config_reader *reader, const char *key, char *const *values, unsigned count,
                        const struct str **out) {
    struct str *items = ARENA_NEW_ARRAY(&reader->config->arena, struct str, count);
    if (items == NULL && count != 0) return error_out_of_memory(reader->error);
    for (unsigned i = 0; i < count; i++) {
        if (values[i] == NULL || values[i][0] == '\0') return config_fail(reader, key, "entry %u must not be empty", i);
        if (config_copy(reader, values[i], &items[i]) != 0) return -1;
    }
    *out = items;
    return 0;
}

/* Written aside and linked into place, so that of several processes that start at once each finds one whole file. */
static int secret_put_file(const char *path, struct str text) {
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    if (length < 0 || (size_t)length >= sizeof(temporary)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0) return -1;
    bool is_written = write(fd, text.data, text.length) == (ssize_t)text.length && fsync(fd) == 0;
    bool is_there = is_written && (link(temporary, path) == 0 || errno == EEXIST);
    int saved_errno = errno;
    close(fd);
    unlink(temporary);
    errno = saved_errno;
    return is_there ? 0 : -1;
}

static int secret_create_file(struct config_reader *reader, const char *key, const char *path) {
    uint8_t bytes[MASK_KEY_RANDOM_BYTES];
    random_bytes(bytes, sizeof(bytes));
    struct buffer hex;
    buffer_init(&hex, 4 * sizeof(bytes));
    hex_append(&hex, str_make(bytes, sizeof(bytes)));
    buffer_append_byte(&hex, '\n');
    explicit_bzero(bytes, sizeof(bytes));
    int result = secret_put_file(path, buffer_view(&hex));
    int saved_errno = errno;
    explicit_bzero(hex.data, hex.capacity);
    buffer_free(&hex);
    return result == 0 ? 0 : config_fail(reader, key, "cannot create %s: %s", path, strerror(saved_errno));
}

static void secret_check_mode(struct config_reader *reader, const char *key, const char *path, int fd) {
    struct stat status;
    if (fstat(fd, &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        config_warn(reader, key, "others than its owner can use %s: run chmod 600 on it", path);
    }
}

static int secret_from_file(struct config_reader *reader, const char *key, const char *reference, bool is_created,
                            struct secret *out) {
    struct str path;
    if (config_read_path(reader, key, reference, NULL, &path) != 0) return -1;
    int fd = open(path.data, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && is_created) {
        const struct config_ledger *ledger = &reader->config->ledger;
        if (file_log_exists(ledger->directory.data, ledger->state.data)) {
            return config_fail(reader, key, "%s is not there, and the log that was written with it is: put it back from "
                               "your copy; with a new one no value would have the name that it had", path.data);
        }
        if (reader->secrets != CONFIG_SECRETS_CREATE) return 0;
        if (secret_create_file(reader, key, path.data) != 0) return -1;
        fd = open(path.data, O_RDONLY | O_CLOEXEC);
    }
    if (fd < 0) return config_fail(reader, key, "cannot read %s: %s", path.data, strerror(errno));
    secret_check_mode(reader, key, path.data, fd);
    char bytes[CONFIG_SECRET_BYTES_MAX + 1];
    ssize_t length = read(fd, bytes, sizeof(bytes));
    int saved_errno = errno;
    close(fd);
    int status = 0;
    if (length < 0) {
        status = config_fail(reader, key, "cannot read %s: %s", path.data, strerror(saved_errno));
    } else if (length > CONFIG_SECRET_BYTES_MAX) {
        status = config_fail(reader, key, "%s is longer than %d bytes", path.data, CONFIG_SECRET_BYTES_MAX);
    } else {
        while (length > 0 && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r')) length--;
        if (secret_set(out, str_make(bytes, (size_t)length)) != 0) status = error_out_of_memory(reader->error);
    }
    explicit_bzero(bytes, sizeof(bytes));
    return status;
}

int config_read_secret(struct config_reader *reader, const char *key, const char *value, bool is_created_if_missing,
                       struct secret *out) {
    if (value == NULL) return 0;
    bool is_file = strncmp(value, "file:", 5) == 0;
    if (!is_file && strncmp(value, "env:", 4) != 0) {
        return config_fail(reader, key, "must be env:NAME or file:path: no secret stands in this file itself");
    }
    if (reader->secrets == CONFIG_SECRETS_SKIP) return 0;
    if (is_file) {
        if (secret_from_file(reader, key, value + 5, is_created_if_missing, out) != 0) return -1;
        if (is_created_if_missing && out->data == NULL) return 0;
    } else {
        const char *text = getenv(value + 4);
        if (text == NULL) return config_fail(reader, key, "the environment has no variable %s: set it", value + 4);
        if (secret_set(out, str_from_cstr(text)) != 0) return error_out_of_memory(reader->error);
    }
    return out->length > 0 ? 0 : config_fail(reader, key, "the secret is empty");
}
