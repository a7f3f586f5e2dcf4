/* tally_test.c: what a load's calls add up to, and how it is drawn. */
#include "tests/unit/harness.h"
#include "tools/gmux/chart.h"

#include <stdlib.h>
#include <string.h>

static tally t;

static void setup(void) {
  t = (tally){.messages = 0};
}

static void add_many(unsigned count, uint64_t ns) {
  for (unsigned i = 0; i < count; i++)
    tally_add(&t, 0, ns);
}

static void each_status_is_counted_and_one_that_there_is_not_is_unknown(void) {
  tally_add(&t, 0, 5), tally_add(&t, 14, 5), tally_add(&t, 14, 5), tally_add(&t, 99, 5);
  CU_ASSERT_EQUAL(tally_calls(&t), 4);
  CU_ASSERT_EQUAL(tally_failed(&t), 3);
  CU_ASSERT_EQUAL(t.codes[14], 2);
  CU_ASSERT_EQUAL(t.codes[2], 1);
}

static void latencies_are_those_of_calls_that_went_well(void) {
  tally_add(&t, 0, 1000), tally_add(&t, 4, 99999999), tally_add(&t, 0, 3000);
  CU_ASSERT_EQUAL(t.least_ns, 1000);
  CU_ASSERT_EQUAL(t.most_ns, 3000);
  CU_ASSERT_EQUAL(t.latencies_ns.total, 2);
}

static bool is_within(double value, double wanted, double part) {
  return value >= wanted * (1 - part) && value <= wanted * (1 + part);
}

static void percentiles_are_known_to_a_hundredth(void) {
  for (uint64_t us = 1; us <= 10000; us++)
    tally_add(&t, 0, 1000 * us);
  CU_ASSERT_TRUE(is_within(tally_percentile_ns(&t, 0.5), 5e6, 0.01));
  CU_ASSERT_TRUE(is_within(tally_percentile_ns(&t, 0.99), 9.9e6, 0.01));
  CU_ASSERT_TRUE(is_within(tally_percentile_ns(&t, 0.999), 9.99e6, 0.01));
  CU_ASSERT_TRUE(tally_percentile_ns(&t, 1) <= (double)t.most_ns);
}

static void of_equal_ones_every_percentile_is_that(void) {
  add_many(3, 123457);
  CU_ASSERT_EQUAL(tally_percentile_ns(&t, 0.01), 123457);
  CU_ASSERT_EQUAL(tally_percentile_ns(&t, 0.999), 123457);
}

static void several_are_added_up(void) {
  static tally other;
  add_many(2, 500);
  tally_add(&other, 0, 100), tally_add(&other, 0, 900), tally_add(&other, 13, 1);
  other.messages = 7;
  tally_merge(&t, &other);
  CU_ASSERT_EQUAL(t.least_ns, 100);
  CU_ASSERT_EQUAL(t.most_ns, 900);
  CU_ASSERT_EQUAL(t.latencies_ns.total, 4);
  CU_ASSERT_EQUAL(t.codes[13], 1);
  CU_ASSERT_EQUAL(t.messages, 7);
  static const tally empty;
  tally_merge(&t, &empty);
  CU_ASSERT_EQUAL(t.least_ns, 100);
}

static void how_many_are_less_is_known(void) {
  add_many(5, 100000), add_many(7, 200000);
  CU_ASSERT_EQUAL(histogram_below(&t.latencies_ns, 1), 0);
  CU_ASSERT_EQUAL(histogram_below(&t.latencies_ns, 150000), 5);
  CU_ASSERT_EQUAL(histogram_below(&t.latencies_ns, 1e18), 12);
}

static void times_are_said_with_three_digits(void) {
  static const struct {
    double ns;
    const char *text;
  } rows[] = {{999, "999 ns"},      {1000, "1.00 us"},    {12340, "12.3 us"}, {999999, "1.00 ms"},
              {1234567, "1.23 ms"}, {99960000, "100 ms"}, {2.5e9, "2.50 s"},  {120e9, "120 s"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    CU_ASSERT_STRING_EQUAL(chart_time_str(rows[i].ns).text, rows[i].text);
}

/* Sums of the second column, and the widest line. */
static uint64_t sum_of(const char *text, size_t *widest) {
  uint64_t sum = 0;
  *widest = 0;
  while (*text) {
    sum += strtoull(text + 12, NULL, 10);
    size_t len = strcspn(text, "\n");
    if (len > *widest) *widest = len;
    text += len + (text[len] == '\n');
  }
  return sum;
}

static void each_call_is_in_the_chart_which_fits_into_its_columns(void) {
  buffer out = {.data = NULL};
  size_t widest;
  add_many(5000, 100000), add_many(700, 200000), add_many(80, 1700000), add_many(1, 5000000000);
  chart_text(&out, &t, 79, "#");
  CU_ASSERT_EQUAL(sum_of(buffer_string(&out), &widest), 5781);
  CU_ASSERT_EQUAL(widest, 79);
  CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&out), "\n     5.00 s            1 |#\n"));
  buffer_free(&out);
}

static void calls_that_took_the_same_are_one_line(void) {
  buffer out = {.data = NULL};
  add_many(3, 1000);
  chart_text(&out, &t, 40, "#");
  CU_ASSERT_STRING_EQUAL(buffer_string(&out), "    1.00 us            3 |##############\n");
  buffer_free(&out);
}

static void where_no_call_was_good_there_is_nothing_to_draw(void) {
  buffer out = {.data = NULL};
  tally_add(&t, 14, 1000);
  chart_text(&out, &t, 80, "#");
  CU_ASSERT_EQUAL(out.len, 0);
  chart_svg(&out, &t, "none");
  CU_ASSERT_PTR_NULL(strstr(buffer_string(&out), "<rect class=\"bar\""));
  buffer_free(&out);
}

static void a_picture_has_its_title_and_the_percentiles(void) {
  buffer out = {.data = NULL};
  add_many(1000, 250000), add_many(20, 4000000);
  chart_svg(&out, &t, "a<b & c");
  const char *svg = buffer_string(&out);
  CU_ASSERT_EQUAL(strncmp(svg, "<svg xmlns=", 11), 0);
  CU_ASSERT_PTR_NOT_NULL(strstr(svg, ">a&lt;b &amp; c</text>"));
  CU_ASSERT_PTR_NOT_NULL(strstr(svg, ">p50 250 us</text>") ? svg
                                                           : strstr(svg, ">p50 251 us</text>"));
  CU_ASSERT_PTR_NOT_NULL(strstr(svg, ">p99.9 4.0"));
  CU_ASSERT_STRING_EQUAL(svg + out.len - 7, "</svg>\n");
  buffer_free(&out);
}

static const test_case cases[] = {TEST(each_status_is_counted_and_one_that_there_is_not_is_unknown),
                                  TEST(latencies_are_those_of_calls_that_went_well),
                                  TEST(percentiles_are_known_to_a_hundredth),
                                  TEST(of_equal_ones_every_percentile_is_that),
                                  TEST(several_are_added_up),
                                  TEST(how_many_are_less_is_known),
                                  TEST(times_are_said_with_three_digits),
                                  TEST(each_call_is_in_the_chart_which_fits_into_its_columns),
                                  TEST(calls_that_took_the_same_are_one_line),
                                  TEST(where_no_call_was_good_there_is_nothing_to_draw),
                                  TEST(a_picture_has_its_title_and_the_percentiles),
                                  TESTS_END};
const test_suite tool_tally_suite = {"tally", cases, setup, NULL};
