/* hpack.c: header blocks; see hpack.h. Sections are those of RFC 7541. */
#include "lib/wire/hpack.h"
#include "lib/base/alloc.h"
#include "lib/wire/huffman.h"
#include <string.h>

enum { STATIC_ENTRIES = 61, ENTRY_OVERHEAD = 32, HUFFMAN_LEAST = 128 };

/* What a field's first byte starts with, and how many bits are left for a number (section 6). */
enum {
  INDEXED = 0x80,
  INDEXED_BITS = 7,
  ADDED = 0x40,
  ADDED_BITS = 6,
  LIMIT = 0x20,
  LIMIT_BITS = 5,
  SECRET = 0x10,
  PLAIN = 0x00,
  PLAIN_BITS = 4,
  HUFFMAN = 0x80,
  STRING_BITS = 7
};

struct gmux__hpack_entry {
  gmux__hpack_entry *next;  /* in its bucket; older */
  gmux__hpack_entry *newer; /* in the table */
  const uint8_t *name, *value;
  size_t name_len, value_len;
  uint32_t hash;
  uint32_t number; /* of hpack->added when it was added */
  uint32_t passed; /* hash of the value that was last sent under its name, and not added */
  uint8_t text[];  /* what is not lasting of name and value */
};

/* ---- bytes ---- */

/* Section 5.1. */
static inline uint8_t *put_int(uint8_t *out, unsigned pattern, unsigned bits, size_t n) {
  size_t most = (1u << bits) - 1;
  if (n < most) {
    *out++ = (uint8_t)(pattern | n);
    return out;
  }
  *out++ = (uint8_t)(pattern | most);
  for (n -= most; n >= 0x80; n >>= 7)
    *out++ = (uint8_t)(0x80 | (n & 0x7f));
  *out++ = (uint8_t)n;
  return out;
}

/* Huffman's code is for long ones: some servers bound the bytes of a field as it comes. */
static uint8_t *put_string(uint8_t *out, const uint8_t *s, size_t len) {
  size_t coded = len < HUFFMAN_LEAST ? len : gmux__huffman_len(s, len);
  if (coded < len) return gmux__huffman_put(put_int(out, HUFFMAN, STRING_BITS, coded), s, len);
  out = put_int(out, 0, STRING_BITS, len);
  if (len > 0) memcpy(out, s, len);
  return out + len;
}

/* Names of ours that have a number of their own (appendix A). */
static unsigned static_name(const gmux__field *field) {
  static const struct {
    const char *name;
    unsigned index;
  } names[] = {{":authority", 1},     {":path", 4},         {":status", 8}, {"allow", 22},
               {"authorization", 23}, {"content-type", 31}, {"cookie", 32}, {"user-agent", 58}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strlen(names[i].name) == field->name_len &&
        memcmp(names[i].name, field->name, field->name_len) == 0)
      return names[i].index;
  return 0;
}

/* A field that is no entry: `name_index` 0 means that its name is sent too. */
static uint8_t *put_literal(uint8_t *out, unsigned pattern, unsigned bits, const gmux__field *field,
                            unsigned name_index) {
  if (name_index == 0) name_index = static_name(field);
  out = put_int(out, pattern, bits, name_index);
  if (name_index == 0) out = put_string(out, field->name, field->name_len);
  return put_string(out, field->value, field->value_len);
}

/* ---- the table ---- */

static uint32_t entry_bytes(size_t name_len, size_t value_len) {
  return (uint32_t)(name_len + value_len + ENTRY_OVERHEAD);
}

static unsigned entry_index(const gmux__hpack *hpack, const gmux__hpack_entry *entry) {
  return STATIC_ENTRIES + 1 + (hpack->added - entry->number);
}

static gmux__hpack_entry **bucket_of(gmux__hpack *hpack, uint32_t hash) {
  return &hpack->buckets[hash % GMUX__HPACK_BUCKETS];
}

static void evict_oldest(gmux__hpack *hpack) {
  gmux__hpack_entry *entry = hpack->oldest, **at = bucket_of(hpack, entry->hash);
  while (*at != entry)
    at = &(*at)->next;
  *at = entry->next;
  hpack->oldest = entry->newer;
  if (!hpack->oldest) hpack->newest = NULL;
  hpack->bytes -= entry_bytes(entry->name_len, entry->value_len);
  gmux__free(entry);
}

static void evict_down_to(gmux__hpack *hpack, uint32_t bytes) {
  while (hpack->bytes > bytes)
    evict_oldest(hpack);
}

static gmux__hpack_entry *entry_new(const gmux__field *field) {
  size_t name_room = field->is_name_lasting ? 0 : field->name_len;
  size_t value_room = field->is_value_lasting ? 0 : field->value_len;
  gmux__hpack_entry *entry = gmux__malloc(sizeof *entry + name_room + value_room);
  if (!entry) return NULL;
  *entry = (gmux__hpack_entry){.name = field->name,
                               .value = field->value,
                               .name_len = field->name_len,
                               .value_len = field->value_len};
  if (name_room) entry->name = memcpy(entry->text, field->name, name_room);
  if (value_room) entry->value = memcpy(entry->text + name_room, field->value, value_room);
  return entry;
}

/* False: it is not in the table. One that would push out most others is not worth it. */
static bool table_add(gmux__hpack *hpack, const gmux__field *field, uint32_t hash) {
  size_t most = hpack->limit / 4 * 3;
  if (field->name_len > most || field->value_len > most) return false;
  uint32_t bytes = entry_bytes(field->name_len, field->value_len);
  if (bytes > most) return false;
  gmux__hpack_entry *entry = entry_new(field);
  if (!entry) return false;
  evict_down_to(hpack, hpack->limit - bytes);
  hpack->bytes += bytes;
  entry->number = ++hpack->added;
  entry->hash = hash;
  gmux__hpack_entry **bucket = bucket_of(hpack, hash);
  entry->next = *bucket;
  *bucket = entry;
  if (hpack->newest)
    hpack->newest->newer = entry;
  else
    hpack->oldest = entry;
  hpack->newest = entry;
  return true;
}

