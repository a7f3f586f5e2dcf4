/* net.c: addresses in words, and sockets. */
#include "tests/bench/peers/net.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct address {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
  };
  socklen_t len;
} address;

static _Noreturn void die(const char *what, const char *where) {
  fprintf(stderr, "%s: ", where);
  perror(what);
  exit(1);
}

static _Noreturn void reject(const char *text) {
  fprintf(stderr, "\"%s\" is no address: ipv4:A.B.C.D:PORT and unix:PATH are\n", text);
  exit(2);
}

static address address_of(const char *text) {
  address a = {.len = sizeof a.in};
  unsigned port;
  char host[INET_ADDRSTRLEN];
  if (strncmp(text, "unix:", 5) == 0) {
    a.un.sun_family = AF_UNIX;
    if (strlen(text + 5) >= sizeof a.un.sun_path) reject(text);
    strcpy(a.un.sun_path, text + 5);
    a.len = sizeof a.un;
    return a;
  }
  a.in.sin_family = AF_INET;
  if (sscanf(text, "ipv4:%15[0-9.]:%5u", host, &port) != 2 || port > 65535) reject(text);
  a.in.sin_port = htons((uint16_t)port);
  if (inet_pton(AF_INET, host, &a.in.sin_addr) != 1) reject(text);
  return a;
}

/* OpenSSL writes without MSG_NOSIGNAL. */
static int socket_for(const address *a, const char *text) {
  signal(SIGPIPE, SIG_IGN);
  int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket", text);
  return fd;
}

static void set_nodelay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* fails for a Unix socket */
}

void net_unblock(int fd) {
  fcntl(fd, F_SETFL, O_NONBLOCK);
}

int net_dial(const char *target) {
  address a = address_of(target);
  int fd = socket_for(&a, target);
  if (connect(fd, &a.any, a.len)) die("connect", target);
  set_nodelay(fd);
  return fd;
}

int net_listen(const char *text) {
  enum { BACKLOG = 1024 };
  address a = address_of(text);
  int fd = socket_for(&a, text);
  if (a.any.sa_family == AF_UNIX) unlink(a.un.sun_path);
  if (bind(fd, &a.any, a.len)) die("bind", text);
  if (listen(fd, BACKLOG)) die("listen", text);
  net_unblock(fd);
  return fd;
}

void net_say_port(int listener) {
  address a = {.len = sizeof a.un};
  unsigned port = 0;
  if (getsockname(listener, &a.any, &a.len)) die("getsockname", "the listener");
  if (a.any.sa_family == AF_INET) port = ntohs(a.in.sin_port);
  printf("port: %u\n", port);
  fflush(stdout);
}

int net_accept(int listener) {
  int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) set_nodelay(fd);
  return fd;
}
