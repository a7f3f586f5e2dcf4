/*
 * metadata.c: metadata objects, and how they stand in HTTP/2 header fields.
 *
 * The bytes of all entries lie in one arena, which moves when it grows; so entries hold positions.
 * An entry's bytes, in this order:
 *
 *     key, zero | value, zero | for a "-bin" key: the value in base64, as it stands on the wire
 *
 * Both arrays start inside the object, so that a metadata of a few short entries, as nearly all of
 * them are, is one allocation. An entry is written behind the used part and counted last; what
 * fails before that leaves no trace.
 */
#include "lib/wire/metadata.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/wire/base64.h"
#include <assert.h>
#include <string.h>

enum {
  FIRST_ENTRIES = 4,
  FIRST_ARENA = 256,
  SHOWN_KEY = 64 /* of a wrong key, in an error's words */
};

struct entry {
  size_t key; /* position in the arena */
  size_t key_len, value_len;
  size_t wire_len; /* of the base64 form; not used for text */
};

struct gmux_metadata {
  struct entry *entries;
  char *arena;
  size_t count, room;           /* entries */
  size_t arena_len, arena_room; /* bytes */
  struct entry first_entries[FIRST_ENTRIES];
  char first_arena[FIRST_ARENA];
};

/* ---- names and values ---- */

static bool key_is_binary(const char *key, size_t len) {
  return len >= 4 && memcmp(key + len - 4, "-bin", 4) == 0;
}

static bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

static bool is_text_char(char c) {
  return c >= 0x20 && c <= 0x7e;
}

static bool name_is(const char *name, size_t len, const char *word) {
  return strlen(word) == len && memcmp(name, word, len) == 0;
}

bool gmux__metadata_is_reserved(const char *name, size_t len) {
  static const char *const words[] = {
      /* gRPC's own */
      "content-type", "te", "user-agent",
      /* says in bytes what a stream of messages does not know; a wrong one resets the stream */
      "content-length",
      /* stands in :authority (RFC 9113 section 8.3.1) */
      "host",
      /* connection-specific: malformed in HTTP/2 (RFC 9113 section 8.2.2) */
      "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  if (len > 0 && name[0] == ':') return true;
  if (len >= 5 && memcmp(name, "grpc-", 5) == 0) return true;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (name_is(name, len, words[i])) return true;
  return false;
}

/* As much of a wrong key as fits, fit to be printed. */
static const char *key_shown(char shown[SHOWN_KEY], const char *key, size_t len) {
  size_t i = 0;
  for (; i < len && i < SHOWN_KEY - 1; i++)
    shown[i] = is_text_char(key[i]) ? key[i] : '?';
  shown[i] = '\0';
  return shown;
}

static int key_check(const char *key, size_t len) {
  char shown[SHOWN_KEY];
  if (len == 0) return gmux__fail(GMUX_ERR_INVALID, "a metadata key must not be empty");
  if (gmux__metadata_is_reserved(key, len))
    return gmux__fail(GMUX_ERR_INVALID,
                      "metadata key \"%s\" belongs to gRPC or HTTP/2; choose another name",
                      key_shown(shown, key, len));
  for (size_t i = 0; i < len; i++) {
    if (is_key_char(key[i])) continue;
    if (key[i] >= 'A' && key[i] <= 'Z')
      return gmux__fail(GMUX_ERR_INVALID,
                        "metadata key \"%s\": '%c' at position %zu must be lower case",
                        key_shown(shown, key, len), key[i], i);
    return gmux__fail(GMUX_ERR_INVALID,
                      "metadata key \"%s\": byte 0x%02x at position %zu is none of 0-9 a-z _ - .",
                      key_shown(shown, key, len), (unsigned char)key[i], i);
  }
  return 0;
}

/* The value itself is never shown: it may be a secret. */
static int text_check(const char *key, const char *value, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!is_text_char(value[i]))
      return gmux__fail(GMUX_ERR_INVALID,
                        "metadata value of \"%s\": byte 0x%02x at position %zu is not printable "
                        "ASCII; only a key that ends in \"-bin\" takes any byte",
                        key, (unsigned char)value[i], i);
  if (len > 0 && (value[0] == ' ' || value[len - 1] == ' '))
    return gmux__fail(GMUX_ERR_INVALID,
                      "metadata value of \"%s\" %s with a space, which a peer may strip", key,
                      value[0] == ' ' ? "begins" : "ends");
  return 0;
}

