/*
 * limits_client.c: gmux against the limits of servers that are not its own.
 *
 *   limits_client CASE TARGET
 *
 *   ready      waits until the server listens
 *   expiries   nghttpd: 20,000 calls that nobody answers meet their deadline
 *   cancels    nghttpd: 10,000 calls that nobody answers are cancelled at once
 *   unpaced    nghttpd: the same with resets that are not held back, to see that the limit is there
 *   defaults   grpcio: slow and idle calls with the default options draw no punishment
 *   punished   grpcio: PINGs every second do, and the interval doubles
 *
 * Prints "ok CASE", or "failed CASE: WHY". nghttpd ends a connection with more than 1,000
 * RST_STREAM, refilled by 33 a second. Its answers are no gRPC (404: UNIMPLEMENTED), which is all
 * that is needed to know that it answered.
 */
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 500, EXPIRIES = 20000, CANCELS = 10000, DEADLINE_MS = 50 };

static struct {
  const char *name;
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_method *hanging, *answered;
  unsigned to_start; /* the loop's */
  atomic_uint ended, wrong;
  sem_t all_ended;
  gmux_call **calls;
} t;

static _Noreturn void fail(const char *format, ...) GMUX_PRINTF(1, 2);
static _Noreturn void fail(const char *format, ...) {
  va_list args;
  va_start(args, format);
  printf("failed %s: ", t.name);
  vprintf(format, args);
  putchar('\n');
  va_end(args);
  exit(1);
}

static void must(int error) {
  if (error) fail("%s", gmux_last_error());
}

static gmux_channel_stats stats(void) {
  gmux_channel_stats s = {.size = sizeof s};
  must(gmux_channel_get_stats(t.channel, &s));
  return s;
}

static uint64_t connections_lost(const gmux_channel_stats *s) {
  uint64_t lost = 0;
  for (unsigned i = 0; i < GMUX_LOSSES; i++) {
    lost += s->lost[i];
    if (s->lost[i]) fprintf(stderr, "lost: %s\n", gmux_loss_str((gmux_loss)i));
  }
  for (unsigned i = 0; i < GMUX_H2_CODES; i++)
    if (s->goaways[i]) fprintf(stderr, "GOAWAY with code %u\n", i);
  return lost;
}

static void start(const char *target, const gmux_channel_options *options) {
  must(gmux_loop_start(&t.loop, NULL));
  must(gmux_channel_new(&t.channel, t.loop, target, options));
}

static gmux_channel_options one_connection(void) {
  gmux_channel_options o;
  gmux_channel_options_init(&o, sizeof o);
  o.cleartext = true;
  o.max_connections = 1;
  o.suspect_after_ms = GMUX_NEVER_MS; /* a slow machine is no reason for another connection */
  return o;
}

static void case_ready(const char *target) {
  gmux_channel_options o = one_connection();
  o.initial_backoff_ms = o.max_backoff_ms = 100;
  start(target, &o);
  must(gmux_channel_connect_wait(t.channel, 10000));
}

/* ---- nghttpd ---- */

/* A call of the same connection, answered as long as that is there and has a place. */
static void check_answered(void) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = 60000;
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply;
  gmux_status status = gmux_call_unary_wait(t.channel, t.answered, &o, &request, &reply);
  if (status.code != GMUX_UNIMPLEMENTED)
    fail("another call ended %s: %s", gmux_code_str(status.code), status.message);
  gmux_status_clear(&status);
}

static void start_hanging(gmux_call **out);

static void on_hanging_end(gmux_call *call, const gmux_status *status,
                           const gmux_metadata *trailers, void *user_data) {
  (void)call, (void)trailers, (void)user_data;
  gmux_code expected = t.calls ? GMUX_CANCELLED : GMUX_DEADLINE_EXCEEDED;
  if (status->code != expected && atomic_fetch_add(&t.wrong, 1) == 0)
    fprintf(stderr, "%s: %s\n", gmux_code_str(status->code), status->message);
  if (t.to_start > 0) start_hanging(NULL);
  if (atomic_fetch_add(&t.ended, 1) + 1 == (t.calls ? CANCELS : EXPIRIES)) sem_post(&t.all_ended);
}

/* It says nothing and does not half-close, so nghttpd waits for more. */
static void start_hanging(gmux_call **out) {
  static const gmux_call_handlers handlers = {.on_end = on_hanging_end};
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  if (!t.calls) o.timeout_ms = DEADLINE_MS;
  t.to_start--;
  must(gmux_call_start(out, t.channel, t.hanging, &o, &handlers, NULL));
}

static void start_expiries(void *arg) {
  (void)arg;
  for (unsigned i = 0; i < AT_ONCE; i++)
    start_hanging(NULL);
}

static void start_cancels(void *arg) {
  (void)arg;
  for (unsigned i = 0; i < CANCELS; i++)
    start_hanging(&t.calls[i]);
}

static void cancel_all(void *arg) {
  (void)arg;
  for (unsigned i = 0; i < CANCELS; i++) {
    gmux_call_cancel(t.calls[i]);
    gmux_call_free(t.calls[i]);
  }
}

static void hang_start(const char *target, const gmux_channel_options *options) {
  start(target, options);
  must(gmux_method_new(&t.hanging, "/limits/Hangs", GMUX_CLIENT_STREAMING, 0));
  must(gmux_method_new(&t.answered, "/limits/Answered", GMUX_UNARY, 0));
  sem_init(&t.all_ended, 0, 0);
  check_answered();
}

