#include "lib/wire/codec.h"
#include "lib/base/fail.h"
#include <gmux/error.h>
#include <string.h>

/* ---- registering ---- */

static bool may_be_in_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static int name_check(const char *name) {
  if (!name || !*name) return gmux__fail(GMUX_ERR_INVALID, "a codec has no name");
  size_t len = 0;
  while (len < GMUX__CODEC_NAME && may_be_in_name(name[len]))
    len++;
  if (len == GMUX__CODEC_NAME)
    return gmux__fail(GMUX_ERR_INVALID, "a codec's name has more than %d characters",
                      GMUX__CODEC_NAME - 1);
  if (name[len])
    return gmux__fail(GMUX_ERR_INVALID,
                      "a codec's name has byte 0x%02x at position %zu: only a-z, 0-9, '-', '_' and "
                      "'.' can stand there",
                      (unsigned char)name[len], len);
  if (gmux__encoding_parse((const uint8_t *)name, len) != GMUX__ENCODING_UNKNOWN)
    return gmux__fail(GMUX_ERR_INVALID, "codec \"%s\" is built in", name);
  return 0;
}

static bool is_in(const gmux_codec *list, size_t count, const char *name) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(list[i].name, name) == 0) return true;
  return false;
}

static int codec_check(const gmux_codec *list, size_t i) {
  const gmux_codec *codec = &list[i];
  int error = name_check(codec->name);
  if (error) return error;
  if (!codec->compress || !codec->decompress)
    return gmux__fail(GMUX_ERR_INVALID, "codec \"%s\" lacks compress or decompress", codec->name);
  if (is_in(list, i, codec->name))
    return gmux__fail(GMUX_ERR_INVALID, "codec \"%s\" is there twice", codec->name);
  return 0;
}

int gmux__codecs_check(const gmux_codec *list, size_t count, const char *compression) {
  if (count > GMUX__CODECS_MAX)
    return gmux__fail(GMUX_ERR_INVALID, "codec_count %zu is not in 0..%d", count, GMUX__CODECS_MAX);
  if (count > 0 && !list)
    return gmux__fail(GMUX_ERR_INVALID, "codecs is NULL, but codec_count is %zu", count);
  for (size_t i = 0; i < count; i++) {
    int error = codec_check(list, i);
    if (error) return error;
  }
  if (gmux__codecs_named(NULL, compression) != GMUX__ENCODING_UNKNOWN) return 0;
  if (is_in(list, count, compression)) return 0;
  return gmux__fail(GMUX_ERR_INVALID, "compression \"%.40s\" is neither built in nor in codecs",
                    compression);
}

void gmux__codecs_init(gmux__codecs *codecs, const gmux_codec *list, size_t count) {
  codecs->count = count;
  strcpy(codecs->accept, "identity,gzip,deflate");
  for (size_t i = 0; i < count; i++) {
    codecs->list[i] = list[i];
    strcpy(codecs->names[i], list[i].name); /* its length was checked */
    codecs->list[i].name = codecs->names[i];
    strcat(codecs->accept, ",");
    strcat(codecs->accept, codecs->names[i]);
  }
}

/* ---- names and numbers ---- */

static gmux__encoding nth_custom(size_t i) {
  return (gmux__encoding)(GMUX__ENCODING_CUSTOM + i);
}

static const gmux_codec *custom_of(const gmux__codecs *codecs, gmux__encoding encoding) {
  size_t i = (size_t)encoding - GMUX__ENCODING_CUSTOM;
  bool is_custom = codecs && encoding >= GMUX__ENCODING_CUSTOM && i < codecs->count;
  return is_custom ? &codecs->list[i] : NULL;
}

gmux__encoding gmux__codecs_find(const gmux__codecs *codecs, const uint8_t *name, size_t len) {
  gmux__encoding encoding = gmux__encoding_parse(name, len);
  if (encoding != GMUX__ENCODING_UNKNOWN || !codecs) return encoding;
  for (size_t i = 0; i < codecs->count; i++)
    if (strlen(codecs->names[i]) == len && memcmp(codecs->names[i], name, len) == 0)
      return nth_custom(i);
  return GMUX__ENCODING_UNKNOWN;
}

gmux__encoding gmux__codecs_named(const gmux__codecs *codecs, const char *name) {
  if (!name) return GMUX__ENCODING_IDENTITY;
  return gmux__codecs_find(codecs, (const uint8_t *)name, strlen(name));
}

const char *gmux__codecs_name(const gmux__codecs *codecs, gmux__encoding encoding) {
  const gmux_codec *codec = custom_of(codecs, encoding);
  return codec ? codec->name : gmux__encoding_str(encoding);
}

static bool is_space(uint8_t c) {
  return c == ' ' || c == '\t';
}

static uint32_t parse_word(const gmux__codecs *codecs, const uint8_t *word, size_t len) {
  while (len > 0 && is_space(*word))
    word++, len--;
  while (len > 0 && is_space(word[len - 1]))
    len--;
  gmux__encoding encoding = gmux__codecs_find(codecs, word, len);
  return encoding == GMUX__ENCODING_UNKNOWN ? 0 : gmux__encoding_bit(encoding);
}

uint32_t gmux__codecs_parse(const gmux__codecs *codecs, const uint8_t *text, size_t len) {
  uint32_t bits = 0;
  for (size_t at = 0, end; at < len; at = end + 1) {
    for (end = at; end < len && text[end] != ',';)
      end++;
    bits |= parse_word(codecs, text + at, end - at);
  }
  return bits;
}

/* ---- the way through them ---- */

int gmux__codecs_compress(const gmux__codecs *codecs, gmux__encoding encoding, gmux_bytes *out,
                          const gmux_bytes *message) {
  const gmux_codec *codec = custom_of(codecs, encoding);
  if (!codec) return gmux__compress(out, encoding, message->data, message->len);
  gmux_bytes coded = {0};
  int error = codec->compress(&coded, message, codec->user_data);
  if (error == GMUX_ERR_NOMEM) return gmux__fail_code(GMUX_ERR_NOMEM);
  if (error) return GMUX__IN_VAIN;
  if (coded.len >= message->len) {
    gmux_bytes_release(&coded);
    return GMUX__IN_VAIN;
  }
  *out = coded;
  return 0;
}

static int custom_error(const gmux_codec *codec, int error, size_t limit) {
  if (error == GMUX_ERR_NOMEM) return gmux__fail_code(GMUX_ERR_NOMEM);
  if (error == GMUX_ERR_TOO_LARGE)
    return gmux__fail(error, "a message of %s is longer than the limit of %zu bytes", codec->name,
                      limit);
  return gmux__fail(GMUX_ERR_PROTOCOL, "a compressed message is corrupt: codec %s said %d",
                    codec->name, error);
}

int gmux__codecs_decompress(const gmux__codecs *codecs, gmux__encoding encoding, gmux_bytes *out,
                            const gmux_bytes *message, size_t limit) {
  const gmux_codec *codec = custom_of(codecs, encoding);
  if (!codec) return gmux__decompress(out, encoding, message->data, message->len, limit);
  gmux_bytes plain = {0};
  int error = codec->decompress(&plain, message, limit, codec->user_data);
  if (!error && plain.len > limit) {
    gmux_bytes_release(&plain);
    error = GMUX_ERR_TOO_LARGE;
  }
  if (error) return custom_error(codec, error, limit);
  *out = plain;
  return 0;
}
