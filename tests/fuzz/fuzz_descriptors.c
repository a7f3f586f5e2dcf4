/*
 * fuzz_descriptors.c: descriptor sets, as the command reads them, from a server that may be
 * anyone's.
 *
 * The input: the set. Each message of it is made of nothing and shown, and takes an empty object.
 */
#include "tests/fuzz/fuzz.h"
#include "tools/gmux/codec.h"
#include <stdlib.h>
#include <string.h>

static void check_message(const registry *r, const message_type *m) {
  static const codec_options options = {.with_defaults = true};
  buffer out = {.data = NULL};
  problem p = {""};
  FUZZ_REQUIRE(registry_message(r, m->name, strlen(m->name)) == m);
  for (size_t i = 0; i < m->field_count; i++) {
    const field *f = &m->fields[i];
    FUZZ_REQUIRE(message_field(m, f->name, strlen(f->name)));
    FUZZ_REQUIRE(message_field(m, f->json, strlen(f->json)));
    FUZZ_REQUIRE(!field_is_map(f) || (map_key(f)->number == 1 && map_value(f)->number == 2));
  }
  if (!codec_write_json(r, m, NULL, 0, &options, &out, &p)) FUZZ_REQUIRE(p.words[0]);
  out.len = 0;
  if (!codec_read_json(r, m, "{}", 2, &options, &out, &p)) FUZZ_REQUIRE(p.words[0]);
  buffer_free(&out);
}

static void check_services(const registry *r) {
  const service_type *s;
  for (size_t i = 0; (s = registry_service_at(r, i)); i++)
    for (size_t k = 0; k < s->method_count; k++) {
      problem p;
      FUZZ_REQUIRE(s->methods[k].request && s->methods[k].reply);
      (void)registry_method(r, s->methods[k].path, &p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input in = {data, size};
  fuzz_begin();
  problem p = {""};
  uint8_t *copy = fuzz_copy(in);
  registry *r = registry_new(copy, size, &p);
  free(copy); /* it has been read whole */
  const message_type *m;
  for (size_t i = 0; r && (m = registry_message_at(r, i)); i++)
    check_message(r, m);
  if (r)
    check_services(r);
  else
    FUZZ_REQUIRE(p.words[0]);
  registry_free(r);
  return fuzz_end();
}
