/* Loading a folder of policies, and the life of what comes of it. */
#include "guard/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cedar/est.h"
#include "guard/bundle_rows.h"
#include "guard/policy_entities.h"

#define BUNDLE_ARENA_BYTES (1024u << 20)
#define BUNDLE_FILE_BYTES_MAX (16u << 20)
#define BUNDLE_PROBLEM_ARENA_BYTES (4u << 20)

void bundle_problems_init(struct bundle_problems *problems) {
    *problems = (struct bundle_problems){.items = NULL};
    arena_init(&problems->arena, BUNDLE_PROBLEM_ARENA_BYTES);
}

void bundle_problems_free(struct bundle_problems *problems) {
    arena_free(&problems->arena);
    problems->items = NULL;
    problems->count = 0;
}

void bundle_add_problem(struct bundle_problems *problems, const struct bundle_problem *place, const char *format, ...) {
    if (problems->items == NULL) {
        problems->items = ARENA_NEW_ARRAY(&problems->arena, struct bundle_problem, BUNDLE_PROBLEMS_MAX);
    }
    if (problems->items == NULL || problems->count == BUNDLE_PROBLEMS_MAX) return;
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    struct bundle_problem *problem = &problems->items[problems->count++];
    *problem = *place;
    problem->file = arena_copy(&problems->arena, place->file);
    problem->text = arena_copy(&problems->arena, str_from_cstr(text));
}

/* ---- Reading files ------------------------------------------------------------------------------------------- */

static int file_compare(const void *a, const void *b) {
    return str_compare(((const struct bundle_file *)a)->name, ((const struct bundle_file *)b)->name);
}

static bool is_links_name(struct str name) { return str_ends_with(name, BUNDLE_LINKS_SUFFIX); }

static int bundle_list_files(struct bundle *bundle, const char *directory, struct error *error) {
    DIR *folder = opendir(directory);
    if (folder == NULL) return error_set_errno(error, "cannot read the policies in %s", directory);
    bundle->files = ARENA_NEW_ARRAY(&bundle->arena, struct bundle_file, BUNDLE_FILES_MAX);
    int status = bundle->files != NULL ? 0 : error_out_of_memory(error);
    size_t text_count = 0;
    const struct dirent *entry;
    while (status == 0 && (entry = readdir(folder)) != NULL) {
        struct str name = str_from_cstr(entry->d_name);
        if (name.data[0] == '.' || (!str_ends_with(name, STR(".cedar")) && !is_links_name(name))) continue;
        if (bundle->file_count == BUNDLE_FILES_MAX) {
            status = error_set(error, ERROR_LIMIT, "%s has more than %d policy files", directory, BUNDLE_FILES_MAX);
            break;
        }
        struct bundle_file *file = &bundle->files[bundle->file_count++];
        file->name = arena_copy(&bundle->arena, name);
        if (file->name.data == NULL) status = error_out_of_memory(error);
        text_count += !is_links_name(name);
    }
    closedir(folder);
    if (status != 0) return -1;
    if (text_count == 0) {
        return error_set(error, ERROR_INVALID, "%s has no *.cedar file: everything would be denied", directory);
    }
    qsort(bundle->files, bundle->file_count, sizeof(*bundle->files), file_compare);
    return 0;
}

static int bundle_read_file(struct bundle *bundle, const char *directory, struct bundle_file *file,
                            struct error *error) {
    char path[4096];
    if (snprintf(path, sizeof(path), "%s/%s", directory, file->name.data) >= (int)sizeof(path)) {
        return error_set(error, ERROR_LIMIT, "the path of the policies is too long");
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return error_set_errno(error, "cannot read %s", path);
    struct buffer text;
    buffer_init(&text, BUNDLE_FILE_BYTES_MAX);
    ssize_t length = 0;
    do {
        char *room = buffer_reserve(&text, 16u << 10);
        length = room != NULL ? read(fd, room, 16u << 10) : 0;
        if (length > 0) buffer_commit(&text, (size_t)length);
    } while (length > 0);
    int status = length < 0 ? error_set_errno(error, "cannot read %s", path) : 0;
    close(fd);
    if (status == 0 && buffer_failed(&text)) {
        status = error_set(error, ERROR_LIMIT, "%s is longer than %u bytes", path, BUNDLE_FILE_BYTES_MAX);
    }
    if (status == 0) {
        file->text = arena_copy(&bundle->arena, buffer_view(&text));
        file->hash = sha256_of(buffer_view(&text));
        if (file->text.data == NULL) status = error_out_of_memory(error);
    }
    buffer_free(&text);
    return status;
}

static int bundle_read_folder(struct bundle *bundle, const char *directory, struct error *error) {
    if (bundle_list_files(bundle, directory, error) != 0) return -1;
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (bundle_read_file(bundle, directory, &bundle->files[i], error) != 0) return -1;
    }
    return 0;
}

