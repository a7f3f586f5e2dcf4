# peers.mk: the peers in C++, built by run-matrix where gRPC's C++ library is installed; so nothing
# of it is asked for by configure. GNU make.
#
#   make -f peers.mk SOURCES=<this folder> OUT=<folder>

PKG_CONFIG = pkg-config
PROTOC = protoc
GRPC_CPP_PLUGIN = grpc_cpp_plugin
# Nobody waits for these programs, everybody waits for their compiler.
PEER_CXXFLAGS = -std=c++17 -O0 -Wall -Wextra -I$(OUT) $(shell $(PKG_CONFIG) --cflags grpc++ protobuf)
PEER_LIBS = -Wl,--as-needed $(shell $(PKG_CONFIG) --libs grpc++ protobuf)

protos = grpc/testing/empty.proto grpc/testing/messages.proto grpc/testing/test.proto
generated = $(protos:%.proto=$(OUT)/%.pb.cc) $(OUT)/grpc/testing/test.grpc.pb.cc
headers = $(SOURCES)/peer_interop.h $(SOURCES)/peer_interop_calls.h
peers = $(OUT)/peer_interop_client $(OUT)/peer_interop_server

all: $(peers)

# One run makes all of them.
$(OUT)/stamp: $(protos:%=$(SOURCES)/proto/%)
	mkdir -p $(OUT)
	$(PROTOC) --proto_path=$(SOURCES)/proto --cpp_out=$(OUT) --grpc_out=$(OUT) \
	  --plugin=protoc-gen-grpc=`command -v $(GRPC_CPP_PLUGIN)` $(protos)
	touch $@
$(generated): $(OUT)/stamp

$(generated:.cc=.o): %.o: %.cc
	$(CXX) $(PEER_CXXFLAGS) -c -o $@ $<
$(peers:=.o): $(OUT)/%.o: $(SOURCES)/%.cc $(headers) $(OUT)/stamp
	$(CXX) $(PEER_CXXFLAGS) -I$(SOURCES) -c -o $@ $<
$(peers): %: %.o $(generated:.cc=.o)
	$(CXX) -o $@ $^ $(PEER_LIBS)

.PHONY: all
