/* reflect.c: one stream, on which one thing after the other is asked. */
#include "tools/gmux/reflect.h"
#include "tools/gmux/arguments.h"
#include "tools/gmux/commands.h"
#include "tools/gmux/nearest.h"

#include <string.h>

static const char *const paths[] = {
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
};
enum { VERSIONS = 2 };
enum { NO_SYMBOL = GMUX_NOT_FOUND };

typedef struct mirror {
  session *server;
  unsigned version;
  gmux_call *call;
  bool has_answered; /* so it knows this version */
  file_set *files;
  reflection_names names;
  reflection_answer answer;
  int code; /* why nothing more is asked */
} mirror;

/* ---- the stream ---- */

/* A server that does not answer at all is not waited for longer than somebody at a terminal does.
 * How the call's messages are to be compressed is not for these: a server without that compression
 * would refuse them, and seem to have no reflection. */
static gmux_call_options options_of(session *server) {
  enum { TIMEOUT_MS = 30000 };
  gmux_call_options options = server->call_options;
  if (options.timeout_ms == GMUX_NO_TIMEOUT && !options.wait_for_ready)
    options.timeout_ms = TIMEOUT_MS;
  options.max_recv_message_bytes = FILES_MAX_BYTES;
  options.compression = NULL;
  return options;
}

static bool fail(mirror *m, int code) {
  m->code = code;
  return false;
}

static bool start(mirror *m) {
  gmux_method *method = NULL;
  gmux_call_options options = options_of(m->server);
  int error = gmux_method_new(&method, paths[m->version], GMUX_BIDI_STREAMING, 0);
  if (!error) error = gmux_call_start(&m->call, m->server->channel, method, &options, NULL, NULL);
  gmux_method_free(method);
  if (!error) return true;
  complain("reflection: %s", gmux_last_error());
  return fail(m, EXIT_CALL_FAILED);
}

static void finish(mirror *m) {
  if (!m->call) return;
  gmux_call_cancel(m->call);
  session_note(m->server, m->call);
  gmux_call_free(m->call);
  m->call = NULL;
}

/* The words go on standard error, and into what --json tells. */
static bool fail_by(mirror *m, gmux_code code, const problem *why) {
  complain("%s: %s", gmux_code_str(code), why->words);
  m->server->failed = code;
  m->server->why = *why;
  return fail(m, EXIT_CALL_FAILED);
}

static bool fail_by_status(mirror *m, const gmux_status *status) {
  problem why;
  if (status->code == GMUX_UNAVAILABLE || status->code == GMUX_DEADLINE_EXCEEDED)
    problem_set(&why, "%s", status->message);
  else if (status->code == GMUX_UNIMPLEMENTED && !m->has_answered)
    problem_set(&why, "%s has no reflection: name its types by --proto FILE or --protoset FILE",
                m->server->target);
  else if (status->code == GMUX_OK)
    problem_set(&why, "%s ends reflection without an answer", m->server->target);
  else
    problem_set(&why, "%s (when asked for its types)", status->message);
  return fail_by(m, status->code == GMUX_OK ? GMUX_UNKNOWN : status->code, &why);
}

/* True: the stream is another one, of the older version. */
static bool fall_back(mirror *m) {
  gmux_status status = gmux_call_end_wait(m->call, NULL);
  bool can_fall_back = status.code == GMUX_UNIMPLEMENTED && !m->has_answered;
  bool is_last = m->version + 1 == VERSIONS, goes_on = can_fall_back && !is_last;
  if (!goes_on) fail_by_status(m, &status);
  gmux_status_clear(&status);
  finish(m);
  if (!goes_on) return false;
  m->version++;
  return start(m);
}

/* ---- one question ---- */

static bool read_answer(mirror *m, gmux_bytes *bytes) {
  problem p;
  bool is_good = reflection_read(&m->answer, bytes->data, bytes->len, &p);
  gmux_bytes_release(bytes);
  m->has_answered = true;
  if (is_good) return true;
  problem_prefix(&p, "%s: ", m->server->target);
  return fail_by(m, GMUX_INTERNAL, &p);
}

/* False: there is no answer, and it has been complained of. The server's "no" is one. */
static bool ask(mirror *m, reflection_question question, const char *name) {
  buffer request = {.data = NULL};
  reflection_ask(&request, question, name);
  bool is_answered = false, goes_on = m->call || start(m);
  while (goes_on && !is_answered) {
    gmux_bytes bytes = gmux_bytes_borrow(request.data, request.len), reply;
    gmux_call_write_wait(m->call, &bytes); /* if it fails there is nothing to read */
    is_answered = gmux_call_read_wait(m->call, &reply) == 0;
    goes_on = is_answered ? read_answer(m, &reply) : fall_back(m);
  }
  buffer_free(&request);
  return goes_on;
}

