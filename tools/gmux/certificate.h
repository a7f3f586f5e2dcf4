/* certificate.h: an X.509 certificate, for people. */
#ifndef TOOL_CERTIFICATE_H
#define TOOL_CERTIFICATE_H

#include "tools/gmux/buffer.h"

#include <stdbool.h>

/* Texts are UTF-8 without control characters, whatever stands in the certificate. */
typedef struct certificate {
  buffer subject, issuer; /* "CN=shop.example,O=Shop", as RFC 2253 has it */
  buffer names;           /* "DNS:shop.example, IP Address:127.0.0.1"; empty: none */
  char expires[32];       /* "2026-11-22 16:00:00 UTC" */
  long days_left;         /* less than 0: it has expired */
  char fingerprint[96];   /* SHA-256, "AB:CD:..." */
} certificate;

/* False: it is none; nothing is to be freed. */
bool certificate_read(certificate *c, const uint8_t *der, size_t len);
void certificate_free(certificate *c);

#endif
