# shellcheck shell=sh disable=SC2154
# matrix_programs.sh: of run-matrix, what is about the programs themselves: flags that are no flags,
# clients that must notice when a server answers wrongly, and a server that is to refuse what is no
# HTTP/2.

#
# Flags
#
# refused PROGRAM FLAG...: of gmux; a line of its own.
refused() {
  program=$1
  shift
  tap_run "$program says no to $*" usage "$programs/$program" "$@"
}

# is_there PEER WHAT: false with a line that says why WHAT is left out.
is_there() {
  why=$(why_none "$1")
  [ -n "$why" ] || return 0
  tap_skip "$2" "$why"
  return 1
}

# refused_by_peer PEER
refused_by_peer() {
  is_there "$1" "the programs of $1 say no to unknown flags" || return
  tap_run "the client of $1 says no to an unknown flag" usage "$(client_of "$1")" --server_port=80 \
    --no_such_flag=1
  tap_run "the client of $1 says no to an unknown case" usage "$(client_of "$1")" --server_port=80 \
    --test_case=empty_unary,no_such_case
  tap_run "the server of $1 says no to an unknown flag" usage "$(server_of "$1")" --no_such_flag=1
}

# The port is taken by the server that runs.
taken_port_is_named() {
  ! "$programs/interop_server" --host=127.0.0.1 --port="$port" 2>"$scratch/why" &&
    grep -q "$port" "$scratch/why"
}

bad_flags() {
  refused interop_client
  refused interop_client --server_port=0
  refused interop_client --server_port=80 --no_such_flag
  refused interop_client --server_port=80 --use_tls=maybe
  refused interop_client --server_port=80 --test_case=no_such_case
  refused interop_client --server_port=80 --test_case=empty_unary,oauth2_auth_token
  refused interop_client --server_port=80 --test_case=orca_per_rpc
  refused interop_client --server_port=80 --soak_num_threads=-1
  refused interop_client --server_port=80 --use_tls=2
  refused interop_client --server_port=80 --additional_metadata=novalue
  refused interop_client --server_port=80 --additional_metadata=Upper:case
  refused interop_client --server_port=80 --service_config_json='{"retryPolicy":{}}'
  refused interop_client --server_port=80 empty_unary
  refused interop_server --port=65536
  refused interop_server --port=
  refused interop_server --use_tls --tls_cert_file="$scratch/server.pem"
  refused interop_server --use_tls --tls_key_file="$scratch/server.key"
  refused interop_server --max_concurrent_streams_limit=0
  refused interop_server --lies=maybe
  refused interop_server --no_such_flag
  refused wiretap
  refused wiretap 0 file
  for peer in grpcio gRPC-C++ grpc-js; do refused_by_peer $peer; done
}

#
# A driver that knows the standard flags, and nothing of gmux
#
# driven FLAG...: a call with these flags and those that every driver gives.
driven() {
  timeout "$limit" "$programs/interop_client" --server_host=localhost --server_port="$port" \
    --test_case=empty_unary "$@"
}

# driven_in_vain WHY FLAG...: the call fails in the handshake, for this reason.
driven_in_vain() {
  reason=$1 result=0
  shift
  driven "$@" >"$scratch/client.out" 2>&1 || result=$?
  cat "$scratch/client.out"
  [ $result -eq 1 ] &&
    grep -q "^failed empty_unary: .*certificate verify failed: $reason" "$scratch/client.out"
}

standard_flags() {
  override=--server_host_override=foo.test.google.fr unknown='unable to get local issuer'
  start_server gmux --host=127.0.0.1 --port=0 --use_tls=true
  tap_run 'the standard flags are enough for a call over TLS' \
    driven --use_tls=true --use_test_ca=true $override
  tap_run 'flags are true or false in any of the ways in which programs write it' \
    driven --use_tls=1 --use_test_ca=True $override
  tap_run 'without --use_test_ca the test CA is not trusted' \
    driven_in_vain "$unknown" --use_tls=true --use_test_ca=0 $override
  tap_run 'with another --ca_file the test CA is not trusted' \
    driven_in_vain "$unknown" --use_tls --use_test_ca --ca_file="$scratch/stranger.pem" $override
  tap_run 'the test certificate is not for another name' \
    driven_in_vain 'hostname mismatch' --use_tls --use_test_ca --server_host_override=test.google.fr
  stop_server
}

#
# Clients that are lied to: interop_lies.h
#
# lied_to CLIENT LIE,... CASE...: it must say of each that it failed, but of large_unary or
# empty_unary, which these lies are not about; and its exit status is 1.
lied_to() {
  client=$1 lie=$2
  shift 2
  honest=large_unary
  [ "$lie" != sizes ] || honest=empty_unary
  cases=$(echo "$honest" "$@" | tr ' ' ',')
  # shellcheck disable=SC2086 # words are meant
  run_client --server_host=127.0.0.1 --server_port="$port" $lied_to_flags \
    --additional_metadata="x-gmux-test-lie:$lie" --test_case="$cases"
  {
    [ "$status" -eq 1 ] || echo "exit status $status"
    grep -qx "ok $honest" "$scratch/client.out" || echo "$honest, which is no lie"
    for case in "$@"; do
      grep -q "^failed $case: " "$scratch/client.out" || echo "$case"
    done
  } >"$scratch/why"
  tap_empty "$client as a client notices lies about $lie in: $*" "$scratch/why"
}

