/* hook_test.c: the intrusive list of two words. */
#include "lib/base/hook.h"
#include "lib/base/list.h"
#include "tests/unit/harness.h"
#include <string.h>

typedef struct item {
  char name;
  gmux__hook hook;
} item;

static gmux__hooks list;
static item items[4]; /* a b c d */

static void setup(void) {
  memset(&list, 0, sizeof list);
  memset(items, 0, sizeof items);
  for (int i = 0; i < 4; i++) {
    items[i].name = (char)('a' + i);
    gmux__hooks_append(&list, &items[i].hook);
  }
}

/* Empties the list: the names from first to last. */
static const char *take_names(void) {
  static char text[8];
  size_t count = 0;
  gmux__hook *hook;
  while ((hook = gmux__hooks_shift(&list))) {
    CU_ASSERT_FALSE(gmux__hook_is_in(hook));
    text[count++] = gmux__container(hook, item, hook)->name;
  }
  text[count] = '\0';
  return text;
}

static void a_list_of_zeros_is_empty(void) {
  static const gmux__hooks zeros;
  CU_ASSERT_PTR_NULL(gmux__hooks_first(&zeros));
}

static void is_first_in_first_out(void) {
  CU_ASSERT_PTR_EQUAL(gmux__hooks_first(&list), &items[0].hook);
  CU_ASSERT_STRING_EQUAL(take_names(), "abcd");
  CU_ASSERT_PTR_NULL(gmux__hooks_first(&list));
  CU_ASSERT_PTR_NULL(gmux__hooks_shift(&list));
}

static void removes_from_either_end_and_between(void) {
  gmux__hook_remove(&items[1].hook);
  gmux__hook_remove(&items[3].hook);
  gmux__hook_remove(&items[0].hook);
  CU_ASSERT_FALSE(gmux__hook_is_in(&items[0].hook));
  CU_ASSERT_TRUE(gmux__hook_is_in(&items[2].hook));
  CU_ASSERT_STRING_EQUAL(take_names(), "c");
}

static void what_is_in_no_list_may_be_removed(void) {
  gmux__hook_remove(&items[1].hook);
  gmux__hook_remove(&items[1].hook);
  CU_ASSERT_STRING_EQUAL(take_names(), "acd");
}

static void goes_to_the_end_of_another_list(void) {
  gmux__hook_remove(&items[0].hook);
  gmux__hooks_append(&list, &items[0].hook);
  CU_ASSERT_STRING_EQUAL(take_names(), "bcda");
  gmux__hooks_append(&list, &items[2].hook);
  CU_ASSERT_STRING_EQUAL(take_names(), "c");
}

static const test_case cases[] = {
    TEST(a_list_of_zeros_is_empty),
    TEST(is_first_in_first_out),
    TEST(removes_from_either_end_and_between),
    TEST(what_is_in_no_list_may_be_removed),
    TEST(goes_to_the_end_of_another_list),
    TESTS_END,
};

extern const test_suite base_hook_suite;
const test_suite base_hook_suite = {"hook", cases, setup, NULL};
