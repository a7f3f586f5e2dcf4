/* ping.h: gmux ping among its files: ping.c measures, ping_show.c prints. */
#ifndef TOOL_PING_H
#define TOOL_PING_H

#include "tools/gmux/certificate.h"
#include "tools/gmux/session.h"
#include "tools/gmux/tally.h"
#include "tools/gmux/terminal.h"

typedef struct ping_round {
  uint64_t number;  /* from 1 */
  uint64_t ping_ns; /* PING and its ACK; 0: none was sent */
  uint64_t call_ns; /* a call to the server's health service, whatever it answered */
  gmux_code code;   /* of that */
  bool is_lost;     /* nothing came back */
  const char *words;
} ping_round;

typedef struct ping_view {
  const char *target;
  bool is_json, is_cleartext;
  terminal terminal;
} ping_view;

typedef struct ping_sum {
  uint64_t rounds, lost;
  tally pings; /* of rounds in which a PING came back */
  uint64_t sum_ns;
} ping_sum;

/* How the connection was made, step by step; `peer` NULL: it was not. `der` may be empty. */
void ping_show_steps(const ping_view *v, const gmux_call_explanation *e,
                     const gmux_channel_peer *peer, const gmux_bytes *der, const ping_round *first);
void ping_show_round(const ping_view *v, const ping_round *r);
void ping_show_sum(const ping_view *v, const ping_sum *s);

#endif
