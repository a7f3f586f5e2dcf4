/* proxy_test.c: each fault of the proxy, as plain sockets see it. */
#include "tests/net/proxy.h"
#include "tests/net/proxy_where.h"
#include "tests/net/proxy_words.h"
#include "tests/unit/fds.h"
#include "tests/unit/harness.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  WAIT_MS = 60000,  /* for what must happen; nothing waits so long but a failure */
  BULK = 1 << 20,   /* more than all buffers of a connection through the proxy start with */
  FLOOD = 64 << 20, /* more than they can grow to */
  SILENCE_MS = 100  /* in which what must not happen would have happened, on any machine that does
                       not stand still: it can only miss a failure, never find a false one */
};

static const proxy_faults no_faults;
static proxy *p;
static int listener = -1; /* the server's */
static size_t fds_before;

static int socket_at(proxy_where *where, const char *address) {
  CU_ASSERT_FATAL(proxy_where_parse(where, address, NULL));
  return socket(where->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static void start_with(const char *listen_at, const char *serve_at, const proxy_faults *faults) {
  char to[PROXY_WHERE_BYTES], why[PROXY_WHY_BYTES];
  proxy_where where;
  listener = socket_at(&where, serve_at);
  CU_ASSERT_EQUAL_FATAL(bind(listener, (struct sockaddr *)&where.storage, where.len), 0);
  CU_ASSERT_EQUAL_FATAL(listen(listener, 16), 0);
  if (where.storage.ss_family != AF_UNIX)
    getsockname(listener, (struct sockaddr *)&where.storage, &where.len);
  proxy_where_write(&where, to);
  p = proxy_start(&(proxy_options){.listen = listen_at, .to = to, .seed = 4711, .faults = *faults},
                  why);
  CU_ASSERT_PTR_NOT_NULL_FATAL(p);
}

static void start(const proxy_faults *faults) {
  start_with("127.0.0.1:0", "127.0.0.1:0", faults);
}

static void stop(void) {
  proxy_stop(p);
  if (listener >= 0) close(listener);
  p = NULL;
  listener = -1;
}

static void setup(void) {
  fds_before = test_count_fds();
}

static void teardown(void) {
  stop();
  CU_ASSERT_EQUAL(test_count_fds(), fds_before);
}

/* ---- sockets ---- */

static void give_time(int fd) {
  struct timeval most = {.tv_sec = WAIT_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
}

/* -1 with errno. */
static int try_to_dial(void) {
  proxy_where where;
  int fd = socket_at(&where, proxy_address(p));
  give_time(fd);
  if (connect(fd, (struct sockaddr *)&where.storage, where.len) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int dial(void) {
  int fd = try_to_dial();
  CU_ASSERT_FATAL(fd >= 0);
  return fd;
}

static int answer(void) {
  struct pollfd ready = {.fd = listener, .events = POLLIN};
  CU_ASSERT_EQUAL_FATAL(poll(&ready, 1, WAIT_MS), 1);
  int fd = accept(listener, NULL, NULL);
  CU_ASSERT_FATAL(fd >= 0);
  give_time(fd);
  return fd;
}

typedef struct ends {
  int client, server;
} ends;

static ends join(void) {
  int client = dial();
  return (ends){.client = client, .server = answer()};
}

static void part(ends e) {
  close(e.client);
  close(e.server);
}

static uint8_t byte_at(size_t offset) {
  return (uint8_t)(offset * 31 + offset / 251);
}

static void say(int fd, size_t from, size_t bytes) {
  uint8_t text[4096];
  while (bytes > 0) {
    size_t n = bytes < sizeof text ? bytes : sizeof text;
    for (size_t i = 0; i < n; i++)
      text[i] = byte_at(from + i);
    CU_ASSERT_EQUAL_FATAL(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
    from += n, bytes -= n;
  }
}

/* How many of `bytes` came, and were what was said, before an end of whatever kind. */
static size_t hear(int fd, size_t from, size_t bytes) {
  uint8_t text[4096];
  size_t heard = 0;
  while (heard < bytes) {
    size_t most = bytes - heard < sizeof text ? bytes - heard : sizeof text;
    ssize_t n = recv(fd, text, most, 0);
    if (n <= 0) break;
    for (size_t i = 0; i < (size_t)n; i++, heard++)
      if (text[i] != byte_at(from + heard)) return heard;
  }
  return heard;
}

/* What the next read says: '.' end in good order, '!' reset, '#' a byte. */
static char next(int fd) {
  char byte;
  ssize_t n = recv(fd, &byte, 1, 0);
  return n > 0 ? '#' : n == 0 ? '.' : errno == ECONNRESET ? '!' : '?';
}

static bool is_silent(int fd) {
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  return poll(&ready, 1, SILENCE_MS) == 0;
}

/* How much can be said before nobody takes any more. */
static size_t say_until_full(int fd) {
  static const char text[65536];
  size_t said = 0;
  struct pollfd ready = {.fd = fd, .events = POLLOUT};
  while (said < FLOOD && poll(&ready, 1, SILENCE_MS) == 1) {
    ssize_t n = send(fd, text, sizeof text, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) said += (size_t)n;
  }
  return said;
}

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t count(proxy_counter counter) {
  return proxy_get_stats(p).count[counter];
}

static void set(const proxy_faults *faults) {
  CU_ASSERT(proxy_set(p, faults, NULL));
}

static void heal(void) {
  set(&no_faults);
}

/* ---- without faults ---- */

static void check_transparent(void) {
  ends e = join();
  say(e.client, 0, 5000);
  CU_ASSERT_EQUAL(hear(e.server, 0, 5000), 5000);
  CU_ASSERT_EQUAL(shutdown(e.client, SHUT_WR), 0);
  CU_ASSERT_EQUAL(next(e.server), '.');
  say(e.server, 7, 5000); /* the other way lives on */
  CU_ASSERT_EQUAL(hear(e.client, 7, 5000), 5000);
  close(e.server);
  CU_ASSERT_EQUAL(next(e.client), '.');
  close(e.client);
  CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
  CU_ASSERT_EQUAL(count(PROXY_BYTES_UP), 5000);
  CU_ASSERT_EQUAL(count(PROXY_BYTES_DOWN), 5000);
}

static void bytes_and_the_end_of_each_way_go_through(void) {
  char dir[] = P_tmpdir "/gmux-proxy-XXXXXX", front[64], back[64];
  CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
  snprintf(front, sizeof front, "unix:%s/front", dir);
  snprintf(back, sizeof back, "unix:%s/back", dir);
  const char *const pairs[][2] = {{"127.0.0.1:0", "127.0.0.1:0"},
                                  {"[::1]:0", "[::1]:0"},
                                  {front, "127.0.0.1:0"},
                                  {front, back}};
  for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
    start_with(pairs[i][0], pairs[i][1], &no_faults);
    check_transparent();
    stop();
  }
  CU_ASSERT_EQUAL(unlink(back + 5), 0);
  CU_ASSERT_EQUAL(rmdir(dir), 0); /* the proxy has taken its own file away */
}

static void a_reset_goes_through(void) {
  start(&no_faults);
  struct linger at_once = {.l_onoff = 1};
  for (int side = 0; side < 2; side++) {
    ends e = join();
    int from = side ? e.server : e.client, to = side ? e.client : e.server;
    setsockopt(from, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(from);
    CU_ASSERT_EQUAL(next(to), '!');
    close(to);
  }
  CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
}

static void who_reads_nothing_holds_back_who_sends(void) {
  start(&no_faults);
  ends e = join();
  size_t said = say_until_full(e.client);
  CU_ASSERT(said < FLOOD);
  CU_ASSERT_EQUAL(shutdown(e.client, SHUT_WR), 0);
  static char waste[65536];
  for (ssize_t n; (n = recv(e.server, waste, sizeof waste, 0)) > 0;)
    said -= (size_t)n;
  CU_ASSERT_EQUAL(said, 0);
  part(e);
}

static void who_talks_to_somebody_that_has_gone_is_reset(void) {
  start(&no_faults);
  ends e = join();
  close(e.server);
  CU_ASSERT_EQUAL(next(e.client), '.');
  struct pollfd told = {.fd = e.client};
  for (int ms = 0; ms < WAIT_MS && !told.revents; ms += 10) {
    send(e.client, "?", 1, MSG_NOSIGNAL);
    poll(&told, 1, 10);
  }
  CU_ASSERT(told.revents & POLLERR);
  close(e.client);
}

static void where_the_server_refuses_the_client_is_reset(void) {
  start(&no_faults);
  close(listener);
  listener = -1;
  int client = dial();
  CU_ASSERT_EQUAL(next(client), '!');
  CU_ASSERT_EQUAL(count(PROXY_UNREACHED), 1);
  close(client);
}

static void new_connections_can_be_led_elsewhere(void) {
  start(&no_faults);
  ends before = join();
  int old = listener;
  proxy_where where;
  char to[PROXY_WHERE_BYTES];
  listener = socket_at(&where, "127.0.0.1:0");
  CU_ASSERT_EQUAL_FATAL(listen(listener, 1), 0);
  getsockname(listener, (struct sockaddr *)&where.storage, &where.len);
  snprintf(to, sizeof to, "ipv4:127.0.0.1:%u", proxy_where_port(&where));
  CU_ASSERT(proxy_lead_to(p, to, NULL));
  ends after = join();
  say(before.client, 0, 1);
  CU_ASSERT_EQUAL(next(before.server), '#');
  close(old);
  part(before);
  part(after);
}

/* ---- slow ---- */

/* After this the proxy waits for something new: it will not take it for older than it is. */
static void exchange(int from, int to) {
  say(from, 0, 1);
  CU_ASSERT_EQUAL(next(to), '#');
}

static void a_delay_holds_back_bytes_and_the_end_and_keeps_their_order(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.delay_ms = 80, .jitter_ms = 40}});
  ends e = join();
  exchange(e.client, e.server);
  double began = now_s();
  for (size_t i = 0; i < 50; i++)
    say(e.client, i * 100, 100);
  CU_ASSERT_EQUAL(hear(e.server, 0, 5000), 5000);
  CU_ASSERT(now_s() - began >= 0.08);
  began = now_s();
  CU_ASSERT_EQUAL(shutdown(e.client, SHUT_WR), 0);
  CU_ASSERT_EQUAL(next(e.server), '.');
  CU_ASSERT(now_s() - began >= 0.08);
  part(e);
}

static void a_narrow_way_lets_so_many_bytes_through_a_second(void) {
  start(&(proxy_faults){.way[PROXY_DOWN] = {.bytes_per_s = 100000}});
  ends e = join();
  exchange(e.server, e.client);
  double began = now_s();
  say(e.server, 0, 30000);
  CU_ASSERT_EQUAL(hear(e.client, 0, 30000), 30000);
  /* The first fiftieth of a second's worth goes at once. */
  CU_ASSERT(now_s() - began >= 0.27);
  part(e);
}

/* ---- cuts ---- */

static void a_cut_ends_a_connection_at_its_byte(void) {
  static const struct {
    proxy_act act;
    char at_server, at_client;
  } ends_of[] = {{PROXY_CLOSE, '.', '.'},
                 {PROXY_RESET, '!', '!'},
                 {PROXY_SHUT, '.', 0},
                 {PROXY_VANISH, '!', 0},
                 {PROXY_FORGET, 0, 0}};
  for (size_t i = 0; i < sizeof ends_of / sizeof *ends_of; i++) {
    start(&(proxy_faults){.way[PROXY_UP] = {.cut = ends_of[i].act, .cut_after = 70001}});
    ends e = join();
    say(e.client, 0, 70000);
    CU_ASSERT_EQUAL(hear(e.server, 0, 70000), 70000);
    say(e.client, 70000, 5);
    CU_ASSERT(proxy_wait(p, PROXY_CUTS, 1, WAIT_MS));
    CU_ASSERT_EQUAL(count(PROXY_BYTES_UP), 70001);
    CU_ASSERT_EQUAL(hear(e.server, 70000, 1), 1);
    if (ends_of[i].at_server) CU_ASSERT_EQUAL(next(e.server), ends_of[i].at_server);
    if (!ends_of[i].at_server) CU_ASSERT(is_silent(e.server));
    if (ends_of[i].at_client) CU_ASSERT_EQUAL(next(e.client), ends_of[i].at_client);
    if (!ends_of[i].at_client) CU_ASSERT(is_silent(e.client));
    part(e);
    stop();
  }
}

static void a_cut_before_the_first_byte_lets_none_through(void) {
  start(&(proxy_faults){.way[PROXY_DOWN] = {.cut = PROXY_CLOSE, .cut_after = 0}});
  int client = dial();
  CU_ASSERT_EQUAL(next(client), '.');
  close(client);
  CU_ASSERT_EQUAL(count(PROXY_CUTS), 1);
}

static void a_way_that_stalls_at_a_byte_goes_on_when_it_is_healed(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.cut = PROXY_STALL, .cut_after = 10}});
  ends e = join();
  say(e.client, 0, 100);
  CU_ASSERT(proxy_wait(p, PROXY_CUTS, 1, WAIT_MS));
  CU_ASSERT_EQUAL(hear(e.server, 0, 10), 10);
  CU_ASSERT(is_silent(e.server));
  heal();
  CU_ASSERT_EQUAL(hear(e.server, 10, 90), 90);
  part(e);
}

