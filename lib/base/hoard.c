/* hoard.c: chunks, and those that are kept. Before the bytes of a chunk stands its head. */
#include "lib/base/hoard.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/base/poison.h"
#include <assert.h>
#include <stddef.h>
#include <string.h>

typedef union chunk_head {
  struct {
    size_t cap; /* bytes behind it */
    union chunk_head *next;
  } kept;
  max_align_t align;
} chunk_head;

static chunk_head *head_of(const void *data) {
  return (chunk_head *)(uintptr_t)data - 1;
}

/* ---- sizes ---- */

static size_t class_size(size_t class) {
  size_t base = (size_t)GMUX__HOARD_LEAST << (class / 4);
  return base + base / 4 * (class % 4);
}

/* The smallest that holds `size`; GMUX__HOARD_CLASSES: none does. */
static size_t class_of(size_t size) {
  size_t class = 0;
  while (class + 4 < GMUX__HOARD_CLASSES && class_size(class + 4) <= size)
    class += 4;
  while (class < GMUX__HOARD_CLASSES && class_size(class) < size)
    class ++;
  return class;
}

static size_t rounded(size_t size) {
  size_t class = size < GMUX__HOARD_LEAST ? GMUX__HOARD_CLASSES : class_of(size);
  return class < GMUX__HOARD_CLASSES ? class_size(class) : size;
}

/* ---- chunks ---- */

int gmux__chunk_grow(gmux__chunk *chunk, size_t len, size_t whole) {
  assert(chunk->len <= len && len <= whole);
  if (len <= chunk->cap) return 0;
  size_t cap = len == whole ? rounded(len) : len;
  if (cap > SIZE_MAX - sizeof(chunk_head)) return gmux__fail_code(GMUX_ERR_NOMEM);
  chunk_head *old = chunk->data ? head_of(chunk->data) : NULL;
  chunk_head *head = gmux__realloc(old, sizeof *head + cap);
  if (!head) return gmux__fail_code(GMUX_ERR_NOMEM);
  head->kept.cap = chunk->cap = cap;
  chunk->data = (uint8_t *)(head + 1);
  return 0;
}

/* The release function of what was handed out. */
static void chunk_free(void *head, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  gmux__free(head);
}

void gmux__chunk_detach(gmux__chunk *chunk, gmux_bytes *out) {
  *out = (gmux_bytes){0};
  if (chunk->data)
    *out = gmux_bytes_wrap(chunk->data, chunk->len, chunk_free, head_of(chunk->data));
  *chunk = (gmux__chunk){0};
}

void gmux__chunk_deinit(gmux__chunk *chunk) {
  if (chunk->data) gmux__free(head_of(chunk->data));
  *chunk = (gmux__chunk){0};
}

/* ---- the hoard ---- */

void gmux__hoard_init(gmux__hoard *hoard, size_t keep) {
  *hoard = (gmux__hoard){.keep = keep};
}

static chunk_head *hoard_pop(gmux__hoard *hoard, size_t class) {
  chunk_head *head = hoard->free[class];
  hoard->free[class] = head->kept.next;
  hoard->held -= head->kept.cap;
  if (hoard->held < hoard->least) hoard->least = hoard->held;
  ASAN_UNPOISON_MEMORY_REGION(head + 1, head->kept.cap);
  return head;
}

/* One of the next larger sizes wastes at most half of it; beyond that it is kept for others. */
enum { CLASSES_TRIED = 4 };

void gmux__hoard_lend(gmux__hoard *hoard, gmux__chunk *chunk, size_t whole) {
  assert(!chunk->data);
  if (!hoard || !hoard->held || whole < GMUX__HOARD_LEAST) return;
  size_t first = class_of(whole);
  for (size_t c = first; c < GMUX__HOARD_CLASSES && c < first + CLASSES_TRIED; c++) {
    if (!hoard->free[c]) continue;
    chunk_head *head = hoard_pop(hoard, c);
    *chunk = (gmux__chunk){(uint8_t *)(head + 1), 0, head->kept.cap};
    return;
  }
}

static bool hoard_keep(gmux__hoard *hoard, chunk_head *head) {
  size_t cap = head->kept.cap;
  if (cap < GMUX__HOARD_LEAST || cap > hoard->keep || hoard->held > hoard->keep - cap) return false;
  size_t class = class_of(cap);
  if (class == GMUX__HOARD_CLASSES || class_size(class) != cap) return false;
  ASAN_POISON_MEMORY_REGION(head + 1, cap);
  head->kept.next = hoard->free[class];
  hoard->free[class] = head;
  hoard->held += cap;
  return true;
}

void gmux__hoard_release(gmux__hoard *hoard, gmux_bytes *bytes) {
  bool is_kept =
      hoard && bytes->release == chunk_free && hoard_keep(hoard, (chunk_head *)bytes->release_arg);
  if (is_kept)
    *bytes = (gmux_bytes){0};
  else
    gmux_bytes_release(bytes);
}

bool gmux__hoard_trim(gmux__hoard *hoard) {
  size_t spare = hoard->least;
  for (size_t c = GMUX__HOARD_CLASSES; c-- > 0;)
    while (hoard->free[c] && spare >= class_size(c)) {
      spare -= class_size(c);
      gmux__free(hoard_pop(hoard, c));
    }
  hoard->least = hoard->held;
  return hoard->held > 0;
}

void gmux__hoard_deinit(gmux__hoard *hoard) {
  for (size_t c = 0; c < GMUX__HOARD_CLASSES; c++)
    while (hoard->free[c])
      gmux__free(hoard_pop(hoard, c));
}
