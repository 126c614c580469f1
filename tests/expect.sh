# For tests that type commands. Sourced, once the names of files are absolute: goes to a directory of its own, $work, which is
# removed at the end.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# fail WHAT: something is not as it should be.
fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# expect CODE 'PATTERN' COMMAND..: it ends with that code and prints a line like that. What it printed is in $output.
expect() {
  local code=$1 pattern=$2 status
  shift 2
  output=$("$@" 2>&1)
  status=$?
  [ $status -eq "$code" ] && grep -qE -- "$pattern" <<<"$output" && return
  fail "$* -> $status, expected $code and '$pattern'; it printed:"
  sed 's/^/    /' <<<"$output"
}

# unexpected 'PATTERN': it printed no line like that.
unexpected() { ! grep -qE -- "$1" <<<"$output" || fail "'$1' is in: $output"; }

# ends WHAT: the test's last line.
ends() {
  [ $failures -eq 0 ] && echo "$1: all as expected"
  exit $((failures != 0))
}
