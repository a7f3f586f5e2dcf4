/*
 * apart.h: a test in a process of its own, that lives in a network of its own: a loopback that it
 * alone sees, where packets can be dropped and the link be cut. The kernel takes it away with the
 * process, so nothing outside is ever touched. Needs the right to make it (root, or namespaces for
 * everybody) and iptables.
 */
#ifndef TESTS_NET_APART_H
#define TESTS_NET_APART_H

/* Runs `test` there, with its assertions counted here. Skips the running test where that cannot be
 * had. To be called while no other thread runs. */
void apart_run(void (*test)(void));

/* ---- in there ---- */

/* No packet that is sent from that port, or to it, arrives any more, and nobody is told. Port 0:
 * no packet at all. */
void apart_drop_from(unsigned port);
void apart_drop_to(unsigned port);
void apart_drop_nothing(void);

void apart_link_down(void);
void apart_link_up(void);

#endif
