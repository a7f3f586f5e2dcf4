/* health.c: the statuses of a gmux_health. */
#include "lib/services/health.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include <assert.h>
#include <string.h>

/* ---- life ---- */

static void entries_free(gmux__health_entry *entry) {
  while (entry) {
    gmux__health_entry *next = entry->next;
    gmux__free(entry);
    entry = next;
  }
}

void gmux__health_release(gmux_health *health) {
  if (atomic_fetch_sub(&health->holds, 1) != 1) return;
  assert(gmux__list_is_empty(&health->locked.listeners));
  gmux__map_deinit(&health->locked.by_name);
  entries_free(atomic_load(&health->youngest));
  gmux__lock_free(health->lock);
  gmux__free(health);
}

int gmux_health_new(gmux_health **out) {
  if (!out) return gmux__fail(GMUX_ERR_INVALID, "gmux_health_new: out is NULL");
  gmux_health *health = gmux__calloc(1, sizeof *health);
  if (!health) return gmux__fail_code(GMUX_ERR_NOMEM);
  atomic_init(&health->holds, 1);
  int error = gmux__lock_new(&health->lock);
  if (!error) error = gmux_health_set(health, "", GMUX_HEALTH_SERVING);
  if (error) {
    gmux__health_release(health);
    return error;
  }
  *out = health;
  return 0;
}

void gmux_health_free(gmux_health *health) {
  if (health) gmux__health_release(health);
}

/* ---- who is told ---- */

void gmux__health_listen(gmux_health *health, gmux__health_listener *listener) {
  atomic_fetch_add(&health->holds, 1);
  gmux__lock_take(health->lock);
  gmux__list_append(&health->locked.listeners, &listener->link);
  gmux__lock_give(health->lock);
}

void gmux__health_unlisten(gmux_health *health, gmux__health_listener *listener) {
  gmux__lock_take(health->lock);
  gmux__list_remove(&listener->link);
  gmux__lock_give(health->lock);
}

/* Under the lock: whoever leaves the list knows that no post of his is about to begin. */
static void health_tell(gmux_health *health) {
  for (gmux__link *l = health->locked.listeners.first; l; l = l->next) {
    gmux__health_listener *listener = gmux__container(l, gmux__health_listener, link);
    if (!atomic_exchange(&listener->is_posted, true))
      gmux__loop_post(listener->loop, &listener->post);
  }
}

/* ---- statuses ---- */

gmux__health_entry *gmux__health_find(gmux_health *health, const char *name, size_t len) {
  gmux__lock_take(health->lock);
  gmux__health_entry *entry = gmux__map_get(&health->locked.by_name, name, len);
  gmux__lock_give(health->lock);
  return entry;
}

int gmux__health_status_of(const gmux_health *health, const gmux__health_entry *entry) {
  if (!entry) return GMUX__HEALTH_SERVICE_UNKNOWN;
  return atomic_load(&health->is_shut_down) ? GMUX_HEALTH_NOT_SERVING : atomic_load(&entry->status);
}

static int check(const gmux_health *health, const char *service, gmux_health_status status) {
  if (!health || !service)
    return gmux__fail(GMUX_ERR_INVALID, "gmux_health_set: %s is NULL",
                      health ? "service (\"\" is the whole server)" : "health");
  if ((unsigned)status > GMUX_HEALTH_NOT_SERVING)
    return gmux__fail(GMUX_ERR_INVALID, "%d is not a gmux_health_status", (int)status);
  size_t len = strlen(service);
  if (len > GMUX_HEALTH_NAME_MAX)
    return gmux__fail(GMUX_ERR_INVALID, "a service's name of %zu bytes: at most %d", len,
                      GMUX_HEALTH_NAME_MAX);
  for (const char *c = service; *c; c++)
    if (*c < ' ' || *c > '~')
      return gmux__fail(GMUX_ERR_INVALID,
                        "byte %zu of a service's name is 0x%02x: names are of "
                        "printable ASCII (package.Service)",
                        (size_t)(c - service), (unsigned)(unsigned char)*c);
  return 0;
}

/* Under the lock. */
static int entry_add(gmux_health *health, const char *name, gmux_health_status status) {
  if (gmux__map_count(&health->locked.by_name) >= GMUX_HEALTH_SERVICES_MAX)
    return gmux__fail(GMUX_ERR_TOO_LARGE, "a gmux_health has at most %d services",
                      GMUX_HEALTH_SERVICES_MAX);
  size_t len = strlen(name);
  gmux__health_entry *entry = gmux__calloc(1, sizeof *entry + len + 1);
  if (!entry) return gmux__fail_code(GMUX_ERR_NOMEM);
  memcpy(entry->name, name, len + 1);
  entry->name_len = len;
  atomic_init(&entry->status, (int)status);
  int error = gmux__map_put(&health->locked.by_name, name, len, entry);
  if (error) {
    gmux__free(entry);
    return error;
  }
  entry->next = atomic_load(&health->youngest);
  atomic_store(&health->youngest, entry);
  health_tell(health);
  return 0;
}

/* Under the lock. */
static int entry_set(gmux_health *health, const char *name, gmux_health_status status) {
  gmux__health_entry *entry = gmux__map_get(&health->locked.by_name, name, strlen(name));
  if (!entry) return entry_add(health, name, status);
  if (atomic_exchange(&entry->status, (int)status) != (int)status) health_tell(health);
  return 0;
}

int gmux_health_set(gmux_health *health, const char *service, gmux_health_status status) {
  int error = check(health, service, status);
  if (error) return error;
  gmux__lock_take(health->lock);
  error = entry_set(health, service, status);
  gmux__lock_give(health->lock);
  return error;
}

static void health_set_shut_down(gmux_health *health, bool is_shut_down) {
  if (!health) return;
  gmux__lock_take(health->lock);
  if (atomic_exchange(&health->is_shut_down, is_shut_down) != is_shut_down) health_tell(health);
  gmux__lock_give(health->lock);
}

void gmux_health_shutdown(gmux_health *health) {
  health_set_shut_down(health, true);
}

void gmux_health_resume(gmux_health *health) {
  health_set_shut_down(health, false);
}
