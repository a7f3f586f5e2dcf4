// cpp_each.cc: "grpc-cpp" where it is not a load of unary calls: messages of streams, fresh
// channels with a call, the memory of calls. One thread and a completion queue, as in
// cpp_client.cc.
#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "bench.grpc.pb.h"

extern "C" {
#include "tests/bench/figures.h"
#include "tests/bench/kit_options.h"
#include "tests/bench/window.h"
}

using bench::v1::Bench;
using bench::v1::Payload;
using bench::v1::StreamRequest;

namespace {

kit_server server;
const char *mode = "bidi";
const char *of = "call";
uint64_t outstanding = 100, size = 0, each = 10000;
window measured;

[[noreturn]] void Die(const std::string &why) {
  std::cerr << "cpp_each: no figures: " << why << "\n";
  std::_Exit(1);
}

std::string Contents(const std::string &path) {
  std::ifstream file(path);
  if (!file) Die(path + " cannot be read");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Channels share no connection with each other.
std::shared_ptr<grpc::Channel> Connect() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (server.ca) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Contents(server.ca);
    credentials = grpc::SslCredentials(options);
    arguments.SetSslTargetNameOverride("localhost");
  }
  return grpc::CreateCustomChannel(server.target, credentials, arguments);
}

std::shared_ptr<grpc::Channel> ConnectedChannel() {
  auto channel = Connect();
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)))
    Die(std::string("no connection to ") + server.target);
  return channel;
}

void PrintBegin(const char *bench) {
  figures_begin(bench, "grpc-cpp");
  figures_text("transport", server.ca ? "tls" : "tcp");
}

void PrintMessages(const char *bench) {
  PrintBegin(bench);
  figures_number("bytes", static_cast<double>(size));
  figures_messages(measured.first, measured.last, measured.measured);
  figures_latencies(&measured.latencies_ns);
}

// The next event of the queue has to be a good one.
void *Next(grpc::CompletionQueue *queue) {
  void *tag;
  bool is_ok;
  if (!queue->Next(&tag, &is_ok) || !is_ok) Die("the stream broke");
  return tag;
}

// ---- streams ----

// gRPC allows one write and one read under way at a time.
class BidiEcho {
public:
  BidiEcho() : sent_ns_(outstanding) {
    request_.set_body(std::string(size, 'x'));
    stream_ = stub_->AsyncBidiEcho(&context_, &queue_, Tag(START));
    Next(&queue_);
  }

  void Run() {
    window_begin(&measured, meter_clock_ns());
    stream_->Read(&reply_, Tag(READ));
    Write();
    while (measured.phase != WINDOW_ENDING) {
      if (Next(&queue_) == Tag(WROTE))
        is_writing_ = false;
      else
        NoteReply();
      Write();
    }
  }

private:
  enum Event : intptr_t { START = 1, WROTE, READ };
  static void *Tag(Event event) { return reinterpret_cast<void *>(event); }

  void Write() {
    if (is_writing_ || out_ - in_ >= outstanding) return;
    sent_ns_[out_++ % outstanding] = meter_clock_ns();
    is_writing_ = true;
    stream_->Write(request_, Tag(WROTE));
  }

  void NoteReply() {
    if (reply_.body().size() != size) Die("an echo is not what was sent");
    window_note(&measured, sent_ns_[in_++ % outstanding], meter_clock_ns());
    stream_->Read(&reply_, Tag(READ));
  }

  std::unique_ptr<Bench::Stub> stub_ = Bench::NewStub(ConnectedChannel());
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  Payload request_, reply_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<Payload, Payload>> stream_;
  std::vector<uint64_t> sent_ns_; // a ring
  uint64_t in_ = 0, out_ = 0;
  bool is_writing_ = false;
};

void MeasureBidi() {
  BidiEcho echo;
  echo.Run();
  PrintMessages("bidi");
  figures_number("outstanding", static_cast<double>(outstanding));
  figures_end();
  std::_Exit(0); // what is still under way is nobody's concern
}

