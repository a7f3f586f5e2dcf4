// cpp_client.cc: "grpc-cpp": unary calls through gRPC C++'s completion queue, from one thread. What
// measures is the same code as for the others.
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench.grpc.pb.h"

extern "C" {
#include "tests/bench/figures.h"
#include "tests/bench/load.h"
}

using bench::v1::Bench;
using bench::v1::Payload;

namespace {

constexpr char kUsage[] =
    "usage: cpp_client [OPTION]... TARGET\n"
    "Measures unary calls of /bench.v1.Bench/Echo over one connection.\n\n" LOAD_USAGE;
constexpr auto kPatience = std::chrono::seconds(20);

[[noreturn]] void Die(const std::string& why) {
  std::cerr << "cpp_client: no figures: " << why << "\n";
  std::_Exit(1);
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  if (!file) Die(path + " cannot be read");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::shared_ptr<grpc::Channel> Connect(const load& asked) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Of a Unix socket's path gRPC would make an :authority that is none.
  arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (asked.ca) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Contents(asked.ca);
    credentials = grpc::SslCredentials(options);
    arguments.SetSslTargetNameOverride("localhost");
  }
  auto channel = grpc::CreateCustomChannel(asked.target, credentials, arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kPatience))
    Die(std::string("no connection to ") + asked.target);
  return channel;
}

struct Call {
  std::optional<grpc::ClientContext> context;
  Payload reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Payload>> reader;
  uint64_t started_ns = 0;

  void Start(Bench::Stub* stub, const Payload& request, grpc::CompletionQueue* queue) {
    context.emplace();
    started_ns = meter_clock_ns();
    reader = stub->AsyncEcho(&*context, request, queue);
    reader->Finish(&reply, &status, this);
  }
};

void Run(load* asked) {
  auto stub = Bench::NewStub(Connect(*asked));
  grpc::CompletionQueue queue;
  Payload request;
  request.set_body(std::string(asked->size, 'x'));
  std::vector<Call> calls(asked->outstanding);
  window* w = &asked->window;
  window_begin(w, meter_clock_ns());
  for (Call& call : calls)
    if (window_may_start(w)) call.Start(stub.get(), request, &queue);
  void* tag;
  bool is_event_ok;
  while (w->phase != WINDOW_ENDING && queue.Next(&tag, &is_event_ok)) {
    Call* call = static_cast<Call*>(tag);
    if (!is_event_ok || !call->status.ok()) Die(call->status.error_message());
    if (call->reply.body().size() != asked->size) Die("a reply is not the request");
    window_note(w, call->started_ns, meter_clock_ns());
    if (window_may_start(w)) call->Start(stub.get(), request, &queue);
  }
  load_print(asked, "unary", "grpc-cpp");
  window_print(w);
  figures_end();
}

}  // namespace

int main(int argc, char** argv) {
  static const option longs[] = {LOAD_OPTIONS, {nullptr, 0, nullptr, 0}};
  static load asked;
  load_init(&asked);
  for (int o; (o = getopt_long(argc, argv, "", longs, nullptr)) != -1;)
    if (!load_take(&asked, o, optarg)) return std::cerr << kUsage, 2;
  if (!load_target(&asked, argc, argv)) return std::cerr << kUsage, 2;
  load_watch(&asked);
  Run(&asked);
  std::_Exit(0);  // the calls that are still under way are nobody's concern
}
