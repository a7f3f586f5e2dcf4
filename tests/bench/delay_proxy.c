/*
 * delay_proxy.c: a server that is far away: starts one, and stands before it with a delay each way.
 * It does not depend on the kernel's own means for that (netem), which containers often lack.
 *
 * What is read leaves again one delay later, in any amount: a far link, not a slow one. The kernel
 * answers connect() at once, so the round trip of TCP's handshake is added here: nothing that a
 * client sends leaves before accept and two delays more.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: delay_proxy --server PROGRAM --delay-ms T [--listen ipv4:127.0.0.1:0] [OPTION]...\n"
    "Starts PROGRAM --listen ipv4:127.0.0.1:0 OPTION..., waits for its \"port: N\", prints one of\n"
    "its own, and passes on what comes there, T milliseconds later each way.\n";

enum {
  MAX_LINKS = 64,
  READ_BYTES = 1 << 18,
  MAX_ON_THE_WAY = 1 << 26 /* bytes each way, so that a flood does not eat all memory */
};

/* What was read at once. Of no bytes: the end. */
typedef struct chunk {
  struct chunk *next;
  uint64_t due_ns;
  size_t len, sent;
  uint8_t data[];
} chunk;

/* One way through. */
typedef struct way {
  int from, to;
  chunk *first, **last;
  size_t on_the_way; /* bytes */
  bool has_read_all, has_sent_all, is_blocked;
} way;

typedef struct pipe_pair {
  way ways[2]; /* from the client, from the server */
  uint64_t open_ns;
} pipe_pair;

static pipe_pair *links[MAX_LINKS];
static uint64_t delay_ns;
static pid_t child;

__attribute__((noreturn)) static void die(const char *what) {
  fprintf(stderr, "delay_proxy: %s: %s\n", what, strerror(errno));
  if (child > 0) kill(child, SIGTERM);
  exit(1);
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- one way ---- */

static void way_read(way *w, uint64_t at_ns) {
  chunk *c = malloc(sizeof *c + READ_BYTES);
  if (!c) die("memory");
  ssize_t len = recv(w->from, c->data, READ_BYTES, 0);
  if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
    free(c);
    return;
  }
  w->has_read_all = len <= 0;
  size_t kept = len > 0 ? (size_t)len : 0;
  chunk *fitting = realloc(c, sizeof *c + kept);
  if (!fitting) die("memory");
  *fitting = (chunk){.due_ns = at_ns + delay_ns, .len = kept};
  *w->last = fitting;
  w->last = &fitting->next;
  w->on_the_way += kept;
}

static void way_drop_first(way *w) {
  chunk *c = w->first;
  w->on_the_way -= c->len;
  w->first = c->next;
  if (!w->first) w->last = &w->first;
  free(c);
}

/* Sends what is due. False: the other side takes nothing any more. */
static bool way_send(way *w, uint64_t now) {
  w->is_blocked = false;
  for (chunk *c; (c = w->first) && c->due_ns <= now; way_drop_first(w)) {
    while (c->sent < c->len) {
      ssize_t sent = send(w->to, c->data + c->sent, c->len - c->sent, MSG_NOSIGNAL);
      if (sent < 0) {
        w->is_blocked = errno == EAGAIN;
        return w->is_blocked || errno == EINTR;
      }
      c->sent += (size_t)sent;
    }
    if (c->len == 0) {
      w->has_sent_all = true;
      shutdown(w->to, SHUT_WR);
    }
  }
  return true;
}

/* ---- both ---- */

static void link_free(pipe_pair *l) {
  for (int i = 0; i < 2; i++) {
    while (l->ways[i].first)
      way_drop_first(&l->ways[i]);
    close(l->ways[i].from);
  }
  free(l);
}

static int connect_to(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) die("the server");
  return fd;
}

static void make_prompt(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (fcntl(fd, F_SETFL, O_NONBLOCK)) die("a socket");
}

static void link_accept(int listener, uint16_t port) {
  size_t place = 0;
  while (place < MAX_LINKS && links[place])
    place++;
  int client = accept(listener, NULL, NULL);
  if (client < 0) return;
  if (place == MAX_LINKS) {
    close(client);
    return;
  }
  pipe_pair *l = calloc(1, sizeof *l);
  if (!l) die("memory");
  int server = connect_to(port);
  l->open_ns = now_ns() + 2 * delay_ns;
  l->ways[0] = (way){.from = client, .to = server, .last = &l->ways[0].first};
  l->ways[1] = (way){.from = server, .to = client, .last = &l->ways[1].first};
  make_prompt(client);
  make_prompt(server);
  links[place] = l;
}

/* What is ready for it, and what is due. False: it is over. */
static bool link_turn(pipe_pair *l, const struct pollfd *fds) {
  uint64_t now = now_ns();
  for (int i = 0; i < 2; i++) {
    way *w = &l->ways[i];
    bool is_readable = fds[i].revents & (POLLIN | POLLHUP | POLLERR);
    if (is_readable && !w->has_read_all && (fds[i].events & POLLIN))
      way_read(w, i == 0 && now < l->open_ns ? l->open_ns : now);
  }
  bool is_open = way_send(&l->ways[0], now) && way_send(&l->ways[1], now);
  return is_open && !(l->ways[0].has_sent_all && l->ways[1].has_sent_all);
}

/* ---- waiting ---- */

