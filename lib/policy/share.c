/* share.c: how much of a turn of the loop one connection may have. */
#include "lib/policy/share.h"

enum {
  FRAMES_FIRST = 16, /* a hundred calls at once take four turns, and only once */
  FRAMES_WARY = 16,
  ROOM_LEAST = 512,         /* some tens of the smallest frames */
  ROOM_FIRST = 1 << 10,     /* a hundred of them, or a greeting with some calls */
  ROOM_OF_FRAMES = 8 << 10, /* where most of it is no DATA */
  ROOM_MOST = INT32_MAX / 2 /* the buffer is the limit */
};

static uint32_t least(uint32_t a, uint32_t b) {
  return a < b ? a : b;
}

void gmux__share_init(gmux__share *share, uint32_t frames_a_turn) {
  *share = (gmux__share){.frames_a_turn = frames_a_turn,
                         .allowed = least(FRAMES_FIRST, frames_a_turn),
                         .room = ROOM_FIRST};
}

void gmux__share_begin(gmux__share *share) {
  if (share->frames >= share->allowed)
    share->allowed = least(2 * share->allowed, share->frames_a_turn);
  share->frames = 0;
}

size_t gmux__share_room(gmux__share *share, size_t most) {
  if (share->room > most) share->room = most;
  return share->room;
}

static size_t clamp(size_t room, size_t least, size_t most) {
  return room < least ? least : room > most ? most : room;
}

static uint32_t frames_of(const gmux__portion *p) {
  return p->frames + p->data_frames / GMUX__PORTION_DATA;
}

/* The room in which as many frames as are allowed would have come; at most twice as much as now,
 * since what comes next may be smaller. A read that was not full says nothing of what fits. */
static size_t room_after(const gmux__share *share, const gmux__portion *p, uint32_t allowed) {
  uint32_t frames = frames_of(p);
  if (frames <= allowed && p->bytes < share->room) return share->room;
  size_t fit = frames ? (size_t)((uint64_t)p->bytes * allowed / frames) : ROOM_MOST;
  if (frames > allowed) return clamp(fit, ROOM_LEAST, ROOM_MOST);
  size_t most = p->data_bytes > p->bytes / 2 ? ROOM_MOST : ROOM_OF_FRAMES;
  return clamp(fit < 2 * share->room ? fit : 2 * share->room, ROOM_LEAST, most);
}

bool gmux__share_read(gmux__share *share, const gmux__portion *portion, bool is_wary) {
  uint32_t allowed = is_wary ? least(FRAMES_WARY, share->allowed) : share->allowed;
  share->frames += frames_of(portion);
  share->room = room_after(share, portion, allowed);
  return share->frames < allowed;
}
