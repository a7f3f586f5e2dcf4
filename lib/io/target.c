/* target.c: the names of places. Everything here is pure: text in, addresses or a sentence out. */
#include "lib/io/target.h"
#include "lib/base/alloc.h"
#include "lib/base/fail.h"
#include "lib/base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
  PORT_DEFAULT = 443,
  NAME_MAX_LEN = 253, /* RFC 1035, as text without the dot at the end */
  LABEL_MAX_LEN = 63
};

typedef struct text {
  const char *p;
  size_t len;
} text;

typedef struct parser {
  const char *whole; /* for error texts */
  bool is_listen;    /* port 0 and no names */
} parser;

/* `"whole": what is wrong` as the last error. */
static int refuse(const parser *ps, int error, const char *format, ...) GMUX_PRINTF(3, 4);
static int refuse(const parser *ps, int error, const char *format, ...) {
  char why[GMUX__FAIL_TEXT / 2];
  va_list args;
  va_start(args, format);
  vsnprintf(why, sizeof why, format, args);
  va_end(args);
  return gmux__fail(error, "%s \"%.160s\": %s", ps->is_listen ? "address" : "target", ps->whole,
                    why);
}

/* A piece of the text as printf's "%.*s" wants it, cut so that the sentence keeps its end. */
static int shown(text t) {
  return t.len < 80 ? (int)t.len : 80;
}

/* ---- host and port ---- */

typedef struct place {
  text host; /* without brackets */
  uint16_t port;
  bool has_port;
  bool is_bracketed;
} place;

static int port_parse(const parser *ps, place *at, text digits) {
  if (digits.len == 0)
    return refuse(ps, GMUX_ERR_INVALID,
                  "nothing after the colon: give a port, or leave the colon off");
  uint32_t port = 0;
  for (size_t i = 0; i < digits.len; i++) {
    char c = digits.p[i];
    if (c < '0' || c > '9')
      return refuse(ps, GMUX_ERR_INVALID, "port \"%.*s\" is not a number", shown(digits), digits.p);
    port = port * 10 + (uint32_t)(c - '0');
    if (port > UINT16_MAX) break;
  }
  if (port > UINT16_MAX || (port == 0 && !ps->is_listen))
    return refuse(ps, GMUX_ERR_INVALID, "port %.*s is not in 1..65535", shown(digits), digits.p);
  at->port = (uint16_t)port;
  at->has_port = true;
  return 0;
}

/* "[v6]" or "[v6]:port" */
static int bracketed_parse(const parser *ps, place *at, text t) {
  const char *end = memchr(t.p, ']', t.len);
  if (!end) return refuse(ps, GMUX_ERR_INVALID, "the bracket is not closed: write [address]:port");
  at->host = (text){t.p + 1, (size_t)(end - t.p) - 1};
  at->is_bracketed = true;
  text rest = {end + 1, t.len - (size_t)(end + 1 - t.p)};
  if (rest.len == 0) return 0;
  if (rest.p[0] != ':')
    return refuse(ps, GMUX_ERR_INVALID, "only :port can follow the closing bracket");
  return port_parse(ps, at, (text){rest.p + 1, rest.len - 1});
}

static int place_parse(const parser *ps, place *at, text t) {
  *at = (place){.host = t, .port = PORT_DEFAULT};
  if (t.len == 0)
    return refuse(ps, GMUX_ERR_INVALID, "no host given: write host:port, as in %s:50051",
                  ps->is_listen ? "127.0.0.1" : "localhost");
  if (t.p[0] == '[') return bracketed_parse(ps, at, t);
  const char *colon = memchr(t.p, ':', t.len);
  if (!colon) return 0;
  size_t host_len = (size_t)(colon - t.p);
  text rest = {colon + 1, t.len - host_len - 1};
  /* More than one colon: an IPv6 address without port, or a mistake that host_parse explains. */
  if (memchr(rest.p, ':', rest.len)) return 0;
  at->host.len = host_len;
  if (host_len == 0)
    return refuse(ps, GMUX_ERR_INVALID, "no host before the port: write host:port");
  return port_parse(ps, at, rest);
}

/* ---- names ---- */

static bool char_is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool char_is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || char_is_digit(c) || c == '-' ||
         c == '_' || c == '.';
}

