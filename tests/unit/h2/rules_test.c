/* What HTTP allows in an answer: by table, and compared with nghttp2's own judgement. */
#include "lib/h2/rules.h"
#include "tests/sim/rawwire.h"
#include "tests/unit/harness.h"
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const test_suite h2_rules_suite;

/* ---- answers at random, of which about half are allowed ---- */

enum { FIELDS_MOST = 5, STEPS_MOST = 5, ANSWERS = 40000 };

typedef struct text {
  const char *bytes;
  size_t len;
} text;
#define T(s)                                                                                       \
  { (s), sizeof(s) - 1 }

static const text names[] = {
    T(":status"),
    T("content-type"),
    T("grpc-status"),
    T("grpc-message"),
    T("grpc-encoding"),
    T("content-length"),
    T("te"),
    T("x-any"),
    T("x-bin"),
    T("connection"),
    T("keep-alive"),
    T("upgrade"),
    T("X-Upper"),
    T("proxy-connection"),
    T("transfer-encoding"),
    T(":path"),
    T(":"),
    T(""),
    T("x y"),
    T("x\0y"),
    T("host"),
    T(":authority"),
    T(":method"),
    T("grpc-accept-encoding"),
};
static const text values[] = {
    T("200"), T("204"),  T("304"),  T("103"),      T("101"),      T("000"),
    T("20"),  T("2x0"),  T("0"),    T("1"),        T("9"),        T("trailers"),
    T(""),    T("a\nb"), T("a\0b"), T("Trailers"), T(" a"),       T("application/grpc"),
    T("a "),  T("\xe4"), T("10"),   T("/"),        T("identity"), T("99999999999999999999"),
};

typedef struct field {
  text name, value;
} field;

/* A block of fields, or DATA. */
typedef struct step {
  bool is_data, is_end;
  size_t len; /* of DATA */
  size_t count;
  field fields[FIELDS_MOST];
} step;

static uint32_t state;
static uint32_t draw(uint32_t below) {
  state = state * 1664525u + 1013904223u;
  return (state >> 8) % below;
}

static text any(const text *of, size_t count) {
  return of[draw((uint32_t)count)];
}

/* Mostly such as are allowed, or nothing would get far. */
static field draw_field(bool is_status) {
  static const field usual[] = {{T("content-type"), T("application/grpc")},
                                {T("grpc-status"), T("0")},
                                {T("x-any"), T("a b")},
                                {T("content-length"), T("10")}};
  if (is_status && draw(16)) return (field){names[0], values[draw(4)]};
  if (draw(16)) return usual[draw(16) ? draw(3) : 3];
  return (field){any(names, sizeof names / sizeof *names),
                 any(values, sizeof values / sizeof *values)};
}

/* Trailers end the stream, and have no :status. */
static step draw_step(size_t at) {
  step s = {.is_data = at > 0 && draw(2)};
  s.is_end = s.is_data || at == 0 ? draw(6) == 0 : draw(8) > 0;
  s.len = s.is_data ? draw(12) : 0;
  if (s.is_data) return s;
  s.count = 1 + draw(FIELDS_MOST);
  for (size_t i = 0; i < s.count; i++)
    s.fields[i] = draw_field(i == 0 && (at == 0 || draw(8) == 0));
  return s;
}

/* ---- judged by nghttp2 ---- */

typedef struct judged {
  bool is_broken;
  size_t taken; /* fields that were told */
  size_t taken_bytes;
} judged;

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user_data) {
  (void)session, (void)frame, (void)name, (void)value, (void)flags;
  judged *j = user_data;
  j->taken++;
  j->taken_bytes += name_len + value_len;
  return 0;
}

