/* ledger.c: the laws by name, and what is told when one is broken. */
#include "tests/sim/ledger.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TOLD_LAWS = 10, DESCRIPTION_BYTES = 65536 };

static const struct {
  const char *name, *sentence;
} laws[LEDGER_LAWS] = {
    [LAW_L1] = {"L1", "no call is without an end"},
    [LAW_L2] = {"L2", "no call ends twice"},
    [LAW_L3] = {"L3", "no call is executed twice, unless it is idempotent"},
    [LAW_L4] = {"L4", "no call ends OK that was not executed, or not with what its server said"},
    [LAW_L5] = {"L5", "no call is executed whose evidence says that it was not"},
    [LAW_L6] = {"L6", "no message, metadata or trailers are foreign or broken"},
    [LAW_L7] = {"L7", "no call lasts longer than its deadline allows, on either side"},
    [LAW_STREAMS] = {"STREAMS", "never more streams than the peer allows"},
    [LAW_WIRE] = {"WIRE", "no frame breaks the rules of HTTP/2, or what its peer allows"},
    [LAW_CONNECTIONS] = {"CONNECTIONS", "never more connections than the options allow"},
    [LAW_DIALS] = {"DIALS", "never more or earlier dials than options and backoff allow"},
    [LAW_PINGS] = {"PINGS", "no PING that a server with default settings would punish"},
    [LAW_CALM] = {"CALM", "nobody who keeps the rules is taken for a hostile peer"},
    [LAW_PLACES] = {"PLACES", "no call is put on a connection that drains or is suspect"},
    [LAW_WAITS] = {"WAITS", "nobody who waits is overtaken, waits in vain or must not wait"},
    [LAW_SILENCE] = {"SILENCE", "no connection outlives its silence, or the time to drain"},
    [LAW_UPKEEP] = {"UPKEEP", "who is old, worn or idle goes, and what is to be kept is there"},
    [LAW_RETRIES] = {"RETRIES", "what is proven unprocessed is tried again"},
    [LAW_RESETS] = {"RESETS", "streams are reset at a pace that peers bear"},
    [LAW_QUEUES] = {"QUEUES", "every queue is bounded"},
    [LAW_LEAKS] = {"LEAKS", "nothing is left when all is over"},
    [LAW_RECOVERY] = {"RECOVERY", "after the faults heal, calls succeed within a bound"},
    [LAW_COUNTS] = {"COUNTS", "figures add up, and are what happened"},
    [LAW_CALLBACKS] = {"CALLBACKS", "callbacks keep their promises"},
    [LAW_ANSWERS] = {"ANSWERS", "functions answer as their headers say"},
    [LAW_STORY] = {"STORY", "each call can say where its time went"},
    [LAW_CHECK] = {"CHECK", "objects agree with themselves between turns"},
};

static struct {
  const ledger_reader *reader;
  unsigned broken;
  uint64_t readings[LEDGER_LAWS];
  bool is_telling; /* what is asked for the story may break a law itself */
  bool is_impolite;
  gmux__list channels, servers;
} book;

const char *ledger_law_name(ledger_law_id law) {
  return laws[law].name;
}

const char *ledger_law_sentence(ledger_law_id law) {
  return laws[law].sentence;
}

uint64_t ledger_law_readings(ledger_law_id law) {
  return book.readings[law];
}

void ledger_open(const ledger_reader *reader) {
  book.reader = reader;
  book.broken = 0;
  book.is_telling = false;
  book.is_impolite = false;
  while (gmux__list_shift(&book.channels))
    ;
  while (gmux__list_shift(&book.servers))
    ;
}

unsigned ledger_broken(void) {
  return book.broken;
}

uint64_t ledger_now(void) {
  return book.reader->now_ns();
}

uint64_t ledger_due(uint64_t at_ns) {
  uint64_t stopped_ns = book.reader->stopped_until_ns ? book.reader->stopped_until_ns() : 0;
  return at_ns > stopped_ns ? at_ns : stopped_ns;
}

uint64_t ledger_heard(gmux__transport *transport) {
  return transport && book.reader->heard_ns ? book.reader->heard_ns(transport) : ledger_now();
}

gmux__list *ledger_channels(void) {
  return &book.channels;
}

