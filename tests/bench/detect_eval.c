/* Lines {"id","text"} on standard input, their spans on standard output: detect_eval.py drives it. */
#include "detect/jsonl.h"

int main(void) {
    struct error error;
    struct detector *detector = detector_new(NULL, &error);
    int result = detector != NULL ? detect_jsonl(detector, stdin, stdout, &error) : -1;
    if (result != 0) fprintf(stderr, "detect_eval: %s\n", error.text);
    detector_free(&detector);
    return result == 0 ? 0 : 2;
}
