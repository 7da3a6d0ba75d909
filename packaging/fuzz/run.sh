#!/usr/bin/env bash
# Fuzzes one target: run.sh csv | columnar | preprocess | card | steering | oip [SECONDS, default 600]
# Needs a nightly toolchain and `cargo install cargo-fuzz`. What breaks is kept in artifacts/; give that file again with
# `cargo +nightly fuzz run --fuzz-dir packaging/fuzz TARGET FILE`, and keep it in seeds/ when it is mended.
set -euo pipefail
cd "$(dirname "$0")/../.."
target=${1:?a target: csv, columnar, preprocess, card, steering or oip}
seconds=${2:-600}
# The versions the program is built with.
[ -e packaging/fuzz/Cargo.lock ] || cp Cargo.lock packaging/fuzz/Cargo.lock
mkdir -p "packaging/fuzz/corpus/$target"
seeds=("packaging/fuzz/corpus/$target" "packaging/fuzz/seeds/$target")
case $target in
  csv | columnar) if [ -d tests/hostile/files ]; then seeds+=(tests/hostile/files); fi ;;
esac
exec cargo +nightly fuzz run --fuzz-dir packaging/fuzz "$target" "${seeds[@]}" -- \
  -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536