static void a_way_that_swallows_from_a_byte_on_lets_the_rest_vanish(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.cut = PROXY_SWALLOW, .cut_after = 10}});
  ends e = join();
  say(e.client, 0, 100);
  CU_ASSERT(proxy_wait(p, PROXY_SWALLOWED, 90, WAIT_MS));
  heal();
  say(e.client, 100, 5);
  CU_ASSERT_EQUAL(hear(e.server, 0, 10), 10);
  CU_ASSERT_EQUAL(hear(e.server, 100, 5), 5);
  part(e);
}

/* ---- done at once ---- */

static void all_connections_can_be_reset(void) {
  start(&no_faults);
  ends a = join(), b = join();
  CU_ASSERT_EQUAL(proxy_kill_all(p), 2);
  CU_ASSERT_EQUAL(next(a.client), '!');
  CU_ASSERT_EQUAL(next(a.server), '!');
  CU_ASSERT_EQUAL(next(b.client), '!');
  CU_ASSERT_EQUAL(proxy_kill_all(p), 0);
  CU_ASSERT_EQUAL(count(PROXY_ENDED), 2);
  CU_ASSERT_EQUAL(count(PROXY_DONE), 2);
  part(a);
  part(b);
}

/* The command finds a connection that the proxy has not yet been told of. */
static void what_is_done_to_all_is_done_to_who_has_just_connected(void) {
  start(&no_faults);
  for (int i = 0; i < 20; i++) {
    int client = dial();
    CU_ASSERT_EQUAL(proxy_kill_all(p), 1);
    CU_ASSERT_EQUAL(next(client), '!');
    close(client);
  }
}

