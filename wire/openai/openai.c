/* The protocol `openai`: its tables, its key and its errors. */
#include "wire/openai/openai.h"

#include "wire/llm/dialect.h"

static struct str error_type(unsigned status) {
    switch (status) {
    case 401: return STR("authentication_error");
    case 403: return STR("permission_error");
    case 408:
    case 504: return STR("timeout");
    case 502:
    case 503: return STR("server_error");
    default: return STR("invalid_request_error");
    }
}

/* {"error":{"code":"sworn","message":...,"param":null,"type":...}} */
static struct str write_error(unsigned status, struct str message, struct str action_id, struct buffer *out) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_key(&writer, STR("error"));
    json_begin_object(&writer);
    json_member_string(&writer, STR("code"), STR("sworn"));
    llm_write_message(&writer, message, action_id);
    json_key(&writer, STR("param"));
    json_write_null(&writer);
    json_member_string(&writer, STR("type"), error_type(status));
    json_end_object(&writer);
    json_end_object(&writer);
    return STR("application/json");
}

LLM_DIALECT(openai, llm_api_openai, HTTP_CREDENTIAL_BEARER, write_error, NULL);
