/*
 * gmux.h: gRPC over HTTP/2 for plain C. Includes every other header. Link with what
 * `pkg-config --libs gmux` says, and with -lev if the program runs a libev loop itself.
 *
 * The objects, in the order in which they are made; each is freed before what it was made on:
 *
 *   gmux_loop     (loop.h)     gmux_loop_start: a thread of its own, for blocking calls and for
 *                              servers; gmux_loop_attach: inside the program's own libev loop
 *   gmux_tls      (tls.h)      whom to trust, who one is; may be freed once it has been passed on
 *   gmux_channel  (channel.h)  a client's way to one target
 *   gmux_method   (call.h)     a path and its kind; for a client, made once
 *   gmux_call     (call.h)     one call: gmux_call_unary_wait and _unary_start do all of a simple
 *                              one, gmux_call_start is for streams, and for whoever wants the
 *                              initial metadata, or the trailing ones of a blocking call
 *   gmux_server   (server.h)   new, add methods, listen; gmux_server_call is one call of its
 *
 * A client, blocking, start to end, without the checks of what is returned (error.h):
 *
 *   gmux_loop_start(&loop, NULL);
 *   gmux_channel_new(&channel, loop, "greeter.example:443", NULL);
 *   gmux_method_new(&method, "/demo.Greeter/Hello", GMUX_UNARY, 0);
 *   gmux_bytes request = gmux_bytes_borrow("world", 5), reply;
 *   gmux_status status = gmux_call_unary_wait(channel, method, NULL, &request, &reply);
 *   ...
 *   gmux_bytes_release(&reply);
 *   gmux_status_clear(&status);
 *   gmux_method_free(method);
 *   gmux_channel_free(channel);
 *   gmux_loop_stop(loop);
 *
 * server.h has the same for a server, loop.h for a program with a libev loop of its own.
 *
 * What holds everywhere:
 *
 *   Errors     A function that can fail returns 0 or a negative GMUX_ERR_*, and gmux_last_error()
 *              has a sentence (error.h). How a call went is a gmux_status (status.h).
 *   Arguments  What makes an object, or a value, takes the place for it first; what works on an
 *              object takes that first, and the place for what it finds last. Options may be NULL,
 *              user_data comes last.
 *   Options    A struct of them is filled by its _options_init before a field of it is set, since
 *              most defaults are not zero; one that was not is refused. It is copied, with its
 *              strings. Handlers are not: they live as long as their call or server.
 *   Ownership  Of objects: _new and _free, _ref and _unref. Of values: gmux_bytes_release,
 *              gmux_status_clear. All take NULL, and may be said in a callback. What a callback is
 *              shown is borrowed until it returns; gmux_bytes_take, gmux_status_copy keep it.
 *   Threads    From any thread, unless a header says otherwise. Callbacks come from the loop's
 *              thread, never from inside the function that asked for them; what ends in _wait
 *              waits, and is for other threads. Nothing is for signal handlers, or for a child
 *              after fork. gmux leaves signals as they are, and raises none (no SIGPIPE).
 *   Times      The unit is in the name. An int64_t is a time to wait: GMUX_NO_TIMEOUT is no end, 0
 *              and less no time at all. What 0 means in a field of options is said there.
 */
#ifndef GMUX_GMUX_H
#define GMUX_GMUX_H

#include <gmux/alloc.h>
#include <gmux/bytes.h>
#include <gmux/call.h>
#include <gmux/channel.h>
#include <gmux/channelz.h>
#include <gmux/codec.h>
#include <gmux/error.h>
#include <gmux/health.h>
#include <gmux/log.h>
#include <gmux/loop.h>
#include <gmux/metadata.h>
#include <gmux/protobuf.h>
#include <gmux/reflection.h>
#include <gmux/server.h>
#include <gmux/status.h>
#include <gmux/stub.h>
#include <gmux/tls.h>
#include <gmux/version.h>

#endif