static void one_connection_can_be_closed_and_the_others_live(void) {
  start(&no_faults);
  ends a = join(), b = join();
  say(a.client, 0, 100); /* that nobody has read: what was said still arrives */
  CU_ASSERT(proxy_wait(p, PROXY_BYTES_UP, 100, WAIT_MS));
  CU_ASSERT_EQUAL(proxy_do(p, 1, PROXY_UP, PROXY_CLOSE), 1);
  CU_ASSERT_EQUAL(hear(a.server, 0, 100), 100);
  CU_ASSERT_EQUAL(next(a.server), '.');
  CU_ASSERT_EQUAL(next(a.client), '.');
  say(b.client, 0, 1);
  CU_ASSERT_EQUAL(next(b.server), '#');
  part(a);
  part(b);
}

/* A socket that is closed with unread bytes would send a RST. */
static void a_close_is_in_good_order_though_bytes_were_not_read(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.flow = PROXY_STALL}});
  ends e = join();
  say(e.client, 0, 10);
  CU_ASSERT_EQUAL(proxy_do(p, 1, PROXY_UP, PROXY_CLOSE), 1);
  CU_ASSERT_EQUAL(next(e.client), '.');
  CU_ASSERT_EQUAL(next(e.server), '.');
  struct pollfd told = {.fd = e.client};
  CU_ASSERT_EQUAL(poll(&told, 1, SILENCE_MS), 0); /* of no error */
  part(e);
}