static void hang_check(void) {
  for (unsigned i = 0; i < 10; i++)
    check_answered();
  gmux_channel_stats s = stats();
  if (t.wrong) fail("%u calls did not end as they had to", t.wrong);
  if (s.connections_made != 1 || connections_lost(&s) != 0)
    fail("%llu connections were made and %llu lost", (unsigned long long)s.connections_made,
         (unsigned long long)connections_lost(&s));
  if (s.resets_delayed == 0) fail("no reset was held back: the test shows nothing");
}

static void case_expiries(const char *target) {
  gmux_channel_options o = one_connection();
  hang_start(target, &o);
  t.to_start = EXPIRIES;
  must(gmux_loop_post(t.loop, start_expiries, NULL));
  sem_wait(&t.all_ended);
  hang_check();
}

static void hang_and_cancel(const char *target, const gmux_channel_options *options) {
  hang_start(target, options);
  t.to_start = CANCELS;
  t.calls = calloc(CANCELS, sizeof(gmux_call *));
  must(t.calls ? 0 : GMUX_ERR_NOMEM);
  must(gmux_loop_post(t.loop, start_cancels, NULL));
  check_answered(); /* those that have a place are with the server now */
  must(gmux_loop_post(t.loop, cancel_all, NULL));
  sem_wait(&t.all_ended);
}

/* Of 1000 streams a connection may have, all but a few are taken: the one that check_answered uses
 * has its place before them. */
static gmux_channel_options crowded(void) {
  gmux_channel_options o = one_connection();
  o.max_concurrent_streams = CANCELS + 1;
  return o;
}

static void case_cancels(const char *target) {
  gmux_channel_options o = crowded();
  hang_and_cancel(target, &o);
  hang_check();
}

static void case_unpaced(const char *target) {
  gmux_channel_options o = crowded();
  o.reset_burst = o.reset_rate_per_s = 1000000;
  hang_and_cancel(target, &o);
  gmux_call_options how;
  gmux_call_options_init(&how, sizeof how);
  how.timeout_ms = 60000;
  how.wait_for_ready = true;
  gmux_bytes request = gmux_bytes_borrow("x", 1), reply;
  gmux_status status = gmux_call_unary_wait(t.channel, t.answered, &how, &request, &reply);
  gmux_status_clear(&status);
  gmux_channel_stats s = stats();
  if (s.connections_made < 2) fail("10,000 resets at once did not cost the connection");
}

/* ---- grpcio ---- */

static gmux_code sleep_call(int64_t timeout_ms) {
  gmux_method *method;
  must(gmux_method_new(&method, "/gmux.test.Echo/Sleep", GMUX_SERVER_STREAMING, 0));
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  o.timeout_ms = timeout_ms;
  gmux_call *call;
  must(gmux_call_start(&call, t.channel, method, &o, NULL, NULL));
  static unsigned id; /* the server's Sleep of an id ends once */
  id++;
  gmux_bytes request = gmux_bytes_borrow(&id, sizeof id);
  must(gmux_call_write_wait(call, &request));
  gmux_status status = gmux_call_end_wait(call, NULL);
  gmux_code code = status.code;
  gmux_status_clear(&status);
  gmux_call_free(call);
  gmux_method_free(method);
  return code;
}

static void case_defaults(const char *target) {
  gmux_channel_options o = one_connection();
  o.suspect_after_ms = 0;
  o.validate_after_ms = 100; /* as often as it may: each call below comes later than that */
  start(target, &o);
  for (unsigned i = 0; i < 4; i++) {
    gmux_code code = sleep_call(1500);
    if (code != GMUX_DEADLINE_EXCEEDED) fail("a slow call ended %s", gmux_code_str(code));
  }
  gmux_channel_stats s = stats();
  if (s.suspicions == 0) fail("nobody was suspected: the test shows nothing");
  if (s.too_many_pings || connections_lost(&s) != 0)
    fail("%llu pings were sent, and %llu connections lost", (unsigned long long)s.pings_sent,
         (unsigned long long)connections_lost(&s));
}

static void case_punished(const char *target) {
  gmux_channel_options o = one_connection();
  o.keepalive_ms = 1000;
  o.keepalive_without_calls = true;
  start(target, &o);
  gmux_code code = sleep_call(60000);
  if (code != GMUX_UNAVAILABLE) fail("the call ended %s", gmux_code_str(code));
  gmux_channel_stats s = stats();
  if (s.too_many_pings != 1 || s.keepalive_ms != 2000)
    fail("too_many_pings %llu, keepalive now %u ms", (unsigned long long)s.too_many_pings,
         s.keepalive_ms);
}

/* ---- */

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(const char *target);
  } cases[] = {{"ready", case_ready},     {"expiries", case_expiries}, {"cancels", case_cancels},
               {"unpaced", case_unpaced}, {"defaults", case_defaults}, {"punished", case_punished}};
  if (argc != 3) return fputs("usage: limits_client CASE TARGET\n", stderr), 2;
  t.name = argv[1];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (strcmp(cases[i].name, argv[1]) != 0) continue;
    cases[i].run(argv[2]);
    gmux_method_free(t.hanging);
    gmux_method_free(t.answered);
    gmux_channel_free(t.channel);
    must(gmux_loop_stop(t.loop));
    free(t.calls);
    printf("ok %s\n", t.name);
    return 0;
  }
  return fprintf(stderr, "limits_client: no case %s\n", argv[1]), 2;
}
