/*
 * law.h: what must hold whatever the input is, where FUZZ_REQUIRE would say too little of it.
 *
 * A law that is broken ends the process, so that the fuzzer keeps the input. With GMUX_FUZZ_STORY
 * in the environment each step is told on stderr: that is how a found input is read.
 */
#ifndef TESTS_FUZZ_LAW_H
#define TESTS_FUZZ_LAW_H

#include <gmux/api.h>
#include <stdbool.h>

void fuzz_law(bool holds, const char *format, ...) GMUX_PRINTF(2, 3);

bool fuzz_tells(void);
void fuzz_tell(const char *format, ...) GMUX_PRINTF(1, 2);
#define fuzz_note(...) (fuzz_tells() ? fuzz_tell(__VA_ARGS__) : (void)0)

/* Around every function of the library: no handler may come from inside one. */
extern unsigned fuzz_in_api;
static inline void fuzz_api_enter(void) {
  fuzz_in_api++;
}
static inline int fuzz_api_leave(int result) {
  fuzz_in_api--;
  return result;
}
#define FUZZ_API(call)  (fuzz_api_enter(), fuzz_api_leave(call))
#define FUZZ_VOID(call) (fuzz_api_enter(), (call), (void)fuzz_api_leave(0))

/* ---- memory, beside what fuzz.h says of it ---- */

/* Around each input: fuzz_begin and fuzz_end, and what is counted here. */
void fuzz_memory_begin(void);
void fuzz_memory_end(void);
/* The n-th allocation from now (1 is the next) fails, once; 0: none will. */
void fuzz_memory_fail_at(size_t n);
/* Whether one ever failed since begin: then GMUX_ERR_NOMEM is an answer. */
bool fuzz_memory_has_failed(void);

#endif
