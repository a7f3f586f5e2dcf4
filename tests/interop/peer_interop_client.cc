// peer_interop_client.cc: gRPC's interop tests by gRPC C++; flags and output as interop_client's.
// "limited CASE: WHY": as peer_interop_client.py says.

#include "peer_interop_calls.h"
#include <functional>
#include <future>
#include <set>

namespace {

class Client {
public:
  explicit Client(const Flags &given) : flags(given), stub(open()) {}
  void run(const std::string &name) { (this->*cases.at(name))(); }
  bool knows(const std::string &name) const { return cases.count(name) != 0; }

private:
  using Duplex = grpc::ClientReaderWriter<StreamingOutputCallRequest, StreamingOutputCallResponse>;

  std::shared_ptr<grpc::Channel> open_channel() {
    std::string target = flags["--server_host"] + ":" + flags["--server_port"];
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    // A new channel has a connection of its own.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    if (!flags.is_true("--use_tls"))
      return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
    if (!flags["--server_host_override"].empty())
      arguments.SetSslTargetNameOverride(flags["--server_host_override"]);
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = read_file(flags["--ca_file"]);
    return grpc::CreateCustomChannel(target, grpc::SslCredentials(options), arguments);
  }

  std::unique_ptr<TestService::Stub> open() {
    return TestService::NewStub(channel = open_channel());
  }

  // Plain calls

  void empty_unary() {
    PatientContext context;
    Empty response;
    expect_status(stub->EmptyCall(&context, Empty(), &response), StatusCode::OK);
    expect("size", response.ByteSizeLong(), size_t{0});
  }

  void large_unary() {
    PatientContext context;
    SimpleResponse response;
    expect_status(stub->UnaryCall(&context, large_request(), &response), StatusCode::OK);
    expect("size", response.payload().body().size(), size_t{314159});
  }

  void client_streaming() {
    PatientContext context;
    StreamingInputCallResponse response;
    auto writer = stub->StreamingInputCall(&context, &response);
    for (size_t size : request_sizes) {
      StreamingInputCallRequest request;
      request.mutable_payload()->set_body(std::string(size, '\0'));
      expect("written", writer->Write(request), true);
    }
    writer->WritesDone();
    expect_status(writer->Finish(), StatusCode::OK);
    expect("sum", response.aggregated_payload_size(), 74922);
  }

  void server_streaming() {
    PatientContext context;
    auto reader = stub->StreamingOutputCall(&context, output_request(0, response_sizes));
    size_t count = 0;
    for (StreamingOutputCallResponse response; reader->Read(&response); count++)
      expect("size", response.payload().body().size(), response_sizes.at(count));
    expect("responses", count, response_sizes.size());
    expect_status(reader->Finish(), StatusCode::OK);
  }

  // Writes a request and reads its response.
  void exchange(Duplex *call, size_t request_size, size_t response_size) {
    StreamingOutputCallResponse response;
    expect("written", call->Write(output_request(request_size, {response_size})), true);
    expect("read", call->Read(&response), true);
    expect("size", response.payload().body().size(), response_size);
  }

  // No more is written, and nothing more comes.
  void finish(Duplex *call, StatusCode code) {
    StreamingOutputCallResponse response;
    call->WritesDone();
    expect("read", call->Read(&response), false);
    expect_status(call->Finish(), code);
  }

  void ping_pong() {
    PatientContext context;
    auto call = stub->FullDuplexCall(&context);
    for (size_t i = 0; i < request_sizes.size(); i++)
      exchange(call.get(), request_sizes[i], response_sizes[i]);
    finish(call.get(), StatusCode::OK);
  }

  void half_duplex() {
    PatientContext context;
    StreamingOutputCallResponse response;
    auto call = stub->HalfDuplexCall(&context);
    for (size_t size : response_sizes)
      expect("written", call->Write(output_request(0, {size})), true);
    call->WritesDone();
    for (size_t size : response_sizes) {
      expect("read", call->Read(&response), true);
      expect("size", response.payload().body().size(), size);
    }
    expect("read", call->Read(&response), false);
    expect_status(call->Finish(), StatusCode::OK);
  }

  void empty_stream() {
    PatientContext context;
    finish(stub->FullDuplexCall(&context).get(), StatusCode::OK);
  }

