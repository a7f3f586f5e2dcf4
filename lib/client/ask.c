/* ask.c: a post, and a mailbox in which its sender waits for it to have run. */
#include "lib/client/ask.h"
#include "lib/io/mailbox.h"

/* On the stack of the thread that waits. */
typedef struct question {
  gmux__post post;
  gmux__mailbox *box;
  void (*fn)(void *arg);
  void *arg;
} question;

static void question_on_post(gmux__post *post) {
  question *q = gmux__container(post, question, post);
  q->fn(q->arg);
  gmux__mailbox_set(q->box, GMUX__BOX_END);
}

int gmux__ask(gmux_loop *loop, void (*fn)(void *arg), void *arg) {
  if (gmux_loop_is_inside(loop)) {
    fn(arg);
    return 0;
  }
  question q = {.post.fn = question_on_post, .fn = fn, .arg = arg};
  int error = gmux__mailbox_new(&q.box);
  if (error) return error;
  gmux__loop_post(loop, &q.post);
  gmux__mailbox_wait(q.box, GMUX__BOX_END, -1);
  gmux__mailbox_free(q.box);
  return 0;
}
