/* cover.c: counting what storms have covered, and saying what they have not. */
#include "tests/sim/cover.h"
#include "lib/base/machine.h"
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Declared here and not by their headers, which no one file may include: client and server each
 * have a call.h with names of its own, and nghttp2.h is lib/h2's. */
extern const gmux__machine gmux__channel_machine, gmux__connector_machine, gmux__line_machine,
    gmux__call_machine, gmux__conn_machine, gmux__seat_machine, gmux__send_machine,
    gmux__recv_machine, gmux__server_machine, gmux__server_conn_machine, gmux__server_call_machine;

static const gmux__machine *const machines[COVER_MACHINES] = {
    &gmux__channel_machine,     &gmux__connector_machine,  &gmux__line_machine,
    &gmux__call_machine,        &gmux__conn_machine,       &gmux__seat_machine,
    &gmux__send_machine,        &gmux__recv_machine,       &gmux__server_machine,
    &gmux__server_conn_machine, &gmux__server_call_machine};

static cover running;

/* ---- counting ---- */

static size_t index_of(const gmux__machine *machine) {
  for (size_t i = 0; i < COVER_MACHINES; i++)
    if (machines[i] == machine) return i;
  fprintf(stderr, "cover.c does not know the machine of: %s\n", machine->name);
  abort();
}

static void on_step(const gmux__machine *machine, unsigned from, unsigned to) {
  running.steps[index_of(machine)][from][to]++;
}

void cover_install(void) {
  for (size_t i = 0; i < COVER_MACHINES; i++)
    assert(machines[i]->count <= COVER_STATES);
  gmux__machine_observe = on_step;
}

void cover_count_seed(uint64_t calls, const uint64_t *faults, size_t fault_kinds) {
  assert(fault_kinds <= COVER_FAULTS);
  running.seeds++;
  running.calls += calls;
  for (size_t i = 0; i < fault_kinds; i++)
    running.faults[i] += faults[i];
}

void cover_take(cover *out) {
  *out = running;
  memset(&running, 0, sizeof running);
}

void cover_add(cover *sum, const cover *more) {
  sum->seeds += more->seeds;
  sum->calls += more->calls;
  for (size_t i = 0; i < COVER_FAULTS; i++)
    sum->faults[i] += more->faults[i];
  for (size_t m = 0; m < COVER_MACHINES; m++)
    for (size_t from = 0; from < COVER_STATES; from++)
      for (size_t to = 0; to < COVER_STATES; to++)
        sum->steps[m][from][to] += more->steps[m][from][to];
}

/* ---- saying it ---- */

/* Of a legal step. */
typedef void step_visitor(const gmux__machine *machine, unsigned from, unsigned to, uint64_t count,
                          void *arg);

static void visit_steps_of(const cover *sum, size_t m, step_visitor *visit, void *arg) {
  for (unsigned from = 0; from < machines[m]->count; from++)
    for (unsigned to = 0; to < machines[m]->count; to++)
      if (gmux__machine_may(machines[m], from, to))
        visit(machines[m], from, to, sum->steps[m][from][to], arg);
}

static void print_step(const gmux__machine *machine, unsigned from, unsigned to, uint64_t count,
                       void *arg) {
  fprintf(arg, "%12" PRIu64 "  %s: %s -> %s\n", count, machine->name, machine->states[from],
          machine->states[to]);
}

static void print_missing_step(const gmux__machine *machine, unsigned from, unsigned to,
                               uint64_t count, void *arg) {
  if (count == 0)
    fprintf(arg, "  %s: %s -> %s\n", machine->name, machine->states[from], machine->states[to]);
}

static void count_missing_step(const gmux__machine *machine, unsigned from, unsigned to,
                               uint64_t count, void *arg) {
  (void)machine, (void)from, (void)to;
  size_t *missing = arg;
  *missing += count == 0;
}

static void print_faults(const cover *sum, const cover_faults *faults, FILE *out) {
  for (size_t i = 0; i < faults->count; i++)
    fprintf(out, "%12" PRIu64 "  %s\n", sum->faults[i], faults->str(i));
}

void cover_print_missing(const cover *sum, const cover_faults *faults, FILE *out) {
  fprintf(out, "never in these seeds:%s\n", cover_missing(sum, faults) ? "" : " nothing");
  for (size_t i = 0; i < faults->count; i++)
    if (sum->faults[i] == 0) fprintf(out, "  fault: %s\n", faults->str(i));
  for (size_t m = 0; m < COVER_MACHINES; m++)
    visit_steps_of(sum, m, print_missing_step, out);
}

void cover_print(const cover *sum, const cover_faults *faults, FILE *out) {
  fprintf(out, "%" PRIu64 " seeds, %" PRIu64 " calls\n", sum->seeds, sum->calls);
  fprintf(out, "faults:\n");
  print_faults(sum, faults, out);
  fprintf(out, "steps of the library's states:\n");
  for (size_t m = 0; m < COVER_MACHINES; m++)
    visit_steps_of(sum, m, print_step, out);
  cover_print_missing(sum, faults, out);
}

size_t cover_missing(const cover *sum, const cover_faults *faults) {
  size_t missing = 0;
  for (size_t i = 0; i < faults->count; i++)
    missing += sum->faults[i] == 0;
  for (size_t m = 0; m < COVER_MACHINES; m++)
    visit_steps_of(sum, m, count_missing_step, &missing);
  return missing;
}
