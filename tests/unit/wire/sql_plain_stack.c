/* A unit test runs on one big stack already. */
#include "wire/postgres/sql_builder.h"

/* libpg_query 15-4.0 keeps one byte of each PL/pgSQL text that does not parse. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
    return "leak:pg_query_raw_parse";
}

void sql_on_worker_stack(void (*function)(void *argument), void *argument) {
    function(argument);
}
