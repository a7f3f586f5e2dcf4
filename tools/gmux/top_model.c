/* top_model.c: rows, found by their keys, and questions in the order in which they came up. */
#include "tools/gmux/top_model.h"
#include "tools/gmux/top_take.h"
#include "tools/protoc-gen-gmux/pool.h"

#include <stdlib.h>
#include <string.h>

/* Of each row there is one at most, and the pages that it was on. */
enum { QUESTIONS_A_ROW = 2, QUESTIONS_BESIDE = 100 };

void top_model_init(top_model *m, size_t max_sockets) {
  *m = (top_model){.max_sockets = max_sockets};
}

void top_model_free(top_model *m) {
  free(m->rows);
  free(m->slots);
  free(m->questions);
  *m = (top_model){.max_sockets = m->max_sockets};
}

void top_model_begin(top_model *m, uint64_t now_ns) {
  m->count = m->question_count = m->next = 0;
  memset(m->counts, 0, sizeof m->counts);
  memset(m->is_cut, 0, sizeof m->is_cut);
  if (m->slots) memset(m->slots, 0, m->slot_count * sizeof *m->slots);
  m->at_ns = now_ns;
  top_ask(m, (top_question){.method = TOP_GET_SERVERS});
  top_ask(m, (top_question){.method = TOP_GET_TOP_CHANNELS});
}

/* ---- by their keys ---- */

/* Multiplied by 2^64 over the golden ratio, so that numbers in a row are far from each other. */
static size_t slot_of(const top_model *m, top_key key) {
  uint64_t hash = ((uint64_t)key.id * TOP_KINDS + key.kind) * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 32) & (m->slot_count - 1);
}

static bool is_same(top_key a, top_key b) {
  return a.kind == b.kind && a.id == b.id;
}

/* The slot that has it, or that it belongs in: there is an empty one. */
static uint32_t *slot_for(const top_model *m, top_key key) {
  size_t at = slot_of(m, key);
  while (m->slots[at] && !is_same(m->rows[m->slots[at] - 1].key, key))
    at = (at + 1) & (m->slot_count - 1);
  return &m->slots[at];
}

static top_row *find(const top_model *m, top_key key) {
  uint32_t number = m->slot_count ? *slot_for(m, key) : 0;
  return number ? &m->rows[number - 1] : NULL;
}

const top_row *top_model_find(const top_model *m, top_key key) {
  return find(m, key);
}

static void *grown(void *list, size_t count, size_t size) {
  void *larger = realloc(list, count * size);
  if (!larger) out_of_memory();
  return larger;
}

/* At most half of the slots are taken: a search is short. */
static void make_room(top_model *m) {
  enum { FIRST_ROOM = 64 };
  if (m->count < m->room) return;
  m->room = m->room ? m->room * 2 : FIRST_ROOM;
  m->rows = grown(m->rows, m->room, sizeof *m->rows);
  m->slot_count = m->room * 2;
  m->slots = grown(m->slots, m->slot_count, sizeof *m->slots);
  memset(m->slots, 0, m->slot_count * sizeof *m->slots);
  for (size_t i = 0; i < m->count; i++)
    *slot_for(m, m->rows[i].key) = (uint32_t)i + 1;
}

static size_t max_of(const top_model *m, top_kind kind) {
  return kind == TOP_SOCKET ? m->max_sockets : TOP_OTHERS;
}

top_row *top_add(top_model *m, top_key key, top_key of) {
  if (key.id <= 0) return NULL;
  top_row *old = find(m, key);
  if (old) return old;
  if (m->counts[key.kind] >= max_of(m, key.kind)) {
    m->is_cut[key.kind] = true;
    return NULL;
  }
  make_room(m);
  top_row *row = &m->rows[m->count++];
  *slot_for(m, key) = (uint32_t)m->count;
  *row = (top_row){.key = key,
                   .of = of,
                   .sent = TOP_UNKNOWN,
                   .received = TOP_UNKNOWN,
                   .pings = TOP_UNKNOWN,
                   .window = TOP_UNKNOWN,
                   .peer_window = TOP_UNKNOWN,
                   .goaway = TOP_UNKNOWN};
  m->counts[key.kind]++;
  return row;
}

/* ---- questions ---- */

bool top_ask(top_model *m, top_question q) {
  enum { FIRST_ROOM = 64 };
  if (m->question_count >= m->count * QUESTIONS_A_ROW + QUESTIONS_BESIDE) return false;
  if (m->question_count == m->question_room) {
    m->question_room = m->question_room ? m->question_room * 2 : FIRST_ROOM;
    m->questions = grown(m->questions, m->question_room, sizeof *m->questions);
  }
  m->questions[m->question_count++] = q;
  return true;
}

bool top_model_next(top_model *m, top_question *q) {
  if (m->next == m->question_count) return false;
  *q = m->questions[m->next++];
  return true;
}
