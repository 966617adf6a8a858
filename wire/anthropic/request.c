/* Messages and count_tokens: the request. */
#include "wire/anthropic/anthropic.h"
#include "wire/llm/facts.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT
#define VF SHAPE_VARIANT_FACT

/* ---- tools. Those that the provider runs are told as LLM_HOSTED_TOOL ---- */

static const struct shape domains = {.items = &shape_text};
static const struct shape_member location_members[] = {
    M("type", &shape_name), M("city", &shape_text), M("country", &shape_text), M("region", &shape_text),
    M("timezone", &shape_name)};
static const struct shape location = {SHAPE_MEMBERS(location_members)};

#define TOOL_MEMBERS                                                                                       \
    M("type", &shape_name), M("cache_control", &anthropic_cache_control), M("allowed_callers", &shape_name), \
        M("defer_loading", &shape_plain), M("strict", &shape_plain), M("input_examples", &shape_tree)

static const struct shape_member custom_members[] = {
    TOOL_MEMBERS, MF("name", &shape_name, LLM_TOOL), M("description", &shape_text), M("input_schema", &shape_tree),
    M("eager_input_streaming", &shape_plain)};
static const struct shape custom = {SHAPE_MEMBERS(custom_members)};
static const struct shape_member client_members[] = {
    TOOL_MEMBERS, MF("name", &shape_name, LLM_TOOL), M("display_height_px", &shape_plain),
    M("display_width_px", &shape_plain), M("display_number", &shape_plain), M("enable_zoom", &shape_plain),
    M("max_characters", &shape_plain), M("configs", &shape_plain)};
static const struct shape client = {SHAPE_MEMBERS(client_members)};
static const struct shape_member toolset_members[] = {
    MF("type", &shape_name, LLM_TOOL), M("cache_control", &anthropic_cache_control), M("configs", &shape_plain)};
static const struct shape toolset = {SHAPE_MEMBERS(toolset_members)};
static const struct shape_member hosted_members[] = {
    TOOL_MEMBERS, M("name", &shape_name), M("allowed_domains", &domains), M("blocked_domains", &domains),
    M("max_uses", &shape_plain), M("max_content_tokens", &shape_plain), M("citations", &shape_plain),
    M("user_location", &location), M("url_sources", &shape_name), M("use_cache", &shape_plain),
    M("response_inclusion", &shape_name), M("model", &shape_name), M("caching", &anthropic_cache_control),
    M("max_tokens", &shape_plain)};
static const struct shape hosted = {SHAPE_MEMBERS(hosted_members)};
static const struct shape_member listed_members[] = {
    M("name", &shape_name), M("description", &shape_text), M("input_schema", &shape_tree)};
static const struct shape listed = {SHAPE_MEMBERS(listed_members)};
static const struct shape listed_tools = {.items = &listed};
static const struct shape_member mcp_members[] = {
    TOOL_MEMBERS, MF("mcp_server_name", &shape_name, LLM_SERVER), M("configs", &shape_plain),
    M("default_config", &shape_plain), M("tools", &listed_tools)};
static const struct shape mcp = {SHAPE_MEMBERS(mcp_members)};

static const struct shape_variant tool_variants[] = {
    V("custom", &custom),
    V("bash_20241022", &client),
    V("bash_20250124", &client),
    V("text_editor_20241022", &client),
    V("text_editor_20250124", &client),
    V("text_editor_20250429", &client),
    V("text_editor_20250728", &client),
    V("computer_20241022", &client),
    V("computer_20250124", &client),
    V("computer_20251124", &client),
    V("memory_20250818", &client),
    V("browser_toolset_20260801", &toolset),
    V("computer_toolset_20260801", &toolset),
    VF("web_search_20250305", &hosted, LLM_HOSTED_TOOL),
    VF("web_search_20260209", &hosted, LLM_HOSTED_TOOL),
    VF("web_search_20260318", &hosted, LLM_HOSTED_TOOL),
    VF("web_fetch_20250910", &hosted, LLM_HOSTED_TOOL),
    VF("web_fetch_20260209", &hosted, LLM_HOSTED_TOOL),
    VF("web_fetch_20260309", &hosted, LLM_HOSTED_TOOL),
    VF("web_fetch_20260318", &hosted, LLM_HOSTED_TOOL),
    VF("code_execution_20250522", &hosted, LLM_HOSTED_TOOL),
    VF("code_execution_20250825", &hosted, LLM_HOSTED_TOOL),
    VF("code_execution_20260120", &hosted, LLM_HOSTED_TOOL),
    VF("code_execution_20260521", &hosted, LLM_HOSTED_TOOL),
    VF("tool_search_tool_bm25", &hosted, LLM_HOSTED_TOOL),
    VF("tool_search_tool_bm25_20251119", &hosted, LLM_HOSTED_TOOL),
    VF("tool_search_tool_regex", &hosted, LLM_HOSTED_TOOL),
    VF("tool_search_tool_regex_20251119", &hosted, LLM_HOSTED_TOOL),
    VF("advisor_20260301", &hosted, LLM_HOSTED_TOOL),
    VF("mcp_toolset", &mcp, LLM_HOSTED_TOOL),
};
const struct shape anthropic_tool = {SHAPE_UNION("type", tool_variants), .absent = &custom};
const struct shape anthropic_tools = {.items = &anthropic_tool};

