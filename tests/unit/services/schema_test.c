/* schema_test.c: what is declared in which file. */
#include "lib/services/schema.h"
#include "tests/unit/services/protoset.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gmux__schema schema;

static void teardown(void) {
  gmux__schema_deinit(&schema);
}

static gmux__schema_text text(const char *s) {
  return (gmux__schema_text){s, strlen(s)};
}

static const char *name_of(const gmux__schema_file *file) {
  static char name[64];
  if (!file) return "none";
  snprintf(name, sizeof name, "%.*s", (int)file->name.len, file->name.at);
  return name;
}

static const char *declared_in(const char *symbol) {
  return name_of(gmux__schema_by_symbol(&schema, text(symbol)));
}

static void add_shop(void) {
  CU_ASSERT_EQUAL_FATAL(gmux__schema_add(&schema, protoset_shop(), false), 0);
  CU_ASSERT_EQUAL_FATAL(gmux__schema_seal(&schema), 0);
}

/* Adds a set of one file, made by hand; the error. */
static int add_file(const char *name, const char *package, const void *fields, size_t len) {
  return gmux__schema_add(&schema, protoset_file(name, package, fields, len), false);
}
#define ADD_FILE(name, package, fields) add_file(name, package, fields, sizeof fields - 1)

/* ---- what is found ---- */

static void files_are_found_by_name(void) {
  add_shop();
  CU_ASSERT_EQUAL(schema.file_count, 3);
  static const char *const names[] = {"shop.proto", "goods.proto", "base.proto"};
  for (size_t i = 0; i < 3; i++)
    CU_ASSERT_STRING_EQUAL(name_of(gmux__schema_by_name(&schema, text(names[i]))), names[i]);
  CU_ASSERT_PTR_NULL(gmux__schema_by_name(&schema, text("other.proto")));
  CU_ASSERT_PTR_NULL(gmux__schema_by_name(&schema, text("")));
}

static void each_kind_of_declaration_is_found(void) {
  add_shop();
  static const char *const in_goods[] = {
      "test.goods.Goods",
      "test.goods.Goods.price",
      "test.goods.Goods.mark",
      "test.goods.Goods.Label",
      "test.goods.Goods.Label.kind",
      "test.goods.Goods.Label.Kind",
      "test.goods.Goods.note",
      "test.goods.rank",
      "test.goods.Goods.Label.GOLDEN" /* beside its enum, not in it */
  };
  for (size_t i = 0; i < sizeof in_goods / sizeof *in_goods; i++)
    CU_ASSERT_STRING_EQUAL(declared_in(in_goods[i]), "goods.proto");
  CU_ASSERT_STRING_EQUAL(declared_in("test.shop.Shop"), "shop.proto");
  CU_ASSERT_STRING_EQUAL(declared_in("test.shop.Shop.Buy"), "shop.proto");
  CU_ASSERT_STRING_EQUAL(declared_in("test.shop.GOOD"), "shop.proto");
  CU_ASSERT_STRING_EQUAL(declared_in("test.base.Price"), "base.proto");
  static const char *const nowhere[] = {"",
                                        "test",
                                        "Goods",
                                        ".test.goods.Goods",
                                        "test.goods.Goods.",
                                        "test.goods.Goods.Label.Kind.GOLDEN",
                                        "test.shop.Goods"};
  for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++)
    CU_ASSERT_STRING_EQUAL(declared_in(nowhere[i]), "none");
}

static void a_file_without_a_package_declares_bare_names(void) {
  CU_ASSERT_EQUAL(ADD_FILE("bare.proto", NULL, "\x22\x03\x0a\x01M"), 0); /* message M {} */
  CU_ASSERT_STRING_EQUAL(declared_in("M"), "bare.proto");
}

static void extensions_are_found_and_listed_in_order(void) {
  add_shop();
  const gmux__schema_text price = text("test.base.Price");
  size_t count;
  const gmux__schema_extension *all = gmux__schema_extensions(&schema, price, &count);
  CU_ASSERT_EQUAL_FATAL(count, 3);
  CU_ASSERT_EQUAL(all[0].number, 100);
  CU_ASSERT_EQUAL(all[1].number, 150);
  CU_ASSERT_EQUAL(all[2].number, 199);
  for (int32_t number = 99; number <= 200; number++) {
    bool is_there = number == 100 || number == 150 || number == 199;
    CU_ASSERT_STRING_EQUAL(name_of(gmux__schema_by_extension(&schema, price, number)),
                           is_there ? "goods.proto" : "none");
  }
  static const char *const others[] = {"test.base.Pric", "test.base.Pricey", "",
                                       "test.goods.Goods"};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    CU_ASSERT_PTR_NULL(gmux__schema_extensions(&schema, text(others[i]), &count));
    CU_ASSERT_EQUAL(count, 0);
    CU_ASSERT_PTR_NULL(gmux__schema_by_extension(&schema, text(others[i]), 100));
  }
}

