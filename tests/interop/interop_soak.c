/* interop_soak.c: the cases that are many calls. */
#include "tests/interop/interop_cases.h"
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void sleep_ms(int64_t ms) {
  struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
  if (ms > 0) nanosleep(&t, NULL);
}

/* One of --soak_num_threads. */
typedef struct soaker {
  interop_client client; /* a copy: `why` is the thread's own */
  bool is_channel_new;   /* for each call */
  unsigned first, count; /* its iterations */
  int64_t end_ms;        /* by now_ms, when all must be over */
  unsigned done, failed;
  bool is_started;
  pthread_t thread;
} soaker;

/* Starts and ends a large unary call. A soak's calls have no deadline: how long they take is what
 * is measured. The call is there for who wants to know its peer. */
static bool soak_call(interop_client *client, gmux_call **out) {
  gmux_call_options options = interop_options(client);
  options.timeout_ms = GMUX_NO_TIMEOUT;
  Payload payload = interop_payload(client, client->soak.request_size);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.payload = &payload;
  request.response_size = (int32_t)client->soak.response_size;
  gmux_call *call = interop_unary(client, &request, &options);
  *out = call;
  SimpleResponse *response = call ? interop_unary_read(client, call) : NULL;
  if (!response) return false;
  bool ok = interop_check_size(client, response->payload, request.response_size) &&
            interop_expect_end(client, call, GMUX_OK, NULL);
  gmux_protobuf_free(response);
  return ok;
}

/* A test driver reads this line; its form is gRPC's. */
static void log_iteration(const interop_client *client, unsigned iteration, int64_t elapsed_ms,
                          const gmux_call *call, bool ok) {
  const char *peer = call ? gmux_call_peer(call) : "";
  fprintf(stderr, "soak iteration: %u elapsed_ms: %lld peer: %s server_uri: %s %s%s\n", iteration,
          (long long)elapsed_ms, peer[0] ? peer : "none", client->target,
          ok ? "succeeded" : "failed: ", ok ? "" : client->why);
}

/* What it takes to make a channel counts, what it takes to free it does not. */
static bool iterate(soaker *s, unsigned iteration) {
  interop_client *client = &s->client;
  int64_t start_ms = now_ms();
  gmux_call *call = NULL;
  bool ok = true;
  if (s->is_channel_new &&
      gmux_channel_new(&client->channel, client->loop, client->target, &client->how))
    return interop_fail(client, "a new channel: %s", gmux_last_error());
  ok = soak_call(client, &call);
  int64_t elapsed_ms = now_ms() - start_ms;
  if (ok && elapsed_ms > client->soak.max_latency_ms)
    ok = interop_fail(client, "over the acceptable latency of %u ms", client->soak.max_latency_ms);
  log_iteration(client, iteration, elapsed_ms, call, ok);
  gmux_call_free(call);
  if (s->is_channel_new) gmux_channel_free(client->channel);
  return ok;
}

static void *soaker_run(void *arg) {
  soaker *s = arg;
  for (unsigned i = 0; i < s->count && now_ms() < s->end_ms; i++) {
    int64_t next_ms = now_ms() + s->client.soak.min_time_ms;
    if (!iterate(s, s->first + i)) s->failed++;
    s->done++;
    if (i + 1 < s->count) sleep_ms(next_ms - now_ms());
  }
  return NULL;
}

/* Iterations that do not divide by the threads go to the last one. */
static void soakers_start(soaker *all, const interop_client *client, bool is_channel_new) {
  unsigned threads = client->soak.threads, each = client->soak.iterations / threads;
  int64_t end_ms = now_ms() + (int64_t)client->soak.overall_timeout_s * 1000;
  for (unsigned i = 0; i < threads; i++) {
    all[i].client = *client;
    all[i].is_channel_new = is_channel_new;
    all[i].first = i * each;
    all[i].count = i + 1 < threads ? each : client->soak.iterations - all[i].first;
    all[i].end_ms = end_ms;
    all[i].is_started = pthread_create(&all[i].thread, NULL, soaker_run, &all[i]) == 0;
  }
}

