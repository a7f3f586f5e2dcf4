/* resolver_test.c: look-ups, against a DNS server of the test's own on the same libev loop. */
#include "lib/base/fail.h"
#include "lib/io/resolver.h"
#include "lib/io/sockaddr.h"
#include "tests/unit/fds.h"
#include "tests/unit/harness.h"
#include "tests/unit/io/net.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- a DNS server: RFC 1035, one question, answers by name ---- */

enum { MANY_ADDRESSES = 25 }; /* what goes into the 512 bytes of plain DNS by UDP */
enum { TYPE_A = 1, TYPE_AAAA = 28, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3 };

static struct {
  int udp, tcp;
  ev_io on_udp, on_tcp;
  uint16_t port;
  size_t asked, connected;
} dns;

typedef struct question {
  char name[256];
  unsigned type;
  size_t end; /* in the packet */
} question;

static bool question_read(question *q, const uint8_t *packet, size_t len) {
  size_t at = 12, n = 0;
  while (at < len && packet[at]) {
    size_t label = packet[at++];
    if (label > 63 || at + label >= len || n + label + 2 > sizeof q->name) return false;
    if (n) q->name[n++] = '.';
    memcpy(q->name + n, packet + at, label);
    n += label;
    at += label;
  }
  q->name[n] = '\0';
  q->end = at + 5;
  if (q->end > len) return false;
  q->type = packet[at + 2];
  return true;
}

typedef struct reply {
  uint8_t bytes[2048];
  size_t len;
} reply;

static void reply_begin(reply *r, const uint8_t *packet, const question *q, unsigned rcode) {
  memcpy(r->bytes, packet, q->end);
  r->len = q->end;
  r->bytes[2] = 0x81; /* a response, recursion desired */
  r->bytes[3] = (uint8_t)(0x80 | rcode);
  memset(r->bytes + 4, 0, 8);
  r->bytes[5] = 1; /* one question; no record of any kind yet */
}

static void reply_add(reply *r, unsigned type, const uint8_t *data, uint8_t len) {
  const uint8_t head[] = {0xc0, 12, 0, (uint8_t)type, 0, 1, 0, 0, 0, 60, 0, len};
  memcpy(r->bytes + r->len, head, sizeof head);
  memcpy(r->bytes + r->len + sizeof head, data, len);
  r->len += sizeof head + len;
  r->bytes[7]++;
}

static void reply_add_ipv4(reply *r, uint8_t last) {
  reply_add(r, TYPE_A, (const uint8_t[]){127, 0, 0, last}, 4);
}

static const uint8_t ipv6_loopback[16] = {[15] = 1};

/* False: no answer at all. */
static bool reply_make(reply *r, const uint8_t *packet, const question *q) {
  if (strcmp(q->name, "silent.test") == 0) return false;
  bool is_broken = strcmp(q->name, "broken.test") == 0;
  bool is_known = strcmp(q->name, "two.test") == 0 || strcmp(q->name, "empty.test") == 0 ||
                  strcmp(q->name, "four.test") == 0 || strcmp(q->name, "twice.test") == 0 ||
                  strcmp(q->name, "cut.test") == 0 || strcmp(q->name, "many.test") == 0;
  reply_begin(r, packet, q, is_broken ? RCODE_SERVFAIL : is_known ? 0 : RCODE_NXDOMAIN);
  if (strcmp(q->name, "cut.test") == 0) r->bytes[2] |= 0x02; /* truncated: ask by TCP */
  if (strcmp(q->name, "two.test") == 0 && q->type == TYPE_A) {
    reply_add_ipv4(r, 1);
    reply_add_ipv4(r, 2);
  }
  if (strcmp(q->name, "two.test") == 0 && q->type == TYPE_AAAA)
    reply_add(r, TYPE_AAAA, ipv6_loopback, sizeof ipv6_loopback);
  if (strcmp(q->name, "four.test") == 0 && q->type == TYPE_A) reply_add_ipv4(r, 4);
  if (strcmp(q->name, "twice.test") == 0 && q->type == TYPE_A) {
    reply_add_ipv4(r, 5);
    reply_add_ipv4(r, 5);
  }
  if (strcmp(q->name, "many.test") == 0 && q->type == TYPE_A)
    for (uint8_t i = 1; i <= MANY_ADDRESSES; i++)
      reply_add_ipv4(r, i);
  return true;
}

