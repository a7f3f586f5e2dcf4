/* ping_show.c: what gmux ping has measured, for people and for programs. */
#include "tools/gmux/chart.h"
#include "tools/gmux/ping.h"
#include "tools/gmux/plain.h"
#include "tools/gmux/report.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct step {
  const char *name, *json;
  uint64_t ns;
  bool is_shown;
} step;

enum { STEPS = 5 };

/* What a call waited for is known to a turn of the loop, and one may see the whole handshake: of a
 * connection that was made there are better times. */
static void steps_of(const ping_view *v, const gmux_call_explanation *e,
                     const gmux_channel_peer *peer, const ping_round *first, step steps[STEPS]) {
  uint64_t tls_ns = peer ? peer->tls_ns : e->tls_ns;
  uint64_t settings_ns = peer ? peer->settings_ns : e->settings_ns;
  steps[0] = (step){"DNS", "dns_ms", e->resolve_ns, true};
  steps[1] = (step){"TCP", "tcp_ms", e->dial_ns, true};
  steps[2] = (step){"TLS", "tls_ms", tls_ns, !v->is_cleartext};
  steps[3] = (step){"SETTINGS", "settings_ms", settings_ns, true};
  steps[4] = (step){"PING", "ping_ms", first ? first->ping_ns : 0, first && first->ping_ns};
}

/* ---- for people ---- */

static void print_limit(const char *name, uint32_t limit) {
  if (limit == UINT32_MAX)
    printf("%s without limit", name);
  else
    printf("%s %" PRIu32, name, limit);
}

/* Behind the step in which it was learned. */
static void print_learned(size_t index, const gmux_channel_peer *peer) {
  if (index == 1) printf("  %s", peer->address);
  if (index == 2) printf("  %s, %s, ALPN %s", peer->tls_version, peer->tls_cipher, peer->alpn);
  if (index != 3) return;
  print_limit("  streams", peer->max_concurrent_streams);
  print_limit(", metadata bytes", peer->max_header_list_bytes);
  printf(", window %" PRIu32 ", frame %" PRIu32 ", header table %" PRIu32,
         peer->initial_window_bytes, peer->max_frame_bytes, peer->header_table_bytes);
}

static void print_certificate(const ping_view *v, const gmux_bytes *der) {
  certificate c;
  if (!der->len || !certificate_read(&c, der->data, der->len)) return;
  const char *bold = terminal_style(&v->terminal, STYLE_BOLD);
  const char *plain = terminal_style(&v->terminal, STYLE_PLAIN);
  style s = c.days_left < 0 ? STYLE_BAD : c.days_left < 14 ? STYLE_WARNING : STYLE_PLAIN;
  printf("%scertificate%s\n  subject      %s\n", bold, plain, buffer_string(&c.subject));
  if (c.names.len) printf("  names        %s\n", buffer_string(&c.names));
  printf("  issuer       %s\n  expires      %s%s, in %ld days%s\n  fingerprint  SHA-256 %s\n",
         buffer_string(&c.issuer), terminal_style(&v->terminal, s), c.expires, c.days_left, plain,
         c.fingerprint);
  certificate_free(&c);
}

/* Steps that were not reached have taken no time. */
static void print_steps(const ping_view *v, const step steps[STEPS],
                        const gmux_channel_peer *peer) {
  printf("%s%s%s\n", terminal_style(&v->terminal, STYLE_BOLD), v->target,
         terminal_style(&v->terminal, STYLE_PLAIN));
  for (size_t i = 0; i < STEPS; i++) {
    if (!steps[i].is_shown || (!peer && !steps[i].ns)) continue;
    printf("  %-9s %9.3f ms", steps[i].name, 1e-6 * (double)steps[i].ns);
    if (peer) print_learned(i, peer);
    printf("\n");
  }
}

/* ---- for programs ---- */

static void report_limit(report *out, const char *name, uint32_t limit) {
  if (limit != UINT32_MAX) report_count(out, name, limit);
}

static void report_peer(report *out, const gmux_channel_peer *peer) {
  report_text(out, "address", peer->address);
  if (*peer->tls_version) {
    report_text(out, "tls_version", peer->tls_version);
    report_text(out, "tls_cipher", peer->tls_cipher);
    report_text(out, "alpn", peer->alpn);
  }
  report_open(out, "settings", '{');
  report_limit(out, "max_concurrent_streams", peer->max_concurrent_streams);
  report_limit(out, "max_header_list_bytes", peer->max_header_list_bytes);
  report_count(out, "initial_window_bytes", peer->initial_window_bytes);
  report_count(out, "max_frame_bytes", peer->max_frame_bytes);
  report_count(out, "header_table_bytes", peer->header_table_bytes);
  report_close(out, '}');
}

