/* net.h: a gmux_loop attached to a libev loop of the test's, and ends of real connections on it. */
#ifndef TESTS_UNIT_IO_NET_H
#define TESTS_UNIT_IO_NET_H

#include "lib/io/ev.h"

extern struct ev_loop *net_ev;
extern gmux_loop *net_loop;
extern char net_dir[128]; /* an empty directory for files; gone with net_teardown */

/* Around a case. The teardown checks that no descriptor was leaked, and that the loop can be
 * stopped. */
void net_setup(void);
void net_teardown(void);

void net_run_until(const bool *flag);
void net_run_turns(int count); /* without waiting */

/* No new descriptor can be opened until _restore. */
void net_exhaust_fds(void);
void net_restore_fds(void);

gmux__address net_ipv4(uint16_t port);    /* 127.0.0.1 */
gmux__address net_ipv6(uint16_t port);    /* ::1 */
gmux__address net_unix(const char *name); /* in net_dir */
gmux__address net_abstract(void);
bool net_has_ipv6(void);

/* A listener that hands over one connection after the other. */
typedef struct net_server {
  gmux__listener *listener;
  gmux__transport *last; /* the newest; taken by net_server_take */
  bool has_accepted;
  size_t accepted;
} net_server;
void net_listen(net_server *server, const gmux__address *at, const gmux__socket_options *options);
gmux__transport *net_server_take(net_server *server); /* waits for one */

/* Waits for the dial's end: NULL when it fails, with the words in `why`. */
gmux__transport *net_dial(const gmux__address *to, const gmux__socket_options *options,
                          char why[256]);

/* Both ends of a connection; the listener is closed. */
typedef struct net_pair {
  gmux__transport *client, *server;
} net_pair;
net_pair net_connect(const gmux__address *at);

/* A blocking socket of the system's, connected. */
int net_raw_connect(const gmux__address *to);

#endif
