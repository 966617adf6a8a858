/* The deepest expressions that are accepted decide on a stack of 64 KiB: cedar_engine_authorize() may run on a fiber.
 * */
#include <pthread.h>

#include "cedar/cedar.h"
#include "tests/unit/tap.h"

#define STACK_BYTES (64u << 10)
#define LEVELS_MOST 130u

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER true
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER false
#endif

static const struct {
    const char *opening, *middle, *closing;
} shapes[] = {
    {"!(", "context.b", ")"}, {"1 + (", "context.n", ")"}, {"2 * (", "context.n", ")"}, {"-(", "context.n", ")"},
    {"true && (", "context.b", ")"}, {"false || (", "context.b", ")"}, {"if true then (", "context.b", ") else false"},
    {"if (", "context.b", ") then true else false"}, {"[", "context.n", "]"}, {"{a: ", "context.n", "}"},
    {"1 == (", "context.n", ")"}, {"principal in (", "principal", ")"}, {"[1].contains(", "context.n", ")"},
    {"principal.hasTag(", "context.s", ")"}, {"(", "context.s", ") like \"*\""}, {"(", "context", ") has a"},
    {"(", "context", ").a"}, {"(", "context", ") is User"}, {"decimal(", "context.s", ")"},
    {"", "context.l", ".isIpv4()"},
};

struct task {
    const struct cedar_engine *engine;
    struct cedar_request request;
    struct arena scratch;
    int status;
};

static void *decide(void *argument) {
    struct task *task = argument;
    struct cedar_decision decision;
    task->status = cedar_engine_authorize(task->engine, &task->request, NULL, &task->scratch, &decision);
    return NULL;
}

/* The deepest nesting of the shape that is accepted, twice side by side under `==`, so that deep values are compared.
 * */
static unsigned build(size_t shape, struct cedar_policy_set *set) {
    struct buffer text;
    buffer_init(&text, 1u << 20);
    unsigned levels = LEVELS_MOST;
    for (; levels > 0; levels--) {
        buffer_clear(&text);
        buffer_append_cstr(&text, "permit(principal, action, resource) when { ");
        for (unsigned side = 0; side < 2; side++) {
            if (side > 0) buffer_append_cstr(&text, " == ");
            buffer_append_byte(&text, '(');
            for (unsigned i = 0; i < levels; i++) buffer_append_cstr(&text, shapes[shape].opening);
            buffer_append_cstr(&text, shapes[shape].middle);
            for (unsigned i = 0; i < levels; i++) buffer_append_cstr(&text, shapes[shape].closing);
            buffer_append_byte(&text, ')');
        }
        buffer_append_cstr(&text, " };");
        if (cedar_policy_set_add(set, buffer_view(&text), NULL, NULL) == 0) break;
    }
    buffer_free(&text);
    return levels;
}

static void run(size_t shape, struct task *task) {
    pthread_attr_t attributes;
    pthread_t thread;
    struct cedar_policy_set *set = cedar_policy_set_new();
    unsigned levels = build(shape, set);
    struct cedar_engine *engine = cedar_engine_new(set, NULL);
    task->engine = engine;
    task->status = -1;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, HAS_SANITIZER ? STACK_BYTES * 32 : STACK_BYTES);
    if (pthread_create(&thread, &attributes, decide, task) == 0) pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    ok(levels >= 60, "at least 60 levels are accepted");
    is_integer(task->status, 0, shapes[shape].opening);
    cedar_engine_free(&engine);
    cedar_policy_set_free(&set);
}

int main(void) {
    struct task task = {0};
    struct cedar_uid uid;
    arena_init(&task.scratch, 16u << 20);
    cedar_uid_init(&uid, STR("User"), STR("alice"));
    struct cedar_record *context = cedar_record_new(&task.scratch, 4);
    ok(cedar_record_set(context, STR("b"), cedar_bool(true)) == 0 &&
       cedar_record_set(context, STR("n"), cedar_long(1)) == 0 &&
       cedar_record_set(context, STR("s"), cedar_string(STR("x"))) == 0, "the context");
    task.request = (struct cedar_request){&uid, &uid, &uid, context};
    for (size_t i = 0; i < LENGTH_OF(shapes); i++) run(i, &task);
    arena_free(&task.scratch);
    return tap_done();
}
