/* What the verbs of `sworn policy` share: reading policies, entities and requests, and saying what is wrong with them,
 * with the line and a caret below the place. With --json a problem is one object {"error": {...}} on stdout. */
#ifndef SWORN_CMD_POLICY_H
#define SWORN_CMD_POLICY_H

#include "cedar/cedar.h"
#include "cmd/command.h"

#define POLICY_BYTES_MAX ((size_t)CEDAR_TEXT_BYTES_MAX)

/* The file's bytes, or stdin for "-". -1 when it cannot be read, which is said. */
int policy_read(const char *path, struct buffer *text) MUST_USE;
/* Returns COMMAND_NO. */
int policy_say_problem(const char *path, struct str text, const struct cedar_problem *problem, bool is_json);
/* The same of anything that has a place. */
struct policy_saying {
    const char *path;
    struct str text; /* of the file; may be empty */
    const char *code;
    struct cedar_span span;
    uint32_t line;
    uint32_t column;
    struct str message;
    const char *severity; /* "error", "warning" */
};
void policy_say(const struct policy_saying *saying, bool is_json);
/* Adds a file of policies (text, one JSON policy or a JSON policy set) with the links beside it (x.links.json of
 * x.cedar), or all *.cedar and *.links.json files of a folder. Ids are those of @id; without one `policy` and a number,
 * behind `<file>#` where a folder is read, as in a bundle. -1: it was said why not, of every file. */
int policy_load(struct cedar_policy_set *set, const char *path, bool is_json) MUST_USE;
/* The schema in a file, in either form: JSON begins with `{`. NULL: it was said why not. */
struct cedar_schema *policy_load_schema(const char *path, bool is_json) MUST_USE;
/* path may be NULL: no entities; schema may be NULL: then they are not checked. Finished. NULL: it was said why not. */
struct cedar_entities *policy_load_entities(const char *path, const struct cedar_schema *schema, bool is_json) MUST_USE;
/* Appends YAML as JSON: one document; plain scalars true, false, null and integers are those, all else is a string. */
int policy_yaml_to_json(struct str yaml, struct buffer *json, struct error *error) MUST_USE;
bool policy_is_json(struct str text); /* begins with `{` or `[` */
void policy_print(const struct buffer *out); /* to stdout */

int policy_check(int argc, char **argv);
int policy_schema(int argc, char **argv);
int policy_format(int argc, char **argv);
int policy_translate(int argc, char **argv);
int policy_link(int argc, char **argv);
int policy_authorize(int argc, char **argv);
int policy_explain(int argc, char **argv);
int policy_visualize(int argc, char **argv);
int policy_test(int argc, char **argv);
int policy_replay(int argc, char **argv);
int policy_diff(int argc, char **argv);

#endif
