/* The one place where the reading of SQL leaves the fiber's small stack. */
#include "run/fiber.h"
#include "wire/postgres/sql_builder.h"

void sql_on_worker_stack(void (*function)(void *argument), void *argument) {
    fiber_call_on_worker_stack(function, argument);
}
