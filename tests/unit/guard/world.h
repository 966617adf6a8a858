/* The small world that guard's tests decide in: two environments, a person, an agent for that person, a service; and a
 * folder of its own for each policy text. */
#ifndef SWORN_TESTS_UNIT_GUARD_WORLD_H
#define SWORN_TESTS_UNIT_GUARD_WORLD_H

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "guard/bundle.h"
#include "tests/unit/tap.h"

static const struct str world_support[] = {{"support", 7}};
static const struct str world_sre[] = {{"sre", 3}};
static const struct str world_agents[] = {{"agents", 6}};
static const struct str world_pii[] = {{"pii", 3}};
static const struct str world_approved[] = {{"approved", 8}};

static const struct identity_row world_rows[] = {
    {{"ana", 3}, PRINCIPAL_USER, world_support, 1, {NULL, 0}},
    {{"copilot", 7}, PRINCIPAL_AGENT, world_agents, 1, {"ana", 3}},
    {{"loner", 5}, PRINCIPAL_AGENT, world_agents, 1, {NULL, 0}},
    {{"nightly", 7}, PRINCIPAL_SERVICE, NULL, 0, {NULL, 0}},
    {{"sam", 3}, PRINCIPAL_USER, world_sre, 1, {NULL, 0}},
};
static const struct bundle_upstream world_upstreams[] = {
    {.name = {"shop", 4}, .environment = {"prod", 4}},
    {.name = {"lab", 3}, .environment = {"test", 4}},
    {.name = {"openai", 6}, .environment = {"prod", 4}, .type = {"Provider", 8}, .labels = world_pii, .label_count = 1},
};
static const struct bundle_resource world_resources[] = {
    {.upstream = {"shop", 4}, .name = {"public.customers", 16}, .labels = world_pii, .label_count = 1},
    {.upstream = {"openai", 6}, .name = {"gpt-4o", 6}, .type = {"Model", 5}, .labels = world_approved, .label_count = 1},
};
static const struct str world_verbs[] = {{"billing:create_refund", 21}};

static char world_folder[64];

static inline void world_write_in(const char *folder, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static inline void world_open(void) {
    snprintf(world_folder, sizeof(world_folder), "/tmp/sworn-guard-XXXXXX");
    CHECK(mkdtemp(world_folder) != NULL);
}

static inline void world_write(const char *name, const char *text) { world_write_in(world_folder, name, text); }

static inline void world_remove(const char *name) {
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", world_folder, name);
    unlink(path);
}

static inline void world_close(void) { CHECK(rmdir(world_folder) == 0); }

static inline struct identity *world_identity(void) {
    struct error error = {0};
    struct identity *identity = identity_new(world_rows, LENGTH_OF(world_rows), &error);
    CHECK(identity != NULL);
    return identity;
}

static inline struct bundle *world_load(const struct identity *identity, struct bundle_problems *problems,
                                        struct error *error) {
    struct bundle_source source = {
        .directory = world_folder,
        .identity = identity,
        .upstreams = world_upstreams,
        .upstream_count = LENGTH_OF(world_upstreams),
        .resources = world_resources,
        .resource_count = LENGTH_OF(world_resources),
        .verbs = world_verbs,
        .verb_count = LENGTH_OF(world_verbs),
    };
    return bundle_load(&source, problems, error);
}

/* The bundle of one policy text. */
static inline struct bundle *world_bundle(const struct identity *identity, const char *text) {
    world_write("policy.cedar", text);
    struct error error = {0};
    struct bundle *bundle = world_load(identity, NULL, &error);
    if (bundle == NULL) printf("# %s\n", error.text);
    world_remove("policy.cedar");
    return bundle;
}

#endif
