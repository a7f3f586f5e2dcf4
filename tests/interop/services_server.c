/*
 * services_server.c: a server with gRPC's standard services, for clients of another make.
 *
 * Serves hello.Greeter/SayHello (the reply is the name), health, and reflection with the
 * descriptors that are in the generated stubs. Prints "port: N", then does as it is told by lines
 * on stdin, and prints "done" after each: "set STATUS SERVICE" (a number; no service: the whole
 * server), "shutdown", "resume", "drain" (done when all is over; as long as calls take). Ends with
 * its stdin.
 */
#include "greeter.gmux.h"
#include <gmux/gmux.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int error) {
  if (error == 0) return;
  fprintf(stderr, "services_server: %s\n", gmux_last_error());
  exit(1);
}

static void say_hello(gmux_server_call *call, const Hello__HelloRequest *request, void *user_data) {
  (void)user_data;
  Hello__HelloReply reply = HELLO__HELLO_REPLY__INIT;
  reply.message = request->name;
  must(hello__greeter__say_hello__reply(call, &reply));
}

static const Hello__Greeter_Server greeter = {.say_hello = say_hello};

static void add_reflection(gmux_server *server) {
  gmux_bytes set = hello__greeter__file__descriptors();
  gmux_reflection_options options;
  gmux_reflection_options_init(&options, sizeof options);
  options.descriptor_sets = &set;
  options.descriptor_set_count = 1;
  must(gmux_server_add_reflection(server, &options));
}

static void obey(gmux_server *server, gmux_health *health, const char *line) {
  int status;
  char service[128] = "";
  if (sscanf(line, "set %d %127s", &status, service) >= 1)
    must(gmux_health_set(health, service, (gmux_health_status)status));
  else if (strcmp(line, "shutdown\n") == 0)
    gmux_health_shutdown(health);
  else if (strcmp(line, "resume\n") == 0)
    gmux_health_resume(health);
  else if (strcmp(line, "drain\n") == 0)
    must(gmux_server_drain_wait(server, GMUX_NO_TIMEOUT));
  else
    fprintf(stderr, "services_server: what is \"%s\"?\n", line), exit(2);
  puts("done"), fflush(stdout);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc != 1) return fputs("usage: services_server\n", stderr), 2;
  gmux_loop *loop;
  gmux_server *server;
  gmux_health *health;
  must(gmux_loop_start(&loop, NULL));
  must(gmux_server_new(&server, loop, NULL));
  must(hello__greeter__server__add(server, &greeter));
  must(gmux_health_new(&health));
  must(gmux_server_add_health(server, health));
  add_reflection(server);
  uint16_t port;
  must(gmux_server_listen_cleartext(server, "127.0.0.1:0", &port));
  printf("port: %u\n", port), fflush(stdout);

  for (char line[256]; fgets(line, sizeof line, stdin);)
    obey(server, health, line);
  must(gmux_server_drain_wait(server, 0));
  gmux_server_free(server);
  gmux_health_free(health);
  return gmux_loop_stop(loop) ? 1 : 0;
}
