/* top.c: gmux top: a server's channelz, as it changes. */
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/plain.h"
#include "tools/gmux/screen.h"
#include "tools/gmux/top_json.h"
#include "tools/gmux/top_poll.h"

#include <getopt.h>
#include <poll.h>
#include <string.h>
#include <time.h>

static const char usage[] =
    "usage: gmux top [OPTION]... TARGET\n"
    "Shows the servers, channels and connections of a program that serves channelz\n"
    "(grpc.channelz.v1), again and again: on a terminal as top(1) does, elsewhere "
    "once.\n\n" REACH_USAGE "  --interval TIME       how often: 1.5s, 200ms, 2m (default 1s)\n"
    "  --timeout TIME        give a question up after so long (default 10s)\n"
    "  --max-sockets N       look at so many connections (default 1000; up to 100000)\n"
    "  --sort KEY            rate (default), running, started, failed, last, name or id\n"
    "  --once                one view, as plain lines\n"
    "  --count N             N views, as plain lines\n"
    "  --json                a line of JSON for each view, without end unless --once or --count\n\n"
    "Keys: q quits; arrows, page up and down, home and end move; s and left, right change the\n"
    "order, r reverses it; space looks at once.\n\n"
    "  gmux top --cleartext localhost:50052\n"
    "  gmux top --once --sort running admin.example:443\n"
    "  gmux top --json --cleartext unix:/run/shop/admin | jq '.servers[].callsPerSecond'\n";

/* Where there is no terminal: all columns. */
enum { WIDTH_OF_FILES = 240, MAX_SOCKETS = 100000 };

typedef struct plan {
  reach reach;
  const char *target;
  int64_t interval_ms, timeout_ms;
  long max_sockets, count; /* count 0: without end */
  top_order order;
  bool is_json, is_plain;
} plan;

typedef struct watch {
  const plan *plan;
  poller *poller;
  terminal terminal;
  top_model now, before;
  top_view view;
  size_t polls;      /* that went well */
  char failure[800]; /* of the last one; "": it went well */
  int64_t next_ms;   /* monotonic: when the next poll is due */
  bool is_polling;
  size_t top; /* the first line shown of the view's */
} watch;

/* ---- the command line ---- */

static bool read_interval(const char *text, int64_t *ms) {
  enum { LEAST_MS = 100, MOST_MS = 3600 * 1000 };
  if (!read_time_ms("--interval", text, ms)) return false;
  if (*ms >= LEAST_MS && *ms <= MOST_MS) return true;
  complain("--interval takes 100ms to 1h, not %s", quote(text, strlen(text)).text);
  return false;
}

static bool read_order(const char *name, top_order *order) {
  if (top_order_of(name, order)) return true;
  complain("--sort takes rate, running, started, failed, last, name or id, not %s",
           quote(name, strlen(name)).text);
  return false;
}

enum {
  OPTION_INTERVAL = 1,
  OPTION_TIMEOUT,
  OPTION_SOCKETS,
  OPTION_SORT,
  OPTION_ONCE,
  OPTION_COUNT,
  OPTION_JSON,
  OPTION_HELP
};

static bool take_option(plan *p, int option, char *value) {
  switch (option) {
  case OPTION_INTERVAL:
    return read_interval(value, &p->interval_ms);
  case OPTION_TIMEOUT:
    return read_time_ms("--timeout", value, &p->timeout_ms);
  case OPTION_SOCKETS:
    return read_number("--max-sockets", value, 1, MAX_SOCKETS, &p->max_sockets);
  case OPTION_SORT:
    return read_order(value, &p->order);
  case OPTION_ONCE:
    return p->is_plain = true, p->count = 1, true;
  case OPTION_COUNT:
    return p->is_plain = true, read_number("--count", value, 1, 1000000000, &p->count);
  case OPTION_JSON:
    return p->is_json = p->is_plain = true;
  default:
    return reach_take(&p->reach, option, value) || (show_synopsis(usage), false);
  }
}

