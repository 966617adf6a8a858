/* Files of the ledger: read whole, written whole. Paths are relative to a folder's descriptor (or AT_FDCWD). */
#ifndef SWORN_LEDGER_FILE_H
#define SWORN_LEDGER_FILE_H

#include "base/buffer.h"
#include "base/error.h"

/* Replaces what the buffer holds; past its cap it is an error. ERROR_NOT_FOUND when there is no such file. */
int file_read(int folder_fd, const char *path, struct buffer *out, struct error *error) MUST_USE;
/* Writes all of it or fails. */
int file_write_all(int fd, struct str data) MUST_USE;
/* temp, fsync, rename, fsync of the folder; the file is old or new, never half. */
int file_replace(int folder_fd, const char *path, struct str data, unsigned mode, struct error *error) MUST_USE;
int file_sync_folder_of(int folder_fd, const char *path) MUST_USE;
/* A log stands in these folders: something of it was published, or was about to be. Its keys are never made anew. */
bool file_log_exists(const char *evidence_folder, const char *state_folder);
/* Creates the folders in front of the last '/' of path. */
int file_make_folders_of(int folder_fd, const char *path) MUST_USE;

#endif
