/* load.c: options of clients. */
#include "tests/bench/load.h"
#include "tests/bench/figures.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 30 };

double load_number(const char *name, const char *text, double least, double most) {
  char *end;
  double value = strtod(text, &end);
  if (*text && !*end && value >= least && value <= most) return value;
  fprintf(stderr, "--%s is \"%s\": it must be a number from %g to %g\n", name, text, least, most);
  exit(2);
}

void load_init(load *l) {
  *l = (load){.outstanding = 100, .window = {.seconds = 2, .warm_up = 0.3}};
}

bool load_take(load *l, int option, const char *value) {
  switch (option) {
  case 'n':
    l->outstanding = (uint32_t)load_number("outstanding", value, 1, 1000000);
    break;
  case 's':
    l->size = (uint32_t)load_number("size", value, 0, 1 << 30);
    break;
  case 't':
    l->window.seconds = load_number("seconds", value, 0.01, 3600);
    break;
  case 'w':
    l->window.warm_up = load_number("warm-up", value, 0, 3600);
    break;
  case 'c':
    l->window.count = (uint64_t)load_number("count", value, 1, 1e12);
    break;
  case 'p':
    meter_server((long)load_number("server-pid", value, 1, 1e9));
    break;
  case 'a':
    l->ca = value;
    break;
  default:
    return false;
  }
  return true;
}

bool load_target(load *l, int argc, char **argv) {
  l->target = argv[optind];
  return argc - optind == 1;
}

/* The first byte would be a field with the number 0, which protobuf does not know. */
uint8_t *load_payload(const load *l) {
  uint8_t *payload = malloc(l->size + 1u);
  for (uint32_t i = 0; payload && i < l->size; i++)
    payload[i] = (uint8_t)(i * 31u);
  return payload;
}

static const char *transport(const load *l) {
  if (l->ca) return "tls";
  return strncmp(l->target, "unix:", 5) ? "tcp" : "unix";
}

void load_print(const load *l, const char *bench, const char *peer) {
  figures_begin(bench, peer);
  figures_text("transport", transport(l));
  figures_number("bytes", l->size);
  figures_number("outstanding", l->outstanding);
}

static void on_alarm(int number) {
  (void)number;
  static const char text[] = "the calls do not end\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(1);
  _exit(1);
}

void load_watch(const load *l) {
  if (l->window.count) return;
  signal(SIGALRM, on_alarm);
  alarm(PATIENCE_SECONDS + (unsigned)(l->window.warm_up + l->window.seconds));
}
