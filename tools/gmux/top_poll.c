/* top_poll.c: many questions at once, so that a far server with many connections is seen in a
 * second, too. */
#include "tools/gmux/top_poll.h"
#include "tools/gmux/arguments.h"
#include "tools/protoc-gen-gmux/pool.h"

#include "grpc/channelz/v1/channelz.gmux.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A server of ours lets 100 questions wait for its loops; a page of 100 channels, with as long
 * traces as gRPC keeps, is some 500 KB. */
enum { AT_ONCE = 32, ANSWER_MAX = 1 << 20 };

struct poller {
  gmux_loop *loop;
  gmux_channel *channel;
  gmux_call_options options;
  int told[2]; /* a pipe: a byte when a poll has ended */
  struct {
    top_model model;
    size_t running;
    gmux_code code; /* of the first that failed */
    problem why;
  } loops; /* the loop's, while a poll runs */
};

/* A question on its way. */
typedef struct asked {
  poller *of;
  top_question q;
} asked;

/* ---- on the loop ---- */

static void fail(poller *p, gmux_code code, const char *words) {
  if (p->loops.code != GMUX_OK) return;
  p->loops.code = code;
  problem_set(&p->loops.why, "%s: %s", gmux_code_str(code), words);
}

static void ask(poller *p, const top_question *q);

static void go_on(poller *p) {
  top_question q;
  while (p->loops.code == GMUX_OK && p->loops.running < AT_ONCE &&
         top_model_next(&p->loops.model, &q))
    ask(p, &q);
  /* There is room for one byte: the pipe is empty while a poll runs. */
  if (p->loops.running == 0 && write(p->told[1], "", 1) != 1) abort();
}

/* What has gone since its number was heard is nothing wrong. */
static void take(asked *a, const gmux_status *status, const ProtobufCMessage *answer) {
  poller *p = a->of;
  if (answer)
    top_model_take(&p->loops.model, &a->q, answer);
  else if (status->code != GMUX_NOT_FOUND || a->q.id == 0)
    fail(p, status->code, status->message);
  free(a);
  p->loops.running--;
  go_on(p);
}

/* NAME of the .proto in lower case, its type, and the fields of its request. */
#define QUESTION(name, Type, ...)                                                                  \
  static void on_##name(gmux_call *call, const gmux_status *status,                                \
                        const Grpc__Channelz__V1__##Type##Response *answer,                        \
                        const gmux_metadata *trailers, void *user_data) {                          \
    (void)call, (void)trailers;                                                                    \
    take(user_data, status, answer ? &answer->base : NULL);                                        \
  }                                                                                                \
  static int name(poller *p, asked *a) {                                                           \
    Grpc__Channelz__V1__##Type##Request request = {                                                \
        PROTOBUF_C_MESSAGE_INIT(&grpc__channelz__v1__##name##_request__descriptor), __VA_ARGS__};  \
    return grpc__channelz__v1__channelz__##name##__start(NULL, p->channel, &p->options, &request,  \
                                                         on_##name, a);                            \
  }

QUESTION(get_servers, GetServers, .start_server_id = a->q.from, .max_results = TOP_PAGE)
QUESTION(get_server_sockets, GetServerSockets, .server_id = a->q.id, .start_socket_id = a->q.from,
         .max_results = TOP_PAGE)
QUESTION(get_top_channels, GetTopChannels, .start_channel_id = a->q.from, .max_results = TOP_PAGE)
QUESTION(get_channel, GetChannel, .channel_id = a->q.id)
QUESTION(get_subchannel, GetSubchannel, .subchannel_id = a->q.id)
QUESTION(get_socket, GetSocket, .socket_id = a->q.id)

static void ask(poller *p, const top_question *q) {
  static int (*const methods[TOP_METHODS])(poller *, asked *) = {
      [TOP_GET_SERVERS] = get_servers,           [TOP_GET_SERVER_SOCKETS] = get_server_sockets,
      [TOP_GET_TOP_CHANNELS] = get_top_channels, [TOP_GET_CHANNEL] = get_channel,
      [TOP_GET_SUBCHANNEL] = get_subchannel,     [TOP_GET_SOCKET] = get_socket,
  };
  asked *a = malloc(sizeof *a);
  if (!a) out_of_memory();
  *a = (asked){p, *q};
  if (methods[q->method](p, a) == 0) {
    p->loops.running++;
    return;
  }
  free(a);
  fail(p, GMUX_UNAVAILABLE, gmux_last_error());
}

static void begin(void *arg) {
  struct timespec now;
  poller *p = arg;
  clock_gettime(CLOCK_MONOTONIC, &now);
  p->loops.code = GMUX_OK;
  top_model_begin(&p->loops.model, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
  go_on(p);
}

/* ---- the other thread's ---- */

static bool open_pipe(poller *p) {
  if (pipe2(p->told, O_CLOEXEC) == 0) return true;
  return complain("no pipe: %s", strerror(errno)), false;
}

bool poller_new(poller **out, const reach *r, const char *target, int64_t timeout_ms,
                size_t max_sockets) {
  poller *p = *out = calloc(1, sizeof *p);
  if (!p) out_of_memory();
  p->told[0] = p->told[1] = -1;
  top_model_init(&p->loops.model, max_sockets);
  gmux_call_options_init(&p->options, sizeof p->options);
  p->options.timeout_ms = timeout_ms;
  gmux_channel_options how;
  gmux_channel_options_init(&how, sizeof how);
  how.max_recv_message_bytes = ANSWER_MAX;
  if (!open_pipe(p)) return false;
  if (gmux_loop_start(&p->loop, NULL)) return complain("no loop: %s", gmux_last_error()), false;
  return reach_channel(r, p->loop, target, &how, &p->channel);
}

/* What runs ends as the channel does, before the loop. */
void poller_free(poller *p) {
  if (!p) return;
  gmux_channel_free(p->channel);
  gmux_loop_stop(p->loop);
  if (p->told[0] >= 0) close(p->told[0]), close(p->told[1]);
  top_model_free(&p->loops.model);
  free(p);
}

int poller_fd(const poller *p) {
  return p->told[0];
}

/* Polls are the pace: a server that is back is seen by the next one. */
void poller_begin(poller *p) {
  gmux_channel_reset_backoff(p->channel);
  if (gmux_loop_post(p->loop, begin, p)) out_of_memory();
}

bool poller_take(poller *p, top_model *m, gmux_code *code, problem *why) {
  char byte;
  while (read(p->told[0], &byte, 1) < 0 && errno == EINTR)
    continue;
  if (p->loops.code != GMUX_OK) {
    *code = p->loops.code;
    *why = p->loops.why;
    return false;
  }
  top_model filled = p->loops.model;
  p->loops.model = *m;
  *m = filled;
  return true;
}