static int name_check_chars(const parser *ps, text name) {
  if (memchr(name.p, ',', name.len))
    return refuse(ps, GMUX_ERR_INVALID,
                  "several addresses need a scheme: ipv4:1.2.3.4:80,5.6.7.8:80");
  for (size_t i = 0; i < name.len; i++) {
    unsigned char c = (unsigned char)name.p[i];
    if (char_is_name((char)c)) continue;
    if (c == '/')
      return refuse(ps, GMUX_ERR_INVALID,
                    "a host has no slash; write host:port, or unix:/path for a Unix socket");
    if (c == ':')
      return refuse(ps, GMUX_ERR_INVALID,
                    "more than one colon, and not an IPv6 address; write host:port or "
                    "[address]:port");
    if (c >= 0x80)
      return refuse(ps, GMUX_ERR_INVALID, "a host is ASCII; write it in its xn-- form");
    if (c <= 0x20 || c == 0x7f)
      return refuse(ps, GMUX_ERR_INVALID, "a host has no spaces or control characters");
    return refuse(ps, GMUX_ERR_INVALID, "'%c' can't be part of a host", c);
  }
  return 0;
}

static int name_check_labels(const parser *ps, text name) {
  if (name.len > NAME_MAX_LEN)
    return refuse(ps, GMUX_ERR_INVALID, "the host is %zu bytes long, at most %d can be looked up",
                  name.len, NAME_MAX_LEN);
  size_t start = 0;
  bool is_number = true;
  for (size_t i = 0; i <= name.len; i++) {
    if (i < name.len && name.p[i] != '.') {
      is_number = is_number && char_is_digit(name.p[i]);
      continue;
    }
    if (i == start)
      return refuse(ps, GMUX_ERR_INVALID, "the host has an empty part between its dots");
    if (i - start > LABEL_MAX_LEN)
      return refuse(ps, GMUX_ERR_INVALID,
                    "a part of the host is %zu bytes long, at most %d is "
                    "possible",
                    i - start, LABEL_MAX_LEN);
    start = i + 1;
    if (i < name.len) is_number = true;
  }
  /* No top-level domain is a number, so this was meant as an address (and some resolvers would
   * read "1.2.3" as one, of another machine than meant). */
  if (is_number)
    return refuse(ps, GMUX_ERR_INVALID,
                  "\"%.*s\" is not an IPv4 address, which has "
                  "four numbers of 0..255",
                  shown(name), name.p);
  return 0;
}

static int name_check(const parser *ps, text name) {
  int rv = name_check_chars(ps, name);
  if (rv) return rv;
  return name_check_labels(ps, name);
}

static text name_without_last_dot(text name) {
  if (name.len > 1 && name.p[name.len - 1] == '.') name.len--;
  return name;
}

/* ---- what is made of it ---- */

/* "host", "host:80", "[::1]:80". An IPv6 zone means something on this machine only, and the dot at
 * the end of a name something to the resolver only. */
static char *authority_new(text host, bool is_ipv6, const place *at) {
  host = name_without_last_dot(host);
  const char *zone = memchr(host.p, '%', host.len);
  if (zone) host.len = (size_t)(zone - host.p);
  char buf[NAME_MAX_LEN + sizeof "[]:65535"];
  gmux__text t;
  gmux__text_begin(&t, buf, sizeof buf);
  if (is_ipv6) gmux__text_add(&t, "[");
  gmux__text_add_bytes(&t, host.p, host.len);
  if (is_ipv6) gmux__text_add(&t, "]");
  if (at->has_port) {
    gmux__text_add(&t, ":");
    gmux__text_add_number(&t, at->port);
  }
  return gmux__strdup(buf);
}

static int target_set_names(gmux__target *target, text host, bool is_ipv6, const place *at) {
  target->host = gmux__strndup(host.p, host.len);
  target->authority = authority_new(host, is_ipv6, at);
  target->port = at->port;
  if (!target->host || !target->authority) return gmux__fail_code(GMUX_ERR_NOMEM);
  return 0;
}

static int target_set_addresses(gmux__target *target, const gmux__address *addresses,
                                size_t count) {
  target->addresses = gmux__memdup(addresses, count * sizeof *addresses);
  if (!target->addresses) return gmux__fail_code(GMUX_ERR_NOMEM);
  target->address_count = count;
  return 0;
}

static int place_need_port(const parser *ps, const place *at) {
  if (at->has_port || !ps->is_listen) return 0;
  return refuse(ps, GMUX_ERR_INVALID,
                "to listen, a port must be given; 0 lets the system choose one");
}

