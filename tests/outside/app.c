/* app.c: a program outside of gmux's tree, with a service of its own: it calls itself once. */
#include "greeter.gmux.h"
#include <gmux/gmux.h>
#include <stdio.h>

static void say_hello(gmux_server_call *call, const Hello__HelloRequest *request, void *user_data) {
  (void)user_data;
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = request->name;
  hello__greeter__say_hello__reply(call, &reply);
}

static const Hello__Greeter_Server greeter = {.say_hello = say_hello};

int main(void) {
  gmux_loop *loop;
  gmux_server *server;
  gmux_channel *channel;
  uint16_t port;
  char target[64];
  gmux_channel_options options;
  gmux_channel_options_init(&options, sizeof options);
  options.cleartext = true;
  if (gmux_loop_start(&loop, NULL) || gmux_server_new(&server, loop, NULL) ||
      hello__greeter__server__add(server, &greeter) ||
      gmux_server_listen_cleartext(server, "127.0.0.1:0", &port))
    return 1;
  snprintf(target, sizeof target, "127.0.0.1:%u", port);
  if (gmux_channel_new(&channel, loop, target, &options)) return 1;

  char name[] = "from outside";
  Hello__HelloRequest request = HELLO__HELLO_REQUEST__INIT;
  request.name = name;
  Hello__HelloReply *reply;
  gmux_status status = hello__greeter__say_hello__wait(channel, NULL, &request, &reply);
  puts(reply ? reply->message : status.message);
  gmux_protobuf_free(reply);
  gmux_status_clear(&status);
  gmux_channel_free(channel);
  gmux_server_free(server);
  return gmux_loop_stop(loop);
}
