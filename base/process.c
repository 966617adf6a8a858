/* Both settings: a core pattern that pipes into a program ignores the limit, but never takes what is not dumpable. */
#include "base/process.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/log.h"

void process_keep_memory(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) log_warning("core dumps cannot be turned off: %s", strerror(errno));
    if (prctl(PR_SET_DUMPABLE, 0) != 0) log_warning("others of this user can read this process: %s", strerror(errno));
}
