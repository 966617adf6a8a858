/* A unit test runs on one big stack already. */
#include "wire/postgres/sql_builder.h"

void sql_on_worker_stack(void (*function)(void *argument), void *argument) {
    function(argument);
}
