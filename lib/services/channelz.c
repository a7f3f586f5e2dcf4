/* channelz.c: the list of what is shown. */
#include "lib/services/channelz.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"

/* ---- holds ---- */

void gmux__channelz_hold(gmux_channelz *z) {
  z->locked.holds++;
}

static void channelz_destroy(gmux_channelz *z) {
  gmux__lock_free(z->lock);
  gmux__free(z);
}

void gmux__channelz_release(gmux_channelz *z) {
  gmux__lock_take(z->lock);
  bool was_last = --z->locked.holds == 0;
  gmux__lock_give(z->lock);
  if (was_last) channelz_destroy(z);
}

/* ---- looking up ---- */

static gmux__channelz_entry *entry_of(gmux__link *link) {
  return gmux__container(link, gmux__channelz_entry, link);
}

gmux__channelz_entry *gmux__channelz_from(gmux_channelz *z, uint64_t id, bool is_channel) {
  for (gmux__link *l = z->locked.entries.first; l; l = l->next) {
    gmux__channelz_entry *entry = entry_of(l);
    if (entry->id >= id && entry->lanes > 0 && (entry->channel != NULL) == is_channel) return entry;
  }
  return NULL;
}

gmux__channelz_entry *gmux__channelz_find(gmux_channelz *z, uint64_t id) {
  for (gmux__link *l = z->locked.entries.first; l; l = l->next)
    if (entry_of(l)->id == id) return entry_of(l);
  return NULL;
}

/* ---- coming and going, on the object's loop ---- */

static void entry_leave(gmux__channelz_entry *entry) {
  gmux_channelz *z = entry->z;
  gmux__lock_take(z->lock);
  gmux__list_remove(&entry->link);
  gmux__lock_give(z->lock);
  gmux__free(entry);
  gmux__channelz_release(z);
}

static void entry_on_farewell(gmux__farewell *farewell) {
  entry_leave(gmux__container(farewell, gmux__channelz_entry, farewell));
}

/* NULL: the object is closed already. */
static gmux__list *entry_farewells(const gmux__channelz_entry *entry) {
  gmux_channel *channel = entry->channel;
  gmux_server *server = entry->server;
  if (channel)
    return channel->loop_only.state == GMUX_CHANNEL_SHUTDOWN ? NULL : &channel->loop_only.farewells;
  return server->loop_only.state == GMUX__SERVER_CLOSED ? NULL : &server->loop_only.farewells;
}

static void entry_join(gmux__channelz_entry *entry) {
  gmux__list *farewells = entry_farewells(entry);
  if (farewells)
    gmux__list_append(farewells, &entry->farewell.link);
  else
    entry_leave(entry);
}

/* A server is freed by a post behind this one; a channel may be freed ahead of it by its loop. */
static void entry_post(gmux__channelz_entry *entry) {
  if (entry->channel) gmux__channel_hold(entry->channel);
  gmux__loop_post(entry->loop, &entry->post);
}

static void entry_on_post(gmux__post *post) {
  gmux__channelz_entry *entry = gmux__container(post, gmux__channelz_entry, post);
  gmux_channel *channel = entry->channel;
  entry_join(entry);
  if (channel) gmux__channel_release(channel);
}

/* ---- the application's side ---- */

int gmux_channelz_new(gmux_channelz **out) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "gmux_channelz_new: out is NULL");
  gmux_channelz *z = gmux__calloc(1, sizeof *z);
  if (!z) return gmux__fail_code(GMUX_ERR_NOMEM);
  int error = gmux__lock_new(&z->lock);
  if (error) {
    channelz_destroy(z);
    return error;
  }
  z->locked.holds = 1;
  *out = z;
  return 0;
}

void gmux_channelz_free(gmux_channelz *z) {
  if (z) gmux__channelz_release(z);
}

/* With the lock held. The post leaves before anybody can find the entry, so it reaches the loop
 * before the first question. */
static void entry_enter(gmux__channelz_entry *entry, bool is_posted) {
  gmux_channelz *z = entry->z;
  entry->id = ++z->locked.last_id;
  gmux__channelz_hold(z);
  gmux__list_append(&z->locked.entries, &entry->link);
  if (is_posted) entry_post(entry);
}

