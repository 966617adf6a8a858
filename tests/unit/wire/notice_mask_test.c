/* Errors, notices and notifications: what quotes a value is masked, what is malformed is refused. */
#include "wire/postgres/notice_mask.h"

#include "tests/unit/tap.h"
#include "tests/unit/wire/canary_plan.h"

#define OUT_BYTES_MAX 65536
#define LITERAL(text) {text, sizeof(text) - 1}
#define UNCHANGED {NULL, 0}

static const struct notice_case {
    const char *name;
    struct str sent;
    struct str wanted; /* no data: unchanged */
} notice_cases[] = {
    {"nothing to mask", LITERAL("SERROR\0C42601\0Msyntax error at or near \"x\"\0P7\0\0"), UNCHANGED},
    {"no fields", LITERAL("\0"), UNCHANGED},
    {"message", LITERAL("SERROR\0C22P02\0Mbad integer: \"CANARY-123\"\0\0"),
     LITERAL("SERROR\0C22P02\0Mbad integer: \"[was canary]\"\0\0")},
    {"all texts", LITERAL("MCANARY-123\0DCANARY-123\0HCANARY-123\0WCANARY-123\0qCANARY-123\0\0"),
     LITERAL("M[was canary]\0D[was canary]\0H[was canary]\0W[was canary]\0q[was canary]\0\0")},
    {"names are kept", LITERAL("tCANARY-123\0cCANARY-123\0nCANARY-123\0sCANARY-123\0\0"), UNCHANGED},
    {"a key", LITERAL("C23505\0DKey (secret)=(Ana) already exists.\0\0"),
     LITERAL("C23505\0DKey (secret)=([was canary]) already exists.\0\0")},
    {"a key of two", LITERAL("DKey (a, secret)=(1, Ana) is not present in table \"x\".\0\0"),
     LITERAL("DKey (a, secret)=(1, [was canary]) is not present in table \"x\".\0\0")},
    {"a key whose values cannot be told apart", LITERAL("DKey (a, secret)=(1, Ana, B) already exists.\0\0"),
     LITERAL("DKey (a, secret)=([was canary]) already exists.\0\0")},
    {"an expression as key", LITERAL("DKey (lower(secret))=(a)na) already exists.\0\0"),
     LITERAL("DKey (lower(secret))=([was canary]) already exists.\0\0")},
    {"a quoted name", LITERAL("DKey (\"secret\")=(Ana) already exists.\0\0"),
     LITERAL("DKey (\"secret\")=([was canary]) already exists.\0\0")},
    {"two keys", LITERAL("DKey (secret)=(Ana) conflicts with existing key (secret)=(Bo).\0\0"),
     LITERAL("DKey (secret)=([was canary]) conflicts with existing key (secret)=([was canary]).\0\0")},
    {"a value like a key", LITERAL("DKey (secret)=(x (Ana)=(Bo) already exists.\0\0"),
     LITERAL("DKey (secret)=([was canary]) already exists.\0\0")},
    {"a partition key", LITERAL("DPartition key of the failing row contains (secret) = (Ana).\0\0"),
     LITERAL("DPartition key of the failing row contains (secret) = ([was canary]).\0\0")},
    {"another language", LITERAL("DSchl\303\274ssel (secret)=(Ana) existiert bereits.\0\0"),
     LITERAL("DSchl\303\274ssel (secret)=([was canary]) existiert bereits.\0\0")},
    {"a canary where a name should be", LITERAL("D(CANARY-123)=(x)\0\0"), LITERAL("D([was canary])=(x)\0\0")},
    {"a failing row", LITERAL("C23514\0DFailing row contains (1, Ana (x), 1990-01-01).\0\0"),
     LITERAL("C23514\0DFailing row contains (masked).\0\0")},
    {"a failing row, told by its state", LITERAL("DDie Zeile enth\303\244lt (1, Ana).\0C23502\0\0"),
     LITERAL("DDie Zeile enth\303\244lt (masked).\0C23502\0\0")},
    {"a failing row that is cut", LITERAL("DFailing row contains (1, An...\0\0"),
     LITERAL("DFailing row contains (masked)\0\0")},
    {"the context of a COPY", LITERAL("WCOPY t, line 1, column secret: \"A\"na\"\0\0"),
     LITERAL("WCOPY t, line 1, column secret: \"[was canary]\"\0\0")},
    {"a value that becomes NULL", LITERAL("DNULL-ME\0\0"), LITERAL("D\0\0")},
};