void MeasureServerStream() {
  auto stub = Bench::NewStub(ConnectedChannel());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  StreamRequest request;
  request.set_size(static_cast<uint32_t>(size));
  Payload message;
  auto stream = stub->AsyncServerStream(&context, request, &queue, nullptr);
  Next(&queue);
  uint64_t last_ns = meter_clock_ns();
  window_begin(&measured, last_ns);
  while (measured.phase != WINDOW_ENDING) {
    stream->Read(&message, nullptr);
    Next(&queue);
    if (message.body().size() != size) Die("a message has not the length that it should have");
    uint64_t now_ns = meter_clock_ns();
    window_note(&measured, last_ns, now_ns);
    last_ns = now_ns;
  }
  PrintMessages("server_stream");
  figures_end();
  std::_Exit(0);
}

// ---- connections and calls ----

void MeasureConnect() {
  window_begin(&measured, meter_clock_ns());
  while (measured.phase != WINDOW_ENDING) {
    uint64_t started_ns = meter_clock_ns();
    auto stub = Bench::NewStub(Connect());
    grpc::ClientContext context;
    context.set_wait_for_ready(true);
    Payload request, reply;
    grpc::Status status = stub->Echo(&context, request, &reply);
    if (!status.ok()) Die(status.error_message());
    window_note(&measured, started_ns, meter_clock_ns());
  }
  PrintBegin("connect");
  window_print(&measured);
  figures_end();
}

struct HeldCall {
  grpc::ClientContext context;
  Payload reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Payload>> reader;
};

std::unique_ptr<HeldCall> Start(Bench::Stub *stub, uint32_t delay_ms,
                                grpc::CompletionQueue *queue) {
  Payload request;
  request.set_delay_ms(delay_ms);
  auto call = std::make_unique<HeldCall>();
  call->reader = stub->AsyncEcho(&call->context, request, queue);
  call->reader->Finish(&call->reply, &call->status, call.get());
  return call;
}

// Whatever has to happen meanwhile; nothing may end.
void Rest(grpc::CompletionQueue *queue) {
  void *tag;
  bool is_ok;
  auto end = std::chrono::system_clock::now() + std::chrono::seconds(2);
  if (queue->AsyncNext(&tag, &is_ok, end) != grpc::CompletionQueue::TIMEOUT)
    Die("a call ended that should have waited");
}

void MeasureMemory() {
  if (std::strcmp(of, "call")) Die("only the memory of calls is measured here");
  auto stub = Bench::NewStub(ConnectedChannel());
  grpc::CompletionQueue queue;
  auto first = Start(stub.get(), 0, &queue);
  Next(&queue);
  uint64_t before = meter_resident_bytes();
  std::vector<std::unique_ptr<HeldCall>> calls;
  for (uint64_t i = 0; i < each; i++)
    calls.push_back(Start(stub.get(), 60000, &queue));
  Rest(&queue);
  double more = static_cast<double>(meter_resident_bytes()) - static_cast<double>(before);
  PrintBegin("memory_call");
  figures_number("count", static_cast<double>(each));
  figures_number("bytes_each", more / static_cast<double>(each));
  figures_end();
  std::_Exit(0);
}

} // namespace

int main(int argc, char **argv) {
  measured.seconds = 2;
  measured.warm_up = 0.3;
  const kit_option options[] = {
      {"mode", "MODE", "bidi, server-stream, connect or memory", KIT_TEXT, &mode, 0, 0},
      {"outstanding", "N", "bidi: messages under way", KIT_COUNT, &outstanding, 1, 1000000},
      {"size", "BYTES", "of each message", KIT_COUNT, &size, 0, 4194000},
      {"of", "KIND", "memory: call", KIT_TEXT, &of, 0, 0},
      {"each", "N", "memory: how many", KIT_COUNT, &each, 1, 100000},
      KIT_WINDOW_OPTIONS(measured),
      {}};
  kit_parse("cpp_each", "Measures streams, connections and memory of gRPC C++.", options, &server,
            argc, argv);
  if (!std::strcmp(mode, "bidi")) MeasureBidi();
  if (!std::strcmp(mode, "server-stream")) MeasureServerStream();
  if (!std::strcmp(mode, "connect")) return MeasureConnect(), 0;
  if (!std::strcmp(mode, "memory")) MeasureMemory();
  kit_refuse("mode", "is none of bidi, server-stream, connect, memory");
}