static void imports_are_known(void) {
  add_shop();
  const gmux__schema_file *shop = gmux__schema_by_name(&schema, text("shop.proto"));
  CU_ASSERT_EQUAL_FATAL(shop->import_count, 1);
  const gmux__schema_file *goods = schema.files[shop->imports[0]];
  CU_ASSERT_STRING_EQUAL(name_of(goods), "goods.proto");
  CU_ASSERT_EQUAL_FATAL(goods->import_count, 1);
  CU_ASSERT_STRING_EQUAL(name_of(schema.files[goods->imports[0]]), "base.proto");
}

/* ---- several sets ---- */

static void the_same_file_may_come_again(void) {
  CU_ASSERT_EQUAL(gmux__schema_add(&schema, protoset_shop(), false), 0);
  add_shop();
  CU_ASSERT_EQUAL(schema.file_count, 3);
}

static void two_files_of_one_name_are_told(void) {
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", "p", ""), 0);
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", "q", ""), GMUX_ERR_EXISTS);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "there are two different files \"a.proto\"");
}

static void one_name_in_two_files_is_told(void) {
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", "p", "\x22\x03\x0a\x01M"), 0);
  CU_ASSERT_EQUAL(ADD_FILE("b.proto", "p", "\x2a\x03\x0a\x01M"), GMUX_ERR_EXISTS); /* enum M {} */
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "\"p.M\" is declared in \"a.proto\" and in \"b.proto\"");
}

static void a_spare_file_gives_way(void) {
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", "p", "\x22\x03\x0a\x01M"), 0);
  CU_ASSERT_EQUAL(
      gmux__schema_add(&schema, protoset_file("a.proto", "q", "\x22\x03\x0a\x01N", 5), true), 0);
  CU_ASSERT_EQUAL(
      gmux__schema_add(
          &schema, protoset_file("b.proto", "p", "\x22\x03\x0a\x01M\x22\x03\x0a\x01O", 10), true),
      0);
  CU_ASSERT_EQUAL(gmux__schema_seal(&schema), 0);
  CU_ASSERT_EQUAL(schema.file_count, 2);
  CU_ASSERT_STRING_EQUAL(declared_in("p.M"), "a.proto");
  CU_ASSERT_STRING_EQUAL(declared_in("q.N"), "none");
  CU_ASSERT_STRING_EQUAL(declared_in("p.O"), "b.proto");
}

/* ---- what is refused ---- */

static void a_missing_import_is_told(void) {
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", NULL, "\x1a\x07x.proto"), 0);
  CU_ASSERT_EQUAL(gmux__schema_seal(&schema), GMUX_ERR_NOT_FOUND);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "\"a.proto\" imports \"x.proto\", which is in none of the descriptor sets "
                         "(protoc --include_imports)");
}

typedef struct broken {
  const char *name, *fields;
  size_t len;
  const char *words;
} broken;

static void what_is_no_descriptor_is_told(void) {
  static const broken sets[] = {
      {NULL, "", 0, "a file without a name, or malformed before it"},
      {"a.proto", "\xff", 1, "a file without a name, or malformed before it"},
      {"a.proto", "\x22\x01\xff", 3,
       "file \"a.proto\": a declaration without a name, or malformed before it"},
      {"a.proto", "\x22\x00", 2,
       "file \"a.proto\": a declaration without a name, or malformed before it"},
      {"a.proto", "\x32\x07\x0a\x01S\x12\x02\x0a\x05", 9,
       "file \"a.proto\": a declaration without a name, or malformed before it"},
  };
  for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
    CU_ASSERT_EQUAL(add_file(sets[i].name, NULL, sets[i].fields, sets[i].len), GMUX_ERR_PROTOCOL);
    CU_ASSERT_STRING_EQUAL(gmux_last_error(), sets[i].words);
    gmux__schema_deinit(&schema);
  }
  CU_ASSERT_EQUAL(gmux__schema_add(&schema, gmux_bytes_borrow("\x0a", 1), false),
                  GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "not a FileDescriptorSet (protoc --descriptor_set_out)");
}