/* host:port, with or without dns: before it */
static int target_parse_host(const parser *ps, gmux__target *target, text t) {
  place at;
  int rv = place_parse(ps, &at, t);
  if (rv) return rv;
  rv = place_need_port(ps, &at);
  if (rv) return rv;
  gmux__address address;
  if (gmux__address_parse_ip(&address, at.host.p, at.host.len, at.port)) {
    bool is_ipv6 = address.family == GMUX__FAMILY_IPV6;
    if (at.is_bracketed && !is_ipv6)
      return refuse(ps, GMUX_ERR_INVALID, "brackets are for IPv6 addresses only");
    rv = target_set_names(target, at.host, is_ipv6, &at);
    return rv ? rv : target_set_addresses(target, &address, 1);
  }
  if (at.is_bracketed)
    return refuse(ps, GMUX_ERR_INVALID, "\"%.*s\" in the brackets is not an IPv6 address",
                  shown(at.host), at.host.p);
  rv = name_check(ps, name_without_last_dot(at.host));
  if (rv) return rv;
  if (ps->is_listen)
    return refuse(ps, GMUX_ERR_INVALID,
                  "to listen, give an address instead of a name: 127.0.0.1:%u for this machine "
                  "only, [::]:%u for all of its addresses",
                  at.port, at.port);
  target->needs_dns = true;
  return target_set_names(target, at.host, false, &at);
}

static int target_parse_dns(const parser *ps, gmux__target *target, text t) {
  if (t.len == 0 || t.p[0] != '/') return target_parse_host(ps, target, t);
  if (t.len >= 3 && memcmp(t.p, "///", 3) == 0)
    return target_parse_host(ps, target, (text){t.p + 3, t.len - 3});
  if (t.len >= 2 && t.p[1] == '/')
    return refuse(
        ps, GMUX_ERR_UNSUPPORTED,
        "naming a DNS server is not supported; write dns:///host:port with three slashes");
  return refuse(ps, GMUX_ERR_INVALID, "write dns:host:port or dns:///host:port");
}

/* One of a list of literals; the first of them names the target. */
static int target_parse_literal(const parser *ps, gmux__target *target, gmux__address *out,
                                gmux__family family, text t) {
  place at;
  int rv = place_parse(ps, &at, t);
  if (rv) return rv;
  rv = place_need_port(ps, &at);
  if (rv) return rv;
  bool is_ipv6 = family == GMUX__FAMILY_IPV6;
  if (!gmux__address_parse_ip(out, at.host.p, at.host.len, at.port) || out->family != family ||
      (at.is_bracketed && !is_ipv6))
    return refuse(ps, GMUX_ERR_INVALID, "\"%.*s\" is not an %s address", shown(at.host), at.host.p,
                  is_ipv6 ? "IPv6" : "IPv4");
  return target->host ? 0 : target_set_names(target, at.host, is_ipv6, &at);
}

static size_t text_count(text t, char c) {
  size_t n = 0;
  for (size_t i = 0; i < t.len; i++)
    n += t.p[i] == c;
  return n;
}

static int target_parse_literals(const parser *ps, gmux__target *target, gmux__family family,
                                 text t) {
  size_t count = text_count(t, ',') + 1;
  target->addresses = gmux__calloc(count, sizeof *target->addresses);
  if (!target->addresses) return gmux__fail_code(GMUX_ERR_NOMEM);
  for (size_t i = 0; i < count; i++) {
    const char *comma = memchr(t.p, ',', t.len);
    text one = {t.p, comma ? (size_t)(comma - t.p) : t.len};
    int rv = target_parse_literal(ps, target, &target->addresses[i], family, one);
    if (rv) return rv;
    if (comma) t = (text){comma + 1, t.len - one.len - 1};
  }
  target->address_count = count;
  return 0;
}

static int target_parse_ipv4(const parser *ps, gmux__target *target, text t) {
  return target_parse_literals(ps, target, GMUX__FAMILY_IPV4, t);
}

static int target_parse_ipv6(const parser *ps, gmux__target *target, text t) {
  return target_parse_literals(ps, target, GMUX__FAMILY_IPV6, t);
}

static int target_set_path(const parser *ps, gmux__target *target, gmux__family family, text path) {
  if (path.len == 0)
    return refuse(ps, GMUX_ERR_INVALID, "no name given: write unix:/path or unix-abstract:name");
  if (path.len > GMUX__UNIX_PATH)
    return refuse(ps, GMUX_ERR_INVALID,
                  "the name is %zu bytes long, a Unix socket's is at most %d: choose a shorter one",
                  path.len, GMUX__UNIX_PATH);
  gmux__address address = {.family = family, .path_len = (uint8_t)path.len};
  memcpy(address.path, path.p, path.len);
  text localhost = {"localhost", strlen("localhost")};
  int rv = target_set_names(target, localhost, false, &(place){.has_port = false});
  return rv ? rv : target_set_addresses(target, &address, 1);
}