static void on_dns_udp(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev, (void)revents;
  uint8_t packet[1500];
  gmux__sockaddr from;
  socklen_t from_len = sizeof from;
  ssize_t n = recvfrom(w->fd, packet, sizeof packet, 0, &from.sa, &from_len);
  question q;
  reply r;
  if (n < 12 || !question_read(&q, packet, (size_t)n)) return;
  dns.asked++;
  if (reply_make(&r, packet, &q)) sendto(w->fd, r.bytes, r.len, 0, &from.sa, from_len);
}

/* Hangs up on whoever comes, hard. */
static void on_dns_tcp(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev, (void)revents;
  struct linger linger = {.l_onoff = 1, .l_linger = 0};
  int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  dns.connected++;
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(fd);
}

static int dns_bind(int type, uint16_t port) {
  gmux__address at = net_ipv4(port);
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &at);
  int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd >= 0 && bind(fd, &sa.sa, len) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static uint16_t dns_port(int fd) {
  gmux__sockaddr sa;
  gmux__address at;
  socklen_t len = sizeof sa;
  getsockname(fd, &sa.sa, &len);
  gmux__address_from_sockaddr(&at, &sa, len);
  return at.port;
}

/* The same port for both, which the second bind may find taken. */
static void dns_open(void) {
  for (int i = 0; i < 100; i++) {
    dns.udp = dns_bind(SOCK_DGRAM, 0);
    dns.port = dns_port(dns.udp);
    dns.tcp = dns_bind(SOCK_STREAM, dns.port);
    if (dns.tcp >= 0) break;
    close(dns.udp);
  }
  CU_ASSERT_TRUE_FATAL(dns.tcp >= 0);
  listen(dns.tcp, 8);
}

static void setup(void) {
  net_setup();
  memset(&dns, 0, sizeof dns);
  dns_open();
  ev_io_init(&dns.on_udp, on_dns_udp, dns.udp, EV_READ);
  ev_io_init(&dns.on_tcp, on_dns_tcp, dns.tcp, EV_READ);
  ev_io_start(net_ev, &dns.on_udp);
  ev_io_start(net_ev, &dns.on_tcp);
  char servers[32];
  snprintf(servers, sizeof servers, "127.0.0.1:%u", dns.port);
  CU_ASSERT_EQUAL(gmux__loop_set_dns_servers(net_loop, servers), 0);
}

static void dns_close(void) {
  ev_io_stop(net_ev, &dns.on_udp);
  ev_io_stop(net_ev, &dns.on_tcp);
  close(dns.udp);
  close(dns.tcp);
}

/* The port is refused to everybody: a socket that is connected to somebody else hears nobody, and
 * keeps the port from those who would answer there, or would ask from there and hear themselves. */
static void dns_refuse(void) {
  gmux__address nobody = net_ipv4(1);
  gmux__sockaddr sa;
  socklen_t len = gmux__sockaddr_from(&sa, &nobody);
  CU_ASSERT_EQUAL(connect(dns.udp, &sa.sa, len), 0);
}

static void teardown(void) {
  dns_close();
  net_teardown();
}

/* ---- asking it ---- */

typedef struct answer {
  bool is_done;
  int error;
  size_t count;
  char text[2048]; /* addresses with spaces behind them, or why not */
} answer;

static void on_resolved(void *arg, int error, const gmux__address *addresses, size_t count,
                        const char *why) {
  answer *a = arg;
  CU_ASSERT_FALSE(a->is_done);
  CU_ASSERT_EQUAL(error == 0, count > 0);
  CU_ASSERT_EQUAL(error == 0, why == NULL);
  a->is_done = true;
  a->error = error;
  a->count = count;
  snprintf(a->text, sizeof a->text, "%s", why ? why : "");
  for (size_t i = 0; i < count; i++) {
    char one[GMUX__ADDRESS_TEXT];
    size_t n = strlen(a->text);
    snprintf(a->text + n, sizeof a->text - n, "%s ", gmux__address_str(&addresses[i], one));
  }
}

static answer ask(const char *host) {
  answer a = {.is_done = false};
  gmux__resolve *resolve;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_resolve(net_loop, &resolve, host, 80, on_resolved, &a), 0);
  CU_ASSERT_FALSE(a.is_done); /* never from inside */
  net_run_until(&a.is_done);
  return a;
}

