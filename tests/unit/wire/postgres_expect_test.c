/* The queue of expected answers, and names whose Parse, Bind or Close is under way. */
#include "tests/unit/tap.h"
#include "wire/postgres/expect.h"

static void test_order(void) {
    struct expect_queue queue;
    struct expectation dropped;
    expect_init(&queue);
    ok(expect_at(&queue, 0) == NULL && expect_count(&queue) == 0, "empty");
    for (size_t round = 0; round < 5; round++) {
        for (size_t i = 0; i < 7; i++) expect_push(&queue, EXPECT_PARSE)->is_own = i == 3;
        ok(expect_count(&queue) == 0 && expect_last_pending(&queue) != NULL, "not to be answered before commit");
        expect_commit(&queue);
        ok(expect_push(&queue, EXPECT_BIND) != NULL && expect_pop_pending(&queue, &dropped), "one is dropped");
        ok(dropped.kind == EXPECT_BIND && !expect_pop_pending(&queue, &dropped), "and only what was not committed");
        for (size_t i = 0; i < 7; i++) {
            if (expect_pop(&queue).is_own != (i == 3)) ok(false, "order");
        }
    }
    is_integer(queue.head, 35, "entries are numbered for ever");
    expect_free(&queue);
}

static void test_growth(void) {
    struct expect_queue queue;
    expect_init(&queue);
    size_t count = 0;
    struct expectation *entry;
    while ((entry = expect_push(&queue, EXPECT_EXECUTE)) != NULL) {
        entry->parameters = (struct name_parameters *)(uintptr_t)++count;
        if (count == 5) {
            expect_commit(&queue);
            (void)expect_pop(&queue); /* so that the ring is rotated while it grows */
        }
    }
    is_integer(count, EXPECT_MAX + 1, "up to its maximum");
    expect_commit(&queue);
    bool is_ordered = true;
    for (size_t wanted = 2; expect_count(&queue) > 0; wanted++) {
        if ((uintptr_t)expect_pop(&queue).parameters != wanted) is_ordered = false;
    }
    ok(is_ordered, "in order");
    expect_free(&queue);
}

static void test_names(void) {
    static const struct sql_statement first_statement;
    static const struct sql_statement second_statement;
    struct names names;
    names_init(&names);
    struct name *name = names_send(&names, NAME_STATEMENT, STR("s"), 1, NULL, &first_statement, NULL);
    ok(names_find(&names, NAME_PORTAL, STR("s")) == NULL, "statements and portals have names of their own");
    ok(names_find(&names, NAME_STATEMENT, STR("s"))->statement == &first_statement, "a Parse is under way");
    ok(names_send(&names, NAME_STATEMENT, STR("s"), 2, NULL, &second_statement, NULL) == name, "another one behind it");
    ok(name->statement == &second_statement && name->batch == 2 && name->in_flight == 2, "the newest counts");
    names_give_up(&names, name);
    names_confirm(&names, name, &second_statement, NULL);
    ok(names_find(&names, NAME_STATEMENT, STR("s")) == NULL, "forgotten once all are answered");

    struct name_parameters *parameters = name_parameters_new();
    name = names_send(&names, NAME_PORTAL, STR("p"), 1, NULL, &first_statement, parameters);
    names_confirm(&names, name, &first_statement, parameters);
    name = names_find(&names, NAME_PORTAL, STR("p"));
    ok(name != NULL && name->confirmed_parameters == parameters, "the parameters of a portal are kept");
    names_forget_portals(&names);
    ok(names_find(&names, NAME_PORTAL, STR("p")) == NULL, "until the transaction ends");
    is_integer(parameters->reference_count, 1, "and given back");
    name_parameters_release(&parameters);

    static const char prefix[64] = "0123456789012345678901234567890123456789012345678901234567890123";
    name = names_send(&names, NAME_STATEMENT, str_make(prefix, 64), 1, NULL, NULL, NULL);
    ok(names_find(&names, NAME_STATEMENT, str_make(prefix, 63)) == name, "names count as far as the server looks");
    names_give_up(&names, name);
    names_free(&names);
}

int main(void) {
    test_order();
    test_growth();
    test_names();
    return tap_done();
}