gmux__list *ledger_servers(void) {
  return &book.servers;
}

bool ledger_is_impolite(void) {
  return book.is_impolite;
}

void ledger_note_impolite(void) {
  book.is_impolite = true;
}

/* ---- the story ---- */

static void tell_lines(const char *text) {
  while (*text) {
    size_t len = strcspn(text, "\n");
    printf("#   %.*s\n", (int)len, text);
    text += len + (text[len] == '\n');
  }
}

static void tell_call(const ledger_call *c) {
  gmux_call *call = c->handle ? *c->handle : NULL;
  gmux_call_explanation e = {.size = sizeof e};
  const char *story = c->story;
  if (c->ends == 0 && call && gmux_call_explain(call, &e) == 0) story = e.sentence;
  printf("# call %u%s: started at %llu us, executed %u times, %s: %s\n", c->id,
         c->is_idempotent ? " (idempotent)" : "", (unsigned long long)(c->started_ns / 1000),
         c->executed, c->ends ? gmux_code_str(c->code) : "not ended",
         *story ? story : "it can not say where it is");
}

/* Its connections with their last events. */
static void tell_channel(const ledger_channel *ch) {
  static char text[DESCRIPTION_BYTES];
  if (!ch->channel || !gmux_channel_describe(ch->channel, text, sizeof text)) return;
  printf("# channel %d:\n", ch->number);
  tell_lines(text);
}

static void be_inside(bool is_inside) {
  if (book.reader->be_inside) book.reader->be_inside(is_inside);
}

static void tell_all(const ledger_channel *ch, const ledger_call *c) {
  be_inside(true);
  if (c) tell_call(c);
  if (ch) tell_channel(ch);
  be_inside(false);
  fflush(stdout);
  if (book.reader->tell_notes) book.reader->tell_notes();
  if (book.reader->tell_replay) book.reader->tell_replay();
  fflush(stdout);
}

static void GMUX_PRINTF(2, 0) tell_law(ledger_law_id law, const char *format, va_list args) {
  uint64_t now_us = book.reader ? book.reader->now_ns() / 1000 : 0;
  printf("# LAW %s is broken at %llu.%03llu ms (%s): ", laws[law].name,
         (unsigned long long)(now_us / 1000), (unsigned long long)(now_us % 1000),
         laws[law].sentence);
  vprintf(format, args);
  printf("\n");
}

static void GMUX_PRINTF(4, 0) law_break(ledger_law_id law, const ledger_channel *ch,
                                        const ledger_call *c, const char *format, va_list args) {
  if (book.is_telling) return;
  book.is_telling = true;
  if (book.broken++ < TOLD_LAWS) tell_law(law, format, args);
  if (book.broken == 1 && book.reader) tell_all(ch, c);
  book.is_telling = false;
  if (book.reader && book.reader->on_broken) book.reader->on_broken(law, format);
}

void ledger_tell_crash(void) {
  if (book.is_telling || !book.reader) return;
  book.is_telling = true;
  book.broken++;
  printf("# LAW %s is broken, or worse: a crash (%s)\n", laws[LAW_CHECK].name,
         laws[LAW_CHECK].sentence);
  if (book.reader->tell_notes) book.reader->tell_notes();
  if (book.reader->tell_replay) book.reader->tell_replay();
  fflush(stdout);
}

/* ---- reading ---- */

bool ledger_law(ledger_law_id law, bool holds, const char *format, ...) {
  book.readings[law]++;
  if (holds) return true;
  va_list args;
  va_start(args, format);
  law_break(law, NULL, NULL, format, args);
  va_end(args);
  return false;
}

bool ledger_law_of_channel(const ledger_channel *channel, ledger_law_id law, bool holds,
                           const char *format, ...) {
  book.readings[law]++;
  if (holds) return true;
  va_list args;
  va_start(args, format);
  law_break(law, channel, NULL, format, args);
  va_end(args);
  return false;
}

bool ledger_law_of_call(const ledger_call *call, ledger_law_id law, bool holds, const char *format,
                        ...) {
  book.readings[law]++;
  if (holds) return true;
  va_list args;
  va_start(args, format);
  law_break(law, call ? call->channel : NULL, call, format, args);
  va_end(args);
  return false;
}
