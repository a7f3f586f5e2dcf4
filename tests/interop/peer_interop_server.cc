// peer_interop_server.cc: grpc.testing.TestService by gRPC C++; flags as interop_server's.

#include "grpc/testing/test.grpc.pb.h"
#include "peer_interop.h"
#include <chrono>
#include <csignal>
#include <grpcpp/grpcpp.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace grpc::testing;
using grpc::ServerContext;
using grpc::Status;

namespace {

// What every method does first.
void begin(ServerContext *context) {
  const auto &metadata = context->client_metadata();
  auto initial = metadata.find("x-grpc-test-echo-initial");
  if (initial != metadata.end())
    context->AddInitialMetadata("x-grpc-test-echo-initial",
                                std::string(initial->second.data(), initial->second.size()));
  auto trailing = metadata.find("x-grpc-test-echo-trailing-bin");
  if (trailing != metadata.end())
    context->AddTrailingMetadata("x-grpc-test-echo-trailing-bin",
                                 std::string(trailing->second.data(), trailing->second.size()));
}

// OK when the request demands no other end.
template <class Request> Status status_asked_for(const Request &request) {
  if (!request.has_response_status() || request.response_status().code() == 0) return Status::OK;
  const EchoStatus &wanted = request.response_status();
  return Status(static_cast<grpc::StatusCode>(wanted.code()), wanted.message());
}

const Status bad_compression(grpc::StatusCode::INVALID_ARGUMENT, "not compressed as it says");

// Of the request that was read last: it came as it says it would.
template <class Request> bool is_as_it_says(const Request &request, ServerContext *context) {
  return !request.has_expect_compressed() ||
         request.expect_compressed().value() == was_compressed(context);
}

// Before anything is sent; then each response says for itself.
void choose_compression(const StreamingOutputCallRequest &request, ServerContext *context) {
  for (const ResponseParameters &wanted : request.response_parameters())
    if (wanted.compressed().value()) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
}

template <class Stream>
void respond(const StreamingOutputCallRequest &request, ServerContext *context, Stream *stream) {
  for (const ResponseParameters &wanted : request.response_parameters()) {
    std::this_thread::sleep_for(std::chrono::microseconds(wanted.interval_us()));
    StreamingOutputCallResponse response;
    response.mutable_payload()->set_body(std::string(static_cast<size_t>(wanted.size()), '\0'));
    if (wanted.fill_peer_socket_address()) response.set_peer_socket_address(context->peer());
    grpc::WriteOptions options;
    if (!wanted.compressed().value()) options.set_no_compression();
    if (!stream->Write(response, options)) return;
  }
}

using Duplex = grpc::ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>;

class Service final : public TestService::Service {
  Status EmptyCall(ServerContext *context, const Empty *, Empty *) override {
    begin(context);
    return Status::OK;
  }

  Status UnaryCall(ServerContext *context, const SimpleRequest *request,
                   SimpleResponse *response) override {
    begin(context);
    Status status = status_asked_for(*request);
    if (!status.ok()) return status;
    if (!is_as_it_says(*request, context)) return bad_compression;
    if (request->response_compressed().value())
      context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    response->mutable_payload()->set_body(
        std::string(static_cast<size_t>(request->response_size()), '\0'));
    if (request->fill_server_id()) response->set_server_id("cpp-" + std::to_string(getpid()));
    return Status::OK;
  }

  Status StreamingInputCall(ServerContext *context,
                            grpc::ServerReader<StreamingInputCallRequest> *requests,
                            StreamingInputCallResponse *response) override {
    begin(context);
    size_t size = 0;
    for (StreamingInputCallRequest request; requests->Read(&request);) {
      if (!is_as_it_says(request, context)) return bad_compression;
      size += request.payload().body().size();
    }
    response->set_aggregated_payload_size(static_cast<int32_t>(size));
    return Status::OK;
  }

  Status StreamingOutputCall(ServerContext *context, const StreamingOutputCallRequest *request,
                             grpc::ServerWriter<StreamingOutputCallResponse> *writer) override {
    begin(context);
    Status status = status_asked_for(*request);
    choose_compression(*request, context);
    if (status.ok()) respond(*request, context, writer);
    return status;
  }

  Status FullDuplexCall(ServerContext *context, Duplex *stream) override {
    begin(context);
    for (StreamingOutputCallRequest request; stream->Read(&request);) {
      Status status = status_asked_for(request);
      if (!status.ok()) return status;
      respond(request, context, stream);
    }
    return Status::OK;
  }

  Status HalfDuplexCall(ServerContext *context, Duplex *stream) override {
    begin(context);
    std::vector<StreamingOutputCallRequest> requests;
    for (StreamingOutputCallRequest request; stream->Read(&request);)
      requests.push_back(request);
    for (const auto &request : requests)
      respond(request, context, stream);
    return Status::OK;
  }
};

std::shared_ptr<grpc::ServerCredentials> credentials(const Flags &flags) {
  if (!flags.is_true("--use_tls")) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back(
      {read_file(flags["--tls_key_file"]), read_file(flags["--tls_cert_file"])});
  return grpc::SslServerCredentials(options);
}

} // namespace

int main(int argc, char **argv) {
  Flags flags(argc, argv,
              {{"--port", "0"},
               {"--host", "0.0.0.0"},
               {"--use_tls", "false"},
               {"--tls_cert_file", ""},
               {"--tls_key_file", ""},
               {"--max_concurrent_streams_limit", "0"}});
  // All threads that come have it blocked, too, and main waits for it.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, nullptr);

  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(flags["--host"] + ":" + flags["--port"], credentials(flags), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (int limit = flags.number("--max_concurrent_streams_limit"))
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limit);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) return 1;
  std::cout << "port: " << port << std::endl;
  int signal;
  sigwait(&ending, &signal);
  server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(2));
  return 0;
}
