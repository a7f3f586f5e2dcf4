# shellcheck shell=sh disable=SC2034,SC2154
# command.sh: what tests of the command line share: the command, a server to speak to, and what a
# command prints compared with what it should. Sourced, behind tests/tap.sh.

gmux=$builddir/tools/gmux/gmux
if ! [ -x "$gmux" ]; then
  tap_skip 'the command gmux' 'there is none: jansson is missing'
  tap_end
  exit
fi

# In the background, ended with the script.
servers=
trap 'for s in $servers; do kill "$s" 2>/dev/null; done; rm -rf "$scratch"' EXIT

# serve NAME PROGRAM OPTION...: a server that prints "port: N"; its port is in $port, its process
# in $server, what it says in $scratch/NAME.
serve() {
  said=$scratch/$1
  shift
  : >"$said"
  "$@" >"$said" 2>&1 &
  server=$!
  servers="$servers $server"
  while ! grep -q '^port:' "$said"; do
    kill -0 $server 2>/dev/null || { cat "$said" >&2; exit 1; }
    sleep 0.05
  done
  port=$(sed -n 's/^port: //p' "$said")
}

# is NAME STATUS WORDS COMMAND...: how it ends, and all that it prints on either output.
is() {
  name=$1 wanted=$2 status=0
  printf '%s\n' "$3" >"$scratch/wanted"
  shift 3
  "$@" >"$scratch/out" 2>&1 </dev/null || status=$?
  if [ $status -eq "$wanted" ] && cmp -s "$scratch/out" "$scratch/wanted"; then
    tap_ok "$name"
  else
    echo "exit status $status" >>"$scratch/out"
    tap_not_ok "$name" "$scratch/out"
  fi
}

# has NAME STATUS PATTERN COMMAND...: how it ends, and that a line on either output matches each line
# of PATTERN (grep's basic expressions).
has() {
  name=$1 wanted=$2 status=0
  printf '%s\n' "$3" >"$scratch/wanted"
  shift 3
  "$@" >"$scratch/out" 2>&1 </dev/null || status=$?
  missing=
  while IFS= read -r pattern; do
    grep -q -e "$pattern" "$scratch/out" || missing=$pattern
  done <"$scratch/wanted"
  if [ $status -eq "$wanted" ] && [ -z "$missing" ]; then
    tap_ok "$name"
  else
    echo "exit status $status; no line matches: $missing" >>"$scratch/out"
    tap_not_ok "$name" "$scratch/out"
  fi
}
