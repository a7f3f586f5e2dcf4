/*
 * resolver.c: names to addresses by c-ares, on the loop's sockets and timers.
 *
 * A c-ares channel lives for one burst of look-ups: it is made when somebody asks and nobody else
 * is waiting, and ends when nobody waits any more. So a resolv.conf that has changed is seen, and
 * look-ups that were given up end with the channel (c-ares can't cancel a single one). Each look-up
 * has a `query` that c-ares holds until it calls back, and a `request` that the caller holds;
 * cancelling cuts the two apart.
 *
 * c-ares reads /etc/resolv.conf, /etc/nsswitch.conf and /etc/hosts with ordinary file reads. It
 * takes its own memory from malloc (its hook is process-wide).
 */
#include "lib/io/resolver.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/io/sockaddr.h"
#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum {
  ADDRESSES_MAX = 256, /* a reply may hold thousands; nobody dials them all */
  WHY_LEN = 384
};

struct gmux__resolver {
  gmux__ev_loop *el;
  ares_channel channel; /* NULL: no burst */
  gmux__list requests;  /* that somebody waits for */
  gmux__list watches;   /* a socket of c-ares each */
  gmux__timer timeout;  /* c-ares's next */
  gmux__task idle;      /* ends the burst, out of c-ares's callbacks */
};

typedef struct watch {
  gmux__link link;
  ev_io io;
  gmux__resolver *resolver;
} watch;

typedef struct request {
  gmux__resolve base; /* first */
  gmux__link link;
  gmux__resolver *resolver;
  struct query *query; /* NULL: c-ares has answered */
  gmux__task answer;
  gmux__resolved_fn fn;
  void *arg;
  uint16_t port;
  int error;
  gmux__address *addresses;
  size_t count;
  char why[WHY_LEN];
  char host[];
} request;

typedef struct query {
  request *request; /* NULL: cancelled */
} query;

/* ---- what is found ---- */

static bool request_has(const request *r, const gmux__address *address) {
  for (size_t i = 0; i < r->count; i++)
    if (gmux__address_is_equal(&r->addresses[i], address)) return true;
  return false;
}

/* Names in /etc/hosts may have an address twice; nobody should dial it twice. */
static void request_add(request *r, const struct ares_addrinfo_node *node) {
  gmux__sockaddr sa;
  memcpy(&sa, node->ai_addr, node->ai_addrlen < sizeof sa ? node->ai_addrlen : sizeof sa);
  gmux__address address;
  gmux__address_from_sockaddr(&address, &sa, (socklen_t)node->ai_addrlen);
  address.port = r->port;
  if (address.family == GMUX__FAMILY_NONE || request_has(r, &address)) return;
  r->addresses[r->count++] = address;
}

static size_t nodes_count(const struct ares_addrinfo_node *node) {
  size_t n = 0;
  for (; node && n < ADDRESSES_MAX; node = node->ai_next)
    n++;
  return n;
}

static void request_fail(request *r, int error, const char *why) {
  r->error = error;
  /* c-ares's sentences begin with a capital, or with "DNS". */
  bool is_word = why[0] >= 'A' && why[0] <= 'Z' && why[1] >= 'a' && why[1] <= 'z';
  snprintf(r->why, sizeof r->why, "%c%s", is_word ? why[0] - 'A' + 'a' : why[0], why + 1);
}

static void request_take(request *r, const struct ares_addrinfo *found) {
  size_t n = nodes_count(found->nodes);
  r->addresses = gmux__calloc(n, sizeof *r->addresses);
  if (!r->addresses) {
    request_fail(r, GMUX_ERR_NOMEM, gmux_strerror(GMUX_ERR_NOMEM));
    return;
  }
  const struct ares_addrinfo_node *node = found->nodes;
  for (size_t i = 0; i < n; i++, node = node->ai_next)
    request_add(r, node);
  if (r->count == 0) request_fail(r, GMUX_ERR_NOT_FOUND, ares_strerror(ARES_ENODATA));
}