static void literals_are_answered_without_asking_anybody(void) {
  CU_ASSERT_STRING_EQUAL(ask("1.2.3.4").text, "ipv4:1.2.3.4:80 ");
  CU_ASSERT_STRING_EQUAL(ask("2001:db8::1").text, "ipv6:[2001:db8::1]:80 ");
  CU_ASSERT_STRING_EQUAL(ask("fe80::1%3").text, "ipv6:[fe80::1%3]:80 ");
  CU_ASSERT_EQUAL(dns.asked, 0);
}

static void localhost_is_answered_without_asking_anybody(void) {
  CU_ASSERT_STRING_EQUAL(ask("localhost").text, "ipv4:127.0.0.1:80 ipv6:[::1]:80 ");
  CU_ASSERT_STRING_EQUAL(ask("LocalHost").text, "ipv4:127.0.0.1:80 ipv6:[::1]:80 ");
  CU_ASSERT_STRING_EQUAL(ask("my.app.localhost").text, "ipv4:127.0.0.1:80 ipv6:[::1]:80 ");
  CU_ASSERT_STRING_EQUAL(ask("localhost.").text, "ipv4:127.0.0.1:80 ipv6:[::1]:80 ");
  CU_ASSERT_EQUAL(dns.asked, 0);
  CU_ASSERT_EQUAL(ask("notlocalhost").error, GMUX_ERR_NOT_FOUND);
  CU_ASSERT_TRUE(dns.asked > 0);
}

static void a_dot_at_the_end_keeps_a_name_out_of_the_search_domains(void) {
  setenv("LOCALDOMAIN", "test", 1); /* as "search test" in resolv.conf */
  CU_ASSERT_STRING_EQUAL(ask("four").text, "ipv4:127.0.0.4:80 ");
  CU_ASSERT_STRING_EQUAL(ask("four.test.").text, "ipv4:127.0.0.4:80 ");
  CU_ASSERT_EQUAL(ask("four.").error, GMUX_ERR_NOT_FOUND);
  unsetenv("LOCALDOMAIN");
}

static void a_name_has_addresses_of_both_families(void) {
  answer a = ask("two.test");
  CU_ASSERT_EQUAL(a.error, 0);
  CU_ASSERT_EQUAL(a.count, 3);
  CU_ASSERT_PTR_NOT_NULL(strstr(a.text, "ipv4:127.0.0.1:80 "));
  CU_ASSERT_PTR_NOT_NULL(strstr(a.text, "ipv4:127.0.0.2:80 "));
  CU_ASSERT_PTR_NOT_NULL(strstr(a.text, "ipv6:[::1]:80 "));
}

static void one_family_is_enough(void) {
  CU_ASSERT_STRING_EQUAL(ask("four.test").text, "ipv4:127.0.0.4:80 ");
}

static void an_address_that_comes_twice_is_given_once(void) {
  CU_ASSERT_STRING_EQUAL(ask("twice.test").text, "ipv4:127.0.0.5:80 ");
}

static void many_addresses_come_all(void) {
  CU_ASSERT_EQUAL(ask("many.test").count, MANY_ADDRESSES);
}

