/* top_view_test.c: rates, order and lines; and what is typed. */
#include "tests/tool/top_kit.h"
#include "tools/gmux/keys.h"
#include "tools/gmux/top_json.h"
#include "tools/gmux/top_view.h"

#include <jansson.h>
#include <string.h>

static top_model now, before;
static top_view view;
static buffer line;

static void setup(void) {
  top_model_init(&now, 1000);
  top_model_init(&before, 1000);
  view = (top_view){.now = &now, .wall_ms = 1000000};
}

static void teardown(void) {
  top_view_free(&view);
  top_model_free(&now);
  top_model_free(&before);
  buffer_free(&line);
}

static const char *line_at(size_t i, size_t width) {
  line.len = 0;
  top_view_line(&view, i, width, &line);
  return buffer_string(&line);
}

static top_row *server(int64_t id) {
  return &now.rows[top_model_find(&now, (top_key){TOP_SERVER, id}) - now.rows];
}

static double rate(int64_t id) {
  return top_view_rate(&view, server(id), top_started);
}

static void a_rate_is_what_came_between_two_polls(void) {
  fake f = {.servers = 1, .page = 100, .calls = 100, .name = "x"};
  fake_poll(&f, &before, 1000000000);
  f.calls = 150, f.servers = 2;
  fake_poll(&f, &now, 3000000000);
  CU_ASSERT_EQUAL(rate(1), TOP_UNKNOWN); /* there is one poll alone */
  view.before = &before;
  CU_ASSERT_EQUAL(rate(1), 25);
  CU_ASSERT_EQUAL(rate(2), TOP_UNKNOWN); /* it was not there */
}

static void a_server_that_began_anew_has_no_rate(void) {
  fake f = {.servers = 1, .page = 100, .calls = 100, .name = "x"};
  fake_poll(&f, &before, 1000000000);
  f.calls = 3;
  fake_poll(&f, &now, 2000000000);
  view.before = &before;
  CU_ASSERT_EQUAL(rate(1), TOP_UNKNOWN);
  now.at_ns = before.at_ns;
  f.calls = 100;
  fake_poll(&f, &now, before.at_ns);
  CU_ASSERT_EQUAL(rate(1), TOP_UNKNOWN);
}

static int64_t first_by(top_order order, bool is_reversed) {
  view.order = order;
  view.is_reversed = is_reversed;
  top_view_lay(&view);
  CU_ASSERT_EQUAL_FATAL(view.lines[2].kind, TOP_LINE_ROW);
  return view.lines[2].row->key.id;
}

static void rows_are_in_the_order_that_is_asked_for(void) {
  fake f = {.servers = 3, .page = 100, .calls = 100, .name = "x"};
  fake_poll(&f, &before, 1000000000);
  fake_poll(&f, &now, 2000000000);
  view.before = &before;
  server(1)->started = 101, server(2)->started = 100, server(3)->started = 103;
  server(1)->running = 500, server(2)->failed = 1, server(3)->last_ms = 9;
  strcpy(server(2)->name, "a");
  CU_ASSERT_EQUAL(first_by(TOP_BY_RATE, false), 3);
  CU_ASSERT_EQUAL(first_by(TOP_BY_RATE, true), 2);
  CU_ASSERT_EQUAL(first_by(TOP_BY_RUNNING, false), 1);
  CU_ASSERT_EQUAL(first_by(TOP_BY_STARTED, false), 3);
  CU_ASSERT_EQUAL(first_by(TOP_BY_FAILED, false), 2);
  CU_ASSERT_EQUAL(first_by(TOP_BY_LAST, false), 3);
  CU_ASSERT_EQUAL(first_by(TOP_BY_NAME, false), 2);
  CU_ASSERT_EQUAL(first_by(TOP_BY_ID, false), 1);
  CU_ASSERT_EQUAL(first_by(TOP_BY_ID, true), 3);
}

static void each_order_has_a_name(void) {
  for (unsigned i = 0; i < TOP_ORDERS; i++) {
    top_order order = TOP_ORDERS;
    CU_ASSERT_TRUE(top_order_of(top_order_str((top_order)i), &order));
    CU_ASSERT_EQUAL(order, i);
  }
  top_order order;
  CU_ASSERT_FALSE(top_order_of("", &order));
}

static void a_section_has_a_title_heads_and_rows(void) {
  fake f = {.servers = 2, .channels = 1, .page = 100, .calls = 12345678, .name = "host:1"};
  fake_poll(&f, &now, 1);
  server(2)->last_ms = view.wall_ms - 61000;
  top_view_lay(&view);
  CU_ASSERT_STRING_EQUAL(line_at(0, 60), "SERVERS: 2");
  CU_ASSERT_STRING_EQUAL(line_at(1, 60),
                         "LISTENS ON          CALLS/S RUNNING  STARTED   FAILED   LAST");
  CU_ASSERT_STRING_EQUAL(line_at(3, 60),
                         "host:1                    -   12.3M    12.3M        0  1m01s");
  CU_ASSERT_STRING_EQUAL(line_at(4, 60), "");
  CU_ASSERT_STRING_EQUAL(line_at(5, 60), "CHANNELS: 1");
}