static void request_free(request *r) {
  gmux__task_cancel(&r->answer);
  gmux__free(r->addresses);
  gmux__free(r);
}

/* Off the list of those that are waited for; the last one ends the burst. */
static void request_leave(request *r) {
  gmux__resolver *resolver = r->resolver;
  gmux__list_remove(&r->link);
  if (gmux__list_is_empty(&resolver->requests))
    gmux__loop_defer(&resolver->el->common, GMUX__PHASE_FREE, &resolver->idle);
}

static void on_answer(void *arg) {
  request *r = arg;
  request_leave(r);
  r->fn(r->arg, r->error, r->error ? NULL : r->addresses, r->count, r->error ? r->why : NULL);
  request_free(r);
}

static int error_of(int status) {
  switch (status) {
  case ARES_ENOTFOUND:
  case ARES_ENODATA:
    return GMUX_ERR_NOT_FOUND;
  case ARES_ENOMEM:
    return GMUX_ERR_NOMEM;
  default:
    return GMUX_ERR_RESOLVE;
  }
}

/* c-ares calls this from anywhere, also from inside ares_getaddrinfo: it only takes notes. */
static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found) {
  (void)timeouts;
  query *q = arg;
  request *r = q->request;
  gmux__free(q);
  if (r) {
    r->query = NULL;
    if (status == ARES_SUCCESS && found)
      request_take(r, found);
    else
      request_fail(r, error_of(status), ares_strerror(status));
    gmux__loop_defer(r->base.loop, GMUX__PHASE_DONE, &r->answer);
  }
  if (found) ares_freeaddrinfo(found);
}

/* ---- c-ares's time and sockets ---- */

static void resolver_set_timeout(gmux__resolver *resolver) {
  gmux_loop *loop = &resolver->el->common;
  struct timeval tv;
  if (!resolver->channel || !ares_timeout(resolver->channel, NULL, &tv)) {
    gmux__timer_clear(loop, &resolver->timeout);
    return;
  }
  uint64_t after_ns = (uint64_t)tv.tv_sec * GMUX__NS_PER_S + (uint64_t)tv.tv_usec * 1000;
  /* A little later than c-ares said, so that it agrees that the time has come. */
  gmux__timer_set(loop, &resolver->timeout, gmux__loop_now(loop) + after_ns + GMUX__NS_PER_MS);
}

static void on_timeout(void *arg) {
  gmux__resolver *resolver = arg;
  ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  resolver_set_timeout(resolver);
}

static void on_watch(struct ev_loop *ev, ev_io *w, int revents) {
  (void)ev;
  gmux__resolver *resolver = ((watch *)w->data)->resolver;
  gmux_loop *loop = &resolver->el->common;
  gmux__loop_enter(loop);
  ares_process_fd(resolver->channel, revents & (EV_READ | EV_ERROR) ? w->fd : ARES_SOCKET_BAD,
                  revents & (EV_WRITE | EV_ERROR) ? w->fd : ARES_SOCKET_BAD); /* may free w */
  resolver_set_timeout(resolver);
  gmux__loop_leave(loop);
}

static watch *resolver_find_watch(gmux__resolver *resolver, int fd) {
  for (gmux__link *link = resolver->watches.first; link; link = link->next) {
    watch *w = gmux__container(link, watch, link);
    if (w->io.fd == fd) return w;
  }
  return NULL;
}

/* Without memory for it the socket is not watched, and c-ares's own timeout ends the look-up. */
static watch *resolver_add_watch(gmux__resolver *resolver, int fd) {
  watch *w = gmux__calloc(1, sizeof *w);
  if (!w) return NULL;
  w->resolver = resolver;
  ev_io_init(&w->io, on_watch, fd, 0);
  w->io.data = w;
  gmux__list_append(&resolver->watches, &w->link);
  return w;
}

static void watch_free(watch *w) {
  ev_io_stop(w->resolver->el->ev, &w->io);
  gmux__list_remove(&w->link);
  gmux__free(w);
}