/* ---- messages ---- */

static const struct shape_member message_members[] = {M("role", &shape_name), M("content", &anthropic_content)};
static const struct shape said = {SHAPE_MEMBERS(message_members)};
static const struct shape_variant message_variants[] = {V("user", &said), V("assistant", &said), V("system", &said)};
static const struct shape message = {.fact = LLM_MESSAGE, SHAPE_UNION("role", message_variants)};
static const struct shape messages = {.items = &message};

/* ---- settings ---- */

static const struct shape_member skill_members[] = {
    M("type", &shape_name), M("skill_id", &shape_name), M("version", &shape_name)};
static const struct shape skill = {SHAPE_MEMBERS(skill_members)};
static const struct shape skills = {.items = &skill};
static const struct shape_member container_members[] = {
    M("id", &shape_name), M("skills", &skills), M("expires_at", &shape_name)};
const struct shape anthropic_container = {.kind = SHAPE_NAME, SHAPE_MEMBERS(container_members)};

static const struct shape_member tool_setting_members[] = {M("allowed_tools", &shape_name), M("enabled", &shape_plain)};
static const struct shape tool_setting = {SHAPE_MEMBERS(tool_setting_members)};
static const struct shape_member server_members[] = {
    M("type", &shape_name), MF("name", &shape_name, LLM_SERVER), M("url", &shape_name),
    M("authorization_token", &shape_text), M("tool_configuration", &tool_setting)};
static const struct shape server = {SHAPE_MEMBERS(server_members)};
static const struct shape servers = {.items = &server};

static const struct shape_member format_members[] = {M("type", &shape_name), M("schema", &shape_tree)};
static const struct shape format = {SHAPE_MEMBERS(format_members)};
static const struct shape_member output_members[] = {
    M("effort", &shape_name), M("format", &format), M("task_budget", &shape_name)};
static const struct shape output = {SHAPE_MEMBERS(output_members)};

static const struct shape_member metadata_members[] = {M("user_id", &shape_text)};
static const struct shape metadata = {SHAPE_MEMBERS(metadata_members)};

static const struct shape_member compact_members[] = {
    M("type", &shape_name), M("trigger", &shape_name), M("instructions", &shape_text),
    M("pause_after_compaction", &shape_plain), M("keep", &shape_name), M("clear_at_least", &shape_name),
    M("clear_tool_inputs", &shape_name), M("exclude_tools", &shape_name)};
static const struct shape edit = {SHAPE_MEMBERS(compact_members)};
static const struct shape edits = {.items = &edit};
static const struct shape_member management_members[] = {M("edits", &edits)};
static const struct shape management = {SHAPE_MEMBERS(management_members)};

static const struct shape_member thread_members[] = {
    M("type", &shape_name), MF("previous_message_id", &shape_name, LLM_PREVIOUS_RESPONSE)};
static const struct shape thread = {SHAPE_MEMBERS(thread_members)};

static const struct shape_member fallback_members[] = {
    M("model", &shape_name), M("max_tokens", &shape_plain), M("output_config", &output), M("speed", &shape_name),
    M("thinking", &shape_name)};
static const struct shape fallback = {.kind = SHAPE_NAME, SHAPE_MEMBERS(fallback_members)};
static const struct shape fallbacks = {.kind = SHAPE_NAME, .items = &fallback};

/* Names tools, in one of several forms. */
static const struct shape choice = {.kind = SHAPE_NAME};
static const struct shape texts = {.items = &shape_text};

static const struct shape_member request_members[] = {
    MF("model", &shape_name, LLM_MODEL), M("messages", &messages), M("system", &anthropic_content),
    MF("max_tokens", &shape_plain, LLM_MAX_TOKENS), M("metadata", &metadata), M("stop_sequences", &texts),
    MF("stream", &shape_plain, LLM_STREAM), M("temperature", &shape_plain), M("thinking", &shape_name),
    M("tool_choice", &choice), M("tools", &anthropic_tools), M("top_k", &shape_plain), M("top_p", &shape_plain),
    M("service_tier", &shape_name), M("speed", &shape_name), M("inference_geo", &shape_name),
    M("cache_control", &anthropic_cache_control), M("container", &anthropic_container), M("mcp_servers", &servers),
    M("context_management", &management), M("compaction", &edit), M("output_config", &output),
    M("output_format", &format), M("diagnostics", &shape_name), M("billing_policy", &shape_name),
    M("fallbacks", &fallbacks), M("fallback_credit_token", &shape_opaque), MF("thread", &thread, LLM_THREAD),
    M("user_profile_id", &shape_name), M("workspace_id", &shape_name),
};
const struct shape anthropic_request = {SHAPE_MEMBERS(request_members)};
