/* pool_test.c: which connection takes the next call, and when one more is dialed (promises 1-4). */
#include "lib/policy/pool.h"
#include "tests/unit/harness.h"
#include "tests/unit/policy/random.h"

#define MS UINT64_C(1000000)

enum { IDEAL = 100 };

/* ---- promise 1: the picker ---- */

static gmux__load load(uint32_t used) {
  return (gmux__load){.used = used, .limit = 1000, .is_usable = true};
}

/* `a` is taken rather than `b`, whichever is asked first. */
static bool is_better(gmux__pool_order order, gmux__load a, gmux__load b) {
  return gmux__pool_prefers(order, IDEAL, &a, &b) && !gmux__pool_prefers(order, IDEAL, &b, &a);
}

static bool is_better_in_both(gmux__load a, gmux__load b) {
  return is_better(GMUX__POOL_PACK, a, b) && is_better(GMUX__POOL_SPREAD, a, b);
}

static gmux__load blocked(gmux__load l) {
  l.is_blocked = true;
  return l;
}

static gmux__load temporary(gmux__load l) {
  l.is_temporary = true;
  return l;
}

static void a_connection_at_its_limit_has_no_room(void) {
  gmux__load l = load(999);
  CU_ASSERT_TRUE(gmux__load_has_room(&l));
  l.used = 1000;
  CU_ASSERT_FALSE(gmux__load_has_room(&l));
  l.limit = 1; /* lowered with 1000 in flight */
  CU_ASSERT_FALSE(gmux__load_has_room(&l));
  CU_ASSERT_FALSE(gmux__load_is_below_ideal(&l, IDEAL));
}

static void a_suspect_connection_has_no_room(void) {
  gmux__load l = load(0);
  l.is_usable = false;
  CU_ASSERT_FALSE(gmux__load_has_room(&l));
}

static void a_limit_below_ideal_is_the_ideal(void) {
  gmux__load l = load(49);
  l.limit = 50;
  CU_ASSERT_TRUE(gmux__load_is_below_ideal(&l, IDEAL));
  l.used = 50;
  CU_ASSERT_FALSE(gmux__load_is_below_ideal(&l, IDEAL));
  l.limit = 1000;
  l.used = 99;
  CU_ASSERT_TRUE(gmux__load_is_below_ideal(&l, IDEAL));
  l.used = 100;
  CU_ASSERT_FALSE(gmux__load_is_below_ideal(&l, IDEAL));
}

static void pack_takes_the_fullest_below_ideal(void) {
  CU_ASSERT_TRUE(is_better(GMUX__POOL_PACK, load(99), load(98)));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_PACK, load(99), load(100)));
}

static void pack_takes_the_least_loaded_above_ideal(void) {
  CU_ASSERT_TRUE(is_better(GMUX__POOL_PACK, load(100), load(101)));
}

static void spread_takes_the_least_loaded(void) {
  CU_ASSERT_TRUE(is_better(GMUX__POOL_SPREAD, load(0), load(1)));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_SPREAD, load(99), load(100)));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_SPREAD, load(100), load(101)));
}

static gmux__load queued(gmux__load l, size_t bytes) {
  l.queued = bytes;
  return l;
}

static void of_blocked_connections_that_with_less_queued_is_taken(void) {
  enum { FRAME = 16384 };
  gmux__load few = queued(blocked(load(9)), FRAME), many = queued(blocked(load(3)), 4 * FRAME);
  CU_ASSERT_TRUE(is_better_in_both(few, many));
  CU_ASSERT_TRUE(is_better_in_both(queued(load(9), 4 * FRAME), few)); /* not blocked: no matter */
  /* Less than a frame is none. */
  many.queued = 2 * FRAME - 1;
  CU_ASSERT_TRUE(is_better(GMUX__POOL_SPREAD, many, few));
}

static void a_blocked_connection_is_passed_over_while_another_will_do(void) {
  CU_ASSERT_TRUE(is_better_in_both(load(999), blocked(load(0))));
  CU_ASSERT_TRUE(is_better_in_both(temporary(load(999)), blocked(load(0))));
  CU_ASSERT_TRUE(is_better_in_both(blocked(load(0)), blocked(load(100))));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_PACK, blocked(load(1)), blocked(load(0))));
}

static void a_temporary_connection_is_picked_last_in_its_class(void) {
  CU_ASSERT_TRUE(is_better_in_both(load(0), temporary(load(0))));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_PACK, load(0), temporary(load(99))));
  CU_ASSERT_TRUE(is_better(GMUX__POOL_SPREAD, load(99), temporary(load(0))));
  CU_ASSERT_TRUE(is_better_in_both(temporary(load(99)), load(100))); /* of a better class */
  CU_ASSERT_TRUE(is_better_in_both(load(999), temporary(load(100))));
  CU_ASSERT_TRUE(is_better_in_both(blocked(load(999)), temporary(blocked(load(0)))));
}