static void on_socket_state(void *arg, ares_socket_t fd, int readable, int writable) {
  gmux__resolver *resolver = arg;
  watch *w = resolver_find_watch(resolver, fd);
  if (!readable && !writable) {
    if (w) watch_free(w); /* about to be closed */
    return;
  }
  if (!w) w = resolver_add_watch(resolver, fd);
  if (!w) return;
  ev_io_stop(resolver->el->ev, &w->io);
  ev_io_modify(&w->io, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
  ev_io_start(resolver->el->ev, &w->io);
}

/*
 * The sockets are ours, because c-ares writes to TCP ones (after a truncated reply) with writev,
 * which raises SIGPIPE when the server has gone.
 */
static ares_socket_t dns_socket(int domain, int type, int protocol, void *arg) {
  (void)arg;
  return socket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}

static int dns_close(ares_socket_t fd, void *arg) {
  (void)arg;
  return close(fd);
}

static int dns_connect(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len, void *arg) {
  (void)arg;
  return connect(fd, sa, len);
}

static ares_ssize_t dns_recvfrom(ares_socket_t fd, void *buf, size_t len, int flags,
                                 struct sockaddr *from, ares_socklen_t *from_len, void *arg) {
  (void)arg;
  return recvfrom(fd, buf, len, flags, from, from_len);
}

static ares_ssize_t dns_sendv(ares_socket_t fd, const struct iovec *iov, int count, void *arg) {
  (void)arg;
  struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)count};
  return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static const struct ares_socket_functions dns_sockets = {dns_socket, dns_close, dns_connect,
                                                         dns_recvfrom, dns_sendv};

/* ---- a burst ---- */

static void library_init(void) {
  ares_library_init(ARES_LIB_INIT_ALL); /* fails only on other systems than ours */
}

static int resolver_begin(gmux__resolver *resolver) {
  if (resolver->channel) return 0;
  static pthread_once_t once = PTHREAD_ONCE_INIT; /* ares_library_init is not safe from threads */
  pthread_once(&once, library_init);
  struct ares_options o = {.sock_state_cb = on_socket_state, .sock_state_cb_data = resolver};
  int status = ares_init_options(&resolver->channel, &o, ARES_OPT_SOCK_STATE_CB);
  if (status != ARES_SUCCESS) resolver->channel = NULL;
  if (status == ARES_SUCCESS && resolver->el->dns_servers)
    status = ares_set_servers_ports_csv(resolver->channel, resolver->el->dns_servers);
  if (status == ARES_SUCCESS) {
    ares_set_socket_functions(resolver->channel, &dns_sockets, NULL);
    return 0;
  }
  if (resolver->channel) ares_destroy(resolver->channel);
  resolver->channel = NULL;
  return gmux__fail(status == ARES_ENOMEM ? GMUX_ERR_NOMEM : GMUX_ERR_RESOLVE,
                    "set up the resolver: %s", ares_strerror(status));
}

/* Calls on_found for the queries that were given up. */
static void resolver_end(gmux__resolver *resolver) {
  ares_channel channel = resolver->channel;
  if (channel) ares_destroy(channel);
  resolver->channel = NULL;
  gmux__timer_clear(&resolver->el->common, &resolver->timeout);
  assert(gmux__list_is_empty(&resolver->watches));
}

static void on_idle(void *arg) {
  gmux__resolver *resolver = arg;
  if (gmux__list_is_empty(&resolver->requests)) resolver_end(resolver);
}

static int resolver_get(gmux__resolver **out, gmux__ev_loop *el) {
  if (!el->resolver) {
    gmux__resolver *resolver = gmux__calloc(1, sizeof *resolver);
    if (!resolver) return gmux__fail_code(GMUX_ERR_NOMEM);
    resolver->el = el;
    gmux__timer_init(&resolver->timeout, on_timeout, resolver);
    gmux__task_init(&resolver->idle, on_idle, resolver);
    el->resolver = resolver;
  }
  *out = el->resolver;
  return 0;
}

/* ---- gmux__loop_ops ---- */

