/* ledger.c: what servers have executed. */
#include "tests/net/ledger.h"
#include "tests/net/laws.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct ledger {
  atomic_uint executed[LEDGER_ENTRIES];
  atomic_uint to_hold;
  sem_t held;
} * ledger;
static unsigned entries; /* so far */

void ledger_open(void) {
  ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CU_ASSERT_FATAL(ledger != MAP_FAILED);
  sem_init(&ledger->held, 1, 0);
  entries = 0;
}

void ledger_close(void) {
  sem_destroy(&ledger->held);
  munmap(ledger, sizeof *ledger);
}

/* ---- the server ---- */

/* Of the server in this process. */
static struct {
  gmux_server_call *calls[LEDGER_ENTRIES];
  unsigned count;
} held;

static void answer(gmux_server_call *call) {
  gmux_bytes message = gmux_bytes_borrow("entered", 7);
  gmux_server_call_reply(call, &message);
}

static void on_enter(gmux_server_call *call, gmux_bytes *request, void *user_data) {
  (void)user_data;
  unsigned number;
  memcpy(&number, request->data, sizeof number);
  atomic_fetch_add(&ledger->executed[number], 1);
  if (atomic_load(&ledger->to_hold) == 0) {
    answer(call);
    return;
  }
  atomic_fetch_sub(&ledger->to_hold, 1);
  held.calls[held.count++] = gmux_server_call_ref(call);
  sem_post(&ledger->held);
}

int ledger_serve(gmux_server *server) {
  return gmux_server_add_unary(server, LEDGER_ENTER, on_enter, NULL);
}

void ledger_hold(unsigned count) {
  atomic_store(&ledger->to_hold, count);
}

void ledger_await_held(unsigned count) {
  while (count-- > 0)
    kit_wait(&ledger->held);
}

void ledger_answer_held(void) {
  while (held.count > 0) {
    gmux_server_call *call = held.calls[--held.count];
    answer(call);
    gmux_server_call_unref(call);
  }
}

/* ---- the client ---- */

static void on_done(gmux_call *call, const gmux_status *status, gmux_bytes *reply,
                    const gmux_metadata *trailers, void *user_data) {
  (void)reply, (void)trailers;
  ledger_entry *entry = user_data;
  CU_ASSERT_FALSE(atomic_load(&entry->is_over));
  entry->code = status->code;
  entry->evidence = gmux_call_get_evidence(call);
  snprintf(entry->words, sizeof entry->words, "%s", status->message);
  atomic_store(&entry->is_over, true);
  sem_post(&entry->end);
}

void ledger_start(ledger_entry *entry, gmux_channel *channel, const gmux_call_options *options,
                  size_t padding) {
  CU_ASSERT_FATAL(entries < LEDGER_ENTRIES);
  *entry = (ledger_entry){.number = entries++, .is_idempotent = options && options->idempotent};
  sem_init(&entry->end, 0, 0);
  size_t len = sizeof entry->number + padding;
  void *text = calloc(1, len);
  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  memcpy(text, &entry->number, sizeof entry->number);
  gmux_bytes request = gmux_bytes_borrow(text, len);
  gmux_method *method = kit_method(LEDGER_ENTER, GMUX_UNARY);
  CU_ASSERT_EQUAL_FATAL(
      gmux_call_unary_start(NULL, channel, method, options, &request, on_done, entry), 0);
  gmux_method_free(method);
  free(text);
}

gmux_code ledger_wait(ledger_entry *entry) {
  kit_wait(&entry->end);
  sem_destroy(&entry->end);
  return entry->code;
}

gmux_code ledger_enter(ledger_entry *entry, gmux_channel *channel, unsigned timeout_ms) {
  gmux_call_options o;
  gmux_call_options_init(&o, sizeof o);
  if (timeout_ms) o.timeout_ms = timeout_ms;
  ledger_start(entry, channel, &o, 0);
  return ledger_wait(entry);
}

unsigned ledger_executed(const ledger_entry *entry) {
  return atomic_load(&ledger->executed[entry->number]);
}

void ledger_check(const ledger_entry *entry) {
  law_facts facts = {.ends =
                         atomic_load(&entry->is_over) ? 1 : 0, /* a second one fails by itself */
                     .executed = ledger_executed(entry),
                     .is_idempotent = entry->is_idempotent,
                     .code = entry->code,
                     .evidence = entry->evidence};
  const char *broken = law_broken(&facts, 0);
  if (broken) printf("# %s\n", broken);
  CU_ASSERT_PTR_NULL(broken);
}
