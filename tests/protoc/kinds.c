/* kinds.c: how each kind is answered. */
#include "tests/protoc/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a stream. */
typedef struct told {
  char text[64];
  int32_t left; /* answers of Many; else messages so far */
} told;

Test__Kinds__Ask ask_make(const char *text, int32_t count) {
  Test__Kinds__Ask ask = TEST__KINDS__ASK__INIT;
  ask.text = (char *)(uintptr_t)text;
  ask.count = count;
  return ask;
}

/* Answers are packed before the functions that take them return. */
static Test__Kinds__Answer answer_make(char *text) {
  Test__Kinds__Answer answer = TEST__KINDS__ANSWER__INIT;
  answer.text = text;
  return answer;
}

static void one_with_trailers(gmux_server_call *call, const Test__Kinds__Answer *answer) {
  gmux_metadata *trailers = NULL;
  if (gmux_metadata_new(&trailers) == 0) gmux_metadata_add(trailers, "x-told", "all");
  test__kinds__kinds__one__server_write(call, answer);
  gmux_server_call_finish(call, NULL, trailers);
  gmux_metadata_free(trailers);
}

static void on_one(gmux_server_call *call, const Test__Kinds__Ask *ask, void *user_data) {
  (void)user_data;
  char text[64];
  snprintf(text, sizeof text, "one: %s", ask->text);
  Test__Kinds__Answer answer = answer_make(text);
  if (strcmp(ask->text, "other") == 0)
    test__kinds__kinds__one__reply(call, (const Test__Kinds__Answer *)(const void *)ask);
  else if (strcmp(ask->text, "trailers") == 0)
    one_with_trailers(call, &answer);
  else
    test__kinds__kinds__one__reply(call, &answer);
}

/* ---- streams ---- */

/* NULL: out of memory, and the call has ended. */
static told *told_new(gmux_server_call *call) {
  told *t = calloc(1, sizeof *t);
  if (!t) gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "out of memory");
  gmux_server_call_set_data(call, t);
  return t;
}

static void on_end(gmux_server_call *call, gmux_code code, void *user_data) {
  (void)code;
  kinds *k = user_data;
  k->ended++;
  free(gmux_server_call_get_data(call));
}

static void many_write(gmux_server_call *call, void *user_data) {
  (void)user_data;
  told *t = gmux_server_call_get_data(call);
  Test__Kinds__Answer answer = answer_make(t->text);
  for (int result = 0; t->left > 0 && result == 0; t->left--) {
    result = test__kinds__kinds__many__server_write(call, &answer);
    if (result < 0) {
      gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "an answer could not be written");
      return;
    }
  }
  if (t->left == 0) gmux_server_call_finish(call, NULL, NULL);
}

static void many_request(gmux_server_call *call, const Test__Kinds__Ask *ask, void *user_data) {
  told *t = told_new(call);
  if (!t) return;
  if (strcmp(ask->text, "rubbish") == 0) {
    gmux_bytes rubbish = gmux_bytes_borrow("\xff\xff", 2);
    gmux_server_call_write(call, &rubbish);
  }
  t->left = ask->count;
  snprintf(t->text, sizeof t->text, "many: %s", ask->text);
  many_write(call, user_data);
}

static void collect_reply(gmux_server_call *call, int count) {
  char text[64];
  snprintf(text, sizeof text, "%d messages", count);
  Test__Kinds__Answer answer = answer_make(text);
  test__kinds__kinds__collect__reply(call, &answer);
}

static void *collect_thread(void *arg) {
  gmux_server_call *call = arg;
  Test__Kinds__Ask *ask;
  int count = 0;
  for (; test__kinds__kinds__collect__server_read_wait(call, &ask) == 0; count++)
    gmux_protobuf_free(ask);
  collect_reply(call, count);
  gmux_server_call_unref(call);
  return NULL;
}

static void collect_call(gmux_server_call *call, void *user_data) {
  kinds *k = user_data;
  if (!told_new(call) || !k->has_thread) return;
  gmux_server_call_ref(call);
  if (gmux_server_call_set_blocking(call) == 0 &&
      pthread_create(&k->thread, NULL, collect_thread, call) == 0)
    return;
  gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "no thread could be had");
  gmux_server_call_unref(call);
}

static void collect_message(gmux_server_call *call, const Test__Kinds__Ask *ask, void *user_data) {
  (void)ask, (void)user_data;
  told *t = gmux_server_call_get_data(call);
  if (t) t->left++;
}

static void collect_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  const told *t = gmux_server_call_get_data(call);
  if (t) collect_reply(call, (int)t->left);
}

static void chat_message(gmux_server_call *call, const Test__Kinds__Ask *ask, void *user_data) {
  (void)user_data;
  Test__Kinds__Answer answer = answer_make(ask->text);
  if (test__kinds__kinds__chat__server_write(call, &answer) < 0)
    gmux_server_call_fail(call, GMUX_RESOURCE_EXHAUSTED, "an answer could not be written");
}

static void chat_half_close(gmux_server_call *call, void *user_data) {
  (void)user_data;
  gmux_server_call_finish(call, NULL, NULL);
}

void kinds_init(kinds *k) {
  *k = (kinds){
      .service = {.user_data = k,
                  .one = on_one,
                  .many = {.on_request = many_request, .on_writable = many_write, .on_end = on_end},
                  .collect = {.on_call = collect_call,
                              .on_message = collect_message,
                              .on_half_close = collect_half_close,
                              .on_end = on_end},
                  .chat = {.on_message = chat_message, .on_half_close = chat_half_close}},
  };
}