static int bundle_take_texts(struct bundle *bundle, const struct bundle_source *source, struct error *error) {
    if (source->text_count == 0 || source->text_count > BUNDLE_FILES_MAX) {
        return error_set(error, ERROR_LIMIT, "%s has not 1 to %d policy files", source->directory, BUNDLE_FILES_MAX);
    }
    bundle->files = ARENA_NEW_ARRAY(&bundle->arena, struct bundle_file, source->text_count);
    if (bundle->files == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < source->text_count; i++) {
        struct bundle_file *file = &bundle->files[bundle->file_count++];
        file->name = arena_copy(&bundle->arena, source->texts[i].name);
        file->text = arena_copy(&bundle->arena, source->texts[i].text);
        file->hash = sha256_of(file->text);
        if (file->name.data == NULL || file->text.data == NULL) return error_out_of_memory(error);
    }
    qsort(bundle->files, bundle->file_count, sizeof(*bundle->files), file_compare);
    return 0;
}

static int bundle_compute_hash(struct bundle *bundle, struct error *error) {
    struct str *parts = ARENA_NEW_ARRAY(&bundle->arena, struct str, bundle->file_count * 2);
    if (parts == NULL) return error_out_of_memory(error);
    for (size_t i = 0; i < bundle->file_count; i++) {
        const struct bundle_file *file = &bundle->files[i];
        parts[2 * i] = str_make(file->name.data, file->name.length + 1); /* arena_copy() put a NUL behind it */
        parts[2 * i + 1] = str_make(file->hash.bytes, SHA256_BYTES);
    }
    bundle->hash = sha256_of_parts(parts, bundle->file_count * 2);
    return 0;
}

/* ---- Policies ------------------------------------------------------------------------------------------------ */

static int bundle_add_file(struct bundle *bundle, const struct bundle_file *file, struct bundle_problems *problems,
                           struct error *error) {
    size_t before = cedar_policy_set_count(bundle->policies);
    struct cedar_naming naming = {
        .ids = CEDAR_IDS_ANNOTATED,
        .prefix = arena_format(&bundle->arena, "%.*s#", STR_ARGS(file->name)),
        .file = file->name,
    };
    if (naming.prefix.data == NULL) return error_out_of_memory(error);
    struct cedar_problem problem = {0};
    int status = is_links_name(file->name) ? cedar_policy_set_link_json(bundle->policies, file->text, &problem)
                                           : cedar_policy_set_add(bundle->policies, file->text, &naming, &problem);
    if (status != 0) {
        const struct bundle_problem place = {.file = file->name,
                                             .code = cedar_code_name(problem.code),
                                             .span = problem.span,
                                             .line = problem.line,
                                             .column = problem.column};
        bundle_add_problem(problems, &place, "%s", problem.text);
    }
    for (size_t i = before; i < cedar_policy_set_count(bundle->policies); i++) {
        bundle_lint_policy(cedar_policy_set_at(bundle->policies, i), problems);
    }
    return 0;
}

/* Links go after all templates, whatever their files are called. */
static int bundle_add_files(struct bundle *bundle, bool are_links, struct bundle_problems *problems,
                            struct error *error) {
    for (size_t i = 0; i < bundle->file_count; i++) {
        if (is_links_name(bundle->files[i].name) != are_links) continue;
        if (bundle_add_file(bundle, &bundle->files[i], problems, error) != 0) return -1;
    }
    return 0;
}

static int bundle_report(const struct bundle_problems *problems, const char *directory, struct error *error) {
    const struct bundle_problem *first = &problems->items[0];
    int status = error_set(error, ERROR_INVALID, "%s/%.*s:%u:%u: %.*s", directory, STR_ARGS(first->file), first->line,
                           first->column, STR_ARGS(first->text));
    if (problems->count == 1 || error == NULL) return status;
    size_t used = strlen(error->text);
    snprintf(error->text + used, sizeof(error->text) - used, " (and %zu more: see `sworn policy check`)",
             problems->count - 1);
    return status;
}

