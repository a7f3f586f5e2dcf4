/* ceiling.h: what the two halves of the ceiling test share. */
#ifndef TESTS_SIM_CEILING_H
#define TESTS_SIM_CEILING_H

#include <stdbool.h>

/* A line of TAP. */
void ceiling_tell(bool holds, const char *what);
/* `error` is one of a function that has to succeed for the test to mean anything. */
void ceiling_need(int error, const char *what);

/* ceiling_server.c */
void ceiling_of_a_server(void);

#endif