/* ---- storage ---- */

/* `mem` enlarged to `size` bytes; `first` is where it lies inside the object before it ever grew.
 */
static void *storage_enlarge(void *mem, const void *first, size_t used, size_t size) {
  if (mem != first) return gmux__realloc(mem, size);
  void *larger = gmux__malloc(size);
  if (larger) memcpy(larger, first, used);
  return larger;
}

static bool metadata_reserve_entries(gmux_metadata *m, size_t more) {
  if (m->room - m->count >= more) return true;
  size_t room = m->count + more > m->room * 2 ? m->count + more : m->room * 2;
  void *entries = storage_enlarge(m->entries, m->first_entries, m->count * sizeof *m->entries,
                                  room * sizeof *m->entries);
  if (!entries) return false;
  m->entries = entries;
  m->room = room;
  return true;
}

static bool metadata_reserve_arena(gmux_metadata *m, size_t more) {
  if (m->arena_room - m->arena_len >= more) return true;
  if (more > SIZE_MAX / 2 - m->arena_len) return false;
  size_t room = m->arena_len + more;
  if (room < m->arena_room * 2) room = m->arena_room * 2;
  void *arena = storage_enlarge(m->arena, m->first_arena, m->arena_len, room);
  if (!arena) return false;
  m->arena = arena;
  m->arena_room = room;
  return true;
}

/* Room for one more entry with these lengths; it is counted by metadata_commit. */
static int metadata_reserve(gmux_metadata *m, size_t key_len, size_t value_len, size_t wire_len) {
  if (!metadata_reserve_entries(m, 1) ||
      !metadata_reserve_arena(m, key_len + 1 + value_len + 1 + wire_len))
    return gmux__fail_code(GMUX_ERR_NOMEM);
  return 0;
}

/* Writes the key of the entry to come and returns where its value goes. */
static char *metadata_put_key(gmux_metadata *m, const char *key, size_t key_len) {
  char *at = m->arena + m->arena_len;
  memcpy(at, key, key_len);
  at[key_len] = '\0';
  return at + key_len + 1;
}

/* Key and value are in place: finishes the entry with the value's zero and its wire form. */
static void metadata_commit(gmux_metadata *m, size_t key_len, size_t value_len) {
  size_t key = m->arena_len;
  char *value = m->arena + key + key_len + 1;
  value[value_len] = '\0';
  size_t wire_len = 0;
  if (key_is_binary(m->arena + key, key_len)) {
    wire_len = gmux__base64_encoded_len(value_len);
    gmux__base64_encode(value + value_len + 1, (const uint8_t *)value, value_len);
  }
  m->entries[m->count++] = (struct entry){key, key_len, value_len, wire_len};
  m->arena_len += key_len + 1 + value_len + 1 + wire_len;
  assert(m->arena_len <= m->arena_room);
}

static int metadata_append(gmux_metadata *m, const char *key, size_t key_len, const void *value,
                           size_t value_len) {
  size_t wire_len = key_is_binary(key, key_len) ? gmux__base64_encoded_len(value_len) : 0;
  int error = metadata_reserve(m, key_len, value_len, wire_len);
  if (error) return error;
  char *at = metadata_put_key(m, key, key_len);
  if (value_len) memcpy(at, value, value_len);
  metadata_commit(m, key_len, value_len);
  return 0;
}

/* ---- the application's side ---- */

int gmux_metadata_new(gmux_metadata **out) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "gmux_metadata_new: out is NULL");
  gmux_metadata *m = gmux__malloc(sizeof *m); /* not cleared: most of it is the two arrays */
  if (!m) return gmux__fail_code(GMUX_ERR_NOMEM);
  m->entries = m->first_entries;
  m->arena = m->first_arena;
  m->count = m->arena_len = 0;
  m->room = FIRST_ENTRIES;
  m->arena_room = FIRST_ARENA;
  *out = m;
  return 0;
}

void gmux_metadata_free(gmux_metadata *metadata) {
  if (!metadata) return;
  if (metadata->entries != metadata->first_entries) gmux__free(metadata->entries);
  if (metadata->arena != metadata->first_arena) gmux__free(metadata->arena);
  gmux__free(metadata);
}

