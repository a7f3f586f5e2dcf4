/*
 * bytes.h: a run of bytes, and who frees it.
 *
 * gmux_bytes is a plain value. `release` says whose the memory is:
 *   NULL      borrowed: valid only as long as the function or callback that it was passed to runs;
 *             whoever wants to keep it copies it (gmux_bytes_take does).
 *   not NULL  owned by this value: release(release_arg, data, len) is called exactly once, by
 *             whoever ends up with the value.
 * A function that takes ownership does so only on success: it then leaves the caller's value empty,
 * so that a gmux_bytes_release of it does no harm. A borrowed value it copies and leaves as it was,
 * to be used again. On failure nothing has changed hands.
 *
 * Any thread, but one at a time for a value.
 */
#ifndef GMUX_BYTES_H
#define GMUX_BYTES_H

#include <gmux/api.h>

GMUX_BEGIN_DECLS

/* Gives memory back, and does nothing else: it may be called on the loop's thread, after the
 * function that took the bytes has returned, in the middle of a write of the connection. So it must
 * not use a channel, a call or a server; what is to follow goes through gmux_loop_post. */
typedef void (*gmux_release_fn)(void *release_arg, const uint8_t *data, size_t len);

typedef struct gmux_bytes {
  const uint8_t *data; /* not terminated by a zero; may be NULL when len is 0 */
  size_t len;
  gmux_release_fn release;
  void *release_arg;
} gmux_bytes;

/* Borrowed bytes: nothing is copied, nothing will be freed. */
GMUX_API gmux_bytes gmux_bytes_borrow(const void *data, size_t len);

/* A copy of `len` bytes in *out, owned. GMUX_ERR_NOMEM; GMUX_ERR_INVALID for a NULL (data may be
 * NULL when len is 0). */
GMUX_API int gmux_bytes_copy(gmux_bytes *out, const void *data, size_t len);

/* Takes over a buffer that came from gmux_malloc; it is freed with gmux_free. */
GMUX_API gmux_bytes gmux_bytes_own(void *data, size_t len);

/* Takes over any buffer with the function that gives it back. */
GMUX_API gmux_bytes gmux_bytes_wrap(const void *data, size_t len, gmux_release_fn release,
                                    void *release_arg);

/*
 * Moves *from into *out for keeps: owned bytes change hands and *from is empty afterwards, borrowed
 * ones are copied and stay. GMUX_ERR_NOMEM, GMUX_ERR_INVALID for a NULL: *from is as it was. `out`
 * may be `from`: then what was borrowed is owned.
 */
GMUX_API int gmux_bytes_take(gmux_bytes *out, gmux_bytes *from);

/* Gives owned bytes back and leaves *bytes empty; does nothing to borrowed or empty ones, or to
 * NULL. */
GMUX_API void gmux_bytes_release(gmux_bytes *bytes);

GMUX_END_DECLS

#endif