static void half_a_close_leaves_the_other_way_open(void) {
  start(&no_faults);
  ends e = join();
  CU_ASSERT_EQUAL(proxy_do(p, 1, PROXY_DOWN, PROXY_SHUT), 1);
  CU_ASSERT_EQUAL(next(e.client), '.');
  say(e.client, 0, 10);
  CU_ASSERT_EQUAL(hear(e.server, 0, 10), 10);
  close(e.client);
  CU_ASSERT_EQUAL(next(e.server), '.');
  close(e.server);
  CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
}

static void a_side_can_vanish_without_the_other_being_told(void) {
  for (int w = 0; w < PROXY_WAYS; w++) {
    start(&no_faults);
    ends e = join();
    int told = w == PROXY_UP ? e.server : e.client, other = w == PROXY_UP ? e.client : e.server;
    CU_ASSERT_EQUAL(proxy_do(p, 1, (proxy_way)w, PROXY_VANISH), 1);
    CU_ASSERT_EQUAL(next(told), '!');
    say(other, 0, BULK);
    CU_ASSERT(proxy_wait(p, PROXY_SWALLOWED, BULK, WAIT_MS));
    CU_ASSERT(is_silent(other));
    part(e);
    CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
    stop();
  }
}

static void a_forgotten_connection_is_silent_on_both_sides(void) {
  start(&no_faults);
  ends e = join();
  CU_ASSERT_EQUAL(proxy_do(p, 1, PROXY_UP, PROXY_FORGET), 1);
  say(e.client, 0, 10);
  say(e.server, 0, 10);
  CU_ASSERT(proxy_wait(p, PROXY_SWALLOWED, 20, WAIT_MS));
  close(e.client);
  CU_ASSERT(is_silent(e.server));
  heal(); /* no more for it */
  CU_ASSERT(is_silent(e.server));
  close(e.server);
  CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
}