int gmux_metadata_add(gmux_metadata *metadata, const char *key, const char *value) {
  if (!metadata || !key || !value)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_metadata_add: metadata, key or value is NULL");
  size_t key_len = strlen(key), value_len = strlen(value);
  int error = key_check(key, key_len);
  if (error) return error;
  if (key_is_binary(key, key_len))
    return gmux__fail(GMUX_ERR_INVALID,
                      "metadata key \"%s\" ends in \"-bin\": use gmux_metadata_add_bin", key);
  error = text_check(key, value, value_len);
  if (error) return error;
  return metadata_append(metadata, key, key_len, value, value_len);
}

int gmux_metadata_add_bin(gmux_metadata *metadata, const char *key, const void *value, size_t len) {
  if (!metadata || !key || (!value && len > 0))
    return gmux__fail(GMUX_ERR_INVALID, "gmux_metadata_add_bin: metadata, key or value is NULL");
  size_t key_len = strlen(key);
  int error = key_check(key, key_len);
  if (error) return error;
  if (!key_is_binary(key, key_len))
    return gmux__fail(GMUX_ERR_INVALID,
                      "metadata key \"%s\" must end in \"-bin\" to have a binary value; use "
                      "gmux_metadata_add for text",
                      key);
  return metadata_append(metadata, key, key_len, value, len);
}

size_t gmux_metadata_count(const gmux_metadata *metadata) {
  return metadata ? metadata->count : 0;
}

static const char *entry_key(const gmux_metadata *m, const struct entry *e) {
  return m->arena + e->key;
}

static const char *entry_value(const gmux_metadata *m, const struct entry *e) {
  return m->arena + e->key + e->key_len + 1;
}

int gmux_metadata_at(const gmux_metadata *metadata, size_t index, gmux_metadata_entry *out) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "gmux_metadata_at: out is NULL");
  size_t count = gmux_metadata_count(metadata);
  if (index >= count)
    return gmux__fail(GMUX_ERR_NOT_FOUND, "there is no metadata entry %zu, only %zu", index, count);
  const struct entry *e = &metadata->entries[index];
  out->key = entry_key(metadata, e);
  out->key_len = e->key_len;
  out->value = (const uint8_t *)entry_value(metadata, e);
  out->value_len = e->value_len;
  return 0;
}

const char *gmux_metadata_get(const gmux_metadata *metadata, const char *key, size_t *len) {
  if (!metadata || !key) return NULL;
  size_t key_len = strlen(key);
  for (size_t i = 0; i < metadata->count; i++) {
    const struct entry *e = &metadata->entries[i];
    if (e->key_len != key_len || memcmp(entry_key(metadata, e), key, key_len) != 0) continue;
    if (len) *len = e->value_len;
    return entry_value(metadata, e);
  }
  return NULL;
}

/* ---- the wire's side ---- */

static bool key_is_wanted(const char *key, size_t len) {
  if (name_is(key, len, "user-agent")) return true; /* comes with nearly every request */
  if (len == 0) return false;
  for (size_t i = 0; i < len; i++)
    if (!is_key_char(key[i])) return false;
  return !gmux__metadata_is_reserved(key, len);
}

static bool is_blank(uint8_t c) {
  return c == ' ' || c == '\t';
}

static void blanks_strip(const uint8_t **text, size_t *len) {
  while (*len > 0 && is_blank(**text))
    ++*text, --*len;
  while (*len > 0 && is_blank((*text)[*len - 1]))
    --*len;
}

/* HTTP allows more than gRPC does, such as bytes from 0x80; none of it is worth failing a call for.
 * These three HTTP forbids (RFC 9113 section 8.2.1); a header parser lets none through. */
static bool text_is_http(const uint8_t *text, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (text[i] == '\0' || text[i] == '\r' || text[i] == '\n') return false;
  return true;
}

static int metadata_receive_text(gmux_metadata *m, const char *key, size_t key_len,
                                 const uint8_t *value, size_t value_len) {
  blanks_strip(&value, &value_len);
  if (!text_is_http(value, value_len)) return 0;
  return metadata_append(m, key, key_len, value, value_len);
}

