/*
 * wiretap.c: stands between a client and a server, cleartext both, and writes down which messages
 * crossed compressed. What the two say of it themselves is not asked.
 *
 *     wiretap SERVER-PORT FILE      both on 127.0.0.1; prints "port: N"
 *
 * At SIGTERM it writes a line for each call, in the order in which they began: a letter for each
 * request, a slash, a letter for each response; c compressed, p plain. It reads the frames'
 * headers and the messages' prefixes, nothing else: no HPACK, no TLS.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLS_MAX = 10000, LETTERS_MAX = 16, PREFACE = 24, FRAME_HEADER = 9, PREFIX = 5 };
enum { DATA = 0, HEADERS = 1, PADDED = 8 };
enum { REQUESTS = 0, RESPONSES = 1 };

/* The messages of one direction of a call: the next one's prefix, then its bytes. */
typedef struct messages {
  uint8_t prefix[PREFIX];
  size_t prefix_len, left;
  char letters[LETTERS_MAX + 1];
} messages;

typedef struct call {
  unsigned connection;
  uint32_t stream;
  messages way[2];
} call;

/* All of them, under the mutex. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static call calls[CALLS_MAX];
static size_t call_count;

/* One direction of a connection. */
typedef struct wire {
  int from, to;
  unsigned connection;
  int way;
  size_t preface_left;
  uint8_t header[FRAME_HEADER];
  size_t header_len, payload_left;
  bool has_pad_length; /* comes next */
  size_t padding;      /* of payload_left, at its end */
} wire;

static void die(const char *what) {
  perror(what);
  exit(1);
}

/* ---- what crosses ---- */

static call *call_find(const wire *w, uint32_t stream) {
  for (size_t i = 0; i < call_count; i++)
    if (calls[i].connection == w->connection && calls[i].stream == stream) return &calls[i];
  return NULL;
}

static void call_begin(const wire *w, uint32_t stream) {
  if (call_find(w, stream) || call_count == CALLS_MAX) return; /* trailers; enough */
  calls[call_count].connection = w->connection;
  calls[call_count++].stream = stream;
}

static void messages_eat(messages *m, const uint8_t *data, size_t len) {
  while (len) {
    if (m->left) {
      size_t n = m->left < len ? m->left : len;
      m->left -= n;
      data += n, len -= n;
      continue;
    }
    m->prefix[m->prefix_len++] = *data;
    data++, len--;
    if (m->prefix_len < PREFIX) continue;
    m->prefix_len = 0;
    m->left = (size_t)m->prefix[1] << 24 | (size_t)m->prefix[2] << 16 | (size_t)m->prefix[3] << 8 |
              m->prefix[4];
    size_t n = strlen(m->letters);
    if (n < LETTERS_MAX) m->letters[n] = m->prefix[0] ? 'c' : 'p';
  }
}

static uint32_t frame_stream(const wire *w) {
  const uint8_t *p = w->header + 5;
  return (uint32_t)(p[0] & 0x7f) << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One more byte of a frame's header; with the last the payload begins. */
static void header_eat(wire *w, uint8_t byte) {
  w->header[w->header_len++] = byte;
  if (w->header_len < FRAME_HEADER) return;
  w->header_len = 0;
  w->payload_left = (size_t)w->header[0] << 16 | (size_t)w->header[1] << 8 | w->header[2];
  w->has_pad_length = w->header[3] == DATA && (w->header[4] & PADDED);
  w->padding = 0;
  if (w->header[3] == HEADERS && w->way == REQUESTS) call_begin(w, frame_stream(w));
}

/* Some of a frame's payload; how much of it. */
static size_t payload_eat(wire *w, const uint8_t *data, size_t len) {
  if (w->has_pad_length) {
    w->has_pad_length = false;
    w->payload_left--;
    w->padding = data[0];
    return 1;
  }
  size_t n = w->payload_left < len ? w->payload_left : len;
  size_t body = w->payload_left > w->padding ? w->payload_left - w->padding : 0;
  call *c = w->header[3] == DATA ? call_find(w, frame_stream(w)) : NULL;
  if (c) messages_eat(&c->way[w->way], data, body < n ? body : n);
  w->payload_left -= n;
  return n;
}

static void observe(wire *w, const uint8_t *data, size_t len) {
  pthread_mutex_lock(&mutex);
  while (len) {
    size_t n = 1;
    if (w->preface_left)
      w->preface_left--;
    else if (w->payload_left)
      n = payload_eat(w, data, len);
    else
      header_eat(w, *data);
    data += n, len -= n;
  }
  pthread_mutex_unlock(&mutex);
}

/* ---- sockets; two threads a connection ---- */

static bool send_all(int fd, const uint8_t *data, size_t len) {
  while (len) {
    ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n, len -= (size_t)n;
  }
  return true;
}

/* The sockets stay open until the program ends: the other direction may still use them. */
static void *relay(void *arg) {
  wire *w = arg;
  uint8_t buffer[16384];
  ssize_t n;
  while ((n = recv(w->from, buffer, sizeof buffer, 0)) > 0) {
    observe(w, buffer, (size_t)n); /* before the other side can act on it */
    if (!send_all(w->to, buffer, (size_t)n)) break;
  }
  shutdown(w->to, SHUT_WR);
  shutdown(w->from, SHUT_RD);
  free(w);
  return NULL;
}

static void relay_start(unsigned connection, int way, int from, int to) {
  wire *w = calloc(1, sizeof *w);
  if (!w) die("calloc");
  *w = (wire){.from = from,
              .to = to,
              .connection = connection,
              .way = way,
              .preface_left = way == REQUESTS ? PREFACE : 0};
  pthread_t thread;
  if (pthread_create(&thread, NULL, relay, w)) die("pthread_create");
  pthread_detach(thread);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void set_no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

typedef struct door {
  int listener;
  struct sockaddr_in server;
} door;

static void *serve(void *arg) {
  const door *d = arg;
  for (unsigned connection = 0;; connection++) {
    int client = accept(d->listener, NULL, NULL);
    if (client < 0) die("accept");
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (const struct sockaddr *)&d->server, sizeof d->server)) {
      close(client), close(server);
      continue;
    }
    set_no_delay(client), set_no_delay(server);
    relay_start(connection, REQUESTS, client, server);
    relay_start(connection, RESPONSES, server, client);
  }
  return NULL;
}

static int listen_anywhere(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) || listen(fd, 100)) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &len)) die("getsockname");
  printf("port: %u\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  int port = argc == 3 ? atoi(argv[1]) : 0;
  if (port < 1 || port > 65535) return fputs("usage: wiretap SERVER-PORT FILE\n", stderr), 2;
  FILE *file = fopen(argv[2], "w");
  if (!file) die(argv[2]);
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, NULL); /* in all threads, so that main gets it */
  static door d;
  d = (door){.listener = listen_anywhere(), .server = loopback(port)};
  pthread_t thread;
  if (pthread_create(&thread, NULL, serve, &d)) die("pthread_create");
  int signal;
  sigwait(&ending, &signal);
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < call_count; i++)
    fprintf(file, "%s/%s\n", calls[i].way[REQUESTS].letters, calls[i].way[RESPONSES].letters);
  fclose(file);
  _exit(0); /* with threads that still relay */
}
