/* The protocol `anthropic`: its tables, its key and its errors. */
#include "wire/anthropic/anthropic.h"

#include "wire/llm/dialect.h"

static struct str error_type(unsigned status) {
    switch (status) {
    case 401: return STR("authentication_error");
    case 403: return STR("permission_error");
    case 413: return STR("request_too_large");
    case 408:
    case 504: return STR("timeout_error");
    case 502:
    case 503: return STR("api_error");
    default: return STR("invalid_request_error");
    }
}

/* {"error":{"message":...,"type":...},"type":"error"} */
static struct str write_error(unsigned status, struct str message, struct str action_id, struct buffer *out) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_key(&writer, STR("error"));
    json_begin_object(&writer);
    llm_write_message(&writer, message, action_id);
    json_member_string(&writer, STR("type"), error_type(status));
    json_end_object(&writer);
    json_member_string(&writer, STR("type"), STR("error"));
    json_end_object(&writer);
    return STR("application/json");
}

/* Claude Code takes each 403 for a failed login, and tells its user to log in again; the error's own type stays. */
static unsigned shown_status(const struct http_head *request, unsigned status) {
    bool is_claude_code = str_starts_with(http_head_find(request, STR("user-agent")), STR("claude-cli/"));
    return status == 403 && is_claude_code ? 400 : status;
}

LLM_DIALECT(anthropic, llm_api_anthropic, HTTP_CREDENTIAL_API_KEY, write_error, shown_status);