/* ---- silence ---- */

static void a_stalled_way_fills_up_and_loses_nothing(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.flow = PROXY_STALL}});
  ends e = join();
  say(e.server, 0, 10); /* the other way is not concerned */
  CU_ASSERT_EQUAL(hear(e.client, 0, 10), 10);
  CU_ASSERT(say_until_full(e.client) < FLOOD);
  CU_ASSERT_EQUAL(count(PROXY_BYTES_UP), 0);
  CU_ASSERT(is_silent(e.server));
  heal();
  CU_ASSERT_EQUAL(next(e.server), '#');
  part(e);
}

static void a_swallowing_way_takes_everything(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.flow = PROXY_SWALLOW}});
  ends e = join();
  say(e.client, 0, FLOOD);
  CU_ASSERT(proxy_wait(p, PROXY_SWALLOWED, FLOOD, WAIT_MS));
  CU_ASSERT_EQUAL(count(PROXY_BYTES_UP), 0);
  CU_ASSERT(is_silent(e.server));
  part(e);
}

static void a_mute_proxy_accepts_and_says_nothing(void) {
  start(&(proxy_faults){.is_mute = true});
  int client = dial();
  say(client, 0, 10);
  CU_ASSERT(proxy_wait(p, PROXY_ACCEPTED, 1, WAIT_MS));
  CU_ASSERT(is_silent(client));
  CU_ASSERT(is_silent(listener)); /* the server hears of nobody */
  heal();
  int server = answer();
  CU_ASSERT_EQUAL(hear(server, 0, 10), 10);
  set(&(proxy_faults){.is_mute = true}); /* for who is there, too */
  say(server, 0, 10);
  CU_ASSERT(is_silent(client));
  heal();
  CU_ASSERT_EQUAL(hear(client, 0, 10), 10);
  part((ends){client, server});
}

/* ---- corruption ---- */