  // Compression

  void send_unary(bool says, bool is_compressed) {
    PatientContext context;
    if (is_compressed) context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    SimpleRequest request = large_request();
    request.mutable_expect_compressed()->set_value(says);
    SimpleResponse response;
    Status status = stub->UnaryCall(&context, request, &response);
    expect_status(status, says == is_compressed ? StatusCode::OK : StatusCode::INVALID_ARGUMENT);
    if (status.ok()) expect("size", response.payload().body().size(), size_t{314159});
  }

  void client_compressed_unary() {
    send_unary(true, false);
    send_unary(true, true);
    send_unary(false, false);
  }

  void ask_unary(bool is_compressed) {
    PatientContext context;
    SimpleRequest request = large_request();
    request.mutable_response_compressed()->set_value(is_compressed);
    SimpleResponse response;
    expect_status(stub->UnaryCall(&context, request, &response), StatusCode::OK);
    expect("size", response.payload().body().size(), size_t{314159});
    expect("compressed", was_compressed(&context), is_compressed);
  }

  void server_compressed_unary() {
    ask_unary(true);
    ask_unary(false);
  }

  template <class Writer>
  void write_input(Writer *writer, size_t size, bool says, bool is_compressed) {
    StreamingInputCallRequest request;
    request.mutable_payload()->set_body(std::string(size, '\0'));
    request.mutable_expect_compressed()->set_value(says);
    grpc::WriteOptions options;
    if (!is_compressed) options.set_no_compression();
    writer->Write(request, options);
  }

  void client_compressed_streaming() {
    PatientContext probe, context;
    StreamingInputCallResponse response;
    probe.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    auto writer = stub->StreamingInputCall(&probe, &response);
    write_input(writer.get(), 27182, true, false);
    writer->WritesDone();
    expect_status(writer->Finish(), StatusCode::INVALID_ARGUMENT);
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    writer = stub->StreamingInputCall(&context, &response);
    write_input(writer.get(), 27182, true, true);
    write_input(writer.get(), 45904, false, false);
    writer->WritesDone();
    expect_status(writer->Finish(), StatusCode::OK);
    expect("sum", response.aggregated_payload_size(), 73086);
  }

  void server_compressed_streaming() {
    PatientContext context;
    StreamingOutputCallRequest request = output_request(0, {31415, 92653});
    request.mutable_response_parameters(0)->mutable_compressed()->set_value(true);
    request.mutable_response_parameters(1)->mutable_compressed()->set_value(false);
    auto reader = stub->StreamingOutputCall(&context, request);
    StreamingOutputCallResponse response;
    expect("first", reader->Read(&response), true);
    expect("first size", response.payload().body().size(), size_t{31415});
    expect("first is compressed", was_compressed(&context), true);
    expect("second", reader->Read(&response), true);
    expect("second size", response.payload().body().size(), size_t{92653});
    expect("second is compressed", was_compressed(&context), false);
    expect("third", reader->Read(&response), false);
    expect_status(reader->Finish(), StatusCode::OK);
  }

  // Metadata and status

  static void add_metadata(ClientContext *context) {
    context->AddMetadata(initial_key, initial_value);
    context->AddMetadata(trailing_key, trailing_value);
  }

  static void check_metadata(const ClientContext &context) {
    auto initial = context.GetServerInitialMetadata().find(initial_key);
    expect("initial metadata", initial != context.GetServerInitialMetadata().end(), true);
    expect("initial metadata", initial->second == initial_value, true);
    auto trailing = context.GetServerTrailingMetadata().find(trailing_key);
    expect("trailing metadata", trailing != context.GetServerTrailingMetadata().end(), true);
    expect("trailing metadata", trailing->second == trailing_value, true);
  }

  void custom_metadata() {
    PatientContext unary, duplex;
    SimpleResponse response;
    add_metadata(&unary);
    expect_status(stub->UnaryCall(&unary, large_request(), &response), StatusCode::OK);
    check_metadata(unary);
    add_metadata(&duplex);
    auto call = stub->FullDuplexCall(&duplex);
    exchange(call.get(), 271828, 314159);
    finish(call.get(), StatusCode::OK);
    check_metadata(duplex);
  }

