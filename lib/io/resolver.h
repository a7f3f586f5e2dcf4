/* resolver.h: names to addresses by c-ares, on the loop; what ev.c hands out as gmux__loop_resolve.
 */
#ifndef GMUX__IO_RESOLVER_H
#define GMUX__IO_RESOLVER_H

#include "lib/io/ev.h"

int gmux__resolver_start(gmux_loop *loop, gmux__resolve **out, const char *host, uint16_t port,
                         gmux__resolved_fn fn, void *arg);
void gmux__resolver_cancel(gmux__resolve *resolve);
/* Cancels what is still looked up; takes NULL. On the loop's thread. */
void gmux__resolver_free(gmux__resolver *resolver);

/* For tests: asks these servers ("127.0.0.1:5353") instead of the system's, from the next burst of
 * look-ups on. GMUX_ERR_NOMEM. */
int gmux__loop_set_dns_servers(gmux_loop *loop, const char *csv);

#endif
