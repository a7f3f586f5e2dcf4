/* gmux_proxy.c: the fault proxy (proxy.h) as a program. */
#include "tests/net/proxy.h"
#include "tests/net/proxy_words.h"
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const char usage[] =
    "usage: gmux-proxy --listen ADDRESS --to ADDRESS [--seed N] [FAULT]...\n"
    "A TCP proxy that does harm to connections. Faults are changed by lines on standard input.\n\n"
    "Addresses: 127.0.0.1:4711 (port 0: any, and it says which), [::1]:4711, unix:/path\n\n"
    "A server 200 ms away, with a narrow way back:\n"
    "  gmux-proxy --listen 127.0.0.1:4711 --to 127.0.0.1:50051 delay=100 down.bandwidth=100000\n"
    "One connection in a hundred dies each second, and a load balancer forgets idle ones:\n"
    "  gmux-proxy --listen 127.0.0.1:4711 --to [::1]:50051 kill=0.01 idle=2000:forget\n"
    "Every connection is reset when the server has said 1000 bytes:\n"
    "  gmux-proxy --listen unix:/tmp/front --to unix:/tmp/back down.cut=reset@1000\n\n"
    "Faults. \"up.\" (to the server) or \"down.\" before the first ones: that way alone.\n"
    "  delay=MS jitter=MS     bytes arrive so much later, and 0..MS more; in order\n"
    "  bandwidth=BYTES        a second\n"
    "  flow=stall             nothing is read; flow=swallow: it is read and thrown away\n"
    "  cut=ACT@N              done when N bytes have gone through\n"
    "  corrupt=@N             the N-th byte is another one; corrupt=1/N: one byte in N is\n"
    "  mute                   connections are accepted, and that is all\n"
    "  refuse                 nobody listens\n"
    "  limit=N                connections at once; further ones are reset\n"
    "  kill=P[:ACT]           each connection is reset with the chance P (0..1) each second\n"
    "  idle=MS[:ACT]          a connection without bytes for so long is closed\n"
    "Acts:\n"
    "  close reset            both sides\n"
    "  shut                   half close: one way ends\n"
    "  stall swallow          one way, until faults are set\n"
    "  vanish                 half-open: the side the way leads to is reset, the other not told\n"
    "  forget                 both ways swallow, nobody is told\n"
    "\n"
    "Lines on standard input (at its end the proxy goes on; SIGTERM ends it):\n"
    "  set delay=500          these faults and no others, for all connections\n"
    "  set                    all is well again\n"
    "  new refuse             for connections to come\n"
    "  one 3 cut=close@0      for the third connection\n"
    "  do reset               now, to all; \"do stall down\": one way; \"do vanish up 3\": the "
    "third\n"
    "  to 127.0.0.1:50052     where new connections are led\n"
    "  stats                  what has happened\n"
    "  quit\n";

enum { LINE_BYTES = 1024, WORDS_MAX = 64 };

/* ---- lines ---- */

typedef struct line {
  char *words[WORDS_MAX + 1]; /* ends with NULL */
  unsigned count;
} line;

static line line_split(char *text) {
  line l = {.count = 0};
  char *rest;
  for (char *word = strtok_r(text, " \t\r\n", &rest); word && l.count < WORDS_MAX;
       word = strtok_r(NULL, " \t\r\n", &rest))
    l.words[l.count++] = word;
  return l;
}

static bool parse_faults(proxy_faults *faults, char *const *words, char why[PROXY_WHY_BYTES]) {
  memset(faults, 0, sizeof *faults);
  for (; *words; words++)
    if (!proxy_words_add(faults, *words, why)) return false;
  return true;
}

static bool do_set(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  proxy_faults faults;
  return parse_faults(&faults, l->words + 1, why) && proxy_set(p, &faults, why);
}

static bool do_new(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  proxy_faults faults;
  return parse_faults(&faults, l->words + 1, why) && proxy_set_new(p, &faults, why);
}

static bool do_one(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  proxy_faults faults;
  uint64_t k;
  snprintf(why, PROXY_WHY_BYTES, "one: for which connection? \"one 3 delay=100\"");
  if (l->count < 2 || !proxy_words_number(&k, l->words[1]) || k == 0) return false;
  return parse_faults(&faults, l->words + 2, why) && proxy_set_one(p, k, &faults, why);
}

