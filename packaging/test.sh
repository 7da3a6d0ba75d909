#!/usr/bin/env bash
# Every check of the project: format, lints, docs, all tests (the real window under Xvfb among them), and the peers.
# Ends with what was skipped and why, the seconds of all and of each step, and a line "N passed, N failed, N skipped". A peer that
# could not run fails the whole.
set -uo pipefail
cd "$(dirname "$0")/.."
packaging/linux/setup.sh test || exit 1

packaging/settle.sh
cache="${XDG_CACHE_HOME:-$HOME/.cache}/orrery"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
export CARGO_TERM_COLOR=never CARGO_TERM_PROGRESS_WHEN=never RUST_BACKTRACE=1
logs="$(mktemp -d)"
failed_steps=()
# One feature set for every step, so that nothing is built twice.
features=inspection,fault-injection
times=()

step() { # name, command…
  local name=$1 began=$SECONDS outcome=passed
  shift
  echo "== $name"
  "$@" >"$logs/$name.log" 2>&1 || outcome=FAILED
  times+=("$name $((SECONDS - began)) s")
  echo "   $outcome in $((SECONDS - began)) s"
  if [ "$outcome" = FAILED ]; then
    # What failed and said why, wherever it stands in the log; then the log's end.
    awk '/^failures:$/,/^test result:/' "$logs/$name.log" | head -n 200
    tail -n 30 "$logs/$name.log"
    failed_steps+=("$name")
  fi
}

doc() { RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --features "$features"; }

# An environment of Python programs, made again when what is wanted in it has changed.
environment() { # folder, list of packages, more for pip
  if [ ! -x "$1/bin/python" ] || ! cmp -s "$2" "$1/requirements.txt"; then
    python3 -m venv "$1" && "$1/bin/pip" install -q -r "$2" "${@:3}" && cp "$2" "$1/requirements.txt"
  fi
}

# Whether NVIDIA's tritonserver has a build for this machine's C library and Python. Where not, its check says that it was skipped.
runs_triton() {
  local libc
  libc="$(getconf GNU_LIBC_VERSION 2>/dev/null)" && printf '%s\n' "glibc 2.35" "$libc" | sort -VC &&
    python3 -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'
}

peers() {
  local venv="$cache/peers"
  environment "$venv" tests/peers/requirements.txt || return 1
  # MLServer wants other versions of what the others want.
  environment "$cache/mlserver" tests/peers/mlserver.txt || return 1
  environment "$cache/kserve" tests/peers/kserve.txt --no-deps || return 1
  if runs_triton; then
    environment "$cache/triton" tests/peers/triton.txt --no-deps || return 1
  fi
  # setup.sh puts what Debian has only beside a daemon there.
  PATH="$PATH:$cache/tools" "$venv/bin/python" tests/peers/run.py --orrery "$CARGO_TARGET_DIR/debug/orrery" all
}

step format cargo fmt --all --check
step lints cargo clippy --locked --workspace --all-targets --features "$features" -- -D warnings
step docs doc
step build cargo test --locked --workspace --features "$features" --no-run
step tests cargo test --locked --workspace --features "$features" --no-fail-fast -- --show-output
step peers peers

# What ran, as the test runner and the peers' script counted it.
sum() {
  grep -hE '^(test result|[a-z]+: [0-9]+ passed)' "$logs/tests.log" "$logs/peers.log" 2>/dev/null |
    grep -oE "[0-9]+ $1" | awk '{ n += $1 } END { print n + 0 }'
}
passed=$(sum passed)
failed=$(sum failed)
skipped=$(grep -hc '^SKIPPED' "$logs/tests.log" "$logs/peers.log" | awk '{ n += $1 } END { print n + 0 }')
grep -h '^SKIPPED' "$logs/tests.log" "$logs/peers.log" | sort -u
[ "${#failed_steps[@]}" -eq 0 ] || echo "Failed steps: ${failed_steps[*]} (logs in $logs)"
printf 'time: %s s in all' "$SECONDS"
printf ', %s' "${times[@]}"
echo
echo "tests: $passed passed, $failed failed, $skipped skipped"
[ "${#failed_steps[@]}" -eq 0 ] && [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
