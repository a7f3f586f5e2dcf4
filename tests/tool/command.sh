# shellcheck shell=sh disable=SC2034,SC2154
# command.sh: what tests of the command line share: the command, a server to speak to, and what a
# command prints compared with what it should. Sourced, behind tests/tap.sh.

program=$builddir/tools/gmux/gmux
if ! [ -x "$program" ]; then
  tap_skip 'the command gmux' 'there is none: jansson is missing'
  tap_end
  exit
fi

# Longer than anything takes that goes well. No case depends on it: what has not come by then hangs.
limit=$((60 * ${GMUX_TEST_SLOW:-1}))

# What hangs is ended with 124. In the foreground, as timeout calls it: else a signal comes twice.
gmux=$scratch/gmux
cat >"$gmux" <<END
#!/bin/sh
exec timeout --foreground -k 5 $limit '$program' "\$@" 9>&-
END
chmod +x "$gmux"

# In the background, ended with the script.
servers=
trap 'for s in $servers; do kill "$s" 2>/dev/null; done; rm -rf "$scratch"' EXIT

# eventually WHAT COMMAND...: waits until the command succeeds. What does not come ends the script, on
# the script's own output whatever that of a case is.
exec 9>&1
eventually() {
  what=$1
  shift
  tries=$((20 * limit))
  until "$@"; do
    tries=$((tries - 1))
    if [ $tries -le 0 ]; then
      echo "Bail out! it hangs: not within $limit s $what" >&9
      exit 1
    fi
    sleep 0.05
  done
}

# has_ended PROCESS
has_ended() {
  ! kill -0 "$1" 2>/dev/null
}

# says_or_ends FILE PATTERN PROCESS: it says so in the file, or has ended and never will.
says_or_ends() {
  grep -q -e "$2" "$1" || has_ended "$3"
}

# status_of PROCESS WHAT: of one in the background that is to end now; in $status.
status_of() {
  eventually "$2" has_ended "$1"
  status=0
  wait "$1" || status=$?
}

# serve NAME PROGRAM OPTION...: a server that prints "port: N"; its port is in $port, its process
# in $server, what it says in $scratch/NAME.
serve() {
  said=$scratch/$1
  shift
  : >"$said"
  "$@" >"$said" 2>&1 9>&- &
  server=$!
  servers="$servers $server"
  eventually "a server's port: $*" says_or_ends "$said" '^port:' $server
  grep -q '^port:' "$said" || { cat "$said" >&9; exit 1; }
  port=$(sed -n 's/^port: //p' "$said")
}

# say_status STATUS [WORDS]
say_status() {
  case $1 in
    124 | 137) echo "exit status $1: it was ended after $limit s, for it hangs; $2" ;;
    *) echo "exit status $1; $2" ;;
  esac
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
    say_status "$status" >>"$scratch/out"
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
    say_status "$status" "no line matches: $missing" >>"$scratch/out"
    tap_not_ok "$name" "$scratch/out"
  fi
}
