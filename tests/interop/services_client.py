"""The health service of gmux, asked by gRPC core's own client of it (gRFC A17): a channel of grpcio
with healthCheckConfig takes no calls to a server that is not serving.

    services_client.py SERVER

Starts services_server and tells it what to do. Prints "ok CASE" or "failed CASE: WHY".
"""

import json
import os
import queue
import subprocess
import sys
import traceback

import grpc

PATIENCE_S = 20 * max(1, int(os.environ.get("GMUX_TEST_SLOW", "1")))
READY = grpc.ChannelConnectivity.READY
TRANSIENT_FAILURE = grpc.ChannelConnectivity.TRANSIENT_FAILURE


def tell(server, line):
    server.stdin.write(line + "\n")
    server.stdin.flush()
    assert server.stdout.readline() == "done\n"


def wait_for(states, wanted):
    """Until the channel is in this state; those before it do not matter."""
    while states.get(timeout=PATIENCE_S) is not wanted:
        pass


def a_channel_follows_the_health_of_its_service(server, target):
    tell(server, "set 2 hello.Greeter")
    config = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": "hello.Greeter"},
    }
    options = [("grpc.service_config", json.dumps(config))]
    states = queue.Queue()
    with grpc.insecure_channel(target, options) as channel:
        channel.subscribe(states.put, try_to_connect=True)
        wait_for(states, TRANSIENT_FAILURE)
        say_hello = channel.unary_unary("/hello.Greeter/SayHello")
        try:
            say_hello(b"\n\x02hi", timeout=PATIENCE_S)
            raise AssertionError("a call went to a server that is not serving")
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE, error
        tell(server, "set 1 hello.Greeter")
        wait_for(states, READY)
        assert say_hello(b"\n\x02hi", timeout=PATIENCE_S) == b"\n\x02hi"
        tell(server, "shutdown")
        wait_for(states, TRANSIENT_FAILURE)
        tell(server, "resume")
        wait_for(states, READY)
        tell(server, "drain")


def main():
    case = a_channel_follows_the_health_of_its_service
    with subprocess.Popen(
        sys.argv[1:2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True
    ) as server:
        try:
            port = server.stdout.readline().split()[1]
            case(server, "127.0.0.1:" + port)
            server.stdin.close()
            assert server.wait(PATIENCE_S) == 0
            print("ok", case.__name__)
        except Exception:
            print("failed", case.__name__ + ":", traceback.format_exc())
            server.kill()


main()
