// peer_interop_calls.h: of peer_interop_client.cc what its cases stand on: requests, contexts of
// calls, and what a case says that does not pass.
#ifndef TESTS_INTEROP_PEER_INTEROP_CALLS_H
#define TESTS_INTEROP_PEER_INTEROP_CALLS_H

#include "grpc/testing/test.grpc.pb.h"
#include "peer_interop.h"
#include <chrono>
#include <grpcpp/grpcpp.h>
#include <stdexcept>
#include <vector>

using namespace grpc::testing;
using grpc::ClientContext;
using grpc::Status;
using grpc::StatusCode;

namespace {

const std::vector<size_t> request_sizes = {27182, 8, 1828, 45904};
const std::vector<size_t> response_sizes = {31415, 9, 2653, 58979};
const char initial_key[] = "x-grpc-test-echo-initial";
const char initial_value[] = "test_initial_metadata_value";
const char trailing_key[] = "x-grpc-test-echo-trailing-bin";
const char trailing_value[] = "\xab\xab\xab";

template <class T> void expect(const char *what, const T &got, const T &wanted) {
  if (got == wanted) return;
  std::ostringstream why;
  why << what << ": " << wanted << " was wanted, " << got << " came";
  throw std::runtime_error(why.str());
}

void expect_status(const Status &status, StatusCode code) {
  if (status.error_code() == code) return;
  throw std::runtime_error("status " + std::to_string(code) + " was wanted, " +
                           std::to_string(status.error_code()) +
                           " came: " + status.error_message());
}

std::chrono::system_clock::time_point patience() {
  const char *slow = getenv("GMUX_TEST_SLOW");
  return std::chrono::system_clock::now() +
         std::chrono::seconds(20 * std::max(1, slow ? atoi(slow) : 1));
}

// What this library cannot do, and has just not done.
struct Limited : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// --additional_metadata
std::vector<std::pair<std::string, std::string>> additional;

void set_additional(const Flags &flags) {
  std::istringstream pairs(flags["--additional_metadata"]);
  for (std::string pair; std::getline(pairs, pair, ';');) {
    size_t colon = pair.find(':');
    if (colon == std::string::npos) flags.wrong("--additional_metadata: no colon in " + pair);
    additional.emplace_back(pair.substr(0, colon), pair.substr(colon + 1));
  }
}

struct Context : ClientContext {
  Context() {
    for (const auto &pair : additional)
      AddMetadata(pair.first, pair.second);
  }
};

// A call that should end by itself.
struct PatientContext : Context {
  PatientContext() { set_deadline(patience()); }
};

SimpleRequest large_request(size_t request_size = 271828, int32_t response_size = 314159) {
  SimpleRequest request;
  request.mutable_payload()->set_body(std::string(request_size, '\0'));
  request.set_response_size(response_size);
  return request;
}

StreamingOutputCallRequest output_request(size_t request_size,
                                          const std::vector<size_t> &sizes = {}) {
  StreamingOutputCallRequest request;
  request.mutable_payload()->set_body(std::string(request_size, '\0'));
  for (size_t size : sizes)
    request.add_response_parameters()->set_size(static_cast<int32_t>(size));
  return request;
}

} // namespace

#endif