lies_to() {
  is_there "$1" "$1 as a client notices lies" || return
  lied_to "$1" sizes large_unary client_streaming server_streaming ping_pong half_duplex \
    cancel_after_first_response rpc_soak channel_soak long_lived_channel concurrent_large_unary \
    client_compressed_unary client_compressed_streaming server_compressed_unary \
    server_compressed_streaming
  lied_to "$1" extra empty_unary server_streaming ping_pong half_duplex empty_stream \
    server_compressed_streaming
  lied_to "$1" initial,text,ids,compression custom_metadata status_code_and_message \
    special_status_message pick_first_unary client_compressed_unary client_compressed_streaming
  lied_to "$1" trailing,code custom_metadata status_code_and_message special_status_message \
    unimplemented_method unimplemented_service
}

# start_liar FLAG...
start_liar() {
  start_server gmux --host=127.0.0.1 --lies "$@" ||
    tap_not_ok 'a server that lies starts' "$scratch/server.log"
}

# Of cancel_after_begin and timeout_on_sleeping_server the client alone decides the end.
lies() {
  start_liar --max_concurrent_streams_limit=2
  lied_to_flags='--service_config_json={"connectionScaling":{"maxConnectionsPerSubchannel":2}}'
  lied_to gmux ids "$scaling"
  stop_server
  start_liar
  lied_to_flags=
  for peer in gmux grpcio gRPC-C++ grpc-js; do lies_to $peer; done
  for peer in gmux gRPC-C++; do # the others do not see it
    is_there $peer "$peer as a client notices lies about compression" || continue
    lied_to $peer compression server_compressed_unary server_compressed_streaming
  done
  tap_run 'a port that is taken is named' taken_port_is_named
}

#
# --soak_...
#
# soaks LINES FLAG...: rpc_soak and channel_soak, which log so many iterations, and end well.
soaks() {
  lines=$1
  shift
  client=gmux
  run_client --server_host=127.0.0.1 --server_port="$port" --test_case=rpc_soak,channel_soak \
    --soak_iterations=7 "$@"
  [ "$status" -eq 0 ] && [ "$(grep -Ec "$soak_line" "$scratch/client.log")" -eq "$lines" ]
}
soaks_not() { ! soaks "$@"; }

# On the server that lies, but to those who ask for it.
soak_flags() {
  lie=--additional_metadata=x-gmux-test-lie:sizes
  tap_run 'a soak makes as many calls as it is told, by several threads' \
    soaks 14 --soak_num_threads=3 --soak_request_size=10 --soak_response_size=20 \
    --soak_min_time_ms_between_rpcs=1
  tap_run 'a soak bears as many failures as it is told' soaks 14 $lie --soak_max_failures=7
  tap_run 'a soak bears not one more' soaks_not 14 $lie --soak_max_failures=6
  stop_server
}

#
# The cases "framing" and "tls" of gRPC's interop runner
#
# probe WHAT CASE FLAG...: a line for each probe of the case.
probe() {
  what=$1 case=$2
  shift 2
  result=0
  timeout "$limit" "$any_python" "$sources/probe_server.py" --server_host=127.0.0.1 \
    --server_port="${port:-1}" --test_case="$case" "$@" >"$scratch/probe.out" 2>"$scratch/why" ||
    result=$?
  while read -r verdict name why; do
    if [ "$verdict" = ok ]; then
      tap_ok "gmux as a server, $what: $name"
    else
      echo "$why" >"$scratch/why"
      tap_not_ok "gmux as a server, $what: $name" "$scratch/why"
    fi
  done <"$scratch/probe.out"
  # The first line is there, and the last word.
  if [ ! -s "$scratch/probe.out" ] || [ $result -gt 1 ]; then
    tap_not_ok "gmux as a server, $what: $case is probed to its end" "$scratch/why"
  fi
}

probes() {
  any_python=$(command -v "${PYTHON:-python3}")
  if [ -z "$any_python" ]; then
    tap_skip 'gmux as a server refuses what is no HTTP/2' 'no Python'
    return
  fi
  start_server gmux --host=127.0.0.1
  probe cleartext framing
  stop_server
  start_server gmux --host=127.0.0.1 --use_tls --tls_cert_file="$scratch/override.pem" \
    --tls_key_file="$scratch/override.key"
  set -- --use_tls=true --ca_file="$scratch/ca.pem" --server_host_override=interop.test
  probe TLS framing "$@"
  probe TLS tls "$@"
  stop_server
}
