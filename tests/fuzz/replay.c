/*
 * replay.c: a fuzz target without a fuzzer, as the program replay-NAME.
 *
 *   replay-NAME            TAP: the inputs of tests/fuzz/corpus/NAME and tests/fuzz/found/NAME, and
 *                          what truncation and changed bytes make of them, the same in every run
 *   replay-NAME FILE...    these inputs, "-" being the standard input: how a finding is looked at,
 *                          and what afl-fuzz can run where the compiler has no driver for it
 *
 * Each test runs in a process of its own, so that one input that ends it leaves the other tests
 * alone; which input it was stands in memory that both processes share.
 */
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  INPUT_MAX = 1 << 20,   /* larger files are no inputs of ours */
  WHOLE_MAX = 512,       /* longer ones are truncated and changed at some of their bytes only */
  CHANGES_PER_BYTE = 3,  /* one bit, to an edge, to anything */
  SECONDS_PER_TEST = 60, /* GMUX_TEST_SLOW multiplies it */
  SHOWN_MAX = 512        /* of an input that failed */
};

#pragma weak LLVMFuzzerInitialize

typedef struct sample {
  char name[256];
  uint8_t *data;
  size_t len;
} sample;

typedef struct samples {
  sample *list;
  size_t count;
} samples;

/* Where the child writes what it is about to do. */
static struct progress {
  size_t inputs;
  size_t len;
  char what[512];
  uint8_t data[INPUT_MAX];
} * progress;

static const char *target;
static unsigned slow = 1;

_Noreturn static void give_up(const char *what, const char *name) {
  fprintf(stderr, "replay-%s: %s: %s\n", target, name, what);
  exit(2);
}

/*
 * Inputs
 */
static void sample_read(sample *s, FILE *file) {
  s->data = malloc(INPUT_MAX + 1);
  if (!s->data) give_up("out of memory", s->name);
  s->len = fread(s->data, 1, INPUT_MAX + 1, file);
  if (ferror(file)) give_up(strerror(errno), s->name);
  if (s->len > INPUT_MAX) give_up("larger than 1 MiB", s->name);
  uint8_t *exact = realloc(s->data, s->len ? s->len : 1);
  if (exact) s->data = exact;
}

static void sample_open(sample *s, const char *path) {
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
  if (!file) give_up(strerror(errno), path);
  sample_read(s, file);
  if (file != stdin) fclose(file);
}

static int is_visible(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* The files of tests/fuzz/KIND/NAME, by name; none when there is no such directory. */
static samples samples_read(const char *kind) {
  const char *srcdir = getenv("GMUX_SRCDIR");
  char dir[1024], path[sizeof dir + 300];
  snprintf(dir, sizeof dir, "%s/tests/fuzz/%s/%s", srcdir ? srcdir : ".", kind, target);
  struct dirent **entries = NULL;
  int count = scandir(dir, &entries, is_visible, alphasort);
  if (count < 0 && errno != ENOENT) give_up(strerror(errno), dir);
  samples all = {NULL, count > 0 ? (size_t)count : 0};
  all.list = calloc(all.count + 1, sizeof *all.list);
  if (!all.list) give_up("out of memory", dir);
  for (size_t i = 0; i < all.count; i++) {
    snprintf(all.list[i].name, sizeof all.list[i].name, "%s", entries[i]->d_name);
    snprintf(path, sizeof path, "%s/%s", dir, entries[i]->d_name);
    sample_open(&all.list[i], path);
    free(entries[i]);
  }
  free(entries);
  return all;
}

static void samples_free(samples *all) {
  for (size_t i = 0; i < all->count; i++)
    free(all->list[i].data);
  free(all->list);
}

/* One input, in memory of exactly its size. */
static void feed(const uint8_t *data, size_t len) {
  progress->inputs++;
  progress->len = len;
  memcpy(progress->data, data, len);
  uint8_t *copy = fuzz_copy((fuzz_input){data, len});
  LLVMFuzzerTestOneInput(copy, len);
  free(copy);
}

/*
 * What the tests do with a sample
 */
static void feed_whole(const sample *s) {
  snprintf(progress->what, sizeof progress->what, "%s", s->name);
  feed(s->data, s->len);
}

/* How far from one changed byte to the next: every byte of a short sample, fewer of a long one and
 * where all is slow. */
static size_t stride(size_t len) {
  return (1 + len / WHOLE_MAX) * slow;
}

static void feed_truncated(const sample *s) {
  for (size_t len = 0; len < s->len; len += stride(s->len)) {
    snprintf(progress->what, sizeof progress->what, "the first %zu bytes of %s", len, s->name);
    feed(s->data, len);
  }
}

/* xorshift64: the same changes in every run. */
static uint8_t next_random(void) {
  static uint64_t state = 0x9e3779b97f4a7c15;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint8_t)(state >> 32);
}

