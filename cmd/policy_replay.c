/* sworn policy replay: do recorded actions get the same verdicts again? And what it shares with diff. */
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/policy.h"
#include "cmd/policy_evidence.h"
#include "ledger/seal.h"

#define LINE_BYTES_MAX (1u << 20)

/* ---- The place ------------------------------------------------------------------------------------------------- */

int policy_place_open(struct policy_place *place, const char *evidence, const char *config) {
    struct error error;
    struct stat status;
    *place = (struct policy_place){.evidence = evidence};
    if (evidence == NULL || config != NULL) {
        place->config = config_load_for_command(command_config_path(config), &error);
        if (place->config == NULL) return command_fail_error(COMMAND_USAGE, &error);
    }
    if (evidence == NULL) place->evidence = place->config->ledger.directory.data;
    if (stat(place->evidence, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return command_fail(COMMAND_USAGE, "%s: there is no such folder", place->evidence);
    }
    const char *key_path = place->config != NULL ? place->config->ledger.sealed_key.data : NULL;
    if (key_path == NULL || access(key_path, R_OK) != 0) return COMMAND_OK;
    if (seal_kek_load(key_path, false, &place->key, &error) != 0) return command_fail_error(COMMAND_USAGE, &error);
    return COMMAND_OK;
}

void policy_place_close(struct policy_place *place) {
    secret_wipe(&place->key);
    config_free(&place->config);
}

struct replay_options policy_place_options(const struct policy_place *place) {
    return (struct replay_options){
        .evidence = place->evidence,
        .sealed = place->config != NULL ? place->config->ledger.sealed.data : NULL,
        .kek = secret_view(&place->key),
    };
}

/* ---- Words ----------------------------------------------------------------------------------------------------- */

void policy_append_names(struct buffer *out, const struct str *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i != 0) buffer_append_cstr(out, ", ");
        buffer_append_str(out, names[i]);
    }
}

void policy_append_verdict(struct buffer *out, const struct verdict *verdict) {
    buffer_append_str(out, verdict_kind_name(verdict->kind));
    if (verdict->kind == VERDICT_DENY && verdict->policy_count == 0) buffer_append_cstr(out, " (nothing permits it)");
    if (verdict->kind != VERDICT_HOLD || verdict->remedy_count == 0) return;
    buffer_append_cstr(out, " (");
    policy_append_names(out, verdict->remedies, verdict->remedy_count);
    buffer_append_byte(out, ')');
}

void policy_append_classes(struct buffer *out, class_set classes) {
    bool is_first = true;
    if (classes == 0 || classes == CLASS_SET_ALL) {
        buffer_append_cstr(out, classes == 0 ? "none" : "all");
        return;
    }
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        if (!class_set_has(classes, (enum data_class)class)) continue;
        if (!is_first) buffer_append_cstr(out, ", ");
        buffer_append_cstr(out, class_name((enum data_class)class));
        is_first = false;
    }
}

void policy_write_names(struct json_writer *writer, struct str key, const struct str *names, size_t count) {
    json_key(writer, key);
    json_begin_array(writer);
    for (size_t i = 0; i < count; i++) json_write_string(writer, names[i]);
    json_end_array(writer);
}

void policy_write_classes(struct json_writer *writer, struct str key, class_set classes) {
    json_key(writer, key);
    json_begin_array(writer);
    for (unsigned class = 0; class < CLASS_MAX; class++) {
        if (!class_set_has(classes, (enum data_class)class)) continue;
        json_write_string(writer, str_from_cstr(class_name((enum data_class)class)));
    }
    json_end_array(writer);
}

void policy_tell_problem(void *context, struct str action, const char *text) {
    struct policy_problems *problems = context;
    if (problems->count++ < POLICY_PROBLEMS_MAX) {
        fprintf(stderr, "sworn: action %.*s cannot be decided again: %s\n", STR_ARGS(action), text);
    } else if (problems->count == POLICY_PROBLEMS_MAX + 1) {
        fprintf(stderr, "sworn: there are more of these\n");
    }
}

