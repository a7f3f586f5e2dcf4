#!/usr/bin/env python3
"""tool_server.py: hello.Greeter, reflection, health and channelz by grpcio, for the command gmux.

usage: tool_server.py --protoset FILE [--reflection v1|v1alpha] [--cert FILE --key FILE [--ca FILE]]

FILE has the descriptors of all of them. grpcio's own packages of these services are not in Debian:
reflection and health are written here as those are, by protobuf's own descriptors; what channelz
tells comes from gRPC core.
"""

import argparse
import concurrent.futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc._cython import cygrpc

NOT_FOUND = grpc.StatusCode.NOT_FOUND


def handlers(pool, name, functions):
    """A service whose methods are these, by their names; kinds and types are the descriptor's."""
    service = pool.FindServiceByName(name)
    factory = message_factory.MessageFactory(pool)
    proto = descriptor_pb2.ServiceDescriptorProto()
    service.CopyToProto(proto)
    methods = {}
    for method, kind in zip(service.methods, proto.method):
        if method.name not in functions:
            continue
        sides = ["stream" if s else "unary" for s in (kind.client_streaming, kind.server_streaming)]
        make = getattr(grpc, "_".join(sides) + "_rpc_method_handler")
        reply = factory.GetPrototype(method.output_type)
        methods[method.name] = make(
            lambda request, context, f=functions[method.name], r=reply: f(r, request, context),
            request_deserializer=factory.GetPrototype(method.input_type).FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
    return grpc.method_handlers_generic_handler(name, methods)


# ---- hello.Greeter ----


def say_hello(Reply, request, context):
    if request.name == "nobody":
        context.set_trailing_metadata((("x-trailer", "\\033[2J"),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, "who is \x1b[31mnobody\x9b2J?")
    return Reply(message=f"Hello, {request.name}!")


def lots_of_replies(Reply, request, context):
    for number in range(1, 4):
        yield Reply(message=f"Hello, {request.name}! ({number})")


def lots_of_greetings(Reply, requests, context):
    return Reply(message="Hello, " + " and ".join(r.name for r in requests) + "!")


def bidi_hello(Reply, requests, context):
    for number, request in enumerate(requests, 1):
        yield Reply(message=f"Hello, {request.name}! ({number})")


GREETER = {
    "SayHello": say_hello,
    "LotsOfReplies": lots_of_replies,
    "LotsOfGreetings": lots_of_greetings,
    "BidiHello": bidi_hello,
}

# ---- reflection ----


def file_of(pool, request):
    kind = request.WhichOneof("message_request")
    if kind == "file_by_filename":
        return pool.FindFileByName(request.file_by_filename)
    if kind == "file_containing_symbol":
        return pool.FindFileContainingSymbol(request.file_containing_symbol)
    raise KeyError(kind)


def answer(pool, services, Reply, request):
    reply = Reply(valid_host=request.host, original_request=request)
    if request.WhichOneof("message_request") == "list_services":
        for name in services:
            reply.list_services_response.service.add(name=name)
        return reply
    try:
        proto = descriptor_pb2.FileDescriptorProto()
        file_of(pool, request).CopyToProto(proto)
        reply.file_descriptor_response.file_descriptor_proto.append(proto.SerializeToString())
    except KeyError:
        reply.error_response.error_code = NOT_FOUND.value[0]
        reply.error_response.error_message = "there is no such thing"
    return reply


def reflection(pool, services):
    def info(Reply, requests, context):
        for request in requests:
            yield answer(pool, services, Reply, request)

    return {"ServerReflectionInfo": info}


# ---- health and channelz ----


def check(Reply, request, context):
    if request.service not in ("", "hello.Greeter"):
        context.abort(NOT_FOUND, "unknown service")
    return Reply(status="SERVING")


def channelz():
    def told(ask):
        def method(Reply, request, context):
            try:
                text = ask(request)
            except ValueError:  # core has no such object, or not any more
                context.abort(NOT_FOUND, "there is no such object")
            return json_format.Parse(text, Reply(), ignore_unknown_fields=True)

        return method

    return {
        "GetServers": told(lambda r: cygrpc.channelz_get_servers(r.start_server_id)),
        "GetServer": told(lambda r: cygrpc.channelz_get_server(r.server_id)),
        "GetServerSockets": told(
            lambda r: cygrpc.channelz_get_server_sockets(r.server_id, r.start_socket_id, r.max_results)
        ),
        "GetTopChannels": told(lambda r: cygrpc.channelz_get_top_channels(r.start_channel_id)),
        "GetChannel": told(lambda r: cygrpc.channelz_get_channel(r.channel_id)),
        "GetSubchannel": told(lambda r: cygrpc.channelz_get_subchannel(r.subchannel_id)),
        "GetSocket": told(lambda r: cygrpc.channelz_get_socket(r.socket_id)),
    }


# ---- the server ----


def load(path):
    pool = descriptor_pool.DescriptorPool()
    with open(path, "rb") as file:
        for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(proto)
    return pool


def read(path):
    with open(path, "rb") as file:
        return file.read()


def listen(server, args):
    if not args.cert:
        return server.add_insecure_port("127.0.0.1:0")
    credentials = grpc.ssl_server_credentials(
        [(read(args.key), read(args.cert))],
        read(args.ca) if args.ca else None,
        args.ca is not None,
    )
    return server.add_secure_port("127.0.0.1:0", credentials)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--protoset", required=True)
    parser.add_argument("--reflection", choices=["v1", "v1alpha"], default="v1")
    for name in ("cert", "key", "ca"):
        parser.add_argument("--" + name)
    args = parser.parse_args()
    pool = load(args.protoset)
    name = f"grpc.reflection.{args.reflection}.ServerReflection"
    services = ["hello.Greeter", "grpc.health.v1.Health", "grpc.channelz.v1.Channelz", name]
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=16), options=[("grpc.enable_channelz", 1)]
    )
    server.add_generic_rpc_handlers(
        (
            handlers(pool, "hello.Greeter", GREETER),
            handlers(pool, "grpc.health.v1.Health", {"Check": check}),
            handlers(pool, "grpc.channelz.v1.Channelz", channelz()),
            handlers(pool, name, reflection(pool, services)),
        )
    )
    port = listen(server, args)
    server.start()
    print("port:", port, flush=True)
    server.wait_for_termination()


main()