static void one_byte_is_corrupted_at_its_offset(void) {
  start(&(proxy_faults){.way[PROXY_UP] = {.corrupt_at = 70001}});
  ends e = join();
  say(e.client, 0, 70010);
  uint8_t byte;
  CU_ASSERT_EQUAL(hear(e.server, 0, 70000), 70000);
  CU_ASSERT_EQUAL(recv(e.server, &byte, 1, 0), 1);
  CU_ASSERT_NOT_EQUAL(byte, byte_at(70000));
  CU_ASSERT_EQUAL(hear(e.server, 70001, 9), 9);
  CU_ASSERT_EQUAL(count(PROXY_CORRUPTED), 1);
  part(e);
}

/* How many of BULK bytes came as others, and a sum over where and how. */
static unsigned count_corrupted(uint64_t *sum) {
  static uint8_t text[BULK];
  start(&(proxy_faults){.way[PROXY_UP] = {.corrupt_one_in = 1000}});
  ends e = join();
  unsigned different = 0;
  *sum = 0;
  for (size_t done = 0, said = 0; done < BULK;) {
    if (said < BULK) say(e.client, said, 4096), said += 4096;
    ssize_t n = recv(e.server, text + done, BULK - done, said < BULK ? MSG_DONTWAIT : 0);
    CU_ASSERT_FATAL(n > 0 || said < BULK);
    if (n > 0) done += (size_t)n;
  }
  for (size_t i = 0; i < BULK; i++) {
    if (text[i] == byte_at(i)) continue;
    different++;
    *sum = *sum * 31 + i + text[i];
  }
  CU_ASSERT_EQUAL(count(PROXY_CORRUPTED), different);
  part(e);
  stop();
  return different;
}

static void one_byte_in_so_many_is_corrupted_as_the_seed_says(void) {
  uint64_t first, second;
  unsigned different = count_corrupted(&first);
  CU_ASSERT(different > BULK / 1000 / 2 && different < BULK / 1000 * 2);
  CU_ASSERT_EQUAL(count_corrupted(&second), different);
  CU_ASSERT_EQUAL(first, second);
}

/* ---- listening ---- */

static void a_refusing_proxy_keeps_its_port_and_comes_back(void) {
  start(&no_faults);
  ends e = join();
  set(&(proxy_faults){.is_refusing = true});
  CU_ASSERT_EQUAL(try_to_dial(), -1);
  CU_ASSERT_EQUAL(errno, ECONNREFUSED);
  say(e.client, 0, 10); /* who is there is not concerned */
  CU_ASSERT_EQUAL(hear(e.server, 0, 10), 10);
  char why[PROXY_WHY_BYTES];
  CU_ASSERT_PTR_NULL(
      proxy_start(&(proxy_options){.listen = "256.0.0.1:1", .to = proxy_address(p)}, why));
  heal();
  part(join());
  part(e);
}

static void over_the_limit_a_connection_is_reset(void) {
  start(&(proxy_faults){.max_connections = 1});
  ends first = join();
  int second = dial();
  CU_ASSERT_EQUAL(next(second), '!');
  close(second);
  CU_ASSERT_EQUAL(count(PROXY_TURNED_AWAY), 1);
  part(first);
  CU_ASSERT(proxy_wait_connections(p, 0, WAIT_MS));
  part(join());
}

/* ---- by the clock ---- */

static void connections_are_killed_with_their_chance_each_second(void) {
  start(&(proxy_faults){.kill_per_s = 1});
  ends all[8];
  double began = now_s();
  for (int i = 0; i < 8; i++)
    all[i] = join();
  CU_ASSERT(proxy_wait(p, PROXY_KILLED, 8, WAIT_MS));
  CU_ASSERT(now_s() - began >= 0.2); /* not all at once */
  for (int i = 0; i < 8; i++) {
    CU_ASSERT_EQUAL(next(all[i].client), '!');
    part(all[i]);
  }
}

/* Says a byte half way to the end of its patience, and returns how long after that it was closed;
 * 0: this machine stood still, and it was closed before. */
static double talk_then_idle(unsigned idle_ms) {
  ends e = join();
  poll(NULL, 0, (int)idle_ms / 2);
  double began = now_s();
  bool was_heard = send(e.client, "!", 1, MSG_NOSIGNAL) == 1 && next(e.server) == '#';
  CU_ASSERT_EQUAL(next(e.client), '.');
  part(e);
  return was_heard ? now_s() - began : 0;
}

