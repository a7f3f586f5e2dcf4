/* api_values.c: bytes, metadata, statuses and names of things; and the weather. */
#include "tests/fuzz/api.h"
#include <gmux/alloc.h>
#include <gmux/error.h>
#include <stdlib.h>
#include <string.h>

/* ---- bytes ---- */

static void on_release(void *arg, const uint8_t *data, size_t len) {
  fuzz_law(arg == &api.owned && api.owned > 0, "bytes are released twice");
  fuzz_law(len > 0 || data, "bytes are released without their address");
  api.owned--;
  free((void *)(uintptr_t)data);
}

static gmux_bytes message_wrapped(size_t len) {
  uint8_t *block = calloc(1, len + 1);
  fuzz_law(block != NULL, "no memory");
  api.owned++;
  return gmux_bytes_wrap(block, len, on_release, &api.owned);
}

gmux_bytes api_message(fuzz_input *in) {
  static const uint8_t zeros[16384];
  uint8_t how = fuzz_u8(in);
  size_t len = how & 4 ? 256 * (size_t)(how >> 3) : (size_t)(how >> 3);
  gmux_bytes bytes = gmux_bytes_borrow(zeros, len);
  if ((how & 3) == 1) return message_wrapped(len);
  if ((how & 3) == 2) (void)gmux_bytes_take(&bytes, &bytes); /* or it stays borrowed */
  if ((how & 3) != 3) return bytes;
  void *block = gmux_malloc(len);
  if (!block) return bytes;
  memset(block, 1, len);
  return gmux_bytes_own(block, len);
}

void *api_cut(const void *options, size_t size, size_t least, fuzz_input *in) {
  uint8_t how = fuzz_u8(in);
  size_t cut = how < 0xe0 ? size : least + 4 * (size_t)(how & 31);
  if (cut > size) cut = size;
  void *copy = malloc(cut);
  fuzz_law(copy != NULL, "no memory");
  memcpy(copy, options, cut);
  memcpy(copy, &cut, sizeof cut); /* `size` is the first field */
  return copy;
}

/* Mostly such as options take. */
uint32_t api_number(fuzz_input *in) {
  uint8_t b = fuzz_u8(in);
  if (b < 0x60) return b % 12;
  if (b < 0xe0) return (uint32_t)1 << (b % 24);
  if (b < 0xf0) return 1000u * (b & 15u);
  return INPUT_ANY_OF(in, 65535, 65536, 262144, 0x7fffffff, 0x80000000, 0xffffffff, 500, 100);
}

/* ---- metadata ---- */

static void law_of_metadata(int error) {
  fuzz_law(api_is_fine(error, GMUX_ERR_INVALID), "metadata are added: %d", error);
}

static void metadata_add(fuzz_input *in, bool is_random) {
  static const char *const keys[] = {"x-text", "x-data-bin", "user-agent", "grpc-status", "X"};
  const char *key = keys[input_below(in, sizeof keys / sizeof *keys)];
  char *random = fuzz_string(input_run(in)), *value = fuzz_string(input_run(in));
  if (is_random) key = random;
  law_of_metadata(gmux_metadata_add(api.metadata, key, value));
  law_of_metadata(gmux_metadata_add_bin(api.metadata, key, value, strlen(value)));
  free(random);
  free(value);
}

/* What a call may send is 60 KiB: enough to be over it. */
static void metadata_add_much(void) {
  static char text[4097];
  memset(text, 'm', sizeof text - 1);
  for (int i = 0; i < 4; i++)
    law_of_metadata(gmux_metadata_add(api.metadata, "x-much", text));
}

static void metadata_walk(void) {
  gmux_metadata_entry e;
  size_t count = gmux_metadata_count(api.metadata);
  for (size_t i = 0; i < count; i++) {
    fuzz_law(gmux_metadata_at(api.metadata, i, &e) == 0, "no entry %zu of %zu", i, count);
    fuzz_law(e.key[e.key_len] == 0 && e.value[e.value_len] == 0, "an entry without a zero");
    fuzz_law(gmux_metadata_get(api.metadata, e.key, NULL) != NULL, "%s is not found", e.key);
  }
  fuzz_law(gmux_metadata_at(api.metadata, count, &e) == GMUX_ERR_NOT_FOUND, "one entry too many");
}

void api_metadata_act(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  if (!api.metadata) {
    int error = gmux_metadata_new(&api.metadata);
    fuzz_law(api_is_fine(error, 0), "no metadata: %d", error);
    if (error) api.metadata = NULL;
    return;
  }
  switch (what % 8) {
  case 0:
    gmux_metadata_free(api.metadata);
    api.metadata = NULL;
    return;
  case 1:
    metadata_walk();
    return;
  case 2:
    if (gmux_metadata_count(api.metadata) < 100) metadata_add_much();
    return;
  default:
    metadata_add(in, what & 8);
    return;
  }
}

/* ---- statuses, names ---- */

static void status_act(fuzz_input *in) {
  char *text = fuzz_string(input_run(in));
  fuzz_input run = input_run(in);
  gmux_bytes details = gmux_bytes_borrow(run.data, run.len);
  gmux_status s = gmux_status_make((gmux_code)fuzz_u8(in), text, &details);
  gmux_status copy = gmux_status_copy(&s);
  fuzz_law(s.message && copy.message, "a status without a text");
  fuzz_law(copy.code == s.code && s.code <= GMUX_UNAUTHENTICATED, "status %d became %d", s.code,
           copy.code);
  gmux_status_clear(&copy);
  gmux_status_clear(&copy);
  gmux_status_clear(&s);
  free(text);
}

