/*
 * net.h: sockets of the peers. An address is "ipv4:A.B.C.D:PORT" or "unix:PATH". What fails ends
 * the program, in words.
 */
#ifndef GMUX_BENCH_PEERS_NET_H
#define GMUX_BENCH_PEERS_NET_H

/* Connected, and still blocking. */
int net_dial(const char *target);

/* Listens without blocking. A Unix socket's old file is replaced. */
int net_listen(const char *address);

/* Prints "port: N", by which whoever started us knows that we listen; 0 for a Unix socket. */
void net_say_port(int listener);

/* Does not block. -1: nobody is waiting. */
int net_accept(int listener);

void net_unblock(int fd);

#endif
