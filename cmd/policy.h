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
/* Adds a file of policies (text, one JSON policy or a JSON policy set), or all *.cedar files of a folder. Ids are those
 * of @id; without one `policy` and a number, behind the file's name where a folder is read. -1: it was said why not. */
int policy_load(struct cedar_policy_set *set, const char *path, bool is_json) MUST_USE;
/* path may be NULL: no entities. Finished. NULL: it was said why not. */
struct cedar_entities *policy_load_entities(const char *path, bool is_json) MUST_USE;
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