/* EXIT_DONE: go on; -1: help was asked for; else it has been complained of. */
static int read_arguments(plan *p, int argc, char **argv) {
  /* clang-format off */
  static const struct option longs[] = {
      REACH_OPTIONS, {"interval", 1, NULL, OPTION_INTERVAL},
      {"timeout", 1, NULL, OPTION_TIMEOUT}, {"max-sockets", 1, NULL, OPTION_SOCKETS},
      {"sort", 1, NULL, OPTION_SORT}, {"once", 0, NULL, OPTION_ONCE},
      {"count", 1, NULL, OPTION_COUNT}, {"json", 0, NULL, OPTION_JSON},
      {"help", 0, NULL, OPTION_HELP}, {NULL, 0, NULL, 0}};
  /* clang-format on */
  for (int o; (o = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
    if (o == OPTION_HELP) return fputs(usage, stdout), -1;
    if (!take_option(p, o, optarg)) return EXIT_USAGE;
  }
  if (argc - optind != 1) return show_synopsis(usage);
  p->target = argv[optind];
  return reach_check(&p->reach) ? EXIT_DONE : EXIT_USAGE;
}

/* ---- polls ---- */

static int64_t clock_ms(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void begin_poll(watch *w) {
  w->is_polling = true;
  w->next_ms = clock_ms(CLOCK_MONOTONIC) + w->plan->interval_ms;
  poller_begin(w->poller);
}

static void say_failure(watch *w, gmux_code code, const problem *why) {
  const char *hint = code == GMUX_UNIMPLEMENTED ? " (it does not serve channelz)" : "";
  snprintf(w->failure, sizeof w->failure, "%s%s", why->words, hint);
}

/* The rows of a poll that failed are those of the last one that did not. */
static bool end_poll(watch *w) {
  gmux_code code;
  problem why;
  top_model filled = w->before;
  w->is_polling = false;
  if (!poller_take(w->poller, &filled, &code, &why)) return say_failure(w, code, &why), false;
  w->before = w->now;
  w->now = filled;
  w->polls++;
  w->failure[0] = 0;
  w->view.now = &w->now;
  w->view.before = w->polls > 1 ? &w->before : NULL;
  w->view.wall_ms = clock_ms(CLOCK_REALTIME);
  return top_view_lay(&w->view), true;
}

/* ---- lines ---- */

static void add_time(int64_t wall_ms, buffer *out) {
  char text[32] = "";
  time_t seconds = (time_t)(wall_ms / 1000);
  struct tm local;
  if (localtime_r(&seconds, &local)) strftime(text, sizeof text, "%H:%M:%S", &local);
  buffer_add_string(out, text);
}

static void add_title(const watch *w, size_t width, buffer *out) {
  buffer line = {.data = NULL};
  add_time(w->view.wall_ms, &line);
  buffer_add_string(&line, "  ");
  plain_add_string(&line, w->plan->target);
  buffer_add_format(out, "%.*s", (int)width, buffer_string(&line));
  buffer_free(&line);
}

static void print_plain(const watch *w) {
  buffer out = {.data = NULL};
  size_t width = w->terminal.is_live ? (size_t)w->terminal.columns : WIDTH_OF_FILES;
  add_title(w, width, &out);
  buffer_add_string(&out, "\n");
  top_view_sums(&w->view, width, &out);
  buffer_add_string(&out, "\n\n");
  for (size_t i = 0; i < w->view.count; i++) {
    top_view_line(&w->view, i, width, &out);
    buffer_add_string(&out, "\n");
  }
  fputs(buffer_string(&out), stdout);
  buffer_free(&out);
}

static void print_json(const watch *w) {
  buffer out = {.data = NULL};
  if (*w->failure)
    top_json_failure(w->plan->target, clock_ms(CLOCK_REALTIME), w->failure, &out);
  else
    top_json(&w->view, w->plan->target, &out);
  fputs(buffer_string(&out), stdout);
  buffer_free(&out);
}

/* ---- on a terminal ---- */

enum { LINES_AROUND = 4 }; /* title, sums, a failure or none; keys at the bottom */

static size_t body_rows(const watch *w) {
  return w->terminal.rows > LINES_AROUND ? (size_t)w->terminal.rows - LINES_AROUND : 1;
}

/* Never beyond the last screen. */
static void move_to(watch *w, size_t top) {
  size_t rows = body_rows(w), last = w->view.count > rows ? w->view.count - rows : 0;
  w->top = top < last ? top : last;
}

/* What an erased rest of a line ends, and the style. */
static void end_line(const watch *w, buffer *out) {
  buffer_add_string(out, terminal_style(&w->terminal, STYLE_PLAIN));
  buffer_add_string(out, "\033[K\r\n");
}

static void draw_body(const watch *w, size_t width, buffer *out) {
  size_t rows = body_rows(w);
  for (size_t i = w->top; i < w->top + rows; i++) {
    if (i < w->view.count) {
      buffer_add_string(out, terminal_style(&w->terminal, top_view_style(&w->view, i)));
      top_view_line(&w->view, i, width, out);
    }
    end_line(w, out);
  }
}

static void draw_failure(const watch *w, size_t width, buffer *out) {
  buffer words = {.data = NULL};
  plain_add_string(&words, w->failure);
  buffer_add_string(out, terminal_style(&w->terminal, STYLE_BAD));
  buffer_add_format(out, "%.*s", (int)width, buffer_string(&words));
  buffer_free(&words);
  end_line(w, out);
}

static void draw_keys(const watch *w, size_t width, buffer *out) {
  char line[160];
  snprintf(line, sizeof line, "q quit  arrows move  s order: %s%s  r reverse  space now",
           top_order_str(w->view.order), w->view.is_reversed ? ", reversed" : "");
  buffer_add_string(out, terminal_style(&w->terminal, STYLE_DIM));
  buffer_add_format(out, "%.*s", (int)width, line);
  buffer_add_string(out, terminal_style(&w->terminal, STYLE_PLAIN));
  buffer_add_string(out, "\033[K");
}

/* Written over what is there, in one piece, so that nothing flickers. A line is never as wide as
 * the terminal: what then happens at its end is another thing on each. */
static bool draw(watch *w) {
  buffer out = {.data = NULL};
  size_t width = w->terminal.columns > 1 ? (size_t)w->terminal.columns - 1 : 1;
  move_to(w, w->top);
  buffer_add_string(&out, "\033[H");
  buffer_add_string(&out, terminal_style(&w->terminal, STYLE_BOLD));
  add_title(w, width, &out);
  end_line(w, &out);
  top_view_sums(&w->view, width, &out);
  end_line(w, &out);
  draw_failure(w, width, &out);
  draw_body(w, width, &out);
  draw_keys(w, width, &out);
  fwrite(out.data, 1, out.len, stdout);
  buffer_free(&out);
  return fflush(stdout) == 0;
}

static void change_order(watch *w, unsigned by) {
  w->view.order = (top_order)(((unsigned)w->view.order + by) % TOP_ORDERS);
  top_view_lay(&w->view);
}

/* False: quit. */
static bool obey(watch *w, key typed) {
  size_t rows = body_rows(w);
  switch (typed) {
  case KEY_QUIT:
    return false;
  case KEY_UP:
    return move_to(w, w->top ? w->top - 1 : 0), true;
  case KEY_DOWN:
    return move_to(w, w->top + 1), true;
  case KEY_PAGE_UP:
    return move_to(w, w->top > rows ? w->top - rows : 0), true;
  case KEY_PAGE_DOWN:
    return move_to(w, w->top + rows), true;
  case KEY_HOME:
    return move_to(w, 0), true;
  case KEY_END:
    return move_to(w, w->view.count), true;
  case KEY_SORT:
  case KEY_RIGHT:
    return change_order(w, 1), true;
  case KEY_LEFT:
    return change_order(w, TOP_ORDERS - 1), true;
  case KEY_REVERSE:
    w->view.is_reversed = !w->view.is_reversed;
    return top_view_lay(&w->view), true;
  case KEY_NOW:
    return w->next_ms = 0, true;
  case KEY_NONE:
    break;
  }
  return true;
}

/* For ever, where it waits for an answer: the calls have their own deadline. */
static int64_t time_left(const watch *w) {
  enum { HOUR_MS = 3600 * 1000 };
  int64_t left = w->next_ms - clock_ms(CLOCK_MONOTONIC);
  if (w->is_polling) return HOUR_MS;
  return left > 0 ? left : 0;
}

static void watch_live(watch *w) {
  screen_open(&w->terminal);
  bool goes_on = draw(w);
  while (goes_on) {
    key typed;
    screen_event event = screen_wait(poller_fd(w->poller), time_left(w), &typed);
    if (event == SCREEN_END) break;
    if (event == SCREEN_READABLE) end_poll(w);
    if (event == SCREEN_KEY && !obey(w, typed)) break;
    if (!w->is_polling && time_left(w) == 0) begin_poll(w);
    goes_on = draw(w);
  }
  screen_close();
}

/* ---- lines alone ---- */

static bool wait_for_poll(watch *w) {
  struct pollfd wait = {.fd = poller_fd(w->poller), .events = POLLIN};
  while (poll(&wait, 1, -1) < 0)
    continue;
  return end_poll(w);
}

static bool print_poll(const watch *w) {
  if (w->plan->is_json)
    print_json(w);
  else if (*w->failure)
    complain("%s: %s", w->plan->target, w->failure);
  else
    print_plain(w);
  return fflush(stdout) == 0;
}

static int watch_lines(watch *w) {
  for (long i = 1; print_poll(w) && i != w->plan->count; i++) {
    poll(NULL, 0, (int)time_left(w));
    begin_poll(w);
    wait_for_poll(w);
  }
  return *w->failure ? EXIT_CALL_FAILED : EXIT_DONE;
}

/* The first poll says whether there is anything to see. */
static int run(watch *w) {
  begin_poll(w);
  if (!wait_for_poll(w)) {
    complain("%s: %s", w->plan->target, w->failure);
    return EXIT_CALL_FAILED;
  }
  bool is_live = w->terminal.is_live && !w->plan->is_plain;
  if (!is_live) return watch_lines(w);
  watch_live(w);
  return EXIT_DONE;
}

int command_top(int argc, char **argv) {
  plan p = {.interval_ms = 1000, .timeout_ms = 10000, .max_sockets = 1000};
  int code = read_arguments(&p, argc, argv);
  if (code != EXIT_DONE) return code < 0 ? EXIT_DONE : code;
  watch w = {.plan = &p, .terminal = terminal_of(stdout), .view = {.order = p.order}};
  if (!w.terminal.is_live && !p.is_json && p.count == 0) p.count = 1;
  top_model_init(&w.now, (size_t)p.max_sockets);
  top_model_init(&w.before, (size_t)p.max_sockets);
  code = EXIT_USAGE;
  if (poller_new(&w.poller, &p.reach, p.target, p.timeout_ms, (size_t)p.max_sockets))
    code = run(&w);
  poller_free(w.poller);
  top_view_free(&w.view);
  top_model_free(&w.now);
  top_model_free(&w.before);
  screen_end();
  return code;
}