static nghttp2_session *new_client(judged *j) {
  nghttp2_session_callbacks *callbacks;
  nghttp2_session *session;
  uint8_t name[] = ":path", value[] = "/";
  const nghttp2_nv path = {name, value, sizeof name - 1, sizeof value - 1, 0};
  const uint8_t *out;
  CU_ASSERT_EQUAL_FATAL(nghttp2_session_callbacks_new(&callbacks), 0);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  CU_ASSERT_EQUAL_FATAL(nghttp2_session_client_new(&session, callbacks, j), 0);
  nghttp2_session_callbacks_del(callbacks);
  CU_ASSERT_EQUAL_FATAL(nghttp2_submit_settings(session, 0, NULL, 0), 0);
  CU_ASSERT_EQUAL_FATAL(nghttp2_submit_request(session, NULL, &path, 1, NULL, NULL), 1);
  while (nghttp2_session_mem_send(session, &out) > 0)
    ;
  return session;
}

/* A literal without indexing, also of what rawbuf_field cannot say: zeros. */
static void put_field(rawbuf *block, const field *f) {
  const uint8_t head[] = {0, (uint8_t)f->name.len}, value[] = {(uint8_t)f->value.len};
  rawbuf_append(block, head, sizeof head);
  rawbuf_append(block, f->name.bytes, f->name.len);
  rawbuf_append(block, value, sizeof value);
  rawbuf_append(block, f->value.bytes, f->value.len);
}

static void put_step(rawbuf *wire, const step *s) {
  static const uint8_t noise[16];
  uint8_t end = s->is_end ? RAW_END_STREAM : 0;
  if (s->is_data) {
    rawbuf_frame(wire, RAW_DATA, end, 1, noise, s->len);
    return;
  }
  rawbuf block = {0};
  for (size_t i = 0; i < s->count; i++)
    put_field(&block, &s->fields[i]);
  rawbuf_frame(wire, RAW_HEADERS, RAW_END_HEADERS | end, 1, block.data, block.len);
  rawbuf_deinit(&block);
}

/* It is asked to reset the stream. */
static bool has_reset(nghttp2_session *session) {
  const uint8_t *out;
  bool is_reset = false;
  for (ssize_t n; (n = nghttp2_session_mem_send(session, &out)) > 0;)
    is_reset = is_reset || out[3] == RAW_RST_STREAM;
  return is_reset;
}

static judged judge_by_nghttp2(const step *steps, size_t count) {
  judged j = {0};
  nghttp2_session *session = new_client(&j);
  rawbuf wire = {0};
  rawbuf_frame(&wire, RAW_SETTINGS, 0, 0, NULL, 0);
  for (size_t i = 0; i < count && !j.is_broken; i++) {
    put_step(&wire, &steps[i]);
    ssize_t n = nghttp2_session_mem_recv(session, wire.data, wire.len);
    CU_ASSERT_EQUAL_FATAL(n, (ssize_t)wire.len);
    rawbuf_consume(&wire, wire.len);
    j.is_broken = has_reset(session);
  }
  rawbuf_deinit(&wire);
  nghttp2_session_del(session);
  return j;
}

/* ---- judged by us, as session.c asks ---- */

typedef struct answer {
  gmux__rules rules;
  bool has_head;
} answer;

static bool take_block(answer *a, const step *s, judged *j) {
  for (size_t i = 0; i < s->count; i++) {
    const field *f = &s->fields[i];
    gmux__rule rule = gmux__rules_field(&a->rules, (const uint8_t *)f->name.bytes, f->name.len,
                                        (const uint8_t *)f->value.bytes, f->value.len);
    if (rule == GMUX__RULE_BROKEN) return false;
    if (rule == GMUX__RULE_PASS_OVER) continue;
    j->taken++;
    j->taken_bytes += f->name.len + f->value.len;
  }
  bool is_final = a->rules.status / 100 != 1;
  if (!gmux__rules_block(&a->rules, a->has_head, s->is_end)) return false;
  a->has_head = a->has_head || is_final;
  return !s->is_end || gmux__rules_end(&a->rules);
}

static bool take_data(answer *a, const step *s) {
  if (s->len && (!a->has_head || !gmux__rules_data(&a->rules, s->len))) return false;
  return !s->is_end || (a->has_head && gmux__rules_end(&a->rules));
}

static judged judge_by_us(const step *steps, size_t count) {
  judged j = {0};
  answer a = {0};
  for (size_t i = 0; i < count && !j.is_broken; i++)
    j.is_broken = !(steps[i].is_data ? take_data(&a, &steps[i]) : take_block(&a, &steps[i], &j));
  return j;
}

