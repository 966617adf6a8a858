/* Responses: input and output items. Clients send back what they were answered, so one table serves both ways. */
#include "wire/llm/facts.h"
#include "wire/openai/openai.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT
#define VF SHAPE_VARIANT_FACT

static const struct shape texts = {.items = &shape_text};

/* ---- parts of content, by "type" ---- */

static const struct shape_member annotation_members[] = {
    M("type", &shape_name), M("file_id", &shape_name), M("filename", &shape_text), M("index", &shape_plain),
    M("container_id", &shape_name), M("start_index", &shape_plain), M("end_index", &shape_plain),
    M("title", &shape_text), M("url", &shape_text)};
static const struct shape annotated = {SHAPE_MEMBERS(annotation_members)};
static const struct shape_variant annotation_variants[] = {
    V("file_citation", &annotated), V("url_citation", &annotated), V("container_file_citation", &annotated),
    V("file_path", &annotated)};
const struct shape openai_annotation = {SHAPE_UNION("type", annotation_variants)};
static const struct shape annotations = {.items = &openai_annotation};

static const struct shape_member text_members[] = {
    M("type", &shape_name), MF("text", &shape_text, LLM_CONTENT), M("annotations", &annotations),
    M("logprobs", &shape_dropped_list), M("parsed", &shape_tree),
    M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape text = {SHAPE_MEMBERS(text_members)};
static const struct shape_member refusal_members[] = {
    M("type", &shape_name), MF("refusal", &shape_text, LLM_REFUSAL)};
static const struct shape refusal = {SHAPE_MEMBERS(refusal_members)};
static const struct shape_member reasoning_text_members[] = {
    M("type", &shape_name), MF("text", &shape_text, LLM_REASONING)};
static const struct shape reasoning_text = {SHAPE_MEMBERS(reasoning_text_members)};
static const struct shape_member image_members[] = {
    M("type", &shape_name), M("detail", &shape_name), M("file_id", &shape_name), M("image_url", &shape_media),
    M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape image = {SHAPE_MEMBERS(image_members)};
static const struct shape_member file_members[] = {
    M("type", &shape_name), M("detail", &shape_name), M("file_data", &shape_media), M("file_id", &shape_name),
    M("file_url", &shape_media), M("filename", &shape_text), M("prompt_cache_breakpoint", &openai_cache_breakpoint)};
static const struct shape file = {SHAPE_MEMBERS(file_members)};
static const struct shape_member audio_data_members[] = {M("data", &shape_media), M("format", &shape_name)};
static const struct shape audio_data = {SHAPE_MEMBERS(audio_data_members)};
static const struct shape_member audio_members[] = {
    M("type", &shape_name), M("input_audio", &audio_data), M("data", &shape_media),
    MF("transcript", &shape_text, LLM_TRANSCRIPT)};
static const struct shape audio = {SHAPE_MEMBERS(audio_members)};

static const struct shape_variant part_variants[] = {
    V("input_text", &text),
    V("output_text", &text),
    V("text", &text),
    V("refusal", &refusal),
    V("summary_text", &text),
    V("reasoning_text", &reasoning_text),
    VF("input_image", &image, LLM_IMAGE),
    VF("computer_screenshot", &image, LLM_IMAGE),
    VF("input_file", &file, LLM_FILE),
    VF("input_audio", &audio, LLM_AUDIO),
    VF("output_audio", &audio, LLM_AUDIO),
};
const struct shape openai_item_part = {.fact = LLM_PART, SHAPE_UNION("type", part_variants)};
const struct shape openai_item_content = {.items = &openai_item_part};

static const struct shape_member summary_members[] = {M("type", &shape_name), MF("text", &shape_text, LLM_REASONING)};
const struct shape openai_summary_part = {.fact = LLM_SUMMARY, SHAPE_MEMBERS(summary_members)};
static const struct shape summary = {.items = &openai_summary_part};

/* ---- items ---- */

#define ITEM_MEMBERS                                                                                         \
    M("type", &shape_name), M("id", &shape_name), M("status", &shape_name), M("created_by", &shape_name), \
        M("caller", &shape_name), M("agent", &shape_name)
#define CALL_MEMBERS ITEM_MEMBERS, M("call_id", &shape_name)

static const struct shape_member message_members[] = {
    ITEM_MEMBERS, M("role", &shape_name), M("phase", &shape_name), M("content", &openai_item_content)};
static const struct shape message = {SHAPE_MEMBERS(message_members)};

static const struct shape_member function_call_members[] = {
    CALL_MEMBERS, M("name", &shape_name), M("namespace", &shape_name),
    MF("arguments", &shape_json_text, LLM_ARGUMENTS), M("parsed_arguments", &shape_tree)};
static const struct shape function_call = {SHAPE_MEMBERS(function_call_members)};
static const struct shape_member custom_call_members[] = {
    CALL_MEMBERS, M("name", &shape_name), M("namespace", &shape_name), MF("input", &shape_text, LLM_ARGUMENTS)};
static const struct shape custom_call = {SHAPE_MEMBERS(custom_call_members)};
static const struct shape_member output_members[] = {CALL_MEMBERS, M("output", &openai_item_content)};
static const struct shape output = {SHAPE_MEMBERS(output_members)};

static const struct shape_member search_result_members[] = {
    M("attributes", &shape_tree), M("file_id", &shape_name), M("filename", &shape_text), M("score", &shape_plain),
    M("text", &shape_text)};
static const struct shape search_result = {SHAPE_MEMBERS(search_result_members)};
static const struct shape search_results = {.items = &search_result};
static const struct shape_member file_search_members[] = {
    ITEM_MEMBERS, M("queries", &texts), M("results", &search_results)};
static const struct shape file_search = {SHAPE_MEMBERS(file_search_members)};

static const struct shape_member source_members[] = {
    M("type", &shape_name), M("url", &shape_text), M("name", &shape_text), M("title", &shape_text)};
static const struct shape source = {SHAPE_MEMBERS(source_members)};
static const struct shape sources = {.items = &source};
static const struct shape_member search_action_members[] = {
    M("type", &shape_name), M("query", &shape_text), M("queries", &texts), M("sources", &sources),
    M("url", &shape_text), M("pattern", &shape_text)};
static const struct shape search_action = {SHAPE_MEMBERS(search_action_members)};
static const struct shape_variant search_variants[] = {
    V("search", &search_action), V("open_page", &search_action), V("find_in_page", &search_action),
    V("find", &search_action)};
static const struct shape search = {SHAPE_UNION("type", search_variants)};
static const struct shape_member web_search_members[] = {ITEM_MEMBERS, M("action", &search), M("results", &sources)};
static const struct shape web_search = {SHAPE_MEMBERS(web_search_members)};

static const struct shape_member computer_action_members[] = {
    M("type", &shape_name), M("button", &shape_name), M("x", &shape_plain), M("y", &shape_plain), M("keys", &texts),
    M("path", &shape_plain), M("scroll_x", &shape_plain), M("scroll_y", &shape_plain), M("text", &shape_text)};
static const struct shape computer_action = {SHAPE_MEMBERS(computer_action_members)};
static const struct shape_variant computer_variants[] = {
    V("click", &computer_action), V("double_click", &computer_action), V("drag", &computer_action),
    V("keypress", &computer_action), V("move", &computer_action), V("screenshot", &computer_action),
    V("scroll", &computer_action), V("type", &computer_action), V("wait", &computer_action)};
static const struct shape computer = {SHAPE_UNION("type", computer_variants)};
static const struct shape computers = {.items = &computer};
static const struct shape_member safety_members[] = {
    M("id", &shape_name), M("code", &shape_name), M("message", &shape_text)};
static const struct shape safety = {SHAPE_MEMBERS(safety_members)};
static const struct shape safeties = {.items = &safety};
static const struct shape_member computer_call_members[] = {
    CALL_MEMBERS, M("action", &computer), M("actions", &computers), M("pending_safety_checks", &safeties)};
static const struct shape computer_call = {SHAPE_MEMBERS(computer_call_members)};
static const struct shape_member computer_output_members[] = {
    CALL_MEMBERS, M("output", &openai_item_part), M("acknowledged_safety_checks", &safeties)};
static const struct shape computer_output = {SHAPE_MEMBERS(computer_output_members)};

static const struct shape reasoning_parts = {.items = &openai_item_part};
static const struct shape_member reasoning_members[] = {
    ITEM_MEMBERS, M("summary", &summary), M("content", &reasoning_parts), M("encrypted_content", &shape_opaque)};
static const struct shape reasoning = {SHAPE_MEMBERS(reasoning_members)};
static const struct shape_member compaction_members[] = {ITEM_MEMBERS, M("encrypted_content", &shape_opaque)};
static const struct shape compaction = {SHAPE_MEMBERS(compaction_members)};

static const struct shape_member image_error_members[] = {
    M("code", &shape_name), M("message", &shape_text), M("param", &shape_text), M("type", &shape_name),
    M("moderation_details", &shape_name)};
static const struct shape image_error = {SHAPE_MEMBERS(image_error_members)};
static const struct shape_member image_call_members[] = {
    ITEM_MEMBERS, MF("result", &shape_media, LLM_IMAGE), M("revised_prompt", &shape_text), M("action", &shape_name),
    M("background", &shape_name), M("output_format", &shape_name), M("quality", &shape_name), M("size", &shape_name),
    M("error", &image_error), M("svg_usage", &shape_name)};
static const struct shape image_call = {SHAPE_MEMBERS(image_call_members)};

static const struct shape_member interpreter_output_members[] = {
    M("type", &shape_name), M("logs", &shape_text), MF("url", &shape_media, LLM_IMAGE)};
static const struct shape interpreter_output = {SHAPE_MEMBERS(interpreter_output_members)};
static const struct shape_variant interpreter_variants[] = {
    V("logs", &interpreter_output), V("image", &interpreter_output)};
static const struct shape interpreter_result = {SHAPE_UNION("type", interpreter_variants)};
static const struct shape interpreter_results = {.items = &interpreter_result};
static const struct shape_member interpreter_members[] = {
    ITEM_MEMBERS, MF("code", &shape_text, LLM_CODE), M("container_id", &shape_name),
    M("outputs", &interpreter_results)};
static const struct shape interpreter = {SHAPE_MEMBERS(interpreter_members)};

static const struct shape_member local_action_members[] = {
    M("type", &shape_name), M("command", &texts), M("env", &shape_tree), M("timeout_ms", &shape_plain),
    M("user", &shape_text), M("working_directory", &shape_text)};
static const struct shape local_action = {SHAPE_MEMBERS(local_action_members)};
static const struct shape_member local_call_members[] = {CALL_MEMBERS, M("action", &local_action)};
static const struct shape local_call = {SHAPE_MEMBERS(local_call_members)};
static const struct shape_member shell_action_members[] = {
    M("commands", &texts), M("max_output_length", &shape_plain), M("timeout_ms", &shape_plain)};
static const struct shape shell_action = {SHAPE_MEMBERS(shell_action_members)};
static const struct shape_member shell_call_members[] = {
    CALL_MEMBERS, M("action", &shell_action), M("environment", &shape_tree)};
static const struct shape shell_call = {SHAPE_MEMBERS(shell_call_members)};
static const struct shape_member shell_result_members[] = {
    M("outcome", &shape_plain), M("stdout", &shape_text), M("stderr", &shape_text), M("created_by", &shape_name)};
static const struct shape shell_result = {SHAPE_MEMBERS(shell_result_members)};
static const struct shape shell_results = {.items = &shell_result};
static const struct shape_member shell_output_members[] = {
    CALL_MEMBERS, M("output", &shell_results), M("max_output_length", &shape_plain)};
static const struct shape shell_output = {SHAPE_MEMBERS(shell_output_members)};

static const struct shape_member patch_members[] = {
    M("type", &shape_name), M("path", &shape_text), M("diff", &shape_text)};
static const struct shape patch = {SHAPE_MEMBERS(patch_members)};
static const struct shape_member patch_call_members[] = {CALL_MEMBERS, M("operation", &patch)};
static const struct shape patch_call = {SHAPE_MEMBERS(patch_call_members)};

static const struct shape_member mcp_tool_members[] = {
    M("name", &shape_name), M("description", &shape_text), M("input_schema", &shape_tree),
    M("annotations", &shape_tree)};
static const struct shape mcp_tool = {SHAPE_MEMBERS(mcp_tool_members)};
static const struct shape mcp_tools = {.items = &mcp_tool};
static const struct shape_member mcp_list_members[] = {
    ITEM_MEMBERS, M("server_label", &shape_name), M("tools", &mcp_tools), M("error", &shape_text)};
static const struct shape mcp_list = {SHAPE_MEMBERS(mcp_list_members)};
static const struct shape_member mcp_call_members[] = {
    ITEM_MEMBERS, M("server_label", &shape_name), M("name", &shape_name),
    MF("arguments", &shape_json_text, LLM_ARGUMENTS), M("approval_request_id", &shape_name), M("error", &shape_text),
    M("output", &shape_text)};
static const struct shape mcp_call = {SHAPE_MEMBERS(mcp_call_members)};
static const struct shape_member mcp_approval_members[] = {
    ITEM_MEMBERS, M("approval_request_id", &shape_name), M("approve", &shape_plain), M("reason", &shape_text)};
static const struct shape mcp_approval = {SHAPE_MEMBERS(mcp_approval_members)};

static const struct shape_member tool_search_members[] = {
    CALL_MEMBERS, M("arguments", &shape_tree), M("execution", &shape_name)};
static const struct shape tool_search = {SHAPE_MEMBERS(tool_search_members)};
static const struct shape_member more_tools_members[] = {
    CALL_MEMBERS, M("role", &shape_name), M("tools", &openai_tools), M("execution", &shape_name)};
static const struct shape more_tools = {SHAPE_MEMBERS(more_tools_members)};
static const struct shape_member program_members[] = {
    CALL_MEMBERS, M("code", &shape_text), M("fingerprint", &shape_opaque), M("result", &shape_text)};
static const struct shape program = {SHAPE_MEMBERS(program_members)};
static const struct shape_member configuration_members[] = {
    ITEM_MEMBERS, M("reasoning", &openai_reasoning), M("text", &shape_name)};
static const struct shape configuration = {SHAPE_MEMBERS(configuration_members)};
static const struct shape_member bare_members[] = {ITEM_MEMBERS};
static const struct shape bare = {SHAPE_MEMBERS(bare_members)};

static const struct shape_variant item_variants[] = {
    V("message", &message),
    VF("function_call", &function_call, LLM_TOOL_CALL),
    V("function_call_output", &output),
    VF("custom_tool_call", &custom_call, LLM_TOOL_CALL),
    V("custom_tool_call_output", &output),
    VF("computer_call", &computer_call, LLM_TOOL_CALL),
    V("computer_call_output", &computer_output),
    VF("local_shell_call", &local_call, LLM_TOOL_CALL),
    V("local_shell_call_output", &output),
    VF("shell_call", &shell_call, LLM_TOOL_CALL),
    V("shell_call_output", &shell_output),
    VF("apply_patch_call", &patch_call, LLM_TOOL_CALL),
    V("apply_patch_call_output", &output),
    V("file_search_call", &file_search),
    V("web_search_call", &web_search),
    V("image_generation_call", &image_call),
    V("code_interpreter_call", &interpreter),
    V("mcp_list_tools", &mcp_list),
    V("mcp_call", &mcp_call),
    V("mcp_approval_request", &mcp_call),
    V("mcp_approval_response", &mcp_approval),
    V("tool_search_call", &tool_search),
    V("tool_search_output", &more_tools),
    V("additional_tools", &more_tools),
    V("reasoning", &reasoning),
    V("compaction", &compaction),
    V("compaction_trigger", &bare),
    V("configuration_update", &configuration),
    V("item_reference", &bare),
    V("program", &program),
    V("program_output", &program),
};
/* A message may be sent without its type; a reference has the members of one. */
const struct shape openai_item = {.fact = LLM_ITEM, SHAPE_UNION("type", item_variants), .absent = &message};
const struct shape openai_items = {.items = &openai_item};
