/* ledger.c: see ledger.h. */
#include "tests/net/soak/ledger.h"
#include "tests/net/laws.h"
#include "tests/unit/fds.h"
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MS_NS UINT64_C(1000000)
enum { STORIES_MAX = 10 }; /* of broken laws, that are told in full */

uint64_t soak_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int soak_ledger_make(void) {
  int fd = memfd_create("gmux-soak", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, sizeof(soak_shared)) == 0) return fd;
  close(fd);
  return -1;
}

soak_shared *soak_ledger_map(int fd) {
  void *at = mmap(NULL, sizeof(soak_shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return at == MAP_FAILED ? NULL : at;
}

void soak_ledger_unmap(soak_shared *shared) {
  munmap(shared, sizeof *shared);
}

/* ---- calls ---- */

static const char *kind_str(unsigned kind) {
  static const char *const names[SOAK_KINDS] = {"unary", "client-streaming", "server-streaming",
                                                "bidi"};
  return names[kind % SOAK_KINDS];
}

static void tell(const soak_shared *s, const soak_place *p, const char *law) {
  fprintf(stderr,
          "soak: %s\n  call %" PRIu64 ", %s%s through gate %u, began %.3f s into the soak and took "
          "%.3f s: %u ends, %s, %s, executed %u times, %u ms late\n",
          law, p->id, kind_str(p->kind), p->is_idempotent ? ", idempotent," : "", p->gate,
          (double)(p->began_ns - s->started_ns) / 1e9,
          p->ends ? (double)(p->ended_ns - p->began_ns) / 1e9 : 0.0, p->ends,
          gmux_code_str((gmux_code)p->code), gmux_evidence_str((gmux_evidence)p->evidence),
          p->executed, p->late_ms);
}

static void settle(soak_shared *s, soak_place *p) {
  unsigned executed = atomic_load(&p->executed);
  law_facts facts = {.ends = atomic_load(&p->ends),
                     .executed = executed,
                     .is_idempotent = p->is_idempotent,
                     .is_foreign = p->is_foreign,
                     .late_ms = p->late_ms,
                     .code = (gmux_code)p->code,
                     .evidence = (gmux_evidence)p->evidence};
  atomic_fetch_add(&s->executed, executed > 0);
  atomic_fetch_add(&s->executed_again, executed > 1);
  const char *law = law_broken(&facts, s->late_bound_ms);
  if (!law) return;
  uint64_t before = 0;
  for (int i = 0; i < SOAK_LAWS; i++)
    before += atomic_load(&s->broken[i]);
  atomic_fetch_add(&s->broken[law[1] - '1'], 1); /* "L1: ..." */
  if (before < STORIES_MAX) tell(s, p, law);
}

static bool is_settled(const soak_place *p, uint64_t now_ns) {
  return atomic_load(&p->ends) > 0 && now_ns - p->ended_ns > SOAK_SETTLED_MS * MS_NS;
}

soak_place *soak_begin(soak_shared *s, gmux_method_kind kind, unsigned gate, bool is_idempotent) {
  uint64_t id = atomic_load(&s->last_id) + 1, now = soak_now_ns();
  soak_place *p = &s->places[id % SOAK_PLACES];
  if (atomic_load(&p->id) && !is_settled(p, now)) return NULL;
  /* Another thread may have taken this number just now. */
  if (!atomic_compare_exchange_strong(&s->last_id, &(uint64_t){id - 1}, id))
    return soak_begin(s, kind, gate, is_idempotent);
  if (atomic_exchange(&p->id, 0)) settle(s, p);
  atomic_store(&p->executed, 0);
  atomic_store(&p->ends, 0);
  p->began_ns = now, p->ended_ns = 0, p->late_ms = 0;
  p->code = GMUX_UNKNOWN, p->evidence = GMUX_EVIDENCE_NEVER_LEFT;
  p->kind = (uint8_t)kind, p->gate = (uint8_t)gate;
  p->is_idempotent = is_idempotent, p->is_foreign = false;
  atomic_store(&p->id, id);
  return p;
}

void soak_end(soak_shared *s, soak_place *p, gmux_code code, gmux_evidence evidence,
              uint64_t deadline_ns) {
  p->ended_ns = soak_now_ns();
  p->code = (uint8_t)code, p->evidence = (uint8_t)evidence;
  if (deadline_ns && p->ended_ns > deadline_ns)
    p->late_ms = (uint32_t)((p->ended_ns - deadline_ns) / MS_NS);
  atomic_fetch_add(&s->codes[code], 1);
  atomic_fetch_add(&s->kinds[p->kind], 1);
  atomic_fetch_add(&p->ends, 1);
}

void soak_execute(soak_shared *s, uint64_t id) {
  soak_place *p = &s->places[id % SOAK_PLACES];
  if (atomic_load(&p->id) != id)
    atomic_fetch_add(&s->strays, 1);
  else
    atomic_fetch_add(&p->executed, 1);
}

void soak_settle_all(soak_shared *s) {
  for (size_t i = 0; i < SOAK_PLACES; i++)
    if (atomic_exchange(&s->places[i].id, 0)) settle(s, &s->places[i]);
}

/* ---- a process's own ---- */

static size_t fds_before;

static void *counted(void *ptr, soak_self *self) {
  if (!ptr) return NULL;
  atomic_fetch_add(&self->live_blocks, 1);
  atomic_fetch_add(&self->live_bytes, malloc_usable_size(ptr));
  return ptr;
}

static void hook_free(void *ptr, void *self) {
  if (!ptr) return;
  atomic_fetch_sub(&((soak_self *)self)->live_blocks, 1);
  atomic_fetch_sub(&((soak_self *)self)->live_bytes, malloc_usable_size(ptr));
  free(ptr);
}

static void *hook_malloc(size_t size, void *self) {
  return counted(malloc(size ? size : 1), self);
}

static void *hook_calloc(size_t count, size_t size, void *self) {
  return counted(count && size ? calloc(count, size) : calloc(1, 1), self);
}

static void *hook_realloc(void *ptr, size_t size, void *self) {
  size_t before = ptr ? malloc_usable_size(ptr) : 0;
  void *moved = realloc(ptr, size ? size : 1);
  if (!moved) return NULL;
  if (ptr) atomic_fetch_sub(&((soak_self *)self)->live_blocks, 1);
  atomic_fetch_sub(&((soak_self *)self)->live_bytes, before);
  return counted(moved, self);
}

void soak_self_begin(soak_self *self) {
  gmux_allocator allocator = {.malloc = hook_malloc,
                              .calloc = hook_calloc,
                              .realloc = hook_realloc,
                              .free = hook_free,
                              .user_data = self};
  atomic_store(&self->live_blocks, 0); /* of the process that was here before */
  atomic_store(&self->live_bytes, 0);
  atomic_store(&self->is_done, false);
  fds_before = test_count_fds();
  if (gmux_set_allocator(&allocator)) abort();
}

void soak_self_trim(void) {
  malloc_trim(0);
}

void soak_self_end(soak_self *self) {
  size_t fds = test_count_fds();
  atomic_store(&self->left_blocks, (unsigned)atomic_load(&self->live_blocks));
  atomic_store(&self->left_fds, (unsigned)(fds > fds_before ? fds - fds_before : 0));
  atomic_store(&self->is_done, true);
}
