/* unix_file.c: the files of listening Unix sockets. */
#include "lib/io/unix_file.h"
#include "lib/io/sockaddr.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void gmux__unix_file_remember(gmux__unix_file *file, const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0) return; /* gone already: nothing of ours to remove */
  file->dev = st.st_dev;
  file->ino = st.st_ino;
  memcpy(file->path, path, strlen(path) + 1);
}

static bool file_is_there(const char *path, dev_t dev, ino_t ino) {
  struct stat st;
  return lstat(path, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void gmux__unix_file_remove(gmux__unix_file *file) {
  if (file->path[0] && file_is_there(file->path, file->dev, file->ino)) unlink(file->path);
  file->path[0] = '\0';
}

/* Non-blocking: a server whose queue is full answers EAGAIN, and lives. */
static bool path_refuses(const char *path) {
  gmux__address address = {.family = GMUX__FAMILY_UNIX, .path_len = (uint8_t)strlen(path)};
  memcpy(address.path, path, address.path_len);
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &address);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  bool refuses = connect(fd, &sa.sa, len) != 0 && errno == ECONNREFUSED;
  close(fd);
  return refuses;
}

bool gmux__unix_file_remove_stale(const char *path) {
  struct stat st;
  if (lstat(path, &st) != 0 || !S_ISSOCK(st.st_mode) || !path_refuses(path)) return false;
  return file_is_there(path, st.st_dev, st.st_ino) && unlink(path) == 0;
}
