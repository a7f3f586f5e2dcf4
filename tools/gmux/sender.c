/* sender.c: it sleeps in the call's write, or in poll. */
#include "tools/gmux/sender.h"
#include "tools/gmux/arguments.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

/* True: there is input, or its end. False: the call is over. */
static bool wait_for_input(const sender *s) {
  struct pollfd files[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = s->stop[0], .events = POLLIN}};
  while (poll(files, 2, -1) < 0)
    if (errno != EINTR && errno != EAGAIN) return false;
  return files[1].revents == 0;
}

static bool give_up(sender *s) {
  s->is_wrong = true;
  gmux_call_cancel(s->call);
  return false;
}

/* False: that was all. */
static bool step(sender *s) {
  const uint8_t *data;
  size_t len;
  switch (requests_next(s->requests, &data, &len, &s->why)) {
  case REQUESTS_MESSAGE: {
    gmux_bytes message = gmux_bytes_borrow(data, len);
    return gmux_call_write_wait(s->call, &message) == 0; /* else the call is over */
  }
  case REQUESTS_WANT:
    return wait_for_input(s) && (requests_read(s->requests, &s->why) || give_up(s));
  case REQUESTS_WRONG:
    return give_up(s);
  default:
    gmux_call_half_close(s->call);
    return false;
  }
}

static void *run(void *arg) {
  while (step(arg))
    continue;
  return NULL;
}

bool sender_start(sender *s, gmux_call *call, requests *given) {
  *s = (sender){.requests = given, .call = call};
  if (pipe(s->stop)) return complain("no pipe: %s", strerror(errno)), false;
  int error = pthread_create(&s->thread, NULL, run, s);
  if (!error) return true;
  close(s->stop[0]), close(s->stop[1]);
  return complain("no thread: %s", strerror(error)), false;
}

void sender_end(sender *s) {
  close(s->stop[1]);
  pthread_join(s->thread, NULL);
  close(s->stop[0]);
}
