/* sworn policy diff: what would a change of policies have changed? Every recorded decision is taken under both folders;
 * changes are counted by who, what and which policies, so that memory depends on how many kinds there are. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/map.h"
#include "cmd/policy.h"
#include "cmd/policy_evidence.h"

#define GROUPS_MAX 10000 /* kinds of changes; more are counted, not listed */
#define GROUPS_ARENA_BYTES (64u << 20)
#define KEY_BYTES_MAX (1u << 20)

enum group_kind { GROUP_VERDICT, GROUP_REVEAL };

struct group {
    enum group_kind kind;
    uint64_t count;
    struct str example; /* the first action */
    struct str principal;
    struct str old_verdict; /* GROUP_VERDICT */
    struct str new_verdict;
    struct str *policies;
    size_t policy_count;
    struct str source; /* GROUP_REVEAL */
    class_set masked;
    class_set revealed;
};

struct diff {
    struct policy_problems problems; /* first: policy_tell_problem() counts there */
    struct arena arena;
    struct map groups;
    struct buffer key;
    struct buffer old_verdict;
    struct buffer new_verdict;
    uint64_t changed;  /* decisions whose verdict changes */
    uint64_t reveals;  /* decisions that reveal other classes */
    uint64_t renamed;  /* decisions with the same verdict by other policies */
    uint64_t unlisted; /* changes of kinds beyond GROUPS_MAX */
};

/* ---- Grouping -------------------------------------------------------------------------------------------------- */

/* The group of diff->key; NULL where there is room for no more. *is_new: to be filled in. */
static struct group *find_group(struct diff *diff, bool *is_new) {
    struct group *group = map_get(&diff->groups, buffer_view(&diff->key));
    *is_new = false;
    if (group != NULL) return group;
    if (diff->groups.count == GROUPS_MAX || buffer_failed(&diff->key)) return NULL;
    struct str key = arena_copy(&diff->arena, buffer_view(&diff->key));
    group = key.data != NULL ? ARENA_NEW(&diff->arena, struct group) : NULL;
    if (group == NULL || map_set(&diff->groups, key, group) != 0) return NULL;
    *is_new = true;
    return group;
}

static void key_add(struct diff *diff, struct str part) {
    buffer_append_str(&diff->key, part);
    buffer_append_byte(&diff->key, 0);
}

static void begin_key(struct diff *diff, enum group_kind kind, struct str principal) {
    buffer_clear(&diff->key);
    buffer_append_byte(&diff->key, (uint8_t)kind);
    key_add(diff, principal);
}

/* A group that was just made, or one that counts one more. */
static struct group *count_change(struct diff *diff, enum group_kind kind, const struct replay_decision *decision) {
    bool is_new;
    struct group *group = find_group(diff, &is_new);
    if (group == NULL) {
        diff->unlisted++;
        return NULL;
    }
    group->count++;
    if (!is_new) return NULL;
    group->kind = kind;
    group->example = arena_copy(&diff->arena, decision->entry->action);
    group->principal = arena_copy(&diff->arena, decision->principal);
    return group;
}

/* Those that make the stricter of two verdicts; where nothing permits it, those that permitted it. */
static const struct verdict *responsible(const struct verdict *old, const struct verdict *new) {
    static const int strictness[] = {[VERDICT_ALLOW] = 0, [VERDICT_HOLD] = 1, [VERDICT_DENY] = 2};
    const struct verdict *stricter = strictness[old->kind] > strictness[new->kind] ? old : new;
    if (stricter->policy_count > 0) return stricter;
    return stricter == old ? new : old;
}

static void count_verdict(struct diff *diff, const struct replay_decision *decision) {
    const struct verdict *by = responsible(&decision->verdicts[0], &decision->verdicts[1]);
    diff->changed++;
    begin_key(diff, GROUP_VERDICT, decision->principal);
    key_add(diff, buffer_view(&diff->old_verdict));
    key_add(diff, buffer_view(&diff->new_verdict));
    for (size_t i = 0; i < by->policy_count; i++) key_add(diff, by->policies[i]);
    struct group *group = count_change(diff, GROUP_VERDICT, decision);
    if (group == NULL) return;
    group->old_verdict = arena_copy(&diff->arena, buffer_view(&diff->old_verdict));
    group->new_verdict = arena_copy(&diff->arena, buffer_view(&diff->new_verdict));
    group->policies = ARENA_NEW_ARRAY(&diff->arena, struct str, by->policy_count);
    if (group->policies == NULL) return;
    group->policy_count = by->policy_count;
    for (size_t i = 0; i < by->policy_count; i++) group->policies[i] = arena_copy(&diff->arena, by->policies[i]);
}

