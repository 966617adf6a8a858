/* The vault of an action and the plans that use it. The store blocks, so it is asked on a helper thread. */
#include "gate/plans.h"

#include "base/clock.h"
#include "base/log.h"
#include "guard/conversation.h"
#include "run/offload.h"

/* A call of guard/conversation.h for a helper thread. */
struct conversation_call {
    struct store *store;
    struct conversation conversation;
    struct vault *vault;
    int result;
    struct error error;
};

static void load_conversation(void *argument) {
    struct conversation_call *call = argument;
    call->result = conversation_load(call->store, &call->conversation, clock_real_us(), call->vault, &call->error);
}

static void keep_conversation(void *argument) {
    struct conversation_call *call = argument;
    call->result = conversation_keep(call->store, &call->conversation, clock_real_us(), call->vault, &call->error);
}

/* What the vault of an action begins with: what an earlier one kept, where it continues that; and behind it, all that this
 * principal was given before. */
struct opening {
    struct conversation_call call;
    struct shelf *shelf;
};

static void open_for(void *argument) {
    struct opening *opening = argument;
    struct error error;
    if (shelf_refresh(opening->shelf, clock_real_us(), &error) != 0) {
        log_warning("earlier placeholders cannot be read, answers may show some as they are: %s", error.text);
    }
    if (opening->call.conversation.name.length > 0) load_conversation(&opening->call);
}

struct keeping {
    struct shelf *shelf;
    const struct vault *vault;
    int result;
    struct error error;
};

static void keep_on_shelf(void *argument) {
    struct keeping *keeping = argument;
    keeping->result = shelf_keep(keeping->shelf, keeping->vault, clock_real_us(), &keeping->error);
}

void session_keep_placeholders(struct session *session) {
    struct vault *vault = session->filling;
    if (vault == NULL || vault_count(vault) == session->filled) return;
    struct keeping keeping = {.shelf = session->shelf, .vault = vault};
    session->filled = vault_count(vault);
    if (offload_run(OFFLOAD_STATE_WRITE, keep_on_shelf, &keeping, &keeping.error) == 0 && keeping.result == 0) return;
    log_warning("placeholders cannot be kept, an answer to a shortened history may show them as they are: %s",
                keeping.error.text);
}

static struct conversation_call conversation_call(const struct session *session, struct vault *vault, struct str name) {
    return (struct conversation_call){
        .store = session->worker->gateway->store,
        .conversation = {&session->worker->gateway->box_key, session->principal_name, session->upstream->name, name},
        .vault = vault,
    };
}

/* P. The vault of the action: with what an earlier one kept, where it continues that. NULL: doubt. */
static struct vault *open_vault(struct session *session, struct action *action) {
    struct vault_key key;
    struct error error;
    vault_key_derive(&session->worker->gateway->box_key, session->principal_name, session->upstream->name, &key);
    struct vault *vault = vault_new(&action->arena, &key, session->shelf);
    explicit_bzero(&key, sizeof(key));
    if (vault == NULL) return NULL;
    struct opening opening = {conversation_call(session, vault, action->conversation), session->shelf};
    if (offload_run(OFFLOAD_STATE_READ, open_for, &opening, &error) != 0) return NULL;
    session->filling = vault;
    session->filled = vault_count(vault);
    for (size_t i = 0; i < action->tool_count; i++) vault_add_name(vault, VAULT_TOOLS, action->tools[i]);
    action->tools = vault_names(vault, VAULT_TOOLS, &action->tool_count);
    return opening.call.result == 0 || opening.call.error.code == ERROR_NOT_FOUND ? vault : NULL;
}

void session_keep_vault(struct session *session, struct action *action) {
    struct str name = fact_text_view(&action->outcome.conversation);
    if (action->vault == NULL || name.length == 0) return;
    if (vault_count(action->vault) == 0 && action->tool_count == 0) return;
    struct conversation_call call = conversation_call(session, action->vault, name);
    if (offload_run(OFFLOAD_STATE_WRITE, keep_conversation, &call, &call.error) == 0 && call.result == 0) return;
    log_warning("placeholders of a conversation cannot be kept, its next answer will show them as they are: %s",
                call.error.text);
}

const struct mask_plans *session_make_plans(struct session *session, struct action *action) {
    bool masks_requests = session->wire.protocol->masks_requests;
    struct vault *vault = action->vault = masks_requests ? open_vault(session, action) : NULL;
    if (masks_requests && vault == NULL) return NULL;
    struct mask_plans_options options = {
        .worker = session->worker->masks,
        .operators = session->login_snapshot->config->masking,
        .reveal_principal = action->verdict.reveal,
        .reveal_request = action->verdict.reveal_request,
        .reveal_url = action->verdict.reveal_url,
        .vault = vault,
        .key = &session->worker->gateway->box_key,
        .principal = session->principal_name,
        .upstream = session->upstream->name,
    };
    return mask_plans_new(&action->arena, &options);
}
