/*
 * tls.h (inside): TLS as a transport over another transport, so that it runs over sockets and over
 * memory alike. Everything of OpenSSL is in tls*.c (tls_openssl.h says what is where).
 */
#ifndef GMUX__IO_TLS_H
#define GMUX__IO_TLS_H

#include "lib/io/transport.h"
#include <gmux/tls.h>

bool gmux__tls_is_server(const gmux_tls *tls);
gmux_tls *gmux__tls_ref(gmux_tls *tls); /* let go with gmux_tls_free */

/*
 * A TLS transport over `inner`, which it owns from now on (on failure it is still the caller's).
 * For a client, `host` is the name for SNI and for the certificate (a literal address is checked as
 * an address and not sent as SNI), and a session is resumed that the same gmux_tls has for it and
 * the port of inner's peer; a server passes NULL. The owner and on_ready are to be set on the new
 * transport. The handshake is still to be run. GMUX_ERR_INVALID (a host that no certificate can be
 * checked for), GMUX_ERR_NOMEM, GMUX_ERR_TLS.
 */
int gmux__tls_wrap(gmux__transport **out, gmux_tls *tls, gmux__transport *inner, const char *host);

#endif
