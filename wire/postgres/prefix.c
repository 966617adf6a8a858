/* Keeping, sending and dropping; and which decision covers what. */
#include "wire/postgres/prefix.h"

#define KEPT_BYTES 4096u

static void clear(struct postgres_state *state) {
    if (state->prefix.capacity > KEPT_BYTES) buffer_free(&state->prefix);
    else buffer_clear(&state->prefix);
}

int prefix_add(struct wire_session *session, const struct message *message, struct error *error) {
    struct postgres_state *state = postgres_state(session);
    struct expectation *entry = expect_last_pending(&state->expected);
    CHECK(entry != NULL);
    entry->frame_bytes = message->frame_bytes;
    buffer_append(&state->prefix, stream_buffered(session->client).data, message->frame_bytes);
    if (expect_pending_count(&state->expected) > POSTGRES_PREFIX_MESSAGES_MAX)
        return error_set(error, ERROR_LIMIT, "more than %u messages without an Execute", POSTGRES_PREFIX_MESSAGES_MAX);
    if (!buffer_failed(&state->prefix)) return 0;
    return error_set(error, ERROR_LIMIT, "a batch of messages is larger than this gateway takes");
}

void prefix_send_first(struct wire_session *session, size_t count) {
    struct postgres_state *state = postgres_state(session);
    size_t length = 0;
    for (size_t i = 0; i < count; i++) length += expect_pending(&state->expected, i)->frame_bytes;
    if (length == 0) return;
    buffer_append_str(stream_output(session->upstream), str_slice(buffer_view(&state->prefix), 0, length));
    buffer_consume(&state->prefix, length);
    if (buffer_length(&state->prefix) == 0) clear(state);
    expect_commit_first(&state->expected, count);
    state->is_batch_open = true;
}

void prefix_send(struct wire_session *session) {
    prefix_send_first(session, expect_pending_count(&postgres_state(session)->expected));
}

void prefix_release_entry(struct postgres_state *state, struct expectation *entry) {
    if (entry->name != NULL) names_give_up(&state->names, entry->name);
    entry->name = NULL;
    if (entry->analysis != NULL) sql_analysis_release(&entry->analysis);
    name_parameters_release(&entry->parameters);
}

void prefix_drop(struct postgres_state *state) {
    struct expectation entry;
    while (expect_pop_pending(&state->expected, &entry)) prefix_release_entry(state, &entry);
    clear(state);
}

/* ---- What covers what ------------------------------------------------------------------------------------------ */

/* One message of the prefix, with the statement that it is about. */
struct kept {
    const struct expectation *entry;
    struct str statement; /* PARSE: defines it, BIND, DESCRIBE_STATEMENT: uses it */
    struct str portal;    /* BIND */
};

/* Reads the index-th message, which begins at *offset; false at the end. They were read before they were kept. */
static bool read_kept(const struct postgres_state *state, size_t index, size_t *offset, struct kept *kept) {
    struct message message;
    struct message_parse parse;
    struct message_bind bind;
    struct message_target target;
    if (index >= expect_pending_count(&state->expected)) return false;
    *kept = (struct kept){.entry = expect_pending(&state->expected, index)};
    struct str rest = str_slice(buffer_view(&state->prefix), *offset, buffer_length(&state->prefix));
    CHECK(message_next(rest, &message) == MESSAGE_WHOLE && message.frame_bytes == kept->entry->frame_bytes);
    *offset += message.frame_bytes;
    switch (kept->entry->kind) {
    case EXPECT_PARSE:
        if (message_decode_parse(message.body, &parse) == 0) kept->statement = name_clip(parse.name);
        break;
    case EXPECT_BIND:
        if (message_decode_bind(message.body, &bind) != 0) break;
        kept->statement = name_clip(bind.statement);
        kept->portal = name_clip(bind.portal);
        break;
    case EXPECT_DESCRIBE_STATEMENT:
        if (message_decode_target(message.body, &target) == 0) kept->statement = name_clip(target.name);
        break;
    default: break;
    }
    return true;
}

/* A Parse is covered by what follows at once and is about the same statement: Describes of it, then a Bind. */
static void extend_parse(const struct postgres_state *state, size_t index, size_t offset, const struct kept *parse,
                         struct prefix_item *item) {
    struct kept next;
    *item = (struct prefix_item){.first = index, .count = index + 1, .subject = parse->entry};
    while (read_kept(state, ++index, &offset, &next) && str_equal(next.statement, parse->statement)) {
        bool is_bind = next.entry->kind == EXPECT_BIND;
        if (!is_bind && next.entry->kind != EXPECT_DESCRIBE_STATEMENT) return;
        item->count = index + 1;
        if (!is_bind) continue;
        item->subject = next.entry;
        item->is_bind = true;
        item->portal = next.portal;
        return;
    }
}

/* From the index-th on, which begins at *offset. */
static bool find_from(const struct postgres_state *state, size_t index, size_t offset, struct prefix_item *item) {
    struct kept kept;
    for (; read_kept(state, index, &offset, &kept); index++) {
        switch (kept.entry->kind) {
        case EXPECT_PARSE: extend_parse(state, index, offset, &kept, item); return true;
        case EXPECT_BIND:
            *item = (struct prefix_item){
                .first = index, .count = index + 1, .subject = kept.entry, .is_bind = true, .portal = kept.portal};
            return true;
        case EXPECT_DESCRIBE_STATEMENT:
            *item = (struct prefix_item){.first = index, .count = index + 1, .statement = kept.statement};
            return true;
        default: break; /* Close only lets go; a portal was decided when it was bound */
        }
    }
    return false;
}

bool prefix_find(const struct postgres_state *state, struct prefix_item *item) { return find_from(state, 0, 0, item); }

bool prefix_is_covered_by(const struct postgres_state *state, struct str portal) {
    struct prefix_item item;
    if (!prefix_find(state, &item)) return true;
    if (!item.is_bind || !str_equal(item.portal, name_clip(portal))) return false;
    size_t offset = 0;
    for (size_t i = 0; i < item.count; i++) offset += expect_pending(&state->expected, i)->frame_bytes;
    return !find_from(state, item.count, offset, &item);
}

void prefix_drop_refused(struct wire_session *session) {
    struct postgres_state *state = postgres_state(session);
    struct prefix_item item;
    if (prefix_find(state, &item)) prefix_send_first(session, item.first);
    prefix_drop(state);
}