/* ---- Replay ---------------------------------------------------------------------------------------------------- */

struct replay_view {
    struct policy_problems problems; /* first: policy_tell_problem() counts there */
    struct buffer line;
    bool as_json;
    uint64_t differing;
};

static const struct {
    unsigned bit;
    struct str name;
} difference_names[] = {{REPLAY_VERDICT, {"verdict", 7}},
                        {REPLAY_POLICIES, {"policies", 8}},
                        {REPLAY_ERRORS, {"errors", 6}},
                        {REPLAY_REMEDIES, {"remedies", 8}},
                        {REPLAY_REVEAL, {"reveal", 6}},
                        {REPLAY_ROWS_MAX, {"rows_max", 8}},
                        {REPLAY_EVIDENCE, {"evidence", 8}}};

/* What was recorded, in the form of a verdict. */
static struct verdict recorded_verdict(const struct replay_decision *decision) {
    const struct replay_entry *entry = decision->entry;
    return (struct verdict){
        .kind = decision->recorded,
        .policies = entry->policies, .policy_count = entry->policy_count,
        .errors = entry->errors, .error_count = entry->error_count,
        .remedies = entry->remedies, .remedy_count = entry->remedy_count,
        .reveal = entry->reveal, .reveal_request = entry->reveal_request,
        .rows_max = entry->rows_max,
    };
}

static void append_side(struct buffer *out, const struct verdict *verdict, unsigned differences) {
    policy_append_verdict(out, verdict);
    if (verdict->policy_count > 0) buffer_append_cstr(out, " by ");
    policy_append_names(out, verdict->policies, verdict->policy_count);
    if ((differences & REPLAY_ERRORS) != 0) {
        buffer_append_cstr(out, verdict->error_count > 0 ? ", in error: " : ", no errors");
        policy_append_names(out, verdict->errors, verdict->error_count);
    }
    if ((differences & REPLAY_ROWS_MAX) != 0) buffer_append_format(out, ", rows_max %" PRIu64, verdict->rows_max);
    if ((differences & REPLAY_REVEAL) == 0) return;
    buffer_append_cstr(out, ", reveals ");
    policy_append_classes(out, verdict->reveal);
    buffer_append_cstr(out, ", to the upstream ");
    policy_append_classes(out, verdict->reveal_request);
}

static void write_side(struct json_writer *writer, struct str key, const struct verdict *verdict) {
    json_key(writer, key);
    json_begin_object(writer);
    policy_write_names(writer, STR("errors"), verdict->errors, verdict->error_count);
    policy_write_names(writer, STR("policies"), verdict->policies, verdict->policy_count);
    policy_write_names(writer, STR("remedies"), verdict->remedies, verdict->remedy_count);
    policy_write_classes(writer, STR("reveal"), verdict->reveal);
    policy_write_classes(writer, STR("reveal_request"), verdict->reveal_request);
    if (verdict->rows_max > 0) json_member_integer(writer, STR("rows_max"), (int64_t)verdict->rows_max);
    json_member_string(writer, STR("verdict"), verdict_kind_name(verdict->kind));
    json_end_object(writer);
}

static void write_difference(struct buffer *out, const struct replay_decision *decision, const struct verdict *was,
                             unsigned differences) {
    struct json_writer writer;
    json_writer_init(&writer, out);
    json_begin_object(&writer);
    json_member_string(&writer, STR("action"), decision->entry->action);
    json_key(&writer, STR("differs"));
    json_begin_array(&writer);
    for (size_t i = 0; i < LENGTH_OF(difference_names); i++) {
        if ((differences & difference_names[i].bit) != 0) json_write_string(&writer, difference_names[i].name);
    }
    json_end_array(&writer);
    write_side(&writer, STR("now"), &decision->verdicts[0]);
    json_member_string(&writer, STR("principal"), decision->principal);
    write_side(&writer, STR("was"), was);
    json_end_object(&writer);
}