static void a_connection_that_is_idle_after_its_last_byte_is_closed(void) {
  start(&(proxy_faults){.idle_ms = 60});
  double idle = 0;
  for (int i = 0; i < 100 && idle == 0; i++)
    idle = talk_then_idle(60);
  CU_ASSERT(idle >= 0.06);
}

static void an_idle_connection_can_be_forgotten(void) {
  start(&(proxy_faults){.idle_ms = 50, .idle = PROXY_FORGET});
  ends forgotten = join();
  CU_ASSERT(proxy_wait(p, PROXY_IDLED, 1, WAIT_MS));
  say(forgotten.client, 0, 10);
  CU_ASSERT(is_silent(forgotten.server));
  CU_ASSERT_EQUAL(count(PROXY_IDLED), 1); /* it is done once */
  part(forgotten);
}

/* ---- whom faults are for ---- */

static const proxy_faults reset_at_5 = {.way[PROXY_UP] = {.cut = PROXY_RESET, .cut_after = 5}};

static void check_is_reset(ends e) {
  say(e.client, 0, 5);
  CU_ASSERT_EQUAL(hear(e.server, 0, 5), 5);
  CU_ASSERT_EQUAL(next(e.server), '!');
}

static void check_is_spared(ends e) {
  say(e.client, 0, 5);
  CU_ASSERT_EQUAL(hear(e.server, 0, 5), 5);
  CU_ASSERT(is_silent(e.server));
}

static void faults_are_for_all_or_for_new_ones_or_for_one(void) {
  start(&no_faults);
  CU_ASSERT(proxy_set_one(p, 2, &reset_at_5, NULL));
  ends first = join(), second = join(), third = join();
  check_is_spared(first);
  check_is_reset(second);
  CU_ASSERT(proxy_set_new(p, &reset_at_5, NULL));
  ends fourth = join();
  check_is_spared(third);
  check_is_reset(fourth);
  set(&reset_at_5); /* whose byte has gone by: at once */
  CU_ASSERT_EQUAL(next(first.client), '!');
  CU_ASSERT_EQUAL(next(third.client), '!');
  part(first), part(second), part(third), part(fourth);
}

static void one_of_those_that_are_there_can_have_faults_of_its_own(void) {
  start(&no_faults);
  ends first = join(), second = join();
  CU_ASSERT(proxy_set_one(p, 1, &reset_at_5, NULL));
  check_is_spared(second);
  check_is_reset(first);
  CU_ASSERT_FALSE(proxy_set_one(p, 1, &no_faults, NULL)); /* it is over */
  part(first), part(second);
}

/* ---- bad input ---- */

static void what_cannot_be_is_said_in_words(void) {
  char why[PROXY_WHY_BYTES] = "";
  CU_ASSERT_PTR_NULL(proxy_start(&(proxy_options){.listen = "localhost:1", .to = "[::1]:1"}, why));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "'localhost:1' is no address"));
  start(&no_faults);
  CU_ASSERT_PTR_NULL(
      proxy_start(&(proxy_options){.listen = proxy_address(p), .to = "[::1]:1"}, why));
  CU_ASSERT_PTR_NOT_NULL(strstr(why, "Address already in use"));
  CU_ASSERT_FALSE(proxy_set(p, &(proxy_faults){.kill_per_s = 1.5}, why));
  CU_ASSERT_STRING_EQUAL(why, "a chance is 0 to 1");
  CU_ASSERT_FALSE(proxy_set(p, &(proxy_faults){.way[PROXY_UP] = {.flow = PROXY_RESET}}, why));
  CU_ASSERT_FALSE(proxy_lead_to(p, "127.0.0.1:65536", why));
  CU_ASSERT_FALSE(proxy_wait(p, PROXY_ACCEPTED, 1, 1));
}

/* ---- in words ---- */

