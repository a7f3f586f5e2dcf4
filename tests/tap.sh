# shellcheck shell=sh disable=SC2034
# tap.sh: what the test scripts share. Sourced, not run.
#
# srcdir and builddir are the trees' roots, absolute; from `make check` by the environment, by hand
# both are the clone. $scratch is a directory of this script's own, removed when it ends.

srcdir=${GMUX_SRCDIR:-$(cd "$(dirname "$0")/.." && { [ -f configure.ac ] || cd ..; } && pwd)}
builddir=${GMUX_BUILDDIR:-$srcdir}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/gmux-test.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

tap_count=0
tap_failed=0

# tap_ok NAME
tap_ok() {
  tap_count=$((tap_count + 1))
  echo "ok $tap_count - $1"
}

# tap_not_ok NAME [FILE]: the file's end, at most 40 lines of it, is shown as the reason.
tap_not_ok() {
  tap_count=$((tap_count + 1))
  tap_failed=$((tap_failed + 1))
  echo "not ok $tap_count - $1"
  [ -z "$2" ] || tail -n 40 "$2" | sed 's/^/# /'
}

# tap_skip NAME WHY: where nothing may be skipped (GMUX_TEST_NO_SKIP) it is a failure.
tap_skip() {
  case ${GMUX_TEST_NO_SKIP:-0} in
    0)
      tap_count=$((tap_count + 1))
      echo "ok $tap_count - $1 # SKIP $2"
      ;;
    *)
      tap_not_ok "$1"
      echo "# skipped, which GMUX_TEST_NO_SKIP forbids: $2"
      ;;
  esac
}

# tap_empty NAME FILE: passes when the file, a list of what is wrong, is empty.
tap_empty() {
  if [ -s "$2" ]; then tap_not_ok "$1" "$2"; else tap_ok "$1"; fi
}

# tap_run NAME COMMAND...: passes when the command does; its output is the reason when it does not.
tap_run() {
  tap_name=$1
  shift
  if "$@" >"$scratch/tap.log" 2>&1; then
    tap_ok "$tap_name"
  else
    tap_not_ok "$tap_name" "$scratch/tap.log"
    return 1
  fi
}

# tap_end: the plan, and the script's exit status.
tap_end() {
  echo "1..$tap_count"
  [ "$tap_failed" -eq 0 ]
}