/* One base64 text, decoded into its place. */
static int metadata_receive_piece(gmux_metadata *m, const char *key, size_t key_len,
                                  const uint8_t *text, size_t len) {
  blanks_strip(&text, &len);
  size_t most = gmux__base64_decoded_max(len);
  int error = metadata_reserve(m, key_len, most, gmux__base64_encoded_len(most));
  if (error) return error;
  char *value = metadata_put_key(m, key, key_len);
  size_t value_len;
  if (gmux__base64_decode((uint8_t *)value, &value_len, text, len))
    return gmux__fail(GMUX_ERR_PROTOCOL, "metadata value of \"%.*s\" from the peer: %s",
                      key_len < 64 ? (int)key_len : 64, key, gmux_last_error());
  metadata_commit(m, key_len, value_len);
  return 0;
}

/* Values of one key may have been joined by "," on the way. */
static int metadata_receive_bin(gmux_metadata *m, const char *key, size_t key_len,
                                const uint8_t *value, size_t value_len) {
  size_t count = m->count, arena_len = m->arena_len;
  for (;;) {
    const uint8_t *comma = value_len ? memchr(value, ',', value_len) : NULL;
    size_t piece_len = comma ? (size_t)(comma - value) : value_len;
    int error = metadata_receive_piece(m, key, key_len, value, piece_len);
    if (error) {
      m->count = count; /* all pieces or none */
      m->arena_len = arena_len;
      return error;
    }
    if (!comma) return 0;
    value = comma + 1;
    value_len -= piece_len + 1;
  }
}

int gmux__metadata_receive(gmux_metadata *metadata, const uint8_t *name, size_t name_len,
                           const uint8_t *value, size_t value_len) {
  const char *key = (const char *)name;
  if (!key_is_wanted(key, name_len)) return 0;
  return key_is_binary(key, name_len)
             ? metadata_receive_bin(metadata, key, name_len, value, value_len)
             : metadata_receive_text(metadata, key, name_len, value, value_len);
}

int gmux__metadata_copy(gmux_metadata **out, const gmux_metadata *from) {
  gmux_metadata *copy = NULL;
  if (gmux_metadata_count(from) > 0) {
    int error = gmux_metadata_new(&copy);
    if (error) return error;
    if (!metadata_reserve_entries(copy, from->count) ||
        !metadata_reserve_arena(copy, from->arena_len)) {
      gmux_metadata_free(copy);
      return gmux__fail_code(GMUX_ERR_NOMEM);
    }
    memcpy(copy->entries, from->entries, from->count * sizeof *from->entries);
    memcpy(copy->arena, from->arena, from->arena_len);
    copy->count = from->count;
    copy->arena_len = from->arena_len;
  }
  *out = copy;
  return 0;
}

uint32_t gmux__field_hash(const uint8_t *bytes, size_t len, uint32_t hash) {
  if (hash == 0) hash = 2166136261u;
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ bytes[i]) * 16777619u;
  return hash;
}

void gmux__field_prepare(gmux__field *field) {
  uint32_t name = gmux__field_hash(field->name, field->name_len, 0);
  field->hash = gmux__field_hash(field->value, field->value_len, name);
  field->is_steady = true;
}

static gmux__field entry_field(const gmux_metadata *m, const struct entry *e) {
  const char *key = entry_key(m, e), *value = entry_value(m, e);
  bool binary = key_is_binary(key, e->key_len);
  return (gmux__field){.name = (const uint8_t *)key,
                       .name_len = e->key_len,
                       .value = (const uint8_t *)(binary ? value + e->value_len + 1 : value),
                       .value_len = binary ? e->wire_len : e->value_len};
}

size_t gmux__metadata_wire_size(const gmux_metadata *metadata) {
  size_t size = 0;
  for (size_t i = 0; i < gmux_metadata_count(metadata); i++) {
    gmux__field field = entry_field(metadata, &metadata->entries[i]);
    size += field.name_len + field.value_len + 32;
  }
  return size;
}

size_t gmux__metadata_fields(const gmux_metadata *metadata, gmux__field *fields, size_t room) {
  size_t count = gmux_metadata_count(metadata);
  assert(count <= room);
  if (count > room) count = room;
  for (size_t i = 0; i < count; i++)
    fields[i] = entry_field(metadata, &metadata->entries[i]);
  return count;
}
