/*
 * kit.h: a server and clients over loopback and Unix sockets, each on a loop of its own, and
 * nothing of gmux but its installed headers. Handlers run on the server's loop; what a test reads
 * of them is atomic, or told through a semaphore.
 */
#ifndef TESTS_NET_KIT_H
#define TESTS_NET_KIT_H

#include "tests/unit/harness.h"
#include <gmux/gmux.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

/* What the server of the kit serves. */
#define KIT_ECHO  "/net.Test/Echo"  /* unary: the request */
#define KIT_NAME  "/net.Test/Name"  /* unary: the name on the client's certificate, or "none" */
#define KIT_GATE  "/net.Test/Gate"  /* unary: answered when kit.gate calls are there, all at once */
#define KIT_TALK  "/net.Test/Talk"  /* bidi: each message comes back */
#define KIT_SINK  "/net.Test/Sink"  /* client streaming: takes one message, more by kit_sink_open */
#define KIT_FLOOD "/net.Test/Flood" /* server streaming: KIT_MESSAGES, as fast as it may */

enum {
  KIT_MESSAGE_BYTES = 16384, /* of a stream */
  KIT_MESSAGES = 200,        /* of a stream: far more than windows and queues hold */
  KIT_WINDOW_BYTES = 65535,  /* of streams, both ways */
  KIT_QUEUE_BYTES = 65536,
  KIT_SERVER_BYTES = 1 << 28, /* window of a connection to the server: no test meets its end */
  /* As many may have been written to a reader that has taken one: one window, one queue, one in
   * each that was begun before it was full, and the one that was taken. */
  KIT_AHEAD_MAX = (KIT_WINDOW_BYTES + KIT_QUEUE_BYTES) / KIT_MESSAGE_BYTES + 1 + 3
};

/* What the handlers write down. */
typedef struct kit_state {
  unsigned gate;                           /* set by the test */
  int (*add_methods)(gmux_server *server); /* set by the test: methods of its own; or NULL */
  _Atomic(gmux_server_call *) sink;
  atomic_uint sink_taken, flood_written;
  atomic_bool is_out_of_order;
  atomic_int flood_code; /* that the flood ended with on the server */
  sem_t flood_ended;
} kit_state;
extern kit_state kit;

/* Around each case. The teardown checks that no descriptor was leaked. */
void kit_setup(void);
void kit_teardown(void);
extern char kit_dir[128]; /* an empty directory, gone with the teardown */

/* A word of the kind of address, and with TLS or without. */
typedef enum kit_kind { KIT_TCP, KIT_TLS, KIT_UNIX, KIT_KINDS } kit_kind;
const char *kit_address(kit_kind kind); /* to listen on: port 0, a file in kit_dir */
/* The same for servers that come and go, one after another: a port that stays the case's (port.h).
 */
const char *kit_held_address(kit_kind kind);
gmux_tls *kit_server_tls(kit_kind kind); /* NULL without; shared, for the case */
gmux_tls *kit_client_tls(kit_kind kind);
/* The sessions that the client's credentials hold, for a process that leaves those to another. */
void kit_forget_sessions(void);
const char *kit_ca_pem(void);
const char *kit_cert_pem(void); /* for localhost, 127.0.0.1 and ::1 */
const char *kit_key_pem(void);

typedef struct kit_server {
  gmux_loop *loop;
  gmux_server *server;
  uint16_t port;
  char target[192]; /* for clients: the address, with the port that was found */
} kit_server;

/* tls NULL: cleartext. loop NULL: a thread of its own. False when the address cannot be had. */
bool kit_server_start(kit_server *server, gmux_loop *loop, const char *address, gmux_tls *tls);
void kit_server_stop(kit_server *server); /* waits until it is gone */

/* The same in a process of its own, to be killed. Only while no other thread runs. */
pid_t kit_server_fork(kit_server *server, const char *address, gmux_tls *tls);
void kit_kill(pid_t pid);
void kit_freeze(pid_t pid); /* SIGSTOP; returns when it stands still */
void kit_thaw(pid_t pid);

typedef struct kit_client {
  gmux_loop *loop;
  gmux_channel *channel;
} kit_client;

gmux_channel_options kit_channel_options(gmux_tls *tls);
void kit_client_start(kit_client *client, const char *target, const gmux_channel_options *options);
void kit_client_stop(kit_client *client);

/* A unary call, blocking. True: OK, and the reply is `want` (NULL: what was sent). *code (may be
 * NULL) is the status, *words (may be NULL) the start of its text. */
bool kit_call(gmux_channel *channel, const char *path, const char *text, const char *want,
              gmux_code *code, char words[256]);
bool kit_echo(gmux_channel *channel);
gmux_channel_stats kit_stats(gmux_channel *channel);

/* Message number `n` of a stream, borrowed until the next one is asked for; and whether a message
 * is that. */
gmux_bytes kit_message(unsigned n);
bool kit_is_message(const gmux_bytes *message, unsigned n);

/* The sink takes all from now on. */
void kit_sink_open(void);

gmux_method *kit_method(const char *path, gmux_method_kind kind);
void kit_wait(sem_t *sem);
/* Longer where everything is slower (GMUX_TEST_SLOW). */
unsigned kit_ms(unsigned ms);

#endif