/* ---- compared ---- */

static size_t draw_steps(step *steps) {
  size_t count = 0;
  do
    steps[count] = draw_step(count);
  while (!steps[count++].is_end && count < STEPS_MOST);
  return count;
}

static void an_answer_is_judged_as_nghttp2_judges_it(void) {
  size_t broken = 0;
  for (uint32_t seed = 1; seed <= ANSWERS; seed++) {
    step steps[STEPS_MOST];
    state = seed * 2654435761u;
    size_t count = draw_steps(steps);
    judged theirs = judge_by_nghttp2(steps, count), ours = judge_by_us(steps, count);
    bool is_same = ours.is_broken == theirs.is_broken && ours.taken == theirs.taken &&
                   ours.taken_bytes == theirs.taken_bytes;
    if (!is_same)
      printf("# seed %u: broken %d, theirs %d; taken %zu, theirs %zu\n", seed, ours.is_broken,
             theirs.is_broken, ours.taken, theirs.taken);
    CU_ASSERT_TRUE_FATAL(is_same);
    broken += ours.is_broken;
  }
  CU_ASSERT_TRUE(broken > ANSWERS / 4 && broken < ANSWERS / 4 * 3); /* both are frequent */
}

static gmux__rule field_rule(gmux__rules *r, const char *name, const char *value) {
  return gmux__rules_field(r, (const uint8_t *)name, strlen(name), (const uint8_t *)value,
                           strlen(value));
}

static void a_usual_answer_is_fine(void) {
  gmux__rules r = {0};
  CU_ASSERT_EQUAL(field_rule(&r, ":status", "200"), GMUX__RULE_FINE);
  CU_ASSERT_EQUAL(field_rule(&r, "content-type", "application/grpc"), GMUX__RULE_FINE);
  CU_ASSERT_TRUE(gmux__rules_block(&r, false, false));
  CU_ASSERT_TRUE(gmux__rules_data(&r, 5));
  CU_ASSERT_EQUAL(field_rule(&r, "grpc-status", "0"), GMUX__RULE_FINE);
  CU_ASSERT_TRUE(gmux__rules_block(&r, true, true));
  CU_ASSERT_TRUE(gmux__rules_end(&r));
}

static void an_informational_answer_leaves_no_trace(void) {
  gmux__rules r = {0};
  CU_ASSERT_EQUAL(field_rule(&r, ":status", "103"), GMUX__RULE_FINE);
  CU_ASSERT_EQUAL(field_rule(&r, "link", "x"), GMUX__RULE_FINE);
  CU_ASSERT_TRUE(gmux__rules_block(&r, false, false));
  CU_ASSERT_EQUAL(field_rule(&r, ":status", "200"), GMUX__RULE_FINE);
  CU_ASSERT_TRUE(gmux__rules_block(&r, false, false));
}

static void what_was_announced_must_come(void) {
  gmux__rules r = {0};
  CU_ASSERT_EQUAL(field_rule(&r, ":status", "200"), GMUX__RULE_FINE);
  CU_ASSERT_EQUAL(field_rule(&r, "content-length", "5"), GMUX__RULE_FINE);
  CU_ASSERT_TRUE(gmux__rules_block(&r, false, false));
  CU_ASSERT_TRUE(gmux__rules_data(&r, 4));
  CU_ASSERT_FALSE(gmux__rules_end(&r));
  CU_ASSERT_TRUE(gmux__rules_data(&r, 1));
  CU_ASSERT_TRUE(gmux__rules_end(&r));
  CU_ASSERT_FALSE(gmux__rules_data(&r, 1));
}

static const test_case cases[] = {
    TEST(a_usual_answer_is_fine),
    TEST(an_informational_answer_leaves_no_trace),
    TEST(what_was_announced_must_come),
    TEST(an_answer_is_judged_as_nghttp2_judges_it),
    TESTS_END,
};

const test_suite h2_rules_suite = {"rules", cases, NULL, NULL};
