/* A bundle: the policies in force and the entities they speak of, by hash.
 *
 * Loaded from a folder of *.cedar files, which are taken in bytewise order of their names, and then of *.links.json
 * files, each an array of links of templates as in Cedar's `templateLinks`: {templateId, newId, values}. A policy's id is
 * its `@id`, else "<file>#policy<n>" (n counts the file's statements from 0); a link's id is its newId. A template decides
 * nothing, its links do. The hash of a bundle, over both kinds of files, in every evidence entry:
 *
 *     file hash   = SHA-256(contents)
 *     bundle hash = SHA-256(name_1 NUL file hash_1  name_2 NUL file hash_2 ...)     names sorted bytewise, 32 raw bytes
 *
 * What a bundle decides depends on its entities, too: the principals, resources and operations of the config. They are
 * rows of canonical JSON (guard/bundle_rows.h), and
 *
 *     entities hash = SHA-256(row_1 LF row_2 LF ...)
 *
 * A bundle is immutable and counts its holders. bundle_load() blocks and needs a big stack (a helper thread). */
#ifndef SWORN_GUARD_BUNDLE_H
#define SWORN_GUARD_BUNDLE_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "cedar/cedar.h"
#include "guard/identity.h"

#define BUNDLE_FILES_MAX 4096
#define BUNDLE_PROBLEMS_MAX 1000
#define BUNDLE_REMEDY_COUNT_MAX 16 /* approvals that one remedy may ask for */
#define BUNDLE_REMEDY_BYTES_MAX 128

/* What the config says of resources. Strings are copied by bundle_load(). */
struct bundle_upstream {
    struct str name;
    struct str environment;
    struct str type; /* its entity type; empty: Database */
    const struct str *labels;
    size_t label_count;
};

/* Something within an upstream that has labels. */
struct bundle_resource {
    struct str upstream;
    struct str name; /* "public.customers": the id behind "<environment>/<upstream>/" */
    struct str type; /* its entity type; empty: Table */
    const struct str *labels;
    size_t label_count;
};

/* A file that stands elsewhere than in a folder: in the evidence log. */
struct bundle_text {
    struct str name;
    struct str text;
};

struct bundle_source {
    const char *directory;
    const struct bundle_text *texts; /* instead of the folder's files when not NULL; directory then names them */
    size_t text_count;
    const struct identity *identity;
    const struct bundle_upstream *upstreams;
    size_t upstream_count;
    const struct bundle_resource *resources;
    size_t resource_count;
    const struct str *verbs; /* of the config's own operations: actions in the group "http" */
    size_t verb_count;
};

struct bundle_file {
    struct str name; /* without its folder */
    struct str text;
    struct sha256 hash;
};

struct bundle_problem {
    struct str file;
    struct str source; /* the file's text, borrowed from the policies; empty when there is none */
    const char *code;  /* cedar_code_name(), "bad_remedy", "bad_rows_max", "empty_id", "unlinked_template" */
    struct cedar_span span;
    uint32_t line; /* from 1; 0: the file as a whole */
    uint32_t column;
    struct str text;
    bool is_warning;
};

/* Every problem that was found, in order of file and line; in an arena of its own. */
struct bundle_problems {
    struct arena arena;
    struct bundle_problem *items;
    size_t count;
};

void bundle_problems_init(struct bundle_problems *problems);
void bundle_problems_free(struct bundle_problems *problems);

struct bundle;

/* NULL on error; the error tells the first problem and how many there are, *problems (may be NULL) all of them. One
 * holder: the caller. */
struct bundle *bundle_load(const struct bundle_source *source, struct bundle_problems *problems, struct error *error)
    MUST_USE;
/* Appends what is wrong with the policies of a bundle by sworn's own schema (guard/policy_schema.h): names, attributes and
 * types that are none, and warnings. A bundle decides without this, since the evidence replays bundles of the past.
 * Blocks, needs a big stack. -1: it could not be said. */
int bundle_validate(const struct bundle *bundle, struct bundle_problems *problems, struct error *error) MUST_USE;

/* Both for policies that are in no bundle, too; a problem's file is cedar_policy_file(). What a policy that parses may
 * still not be, by sworn's own rules: */
void bundle_lint_policy(const struct cedar_policy *policy, struct bundle_problems *problems);
/* What the schema says of the policies, and which templates have no links. */
int bundle_validate_policies(const struct cedar_policy_set *policies, const struct cedar_schema *schema,
                             struct bundle_problems *problems, struct error *error) MUST_USE;

#define BUNDLE_LINKS_SUFFIX STR(".links.json") /* of the files that are not Cedar text */
struct bundle *bundle_hold(struct bundle *bundle);
void bundle_release(struct bundle **bundle);

const struct sha256 *bundle_hash(const struct bundle *bundle);
const struct sha256 *bundle_entities_hash(const struct bundle *bundle);
struct str bundle_entities(const struct bundle *bundle); /* the rows, each with its LF */
size_t bundle_file_count(const struct bundle *bundle);
const struct bundle_file *bundle_file_at(const struct bundle *bundle, size_t index);
size_t bundle_policy_count(const struct bundle *bundle);
/* data == NULL: there is no such policy, or it has none of that key. Borrowed from the bundle. */
struct str bundle_policy_annotation(const struct bundle *bundle, struct str policy_id, struct str key);

/* "approve:<group>[:<count>]": group is not empty and has no ':', count 1 to BUNDLE_REMEDY_COUNT_MAX (default 1). */
struct remedy {
    struct str group;
    uint32_t count;
};
int remedy_parse(struct str token, struct remedy *remedy, struct error *error) MUST_USE;

/* What @rows_max of a permit says: rows of the answer that leave at most, 1 to BUNDLE_ROWS_MAX. */
#define BUNDLE_ROWS_MAX 1000000000000ull
int rows_max_parse(struct str text, uint64_t *rows_max, struct error *error) MUST_USE;

#endif
