/*
 * gateway.h: proxies that people put before their servers, as processes, each with a config of
 * ours, on loopback: nginx, haproxy, nghttpx. (proxy.h is another thing: our own, that does harm.)
 *
 * Needs no root. All that a gateway writes is in a directory of the case.
 */
#ifndef TESTS_NET_GATEWAY_H
#define TESTS_NET_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum gateway_make {
  GATEWAY_NGINX,
  GATEWAY_HAPROXY,
  GATEWAY_NGHTTPX,
  GATEWAY_MAKES
} gateway_make;
const char *gateway_make_str(gateway_make make);

/* NULL, or why there cannot be one here. */
const char *gateway_why_not(gateway_make make);

typedef struct gateway {
  gateway_make make;
  bool is_tls;            /* to the client; to the server it is cleartext */
  unsigned server_port;   /* where calls are passed on to */
  bool is_blind;          /* haproxy: knows of connections alone ("mode tcp") */
  bool wants_certificate; /* of clients, by the kit's authority */
  unsigned idle_s;        /* after which it closes a connection without calls */
  unsigned silence_s;     /* after which it ends a call of which the server says nothing */
  unsigned max_requests;  /* after which a connection is ended; 0: many */
  uint16_t port;          /* its own, for as long as the case runs */
  int held;               /* by this (port.h) */
  pid_t pid;              /* 0: it does not run */
  int ending;             /* the signal by which it was told to end; 0: it was not */
  uint64_t told_ns;       /* when that was */
} gateway;

/* Around each case: the directory, the certificate; the port, by the kernel. gateway_free ends it,
 * if it runs. */
void gateway_init(gateway *g);
void gateway_free(gateway *g);

void gateway_start(gateway *g);
bool gateway_is_up(const gateway *g); /* it listens */
void gateway_await(const gateway *g); /* blocks until it does */

void gateway_reload(gateway *g);    /* reads its config again, as administrators do it */
void gateway_leave(gateway *g);     /* goes, once what runs is done */
void gateway_terminate(gateway *g); /* goes at once */
bool gateway_is_gone(gateway *g);   /* tells it once more, if it may not have heard */

#endif