static void count_reveal(struct diff *diff, const struct replay_decision *decision) {
    class_set masked = decision->verdicts[0].reveal & ~decision->verdicts[1].reveal;
    class_set revealed = decision->verdicts[1].reveal & ~decision->verdicts[0].reveal;
    diff->reveals++;
    begin_key(diff, GROUP_REVEAL, decision->principal);
    key_add(diff, decision->source);
    buffer_append_u64be(&diff->key, masked);
    buffer_append_u64be(&diff->key, revealed);
    struct group *group = count_change(diff, GROUP_REVEAL, decision);
    if (group == NULL) return;
    group->source = arena_copy(&diff->arena, decision->source);
    group->masked = masked;
    group->revealed = revealed;
}

static int compare_sides(void *context, const struct replay_decision *decision, struct error *error) {
    struct diff *diff = context;
    const struct verdict *old = &decision->verdicts[0];
    const struct verdict *new = &decision->verdicts[1];
    (void)error;
    if (decision->repeats_hold) return 0; /* counted with its hold */
    buffer_clear(&diff->old_verdict);
    buffer_clear(&diff->new_verdict);
    policy_append_verdict(&diff->old_verdict, old);
    policy_append_verdict(&diff->new_verdict, new);
    if (!str_equal(buffer_view(&diff->old_verdict), buffer_view(&diff->new_verdict))) {
        count_verdict(diff, decision);
    } else if (!replay_names_equal(old->policies, old->policy_count, new->policies, new->policy_count)) {
        diff->renamed++;
    }
    if (old->kind == VERDICT_ALLOW && new->kind == VERDICT_ALLOW && old->reveal != new->reveal) {
        count_reveal(diff, decision);
    }
    return 0;
}

/* ---- Output ---------------------------------------------------------------------------------------------------- */

static int group_compare(const void *a, const void *b) {
    const struct group *first = *(const struct group *const *)a;
    const struct group *second = *(const struct group *const *)b;
    if (first->kind != second->kind) return first->kind < second->kind ? -1 : 1;
    if (first->count != second->count) return first->count > second->count ? -1 : 1;
    int order = str_compare(first->principal, second->principal);
    return order != 0 ? order : str_compare(first->example, second->example);
}

/* All groups, verdicts first, the most frequent first. NULL: out of memory. */
static struct group **sort_groups(const struct diff *diff) {
    struct group **sorted = calloc(diff->groups.count + 1, sizeof(*sorted));
    size_t cursor = 0;
    size_t count = 0;
    struct str key;
    void *group;
    if (sorted == NULL) return NULL;
    while (map_next(&diff->groups, &cursor, &key, &group)) sorted[count++] = group;
    if (count > 1) qsort(sorted, count, sizeof(*sorted), group_compare);
    return sorted;
}

static void add_cell(struct table *table, struct buffer *cell) {
    table_add(table, buffer_view(cell));
    buffer_clear(cell);
}

static void add_row(struct table *table, const struct group *group, struct buffer *cell) {
    buffer_append_u64_decimal(cell, group->count);
    add_cell(table, cell);
    table_add(table, group->principal);
    if (group->kind == GROUP_VERDICT) {
        table_add(table, group->old_verdict);
        table_add(table, group->new_verdict);
        policy_append_names(cell, group->policies, group->policy_count);
    } else {
        table_add(table, group->source);
        policy_append_classes(cell, group->masked);
        add_cell(table, cell);
        policy_append_classes(cell, group->revealed);
    }
    add_cell(table, cell);
    table_add(table, group->example);
}

static void print_table(const struct diff *diff, struct group **sorted, enum group_kind kind) {
    static const char *const headings[][6] = {
        [GROUP_VERDICT] = {"COUNT", "WHO", "NOW", "WOULD BE", "BY POLICY", "FOR INSTANCE"},
        [GROUP_REVEAL] = {"COUNT", "WHO", "FROM", "WOULD BE MASKED", "WOULD BE REVEALED", "FOR INSTANCE"}};
    struct table table;
    struct buffer cell;
    buffer_init(&cell, KEY_BYTES_MAX);
    table_init(&table, LENGTH_OF(headings[0]), 80);
    for (size_t i = 0; i < LENGTH_OF(headings[0]); i++) table_add(&table, str_from_cstr(headings[kind][i]));
    for (size_t i = 0; i < diff->groups.count; i++) {
        if (sorted[i]->kind == kind) add_row(&table, sorted[i], &cell);
    }
    table_print(&table, stdout);
    putchar('\n');
    buffer_free(&cell);
}

static void print_groups(const struct diff *diff, struct group **sorted, const struct replay_summary *summary) {
    if (diff->changed > 0) print_table(diff, sorted, GROUP_VERDICT);
    if (diff->reveals > 0) print_table(diff, sorted, GROUP_REVEAL);
    printf("%" PRIu64 " decisions: %" PRIu64 " would change, %" PRIu64 " would reveal other classes\n",
           summary->decisions, diff->changed, diff->reveals);
    if (diff->renamed > 0) {
        printf("%" PRIu64 " would have the same verdict, by other policies\n", diff->renamed);
    }
    if (diff->unlisted > 0) {
        printf("%" PRIu64 " changes are not listed: there are more than %d kinds of them\n", diff->unlisted, GROUPS_MAX);
    }
    if (summary->undecided > 0) printf("%" PRIu64 " actions were refused before policy was asked\n", summary->undecided);
    if (summary->failed > 0) printf("%" PRIu64 " decisions could not be taken again\n", summary->failed);
    if (summary->sealed > 0) printf("%" PRIu64 " decisions need the sealed text of their action\n", summary->sealed);
}

