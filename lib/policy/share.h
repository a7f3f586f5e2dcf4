/*
 * share.h: how much of a turn of the loop one connection may have.
 *
 * What reading costs is not the bytes but the frames in them: 64 KiB are four frames of DATA, or
 * thousands of PINGs and requests, each with work of its own. So it is frames that are counted:
 * with as many in a turn others get theirs. And since what was read must be worked off, the next
 * read is given only the room that as many frames have needed lately. It is large only for who
 * sends DATA that a stream takes.
 *
 * Both begin small, and grow with each turn that has used them up: the handlers of a hundred calls
 * may have more to do than a turn is to take, and who comes back whenever it was thrown out would
 * else have a whole share each time.
 *
 * A peer whose patience is half used up (abuse.h) is read in crumbs: whoever attacks with many
 * connections, or comes back as soon as it was ended, takes the less from others.
 */
#ifndef GMUX__POLICY_SHARE_H
#define GMUX__POLICY_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one read has brought. */
typedef struct gmux__portion {
  size_t bytes, data_bytes; /* data: of messages, for streams that take them */
  uint32_t frames;          /* one that made us answer an offence counts as several */
  uint32_t data_frames;     /* beside them: DATA */
} gmux__portion;
enum {
  GMUX__PORTION_OFFENCE = 3, /* frames more: a stream is made, reset and forgotten */
  GMUX__PORTION_DATA = 4     /* so many of DATA cost at most as much as one that begins a call */
};

typedef struct gmux__share {
  uint32_t frames_a_turn;
  uint32_t allowed; /* in this turn: frames, at most frames_a_turn */
  uint32_t frames;  /* that came in this turn */
  size_t room;      /* of the next read, bytes */
} gmux__share;

enum {
  GMUX__SHARE_OF_CLIENT = 128, /* 100 calls with a message each: 0.1 ms or two */
  GMUX__SHARE_OF_SERVER = 512  /* a client has few connections, and has asked for what comes */
};

/* `frames_a_turn` >= 1, of a peer that is a client or a server. */
void gmux__share_init(gmux__share *share, uint32_t frames_a_turn);
/* A turn begins for this connection. */
void gmux__share_begin(gmux__share *share);
/* Bytes to read now, at most `most`, which is the same each time. */
size_t gmux__share_room(gmux__share *share, size_t most);
/* `is_wary`: of a peer that is near its limits. True: it may read once more in this turn. */
bool gmux__share_read(gmux__share *share, const gmux__portion *portion, bool is_wary);

#endif
