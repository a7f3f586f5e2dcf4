/*
 * health.h: gRPC's health checking, grpc.health.v1.Health.
 *
 * A gmux_health holds what the application says of its services, by name; servers that it was added
 * to tell it to their clients: Check (the status now; NOT_FOUND for an unknown name), Watch (the
 * status now and each that follows; an unknown name is SERVICE_UNKNOWN and may come to be known)
 * and List (all; RESOURCE_EXHAUSTED when they are more than 100, as with grpc-go). The name ""
 * stands for the server as a whole: it is there from the start, SERVING.
 *
 * One object may be added to several servers, of several loops; it lives until it is freed and the
 * last of them is gone. A status that is set costs one look at each watcher, on the watcher's own
 * loop. A watcher is sent the latest status, never a queue of them: one that does not read misses
 * what lies between.
 *
 * gmux_server_drain (and _close, _free) needs no help: from then on all of that server's services
 * are NOT_SERVING for its clients, its watchers hear so ahead of the GOAWAY, and their calls end
 * (UNAVAILABLE). With other implementations Watch calls, which never end by themselves, hold a
 * drain up until its grace is over (grpc-go issue 8776, grpc-dotnet issue 2572); a client that is
 * still interested watches again, on another connection. Other servers of the same object are not
 * touched.
 *
 * Any thread, except where a function says otherwise.
 */
#ifndef GMUX_HEALTH_H
#define GMUX_HEALTH_H

#include <gmux/server.h>

GMUX_BEGIN_DECLS

typedef struct gmux_health gmux_health;

/* With the numbers that they have on the wire. */
typedef enum gmux_health_status {
  GMUX_HEALTH_UNKNOWN = 0, /* the application cannot tell (yet) */
  GMUX_HEALTH_SERVING = 1,
  GMUX_HEALTH_NOT_SERVING = 2
} gmux_health_status;

enum {
  GMUX_HEALTH_NAME_MAX = 255,      /* bytes of a service's name */
  GMUX_HEALTH_SERVICES_MAX = 10000 /* names of one object */
};

/* GMUX_ERR_INVALID, GMUX_ERR_NOMEM. */
GMUX_API int gmux_health_new(gmux_health **out);

/*
 * The status of `service` ("package.Service"; "": the server as a whole) from now on; copied. No
 * service is told from another's: one that fails does not make "" NOT_SERVING. GMUX_ERR_INVALID (a
 * NULL, a name that is too long or not of printable ASCII, a status that there is not),
 * GMUX_ERR_TOO_LARGE (too many names), GMUX_ERR_NOMEM: nothing has changed. A name that is known is
 * set without memory.
 */
GMUX_API int gmux_health_set(gmux_health *health, const char *service, gmux_health_status status);

/*
 * All services are NOT_SERVING, until gmux_health_resume: for a program that is about to stop, or
 * to be out of work for a while. What is set meanwhile is shown when it is resumed. (grpc-go
 * forgets it, and resumes with all SERVING, also those that were not.) Take NULL.
 */
GMUX_API void gmux_health_shutdown(gmux_health *health);
GMUX_API void gmux_health_resume(gmux_health *health);

/*
 * Adds the service to a server that does not listen yet; to any number of servers, each once. The
 * server has its own hold. GMUX_ERR_STATE, GMUX_ERR_EXISTS (it has a health service already),
 * GMUX_ERR_INVALID, GMUX_ERR_NOMEM. Not while another thread adds to the same server.
 */
GMUX_API int gmux_server_add_health(gmux_server *server, gmux_health *health);

/* Takes NULL. Servers that have it go on with what was set last. */
GMUX_API void gmux_health_free(gmux_health *health);

GMUX_END_DECLS

#endif