/* ---- what is wanted ---- */

static bool ask_services(mirror *m) {
  if (!ask(m, ASK_SERVICES, "")) return false;
  if (m->answer.error_code == 0) return true;
  problem_prefix(&m->answer.words, "%s: reflection: ", m->server->target);
  return fail_by(m, (gmux_code)m->answer.error_code, &m->answer.words);
}

static bool is_listed(const mirror *m, const char *symbol) {
  for (size_t i = 0; i < m->names.count; i++)
    if (strcmp(m->names.list[i], symbol) == 0) return true;
  return false;
}

/* The server does not have it: perhaps it was meant to be another. */
static bool no_symbol(mirror *m, const char *symbol) {
  quoted wanted = quote(symbol, strlen(symbol));
  problem why = m->answer.words;
  if (!ask_services(m)) return false;
  nearest n = nearest_to(symbol, strlen(symbol));
  for (size_t i = 0; i < m->names.count; i++)
    nearest_offer(&n, m->names.list[i]);
  if (is_listed(m, symbol))
    complain("%s serves %s, but does not describe it: %s", m->server->target, wanted.text,
             why.words);
  else
    complain("%s has no %s%s%s%s", m->server->target, wanted.text, n.best ? ": did you mean " : "",
             n.best ? n.best : "", n.best ? "?" : "");
  return fail(m, EXIT_USAGE);
}

/* Not all servers know a method by its name: then its service, which stands before the last dot. */
static bool ask_service_of(mirror *m, const char *symbol) {
  const char *dot = strrchr(symbol, '.');
  if (!dot) return true;
  problem why = m->answer.words;
  buffer service = {.data = NULL};
  buffer_add(&service, symbol, (size_t)(dot - symbol));
  bool is_answered = ask(m, ASK_SYMBOL, buffer_string(&service));
  buffer_free(&service);
  m->answer.words = why;
  return is_answered;
}

static bool ask_symbol(mirror *m, const char *symbol) {
  if (!ask(m, ASK_SYMBOL, symbol)) return false;
  if (m->answer.error_code == NO_SYMBOL && !ask_service_of(m, symbol)) return false;
  if (m->answer.error_code == 0) return true;
  if (m->answer.error_code == NO_SYMBOL) return no_symbol(m, symbol);
  problem_prefix(&m->answer.words, "%s: reflection of %s: ", m->server->target,
                 quote(symbol, strlen(symbol)).text);
  return fail_by(m, (gmux_code)m->answer.error_code, &m->answer.words);
}

/* What some list they do not describe: the others are of use. */
static bool ask_all(mirror *m) {
  if (!ask_services(m)) return false;
  for (size_t i = 0; i < m->names.count; i++)
    if (!ask(m, ASK_SYMBOL, m->names.list[i])) return false;
  return true;
}

/* An import that the server does not have may not be needed: if it is, the registry says for what.
 */
static bool ask_imports(mirror *m) {
  const char *name;
  while ((name = files_next_missing(m->files)))
    if (!ask(m, ASK_FILE, name)) return false;
  return true;
}

static mirror mirror_of(session *server, file_set *files) {
  return (mirror){.server = server, .files = files};
}

/* Not before it stands where it stays. */
static void settle(mirror *m) {
  m->answer.files = m->files;
  m->answer.names = &m->names;
}

int reflect_services(session *server, file_set *files, reflection_names *names) {
  mirror m = mirror_of(server, files);
  settle(&m);
  int code = ask_services(&m) ? EXIT_DONE : m.code;
  finish(&m);
  *names = m.names;
  return code;
}

int reflect_types(session *server, const char *symbol, registry **out) {
  file_set files = {.asked = 0};
  mirror m = mirror_of(server, &files);
  settle(&m);
  bool is_good = (symbol ? ask_symbol(&m, symbol) : ask_all(&m)) && ask_imports(&m);
  finish(&m);
  problem p;
  int code = is_good ? EXIT_DONE : m.code;
  if (is_good && !(*out = registry_new(files.set.data, files.set.len, &p))) {
    complain("%s: %s", server->target, p.words);
    code = EXIT_CALL_FAILED;
  }
  files_free(&files);
  return code;
}
