/* log_test.c: who hears what. */
#include "lib/base/log.h"
#include "tests/unit/harness.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct {
  int lines;
  gmux_log_level level;
  char room[16], text[2048];
  void *user_data;
} heard;

static void on_line(gmux_log_level level, const char *room, const char *text, void *user_data) {
  heard.lines++;
  heard.level = level;
  heard.user_data = user_data;
  snprintf(heard.room, sizeof heard.room, "%s", room);
  snprintf(heard.text, sizeof heard.text, "%s", text);
}

static void setup(void) {
  memset(&heard, 0, sizeof heard);
}

static int evaluated;

static int evaluate(void) {
  return ++evaluated;
}

static void a_line_is_formatted_and_carries_its_room(void) {
  gmux__logger logger = {on_line, &heard, GMUX_LOG_DEBUG};
  gmux__log(&logger, GMUX_LOG_WARN, "h2", "stream %d refused", 7);
  CU_ASSERT_EQUAL(heard.lines, 1);
  CU_ASSERT_EQUAL(heard.level, GMUX_LOG_WARN);
  CU_ASSERT_STRING_EQUAL(heard.room, "h2");
  CU_ASSERT_STRING_EQUAL(heard.text, "stream 7 refused");
  CU_ASSERT_PTR_EQUAL(heard.user_data, &heard);
}

static void only_levels_that_were_asked_for_are_heard(void) {
  gmux__logger logger = {on_line, NULL, GMUX_LOG_NONE};
  for (int at = GMUX_LOG_NONE; at <= GMUX_LOG_DEBUG; at++) {
    logger.level = (gmux_log_level)at;
    heard.lines = 0;
    for (int lv = GMUX_LOG_ERROR; lv <= GMUX_LOG_DEBUG; lv++)
      gmux__log(&logger, (gmux_log_level)lv, "io", "x");
    CU_ASSERT_EQUAL(heard.lines, at);
  }
}

static void what_nobody_hears_is_not_formatted(void) {
  gmux__logger silent = {NULL, NULL, GMUX_LOG_DEBUG}, quiet = {on_line, NULL, GMUX_LOG_ERROR};
  evaluated = 0;
  gmux__log(&silent, GMUX_LOG_ERROR, "io", "%d", evaluate());
  gmux__log(&quiet, GMUX_LOG_DEBUG, "io", "%d", evaluate());
  CU_ASSERT_EQUAL(evaluated, 0);
  gmux__log(&quiet, GMUX_LOG_ERROR, "io", "%d", evaluate());
  CU_ASSERT_EQUAL(evaluated, 1);
}

static void a_long_line_is_cut(void) {
  gmux__logger logger = {on_line, NULL, GMUX_LOG_DEBUG};
  char text[1500];
  memset(text, 'x', sizeof text);
  text[sizeof text - 1] = '\0';
  gmux__log(&logger, GMUX_LOG_INFO, "io", "%s", text);
  CU_ASSERT_EQUAL(strlen(heard.text), 1023);
}

static void a_peers_words_cannot_forge_a_line_or_reach_the_terminal(void) {
  gmux__logger logger = {on_line, NULL, GMUX_LOG_DEBUG};
  gmux__log(&logger, GMUX_LOG_INFO, "h2", "GOAWAY: %s",
            "bye\nerror: \x1b[2Jgr\xc3\xbc\xc3\x9f\x7f");
  CU_ASSERT_STRING_EQUAL(heard.text, "GOAWAY: bye error:  [2Jgr\xc3\xbc\xc3\x9f ");
}

static void the_ready_made_one_writes_lines_to_stderr(void) {
  gmux__logger logger = {gmux_log_stderr, NULL, GMUX_LOG_DEBUG};
  FILE *file = tmpfile();
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  int kept = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  gmux__log(&logger, GMUX_LOG_WARN, "h2", "stream %d refused", 7);
  dup2(kept, STDERR_FILENO);
  close(kept);
  char text[64] = "";
  rewind(file);
  CU_ASSERT_PTR_NOT_NULL(fgets(text, sizeof text, file));
  CU_ASSERT_STRING_EQUAL(text, "gmux: warn: h2: stream 7 refused\n");
  fclose(file);
}

static void levels_have_names(void) {
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str(GMUX_LOG_NONE), "none");
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str(GMUX_LOG_ERROR), "error");
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str(GMUX_LOG_WARN), "warn");
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str(GMUX_LOG_INFO), "info");
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str(GMUX_LOG_DEBUG), "debug");
  CU_ASSERT_STRING_EQUAL(gmux_log_level_str((gmux_log_level)99), "unknown");
}

static const test_case cases[] = {TEST(a_line_is_formatted_and_carries_its_room),
                                  TEST(only_levels_that_were_asked_for_are_heard),
                                  TEST(what_nobody_hears_is_not_formatted),
                                  TEST(a_long_line_is_cut),
                                  TEST(a_peers_words_cannot_forge_a_line_or_reach_the_terminal),
                                  TEST(the_ready_made_one_writes_lines_to_stderr),
                                  TEST(levels_have_names),
                                  TESTS_END};
const test_suite base_log_suite = {"log", cases, setup, NULL};
