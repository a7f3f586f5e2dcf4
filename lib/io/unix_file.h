/* unix_file.h: the file that a listening Unix socket leaves in the file system, and who may remove
 * it. */
#ifndef GMUX__IO_UNIX_FILE_H
#define GMUX__IO_UNIX_FILE_H

#include "lib/io/address.h"
#include <sys/types.h>

typedef struct gmux__unix_file {
  dev_t dev;
  ino_t ino;
  char path[GMUX__UNIX_PATH + 1]; /* "": there is none */
} gmux__unix_file;                /* all zero is none */

/* Behind a bind that has made `path`. */
void gmux__unix_file_remember(gmux__unix_file *file, const char *path);
/* Removes it, unless somebody else's is there by now; does nothing when there is none. */
void gmux__unix_file_remove(gmux__unix_file *file);

/*
 * Removes a socket at `path` that refuses connections: its server is gone. True when it did. A
 * file of any other kind, and a socket that answers, stay. Two servers that start on one path in
 * the same moment can still take it from each other, as with every program that does this; a lock
 * of theirs is the cure.
 */
bool gmux__unix_file_remove_stale(const char *path);

#endif
