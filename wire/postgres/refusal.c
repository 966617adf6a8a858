/* What a client is told when sworn, and not the server, says no. */
#include <inttypes.h>

#include "wire/postgres/session.h"

static void append_error(struct buffer *out, const struct action *action, const char *code, struct str message) {
    struct buffer detail;
    buffer_init(&detail, 4096);
    for (size_t i = 0; i < action->verdict.policy_count; i++) {
        buffer_append_cstr(&detail, i == 0 ? "policy " : ", ");
        buffer_append_str(&detail, action->verdict.policies[i]);
    }
    char hint[ACTION_ID_BYTES + 8];
    snprintf(hint, sizeof(hint), "action %s", action->id);
    message_append_error(out, &(struct message_error){
        .severity = "ERROR", .code = code, .message = message,
        .detail = buffer_failed(&detail) ? STR("too many policies to list") : buffer_view(&detail),
        .hint = str_from_cstr(hint)});
    buffer_free(&detail);
}

void postgres_append_refusal(struct buffer *out, const struct action *action) {
    struct str message = action->verdict.message;
    append_error(out, action, "42501", message.length > 0 ? message : STR("denied by policy"));
}

void postgres_append_rows_max(struct buffer *out, const struct action *action) {
    char message[128];
    int length = snprintf(message, sizeof(message),
                          "the answer is stopped after %" PRIu64 " rows: policy lets no more through",
                          action->verdict.rows_max);
    append_error(out, action, "54000", str_make(message, (size_t)length));
}

/* SQLSTATE by what went wrong; is_login: before the session was greeted. */
static const char *code_of(enum error_code code, bool is_login) {
    switch (code) {
    case ERROR_DENIED: return is_login ? "28000" : "42501";
    case ERROR_INVALID: return is_login ? "3D000" : "08P01";
    case ERROR_NOT_FOUND: return is_login ? "3D000" : "XX000";
    case ERROR_PROTOCOL: return "08P01";
    case ERROR_LIMIT: return "54000";
    case ERROR_MEMORY: return "53200";
    case ERROR_UNAVAILABLE: return is_login ? "08001" : "58000";
    case ERROR_TIMEOUT: return "57P05";
    case ERROR_CANCELLED: return "57P01";
    case ERROR_SYSTEM:
    case ERROR_CLOSED: return "08006";
    case ERROR_NONE: break;
    }
    return "XX000";
}

void postgres_append_failure(struct buffer *out, const struct error *why, bool is_login) {
    struct str text = str_from_cstr(why->text);
    message_append_error(out, &(struct message_error){
        .severity = "FATAL", .code = code_of(why->code, is_login),
        .message = text.length > 0 ? text : STR("the session ended")});
}
