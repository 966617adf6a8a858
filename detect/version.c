/* The tables of rules as one text, for its digest. */
#include <pthread.h>

#include "detect/detect.h"

#define END "\n"
#define NEXT "\t"

static const char tables[] =
#define CLASS(identifier, name, label, operator, text) "class" NEXT name END
#include "detect/classes.def"
#undef CLASS
#define CONTEXT(word, evidence) "context" NEXT word NEXT #evidence END
#include "detect/context.def"
#undef CONTEXT
#define NAME(words, class) "name" NEXT words NEXT #class END
#define NOT(words) "not" NEXT words END
#include "detect/names.def"
#undef NAME
#undef NOT
#define TOKEN(name, literal, back, pattern) "token" NEXT #name NEXT literal NEXT #back NEXT pattern END
#define NAMED(name, literal, pattern) "named" NEXT #name NEXT literal NEXT pattern END
#define WORD(name, literal, pattern) "word" NEXT #name NEXT literal NEXT pattern END
#include "detect/credentials.def"
#undef TOKEN
#undef NAMED
#undef WORD
    ;

static struct sha256 version;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void compute(void) { version = sha256_of(str_make(tables, sizeof(tables) - 1)); }

const struct sha256 *detect_version(void) {
    pthread_once(&once, compute);
    return &version;
}