static uint64_t link_wants(const pipe_pair *l, struct pollfd *fds) {
  uint64_t due_ns = UINT64_MAX;
  for (int i = 0; i < 2; i++) {
    const way *w = &l->ways[i], *back = &l->ways[1 - i];
    bool has_room = w->on_the_way < MAX_ON_THE_WAY && !w->has_read_all;
    fds[i] = (struct pollfd){.fd = w->from};
    fds[i].events = (short)((has_room ? POLLIN : 0) | (back->is_blocked ? POLLOUT : 0));
    if (!fds[i].events) fds[i].fd = -1; /* an end that was read would be told of for ever */
    if (w->first && !w->is_blocked && w->first->due_ns < due_ns) due_ns = w->first->due_ns;
  }
  return due_ns;
}

/* Until something can be read or is due, to the nanosecond: poll would round up to a
 * millisecond. */
static void wait_for(struct pollfd *fds, nfds_t count, uint64_t due_ns) {
  uint64_t now = now_ns(), rest = due_ns > now ? due_ns - now : 0;
  struct timespec timeout = {.tv_sec = (time_t)(rest / 1000000000u),
                             .tv_nsec = (long)(rest % 1000000000u)};
  if (ppoll(fds, count, due_ns == UINT64_MAX ? NULL : &timeout, NULL) < 0 && errno != EINTR)
    die("poll");
}

static void turn(int listener, int server_out, uint16_t port) {
  struct pollfd fds[2 + 2 * MAX_LINKS] = {{.fd = listener, .events = POLLIN}, {.fd = server_out}};
  uint64_t due_ns = UINT64_MAX;
  for (size_t i = 0; i < MAX_LINKS; i++) {
    fds[2 + 2 * i].fd = fds[3 + 2 * i].fd = -1;
    if (!links[i]) continue;
    uint64_t due = link_wants(links[i], &fds[2 + 2 * i]);
    if (due < due_ns) due_ns = due;
  }
  wait_for(fds, sizeof fds / sizeof *fds, due_ns);
  if (fds[1].revents & (POLLHUP | POLLERR)) {
    fprintf(stderr, "delay_proxy: the server has gone\n");
    exit(1);
  }
  for (size_t i = 0; i < MAX_LINKS; i++) {
    if (!links[i] || link_turn(links[i], &fds[2 + 2 * i])) continue;
    link_free(links[i]);
    links[i] = NULL;
  }
  if (fds[0].revents & POLLIN) link_accept(listener, port);
}

/* ---- start and end ---- */

/* The server's stdout stays open: its end is the server's. */
static uint16_t start_server(char **command, int *out) {
  int ends[2];
  if (pipe(ends)) die("a pipe");
  child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execv(command[0], command);
    die(command[0]);
  }
  close(ends[1]);
  *out = ends[0];
  char line[64] = "";
  for (size_t len = 0; len + 1 < sizeof line && !strchr(line, '\n'); len++)
    if (read(ends[0], line + len, 1) != 1) break;
  unsigned port;
  if (sscanf(line, "port: %u", &port) == 1 && port < 65536) return (uint16_t)port;
  fprintf(stderr, "delay_proxy: the server did not say where it listens\n");
  kill(child, SIGTERM);
  exit(1);
}

static int listen_anywhere(uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 1024) ||
      getsockname(fd, (struct sockaddr *)&address, &len) || fcntl(fd, F_SETFL, O_NONBLOCK))
    die("listen");
  *port = ntohs(address.sin_port);
  return fd;
}

static void on_signal(int number) {
  (void)number;
  kill(child, SIGTERM);
  _exit(0);
}

__attribute__((noreturn)) static void refuse(const char *why) {
  fprintf(stderr, "delay_proxy: %s\n%s", why, usage);
  exit(2);
}

static double delay_of(const char *text) {
  char *end;
  double ms = strtod(text, &end);
  if (!*text || *end || !(ms >= 0 && ms <= 10000)) refuse("--delay-ms is a number up to 10000");
  return ms;
}

/* What this program is told, and in `command` what the server is. */
typedef struct orders {
  double ms;
  char **command;
} orders;

static char any_port[] = "ipv4:127.0.0.1:0";

static orders orders_of(int argc, char **argv) {
  static char listen_option[] = "--listen";
  orders o = {.ms = -1, .command = calloc((size_t)argc + 3, sizeof *o.command)};
  if (!o.command) die("memory");
  int words = 1;
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    bool is_listen = !strcmp(argv[i], listen_option), is_server = !strcmp(argv[i], "--server");
    if (is_listen && strcmp(value, any_port)) refuse("--listen can only be ipv4:127.0.0.1:0");
    if (is_server) o.command[0] = argv[++i];
    if (!strcmp(argv[i], "--delay-ms"))
      o.ms = delay_of(value), i++;
    else if (is_listen)
      i++;
    else if (!is_server)
      o.command[words++] = argv[i];
  }
  if (!o.command[0] || o.ms < 0) refuse("--server and --delay-ms are needed");
  o.command[words++] = listen_option;
  o.command[words] = any_port;
  return o;
}

int main(int argc, char **argv) {
  if (argc == 2 && !strcmp(argv[1], "--help")) return fputs(usage, stdout), 0;
  orders o = orders_of(argc, argv);
  delay_ns = (uint64_t)(1e6 * o.ms);
  signal(SIGTERM, on_signal);
  signal(SIGINT, on_signal);
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0); /* nanoseconds; its default is 50 times that */
  int server_out;
  uint16_t own_port, port = start_server(o.command, &server_out);
  int listener = listen_anywhere(&own_port);
  printf("port: %u\n", own_port);
  fflush(stdout);
  for (;;)
    turn(listener, server_out, port);
}
