/* conform_hpack.c: RFC 7541: what a decoder must refuse, and what it must take. */
#include "tests/sim/conform.h"

/* A good request whose block ends with these bytes. */
#define BLOCK(bytes)  SAY(FRAME(RAW_HEADERS, HEAD, 3, GOOD_HEAD bytes), MESSAGE(3, "hello"))
#define BROKEN(bytes) ENDS(COMPRESSION_ERROR), BLOCK(bytes)
#define TAKEN(bytes)  SERVES(3), BLOCK(bytes)

/* Nine "x: v..." fields of 500 bytes push the first out of a table of 4,096 bytes; its index is
 * none any more. */
static void say_evicted(uint8_t index) {
  uint8_t field[4 + 500] = {0x40, 0x01, 'x', 0x7f};
  rawbuf block = {NULL, 0, 0};
  rawbuf_append(&block, GOOD_HEAD, sizeof GOOD_HEAD - 1);
  uint8_t length[] = {0x40, 0x01, 'x', 0x7f, 0xf5, 0x02}; /* 500 = 127 + 373 */
  memset(field, 'v', sizeof field);
  for (int i = 0; i < 9; i++) {
    rawbuf_append(&block, length, sizeof length);
    rawbuf_append(&block, field, 500);
  }
  rawbuf_append(&block, &index, 1);
  rawpeer_frame(kit.peer, RAW_HEADERS, HEAD, 3, block.data, block.len);
  rawbuf_deinit(&block);
  conform_say(STEPS(MESSAGE(3, "hello")));
}

/* Entries are of 533 bytes, so seven fit: 62 to 68. */
static void say_oldest_entry(void) {
  say_evicted(0x80 | 68);
}
static void say_evicted_entry(void) {
  say_evicted(0x80 | 69);
}

/* "x-a: 1" goes into the table on a stream that is refused, reset, or closed; stream 5 uses it. */
#define ADD                                                                                        \
  "\x40\x03x-a\x01"                                                                                \
  "1"
#define USE FRAME(RAW_HEADERS, HEAD, 5, GOOD_HEAD "\xbe"), MESSAGE(5, "hello")

static const conform_row rows[] = {
    /* ---- 2.3: the tables ---- */
    {"HPACK 2.3.3", "an index beyond both tables ends the connection", BROKEN("\xbe")},
    {"HPACK 2.3.3", "a name's index beyond both tables ends the connection",
     BROKEN("\x7e\x01"
            "1")},
    {"HPACK 2.3.3", "an index of the last static entry is taken", TAKEN("\xbd")},
    {"HPACK 2.3.2", "an entry is found again", TAKEN(ADD "\xbe")},
    {"HPACK 2.3.2", "an entry is found again on another stream", SERVES(5),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, GOOD_HEAD ADD), MESSAGE(3, "hello"), USE)},
    {"HPACK 2.2", "the block of a malformed request is decoded all the same",
     RESETS(3, PROTOCOL_ERROR),
     SAY(FRAME(RAW_HEADERS, LAST, 3,
               "\x83\x86"
               "\0\1X\1"
               "1" ADD),
         USE)},
    {"HPACK 2.2", "trailers that cross our RST_STREAM are decoded all the same",
     RESETS(3, PROTOCOL_ERROR),
     SAY(REQUEST(3, HEAD, "connection", "close"), HEAR, FRAME(RAW_HEADERS, LAST, 3, ADD), USE)},
    {"HPACK 4.4", "the oldest entry that fits is found", SERVES(3), SAY(DO(say_oldest_entry))},
    {"HPACK 4.4", "an entry that was pushed out ends the connection", ENDS(COMPRESSION_ERROR),
     SAY(DO(say_evicted_entry))},

    /* ---- 4.2, 6.3: the table's size ---- */
    {"HPACK 4.2", "a size update behind a field ends the connection", BROKEN("\x20")},
    {"HPACK 4.2", "a size update at the beginning is taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, "\x20" GOOD_HEAD), MESSAGE(3, "hello"))},
    {"HPACK 4.2", "two size updates at the beginning are taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, "\x20\x3f\xe1\x1f" GOOD_HEAD), MESSAGE(3, "hello"))},
    {"HPACK 4.3", "a size update to 0 empties the table", ENDS(COMPRESSION_ERROR),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, GOOD_HEAD ADD), MESSAGE(3, "hello"), HEAR,
         FRAME(RAW_HEADERS, HEAD, 5, "\x20" GOOD_HEAD "\xbe"))},
    {"HPACK 6.3", "a size update to what was announced is taken", SERVES(3),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, "\x3f\xe1\x1f" GOOD_HEAD), MESSAGE(3, "hello"))},
    {"HPACK 6.3", "a size update above what was announced ends the connection",
     ENDS(COMPRESSION_ERROR), SAY(FRAME(RAW_HEADERS, LAST, 3, "\x3f\xe2\x1f" GOOD_HEAD))},

    /* ---- 5: numbers and strings ---- */
    {"HPACK 5.1", "a number that has no end ends the connection",
     BROKEN("\x00\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
            "x")},
    {"HPACK 5.1", "an index past 2^32 ends the connection", BROKEN("\xff\xff\xff\xff\xff\xff\x7f")},
    {"HPACK 5.1", "a number with leading zeros is taken",
     TAKEN("\x00\x01x\x7f\x80\x00"
           "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
           "vvvvvvvv"
           "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv")},
    {"HPACK 5.2", "a string longer than its block ends the connection",
     BROKEN("\x00\x01x\x05"
            "v")},
    {"HPACK 5.2", "a string in Huffman's code is taken", TAKEN("\x00\x01x\x81\x0f")},
    {"HPACK 5.2", "Huffman padding of more than 7 bits ends the connection",
     BROKEN("\x00\x01x\x82\x0f\xff")},
    {"HPACK 5.2", "Huffman padding that is not EOS ends the connection",
     BROKEN("\x00\x01x\x81\x08")},
    {"HPACK 5.2", "EOS in a Huffman string ends the connection",
     BROKEN("\x00\x01x\x84\xff\xff\xff\xff")},

    /* ---- 6: the representations ---- */
    {"HPACK 6.1", "index 0 ends the connection", BROKEN("\x80")},
    {"HPACK 6.2.1", "a literal with indexing is taken", TAKEN(ADD)},
    {"HPACK 6.2.2", "a literal without indexing is taken",
     TAKEN("\x00\x03x-a\x01"
           "1")},
    {"HPACK 6.2.3", "a literal that is never indexed is taken",
     TAKEN("\x10\x03x-a\x01"
           "1")},
    {"HPACK 6.2.2", "a literal with an indexed name is taken",
     TAKEN("\x0f\x0b\x01"
           "1")},
    {"HPACK 6.2.1", "an entry larger than the table empties it", ENDS(COMPRESSION_ERROR),
     SAY(FRAME(RAW_HEADERS, HEAD, 3, "\x3f\x01" GOOD_HEAD ADD "\xbe"))},
};

const conform_table conform_hpack = CONFORM_TABLE(rows);
