# shellcheck shell=sh disable=SC2034
# peers.sh: what run-interop and run-matrix share: peers of another make, certificates, a server
# that runs. Sourced after tap.sh. Who sources it defines server_of PEER, which prints a command.

# shellcheck disable=SC2154 # tap.sh's
sources=$srcdir/tests/interop
programs=$builddir/tests/interop
slow=${GMUX_TEST_SLOW:-1}
# Longer than anything takes that goes well. No case depends on it.
limit=$((60 * slow))

# Proxies are for the world outside; Python leaves nothing behind in the source tree.
unset http_proxy https_proxy grpc_proxy HTTP_PROXY HTTPS_PROXY
PYTHONDONTWRITEBYTECODE=1
NODE_PATH=${GMUX_INTEROP_JS:-$sources/js}/node_modules
export PYTHONDONTWRITEBYTECODE NODE_PATH

# The system's own Python first: that is the one which Debian's python3-grpcio is for.
python=
for candidate in ${PYTHON:-} /usr/bin/python3 python3; do
  if "$candidate" -c 'import grpc' 2>/dev/null; then
    python=$candidate
    break
  fi
done
node=
for candidate in ${NODE:-} node nodejs; do
  if "$candidate" -e 'require("@grpc/grpc-js")' 2>/dev/null; then
    node=$candidate
    break
  fi
done

why_not() {
  case $1 in
    grpcio) [ -n "$python" ] || echo 'no Python with grpcio (./bootstrap --peers)' ;;
    grpc-js) [ -n "$node" ] || echo 'no node with @grpc/grpc-js (./bootstrap --peers)' ;;
  esac
}

# usage COMMAND ARGUMENT...: the program says how it is used, and exits with 2.
usage() {
  command=$1
  shift
  result=0
  # shellcheck disable=SC2086 # words are meant
  timeout "$limit" $command "$@" >"$scratch/usage" 2>&1 || result=$?
  [ $result -eq 2 ] && grep -q '^usage: ' "$scratch/usage"
}

#
# Certificates, made for this run
#
. "$sources/certificate.sh"

certificates() {
  certificate_authority ca 'interop CA' &&
    certificate_authority stranger 'another CA' &&
    certificate_by ca server interop-server -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' &&
    certificate_by ca client interop-client
}

#
# A server runs under timeout(1), so that whatever happens it ends, and we end it if need be. In the
# foreground, as timeout calls it: else it passes a signal on twice, and the second one may find a
# server that is just about to exit.
#
server_pid=
trap 'stop_server; end_all_beside; rm -rf "$scratch"' EXIT

# start_server PEER OPTION...: where it listens is in $target.
start_server() {
  peer=$1
  shift
  mkfifo "$scratch/port"
  # shellcheck disable=SC2046 # a command and its argument
  timeout --foreground "$limit" $(server_of "$peer") "$@" >"$scratch/port" 2>"$scratch/server.log" &
  server_pid=$!
  # Ends when the server does, too.
  port=
  read -r _ port <"$scratch/port"
  rm -f "$scratch/port"
  case $* in
    *unix:*) target=unix:$scratch/socket ;;
    *) target=ipv4:127.0.0.1:$port ;;
  esac
  [ -n "$port" ]
}

stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "$server_pid" 2>/dev/null
  wait "$server_pid" 2>/dev/null
  server_pid=
}

# beside NAME COMMAND...: one more program that prints "port: N" and runs until end_beside NAME;
# where it listens is in $beside_port.
beside() {
  name=$1
  shift
  mkfifo "$scratch/port"
  timeout --foreground $((20 * limit)) "$@" >"$scratch/port" 2>"$scratch/$name.log" &
  echo $! >"$scratch/$name.pid"
  beside_port=
  read -r _ beside_port <"$scratch/port"
  rm -f "$scratch/port"
}

end_beside() {
  beside_pid=$(cat "$scratch/$1.pid")
  rm "$scratch/$1.pid"
  kill "$beside_pid" 2>/dev/null
  wait "$beside_pid"
}

end_all_beside() {
  for file in "$scratch"/*.pid; do
    [ ! -f "$file" ] || end_beside "$(basename "$file" .pid)"
  done
}

# For a server that was asked to drain: how it ended.
await_server() {
  wait "$server_pid"
  status=$?
  server_pid=
  return $status
}

