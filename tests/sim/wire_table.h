/*
 * wire_table.h: rows of what a misbehaving server says, tried one after the other on one channel
 * with one connection.
 */
#ifndef TESTS_SIM_WIRE_TABLE_H
#define TESTS_SIM_WIRE_TABLE_H

#include "tests/unit/client/world.h"

enum { HEAD = RAW_END_HEADERS, LAST = RAW_END_HEADERS | RAW_END_STREAM };

/* The channel and its connection. Rows that are refused are not to be sent again. */
void table_open(void);

/* A call of this kind, its request written whole; `stream` is what it came on. */
tcall *table_call(gmux_method_kind kind, uint32_t *stream);
extern rawpeer *table_peer;

/* The call has ended once, with this code and text, and `log` (NULL: any) before; what was wrong is
 * printed with the row's name. */
void table_expect(const char *name, const tcall *t, gmux_code code, const char *text,
                  const char *log);
void table_check(bool ok, const char *name, const char *what);
/* The code of our RST_STREAM; -1: there is none. */
int64_t table_rst(uint32_t stream);
/* The same connection takes another call, which succeeds. */
void table_goes_on(const char *name);

#endif
