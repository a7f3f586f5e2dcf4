/* map_test.c: strings to pointers. */
#include "lib/base/map.h"
#include "tests/unit/harness.h"
#include <gmux/error.h>
#include <stdio.h>
#include <string.h>

enum { MANY = 1000 };

static int values[MANY];

static size_t key_of(char key[32], int i) {
  return (size_t)snprintf(key, 32, "/package.Service/Method%d", i);
}

static void an_empty_map_has_nothing(void) {
  gmux__map map = {0};
  CU_ASSERT_EQUAL(gmux__map_count(&map), 0);
  CU_ASSERT_PTR_NULL(gmux__map_get(&map, "a", 1));
  gmux__map_deinit(&map);
}

static void many_keys_are_all_found(void) {
  gmux__map map = {0};
  char key[32];
  for (int i = 0; i < MANY; i++)
    CU_ASSERT_EQUAL(gmux__map_put(&map, key, key_of(key, i), &values[i]), 0);
  memset(key, 0, sizeof key); /* keys are copies */
  CU_ASSERT_EQUAL(gmux__map_count(&map), MANY);
  for (int i = 0; i < MANY; i++)
    CU_ASSERT_PTR_EQUAL(gmux__map_get(&map, key, key_of(key, i)), &values[i]);
  CU_ASSERT_PTR_NULL(gmux__map_get(&map, key, key_of(key, MANY)));
  CU_ASSERT_TRUE(map.size * 3 >= map.used * 4);
  gmux__map_deinit(&map);
  CU_ASSERT_EQUAL(gmux__map_count(&map), 0);
}

static void a_key_is_its_length_and_its_bytes(void) {
  gmux__map map = {0};
  static const struct {
    const char *bytes;
    size_t len;
  } keys[] = {{"ab", 2}, {"a", 1}, {"", 0}, {"a\0b", 3}, {"a\0c", 3}, {"a\0", 2}};
  enum { KEYS = sizeof keys / sizeof *keys };
  for (int i = 0; i < KEYS; i++)
    CU_ASSERT_EQUAL(gmux__map_put(&map, keys[i].bytes, keys[i].len, &values[i]), 0);
  for (int i = 0; i < KEYS; i++)
    CU_ASSERT_PTR_EQUAL(gmux__map_get(&map, keys[i].bytes, keys[i].len), &values[i]);
  gmux__map_deinit(&map);
}

static void a_key_that_is_there_keeps_its_value(void) {
  gmux__map map = {0};
  CU_ASSERT_EQUAL(gmux__map_put(&map, "/a/B", 4, &values[0]), 0);
  CU_ASSERT_EQUAL(gmux__map_put(&map, "/a/B", 4, &values[1]), GMUX_ERR_EXISTS);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "there is a \"/a/B\" already");
  CU_ASSERT_PTR_EQUAL(gmux__map_get(&map, "/a/B", 4), &values[0]);
  CU_ASSERT_EQUAL(gmux__map_count(&map), 1);
  gmux__map_deinit(&map);
}

static void visit(const char *key, void *value, void *arg) {
  int *seen = arg;
  char expected[32];
  long i = (int *)value - values;
  key_of(expected, (int)i);
  CU_ASSERT_STRING_EQUAL(key, expected);
  seen[i]++;
}

static void each_visits_every_value_once(void) {
  gmux__map map = {0};
  char key[32];
  for (int count = 0; count <= 100; count++) {
    int seen[101] = {0};
    gmux__map_each(&map, visit, seen);
    for (int i = 0; i <= 100; i++)
      CU_ASSERT_EQUAL(seen[i], i < count);
    CU_ASSERT_EQUAL(gmux__map_put(&map, key, key_of(key, count), &values[count]), 0);
  }
  gmux__map_deinit(&map);
}

static void fill(void *arg) {
  (void)arg;
  gmux__map map = {0};
  char key[32];
  for (int i = 0; i < 20; i++) {
    size_t len = key_of(key, i), count = gmux__map_count(&map);
    int error = gmux__map_put(&map, key, len, &values[i]);
    CU_ASSERT_EQUAL(error,
                    test_alloc_has_failed() && gmux__map_count(&map) == count ? GMUX_ERR_NOMEM : 0);
    if (error) {
      CU_ASSERT_PTR_NULL(gmux__map_get(&map, key, len));
      CU_ASSERT_EQUAL(gmux__map_put(&map, key, len, &values[i]), 0);
    }
  }
  CU_ASSERT_EQUAL(gmux__map_count(&map), 20);
  for (int i = 0; i < 20; i++)
    CU_ASSERT_PTR_EQUAL(gmux__map_get(&map, key, key_of(key, i)), &values[i]);
  gmux__map_deinit(&map);
}

static void out_of_memory_changes_nothing_and_can_be_tried_again(void) {
  CU_ASSERT_TRUE(test_alloc_torture(fill, NULL) > 20);
}

static const test_case cases[] = {TEST(an_empty_map_has_nothing),
                                  TEST(many_keys_are_all_found),
                                  TEST(a_key_is_its_length_and_its_bytes),
                                  TEST(a_key_that_is_there_keeps_its_value),
                                  TEST(each_visits_every_value_once),
                                  TEST(out_of_memory_changes_nothing_and_can_be_tried_again),
                                  TESTS_END};
const test_suite base_map_suite = {"map", cases, NULL, NULL};
