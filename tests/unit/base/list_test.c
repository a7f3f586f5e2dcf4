/* list_test.c: the intrusive list. */
#include "lib/base/list.h"
#include "tests/unit/harness.h"
#include <string.h>

typedef struct item {
  char name;
  gmux__link link;
} item;

static gmux__list list;
static item items[5]; /* a b c d e */

static void setup(void) {
  memset(&list, 0, sizeof list);
  memset(items, 0, sizeof items);
  for (int i = 0; i < 5; i++)
    items[i].name = (char)('a' + i);
}

static void append_first(int count) {
  for (int i = 0; i < count; i++)
    gmux__list_append(&list, &items[i].link);
}

/* The names from first to last, after checking that all that can be recounted is right. */
static const char *names(const gmux__list *l) {
  static char text[8];
  size_t count = 0;
  const gmux__link *before = NULL;
  for (gmux__link *link = l->first; link; before = link, link = link->next) {
    CU_ASSERT_PTR_EQUAL(link->prev, before);
    CU_ASSERT_PTR_EQUAL(link->list, l);
    text[count++] = gmux__container(link, item, link)->name;
  }
  CU_ASSERT_PTR_EQUAL(l->last, before);
  CU_ASSERT_EQUAL(l->count, count);
  text[count] = '\0';
  return text;
}

static void appended_links_stand_in_order(void) {
  CU_ASSERT_TRUE(gmux__list_is_empty(&list));
  append_first(3);
  CU_ASSERT_STRING_EQUAL(names(&list), "abc");
  CU_ASSERT_FALSE(gmux__list_is_empty(&list));
}

static void a_link_can_be_put_before_any_other(void) {
  append_first(2);
  gmux__list_insert_before(&list, &items[0].link, &items[2].link);
  gmux__list_insert_before(&list, &items[1].link, &items[3].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "cadb");
}

static void any_link_can_be_removed(void) {
  append_first(5);
  gmux__list_remove(&items[2].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "abde");
  gmux__list_remove(&items[0].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "bde");
  gmux__list_remove(&items[4].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "bd");
  gmux__list_remove(&items[1].link);
  gmux__list_remove(&items[3].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "");
  CU_ASSERT_TRUE(gmux__list_is_empty(&list));
}

static void a_removed_link_is_in_no_list_and_can_go_into_another(void) {
  gmux__list other = {0};
  append_first(2);
  CU_ASSERT_TRUE(gmux__link_is_linked(&items[0].link));
  gmux__list_remove(&items[0].link);
  CU_ASSERT_FALSE(gmux__link_is_linked(&items[0].link));
  gmux__list_remove(&items[0].link);
  CU_ASSERT_STRING_EQUAL(names(&list), "b");
  gmux__list_append(&other, &items[0].link);
  CU_ASSERT_STRING_EQUAL(names(&other), "a");
}

static void shift_takes_from_the_front_until_empty(void) {
  append_first(2);
  CU_ASSERT_PTR_EQUAL(gmux__list_shift(&list), &items[0].link);
  CU_ASSERT_FALSE(gmux__link_is_linked(&items[0].link));
  CU_ASSERT_PTR_EQUAL(gmux__list_shift(&list), &items[1].link);
  CU_ASSERT_PTR_NULL(gmux__list_shift(&list));
}

static void move_all_appends_in_order_and_tells_each_link(void) {
  gmux__list other = {0};
  append_first(3);
  gmux__list_append(&other, &items[3].link);
  gmux__list_move_all(&other, &list);
  CU_ASSERT_STRING_EQUAL(names(&other), "dabc");
  CU_ASSERT_STRING_EQUAL(names(&list), "");
  gmux__list_move_all(&other, &list);
  CU_ASSERT_STRING_EQUAL(names(&other), "dabc");
}

static const test_case cases[] = {TEST(appended_links_stand_in_order),
                                  TEST(a_link_can_be_put_before_any_other),
                                  TEST(any_link_can_be_removed),
                                  TEST(a_removed_link_is_in_no_list_and_can_go_into_another),
                                  TEST(shift_takes_from_the_front_until_empty),
                                  TEST(move_all_appends_in_order_and_tells_each_link),
                                  TESTS_END};
const test_suite base_list_suite = {"list", cases, setup, NULL};
