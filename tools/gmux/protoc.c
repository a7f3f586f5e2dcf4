/* protoc.c: what it writes goes to a file of ours, that is gone in any case when it is read. */
#include "tools/gmux/protoc.h"
#include "tools/gmux/arguments.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- its arguments: never a shell's words ---- */

/* What begins so were an option, or a file of options. */
static char *file_argument(pool *memory, const char *file) {
  return pool_format(memory, "%s%s", *file == '-' || *file == '@' ? "./" : "", file);
}

static char *directory_of(pool *memory, const char *file) {
  const char *slash = strrchr(file, '/');
  if (slash == file) return pool_format(memory, "--proto_path=/");
  return pool_format(memory, "--proto_path=%.*s", (int)(slash - file), file);
}

/* protoc finds a file in the first of the directories that hold it. */
static size_t add_directories(pool *memory, char **args, const char *const *files,
                              size_t file_count) {
  size_t count = 0;
  args[count++] = pool_format(memory, "--proto_path=.");
  for (size_t i = 0; i < file_count; i++)
    if (strchr(files[i], '/')) args[count++] = directory_of(memory, files[i]);
  return count;
}

/* ---- running it ---- */

static const char *program(void) {
  const char *named = getenv("PROTOC");
  return named && *named ? named : "protoc";
}

static bool is_missing(const char *name, int error) {
  if (error != ENOENT) return complain("%s cannot be run: %s", name, strerror(error)), false;
  return complain("%s is not there, and --proto needs it: install protobuf-compiler, or use "
                  "--protoset",
                  name),
         false;
}

/* What it has to say it says on standard error itself. */
static bool run(char **args) {
  enum { NOT_RUN = 127 }; /* by which some systems' posix_spawn says it */
  pid_t child;
  int status, error = posix_spawnp(&child, args[0], NULL, NULL, args, environ);
  if (error) return is_missing(args[0], error);
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return complain("waiting for %s: %s", args[0], strerror(errno)), false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_RUN) return is_missing(args[0], ENOENT);
  return complain("%s could not read what --proto names", args[0]), false;
}

/* ---- where it writes ---- */

static char *temporary_file(pool *memory) {
  const char *directory = getenv("TMPDIR");
  char *path = pool_format(memory, "%s/gmux-XXXXXX", directory && *directory ? directory : "/tmp");
  int file = mkstemp(path);
  if (file < 0) return complain("%s: %s", path, strerror(errno)), NULL;
  close(file);
  return path;
}

static bool run_into(pool *memory, const char *path, const char *const *files, size_t file_count,
                     const char *const *directories, size_t directory_count) {
  enum { OTHERS = 8 };
  char **args = pool_get(memory, OTHERS + 2 * file_count + directory_count,
                         sizeof *args); /* NULL at the end */
  size_t count = 0;
  args[count++] = pool_format(memory, "%s", program());
  args[count++] = pool_format(memory, "--include_imports");
  args[count++] = pool_format(memory, "--include_source_info");
  args[count++] = pool_format(memory, "--descriptor_set_out=%s", path);
  for (size_t i = 0; i < directory_count; i++)
    args[count++] = pool_format(memory, "--proto_path=%s", directories[i]);
  if (directory_count == 0) count += add_directories(memory, args + count, files, file_count);
  for (size_t i = 0; i < file_count; i++)
    args[count++] = file_argument(memory, files[i]);
  return run(args);
}

bool protoc_read(const char *const *files, size_t file_count, const char *const *directories,
                 size_t directory_count, size_t max_bytes, buffer *out) {
  pool memory = {NULL};
  char *path = temporary_file(&memory);
  bool is_good = path && run_into(&memory, path, files, file_count, directories, directory_count) &&
                 read_file(path, max_bytes, out);
  if (path) unlink(path);
  pool_free(&memory);
  return is_good;
}