static bool is_same(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len) {
  return a_len == b_len && (a == b || a_len == 0 || memcmp(a, b, a_len) == 0);
}

/* The entry of this very field. NULL: there is none, then *named is the newest of its name that has
 * this hash, or NULL. */
static gmux__hpack_entry *table_find(gmux__hpack *hpack, const gmux__field *field, uint32_t hash,
                                     gmux__hpack_entry **named) {
  *named = NULL;
  for (gmux__hpack_entry *e = *bucket_of(hpack, hash); e; e = e->next) {
    if (e->hash != hash || !is_same(e->name, e->name_len, field->name, field->name_len)) continue;
    if (is_same(e->value, e->value_len, field->value, field->value_len)) return e;
    if (!*named) *named = e;
  }
  return NULL;
}

/* ---- fields ---- */

/* Where a credential could be guessed byte by byte by watching what fits the table. */
static bool is_secret(const gmux__field *field) {
  switch (field->name_len) {
  case 6:
    return memcmp(field->name, "cookie", 6) == 0;
  case 13:
    return memcmp(field->name, "authorization", 13) == 0;
  case 19:
    return memcmp(field->name, "proxy-authorization", 19) == 0;
  default:
    return false;
  }
}

static uint8_t *put_new(gmux__hpack *hpack, uint8_t *out, const gmux__field *field, uint32_t hash,
                        const gmux__hpack_entry *named) {
  unsigned name_index = named ? entry_index(hpack, named) : 0; /* before it is pushed out */
  if (table_add(hpack, field, hash)) return put_literal(out, ADDED, ADDED_BITS, field, name_index);
  return put_literal(out, PLAIN, PLAIN_BITS, field, name_index);
}

/* By where its strings lie: those of most fields do not move. */
static const gmux__hpack_entry *table_glance(const gmux__hpack *hpack, const gmux__field *field) {
  const gmux__hpack_entry *e = hpack->buckets[field->hash % GMUX__HPACK_BUCKETS];
  for (; e; e = e->next)
    if (e->value == field->value && e->name == field->name && e->value_len == field->value_len &&
        e->name_len == field->name_len)
      return e;
  return NULL;
}

static uint8_t *put_steady(gmux__hpack *hpack, uint8_t *out, const gmux__field *field) {
  if (field->static_index) return put_int(out, INDEXED, INDEXED_BITS, field->static_index);
  const gmux__hpack_entry *seen = table_glance(hpack, field);
  if (seen) return put_int(out, INDEXED, INDEXED_BITS, entry_index(hpack, seen));
  gmux__hpack_entry *named;
  const gmux__hpack_entry *same = table_find(hpack, field, field->hash, &named);
  if (same) return put_int(out, INDEXED, INDEXED_BITS, entry_index(hpack, same));
  return put_new(hpack, out, field, field->hash, named);
}

/* A long one, that may be another each time, is not worth what others have of the table: two of
 * them would push each other out, and all else, with every block. */
static bool is_greedy(const gmux__hpack *hpack, const gmux__field *field) {
  size_t bytes = field->name_len + field->value_len + ENTRY_OVERHEAD;
  return bytes > hpack->limit / 3 && bytes > hpack->limit - hpack->bytes;
}

static uint8_t *put_other(gmux__hpack *hpack, uint8_t *out, const gmux__field *field) {
  if (is_secret(field)) return put_literal(out, SECRET, PLAIN_BITS, field, 0);
  uint32_t hash = field->hash ? field->hash : gmux__field_hash(field->name, field->name_len, 0);
  gmux__hpack_entry *named;
  const gmux__hpack_entry *same = table_find(hpack, field, hash, &named);
  if (same) return put_int(out, INDEXED, INDEXED_BITS, entry_index(hpack, same));
  if (!named)
    return is_greedy(hpack, field) ? put_literal(out, PLAIN, PLAIN_BITS, field, 0)
                                   : put_new(hpack, out, field, hash, NULL);
  uint32_t value_hash = gmux__field_hash(field->value, field->value_len, 0);
  if (named->passed == value_hash) return put_new(hpack, out, field, hash, named);
  named->passed = value_hash;
  return put_literal(out, PLAIN, PLAIN_BITS, field, entry_index(hpack, named));
}

/* ---- all of it ---- */

void gmux__hpack_init(gmux__hpack *hpack) {
  *hpack = (gmux__hpack){.limit = GMUX__HPACK_TABLE_BYTES};
}

void gmux__hpack_deinit(gmux__hpack *hpack) {
  evict_down_to(hpack, 0);
}

/* Section 4.2: the peer hears of it, or it would keep what we have pushed out, and count otherwise
 * than we do. */
void gmux__hpack_set_limit(gmux__hpack *hpack, uint32_t bytes) {
  if (bytes >= hpack->limit) return;
  hpack->limit = bytes;
  hpack->has_news = true;
  evict_down_to(hpack, bytes);
}

size_t gmux__hpack_encode(gmux__hpack *hpack, uint8_t *out, const gmux__field *fields,
                          size_t count) {
  uint8_t *at = out;
  if (hpack->has_news) at = put_int(at, LIMIT, LIMIT_BITS, hpack->limit);
  hpack->has_news = false;
  for (size_t i = 0; i < count; i++)
    at = fields[i].is_steady ? put_steady(hpack, at, &fields[i]) : put_other(hpack, at, &fields[i]);
  return (size_t)(at - out);
}