static request *request_new(gmux__resolver *resolver, const char *host, uint16_t port) {
  size_t len = strlen(host);
  request *r = gmux__calloc(1, sizeof *r + len + 1);
  if (!r) return NULL;
  memcpy(r->host, host, len + 1);
  r->base.loop = &resolver->el->common;
  r->resolver = resolver;
  r->port = port;
  gmux__task_init(&r->answer, on_answer, r);
  return r;
}

static int request_ask(request *r) {
  int rv = resolver_begin(r->resolver);
  if (rv) return rv;
  query *q = gmux__calloc(1, sizeof *q);
  if (!q) return gmux__fail_code(GMUX_ERR_NOMEM);
  q->request = r;
  r->query = q;
  const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  ares_getaddrinfo(r->resolver->channel, r->host, NULL, &hints, on_found, q);
  resolver_set_timeout(r->resolver);
  return 0;
}

static int request_answer(request *r, const gmux__address *addresses, size_t count) {
  r->addresses = gmux__memdup(addresses, count * sizeof *addresses);
  if (!r->addresses) return gmux__fail_code(GMUX_ERR_NOMEM);
  r->count = count;
  gmux__loop_defer(r->base.loop, GMUX__PHASE_DONE, &r->answer);
  return 0;
}

/* "localhost" and all below it are this machine, and nobody is asked (RFC 6761, 6.3). */
static bool host_is_localhost(const char *host) {
  static const char localhost[] = "localhost";
  size_t len = strlen(host), tail = sizeof localhost - 1;
  if (len > 0 && host[len - 1] == '.') len--;
  if (len < tail || strncasecmp(host + len - tail, localhost, tail) != 0) return false;
  return len == tail || host[len - tail - 1] == '.';
}

/* IPv4 first: where only one of the two is listened on, it is nearly always that. */
static int request_answer_localhost(request *r) {
  const gmux__address loopback[] = {
      {.family = GMUX__FAMILY_IPV4, .port = r->port, .ip = {127, 0, 0, 1}},
      {.family = GMUX__FAMILY_IPV6, .port = r->port, .ip = {[15] = 1}},
  };
  return request_answer(r, loopback, 2);
}

static int request_begin(request *r) {
  gmux__address literal;
  if (gmux__address_parse_ip(&literal, r->host, strlen(r->host), r->port))
    return request_answer(r, &literal, 1);
  return host_is_localhost(r->host) ? request_answer_localhost(r) : request_ask(r);
}

int gmux__resolver_start(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                         gmux__resolved_fn fn, void *arg) {
  if (!host || !*host) return gmux__fail(GMUX_ERR_INVALID, "there is no host to resolve");
  gmux__resolver *resolver = NULL;
  int rv = resolver_get(&resolver, gmux__ev_loop_of(loop));
  if (rv) return rv;
  request *r = request_new(resolver, host, port);
  if (!r) return gmux__fail_code(GMUX_ERR_NOMEM);
  r->fn = fn;
  r->arg = arg;
  rv = request_begin(r);
  if (rv) {
    request_free(r);
    return rv;
  }
  gmux__list_append(&resolver->requests, &r->link);
  *out = &r->base;
  return 0;
}

void gmux__resolver_cancel(gmux__resolve *resolve) {
  request *r = gmux__container(resolve, request, base);
  if (r->query) r->query->request = NULL;
  request_leave(r);
  request_free(r);
}

void gmux__resolver_free(gmux__resolver *resolver) {
  if (!resolver) return;
  while (resolver->requests.first)
    gmux__resolver_cancel(&gmux__container(resolver->requests.first, request, link)->base);
  gmux__task_cancel(&resolver->idle);
  resolver_end(resolver);
  gmux__free(resolver);
}

int gmux__loop_set_dns_servers(gmux_loop *loop, const char *csv) {
  gmux__ev_loop *el = gmux__ev_loop_of(loop);
  char *copy = gmux__strdup(csv);
  if (!copy) return gmux__fail_code(GMUX_ERR_NOMEM);
  gmux__free(el->dns_servers);
  el->dns_servers = copy;
  return 0;
}