  void unary_status(const std::string &text) {
    PatientContext context;
    SimpleRequest request;
    SimpleResponse response;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(text);
    Status status = stub->UnaryCall(&context, request, &response);
    expect_status(status, StatusCode::UNKNOWN);
    expect("message", status.error_message(), text);
  }

  void status_code_and_message() {
    const std::string text = "test status message";
    unary_status(text);
    PatientContext context;
    StreamingOutputCallRequest request;
    StreamingOutputCallResponse response;
    request.mutable_response_status()->set_code(StatusCode::UNKNOWN);
    request.mutable_response_status()->set_message(text);
    auto call = stub->FullDuplexCall(&context);
    call->Write(request);
    call->WritesDone();
    expect("read", call->Read(&response), false);
    Status status = call->Finish();
    expect_status(status, StatusCode::UNKNOWN);
    expect("message", status.error_message(), text);
  }

  void special_status_message() {
    unary_status("\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n");
  }

  void unimplemented_method() {
    PatientContext context;
    Empty response;
    expect_status(stub->UnimplementedCall(&context, Empty(), &response), StatusCode::UNIMPLEMENTED);
  }

  void unimplemented_service() {
    PatientContext context;
    Empty response;
    auto other = UnimplementedService::NewStub(channel);
    expect_status(other->UnimplementedCall(&context, Empty(), &response),
                  StatusCode::UNIMPLEMENTED);
  }

  // Giving up

  void cancel_after_begin() {
    PatientContext context;
    StreamingInputCallResponse response;
    auto writer = stub->StreamingInputCall(&context, &response);
    context.TryCancel();
    expect_status(writer->Finish(), StatusCode::CANCELLED);
  }

  void cancel_after_first_response() {
    PatientContext context;
    auto call = stub->FullDuplexCall(&context);
    exchange(call.get(), 27182, 31415);
    context.TryCancel();
    expect_status(call->Finish(), StatusCode::CANCELLED);
  }

  void timeout_on_sleeping_server() {
    Context context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
    StreamingOutputCallResponse response;
    auto call = stub->FullDuplexCall(&context);
    call->Write(output_request(27182));
    call->Read(&response);
    expect_status(call->Finish(), StatusCode::DEADLINE_EXCEEDED);
  }

  // Connections, and many calls

  void pick_first_unary() {
    SimpleRequest request;
    request.set_response_size(1);
    request.set_fill_server_id(true);
    std::set<std::string> ids;
    for (int i = 0; i < 100; i++) {
      PatientContext context;
      SimpleResponse response;
      expect_status(stub->UnaryCall(&context, request, &response), StatusCode::OK);
      ids.insert(response.server_id());
    }
    expect("servers", ids.size(), size_t{1});
    expect("nameless servers", ids.count(""), size_t{0});
  }

  void connection_scaling() {
    StreamingOutputCallRequest request;
    request.add_response_parameters()->set_fill_peer_socket_address(true);
    PatientContext contexts[3];
    std::unique_ptr<Duplex> calls[3];
    auto ask = [&](int i) {
      StreamingOutputCallResponse response;
      calls[i] = stub->FullDuplexCall(&contexts[i]);
      calls[i]->Write(request);
      calls[i]->Read(&response);
      return response.peer_socket_address();
    };
    std::string first = ask(0), second = ask(1);
    auto third = std::async(std::launch::async, ask, 2);
    finish(calls[0].get(), StatusCode::OK); // makes room for a client that waits with the third
    std::string last = third.get();
    finish(calls[1].get(), StatusCode::OK);
    finish(calls[2].get(), StatusCode::OK);
    expect("second address", second, first);
    expect("no address", first.empty() || last.empty(), false);
    if (last == first)
      throw Limited("gRPC C++ waits for a free stream, where another connection would have one");
  }

  // Calls of a soak have no deadline.
  void soak(bool is_channel_new) {
    const auto size = static_cast<size_t>(flags.number("--soak_request_size"));
    const int32_t response_size = flags.number("--soak_response_size");
    const SimpleRequest request = large_request(size, response_size);
    const auto limit =
        std::chrono::milliseconds(flags.number("--soak_per_iteration_max_acceptable_latency_ms"));
    for (int i = 0; i < flags.number("--soak_iterations"); i++) {
      auto start = std::chrono::steady_clock::now();
      if (is_channel_new) stub = open();
      Context context;
      SimpleResponse response;
      expect_status(stub->UnaryCall(&context, request, &response), StatusCode::OK);
      expect("size", response.payload().body().size(), static_cast<size_t>(response_size));
      expect("in time", std::chrono::steady_clock::now() - start <= limit, true);
    }
  }
  void rpc_soak() { soak(false); }
  void channel_soak() { soak(true); }

