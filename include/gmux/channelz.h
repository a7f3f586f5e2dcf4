/*
 * channelz.h: what channels, servers and their connections are doing, for tools: the standard
 * service grpc.channelz.v1 (gRPC A14).
 *
 * A gmux_channelz is a list of channels and servers that the application chooses to show, and that
 * one or more of its servers show to whoever asks: GetTopChannels, GetServers, GetServer,
 * GetServerSockets, GetChannel, GetSubchannel, GetSocket. doc/services.md tells what the fields
 * mean here. It costs nothing per call: what is shown is counted anyway, and is looked at only when
 * somebody asks.
 *
 * It shows targets, addresses and certificates (never keys) of all that is in it, and of their
 * peers: serve it where only those can ask who may know, e.g. on a server of its own that listens
 * on a loopback address or a Unix socket.
 *
 *     gmux_channelz *z;
 *     gmux_channelz_new(&z);
 *     gmux_channelz_add_channel(z, channel);
 *     gmux_channelz_add_server(z, server);
 *     gmux_server_add_channelz(server, z);  (before it listens)
 *
 * All functions are safe from any thread.
 */
#ifndef GMUX_CHANNELZ_H
#define GMUX_CHANNELZ_H

#include <gmux/channel.h>
#include <gmux/server.h>

GMUX_BEGIN_DECLS

typedef struct gmux_channelz gmux_channelz;

/* An empty one. GMUX_ERR_INVALID (NULL), GMUX_ERR_NOMEM. */
GMUX_API int gmux_channelz_new(gmux_channelz **out);

/* Lets go of it; takes NULL. Allowed at any time: what is in it goes on being shown by the servers
 * that serve it, and its memory goes with the last of its channels and servers. */
GMUX_API void gmux_channelz_free(gmux_channelz *z);

/*
 * Shows a channel, or a server, from now on until it is closed: then it leaves by itself. This is
 * no hold on it, nor on its loop. They may be on other loops than the server that is asked; while
 * such a loop does not run, whoever asks for what is on it gets UNAVAILABLE after five seconds.
 * Added twice it is shown twice, under two numbers. A channel of several loops is one channel, with
 * a subchannel for each loop; a server of several is shown as a server for each, of which the first
 * has the listeners. GMUX_ERR_INVALID, GMUX_ERR_NOMEM, GMUX_ERR_TOO_LARGE (the 8388608th: numbers
 * are never used again).
 */
GMUX_API int gmux_channelz_add_channel(gmux_channelz *z, gmux_channel *channel);
GMUX_API int gmux_channelz_add_server(gmux_channelz *z, gmux_server *server);

/* Adds the service to a server that does not listen yet, and that need not be in `z` itself. Errors
 * as gmux_server_add_method; after one the server is to be freed. */
GMUX_API int gmux_server_add_channelz(gmux_server *server, gmux_channelz *z);

GMUX_END_DECLS

#endif