static void faults_in_words_are_the_same_faults_again(void) {
  static const char *const words[] = {"delay=200",
                                      "up.jitter=20",
                                      "down.bandwidth=100000",
                                      "up.flow=stall",
                                      "down.cut=reset@1000",
                                      "up.corrupt=@5001",
                                      "corrupt=1/1000000",
                                      "mute",
                                      "refuse",
                                      "limit=10",
                                      "kill=0.25:close",
                                      "idle=2000:forget"};
  proxy_faults faults = {0}, again = {0};
  char why[PROXY_WHY_BYTES], text[PROXY_WORDS_BYTES], twice[PROXY_WORDS_BYTES], *rest;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    CU_ASSERT(proxy_words_add(&faults, words[i], why));
  CU_ASSERT_EQUAL(faults.way[PROXY_UP].delay_ms, 200);
  CU_ASSERT_EQUAL(faults.way[PROXY_DOWN].jitter_ms, 0);
  CU_ASSERT_EQUAL(faults.way[PROXY_DOWN].cut, PROXY_RESET);
  proxy_words_write(&faults, text);
  strcpy(twice, text);
  for (char *word = strtok_r(twice, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
    CU_ASSERT(proxy_words_add(&again, word, why));
  proxy_words_write(&again, twice);
  CU_ASSERT_STRING_EQUAL(text, twice);
  static const char *const wrong[] = {"",          "delay",  "delay=",      "delay=-1",  "up.mute",
                                      "cut=reset", "kill=2", "idle=10:die", "corrupt=5", "down.=1"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    CU_ASSERT_FALSE(proxy_words_add(&again, wrong[i], why));
  proxy_words_write(&again, twice);
  CU_ASSERT_STRING_EQUAL(text, twice);
}

static const test_case cases[] = {TEST(bytes_and_the_end_of_each_way_go_through),
                                  TEST(a_reset_goes_through),
                                  TEST(who_reads_nothing_holds_back_who_sends),
                                  TEST(who_talks_to_somebody_that_has_gone_is_reset),
                                  TEST(where_the_server_refuses_the_client_is_reset),
                                  TEST(new_connections_can_be_led_elsewhere),
                                  TEST(a_delay_holds_back_bytes_and_the_end_and_keeps_their_order),
                                  TEST(a_narrow_way_lets_so_many_bytes_through_a_second),
                                  TEST(a_cut_ends_a_connection_at_its_byte),
                                  TEST(a_cut_before_the_first_byte_lets_none_through),
                                  TEST(a_way_that_stalls_at_a_byte_goes_on_when_it_is_healed),
                                  TEST(a_way_that_swallows_from_a_byte_on_lets_the_rest_vanish),
                                  TEST(all_connections_can_be_reset),
                                  TEST(what_is_done_to_all_is_done_to_who_has_just_connected),
                                  TEST(one_connection_can_be_closed_and_the_others_live),
                                  TEST(a_close_is_in_good_order_though_bytes_were_not_read),
                                  TEST(half_a_close_leaves_the_other_way_open),
                                  TEST(a_side_can_vanish_without_the_other_being_told),
                                  TEST(a_forgotten_connection_is_silent_on_both_sides),
                                  TEST(a_stalled_way_fills_up_and_loses_nothing),
                                  TEST(a_swallowing_way_takes_everything),
                                  TEST(a_mute_proxy_accepts_and_says_nothing),
                                  TEST(one_byte_is_corrupted_at_its_offset),
                                  TEST(one_byte_in_so_many_is_corrupted_as_the_seed_says),
                                  TEST(a_refusing_proxy_keeps_its_port_and_comes_back),
                                  TEST(over_the_limit_a_connection_is_reset),
                                  TEST(connections_are_killed_with_their_chance_each_second),
                                  TEST(a_connection_that_is_idle_after_its_last_byte_is_closed),
                                  TEST(an_idle_connection_can_be_forgotten),
                                  TEST(faults_are_for_all_or_for_new_ones_or_for_one),
                                  TEST(one_of_those_that_are_there_can_have_faults_of_its_own),
                                  TEST(what_cannot_be_is_said_in_words),
                                  TEST(faults_in_words_are_the_same_faults_again),
                                  TESTS_END};
static const test_suite proxy_suite = {"proxy", cases, setup, teardown};

int main(int argc, char **argv) {
  static const test_suite *const suites[] = {&proxy_suite, NULL};
  return test_main("proxy", suites, 60, argc, argv);
}
