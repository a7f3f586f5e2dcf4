/*
 * interop_flags.h: the values of flags as interop programs write them. Each function says on stderr
 * what is wrong and returns false.
 */
#ifndef TESTS_INTEROP_INTEROP_FLAGS_H
#define TESTS_INTEROP_INTEROP_FLAGS_H

#include <gmux/api.h>
#include <stdbool.h>

bool interop_flag_wrong(const char *format, ...) GMUX_PRINTF(1, 2);
/* A decimal number and nothing else. */
bool interop_flag_number(const char *name, const char *text, uint32_t min, uint32_t max,
                         uint32_t *out);
/* "true" or "false", "1" or "0", and what else gflags and absl take; NULL, the flag alone, is true.
 */
bool interop_flag_bool(const char *name, const char *text, bool *out);

/* The credentials that make left in the build directory (make-credentials). */
#define INTEROP_CA_FILE   INTEROP_CREDENTIALS "/ca.pem"
#define INTEROP_CERT_FILE INTEROP_CREDENTIALS "/server.pem"
#define INTEROP_KEY_FILE  INTEROP_CREDENTIALS "/server.key"
/* The value of a flag that names a file: as it was given, else FILE, which must be there. */
bool interop_flag_credential(const char *name, const char *file, const char **value);

#endif
