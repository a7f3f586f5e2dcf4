/*
 * interop_lies.h: a server that answers wrongly, so that it can be seen whether a client notices.
 *
 * Only after interop_lies_allow (interop_server --lies), and only in calls that ask for it with the
 * metadata "x-gmux-test-lie: NAME,NAME".
 */
#ifndef TESTS_INTEROP_INTEROP_LIES_H
#define TESTS_INTEROP_INTEROP_LIES_H

#include <gmux/server.h>
#include <stdbool.h>

typedef enum interop_lie {
  INTEROP_LIE_SIZES,       /* "sizes": a payload is a byte short, a sum is off by one */
  INTEROP_LIE_EXTRA,       /* "extra": a stream has a response too many, what is empty has a byte */
  INTEROP_LIE_INITIAL,     /* "initial": other initial metadata come back */
  INTEROP_LIE_TRAILING,    /* "trailing": other trailing metadata */
  INTEROP_LIE_TEXT,        /* "text": a status has another message */
  INTEROP_LIE_CODE,        /* "code": or another code; what is not implemented goes well */
  INTEROP_LIE_IDS,         /* "ids": each call meets another server, and comes from one address */
  INTEROP_LIE_COMPRESSION, /* "compression": of responses the opposite, of requests no word */
} interop_lie;

/* Adds the methods that are not there otherwise. 0 or a GMUX_ERR_*. */
int interop_lies_allow(gmux_server *server);
bool interop_lies(const gmux_server_call *call, interop_lie lie);

#endif
