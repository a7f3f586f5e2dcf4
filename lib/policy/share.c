/* share.c: how much of a turn of the loop one connection may have. */
#include "lib/policy/share.h"

enum {
  FRAMES_WARY = 16,
  ROOM_FIRST = 8 << 10,
  ROOM_LEAST = 512,         /* some tens of the smallest frames */
  ROOM_MOST = INT32_MAX / 2 /* the buffer is the limit */
};

void gmux__share_init(gmux__share *share, uint32_t frames_a_turn) {
  *share = (gmux__share){.frames_a_turn = frames_a_turn, .room = ROOM_FIRST};
}

void gmux__share_begin(gmux__share *share) {
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

static size_t room_after(const gmux__share *share, const gmux__portion *p, uint32_t allowed) {
  uint32_t frames = frames_of(p);
  if (frames > allowed)
    return clamp((size_t)((uint64_t)p->bytes * allowed / frames), ROOM_LEAST, ROOM_MOST);
  if (frames > allowed / 2 || p->bytes < share->room) return share->room;
  size_t most = p->data_bytes > p->bytes / 2 ? ROOM_MOST : ROOM_FIRST;
  return clamp(2 * share->room, ROOM_LEAST, most);
}

bool gmux__share_read(gmux__share *share, const gmux__portion *portion, bool is_wary) {
  uint32_t allowed = is_wary ? FRAMES_WARY : share->frames_a_turn;
  share->frames += frames_of(portion);
  share->room = room_after(share, portion, allowed);
  return share->frames < allowed;
}
