/*
 * gate.h: the storm gate of a loop: handshakes of all its channels pass here (promise 7).
 *
 *     IDLE --ask--> WAITING (first come, first served) --on_pass--> INSIDE --leave--> IDLE
 *     WAITING --leave--> IDLE
 *
 * One gate a loop, kept by the loop (gmux__loop_local), with the limits of its options.
 */
#ifndef GMUX__CLIENT_GATE_H
#define GMUX__CLIENT_GATE_H

#include "lib/io/loop.h"

typedef struct gmux__gate_pass {
  gmux__link link; /* in the gate's queue */
  gmux_loop *loop;
  void (*on_pass)(void *owner);
  void *owner;
  bool is_inside;
} gmux__gate_pass;

void gmux__gate_pass_init(gmux__gate_pass *pass, gmux_loop *loop, void (*on_pass)(void *owner),
                          void *owner);
/* IDLE only. on_pass follows, never from inside this. GMUX_ERR_NOMEM (the loop's first time). */
int gmux__gate_ask(gmux__gate_pass *pass);
/* The handshake is over, or not wanted any more. Harmless when IDLE. */
void gmux__gate_leave(gmux__gate_pass *pass);
static inline bool gmux__gate_is_waiting(const gmux__gate_pass *pass) {
  return gmux__link_is_linked(&pass->link);
}

#endif