static int target_parse_unix(const parser *ps, gmux__target *target, text t) {
  if (t.len >= 2 && memcmp(t.p, "//", 2) == 0) {
    t = (text){t.p + 2, t.len - 2};
    if (t.len == 0 || t.p[0] != '/')
      return refuse(ps, GMUX_ERR_INVALID,
                    "write unix:///absolute/path with three slashes, or unix:relative/path");
  }
  return target_set_path(ps, target, GMUX__FAMILY_UNIX, t);
}

static int target_parse_unix_abstract(const parser *ps, gmux__target *target, text t) {
  return target_set_path(ps, target, GMUX__FAMILY_UNIX_ABSTRACT, t);
}

/* ---- schemes ---- */

typedef struct scheme {
  const char *name;
  int (*parse)(const parser *ps, gmux__target *target, text rest); /* NULL: not supported */
  const char *instead; /* what to write in a client's target; NULL: one of the others */
} scheme;

static const scheme schemes[] = {
    {"dns", target_parse_dns, NULL},
    {"ipv4", target_parse_ipv4, NULL},
    {"ipv6", target_parse_ipv6, NULL},
    {"unix", target_parse_unix, NULL},
    {"unix-abstract", target_parse_unix_abstract, NULL},
    /* known to other gRPC libraries, or often written by mistake */
    {"xds", NULL, NULL},
    {"vsock", NULL, NULL},
    {"passthrough", NULL, NULL},
    {"google-c2p", NULL, NULL},
    {"google-c2p-experimental", NULL, NULL},
    {"http", NULL, "write host:port and set options.cleartext (without it: TLS)"},
    {"https", NULL, "write host:port; TLS is the default"},
};

static bool text_is_word(text t, const char *word) {
  size_t i = 0;
  for (; i < t.len && word[i]; i++) {
    char c = t.p[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if (c != word[i]) return false;
  }
  return i == t.len && !word[i];
}

static const scheme *scheme_find(text name) {
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (text_is_word(name, schemes[i].name)) return &schemes[i];
  return NULL;
}

static bool text_is_number(text t) {
  for (size_t i = 0; i < t.len; i++)
    if (!char_is_digit(t.p[i])) return false;
  return t.len > 0;
}

static const char *usable_schemes(const parser *ps) {
  return ps->is_listen ? "127.0.0.1:port, ipv4:, ipv6:, unix: or unix-abstract:"
                       : "dns:///host:port, ipv4:, ipv6:, unix: or unix-abstract:";
}

static int refuse_scheme(const parser *ps, const scheme *sc) {
  if (sc->instead && !ps->is_listen)
    return refuse(ps, GMUX_ERR_UNSUPPORTED, "%s: is not part of a target; %s", sc->name,
                  sc->instead);
  return refuse(ps, GMUX_ERR_UNSUPPORTED, "%s: is not supported; use %s", sc->name,
                usable_schemes(ps));
}

static int target_parse_text(const parser *ps, gmux__target *target) {
  text t = {ps->whole, strlen(ps->whole)};
  const char *colon = memchr(t.p, ':', t.len);
  if (!colon) return target_parse_host(ps, target, t);
  text name = {t.p, (size_t)(colon - t.p)};
  text rest = {colon + 1, t.len - name.len - 1};
  const scheme *sc = scheme_find(name);
  if (sc && sc->parse) return sc->parse(ps, target, rest);
  /* A machine may be called "xds": then a port follows. */
  if (sc && !text_is_number(rest)) return refuse_scheme(ps, sc);
  if (rest.len >= 2 && memcmp(rest.p, "//", 2) == 0)
    return refuse(ps, GMUX_ERR_INVALID, "scheme \"%.*s\" is not known; use %s", shown(name), name.p,
                  usable_schemes(ps));
  return target_parse_host(ps, target, t);
}

static int target_parse(gmux__target *out, const char *whole, bool is_listen) {
  if (!whole || !*whole)
    return gmux__fail(GMUX_ERR_INVALID, "the %s is %s: write host:port, as in %s:50051",
                      is_listen ? "address" : "target", whole ? "empty" : "NULL",
                      is_listen ? "127.0.0.1" : "localhost");
  gmux__target target = {.authority = NULL};
  int rv = target_parse_text(&(parser){whole, is_listen}, &target);
  if (rv) {
    gmux__target_deinit(&target);
    return rv;
  }
  *out = target;
  return 0;
}

int gmux__target_parse(gmux__target *out, const char *whole) {
  return target_parse(out, whole, false);
}

int gmux__target_parse_listen(gmux__target *out, const char *whole) {
  return target_parse(out, whole, true);
}

void gmux__target_deinit(gmux__target *target) {
  if (!target) return;
  gmux__free(target->authority);
  gmux__free(target->host);
  gmux__free(target->addresses);
  *target = (gmux__target){.authority = NULL};
}