static void report_certificate(report *out, const gmux_bytes *der) {
  certificate c;
  if (!der->len || !certificate_read(&c, der->data, der->len)) return;
  report_open(out, "certificate", '{');
  report_text(out, "subject", buffer_string(&c.subject));
  report_text(out, "names", buffer_string(&c.names));
  report_text(out, "issuer", buffer_string(&c.issuer));
  report_text(out, "expires", c.expires);
  report_number(out, "days_left", (double)c.days_left);
  report_text(out, "sha256", c.fingerprint);
  report_close(out, '}');
  certificate_free(&c);
}

static void report_steps(const ping_view *v, const step steps[STEPS], const gmux_channel_peer *peer,
                         const gmux_bytes *der) {
  report out;
  report_begin(&out);
  report_text(&out, "target", v->target);
  report_open(&out, "steps", '{');
  for (size_t i = 0; i < STEPS; i++)
    if (steps[i].is_shown) report_ms(&out, steps[i].json, steps[i].ns);
  report_close(&out, '}');
  if (peer) {
    report_peer(&out, peer);
    report_certificate(&out, der);
  }
  report_end(&out);
}

/* ---- both ---- */

void ping_show_steps(const ping_view *v, const gmux_call_explanation *e,
                     const gmux_channel_peer *peer, const gmux_bytes *der,
                     const ping_round *first) {
  step steps[STEPS];
  steps_of(v, e, peer, first, steps);
  if (v->is_json) {
    report_steps(v, steps, peer, der);
    return;
  }
  print_steps(v, steps, peer);
  if (peer) print_certificate(v, der);
  fflush(stdout);
}

static void report_round(const ping_round *r) {
  report out;
  report_begin(&out);
  report_count(&out, "round", r->number);
  if (r->is_lost) {
    report_text(&out, "error", gmux_code_str(r->code));
    report_text(&out, "message", r->words);
  } else {
    if (r->ping_ns) report_ms(&out, "ping_ms", r->ping_ns);
    report_ms(&out, "call_ms", r->call_ns);
    report_text(&out, "status", gmux_code_str(r->code));
  }
  report_end(&out);
}

static void print_round(const ping_view *v, const ping_round *r) {
  if (r->is_lost) {
    buffer words = {.data = NULL};
    plain_add_string(&words, r->words);
    printf("%s%" PRIu64 ": %s: %s%s\n", terminal_style(&v->terminal, STYLE_BAD), r->number,
           gmux_code_str(r->code), buffer_string(&words),
           terminal_style(&v->terminal, STYLE_PLAIN));
    buffer_free(&words);
  } else {
    printf("%" PRIu64 ": ", r->number);
    if (r->ping_ns) printf("PING %.3f ms, ", 1e-6 * (double)r->ping_ns);
    printf("call %.3f ms (%s)\n", 1e-6 * (double)r->call_ns, gmux_code_str(r->code));
  }
  fflush(stdout);
}

void ping_show_round(const ping_view *v, const ping_round *r) {
  if (v->is_json)
    report_round(r);
  else
    print_round(v, r);
}

static double average_ns(const ping_sum *s) {
  uint64_t count = s->pings.latencies_ns.total;
  return count ? (double)s->sum_ns / (double)count : 0;
}

static void report_sum(const ping_view *v, const ping_sum *s) {
  report out;
  report_begin(&out);
  report_text(&out, "target", v->target);
  report_count(&out, "rounds", s->rounds);
  report_count(&out, "lost", s->lost);
  if (s->pings.latencies_ns.total) {
    report_ms(&out, "min_ms", s->pings.least_ns);
    report_number(&out, "avg_ms", 1e-6 * average_ns(s));
    report_ms(&out, "max_ms", s->pings.most_ns);
    report_number(&out, "p50_ms", 1e-6 * tally_percentile_ns(&s->pings, 0.5));
    report_number(&out, "p99_ms", 1e-6 * tally_percentile_ns(&s->pings, 0.99));
  }
  report_end(&out);
}

void ping_show_sum(const ping_view *v, const ping_sum *s) {
  if (v->is_json) {
    report_sum(v, s);
    return;
  }
  printf("%" PRIu64 " round trip%s, %" PRIu64 " lost\n", s->rounds, s->rounds == 1 ? "" : "s",
         s->lost);
  if (s->pings.latencies_ns.total)
    printf("PING min/avg/max/p50/p99 = %.3f/%.3f/%.3f/%.3f/%.3f ms\n",
           1e-6 * (double)s->pings.least_ns, 1e-6 * average_ns(s), 1e-6 * (double)s->pings.most_ns,
           1e-6 * tally_percentile_ns(&s->pings, 0.5), 1e-6 * tally_percentile_ns(&s->pings, 0.99));
}
