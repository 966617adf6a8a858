/* Texts beside results: errors, notices and notifications of the server, masked for the client. */
#include "wire/postgres/error_withhold.h"
#include "wire/postgres/notice_mask.h"
#include "wire/postgres/session.h"

static enum mask_result mask_text(const struct mask_plan *plan, const struct message *message, struct buffer *out,
                                  struct class_counts *masked, struct class_counts *revealed) {
    if (plan == NULL) return MASK_FAILED;
    if (plan->reveals_all) return MASK_UNCHANGED;
    return message->type == 'A' ? notice_mask_notification(plan, message->body, out, masked, revealed)
                                : notice_mask_apply(plan, message->body, out, masked, revealed);
}

/* A text that cannot be judged: an error keeps its code, everything else is left out. */
static void append_withheld_text(struct buffer *out, const struct message *message) {
    char code[6] = "XX000";
    struct str given = message_error_field(message->body, 'C');
    if (message->type != 'E') return;
    if (given.length == 5) memcpy(code, given.data, 5);
    bool is_fatal = !str_equal(message_error_field(message->body, 'V'), STR("ERROR"));
    message_append_error(out, &(struct message_error){
        .severity = is_fatal ? "FATAL" : "ERROR", .code = code,
        .message = STR("the upstream's message is withheld because it could not be masked")});
}

void postgres_append_text(const struct wire_session *session, const struct message *message,
                          const struct expectation *entry, struct buffer *out) {
    struct class_counts unseen[2];
    struct action *action = entry != NULL ? entry->action : NULL;
    const struct mask_plan *plan = entry != NULL && entry->plan != NULL ? entry->plan : session->ambient_plan;
    size_t length = buffer_length(out);
    bool may_quote = message->type != 'A' && plan != NULL && entry != NULL && error_may_quote(message);
    if (may_quote && error_is_telling(plan, session->target, entry->analysis, postgres_state(session)->sql)) {
        error_append_without_values(out, message);
        if (action != NULL && !buffer_failed(out)) action->outcome.bytes += buffer_length(out) - length;
        return;
    }
    size_t offset = message_begin(out, message->type);
    if (action == NULL) memset(unseen, 0, sizeof(unseen));
    switch (mask_text(plan, message, out, action != NULL ? &action->outcome.masked : &unseen[0],
                      action != NULL ? &action->outcome.revealed : &unseen[1])) {
    case MASK_CHANGED: message_end(out, offset); break;
    case MASK_UNCHANGED:
        buffer_append_str(out, message->body);
        message_end(out, offset);
        break;
    case MASK_DROPPED:
    case MASK_FAILED:
        buffer_truncate(out, length);
        append_withheld_text(out, message);
        break;
    }
    if (action != NULL && !buffer_failed(out)) action->outcome.bytes += buffer_length(out) - length;
}