static int bundle_compile(struct bundle *bundle, const char *directory, struct bundle_problems *problems,
                          struct error *error) {
    bundle->policies = cedar_policy_set_new();
    if (bundle->policies == NULL) return error_out_of_memory(error);
    if (bundle_add_files(bundle, false, problems, error) != 0 || bundle_add_files(bundle, true, problems, error) != 0) {
        return -1;
    }
    if (problems->count != 0) return bundle_report(problems, directory, error);
    struct cedar_problem problem;
    bundle->engine = cedar_engine_new(bundle->policies, &problem);
    return bundle->engine != NULL ? 0 : error_set(error, ERROR_INVALID, "%s: %s", directory, problem.text);
}

static int bundle_keep_verbs(struct bundle *bundle, const struct bundle_source *source, struct error *error) {
    struct str *verbs = ARENA_NEW_ARRAY(&bundle->arena, struct str, source->verb_count);
    bool is_full = verbs == NULL && source->verb_count > 0;
    for (size_t i = 0; !is_full && i < source->verb_count; i++) {
        verbs[i] = arena_copy(&bundle->arena, source->verbs[i]);
        is_full = verbs[i].data == NULL;
    }
    bundle->verbs = verbs;
    bundle->verb_count = source->verb_count;
    return is_full ? error_out_of_memory(error) : 0;
}

static int bundle_fill(struct bundle *bundle, const struct bundle_source *source, struct bundle_problems *problems,
                       struct error *error) {
    int status = source->texts != NULL ? bundle_take_texts(bundle, source, error)
                                       : bundle_read_folder(bundle, source->directory, error);
    if (status != 0 || bundle_compute_hash(bundle, error) != 0 ||
        bundle_compile(bundle, source->directory, problems, error) != 0 ||
        bundle_rows_make(&bundle->arena, source, &bundle->entity_rows, error) != 0) {
        return -1;
    }
    bundle->entities_hash = sha256_of(bundle->entity_rows);
    if (bundle_keep_verbs(bundle, source, error) != 0) return -1;
    return policy_entities_build(bundle, source, error);
}

/* ---- Life ---------------------------------------------------------------------------------------------------- */

static void bundle_free(struct bundle *bundle) {
    bundle->magic = 0;
    cedar_engine_free(&bundle->engine);
    cedar_policy_set_free(&bundle->policies);
    cedar_entities_free(&bundle->entities);
    arena_free(&bundle->arena);
    free(bundle);
}

struct bundle *bundle_load(const struct bundle_source *source, struct bundle_problems *problems, struct error *error) {
    struct bundle *bundle = calloc(1, sizeof(*bundle));
    if (bundle == NULL) {
        (void)error_out_of_memory(error);
        return NULL;
    }
    bundle->magic = BUNDLE_MAGIC;
    atomic_init(&bundle->holders, 1);
    arena_init(&bundle->arena, BUNDLE_ARENA_BYTES);
    struct bundle_problems own;
    bundle_problems_init(&own);
    if (bundle_fill(bundle, source, problems != NULL ? problems : &own, error) != 0) bundle_release(&bundle);
    bundle_problems_free(&own);
    return bundle;
}

struct bundle *bundle_hold(struct bundle *bundle) {
    CHECK_MAGIC(bundle, BUNDLE_MAGIC);
    atomic_fetch_add_explicit(&bundle->holders, 1, memory_order_relaxed);
    return bundle;
}

void bundle_release(struct bundle **bundle) {
    struct bundle *old = *bundle;
    *bundle = NULL;
    if (old == NULL) return;
    CHECK_MAGIC(old, BUNDLE_MAGIC);
    if (atomic_fetch_sub_explicit(&old->holders, 1, memory_order_acq_rel) == 1) bundle_free(old);
}

const struct sha256 *bundle_hash(const struct bundle *bundle) { return &bundle->hash; }

const struct sha256 *bundle_entities_hash(const struct bundle *bundle) { return &bundle->entities_hash; }

struct str bundle_entities(const struct bundle *bundle) { return bundle->entity_rows; }

size_t bundle_file_count(const struct bundle *bundle) { return bundle->file_count; }

const struct bundle_file *bundle_file_at(const struct bundle *bundle, size_t index) {
    CHECK(index < bundle->file_count);
    return &bundle->files[index];
}

size_t bundle_policy_count(const struct bundle *bundle) { return cedar_policy_set_count(bundle->policies); }

struct str bundle_policy_annotation(const struct bundle *bundle, struct str policy_id, struct str key) {
    const struct cedar_policy *policy = cedar_policy_set_find(bundle->policies, policy_id);
    return policy != NULL ? cedar_policy_annotation(policy, key) : STR_NONE;
}