  void concurrent_large_unary() {
    struct Call {
      PatientContext context;
      SimpleResponse response;
      std::promise<Status> end;
    };
    const SimpleRequest request = large_request();
    std::vector<Call> calls(1000);
    for (Call &call : calls)
      stub->async()->UnaryCall(&call.context, &request, &call.response,
                               [&call](Status status) { call.end.set_value(status); });
    std::vector<Status> ends;
    for (Call &call : calls)
      ends.push_back(call.end.get_future().get());
    for (const Status &end : ends)
      expect_status(end, StatusCode::OK);
    for (const Call &call : calls)
      expect("size", call.response.payload().body().size(), size_t{314159});
  }

  const Flags &flags;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<TestService::Stub> stub;
  const std::map<std::string, void (Client::*)()> cases = {
      {"empty_unary", &Client::empty_unary},
      {"large_unary", &Client::large_unary},
      {"client_compressed_unary", &Client::client_compressed_unary},
      {"server_compressed_unary", &Client::server_compressed_unary},
      {"client_streaming", &Client::client_streaming},
      {"client_compressed_streaming", &Client::client_compressed_streaming},
      {"server_compressed_streaming", &Client::server_compressed_streaming},
      {"server_streaming", &Client::server_streaming},
      {"ping_pong", &Client::ping_pong},
      {"half_duplex", &Client::half_duplex},
      {"empty_stream", &Client::empty_stream},
      {"custom_metadata", &Client::custom_metadata},
      {"status_code_and_message", &Client::status_code_and_message},
      {"special_status_message", &Client::special_status_message},
      {"unimplemented_method", &Client::unimplemented_method},
      {"unimplemented_service", &Client::unimplemented_service},
      {"cancel_after_begin", &Client::cancel_after_begin},
      {"cancel_after_first_response", &Client::cancel_after_first_response},
      {"timeout_on_sleeping_server", &Client::timeout_on_sleeping_server},
      {"pick_first_unary", &Client::pick_first_unary},
      {"max_concurrent_streams_connection_scaling", &Client::connection_scaling},
      {"rpc_soak", &Client::rpc_soak},
      {"channel_soak", &Client::channel_soak},
      {"long_lived_channel", &Client::rpc_soak},
      {"concurrent_large_unary", &Client::concurrent_large_unary},
  };
};

bool run_case(Client *client, const std::string &name) {
  try {
    client->run(name);
    std::cout << "ok " << name << std::endl;
    return true;
  } catch (const Limited &limit) {
    std::cout << "limited " << name << ": " << limit.what() << std::endl;
    return true;
  } catch (const std::exception &error) {
    std::cout << "failed " << name << ": " << error.what() << std::endl;
    return false;
  }
}

} // namespace

int main(int argc, char **argv) {
  Flags flags(argc, argv,
              {{"--server_host", "localhost"},
               {"--server_port", "0"},
               {"--server_host_override", ""},
               {"--test_case", "large_unary"},
               {"--use_tls", "false"},
               {"--use_test_ca", "false"},
               {"--ca_file", ""},
               {"--additional_metadata", ""},
               {"--soak_iterations", "10"},
               {"--soak_per_iteration_max_acceptable_latency_ms", "1000"},
               {"--soak_overall_timeout_seconds", "10"},
               {"--soak_request_size", "271828"},
               {"--soak_response_size", "314159"}});
  set_additional(flags);
  Client client(flags);
  std::vector<std::string> names;
  std::istringstream list(flags["--test_case"]);
  for (std::string name; std::getline(list, name, ',');) {
    if (!client.knows(name)) flags.wrong("--test_case: there is no case \"" + name + "\"");
    names.push_back(name);
  }
  bool ok = true;
  for (const std::string &name : names)
    ok &= run_case(&client, name);
  return ok ? 0 : 1;
}