/* "do ACT [up|down] [K]", the last two in any order. */
static bool do_do(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  proxy_act act;
  proxy_way way = PROXY_UP;
  uint64_t k = 0;
  snprintf(why, PROXY_WHY_BYTES, "do what? \"do reset\", \"do stall down\", \"do vanish up 3\"");
  if (l->count < 2 || !proxy_words_act(&act, l->words[1])) return false;
  for (unsigned i = 2; i < l->count; i++) {
    if (strcmp(l->words[i], "up") == 0 || strcmp(l->words[i], "down") == 0)
      way = l->words[i][0] == 'u' ? PROXY_UP : PROXY_DOWN;
    else if (!proxy_words_number(&k, l->words[i]))
      return false;
  }
  printf("done to %u\n", proxy_do(p, k, way, act));
  return true;
}

static bool do_to(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  if (l->count == 2) return proxy_lead_to(p, l->words[1], why);
  snprintf(why, PROXY_WHY_BYTES, "to: where? \"to 127.0.0.1:50052\"");
  return false;
}

static bool do_stats(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  (void)l, (void)why;
  proxy_stats stats = proxy_get_stats(p);
  printf("open %u", stats.open);
  for (int c = 0; c < PROXY_COUNTERS; c++)
    printf(" %s %" PRIu64, proxy_counter_str((proxy_counter)c), stats.count[c]);
  putchar('\n');
  return true;
}

static bool do_help(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  (void)p, (void)l, (void)why;
  fputs(usage, stdout);
  return true;
}

static bool do_line(proxy *p, const line *l, char why[PROXY_WHY_BYTES]) {
  static const struct {
    const char *name;
    bool (*run)(proxy *p, const line *l, char why[PROXY_WHY_BYTES]);
  } commands[] = {{"set", do_set}, {"new", do_new},     {"one", do_one},  {"do", do_do},
                  {"to", do_to},   {"stats", do_stats}, {"help", do_help}};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
    if (strcmp(l->words[0], commands[i].name) == 0) return commands[i].run(p, l, why);
  snprintf(why, PROXY_WHY_BYTES, "'%.64s' is no command: set, new, one, do, to, stats, help, quit",
           l->words[0]);
  return false;
}

/* ---- the run ---- */

/* The exit status, or -1: go on. A script that asks for what cannot be is wrong; a person may try
 * again. */
static int take_line(proxy *p, char *text) {
  char why[PROXY_WHY_BYTES];
  line l = line_split(text);
  if (l.count == 0) return -1;
  if (strcmp(l.words[0], "quit") == 0) return 0;
  bool is_good = do_line(p, &l, why);
  fflush(stdout);
  if (is_good) return -1;
  fprintf(stderr, "gmux-proxy: %s\n", why);
  return isatty(STDIN_FILENO) ? -1 : 2;
}

/* Until a signal or "quit". */
static int serve(proxy *p, int signals) {
  struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                          {.fd = STDIN_FILENO, .events = POLLIN}};
  char text[LINE_BYTES];
  size_t len = 0;
  while (poll(fds, 2, -1) >= 0 || errno == EINTR) {
    if (fds[0].revents) return 0;
    if (!fds[1].revents) continue;
    ssize_t n = read(STDIN_FILENO, text + len, 1);
    if (n <= 0) fds[1].fd = -1; /* its end */
    if (n <= 0) continue;
    if (text[len] != '\n' && len < sizeof text - 2) {
      len++;
      continue;
    }
    text[len] = '\0';
    len = 0;
    int status = take_line(p, text);
    if (status >= 0) return status;
  }
  return 1;
}

/* A descriptor that is readable when the program is to end. */
static int catch_signals(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

static int refuse(const char *why) {
  fprintf(stderr, "gmux-proxy: %s\nTry 'gmux-proxy --help'.\n", why);
  return 2;
}

int main(int argc, char **argv) {
  static const struct option longs[] = {{"listen", 1, NULL, 'l'},
                                        {"to", 1, NULL, 't'},
                                        {"seed", 1, NULL, 's'},
                                        {"help", 0, NULL, 'h'},
                                        {NULL, 0, NULL, 0}};
  proxy_options o = {.seed = 1};
  char why[PROXY_WHY_BYTES];
  for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (c == 'h') return fputs(usage, stdout) < 0;
    if (c == '?') return refuse("that is no option, or it lacks its value");
    if (c == 'l') o.listen = optarg;
    if (c == 't') o.to = optarg;
    if (c == 's' && !proxy_words_number(&o.seed, optarg)) return refuse("a seed is a number");
  }
  if (!o.listen || !o.to) return refuse("it needs --listen and --to");
  if (!parse_faults(&o.faults, argv + optind, why)) return refuse(why);
  int signals = catch_signals();
  proxy *p = proxy_start(&o, why);
  if (!p) return refuse(why);
  printf("listening on %s\n", proxy_address(p));
  fflush(stdout);
  int status = serve(p, signals);
  proxy_stop(p);
  close(signals);
  return status;
}
