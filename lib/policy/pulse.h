/*
 * pulse.h: is the peer alive? Keepalive, suspicion, validation: everything that decides about PINGs
 * of one connection, either role. Numbers in, decisions out.
 *
 *     KEEPALIVE    nothing was read for keepalive_ns (jittered upwards, never earlier than asked).
 *                  Without streams only if without_calls; the clock runs on without them, so a call
 *                  that starts after long silence pings at once (A8).
 *     SUSPICION    streams are open and nothing was read for suspect_ns since the last byte or the
 *                  moment the first of them was opened. By itself that is eight smoothed round
 *                  trips, at least 500 ms, 1 s before the first sample, at most timeout_ns. At
 *                  most one between two answers (HEADERS or DATA) of the peer.
 *     VALIDATION   asked for by the owner, before a call is committed to a connection that was
 *                  idle.
 *
 * One PING at a time is under way. All draw on one budget: without an answer (HEADERS or DATA)
 * between them at most two PINGs that the keepalive schedule does not call for are sent, because a
 * server with default settings forgives two (and clears them with each answer). A PING that has not
 * been acknowledged when an answer comes may have arrived after it, so it stays counted. So does a
 * keepalive PING that was due before there was a stream: a server that refused that stream, or sees
 * the PING first, takes it for one without streams. When the budget is spent it waits until the
 * streams are keepalive_ns old.
 *
 * While a PING is under way and no byte has come since, the peer is SUSPECT: at once for SUSPICION,
 * after suspect_ns for the others; timeout_ns after it was sent, it is dead. Any byte that is read
 * ends the suspicion; the PING itself stays under way until its ACK comes, or timeout_ns have
 * passed (an ACK that never comes while bytes flow is no reason to end a connection).
 *
 * Use: tell it everything (on_...), then ask gmux__pulse_poll what to do now and
 * gmux__pulse_next_ns when to ask again at the latest.
 */
#ifndef GMUX__POLICY_PULSE_H
#define GMUX__POLICY_PULSE_H

#include "lib/policy/rtt.h"

#define GMUX__PULSE_OFF UINT64_MAX

typedef struct gmux__pulse_config {
  uint64_t keepalive_ns; /* GMUX__PULSE_OFF: none */
  uint64_t timeout_ns;
  uint64_t suspect_ns; /* 0: from the round trip; GMUX__PULSE_OFF: never suspicious */
  bool without_calls;
} gmux__pulse_config;

typedef enum gmux__pulse_action {
  GMUX__PULSE_NOTHING = 0,
  GMUX__PULSE_PING_KEEPALIVE, /* send one, then gmux__pulse_on_ping_sent */
  GMUX__PULSE_PING_SUSPICION,
  GMUX__PULSE_PING_VALIDATION, /* never from poll: the kind for gmux__pulse_on_ping_sent */
  GMUX__PULSE_DEAD
} gmux__pulse_action;

typedef struct gmux__pulse {
  gmux__pulse_config config;
  gmux__rtt rtt;
  uint64_t keepalive_ns; /* with this round's jitter */
  uint64_t read_ns;      /* last byte */
  uint64_t streams_ns;   /* since when there are streams */
  uint64_t ping_ns;      /* when the PING under way was sent; GMUX__PULSE_OFF: none */
  gmux__pulse_action ping;
  bool has_streams;
  bool is_silent; /* nothing was read since the PING under way */
  bool is_suspicion_spent;
  uint32_t extra;   /* PINGs that may count against us since the last answer */
  uint32_t unacked; /* PINGs since the last ACK */
} gmux__pulse;

void gmux__pulse_init(gmux__pulse *p, const gmux__pulse_config *config, uint64_t now_ns,
                      uint64_t random);
void gmux__pulse_on_read(gmux__pulse *p, uint64_t now_ns);   /* any byte */
void gmux__pulse_on_answer(gmux__pulse *p);                  /* HEADERS or DATA came */
void gmux__pulse_on_reply(gmux__pulse *p, uint64_t took_ns); /* from request to first HEADERS */
/* Streams that the peer sees too: one whose RST_STREAM has left counts no more, whoever still keeps
 * its slot, because a keepalive PING without streams is a strike. */
void gmux__pulse_on_streams(gmux__pulse *p, uint64_t now_ns, bool has_streams);
void gmux__pulse_on_ping_sent(gmux__pulse *p, uint64_t now_ns, gmux__pulse_action kind,
                              uint64_t random);
/* The ACK of the PING under way. */
void gmux__pulse_on_ping_acked(gmux__pulse *p, uint64_t now_ns);

gmux__pulse_action gmux__pulse_poll(const gmux__pulse *p, uint64_t now_ns);
/* When poll will want something, or is_suspect change, if nothing else happens: now_ns if poll
 * wants something now, later otherwise. GMUX__PULSE_OFF: not by itself. */
uint64_t gmux__pulse_next_ns(const gmux__pulse *p, uint64_t now_ns);
bool gmux__pulse_is_suspect(const gmux__pulse *p, uint64_t now_ns);
/* A PING for validation would be within the budget, or one is under way already. */
bool gmux__pulse_may_validate(const gmux__pulse *p, uint64_t now_ns);

#endif