static bool soak(interop_client *client, bool is_channel_new) {
  unsigned threads = client->soak.threads, done = 0, failed = 0;
  soaker *all = calloc(threads, sizeof *all);
  if (!all) return interop_fail(client, "out of memory");
  soakers_start(all, client, is_channel_new);
  for (unsigned i = 0; i < threads; i++) {
    if (all[i].is_started) pthread_join(all[i].thread, NULL);
    done += all[i].done;
    failed += all[i].failed;
    if (all[i].failed) memcpy(client->why, all[i].client.why, sizeof client->why);
  }
  free(all);
  fprintf(stderr, "(server_uri: %s) soak test ran %u / %u iterations. Total failures: %u.\n",
          client->target, done, client->soak.iterations, failed);
  if (done < client->soak.iterations)
    return interop_fail(client, "only %u of %u iterations in %u s", done, client->soak.iterations,
                        client->soak.overall_timeout_s);
  return failed <= client->soak.max_failures;
}

bool interop_rpc_soak(interop_client *client) {
  return soak(client, false);
}

bool interop_channel_soak(interop_client *client) {
  return soak(client, true);
}

/* ---- concurrent_large_unary ---- */

enum { CROWD = 1000 };

/* Written on the loop's thread, read by main when all have come. */
typedef struct crowd {
  int left, failed;
  char why[256];
  sem_t done;
} crowd;

/* The size of the payload in a reply; 0 when it is none. */
static size_t payload_size(const gmux_bytes *reply) {
  ProtobufCMessage *message;
  if (gmux_protobuf_unpack(&message, &grpc__testing__simple_response__descriptor, reply)) return 0;
  const Payload *payload = ((SimpleResponse *)message)->payload;
  size_t size = payload ? payload->body.len : 0;
  gmux_protobuf_free(message);
  return size;
}

static void crowd_reply(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                        const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers;
  crowd *c = user_data;
  size_t size = payload_size(reply);
  if (status->code != GMUX_OK || size != INTEROP_LARGE_RESPONSE) {
    c->failed++;
    snprintf(c->why, sizeof c->why, "%s \"%.200s\", a payload of %zu bytes",
             gmux_code_str(status->code), status->message, size);
  }
  if (--c->left == 0) sem_post(&c->done);
}

/* All calls send the same bytes, which outlive them: for that they go below the stubs, which would
 * pack a request of 270 kB a thousand times. */
static void keep(void *release_arg, const uint8_t *data, size_t len) {
  (void)release_arg, (void)data, (void)len;
}

typedef struct crowd_start {
  interop_client *client;
  crowd *crowd;
  gmux_method *method;
  gmux_bytes request;
  int error;
} crowd_start;

/* On the loop's thread, so that no reply comes before all have started. */
static void crowd_go(void *arg) {
  crowd_start *s = arg;
  gmux_call_options options = interop_options(s->client);
  for (int i = 0; i < CROWD && !s->error; i++) {
    gmux_bytes bytes = gmux_bytes_wrap(s->request.data, s->request.len, keep, NULL);
    s->error = gmux_call_unary_start(NULL, s->client->channel, s->method, &options, &bytes,
                                     crowd_reply, s->crowd);
    if (!s->error) s->crowd->left++;
  }
  if (s->crowd->left == 0) sem_post(&s->crowd->done);
}

static bool crowd_run(interop_client *client, gmux_bytes request) {
  static crowd c;
  c = (crowd){.left = 0};
  crowd_start s = {.client = client, .crowd = &c, .request = request};
  if (gmux_method_new(&s.method, grpc__testing__test_service__unary_call__method.path, GMUX_UNARY,
                      0))
    return interop_fail(client, "%s", gmux_last_error());
  sem_init(&c.done, 0, 0);
  int error = gmux_loop_post(client->loop, crowd_go, &s);
  while (!error && sem_wait(&c.done)) /* a signal may interrupt it */
    continue;
  if (!error) error = s.error;
  sem_destroy(&c.done);
  gmux_method_free(s.method);
  if (error) return interop_fail(client, "start: %s", gmux_strerror(error));
  return c.failed == 0 || interop_fail(client, "%d calls failed: %s", c.failed, c.why);
}

bool interop_concurrent_large_unary(interop_client *client) {
  Payload payload = interop_payload(client, INTEROP_LARGE_REQUEST);
  SimpleRequest request = GRPC__TESTING__SIMPLE_REQUEST__INIT;
  request.payload = &payload;
  request.response_size = INTEROP_LARGE_RESPONSE;
  gmux_bytes bytes;
  if (gmux_protobuf_pack(&bytes, &request.base))
    return interop_fail(client, "%s", gmux_last_error());
  bool ok = crowd_run(client, bytes);
  gmux_bytes_release(&bytes);
  return ok;
}