/* All of them, or none: there are not as many numbers left. */
static bool channelz_append(gmux_channelz *z, gmux__list *entries, bool is_posted) {
  gmux__lock_take(z->lock);
  bool has_numbers = z->locked.last_id + entries->count <= GMUX__CHANNELZ_ENTRIES_MAX;
  gmux__link *l;
  while (has_numbers && (l = gmux__list_shift(entries)))
    entry_enter(entry_of(l), is_posted);
  gmux__lock_give(z->lock);
  return has_numbers;
}

static gmux__channelz_entry *entry_new(gmux_channelz *z, gmux_loop *loop) {
  gmux__channelz_entry *entry = gmux__calloc(1, sizeof *entry);
  if (!entry) return NULL;
  entry->z = z;
  entry->loop = loop;
  entry->lanes = 1;
  entry->post.fn = entry_on_post;
  entry->farewell.fn = entry_on_farewell;
  return entry;
}

static void entries_free(gmux__list *entries) {
  for (gmux__link *l = gmux__list_shift(entries); l; l = gmux__list_shift(entries))
    gmux__free(entry_of(l));
}

static int fail_without_number(void) {
  return gmux__fail(GMUX_ERR_TOO_LARGE, "channelz has shown %d objects, and has no number left",
                    GMUX__CHANNELZ_ENTRIES_MAX);
}

static int channelz_add(gmux_channelz *z, gmux_channel *channel, gmux_server *server,
                        gmux_loop *loop) {
  gmux__list entries = {NULL, NULL, 0};
  gmux__channelz_entry *entry = entry_new(z, loop);
  if (!entry) return gmux__fail_code(GMUX_ERR_NOMEM);
  entry->channel = channel;
  entry->server = server;
  gmux__list_append(&entries, &entry->link);
  bool is_inside = gmux_loop_is_inside(loop);
  if (!channelz_append(z, &entries, !is_inside)) {
    entries_free(&entries);
    return fail_without_number();
  }
  if (is_inside) entry_join(entry);
  return 0;
}

/* What is on several loops is shown on all of them or on none. */
static int channelz_add_all(gmux_channelz *z, gmux__list *entries, int error) {
  if (!error && !channelz_append(z, entries, true)) error = fail_without_number();
  if (error) entries_free(entries);
  return error;
}

static int channelz_add_front(gmux_channelz *z, const gmux__front *front) {
  gmux__list entries = {NULL, NULL, 0};
  int error = 0;
  for (size_t i = 0; i < front->count; i++) {
    gmux__channelz_entry *entry = entry_new(z, front->lanes[i].channel->loop);
    if (!entry) {
      error = gmux__fail_code(GMUX_ERR_NOMEM);
      break;
    }
    entry->channel = front->lanes[i].channel;
    entry->lanes = i == 0 ? front->count : 0;
    gmux__list_append(&entries, &entry->link);
  }
  return channelz_add_all(z, &entries, error);
}

static int channelz_add_server_front(gmux_channelz *z, const gmux__server_front *front) {
  gmux__list entries = {NULL, NULL, 0};
  int error = 0;
  for (size_t i = 0; i < front->count; i++) {
    gmux__channelz_entry *entry = entry_new(z, front->lanes[i].loop);
    if (!entry) {
      error = gmux__fail_code(GMUX_ERR_NOMEM);
      break;
    }
    entry->server = front->lanes[i].server;
    gmux__list_append(&entries, &entry->link);
  }
  return channelz_add_all(z, &entries, error);
}

int gmux_channelz_add_channel(gmux_channelz *z, gmux_channel *channel) {
  if (!z || !channel)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channelz_add_channel: %s is NULL",
                      z ? "channel" : "z");
  if (channel->front) return channelz_add_front(z, channel->front);
  return channelz_add(z, channel, NULL, channel->loop);
}

int gmux_channelz_add_server(gmux_channelz *z, gmux_server *server) {
  if (!z || !server)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_channelz_add_server: %s is NULL", z ? "server" : "z");
  if (server->front) return channelz_add_server_front(z, server->front);
  return channelz_add(z, NULL, server, server->loop);
}
