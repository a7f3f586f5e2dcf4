/*
 * fuzz.h: what the fuzz targets share.
 *
 * A target is one file, fuzz_NAME.c, that defines LLVMFuzzerTestOneInput. It decodes the input into
 * something to do, does it, and requires what has to hold for any input at all. The same file is
 * linked into two programs: fuzz-NAME, where libFuzzer or AFL++ makes the inputs up (configure
 * --enable-fuzz), and replay-NAME, which is a test of `make check` and knows the inputs of
 * tests/fuzz/corpus/NAME and tests/fuzz/found/NAME.
 *
 * The same input must always take the same way: no clock, no randomness but from the input, and
 * nothing left over from the input before.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "tests/unit/memory.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Optional: once, before the first input. Returns 0. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Ends the program, with the law and its place, if the law does not hold. */
#define FUZZ_REQUIRE(law) ((law) ? (void)0 : fuzz_broken(#law, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *law, const char *file, int line);

/*
 * Around each input. fuzz_begin installs the allocator that counts and fails (memory.h) the first
 * time; fuzz_end requires that as many blocks live as at fuzz_begin and returns 0, so that a target
 * can end with `return fuzz_end();`. An armed failure is disarmed by both.
 */
void fuzz_begin(void);
int fuzz_end(void);

/* gmux_last_error(): forgotten, and then whether a function has left a sentence since. */
void fuzz_forget_words(void);
bool fuzz_has_words(void);

/* The input, eaten from the front. What is not there any more reads as zero. */
typedef struct fuzz_input {
  const uint8_t *data;
  size_t len;
} fuzz_input;

uint8_t fuzz_u8(fuzz_input *in);
uint16_t fuzz_u16(fuzz_input *in); /* big-endian, as are all */
uint32_t fuzz_u32(fuzz_input *in);
uint64_t fuzz_u64(fuzz_input *in);
/* The next `len` bytes, or as many as are left. */
fuzz_input fuzz_take(fuzz_input *in, size_t len);
/* A copy of `bytes` in memory of its own and exactly its size, so that a read past its end is seen;
 * the string has a zero behind it. For free(). */
uint8_t *fuzz_copy(fuzz_input bytes);
char *fuzz_string(fuzz_input bytes);

#endif
