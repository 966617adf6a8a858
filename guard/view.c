/* Members in the order of their names; absent means none. */
#include "guard/view.h"

#include "base/clock.h"

#define NONCE_BYTES 16

static void write_names(struct json_writer *writer, struct str name, const struct str *names, size_t count) {
    json_key(writer, name);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) json_write_string(writer, names[i]);
    json_end_array(writer);
}

static void write_hex(struct json_writer *writer, struct str name, struct str bytes) {
    char text[2 * SHA256_BYTES];
    struct buffer hex = {.data = text, .capacity = sizeof(text), .cap_bytes = sizeof(text)};
    hex_append(&hex, bytes);
    json_member_string(writer, name, buffer_view(&hex));
}

static void write_optional(struct json_writer *writer, struct str name, struct str value) {
    if (value.length > 0) json_member_string(writer, name, value);
}

/* An absent value is NULL. */
static void write_detail(const struct action_detail *detail, struct json_writer *writer) {
    json_begin_object(writer);
    write_optional(writer, STR("field"), detail->field);
    json_member_string(writer, STR("kind"), action_detail_kind_name(detail->kind));
    json_member_string(writer, STR("name"), detail->name);
    write_optional(writer, STR("type"), detail->type);
    if (!detail->is_null) json_member_string(writer, STR("value"), detail->value);
    json_end_object(writer);
}

void view_write_details(const struct action *action, struct json_writer *writer) {
    json_begin_array(writer);
    for (size_t i = 0; i < action->detail_count; i++) write_detail(&action->details[i], writer);
    json_end_array(writer);
}

static void write_policies(const struct view_facts *facts, struct json_writer *writer) {
    const struct verdict *verdict = &facts->action->verdict;
    json_key(writer, STR("policies"));
    json_begin_array(writer);
    for (size_t i = 0; i < verdict->policy_count; i++) {
        json_begin_object(writer);
        json_member_string(writer, STR("id"), verdict->policies[i]);
        write_optional(writer, STR("reason"), bundle_policy_annotation(facts->bundle, verdict->policies[i], STR("reason")));
        json_end_object(writer);
    }
    json_end_array(writer);
}

static void write_steps(const struct action *action, struct json_writer *writer) {
    json_key(writer, STR("steps"));
    json_begin_array(writer);
    for (size_t i = 0; i < action->step_count; i++) {
        const struct action_step *step = &action->steps[i];
        json_begin_object(writer);
        json_member_string(writer, STR("action"), step->verb);
        json_member_string(writer, STR("resource"), step->resource->id);
        json_member_string(writer, STR("type"), step->resource->type);
        json_end_object(writer);
    }
    json_end_array(writer);
}

int view_write(const struct view_facts *facts, struct buffer *out) {
    const struct action *action = facts->action;
    const struct principal *principal = facts->principal;
    const struct verdict *verdict = &action->verdict;
    char expires[CLOCK_RFC3339_BYTES];
    uint8_t nonce[NONCE_BYTES];
    struct json_writer writer;
    random_bytes(nonce, sizeof(nonce));
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_string(&writer, STR("action"), str_from_cstr(action->id));
    write_names(&writer, STR("applied"), verdict->applied, verdict->applied_count);
    write_hex(&writer, STR("bundle"), str_make(verdict->bundle.bytes, SHA256_BYTES));
    write_optional(&writer, STR("client_address"), facts->client_address);
    json_key(&writer, STR("details"));
    view_write_details(action, &writer);
    write_hex(&writer, STR("digest"), str_make(action->digest.bytes, SHA256_BYTES));
    json_member_string(&writer, STR("expires"), clock_format_rfc3339(facts->expires_us, expires));
    write_names(&writer, STR("groups"), principal->groups, principal->group_count);
    json_member_string(&writer, STR("hold"), facts->hold_id);
    write_hex(&writer, STR("nonce"), str_make(nonce, sizeof(nonce)));
    if (principal->on_behalf_of != NULL) json_member_string(&writer, STR("on_behalf_of"), principal->on_behalf_of->name);
    write_policies(facts, &writer);
    json_member_string(&writer, STR("principal"), principal->name);
    json_member_string(&writer, STR("principal_type"), principal_kind_name(principal->kind));
    json_member_string(&writer, STR("protocol"), action->protocol);
    write_names(&writer, STR("remedies"), verdict->remedies, verdict->remedy_count);
    write_steps(action, &writer);
    json_member_string(&writer, STR("text"), action->text);
    if (action->has_unscanned) json_member_bool(&writer, STR("unscanned"), true);
    json_member_string(&writer, STR("upstream"), facts->upstream_id);
    json_end_object(&writer);
    return buffer_failed(out) || buffer_length(out) > VIEW_BYTES_MAX ? -1 : 0;
}

bool view_has_prefix(const struct sha256 *digest, struct str prefix) {
    char text[2 * SHA256_BYTES];
    struct buffer hex = {.data = text, .capacity = sizeof(text), .cap_bytes = sizeof(text)};
    hex_append(&hex, str_make(digest->bytes, SHA256_BYTES));
    return prefix.length >= VIEW_PREFIX_DIGITS_MIN && str_starts_with(buffer_view(&hex), prefix);
}