static void any_connection_with_room_beats_one_without(void) {
  gmux__load full = load(1000), suspect = load(0);
  suspect.is_usable = false;
  gmux__load worst = temporary(blocked(load(999)));
  CU_ASSERT_TRUE(gmux__pool_prefers(GMUX__POOL_PACK, IDEAL, &worst, &full));
  CU_ASSERT_TRUE(gmux__pool_prefers(GMUX__POOL_PACK, IDEAL, &worst, &suspect));
}

static void the_first_of_two_equals_stays(void) {
  gmux__load a = load(7);
  CU_ASSERT_FALSE(gmux__pool_prefers(GMUX__POOL_PACK, IDEAL, &a, &a));
  CU_ASSERT_FALSE(gmux__pool_prefers(GMUX__POOL_SPREAD, IDEAL, &a, &a));
}

static gmux__load any_load(test_random *random) {
  uint32_t used = (uint32_t)test_random_below(random, 6) + 97;
  return (gmux__load){.used = used,
                      .limit = used + 1 + (uint32_t)test_random_below(random, 3),
                      .is_usable = true,
                      .is_blocked = test_random_below(random, 2) == 0,
                      .is_temporary = test_random_below(random, 2) == 0};
}

/* Without that the choice would depend on the order of asking. */
static void preferring_is_an_order(void) {
  test_random random = {1};
  for (int i = 0; i < 100000; i++) {
    gmux__pool_order order = i % 2 == 0 ? GMUX__POOL_PACK : GMUX__POOL_SPREAD;
    gmux__load a = any_load(&random), b = any_load(&random), c = any_load(&random);
    bool ab = gmux__pool_prefers(order, IDEAL, &a, &b);
    bool bc = gmux__pool_prefers(order, IDEAL, &b, &c);
    bool ac = gmux__pool_prefers(order, IDEAL, &a, &c);
    if (ab) CU_ASSERT_FALSE(gmux__pool_prefers(order, IDEAL, &b, &a));
    if (ab && bc) CU_ASSERT_TRUE(ac);
    if (!ab && !bc) CU_ASSERT_FALSE(ac);
  }
}

/* ---- promises 2 to 4: the size of the pool ---- */

static gmux__pool_config config;
static gmux__pool_facts facts;

static void setup(void) {
  config = (gmux__pool_config){.max_connections = 4, .burst_after_ns = 100 * MS};
  facts = (gmux__pool_facts){0};
}

static gmux__pool_wish wish(void) {
  return gmux__pool_wants(&config, &facts);
}