static void failures_are_in_words(void) {
  answer a = ask("missing.test");
  CU_ASSERT_EQUAL(a.error, GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(a.text, "domain name not found");
  a = ask("broken.test");
  CU_ASSERT_EQUAL(a.error, GMUX_ERR_RESOLVE);
  CU_ASSERT_NOT_EQUAL(a.text[0], '\0'); /* c-ares's versions differ */
  a = ask("empty.test");
  CU_ASSERT_EQUAL(a.error, GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(a.text, "DNS server returned answer with no data");
}

static void a_server_that_is_not_there_is_a_failure(void) {
  dns_refuse();
  answer a = ask("two.test");
  CU_ASSERT_EQUAL(a.error, GMUX_ERR_RESOLVE);
  CU_ASSERT_NOT_EQUAL(a.text[0], '\0');
}

static void a_truncated_reply_is_asked_for_by_tcp(void) {
  answer a = ask("cut.test");
  CU_ASSERT_TRUE(dns.connected > 0);
  CU_ASSERT_EQUAL(a.error, GMUX_ERR_RESOLVE);
}

static void an_impossible_name_is_a_failure(void) {
  char host[400];
  memset(host, 'a', sizeof host - 1);
  host[sizeof host - 1] = '\0';
  CU_ASSERT_EQUAL(ask(host).error, GMUX_ERR_RESOLVE);
  CU_ASSERT_EQUAL(ask("a..b").error, GMUX_ERR_RESOLVE);
}

static void no_host_is_refused_at_once(void) {
  gmux__resolve *resolve = NULL;
  answer a;
  CU_ASSERT_EQUAL(gmux__loop_resolve(net_loop, &resolve, "", 80, on_resolved, &a),
                  GMUX_ERR_INVALID);
  CU_ASSERT_EQUAL(gmux__loop_resolve(net_loop, &resolve, NULL, 80, on_resolved, &a),
                  GMUX_ERR_INVALID);
  CU_ASSERT_PTR_NULL(resolve);
}

static void many_look_ups_run_at_once(void) {
  enum { MANY = 50 };
  answer answers[MANY];
  gmux__resolve *resolve;
  memset(answers, 0, sizeof answers);
  for (int i = 0; i < MANY; i++)
    CU_ASSERT_EQUAL(gmux__loop_resolve(net_loop, &resolve, i % 2 ? "four.test" : "missing.test", 80,
                                       on_resolved, &answers[i]),
                    0);
  for (int i = 0; i < MANY; i++)
    net_run_until(&answers[i].is_done);
  for (int i = 0; i < MANY; i++)
    CU_ASSERT_EQUAL(answers[i].error, i % 2 ? 0 : GMUX_ERR_NOT_FOUND);
}

static void nothing_is_kept_open_behind_the_last_answer(void) {
  size_t fds = test_count_fds();
  ask("two.test");
  net_run_turns(1);
  CU_ASSERT_EQUAL(test_count_fds(), fds);
  CU_ASSERT_FALSE(gmux__loop_needs_turn(net_loop));
  ev_io_stop(net_ev, &dns.on_udp);
  ev_io_stop(net_ev, &dns.on_tcp);
  ev_run(net_ev, 0); /* no timer and no socket of c-ares's keeps it */
}

/* ---- giving up ---- */

static void never(void *arg, int error, const gmux__address *addresses, size_t count,
                  const char *why) {
  (void)arg, (void)error, (void)addresses, (void)count, (void)why;
  CU_FAIL("a cancelled look-up has answered");
}

static gmux__resolve *start(const char *host, gmux__resolved_fn fn, void *arg) {
  gmux__resolve *resolve = NULL;
  CU_ASSERT_EQUAL_FATAL(gmux__loop_resolve(net_loop, &resolve, host, 80, fn, arg), 0);
  return resolve;
}

static void a_look_up_can_be_given_up_at_any_time(void) {
  size_t fds = test_count_fds();
  gmux__resolve_cancel(start("1.2.3.4", never, NULL));
  gmux__resolve_cancel(start("localhost", never, NULL));
  gmux__resolve_cancel(start("two.test", never, NULL));
  gmux__resolve *silent = start("silent.test", never, NULL);
  while (dns.asked == 0)
    ev_run(net_ev, EVRUN_ONCE); /* it is under way */
  gmux__resolve_cancel(silent);
  gmux__resolve_cancel(NULL);
  net_run_turns(5);
  CU_ASSERT_EQUAL(test_count_fds(), fds);
}

static void giving_one_up_leaves_the_others(void) {
  answer a = {.is_done = false};
  gmux__resolve *silent = start("silent.test", never, NULL);
  start("four.test", on_resolved, &a);
  gmux__resolve_cancel(silent);
  net_run_until(&a.is_done);
  CU_ASSERT_STRING_EQUAL(a.text, "ipv4:127.0.0.4:80 ");
}

static gmux__resolve *other;

static void cancel_other(void *arg, int error, const gmux__address *addresses, size_t count,
                         const char *why) {
  (void)error, (void)addresses, (void)count, (void)why;
  gmux__resolve_cancel(other);
  *(bool *)arg = true;
}

static void an_answer_can_give_up_another_that_has_come(void) {
  bool done = false;
  start("1.1.1.1", cancel_other, &done);
  other = start("2.2.2.2", never, NULL); /* both are answered in this turn */
  net_run_until(&done);
  net_run_turns(3);
}

static void ask_again(void *arg, int error, const gmux__address *addresses, size_t count,
                      const char *why) {
  (void)error, (void)addresses, (void)count, (void)why;
  start("four.test", on_resolved, arg);
}

static void an_answer_can_ask_again(void) {
  answer a = {.is_done = false};
  start("missing.test", ask_again, &a);
  net_run_until(&a.is_done);
  CU_ASSERT_STRING_EQUAL(a.text, "ipv4:127.0.0.4:80 ");
}

static void stopping_the_loop_gives_all_up(void) {
  gmux_loop *loop;
  gmux__resolve *resolve;
  char servers[32];
  snprintf(servers, sizeof servers, "127.0.0.1:%u", dns.port);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_attach(&loop, net_ev, NULL), 0);
  CU_ASSERT_EQUAL(gmux__loop_set_dns_servers(loop, servers), 0);
  CU_ASSERT_EQUAL(gmux__loop_resolve(loop, &resolve, "silent.test", 80, never, NULL), 0);
  CU_ASSERT_EQUAL(gmux__loop_resolve(loop, &resolve, "four.test", 80, never, NULL), 0);
  CU_ASSERT_EQUAL(gmux_loop_stop(loop), 0);
}

static gmux_loop *thread_loop;

static void resolve_on_thread(void *arg) {
  gmux__resolve *resolve;
  gmux__loop_set_dns_servers(thread_loop, arg);
  gmux__loop_resolve(thread_loop, &resolve, "silent.test", 80, never, NULL);
}

static void stopping_a_started_loop_gives_all_up(void) {
  char servers[32];
  snprintf(servers, sizeof servers, "127.0.0.1:%u", dns.port);
  CU_ASSERT_EQUAL_FATAL(gmux_loop_start(&thread_loop, NULL), 0);
  gmux_loop_post(thread_loop, resolve_on_thread, servers);
  CU_ASSERT_EQUAL(gmux_loop_stop(thread_loop), 0);
}

/* ---- want of memory ---- */

static void resolve_some(void *arg) {
  (void)arg;
  static const char *const hosts[] = {"1.2.3.4", "localhost", "four.test"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    answer a = {.is_done = false};
    gmux__resolve *resolve;
    int rv = gmux__loop_resolve(net_loop, &resolve, hosts[i], 80, on_resolved, &a);
    CU_ASSERT_TRUE(rv == 0 || rv == GMUX_ERR_NOMEM);
    if (rv) continue;
    net_run_until(&a.is_done);
    CU_ASSERT_TRUE(a.error == 0 || a.error == GMUX_ERR_NOMEM);
  }
  net_run_turns(1);
}

/* A watch that there is no memory for means waiting for c-ares's timeout of several seconds: that
 * allocation is not made to fail here. */
static void want_of_memory_leaves_nothing(void) {
  resolve_some(NULL); /* the resolver itself lives as long as the loop */
  size_t watch = 7;   /* literal 2, localhost 2, request, query, then the watch */
  for (size_t n = 1; n <= 9; n++) {
    size_t live = test_alloc_live();
    if (n == watch) continue;
    test_alloc_fail_at(n);
    resolve_some(NULL);
    bool has_failed = test_alloc_has_failed();
    test_alloc_fail_at(0);
    CU_ASSERT_EQUAL(test_alloc_live(), live);
    CU_ASSERT_EQUAL(has_failed, n < 9);
  }
}

static const test_case cases[] = {
    TEST(literals_are_answered_without_asking_anybody),
    TEST(localhost_is_answered_without_asking_anybody),
    TEST(a_dot_at_the_end_keeps_a_name_out_of_the_search_domains),
    TEST(a_name_has_addresses_of_both_families),
    TEST(one_family_is_enough),
    TEST(an_address_that_comes_twice_is_given_once),
    TEST(many_addresses_come_all),
    TEST(failures_are_in_words),
    TEST(a_server_that_is_not_there_is_a_failure),
    TEST(a_truncated_reply_is_asked_for_by_tcp),
    TEST(an_impossible_name_is_a_failure),
    TEST(no_host_is_refused_at_once),
    TEST(many_look_ups_run_at_once),
    TEST(nothing_is_kept_open_behind_the_last_answer),
    TEST(a_look_up_can_be_given_up_at_any_time),
    TEST(giving_one_up_leaves_the_others),
    TEST(an_answer_can_give_up_another_that_has_come),
    TEST(an_answer_can_ask_again),
    TEST(stopping_the_loop_gives_all_up),
    TEST(stopping_a_started_loop_gives_all_up),
    TEST(want_of_memory_leaves_nothing),
    TESTS_END,
};

const test_suite io_resolver_suite = {"resolver", cases, setup, teardown};
