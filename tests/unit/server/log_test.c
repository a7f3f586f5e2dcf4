/* log_test.c: what a server's log says: a line for each change of state to who debugs, and nothing
 * of a single call to who operates. */
#include "lib/h2/conn.h"
#include "tests/unit/server/kit.h"
#include <stdio.h>

extern const test_suite server_log_suite;

/* All that was said since the last time. */
#define ASSERT_SAID(expected)                                                                      \
  do {                                                                                             \
    CU_ASSERT_STRING_EQUAL(kit.transcript, expected);                                              \
    if (strcmp(kit.transcript, expected) != 0) printf("# said:\n%s", kit.transcript);              \
    kit.transcript[0] = '\0';                                                                      \
  } while (0)

static void act_reply(int event, gmux_server_call *call, gmux_bytes *message) {
  (void)message;
  if (event == SAW_UNARY) kit_reply_text(call, "reply");
}

static void each_change_of_state_is_a_line(void) {
  kit.act = act_reply;
  kit_serve();
  kit_connect();
  char listening[128];
  snprintf(listening, sizeof listening,
           "I listening on ipv4:127.0.0.1:50051 in cleartext; nghttp2 %s\n",
           gmux__h2_nghttp2_version());
  CU_ASSERT_EQUAL(strncmp(kit.transcript, listening, strlen(listening)), 0);
  memmove(kit.transcript, kit.transcript + strlen(listening),
          strlen(kit.transcript + strlen(listening)) + 1);
  ASSERT_SAID("D connection 1 (ipv4:127.0.0.1:50000): HANDSHAKING -> SERVING\n"
              "I connection 1 (ipv4:127.0.0.1:50000): ready\n");
  kit_unary(1, "/t.S/Fn", "request");
  ASSERT_SAID("D ipv4:127.0.0.1:50000: call /t.S/Fn: NEW -> RUNNING\n"
              "D ipv4:127.0.0.1:50000: call /t.S/Fn: RUNNING -> ANSWERED\n"
              "D ipv4:127.0.0.1:50000: call /t.S/Fn: ANSWERED -> OVER\n");
  kit_request(3, "/t.S/Unknown", true, NULL);
  kit_run();
  ASSERT_SAID("D ipv4:127.0.0.1:50000: request refused: unknown method Unknown of service t.S\n"
              "D ipv4:127.0.0.1:50000: call /t.S/Unknown: NEW -> ANSWERED\n"
              "D ipv4:127.0.0.1:50000: call /t.S/Unknown: ANSWERED -> OVER\n");
  gmux_server_drain(kit.server, 0, NULL, NULL);
  kit_run();
  ASSERT_SAID(
      "D server: OPEN -> DRAINING\n"
      "D connection 1 (ipv4:127.0.0.1:50000): SERVING -> LEAVING: the server is shutting down\n"
      "I connection 1 (ipv4:127.0.0.1:50000): closed: the server is shutting down\n"
      "D connection 1 (ipv4:127.0.0.1:50000): LEAVING -> GONE\n"
      "D server: DRAINING -> CLOSED\n"
      "I closed\n");
}

static const test_case cases[] = {
    TEST(each_change_of_state_is_a_line),
    TESTS_END,
};

const test_suite server_log_suite = {"log", cases, kit_setup, kit_teardown};
