/* sworn token: the credentials that principals log in with. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/command.h"
#include "guard/identity.h"
#include "guard/store.h"

/* The config and its store, opened; both NULL after a failure, which was said. */
struct token_context {
    struct config *config;
    struct store *store;
};

static int open_context(struct token_context *context, const char *config_option) {
    struct error error;
    context->config = config_load_for_command(command_config_path(config_option), &error);
    if (context->config == NULL) return command_fail_error(COMMAND_USAGE, &error);
    context->store = store_open(context->config->state.data, &error);
    if (context->store != NULL) return COMMAND_OK;
    config_free(&context->config);
    return command_fail_error(COMMAND_NO, &error);
}

static void close_context(struct token_context *context) {
    store_close(&context->store);
    config_free(&context->config);
}

static bool has_principal(const struct config *config, struct str name) {
    for (size_t i = 0; i < config->principal_count; i++) {
        if (str_equal(config->principals[i].name, name)) return true;
    }
    return false;
}

static int create(const struct token_context *context, const char *name, const char *expires, bool as_json) {
    struct error error;
    uint64_t life_ns = 0;
    if (!has_principal(context->config, str_from_cstr(name))) {
        return command_fail(COMMAND_NO, "there is no principal \"%s\" in %s", name, context->config->path.data);
    }
    if (expires != NULL && (config_parse_duration(str_from_cstr(expires), &life_ns) != 0 || life_ns == 0)) {
        return command_fail(COMMAND_USAGE, "--expires %s: a duration such as 12h or 30d is needed", expires);
    }
    char text[TOKEN_TEXT_BYTES];
    struct sha256 hash;
    int64_t id;
    int64_t now_us = clock_real_us();
    token_make(text, &hash);
    int64_t expires_us = expires != NULL ? now_us + (int64_t)(life_ns / 1000) : 0;
    if (store_token_create(context->store, str_from_cstr(name), &hash, now_us, expires_us, &id, &error) != 0) {
        return command_fail_error(COMMAND_NO, &error);
    }
    if (as_json) printf("{\"id\":%" PRId64 ",\"token\":\"%s\"}\n", id, text);
    else printf("%s\n", text);
    return COMMAND_OK;
}

static int token_create(int argc, char **argv) {
    const char *config = NULL;
    const char *expires = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        COMMAND_OPTION_CONFIG(&config),
        {"--expires", "DURATION", "when it stops to be valid: 12h, 30d (default: never)", &expires, NULL},
        COMMAND_OPTION_JSON(&as_json)};
    const struct command_usage usage = {
        "token create", "NAME",
        "Makes a token for the principal NAME and prints it, this once: only its hash is kept.", options,
        LENGTH_OF(options), 1, 1};
    int count;
    struct token_context context;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = open_context(&context, config);
    if (status != COMMAND_OK) return status;
    status = create(&context, argv[0], expires, as_json);
    close_context(&context);
    return status;
}

static struct str format_time(struct arena *arena, int64_t real_us) {
    char text[CLOCK_RFC3339_BYTES];
    if (real_us == 0) return STR("-");
    struct str time = clock_format_rfc3339(real_us, text);
    return arena_format(arena, "%.*s %.*s", 10, time.data, 8, time.data + 11);
}

static void print_tokens(struct arena *arena, const struct token_info *tokens, size_t count) {
    static const char *const heading[] = {"ID", "PRINCIPAL", "CREATED", "EXPIRES", "REVOKED", "LAST USED"};
    struct table table;
    table_init(&table, LENGTH_OF(heading), 60);
    for (size_t i = 0; i < LENGTH_OF(heading); i++) table_add(&table, str_from_cstr(heading[i]));
    for (size_t i = 0; i < count; i++) {
        table_add(&table, arena_format(arena, "%" PRId64, tokens[i].id));
        table_add(&table, tokens[i].principal);
        table_add(&table, format_time(arena, tokens[i].created_us));
        table_add(&table, format_time(arena, tokens[i].expires_us));
        table_add(&table, format_time(arena, tokens[i].revoked_us));
        struct str used = format_time(arena, tokens[i].used_day * 86400000000);
        table_add(&table, str_slice(used, 0, 10));
    }
    table_print(&table, stdout);
}

static void write_time(struct json_writer *writer, struct str name, int64_t real_us) {
    char text[CLOCK_RFC3339_BYTES];
    if (real_us != 0) json_member_string(writer, name, clock_format_rfc3339(real_us, text));
}

static void print_tokens_json(const struct token_info *tokens, size_t count) {
    struct buffer out;
    struct json_writer writer;
    buffer_init(&out, (size_t)64 << 20);
    json_writer_init(&writer, &out);
    json_begin_array(&writer);
    for (size_t i = 0; i < count; i++) {
        json_begin_object(&writer);
        write_time(&writer, STR("created"), tokens[i].created_us);
        write_time(&writer, STR("expires"), tokens[i].expires_us);
        json_member_integer(&writer, STR("id"), tokens[i].id);
        json_member_string(&writer, STR("principal"), tokens[i].principal);
        write_time(&writer, STR("revoked"), tokens[i].revoked_us);
        json_end_object(&writer);
    }
    json_end_array(&writer);
    printf("%.*s\n", (int)buffer_length(&out), buffer_view(&out).data);
    buffer_free(&out);
}

static int token_list(int argc, char **argv) {
    const char *config = NULL;
    bool as_json = false;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config), COMMAND_OPTION_JSON(&as_json)};
    const struct command_usage usage = {"token list", "[NAME]", "Lists tokens, of all principals or of NAME.", options,
                                        LENGTH_OF(options), 0, 1};
    int count;
    struct token_context context;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = open_context(&context, config);
    if (status != COMMAND_OK) return status;
    struct arena arena;
    struct token_info *tokens;
    size_t token_count;
    arena_init(&arena, (size_t)256 << 20);
    struct str name = count > 0 ? str_from_cstr(argv[0]) : STR_NONE;
    if (store_token_list(context.store, &arena, name, &tokens, &token_count, &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    } else if (as_json) {
        print_tokens_json(tokens, token_count);
    } else {
        print_tokens(&arena, tokens, token_count);
    }
    arena_free(&arena);
    close_context(&context);
    return status;
}

static int token_revoke(int argc, char **argv) {
    const char *config = NULL;
    const struct command_option options[] = {COMMAND_OPTION_CONFIG(&config)};
    const struct command_usage usage = {
        "token revoke", "ID", "Revokes the token with that number (`sworn token list`): it logs nobody in any more.",
        options, LENGTH_OF(options), 1, 1};
    int count;
    int64_t id;
    struct token_context context;
    struct error error;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    if (str_parse_i64(str_from_cstr(argv[0]), &id) != 0) {
        return command_fail(COMMAND_USAGE, "\"%s\" is not a token's number: see `sworn token list`", argv[0]);
    }
    status = open_context(&context, config);
    if (status != COMMAND_OK) return status;
    if (store_token_revoke(context.store, id, clock_real_us(), &error) != 0) {
        status = command_fail_error(COMMAND_NO, &error);
    }
    close_context(&context);
    return status;
}

int command_token(int argc, char **argv) {
    static const struct command_verb verbs[] = {
        {"create", token_create, "make a token for a principal"},
        {"list", token_list, "list tokens"},
        {"revoke", token_revoke, "make a token invalid"},
    };
    return command_dispatch("token", verbs, LENGTH_OF(verbs), argc, argv);
}
