/* options.c: "only=client,descriptors=no". */
#include "tools/protoc-gen-gmux/options.h"

#include <string.h>

static bool word_is(const char *at, size_t len, const char *word) {
  return strlen(word) == len && memcmp(at, word, len) == 0;
}

static bool option_take(options *o, const char *at, size_t len) {
  if (word_is(at, len, "only=client"))
    o->has_server = false;
  else if (word_is(at, len, "only=server"))
    o->has_client = false;
  else if (word_is(at, len, "descriptors=no"))
    o->has_descriptors = false;
  else
    return len == 0; /* "a,,b" is what a build system makes of an empty variable */
  return true;
}

const char *options_parse(options *out, pool *p, const char *parameter) {
  options o = {.has_client = true, .has_server = true, .has_descriptors = true};
  for (const char *at = parameter ? parameter : ""; *at;) {
    size_t len = strcspn(at, ",");
    if (!option_take(&o, at, len))
      return pool_format(p,
                         "--gmux_opt=%.*s: there is no such option; there are only=client, "
                         "only=server, descriptors=no",
                         (int)len, at);
    at += len + (at[len] == ',');
  }
  if (!o.has_client && !o.has_server)
    return "--gmux_opt=only=client,only=server: that leaves nothing to generate";
  *out = o;
  return NULL;
}
