/* Between gateway and keeper at start: the words on the command line and the one line on the lifeline. */
#ifndef SWORN_KEEPER_PROTOCOL_H
#define SWORN_KEEPER_PROTOCOL_H

#define KEEPER_MESSAGE_MAX_BYTES 512
#define KEEPER_KEY_VARIABLE "SWORN_KEEPER_KEY_FILE" /* of the environment: the path of the signing key */
#define KEEPER_READY "ready " /* and the log's size; any other line is why it did not start */

#endif
