/* main.c: gmux, gRPC from the command line. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/nearest.h"

#include <fcntl.h>
#include <gmux/version.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: gmux COMMAND [ARGUMENT]...\n"
    "  bench     call a method over and over, and tell how fast it was\n"
    "  call      make a call: JSON in, JSON out\n"
    "  describe  what stands in the .proto of a service, message or enum\n"
    "  health    ask a server, or watch, whether it is serving\n"
    "  list      the services of a server or of files, and their methods\n"
    "  ping      connect step by step, show who answers, measure round trips\n"
    "  top       a live view of a server's channels and connections\n"
    "gmux COMMAND --help says more, with examples. Exit status: 0; 1: the call failed; 2: usage.\n";

typedef struct command {
  const char *name;
  int (*run)(int argc, char **argv);
} command;

static const command commands[] = {
    {"bench", command_bench},   {"call", command_call}, {"describe", command_describe},
    {"health", command_health}, {"list", command_list}, {"ping", command_ping},
    {"top", command_top}};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int no_command(const char *name) {
  nearest n = nearest_to(name, strlen(name));
  for (size_t i = 0; i < COMMANDS; i++)
    nearest_offer(&n, commands[i].name);
  return complain("there is no command %s%s%s%s", quote(name, strlen(name)).text,
                  n.best ? ": did you mean " : "", n.best ? n.best : "", n.best ? "?" : "");
}

static const command *find_command(const char *name) {
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(name, commands[i].name) == 0) return &commands[i];
  return NULL;
}

static bool is_help(const char *word) {
  return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* getopt_long() says argv[0] before what it complains of. Of words like -h behind others it cannot
 * be known whether they are somebody's value; --help is an option like others. */
static int run(const command *c, int argc, char **argv) {
  static char help[] = "--help";
  char name[32];
  snprintf(name, sizeof name, "gmux %s", c->name);
  argv[0] = name;
  if (argc > 1 && is_help(argv[1])) argv[1] = help;
  return c->run(argc, argv);
}

/* gmux help [COMMAND] */
static int show_help(const char *name) {
  static char help[] = "--help";
  char *words[] = {NULL, help, NULL};
  if (!name) return fputs(usage, stdout), EXIT_DONE;
  const command *c = find_command(name);
  return c ? run(c, 2, words) : no_command(name);
}

/* What was printed has to have arrived, too. Who failed has said why. */
static int finish(int code) {
  bool has_arrived = fflush(stdout) == 0 && !ferror(stdout);
  if (has_arrived || code != EXIT_DONE) return code;
  complain("standard output could not be written");
  return EXIT_CALL_FAILED;
}

/* One that the caller closed would be the next that is opened here: what is printed would go to a
 * server, and what a server says be read as messages to send. Read alone, so that writing fails. */
static bool open_standards(void) {
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) return false;
  return true;
}

int main(int argc, char **argv) {
  if (!open_standards()) return EXIT_CALL_FAILED;
  if (argc < 2) return fputs(usage, stderr), EXIT_USAGE;
  if (is_help(argv[1]) || strcmp(argv[1], "help") == 0) return finish(show_help(argv[2]));
  if (strcmp(argv[1], "--version") == 0)
    return printf("gmux %s\n", GMUX_VERSION), finish(EXIT_DONE);
  const command *c = find_command(argv[1]);
  return c ? finish(run(c, argc - 1, argv + 1)) : no_command(argv[1]);
}
