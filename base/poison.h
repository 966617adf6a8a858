/* Functions that have no safe use here. The build includes this file before every source file, so that one of these
 * names in our code is a compile error; the headers that declare them come first. */
#ifndef SWORN_BASE_POISON_H
#define SWORN_BASE_POISON_H

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <ucontext.h>
#include <wchar.h>

#undef alloca
#pragma GCC poison strcpy strcat sprintf vsprintf strtok atoi atol atoll alloca gets swapcontext

#endif