static uint8_t changed(uint8_t byte, int change) {
  if (change == 0) return (uint8_t)(byte ^ 1 << next_random() % 8);
  if (change == 1) return next_random() % 2 ? 0xff : 0;
  return next_random();
}

static void feed_changed(const sample *s) {
  for (size_t i = 0; i < s->len; i += stride(s->len)) {
    uint8_t was = s->data[i];
    for (int change = 0; change < CHANGES_PER_BYTE; change++) {
      s->data[i] = changed(was, change);
      snprintf(progress->what, sizeof progress->what, "%s with byte %zu 0x%02x instead of 0x%02x",
               s->name, i, s->data[i], was);
      feed(s->data, s->len);
    }
    s->data[i] = was;
  }
}

/*
 * Tests
 */
static void set_up(int *argc, char ***argv) {
  if (LLVMFuzzerInitialize && LLVMFuzzerInitialize(argc, argv) != 0)
    give_up("cannot be set up", "LLVMFuzzerInitialize");
}

/* In hexadecimal, as xxd -r -p takes it back. */
static void show_input(void) {
  size_t shown = progress->len < SHOWN_MAX ? progress->len : SHOWN_MAX;
  printf("# %s, %zu bytes%s:", progress->what, progress->len,
         shown < progress->len ? ", which begin with" : "");
  for (size_t i = 0; i < shown; i++)
    printf("%s%02x", i % 32 == 0 ? "\n# " : "", progress->data[i]);
  printf("\n");
}

/* True if the child went through all its inputs. */
static bool has_passed(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) give_up(strerror(errno), "waitpid");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return true;
  if (WIFSIGNALED(status))
    printf("# ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
  else
    printf("# ended with exit status %d\n", WEXITSTATUS(status));
  show_input();
  return false;
}

static bool run_test(int number, const char *name, const samples *all,
                     void (*run)(const sample *s)) {
  progress->inputs = progress->len = 0;
  snprintf(progress->what, sizeof progress->what, "nothing yet");
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) give_up(strerror(errno), "fork");
  if (child == 0) {
    alarm(SECONDS_PER_TEST * slow);
    for (size_t i = 0; i < all->count; i++)
      run(&all->list[i]);
    exit(0);
  }
  bool passed = has_passed(child);
  printf("%s %d - %s/%s (%zu inputs)\n", passed ? "ok" : "not ok", number, target, name,
         progress->inputs);
  return passed;
}

static int run_tests(void) {
  samples corpus = samples_read("corpus"), found = samples_read("found");
  if (corpus.count == 0) give_up("there are no inputs; is GMUX_SRCDIR set?", "tests/fuzz/corpus");
  printf("1..%d\n", found.count > 0 ? 5 : 3);
  bool passed = run_test(1, "holds_for_the_corpus", &corpus, feed_whole);
  passed &= run_test(2, "holds_for_truncated_inputs", &corpus, feed_truncated);
  passed &= run_test(3, "holds_for_inputs_with_a_changed_byte", &corpus, feed_changed);
  if (found.count > 0) {
    passed &= run_test(4, "holds_for_what_was_found_once", &found, feed_whole);
    passed &= run_test(5, "holds_for_changes_of_what_was_found_once", &found, feed_changed);
  }
  samples_free(&corpus);
  samples_free(&found);
  return passed ? 0 : 1;
}

static int run_files(char **paths) {
  for (; *paths; paths++) {
    sample s = {.data = NULL};
    snprintf(s.name, sizeof s.name, "%s", *paths);
    sample_open(&s, *paths);
    feed_whole(&s);
    printf("%s: %zu bytes, everything held\n", *paths, s.len);
    free(s.data);
  }
  return 0;
}

/* "replay-framing", perhaps with libtool's "lt-" before it, is of the target "framing". */
static const char *target_of(const char *program) {
  static const char prefix[] = "replay-";
  const char *base = strrchr(program, '/');
  const char *at = strstr(base ? base : program, prefix);
  return at ? at + strlen(prefix) : "";
}

int main(int argc, char **argv) {
  target = target_of(argv[0]);
  const char *factor = getenv("GMUX_TEST_SLOW");
  if (factor && atoi(factor) > 1) slow = (unsigned)atoi(factor);
  void *shared =
      mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) give_up(strerror(errno), "mmap");
  progress = shared;
  set_up(&argc, &argv);
  return argc > 1 ? run_files(argv + 1) : run_tests();
}
