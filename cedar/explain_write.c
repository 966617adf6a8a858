/* Explanations as text and as JSON. */
#include "base/json.h"
#include "cedar/explain.h"

#define TEXT_BYTES_MAX 120u

static const char *const outcome_names[] = {"satisfied", "failed", "not_satisfied", "out_of_scope"};

const char *cedar_outcome_name(enum cedar_outcome outcome) {
    return outcome_names[outcome];
}

/* On one line: white space and line ends become one space; cut when it is long. */
static void write_folded(struct str text, struct buffer *out) {
    bool is_spaced = false;
    size_t kept = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = (uint8_t)text.data[i];
        bool is_space = byte <= ' ' || byte == 0x7f;
        bool is_start = (byte & 0xc0) != 0x80;
        if (kept >= TEXT_BYTES_MAX && is_start) {
            buffer_append_cstr(out, "...");
            return;
        }
        if (!is_space) buffer_append_byte(out, byte);
        else if (!is_spaced) buffer_append_byte(out, ' ');
        kept += !is_space || !is_spaced;
        is_spaced = is_space;
    }
}

static void write_facts(const struct cedar_fact *facts, unsigned depth, struct buffer *out) {
    for (const struct cedar_fact *fact = facts; fact != NULL; fact = fact->next) {
        buffer_append_format(out, "%*s- `", (int)depth * 2, "");
        write_folded(fact->text, out);
        buffer_append_cstr(out, fact->has_failed ? "` cannot be evaluated: " : "` is ");
        buffer_append_str(out, fact->value);
        buffer_append_byte(out, '\n');
        write_facts(fact->first, depth + 1, out);
    }
}

/* What each outcome says, by effect. */
static const char *const sentences[][2] = {
    [CEDAR_SATISFIED] = {"permits this", "forbids this"},
    [CEDAR_FAILED] = {"could not be evaluated, and is left out", "could not be evaluated, and is left out"},
    [CEDAR_NOT_SATISFIED] = {"does not permit this", "does not forbid this"},
    [CEDAR_OUT_OF_SCOPE] = {"is not about this request", "is not about this request"},
};

static void write_conditions(const struct cedar_explained *explained, struct buffer *out) {
    for (const struct cedar_fact *fact = explained->facts; fact != NULL; fact = fact->next) {
        struct cedar_fact alone = *fact;
        alone.next = NULL;
        buffer_append_format(out, "  %s\n", fact->is_unless ? "unless" : "when");
        write_facts(&alone, 2, out);
    }
}

static void write_policy(const struct cedar_explained *explained, struct buffer *out) {
    struct str id = cedar_policy_id(explained->policy);
    buffer_append_format(out, "%.*s %s", STR_ARGS(id),
                         sentences[explained->outcome][cedar_policy_effect(explained->policy)]);
    if (explained->facts == NULL) {
        buffer_append_cstr(out, ", without conditions\n");
    } else if (explained->outcome == CEDAR_OUT_OF_SCOPE) {
        buffer_append_cstr(out, ": it is for `");
        write_folded(explained->facts->text, out);
        buffer_append_format(out, "`, and this is %.*s\n", STR_ARGS(explained->facts->value));
    } else {
        buffer_append_cstr(out, ":\n");
        write_conditions(explained, out);
    }
}

static const char *summary(const struct cedar_explanation *explanation) {
    if (explanation->is_allowed) return "ALLOW: a policy permits this, and none forbids it.\n\n";
    for (size_t i = 0; i < explanation->count; i++) {
        const struct cedar_explained *explained = &explanation->policies[i];
        if (explained->outcome == CEDAR_SATISFIED && cedar_policy_effect(explained->policy) == CEDAR_FORBID) {
            return "DENY: a policy forbids this.\n\n";
        }
    }
    return "DENY: no policy permits this.\n\n";
}

void cedar_explanation_write_text(const struct cedar_explanation *explanation, struct buffer *out) {
    buffer_append_cstr(out, summary(explanation));
    for (size_t i = 0; i < explanation->count; i++) write_policy(&explanation->policies[i], out);
}

/* By hand: facts nest deeper than the JSON writer goes. */
static void write_facts_json(const struct cedar_fact *facts, bool is_top, struct buffer *out) {
    buffer_append_byte(out, '[');
    for (const struct cedar_fact *fact = facts; fact != NULL; fact = fact->next) {
        if (fact != facts) buffer_append_byte(out, ',');
        buffer_append_cstr(out, "{\"text\":");
        json_append_quoted(out, fact->text);
        buffer_append_format(out, ",\"start\":%u,\"end\":%u", fact->span.start, fact->span.end);
        if (is_top) buffer_append_format(out, ",\"kind\":\"%s\"", fact->is_unless ? "unless" : "when");
        buffer_append_cstr(out, fact->has_failed ? ",\"error\":" : ",\"value\":");
        json_append_quoted(out, fact->value);
        if (fact->first != NULL) {
            buffer_append_cstr(out, ",\"because\":");
            write_facts_json(fact->first, false, out);
        }
        buffer_append_byte(out, '}');
    }
    buffer_append_byte(out, ']');
}

void cedar_explanation_write_json(const struct cedar_explanation *explanation, struct buffer *out) {
    buffer_append_format(out, "{\"decision\":\"%s\",\"policies\":[", explanation->is_allowed ? "allow" : "deny");
    for (size_t i = 0; i < explanation->count; i++) {
        const struct cedar_explained *explained = &explanation->policies[i];
        buffer_append_format(out, "%s{\"id\":", i > 0 ? "," : "");
        json_append_quoted(out, cedar_policy_id(explained->policy));
        buffer_append_format(out, ",\"effect\":\"%s\",\"outcome\":\"%s\",\"because\":",
                             cedar_policy_effect(explained->policy) == CEDAR_PERMIT ? "permit" : "forbid",
                             cedar_outcome_name(explained->outcome));
        write_facts_json(explained->facts, explained->outcome != CEDAR_OUT_OF_SCOPE, out);
        buffer_append_byte(out, '}');
    }
    buffer_append_cstr(out, "]}");
}