static const struct {
    const char *name;
    struct str sent;
} refused_cases[] = {
    {"empty", LITERAL("")},
    {"no end", LITERAL("Mtext\0")},
    {"no end of a text", LITERAL("MCANARY-123")},
    {"bytes behind the end", LITERAL("Mtext\0\0x")},
    {"the plan fails", LITERAL("MCANARY-123\0DFAIL-ME\0\0")},
    {"the plan fails in a key", LITERAL("DKey (a)=(FAIL-ME)\0\0")},
};

static const struct notice_case notification_cases[] = {
    {"a plain payload", LITERAL("\0\0\0\1channel\0plain\0"), UNCHANGED},
    {"an empty payload", LITERAL("\0\0\0\1channel\0\0"), UNCHANGED},
    {"a payload", LITERAL("\0\0\0\1channel\0{\"a\":\"CANARY-123\"}\0"),
     LITERAL("\0\0\0\1channel\0{\"a\":\"[was canary]\"}\0")},
    {"the channel is kept", LITERAL("\0\0\0\1CANARY-123\0x\0"), UNCHANGED},
};

static const struct {
    const char *name;
    struct str sent;
} refused_notifications[] = {
    {"no payload", LITERAL("\0\0\0\1channel\0")},
    {"no end", LITERAL("\0\0\0\1channel\0CANARY-123")},
    {"too much", LITERAL("\0\0\0\1channel\0a\0b\0")},
    {"too short", LITERAL("\0\0\0")},
    {"no channel", LITERAL("\0\0\0\1")},
};


static struct buffer out;

static enum mask_result run(__typeof__(notice_mask_apply) *function, const struct mask_plan *plan, struct str sent) {
    struct class_counts masked = {0}, revealed = {0};
    char *copy = malloc(sent.length + 1); /* of its own, so that reading past it is seen */
    memcpy(copy, sent.data, sent.length);
    buffer_clear(&out);
    enum mask_result result = function(plan, str_make(copy, sent.length), &out, &masked, &revealed);
    free(copy);
    return result;
}

static void test_cases(__typeof__(notice_mask_apply) *function, const struct notice_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bool changes = cases[i].wanted.data != NULL;
        is_integer(run(function, &canary_plan, cases[i].sent), changes ? MASK_CHANGED : MASK_UNCHANGED, cases[i].name);
        is_str(buffer_view(&out), cases[i].wanted, cases[i].name);
        is_integer(run(function, &canary_plan_revealing, cases[i].sent), MASK_UNCHANGED, "unchanged when revealed");
    }
}

int main(void) {
    buffer_init(&out, OUT_BYTES_MAX);
    test_cases(notice_mask_apply, notice_cases, LENGTH_OF(notice_cases));
    test_cases(notice_mask_notification, notification_cases, LENGTH_OF(notification_cases));
    for (size_t i = 0; i < LENGTH_OF(refused_cases); i++) {
        is_integer(run(notice_mask_apply, &canary_plan, refused_cases[i].sent), MASK_FAILED, refused_cases[i].name);
        ok(buffer_length(&out) == 0, "nothing appended");
    }
    for (size_t i = 0; i < LENGTH_OF(refused_notifications); i++) {
        is_integer(run(notice_mask_notification, &canary_plan, refused_notifications[i].sent), MASK_FAILED,
                   refused_notifications[i].name);
        ok(buffer_length(&out) == 0, "nothing appended");
    }
    buffer_free(&out);
    return tap_done();
}
