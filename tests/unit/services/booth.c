/* booth.c: what the tests of channelz stand on. */
#include "tests/unit/services/booth.h"
#include "lib/wire/pb.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

booth_world booth;

/* ---- the world ---- */

void booth_setup(void) {
  booth = (booth_world){.world = sim_new(1)};
  booth.home = sim_loop(booth.world);
  booth.far = sim_loop(booth.world);
}

static void on_say(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  bool is_ok = request->len == 2 && memcmp(request->data, "ok", 2) == 0;
  gmux_bytes reply = gmux_bytes_borrow("done", 4);
  if (is_ok)
    gmux_server_call_reply(call, &reply);
  else
    gmux_server_call_fail(call, GMUX_ABORTED, "no");
}

gmux_server *booth_new_server(gmux_loop *loop) {
  gmux_server *server;
  gmux_server_options options;
  gmux_server_options_init(&options, sizeof options);
  options.connection_queue_bytes = 65536; /* the least: for a client that does not read */
  if (gmux_server_new(&server, loop, &options)) return NULL;
  if (!gmux_server_add_unary(server, "/t.S/Say", on_say, NULL)) return server;
  gmux_server_free(server);
  return NULL;
}

gmux_channel *booth_new_channel(gmux_loop *loop) {
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  gmux_channel *channel = NULL;
  gmux_channel_new(&channel, loop, booth.target, &options);
  return channel;
}

static bool booth_serve(void) {
  uint16_t port;
  booth.server = booth_new_server(booth.home);
  if (!booth.server || gmux_server_add_channelz(booth.server, booth.z) ||
      gmux_server_listen_cleartext(booth.server, "ipv4:127.0.0.1:0", &port))
    return false;
  snprintf(booth.target, sizeof booth.target, "ipv4:127.0.0.1:%u", port);
  return true;
}

bool booth_open(void) {
  if (!booth.home || !booth.far || gmux_channelz_new(&booth.z) || !booth_serve()) return false;
  booth.channel = booth_new_channel(booth.far);
  booth.asker = booth_new_channel(booth.home);
  if (!booth.channel || !booth.asker) return false;
  sim_set_outside(booth.far, true);
  sim_set_outside(booth.home, true);
  return !gmux_channelz_add_server(booth.z, booth.server) &&
         !gmux_channelz_add_channel(booth.z, booth.channel);
}

void booth_close(void) {
  gmux_channel_free(booth.asker);
  gmux_channel_free(booth.channel);
  gmux_server_free(booth.server);
  gmux_channelz_free(booth.z);
  booth.asker = booth.channel = NULL;
  booth.server = NULL;
  booth.z = NULL;
  sim_run_for(booth.world, 20 * GMUX__NS_PER_S);
}

void booth_teardown(void) {
  booth_close();
  sim_free(booth.world);
}

/* ---- calls ---- */

void answer_clear(answer *a) {
  gmux_bytes_release(&a->bytes);
  *a = (answer){.count = 0};
}

static void on_answer(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                      const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  answer *a = user_data;
  a->count++;
  a->code = status->code;
  snprintf(a->words, sizeof a->words, "%s", status->message);
  if (status->code == GMUX_OK && gmux_bytes_take(&a->bytes, reply)) a->code = GMUX_UNKNOWN;
}

static bool is_answered(void *arg) {
  return ((answer *)arg)->count > 0;
}

static int call_start(gmux_call **out, gmux_channel *channel, const char *path, gmux_bytes *request,
                      answer *a) {
  gmux_method *method;
  int error = gmux_method_new(&method, path, GMUX_UNARY, 0);
  if (error) return error;
  gmux_call_options options;
  gmux_call_options_init(&options, sizeof options);
  options.timeout_ms = 30000; /* where memory has ended inside nghttp2 a call may hear nothing */
  error = gmux_call_unary_start(out, channel, method, &options, request, on_answer, a);
  gmux_method_free(method);
  return error;
}

static void answer_wait(answer *a) {
  CU_ASSERT_TRUE_FATAL(sim_run_until(booth.world, is_answered, a, 60 * GMUX__NS_PER_S));
  CU_ASSERT_EQUAL(a->count, 1);
}

void booth_say(gmux_channel *channel, const char *text) {
  answer a = {.count = 0};
  gmux_bytes request = gmux_bytes_borrow(text, strlen(text));
  if (call_start(NULL, channel, "/t.S/Say", &request, &a)) return;
  answer_wait(&a);
  answer_clear(&a);
}

static int ask_start(gmux_call **out, answer *a, const char *method, const int64_t fields[3]) {
  char path[96];
  gmux__pb_writer w = {.is_out_of_memory = false};
  gmux_bytes request;
  snprintf(path, sizeof path, "/grpc.channelz.v1.Channelz/%s", method);
  for (uint32_t i = 0; i < 3; i++)
    gmux__pb_put_int(&w, i + 1, fields[i]);
  int error = gmux__pb_finish(&w, &request);
  if (error) return error;
  error = call_start(out, booth.asker, path, &request, a);
  gmux_bytes_release(&request);
  return error;
}

int booth_ask_start(gmux_call **out, answer *a, const char *method, int64_t first) {
  return ask_start(out, a, method, (int64_t[3]){first, 0, 0});
}

answer booth_ask(const char *method, int64_t first, int64_t second, int64_t third) {
  answer a = {.count = 0};
  int error = ask_start(NULL, &a, method, (int64_t[3]){first, second, third});
  if (error)
    a.code = GMUX_UNKNOWN;
  else
    answer_wait(&a);
  return a;
}

/* ---- reading ---- */

/* The nth field of this number. */
static bool find(const void *data, size_t len, uint32_t number, size_t nth, gmux__pb_field *field) {
  gmux__pb_reader r = gmux__pb_read(data, len);
  while (gmux__pb_next(&r, field))
    if (field->number == number && nth-- == 0) return true;
  CU_ASSERT_FALSE(r.is_broken);
  return false;
}

static bool dig(const answer *a, const char *path, gmux__pb_field *field) {
  *field = (gmux__pb_field){.data = a->bytes.data, .len = a->bytes.len};
  while (*path) {
    char *end;
    uint32_t number = (uint32_t)strtoul(path, &end, 10);
    size_t nth = *end == '[' ? strtoul(end + 1, &end, 10) : 0;
    if (*end == ']') end++;
    if (!find(field->data, field->len, number, nth, field)) return false;
    path = *end == '.' ? end + 1 : end;
  }
  return true;
}

int64_t answer_number(const answer *a, const char *path) {
  gmux__pb_field field;
  return dig(a, path, &field) ? (int64_t)field.value : 0;
}

const char *answer_text(const answer *a, const char *path) {
  static char text[256];
  gmux__pb_field field;
  if (!dig(a, path, &field)) return "";
  snprintf(text, sizeof text, "%.*s", (int)field.len, (const char *)field.data);
  return text;
}

size_t answer_len(const answer *a, const char *path) {
  gmux__pb_field field;
  return dig(a, path, &field) ? field.len : 0;
}

bool answer_has(const answer *a, const char *path) {
  gmux__pb_field field;
  return dig(a, path, &field);
}

size_t answer_count(const answer *a, uint32_t number) {
  gmux__pb_reader r = gmux__pb_read(a->bytes.data, a->bytes.len);
  gmux__pb_field field;
  size_t count = 0;
  while (gmux__pb_next(&r, &field))
    count += field.number == number;
  return count;
}