/* Of all lines, at all widths. */
static void no_line_is_wider_than_it_may_be(void) {
  fake f = {.servers = 2,
            .channels = 2,
            .sockets = 2,
            .page = 100,
            .calls = INT64_MAX,
            .name =
                "a name that is longer than there is room for, as long as that is shown at all"};
  fake_poll(&f, &before, 1);
  fake_poll(&f, &now, 2);
  view.before = &before;
  now.is_cut[TOP_SOCKET] = true;
  top_view_lay(&view);
  for (size_t width = 0; width < 260; width++) {
    for (size_t i = 0; i < view.count; i++)
      CU_ASSERT_TRUE(strlen(line_at(i, width)) <= width);
    line.len = 0;
    top_view_sums(&view, width, &line);
    CU_ASSERT_TRUE(line.len <= width);
  }
}

static void no_name_reaches_the_terminal_as_it_came(void) {
  fake f = {.servers = 1, .page = 100, .name = "a\033[2J\xc2\x9b\u00e9\xff\nb"};
  fake_poll(&f, &now, 1);
  top_view_lay(&view);
  CU_ASSERT_EQUAL(strncmp(line_at(2, 80), "a?[2J????b ", 11), 0);
}

static void a_number_that_does_not_fit_is_no_other_number(void) {
  fake f = {.servers = 1, .page = 100, .name = "x"};
  fake_poll(&f, &now, 1);
  server(1)->key.id = INT64_MAX;
  top_view_lay(&view);
  CU_ASSERT_PTR_NOT_NULL(strstr(line_at(2, 200), " ##############"));
}

static void sums_are_those_of_the_servers(void) {
  fake f = {.servers = 2, .channels = 5, .page = 100, .calls = 100, .name = "x"};
  fake_poll(&f, &before, 1000000000);
  f.calls = 110;
  fake_poll(&f, &now, 2000000000);
  view.before = &before;
  line.len = 0;
  top_view_sums(&view, 200, &line);
  CU_ASSERT_STRING_EQUAL(buffer_string(&line),
                         "calls: 20.0/s, 220 running, 220 started, 0 ok, 0 failed (0.0/s)");
}

static void json_is_json_whatever_the_names(void) {
  fake f = {.servers = 2, .channels = 1, .sockets = 1, .page = 100, .calls = 3, .name = "\"\xff\n"};
  fake_poll(&f, &before, 1000000000);
  fake_poll(&f, &now, 2000000000);
  view.before = &before;
  top_view_lay(&view);
  line.len = 0;
  top_json(&view, "t", &line);
  json_t *root = json_loads(buffer_string(&line), 0, NULL);
  CU_ASSERT_PTR_NOT_NULL_FATAL(root);
  json_t *socket = json_array_get(json_object_get(root, "sockets"), 0);
  CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "servers")), 2);
  CU_ASSERT_EQUAL(json_integer_value(json_object_get(socket, "streamsStarted")), 3);
  CU_ASSERT_EQUAL(json_integer_value(json_object_get(socket, "serverId")), 1);
  CU_ASSERT_PTR_NULL(json_object_get(socket, "window"));
  CU_ASSERT_PTR_NOT_NULL(json_object_get(socket, "streamsPerSecond"));
  json_decref(root);
}

/* ---- keys ---- */

static void check_keys(const char *typed, const key *expected) {
  keys k = {.number = 0};
  for (; *typed; typed++) {
    key is = keys_take(&k, (unsigned char)*typed);
    if (is != KEY_NONE) CU_ASSERT_EQUAL(is, *expected++);
  }
  CU_ASSERT_EQUAL(*expected, KEY_NONE);
}

static void keys_are_what_terminals_send(void) {
  check_keys("q", (key[]){KEY_QUIT, KEY_NONE});
  check_keys("\033[A\033OB\033[5~\033[6~\033[H\033[4~\033[1;5C",
             (key[]){KEY_UP, KEY_DOWN, KEY_PAGE_UP, KEY_PAGE_DOWN, KEY_HOME, KEY_END, KEY_RIGHT,
                     KEY_NONE});
  check_keys("sr x", (key[]){KEY_SORT, KEY_REVERSE, KEY_NOW, KEY_NONE});
}

static void an_unknown_sequence_is_passed_over_whole(void) {
  check_keys("\033[200~q", (key[]){KEY_QUIT, KEY_NONE});
  check_keys("\033[99999999999999999999~q", (key[]){KEY_QUIT, KEY_NONE});
  check_keys("\033q", (key[]){KEY_QUIT, KEY_NONE});
  check_keys("\033[\033[A", (key[]){KEY_UP, KEY_NONE});
}

static const test_case cases[] = {TEST(a_rate_is_what_came_between_two_polls),
                                  TEST(a_server_that_began_anew_has_no_rate),
                                  TEST(rows_are_in_the_order_that_is_asked_for),
                                  TEST(each_order_has_a_name),
                                  TEST(a_section_has_a_title_heads_and_rows),
                                  TEST(no_line_is_wider_than_it_may_be),
                                  TEST(no_name_reaches_the_terminal_as_it_came),
                                  TEST(a_number_that_does_not_fit_is_no_other_number),
                                  TEST(sums_are_those_of_the_servers),
                                  TEST(json_is_json_whatever_the_names),
                                  TEST(keys_are_what_terminals_send),
                                  TEST(an_unknown_sequence_is_passed_over_whole),
                                  TESTS_END};
const test_suite tool_top_view_suite = {"top_view", cases, setup, teardown};
