/* machine_test.c: which steps a state machine may take, and who hears of them. */
#include "lib/base/machine.h"
#include "tests/unit/harness.h"

typedef enum light { RED = 0, GREEN, BROKEN } light;

static const char *const light_names[] = {"RED", "GREEN", "BROKEN"};
static const uint16_t light_edges[] = {
    [RED] = GMUX__TO(GREEN) | GMUX__TO(BROKEN),
    [GREEN] = GMUX__TO(RED),
    [BROKEN] = 0,
};
static const gmux__machine lights = {"light", BROKEN + 1, light_names, light_edges};

static struct {
  unsigned steps;
  const gmux__machine *machine;
  unsigned from, to;
} heard;

static void listen(const gmux__machine *machine, unsigned from, unsigned to) {
  heard.steps++;
  heard.machine = machine;
  heard.from = from;
  heard.to = to;
}

static void setup(void) {
  heard.steps = 0;
}

static void teardown(void) {
  gmux__machine_observe = NULL;
}

static void only_the_steps_in_its_table_are_legal(void) {
  static const bool expected[][BROKEN + 1] = {
      [RED] = {false, true, true}, [GREEN] = {true, false, false}, [BROKEN] = {false}};
  for (unsigned from = 0; from <= BROKEN; from++)
    for (unsigned to = 0; to <= BROKEN; to++)
      CU_ASSERT_EQUAL(gmux__machine_may(&lights, from, to), expected[from][to]);
}

static void what_is_no_state_has_no_steps(void) {
  CU_ASSERT_FALSE(gmux__machine_may(&lights, RED, BROKEN + 1));
  CU_ASSERT_FALSE(gmux__machine_may(&lights, BROKEN + 1, RED));
  CU_ASSERT_FALSE(gmux__machine_may(&lights, 1000, 1000));
}

static void an_observer_hears_of_each_step(void) {
  gmux__machine_observe = listen;
  gmux__machine_step(&lights, RED, GREEN);
  CU_ASSERT_EQUAL(heard.steps, 1);
  CU_ASSERT_PTR_EQUAL(heard.machine, &lights);
  CU_ASSERT_EQUAL(heard.from, RED);
  CU_ASSERT_EQUAL(heard.to, GREEN);
  gmux__machine_step(&lights, GREEN, RED);
  CU_ASSERT_EQUAL(heard.steps, 2);
}

static void steps_need_no_observer(void) {
  gmux__machine_step(&lights, RED, BROKEN);
  CU_ASSERT_EQUAL(heard.steps, 0);
}

static void states_have_names(void) {
  CU_ASSERT_STRING_EQUAL(gmux__machine_str(&lights, GREEN), "GREEN");
  CU_ASSERT_STRING_EQUAL(gmux__machine_str(&lights, BROKEN), "BROKEN");
  CU_ASSERT_STRING_EQUAL(gmux__machine_str(&lights, BROKEN + 1), "?");
}

static const test_case cases[] = {
    TEST(only_the_steps_in_its_table_are_legal),
    TEST(what_is_no_state_has_no_steps),
    TEST(an_observer_hears_of_each_step),
    TEST(steps_need_no_observer),
    TEST(states_have_names),
    TESTS_END,
};

const test_suite base_machine_suite = {"machine", cases, setup, teardown};