static void append_difference(struct buffer *out, const struct replay_decision *decision, const struct verdict *was,
                              unsigned differences) {
    buffer_append_format(out, "%.*s  %.*s  was ", STR_ARGS(decision->entry->action), STR_ARGS(decision->principal));
    append_side(out, was, differences);
    buffer_append_cstr(out, "; now ");
    append_side(out, &decision->verdicts[0], differences);
    for (size_t i = out->start; i < out->end; i++) {
        if ((uint8_t)out->data[i] < 0x20 || out->data[i] == 0x7f) out->data[i] = ' '; /* nothing moves the cursor */
    }
}

static int show_difference(void *context, const struct replay_decision *decision, struct error *error) {
    struct replay_view *view = context;
    unsigned differences = replay_entry_compare(decision->entry, decision->recorded, &decision->verdicts[0]);
    (void)error;
    if (differences == 0) return 0;
    struct verdict was = recorded_verdict(decision);
    view->differing++;
    buffer_clear(&view->line);
    if (view->as_json) write_difference(&view->line, decision, &was, differences);
    else append_difference(&view->line, decision, &was, differences);
    struct str line = buffer_view(&view->line);
    fwrite(line.data, 1, line.length, stdout);
    putchar('\n');
    return 0;
}

static void show_summary(const struct replay_view *view, const struct replay_summary *summary) {
    if (view->as_json) {
        printf("{\"decisions\":%" PRIu64 ",\"differ\":%" PRIu64 ",\"entries\":%" PRIu64 ",\"failed\":%" PRIu64
               ",\"sealed\":%" PRIu64 ",\"undecided\":%" PRIu64 "}\n",
               summary->decisions, view->differing, summary->entries, summary->failed, summary->sealed,
               summary->undecided);
        return;
    }
    printf("%" PRIu64 " decisions taken again: ", summary->decisions);
    if (view->differing == 0) printf("all the same\n");
    else printf("%" PRIu64 " differ\n", view->differing);
    if (summary->undecided > 0) printf("%" PRIu64 " actions were refused before policy was asked\n", summary->undecided);
    if (summary->failed > 0) printf("%" PRIu64 " decisions could not be taken again\n", summary->failed);
    if (summary->sealed > 0) printf("%" PRIu64 " decisions need the sealed text of their action\n", summary->sealed);
}

static int replay(const struct replay_options *options, bool as_json) {
    struct replay_view view = {.as_json = as_json};
    struct replay_summary summary;
    struct error error;
    buffer_init(&view.line, LINE_BYTES_MAX);
    int result = replay_run(options, show_difference, policy_tell_problem, &view, &summary, &error);
    buffer_free(&view.line);
    if (result != 0) return command_fail_error(COMMAND_USAGE, &error);
    show_summary(&view, &summary);
    if (summary.failed > 0 || summary.sealed > 0) return COMMAND_USAGE;
    return view.differing > 0 ? COMMAND_NO : COMMAND_OK;
}

int policy_replay(int argc, char **argv) {
    const char *config = NULL;
    const char *evidence = NULL;
    const char *policies = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        {"--evidence", "DIR", "evidence folder (default: the configuration's)", &evidence, NULL},
        COMMAND_OPTION_CONFIG(&config),
        {"--policies", "DIR", "decide under these policies instead of the recorded ones", &policies, NULL},
        {"--json", NULL, "print one JSON object a line, the summary last", NULL, &as_json}};
    const struct command_usage usage = {
        "policy replay", "",
        "Decides every recorded action again, with the policies and the principals that the evidence holds, and lists\n"
        "those that come out differently. --config opens policy texts that were sealed. Exit status 0: all the same, 1:\n"
        "some differ, 2: some could not be decided.",
        options, LENGTH_OF(options), 0, 0};
    int count;
    struct policy_place place;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = policy_place_open(&place, evidence, config);
    if (status == COMMAND_OK) {
        struct replay_options run = policy_place_options(&place);
        run.sides[0] = policies;
        run.side_count = 1;
        status = replay(&run, as_json);
    }
    policy_place_close(&place);
    return status;
}