static void an_idle_pool_is_content(void) {
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

static void one_dial_at_a_time_however_many_wait(void) {
  facts.waiting = 10000;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
  facts.dialing = 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
  config.min_connections = 4;
  facts.to_replace = 4;
  facts.is_asked = true;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

static void min_connections_are_kept_though_nobody_calls(void) {
  config.min_connections = 2;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
  facts.usable = facts.below_ideal = 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
  facts.usable = facts.below_ideal = 2;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

static void a_connection_asked_for_is_dialed(void) {
  facts.is_asked = true;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
}

static void one_more_is_dialed_when_every_one_is_at_its_ideal(void) {
  facts.usable = 3;
  facts.below_ideal = 1;
  facts.has_overflowed = true;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
  facts.below_ideal = 0;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
  facts.has_overflowed = false; /* all full, but nobody wants more */
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

static void no_more_than_max_connections(void) {
  facts.usable = 4;
  facts.waiting = 10000;
  facts.waited_ns = UINT64_MAX;
  facts.has_overflowed = facts.is_asked = true;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
  facts.usable = 3;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
}

static void a_replacement_is_dialed_before_the_old_one_drains(void) {
  facts.usable = facts.below_ideal = 4;
  facts.to_replace = 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
}

static void a_burst_needs_a_call_that_has_waited_long_enough(void) {
  config.burst_connections = 2;
  facts.usable = 4;
  facts.waiting = 1;
  facts.waited_ns = 100 * MS - 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
  facts.waited_ns = 100 * MS;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL_BURST);
  facts.temporary = 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL_BURST);
  facts.temporary = 2;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

static void while_a_permanent_one_is_allowed_there_is_no_burst(void) {
  config.burst_connections = 2;
  facts.usable = 3;
  facts.waiting = 1;
  facts.waited_ns = 100 * MS;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_DIAL);
  facts.below_ideal = 1;
  CU_ASSERT_EQUAL(wish(), GMUX__POOL_CONTENT);
}

/* One endpoint whose connections come, fill, fail and are replaced at random. */
static void step_of_pool(test_random *random) {
  facts.waiting = test_random_below(random, 3) == 0 ? 0 : test_random_below(random, 10000);
  facts.waited_ns = facts.waiting > 0 ? test_random_below(random, 300 * MS) : 0;
  facts.below_ideal = test_random_below(random, facts.usable + facts.temporary + 1);
  facts.has_overflowed = test_random_below(random, 2) == 0;
  facts.is_asked = facts.usable == 0 && test_random_below(random, 2) == 0;
  if (facts.to_replace > facts.usable) facts.to_replace = facts.usable;
  if (facts.to_replace == 0 && facts.usable > 0 && test_random_below(random, 5) == 0)
    facts.to_replace = 1 + test_random_below(random, facts.usable);
}

/* The dial that ran has succeeded: as `wanted`, or as the replacement of one that drains now. */
static void finish_dial(gmux__pool_wish wanted) {
  facts.dialing = 0;
  if (wanted == GMUX__POOL_DIAL_BURST) {
    facts.temporary++;
  } else if (facts.to_replace > 0) {
    facts.to_replace--;
  } else {
    facts.usable++;
  }
}

static void wishes_never_exceed_max_and_burst_and_one_dial_at_a_time(void) {
  size_t dials = 0, bursts = 0;
  for (uint64_t seed = 0; seed < 2000; seed++) {
    test_random random = {seed};
    uint32_t max = 1 + (uint32_t)test_random_below(&random, 5);
    config.max_connections = max;
    config.min_connections = (uint32_t)test_random_below(&random, max + 1);
    config.burst_connections = (uint32_t)test_random_below(&random, 3);
    facts = (gmux__pool_facts){0};
    gmux__pool_wish running = GMUX__POOL_CONTENT;
    for (int i = 0; i < 200; i++) {
      step_of_pool(&random);
      gmux__pool_wish wanted = wish();
      if (wanted != GMUX__POOL_CONTENT) {
        CU_ASSERT_EQUAL(facts.dialing, 0);
        facts.dialing = 1;
        running = wanted;
        dials++;
        bursts += wanted == GMUX__POOL_DIAL_BURST;
      }
      uint64_t dice = test_random_below(&random, 8);
      if (dice < 3 && facts.dialing > 0) finish_dial(running);
      if (dice == 3) facts.dialing = 0; /* failed */
      if (dice == 4 && facts.usable > 0) facts.usable--;
      if (dice == 5 && facts.temporary > 0) facts.temporary--;
      CU_ASSERT_TRUE(facts.usable <= config.max_connections);
      CU_ASSERT_TRUE(facts.temporary <= config.burst_connections);
    }
  }
  CU_ASSERT_TRUE(dials > 10000 && bursts > 1000);
}

static const test_case cases[] = {TEST(a_connection_at_its_limit_has_no_room),
                                  TEST(a_suspect_connection_has_no_room),
                                  TEST(a_limit_below_ideal_is_the_ideal),
                                  TEST(pack_takes_the_fullest_below_ideal),
                                  TEST(pack_takes_the_least_loaded_above_ideal),
                                  TEST(spread_takes_the_least_loaded),
                                  TEST(a_blocked_connection_is_passed_over_while_another_will_do),
                                  TEST(of_blocked_connections_that_with_less_queued_is_taken),
                                  TEST(a_temporary_connection_is_picked_last_in_its_class),
                                  TEST(any_connection_with_room_beats_one_without),
                                  TEST(the_first_of_two_equals_stays),
                                  TEST(preferring_is_an_order),
                                  TEST(an_idle_pool_is_content),
                                  TEST(one_dial_at_a_time_however_many_wait),
                                  TEST(min_connections_are_kept_though_nobody_calls),
                                  TEST(a_connection_asked_for_is_dialed),
                                  TEST(one_more_is_dialed_when_every_one_is_at_its_ideal),
                                  TEST(no_more_than_max_connections),
                                  TEST(a_replacement_is_dialed_before_the_old_one_drains),
                                  TEST(a_burst_needs_a_call_that_has_waited_long_enough),
                                  TEST(while_a_permanent_one_is_allowed_there_is_no_burst),
                                  TEST(wishes_never_exceed_max_and_burst_and_one_dial_at_a_time),
                                  TESTS_END};
const test_suite policy_pool_suite = {"pool", cases, setup, NULL};
