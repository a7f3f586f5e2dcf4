/*
 * proxies.h: nginx, haproxy and nghttpx between client and server: what the scenarios have in
 * common.
 *
 * As in faults.h each combination of scenario, gateway and server is a test of its own, made when
 * the program starts. Scenarios are of two kinds: under load, where the laws (laws.h) hold for each
 * call and the server is a process; and by hand, call by call, to the server of the kit.
 */
#ifndef TESTS_NET_PROXIES_H
#define TESTS_NET_PROXIES_H

#include "tests/net/gateway.h"
#include "tests/net/kit.h"
#include "tests/net/load.h"
#include "tests/net/peer.h"

#define GATEWAY(make) (1u << (make))
#define SERVER(make)  (1u << (make))
#define ALL_SERVERS   (SERVER(PEER_OWN) | SERVER(PEER_GRPCIO))
#define ALL_GATEWAYS  (GATEWAY(GATEWAY_NGINX) | GATEWAY(GATEWAY_HAPROXY) | GATEWAY(GATEWAY_NGHTTPX))

enum { PROXIES_EVENT_MS = 60000 }; /* far more than any event takes */

typedef struct passage passage;

typedef struct proxies_scenario {
  const char *name;
  void (*run)(passage *p);
  unsigned gateways;     /* GATEWAY() of those that can do it */
  unsigned servers;      /* SERVER(); 0: our own alone */
  gateway settings;      /* of the gateway, where they are not as usual */
  bool distrust_refused; /* of the channel */
  unsigned max_age_ms;   /* of the server's connections; 0: they do not age */
  bool is_lossless;      /* no call may be lost (load_check_none_lost) */
  bool is_by_hand;       /* calls one by one, to the server of the kit, in place of the load */
  bool is_cleartext;     /* to the gateway */
  /* By hand: methods of the server, beside the kit's; may be NULL. */
  int (*add_methods)(gmux_server *server);
} proxies_scenario;

/* The running one. */
struct passage {
  const proxies_scenario *scenario;
  peer_make make;
  gateway gateway;
  peer peer;
  load *load;
  kit_client client;            /* is_by_hand */
  gmux_channel_options options; /* of the channel, for those who make another one */
};

/* Where clients go to. */
const char *proxies_target(const passage *p);

/* Each ends with one that has no name. */
extern const proxies_scenario proxies_load_scenarios[];
extern const proxies_scenario proxies_call_scenarios[];
extern const proxies_scenario proxies_word_scenarios[];
extern const proxies_scenario proxies_connection_scenarios[];

/* ---- calls by hand; a failure of any is one of the test ---- */

gmux_call *proxies_start(passage *p, const char *path, gmux_method_kind kind,
                         const gmux_call_options *options);
void proxies_write(gmux_call *call, gmux_bytes message);
void proxies_read(gmux_call *call, const gmux_bytes *want);
void proxies_eof(gmux_call *call);
/* The end, with this code; lets go of the call. */
void proxies_end(gmux_call *call, gmux_code code);
/* Until it is so, which is what the test waits for, for as long as that takes. */
void proxies_until(bool (*is_so)(void));

#endif