/* Each beginning of a set, in memory of just its size, and each byte turned into another. */
static void no_damage_does_harm(void) {
  const gmux_bytes whole = protoset_shop();
  for (size_t i = 0; i < 2 * whole.len; i++) {
    gmux_bytes copy;
    CU_ASSERT_EQUAL_FATAL(gmux_bytes_copy(&copy, whole.data, i < whole.len ? i : whole.len), 0);
    uint8_t *bytes = (uint8_t *)(uintptr_t)copy.data;
    if (i >= whole.len) bytes[i - whole.len] ^= 0x55;
    int error = gmux__schema_add(&schema, copy, false);
    if (!error) error = gmux__schema_seal(&schema);
    if (error && !gmux_last_error()[0]) CU_FAIL("no words");
    gmux__schema_deinit(&schema);
  }
}

static void names_and_depth_are_bounded(void) {
  /* A message in a message in a message..., each of one letter. */
  for (size_t depth = GMUX__SCHEMA_MAX_DEPTH; depth <= GMUX__SCHEMA_MAX_DEPTH + 1; depth++) {
    gmux__pb_writer w = {.buf = {0}};
    size_t marks[GMUX__SCHEMA_MAX_DEPTH + 1];
    for (size_t i = 0; i < depth; i++) {
      marks[i] = gmux__pb_begin(&w, i == 0 ? 4 : 3);
      gmux__pb_put_string(&w, 1, "M");
    }
    for (size_t i = depth; i > 0; i--)
      gmux__pb_end(&w, marks[i - 1]);
    gmux_bytes fields;
    CU_ASSERT_EQUAL_FATAL(gmux__pb_finish(&w, &fields), 0);
    CU_ASSERT_EQUAL(add_file("deep.proto", NULL, fields.data, fields.len),
                    depth > GMUX__SCHEMA_MAX_DEPTH ? GMUX_ERR_PROTOCOL : 0);
    gmux_bytes_release(&fields);
    gmux__schema_deinit(&schema);
  }
  static char package[GMUX__SCHEMA_MAX_NAME];
  memset(package, 'p', sizeof package - 2);
  CU_ASSERT_EQUAL(ADD_FILE("a.proto", package, "\x22\x03\x0a\x01M"), 0);
  package[sizeof package - 2] = 'p';
  CU_ASSERT_EQUAL(ADD_FILE("b.proto", package, "\x22\x03\x0a\x01M"), GMUX_ERR_PROTOCOL);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(),
                         "file \"b.proto\": a name is longer than 1024 bytes in full");
}

static void files_and_bytes_are_bounded(void) {
  char name[32];
  int error = 0;
  for (int i = 0; i <= GMUX__SCHEMA_MAX_FILES && !error; i++) {
    snprintf(name, sizeof name, "f%d.proto", i);
    error = ADD_FILE(name, NULL, "");
  }
  CU_ASSERT_EQUAL(error, GMUX_ERR_TOO_LARGE);
  CU_ASSERT_STRING_EQUAL(gmux_last_error(), "more than 10000 files");
  CU_ASSERT_EQUAL(schema.file_count, GMUX__SCHEMA_MAX_FILES);
  /* Nothing of it is looked at. */
  const gmux_bytes large = gmux_bytes_borrow("", (size_t)GMUX__SCHEMA_MAX_BYTES + 1);
  CU_ASSERT_EQUAL(gmux__schema_add(&schema, large, false), GMUX_ERR_TOO_LARGE);
}

/* ---- want of memory ---- */

static void add_copy(void *arg) {
  gmux_bytes copy;
  if (gmux_bytes_copy(&copy, ((gmux_bytes *)arg)->data, ((gmux_bytes *)arg)->len)) return;
  int error = gmux__schema_add(&schema, copy, false);
  if (!error) error = gmux__schema_seal(&schema);
  CU_ASSERT_EQUAL(error, test_alloc_has_failed() ? GMUX_ERR_NOMEM : 0);
  gmux__schema_deinit(&schema);
}

static void want_of_memory_is_an_answer(void) {
  gmux_bytes set = protoset_shop();
  CU_ASSERT_TRUE(test_alloc_torture(add_copy, &set) > 20);
}

static const test_case cases[] = {TEST(files_are_found_by_name),
                                  TEST(each_kind_of_declaration_is_found),
                                  TEST(a_file_without_a_package_declares_bare_names),
                                  TEST(extensions_are_found_and_listed_in_order),
                                  TEST(imports_are_known),
                                  TEST(the_same_file_may_come_again),
                                  TEST(two_files_of_one_name_are_told),
                                  TEST(one_name_in_two_files_is_told),
                                  TEST(a_spare_file_gives_way),
                                  TEST(a_missing_import_is_told),
                                  TEST(what_is_no_descriptor_is_told),
                                  TEST(no_damage_does_harm),
                                  TEST(names_and_depth_are_bounded),
                                  TEST(files_and_bytes_are_bounded),
                                  TEST(want_of_memory_is_an_answer),
                                  TESTS_END};
const test_suite services_schema_suite = {"schema", cases, NULL, teardown};
