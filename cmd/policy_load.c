/* Files and folders, as the verbs of `sworn policy` read them. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cedar/est.h"
#include "cmd/policy.h"
#include "guard/bundle.h"

#define PATH_BYTES_MAX 4096

static bool is_links_path(const char *path) { return str_ends_with(str_from_cstr(path), BUNDLE_LINKS_SUFFIX); }

static int add_text(struct cedar_policy_set *set, struct str text, const struct cedar_naming *naming,
                    struct cedar_problem *problem) {
    if (!policy_is_json(text)) return cedar_policy_set_add(set, text, naming, problem);
    if (str_find(text, STR("\"effect\"")) == STR_NOT_FOUND ||
        str_find(text, STR("\"staticPolicies\"")) != STR_NOT_FOUND ||
        str_find(text, STR("\"templates\"")) != STR_NOT_FOUND) {
        return cedar_policy_set_load_json(set, text, problem);
    }
    return cedar_policy_set_add_json(set, text, STR("policy0"), problem);
}

static int load_file(struct cedar_policy_set *set, const char *path, struct str prefix, bool is_json) {
    struct buffer text;
    struct cedar_problem problem;
    const struct cedar_naming naming = {CEDAR_IDS_ANNOTATED, prefix, str_from_cstr(path)};
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = policy_read(path, &text);
    if (status == 0) {
        status = is_links_path(path) ? cedar_policy_set_link_json(set, buffer_view(&text), &problem)
                                     : add_text(set, buffer_view(&text), &naming, &problem);
        if (status != 0) policy_say_problem(path, buffer_view(&text), &problem, is_json);
    }
    buffer_free(&text);
    return status;
}

static int is_text_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.' && str_ends_with(str_from_cstr(entry->d_name), STR(".cedar"));
}

static int is_links_entry(const struct dirent *entry) {
    return entry->d_name[0] != '.' && is_links_path(entry->d_name);
}

/* All files of one kind; *count is that of the files. */
static int load_entries(struct cedar_policy_set *set, const char *folder, int (*is_wanted)(const struct dirent *),
                        int *count, bool is_json) {
    struct dirent **names;
    int status = 0;
    *count = scandir(folder, &names, is_wanted, alphasort);
    if (*count < 0) return command_fail(-1, "%s: %s", folder, strerror(errno));
    for (int i = 0; i < *count; i++) {
        char path[PATH_BYTES_MAX], prefix[300];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
        snprintf(prefix, sizeof(prefix), "%s#", names[i]->d_name);
        if (load_file(set, path, str_from_cstr(prefix), is_json) != 0) status = -1;
        free(names[i]);
    }
    free(names);
    return status;
}

static int load_folder(struct cedar_policy_set *set, const char *folder, bool is_json) {
    int text_count, link_count;
    if (load_entries(set, folder, is_text_entry, &text_count, is_json) != 0) return -1;
    if (text_count == 0) return command_fail(-1, "%s has no *.cedar file: everything would be denied", folder);
    return load_entries(set, folder, is_links_entry, &link_count, is_json);
}

/* x.links.json beside x.cedar, if it is there. */
static int load_links_beside(struct cedar_policy_set *set, const char *path, bool is_json) {
    char links[PATH_BYTES_MAX];
    struct str stem = str_from_cstr(path);
    if (!str_ends_with(stem, STR(".cedar"))) return 0;
    stem.length -= STR(".cedar").length;
    snprintf(links, sizeof(links), "%.*s%.*s", STR_ARGS(stem), STR_ARGS(BUNDLE_LINKS_SUFFIX));
    return access(links, F_OK) == 0 ? load_file(set, links, STR(""), is_json) : 0;
}

int policy_load(struct cedar_policy_set *set, const char *path, bool is_json) {
    struct stat status;
    if (strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode)) {
        return load_folder(set, path, is_json);
    }
    if (load_file(set, path, STR(""), is_json) != 0) return -1;
    return load_links_beside(set, path, is_json);
}

struct cedar_schema *policy_load_schema(const char *path, bool is_json) {
    struct cedar_schema *schema = NULL;
    struct cedar_problem problem;
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    if (policy_read(path, &text) == 0) {
        bool is_json_form = policy_is_json(buffer_view(&text));
        schema = cedar_schema_new(buffer_view(&text), is_json_form ? CEDAR_SCHEMA_JSON : CEDAR_SCHEMA_TEXT, &problem);
        if (schema == NULL) policy_say_problem(path, buffer_view(&text), &problem, is_json);
    }
    buffer_free(&text);
    return schema;
}

struct cedar_entities *policy_load_entities(const char *path, const struct cedar_schema *schema, bool is_json) {
    struct cedar_entities *entities = cedar_entities_new();
    struct cedar_problem problem;
    struct buffer text;
    buffer_init(&text, POLICY_BYTES_MAX);
    int status = path != NULL ? policy_read(path, &text) : 0;
    if (status == 0 &&
        ((path != NULL && cedar_entities_add_json_guided(entities, schema, buffer_view(&text), &problem) != 0) ||
         cedar_entities_finish_guided(entities, schema, &problem) != 0)) {
        status = -1;
        policy_say_problem(path != NULL ? path : "-", buffer_view(&text), &problem, is_json);
    }
    buffer_free(&text);
    if (status != 0) cedar_entities_free(&entities);
    return entities;
}
