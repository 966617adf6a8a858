/* What a decoder says of the bytes it was given. */
#ifndef SWORN_BASE_DECODE_H
#define SWORN_BASE_DECODE_H

enum decode_result {
    DECODE_DONE, /* a whole thing was there */
    DECODE_MORE, /* right so far, but more bytes are needed */
    DECODE_BAD,  /* does not follow its grammar or passes a limit; no further bytes can mend it */
};

#endif
