/*
 * proxy_words.h: faults in words, as gmux-proxy takes them and the soak tells them.
 *
 *   delay=200 jitter=20 bandwidth=100000     both ways; "up.delay=200": towards the server only
 *   flow=stall  down.cut=reset@1000  corrupt=@5001  up.corrupt=1/1000000
 *   mute  refuse  limit=10  kill=0.01  kill=0.01:close  idle=2000  idle=2000:forget
 */
#ifndef TESTS_NET_PROXY_WORDS_H
#define TESTS_NET_PROXY_WORDS_H

#include "tests/net/proxy.h"

/* Adds the fault that the word names. False, and *faults as it was: why[] tells what is wrong. */
bool proxy_words_add(proxy_faults *faults, const char *word, char why[PROXY_WHY_BYTES]);

enum { PROXY_WORDS_BYTES = 384 };
/* All of them, so that the same words give the same faults; "no faults" when there are none. */
void proxy_words_write(const proxy_faults *faults, char text[PROXY_WORDS_BYTES]);

bool proxy_words_act(proxy_act *act, const char *word);
/* A number in decimal and nothing else. */
bool proxy_words_number(uint64_t *number, const char *word);

#endif
