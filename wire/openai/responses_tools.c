/* Responses: the tools of a request. Those that the provider runs are told as LLM_HOSTED_TOOL; a shell may be run by
 * either and counts as one of them. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT
#define VF SHAPE_VARIANT_FACT

static const struct shape_member format_members[] = {
    M("type", &shape_name), M("name", &shape_name), M("description", &shape_text), M("schema", &shape_tree),
    M("strict", &shape_plain), M("definition", &shape_text), M("syntax", &shape_name), M("grammar", &shape_text)};
const struct shape openai_text_format = {SHAPE_MEMBERS(format_members)};

static const struct shape_member function_members[] = {
    M("type", &shape_name), MF("name", &shape_name, LLM_TOOL), M("description", &shape_text),
    M("parameters", &shape_tree), M("output_schema", &shape_tree), M("strict", &shape_plain),
    M("allowed_callers", &shape_name), M("defer_loading", &shape_plain)};
static const struct shape function = {SHAPE_MEMBERS(function_members)};

static const struct shape_member custom_members[] = {
    M("type", &shape_name), MF("name", &shape_name, LLM_TOOL), M("description", &shape_text),
    M("format", &openai_text_format), M("allowed_callers", &shape_name), M("defer_loading", &shape_plain)};
static const struct shape custom = {SHAPE_MEMBERS(custom_members)};

static const struct shape_member file_search_members[] = {
    M("type", &shape_name), M("vector_store_ids", &shape_name), M("filters", &shape_tree),
    M("max_num_results", &shape_plain), M("ranking_options", &shape_plain)};
static const struct shape file_search = {SHAPE_MEMBERS(file_search_members)};

static const struct shape_member computer_members[] = {
    MF("type", &shape_name, LLM_TOOL), M("display_height", &shape_plain), M("display_width", &shape_plain),
    M("environment", &shape_name)};
static const struct shape computer = {SHAPE_MEMBERS(computer_members)};

static const struct shape domains = {.items = &shape_text};
static const struct shape_member filter_members[] = {M("allowed_domains", &domains), M("blocked_domains", &domains)};
static const struct shape filters = {SHAPE_MEMBERS(filter_members)};
static const struct shape_member web_search_members[] = {
    M("type", &shape_name), M("filters", &filters), M("search_context_size", &shape_name),
    M("search_content_types", &shape_name), M("user_location", &openai_user_location)};
static const struct shape web_search = {SHAPE_MEMBERS(web_search_members)};

static const struct shape_member tool_filter_members[] = {
    M("read_only", &shape_plain), M("tool_names", &shape_name)};
static const struct shape tool_filter = {.kind = SHAPE_NAME, .items = &shape_name, SHAPE_MEMBERS(tool_filter_members)};
static const struct shape_member approval_members[] = {M("always", &tool_filter), M("never", &tool_filter)};
static const struct shape approval = {.kind = SHAPE_NAME, SHAPE_MEMBERS(approval_members)};
static const struct shape_member mcp_members[] = {
    M("type", &shape_name), MF("server_label", &shape_name, LLM_SERVER), M("allowed_callers", &shape_name),
    M("allowed_tools", &tool_filter), M("authorization", &shape_text), M("connector_id", &shape_name),
    M("defer_loading", &shape_plain), M("headers", &shape_tree), M("require_approval", &approval),
    M("server_description", &shape_text), M("server_url", &shape_name), M("tunnel_id", &shape_name)};
static const struct shape mcp = {SHAPE_MEMBERS(mcp_members)};

static const struct shape_member secret_members[] = {
    M("domain", &shape_text), M("name", &shape_text), M("value", &shape_text)};
static const struct shape secret = {SHAPE_MEMBERS(secret_members)};
static const struct shape secrets = {.items = &secret};
static const struct shape_member network_members[] = {
    M("type", &shape_name), M("allowed_domains", &domains), M("domain_secrets", &secrets)};
static const struct shape network = {SHAPE_MEMBERS(network_members)};
static const struct shape_member skill_source_members[] = {
    M("type", &shape_name), M("media_type", &shape_name), MF("data", &shape_media, LLM_FILE)};
static const struct shape skill_source = {SHAPE_MEMBERS(skill_source_members)};
static const struct shape_member skill_members[] = {
    M("type", &shape_name), M("skill_id", &shape_name), M("version", &shape_name), M("name", &shape_text),
    M("description", &shape_text), M("path", &shape_text), M("source", &skill_source)};
static const struct shape skill = {SHAPE_MEMBERS(skill_members)};
static const struct shape skills = {.items = &skill};
static const struct shape file_ids = {.kind = SHAPE_NAME, .fact = LLM_FILE};
static const struct shape_member container_members[] = {
    M("type", &shape_name), M("container_id", &shape_name), M("file_ids", &file_ids), M("memory_limit", &shape_name),
    M("network_policy", &network), M("skills", &skills)};
static const struct shape container = {.kind = SHAPE_NAME, SHAPE_MEMBERS(container_members)};
static const struct shape_member interpreter_members[] = {
    M("type", &shape_name), M("container", &container), M("allowed_callers", &shape_name)};
static const struct shape interpreter = {SHAPE_MEMBERS(interpreter_members)};
static const struct shape_member shell_members[] = {
    M("type", &shape_name), M("environment", &container), M("allowed_callers", &shape_name)};
static const struct shape shell = {SHAPE_MEMBERS(shell_members)};
static const struct shape_member local_members[] = {
    MF("type", &shape_name, LLM_TOOL), M("allowed_callers", &shape_name)};
static const struct shape local = {SHAPE_MEMBERS(local_members)};

static const struct shape_member mask_members[] = {M("file_id", &shape_name), MF("image_url", &shape_media, LLM_IMAGE)};
static const struct shape mask = {SHAPE_MEMBERS(mask_members)};
static const struct shape_member image_members[] = {
    M("type", &shape_name), M("action", &shape_name), M("background", &shape_name), M("input_fidelity", &shape_name),
    M("complexity", &shape_name), M("frame_count", &shape_plain), M("frame_duration_ms", &shape_plain),
    M("svg", &shape_name), M("input_image_mask", &mask), M("model", &shape_name), M("moderation", &shape_name),
    M("output_compression", &shape_plain), M("output_format", &shape_name), M("partial_images", &shape_plain),
    M("quality", &shape_name), M("size", &shape_name)};
static const struct shape image = {SHAPE_MEMBERS(image_members)};

static const struct shape_member tool_search_members[] = {
    M("type", &shape_name), M("description", &shape_text), M("execution", &shape_name), M("parameters", &shape_tree)};
static const struct shape tool_search = {SHAPE_MEMBERS(tool_search_members)};
static const struct shape_member programmatic_members[] = {M("type", &shape_name)};
static const struct shape programmatic = {SHAPE_MEMBERS(programmatic_members)};

static const struct shape_variant inner_variants[] = {V("function", &function), V("custom", &custom)};
static const struct shape inner = {SHAPE_UNION("type", inner_variants)};
static const struct shape inner_tools = {.items = &inner};
static const struct shape_member namespace_members[] = {
    M("type", &shape_name), M("name", &shape_name), M("description", &shape_text), M("tools", &inner_tools)};
static const struct shape namespace = {SHAPE_MEMBERS(namespace_members)};

static const struct shape_variant variants[] = {
    V("function", &function),
    V("custom", &custom),
    V("namespace", &namespace),
    V("computer", &computer),
    V("computer_use_preview", &computer),
    V("local_shell", &local),
    V("apply_patch", &local),
    VF("shell", &shell, LLM_HOSTED_TOOL),
    VF("file_search", &file_search, LLM_HOSTED_TOOL),
    VF("web_search", &web_search, LLM_HOSTED_TOOL),
    VF("web_search_2025_08_26", &web_search, LLM_HOSTED_TOOL),
    VF("web_search_preview", &web_search, LLM_HOSTED_TOOL),
    VF("web_search_preview_2025_03_11", &web_search, LLM_HOSTED_TOOL),
    VF("mcp", &mcp, LLM_HOSTED_TOOL),
    VF("code_interpreter", &interpreter, LLM_HOSTED_TOOL),
    VF("image_generation", &image, LLM_HOSTED_TOOL),
    VF("tool_search", &tool_search, LLM_HOSTED_TOOL),
    VF("programmatic_tool_calling", &programmatic, LLM_HOSTED_TOOL),
};
static const struct shape tool = {SHAPE_UNION("type", variants)};
const struct shape openai_tools = {.items = &tool};

/* Names tools, in one of several forms. */
const struct shape openai_tool_choice = {
    .kind = SHAPE_NAME, .items = &openai_tool_choice, .others = &openai_tool_choice};
