/* Messages: content blocks. Clients send back what they were answered, so one table serves both ways. */
#include "wire/anthropic/anthropic.h"
#include "wire/llm/facts.h"

#define M SHAPE_MEMBER
#define MF SHAPE_MEMBER_FACT
#define V SHAPE_VARIANT
#define VF SHAPE_VARIANT_FACT
#define BLOCK(identifier, ...) \
    static const struct shape_member identifier##_members[] = {M("type", &shape_name), \
        M("cache_control", &anthropic_cache_control), __VA_ARGS__}; \
    static const struct shape identifier = {SHAPE_MEMBERS(identifier##_members)}

const struct shape anthropic_cache_control = {.kind = SHAPE_NAME};
static const struct shape texts = {.items = &shape_text};

/* ---- citations ---- */

static const struct shape_member location_members[] = {
    M("type", &shape_name), M("cited_text", &shape_text), M("document_index", &shape_plain),
    M("document_title", &shape_text), M("title", &shape_text), M("file_id", &shape_name), M("source", &shape_text),
    M("url", &shape_text), M("encrypted_index", &shape_opaque), M("start_char_index", &shape_plain),
    M("end_char_index", &shape_plain), M("start_page_number", &shape_plain), M("end_page_number", &shape_plain),
    M("start_block_index", &shape_plain), M("end_block_index", &shape_plain), M("search_result_index", &shape_plain)};
static const struct shape location = {SHAPE_MEMBERS(location_members)};
static const struct shape_variant citation_variants[] = {
    V("char_location", &location), V("page_location", &location), V("content_block_location", &location),
    V("web_search_result_location", &location), V("search_result_location", &location)};
const struct shape anthropic_citation = {SHAPE_UNION("type", citation_variants)};
/* Of a text: a list; of a document: settings. */
static const struct shape citations = {.items = &anthropic_citation, .others = &shape_plain};

/* ---- text, images, documents ---- */

BLOCK(text, MF("text", &shape_text, LLM_CONTENT), M("citations", &citations), M("parsed_output", &shape_tree));

static const struct shape_member source_members[] = {
    M("type", &shape_name), M("media_type", &shape_name), M("data", &shape_media), M("url", &shape_media),
    M("file_id", &shape_name)};
static const struct shape media_source = {SHAPE_MEMBERS(source_members)};
static const struct shape_variant image_source_variants[] = {
    V("base64", &media_source), V("url", &media_source), V("file", &media_source)};
static const struct shape image_source = {SHAPE_UNION("type", image_source_variants)};
BLOCK(image, M("source", &image_source), M("transformations", &shape_name));

static const struct shape_member text_source_members[] = {
    M("type", &shape_name), M("media_type", &shape_name), M("data", &shape_text)};
static const struct shape text_source = {SHAPE_MEMBERS(text_source_members)};
static const struct shape_member encoded_source_members[] = {
    M("type", &shape_name), M("media_type", &shape_name), M("data", &shape_base64_text)};
static const struct shape encoded_source = {SHAPE_MEMBERS(encoded_source_members)};
static const struct shape_variant encoded_variants[] = {
    VF("application/pdf", &media_source, LLM_FILE), V("text/plain", &encoded_source)};
static const struct shape encoded = {SHAPE_UNION("media_type", encoded_variants)};
static const struct shape_variant inner_variants[] = {V("text", &text), VF("image", &image, LLM_IMAGE)};
static const struct shape inner = {SHAPE_UNION("type", inner_variants)};
static const struct shape inner_content = {.items = &inner};
static const struct shape_member content_source_members[] = {M("type", &shape_name), M("content", &inner_content)};
static const struct shape content_source = {SHAPE_MEMBERS(content_source_members)};
static const struct shape_variant document_source_variants[] = {
    V("text", &text_source),
    V("base64", &encoded),
    V("content", &content_source),
    VF("url", &media_source, LLM_FILE),
    VF("file", &media_source, LLM_FILE),
};
static const struct shape document_source = {SHAPE_UNION("type", document_source_variants)};
BLOCK(document, M("source", &document_source), M("citations", &citations), M("context", &shape_text),
      M("title", &shape_text));
static const struct shape text_list = {.items = &inner};
BLOCK(search_result, M("content", &text_list), M("source", &shape_text), M("title", &shape_text),
      M("citations", &citations));

/* ---- thinking ---- */

static const struct shape_member thinking_members[] = {
    M("type", &shape_name), MF("thinking", &shape_signed_text, LLM_REASONING),
    MF("signature", &shape_signature, LLM_SIGNATURE), M("cache_control", &anthropic_cache_control)};
static const struct shape thinking = {.is_signed = true, SHAPE_MEMBERS(thinking_members)};
BLOCK(redacted, M("data", &shape_opaque));

/* ---- tools ---- */

BLOCK(tool_use, M("id", &shape_name), M("name", &shape_name), M("input", &shape_tree), M("caller", &shape_name),
      M("toolset_name", &shape_name), M("server_name", &shape_name));

static const struct shape_member tab_members[] = {
    M("tab_id", &shape_name), M("title", &shape_text), M("url", &shape_text), M("active", &shape_plain)};
static const struct shape tab = {SHAPE_MEMBERS(tab_members)};
static const struct shape tabs = {.items = &tab};
static const struct shape_member tab_change_members[] = {
    M("type", &shape_name), M("tab_id", &shape_name), M("download_id", &shape_name), M("url", &shape_text),
    M("path", &shape_text), M("size_bytes", &shape_plain), M("error", &shape_text)};
static const struct shape tab_change = {SHAPE_MEMBERS(tab_change_members)};
static const struct shape tab_changes = {.items = &tab_change};
BLOCK(browser_state, M("tabs", &tabs), M("state_changes", &tab_changes));
BLOCK(tool_reference, M("tool_name", &shape_name), M("name", &shape_name), M("server_name", &shape_name));

static const struct shape_variant result_variants[] = {
    V("text", &text),
    VF("image", &image, LLM_IMAGE),
    V("document", &document),
    V("search_result", &search_result),
    V("tool_reference", &tool_reference),
    V("browser_state", &browser_state),
};
static const struct shape result_block = {SHAPE_UNION("type", result_variants)};
static const struct shape result_content = {.items = &result_block};
BLOCK(tool_result, M("tool_use_id", &shape_name), M("content", &result_content), M("is_error", &shape_plain),
      M("toolset_name", &shape_name));

/* ---- results of tools that the provider runs: one block or a list, by "type" ---- */

static const struct shape_member failed_members[] = {
    M("type", &shape_name), M("error_code", &shape_name), M("error_message", &shape_text)};
static const struct shape failed = {SHAPE_MEMBERS(failed_members)};
BLOCK(found, M("encrypted_content", &shape_opaque), M("page_age", &shape_text), M("title", &shape_text),
      M("url", &shape_text));
BLOCK(fetched, M("content", &result_block), M("retrieved_at", &shape_name), M("url", &shape_text));
static const struct shape_member made_members[] = {M("type", &shape_name), MF("file_id", &shape_name, LLM_FILE)};
static const struct shape made = {SHAPE_MEMBERS(made_members)};
static const struct shape made_list = {.items = &made};
BLOCK(ran, M("content", &made_list), M("return_code", &shape_plain), M("stdout", &shape_text),
      M("stderr", &shape_text), M("encrypted_stdout", &shape_opaque));
BLOCK(viewed, M("content", &shape_text), M("file_type", &shape_name), M("num_lines", &shape_plain),
      M("start_line", &shape_plain), M("total_lines", &shape_plain));
BLOCK(edited, M("is_file_update", &shape_plain), M("lines", &texts), M("new_lines", &shape_plain),
      M("new_start", &shape_plain), M("old_lines", &shape_plain), M("old_start", &shape_plain));
static const struct shape references = {.items = &tool_reference};
BLOCK(searched, M("tool_references", &references));
BLOCK(advised, M("text", &shape_text), M("encrypted_content", &shape_opaque), M("stop_reason", &shape_name));

static const struct shape_variant hosted_variants[] = {
    V("text", &text),
    V("web_search_result", &found),
    V("web_search_tool_result_error", &failed),
    V("web_fetch_result", &fetched),
    V("web_fetch_tool_result_error", &failed),
    V("code_execution_result", &ran),
    V("encrypted_code_execution_result", &ran),
    V("code_execution_tool_result_error", &failed),
    V("bash_code_execution_result", &ran),
    V("bash_code_execution_tool_result_error", &failed),
    V("text_editor_code_execution_view_result", &viewed),
    V("text_editor_code_execution_create_result", &edited),
    V("text_editor_code_execution_str_replace_result", &edited),
    V("text_editor_code_execution_tool_result_error", &failed),
    V("tool_search_tool_search_result", &searched),
    V("tool_search_tool_result_error", &failed),
    V("advisor_result", &advised),
    V("advisor_redacted_result", &advised),
    V("advisor_tool_result_error", &failed),
};
static const struct shape hosted_result = {SHAPE_UNION("type", hosted_variants)};
/* A search answers with a list, the others with one. */
static const struct shape hosted_content = {.items = &hosted_result, SHAPE_UNION("type", hosted_variants)};
BLOCK(hosted, M("tool_use_id", &shape_name), M("content", &hosted_content), M("caller", &shape_name),
      M("is_error", &shape_plain));

/* ---- the rest ---- */

BLOCK(upload, M("file_id", &shape_name));
static const struct shape_member change_members[] = {
    M("type", &shape_name), M("name", &shape_name), M("server_name", &shape_name), M("definition", &anthropic_tool)};
static const struct shape change = {SHAPE_MEMBERS(change_members)};
BLOCK(tool_change, M("tool", &change));
static const struct shape tool_change_list = {.items = &tool_change};
static const struct shape_member compaction_members[] = {
    M("type", &shape_name), M("cache_control", &anthropic_cache_control), M("content", &shape_signed_text),
    M("encrypted_content", &shape_opaque), M("signature", &shape_signature), M("tool_changes", &tool_change_list)};
static const struct shape compaction = {.is_signed = true, SHAPE_MEMBERS(compaction_members)};
static const struct shape listed_tools = {.items = &anthropic_tool};
BLOCK(listing, M("mcp_server_name", &shape_name), M("tools", &listed_tools));
static const struct shape fallback_model = {.kind = SHAPE_NAME};
BLOCK(fallback, M("from", &fallback_model), M("to", &fallback_model), M("trigger", &shape_name));

static const struct shape_variant block_variants[] = {
    V("text", &text),
    VF("image", &image, LLM_IMAGE),
    V("document", &document),
    V("search_result", &search_result),
    V("thinking", &thinking),
    V("redacted_thinking", &redacted),
    VF("tool_use", &tool_use, LLM_TOOL_CALL),
    V("tool_result", &tool_result),
    V("server_tool_use", &tool_use),
    V("mcp_tool_use", &tool_use),
    V("mcp_tool_result", &hosted),
    V("web_search_tool_result", &hosted),
    V("web_fetch_tool_result", &hosted),
    V("code_execution_tool_result", &hosted),
    V("bash_code_execution_tool_result", &hosted),
    V("text_editor_code_execution_tool_result", &hosted),
    V("tool_search_tool_result", &hosted),
    V("advisor_tool_result", &hosted),
    VF("container_upload", &upload, LLM_FILE),
    V("compaction", &compaction),
    V("tool_addition", &tool_change),
    V("tool_removal", &tool_change),
    V("mcp_tool_listing", &listing),
    V("fallback", &fallback),
    V("browser_state", &browser_state),
};
const struct shape anthropic_block = {.fact = LLM_PART, SHAPE_UNION("type", block_variants)};
const struct shape anthropic_content = {.items = &anthropic_block};
