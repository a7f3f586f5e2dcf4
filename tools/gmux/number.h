/* number.h: numbers as JSON writes them. */
#ifndef TOOL_NUMBER_H
#define TOOL_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum number_result {
  NUMBER_OK,
  NUMBER_MALFORMED,
  NUMBER_FRACTION, /* of an integer */
  NUMBER_RANGE
} number_result;

/* Exact, whatever its notation: 1.5e1 is 15. */
number_result number_read_int(const char *text, size_t len, int64_t min, int64_t max,
                              int64_t *value);
number_result number_read_uint(const char *text, size_t len, uint64_t max, uint64_t *value);
/* Rounded to the nearest. "NaN", "Infinity" and "-Infinity" are no numbers here. */
number_result number_read_double(const char *text, size_t len, double *value);
number_result number_read_float(const char *text, size_t len, float *value);

/* The fewest digits that read back as the same; finite. */
enum { NUMBER_ROOM = 48 };
void number_write_double(char out[NUMBER_ROOM], double value);
void number_write_float(char out[NUMBER_ROOM], float value);

#endif
