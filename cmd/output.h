/* Standard output and error, safe for the terminal that they may end on. */
#ifndef SWORN_CMD_OUTPUT_H
#define SWORN_CMD_OUTPUT_H

/* Once, before anything is printed. */
void output_make_safe(void);
/* From here on, what is printed is for a program to read byte by byte (entries, receipts, policies), unless a terminal is
 * where it goes. */
void output_be_exact(void);

#endif
