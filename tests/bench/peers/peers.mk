# peers.mk: the peers in C++ and Go, built by `make bench` where gRPC for them is installed; so nothing
# of it is asked for by configure. GNU make.
#
#   make -f peers.mk [go] SOURCES=<the source tree's root> OUT=<folder>

PKG_CONFIG = pkg-config
PROTOC = protoc
GRPC_CPP_PLUGIN = grpc_cpp_plugin
here = $(SOURCES)/tests/bench/peers
measuring = $(addprefix $(SOURCES)/tests/bench/,figures histogram kit_options load meter window)

includes = -I$(SOURCES) -I$(OUT)
PEER_CFLAGS = -O2 -g -D_GNU_SOURCE $(includes)
PEER_CXXFLAGS = -O2 -g -std=c++17 $(includes) $(shell $(PKG_CONFIG) --cflags grpc++ protobuf)
PEER_LIBS = -Wl,--as-needed $(shell $(PKG_CONFIG) --libs grpc++ protobuf)

all: $(OUT)/cpp_client $(OUT)/cpp_each

# One run makes all of them.
$(OUT)/stamp: $(here)/bench.proto
	mkdir -p $(OUT)
	$(PROTOC) --proto_path=$(here) --cpp_out=$(OUT) --grpc_out=$(OUT) \
	  --plugin=protoc-gen-grpc=`command -v $(GRPC_CPP_PLUGIN)` bench.proto
	touch $@

$(OUT)/%.o: $(SOURCES)/tests/bench/%.c $(SOURCES)/tests/bench/load.h $(OUT)/stamp
	$(CC) $(PEER_CFLAGS) -c -o $@ $<
$(OUT)/bench.%.o: $(OUT)/stamp
	$(CXX) $(PEER_CXXFLAGS) -c -o $@ $(@:.o=.cc)
$(OUT)/cpp_%.o: $(here)/cpp_%.cc $(OUT)/stamp
	$(CXX) $(PEER_CXXFLAGS) -c -o $@ $<
$(OUT)/cpp_client $(OUT)/cpp_each: $(OUT)/%: $(OUT)/%.o $(OUT)/bench.pb.o $(OUT)/bench.grpc.pb.o \
    $(measuring:$(SOURCES)/tests/bench/%=$(OUT)/%.o)
	$(CXX) -o $@ $^ $(PEER_LIBS)

#
# grpc-go, as Debian's packages have it, below /usr/share/gocode: without modules and network.
#
GO = go
go_env = GO111MODULE=off GOFLAGS= GOCACHE=$(OUT)/cache GOPATH=$(OUT):/usr/share/gocode

go: $(OUT)/go_client
$(OUT)/protoc-gen-go:
	mkdir -p $(OUT)
	$(go_env) $(GO) build -o $@ github.com/golang/protobuf/protoc-gen-go
$(OUT)/src/benchpb/bench.pb.go: $(here)/bench.proto $(OUT)/protoc-gen-go
	mkdir -p $(@D)
	$(PROTOC) --proto_path=$(here) --plugin=$(OUT)/protoc-gen-go \
	  --go_out=plugins=grpc,import_path=benchpb:$(@D) bench.proto
$(OUT)/go_client: $(here)/go_client.go $(OUT)/src/benchpb/bench.pb.go
	$(go_env) $(GO) build -o $@ $<

.PHONY: all go
