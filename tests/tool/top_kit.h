/* top_kit.h: answers of a server that is not there. */
#ifndef TESTS_TOOL_TOP_KIT_H
#define TESTS_TOOL_TOP_KIT_H

#include "tests/unit/harness.h"
#include "tools/gmux/top_model.h"

/* What it has. Numbers: servers from 1, channels from 101, their subchannels from 201, the sockets
 * of a server from 1001, of a subchannel from 5001. */
typedef struct fake {
  size_t servers, channels; /* channels: each with one subchannel, which has one socket */
  size_t sockets;           /* of the first server */
  size_t page;              /* what it gives at most */
  int64_t calls;            /* of each server and channel; streams of each socket */
  char name[160];           /* of everything */
  size_t asked;             /* how often */
} fake;

/* One poll. */
void fake_poll(fake *f, top_model *m, uint64_t now_ns);

#endif