static void write_group(struct json_writer *writer, const struct group *group) {
    json_begin_object(writer);
    json_member_string(writer, STR("change"), group->kind == GROUP_VERDICT ? STR("verdict") : STR("reveal"));
    json_member_integer(writer, STR("count"), (int64_t)group->count);
    json_member_string(writer, STR("example"), group->example);
    if (group->kind == GROUP_VERDICT) {
        json_member_string(writer, STR("new"), group->new_verdict);
        json_member_string(writer, STR("old"), group->old_verdict);
        policy_write_names(writer, STR("policies"), group->policies, group->policy_count);
        json_member_string(writer, STR("principal"), group->principal);
    } else {
        policy_write_classes(writer, STR("masked"), group->masked);
        json_member_string(writer, STR("principal"), group->principal);
        policy_write_classes(writer, STR("revealed"), group->revealed);
        json_member_string(writer, STR("source"), group->source);
    }
    json_end_object(writer);
}

static void print_json(const struct diff *diff, struct group **sorted, const struct replay_summary *summary) {
    struct buffer line;
    buffer_init(&line, KEY_BYTES_MAX);
    for (size_t i = 0; i < diff->groups.count; i++) {
        struct json_writer writer;
        buffer_clear(&line);
        json_writer_init(&writer, &line);
        write_group(&writer, sorted[i]);
        printf("%.*s\n", (int)buffer_length(&line), buffer_view(&line).data);
    }
    printf("{\"changed\":%" PRIu64 ",\"decisions\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"other_policies\":%" PRIu64
           ",\"reveals\":%" PRIu64 ",\"sealed\":%" PRIu64 ",\"undecided\":%" PRIu64 ",\"unlisted\":%" PRIu64 "}\n",
           diff->changed, summary->decisions, summary->failed, diff->renamed, diff->reveals, summary->sealed,
           summary->undecided, diff->unlisted);
    buffer_free(&line);
}

/* ---- The run --------------------------------------------------------------------------------------------------- */

static int show_changes(const struct diff *diff, const struct replay_summary *summary, bool as_json) {
    struct group **sorted = sort_groups(diff);
    if (sorted == NULL) return command_fail(COMMAND_USAGE, "out of memory");
    if (as_json) print_json(diff, sorted, summary);
    else print_groups(diff, sorted, summary);
    free(sorted);
    if (summary->failed > 0 || summary->sealed > 0) return COMMAND_USAGE;
    return diff->changed > 0 || diff->reveals > 0 ? COMMAND_NO : COMMAND_OK;
}

static int diff_run(const struct replay_options *options, bool as_json) {
    struct diff diff = {.changed = 0};
    struct replay_summary summary;
    struct error error;
    arena_init(&diff.arena, GROUPS_ARENA_BYTES);
    map_init(&diff.groups);
    buffer_init(&diff.key, KEY_BYTES_MAX);
    buffer_init(&diff.old_verdict, KEY_BYTES_MAX);
    buffer_init(&diff.new_verdict, KEY_BYTES_MAX);
    int result = replay_run(options, compare_sides, policy_tell_problem, &diff, &summary, &error);
    int status = result == 0 ? show_changes(&diff, &summary, as_json) : command_fail_error(COMMAND_USAGE, &error);
    buffer_free(&diff.new_verdict);
    buffer_free(&diff.old_verdict);
    buffer_free(&diff.key);
    map_free(&diff.groups);
    arena_free(&diff.arena);
    return status;
}

int policy_diff(int argc, char **argv) {
    const char *config = NULL;
    const char *evidence = NULL;
    bool as_json = false;
    const struct command_option options[] = {
        {"--against", "DIR", "evidence folder (default: the configuration's)", &evidence, NULL},
        COMMAND_OPTION_CONFIG(&config),
        {"--json", NULL, "print one JSON object a line, the summary last", NULL, &as_json}};
    const struct command_usage usage = {
        "policy diff", "OLD NEW",
        "Decides every recorded action under two folders of policies, and lists what would change: for whom, by which\n"
        "policy, how often, with one action as an example; and which data classes would become masked or revealed. Exit\n"
        "status 0: nothing changes, 1: something does, 2: some could not be decided.",
        options, LENGTH_OF(options), 2, 2};
    int count;
    struct policy_place place;
    int status = command_parse(&usage, argc, argv, &count);
    if (status >= 0) return status;
    status = policy_place_open(&place, evidence, config);
    if (status == COMMAND_OK) {
        struct replay_options run = policy_place_options(&place);
        run.sides[0] = argv[0];
        run.sides[1] = argv[1];
        run.side_count = 2;
        status = diff_run(&run, as_json);
    }
    policy_place_close(&place);
    return status;
}
