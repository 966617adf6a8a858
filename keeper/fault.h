/* Faults on demand, FOR TESTS ONLY: the keeper behaves as if the disk or the machine failed.
 *
 * Environment variable SWORN_TEST_FAULT, read once when the keeper starts; one of:
 *     crash:at=<step>[,after=<n>]    SIGKILL to itself at that step, the first n times excepted
 *     fsync:after=<n>                every fsync and fdatasync after the first n fails with EIO
 *     enospc:while=<path>            while that file exists, whatever needs new space fails with ENOSPC
 *     erofs:while=<path>             the same with EROFS
 *
 * Steps: after-ring-take, after-wal-write, after-fdatasync, after-result, tile-temp, tile-rename, state-write,
 * checkpoint-rename. Without the variable each function costs one predictable branch. */
#ifndef SWORN_KEEPER_FAULT_H
#define SWORN_KEEPER_FAULT_H

#include "base/error.h"

int fault_init(const char *specification, struct error *error) MUST_USE; /* NULL: none */
void fault_step(const char *step);
int fault_fsync(int fd) MUST_USE;
int fault_fdatasync(int fd) MUST_USE;
/* 0, or -1 with errno: to be asked before space is taken (a new segment, tile, state or checkpoint file). */
int fault_new_space(void) MUST_USE;

#endif