void api_value_act(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  int number = fuzz_u8(in) - 30;
  gmux_method *method = NULL;
  if (what % 3 == 0) {
    status_act(in);
    return;
  }
  if (what % 3 == 1) {
    char *path = fuzz_string(input_run(in));
    int error = gmux_method_new(&method, path, (gmux_method_kind)(what / 3 % 6), what >> 6);
    fuzz_law(api_is_fine(error, GMUX_ERR_INVALID), "a method: %d", error);
    if (error == 0) fuzz_law(!strcmp(gmux_method_path(method), path), "a path has changed");
    if (error == 0) gmux_method_free(method);
    free(path);
    return;
  }
  size_t len = strlen(gmux_strerror(number)) + strlen(gmux_code_str((gmux_code)number)) +
               strlen(gmux_loss_str((gmux_loss)number)) +
               strlen(gmux_evidence_str((gmux_evidence)number)) +
               strlen(gmux_channel_state_str((gmux_channel_state)number)) +
               strlen(gmux_log_level_str((gmux_log_level)number)) + strlen(gmux_last_error());
  fuzz_law(len > 0, "names without a letter");
}

/* ---- weather ---- */

static gmux__address server_address(unsigned i) {
  return sim_address("127.0.0.1", (uint16_t)(API_PORT + i % 2));
}

static sim_link *link_of(fuzz_input *in) {
  size_t n = input_below(in, 6);
  sim_link *link = sim_link_first(api.sim);
  while (link && n-- > 0)
    link = sim_link_next(link);
  return link;
}

static void weather_of_names(unsigned how) {
  gmux__address both[2] = {server_address(0), server_address(1)};
  switch (how % 4) {
  case 0:
    sim_dns_set(api.sim, "fuzz.example", both, 1 + how / 4 % 2);
    return;
  case 1:
    sim_dns_forget(api.sim, "fuzz.example");
    return;
  case 2:
    sim_dns_fail(api.sim, "fuzz.example", "nobody answers");
    return;
  default:
    sim_dns_hang(api.sim, "fuzz.example");
    return;
  }
}

static sim_direction direction_of(unsigned how) {
  return how & 1 ? SIM_TO_SERVER : SIM_TO_CLIENT;
}

/* What befalls the links of an address, those that there are or those to come. */
static void weather_of_links(const gmux__address *at, fuzz_input *in) {
  uint8_t how = fuzz_u8(in);
  sim_link *link = link_of(in);
  switch (how % 8) {
  case 0:
    if (link) sim_link_reset(link);
    return;
  case 1:
    if (link) sim_link_stall(link, how / 8 % 4u);
    return;
  case 2:
    if (link) sim_link_half_close(link, direction_of(how / 8));
    return;
  case 3:
  case 4:
    if (link)
      sim_link_fate(link, direction_of(how / 8), (sim_fate)(how / 16 % SIM_FATES), fuzz_u16(in));
    return;
  case 5:
    if (link) sim_link_drip(link, how / 8 % 4u, 100u * fuzz_u8(in));
    return;
  default:
    sim_net_fate(api.sim, at, direction_of(how / 8), (sim_fate)(how / 16 % SIM_FATES),
                 fuzz_u16(in) % 512u, 1);
    return;
  }
}

static void weather_of_address(const gmux__address *at, fuzz_input *in) {
  uint8_t how = fuzz_u8(in);
  switch (how % 4) {
  case 0:
    sim_net_dial_fate(api.sim, at, (sim_dial_fate)(how / 4 % 4));
    return;
  case 1:
    sim_net_blackhole(api.sim, at, how / 4 % 4u);
    return;
  case 2:
    sim_net_latency_of(api.sim, at, (uint64_t)fuzz_u8(in) * API_MS);
    return;
  default:
    sim_net_dial_delay(api.sim, at, (uint64_t)fuzz_u8(in) * 20 * API_MS);
    return;
  }
}

void api_weather(fuzz_input *in) {
  uint8_t what = fuzz_u8(in);
  gmux__address at = server_address(what / 16);
  switch (what % 8) {
  case 0:
  case 1:
    weather_of_address(&at, in);
    return;
  case 2:
    weather_of_names(what / 8);
    return;
  case 3:
    sim_net(api.sim)->read_chunk = fuzz_u8(in);
    sim_net(api.sim)->write_chunk = fuzz_u8(in);
    return;
  default:
    weather_of_links(&at, in);
    return;
  }
}

void api_weather_heal(void) {
  for (unsigned i = 0; i < 2; i++) {
    gmux__address at = server_address(i);
    sim_net_dial_fate(api.sim, &at, SIM_DIAL_CONNECTS);
    sim_net_dial_delay(api.sim, &at, 0);
    sim_net_blackhole(api.sim, &at, 0);
  }
  for (sim_link *link = sim_link_first(api.sim); link; link = sim_link_next(link)) {
    sim_link_stall(link, 0);
    sim_link_drip(link, SIM_BOTH_WAYS, 0);
  }
  sim_net(api.sim)->read_chunk = sim_net(api.sim)->write_chunk = 0;
  weather_of_names(0);
}
