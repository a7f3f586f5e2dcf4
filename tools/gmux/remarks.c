/* remarks.c: SourceCodeInfo, which is a stranger's as all of descriptors is: it is sorted once and
 * not searched from end to end for each field. */
#include "tools/gmux/remarks.h"

#include <stdlib.h>
#include <string.h>

/* ---- comments ---- */

static int compare_paths(const int32_t *a, size_t a_len, const int32_t *b, size_t b_len) {
  for (size_t i = 0; i < a_len && i < b_len; i++)
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  return a_len == b_len ? 0 : a_len < b_len ? -1 : 1;
}

static int by_path(const void *a, const void *b) {
  const Plugin__SourceInfo__Location *const *first = a, *const *second = b;
  return compare_paths((*first)->path, (*first)->n_path, (*second)->path, (*second)->n_path);
}

static void sort(remarks *m, const Plugin__SourceInfo *info) {
  if (!info || info->n_location == 0) return;
  m->list = pool_get(&m->memory, info->n_location, sizeof *m->list);
  for (size_t i = 0; i < info->n_location; i++)
    if (info->location[i]->leading_comments || info->location[i]->trailing_comments)
      m->list[m->count++] = info->location[i];
  qsort(m->list, m->count, sizeof *m->list, by_path);
}

const char *remark_at(const remarks *m, const remark_place *place) {
  size_t from = 0, to = m->count;
  while (from < to) {
    size_t middle = from + (to - from) / 2;
    const Plugin__SourceInfo__Location *l = m->list[middle];
    int order = compare_paths(place->path, place->len, l->path, l->n_path);
    if (order == 0) return l->leading_comments ? l->leading_comments : l->trailing_comments;
    if (order < 0)
      to = middle;
    else
      from = middle + 1;
  }
  return "";
}

/* ---- places ---- */

remark_place remark_in(const remark_place *outer, int32_t step, size_t index) {
  remark_place inner = *outer;
  if (inner.len + 2 > REMARK_PATH_MAX) return inner;
  inner.path[inner.len++] = step;
  inner.path[inner.len++] = (int32_t)index;
  return inner;
}

static bool find_enum(Plugin__Enum *const *list, size_t count, const void *wanted, int32_t step,
                      remark_place *place) {
  for (size_t i = 0; i < count; i++) {
    if (list[i] != wanted) continue;
    *place = remark_in(place, step, i);
    return true;
  }
  return false;
}

/* As deep as registry.c has allowed. */
static bool find_type(Plugin__Type *const *list, size_t count, const void *wanted, int32_t step,
                      remark_place *place) {
  for (size_t i = 0; i < count; i++) {
    remark_place here = remark_in(place, step, i);
    if (list[i] == wanted ||
        find_enum(list[i]->enum_type, list[i]->n_enum_type, wanted, REMARK_IN_MESSAGE_ENUM,
                  &here) ||
        find_type(list[i]->nested_type, list[i]->n_nested_type, wanted, REMARK_IN_MESSAGE_MESSAGE,
                  &here)) {
      *place = here;
      return true;
    }
  }
  return false;
}

static void find(const Plugin__File *file, const void *wanted, remark_place *place) {
  if (find_type(file->message_type, file->n_message_type, wanted, REMARK_MESSAGE, place) ||
      find_enum(file->enum_type, file->n_enum_type, wanted, REMARK_ENUM, place))
    return;
  for (size_t i = 0; i < file->n_service; i++)
    if (file->service[i] == wanted) *place = remark_in(place, REMARK_SERVICE, i);
}

void remarks_open(remarks *m, const registry *r, const char *file, const void *descriptor,
                  remark_place *place) {
  *m = (remarks){.count = 0};
  *place = (remark_place){.len = 0};
  for (size_t i = 0; i < r->set->n_file; i++) {
    const Plugin__File *f = r->set->file[i];
    if (strcmp(f->name, file) != 0 || m->list) continue;
    find(f, descriptor, place);
    if (place->len > 0) sort(m, f->source_code_info);
  }
}

void remarks_close(remarks *m) {
  pool_free(&m->memory);
}
